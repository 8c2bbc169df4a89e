//! `<clock>`: what time it is in the guest, and what keeps it.

use crate::error::{internal, unsupported};
use crate::xml::{Element as _, Reader, Result, Xml, XmlValue};

/// What time it is in the guest, and what keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "clock")]
pub struct Clock {
    /// How the guest's clock starts; UTC by default.
    #[xml(flatten)]
    pub offset: ClockOffset,
    /// Settings of single timers.
    #[xml(child, key = "@name", unordered)]
    pub timers: Vec<Timer>,
}

/// How the guest's clock starts.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(tag = "offset", default = Utc, unless_empty, before_read = ClockOffset::refuse_unknown, after_read = ClockOffset::settle)]
pub enum ClockOffset {
    /// At the host's time in UTC.
    Utc(ClockReset),
    /// At the host's local time.
    Localtime(ClockReset),
    /// As far from the host's time as when the guest last set it.
    Variable(ClockVariable),
    /// At the local time of a time zone.
    Timezone(ClockTimezone),
    /// At a given time.
    Absolute(ClockAbsolute),
}

impl Default for ClockOffset {
    fn default() -> Self {
        Self::Utc(ClockReset::default())
    }
}

/// What becomes of the guest's own setting of its clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ClockReset {
    /// `reset`: it is forgotten when the guest starts again. A number makes the clock a variable one.
    #[xml(attr)]
    pub adjustment: Option<String>,
}

/// As far from the host's time as when the guest last set it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
pub struct ClockVariable {
    /// How far, in seconds.
    #[xml(attr, default, lenient)]
    pub adjustment: i64,
    /// From which time.
    #[xml(attr, default, invalid = |text| unsupported(format!("unknown clock basis '{text}'")))]
    pub basis: ClockBasis,
    /// How far when the guest was started, in a driver's own state.
    #[xml(attr, status)]
    pub adjustment0: Option<i64>,
}

/// From which time an adjustment counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum ClockBasis {
    /// UTC.
    #[default]
    Utc,
    /// Local time.
    Localtime,
}

/// At the local time of a time zone.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(after_read = ClockTimezone::settle)]
pub struct ClockTimezone {
    /// The zone, `Europe/Paris`.
    #[xml(attr, default)]
    pub timezone: String,
}

/// At a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
pub struct ClockAbsolute {
    /// Seconds since 1970.
    #[xml(attr, lenient, missing = internal("missing 'start' attribute for clock with offset='absolute'"))]
    pub start: u64,
}

impl ClockOffset {
    fn refuse_unknown(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.attr_text("offset").filter(|offset| !offset.is_empty()) {
            Some("utc" | "localtime" | "variable" | "timezone" | "absolute") | None => Ok(()),
            Some(offset) => {
                let error = reader.unsupported(format!("unknown clock offset '{offset}'"));
                Err(reader.at_attr("offset", error))
            }
        }
    }

    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let (reset, basis) = match self {
            Self::Utc(reset) => (reset, ClockBasis::Utc),
            Self::Localtime(reset) => (reset, ClockBasis::Localtime),
            _ => return Ok(()),
        };
        let Some(text) = reset.adjustment.as_deref().filter(|text| *text != "reset") else { return Ok(()) };
        let adjustment = text
            .trim_start()
            .parse()
            .map_err(|_| reader.refuse(format!("unknown clock adjustment '{text}'")))?;
        *self = Self::Variable(ClockVariable { adjustment, basis, adjustment0: None });
        Ok(())
    }
}

impl ClockTimezone {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.timezone.is_empty() {
            return Err(reader.internal("missing 'timezone' attribute for clock with offset='timezone'"));
        }
        Ok(())
    }
}

/// A timer that the guest can use.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "timer", after_read = Timer::settle)]
pub struct Timer {
    /// Which.
    #[xml(attr)]
    pub name: TimerName,
    /// Whether the guest has it; the hypervisor decides by default.
    #[xml(attr)]
    pub present: Option<bool>,
    /// What happens to ticks that the guest missed, but for `kvmclock` and `hypervclock`; the hypervisor decides by default.
    #[xml(attr)]
    pub tickpolicy: Option<TickPolicy>,
    /// What it follows; of `platform` and `rtc` only.
    #[xml(attr)]
    pub track: Option<TimerTrack>,
    /// Its frequency in Hz; of `tsc` only. The host's by default.
    #[xml(attr)]
    pub frequency: Option<u64>,
    /// Who answers when the guest reads it; of `tsc` only.
    #[xml(attr)]
    pub mode: Option<TimerMode>,
    /// How ticks are caught up with.
    #[xml(child, default)]
    pub catchup: TimerCatchup,
}

/// Timers of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum TimerName {
    /// The platform's.
    Platform,
    /// The PC's oldest.
    Pit,
    /// The PC's battery-backed clock.
    Rtc,
    /// The PC's high precision event timer.
    Hpet,
    /// The x86 processor's counter.
    Tsc,
    /// KVM's paravirtualized clock.
    Kvmclock,
    /// Hyper-V's reference time.
    Hypervclock,
    /// Arm's virtual timer.
    Armvtimer,
}

/// What happens to ticks that the guest missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum TickPolicy {
    /// They come late, at the normal rate.
    Delay,
    /// They come late, faster.
    Catchup,
    /// They come as one.
    Merge,
    /// They do not come.
    Discard,
}

/// What a timer follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum TimerTrack {
    /// The time since the guest started.
    Boot,
    /// The time that the guest ran.
    Guest,
    /// The host's wall clock.
    Wall,
    /// Real time.
    Realtime,
}

/// Who answers when the guest reads the processor's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum TimerMode {
    /// The processor where that is safe.
    Auto,
    /// The processor.
    Native,
    /// The hypervisor.
    Emulate,
    /// The processor, with the hypervisor's help.
    Paravirt,
    /// The processor, in step on all of them.
    Smpsafe,
}

/// How ticks are caught up with; the hypervisor's way by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "catchup")]
pub struct TimerCatchup {
    /// How many ticks may be missed before it starts.
    #[xml(attr, omit)]
    pub threshold: u64,
    /// How much faster they come.
    #[xml(attr, omit)]
    pub slew: u64,
    /// How many are caught up with at most.
    #[xml(attr, omit)]
    pub limit: u64,
}

impl Timer {
    /// Each timer has settings of its own, and is refused with those of another.
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let paravirtual = matches!(self.name, TimerName::Kvmclock | TimerName::Hypervclock);
        let foreign = [
            ("tickpolicy", self.tickpolicy.is_some() && paravirtual),
            ("frequency", self.frequency.is_some() && self.name != TimerName::Tsc),
            ("mode", self.mode.is_some() && self.name != TimerName::Tsc),
            ("track", self.track.is_some() && !matches!(self.name, TimerName::Platform | TimerName::Rtc)),
        ];
        if let Some((setting, _)) = foreign.into_iter().find(|(_, set)| *set) {
            let sentence = format!("timer {} doesn't support setting of timer {setting}", self.name);
            return Err(reader.at_attr(setting, reader.unsupported(sentence)));
        }
        if self.catchup != TimerCatchup::default() && self.tickpolicy != Some(TickPolicy::Catchup) {
            return Err(reader
                .first(TimerCatchup::NAME)
                .unwrap_or(*reader)
                .refuse("setting of timer catchup policies is only supported with tickpolicy='catchup'"));
        }
        self.frequency = self.frequency.filter(|frequency| *frequency > 0);
        Ok(())
    }
}

//! What the monitor's events mean in libvirt's terms, and which of them controllers write down.

use serde_json::Value;
use virt_core::driver::{
    CrashedDetail, CrashedReason, DomainState, Event, EventKind, LifecycleEvent, PausedReason,
    PmSuspendedDetail, ResumedDetail, RunningReason, ShutdownDetail, ShutdownReason, StartedDetail,
    SuspendedDetail, TypedParameter, TypedValue,
};
use virt_util::controller::Rule;

/// What controllers write into the log by themselves, and the state that follows from it.
pub(crate) fn rules() -> Vec<Rule> {
    let paused = |reason: PausedReason| Some((DomainState::Paused.number(), reason.number()));
    let running = |reason: RunningReason| Some((DomainState::Running.number(), reason.number()));
    let asleep = Some((DomainState::PmSuspended.number(), 0));
    let states = [
        // Whoever holds the guest's lock stops and resumes it himself, and says why.
        ("STOP", true, paused(PausedReason::None)),
        ("RESUME", true, running(RunningReason::Unpaused)),
        ("SHUTDOWN", false, Some((DomainState::Shutdown.number(), ShutdownReason::User.number()))),
        ("GUEST_PANICKED", false, Some((DomainState::Crashed.number(), CrashedReason::Panicked.number()))),
        ("GUEST_CRASHLOADED", false, None),
        ("SUSPEND", false, asleep),
        ("SUSPEND_DISK", false, asleep),
        ("WAKEUP", false, running(RunningReason::Wakeup)),
    ];
    let others = [
        "RESET",
        "RTC_CHANGE",
        "WATCHDOG",
        "BLOCK_IO_ERROR",
        "BALLOON_CHANGE",
        "DEVICE_DELETED",
        "DEVICE_TRAY_MOVED",
        "VNC_CONNECTED",
        "VNC_INITIALIZED",
        "VNC_DISCONNECTED",
        "VSERPORT_CHANGE",
        "MEMORY_FAILURE",
        "MEMORY_DEVICE_SIZE_CHANGE",
        "BLOCK_WRITE_THRESHOLD",
    ];
    let silent = others.into_iter().map(|event| (event, false, None));
    // QEMU stops, or ends, a guest whose kernel panicked: what it is stays the same.
    let crashed = |event: &str| matches!(event, "STOP" | "SHUTDOWN").then_some(DomainState::Crashed.number());
    // What the device had of the host is given back also when nobody waits for it any more.
    let care = |event: &str| (event == "DEVICE_DELETED").then(|| "device".to_owned());
    let rule = |(event, unlocked_only, state): (&str, bool, _)| Rule {
        event: event.into(),
        unlocked_only,
        state,
        unless: crashed(event).into_iter().collect(),
        care: care(event),
    };
    states.into_iter().chain(silent).map(rule).collect()
}

/// The events of libvirt that `event` of the monitor stands for; `blank` has number, time and guest.
pub(super) fn translate(event: &crate::monitor::Event, blank: &Event) -> Vec<Event> {
    let data = Data(&event.data);
    let lifecycle =
        |event: LifecycleEvent, detail: i32| Event { event: event.number(), detail, ..blank.clone() };
    let other = |kind: EventKind, event: i32, detail: i32, parameters: Vec<TypedParameter>| Event {
        kind,
        event,
        detail,
        parameters,
        ..blank.clone()
    };
    match event.name.as_str() {
        "STOP" => vec![lifecycle(LifecycleEvent::Suspended, SuspendedDetail::Paused.number())],
        "RESUME" => vec![lifecycle(LifecycleEvent::Resumed, ResumedDetail::Unpaused.number())],
        "SHUTDOWN" => {
            let detail = match data.flag("guest") {
                Some(true) => ShutdownDetail::Guest,
                Some(false) => ShutdownDetail::Host,
                None => ShutdownDetail::Finished,
            };
            vec![lifecycle(LifecycleEvent::Shutdown, detail.number())]
        }
        "RESET" => vec![other(EventKind::Reboot, 0, 0, Vec::new())],
        "GUEST_PANICKED" => vec![lifecycle(LifecycleEvent::Crashed, CrashedDetail::Panicked.number())],
        "GUEST_CRASHLOADED" => vec![lifecycle(LifecycleEvent::Crashed, CrashedDetail::CrashLoaded.number())],
        "SUSPEND" => vec![
            lifecycle(LifecycleEvent::PmSuspended, PmSuspendedDetail::Memory.number()),
            other(EventKind::PmSuspend, 0, 0, Vec::new()),
        ],
        "SUSPEND_DISK" => vec![
            lifecycle(LifecycleEvent::PmSuspended, PmSuspendedDetail::Disk.number()),
            other(EventKind::PmSuspendDisk, 0, 0, Vec::new()),
        ],
        "WAKEUP" => vec![
            lifecycle(LifecycleEvent::Started, StartedDetail::Wakeup.number()),
            other(EventKind::PmWakeup, 0, 0, Vec::new()),
        ],
        "RTC_CHANGE" => vec![other(EventKind::RtcChange, 0, 0, vec![data.number("offset", "utcoffset")])],
        "WATCHDOG" => {
            vec![other(EventKind::Watchdog, data.position("action", WATCHDOG_ACTIONS), 0, Vec::new())]
        }
        "BLOCK_IO_ERROR" => {
            let action = data.position("action", IO_ERROR_ACTIONS);
            let disk = vec![data.text("qom-path", "srcPath"), data.text("device", "devAlias")];
            let mut with_reason = disk.clone();
            let full = data.flag("nospace") == Some(true);
            with_reason.push(TypedParameter::new("reason", if full { "enospc" } else { "" }));
            vec![
                other(EventKind::IoError, action, 0, disk),
                other(EventKind::IoErrorReason, action, 0, with_reason),
            ]
        }
        "BALLOON_CHANGE" => {
            let kib = data.0.get("actual").and_then(Value::as_u64).unwrap_or(0) / 1024;
            vec![other(EventKind::BalloonChange, 0, 0, vec![TypedParameter::new("actual", kib)])]
        }
        "DEVICE_DELETED" if data.0.get("device").is_some() => {
            vec![other(EventKind::DeviceRemoved, 0, 0, vec![data.text("device", "devAlias")])]
        }
        "DEVICE_TRAY_MOVED" => {
            let reason = i32::from(data.flag("tray-open") != Some(true));
            vec![other(EventKind::TrayChange, reason, 0, vec![data.text("id", "devAlias")])]
        }
        "VNC_CONNECTED" => vec![other(EventKind::Graphics, 0, 0, data.peers())],
        "VNC_INITIALIZED" => vec![other(EventKind::Graphics, 1, 0, data.peers())],
        "VNC_DISCONNECTED" => vec![other(EventKind::Graphics, 2, 0, data.peers())],
        "VSERPORT_CHANGE" => {
            let (state, reason) = (if data.flag("open") == Some(true) { 1 } else { 2 }, 2);
            vec![other(EventKind::AgentLifecycle, state, reason, vec![data.text("id", "channel")])]
        }
        "MEMORY_FAILURE" => {
            let recipient = data.position("recipient", &["hypervisor", "guest"]);
            let action = data.position("action", &["ignore", "inject", "fatal", "reset"]);
            vec![other(EventKind::MemoryFailure, recipient, action, Vec::new())]
        }
        "MEMORY_DEVICE_SIZE_CHANGE" => {
            let parameters = vec![data.text("id", "alias"), data.number("size", "size")];
            vec![other(EventKind::MemoryDeviceSizeChange, 0, 0, parameters)]
        }
        "BLOCK_WRITE_THRESHOLD" => {
            let parameters = vec![
                data.text("node-name", "dev"),
                data.number("write-threshold", "threshold"),
                data.number("amount-exceeded", "excess"),
            ];
            vec![other(EventKind::BlockThreshold, 0, 0, parameters)]
        }
        _ => Vec::new(),
    }
}

/// In the order of `virDomainEventWatchdogAction`.
const WATCHDOG_ACTIONS: &[&str] = &["none", "pause", "reset", "poweroff", "shutdown", "debug", "inject-nmi"];
/// In the order of `virDomainEventIOErrorAction`, by QEMU's words.
const IO_ERROR_ACTIONS: &[&str] = &["ignore", "stop", "report"];

/// What belongs to an event, which may lack anything.
struct Data<'a>(&'a Value);

impl Data<'_> {
    fn flag(&self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }

    fn word(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn text(&self, name: &str, field: &str) -> TypedParameter {
        TypedParameter::new(field, self.word(name))
    }

    fn number(&self, name: &str, field: &str) -> TypedParameter {
        let value = self.0.get(name).and_then(Value::as_i64).unwrap_or(0);
        TypedParameter::new(field, TypedValue::LongLong(value))
    }

    /// The place of a word among those known, which is its number.
    fn position(&self, name: &str, words: &[&str]) -> i32 {
        let word = self.word(name);
        words.iter().position(|known| *known == word).and_then(|at| i32::try_from(at).ok()).unwrap_or(0)
    }

    /// Both ends of a display's connection.
    fn peers(&self) -> Vec<TypedParameter> {
        let mut parameters = Vec::new();
        for (end, prefix) in [("server", "local"), ("client", "remote")] {
            let end = Data(self.0.get(end).unwrap_or(&Value::Null));
            parameters.push(TypedParameter::new(format!("{prefix}.node"), end.word("host")));
            parameters.push(TypedParameter::new(format!("{prefix}.service"), end.word("service")));
            parameters.push(TypedParameter::new(format!("{prefix}.family"), end.word("family")));
        }
        parameters.push(Data(self.0.get("server").unwrap_or(&Value::Null)).text("auth", "authScheme"));
        parameters
    }
}

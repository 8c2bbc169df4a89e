//! The guest's clock and timers.

use virt_conf::model::{ClockOffset, Domain, TickPolicy, Timer, TimerName, TimerTrack};
use virt_conf::xml::Within;
use virt_util::Result;

use super::{QemuHooks, refuse_if, unsupported};
use crate::caps::{Accelerator, Flag};

/// The last second of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

impl QemuHooks<'_> {
    pub(super) fn check_clock(&self, domain: &Domain) -> Result<()> {
        for timer in &domain.clock.timers {
            self.check_timer(timer, domain).within(format_args!("timer[@name='{}']", timer.name))?;
        }
        let late = matches!(&domain.clock.offset, ClockOffset::Absolute(clock) if clock.start > LAST_SECOND);
        refuse_if(late, "@start", || {
            format!("The maximum 'start' value for <clock offset='absolute'> is {LAST_SECOND}")
        })
    }

    fn check_timer(&self, timer: &Timer, domain: &Domain) -> Result<()> {
        let board = self.board(domain);
        let name = timer.name;
        let elsewhere = || {
            unsupported(format!(
                "Configuring the '{name}' timer is not supported for virtType={} arch={} machine={} guests",
                domain.kind, board.arch, board.machine
            ))
        };
        let x86 = board.arch.is_x86();
        let present = timer.present == Some(true);
        match name {
            TimerName::Platform => Err(unsupported(format!("unsupported timer type (name) '{name}'"))),
            TimerName::Tsc | TimerName::Kvmclock | TimerName::Hypervclock if !x86 && present => {
                Err(elsewhere())
            }
            TimerName::Tsc | TimerName::Kvmclock | TimerName::Hypervclock => Ok(()),
            TimerName::Rtc => {
                if let Some(track @ TimerTrack::Boot) = timer.track {
                    return Err(
                        unsupported(format!("unsupported rtc timer track '{track}'")).within("@track")
                    );
                }
                match timer.tickpolicy {
                    Some(policy @ (TickPolicy::Merge | TickPolicy::Discard)) => {
                        Err(unsupported(format!("unsupported rtc timer tickpolicy '{policy}'"))
                            .within("@tickpolicy"))
                    }
                    _ => Ok(()),
                }
            }
            TimerName::Pit => match timer.tickpolicy {
                Some(policy @ TickPolicy::Merge) => Err(pit(policy)),
                Some(policy @ TickPolicy::Catchup) if !self.has(Flag::KvmPitLostTickPolicy) => {
                    Err(pit(policy))
                }
                _ => Ok(()),
            },
            TimerName::Hpet => {
                refuse_if(present && !x86, "@present", || "hpet timer is not supported by this architecture")
            }
            TimerName::Armvtimer => {
                if self.accelerator(domain) != Accelerator::Kvm || !board.is_arm_virt() {
                    return Err(elsewhere());
                }
                refuse_if(timer.present == Some(false), "@present", || {
                    format!("The '{name}' timer can't be disabled")
                })?;
                refuse_if(!self.has(Flag::CpuKvmNoAdjvtime), "@name", || {
                    format!("Configuring the '{name}' timer is not supported with this QEMU binary")
                })?;
                match timer.tickpolicy {
                    Some(policy @ (TickPolicy::Catchup | TickPolicy::Merge)) => {
                        Err(unsupported(format!("The '{name}' timer does not support tickpolicy '{policy}'"))
                            .within("@tickpolicy"))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

fn pit(policy: TickPolicy) -> virt_util::Error {
    unsupported(format!("unsupported pit tickpolicy '{policy}'")).within("@tickpolicy")
}

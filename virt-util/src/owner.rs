//! Who owns something beyond a process's life: pid, start time and boot, which together name one process for ever.

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::process::ProcessStat;
use crate::{Error, ErrorDomain, Result};

/// One process, unmistakably: its pid may be reused, its start time within the same boot may not.
///
/// ```
/// use virt_util::owner::Owner;
///
/// let me = Owner::current()?;
/// assert!(me.is_alive());
/// assert_eq!(Owner::of(std::process::id())?, Some(me));
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// Process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot (`/proc/PID/stat`, field 22).
    pub start_time: u64,
    /// The boot during which it ran (`/proc/sys/kernel/random/boot_id`).
    pub boot: Uuid,
}

impl Owner {
    /// This process.
    ///
    /// # Errors
    ///
    /// When /proc cannot be read.
    pub fn current() -> Result<Self> {
        // Not cached: the process may have forked since.
        static CURRENT: OnceLock<Owner> = OnceLock::new();
        let pid = std::process::id();
        // A process that was forked from the one that asked first is another.
        if let Some(known) = CURRENT.get().filter(|known| known.pid == pid) {
            return Ok(*known);
        }
        let current = Self::of(pid)?
            .ok_or_else(|| Error::internal(ErrorDomain::NONE, format!("process {pid} is not in /proc")))?;
        CURRENT.get_or_init(|| current);
        Ok(current)
    }

    /// The process that has `pid` now; nothing when there is none.
    ///
    /// # Errors
    ///
    /// When /proc cannot be read.
    pub fn of(pid: u32) -> Result<Option<Self>> {
        let Some(stat) = ProcessStat::of(pid)? else { return Ok(None) };
        Ok(Some(Self { pid, start_time: stat.start_time, boot: boot_id()? }))
    }

    /// Whether it still runs. A zombie does not. When /proc cannot be read the answer is yes: nobody's things are
    /// taken away on a guess.
    pub fn is_alive(&self) -> bool {
        if boot_id().is_ok_and(|boot| boot != self.boot) {
            return false;
        }
        match ProcessStat::of(self.pid) {
            Ok(Some(stat)) => stat.start_time == self.start_time && !stat.has_ended(),
            Ok(None) => false,
            Err(_) => true,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)
    }
}

/// Names the running boot of this machine.
///
/// # Errors
///
/// When /proc cannot be read.
pub fn boot_id() -> Result<Uuid> {
    static BOOT: OnceLock<Uuid> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Ok(*boot);
    }
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    let text = std::fs::read_to_string(PATH)
        .map_err(|error| Error::system(ErrorDomain::NONE, format!("cannot read '{PATH}'"), error))?;
    let boot = Uuid::parse_str(text.trim()).map_err(|error| {
        Error::internal(ErrorDomain::NONE, format!("'{PATH}' holds no UUID")).caused_by(error)
    })?;
    Ok(*BOOT.get_or_init(|| boot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_pid_and_another_boot_are_other_processes() {
        let me = Owner::current().unwrap();
        assert!(!Owner { start_time: me.start_time + 1, ..me }.is_alive());
        assert!(!Owner { boot: Uuid::from_u128(1), ..me }.is_alive());
        assert!(!Owner { pid: u32::MAX, ..me }.is_alive());
    }
}

//! Whether a program has a device open through vfio.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::PciDevice;
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// How long at most until it is looked at again: a program with device files of its own closes those.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

impl PciDevice {
    /// Waits until no program has the device's group open. To unbind the device before would block in the kernel, beyond
    /// any deadline, until the program lets go.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::RESOURCE_BUSY`] when a program has it at the end of the wait; [`ErrorCode::OPERATION_ABORTED`].
    pub fn wait_for_users(&self, wait: Wait<'_>) -> Result<()> {
        let Some(group) = self.iommu_group()? else { return Ok(()) };
        let name = format!("/dev/vfio/{}", group.number);
        let path = Path::new(&name);
        let attempt = format!("waiting until no program uses PCI device {}", self.address());
        let watch = watch(path).ok();
        while is_open(path) {
            if wait.expired() {
                let sentence =
                    format!("PCI device {} is still used: a program has {name} open", self.address());
                return Err(Error::new(ErrorCode::RESOURCE_BUSY, ErrorDomain::NODEDEV, sentence)
                    .hint(format!("end the program: fuser {name} names it")));
            }
            let soon = Wait::at_most(LOOK_AGAIN);
            let waited = match &watch {
                Some(watch) => soon.readable(watch, &attempt),
                None => soon.poll(&[], &attempt).map(drop),
            };
            match waited {
                Err(error) if error.code() != ErrorCode::OPERATION_TIMEOUT => return Err(error),
                Err(_) => {}
                // What it says does not matter: the group is looked at again.
                Ok(()) => drop(watch.as_ref().map(Inotify::read_events)),
            }
        }
        Ok(())
    }
}

fn watch(path: &Path) -> nix::Result<Inotify> {
    let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    watch.add_watch(path, AddWatchFlags::IN_CLOSE)?;
    Ok(watch)
}

/// A group can be opened once.
fn is_open(path: &Path) -> bool {
    let opened = OpenOptions::new().read(true).write(true).custom_flags(libc::O_CLOEXEC).open(path);
    opened.is_err_and(|error| error.raw_os_error() == Some(Errno::EBUSY as i32))
}

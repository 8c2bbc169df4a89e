//! Who reads a character device: one at a time, until somebody takes it by force, which the one before is told.
//!
//! A claim is a small file beside the locks. Its holder watches it; whoever writes another claim into its place takes
//! the device over, whether the holder listens or is stuck. A claim whose process has died is none.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use virt_util::owner::Owner;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result, file};

use crate::state::Store;

/// The longest claim that is read.
const LONGEST: u64 = 4096;

/// A character device that is ours, until it is dropped or taken.
pub(crate) struct Claim {
    store: Arc<Store>,
    guest: Uuid,
    alias: String,
    record: Record,
    watch: Inotify,
}

/// What the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// Which of a process's claims this is.
    claim: Uuid,
    owner: Owner,
}

impl Claim {
    /// Takes the device `alias` of `guest`; by `force` from whoever has it.
    pub(super) fn take(
        store: &Arc<Store>,
        guest: Uuid,
        alias: &str,
        what: &str,
        force: bool,
        wait: Wait<'_>,
    ) -> Result<Self> {
        let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)
            .map_err(|errno| cannot("watch", alias, errno))?;
        let alias: String =
            alias.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
        let record = Record { claim: Uuid::new_v4(), owner: Owner::current()? };
        let this = Self { store: store.clone(), guest, alias, record, watch };
        let _lock = store.lock_device(guest, &this.alias, what, wait)?;
        if !force && this.stored()?.is_some_and(|other| other.owner.is_alive()) {
            let sentence = format!("Active {what} session exists for this domain");
            return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::QEMU, sentence));
        }
        let content = serde_json::to_vec(&this.record)
            .map_err(|error| Error::internal(ErrorDomain::QEMU, error.to_string()))?;
        file::write(store.locks(), &this.name(), 0o600, &content)?;
        // Another one is renamed into its place, which takes this one's last name away.
        let changes =
            AddWatchFlags::IN_ATTRIB | AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_CLOSE_WRITE;
        this.watch
            .add_watch(&store.locks().short_path(&this.name()), changes)
            .map_err(|errno| cannot("watch", &this.alias, errno))?;
        Ok(this)
    }

    /// Whether the device is still ours. What cannot be read is: nothing is given up on a guess.
    pub(crate) fn holds(&self) -> bool {
        // Only what happens from now on wakes anybody again.
        if matches!(self.watch.read_events(), Err(Errno::EAGAIN)) {
            return true;
        }
        let stored = self.stored();
        stored.is_err() || stored.is_ok_and(|stored| stored == Some(self.record))
    }

    fn stored(&self) -> Result<Option<Record>> {
        let content = file::read_if_present(self.store.locks(), &self.name(), LONGEST)?;
        Ok(content.and_then(|content| serde_json::from_slice(&content).ok()))
    }

    fn name(&self) -> String {
        format!("{}-{}.claim", self.guest, self.alias)
    }
}

/// Readable when somebody may have taken the device.
impl AsFd for Claim {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let released =
            self.store.lock_device(self.guest, &self.alias, "releasing", Wait::FOREVER).and_then(|_lock| {
                match self.stored()? {
                    Some(record) if record == self.record => self.store.locks().remove_file(&self.name()),
                    _ => Ok(()),
                }
            });
        released.unwrap_or_else(|error| log::warn!("the device '{}' is not released: {error}", self.alias));
    }
}

fn cannot(what: &str, alias: &str, errno: Errno) -> Error {
    Error::system(ErrorDomain::QEMU, format!("cannot {what} the claim to the device '{alias}'"), errno)
}

//! What is known of guests: their definitions, the status of those that run, the index over both, and the event log.

mod describe;
mod status;

use std::sync::Arc;

use uuid::Uuid;
use virt_conf::model::Domain;
use virt_conf::xml::{FormatFlags, ParseFlags, ParseOptions};
use virt_core::driver::{DomainState, ShutoffReason};
use virt_util::dir::Dir;
use virt_util::eventlog::EventLog;
use virt_util::file::{self, DOCUMENT_LIMIT};
use virt_util::index::{Entry, FileEntry, Index, IndexLock, Sources};
use virt_util::lock::Lock;
use virt_util::root::Root;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

pub(crate) use status::Status;

/// The name under which controllers find the index in the run directory.
pub(crate) const INDEX: &str = "domains";
/// The name under which controllers find the event log in the run directory.
pub(crate) const EVENTS: &str = "events";

/// Everything that one root holds about guests. Shared by all processes that have it open.
pub(crate) struct Store {
    root: Root,
    index: Index,
    events: EventLog,
    autostart: Dir,
    status: Dir,
    guests: Dir,
    locks: Dir,
}

impl Store {
    /// Opens what is in `root`, making what is missing.
    pub(crate) fn open(root: Root) -> Result<Self> {
        let autostart = root.config().subdir("autostart")?;
        let status = root.run().subdir("status")?;
        let sources = Sources {
            definitions: root.config().clone(),
            status: Some(status.clone()),
            suffix: ".xml".into(),
        };
        let describe = describe::Describer { autostart: autostart.clone() };
        Ok(Self {
            index: Index::open(root.run(), INDEX, sources, Box::new(describe))?,
            events: EventLog::open(root.run(), EVENTS)?,
            guests: root.run().subdir("guests")?,
            locks: root.run().subdir("locks")?,
            autostart,
            status,
            root,
        })
    }

    /// The directories.
    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// The index.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The event log.
    pub(crate) fn events(&self) -> &EventLog {
        &self.events
    }

    /// The directory of a guest's controller, made when it is missing.
    pub(crate) fn guest_dir(&self, uuid: Uuid) -> Result<Dir> {
        self.guests.subdir(&uuid.to_string())
    }

    /// The directory of a guest's controller; nothing when there is none.
    pub(crate) fn existing_guest_dir(&self, uuid: Uuid) -> Result<Option<Dir>> {
        self.guests.existing_subdir(&uuid.to_string())
    }

    /// Removes the directory of a guest's controller.
    pub(crate) fn remove_guest_dir(&self, uuid: Uuid) -> Result<()> {
        self.guests.remove_tree(&uuid.to_string())
    }

    /// Takes the lock of one guest: the second of the three, held while a guest is started, finished or its definition
    /// changed.
    pub(crate) fn lock_guest(&self, uuid: Uuid, purpose: &str, wait: Wait<'_>) -> Result<Lock> {
        Lock::acquire(&self.locks, &format!("{uuid}.lock"), purpose, wait)
            .map_err(|error| error.in_domain(ErrorDomain::QEMU))
    }

    /// Takes the lock of a guest's device, held while somebody's claim to it changes.
    pub(crate) fn lock_device(&self, uuid: Uuid, alias: &str, purpose: &str, wait: Wait<'_>) -> Result<Lock> {
        Lock::acquire(&self.locks, &format!("{uuid}-{alias}.lock"), purpose, wait)
            .map_err(|error| error.in_domain(ErrorDomain::QEMU))
    }

    /// Forgets the claims to the devices of a guest that has ended: whoever was killed with one could not.
    pub(crate) fn remove_claims(&self, uuid: Uuid) -> Result<()> {
        let prefix = format!("{uuid}-");
        let names = self.locks.names()?;
        let claims =
            names.iter().filter(|name| name.starts_with(&prefix) && name.strip_suffix(".claim").is_some());
        claims.into_iter().try_for_each(|name| self.locks.remove_file(name))
    }

    /// Where locks are, and claims to devices.
    pub(crate) fn locks(&self) -> &Dir {
        &self.locks
    }

    /// Refuses a definition whose name or UUID is another guest's; the guest that it redefines, if there is one.
    pub(crate) fn check_unique(&self, domain: &Domain) -> Result<Option<Arc<Entry>>> {
        let uuid = uuid_of(domain)?;
        let conflict =
            |detail: String| Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::QEMU, detail));
        if let Some(known) = self.index.by_uuid(uuid)? {
            if known.name != domain.name {
                return conflict(format!("domain '{}' is already defined with uuid {uuid}", known.name));
            }
            return Ok(Some(known));
        }
        match self.index.by_name(&domain.name)? {
            Some(known) => {
                conflict(format!("domain '{}' already exists with uuid {}", known.name, known.uuid))
            }
            None => Ok(None),
        }
    }

    /// Gives an inactive guest another name.
    pub(crate) fn rename(&self, lock: &mut IndexLock<'_>, entry: &Entry, name: &str) -> Result<Arc<Entry>> {
        let Some(mut domain) = self.definition(entry)? else {
            return Err(Error::new(
                ErrorCode::OPERATION_INVALID,
                ErrorDomain::QEMU,
                "cannot rename a transient domain",
            ));
        };
        name.clone_into(&mut domain.name);
        let renamed = self.write_definition(lock, &domain)?;
        if let Some(old) = &entry.definition {
            self.root.config().remove_file(&old.name)?;
            self.autostart.remove_file(&old.name)?;
        }
        if entry.autostart {
            self.set_autostart(lock, &renamed, true)?;
        }
        Ok(renamed)
    }

    /// The guest with `uuid`.
    pub(crate) fn by_uuid(&self, uuid: Uuid) -> Result<Arc<Entry>> {
        self.index.by_uuid(uuid)?.ok_or_else(|| no_domain(format!("no domain with matching uuid '{uuid}'")))
    }

    /// The guest called `name`.
    pub(crate) fn by_name(&self, name: &str) -> Result<Arc<Entry>> {
        self.index.by_name(name)?.ok_or_else(|| no_domain(format!("no domain with matching name '{name}'")))
    }

    /// The running guest with `id`.
    pub(crate) fn by_id(&self, id: u32) -> Result<Arc<Entry>> {
        self.index.by_id(id)?.ok_or_else(|| no_domain(format!("no domain with matching id {id}")))
    }

    /// The definition that the next start of `entry` uses; nothing for a transient guest.
    pub(crate) fn definition(&self, entry: &Entry) -> Result<Option<Domain>> {
        let Some(definition) = &entry.definition else { return Ok(None) };
        let text = read(self.root.config(), &definition.name)?;
        // It was checked when it was defined, and a newer QEMU may see things differently at the start.
        let flags = ParseFlags::INACTIVE | ParseFlags::SKIP_VALIDATE;
        Domain::parse(&text, &flags.into()).map(Some).map_err(|error| unreadable(error, &definition.name))
    }

    /// What runs, for a guest that runs.
    pub(crate) fn status(&self, entry: &Entry) -> Result<Status> {
        let Some(status) = &entry.status else {
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::QEMU, "domain is not running"));
        };
        let text = read(&self.status, &status.name)?;
        Status::from_xml(&text).map_err(|error| unreadable(error, &status.name))
    }

    /// Writes `domain` as the definition of its guest, and puts it into the index. The guest's state stays.
    pub(crate) fn write_definition(&self, lock: &mut IndexLock<'_>, domain: &Domain) -> Result<Arc<Entry>> {
        let uuid = uuid_of(domain)?;
        let old = self.index.by_uuid(uuid)?;
        let text = domain.to_xml(&FormatFlags::union(FormatFlags::SECURE, FormatFlags::INACTIVE).into());
        let name = file_name(&domain.name);
        let identity =
            file::write(self.root.config(), &name, 0o600, with_warning(&domain.name, &text).as_bytes())?;
        let mut entry = old.as_deref().cloned().unwrap_or_else(|| inactive(uuid, ShutoffReason::None));
        entry.name.clone_from(&domain.name);
        entry.definition = Some(FileEntry { name, identity });
        lock.put(entry)
    }

    /// Removes the definition of `entry`'s guest: one that runs becomes transient, another is forgotten.
    pub(crate) fn remove_definition(&self, lock: &mut IndexLock<'_>, entry: &Entry) -> Result<()> {
        if let Some(definition) = &entry.definition {
            self.root.config().remove_file(&definition.name)?;
            self.autostart.remove_file(&definition.name)?;
        }
        if entry.is_active() {
            let transient = Entry { definition: None, autostart: false, ..entry.clone() };
            return lock.put(transient).map(drop);
        }
        lock.remove(entry.uuid)
    }

    /// Writes what runs, and puts it into the index.
    pub(crate) fn write_status(&self, lock: &mut IndexLock<'_>, status: &Status) -> Result<Arc<Entry>> {
        let uuid = uuid_of(&status.domain)?;
        let old = self.index.by_uuid(uuid)?;
        let name = file_name(&status.domain.name);
        let text = with_warning(&status.domain.name, &status.to_xml());
        let identity = file::write(&self.status, &name, 0o600, text.as_bytes())?;
        let mut entry = old.as_deref().cloned().unwrap_or_default();
        entry.uuid = uuid;
        entry.name.clone_from(&status.domain.name);
        status.describe(&mut entry);
        entry.status = Some(FileEntry { name, identity });
        lock.put(entry)
    }

    /// Writes another state of what runs.
    pub(crate) fn write_state(
        &self,
        lock: &mut IndexLock<'_>,
        entry: &Entry,
        state: (i32, i32),
    ) -> Result<Arc<Entry>> {
        let mut entry = entry.clone();
        (entry.state, entry.reason) = state;
        if let (Some(status), Some(process)) = (&entry.status, Status::process_of(&entry))
            && let Some(text) = Status::with_state(&read(&self.status, &status.name)?, &process, state)
        {
            let name = status.name.clone();
            let identity =
                file::write(&self.status, &name, 0o600, with_warning(&entry.name, &text).as_bytes())?;
            entry.status = Some(FileEntry { name, identity });
        }
        lock.put(entry)
    }

    /// Forgets what ran: the guest is off for `reason`, or gone if nothing else is known of it.
    pub(crate) fn remove_status(
        &self,
        lock: &mut IndexLock<'_>,
        entry: &Entry,
        reason: ShutoffReason,
    ) -> Result<()> {
        if let Some(status) = &entry.status {
            self.status.remove_file(&status.name)?;
        }
        if !entry.is_persistent() {
            return lock.remove(entry.uuid);
        }
        let off = Entry {
            name: entry.name.clone(),
            autostart: entry.autostart,
            definition: entry.definition.clone(),
            ..inactive(entry.uuid, reason)
        };
        lock.put(off).map(drop)
    }

    /// Decides whether the guest starts with the host.
    pub(crate) fn set_autostart(
        &self,
        lock: &mut IndexLock<'_>,
        entry: &Entry,
        autostart: bool,
    ) -> Result<()> {
        let Some(definition) = &entry.definition else {
            let sentence = "cannot set autostart for transient domain";
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::QEMU, sentence));
        };
        if autostart {
            // An empty file, not libvirt's link: the name says it all, and no link can dangle.
            file::write(&self.autostart, &definition.name, 0o600, b"")?;
        } else {
            self.autostart.remove_file(&definition.name)?;
        }
        lock.put(Entry { autostart, ..entry.clone() }).map(drop)
    }
}

/// The sentence for a guest that does not exist.
pub(crate) fn no_domain(detail: String) -> Error {
    Error::new(ErrorCode::NO_DOMAIN, ErrorDomain::QEMU, detail)
}

/// The UUID of a definition whose defaults are filled in.
pub(crate) fn uuid_of(domain: &Domain) -> Result<Uuid> {
    let missing = || Error::internal(ErrorDomain::QEMU, format!("domain '{}' has no UUID", domain.name));
    domain.uuid.ok_or_else(missing)
}

fn inactive(uuid: Uuid, reason: ShutoffReason) -> Entry {
    Entry { uuid, state: DomainState::Shutoff.number(), reason: reason.number(), ..Entry::default() }
}

/// How a document of a running guest is read.
pub(crate) fn live_view() -> ParseOptions {
    (ParseFlags::STATUS | ParseFlags::ACTUAL_NET | ParseFlags::PCI_ORIG_STATES | ParseFlags::SKIP_VALIDATE)
        .into()
}

fn file_name(guest: &str) -> String {
    format!("{guest}.xml")
}

fn read(dir: &Dir, name: &str) -> Result<String> {
    let content = file::read(dir, name, DOCUMENT_LIMIT)?;
    String::from_utf8(content).map_err(|error| {
        Error::new(
            ErrorCode::XML_ERROR,
            ErrorDomain::QEMU,
            format!("'{}' is not UTF-8", dir.join(name).display()),
        )
        .caused_by(error)
    })
}

fn unreadable(error: Error, name: &str) -> Error {
    let hint = format!("the file {name} was changed by hand, or is from another version");
    if error.advice().is_some() { error } else { error.hint(hint) }
}

/// The document behind the words that keep people from editing it.
fn with_warning(guest: &str, text: &str) -> String {
    // Two hyphens end a comment early, and a name may hold them.
    let guest = guest.replace("--", "-\u{2010}");
    format!(
        "<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE\nOVERWRITTEN AND LOST. Changes to \
         this xml configuration should be made using:\n  virsh edit {guest}\nor other application using the library.\n\
         -->\n\n{text}"
    )
}

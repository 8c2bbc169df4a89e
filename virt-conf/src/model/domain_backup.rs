//! `<domainbackup>`: a backup of a running guest's disks.

use super::device::{Disk, PortNumber, PrivateObjects, StoragePrivate};
use super::{DeviceSecurityLabel, StorageEncryption};
use crate::xml::{Reader, Result, Xml, XmlValue};

/// A backup of a running guest's disks.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "domainbackup", document, errors = DOMAIN)]
pub struct DomainBackup {
    /// Who moves the data; the hypervisor by default.
    #[xml(attr, default)]
    pub mode: BackupMode,
    /// The job's number while it runs.
    #[xml(attr, live)]
    pub id: Option<u32>,
    /// The checkpoint since which changes are saved; everything is by default.
    #[xml(child_text)]
    pub incremental: Option<String>,
    /// Where a client fetches the data, in pull mode.
    #[xml(child)]
    pub server: Option<BackupServer>,
    /// The disks; all by default.
    #[xml(child)]
    pub disks: Option<BackupDisks>,
    /// What the driver keeps about it while it runs.
    #[xml(child = "privateData", status)]
    pub private: Option<BackupPrivate>,
}

/// Who moves the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum BackupMode {
    /// The hypervisor, into files.
    #[default]
    Push,
    /// A client, over NBD.
    Pull,
}

/// Where a client fetches the data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "server")]
pub struct BackupServer {
    /// Over what; TCP by default.
    #[xml(attr, default)]
    pub transport: BackupTransport,
    /// Whether the connection is encrypted; no by default.
    #[xml(attr)]
    pub tls: Option<bool>,
    /// The address, with TCP; every one by default.
    #[xml(attr)]
    pub name: Option<String>,
    /// The port, with TCP; 10809 by default.
    #[xml(attr, with = PortNumber)]
    pub port: Option<u32>,
    /// The socket's path, with `unix`.
    #[xml(attr)]
    pub socket: Option<String>,
    /// The name of the descriptors that were passed, with `fd`.
    #[xml(attr)]
    pub fdgroup: Option<String>,
}

/// Over what a client fetches the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum BackupTransport {
    /// TCP.
    #[default]
    Tcp,
    /// A socket in the file system.
    Unix,
    /// A descriptor that was passed.
    Fd,
}

/// Which disks are backed up, and where to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "disks", keep_empty)]
pub struct BackupDisks {
    /// Each disk at most once; those not named are left out.
    #[xml(child, key = "@name", unordered)]
    pub list: Vec<BackupDisk>,
}

/// One disk of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "disk", after_read = BackupDisk::settle)]
pub struct BackupDisk {
    /// The disk's target in the guest.
    #[xml(attr)]
    pub name: String,
    /// Whether it is saved; yes by default.
    #[xml(attr)]
    pub backup: Option<bool>,
    /// How far it is, while the backup runs.
    #[xml(attr, status)]
    pub state: Option<BackupDiskState>,
    /// What kind of storage the copy, or the scratch space, is on; a file by default.
    #[xml(attr = "type")]
    pub kind: Option<BackupStorage>,
    /// The number of its image, while the backup runs.
    #[xml(attr, status)]
    pub index: Option<u32>,
    /// Whether only changes are saved; the backup as a whole says by default.
    #[xml(attr = "backupmode")]
    pub backup_mode: Option<BackupDiskMode>,
    /// The checkpoint since which changes are saved; the backup as a whole says by default.
    #[xml(attr)]
    pub incremental: Option<String>,
    /// Its name for the client, in pull mode; `name` by default.
    #[xml(attr)]
    pub exportname: Option<String>,
    /// The name of its bitmap for the client, in pull mode.
    #[xml(attr)]
    pub exportbitmap: Option<String>,
    /// The copy's format, in push mode.
    #[xml(attr = "driver/@type")]
    pub format: Option<String>,
    /// Where what the guest overwrites meanwhile is kept, in pull mode.
    #[xml(child = "scratch")]
    pub scratch: Option<BackupStore>,
    /// Where the copy goes, in push mode.
    #[xml(child = "target")]
    pub target: Option<BackupStore>,
}

/// What the driver keeps about a backup while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "privateData")]
pub struct BackupPrivate {
    /// The emulator's objects that it needs.
    #[xml(child, default)]
    pub objects: PrivateObjects,
}

/// How far a disk of a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum BackupDiskState {
    /// It is being saved.
    Running,
    /// It is saved.
    Complete,
    /// It could not be saved.
    Failed,
    /// It is being given up.
    Cancelling,
    /// It was given up.
    Cancelled,
}

/// Kinds of storage for a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum BackupStorage {
    /// A file.
    #[default]
    File,
    /// A block device of the host.
    Block,
}

/// Whether only changes are saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum BackupDiskMode {
    /// Everything is.
    Full,
    /// Changes since a checkpoint are.
    Incremental,
}

/// A file or block device for a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "target")]
pub struct BackupStore {
    /// Where on the host it is written.
    #[xml(attr)]
    pub file: Option<String>,
    /// The block device.
    #[xml(attr)]
    pub dev: Option<String>,
    /// How it is encrypted; not at all by default.
    #[xml(child)]
    pub encryption: Option<StorageEncryption>,
    /// What the driver keeps about it while the backup runs.
    #[xml(child = "privateData", status)]
    pub private: Option<Box<StoragePrivate>>,
    /// How it is labelled; as the guest's disks by default.
    #[xml(child, key = "@model", unordered)]
    pub seclabels: Vec<DeviceSecurityLabel>,
}

impl BackupDisk {
    /// Of a disk that is left out nothing more is said.
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        if *self.backup.get_or_insert(true) {
            self.kind.get_or_insert_default();
        } else {
            *self = Self { name: std::mem::take(&mut self.name), backup: Some(false), ..Self::default() };
        }
        Ok(())
    }
}

impl DomainBackup {
    /// Says of every disk of the guest what becomes of it: those not named are left out, or saved where none is named;
    /// each is saved since the checkpoint of the backup unless it says otherwise; a copy without a place goes beside
    /// the disk, its name ending in `suffix`.
    pub fn align(&mut self, guest: &[Disk], suffix: &str) {
        let named = self.disks.is_some();
        let list = &mut self.disks.get_or_insert_default().list;
        for disk in guest {
            let Some(name) = &disk.target.dev else { continue };
            if !list.iter().any(|saved| saved.name == *name) {
                let kind = (!named).then_some(BackupStorage::File);
                list.push(BackupDisk {
                    name: name.clone(),
                    backup: Some(!named),
                    kind,
                    ..BackupDisk::default()
                });
            }
        }
        for saved in list.iter_mut().filter(|saved| saved.backup == Some(true)) {
            if saved.backup_mode != Some(BackupDiskMode::Full) && saved.incremental.is_none() {
                saved.incremental.clone_from(&self.incremental);
            }
            let mode =
                if saved.incremental.is_some() { BackupDiskMode::Incremental } else { BackupDiskMode::Full };
            saved.backup_mode.get_or_insert(mode);
            let source = guest.iter().find(|disk| disk.target.dev.as_ref() == Some(&saved.name));
            if self.mode == BackupMode::Push
                && saved.target.is_none()
                && let Some(path) = source.and_then(|disk| disk.source.path())
            {
                let file = Some(format!("{path}.{suffix}"));
                saved.target = Some(BackupStore { file, ..BackupStore::default() });
            }
        }
    }
}

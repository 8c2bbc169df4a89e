//! Jobs in a status document: what is being done to a guest and to its disks.

use crate::model::device::{BackingStore, DiskSource};
use crate::model::{DomainBackup, StorageFormat};
use crate::xml::{Hex, Xml, XmlValue};

/// What is being done to a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "job")]
pub struct StatusJob {
    /// The short job, `none` between two of them.
    #[xml(attr = "type")]
    pub kind: String,
    /// The long job, `migration out`.
    #[xml(attr = "async")]
    pub long: Option<String>,
    /// How far the long job is, `perform3`.
    #[xml(attr)]
    pub phase: Option<String>,
    /// The flags that it was asked for with.
    #[xml(attr, with = Hex<1>)]
    pub flags: Option<u32>,
    /// When it was started, in milliseconds since 1970.
    #[xml(attr = "asyncStarted")]
    pub started: Option<u64>,
    /// What becomes of each disk, of an outgoing migration.
    #[xml(child)]
    pub disks: Vec<JobDisk>,
    /// Bitmaps that exist for the migration alone.
    #[xml(child = "tempBlockDirtyBitmaps", default)]
    pub temporary_bitmaps: JobBitmaps,
    /// The emulator's parameters before it was changed for the migration.
    #[xml(child = "migParams")]
    pub migration_parameters: Option<JobParameters>,
    /// Whether a snapshot is being deleted.
    #[xml(flag = "snapshotDelete")]
    pub snapshot_delete: bool,
}

/// What becomes of a disk in a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "disk")]
pub struct JobDisk {
    /// The disk's target.
    #[xml(attr)]
    pub dev: String,
    /// Whether it is being copied.
    #[xml(attr)]
    pub migrating: bool,
    /// Where to.
    #[xml(child = "migrationSource")]
    pub destination: Option<JobImage>,
}

/// An image that a job works on.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "image")]
pub struct JobImage {
    /// How it is read.
    #[xml(attr)]
    pub format: StorageFormat,
    /// Where it is.
    #[xml(flatten)]
    pub source: DiskSource,
    /// What it is an overlay of.
    #[xml(child)]
    pub backing_store: Option<BackingStore>,
}

/// Bitmaps of changed blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "bitmaps")]
pub struct JobBitmaps {
    /// One entry each.
    #[xml(child)]
    pub list: Vec<JobBitmap>,
}

/// A bitmap of changed blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "bitmap")]
pub struct JobBitmap {
    /// What the emulator calls the bitmap; unique within its node.
    #[xml(attr)]
    pub name: String,
    /// The node that it is on; a backup's bitmap stands alone.
    #[xml(attr = "nodename")]
    pub node_name: Option<String>,
}

/// An emulator's parameters of migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "parameters", spread)]
pub struct JobParameters {
    /// One entry each.
    #[xml(child)]
    pub list: Vec<JobParameter>,
}

/// A parameter of migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "param")]
pub struct JobParameter {
    /// The emulator's name for it.
    #[xml(attr)]
    pub name: String,
    /// What it was before the migration changed it, to be put back afterwards.
    #[xml(attr)]
    pub value: String,
}

/// The copies and merges of disks that the emulator works on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "blockjobs")]
pub struct StatusBlockJobs {
    /// Whether any disk has one.
    #[xml(attr, default)]
    pub active: bool,
    /// Those that are known, by name.
    #[xml(child)]
    pub list: Vec<StatusBlockJob>,
}

/// One copy or merge of a disk's images, as far as it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "blockjob")]
pub struct StatusBlockJob {
    /// What the emulator calls the job; unique within the guest.
    #[xml(attr)]
    pub name: String,
    /// What it does.
    #[xml(attr = "type")]
    pub kind: BlockJobKind,
    /// How far it is.
    #[xml(attr)]
    pub state: BlockJobState,
    /// How far it will be once that was acted upon.
    #[xml(attr = "newstate")]
    pub new_state: Option<BlockJobState>,
    /// What it was to do, where that can no longer be told.
    #[xml(attr = "brokentype")]
    pub broken_kind: Option<BlockJobKind>,
    /// The flags that it was asked for with.
    #[xml(attr = "jobflags", with = Hex<1>)]
    pub flags: Option<u32>,
    /// Whether the copy shares what is below it; of a copy.
    #[xml(attr = "shallownew")]
    pub shallow: Option<bool>,
    /// Why it failed.
    #[xml(child_text = "errmsg")]
    pub error: Option<String>,
    /// The disk that it works on.
    #[xml(child = "disk")]
    pub disk: Option<BlockJobDisk>,
    /// The images that it works on, where the disk is gone.
    #[xml(child = "chains")]
    pub chains: Option<BlockJobChains>,
    /// The image below which nothing is touched.
    #[xml(attr = "base/@node")]
    pub base: Option<String>,
    /// The image that is committed.
    #[xml(attr = "top/@node")]
    pub top: Option<String>,
    /// The image above that one.
    #[xml(attr = "topparent/@node")]
    pub top_parent: Option<String>,
    /// Whether images that were committed are deleted.
    #[xml(flag = "deleteCommittedImages")]
    pub delete_committed_images: bool,
    /// What is created: `storage`, or by default the format in it.
    #[xml(attr = "create/@mode")]
    pub create: Option<String>,
    /// The image that is created.
    #[xml(child = "src")]
    pub created: Option<JobImage>,
    /// The bitmap that says what is saved; of a backup.
    #[xml(child = "bitmap")]
    pub bitmap: Option<JobBitmap>,
    /// Where it is saved, or where what the guest overwrites meanwhile is kept; of a backup.
    #[xml(child = "store")]
    pub store: Option<JobImage>,
}

/// What a block job does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum BlockJobKind {
    /// Nothing.
    #[default]
    #[xml("")]
    None,
    /// It fetches what is below an image into it.
    Pull,
    /// It copies a disk.
    Copy,
    /// It writes an image into one below it.
    Commit,
    /// It writes the top image into one below it.
    #[xml("active-commit")]
    ActiveCommit,
    /// It saves a disk.
    Backup,
    /// Something that libvirt does not ask for.
    Internal,
    /// It creates an image.
    Create,
    /// Nobody knows.
    Broken,
}

/// How far a block job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum BlockJobState {
    /// It is done.
    Completed,
    /// It did not succeed.
    #[default]
    Failed,
    /// It was given up.
    Cancelled,
    /// It only needs to be ended.
    Ready,
    /// It was just made.
    New,
    /// It runs.
    Running,
    /// It is over, and its outcome was acted upon.
    Concluded,
    /// It is being given up.
    Aborting,
    /// It waits to be ended.
    Pending,
    /// It is being ended, and the guest moved to the copy.
    Pivoting,
}

/// The disk that a block job works on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "disk")]
pub struct BlockJobDisk {
    /// The disk's target.
    #[xml(attr)]
    pub dst: String,
    /// Whether it makes the copy that the disk has.
    #[xml(attr, omit)]
    pub mirror: bool,
}

/// The images that a block job works on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "chains")]
pub struct BlockJobChains {
    /// The image that the guest had when the job began, with those below it.
    #[xml(child = "disk")]
    pub disk: Option<JobImage>,
    /// The copy's.
    #[xml(child = "mirror")]
    pub mirror: Option<JobImage>,
}

/// The backup that runs, where there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "backups")]
pub struct StatusBackups {
    /// At most one.
    #[xml(child)]
    pub list: Vec<DomainBackup>,
}

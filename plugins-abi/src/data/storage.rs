//! Storage pools and their volumes.

use uuid::Uuid;

use crate::{abi_data, abi_enum, abi_flags};

abi_data! {
    /// A storage pool in a list.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct StoragePoolSummary as StoragePoolSummaryAbi {
        /// Unique in its driver, and what people call it.
        pub name: String,
        /// Unique everywhere, and never changes.
        pub uuid: Uuid,
        /// What it was doing when the list was made.
        pub state: StoragePoolState,
        /// `dir`, `logical` ...
        pub kind: String,
        /// Whether it has a definition that outlives its run.
        pub persistent: bool,
        /// Whether it starts with the host.
        pub autostart: bool,
        /// How much it holds, in bytes; 0 while it does not run.
        pub capacity: u64,
        /// How much of that is used, in bytes.
        pub allocation: u64,
        /// How much is left, in bytes.
        pub available: u64,
    }

    /// `virStoragePoolInfo`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct StoragePoolInfo as StoragePoolInfoAbi {
        /// What it is doing.
        pub state: StoragePoolState,
        /// How much it holds, in bytes.
        pub capacity: u64,
        /// How much of that is used, in bytes.
        pub allocation: u64,
        /// How much is left, in bytes.
        pub available: u64,
    }

    /// A volume in a list.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct StorageVolumeSummary as StorageVolumeSummaryAbi {
        /// The pool it is in.
        pub pool: Uuid,
        /// What people call that pool.
        pub pool_name: String,
        /// Unique in its pool.
        pub name: String,
        /// Unique everywhere.
        pub key: String,
        /// Where it is on the host, or what stands in a path's place there.
        pub path: String,
        /// What it is to the host.
        pub kind: StorageVolumeKind,
        /// The size that a guest sees, in bytes.
        pub capacity: u64,
        /// The space that it takes, in bytes.
        pub allocation: u64,
        /// Its format, `qcow2`; nothing where volumes of its pool have none.
        pub format: Option<String>,
        /// The image that its blocks come from until they are written.
        pub backing: Option<String>,
    }

    /// `virStorageVolInfo`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct StorageVolumeInfo as StorageVolumeInfoAbi {
        /// What it is to the host.
        pub kind: StorageVolumeKind,
        /// The size that a guest sees, in bytes.
        pub capacity: u64,
        /// The space that it takes, in bytes; with [`StorageVolumeInfoFlags::GET_PHYSICAL`] the length of its file.
        pub allocation: u64,
    }
}

abi_enum! {
    /// What a storage pool is doing. (`virStoragePoolState`)
    pub enum StoragePoolState {
        /// It is off.
        Inactive = 0 "inactive",
        /// It is being built.
        Building = 1 "building",
        /// It runs.
        Running = 2 "running",
        /// It runs, with less than it should have.
        Degraded = 3 "degraded",
        /// It runs, and cannot be reached.
        Inaccessible = 4 "inaccessible",
    }

    /// What a volume is to the host. (`virStorageVolType`)
    pub enum StorageVolumeKind {
        /// A regular file.
        File = 0 "file",
        /// A block device.
        Block = 1 "block",
        /// A directory.
        Dir = 2 "dir",
        /// Something on the network.
        Network = 3 "network",
        /// A directory on the network.
        NetDir = 4 "net-dir",
        /// A Parallels directory.
        Ploop = 5 "ploop",
    }

    /// How to wipe a volume. (`virStorageVolWipeAlgorithm`)
    pub enum WipeAlgorithm {
        /// Zeros, once.
        Zero = 0 "zero",
        /// NNSA Policy Letter NAP-14.1-C: random twice, zeros, verified.
        Nnsa = 1 "nnsa",
        /// DoD 5220.22-M section 8-306: random, its complement, zeros, verified.
        Dod = 2 "dod",
        /// The German BSI's: nine passes.
        Bsi = 3 "bsi",
        /// Gutmann's: 35 passes.
        Gutmann = 4 "gutmann",
        /// Schneier's: ones, zeros, random five times.
        Schneier = 5 "schneier",
        /// Pfitzner's: random seven times.
        Pfitzner7 = 6 "pfitzner7",
        /// Pfitzner's: random 33 times.
        Pfitzner33 = 7 "pfitzner33",
        /// Random, once.
        Random = 8 "random",
        /// The storage is told to forget it.
        Trim = 9 "trim",
    }

    /// A kind of event of a storage pool. (`virStoragePoolEventID`)
    pub enum StoragePoolEventKind {
        /// Defined, started, stopped ...
        Lifecycle = 0 "lifecycle",
        /// Its volumes were looked at anew.
        Refresh = 1 "refresh",
    }

    /// What happened in a storage pool's life. (`virStoragePoolEventLifecycleType`)
    pub enum StoragePoolLifecycle {
        /// It has a (new) definition.
        Defined = 0 "Defined",
        /// Its definition is gone.
        Undefined = 1 "Undefined",
        /// It runs.
        Started = 2 "Started",
        /// It is off.
        Stopped = 3 "Stopped",
        /// Its storage was made.
        Created = 4 "Created",
        /// Its storage was removed.
        Deleted = 5 "Deleted",
    }
}

abi_flags! {
    /// Which storage pools to list. Within a group the bits are alternatives; groups narrow each other; an empty group does
    /// not restrict. (`virConnectListAllStoragePoolsFlags`)
    pub struct ListStoragePools {
        /// Those that are off.
        const INACTIVE = 1 << 0;
        /// Those that run.
        const ACTIVE = 1 << 1;
        /// Those with a definition that outlives their run.
        const PERSISTENT = 1 << 2;
        /// Those that vanish when they stop.
        const TRANSIENT = 1 << 3;
        /// Those that start with the host.
        const AUTOSTART = 1 << 4;
        /// Those that do not.
        const NO_AUTOSTART = 1 << 5;
        /// Directories.
        const DIR = 1 << 6;
        /// File systems on block devices.
        const FS = 1 << 7;
        /// File systems on the network.
        const NETFS = 1 << 8;
        /// Volume groups.
        const LOGICAL = 1 << 9;
        /// Partitioned disks.
        const DISK = 1 << 10;
        /// iSCSI targets, through the host's initiator.
        const ISCSI = 1 << 11;
        /// SCSI hosts.
        const SCSI = 1 << 12;
        /// Multipath devices.
        const MPATH = 1 << 13;
        /// Ceph pools.
        const RBD = 1 << 14;
        /// Sheepdog clusters.
        const SHEEPDOG = 1 << 15;
        /// Gluster volumes.
        const GLUSTER = 1 << 16;
        /// ZFS pools.
        const ZFS = 1 << 17;
        /// Virtuozzo storage clusters.
        const VSTORAGE = 1 << 18;
        /// iSCSI targets, directly.
        const ISCSI_DIRECT = 1 << 19;
    }

    /// How to define a storage pool. (`virStoragePoolDefineFlags`)
    pub struct DefineStoragePool {
        /// Refuse elements and attributes that no model knows.
        const VALIDATE = 1 << 0;
    }

    /// How to start a storage pool. (`virStoragePoolCreateFlags`)
    pub struct StartStoragePool {
        /// Build it first.
        const WITH_BUILD = 1 << 0;
        /// Build it first, over what is there.
        const WITH_BUILD_OVERWRITE = 1 << 1;
        /// Build it first, unless something is there.
        const WITH_BUILD_NO_OVERWRITE = 1 << 2;
    }

    /// How to build a storage pool. (`virStoragePoolBuildFlags`)
    pub struct BuildStoragePool {
        /// Repair what is there.
        const REPAIR = 1 << 0;
        /// Extend or reduce what is there.
        const RESIZE = 1 << 1;
        /// Refuse when something is there.
        const NO_OVERWRITE = 1 << 2;
        /// Do it whatever is there.
        const OVERWRITE = 1 << 3;
    }

    /// How to delete a storage pool's storage. (`virStoragePoolDeleteFlags`)
    pub struct DeleteStoragePool {
        /// Write zeros over it.
        const ZEROED = 1 << 0;
    }

    /// Which view of a storage pool's XML. (`virStorageXMLFlags`)
    pub struct StoragePoolXml {
        /// What the next start uses.
        const INACTIVE = 1 << 0;
    }

    /// How to create a volume. (`virStorageVolCreateFlags`)
    pub struct CreateStorageVolume {
        /// Write an image's metadata for all of its capacity.
        const PREALLOC_METADATA = 1 << 0;
        /// Share the source's blocks until they are written, where the file system can.
        const REFLINK = 1 << 1;
        /// Refuse elements and attributes that no model knows.
        const VALIDATE = 1 << 2;
    }

    /// How to delete a volume. (`virStorageVolDeleteFlags`)
    pub struct DeleteStorageVolume {
        /// Write zeros over it.
        const ZEROED = 1 << 0;
        /// Its snapshots too.
        const WITH_SNAPSHOTS = 1 << 1;
    }

    /// How to resize a volume. (`virStorageVolResizeFlags`)
    pub struct ResizeStorageVolume {
        /// Allocate what is added.
        const ALLOCATE = 1 << 0;
        /// The size is what is added, not the new size.
        const DELTA = 1 << 1;
        /// Permit a smaller size, which loses data.
        const SHRINK = 1 << 2;
    }

    /// How to upload to or download from a volume. (`virStorageVolUploadFlags`, `virStorageVolDownloadFlags`)
    pub struct TransferStorageVolume {
        /// Holes stay holes.
        const SPARSE_STREAM = 1 << 0;
    }

    /// What is asked of a volume's size. (`virStorageVolInfoFlags`)
    pub struct StorageVolumeInfoFlags {
        /// The length of its file in place of the space that it takes.
        const GET_PHYSICAL = 1 << 0;
    }
}

/// The types of pools, in the order of their flags.
const POOL_KINDS: [&str; 14] = [
    "dir",
    "fs",
    "netfs",
    "logical",
    "disk",
    "iscsi",
    "scsi",
    "mpath",
    "rbd",
    "sheepdog",
    "gluster",
    "zfs",
    "vstorage",
    "iscsi-direct",
];

impl ListStoragePools {
    /// The flag of a type of pools, `netfs`; nothing for another word.
    ///
    /// ```
    /// # use plugins_abi::ListStoragePools;
    /// assert_eq!(ListStoragePools::of_kind("iscsi-direct"), Some(ListStoragePools::ISCSI_DIRECT));
    /// assert_eq!(ListStoragePools::of_kind("tape"), None);
    /// ```
    pub fn of_kind(kind: &str) -> Option<Self> {
        let place = POOL_KINDS.iter().position(|known| *known == kind)?;
        Some(Self::from_bits_retain(Self::DIR.bits() << place))
    }

    /// Whether a list with this filter shows a pool.
    ///
    /// ```
    /// # use plugins_abi::*;
    /// let pool = StoragePoolSummary {
    ///     name: "images".to_owned(),
    ///     uuid: uuid::Uuid::nil(),
    ///     state: StoragePoolState::Running,
    ///     kind: "dir".to_owned(),
    ///     persistent: true,
    ///     autostart: false,
    ///     capacity: 0,
    ///     allocation: 0,
    ///     available: 0,
    /// };
    /// assert!(ListStoragePools::empty().accepts(&pool));
    /// assert!((ListStoragePools::ACTIVE | ListStoragePools::DIR | ListStoragePools::FS).accepts(&pool));
    /// assert!(!(ListStoragePools::ACTIVE | ListStoragePools::RBD).accepts(&pool));
    /// ```
    pub fn accepts(self, pool: &StoragePoolSummary) -> bool {
        let pick = |holds: bool, yes: Self, no: Self| (yes | no, if holds { yes } else { no });
        let kinds = [
            pick(pool.state != StoragePoolState::Inactive, Self::ACTIVE, Self::INACTIVE),
            pick(pool.persistent, Self::PERSISTENT, Self::TRANSIENT),
            pick(pool.autostart, Self::AUTOSTART, Self::NO_AUTOSTART),
            (Self::KINDS, Self::of_kind(&pool.kind).unwrap_or_default()),
        ];
        kinds.into_iter().all(|(kind, own)| !self.intersects(kind) || self.intersects(own))
    }

    /// Those that say what type a pool is.
    pub const KINDS: Self = Self::from_bits_retain(((1 << POOL_KINDS.len()) - 1) << 6);
}

//! Snapshots and checkpoints.

use crate::{abi_data, abi_flags};

abi_data! {
    /// A snapshot or a checkpoint in a list.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct MomentSummary as MomentSummaryAbi {
        /// Unique in its domain.
        pub name: String,
        /// The one that it comes after.
        pub parent: Option<String>,
        /// Whether the domain goes on from it.
        pub current: bool,
        /// When it was made, in seconds since 1970.
        pub created: i64,
        /// What the domain did then, `running`, `shutoff`, `disk-snapshot`; empty for checkpoints.
        pub state: String,
        /// Whether other files than the domain's own hold some of it.
        pub external: bool,
        /// How many come right after it.
        pub children: u32,
    }
}

abi_flags! {
    /// Which snapshots to list. Within a group the bits are alternatives; groups narrow each other; an empty group does not
    /// restrict. (`virDomainSnapshotListFlags`)
    pub struct ListSnapshots {
        /// Of a domain: those without a parent.
        const ROOTS = 1 << 0;
        /// Of a snapshot: all that follow, not only its children.
        const DESCENDANTS = 1 << 0;
        /// Those that would keep the domain from being undefined.
        const METADATA = 1 << 1;
        /// Those without children.
        const LEAVES = 1 << 2;
        /// Those with children.
        const NO_LEAVES = 1 << 3;
        /// Those that only the hypervisor knows.
        const NO_METADATA = 1 << 4;
        /// Those of a domain that did not run.
        const INACTIVE = 1 << 5;
        /// Those of a domain that ran, with its memory.
        const ACTIVE = 1 << 6;
        /// Those of disks alone.
        const DISK_ONLY = 1 << 7;
        /// Those in the domain's own images.
        const INTERNAL = 1 << 8;
        /// Those in files of their own.
        const EXTERNAL = 1 << 9;
        /// Parents before their children.
        const TOPOLOGICAL = 1 << 10;
    }

    /// Which checkpoints to list. (`virDomainCheckpointListFlags`)
    pub struct ListCheckpoints {
        /// Of a domain: those without a parent.
        const ROOTS = 1 << 0;
        /// Of a checkpoint: all that follow, not only its children.
        const DESCENDANTS = 1 << 0;
        /// Parents before their children.
        const TOPOLOGICAL = 1 << 1;
        /// Those without children.
        const LEAVES = 1 << 2;
        /// Those with children.
        const NO_LEAVES = 1 << 3;
    }

    /// How to make a snapshot. (`virDomainSnapshotCreateFlags`)
    pub struct CreateSnapshot {
        /// It is there: only say what is known of it.
        const REDEFINE = 1 << 0;
        /// With `REDEFINE`: the domain goes on from it.
        const CURRENT = 1 << 1;
        /// Forget it afterwards.
        const NO_METADATA = 1 << 2;
        /// The domain stops then.
        const HALT = 1 << 3;
        /// Of the disks alone.
        const DISK_ONLY = 1 << 4;
        /// External files are there already.
        const REUSE_EXT = 1 << 5;
        /// The guest agent quiesces file systems first.
        const QUIESCE = 1 << 6;
        /// All disks or none.
        const ATOMIC = 1 << 7;
        /// The domain goes on meanwhile.
        const LIVE = 1 << 8;
        /// Refuse elements and attributes that no model knows.
        const VALIDATE = 1 << 9;
    }

    /// How to go back to a snapshot. (`virDomainSnapshotRevertFlags`)
    pub struct RevertSnapshot {
        /// The domain runs afterwards.
        const RUNNING = 1 << 0;
        /// The domain is paused afterwards.
        const PAUSED = 1 << 1;
        /// Even where that is risky.
        const FORCE = 1 << 2;
        /// Its NVRAM is made anew.
        const RESET_NVRAM = 1 << 3;
    }

    /// How to make a checkpoint. (`virDomainCheckpointCreateFlags`)
    pub struct CreateCheckpoint {
        /// It is there: only say what is known of it.
        const REDEFINE = 1 << 0;
        /// The guest agent quiesces file systems first.
        const QUIESCE = 1 << 1;
        /// With `REDEFINE`: make sure that it is there.
        const REDEFINE_VALIDATE = 1 << 2;
    }

    /// What goes. (`virDomainSnapshotDeleteFlags`, `virDomainCheckpointDeleteFlags`)
    pub struct DeleteMoment {
        /// All that follow, too.
        const CHILDREN = 1 << 0;
        /// Only what is known of it; the hypervisor keeps it.
        const METADATA_ONLY = 1 << 1;
        /// All that follow, and not itself.
        const CHILDREN_ONLY = 1 << 2;
    }

    /// Which view of a snapshot's XML. (`virDomainSnapshotXMLFlags`)
    pub struct SnapshotXml {
        /// Passwords too.
        const SECURE = 1 << 0;
    }

    /// Which view of a checkpoint's XML. (`virDomainCheckpointXMLFlags`)
    pub struct CheckpointXml {
        /// Passwords too.
        const SECURE = 1 << 0;
        /// Without the domain.
        const NO_DOMAIN = 1 << 1;
        /// With the sizes of what changed.
        const SIZE = 1 << 2;
    }
}

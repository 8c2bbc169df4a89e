//! Domains: who they are, what state they are in.

use uuid::Uuid;

use crate::{ListDomains, abi_data, abi_enum};

abi_data! {
    /// Who a domain is.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DomainIdentity as DomainIdentityAbi {
        /// Its name, unique in its driver.
        pub name: String,
        /// Its UUID, unique everywhere.
        pub uuid: Uuid,
        /// Its number while it runs.
        pub id: Option<u32>,
    }

    /// One line of a list.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DomainSummary as DomainSummaryAbi {
        /// Unique in its driver, and what people call it.
        pub name: String,
        /// Unique everywhere, and never changes.
        pub uuid: Uuid,
        /// Its number while it runs.
        pub id: Option<u32>,
        /// What it was doing when the list was made.
        pub state: DomainState,
        /// Why it is in that state; the meaning depends on the state, see [`DomainState::reason`].
        pub reason: i32,
        /// Whether it has a definition that outlives its run.
        pub persistent: bool,
        /// Whether it starts with the host.
        pub autostart: bool,
        /// Whether it has a managed save image.
        pub managed_save: bool,
    }

    /// `virDomainInfo`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct DomainInfo as DomainInfoAbi {
        /// What it is doing.
        pub state: DomainState,
        /// The largest memory it may have, in KiB.
        pub maximum_memory: u64,
        /// The memory it has, in KiB.
        pub memory: u64,
        /// The vCPUs it has.
        pub vcpus: u32,
        /// The CPU time it used, in nanoseconds.
        pub cpu_time: u64,
    }

    /// The state, and why.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct DomainStatus as DomainStatusAbi {
        /// What it is doing; the reason depends on it.
        pub state: DomainState,
        /// The reason, see [`DomainState::reason`].
        pub reason: i32,
    }

    /// Metadata to set.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct MetadataChange as MetadataChangeAbi {
        /// Which metadata.
        pub kind: MetadataKind,
        /// The text, or the element's XML; nothing removes it.
        pub text: Option<String>,
        /// The prefix of the element's namespace.
        pub prefix: Option<String>,
        /// The URI of the element's namespace.
        pub namespace: Option<String>,
    }

    /// Work that goes on in a domain. (`virDomainJobInfo`, and its typed parameters)
    #[derive(Clone, Debug, PartialEq)]
    pub struct DomainJob as DomainJobAbi {
        /// Whether there is one, and what became of it.
        pub kind: JobKind,
        /// What it does.
        pub operation: JobOperation,
        /// Milliseconds since it began.
        pub elapsed: u64,
        /// Milliseconds until it ends, as far as that can be told.
        pub remaining: Option<u64>,
        /// Everything else, under libvirt's names: `data_total`, `memory_processed` ...
        pub parameters: Vec<crate::TypedParameter>,
    }
}

abi_enum! {
    /// What a domain is doing. (`virDomainState`)
    pub enum DomainState {
        /// Unknown.
        None = 0 "no state",
        /// Running.
        Running = 1 "running",
        /// Waiting for something.
        Blocked = 2 "idle",
        /// Its CPUs are stopped.
        Paused = 3 "paused",
        /// Shutting down.
        Shutdown = 4 "in shutdown",
        /// Not running.
        Shutoff = 5 "shut off",
        /// Crashed, and kept.
        Crashed = 6 "crashed",
        /// Suspended by its own power management.
        PmSuspended = 7 "pmsuspended",
    }

    /// Why a domain runs. (`virDomainRunningReason`)
    pub enum RunningReason {
        /// Unknown.
        None = 0 "unknown",
        /// It was started.
        Booted = 1 "booted",
        /// It came from another host.
        Migrated = 2 "migrated",
        /// From a save image.
        Restored = 3 "restored",
        /// From a snapshot.
        FromSnapshot = 4 "from snapshot",
        /// It was resumed.
        Unpaused = 5 "unpaused",
        /// Its migration was cancelled.
        MigrationCanceled = 6 "migration canceled",
        /// Its saving was cancelled.
        SaveCanceled = 7 "save canceled",
        /// It was woken.
        Wakeup = 8 "event wakeup",
        /// It crashed, and goes on.
        Crashed = 9 "crashed",
        /// In post-copy migration.
        Postcopy = 10 "post-copy",
        /// In post-copy migration that failed.
        PostcopyFailed = 11 "post-copy failed",
    }

    /// Why a domain is paused. (`virDomainPausedReason`)
    pub enum PausedReason {
        /// Unknown.
        None = 0 "unknown",
        /// Somebody paused it.
        User = 1 "user",
        /// To migrate.
        Migration = 2 "migrating",
        /// To save it.
        Save = 3 "saving",
        /// To dump it.
        Dump = 4 "dumping",
        /// A disk failed.
        IoError = 5 "I/O error",
        /// Its watchdog fired.
        Watchdog = 6 "watchdog",
        /// Restored from a snapshot of a paused guest.
        FromSnapshot = 7 "from snapshot",
        /// On its way down.
        ShuttingDown = 8 "shutting down",
        /// To take a snapshot.
        Snapshot = 9 "creating snapshot",
        /// It crashed.
        Crashed = 10 "crashed",
        /// Not yet started.
        StartingUp = 11 "starting up",
        /// In post-copy migration.
        Postcopy = 12 "post-copy",
        /// In post-copy migration that failed.
        PostcopyFailed = 13 "post-copy failed",
        /// A call failed half way.
        ApiError = 14 "api error",
    }

    /// Why a domain is shutting down. (`virDomainShutdownReason`)
    pub enum ShutdownReason {
        /// Unknown.
        None = 0 "unknown",
        /// Somebody asked it to.
        User = 1 "user",
    }

    /// Why a domain is shut off. (`virDomainShutoffReason`)
    pub enum ShutoffReason {
        /// Unknown.
        None = 0 "unknown",
        /// The guest shut down.
        Shutdown = 1 "shutdown",
        /// It was destroyed.
        Destroyed = 2 "destroyed",
        /// It crashed.
        Crashed = 3 "crashed",
        /// It moved to another host.
        Migrated = 4 "migrated",
        /// It was saved.
        Saved = 5 "saved",
        /// It failed to start.
        Failed = 6 "failed",
        /// Restored from a snapshot of a guest that was off.
        FromSnapshot = 7 "from snapshot",
        /// What watched it died.
        Daemon = 8 "daemon",
    }

    /// Why a domain counts as crashed. (`virDomainCrashedReason`)
    pub enum CrashedReason {
        /// Unknown.
        None = 0 "unknown",
        /// Its kernel panicked.
        Panicked = 1 "panicked",
    }

    /// What became of a job. (`virDomainJobType`)
    pub enum JobKind {
        /// There is none.
        None = 0 "None",
        /// It goes on, and its end can be told.
        Bounded = 1 "Bounded",
        /// It goes on.
        Unbounded = 2 "Unbounded",
        /// It ended well.
        Completed = 3 "Completed",
        /// It failed.
        Failed = 4 "Failed",
        /// It was cancelled.
        Cancelled = 5 "Cancelled",
    }

    /// What a job does. (`virDomainJobOperation`)
    pub enum JobOperation {
        /// Unknown.
        None = 0 "Unknown",
        /// Starts.
        Start = 1 "Start",
        /// Saves.
        Save = 2 "Save",
        /// Restores.
        Restore = 3 "Restore",
        /// Receives.
        IncomingMigration = 4 "Incoming migration",
        /// Sends.
        OutgoingMigration = 5 "Outgoing migration",
        /// Takes a snapshot.
        Snapshot = 6 "Snapshot",
        /// Goes back to a snapshot.
        SnapshotRevert = 7 "Snapshot revert",
        /// Dumps.
        Dump = 8 "Dump",
        /// Backs up.
        Backup = 9 "Backup",
        /// Removes a snapshot.
        SnapshotDelete = 10 "Snapshot delete",
    }

    /// Which metadata. (`virDomainMetadataType`)
    pub enum MetadataKind {
        /// `<description>`
        Description = 0 "description",
        /// `<title>`
        Title = 1 "title",
        /// An element of a foreign namespace in `<metadata>`.
        Element = 2 "element",
    }
}

impl DomainState {
    /// Whether a domain in this state is active: has a number, uses memory.
    pub const fn is_active(self) -> bool {
        !matches!(self, Self::Shutoff)
    }

    /// The word for a reason of this state, as `virsh domstate --reason` prints it.
    pub const fn reason(self, number: i32) -> &'static str {
        match self {
            Self::Running => RunningReason::from_number(number).text(),
            Self::Paused => PausedReason::from_number(number).text(),
            Self::Shutdown => ShutdownReason::from_number(number).text(),
            Self::Shutoff => ShutoffReason::from_number(number).text(),
            Self::Crashed => CrashedReason::from_number(number).text(),
            Self::None | Self::Blocked | Self::PmSuspended | Self::Unknown(_) => "unknown",
        }
    }
}

impl ListDomains {
    /// Whether a list with this filter shows a domain that has neither snapshots nor checkpoints. Bits of one kind
    /// widen the list, bits of different kinds narrow it; of a kind that has no bit set, every domain is shown.
    ///
    /// ```
    /// # use plugins_abi::*;
    /// let guest = DomainSummary {
    ///     name: "web".to_owned(),
    ///     uuid: uuid::Uuid::nil(),
    ///     id: Some(1),
    ///     state: DomainState::Paused,
    ///     reason: 1,
    ///     persistent: true,
    ///     autostart: false,
    ///     managed_save: false,
    /// };
    /// assert!(ListDomains::empty().accepts(&guest));
    /// assert!((ListDomains::ACTIVE | ListDomains::PAUSED | ListDomains::RUNNING).accepts(&guest));
    /// assert!(!(ListDomains::ACTIVE | ListDomains::TRANSIENT).accepts(&guest));
    /// ```
    pub fn accepts(self, domain: &DomainSummary) -> bool {
        let state = match domain.state {
            DomainState::Running => Self::RUNNING,
            DomainState::Paused => Self::PAUSED,
            DomainState::Shutoff => Self::SHUTOFF,
            _ => Self::OTHER,
        };
        let pick = |holds: bool, yes: Self, no: Self| (yes | no, if holds { yes } else { no });
        let kinds = [
            (Self::RUNNING | Self::PAUSED | Self::SHUTOFF | Self::OTHER, state),
            pick(domain.state.is_active(), Self::ACTIVE, Self::INACTIVE),
            pick(domain.persistent, Self::PERSISTENT, Self::TRANSIENT),
            pick(domain.autostart, Self::AUTOSTART, Self::NO_AUTOSTART),
            pick(domain.managed_save, Self::MANAGED_SAVE, Self::NO_MANAGED_SAVE),
            pick(false, Self::HAS_SNAPSHOT, Self::NO_SNAPSHOT),
            pick(false, Self::HAS_CHECKPOINT, Self::NO_CHECKPOINT),
        ];
        kinds.into_iter().all(|(kind, own)| !self.intersects(kind) || self.contains(own))
    }
}

impl From<DomainSummary> for DomainIdentity {
    fn from(summary: DomainSummary) -> Self {
        Self { name: summary.name, uuid: summary.uuid, id: summary.id }
    }
}

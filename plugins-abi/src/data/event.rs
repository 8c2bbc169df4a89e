//! Events, as drivers report them.

use crate::{DomainIdentity, TypedParameter, abi_data, abi_enum};

abi_data! {
    /// Something happened to a domain.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Event as EventAbi {
        /// Its number: each event of one driver root has the next one, the same for every reader.
        pub sequence: u64,
        /// When: seconds since 1970.
        pub seconds: i64,
        /// And nanoseconds.
        pub nanoseconds: u32,
        /// To whom.
        pub domain: DomainIdentity,
        /// What kind of event.
        pub kind: EventKind,
        /// Lifecycle events: a [`LifecycleEvent`]; others: the first number of libvirt's callback.
        pub event: i32,
        /// Lifecycle events: the detail; others: the second number of libvirt's callback.
        pub detail: i32,
        /// Everything else that libvirt's callback of this kind has, under its argument names.
        pub parameters: Vec<TypedParameter>,
    }

    /// What a reader of events gets.
    #[derive(Clone, Debug, PartialEq)]
    pub struct EventBatch as EventBatchAbi {
        /// How many events were lost before these, because the reader was too slow.
        pub missed: u64,
        /// The next events; empty when the time was up.
        pub events: Vec<Event>,
    }
}

abi_enum! {
    /// A kind of event. (`virDomainEventID`)
    pub enum EventKind {
        /// Defined, started, stopped ...
        Lifecycle = 0 "lifecycle",
        /// The guest rebooted.
        Reboot = 1 "reboot",
        /// The guest set its clock.
        RtcChange = 2 "rtc-change",
        /// A watchdog fired.
        Watchdog = 3 "watchdog",
        /// A disk failed.
        IoError = 4 "io-error",
        /// Somebody looks at the guest's screen, or stopped.
        Graphics = 5 "graphics",
        /// A disk failed, with the reason.
        IoErrorReason = 6 "io-error-reason",
        /// The connection to the hypervisor is lost.
        ControlError = 7 "control-error",
        /// A block job changed.
        BlockJob = 8 "block-job",
        /// Another disk image.
        DiskChange = 9 "disk-change",
        /// A tray opened or closed.
        TrayChange = 10 "tray-change",
        /// The guest woke.
        PmWakeup = 11 "pm-wakeup",
        /// The guest suspended to memory.
        PmSuspend = 12 "pm-suspend",
        /// The guest's memory changed.
        BalloonChange = 13 "balloon-change",
        /// The guest suspended to disk.
        PmSuspendDisk = 14 "pm-suspend-disk",
        /// A device is gone.
        DeviceRemoved = 15 "device-removed",
        /// A block job changed; names the disk by its target.
        BlockJob2 = 16 "block-job-2",
        /// Tunables changed.
        Tunable = 17 "tunable",
        /// The guest agent came or went.
        AgentLifecycle = 18 "agent-lifecycle",
        /// A device came.
        DeviceAdded = 19 "device-added",
        /// Migration began another pass.
        MigrationIteration = 20 "migration-iteration",
        /// A job ended.
        JobCompleted = 21 "job-completed",
        /// A device would not go.
        DeviceRemovalFailed = 22 "device-removal-failed",
        /// Metadata changed.
        MetadataChange = 23 "metadata-change",
        /// A disk passed its write threshold.
        BlockThreshold = 24 "block-threshold",
        /// Memory failed.
        MemoryFailure = 25 "memory-failure",
        /// A memory device changed its size.
        MemoryDeviceSizeChange = 26 "memory-device-size-change",
        /// The guest changed a MAC address.
        NicMacChange = 27 "nic-mac-change",
    }

    /// What happened in a domain's life. (`virDomainEventType`)
    pub enum LifecycleEvent {
        /// It has a (new) definition.
        Defined = 0 "Defined",
        /// Its definition is gone.
        Undefined = 1 "Undefined",
        /// It runs.
        Started = 2 "Started",
        /// Its CPUs stopped.
        Suspended = 3 "Suspended",
        /// Its CPUs go on.
        Resumed = 4 "Resumed",
        /// It is off.
        Stopped = 5 "Stopped",
        /// Its guest has shut down.
        Shutdown = 6 "Shutdown",
        /// Its guest suspended itself.
        PmSuspended = 7 "PMSuspended",
        /// Its guest crashed.
        Crashed = 8 "Crashed",
    }

    /// (`virDomainEventDefinedDetailType`)
    pub enum DefinedDetail {
        /// New.
        Added = 0 "Added",
        /// Changed.
        Updated = 1 "Updated",
        /// Renamed.
        Renamed = 2 "Renamed",
        /// From a snapshot.
        FromSnapshot = 3 "Snapshot",
    }

    /// (`virDomainEventUndefinedDetailType`)
    pub enum UndefinedDetail {
        /// Removed.
        Removed = 0 "Removed",
        /// Renamed.
        Renamed = 1 "Renamed",
    }

    /// (`virDomainEventStartedDetailType`)
    pub enum StartedDetail {
        /// Booted.
        Booted = 0 "Booted",
        /// Came from another host.
        Migrated = 1 "Migrated",
        /// From a save image.
        Restored = 2 "Restored",
        /// From a snapshot.
        FromSnapshot = 3 "Snapshot",
        /// Woken.
        Wakeup = 4 "Event wakeup",
    }

    /// (`virDomainEventSuspendedDetailType`)
    pub enum SuspendedDetail {
        /// Somebody paused it.
        Paused = 0 "Paused",
        /// For migration.
        Migrated = 1 "Migrated",
        /// A disk failed.
        IoError = 2 "I/O Error",
        /// Its watchdog fired.
        Watchdog = 3 "Watchdog",
        /// Restored paused.
        Restored = 4 "Restored",
        /// From a snapshot.
        FromSnapshot = 5 "Snapshot",
        /// A call failed half way.
        ApiError = 6 "API error",
        /// Post-copy migration.
        Postcopy = 7 "Post-copy",
        /// Post-copy migration failed.
        PostcopyFailed = 8 "Post-copy Error",
    }

    /// (`virDomainEventResumedDetailType`)
    pub enum ResumedDetail {
        /// Somebody resumed it.
        Unpaused = 0 "Unpaused",
        /// After migration.
        Migrated = 1 "Migrated",
        /// From a snapshot.
        FromSnapshot = 2 "Snapshot",
        /// Post-copy migration.
        Postcopy = 3 "Post-copy",
        /// Post-copy migration failed.
        PostcopyFailed = 4 "Post-copy Error",
    }

    /// (`virDomainEventStoppedDetailType`)
    pub enum StoppedDetail {
        /// The guest shut down.
        Shutdown = 0 "Shutdown",
        /// It was destroyed.
        Destroyed = 1 "Destroyed",
        /// It crashed.
        Crashed = 2 "Crashed",
        /// It moved to another host.
        Migrated = 3 "Migrated",
        /// It was saved.
        Saved = 4 "Saved",
        /// It failed.
        Failed = 5 "Failed",
        /// To go back to a snapshot of a guest that was off.
        FromSnapshot = 6 "Snapshot",
    }

    /// (`virDomainEventShutdownDetailType`)
    pub enum ShutdownDetail {
        /// Unknown who asked.
        Finished = 0 "Finished",
        /// The guest itself.
        Guest = 1 "Finished after guest request",
        /// Somebody on the host.
        Host = 2 "Finished after host request",
    }

    /// (`virDomainEventPMSuspendedDetailType`)
    pub enum PmSuspendedDetail {
        /// To memory.
        Memory = 0 "Memory",
        /// To disk.
        Disk = 1 "Disk",
    }

    /// (`virDomainEventCrashedDetailType`)
    pub enum CrashedDetail {
        /// Its kernel panicked.
        Panicked = 0 "Panicked",
        /// Its kernel loaded a crash kernel.
        CrashLoaded = 1 "Crashloaded",
    }
}

impl LifecycleEvent {
    /// The word for a detail of this event, as `virsh event` prints it.
    pub const fn detail(self, number: i32) -> &'static str {
        match self {
            Self::Defined => DefinedDetail::from_number(number).text(),
            Self::Undefined => UndefinedDetail::from_number(number).text(),
            Self::Started => StartedDetail::from_number(number).text(),
            Self::Suspended => SuspendedDetail::from_number(number).text(),
            Self::Resumed => ResumedDetail::from_number(number).text(),
            Self::Stopped => StoppedDetail::from_number(number).text(),
            Self::Shutdown => ShutdownDetail::from_number(number).text(),
            Self::PmSuspended => PmSuspendedDetail::from_number(number).text(),
            Self::Crashed => CrashedDetail::from_number(number).text(),
            Self::Unknown(_) => "unknown",
        }
    }
}

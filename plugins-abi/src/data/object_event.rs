//! Events of what is no domain, as drivers report them.

use uuid::Uuid;

use crate::{TypedParameter, abi_data, abi_enum};

abi_data! {
    /// Something happened to a node device, a network, a storage pool or a secret.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ObjectEvent as ObjectEventAbi {
        /// Its number, one higher than that of the event before it. Where a driver root keeps events, it is the same for
        /// every reader; where they come from the kernel, each reader counts its own.
        pub sequence: u64,
        /// When: seconds since 1970.
        pub seconds: i64,
        /// And nanoseconds.
        pub nanoseconds: u32,
        /// To whom; for secrets the UUID as text.
        pub name: String,
        /// Its UUID, for kinds that have one.
        pub uuid: Option<Uuid>,
        /// What kind of event: libvirt's number among those of this object, `virNetworkEventID`, `virStoragePoolEventID` ...
        pub kind: i32,
        /// The first number of libvirt's callback: what happened, for events in its life.
        pub event: i32,
        /// The second number of libvirt's callback.
        pub detail: i32,
        /// Everything else that libvirt's callback of this kind has, under its argument names.
        pub parameters: Vec<TypedParameter>,
    }

    /// What a reader of such events gets.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ObjectEventBatch as ObjectEventBatchAbi {
        /// How many events were lost before these, because the reader was too slow; 1 where only that some were is known.
        pub missed: u64,
        /// The next events; empty when the time was up.
        pub events: Vec<ObjectEvent>,
    }
}

abi_enum! {
    /// A kind of event of a node device. (`virNodeDeviceEventID`)
    pub enum NodeDeviceEventKind {
        /// It came, went, was defined ...
        Lifecycle = 0 "lifecycle",
        /// What is known of it changed.
        Update = 1 "update",
    }

    /// What happened in a node device's life. (`virNodeDeviceEventLifecycleType`)
    pub enum NodeDeviceLifecycle {
        /// It is there.
        Created = 0 "Created",
        /// It is gone.
        Deleted = 1 "Deleted",
        /// It has a definition.
        Defined = 2 "Defined",
        /// Its definition is gone.
        Undefined = 3 "Undefined",
    }
}

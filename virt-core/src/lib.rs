//! Libvirt's job as an embeddable library.
//!
//! The crate has two faces: [`driver`], for authors of drivers, and (feature `host`, on by default) connections,
//! domains and events for applications.
//!
#![cfg_attr(
    feature = "host",
    doc = r#"
```
use virt_core::{Connection, ListDomains, Registry, StartDomain};

let registry = Registry::empty();
registry.register::<virt_driver_test::TestDriver>()?;
let connection = Connection::builder().uri("test:///default").registry(&registry).open()?;
for entry in connection.domains(ListDomains::ACTIVE)? {
    println!("{} is {}", entry.name, entry.state);
}
let guest = connection.domain_by_name("test")?;
guest.suspend()?;
guest.resume()?;
# Ok::<(), virt_core::Error>(())
```
"#
)]

pub mod driver;
pub mod object_log;
pub mod sriov;

#[cfg(feature = "host")]
mod connection;
#[cfg(feature = "host")]
mod defaults;
#[cfg(feature = "host")]
mod domain;
#[cfg(feature = "host")]
mod event;
#[cfg(feature = "host")]
mod guests;
#[cfg(feature = "host")]
mod moment;
#[cfg(feature = "host")]
mod network;
#[cfg(feature = "host")]
mod node_device;
#[cfg(feature = "host")]
mod registry;
#[cfg(feature = "host")]
mod saving;
#[cfg(feature = "host")]
mod secondary;
#[cfg(feature = "host")]
mod secret;
#[cfg(feature = "host")]
mod security;
#[cfg(feature = "host")]
mod services;
#[cfg(feature = "host")]
mod statistics;
#[cfg(feature = "host")]
mod storage_pool;
#[cfg(feature = "host")]
mod storage_volume;
#[cfg(feature = "host")]
mod stream;

#[cfg(feature = "host")]
pub use {
    connection::{Connection, ConnectionBuilder},
    defaults::default_uri,
    domain::{Domain, DomainEntry},
    event::{DomainEvent, DomainEventKind, Events, Notice, Subscription},
    guests::serve_guests,
    moment::{Checkpoint, Snapshot},
    network::{Network, NetworkEntry, NetworkEvent, NetworkEventKind, NetworkPort},
    node_device::{NodeDevice, NodeDeviceEntry, NodeDeviceEvent, NodeDeviceEventKind},
    plugins_abi::{Cancellation, loader::SearchPath},
    registry::{DriverState, FoundDriver, Registry},
    secret::{Secret, SecretEntry, SecretEvent, SecretEventKind},
    storage_pool::{StoragePool, StoragePoolEntry, StoragePoolEvent, StoragePoolEventKind},
    storage_volume::{StorageVolume, StorageVolumeEntry},
    stream::Stream,
};

// The values of the calls, under the names that both faces use.
#[cfg(feature = "host")]
pub use plugins_abi::{
    Affect, DefineDomain, DestroyDomain, DeviceChange, DomainCapabilitiesRequest, DomainIdentity, DomainInfo,
    DomainJob, DomainState, DomainStatus, DomainSummary, DomainXml, EventKind, JobKind, JobOperation,
    LifecycleEvent, ListDomains, MemoryFlags, MetadataChange, MetadataKind, NodeInfo, OpenConsole,
    RebootDomain, Screenshot, ShutdownDomain, StartDomain, StreamChunk, TypedParameter, TypedValue,
    UndefineDomain, VcpuFlags,
};

// Those of saved memory, of moments, of labels and of statistics.
#[cfg(feature = "host")]
pub use plugins_abi::{
    CheckpointXml, CreateCheckpoint, CreateSnapshot, DeleteMoment, DomainMessages, DomainStatistics,
    DumpDomain, DumpFormat, ListCheckpoints, ListSnapshots, MomentSummary, RevertSnapshot, SaveDomain,
    SaveImageXml, SecurityLabel, SecurityModel, SnapshotXml, StatisticsGroups,
};

// Those of networks.
#[cfg(feature = "host")]
pub use plugins_abi::{
    CreateNetwork, CreateNetworkPort, DefineNetwork, DhcpLease, ListNetworks, NetworkChange, NetworkCommand,
    NetworkIdentity, NetworkLifecycle, NetworkPart, NetworkSummary, NetworkXml,
};

// Those of node devices.
#[cfg(feature = "host")]
pub use plugins_abi::{
    CreateNodeDevice, DefineNodeDevice, ListNodeDevices, NodeDeviceLifecycle, NodeDeviceSummary,
    NodeDeviceXml,
};

#[cfg(feature = "host")]
pub use plugins_abi::{
    BuildStoragePool, CreateStorageVolume, DefineSecret, DefineStoragePool, DeleteStoragePool,
    DeleteStorageVolume, ListSecrets, ListStoragePools, ResizeStorageVolume, SecretLifecycle, SecretSummary,
    SecretUsageKind, SecretValue, StartStoragePool, StoragePoolInfo, StoragePoolLifecycle, StoragePoolState,
    StoragePoolSummary, StoragePoolXml, StorageVolumeInfo, StorageVolumeInfoFlags, StorageVolumeKind,
    StorageVolumeSummary, TransferStorageVolume, WipeAlgorithm,
};

pub use plugins_abi::export_driver;
pub use uuid::Uuid;
pub use virt_util::error::{Error, ErrorCode, ErrorDomain, Place, Result};
pub use virt_util::uri::Uri;

/// The version of this library: 1,000,000 * major + 1,000 * minor + release.
pub const VERSION: u64 = version_number(env!("CARGO_PKG_VERSION"));

/// `1.2.3` as libvirt counts versions.
const fn version_number(text: &str) -> u64 {
    let (mut parts, mut part, mut at) = ([0u64; 3], 0, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() && part < 3 {
        match bytes[at] {
            digit @ b'0'..=b'9' => parts[part] = parts[part] * 10 + (digit - b'0') as u64,
            _ => part += 1,
        }
        at += 1;
    }
    parts[0] * 1_000_000 + parts[1] * 1_000 + parts[2]
}

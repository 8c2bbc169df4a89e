//! Storage pools: their documents, and the volumes that are said to be in them.

use std::collections::BTreeMap;

use uuid::Uuid;
use virt_conf::model::storage_pool::{
    LogicalSource, NetfsSource, NetworkFileSystem, SourceDevice, SourceSearch, StorageAdapter,
    StoragePoolKind, StoragePoolSources, VolumeGroupFormat,
};
use virt_conf::model::{Bytes, StoragePool as Document};
use virt_conf::xml::{FormatOptions, to_string};
use virt_core::driver::{
    Error, ErrorCode, ErrorDomain, ObjectEvent, Result, StoragePoolInfo, StoragePoolState, StoragePoolSummary,
};

use super::Node;
use super::events::Happening;
use super::managed::{Attempt, Life, Living};
use super::table::Object;
use super::volume::Volume;
use crate::error;

/// What every simulated pool holds, in bytes.
const CAPACITY: u64 = 100 << 30;

/// A simulated storage pool.
#[derive(Debug)]
pub(crate) struct Pool {
    life: Life<Document>,
    /// By name. They stay when the pool stops.
    pub(super) volumes: BTreeMap<String, Volume>,
}

impl Object for Pool {
    type Happening = Happening;
    type Event = ObjectEvent;
    const KIND: &'static str = "storage pool";
    const SHORT: &'static str = "pool";
    const ABSENT: ErrorCode = ErrorCode::NO_STORAGE_POOL;
    const DOMAIN: ErrorDomain = ErrorDomain::STORAGE;

    fn name(&self) -> &str {
        &self.life.name
    }

    fn uuid(&self) -> Uuid {
        self.life.uuid
    }

    fn tell(&self, happening: Happening) -> ObjectEvent {
        happening.to(&self.life.name, Some(self.life.uuid))
    }

    fn is_gone(&self) -> bool {
        self.life.is_gone()
    }
}

impl Living for Pool {
    type Document = Document;

    fn new(life: Life<Document>) -> Self {
        Self { life, volumes: BTreeMap::new() }
    }

    fn life(&self) -> &Life<Document> {
        &self.life
    }

    fn life_mut(&mut self) -> &mut Life<Document> {
        &mut self.life
    }

    fn wrong_state(&self, attempt: Attempt) -> Option<Error> {
        let word = if attempt == Attempt::Stop { "is not" } else { "is" };
        Some(error::state(ErrorDomain::TEST, format!("storage pool '{}' {word} active", self.life.name)))
    }
}

impl Pool {
    /// What its volumes take, in bytes.
    pub(super) fn allocation(&self) -> u64 {
        self.volumes.values().map(|volume| volume.document.allocation.0).sum()
    }

    pub(super) fn available(&self) -> u64 {
        CAPACITY.saturating_sub(self.allocation())
    }

    fn state(&self) -> StoragePoolState {
        if self.life.is_active() { StoragePoolState::Running } else { StoragePoolState::Inactive }
    }

    pub(crate) fn info(&self) -> StoragePoolInfo {
        StoragePoolInfo {
            state: self.state(),
            capacity: CAPACITY,
            allocation: self.allocation(),
            available: self.available(),
        }
    }

    pub(crate) fn summary(&self) -> StoragePoolSummary {
        let StoragePoolInfo { state, capacity, allocation, available } = self.info();
        StoragePoolSummary {
            name: self.life.name.clone(),
            uuid: self.life.uuid,
            state,
            kind: self
                .life
                .document(false)
                .map(|document| document.kind.tag().to_owned())
                .unwrap_or_default(),
            persistent: self.life.is_persistent(),
            autostart: self.life.autostart,
            capacity,
            allocation,
            available,
        }
    }

    pub(crate) fn xml(&self, inactive: bool) -> String {
        let Some(document) = self.life.document(inactive) else { return String::new() };
        let mut document = document.clone();
        document.capacity = Bytes(CAPACITY);
        document.allocation = Bytes(self.allocation());
        document.available = Bytes(self.available());
        to_string(&document, FormatOptions::default())
    }

    /// Where it shows, if it runs.
    pub(crate) fn target_path(&self) -> Option<&str> {
        self.life.running()?.target_path()
    }

    /// Refuses what takes a pool that is off.
    pub(crate) fn require_off(&self) -> Result<()> {
        match self.wrong_state(Attempt::Start) {
            Some(error) if self.life.is_active() => Err(error),
            _ => Ok(()),
        }
    }

    /// Refuses what takes a pool that runs.
    pub(crate) fn require_active(&self) -> Result<&Document> {
        let off =
            || error::state(ErrorDomain::TEST, format!("storage pool '{}' is not active", self.life.name));
        self.life.running().ok_or_else(off)
    }
}

impl Node {
    /// Refuses a pool whose storage is another's.
    pub(crate) fn check_source(&self, document: &Document, uuid: Uuid) -> Result<()> {
        let wanted = sources(document);
        let pools = self.pools.read();
        // The same name or identity is the clearer complaint.
        pools.owner_of(&document.name, uuid)?;
        let has_it = |pool: &&Pool| {
            let own = pool.life.document(false).filter(|_| pool.life.uuid != uuid);
            own.is_some_and(|own| sources(own).iter().any(|source| wanted.contains(source)))
        };
        match pools.iter().find(has_it) {
            Some(other) => {
                let sentence = format!("Storage source conflict with pool: '{}'", other.life.name);
                Err(error::failed(ErrorDomain::STORAGE, sentence))
            }
            None => Ok(()),
        }
    }
}

/// What storage a pool takes for itself, in words that are equal for the same storage.
fn sources(pool: &Document) -> Vec<String> {
    let device = |device: &SourceDevice| format!("device {}", device.path);
    let host = |hosts: &[virt_conf::model::storage_pool::SourceHost]| {
        hosts.first().map(|host| host.name.clone()).unwrap_or_default()
    };
    match &pool.kind {
        StoragePoolKind::Dir(_) => {
            pool.target_path().map(|path| format!("directory {path}")).into_iter().collect()
        }
        StoragePoolKind::Fs(fs) => fs.source.devices.iter().map(device).collect(),
        StoragePoolKind::Disk(disk) => disk.source.devices.iter().map(device).collect(),
        StoragePoolKind::Logical(logical) => {
            let name = logical.source.name.as_deref().unwrap_or(&pool.name);
            let devices = logical.source.devices.iter().map(device);
            devices.chain([format!("group {name}")]).collect()
        }
        StoragePoolKind::Netfs(netfs) => {
            let directory = netfs.source.directory.as_deref().unwrap_or_default();
            vec![format!("share {}:{directory}", host(&netfs.source.hosts))]
        }
        StoragePoolKind::Scsi(scsi) => match &scsi.source.adapter {
            Some(StorageAdapter::ScsiHost(adapter)) => vec![format!("adapter {adapter:?}")],
            Some(StorageAdapter::FcHost(adapter)) => {
                vec![format!("adapter {} {}", adapter.wwnn, adapter.wwpn)]
            }
            None => Vec::new(),
        },
        StoragePoolKind::Mpath(_) => vec!["multipath".to_owned()],
        _ => Vec::new(),
    }
}

/// What libvirt's test driver finds wherever it looks.
pub(crate) fn find_sources(kind: &str, search: Option<&str>) -> Result<String> {
    let found = match kind {
        "netfs" => {
            let search: Option<SourceSearch> = search.map(str::parse).transpose()?;
            let hosts = search.map(|search| search.hosts).unwrap_or_default();
            if hosts.is_empty() {
                return Err(error::argument("hostname must be specified for netfs sources"));
            }
            let share = NetfsSource {
                hosts,
                directory: Some("/testshare".to_owned()),
                format: NetworkFileSystem::Nfs,
                ..NetfsSource::default()
            };
            StoragePoolSources { netfs: vec![share], ..StoragePoolSources::default() }
        }
        "logical" => {
            let group = |device: &str, name: &str| LogicalSource {
                devices: vec![SourceDevice { path: device.to_owned(), ..SourceDevice::default() }],
                name: Some(name.to_owned()),
                format: VolumeGroupFormat::Lvm2,
                ..LogicalSource::default()
            };
            let logical = vec![group("/dev/sda20", "testvg1"), group("/dev/sda21", "testvg2")];
            StoragePoolSources { logical, ..StoragePoolSources::default() }
        }
        _ => {
            let sentence = format!("pool type '{kind}' does not support source discovery");
            return Err(Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::TEST, sentence));
        }
    };
    Ok(to_string(&found, FormatOptions::default()))
}

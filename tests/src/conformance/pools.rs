//! Storage pools.

use uuid::Uuid;
use virt_core::{
    BuildStoragePool, DefineStoragePool, DeleteStoragePool, ErrorCode, ListStoragePools, StartStoragePool,
    StoragePool, StoragePoolEventKind, StoragePoolLifecycle, StoragePoolState, StoragePoolXml,
};

use super::Behaviour;
use super::probe::{Ended, Probe};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a pool is found until it is removed", definitions),
    ("pools' names and UUIDs are unique", conflicts),
    ("what is no pool is refused", bad_definitions),
    ("a pool is built, starts, stops, is deleted, and tells of it", life),
    ("a pool without a definition vanishes at its end", transient),
    ("a pool can start with the host", autostart),
    ("storage is described and found", discovery),
    ("a connection for reading changes no pool", read_only),
];

const INVALID: &[ErrorCode] = &[ErrorCode::OPERATION_INVALID];
const ABSENT: &[ErrorCode] = &[ErrorCode::NO_STORAGE_POOL];

impl Probe<'_> {
    /// The document of a pool of this behaviour; the end of a driver that cannot be given one.
    fn pool_xml(&self, which: &str, uuid: Uuid) -> Result<String, Ended> {
        self.subject.pool.as_ref().map(|pool| pool.named(&self.name(which), uuid)).ok_or(Ended)
    }

    pub(super) fn define_pool(&self, which: &str) -> Result<StoragePool, Ended> {
        let xml = self.pool_xml(which, Uuid::new_v4())?;
        self.did("StoragePools.define", self.connection.define_storage_pool(&xml, DefineStoragePool::empty()))
    }

    /// A pool that is built and runs.
    pub(super) fn running_pool(&self, which: &str) -> Result<StoragePool, Ended> {
        let pool = self.define_pool(which)?;
        self.did("StoragePools.build", pool.build(BuildStoragePool::empty()))?;
        self.did("StoragePools.create", pool.start(StartStoragePool::empty()))?;
        Ok(pool)
    }

    /// The names of this behaviour's pools in a list.
    fn pools(&self, filter: ListStoragePools) -> Result<Vec<String>, Ended> {
        let list = self.did("StoragePools.list", self.connection.storage_pools(filter))?;
        Ok(self.own(list.iter().map(|entry| entry.name.clone())))
    }

    fn pool_is(&self, call: &'static str, pool: &StoragePool, state: StoragePoolState) -> Result<(), Ended> {
        let info = self.did("StoragePools.info", pool.info())?;
        self.same(call, "the state", info.state, state)?;
        let summary = self.did("StoragePools.summary", pool.summary())?;
        self.same("StoragePools.summary", "the state", summary.state, state)
    }
}

fn definitions(probe: &Probe<'_>) -> Result<(), Ended> {
    let (connection, uuid) = (&probe.connection, Uuid::new_v4());
    let xml = probe.pool_xml("a", uuid)?;
    let define = |xml: &str| {
        probe.did("StoragePools.define", connection.define_storage_pool(xml, DefineStoragePool::empty()))
    };
    let pool = define(&xml)?;
    probe.same("StoragePools.define", "the UUID", pool.uuid(), uuid)?;
    let found = connection.storage_pool_by_name(&probe.name("a"));
    let found = probe.did("StoragePools.lookup_by_name", found)?;
    probe.same("StoragePools.lookup_by_name", "the UUID", found.uuid(), uuid)?;
    let found = probe.did("StoragePools.lookup_by_uuid", connection.storage_pool_by_uuid(uuid))?;
    probe.same("StoragePools.lookup_by_uuid", "the name", found.name(), &probe.name("a"))?;
    let summary = probe.did("StoragePools.summary", pool.summary())?;
    probe.holds("StoragePools.summary", "it is persistent", summary.persistent)?;
    let kind = ListStoragePools::of_kind(&summary.kind).unwrap_or_default();
    probe.holds("StoragePools.summary", "its type has a flag", !kind.is_empty())?;
    let own = || vec!["a".to_owned()];
    for filter in [ListStoragePools::empty(), kind, ListStoragePools::INACTIVE | ListStoragePools::PERSISTENT]
    {
        probe.same("StoragePools.list", "what is listed", probe.pools(filter)?, own())?;
    }
    let others = ListStoragePools::KINDS.difference(kind);
    for filter in [ListStoragePools::ACTIVE, ListStoragePools::TRANSIENT, others] {
        probe.same("StoragePools.list", "what is listed", probe.pools(filter)?, vec![])?;
    }
    probe.pool_is("StoragePools.define", &pool, StoragePoolState::Inactive)?;
    let xml = probe.did("StoragePools.xml", pool.xml(StoragePoolXml::INACTIVE))?;
    probe.holds("StoragePools.xml", "it has the UUID", xml.contains(&format!("<uuid>{uuid}</uuid>")))?;
    define(&xml)?;
    let again = probe.did("StoragePools.xml", pool.xml(StoragePoolXml::INACTIVE))?;
    probe.same("StoragePools.xml", "what becomes of it when it is defined again", again, xml)?;
    probe.did("StoragePools.undefine", pool.undefine())?;
    probe.same("StoragePools.undefine", "what is listed", probe.pools(ListStoragePools::empty())?, vec![])?;
    let gone = connection.storage_pool_by_name(&probe.name("a"));
    probe.refused("StoragePools.lookup_by_name", gone, ABSENT)?;
    probe.refused("StoragePools.lookup_by_uuid", connection.storage_pool_by_uuid(uuid), ABSENT)?;
    probe.refused("StoragePools.create", pool.start(StartStoragePool::empty()), ABSENT).map(drop)
}

fn conflicts(probe: &Probe<'_>) -> Result<(), Ended> {
    let pool = probe.define_pool("a")?;
    let taken = &[ErrorCode::OPERATION_FAILED];
    for (name, uuid) in [("a", Uuid::new_v4()), ("b", pool.uuid())] {
        let xml = probe.pool_xml(name, uuid)?;
        let result = probe.connection.define_storage_pool(&xml, DefineStoragePool::empty());
        probe.refused("StoragePools.define", result, taken)?;
        let result = probe.connection.create_storage_pool(&xml, StartStoragePool::empty());
        probe.refused("StoragePools.create_xml", result, taken)?;
    }
    // The storage of one pool is not another's.
    let xml = probe.did("StoragePools.xml", pool.xml(StoragePoolXml::INACTIVE))?;
    let other = xml
        .replace(&format!("<name>{}</name>", pool.name()), &format!("<name>{}</name>", probe.name("b")))
        .replace(&pool.uuid().to_string(), &Uuid::new_v4().to_string());
    let result = probe.connection.define_storage_pool(&other, DefineStoragePool::empty());
    probe.refused("StoragePools.define", result, taken).map(drop)
}

fn bad_definitions(probe: &Probe<'_>) -> Result<(), Ended> {
    let refused = |xml: &str, flags, codes: &[ErrorCode]| {
        probe.refused("StoragePools.define", probe.connection.define_storage_pool(xml, flags), codes)
    };
    let none = DefineStoragePool::empty();
    refused("<pool type='dir'>\n<name>a</nam>\n</pool>", none, &[ErrorCode::XML_DETAIL])?;
    refused("<volume/>", none, &[ErrorCode::XML_ERROR])?;
    let no_type = "<pool type='no-such-type'><name>a</name></pool>";
    refused(
        no_type,
        none,
        &[ErrorCode::INTERNAL_ERROR, ErrorCode::XML_ERROR, ErrorCode::CONFIG_UNSUPPORTED],
    )?;
    let xml = probe.pool_xml("a", Uuid::new_v4())?;
    refused(&xml, DefineStoragePool::from_bits_retain(1 << 30), &[ErrorCode::INVALID_ARG])?;
    let xml = xml.replacen("<name>", "<no-such-element/><name>", 1);
    refused(&xml, DefineStoragePool::VALIDATE, &[ErrorCode::XML_INVALID_SCHEMA, ErrorCode::XML_ERROR])?;
    probe.same("StoragePools.define", "what is listed", probe.pools(ListStoragePools::empty())?, vec![])
}

fn life(probe: &Probe<'_>) -> Result<(), Ended> {
    use StoragePoolEventKind::{Lifecycle, Refresh};
    let mut events = probe.did("StoragePools.subscribe", probe.connection.storage_pool_events())?;
    probe.can_wait(&events)?;
    let pool = probe.define_pool("a")?;
    let mut told = |wanted: StoragePoolEventKind| {
        probe.next_event(&mut events, &format!("a pool had {wanted:?}"), |event| {
            (event.uuid == pool.uuid() && event.kind == wanted).then_some(())
        })
    };
    told(Lifecycle(StoragePoolLifecycle::Defined))?;
    probe.did("StoragePools.build", pool.build(BuildStoragePool::empty()))?;
    told(Lifecycle(StoragePoolLifecycle::Created))?;
    probe.refused("StoragePools.refresh", pool.refresh(), INVALID)?;
    probe.refused("StoragePools.destroy", pool.destroy(), INVALID)?;
    probe.refused("StorageVolumes.list", pool.volumes(), INVALID)?;
    probe.did("StoragePools.create", pool.start(StartStoragePool::empty()))?;
    told(Lifecycle(StoragePoolLifecycle::Started))?;
    probe.pool_is("StoragePools.create", &pool, StoragePoolState::Running)?;
    let info = probe.did("StoragePools.info", pool.info())?;
    probe.holds("StoragePools.info", "it holds something", info.capacity > 0)?;
    let active = ListStoragePools::ACTIVE | ListStoragePools::PERSISTENT;
    probe.same("StoragePools.list", "what runs", probe.pools(active)?, vec!["a".to_owned()])?;
    let xml = probe.did("StoragePools.xml", pool.xml(StoragePoolXml::empty()))?;
    let capacity = format!("<capacity unit='bytes'>{}</capacity>", info.capacity);
    probe.holds("StoragePools.xml", "it has the capacity", xml.contains(&capacity))?;
    if let Some(path) = xml.split_once("<path>").and_then(|(_, rest)| rest.split_once("</path>")) {
        let found = probe.connection.storage_pool_by_target_path(path.0);
        let found = probe.did("StoragePools.lookup_by_target_path", found)?;
        probe.same("StoragePools.lookup_by_target_path", "the pool", found.uuid(), pool.uuid())?;
    }
    let nowhere = probe.connection.storage_pool_by_target_path("/no/such/path");
    probe.refused("StoragePools.lookup_by_target_path", nowhere, ABSENT)?;
    probe.refused("StoragePools.create", pool.start(StartStoragePool::empty()), INVALID)?;
    probe.refused("StoragePools.undefine", pool.undefine(), INVALID)?;
    probe.refused("StoragePools.delete", pool.delete(DeleteStoragePool::empty()), INVALID)?;
    probe.did("StoragePools.refresh", pool.refresh())?;
    told(Refresh)?;
    probe.did("StoragePools.destroy", pool.destroy())?;
    told(Lifecycle(StoragePoolLifecycle::Stopped))?;
    probe.pool_is("StoragePools.destroy", &pool, StoragePoolState::Inactive)?;
    probe.did("StoragePools.delete", pool.delete(DeleteStoragePool::empty()))?;
    told(Lifecycle(StoragePoolLifecycle::Deleted))?;
    probe.did("StoragePools.undefine", pool.undefine())?;
    told(Lifecycle(StoragePoolLifecycle::Undefined))
}

fn transient(probe: &Probe<'_>) -> Result<(), Ended> {
    let xml = probe.pool_xml("a", Uuid::new_v4())?;
    let create = || probe.connection.create_storage_pool(&xml, StartStoragePool::WITH_BUILD);
    let pool = probe.did("StoragePools.create_xml", create())?;
    let summary = probe.did("StoragePools.summary", pool.summary())?;
    probe.same("StoragePools.create_xml", "whether it is persistent", summary.persistent, false)?;
    let transient = probe.pools(ListStoragePools::TRANSIENT)?;
    probe.same("StoragePools.list", "what is transient", transient, vec!["a".to_owned()])?;
    let codes = &[ErrorCode::OPERATION_INVALID, ErrorCode::INVALID_ARG];
    probe.refused("StoragePools.set_autostart", pool.set_autostart(true), codes)?;
    let codes = &[ErrorCode::OPERATION_INVALID, ErrorCode::OPERATION_FAILED];
    probe.refused("StoragePools.create_xml", create(), codes)?;
    probe.did("StoragePools.destroy", pool.destroy())?;
    let gone = probe.connection.storage_pool_by_uuid(pool.uuid());
    probe.refused("StoragePools.lookup_by_uuid", gone, ABSENT).map(drop)
}

fn autostart(probe: &Probe<'_>) -> Result<(), Ended> {
    let pool = probe.define_pool("a")?;
    let is_set = |expected| {
        let summary = probe.did("StoragePools.summary", pool.summary())?;
        probe.same("StoragePools.set_autostart", "what the getter says", summary.autostart, expected)?;
        let listed = probe.pools(ListStoragePools::AUTOSTART)?;
        probe.same("StoragePools.set_autostart", "whether it is listed", listed == ["a"], expected)
    };
    is_set(false)?;
    probe.did("StoragePools.set_autostart", pool.set_autostart(true))?;
    is_set(true)?;
    if probe.subject.alone {
        probe.did("StoragePools.build", pool.build(BuildStoragePool::empty()))?;
        probe.did("StoragePools.host_start", probe.connection.start_storage_pools())?;
        probe.pool_is("StoragePools.host_start", &pool, StoragePoolState::Running)?;
        probe.did("StoragePools.destroy", pool.destroy())?;
    }
    probe.did("StoragePools.set_autostart", pool.set_autostart(false))?;
    is_set(false)
}

fn discovery(probe: &Probe<'_>) -> Result<(), Ended> {
    let xml = probe.did("StoragePools.capabilities", probe.connection.storage_pool_capabilities())?;
    let names_it = xml.contains("<pool type='dir' supported='yes'");
    probe.holds("StoragePools.capabilities", "directories can be pools", names_it)?;
    let nobody = probe.connection.find_storage_pool_sources("netfs", None);
    probe
        .refused("StoragePools.find_sources", nobody, &[ErrorCode::INVALID_ARG, ErrorCode::XML_ERROR])
        .map(drop)
}

fn read_only(probe: &Probe<'_>) -> Result<(), Ended> {
    let pool = probe.define_pool("a")?;
    let reader = probe.did("Driver.open", probe.subject.open(true))?;
    let same = probe.did("StoragePools.lookup_by_uuid", reader.storage_pool_by_uuid(pool.uuid()))?;
    probe.did("StoragePools.xml", same.xml(StoragePoolXml::empty()))?;
    let denied = &[ErrorCode::OPERATION_DENIED];
    probe.refused("StoragePools.create", same.start(StartStoragePool::empty()), denied)?;
    probe.refused("StoragePools.undefine", same.undefine(), denied)?;
    probe.refused("StoragePools.set_autostart", same.set_autostart(true), denied)?;
    probe.pool_is("StoragePools.create", &pool, StoragePoolState::Inactive)
}

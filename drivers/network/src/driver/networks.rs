//! Networks.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;
use virt_conf::model::{MacAddress, Network, PortPlug};
use virt_conf::xml::{FormatFlags, Value};
use virt_core::driver::{
    Affect, Call, CreateNetwork, DefineNetwork, DhcpLease, ListNetworks, MetadataChange, MetadataKind,
    NetworkChange, NetworkIdentity, NetworkSummary, NetworkXml, Networks, ObjectEventSource,
};
use virt_util::index::Entry;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::Connection;
use crate::dnsmasq::leases;
use crate::engine::{Target, read_metadata};
use crate::event::Source;
use crate::internal;
use crate::state::bridge_of;

fn identity(entry: &Entry) -> NetworkIdentity {
    NetworkIdentity { name: entry.name.clone(), uuid: entry.uuid }
}

fn summary(entry: &Entry) -> NetworkSummary {
    NetworkSummary {
        name: entry.name.clone(),
        uuid: entry.uuid,
        active: entry.is_active(),
        persistent: entry.is_persistent(),
        autostart: entry.autostart,
        bridge: bridge_of(entry).map(str::to_owned),
    }
}

impl Connection {
    /// What runs, with the guests that are plugged in.
    fn running(&self, entry: &Entry) -> Result<Network> {
        let mut network = self.engine.store.running(entry)?;
        let ports = self.engine.store.ports(entry.uuid)?;
        let count = |count: usize| u32::try_from(count).ok().filter(|count| *count > 0);
        network.connections = count(ports.len());
        if let Some(forward) = &mut network.forward {
            for device in &mut forward.interfaces {
                let leads_there =
                    |plug: &PortPlug| matches!(plug, PortPlug::Direct(plug) if plug.dev == device.dev);
                let guests =
                    ports.iter().filter_map(|port| port.plug.as_ref()).filter(|plug| leads_there(plug));
                device.connections = count(guests.count());
            }
        }
        Ok(network)
    }
}

impl Networks for Connection {
    fn list(&self, _: &Call, filter: ListNetworks) -> Result<Vec<NetworkSummary>> {
        let entries = self.engine.store.index().list()?;
        Ok(entries.iter().map(|entry| summary(entry)).filter(|network| filter.accepts(network)).collect())
    }

    fn lookup_by_name(&self, _: &Call, name: String) -> Result<NetworkIdentity> {
        self.engine.entry_by_name(&name).map(|entry| identity(&entry))
    }

    fn lookup_by_uuid(&self, _: &Call, uuid: Uuid) -> Result<NetworkIdentity> {
        self.engine.entry(uuid).map(|entry| identity(&entry))
    }

    fn define(&self, call: &Call, xml: String, flags: DefineNetwork) -> Result<NetworkIdentity> {
        flags.only(DefineNetwork::VALIDATE, "networkDefineXMLFlags")?;
        let network = self.engine.parse(&xml, flags.contains(DefineNetwork::VALIDATE))?;
        self.engine.define(network, call.wait()).map(|entry| identity(&entry))
    }

    fn create_xml(&self, call: &Call, xml: String, flags: CreateNetwork) -> Result<NetworkIdentity> {
        flags.only(CreateNetwork::VALIDATE, "networkCreateXMLFlags")?;
        let network = self.engine.parse(&xml, flags.contains(CreateNetwork::VALIDATE))?;
        self.engine.start_transient(network, call.wait()).map(|entry| identity(&entry))
    }

    fn create(&self, call: &Call, network: Uuid) -> Result<()> {
        self.engine.start(network, call.wait()).map(drop)
    }

    fn destroy(&self, call: &Call, network: Uuid) -> Result<()> {
        self.engine.destroy(network, call.wait())
    }

    fn undefine(&self, call: &Call, network: Uuid) -> Result<()> {
        self.engine.undefine(network, call.wait())
    }

    fn xml(&self, _: &Call, network: Uuid, flags: NetworkXml) -> Result<String> {
        flags.only(NetworkXml::INACTIVE, "networkGetXMLDesc")?;
        let entry = self.engine.entry(network)?;
        let inactive = flags.contains(NetworkXml::INACTIVE) && entry.is_persistent();
        if entry.is_active() && !inactive {
            return Ok(self.running(&entry)?.to_string());
        }
        Ok(self.engine.store.network(&entry, true)?.to_xml(&FormatFlags::INACTIVE.into()))
    }

    fn bridge_name(&self, _: &Call, network: Uuid) -> Result<String> {
        let entry = self.engine.entry(network)?;
        let missing = || internal(format!("network '{}' does not have a bridge name.", entry.name));
        bridge_of(&entry).map(str::to_owned).ok_or_else(missing)
    }

    fn autostart(&self, _: &Call, network: Uuid) -> Result<bool> {
        self.engine.entry(network).map(|entry| entry.autostart)
    }

    fn set_autostart(&self, call: &Call, network: Uuid, autostart: bool) -> Result<()> {
        let store = &self.engine.store;
        let mut lock = store.index().lock("a network's autostart", call.wait())?;
        let entry = store.by_uuid(network)?;
        store.set_autostart(&mut lock, &entry, autostart)
    }

    fn is_active(&self, _: &Call, network: Uuid) -> Result<bool> {
        self.engine.entry(network).map(|entry| entry.is_active())
    }

    fn is_persistent(&self, _: &Call, network: Uuid) -> Result<bool> {
        self.engine.entry(network).map(|entry| entry.is_persistent())
    }

    fn update(&self, call: &Call, network: Uuid, change: NetworkChange, affect: Affect) -> Result<()> {
        affect.only(Affect::LIVE | Affect::CONFIG, "networkUpdate")?;
        self.engine.update(network, &change, affect, call.wait())
    }

    fn dhcp_leases(&self, _: &Call, network: Uuid, mac: Option<String>) -> Result<Vec<DhcpLease>> {
        let mac = mac.map(|text| mac_of(&text)).transpose()?;
        let entry = self.engine.entry(network)?;
        let definition = self.engine.store.network(&entry, false)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().cast_signed();
        Ok(leases(&definition, &self.engine.store.leases(&entry.name)?, mac, now))
    }

    fn metadata(
        &self,
        _: &Call,
        network: Uuid,
        kind: MetadataKind,
        namespace: Option<String>,
        affect: Affect,
    ) -> Result<String> {
        let entry = self.engine.entry(network)?;
        let target = Target::of(&entry, affect)?;
        read_metadata(
            &self.engine.store.network(&entry, target.config && !target.live)?,
            kind,
            namespace.as_deref(),
        )
    }

    fn set_metadata(&self, call: &Call, network: Uuid, change: MetadataChange, affect: Affect) -> Result<()> {
        self.engine.set_metadata(network, &change, affect, call.wait())
    }

    fn subscribe(&self, _: &Call, from: Option<u64>) -> Result<Arc<dyn ObjectEventSource>> {
        Ok(Arc::new(Source::new(self.engine.store.events(), from)?))
    }

    fn repair(&self, call: &Call, network: Option<Uuid>) -> Result<Vec<String>> {
        self.engine.repair(network, call.wait())
    }

    fn host_start(&self, call: &Call) -> Result<Vec<String>> {
        self.engine.start_all(call.wait())
    }
}

fn mac_of(text: &str) -> Result<MacAddress> {
    <MacAddress as Value>::parse(text).map_err(|_| {
        let detail = format!("Given MAC Address doesn't comply with the standard (IEEE 802) format: {text}");
        Error::new(ErrorCode::INVALID_MAC, ErrorDomain::NETWORK, detail)
    })
}

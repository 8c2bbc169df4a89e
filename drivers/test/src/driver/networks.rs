//! Networks and their ports.

use std::sync::Arc;

use uuid::Uuid;
use virt_conf::model::{Network as Document, NetworkPort};
use virt_conf::xml::{FormatFlags, ParseFlags, ParseOptions};
use virt_core::driver::*;

use super::{TestConnection, checked};
use crate::engine::{Living as _, Network, port, read_metadata};

fn read(xml: &str, strict: bool) -> Result<(Document, Uuid)> {
    let options = ParseOptions { strict, ..ParseOptions::from(ParseFlags::INACTIVE) };
    let mut network = Document::from_xml(xml, &options)?;
    let uuid = *network.uuid.get_or_insert_with(Uuid::new_v4);
    Ok((network, uuid))
}

impl Networks for TestConnection {
    fn list(&self, _: &Call, filter: ListNetworks) -> Result<Vec<NetworkSummary>> {
        checked(filter.only(ListNetworks::all(), "testConnectListAllNetworks"))?;
        let mut list = self.node.networks.list(Network::summary);
        list.retain(|network| filter.accepts(network));
        Ok(list)
    }

    fn lookup_by_name(&self, _: &Call, name: String) -> Result<NetworkIdentity> {
        self.node.networks.ask_named(&name, Network::identity)
    }

    fn lookup_by_uuid(&self, _: &Call, uuid: Uuid) -> Result<NetworkIdentity> {
        self.node.networks.ask(uuid, Network::identity)
    }

    fn define(&self, _: &Call, xml: String, flags: DefineNetwork) -> Result<NetworkIdentity> {
        checked(flags.only(DefineNetwork::VALIDATE, "testNetworkDefineXMLFlags"))?;
        let (network, uuid) = read(&xml, flags.contains(DefineNetwork::VALIDATE))?;
        self.node.networks.define(&network.name.clone(), uuid, network, Network::identity)
    }

    fn create_xml(&self, _: &Call, xml: String, flags: CreateNetwork) -> Result<NetworkIdentity> {
        checked(flags.only(CreateNetwork::VALIDATE, "testNetworkCreateXMLFlags"))?;
        let (network, uuid) = read(&xml, flags.contains(CreateNetwork::VALIDATE))?;
        self.node.networks.create_xml(&network.name.clone(), uuid, network, Network::identity)
    }

    fn create(&self, _: &Call, network: Uuid) -> Result<()> {
        self.node.networks.start(network)
    }

    fn destroy(&self, _: &Call, network: Uuid) -> Result<()> {
        self.node.networks.stop(network)
    }

    fn undefine(&self, _: &Call, network: Uuid) -> Result<()> {
        self.node.networks.undefine(network)
    }

    fn xml(&self, _: &Call, network: Uuid, flags: NetworkXml) -> Result<String> {
        checked(flags.only(NetworkXml::INACTIVE, "testNetworkGetXMLDesc"))?;
        let inactive = flags.contains(NetworkXml::INACTIVE);
        let document = self.node.networks.ask(network, |network| network.document(inactive))?;
        Ok(if inactive { document.to_xml(&FormatFlags::INACTIVE.into()) } else { document.to_string() })
    }

    fn bridge_name(&self, _: &Call, network: Uuid) -> Result<String> {
        self.node.networks.ask(network, |network| {
            let name = network.identity().name;
            let missing = || {
                Error::internal(ErrorDomain::TEST, format!("network '{name}' does not have a bridge name."))
            };
            network.bridge().map(str::to_owned).ok_or_else(missing)
        })?
    }

    fn autostart(&self, _: &Call, network: Uuid) -> Result<bool> {
        self.node.networks.ask(network, |network| network.life().autostart)
    }

    fn set_autostart(&self, _: &Call, network: Uuid, autostart: bool) -> Result<()> {
        self.node.networks.change(network, |network| {
            network.life_mut().autostart = autostart;
            Ok(Vec::new())
        })
    }

    fn is_active(&self, _: &Call, network: Uuid) -> Result<bool> {
        self.node.networks.ask(network, |network| network.life().is_active())
    }

    fn is_persistent(&self, _: &Call, network: Uuid) -> Result<bool> {
        self.node.networks.ask(network, |network| network.life().is_persistent())
    }

    fn update(&self, _: &Call, network: Uuid, change: NetworkChange, affect: Affect) -> Result<()> {
        checked(affect.only(Affect::all(), "testNetworkUpdate"))?;
        self.node.networks.change(network, |network| network.update(&change, affect))
    }

    fn dhcp_leases(&self, _: &Call, network: Uuid, mac: Option<String>) -> Result<Vec<DhcpLease>> {
        self.node.leases(network, mac.as_deref())
    }

    fn metadata(
        &self,
        _: &Call,
        network: Uuid,
        kind: MetadataKind,
        namespace: Option<String>,
        affect: Affect,
    ) -> Result<String> {
        checked(affect.only(Affect::all(), "testNetworkGetMetadata"))?;
        self.node
            .networks
            .ask(network, |network| read_metadata(network.view(affect)?, kind, namespace.as_deref()))?
    }

    fn set_metadata(&self, _: &Call, network: Uuid, change: MetadataChange, affect: Affect) -> Result<()> {
        checked(affect.only(Affect::all(), "testNetworkSetMetadata"))?;
        self.node.networks.change(network, |network| network.set_metadata(&change, affect))
    }

    fn subscribe(&self, _: &Call, from: Option<u64>) -> Result<Arc<dyn ObjectEventSource>> {
        Ok(Arc::new(self.node.networks.subscribe(from)?))
    }

    fn repair(&self, _: &Call, network: Option<Uuid>) -> Result<Vec<String>> {
        // Nothing of a simulated network can be lost.
        network.map_or(Ok(Vec::new()), |network| self.node.networks.ask(network, |_| Vec::new()))
    }

    fn host_start(&self, _: &Call) -> Result<Vec<String>> {
        Ok(self.node.networks.start_all())
    }
}

impl NetworkPorts for TestConnection {
    fn list(&self, _: &Call, network: Uuid) -> Result<Vec<Uuid>> {
        self.node.networks.ask(network, Network::port_uuids)
    }

    fn lookup(&self, _: &Call, network: Uuid, port: Uuid) -> Result<Uuid> {
        self.node.networks.ask(network, |network| network.port(port).map(|port| port.uuid))?
    }

    fn create_xml(&self, _: &Call, network: Uuid, xml: String, flags: CreateNetworkPort) -> Result<Uuid> {
        checked(flags.only(CreateNetworkPort::all(), "testNetworkPortCreateXML"))?;
        let strict = flags.contains(CreateNetworkPort::VALIDATE);
        let port = NetworkPort::from_xml(&xml, &ParseOptions { strict, ..ParseOptions::default() })?;
        let uuid = port.uuid;
        let reclaim = flags.contains(CreateNetworkPort::RECLAIM);
        self.node.networks.change(network, |network| {
            network.create_port(port, reclaim)?;
            Ok(Vec::new())
        })?;
        Ok(uuid)
    }

    fn delete(&self, _: &Call, network: Uuid, port: Uuid) -> Result<()> {
        self.node.networks.change(network, |network| {
            network.delete_port(port)?;
            Ok(Vec::new())
        })
    }

    fn xml(&self, _: &Call, network: Uuid, port: Uuid) -> Result<String> {
        self.node.networks.ask(network, |network| network.port(port).map(ToString::to_string))?
    }

    fn parameters(&self, _: &Call, network: Uuid, port: Uuid) -> Result<Vec<TypedParameter>> {
        self.node.networks.ask(network, |network| network.port(port).map(port::parameters))?
    }

    fn set_parameters(
        &self,
        _: &Call,
        network: Uuid,
        port: Uuid,
        parameters: Vec<TypedParameter>,
    ) -> Result<()> {
        self.node.networks.change(network, |network| {
            network.set_port_parameters(port, &parameters)?;
            Ok(Vec::new())
        })
    }
}

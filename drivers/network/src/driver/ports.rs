//! Ports of networks.

use uuid::Uuid;
use virt_core::driver::{Call, CreateNetworkPort, NetworkPorts, TypedParameter};
use virt_util::Result;

use super::Connection;
use crate::engine::port::port_parameters;

impl NetworkPorts for Connection {
    fn list(&self, _: &Call, network: Uuid) -> Result<Vec<Uuid>> {
        let entry = self.engine.entry(network)?;
        self.engine.store.port_uuids(entry.uuid)
    }

    fn lookup(&self, _: &Call, network: Uuid, port: Uuid) -> Result<Uuid> {
        let entry = self.engine.entry(network)?;
        self.engine.store.port(entry.uuid, port).map(|port| port.uuid)
    }

    fn create_xml(&self, call: &Call, network: Uuid, xml: String, flags: CreateNetworkPort) -> Result<Uuid> {
        flags.only(CreateNetworkPort::all(), "networkPortCreateXML")?;
        self.engine.create_port(call, network, &xml, flags, call.wait())
    }

    fn delete(&self, call: &Call, network: Uuid, port: Uuid) -> Result<()> {
        self.engine.delete_port(network, port, call.wait())
    }

    fn xml(&self, _: &Call, network: Uuid, port: Uuid) -> Result<String> {
        self.engine.store.port(network, port).map(|port| port.to_string())
    }

    fn parameters(&self, _: &Call, network: Uuid, port: Uuid) -> Result<Vec<TypedParameter>> {
        self.engine.store.port(network, port).map(|port| port_parameters(&port))
    }

    fn set_parameters(
        &self,
        call: &Call,
        network: Uuid,
        port: Uuid,
        parameters: Vec<TypedParameter>,
    ) -> Result<()> {
        self.engine.set_port_parameters(network, port, &parameters, call.wait())
    }
}

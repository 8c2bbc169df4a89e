//! Ports of virtual networks: what interfaces of type `network` are plugged into, asked of the driver of networks and given
//! back to it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use virt_conf::model::{
    ActualInterface, BridgeInterface, DirectInterface, Domain, HostDeviceAddress, HostPciAddress,
    HostdevInterface, HostdevInterfaceSource, HostdevPlug, Interface, InterfaceKind, NetworkInterface,
    NetworkPort, PortBandwidth, PortOwner, PortPlug,
};
use virt_core::driver::{Call, CallScope, CreateNetworkPort, Host, NetworkPorts, Networks};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::state::uuid_of;

/// The role of the driver of networks.
const ROLE: &str = "network";

/// A port of a network that an interface is plugged into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Port {
    /// The URI under which the network is found.
    pub(crate) uri: String,
    /// The network's name.
    pub(crate) network: String,
    /// The port's UUID.
    pub(crate) uuid: Uuid,
    /// What is asked for.
    pub(crate) document: String,
}

/// Calls the driver of networks, for as long as `wait` allows.
fn ask<T>(
    host: &Host,
    uri: &str,
    wait: Wait<'_>,
    work: impl FnOnce(&Call, &dyn Networks, &dyn NetworkPorts) -> Result<T>,
) -> Result<T> {
    let scope = match wait.deadline() {
        Some(at) => CallScope::new().within(at.saturating_duration_since(std::time::Instant::now())),
        None => CallScope::new(),
    };
    scope.run(|call| {
        let slots = host.role(call, ROLE.to_owned(), uri.to_owned())?;
        match (&slots.networks, &slots.network_ports) {
            (Some(networks), Some(ports)) => work(call, networks.as_ref(), ports.as_ref()),
            _ => {
                let sentence = "the driver of this host's networks has no ports";
                Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, sentence))
            }
        }
    })
}

/// The ports that a guest's interfaces need, and which interface each is for.
pub(crate) fn wanted(domain: &Domain, uri: &str) -> Result<Vec<(usize, Port)>> {
    let owner = PortOwner { name: domain.name.clone(), uuid: uuid_of(domain)? };
    let port = |(place, interface): (usize, &Interface)| {
        let InterfaceKind::Network(source) = &interface.kind else { return None };
        let document = NetworkPort {
            uuid: Uuid::new_v4(),
            owner: owner.clone(),
            group: source.portgroup.clone(),
            mac: interface.mac.as_ref()?.address,
            virtualport: interface.virtualport.clone(),
            bandwidth: interface.bandwidth.clone().map(|rates| PortBandwidth { class_id: None, rates }),
            vlan: interface.vlan.clone(),
            isolated: interface.isolated,
            trust_guest_rx_filters: interface.trust_guest_rx_filters,
            plug: None,
        };
        let port = Port {
            uri: uri.to_owned(),
            network: source.network.clone()?,
            uuid: document.uuid,
            document: document.to_string(),
        };
        Some((place, port))
    };
    Ok(domain.devices.interfaces.iter().enumerate().filter_map(port).collect())
}

impl Port {
    /// Makes the port; answers what it leads to.
    pub(super) fn create(&self, host: &Host, wait: Wait<'_>) -> Result<NetworkPort> {
        let text = ask(host, &self.uri, wait, |call, networks, ports| {
            let network = networks.lookup_by_name(call, self.network.clone())?.uuid;
            ports.create_xml(call, network, self.document.clone(), CreateNetworkPort::empty())?;
            ports.xml(call, network, self.uuid)
        })?;
        text.parse()
    }

    /// Gives it back; that it, or its network, is gone is fine.
    pub(super) fn delete(&self, host: &Host) -> Result<()> {
        let deleted = ask(host, &self.uri, Wait::FOREVER, |call, networks, ports| {
            let network = networks.lookup_by_name(call, self.network.clone())?.uuid;
            ports.delete(call, network, self.uuid)
        });
        match deleted {
            Err(error) if matches!(error.code(), ErrorCode::NO_NETWORK | ErrorCode::NO_NETWORK_PORT) => {
                Ok(())
            }
            other => other,
        }
    }

    pub(super) fn describe(&self) -> String {
        format!("make a port of network '{}'", self.network)
    }
}

/// Has a plan show the bridges that interfaces would be on, where they can be told without making a port.
pub(crate) fn foresee(domain: &mut Domain, host: &Host, uri: &str, wait: Wait<'_>) {
    for interface in &mut domain.devices.interfaces {
        let InterfaceKind::Network(source) = &mut interface.kind else { continue };
        let Some(network) = source.network.clone() else { continue };
        let bridge = ask(host, uri, wait, |call, networks, _| {
            let network = networks.lookup_by_name(call, network)?.uuid;
            networks.bridge_name(call, network)
        });
        match bridge {
            Ok(bridge) => source.bridge = Some(bridge),
            Err(error) => log::debug!("{error}"),
        }
    }
}

/// Writes down what an interface of type `network` became.
pub(super) fn plug_in(interface: &mut Interface, port: &NetworkPort) {
    let InterfaceKind::Network(source) = &mut interface.kind else { return };
    source.portid = Some(port.uuid);
    let kind = match &port.plug {
        Some(PortPlug::Network(plug)) => {
            source.bridge = Some(plug.bridge.clone());
            source.mac_table_manager = plug.mac_table_manager;
            InterfaceKind::Network(NetworkInterface { ..source.clone() })
        }
        Some(PortPlug::Bridge(plug)) => {
            source.bridge = Some(plug.bridge.clone());
            let bridge = Some(plug.bridge.clone());
            InterfaceKind::Bridge(BridgeInterface { bridge, mac_table_manager: plug.mac_table_manager })
        }
        Some(PortPlug::Direct(plug)) => {
            InterfaceKind::Direct(DirectInterface { dev: Some(plug.dev.clone()), mode: plug.mode })
        }
        Some(PortPlug::HostdevPci(plug)) => {
            // From here on it is one like any other that is handed over, with what the network sets on it.
            interface.kind = InterfaceKind::Hostdev(hostdev(plug));
            interface.vlan.clone_from(&port.vlan);
            interface.virtualport.clone_from(&port.virtualport);
            return;
        }
        None => return,
    };
    interface.actual = Some(Box::new(ActualInterface {
        kind,
        trust_guest_rx_filters: port.trust_guest_rx_filters,
        vlan: port.vlan.clone(),
        virtualport: port.virtualport.clone(),
        bandwidth: port.bandwidth.as_ref().map(|bandwidth| bandwidth.rates.clone()),
        isolated: port.isolated,
    }));
}

fn hostdev(plug: &HostdevPlug) -> HostdevInterface {
    let address = HostPciAddress { slot: plug.address.slot };
    HostdevInterface {
        managed: plug.managed.unwrap_or_default(),
        driver: plug.driver.clone(),
        source: HostdevInterfaceSource {
            address: Some(HostDeviceAddress::Pci(address)),
            ..HostdevInterfaceSource::default()
        },
    }
}

/// What an interface is plugged into as it runs.
pub(crate) fn effective(interface: &Interface) -> &InterfaceKind {
    interface.actual.as_ref().map_or(&interface.kind, |actual| &actual.kind)
}

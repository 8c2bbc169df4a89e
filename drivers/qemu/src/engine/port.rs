//! Ports of virtual networks: what interfaces of type `network` are plugged into, asked of the driver of networks and given
//! back to it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use virt_conf::model::{
    ActualInterface, BridgeInterface, DirectInterface, Domain, ForwardAddress, ForwardMode,
    HostDeviceAddress, HostPciAddress, HostdevInterface, HostdevInterfaceSource, HostdevPlug, Interface,
    InterfaceKind, Network, NetworkInterface, NetworkPort, PlugAddress, PortBandwidth, PortOwner, PortPlug,
};
use virt_core::driver::{Call, CallScope, CreateNetworkPort, Host, NetworkPorts, NetworkXml, Networks};
use virt_core::sriov::{PciAddress, Pool, Request, Selection, Wish};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::lease;
use crate::plan::Choice;
use crate::plan::host_devices::{address_of, slot_of};
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
    let owner = owner_of(domain)?;
    let interfaces = domain.devices.interfaces.iter().enumerate();
    Ok(interfaces.filter_map(|(place, interface)| Some((place, Port::of(interface, &owner, uri)?))).collect())
}

impl Port {
    /// The port that an interface needs; nothing for one of another type.
    pub(super) fn of(interface: &Interface, owner: &PortOwner, uri: &str) -> Option<Self> {
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
        Some(Self {
            uri: uri.to_owned(),
            network: source.network.clone()?,
            uuid: document.uuid,
            document: document.to_string(),
        })
    }

    /// The port that an interface of a running guest has.
    pub(super) fn held(interface: &Interface, uri: &str) -> Option<Self> {
        let InterfaceKind::Network(source) = &interface.kind else { return None };
        Some(Self {
            uri: uri.to_owned(),
            network: source.network.clone()?,
            uuid: source.portid?,
            document: String::new(),
        })
    }

    /// What tells it from others.
    pub(super) fn id(&self) -> Uuid {
        self.uuid
    }

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

/// Has a plan show what interfaces would be plugged into, where that can be told without making a port; answers which of
/// them another start may plug into something else.
pub(super) fn foresee(domain: &mut Domain, host: &Host, uri: &str, wait: Wait<'_>) -> Vec<Choice> {
    let mut chosen = Vec::new();
    for (place, interface) in domain.devices.interfaces.iter_mut().enumerate() {
        // That there is no such network is for the start to say.
        match foresee_one(interface, host, uri, wait) {
            Ok(None) => {}
            Ok(Some(function)) => chosen.push(Choice {
                path: format!("/domain/devices/interface[{}]/source/address", place + 1),
                now: function.to_string(),
            }),
            Err(error) => log::debug!("{error}"),
        }
    }
    chosen
}

/// Writes down what one interface would be plugged into; answers the function of a pool that it would be.
pub(super) fn foresee_one(
    interface: &mut Interface,
    host: &Host,
    uri: &str,
    wait: Wait<'_>,
) -> Result<Option<PciAddress>> {
    let InterfaceKind::Network(source) = &mut interface.kind else { return Ok(None) };
    let Some(name) = source.network.clone() else { return Ok(None) };
    let text = ask(host, uri, wait, |call, networks, _| {
        let network = networks.lookup_by_name(call, name)?.uuid;
        networks.xml(call, network, NetworkXml::empty())
    })?;
    let network: Network = text.parse()?;
    let pool = network.forward.as_ref().filter(|forward| forward.mode == ForwardMode::Hostdev);
    let Some(forward) = pool else {
        source.bridge = network.bridge.and_then(|bridge| bridge.name);
        return Ok(None);
    };
    let mut pool = Pool::default();
    for ForwardAddress::Pci(slot) in &forward.addresses {
        pool.addresses.push(address_of(*slot)?);
    }
    pool.physical_functions = forward.physical_functions.iter().map(|it| it.dev.clone()).collect();
    let mut request = Request::new(network.name.clone());
    request.devices.push(Wish::new(Selection::Pool(pool)));
    let function = lease::foresee(host, &request, wait)?.steps.first().map(|step| step.device);
    let function = function.ok_or_else(|| Error::internal(ErrorDomain::QEMU, "a pool without functions"))?;
    let plug = HostdevPlug {
        managed: forward.managed,
        driver: forward.driver.clone(),
        address: PlugAddress { slot: slot_of(function) },
    };
    interface.actual = Some(Box::new(ActualInterface {
        kind: InterfaceKind::Hostdev(hostdev(&plug)),
        trust_guest_rx_filters: interface.trust_guest_rx_filters,
        vlan: interface.vlan.clone().or(network.vlan),
        virtualport: interface.virtualport.clone().or(network.virtualport),
        bandwidth: interface.bandwidth.clone(),
        isolated: interface.isolated,
    }));
    Ok(Some(function))
}

/// The owner of a guest's ports.
pub(super) fn owner_of(domain: &Domain) -> Result<PortOwner> {
    Ok(PortOwner { name: domain.name.clone(), uuid: uuid_of(domain)? })
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
        Some(PortPlug::HostdevPci(plug)) => InterfaceKind::Hostdev(hostdev(plug)),
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

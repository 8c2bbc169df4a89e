//! Ports: what guests' interfaces are plugged into.

use uuid::Uuid;
use virt_conf::model::{
    Bandwidth, BandwidthRate, BridgePlug, DirectPlug, ForwardAddress, ForwardMode, HostdevPlug, MacvtapMode,
    Network, NetworkForward, NetworkPort, PciSlot, PlugAddress, PortBandwidth, PortGroup, PortPlug,
};
use virt_conf::xml::ParseOptions;
use virt_core::driver::{Call, CreateNetworkPort, TypedParameter, TypedValue};
use virt_core::sriov::{ANY_VFIO, Plan, Pool, Request, Selection, Wish};
use virt_util::netlink::Netlink;
use virt_util::pci::PciAddress;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::Engine;
use super::shaping::Promise;
use crate::{internal, invalid, unsupported};

/// The first class of what belongs to a port; those before it are the bridge's own.
const FIRST_CLASS: u32 = 3;

impl Engine {
    /// Makes a port of a running network.
    pub(crate) fn create_port(
        &self,
        call: &Call,
        network: Uuid,
        xml: &str,
        flags: CreateNetworkPort,
        wait: Wait<'_>,
    ) -> Result<Uuid> {
        let options =
            ParseOptions { strict: flags.contains(CreateNetworkPort::VALIDATE), ..ParseOptions::default() };
        let mut port = NetworkPort::from_xml(xml, &options)?;
        let _lock = self.store.lock_network(network, "making a port", wait)?;
        let entry = self.entry(network)?;
        if !entry.is_active() {
            return Err(invalid(format!("network '{}' is not active", entry.name)));
        }
        let ports = self.store.ports(network)?;
        if ports.iter().any(|other| other.uuid == port.uuid) {
            let detail = format!("Network port with UUID {} already exists", port.uuid);
            return Err(Error::verbatim(ErrorCode::NETWORK_PORT_EXIST, ErrorDomain::NETWORK, detail));
        }
        let definition = self.store.running(&entry)?;
        inherit(&mut port, &definition);
        if !flags.contains(CreateNetworkPort::RECLAIM) || port.plug.is_none() {
            port.plug = Some(self.plug(call, &definition, &port, &ports)?);
        }
        check(&definition, &port)?;
        check_promises(&definition, &port, &ports)?;
        assign_class(&mut port, &ports);
        for line in self.mend(&entry, false, wait)? {
            log::info!("{line}");
        }
        self.store.write_port(network, &port)?;
        if let Err(error) = self.keep_promise(&definition, &port, wait) {
            self.store.remove_port(network, port.uuid)?;
            return Err(error);
        }
        Ok(port.uuid)
    }

    /// Has the network's bridge keep what a port is promised.
    pub(super) fn keep_promise(&self, network: &Network, port: &NetworkPort, wait: Wait<'_>) -> Result<()> {
        with_bridge(network, port, |promise, netlink, bridge| promise.keep(netlink, bridge, wait), wait)
    }

    /// Gives a port back.
    pub(crate) fn delete_port(&self, network: Uuid, port: Uuid, wait: Wait<'_>) -> Result<()> {
        let _lock = self.store.lock_network(network, "giving a port back", wait)?;
        let document = self.store.port(network, port)?;
        let entry = self.entry(network)?;
        if entry.is_active() {
            let definition = self.store.running(&entry)?;
            let withdraw =
                |promise: &Promise, netlink: &mut Netlink, bridge| promise.withdraw(netlink, bridge, wait);
            with_bridge(&definition, &document, withdraw, wait)?;
        }
        self.store.remove_port(network, port)
    }

    /// Changes a port's bandwidth.
    pub(crate) fn set_port_parameters(
        &self,
        network: Uuid,
        port: Uuid,
        parameters: &[TypedParameter],
        wait: Wait<'_>,
    ) -> Result<()> {
        let _lock = self.store.lock_network(network, "changing a port", wait)?;
        let entry = self.entry(network)?;
        let definition = self.store.running(&entry)?;
        let mut document = self.store.port(network, port)?;
        let bandwidth = document.bandwidth.get_or_insert(PortBandwidth {
            class_id: None,
            rates: Bandwidth { inbound: None, outbound: None },
        });
        for parameter in parameters {
            set_rate(&mut bandwidth.rates, parameter)?;
        }
        let is_set = |rate: &mut Option<BandwidthRate>| {
            *rate = rate.take().filter(|rate| rate.average.is_some() || rate.floor.is_some());
            rate.is_some()
        };
        let (inbound, outbound) =
            (is_set(&mut bandwidth.rates.inbound), is_set(&mut bandwidth.rates.outbound));
        if !inbound && !outbound {
            document.bandwidth = None;
        }
        check(&definition, &document)?;
        self.store.write_port(network, &document)
    }

    /// What a port leads to.
    fn plug(
        &self,
        call: &Call,
        network: &Network,
        port: &NetworkPort,
        ports: &[NetworkPort],
    ) -> Result<PortPlug> {
        let bridge = network.bridge.as_ref();
        let to_bridge = |bridge: &virt_conf::model::NetworkBridge| BridgePlug {
            bridge: bridge.name.clone().unwrap_or_default(),
            mac_table_manager: bridge.mac_table_manager,
        };
        let Some(forward) = network.forward.as_ref().filter(|_| !network.makes_bridge()) else {
            return bridge
                .map(to_bridge)
                .map(PortPlug::Network)
                .ok_or_else(|| internal("a network without its bridge"));
        };
        let mode = match forward.mode {
            ForwardMode::Hostdev => return self.function(call, network, forward),
            ForwardMode::Bridge => match bridge.filter(|bridge| bridge.name.is_some()) {
                Some(bridge) => return Ok(PortPlug::Bridge(to_bridge(bridge))),
                None => MacvtapMode::Bridge,
            },
            ForwardMode::Private => MacvtapMode::Private,
            ForwardMode::Passthrough => MacvtapMode::Passthrough,
            _ => MacvtapMode::Vepa,
        };
        let name = &network.name;
        let devices = self.devices(forward)?;
        if devices.is_empty() {
            return Err(internal(format!(
                "network '{name}' uses a direct mode, but has no forward dev and no interface pool"
            )));
        }
        let users = |device: &String| {
            let leads_there = |port: &&NetworkPort| matches!(&port.plug, Some(PortPlug::Direct(plug)) if plug.dev == *device);
            ports.iter().filter(leads_there).count()
        };
        // Port profiles of 802.1Qbh are those of a device, too.
        let exclusive = mode == MacvtapMode::Passthrough
            || port
                .virtualport
                .as_ref()
                .is_some_and(|it| it.kind == Some(virt_conf::model::VirtualPortType::Qbh));
        let chosen = devices.into_iter().min_by_key(users).filter(|device| !exclusive || users(device) == 0);
        let dev = chosen.ok_or_else(|| {
            internal(format!(
                "network '{name}' requires exclusive access to interfaces, but none are available"
            ))
        })?;
        Ok(PortPlug::Direct(DirectPlug { dev, mode: Some(mode) }))
    }

    /// The devices of the host that a network shares: those listed, or the virtual functions of one.
    fn devices(&self, forward: &NetworkForward) -> Result<Vec<String>> {
        if forward.physical_functions.is_empty() {
            return Ok(forward.interfaces.iter().map(|device| device.dev.clone()).collect());
        }
        let mut names = Vec::new();
        for physical in &forward.physical_functions {
            for function in functions_of(&physical.dev)? {
                let directory = format!("/sys/bus/pci/devices/{function}/net");
                let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
                names.extend(entries.map(|entry| entry.file_name().to_string_lossy().into_owned()));
            }
        }
        Ok(names)
    }

    /// A function that nobody has.
    fn function(&self, call: &Call, network: &Network, forward: &NetworkForward) -> Result<PortPlug> {
        let mut candidates: Vec<PciAddress> = Vec::new();
        for ForwardAddress::Pci(slot) in &forward.addresses {
            candidates.push(address_of(slot)?);
        }
        for physical in &forward.physical_functions {
            candidates.extend(functions_of(&physical.dev)?);
        }
        let plugged = self.plugged_functions()?;
        candidates.retain(|address| !plugged.contains(address));
        let address = self.whose_turn(call, network, forward, candidates)?;
        Ok(PortPlug::HostdevPci(HostdevPlug {
            managed: forward.managed,
            driver: forward.driver.clone(),
            address: PlugAddress { slot: slot_of(address) },
        }))
    }

    /// The functions that ports lead to, of whichever network: pools may overlap.
    fn plugged_functions(&self) -> Result<Vec<PciAddress>> {
        let mut plugged = Vec::new();
        for entry in self.store.index().list()? {
            let ports = self.store.ports(entry.uuid)?;
            plugged.extend(ports.iter().filter_map(|port| match &port.plug {
                Some(PortPlug::HostdevPci(plug)) => address_of(&plug.address.slot).ok(),
                _ => None,
            }));
        }
        Ok(plugged)
    }

    /// The one of these functions that the driver of host devices would hand over: nobody has it, the host does not use it,
    /// and among those it is the one that was used longest ago, or has not failed.
    fn whose_turn(
        &self,
        call: &Call,
        network: &Network,
        forward: &NetworkForward,
        candidates: Vec<PciAddress>,
    ) -> Result<PciAddress> {
        let none = || {
            internal(format!(
                "network '{}' requires exclusive access to interfaces, but none are available",
                network.name
            ))
        };
        let first = *candidates.first().ok_or_else(none)?;
        let slots = self.host.role(call, "hostdev".to_owned(), self.uri.clone())?;
        let Some(devices) = slots.host_devices else { return Ok(first) };
        let mut wish = Wish::new(Selection::Pool(Pool { addresses: candidates, ..Pool::default() }));
        wish.unmanaged = forward.managed != Some(true);
        if !wish.unmanaged {
            let model = forward.driver.model.clone();
            wish = wish.bound_to(model.as_deref().unwrap_or(ANY_VFIO));
        }
        let mut request = Request::new(network.name.clone());
        request.devices.push(wish);
        let plan = devices.plan(call, request.to_json()).and_then(|plan| Plan::from_json(&plan));
        match plan {
            Ok(plan) => plan.steps.first().map(|step| step.device).ok_or_else(none),
            Err(error) => Err(none().hint(format!("the first that was refused: {error}")).caused_by(error)),
        }
    }
}

/// What a port has of its class of ports and of the network where its guest says nothing.
fn inherit(port: &mut NetworkPort, network: &Network) {
    let group: Option<&PortGroup> = match &port.group {
        Some(name) => network.port_groups.iter().find(|group| group.name == *name),
        None => network.port_groups.iter().find(|group| group.default),
    };
    let of_group = |pick: fn(&PortGroup) -> Option<bool>| group.and_then(pick);
    if port.bandwidth.is_none() {
        let rates = group.and_then(|group| group.bandwidth.clone());
        port.bandwidth = rates.map(|rates| PortBandwidth { class_id: None, rates });
    }
    if port.vlan.is_none() {
        port.vlan = group.and_then(|group| group.vlan.clone()).or_else(|| network.vlan.clone());
    }
    if port.virtualport.is_none() {
        port.virtualport =
            group.and_then(|group| group.virtualport.clone()).or_else(|| network.virtualport.clone());
    }
    port.isolated = port.isolated.or(of_group(|group| group.isolated)).or(network.isolated);
    port.trust_guest_rx_filters = port
        .trust_guest_rx_filters
        .or(of_group(|group| group.trust_guest_rx_filters))
        .or(network.trust_guest_rx_filters);
}

/// Refuses what this kind of network cannot give.
fn check(network: &Network, port: &NetworkPort) -> Result<()> {
    let name = &network.name;
    let is_vswitch = port
        .virtualport
        .as_ref()
        .is_some_and(|it| it.kind == Some(virt_conf::model::VirtualPortType::OpenVSwitch));
    let takes_vlans = match &port.plug {
        Some(PortPlug::HostdevPci(_)) => true,
        Some(PortPlug::Direct(plug)) => plug.mode == Some(MacvtapMode::Passthrough),
        Some(PortPlug::Bridge(_)) => true,
        _ => is_vswitch,
    };
    if port.vlan.is_some() && !takes_vlans {
        return Err(unsupported(format!(
            "an interface connecting to network '{name}' is requesting a vlan tag, but that is not supported for this type of network"
        )));
    }
    if port.isolated == Some(true) && !matches!(port.plug, Some(PortPlug::Network(_) | PortPlug::Bridge(_))) {
        return Err(unsupported(format!(
            "an interface connecting to network '{name}' is requesting isolation, but that is not supported for this type of network"
        )));
    }
    let inbound = port.bandwidth.as_ref().and_then(|bandwidth| bandwidth.rates.inbound.as_ref());
    if inbound.is_some_and(|rate| rate.floor.is_some()) {
        if !network.makes_bridge() {
            return Err(unsupported(format!(
                "Invalid use of 'floor' on interface with MAC address {} - 'floor' is only supported for interface type 'network' with forward type 'nat', 'route', 'open' or none",
                port.mac
            )));
        }
        if network.bandwidth.as_ref().and_then(|bandwidth| bandwidth.inbound.as_ref()).is_none() {
            return Err(unsupported(format!(
                "Invalid use of 'floor' on interface with MAC address {} - network '{name}' has no inbound QoS set",
                port.mac
            )));
        }
    }
    Ok(())
}

/// Does something about what a port is promised, on the network's bridge, where both are there.
fn with_bridge(
    network: &Network,
    port: &NetworkPort,
    work: impl FnOnce(&Promise, &mut Netlink, u32) -> Result<()>,
    wait: Wait<'_>,
) -> Result<()> {
    let name = network.bridge.as_ref().and_then(|bridge| bridge.name.as_ref());
    let (Some(promise), Some(name)) = (Promise::of(network, port), name) else { return Ok(()) };
    let mut netlink = Netlink::open()?;
    match netlink.link_named(name, wait)? {
        Some(bridge) => work(&promise, &mut netlink, bridge.index),
        None => Ok(()),
    }
}

/// Refuses to promise more than there is.
fn check_promises(network: &Network, port: &NetworkPort, ports: &[NetworkPort]) -> Result<()> {
    let floor = |port: &NetworkPort| port.bandwidth.as_ref()?.rates.inbound.as_ref()?.floor;
    let whole = network.bandwidth.as_ref().and_then(|bandwidth| bandwidth.inbound.as_ref());
    let (Some(own), Some(whole)) = (floor(port), whole) else { return Ok(()) };
    let (limit, word) = match whole.peak {
        Some(peak) => (peak, "peak"),
        None => (whole.average.unwrap_or_default(), "average"),
    };
    let promised: u64 = ports.iter().filter_map(floor).sum();
    if promised.saturating_add(own) > limit {
        let bridge = network.bridge.as_ref().and_then(|bridge| bridge.name.as_deref()).unwrap_or_default();
        return Err(invalid(format!(
            "Cannot plug '{}' interface into '{bridge}' because it would overcommit '{word}' on network '{}'",
            port.mac, network.name
        )));
    }
    Ok(())
}

/// Gives a port that is promised a share a class of its own.
fn assign_class(port: &mut NetworkPort, ports: &[NetworkPort]) {
    let Some(bandwidth) = &mut port.bandwidth else { return };
    if bandwidth.rates.inbound.as_ref().is_none_or(|rate| rate.floor.is_none()) {
        return;
    }
    let taken = |class: &u32| {
        ports.iter().any(|other| other.bandwidth.as_ref().and_then(|it| it.class_id) == Some(*class))
    };
    bandwidth.class_id = (FIRST_CLASS..=u16::MAX.into()).find(|class| !taken(class));
}

/// A port's bandwidth under libvirt's names.
pub(crate) fn port_parameters(port: &NetworkPort) -> Vec<TypedParameter> {
    let rates = port.bandwidth.as_ref().map(|bandwidth| &bandwidth.rates);
    let number = |value: Option<u64>| u32::try_from(value.unwrap_or_default()).unwrap_or(u32::MAX);
    let mut parameters = Vec::new();
    let directions = [
        ("inbound", rates.and_then(|rates| rates.inbound.as_ref())),
        ("outbound", rates.and_then(|rates| rates.outbound.as_ref())),
    ];
    for (direction, rate) in directions {
        let mut add = |name: &str, value: Option<u64>| {
            parameters.push(TypedParameter::new(format!("{direction}.{name}"), number(value)));
        };
        add("average", rate.and_then(|rate| rate.average));
        add("peak", rate.and_then(|rate| rate.peak));
        if direction == "inbound" {
            add("floor", rate.and_then(|rate| rate.floor));
        }
        add("burst", rate.and_then(|rate| rate.burst));
    }
    parameters
}

fn set_rate(rates: &mut Bandwidth, parameter: &TypedParameter) -> Result<()> {
    let refused = |detail: String| Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NETWORK, detail));
    let TypedValue::UnsignedInt(value) = parameter.value else {
        return refused(format!("invalid type for parameter '{}', expected 'uint'", parameter.field));
    };
    let Some((direction, name)) = parameter.field.split_once('.') else {
        return refused(format!("parameter '{}' not supported", parameter.field));
    };
    let rate = match direction {
        "inbound" => &mut rates.inbound,
        "outbound" => &mut rates.outbound,
        _ => return refused(format!("parameter '{}' not supported", parameter.field)),
    };
    let rate = rate.get_or_insert(BandwidthRate { average: None, peak: None, floor: None, burst: None });
    // 0 takes it away.
    let value = (value > 0).then_some(u64::from(value));
    match name {
        "average" => rate.average = value,
        "peak" => rate.peak = value,
        "burst" => rate.burst = value,
        "floor" if direction == "inbound" => rate.floor = value,
        _ => return refused(format!("parameter '{}' not supported", parameter.field)),
    }
    Ok(())
}

/// The virtual functions of the card with this network device, in their order.
fn functions_of(device: &str) -> Result<Vec<PciAddress>> {
    if device.contains('/') {
        return Err(internal(format!("Could not get Virtual functions on {device}")));
    }
    let directory = format!("/sys/class/net/{device}/device");
    let mut functions = Vec::new();
    for number in 0u32.. {
        let Ok(target) = std::fs::read_link(format!("{directory}/virtfn{number}")) else { break };
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        functions.push(name.parse()?);
    }
    if functions.is_empty() {
        return Err(internal(format!("No Vf's present on SRIOV PF {device}")));
    }
    Ok(functions)
}

fn address_of(slot: &PciSlot) -> Result<PciAddress> {
    let PciSlot { domain, bus, slot, function } = slot;
    format!("{domain:04x}:{bus:02x}:{slot:02x}.{function:x}").parse()
}

fn slot_of(address: PciAddress) -> PciSlot {
    let PciAddress { domain, bus, device, function } = address;
    PciSlot { domain, bus: bus.into(), slot: device.into(), function: function.into() }
}

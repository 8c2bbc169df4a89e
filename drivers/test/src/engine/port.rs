//! Ports of simulated networks: they lead to the bridge, the device or the function that the network names.

use uuid::Uuid;
use virt_conf::model::{
    Bandwidth, BandwidthRate, BridgePlug, DirectPlug, ForwardAddress, ForwardMode, HostdevPlug, MacvtapMode,
    Network as Document, NetworkPort, PlugAddress, PortBandwidth, PortPlug,
};
use virt_core::driver::{Error, ErrorCode, ErrorDomain, Result, TypedParameter, TypedValue};

use super::managed::Living as _;
use super::network::Network;
use crate::error;

impl Network {
    pub(crate) fn port(&self, uuid: Uuid) -> Result<&NetworkPort> {
        self.ports.get(&uuid).ok_or_else(|| no_port(uuid))
    }

    pub(crate) fn port_uuids(&self) -> Vec<Uuid> {
        self.ports.keys().copied().collect()
    }

    /// Makes a port; `reclaim` takes over what it says that it leads to.
    pub(crate) fn create_port(&mut self, mut port: NetworkPort, reclaim: bool) -> Result<()> {
        let Some(document) = self.life().running() else {
            let sentence = format!("network '{}' is not active", self.identity().name);
            return Err(error::state(ErrorDomain::NETWORK, sentence));
        };
        if self.ports.contains_key(&port.uuid) {
            let detail = format!("Network port with UUID {} already exists", port.uuid);
            return Err(Error::verbatim(ErrorCode::NETWORK_PORT_EXIST, ErrorDomain::NETWORK, detail));
        }
        if !reclaim || port.plug.is_none() {
            port.plug = Some(self.plug(document)?);
        }
        self.ports.insert(port.uuid, port);
        Ok(())
    }

    pub(crate) fn delete_port(&mut self, uuid: Uuid) -> Result<()> {
        self.ports.remove(&uuid).map(drop).ok_or_else(|| no_port(uuid))
    }

    /// What the next port leads to.
    fn plug(&self, document: &Document) -> Result<PortPlug> {
        let bridge = document.bridge.as_ref();
        let to_bridge = || BridgePlug {
            bridge: bridge.and_then(|bridge| bridge.name.clone()).unwrap_or_default(),
            mac_table_manager: bridge.and_then(|bridge| bridge.mac_table_manager),
        };
        let Some(forward) = document.forward.as_ref().filter(|_| !document.makes_bridge()) else {
            return Ok(PortPlug::Network(to_bridge()));
        };
        let none_left = || {
            let sentence = format!(
                "network '{}' requires exclusive access to interfaces, but none are available",
                document.name
            );
            Error::internal(ErrorDomain::NETWORK, sentence)
        };
        let mode = match forward.mode {
            ForwardMode::Bridge if bridge.is_some_and(|bridge| bridge.name.is_some()) => {
                return Ok(PortPlug::Bridge(to_bridge()));
            }
            ForwardMode::Hostdev => {
                let taken = |slot| {
                    let leads_there = |port: &NetworkPort| matches!(&port.plug, Some(PortPlug::HostdevPci(plug)) if plug.address.slot == slot);
                    self.ports.values().any(leads_there)
                };
                let mut slots = forward.addresses.iter().map(|ForwardAddress::Pci(slot)| *slot);
                let slot = slots.find(|slot| !taken(*slot)).ok_or_else(none_left)?;
                return Ok(PortPlug::HostdevPci(HostdevPlug {
                    managed: forward.managed,
                    driver: forward.driver.clone(),
                    address: PlugAddress { slot },
                }));
            }
            ForwardMode::Bridge => MacvtapMode::Bridge,
            ForwardMode::Private => MacvtapMode::Private,
            ForwardMode::Passthrough => MacvtapMode::Passthrough,
            _ => MacvtapMode::Vepa,
        };
        let users = |dev: &str| {
            let leads_there =
                |port: &&NetworkPort| matches!(&port.plug, Some(PortPlug::Direct(plug)) if plug.dev == dev);
            self.ports.values().filter(leads_there).count()
        };
        let device = forward.interfaces.iter().map(|device| &device.dev).min_by_key(|dev| users(dev));
        let device = device.filter(|dev| mode != MacvtapMode::Passthrough || users(dev) == 0);
        device
            .map(|dev| PortPlug::Direct(DirectPlug { dev: dev.clone(), mode: Some(mode) }))
            .ok_or_else(none_left)
    }

    /// Changes a port's bandwidth.
    pub(crate) fn set_port_parameters(&mut self, uuid: Uuid, parameters: &[TypedParameter]) -> Result<()> {
        let mut port = self.port(uuid)?.clone();
        let fresh = || PortBandwidth { class_id: None, rates: Bandwidth { inbound: None, outbound: None } };
        let bandwidth = port.bandwidth.get_or_insert_with(fresh);
        for parameter in parameters {
            set_rate(&mut bandwidth.rates, parameter)?;
        }
        let is_set = |rate: &BandwidthRate| rate.average.is_some() || rate.floor.is_some();
        let rates = &mut bandwidth.rates;
        rates.inbound = rates.inbound.take().filter(is_set);
        rates.outbound = rates.outbound.take().filter(is_set);
        if rates.inbound.is_none() && rates.outbound.is_none() {
            port.bandwidth = None;
        }
        self.ports.insert(uuid, port);
        Ok(())
    }
}

fn no_port(uuid: Uuid) -> Error {
    let detail = format!("Network port with UUID {uuid} does not exist");
    Error::new(ErrorCode::NO_NETWORK_PORT, ErrorDomain::NETWORK, detail)
}

/// A port's bandwidth under libvirt's names.
pub(crate) fn parameters(port: &NetworkPort) -> Vec<TypedParameter> {
    let rates = port.bandwidth.as_ref().map(|bandwidth| &bandwidth.rates);
    let directions = [
        ("inbound", rates.and_then(|rates| rates.inbound.as_ref())),
        ("outbound", rates.and_then(|rates| rates.outbound.as_ref())),
    ];
    let mut parameters = Vec::new();
    for (direction, rate) in directions {
        let mut add = |name: &str, pick: fn(&BandwidthRate) -> Option<u64>| {
            let value = u32::try_from(rate.and_then(pick).unwrap_or_default()).unwrap_or(u32::MAX);
            parameters.push(TypedParameter::new(format!("{direction}.{name}"), value));
        };
        add("average", |rate| rate.average);
        add("peak", |rate| rate.peak);
        if direction == "inbound" {
            add("floor", |rate| rate.floor);
        }
        add("burst", |rate| rate.burst);
    }
    parameters
}

fn set_rate(rates: &mut Bandwidth, parameter: &TypedParameter) -> Result<()> {
    let refused = |detail: String| Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NETWORK, detail);
    let unknown = || refused(format!("parameter '{}' not supported", parameter.field));
    let TypedValue::UnsignedInt(value) = parameter.value else {
        return Err(refused(format!("invalid type for parameter '{}', expected 'uint'", parameter.field)));
    };
    let (direction, name) = parameter.field.split_once('.').ok_or_else(unknown)?;
    let rate = match direction {
        "inbound" => &mut rates.inbound,
        "outbound" => &mut rates.outbound,
        _ => return Err(unknown()),
    };
    let rate = rate.get_or_insert(BandwidthRate { average: None, peak: None, floor: None, burst: None });
    // 0 takes it away.
    let value = (value > 0).then_some(u64::from(value));
    match name {
        "average" => rate.average = value,
        "peak" => rate.peak = value,
        "burst" => rate.burst = value,
        "floor" if direction == "inbound" => rate.floor = value,
        _ => return Err(unknown()),
    }
    Ok(())
}

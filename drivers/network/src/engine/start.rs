//! Defining, starting and stopping networks.

use std::sync::Arc;

use uuid::Uuid;
use virt_conf::model::{Network, NetworkIp};
use virt_conf::xml::{ParseFlags, ParseOptions, locate};
use virt_core::driver::NetworkLifecycle;
use virt_util::index::Entry;
use virt_util::journal::Journal;
use virt_util::netlink::{MacAddress, Netlink};
use virt_util::owner::Owner;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorDomain, Result};

use super::step::{BridgePlan, Context, Step};
use super::validate::validate;
use super::{Engine, Shaping};
use crate::dnsmasq::Files;
use crate::event;
use crate::firewall::{Rules, Subnet};
use crate::state::{RUNNING, uuid_of};
use crate::{internal, invalid};

impl Engine {
    /// Reads a definition: syntax, checks.
    pub(crate) fn parse(&self, xml: &str, strict: bool) -> Result<Network> {
        let network = Network::from_xml(xml, &ParseOptions { flags: ParseFlags::INACTIVE, strict })?;
        validate(&network).map_err(|error| locate(error, xml))?;
        Ok(network)
    }

    /// Gives a network a definition.
    pub(crate) fn define(&self, mut network: Network, wait: Wait<'_>) -> Result<Arc<Entry>> {
        let store = &self.store;
        let mut lock = store.index().lock("defining a network", wait)?;
        let known = store.check_unique(&network)?;
        if let Some(entry) = known.as_deref().filter(|entry| entry.is_persistent()) {
            self.keep_choices(entry, &mut network)?;
        }
        self.complete(&mut network)?;
        let entry = store.write_definition(&mut lock, &network)?;
        event::lifecycle(&entry, NetworkLifecycle::Defined).append(&lock, store.events())?;
        Ok(entry)
    }

    /// What was chosen for the network stays, where nobody says otherwise: its guests know its address.
    fn keep_choices(&self, entry: &Entry, network: &mut Network) -> Result<()> {
        let Some(old) = self.store.definition(entry)? else { return Ok(()) };
        if !network.makes_bridge() || !old.makes_bridge() {
            return Ok(());
        }
        let bridge = network.bridge.get_or_insert_default();
        if bridge.name.is_none() {
            bridge.name = old.bridge.and_then(|bridge| bridge.name);
        }
        network.mac = network.mac.or(old.mac);
        Ok(())
    }

    /// Takes a definition away.
    pub(crate) fn undefine(&self, uuid: Uuid, wait: Wait<'_>) -> Result<()> {
        let store = &self.store;
        let mut lock = store.index().lock("undefining a network", wait)?;
        let entry = store.by_uuid(uuid)?;
        if !entry.is_persistent() {
            return Err(invalid("can't undefine transient network"));
        }
        store.remove_definition(&mut lock, &entry)?;
        event::lifecycle(&entry, NetworkLifecycle::Undefined).append(&lock, store.events())
    }

    /// Starts a defined network.
    pub(crate) fn start(&self, uuid: Uuid, wait: Wait<'_>) -> Result<Arc<Entry>> {
        let _lock = self.store.lock_network(uuid, "starting", wait)?;
        let entry = self.entry(uuid)?;
        if entry.is_active() {
            return Err(invalid("network is already active"));
        }
        let network = self.store.network(&entry, true)?;
        self.launch(network, wait)
    }

    /// Starts a network that is not defined, or another version of one that is.
    pub(crate) fn start_transient(&self, network: Network, wait: Wait<'_>) -> Result<Arc<Entry>> {
        let uuid = uuid_of(&network)?;
        let _lock = self.store.lock_network(uuid, "starting", wait)?;
        if let Some(known) = self.store.check_unique(&network)?
            && self.entry(known.uuid)?.is_active()
        {
            return Err(invalid(format!("network is already active as '{}'", known.name)));
        }
        self.launch(network, wait)
    }

    /// Starts `network`; the caller holds its lock, and knows that it does not run.
    fn launch(&self, mut network: Network, wait: Wait<'_>) -> Result<Arc<Entry>> {
        let uuid = uuid_of(&network)?;
        let name = uuid.to_string();
        if let Some(leftover) = Journal::<Step>::open(self.store.root(), &name)? {
            leftover.undo(&mut Context::undoing(self.store.clone()))?;
        }
        self.complete(&mut network)?;
        validate(&network)?;
        if network.makes_bridge() {
            check_collision(&network, wait)?;
            forward_packets(&network)?;
        }
        let steps = steps(&network)?;
        let mut context = Context::starting(self.store.clone(), network.clone(), wait.deadline());
        let purpose = format!("starting network '{}'", network.name);
        let mut journal = Journal::begin(self.store.root(), &name, &purpose)?.until(wait.deadline());
        self.fault.into_iter().for_each(|fault| journal.fail(fault));
        for step in steps {
            journal.carry_out(step, &mut context)?;
        }
        match self.settle(&network, wait) {
            Ok(entry) => {
                // What was done stands until somebody stops the network, or the machine.
                let machine = Owner::of(1)?.ok_or_else(|| internal("process 1 is not in /proc"))?;
                journal.hand_over(machine)?;
                Ok(entry)
            }
            Err(error) => {
                journal
                    .undo(&mut Context::undoing(self.store.clone()))
                    .unwrap_or_else(|left| log::error!("{left}"));
                Err(error)
            }
        }
    }

    /// Writes down that the network runs, and the event.
    fn settle(&self, network: &Network, wait: Wait<'_>) -> Result<Arc<Entry>> {
        let mut lock = self.store.index().lock("a network that has started", wait)?;
        let entry = self.store.write_status(&mut lock, network, RUNNING)?;
        event::lifecycle(&entry, NetworkLifecycle::Started).append(&lock, self.store.events())?;
        Ok(entry)
    }

    /// Stops a network.
    pub(crate) fn destroy(&self, uuid: Uuid, wait: Wait<'_>) -> Result<()> {
        let _lock = self.store.lock_network(uuid, "stopping", wait)?;
        let entry = self.entry(uuid)?;
        if !entry.is_active() {
            return Err(invalid(format!("network '{}' is not active", entry.name)));
        }
        let mut context = Context::undoing(self.store.clone());
        match Journal::<Step>::open(self.store.root(), &uuid.to_string())? {
            Some(mut journal) => {
                self.fault.into_iter().for_each(|fault| journal.fail(fault));
                // Should this process die half-way, the next one goes on.
                journal.take_over()?;
                journal.undo(&mut context)
            }
            // Somebody removed it; the status says the same.
            None => {
                let network = self.store.running(&entry)?;
                let undo = |step: Step| virt_util::journal::Step::undo(&step, &mut context);
                steps(&network)?.into_iter().rev().try_for_each(undo)
            }
        }
    }
}

/// The steps that start a network whose bridge has a name.
pub(super) fn steps(network: &Network) -> Result<Vec<Step>> {
    let mut steps = vec![Step::Run { network: uuid_of(network)? }];
    if !network.makes_bridge() {
        return Ok(steps);
    }
    let (Some(bridge), Some(mac)) = (&network.bridge, network.mac) else {
        return Err(internal(format!("nothing was chosen for the bridge of network '{}'", network.name)));
    };
    let name = bridge.name.clone().unwrap_or_default();
    let rules = Rules::of(network);
    let address = |ip: &NetworkIp| Some((ip.address?, u8::try_from(ip.prefix_length()?).ok()?));
    let routes = network.routes.iter().filter_map(|route| {
        let of_mask = || match route.netmask {
            Some(std::net::IpAddr::V4(mask)) => Some(mask.to_bits().leading_ones()),
            _ => None,
        };
        // Without either, all of an address that is not all zeroes.
        let whole = || match (route.address.is_unspecified(), route.address.is_ipv6()) {
            (true, _) => 0,
            (false, true) => 128,
            (false, false) => 32,
        };
        let prefix = route.prefix.or_else(of_mask).unwrap_or_else(whole);
        Some((route.address, u8::try_from(prefix).ok()?, route.gateway, route.metric))
    });
    steps.push(Step::Bridge(BridgePlan {
        name: name.clone(),
        mac: MacAddress(mac.0),
        stp: bridge.stp != Some(virt_conf::model::Switch::Off),
        delay: bridge.delay.unwrap_or_default(),
        mtu: network.mtu,
        addresses: network.ips.iter().filter_map(address).collect(),
        routes: routes.collect(),
        bandwidth: network.bandwidth.as_ref().map(Shaping::of),
        checksums: rules.as_ref().is_some_and(Rules::completes_checksums),
    }));
    steps.extend(rules.map(|_| Step::Rules { bridge: name }));
    if Files::are_needed(network) {
        steps.push(Step::Server { network: network.name.clone() });
    }
    Ok(steps)
}

/// Refuses a network whose addresses, or those its routes lead to, a device of the host has already.
fn check_collision(network: &Network, wait: Wait<'_>) -> Result<()> {
    let mut netlink = Netlink::open()?;
    let routes = netlink.routes(wait)?;
    let taken = |subnet: Subnet| {
        let same = |route: &&virt_util::netlink::Route| {
            (route.destination, route.prefix) == (subnet.address, subnet.prefix)
        };
        routes.iter().find(same).map(|route| route.device)
    };
    let mut device_name = |index: u32| -> Result<String> { Ok(netlink.link(index, wait)?.name) };
    for subnet in network.ips.iter().filter_map(Subnet::of) {
        if let Some(device) = taken(subnet) {
            return Err(internal(format!("Network is already in use by interface {}", device_name(device)?)));
        }
    }
    for route in &network.routes {
        let Some(prefix) = route.prefix.and_then(|prefix| u8::try_from(prefix).ok()) else { continue };
        let subnet = Subnet::around(route.address, prefix);
        if let Some(device) = taken(subnet) {
            return Err(internal(format!(
                "Route address '{}' conflicts with IP address for '{}'",
                subnet.address,
                device_name(device)?
            )));
        }
    }
    Ok(())
}

/// Lets the host forward what the network wants forwarded. It is left so: others may have come to count on it.
fn forward_packets(network: &Network) -> Result<()> {
    let switches =
        [("/proc/sys/net/ipv4/ip_forward", false), ("/proc/sys/net/ipv6/conf/all/forwarding", true)];
    for (path, ipv6) in switches {
        if Rules::forwards(network, ipv6)
            && std::fs::read_to_string(path).is_ok_and(|text| text.trim() != "1")
        {
            std::fs::write(path, "1\n")
                .map_err(|error| Error::system(ErrorDomain::NETWORK, "cannot enable IP forwarding", error))?;
        }
    }
    Ok(())
}

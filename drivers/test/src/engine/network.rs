//! Virtual networks, of which only their documents are real.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;
use virt_conf::model::{
    InterfaceKind, MacAddress, Network as Document, NetworkIp, NetworkPort, NetworkSection, NetworkUpdate,
};
use virt_core::driver::{
    Affect, DhcpLease, Error, ErrorCode, ErrorDomain, MetadataChange, NetworkChange, NetworkCommand,
    NetworkEventKind, NetworkIdentity, NetworkPart, NetworkSummary, ObjectEvent, Result, TypedParameter,
};

use super::events::Happening;
use super::managed::{Attempt, Life, Living};
use super::metadata::write_metadata;
use super::table::Object;
use super::{Guest, Node};
use crate::error;

/// For how long an address is handed out, in seconds.
const LEASE: i64 = 3600;

/// A simulated network.
#[derive(Debug)]
pub(crate) struct Network {
    life: Life<Document>,
    pub(super) ports: BTreeMap<Uuid, NetworkPort>,
}

impl Object for Network {
    type Happening = Happening;
    type Event = ObjectEvent;
    const KIND: &'static str = "network";
    const ABSENT: ErrorCode = ErrorCode::NO_NETWORK;
    const DOMAIN: ErrorDomain = ErrorDomain::NETWORK;

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

impl Living for Network {
    type Document = Document;

    fn new(life: Life<Document>) -> Self {
        Self { life, ports: BTreeMap::new() }
    }

    fn life(&self) -> &Life<Document> {
        &self.life
    }

    fn life_mut(&mut self) -> &mut Life<Document> {
        &mut self.life
    }

    /// libvirt's test driver stops what does not run without a word.
    fn wrong_state(&self, attempt: Attempt) -> Option<Error> {
        let word = match attempt {
            Attempt::Start => "already",
            Attempt::Undefine => "still",
            Attempt::Stop => return None,
        };
        Some(error::state(ErrorDomain::TEST, format!("Network '{}' is {word} running", self.life.name)))
    }

    fn stopped(&mut self) {
        self.ports.clear();
    }
}

impl Network {
    pub(crate) fn identity(&self) -> NetworkIdentity {
        NetworkIdentity { name: self.life.name.clone(), uuid: self.life.uuid }
    }

    pub(crate) fn summary(&self) -> NetworkSummary {
        NetworkSummary {
            name: self.life.name.clone(),
            uuid: self.life.uuid,
            active: self.life.is_active(),
            persistent: self.life.is_persistent(),
            autostart: self.life.autostart,
            bridge: self.bridge().map(str::to_owned),
        }
    }

    pub(crate) fn bridge(&self) -> Option<&str> {
        self.life.document(false)?.bridge.as_ref()?.name.as_deref()
    }

    /// The document; of what runs with the number of guests that are plugged in.
    pub(crate) fn document(&self, inactive: bool) -> Document {
        let mut document = self.life.document(inactive).cloned().unwrap_or_default();
        if !inactive && self.life.is_active() {
            document.connections = u32::try_from(self.ports.len()).ok().filter(|count| *count > 0);
        }
        document
    }

    /// Changes one element.
    pub(crate) fn update(&mut self, change: &NetworkChange, affect: Affect) -> Result<Vec<Happening>> {
        let (section, command) = (section(change.section)?, command(change.command)?);
        let parent = usize::try_from(change.parent).ok();
        let affect = self.life.affected(affect, Self::KIND)?;
        self.life.edit(affect, |network| network.update(section, command, parent, &change.xml))?;
        Ok(Vec::new())
    }

    /// The one of its documents whose metadata is asked for.
    pub(crate) fn view(&self, affect: Affect) -> Result<&Document> {
        let affect = self.life.affected(affect, Self::KIND)?;
        let gone = || Self::gone(self.life.uuid);
        self.life.document(affect.contains(Affect::CONFIG) && !affect.contains(Affect::LIVE)).ok_or_else(gone)
    }

    pub(crate) fn set_metadata(&mut self, change: &MetadataChange, affect: Affect) -> Result<Vec<Happening>> {
        let affect = self.life.affected(affect, Self::KIND)?;
        self.life.edit(affect, |network| write_metadata(network, change))?;
        let namespace = change.namespace.iter().map(|uri| TypedParameter::new("nsuri", uri.as_str()));
        Ok(vec![Happening {
            kind: NetworkEventKind::MetadataChange.number(),
            event: change.kind.number(),
            parameters: namespace.collect(),
        }])
    }
}

impl Node {
    /// The addresses that running guests have on a network: those that are kept for them, else the next that is free, in
    /// the order in which the guests came.
    pub(crate) fn leases(&self, network: Uuid, mac: Option<&str>) -> Result<Vec<DhcpLease>> {
        let (name, document, plugged) = self.networks.ask(network, |network| {
            let plugged: Vec<_> =
                network.ports.values().map(|port| (port.mac, port.owner.name.clone())).collect();
            (network.life.name.clone(), network.life.running().cloned(), plugged)
        })?;
        let Some(document) = document else { return Ok(Vec::new()) };
        let wanted = mac.map(mac_of).transpose()?;
        let mut guests: Vec<(MacAddress, String)> =
            self.guests.list(|guest| cards(guest, &name)).into_iter().flatten().collect();
        for port in plugged {
            if guests.iter().all(|(mac, _)| *mac != port.0) {
                guests.push(port);
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().cast_signed();
        // As a server would have it whose guests ask for more when half of the time is over.
        let expiry = now - now.rem_euclid(LEASE / 2) + LEASE;
        let mut leases = Vec::new();
        for ip in document.ips.iter().filter(|ip| ip.dhcp.is_some()) {
            let mut free = Free::of(ip);
            for (mac, guest) in &guests {
                let Some((address, hostname)) = free.next(*mac) else { continue };
                leases.push(DhcpLease {
                    interface: document
                        .bridge
                        .as_ref()
                        .and_then(|bridge| bridge.name.clone())
                        .unwrap_or_default(),
                    expiry,
                    ipv6: ip.is_ipv6(),
                    mac: Some(mac.to_string()),
                    iaid: ip.is_ipv6().then(|| "1".to_owned()),
                    address: address.to_string(),
                    prefix: ip.prefix_length().unwrap_or_default(),
                    hostname: Some(hostname.unwrap_or_else(|| guest.clone())),
                    client_id: None,
                });
            }
        }
        leases.retain(|lease| wanted.is_none_or(|mac| lease.mac == Some(mac.to_string())));
        Ok(leases)
    }
}

/// The cards of a running guest on this network.
fn cards(guest: &Guest, network: &str) -> Vec<(MacAddress, String)> {
    let Some(domain) = guest.domain().filter(|_| guest.is_active()) else { return Vec::new() };
    let there = domain.devices.interfaces.iter().filter(
        |card| matches!(&card.kind, InterfaceKind::Network(kind) if kind.network.as_deref() == Some(network)),
    );
    there.filter_map(|card| Some((card.mac.as_ref()?.address, guest.identity().name))).collect()
}

/// What is left of an address range.
struct Free<'a> {
    ip: &'a NetworkIp,
    taken: Vec<IpAddr>,
}

impl<'a> Free<'a> {
    fn of(ip: &'a NetworkIp) -> Self {
        let kept = ip.dhcp.iter().flat_map(|dhcp| &dhcp.hosts).filter_map(|host| host.ip);
        Self { ip, taken: ip.address.into_iter().chain(kept).collect() }
    }

    /// The address of this card, and the name that is kept for it.
    fn next(&mut self, mac: MacAddress) -> Option<(IpAddr, Option<String>)> {
        let dhcp = self.ip.dhcp.as_ref()?;
        if let Some(host) = dhcp.hosts.iter().find(|host| host.mac == Some(mac)) {
            return host.ip.map(|ip| (ip, host.name.clone()));
        }
        let mut places = dhcp.ranges.iter().flat_map(|range| between(range.start, range.end));
        let address = places.find(|address| !self.taken.contains(address))?;
        self.taken.push(address);
        Some((address, None))
    }
}

/// All addresses of a range.
fn between(start: IpAddr, end: IpAddr) -> Box<dyn Iterator<Item = IpAddr>> {
    match (start, end) {
        (IpAddr::V4(start), IpAddr::V4(end)) => {
            Box::new((start.to_bits()..=end.to_bits()).map(|bits| IpAddr::V4(bits.into())))
        }
        (IpAddr::V6(start), IpAddr::V6(end)) => {
            Box::new((start.to_bits()..=end.to_bits()).map(|bits| IpAddr::V6(bits.into())))
        }
        _ => Box::new(std::iter::empty()),
    }
}

fn mac_of(text: &str) -> Result<MacAddress> {
    <MacAddress as virt_conf::xml::Value>::parse(text).map_err(|_| {
        let detail = format!("Given MAC Address doesn't comply with the standard (IEEE 802) format: {text}");
        Error::new(ErrorCode::INVALID_MAC, ErrorDomain::NETWORK, detail)
    })
}

fn section(part: NetworkPart) -> Result<NetworkSection> {
    Ok(match part {
        NetworkPart::Bridge => NetworkSection::Bridge,
        NetworkPart::Domain => NetworkSection::Domain,
        NetworkPart::Ip => NetworkSection::Ip,
        NetworkPart::IpDhcpHost => NetworkSection::IpDhcpHost,
        NetworkPart::IpDhcpRange => NetworkSection::IpDhcpRange,
        NetworkPart::Forward => NetworkSection::Forward,
        NetworkPart::ForwardInterface => NetworkSection::ForwardInterface,
        NetworkPart::ForwardPf => NetworkSection::ForwardPf,
        NetworkPart::PortGroup => NetworkSection::PortGroup,
        NetworkPart::DnsHost => NetworkSection::DnsHost,
        NetworkPart::DnsTxt => NetworkSection::DnsTxt,
        NetworkPart::DnsSrv => NetworkSection::DnsSrv,
        _ => return Err(unrecognized("can't update unrecognized section of network")),
    })
}

fn command(command: NetworkCommand) -> Result<NetworkUpdate> {
    Ok(match command {
        NetworkCommand::Modify => NetworkUpdate::Modify,
        NetworkCommand::Delete => NetworkUpdate::Delete,
        NetworkCommand::AddLast => NetworkUpdate::AddLast,
        NetworkCommand::AddFirst => NetworkUpdate::AddFirst,
        _ => return Err(unrecognized("unrecognized network update command code")),
    })
}

fn unrecognized(what: &str) -> Error {
    Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::NETWORK, what)
}

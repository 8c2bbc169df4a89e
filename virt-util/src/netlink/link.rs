//! Network devices: what rtnetlink says of them.

use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkFlags, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::vf::VfInfo;
use super::{MacAddress, Netlink, attributes, number_u32};
use crate::pci::PciAddress;
use crate::wait::Wait;
use crate::{Error, ErrorDomain, Result};

/// `linux/if_link.h`
mod kind {
    pub(super) const ADDRESS: u16 = 1;
    pub(super) const IFNAME: u16 = 3;
    pub(super) const MASTER: u16 = 10;
    pub(super) const LINKINFO: u16 = 18;
    pub(super) const INFO_KIND: u16 = 1;
    pub(super) const NUM_VF: u16 = 21;
    pub(super) const VFINFO_LIST: u16 = 22;
    pub(super) const STATS64: u16 = 23;
    pub(super) const VF_PORTS: u16 = 24;
    pub(super) const LINK: u16 = 5;
    pub(super) const PHYS_PORT_ID: u16 = 34;
    pub(super) const PHYS_PORT_NAME: u16 = 38;
    pub(super) const PERM_ADDRESS: u16 = 54;
    pub(super) const PARENT_DEV_NAME: u16 = 56;
    pub(super) const PARENT_DEV_BUS_NAME: u16 = 57;
    pub(super) const VF_INFO: u16 = 1;
}

/// A network device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its number, which stays when its name changes.
    pub index: u32,
    /// Its name now.
    pub name: String,
    /// What it is, for devices that are no hardware: `bridge`, `tun`, `macvtap` ...
    pub kind: Option<String>,
    /// Its address now.
    pub mac: Option<MacAddress>,
    /// The address that its hardware came with, where that is known (Linux 5.6 and later).
    pub permanent_mac: Option<MacAddress>,
    /// The PCI function that it belongs to (Linux 5.14 and later).
    pub pci: Option<PciAddress>,
    /// The bridge, bond or the like that it is a part of.
    pub master: Option<u32>,
    /// The device that it is a part or a tag of.
    pub lower: Option<u32>,
    /// Whether it is switched on.
    pub up: bool,
    /// Whether it has a carrier.
    pub running: bool,
    /// Which port of its card it is, in hexadecimal, where the driver tells.
    pub phys_port_id: Option<String>,
    /// What the card calls the port: `p0`, or `pf0vf1` for what represents a virtual function on the host.
    pub phys_port_name: Option<String>,
    /// How many virtual functions its device has.
    pub vf_count: u32,
    /// What is set on each of them; empty where they were not asked for, or the driver does not tell.
    pub vfs: Vec<VfInfo>,
    /// Packets received and sent so far, where they were asked for.
    pub packets: Option<(u64, u64)>,
    /// What `IFLA_VF_PORTS` says, not yet read.
    pub(super) ports: Vec<u8>,
}

/// An address that is assigned to a network device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The device's number.
    pub index: u32,
    /// Whether it is of use on this link alone: the kernel gives such a one to every IPv6 device that is up.
    pub link_local: bool,
}

impl Link {
    /// Whether it stands for a virtual function on the host's side of a card's switch, rather than being a port.
    pub fn is_representor(&self) -> bool {
        let name = self.phys_port_name.as_deref().unwrap_or_default();
        // `c1pf0vf2` is one of another controller.
        let name = name
            .strip_prefix('c')
            .map_or(name, |rest| rest.trim_start_matches(|digit: char| digit.is_ascii_digit()));
        name.strip_prefix("pf").is_some_and(|rest| rest.contains("vf") || rest.contains("sf"))
    }

    /// From the body of an `RTM_NEWLINK`.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        const HEADER: usize = 16;
        let flags = LinkFlags::from_bits_retain(number_u32(body.get(8..)?)?);
        let mut link = Self {
            index: number_u32(body.get(4..)?)?,
            up: flags.contains(LinkFlags::Up),
            running: flags.contains(LinkFlags::LowerUp),
            ..Self::default()
        };
        let (mut parent, mut bus) = (String::new(), String::new());
        for (kind, value) in attributes(body.get(HEADER..)?) {
            match kind {
                kind::ADDRESS => link.mac = MacAddress::from_slice(value),
                kind::PERM_ADDRESS => link.permanent_mac = MacAddress::from_slice(value),
                kind::IFNAME => link.name = text(value),
                kind::LINKINFO => {
                    let infos = attributes(value).find(|(kind, _)| *kind == kind::INFO_KIND);
                    link.kind = infos.map(|(_, kind)| text(kind));
                }
                kind::MASTER => link.master = number_u32(value),
                kind::LINK => link.lower = number_u32(value),
                kind::NUM_VF => link.vf_count = number_u32(value).unwrap_or_default(),
                kind::PHYS_PORT_ID => {
                    link.phys_port_id = Some(value.iter().map(|byte| format!("{byte:02x}")).collect());
                }
                kind::PHYS_PORT_NAME => link.phys_port_name = Some(text(value)),
                kind::PARENT_DEV_NAME => parent = text(value),
                kind::PARENT_DEV_BUS_NAME => bus = text(value),
                kind::STATS64 => link.packets = packets(value),
                kind::VF_PORTS => link.ports = value.to_vec(),
                kind::VFINFO_LIST => {
                    let infos = attributes(value).filter(|(kind, _)| *kind == kind::VF_INFO);
                    link.vfs = infos.filter_map(|(_, info)| VfInfo::parse(info)).collect();
                }
                _ => {}
            }
        }
        link.pci = (bus == "pci").then(|| parent.parse().ok()).flatten();
        Some(link)
    }
}

impl Netlink {
    /// Every network device of the namespace, with what is set on virtual functions.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn links(&mut self, wait: Wait<'_>) -> Result<Vec<Link>> {
        self.dump(&request(0, WITHOUT_STATISTICS), "cannot list network devices", wait, Link::parse)
    }

    /// One network device by its number, with what is set on virtual functions.
    ///
    /// # Errors
    ///
    /// What the kernel answers: `ENODEV` when it has gone.
    pub fn link(&mut self, index: u32, wait: Wait<'_>) -> Result<Link> {
        self.one(request(index, WITHOUT_STATISTICS), index, wait)
    }

    /// One network device by its number, with the packets that it received and sent.
    ///
    /// # Errors
    ///
    /// As for [`Netlink::link`].
    pub fn link_with_packets(&mut self, index: u32, wait: Wait<'_>) -> Result<Link> {
        self.one(request(index, &[]), index, wait)
    }

    fn one(&mut self, message: RouteNetlinkMessage, index: u32, wait: Wait<'_>) -> Result<Link> {
        let attempt = format!("cannot examine network device number {index}");
        let mut found = None;
        self.request(message, 0, &attempt, wait, |body| found = Link::parse(body))?;
        found.ok_or_else(|| Error::internal(ErrorDomain::NONE, format!("{attempt}: the answer is empty")))
    }

    /// Every address that is assigned to a device of the namespace.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn addresses(&mut self, wait: Wait<'_>) -> Result<Vec<InterfaceAddress>> {
        let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
        self.dump(&message, "cannot list network addresses", wait, |body| {
            // struct ifaddrmsg: family, prefix length, flags, scope, index.
            Some(InterfaceAddress {
                link_local: *body.get(3)? >= libc::RT_SCOPE_LINK,
                index: number_u32(body.get(4..)?)?,
            })
        })
    }

    /// Gives a network device another address.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn set_mac(&mut self, index: u32, mac: MacAddress, wait: Wait<'_>) -> Result<()> {
        let message = change(index, vec![LinkAttribute::Address(mac.0.to_vec())]);
        self.request(
            message,
            0,
            &format!("cannot give network device number {index} the address {mac}"),
            wait,
            |_| {},
        )
    }

    /// Gives a network device another name; it must be down for that before Linux 6.2.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn set_name(&mut self, index: u32, name: &str, wait: Wait<'_>) -> Result<()> {
        let message = change(index, vec![LinkAttribute::IfName(name.to_owned())]);
        self.request(
            message,
            0,
            &format!("cannot rename network device number {index} to '{name}'"),
            wait,
            |_| {},
        )
    }
}

/// Statistics of each virtual function may not fit into a list of many.
const WITHOUT_STATISTICS: &[LinkExtentMask] = &[LinkExtentMask::Vf, LinkExtentMask::SkipStats];

fn request(index: u32, mask: &[LinkExtentMask]) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    if !mask.is_empty() {
        message.attributes.push(LinkAttribute::ExtMask(mask.to_vec()));
    }
    RouteNetlinkMessage::GetLink(message)
}

/// A request to change a device.
pub(super) fn change(index: u32, attributes: Vec<LinkAttribute>) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.header.interface_family = AddressFamily::Unspec;
    message.header.index = index;
    message.attributes = attributes;
    RouteNetlinkMessage::SetLink(message)
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()
}

/// The first two numbers of struct rtnl_link_stats64.
fn packets(value: &[u8]) -> Option<(u64, u64)> {
    let number = |at: usize| Some(u64::from_ne_bytes(value.get(at..at + 8)?.try_into().ok()?));
    Some((number(0)?, number(8)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn representors_are_told_from_ports() {
        let named = |name: &str| Link { phys_port_name: Some(name.into()), ..Link::default() };
        for name in ["pf0vf1", "c1pf0vf12", "pf1sf3"] {
            assert!(named(name).is_representor(), "{name}");
        }
        for name in ["p0", "p1s2", "pf0", "", "c1"] {
            assert!(!named(name).is_representor(), "{name}");
        }
        assert!(!Link::default().is_representor());
    }

    /// The request as `ip -d link show dev` puts it together.
    #[test]
    fn a_question_names_the_device_and_wants_virtual_functions() {
        let bytes = super::super::serialize(request(2, WITHOUT_STATISTICS), 0x0005, 7);
        let expected: Vec<u8> = [
            &40u32.to_ne_bytes()[..], // length
            &18u16.to_ne_bytes(),     // RTM_GETLINK
            &5u16.to_ne_bytes(),      // NLM_F_REQUEST | NLM_F_ACK
            &7u32.to_ne_bytes(),      // sequence
            &0u32.to_ne_bytes(),      // port
            &[0, 0, 0, 0],            // struct ifinfomsg: family, padding, type
            &2i32.to_ne_bytes(),      // index
            &[0; 8],                  // flags, change
            &8u16.to_ne_bytes(),      // length
            &29u16.to_ne_bytes(),     // IFLA_EXT_MASK
            &9u32.to_ne_bytes(),      // RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS
        ]
        .concat();
        assert_eq!(bytes, expected);
    }
}

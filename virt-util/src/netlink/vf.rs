//! What a physical function's network device sets on its virtual functions: asked, answered, changed.

use std::fmt;
use std::str::FromStr;

use netlink_packet_route::link::{
    LinkAttribute, LinkVfInfo, VfInfo as Nla, VfInfoGuid, VfInfoLinkState, VfInfoMac, VfInfoRate,
    VfInfoRssQueryEn, VfInfoSpoofCheck, VfInfoTrust, VfInfoVlan, VfLinkState, VfVlan, VfVlanInfo,
    VlanProtocol as NlaProtocol,
};
use serde::{Deserialize, Serialize};

use super::{MacAddress, Netlink, attributes, link, number_u32};
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// `linux/if_link.h`
mod kind {
    pub(super) const MAC: u16 = 1;
    pub(super) const VLAN: u16 = 2;
    pub(super) const TX_RATE: u16 = 3;
    pub(super) const SPOOFCHK: u16 = 4;
    pub(super) const LINK_STATE: u16 = 5;
    pub(super) const RATE: u16 = 6;
    pub(super) const RSS_QUERY_EN: u16 = 7;
    pub(super) const TRUST: u16 = 9;
    pub(super) const IB_NODE_GUID: u16 = 10;
    pub(super) const IB_PORT_GUID: u16 = 11;
    pub(super) const VLAN_LIST: u16 = 12;
    pub(super) const VLAN_INFO: u16 = 1;
}

/// What is set on one virtual function. Nothing is what its driver does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct VfInfo {
    /// Its number on its physical function.
    pub index: u32,
    /// The address that it was given; all zeroes when it was given none.
    pub mac: MacAddress,
    /// The VLAN that its frames are put into.
    pub vlan: Vlan,
    /// Whether frames from another address than its own are dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spoof_check: Option<bool>,
    /// Whether the guest may do what needs the host's trust: change its address, hear all frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<bool>,
    /// The link that it sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_state: Option<LinkState>,
    /// The rate of sending that it has at least, in Mbit/s; 0 for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_rate: Option<u32>,
    /// The rate of sending that it has at most, in Mbit/s; 0 for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<u32>,
    /// Whether it may ask how received packets are spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss_query: Option<bool>,
    /// The GUID of its InfiniBand node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_guid: Option<Guid>,
    /// The GUID of its InfiniBand port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_guid: Option<Guid>,
}

/// One setting of a virtual function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VfAttribute {
    /// The address that it is given; all zeroes take it back.
    Mac(MacAddress),
    /// The VLAN that its frames are put into; number 0 takes it back.
    Vlan(Vlan),
    /// Whether frames from another address than its own are dropped.
    SpoofCheck(bool),
    /// Whether the guest may do what needs the host's trust.
    Trust(bool),
    /// The link that it sees.
    LinkState(LinkState),
    /// The rates of sending, in Mbit/s. They are one setting of the kernel's.
    Rate {
        /// At least; 0 for none.
        min: u32,
        /// At most; 0 for no limit.
        max: u32,
    },
    /// Whether it may ask how received packets are spread.
    RssQuery(bool),
    /// The GUID of its InfiniBand node.
    NodeGuid(Guid),
    /// The GUID of its InfiniBand port.
    PortGuid(Guid),
}

/// Which setting, without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VfAttributeKind {
    /// [`VfAttribute::Mac`]
    Mac,
    /// [`VfAttribute::Vlan`]
    Vlan,
    /// [`VfAttribute::SpoofCheck`]
    SpoofCheck,
    /// [`VfAttribute::Trust`]
    Trust,
    /// [`VfAttribute::LinkState`]
    LinkState,
    /// [`VfAttribute::Rate`]
    Rate,
    /// [`VfAttribute::RssQuery`]
    RssQuery,
    /// [`VfAttribute::NodeGuid`]
    NodeGuid,
    /// [`VfAttribute::PortGuid`]
    PortGuid,
}

/// The VLAN of a virtual function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vlan {
    /// Its number, 1 to 4095; 0 for none.
    pub id: u16,
    /// The priority in its tags, 0 to 7.
    #[serde(default)]
    pub qos: u8,
    /// What kind of tag.
    #[serde(default)]
    pub protocol: VlanProtocol,
}

/// The kind of a VLAN's tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum VlanProtocol {
    /// The usual one.
    #[default]
    #[serde(rename = "802.1Q")]
    Customer,
    /// A provider's, around the tags of its customers.
    #[serde(rename = "802.1ad")]
    Service,
}

/// The link that a virtual function sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkState {
    /// That of its physical function.
    #[default]
    Auto,
    /// Always up, so that virtual functions reach each other.
    Enable,
    /// Always down.
    Disable,
}

/// An InfiniBand GUID (EUI-64).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Guid(pub u64);

impl VfInfo {
    /// From what stands in an `IFLA_VF_INFO`.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut info = Self::default();
        let mut numbered = false;
        let mut tagged = false;
        for (kind, value) in attributes(bytes) {
            let Some(index) = number_u32(value) else { continue };
            // Each begins with the function's number, but for what is a list.
            let setting = value.get(4..).and_then(number_u32);
            match kind {
                kind::MAC => info.mac = value.get(4..).and_then(MacAddress::from_slice)?,
                kind::VLAN if !tagged => info.vlan = Vlan::parse(value)?,
                kind::TX_RATE => info.max_rate = info.max_rate.or(setting),
                kind::SPOOFCHK => info.spoof_check = setting.and_then(switch),
                kind::LINK_STATE => info.link_state = setting.and_then(LinkState::from_number),
                kind::RATE => {
                    info.min_rate = setting;
                    info.max_rate = value.get(8..).and_then(number_u32);
                }
                kind::RSS_QUERY_EN => info.rss_query = setting.and_then(switch),
                kind::TRUST => info.trust = setting.and_then(switch),
                kind::IB_NODE_GUID => info.node_guid = Guid::parse(value),
                kind::IB_PORT_GUID => info.port_guid = Guid::parse(value),
                kind::VLAN_LIST => {
                    if let Some((_, first)) = attributes(value).find(|(kind, _)| *kind == kind::VLAN_INFO) {
                        (info.vlan, tagged) = (Vlan::parse(first)?, true);
                    }
                    continue;
                }
                _ => continue,
            }
            (info.index, numbered) = (index, true);
        }
        numbered.then_some(info)
    }

    /// The value of one setting; nothing where the driver does not tell.
    pub fn get(&self, kind: VfAttributeKind) -> Option<VfAttribute> {
        Some(match kind {
            VfAttributeKind::Mac => VfAttribute::Mac(self.mac),
            VfAttributeKind::Vlan => VfAttribute::Vlan(self.vlan),
            VfAttributeKind::SpoofCheck => VfAttribute::SpoofCheck(self.spoof_check?),
            VfAttributeKind::Trust => VfAttribute::Trust(self.trust?),
            VfAttributeKind::LinkState => VfAttribute::LinkState(self.link_state?),
            VfAttributeKind::Rate => {
                VfAttribute::Rate { min: self.min_rate.unwrap_or_default(), max: self.max_rate? }
            }
            VfAttributeKind::RssQuery => VfAttribute::RssQuery(self.rss_query?),
            VfAttributeKind::NodeGuid => VfAttribute::NodeGuid(self.node_guid?),
            VfAttributeKind::PortGuid => VfAttribute::PortGuid(self.port_guid?),
        })
    }
}

impl VfAttribute {
    /// Which setting it is.
    pub fn kind(&self) -> VfAttributeKind {
        match self {
            Self::Mac(_) => VfAttributeKind::Mac,
            Self::Vlan(_) => VfAttributeKind::Vlan,
            Self::SpoofCheck(_) => VfAttributeKind::SpoofCheck,
            Self::Trust(_) => VfAttributeKind::Trust,
            Self::LinkState(_) => VfAttributeKind::LinkState,
            Self::Rate { .. } => VfAttributeKind::Rate,
            Self::RssQuery(_) => VfAttributeKind::RssQuery,
            Self::NodeGuid(_) => VfAttributeKind::NodeGuid,
            Self::PortGuid(_) => VfAttributeKind::PortGuid,
        }
    }

    /// Whether any hardware could take it.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::INVALID_ARG`] that says what is out of range.
    pub fn check(&self) -> Result<()> {
        let sentence = match self {
            Self::Mac(mac) if mac.is_multicast() => {
                format!("{mac} is the address of a group, not of a device")
            }
            Self::Vlan(vlan) if vlan.id > 4095 => {
                format!("VLAN number {} is out of range, 0 to 4095", vlan.id)
            }
            Self::Vlan(vlan) if vlan.qos > 7 => format!("VLAN priority {} is out of range, 0 to 7", vlan.qos),
            Self::Rate { min, max } if *max != 0 && min > max => {
                format!("the least rate, {min} Mbit/s, is above the greatest, {max} Mbit/s")
            }
            _ => return Ok(()),
        };
        Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, sentence))
    }

    fn to_nla(self, vf: u32) -> Nla {
        match self {
            Self::Mac(mac) => Nla::Mac(VfInfoMac::new(vf, &mac.0)),
            // The older form, which says no protocol, is understood by every kernel.
            Self::Vlan(Vlan { id, qos, protocol: VlanProtocol::Customer }) => {
                Nla::Vlan(VfInfoVlan::new(vf, id.into(), qos.into()))
            }
            Self::Vlan(Vlan { id, qos, protocol: VlanProtocol::Service }) => {
                let info = VfVlanInfo::new(vf, id.into(), qos.into(), NlaProtocol::Ieee8021Ad);
                Nla::VlanList(vec![VfVlan::Info(info)])
            }
            Self::SpoofCheck(on) => Nla::SpoofCheck(VfInfoSpoofCheck::new(vf, on)),
            Self::Trust(on) => Nla::Trust(VfInfoTrust::new(vf, on)),
            Self::LinkState(state) => Nla::LinkState(VfInfoLinkState::new(vf, state.into())),
            Self::Rate { min, max } => Nla::Rate(VfInfoRate::new(vf, min, max)),
            Self::RssQuery(on) => Nla::RssQueryEn(VfInfoRssQueryEn::new(vf, on)),
            Self::NodeGuid(guid) => Nla::IbNodeGuid(VfInfoGuid::new(vf, guid.0)),
            Self::PortGuid(guid) => Nla::IbPortGuid(VfInfoGuid::new(vf, guid.0)),
        }
    }
}

impl Netlink {
    /// Changes one setting of a virtual function, through the network device of its physical one.
    ///
    /// # Errors
    ///
    /// What the driver answers: `EOPNOTSUPP` or `EINVAL` where the hardware cannot, `EAGAIN` or `EBUSY` during a reset.
    pub fn set_vf(&mut self, link: u32, vf: u32, attribute: VfAttribute, wait: Wait<'_>) -> Result<()> {
        attribute.check()?;
        let attempt = format!("cannot set {attribute} of virtual function {vf}");
        self.request(link::change(link, of_vf(vf, attribute)), 0, &attempt, wait, |_| {})
    }
}

/// The attributes of a request that changes one setting.
pub(super) fn of_vf(vf: u32, attribute: VfAttribute) -> Vec<LinkAttribute> {
    vec![LinkAttribute::VfInfoList(vec![LinkVfInfo(vec![attribute.to_nla(vf)])])]
}

/// On, off, or (all bits) not there.
fn switch(setting: u32) -> Option<bool> {
    (setting != u32::MAX).then_some(setting != 0)
}

impl Vlan {
    /// From struct ifla_vf_vlan, or ifla_vf_vlan_info, which has the protocol behind it.
    fn parse(value: &[u8]) -> Option<Self> {
        let service = value.get(12..14) == Some(&0x88a8u16.to_be_bytes());
        Some(Self {
            id: number_u32(value.get(4..)?)? as u16,
            qos: number_u32(value.get(8..)?)? as u8,
            protocol: if service { VlanProtocol::Service } else { VlanProtocol::Customer },
        })
    }
}

impl LinkState {
    fn from_number(number: u32) -> Option<Self> {
        [Self::Auto, Self::Enable, Self::Disable].get(number as usize).copied()
    }
}

impl From<LinkState> for VfLinkState {
    fn from(state: LinkState) -> Self {
        match state {
            LinkState::Auto => Self::Auto,
            LinkState::Enable => Self::Enable,
            LinkState::Disable => Self::Disable,
        }
    }
}

impl Guid {
    /// From struct ifla_vf_guid, whose number is aligned as the machine wants it.
    fn parse(value: &[u8]) -> Option<Self> {
        let start = value.len().checked_sub(8)?;
        Some(Self(u64::from_ne_bytes(value.get(start..)?.try_into().ok()?)))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<_> = self.0.to_be_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        f.write_str(&bytes.join(":"))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Guid {
    type Err = Error;

    /// Eight bytes of two hexadecimal digits between colons.
    fn from_str(text: &str) -> Result<Self> {
        let digits: String = text.split(':').filter(|part| part.len() == 2).collect();
        let whole =
            text.len() == 23 && digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        whole.then(|| u64::from_str_radix(&digits, 16).ok()).flatten().map(Self).ok_or_else(|| {
            Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, format!("'{text}' is no GUID"))
                .hint("write eight bytes in hexadecimal, 00:11:22:33:44:55:66:77")
        })
    }
}

impl TryFrom<String> for Guid {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Guid> for String {
    fn from(guid: Guid) -> Self {
        guid.to_string()
    }
}

impl fmt::Display for VlanProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Customer => "802.1Q",
            Self::Service => "802.1ad",
        })
    }
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Enable => "enable",
            Self::Disable => "disable",
        })
    }
}

impl fmt::Display for VfAttributeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Mac => "MAC address",
            Self::Vlan => "VLAN",
            Self::SpoofCheck => "spoof checking",
            Self::Trust => "trust",
            Self::LinkState => "link state",
            Self::Rate => "transmit rate",
            Self::RssQuery => "RSS query",
            Self::NodeGuid => "node GUID",
            Self::PortGuid => "port GUID",
        })
    }
}

impl fmt::Display for VfAttribute {
    /// `VLAN 42 (priority 3, 802.1ad)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = |on: bool| if on { "on" } else { "off" };
        write!(f, "{} ", self.kind())?;
        match self {
            Self::Mac(mac) => write!(f, "{mac}"),
            Self::Vlan(Vlan { id: 0, qos: 0, .. }) => f.write_str("none"),
            Self::Vlan(vlan) => {
                write!(f, "{}", vlan.id)?;
                match (vlan.qos, vlan.protocol) {
                    (0, VlanProtocol::Customer) => Ok(()),
                    (qos, protocol) => write!(f, " (priority {qos}, {protocol})"),
                }
            }
            Self::SpoofCheck(value) | Self::Trust(value) | Self::RssQuery(value) => f.write_str(on(*value)),
            Self::LinkState(state) => write!(f, "{state}"),
            Self::Rate { min: 0, max: 0 } => f.write_str("unlimited"),
            Self::Rate { min: 0, max } => write!(f, "at most {max} Mbit/s"),
            Self::Rate { min, max: 0 } => write!(f, "at least {min} Mbit/s"),
            Self::Rate { min, max } => write!(f, "{min} to {max} Mbit/s"),
            Self::NodeGuid(guid) | Self::PortGuid(guid) => write!(f, "{guid}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An attribute by the rules of `linux/netlink.h`: length, kind, value, filled up to four bytes.
    fn nla(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = [&(4 + value.len() as u16).to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    /// A request to change one setting, by the definitions of `linux/rtnetlink.h` and `linux/if_link.h`.
    fn kernels(kind: u16, setting: &[u8]) -> Vec<u8> {
        let list = nla(22, &nla(1, &nla(kind, setting)));
        let length = 16 + 16 + list.len() as u32;
        [
            &length.to_ne_bytes()[..],
            &19u16.to_ne_bytes(), // RTM_SETLINK
            &5u16.to_ne_bytes(),  // NLM_F_REQUEST | NLM_F_ACK
            &1u32.to_ne_bytes(),  // sequence
            &[0; 4],              // port
            &[0; 4],              // struct ifinfomsg: family, padding, type
            &3i32.to_ne_bytes(),  // index
            &[0; 8],              // flags, change
            &list,
        ]
        .concat()
    }

    fn ours(attribute: VfAttribute) -> Vec<u8> {
        super::super::serialize(link::change(3, of_vf(2, attribute)), 5, 1)
    }

    fn numbers(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_ne_bytes()).collect()
    }

    #[test]
    fn requests_are_byte_for_byte_the_kernels() {
        // struct ifla_vf_mac: the number, 32 bytes.
        let mut mac = numbers(&[2]);
        mac.extend([0, 0x11, 0x22, 0x33, 0x44, 0x55]);
        mac.resize(36, 0);
        assert_eq!(ours(VfAttribute::Mac("00:11:22:33:44:55".parse().unwrap())), kernels(1, &mac));
        let vlan = |protocol| VfAttribute::Vlan(Vlan { id: 42, qos: 3, protocol });
        assert_eq!(ours(vlan(VlanProtocol::Customer)), kernels(2, &numbers(&[2, 42, 3])));
        // struct ifla_vf_vlan_info: as before, the protocol in network order, two bytes of padding, in a list.
        let info = [&numbers(&[2, 42, 3])[..], &[0x88, 0xa8, 0, 0]].concat();
        assert_eq!(ours(vlan(VlanProtocol::Service)), kernels(12, &nla(1, &info)));
        assert_eq!(ours(VfAttribute::SpoofCheck(true)), kernels(4, &numbers(&[2, 1])));
        assert_eq!(ours(VfAttribute::LinkState(LinkState::Disable)), kernels(5, &numbers(&[2, 2])));
        assert_eq!(ours(VfAttribute::Rate { min: 100, max: 1000 }), kernels(6, &numbers(&[2, 100, 1000])));
        assert_eq!(ours(VfAttribute::RssQuery(false)), kernels(7, &numbers(&[2, 0])));
        assert_eq!(ours(VfAttribute::Trust(true)), kernels(9, &numbers(&[2, 1])));
        // struct ifla_vf_guid: the number, padding up to eight bytes, the GUID in the machine's order.
        #[cfg(target_pointer_width = "64")]
        {
            let guid = [&numbers(&[2, 0])[..], &0x0011_2233_4455_6677u64.to_ne_bytes()].concat();
            let value: Guid = "00:11:22:33:44:55:66:77".parse().unwrap();
            assert_eq!(ours(VfAttribute::NodeGuid(value)), kernels(10, &guid));
            assert_eq!(ours(VfAttribute::PortGuid(value)), kernels(11, &guid));
        }
    }

    #[test]
    fn answers_tell_off_from_absent() {
        let mut mac = numbers(&[6]);
        mac.extend([2, 0, 0, 0, 0, 1]);
        mac.resize(36, 0);
        let bytes = [
            nla(1, &mac),
            nla(2, &numbers(&[6, 7, 1])),
            nla(12, &nla(1, &[&numbers(&[6, 7, 1])[..], &[0x88, 0xa8, 0, 0]].concat())),
            nla(3, &numbers(&[6, 900])),
            nla(4, &numbers(&[6, 0])),
            nla(5, &numbers(&[6, 1])),
            nla(6, &numbers(&[6, 10, 900])),
            nla(7, &numbers(&[6, u32::MAX])),
            nla(9, &numbers(&[6, 1])),
            nla(8, &nla(0, &[0; 8])),
            nla(99, &[1, 2, 3]),
        ]
        .concat();
        let info = VfInfo::parse(&bytes).unwrap();
        let expected = VfInfo {
            index: 6,
            mac: "02:00:00:00:00:01".parse().unwrap(),
            vlan: Vlan { id: 7, qos: 1, protocol: VlanProtocol::Service },
            spoof_check: Some(false),
            trust: Some(true),
            link_state: Some(LinkState::Enable),
            min_rate: Some(10),
            max_rate: Some(900),
            ..VfInfo::default()
        };
        assert_eq!(info, expected);
        assert_eq!(info.get(VfAttributeKind::RssQuery), None);
        assert_eq!(info.get(VfAttributeKind::SpoofCheck), Some(VfAttribute::SpoofCheck(false)));
        // Cut anywhere, it is either less or nothing, and never a panic.
        for length in 0..bytes.len() {
            let _ = VfInfo::parse(&bytes[..length]);
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused_before_the_kernel_is_asked() {
        let vlan = |id, qos| VfAttribute::Vlan(Vlan { id, qos, protocol: VlanProtocol::Customer });
        for (attribute, words) in [
            (vlan(4096, 0), "VLAN number 4096"),
            (vlan(1, 8), "VLAN priority 8"),
            (VfAttribute::Rate { min: 2, max: 1 }, "2 Mbit/s"),
            (VfAttribute::Mac(MacAddress([1, 0, 0, 0, 0, 0])), "of a group"),
        ] {
            assert!(attribute.check().unwrap_err().to_string().contains(words));
        }
        assert!(VfAttribute::Rate { min: 5, max: 0 }.check().is_ok());
        for text in ["", "00:11:22:33:44:55:66", "00:11:22:33:44:55:66:7g", "00112233445566778899aab"] {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
    }

    #[test]
    fn settings_are_told_in_words() {
        let vlan = |id, qos, protocol| VfAttribute::Vlan(Vlan { id, qos, protocol }).to_string();
        assert_eq!(vlan(42, 3, VlanProtocol::Service), "VLAN 42 (priority 3, 802.1ad)");
        assert_eq!(vlan(42, 0, VlanProtocol::Customer), "VLAN 42");
        assert_eq!(vlan(0, 0, VlanProtocol::Customer), "VLAN none");
        assert_eq!(VfAttribute::Trust(true).to_string(), "trust on");
        let rate = |min, max| VfAttribute::Rate { min, max }.to_string();
        assert_eq!(rate(0, 100), "transmit rate at most 100 Mbit/s");
        assert_eq!(rate(50, 0), "transmit rate at least 50 Mbit/s");
        assert_eq!(rate(50, 100), "transmit rate 50 to 100 Mbit/s");
        assert_eq!(rate(0, 0), "transmit rate unlimited");
    }
}

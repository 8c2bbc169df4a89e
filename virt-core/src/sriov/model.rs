//! The documents of host devices: what is asked for, what is planned, what there is. They cross the door as JSON.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use virt_util::netlink::{
    Guid, LinkState, MacAddress, PortProfile, VfAttribute, VfAttributeKind, VfInfo, Vlan,
};
use virt_util::pci::PciAddress;
use virt_util::usb::{UsbDevice, UsbSelector};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

/// In place of a driver's name: the one that hands the device over best, a variant of `vfio-pci` that is made for it where the
/// kernel has one.
pub const ANY_VFIO: &str = "vfio";

/// The version of these documents. Fields are only added; what a reader does not know it passes over.
pub const VERSION: u32 = 1;

/// Devices that somebody wants, all of them or none.
///
/// ```
/// use virt_core::sriov::{Request, Selection, Settings, Wish};
///
/// let mut request = Request::new("web");
/// let settings = Settings { mac: Some("00:11:22:33:44:55".parse()?), ..Settings::default() };
/// request.devices.push(Wish::new(Selection::Any { of: "eth0".into() }).with(settings).bound_to("vfio-pci"));
/// assert_eq!(Request::from_json(&request.to_json())?, request);
/// # Ok::<(), virt_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Request {
    /// [`VERSION`]
    pub version: u32,
    /// Who wants them.
    pub holder: Holder,
    /// Which PCI functions, in the order of the answer.
    pub devices: Vec<Wish>,
    /// Which devices of other kinds, in the order of the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
    /// Whether to take what the host itself uses.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// Who has a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Holder {
    /// Its name; a guest's. Whoever says it may release what is held under it.
    pub name: String,
    /// What tells it from others of the same name: a guest's UUID. It may be said in place of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The driver that speaks for it, `QEMU`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// The process whose end gives the devices back; without it they are held until they are released, or the machine
    /// reboots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<u32>,
}

/// A device that is no PCI function, which nobody else may use meanwhile. Nothing is done to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// A USB device.
    Usb {
        /// Which: by vendor and product, by bus and number, or by both.
        #[serde(flatten)]
        device: UsbSelector,
        /// Whether the request goes on without it where there is none.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        optional: bool,
    },
    /// A unit of a SCSI host.
    Scsi {
        /// The host's name, `scsi_host2`, or its number.
        adapter: String,
        /// The bus of that host.
        bus: u32,
        /// The target on that bus.
        target: u32,
        /// The unit of that target.
        unit: u64,
        /// Whether others that say so too may have it at the same time.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        shared: bool,
    },
    /// A target that the kernel serves to guests by itself.
    ScsiHost {
        /// Its world wide port name, `naa.5123456789abcde0`.
        wwpn: String,
    },
    /// A mediated device.
    Mdev {
        /// Which.
        uuid: Uuid,
    },
}

/// A device that is no PCI function, as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Claimed {
    /// What it is called in sentences: `001:004`, `2:0:0:3`, a UUID.
    pub name: String,
    /// The file by which programs use it.
    pub node: Option<String>,
    /// Which USB device it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usb: Option<UsbDevice>,
}

/// A device that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Wish {
    /// Which.
    pub select: Selection,
    /// What is set on it by its physical function.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
    /// The driver that it is given to, `vfio-pci`, or [`ANY_VFIO`]; without it, it stays with the one that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Whether it is reset before it is given to the driver; vfio does that by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
    /// Whether it must have the driver already, as of a device with `managed='no'`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unmanaged: bool,
}

/// Which device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// The one at an address: a virtual function, or another PCI device.
    Address(PciAddress),
    /// Any free virtual function of a physical one.
    Any {
        /// The physical function's network device, or its PCI address.
        of: String,
    },
    /// Any free virtual function of a kind.
    Like {
        /// The vendor's number.
        vendor: u16,
        /// The product's number.
        product: u16,
    },
    /// Any free virtual function of a pool.
    Pool(Pool),
}

/// Virtual functions to choose from. The choice is fair: what was used longest ago comes first, what failed comes last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Pool {
    /// Those of these physical functions, by network device or PCI address.
    pub physical_functions: Vec<String>,
    /// And these.
    pub addresses: Vec<PciAddress>,
}

/// What a physical function sets on a virtual one. What is left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Settings {
    /// Its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// The VLAN that its frames are put into; number 0 for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<Vlan>,
    /// Whether frames from another address than its own are dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spoof_check: Option<bool>,
    /// Whether the guest may do what needs the host's trust.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<bool>,
    /// The link that it sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_state: Option<LinkState>,
    /// The rate of sending that it has at least, in Mbit/s.
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
    /// What the switch is told of its port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_profile: Option<PortProfile>,
}

/// Everything that could be handed over, and who has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inventory {
    /// [`VERSION`]
    pub version: u32,
    /// Physical functions with SR-IOV, in the order of their addresses.
    pub physical_functions: Vec<PhysicalFunction>,
    /// Devices that are held, or could not be restored, and are none of the above's virtual functions any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<HeldDevice>,
}

/// A PCI function that can have virtual ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PhysicalFunction {
    /// Where it is.
    pub address: PciAddress,
    /// The vendor's number.
    pub vendor: u16,
    /// The product's number.
    pub product: u16,
    /// The driver that has it.
    pub driver: Option<String>,
    /// Its network devices, one a port, wherever they are.
    pub netdevs: Vec<Netdev>,
    /// How many virtual functions it can have.
    pub total: u32,
    /// Those that it has.
    pub virtual_functions: Vec<VirtualFunction>,
}

/// A network device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Netdev {
    /// Its name now.
    pub name: String,
    /// The address that its hardware came with, where that is known.
    pub permanent_mac: Option<MacAddress>,
    /// Whether it is switched on.
    pub up: bool,
    /// The network namespace that it is in, when that is not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// One of the functions that share a card, with what is set on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VirtualFunction {
    /// Where it is.
    pub address: PciAddress,
    /// Its number on its physical function.
    pub index: u32,
    /// The driver that has it.
    pub driver: Option<String>,
    /// Its network device on the host.
    pub netdev: Option<String>,
    /// The IOMMU group that it belongs to.
    pub iommu_group: Option<u32>,
    /// What is set on it; nothing where its physical function does not tell.
    pub settings: Option<VfInfo>,
    /// Which settings its hardware has for certain: those that its driver reports.
    pub supports: Vec<VfAttributeKind>,
    /// Who has it.
    pub held: Option<Held>,
}

/// Who has a device, and what was done to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Held {
    /// By whom.
    pub holder: Holder,
    /// Whether the holder lives.
    pub alive: bool,
    /// What was done, and will be undone.
    pub changes: Vec<String>,
    /// Why it could not be restored, when that was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A device that somebody has, or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HeldDevice {
    /// Where it is, or was.
    pub address: PciAddress,
    /// By whom.
    #[serde(flatten)]
    pub held: Held,
}

/// What would be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// [`VERSION`]
    pub version: u32,
    /// In this order.
    pub steps: Vec<PlannedStep>,
    /// The devices of other kinds, in the order of the request; nothing for an optional one that is not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claimed: Vec<Option<Claimed>>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedStep {
    /// The device that it is about.
    pub device: PciAddress,
    /// What it does, for people.
    pub description: String,
    /// What it does, as the journal would hold it.
    pub step: serde_json::Value,
    /// Whether another device may be chosen when it is done in earnest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chosen: bool,
}

/// Devices that are ready, in the order of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Prepared {
    /// [`VERSION`]
    pub version: u32,
    /// Which.
    pub devices: Vec<PreparedDevice>,
    /// The devices of other kinds, in the order of the request; nothing for an optional one that is not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claimed: Vec<Option<Claimed>>,
}

/// A device that is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PreparedDevice {
    /// Where it is.
    pub address: PciAddress,
    /// The driver that has it now.
    pub driver: Option<String>,
    /// The IOMMU group that it belongs to; `/dev/vfio/NUMBER` is its device.
    pub iommu_group: Option<u32>,
    /// What is set on it; nothing for what is no virtual function.
    pub settings: Option<VfInfo>,
}

/// What became of what a dead holder left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Restored {
    /// The device.
    pub address: PciAddress,
    /// Who had it.
    pub holder: String,
    /// Why it is not restored; nothing when it is.
    pub failure: Option<String>,
}

/// Something that keeps devices from being handed over, or will.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: the host, a PCI address, a network device.
    pub subject: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: String,
}

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing works with it.
    Error,
    /// Something will not, or not always.
    Warning,
    /// Good to know.
    Note,
}

impl Request {
    /// Nothing yet, for a holder of this name.
    pub fn new(holder: impl Into<String>) -> Self {
        let holder = Holder { name: holder.into(), ..Holder::default() };
        Self { version: VERSION, holder, devices: Vec::new(), claims: Vec::new(), force: false }
    }
}

impl Holder {
    /// Whether `text` names it: its name, or its id.
    pub fn is(&self, text: &str) -> bool {
        self.name == text || self.id.is_some_and(|id| text.parse() == Ok(id))
    }

    /// Whether another is the same: by their ids where both have one.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self.id, other.id) {
            (Some(one), Some(other)) => one == other,
            _ => self.name == other.name,
        }
    }
}

impl Wish {
    /// A device as it is.
    pub fn new(select: Selection) -> Self {
        Self { select, settings: Settings::default(), driver: None, reset: false, unmanaged: false }
    }

    /// With settings.
    #[must_use]
    pub fn with(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Given to a driver.
    #[must_use]
    pub fn bound_to(mut self, driver: impl Into<String>) -> Self {
        self.driver = Some(driver.into());
        self
    }
}

impl Settings {
    /// Whether nothing is to be set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Each as one setting of the kernel's, in the order in which they are made. `now` fills in the half of a pair that is
    /// left out.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::INVALID_ARG`] for what no hardware could take.
    pub fn attributes(&self, now: &VfInfo) -> Result<Vec<VfAttribute>> {
        let mut found = Vec::new();
        found.extend(self.mac.map(VfAttribute::Mac));
        found.extend(self.vlan.map(VfAttribute::Vlan));
        found.extend(self.spoof_check.map(VfAttribute::SpoofCheck));
        found.extend(self.trust.map(VfAttribute::Trust));
        found.extend(self.link_state.map(VfAttribute::LinkState));
        if self.min_rate.is_some() || self.max_rate.is_some() {
            found.push(VfAttribute::Rate {
                min: self.min_rate.or(now.min_rate).unwrap_or_default(),
                max: self.max_rate.or(now.max_rate).unwrap_or_default(),
            });
        }
        found.extend(self.rss_query.map(VfAttribute::RssQuery));
        found.extend(self.node_guid.map(VfAttribute::NodeGuid));
        found.extend(self.port_guid.map(VfAttribute::PortGuid));
        if let Some(profile) = &self.port_profile {
            profile.check()?;
        }
        found.iter().try_for_each(VfAttribute::check)?;
        Ok(found)
    }
}

macro_rules! documents {
    ($($document:ty: $what:literal),* $(,)?) => {$(
        impl $document {
            /// As it crosses the door.
            pub fn to_json(&self) -> String {
                // Numbers, text and lists can always be written.
                serde_json::to_string(self).unwrap_or_default()
            }

            /// From how it crossed.
            ///
            /// # Errors
            ///
            /// [`ErrorCode::INVALID_ARG`] when it is no such document, or of a newer version.
            pub fn from_json(text: &str) -> Result<Self> {
                let read: std::result::Result<Self, _> = serde_json::from_str(text);
                let document = read.map_err(|error| {
                    let sentence = format!(concat!($what, ": {}"), error);
                    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, sentence)
                })?;
                if document.version > VERSION {
                    let sentence =
                        format!(concat!($what, " is of version {}, and {} is known here"), document.version, VERSION);
                    return Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, sentence));
                }
                Ok(document)
            }
        }
    )*};
}
documents! {
    Request: "a request for host devices",
    Plan: "a plan for host devices",
    Inventory: "an inventory of host devices",
    Prepared: "the answer to a request for host devices",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_read_as_they_are_written_down() {
        let text = r#"{
            "version": 1,
            "holder": {"name": "web", "driver": "QEMU", "process": 4711},
            "devices": [
                {"select": {"address": "0000:01:10.2"}, "driver": "vfio-pci",
                 "settings": {"mac": "00:11:22:33:44:55", "vlan": {"id": 42, "qos": 3, "protocol": "802.1ad"},
                              "spoof-check": true, "link-state": "enable", "max-rate": 100,
                              "port-profile": {"802.1Qbh": {"profileid": "web"}}}},
                {"select": {"pool": {"physical-functions": ["eth0"]}}},
                {"select": {"like": {"vendor": 32902, "product": 5578}}}
            ]
        }"#;
        let request = Request::from_json(text).unwrap();
        assert_eq!(Request::from_json(&request.to_json()).unwrap(), request);
        let attributes = request.devices[0].settings.attributes(&VfInfo::default()).unwrap();
        let words: Vec<_> = attributes.iter().map(ToString::to_string).collect();
        let expected = [
            "MAC address 00:11:22:33:44:55",
            "VLAN 42 (priority 3, 802.1ad)",
            "spoof checking on",
            "link state enable",
            "transmit rate at most 100 Mbit/s",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn what_is_misspelt_or_newer_is_refused() {
        let refused = |text: &str| Request::from_json(text).unwrap_err().to_string();
        assert!(refused("{").starts_with("invalid argument: a request for host devices: "));
        assert!(
            refused(r#"{"version": 2, "holder": {"name": "x"}, "devices": []}"#).contains("is of version 2")
        );
        let misspelt = r#"{"version": 1, "holder": {"name": "x"}, "devices": [
            {"select": {"address": "0000:01:10.2"}, "settings": {"spoofcheck": true}}]}"#;
        assert!(refused(misspelt).contains("unknown field `spoofcheck`"), "{}", refused(misspelt));
        let settings = Settings { vlan: Some(Vlan { id: 4096, ..Vlan::default() }), ..Settings::default() };
        assert!(settings.attributes(&VfInfo::default()).is_err());
    }
}

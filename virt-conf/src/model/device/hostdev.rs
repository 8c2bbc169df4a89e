//! `<hostdev>`: devices of the host handed to the guest.

use uuid::Uuid;

use super::{
    DeviceInfo, HostPciAddress, Ip, NetworkHost, Route, ScsiGenericIo, StartupPolicy, Teaming, VirtioModel,
    YesOrNot,
};
use crate::model::{SecretReference, StorageAuth, Switch};
use crate::xml::{Base, Expected, Hex, Reader, Result, Xml, XmlValue};

/// A device of the host handed to the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "hostdev", keep_open, after_read = Hostdev::settle)]
pub struct Hostdev {
    /// Which device, and how it is handed over.
    #[xml(flatten)]
    pub kind: HostdevKind,
    /// SCSI units: whether the guest may only read.
    #[xml(flag)]
    pub readonly: bool,
    /// SCSI units: whether other domains may use it at the same time.
    #[xml(flag)]
    pub shareable: bool,
    /// Boot order, alias, option ROM and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

impl Hostdev {
    /// Of a SCSI unit alone is it read whether the guest may write, and others may use it.
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        let unit = matches!(
            &self.kind,
            HostdevKind::Subsystem(HostdevSubsystem { device: SubsystemDevice::Scsi(_), .. })
        );
        self.readonly &= unit;
        self.shareable &= unit;
        Ok(())
    }
}

/// How a device is handed over.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(tag = "mode", default = Subsystem)]
pub enum HostdevKind {
    /// As a device on a bus, to a virtual machine.
    Subsystem(HostdevSubsystem),
    /// As a node or interface, to a container.
    Capabilities(HostdevCapability),
}

/// `mode='subsystem'`.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(before_read = HostdevSubsystem::check, after_read = HostdevSubsystem::settle)]
pub struct HostdevSubsystem {
    /// Whether the device is taken from the host's driver and given back; default: no. Always for SCSI units.
    #[xml(attr, default, with = YesOrNot)]
    pub managed: bool,
    /// The bus, and the place on it.
    #[xml(flatten)]
    pub device: SubsystemDevice,
}

impl HostdevSubsystem {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        let kind = reader.attr_text("type");
        // A type that is missing, or that there is not, is the first thing to complain about.
        if !matches!(kind, Some("usb" | "pci" | "scsi" | "scsi_host" | "mdev")) {
            return Ok(());
        }
        if reader.first("teaming").is_some() && kind != Some("pci") {
            return Err(reader.unsupported("teaming is only supported for pci hostdev devices"));
        }
        if kind == Some("mdev") && reader.attr_text("model").is_none() {
            return Err(reader.missing_attr(&[], "model"));
        }
        let Some(source) = reader.first("source") else {
            return Err(reader.refuse("Missing <source> element in hostdev device"));
        };
        if let Some(kind @ ("usb" | "pci" | "scsi")) = kind
            && reader.attr_text("model").is_some()
        {
            // The sentence is libvirt's: it names the type that has none.
            return Err(
                reader.refuse(format!("'model' attribute in <hostdev> is only supported when type='{kind}'"))
            );
        }
        if source.attr_text("startupPolicy").is_some() && kind != Some("usb") {
            return Err(source.unsupported("Setting startupPolicy is only allowed for USB devices"));
        }
        match kind {
            Some("scsi") => check_scsi_source(&source),
            Some("mdev") => check_mdev_source(&source),
            Some("scsi_host") if source.attr_text("protocol").is_none() => {
                Err(source.missing_attr(&[], "protocol"))
            }
            Some("scsi_host") if source.attr_text("wwpn").is_none() => {
                Err(source.refuse("missing vhost-scsi hostdev source wwpn"))
            }
            _ => Ok(()),
        }
    }

    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let scsi = matches!(self.device, SubsystemDevice::Scsi(_));
        if reader.attr_text("sgio").is_some() && !scsi {
            return Err(reader.refuse("sgio is only supported for scsi host device"));
        }
        if reader.attr_text("rawio").is_some() && !scsi {
            return Err(reader.refuse("rawio is only supported for scsi host device"));
        }
        if let SubsystemDevice::Scsi(ScsiHostdev { source: ScsiHostdevSource::Iscsi(target), .. }) =
            &self.device
            && let Some(secret) = target.auth.as_ref().and_then(|auth| auth.secret.as_ref())
        {
            let kind = secret.kind.as_deref().unwrap_or("(null)");
            if !SecretReference::KINDS.contains(&kind) {
                return Err(reader.unsupported(format!("invalid secret type {kind}")));
            }
            if kind != "iscsi" {
                return Err(reader.internal(format!("hostdev invalid secret type '{kind}'")));
            }
        }
        Ok(())
    }
}

/// What libvirt says about a SCSI unit that is not named in full.
fn check_scsi_source(source: &Reader<'_, '_>) -> Result<()> {
    if source.attr_text("protocol") == Some("iscsi") {
        return match source.all("host").count() {
            _ if source.attr_text("name").is_none() => {
                Err(source.refuse("missing iSCSI hostdev source path name"))
            }
            0 => Err(source.refuse("missing the host address for the iSCSI hostdev")),
            1 => Ok(()),
            _ => Err(source.refuse("only one source host address may be specified for the iSCSI hostdev")),
        };
    }
    if source.first("address").is_none() {
        return Err(source.refuse("'address' must be specified for scsi hostdev source"));
    }
    if source.first("adapter").and_then(|adapter| adapter.attr_text("name")).is_none_or(str::is_empty) {
        return Err(source.refuse("'adapter' name must be specified for scsi hostdev source"));
    }
    Ok(())
}

/// What libvirt says about a mediated device that is not named.
fn check_mdev_source(source: &Reader<'_, '_>) -> Result<()> {
    let Some(address) = source.first("address") else {
        return Err(source.unsupported("Missing <address> element"));
    };
    match address.attr_text("uuid") {
        None => Err(address.unsupported("Missing 'uuid' attribute for element <address>")),
        Some(text) if <Uuid as crate::xml::Value>::parse(text).is_err() => {
            Err(address.internal("Cannot parse uuid attribute of element <address>"))
        }
        Some(_) => Ok(()),
    }
}

/// A device on a bus of the host.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(tag = "type")]
pub enum SubsystemDevice {
    /// A USB device.
    Usb(UsbHostdev),
    /// A PCI function.
    Pci(PciHostdev),
    /// A SCSI unit.
    Scsi(ScsiHostdev),
    /// A SCSI target that the kernel serves itself.
    #[xml("scsi_host")]
    ScsiHost(ScsiHostHostdev),
    /// A part of a device that its driver divides.
    Mdev(MdevHostdev),
}

/// `type='usb'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct UsbHostdev {
    /// Which device.
    #[xml(child, default)]
    pub source: UsbHostdevSource,
}

/// A USB device of the host, by product, by address, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_empty)]
pub struct UsbHostdevSource {
    /// What to do when it is not there at start; default: `mandatory`.
    #[xml(attr = "startupPolicy")]
    pub startup_policy: Option<StartupPolicy>,
    /// Whether the guest may reset it; default: on.
    #[xml(attr = "guestReset")]
    pub guest_reset: Option<UsbGuestReset>,
    /// What it is.
    #[xml(flatten)]
    pub product: UsbProduct,
    /// Where it is; absent: found by the product.
    #[xml(child)]
    pub address: Option<UsbHostAddress>,
}

/// Whether the guest may reset a USB device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum UsbGuestReset {
    /// Never.
    Off,
    /// Only as long as it has no address.
    Uninitialized,
    /// Always.
    On,
}

/// Vendor and product of a USB device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Xml)]
#[xml(after_read = UsbProduct::settle)]
pub struct UsbProduct {
    /// Vendor number, 1 to 0xffff; set together with the product.
    #[xml(attr = "vendor/@id", with = Hex<4>)]
    pub vendor: Option<u32>,
    /// Product number, 0 to 0xffff.
    #[xml(attr = "product/@id", with = Hex<4>)]
    pub product: Option<u32>,
}

impl UsbProduct {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        for name in ["vendor", "product"] {
            if reader.first(name).is_some_and(|element| element.attr_text("id").is_none()) {
                return Err(reader.missing_attr(&[name], "id"));
            }
        }
        match (self.vendor, self.product) {
            (Some(0), _) => {
                let vendor = reader.first("vendor").unwrap_or(*reader);
                Err(vendor.invalid_attr("id", Expected::NonZero))
            }
            (Some(_), None) => Err(reader.internal("missing product")),
            (None, Some(_)) => Err(reader.internal("missing vendor")),
            _ => Ok(()),
        }
    }
}

/// Where a USB device is on the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Xml)]
#[xml(name = "address", after_read = UsbHostAddress::settle)]
pub struct UsbHostAddress {
    /// Number of the bus.
    #[xml(attr, with = Base<0>)]
    pub bus: u32,
    /// Number on the bus; changes whenever the device is plugged. Absent: found by the port.
    #[xml(attr, with = Base<0>)]
    pub device: Option<u32>,
    /// Ports from the root hub, `1.2`; stays as long as the device stays in its plug. Since libvirt 11.9.
    #[xml(attr, when = super::UsbPort::is_given)]
    pub port: Option<super::UsbPort>,
}

impl UsbHostAddress {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match (reader.attr_text("device"), self.port) {
            (None, None) => Err(reader.missing_attr(&[], "device")),
            (Some(_), Some(_)) => {
                Err(reader.internal("found both device id and port in usb address (ambiguous setting)"))
            }
            _ => Ok(()),
        }
    }
}

/// `type='pci'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct PciHostdev {
    /// Virtual graphics cards: whether the guest's display shows it; default: off.
    #[xml(attr)]
    pub display: Option<Switch>,
    /// Virtual graphics cards: whether firmware can draw before the driver is there; default: off.
    #[xml(attr)]
    pub ramfb: Option<Switch>,
    /// Which host driver holds it meanwhile.
    #[xml(child, default)]
    pub driver: HostdevDriver,
    /// Which function.
    #[xml(child)]
    pub source: PciHostdevSource,
    /// Failover partner.
    #[xml(child)]
    pub teaming: Option<Teaming>,
}

/// The host driver that holds an assigned function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "driver")]
pub struct HostdevDriver {
    /// Its kind; default: what the hypervisor needs.
    #[xml(attr)]
    pub name: Option<HostdevDriverName>,
    /// A variant of that kind, by module name; default: the one that suits the device.
    #[xml(attr)]
    pub model: Option<String>,
    /// Whether the device is opened through the kernel's iommufd; default: as the domain says. Since 12.1.
    #[xml(attr)]
    pub iommufd: Option<bool>,
}

/// Kinds of drivers that hold assigned functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum HostdevDriverName {
    /// The one KVM had before VFIO.
    Kvm,
    /// VFIO.
    Vfio,
    /// Xen's.
    Xen,
}

/// A PCI function of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_empty)]
pub struct PciHostdevSource {
    /// USB only; refused for PCI functions.
    #[xml(attr = "startupPolicy")]
    pub startup_policy: Option<StartupPolicy>,
    /// Xen: whether writes to configuration space are filtered; default: yes.
    #[xml(attr = "writeFiltering")]
    pub write_filtering: Option<bool>,
    /// Where it is on the host.
    #[xml(child, default)]
    pub address: HostPciAddress,
    /// How the host had it before, while the guest runs.
    #[xml(child, status)]
    pub original_states: Option<PciOriginalStates>,
}

/// What is undone when an assigned function is given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "origstates")]
pub struct PciOriginalStates {
    /// It is unbound from the driver that holds it.
    #[xml(flag)]
    pub unbind: bool,
    /// The driver's slot for it is removed.
    #[xml(flag = "removeslot")]
    pub remove_slot: bool,
    /// The host looks for a driver again.
    #[xml(flag)]
    pub reprobe: bool,
}

/// `type='scsi'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ScsiHostdev {
    /// Whether unprivileged SCSI commands are filtered; default: as the kernel decides.
    #[xml(attr)]
    pub sgio: Option<ScsiGenericIo>,
    /// Whether the emulator may send any SCSI command; default: no.
    #[xml(attr)]
    pub rawio: Option<bool>,
    /// Which unit.
    #[xml(child, default)]
    pub source: ScsiHostdevSource,
}

/// A SCSI unit.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "source", tag = "protocol", default = Adapter)]
pub enum ScsiHostdevSource {
    /// On an adapter of the host; written without its name.
    #[xml("adapter", untagged)]
    Adapter(ScsiAdapterSource),
    /// On an iSCSI target.
    Iscsi(ScsiIscsiSource),
}

impl Default for ScsiHostdevSource {
    fn default() -> Self {
        Self::Adapter(ScsiAdapterSource::default())
    }
}

/// A SCSI unit on an adapter of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ScsiAdapterSource {
    /// Name of the adapter, `scsi_host2`.
    #[xml(attr = "adapter/@name")]
    pub adapter: String,
    /// The unit.
    #[xml(child)]
    pub address: ScsiHostAddress,
    /// What the driver keeps about it while the guest runs.
    #[xml(child = "privateData", status)]
    pub private: Option<Box<super::StoragePrivate>>,
}

/// Where a SCSI unit is on an adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Xml)]
#[xml(name = "address")]
pub struct ScsiHostAddress {
    /// Bus of the adapter.
    #[xml(attr, with = Base<0>)]
    pub bus: u32,
    /// Target on the bus.
    #[xml(attr, with = Base<0>)]
    pub target: u32,
    /// Unit of the target.
    #[xml(attr, with = Base<0>)]
    pub unit: u64,
}

/// A SCSI unit on an iSCSI target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ScsiIscsiSource {
    /// Name of the target, with `/` and the unit.
    #[xml(attr)]
    pub name: String,
    /// The server; exactly one.
    #[xml(child)]
    pub hosts: Vec<NetworkHost>,
    /// What the driver keeps about it while the guest runs.
    #[xml(child = "privateData", status)]
    pub private: Option<Box<super::StoragePrivate>>,
    /// Credentials.
    #[xml(child)]
    pub auth: Option<StorageAuth>,
    /// Name by which the emulator introduces itself.
    #[xml(attr = "initiator/iqn/@name", unless_empty)]
    pub initiator: Option<String>,
}

/// `type='scsi_host'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ScsiHostHostdev {
    /// Which generation of virtio; default: what suits the slot.
    #[xml(attr)]
    pub model: Option<VirtioModel>,
    /// Which target.
    #[xml(child, default)]
    pub source: ScsiHostSource,
}

/// A SCSI target that the kernel serves itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source")]
pub struct ScsiHostSource {
    /// How it is served.
    #[xml(attr)]
    pub protocol: Option<ScsiHostProtocol>,
    /// World wide port name, `naa.` and 16 hexadecimal digits.
    #[xml(attr)]
    pub wwpn: Option<String>,
}

/// How the kernel serves a SCSI target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum ScsiHostProtocol {
    /// vhost.
    Vhost,
}

/// `type='mdev'`.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
pub struct MdevHostdev {
    /// How the guest sees it.
    #[xml(attr)]
    pub model: MdevModel,
    /// Virtual graphics cards: whether the guest's display shows it; default: off.
    #[xml(attr)]
    pub display: Option<Switch>,
    /// Virtual graphics cards: whether firmware can draw before the driver is there; default: off.
    #[xml(attr)]
    pub ramfb: Option<Switch>,
    /// Which device, by UUID.
    #[xml(attr = "source/address/@uuid")]
    pub uuid: Uuid,
}

/// How the guest sees a mediated device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum MdevModel {
    /// As a PCI function.
    #[xml("vfio-pci")]
    VfioPci,
    /// As an s390 channel device.
    #[xml("vfio-ccw")]
    VfioCcw,
    /// As s390 adjunct processors.
    #[xml("vfio-ap")]
    VfioAp,
}

/// `mode='capabilities'`.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(tag = "type", before_read = HostdevCapability::check)]
pub enum HostdevCapability {
    /// A block device.
    Storage(StorageCapability),
    /// A character device.
    Misc(MiscCapability),
    /// A network interface.
    Net(NetCapability),
}

impl HostdevCapability {
    /// What libvirt says about a device that is not named.
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        let Some(source) = reader.first("source") else {
            return Err(reader.refuse("Missing <source> element in hostdev device"));
        };
        let (element, what) = match reader.attr_text("type") {
            Some("storage") => ("block", "storage"),
            Some("misc") => ("char", "character"),
            Some("net") => ("interface", "net"),
            _ => return Ok(()),
        };
        if source.child_value(&[], element).is_empty() {
            return Err(source.refuse(format!("Missing <{element}> element in hostdev {what} device")));
        }
        Ok(())
    }
}

/// `type='storage'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct StorageCapability {
    /// Path of the device.
    #[xml(child_text = "source/block")]
    pub block: String,
}

/// `type='misc'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct MiscCapability {
    /// Path of the device.
    #[xml(child_text = "source/char")]
    pub character: String,
}

/// `type='net'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct NetCapability {
    /// Name of the interface.
    #[xml(child_text = "source/interface")]
    pub interface: String,
    /// Addresses that it gets in the container.
    #[xml(child)]
    pub ips: Vec<Ip>,
    /// Routes that it gets in the container.
    #[xml(child)]
    pub routes: Vec<Route>,
}

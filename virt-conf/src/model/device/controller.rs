//! `<controller>`: what disks, ports and other devices are plugged into.

use super::{DeviceInfo, IoThreads, VirtioModel, VirtioOptions};
use crate::error::{refuse, unsupported};
use crate::model::{Kib, Switch};
use crate::xml::{Codec, Expected, Hex, Kind, NonNegative, Plain, Reader, Result, Xml, XmlValue};

/// A controller of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "controller", after_read = Controller::settle)]
pub struct Controller {
    /// Number of this controller among those of its type, from 0, by which addresses name it; absent: assigned.
    #[xml(attr, with = Number)]
    pub index: Option<u32>,
    /// What it controls, with its model.
    #[xml(flatten)]
    pub kind: ControllerKind,
    /// Tuning of the transport.
    #[xml(child, default)]
    pub driver: ControllerDriver,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
    /// Size of the 64-bit PCI hole; only on the root.
    #[xml(child = "pcihole64")]
    pub pcihole64: Option<Kib>,
}

impl Controller {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        for name in ["model", "target"] {
            if reader.all(name).count() > 1 {
                let detail = format!("Multiple <{name}> elements in controller definition not allowed");
                return Err(reader.refuse(detail));
            }
        }
        let root = matches!(
            &self.kind,
            ControllerKind::Pci(PciController { model: Some(PciModel::PciRoot | PciModel::PcieRoot), .. })
        );
        self.pcihole64 = self.pcihole64.filter(|_| root);
        // What says that there is no USB is in no slot.
        if matches!(&self.kind, ControllerKind::Usb(UsbController { model: Some(UsbModel::None), .. })) {
            self.info = DeviceInfo::default();
        }
        Ok(())
    }
}

/// The number of a controller, of the signed numbers those from 0.
#[derive(Debug)]
enum Number {}

impl Codec<u32> for Number {
    const KIND: Kind = <NonNegative as Codec<i32>>::KIND;

    fn parse(text: &str) -> std::result::Result<u32, Expected> {
        <NonNegative as Codec<i32>>::parse(text).map(i32::unsigned_abs)
    }
    fn format(value: &u32, out: &mut String) {
        <Plain as Codec<u32>>::format(value, out);
    }
}

/// Controllers that have no models refuse all of them.
fn no_model(reader: &Reader<'_, '_>) -> Result<()> {
    match reader.attr_text("model") {
        Some(model) => Err(reader.unsupported(format!("Unknown model type '{model}'"))),
        None => Ok(()),
    }
}

/// What a controller controls.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(tag = "type", default = Ide)]
pub enum ControllerKind {
    /// IDE disks.
    Ide(IdeController),
    /// Floppy disks.
    Fdc(PlainController),
    /// SCSI disks.
    Scsi(ScsiController),
    /// SATA disks.
    Sata(PlainController),
    /// Channels and consoles over virtio.
    #[xml("virtio-serial")]
    VirtioSerial(VirtioSerialController),
    /// Smart cards.
    Ccid(PlainController),
    /// USB devices.
    Usb(UsbController),
    /// PCI devices.
    Pci(PciController),
    /// Xen's paravirtual devices.
    Xenbus(XenbusController),
    /// ISA devices.
    Isa(PlainController),
    /// NVMe disks.
    Nvme(NvmeController),
}

/// A controller of which there is one model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(before_read = no_model)]
pub struct PlainController {}

/// `type='ide'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct IdeController {
    /// The chip; default: the machine's.
    #[xml(attr, invalid = |text| unsupported(format!("Unknown model type '{text}'")))]
    pub model: Option<IdeModel>,
}

/// IDE controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum IdeModel {
    /// Intel PIIX3.
    Piix3,
    /// Intel PIIX4.
    Piix4,
    /// Intel ICH6.
    Ich6,
}

/// `type='scsi'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ScsiController {
    /// The adapter; default: what suits the machine.
    #[xml(attr, invalid = |text| unsupported(format!("Unknown model type '{text}'")))]
    pub model: Option<ScsiModel>,
}

/// SCSI adapters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum ScsiModel {
    /// VMware: whichever the guest's system prefers.
    Auto,
    /// `BusLogic`.
    BusLogic,
    /// LSI Logic 53C895A.
    LsiLogic,
    /// LSI SAS 1068.
    LsiSas1068,
    /// VMware paravirtual.
    VmPvScsi,
    /// IBM's virtual SCSI of pSeries.
    IbmvScsi,
    /// virtio.
    #[xml("virtio-scsi")]
    VirtioScsi,
    /// LSI SAS 1078.
    LsiSas1078,
    /// virtio, both 0.9 and 1.0.
    #[xml("virtio-transitional")]
    VirtioTransitional,
    /// virtio, 1.0 and later.
    #[xml("virtio-non-transitional")]
    VirtioNonTransitional,
    /// NCR 53C90, of Sparc.
    Ncr53C90,
    /// Tekram DC-390.
    Dc390,
    /// AMD Am53C974.
    Am53C974,
}

/// `type='virtio-serial'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VirtioSerialController {
    /// Which generation of virtio; default: what suits the slot.
    #[xml(attr, invalid = |text| unsupported(format!("Unknown model type '{text}'")))]
    pub model: Option<VirtioModel>,
    /// Ports it has; default: 31.
    #[xml(attr, with = Number)]
    pub ports: Option<u32>,
    /// Interrupt vectors; default: as many as the ports need.
    #[xml(attr, with = Number)]
    pub vectors: Option<u32>,
}

/// `type='usb'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct UsbController {
    /// The chip; default: the machine's.
    #[xml(attr, invalid = |text| unsupported(format!("Unknown model type '{text}'")))]
    pub model: Option<UsbModel>,
    /// Ports it has, 1 to 15, on models that leave the choice.
    #[xml(attr, with = Number)]
    pub ports: Option<u32>,
}

/// USB controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum UsbModel {
    /// Intel PIIX3, USB 1.1.
    #[xml("piix3-uhci")]
    Piix3Uhci,
    /// Intel PIIX4, USB 1.1.
    #[xml("piix4-uhci")]
    Piix4Uhci,
    /// Generic, USB 2.0.
    Ehci,
    /// Intel ICH9, USB 2.0, master of the three companions below.
    #[xml("ich9-ehci1")]
    Ich9Ehci1,
    /// First companion of ICH9, USB 1.1.
    #[xml("ich9-uhci1")]
    Ich9Uhci1,
    /// Second companion of ICH9, USB 1.1.
    #[xml("ich9-uhci2")]
    Ich9Uhci2,
    /// Third companion of ICH9, USB 1.1.
    #[xml("ich9-uhci3")]
    Ich9Uhci3,
    /// VIA VT82C686B, USB 1.1.
    #[xml("vt82c686b-uhci")]
    Vt82c686bUhci,
    /// Apple's, USB 1.1.
    #[xml("pci-ohci")]
    PciOhci,
    /// NEC uPD720200, USB 3.0.
    #[xml("nec-xhci")]
    NecXhci,
    /// Xen, paravirtual, USB 1.1.
    Qusb1,
    /// Xen, paravirtual, USB 2.0.
    Qusb2,
    /// QEMU's own, USB 3.0.
    #[xml("qemu-xhci")]
    QemuXhci,
    /// No USB at all in this guest.
    None,
}

/// `type='pci'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct PciController {
    /// What kind of bridge; absent: to be decided by the hypervisor's driver.
    #[xml(attr, invalid = |text| unsupported(format!("Unknown model type '{text}'")))]
    pub model: Option<PciModel>,
    /// Which product of that kind; absent: the hypervisor's driver picks it.
    #[xml(attr = "model/@name")]
    pub name: Option<PciModelName>,
    /// Numbers by which hardware and firmware know the bridge.
    #[xml(child, default)]
    pub target: PciTarget,
}

/// Kinds of PCI bridges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum PciModel {
    /// Root of a conventional PCI machine.
    #[xml("pci-root")]
    PciRoot,
    /// Root of a PCI Express machine.
    #[xml("pcie-root")]
    PcieRoot,
    /// Conventional bus behind a conventional slot.
    #[xml("pci-bridge")]
    PciBridge,
    /// Conventional bus behind an integrated Express endpoint.
    #[xml("dmi-to-pci-bridge")]
    DmiToPciBridge,
    /// Conventional bus behind an Express port.
    #[xml("pcie-to-pci-bridge")]
    PcieToPciBridge,
    /// One hot-pluggable Express slot.
    #[xml("pcie-root-port")]
    PcieRootPort,
    /// Upper side of an Express switch.
    #[xml("pcie-switch-upstream-port")]
    PcieSwitchUpstreamPort,
    /// One slot of an Express switch.
    #[xml("pcie-switch-downstream-port")]
    PcieSwitchDownstreamPort,
    /// A further conventional root, with a NUMA node of its own.
    #[xml("pci-expander-bus")]
    PciExpanderBus,
    /// A further Express root, with a NUMA node of its own.
    #[xml("pcie-expander-bus")]
    PcieExpanderBus,
}

/// PCI bridges as products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum PciModelName {
    /// Conventional bridge.
    #[xml("pci-bridge")]
    PciBridge,
    /// Intel 82801.
    #[xml("i82801b11-bridge")]
    I82801b11Bridge,
    /// Intel 3420 root port.
    Ioh3420,
    /// Texas Instruments XIO3130, upper side.
    #[xml("x3130-upstream")]
    X3130Upstream,
    /// Texas Instruments XIO3130, lower side.
    #[xml("xio3130-downstream")]
    Xio3130Downstream,
    /// Conventional expander.
    Pxb,
    /// Express expander.
    #[xml("pxb-pcie")]
    PxbPcie,
    /// QEMU's generic root port.
    #[xml("pcie-root-port")]
    PcieRootPort,
    /// pSeries host bridge.
    #[xml("spapr-pci-host-bridge")]
    SpaprPciHostBridge,
    /// QEMU's generic Express to PCI bridge.
    #[xml("pcie-pci-bridge")]
    PciePciBridge,
}

/// Numbers by which hardware and firmware know a PCI bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "target")]
pub struct PciTarget {
    /// `pci-bridge`: chassis number, 1 to 255; absent: assigned.
    #[xml(attr = "chassisNr")]
    pub chassis_nr: Option<u32>,
    /// Express ports: chassis number, 0 to 255; absent: assigned.
    #[xml(attr)]
    pub chassis: Option<u32>,
    /// Express ports: port number, 0 to 255; absent: assigned.
    #[xml(attr, with = Hex<1>)]
    pub port: Option<u32>,
    /// Expanders: number of the first bus below, 1 to 254; absent: assigned.
    #[xml(attr = "busNr")]
    pub bus_nr: Option<u32>,
    /// pSeries host bridges: 0 to 30; absent: assigned.
    #[xml(attr)]
    pub index: Option<u32>,
    /// Whether devices may come and go in the slots below; default: on.
    #[xml(attr)]
    pub hotplug: Option<Switch>,
    /// Memory window that firmware keeps free for devices below, in KiB; absent: firmware decides.
    #[xml(attr = "memReserve")]
    pub mem_reserve: Option<u64>,
    /// Guest NUMA node that devices below belong to.
    #[xml(child_text, with = GuestNode)]
    pub node: Option<u32>,
}

/// The number of a guest's NUMA node: one that is signed, and not negative.
#[derive(Debug)]
enum GuestNode {}

impl Codec<u32> for GuestNode {
    const KIND: Kind = Kind::Number { min: 0, max: i32::MAX as u64 };

    fn parse(text: &str) -> std::result::Result<u32, Expected> {
        let number = <NonNegative as Codec<i32>>::parse(text);
        number.map(i32::cast_unsigned).map_err(|_| refuse("invalid NUMA node in target").into())
    }
    fn format(value: &u32, out: &mut String) {
        <Plain as Codec<u32>>::format(value, out);
    }
}

/// `type='xenbus'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(before_read = no_model)]
pub struct XenbusController {
    /// Grant frames the guest may use at most.
    #[xml(attr = "maxGrantFrames")]
    pub max_grant_frames: Option<u32>,
    /// Event channels the guest may use at most.
    #[xml(attr = "maxEventChannels")]
    pub max_event_channels: Option<u32>,
}

/// `type='nvme'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(before_read = no_model)]
pub struct NvmeController {
    /// Serial number that the guest reads.
    #[xml(child_text)]
    pub serial: Option<String>,
}

/// Tuning of a controller, mostly of virtio SCSI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "driver")]
pub struct ControllerDriver {
    /// Request queues; 0: one for each virtual CPU, or one.
    #[xml(attr, omit)]
    pub queues: u32,
    /// Commands that may be under way for one logical unit; 0: the device's own limit.
    #[xml(attr = "cmd_per_lun", omit)]
    pub cmd_per_lun: u32,
    /// Largest transfer in sectors of 512 bytes; 0: the device's own limit.
    #[xml(attr = "max_sectors", omit)]
    pub max_sectors: u32,
    /// Whether kicks of the guest are taken outside its CPU threads; default: on.
    #[xml(attr)]
    pub ioeventfd: Option<Switch>,
    /// Number of the I/O thread that serves the controller; 0: the main loop.
    #[xml(attr, omit)]
    pub iothread: u32,
    /// Options of the virtio transport.
    #[xml(flatten)]
    pub virtio: VirtioOptions,
    /// Several I/O threads, with their queues.
    #[xml(child)]
    pub iothreads: Option<IoThreads>,
}

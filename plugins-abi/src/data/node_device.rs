//! Devices of the host.

use crate::{abi_data, abi_flags};

abi_data! {
    /// A node device in a list.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct NodeDeviceSummary as NodeDeviceSummaryAbi {
        /// Unique on the host, `pci_0000_01_10_0`.
        pub name: String,
        /// The device that it hangs on; nothing for the host itself.
        pub parent: Option<String>,
        /// Whether it is there; mediated devices can be defined without.
        pub active: bool,
        /// Whether it has a definition that outlives its run; only mediated devices have.
        pub persistent: bool,
        /// Whether it starts with its parent.
        pub autostart: bool,
    }
}

abi_flags! {
    /// Which node devices to list. Capabilities are alternatives; the other groups narrow; an empty group does not restrict.
    /// (`virConnectListAllNodeDeviceFlags`)
    pub struct ListNodeDevices {
        /// The host itself.
        const SYSTEM = 1 << 0;
        /// PCI functions.
        const PCI_DEV = 1 << 1;
        /// USB devices.
        const USB_DEV = 1 << 2;
        /// Interfaces of USB devices.
        const USB_INTERFACE = 1 << 3;
        /// Network interfaces.
        const NET = 1 << 4;
        /// SCSI hosts.
        const SCSI_HOST = 1 << 5;
        /// SCSI targets.
        const SCSI_TARGET = 1 << 6;
        /// SCSI logical units.
        const SCSI = 1 << 7;
        /// Block devices.
        const STORAGE = 1 << 8;
        /// SCSI hosts that are Fibre Channel host bus adapters.
        const FC_HOST = 1 << 9;
        /// SCSI hosts that can have virtual ones.
        const VPORTS = 1 << 10;
        /// SCSI generic devices.
        const SCSI_GENERIC = 1 << 11;
        /// Nodes of graphics cards.
        const DRM = 1 << 12;
        /// Devices that can make mediated devices.
        const MDEV_TYPES = 1 << 13;
        /// Mediated devices.
        const MDEV = 1 << 14;
        /// s390 channel devices.
        const CCW_DEV = 1 << 15;
        /// s390 subchannels.
        const CSS_DEV = 1 << 16;
        /// vDPA devices.
        const VDPA = 1 << 17;
        /// s390 cryptographic adapters.
        const AP_CARD = 1 << 18;
        /// Queues of s390 cryptographic adapters.
        const AP_QUEUE = 1 << 19;
        /// The s390 device that hands cryptographic queues to guests.
        const AP_MATRIX = 1 << 20;
        /// PCI functions with vital product data.
        const VPD = 1 << 21;
        /// Groups of s390 channel devices.
        const CCWGROUP_DEV = 1 << 22;
        /// Members of such groups.
        const CCWGROUP_MEMBER = 1 << 23;
        /// Those with a definition.
        const PERSISTENT = 1 << 28;
        /// Those without.
        const TRANSIENT = 1 << 29;
        /// Those that are only defined.
        const INACTIVE = 1 << 30;
        /// Those that are there.
        const ACTIVE = 1 << 31;
    }

    /// Which view of a node device's XML. (`virNodeDeviceXMLFlags`)
    pub struct NodeDeviceXml {
        /// What the next start uses.
        const INACTIVE = 1 << 0;
    }

    /// How to create a node device. (`virNodeDeviceCreateXMLFlags`)
    pub struct CreateNodeDevice {
        /// Refuse elements and attributes that no model knows.
        const VALIDATE = 1 << 0;
    }

    /// How to define a node device. (`virNodeDeviceDefineXMLFlags`)
    pub struct DefineNodeDevice {
        /// Refuse elements and attributes that no model knows.
        const VALIDATE = 1 << 0;
    }
}

impl ListNodeDevices {
    /// Those that say what a device is.
    pub const CAPABILITIES: Self = Self::from_bits_retain((1 << 24) - 1);

    /// The flag of a capability's name as `virsh nodedev-list --cap` takes it, `usb_device`; nothing for another word.
    ///
    /// ```
    /// # use plugins_abi::ListNodeDevices;
    /// assert_eq!(ListNodeDevices::of_capability("usb"), Some(ListNodeDevices::USB_INTERFACE));
    /// assert_eq!(ListNodeDevices::of_capability("tape"), None);
    /// ```
    pub fn of_capability(name: &str) -> Option<Self> {
        CAPABILITY_NAMES.iter().position(|known| *known == name).map(|bit| Self::from_bits_retain(1 << bit))
    }

    /// The names of the capabilities whose flags are set.
    pub fn capability_names(self) -> impl Iterator<Item = &'static str> {
        CAPABILITY_NAMES
            .iter()
            .enumerate()
            .filter(move |(bit, _)| self.bits() & (1 << bit) != 0)
            .map(|(_, name)| *name)
    }
}

/// The capabilities' names in the order of their flags.
const CAPABILITY_NAMES: [&str; 24] = [
    "system",
    "pci",
    "usb_device",
    "usb",
    "net",
    "scsi_host",
    "scsi_target",
    "scsi",
    "storage",
    "fc_host",
    "vports",
    "scsi_generic",
    "drm",
    "mdev_types",
    "mdev",
    "ccw",
    "css",
    "vdpa",
    "ap_card",
    "ap_queue",
    "ap_matrix",
    "vpd",
    "ccwgroup",
    "ccwgroup_member",
];

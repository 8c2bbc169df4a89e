//! SCSI hosts, targets and units of the host, and block devices.

use super::NumericFlag;
use crate::xml::{Reader, Result, Xml};

/// What SCSI devices are attached to: an adapter, or a driver that plays one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ScsiHostCapability {
    /// The host's number for it; absent for one that is to be created.
    #[xml(child_text, with = crate::xml::Base<0>)]
    pub host: Option<u32>,
    /// The number that its driver gives it; absent where it gives none.
    #[xml(child_text = "unique_id")]
    pub unique_id: Option<u32>,
    /// What else it is.
    #[xml(child)]
    pub capabilities: Vec<ScsiHostSubCapability>,
}

/// What else a SCSI host is.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "capability", tag = "type")]
pub enum ScsiHostSubCapability {
    /// A Fibre Channel host bus adapter.
    #[xml("fc_host")]
    FcHost(FibreChannelHost),
    /// One that can make virtual host bus adapters.
    #[xml("vport_ops")]
    VportOps(VirtualPorts),
}

/// A Fibre Channel host bus adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct FibreChannelHost {
    /// World-wide node name, 16 hexadecimal digits; chosen where absent on creation.
    #[xml(child_text)]
    pub wwnn: Option<String>,
    /// World-wide port name, 16 hexadecimal digits; chosen where absent on creation.
    #[xml(child_text)]
    pub wwpn: Option<String>,
    /// World-wide name of the fabric.
    #[xml(child_text = "fabric_wwn")]
    pub fabric_wwn: Option<String>,
}

/// How many virtual host bus adapters there can be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VirtualPorts {
    /// At most.
    #[xml(child_text = "max_vports", default)]
    pub maximum: u32,
    /// Now.
    #[xml(child_text = "vports", default)]
    pub count: u32,
}

/// A SCSI device with its logical units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ScsiTargetCapability {
    /// The kernel's name, `target1:0:0`.
    #[xml(child_text)]
    pub target: String,
    /// The Fibre Channel port that it is; absent for other transports.
    #[xml(child)]
    pub remote_port: Option<ScsiTargetSubCapability>,
}

/// What else a SCSI target is.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "capability", tag = "type")]
pub enum ScsiTargetSubCapability {
    /// A Fibre Channel port.
    #[xml("fc_remote_port")]
    FcRemotePort(FibreChannelRemotePort),
}

/// The other end of a Fibre Channel link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct FibreChannelRemotePort {
    /// The kernel's name, `rport-1:0-0`.
    #[xml(child_text)]
    pub rport: String,
    /// World-wide port name.
    #[xml(child_text)]
    pub wwpn: String,
}

/// A SCSI logical unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ScsiCapability {
    /// The SCSI host's number.
    #[xml(child_text, with = crate::xml::Base<0>)]
    pub host: u32,
    /// The bus (channel).
    #[xml(child_text, with = crate::xml::Base<0>)]
    pub bus: u32,
    /// The device's number on its bus.
    #[xml(child_text, with = crate::xml::Base<0>)]
    pub target: u32,
    /// The logical unit.
    #[xml(child_text, with = crate::xml::Base<0>)]
    pub lun: u32,
    /// `disk`, `tape`, `cdrom` ...; absent where unknown.
    #[xml(child_text = "type")]
    pub kind: Option<String>,
}

/// A SCSI generic device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ScsiGenericCapability {
    /// Its device node, `/dev/sg0`.
    #[xml(child_text)]
    pub char: String,
}

/// A block device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = StorageCapability::settle)]
pub struct StorageCapability {
    /// Its device node, `/dev/sda`.
    #[xml(child_text)]
    pub block: String,
    /// `scsi`, `usb`, `pci` ...; absent where unknown.
    #[xml(child_text)]
    pub bus: Option<String>,
    /// `disk`, `cdrom`, `floppy` ...; absent where unknown.
    #[xml(child_text = "drive_type")]
    pub drive_type: Option<String>,
    /// The product's name.
    #[xml(child_text)]
    pub model: Option<String>,
    /// The vendor's name.
    #[xml(child_text)]
    pub vendor: Option<String>,
    /// The serial number.
    #[xml(child_text)]
    pub serial: Option<String>,
    /// Size in bytes; absent where the medium can be removed.
    #[xml(child_text)]
    pub size: Option<u64>,
    /// Bytes a logical block. Only ever written: the device decides it.
    #[xml(child_text = "logical_block_size", read_if = never)]
    pub logical_block_size: Option<u64>,
    /// Logical blocks. Only ever written: the device decides it.
    #[xml(child_text = "num_blocks", read_if = never)]
    pub blocks: Option<u64>,
    /// What else it is.
    #[xml(child)]
    pub capabilities: Vec<StorageSubCapability>,
}

fn never(_: &Reader<'_, '_>) -> bool {
    false
}

impl StorageCapability {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        if self.capabilities.iter().any(|capability| matches!(capability, StorageSubCapability::Removable(_)))
        {
            self.size = None;
        } else {
            self.size.get_or_insert(0);
        }
        Ok(())
    }
}

/// What else a block device is.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "capability", tag = "type")]
pub enum StorageSubCapability {
    /// Its medium can be removed.
    Removable(RemovableMedium),
    /// The device can be unplugged.
    Hotpluggable,
}

/// A medium that can be removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct RemovableMedium {
    /// Whether there is one.
    #[xml(child_text = "media_available")]
    pub available: NumericFlag,
    /// Its size in bytes.
    #[xml(child_text = "media_size")]
    pub size: u64,
    /// Its label; absent where it has none.
    #[xml(child_text = "media_label")]
    pub label: Option<String>,
    /// Bytes a logical block. Only ever written: the medium decides it.
    #[xml(child_text = "logical_block_size", read_if = never)]
    pub logical_block_size: Option<u64>,
    /// Logical blocks. Only ever written: the medium decides it.
    #[xml(child_text = "num_blocks", read_if = never)]
    pub blocks: Option<u64>,
}

//! SCSI hosts, targets and units of the host, and block devices.

use super::{NumericFlag, check_kind, internal, invalid, missing, name as name_of};
use crate::xml::{ParseFlags, Reader, Result, Xml};

/// What SCSI devices are attached to: an adapter, or a driver that plays one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = ScsiHostCapability::settle)]
pub struct ScsiHostCapability {
    /// The host's number for it; absent for one that is to be created.
    #[xml(child_text, invalid = |_| invalid(r, "SCSI host ID"))]
    pub host: Option<u32>,
    /// The number that its driver gives it; absent where it gives none.
    #[xml(child_text = "unique_id", invalid = |_| invalid(r, "unique_id"))]
    pub unique_id: Option<u32>,
    /// What else it is.
    #[xml(child, key = "@type", unordered)]
    pub capabilities: Vec<ScsiHostSubCapability>,
}

impl ScsiHostCapability {
    /// Only one that is to be made has no number yet. What else it is, it is once: an adapter first.
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.host.is_none() && !reader.flags().contains(ParseFlags::CREATE) {
            return Err(reader.place(missing(reader, "SCSI host ID")));
        }
        self.capabilities.sort_by_key(|it| matches!(it, ScsiHostSubCapability::VportOps(_)));
        self.capabilities.dedup_by_key(|it| it.tag());
        Ok(())
    }
}

/// What else a SCSI host is.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "capability", tag = "type", before_read = ScsiHostSubCapability::check)]
pub enum ScsiHostSubCapability {
    /// A Fibre Channel host bus adapter.
    #[xml("fc_host")]
    FcHost(FibreChannelHost),
    /// One that can make virtual host bus adapters.
    #[xml("vport_ops")]
    VportOps(VirtualPorts),
}

impl ScsiHostSubCapability {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        let known = ["fc_host", "vport_ops"];
        check_kind(reader, &known, "missing SCSI host capability type", "SCSI host capability")
    }
}

/// A Fibre Channel host bus adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = FibreChannelHost::check)]
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

impl FibreChannelHost {
    /// The names of one that is to be made are chosen.
    fn check(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if reader.flags().contains(ParseFlags::CREATE) {
            return Ok(());
        }
        for (name, given) in [("WWNN", &self.wwnn), ("WWPN", &self.wwpn)] {
            if given.is_none() {
                let sentence =
                    format!("no {name} supplied for '{}', and auto-generation failed", name_of(reader));
                return Err(reader.internal(sentence));
            }
        }
        Ok(())
    }
}

/// How many virtual host bus adapters there can be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VirtualPorts {
    /// At most. Only ever written.
    #[xml(child_text = "max_vports", default, write_only)]
    pub maximum: u32,
    /// Now. Only ever written.
    #[xml(child_text = "vports", default, write_only)]
    pub count: u32,
}

/// A SCSI device with its logical units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ScsiTargetCapability {
    /// The kernel's name, `target1:0:0`.
    #[xml(child_text, missing = missing(r, "target name"))]
    pub target: String,
    /// The Fibre Channel port that it is; absent for other transports.
    #[xml(child)]
    pub remote_port: Option<ScsiTargetSubCapability>,
}

/// What else a SCSI target is.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "capability", tag = "type", before_read = ScsiTargetSubCapability::check)]
pub enum ScsiTargetSubCapability {
    /// A Fibre Channel port.
    #[xml("fc_remote_port")]
    FcRemotePort(FibreChannelRemotePort),
}

impl ScsiTargetSubCapability {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        let missing = "missing type for SCSI target capability";
        check_kind(reader, &["fc_remote_port"], missing, "SCSI target capability")
    }
}

/// The other end of a Fibre Channel link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct FibreChannelRemotePort {
    /// The kernel's name, `rport-1:0-0`.
    #[xml(child_text, missing = internal(r, "missing rport name"))]
    pub rport: String,
    /// World-wide port name.
    #[xml(child_text, missing = internal(r, "missing wwpn identifier"))]
    pub wwpn: String,
}

/// A SCSI logical unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ScsiCapability {
    /// The SCSI host's number.
    #[xml(child_text, invalid = |_| invalid(r, "SCSI host ID"), missing = missing(r, "SCSI host ID"))]
    pub host: u32,
    /// The bus (channel).
    #[xml(child_text, invalid = |_| invalid(r, "SCSI bus ID"), missing = missing(r, "SCSI bus ID"))]
    pub bus: u32,
    /// The device's number on its bus.
    #[xml(child_text, invalid = |_| invalid(r, "SCSI target ID"), missing = missing(r, "SCSI target ID"))]
    pub target: u32,
    /// The logical unit.
    #[xml(child_text, invalid = |_| invalid(r, "SCSI LUN ID"), missing = missing(r, "SCSI LUN ID"))]
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
    #[xml(child_text, missing = missing(r, "block device path"))]
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
    #[xml(child_text, invalid = |_| invalid(r, "size"))]
    pub size: Option<u64>,
    /// Bytes a logical block. Only ever written: the device decides it.
    #[xml(child_text = "logical_block_size", write_only)]
    pub logical_block_size: Option<u64>,
    /// Logical blocks. Only ever written: the device decides it.
    #[xml(child_text = "num_blocks", write_only)]
    pub blocks: Option<u64>,
    /// What else it is.
    #[xml(child, key = "@type", unordered)]
    pub capabilities: Vec<StorageSubCapability>,
}

impl StorageCapability {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        self.capabilities.sort_by_key(|it| matches!(it, StorageSubCapability::Hotpluggable));
        if self.capabilities.iter().any(|capability| matches!(capability, StorageSubCapability::Removable(_)))
        {
            self.size = None;
        } else if self.size.is_none() {
            return Err(reader.place(missing(reader, "size")));
        }
        Ok(())
    }
}

/// What else a block device is.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "capability", tag = "type", before_read = StorageSubCapability::check)]
pub enum StorageSubCapability {
    /// Its medium can be removed.
    Removable(RemovableMedium),
    /// The device can be unplugged.
    Hotpluggable,
}

impl StorageSubCapability {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        let known = ["removable", "hotpluggable"];
        check_kind(reader, &known, "missing storage capability type", "storage capability")
    }
}

/// A medium that can be removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct RemovableMedium {
    /// Whether there is one.
    #[xml(child_text = "media_available", default, lenient)]
    pub available: NumericFlag,
    /// Its size in bytes.
    #[xml(
        child_text = "media_size",
        invalid = |_| invalid(r, "removable media size"),
        missing = missing(r, "removable media size")
    )]
    pub size: u64,
    /// Its label; absent where it has none.
    #[xml(child_text = "media_label")]
    pub label: Option<String>,
    /// Bytes a logical block. Only ever written: the medium decides it.
    #[xml(child_text = "logical_block_size", write_only)]
    pub logical_block_size: Option<u64>,
    /// Logical blocks. Only ever written: the medium decides it.
    #[xml(child_text = "num_blocks", write_only)]
    pub blocks: Option<u64>,
}

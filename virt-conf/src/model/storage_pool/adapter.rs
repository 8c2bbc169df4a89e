//! `<adapter>`: the SCSI host that a pool comes from.

use super::{PoolSourceCommon, wrong};
use crate::model::Wwn;
use crate::model::nodedev::NodeDevicePciAddress;
use crate::xml::{Element as _, Error, Reader, Result, Xml};

/// A SCSI host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", keep_open)]
pub struct ScsiSource {
    /// Which SCSI host its volumes are behind; required.
    #[xml(child)]
    pub adapter: Option<StorageAdapter>,
    /// What sources of every kind may have.
    #[xml(flatten)]
    pub common: PoolSourceCommon,
}

/// A SCSI host, or a Fibre Channel port to make one on.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "adapter", tag = "type", default = ScsiHost, before_read = StorageAdapter::check)]
pub enum StorageAdapter {
    /// A SCSI host.
    #[xml("scsi_host")]
    ScsiHost(ScsiHostAdapter),
    /// A virtual Fibre Channel host bus adapter, made when the pool starts.
    #[xml("fc_host")]
    FcHost(FibreChannelAdapter),
}

impl StorageAdapter {
    /// What an adapter says that does not say what it is, as before there were several kinds; and what one of each kind needs.
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        let given = |name: &str| reader.attr_text(name).is_some();
        match reader.attr_text("type") {
            None if ["wwnn", "wwpn", "parent"].into_iter().any(given) => Err(reader
                .refuse("Use of 'wwnn', 'wwpn', and 'parent' attributes requires use of the adapter 'type'")),
            None if reader.flag(AdapterParentAddress::NAME) => {
                Err(reader.refuse("Use of 'parentaddr' element requires use of the adapter 'type'"))
            }
            None if !given("name") => Err(reader.refuse("missing storage pool source adapter")),
            // libvirt's sentence has the name that the type has nowhere else.
            Some("fc_host") if !(given("wwnn") && given("wwpn")) => {
                Err(reader.refuse("'wwnn' and 'wwpn' must be specified for adapter type 'fchost'"))
            }
            _ => Ok(()),
        }
    }
}

/// A SCSI host, by name or by the PCI device behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ScsiHostAdapter {
    /// The kernel's name, `scsi_host0`, which may change from boot to boot; excludes `parent_address`.
    #[xml(attr)]
    pub name: Option<String>,
    /// Where it is, which does not change; excludes `name`.
    #[xml(child)]
    pub parent_address: Option<AdapterParentAddress>,
}

/// Where a SCSI host is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "parentaddr")]
pub struct AdapterParentAddress {
    /// Its driver's number for it; tells the ports of one PCI device apart.
    #[xml(attr = "unique_id", invalid = |_| no_unique_id(), missing = no_unique_id())]
    pub unique_id: u32,
    /// The PCI device.
    #[xml(child, missing = wrong("Missing scsi_host PCI address element"))]
    pub address: NodeDevicePciAddress,
}

fn no_unique_id() -> Error {
    wrong("Missing or invalid scsi adapter 'unique_id' value")
}

/// A virtual Fibre Channel host bus adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct FibreChannelAdapter {
    /// The host bus adapter it is made on, `scsi_host5`; absent: any that can.
    #[xml(attr)]
    pub parent: Option<String>,
    /// That host bus adapter by its node name, with `parent_wwpn`.
    #[xml(attr = "parent_wwnn")]
    pub parent_wwnn: Option<String>,
    /// That host bus adapter by its port name, with `parent_wwnn`.
    #[xml(attr = "parent_wwpn")]
    pub parent_wwpn: Option<String>,
    /// That host bus adapter by its fabric.
    #[xml(attr = "parent_fabric_wwn")]
    pub parent_fabric_wwn: Option<String>,
    /// Whether it is removed when the pool stops; default: yes, when the pool made it.
    #[xml(attr)]
    pub managed: Option<bool>,
    /// World-wide node name.
    #[xml(attr, with = Wwn)]
    pub wwnn: String,
    /// World-wide port name.
    #[xml(attr, with = Wwn)]
    pub wwpn: String,
}

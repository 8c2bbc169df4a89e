//! Channel devices, subchannels and cryptographic adapters of s390 hosts.

use super::{MdevTypes, check_type, unsupported};
use crate::xml::{Error, HexDigits, Reader, Result, Xml, XmlValue};

/// The address of a channel device or a subchannel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "channel_dev_addr", after_read = ChannelAddress::settle)]
pub struct ChannelAddress {
    /// Channel subsystem, 0 to 0xfe.
    #[xml(
        child_text,
        with = HexDigits<1>,
        invalid = |text| not_a_number(r, "cssid", text),
        missing = no_number(r, "cssid")
    )]
    pub cssid: u32,
    /// Subchannel set, 0 to 3.
    #[xml(
        child_text,
        with = HexDigits<1>,
        invalid = |text| not_a_number(r, "ssid", text),
        missing = no_number(r, "ssid")
    )]
    pub ssid: u32,
    /// Device number, 0 to 0xffff.
    #[xml(
        child_text,
        with = HexDigits<4>,
        invalid = |text| not_a_number(r, "devno", text),
        missing = no_number(r, "devno")
    )]
    pub devno: u32,
}

fn no_number(reader: &Reader<'_, '_>, name: &str) -> Error {
    unsupported(reader, &format!("missing {name} value"))
}

fn not_a_number(reader: &Reader<'_, '_>, name: &str, text: &str) -> Error {
    unsupported(reader, &format!("invalid {name} value '{text}'"))
}

impl ChannelAddress {
    /// libvirt takes any number; its schema only those that hardware has.
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let ranges = [("cssid", self.cssid, 0xfe), ("ssid", self.ssid, 3), ("devno", self.devno, 0xffff)];
        let beyond = ranges.into_iter().find(|(_, value, most)| value > most);
        match beyond.filter(|_| reader.strict()) {
            Some((name, value, most)) => {
                Err(reader.refuse(format!("element '{name}' is {value:#x}, and cannot be above {most:#x}")))
            }
            None => Ok(()),
        }
    }
}

/// A channel device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct CcwCapability {
    /// Whether it is in use; absent where unknown.
    #[xml(child_text, invalid = |text| unsupported(r, &format!("unknown state '{text}'")))]
    pub state: Option<CcwState>,
    /// Channel subsystem, subchannel set and device number.
    #[xml(flatten)]
    pub address: ChannelAddress,
    /// The group that it is a member of.
    #[xml(child)]
    pub group: Option<CcwSubCapability>,
}

/// Whether a channel device is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum CcwState {
    /// It is.
    Online,
    /// It is not.
    Offline,
}

/// What else a channel device is.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "capability", tag = "type")]
pub enum CcwSubCapability {
    /// A member of a group.
    #[xml("ccwgroup_member")]
    GroupMember(CcwGroupMember),
}

/// A member of a group of channel devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct CcwGroupMember {
    /// The group's name.
    #[xml(child_text = "group_device", missing = no_number(r, "group_device"))]
    pub group: String,
}

/// A group of channel devices that work as one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct CcwGroupCapability {
    /// Whether it is in use; absent where unknown.
    #[xml(child_text, invalid = |text| unsupported(r, &format!("unknown state '{text}'")))]
    pub state: Option<CcwState>,
    /// That of its first member.
    #[xml(flatten)]
    pub address: ChannelAddress,
    /// The channel devices that work together.
    #[xml(child, default)]
    pub members: CcwGroupMembers,
    /// What it is as a whole.
    #[xml(child)]
    pub kind: Option<CcwGroupKind>,
}

/// The members of a group of channel devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "members")]
pub struct CcwGroupMembers {
    /// The members.
    #[xml(child)]
    pub devices: Vec<CcwDeviceReference>,
}

/// A channel device in a group.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "ccw_device")]
pub struct CcwDeviceReference {
    /// What it is to the group, `cdev0`.
    #[xml(attr = "ref")]
    pub reference: String,
    /// Its name.
    #[xml(text)]
    pub device: String,
}

/// What a group of channel devices is as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "capability", tag = "type")]
pub enum CcwGroupKind {
    /// A network card, not yet in a mode.
    #[xml("qeth_generic")]
    QethGeneric(QethCapability),
    /// A network card that moves frames.
    #[xml("qeth_layer2")]
    QethLayer2(QethCapability),
    /// A network card that moves IP packets.
    #[xml("qeth_layer3")]
    QethLayer3(QethCapability),
}

/// An s390 network card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct QethCapability {
    /// What card it is.
    #[xml(child_text = "card_type")]
    pub card_type: Option<String>,
    /// The channel path.
    #[xml(child_text)]
    pub chpid: Option<String>,
}

/// A subchannel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct CssCapability {
    /// Channel subsystem, subchannel set and number.
    #[xml(flatten)]
    pub address: ChannelAddress,
    /// The channel device behind it, while no driver shows it.
    #[xml(child)]
    pub channel_device: Option<ChannelAddress>,
    /// What else it is.
    #[xml(child)]
    pub capability: Option<MediatedSubCapability>,
}

/// What else a device is that makes mediated devices.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "capability", tag = "type", before_read = check_type)]
pub enum MediatedSubCapability {
    /// One that can make mediated devices.
    #[xml("mdev_types")]
    MdevTypes(MdevTypes),
}

/// A cryptographic adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ApCardCapability {
    /// The adapter's number, 0 to 255.
    #[xml(
        child_text = "ap-adapter",
        with = HexDigits<2>,
        invalid = |text| not_a_number(r, "ap-adapter", text),
        missing = no_number(r, "ap-adapter")
    )]
    pub adapter: u32,
}

/// A queue of a cryptographic adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ApQueueCapability {
    /// The adapter's number, 0 to 255.
    #[xml(
        child_text = "ap-adapter",
        with = HexDigits<2>,
        invalid = |text| not_a_number(r, "ap-adapter", text),
        missing = no_number(r, "ap-adapter")
    )]
    pub adapter: u32,
    /// The domain's number, 0 to 255.
    #[xml(
        child_text = "ap-domain",
        with = HexDigits<4>,
        invalid = |text| not_a_number(r, "ap-domain", text),
        missing = no_number(r, "ap-domain")
    )]
    pub domain: u32,
}

/// The device that hands cryptographic queues to guests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ApMatrixCapability {
    /// What else it is.
    #[xml(child)]
    pub capability: Option<MediatedSubCapability>,
}

#[cfg(test)]
mod tests {
    use crate::model::NodeDevice;
    use crate::xml::ParseOptions;

    #[test]
    fn numbers_that_no_hardware_has_pass_unless_read_strictly() {
        let text = "<device><name>a</name><capability type='ccw'><cssid>0x0</cssid><ssid>0x4</ssid>\
                    <devno>0x70</devno></capability></device>";
        assert!(NodeDevice::from_xml(text, &ParseOptions::default()).is_ok());
        let error = NodeDevice::from_xml(text, &ParseOptions::STRICT).unwrap_err();
        assert_eq!(error.to_string(), "XML error: element 'ssid' is 0x4, and cannot be above 0x3");
    }
}

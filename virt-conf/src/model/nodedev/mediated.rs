//! Mediated devices: parts of a device that the kernel makes on request.

use uuid::Uuid;

use super::{MediatedSubCapability, NodeDeviceIommuGroup, unsupported};
use crate::xml::{Error, ErrorDomain, Fields, FormatFlags, Reader, Result, Shape, Writer, Xml};

/// A device of which no more is known than that it makes mediated devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct MdevParentCapability {
    /// What it makes.
    #[xml(child)]
    pub capability: Option<MediatedSubCapability>,
}

/// A mediated device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = MdevCapability::settle)]
pub struct MdevCapability {
    /// Its type, as defined and as it runs.
    #[xml(flatten)]
    pub types: MdevViews<MdevTypeReference>,
    /// Its UUID; chosen where absent on creation.
    #[xml(
        child_text,
        invalid = |text| Error::internal(
            ErrorDomain::NODEDEV,
            format!("Invalid uuid '{text}' for new mdev device")
        )
    )]
    pub uuid: Option<Uuid>,
    /// The address of its parent. Only ever written.
    #[xml(child_text = "parent_addr", write_only)]
    pub parent_address: Option<String>,
    /// Its IOMMU group; number 0 while it does not run.
    #[xml(child = "iommuGroup", default)]
    pub iommu_group: NodeDeviceIommuGroup,
    /// Attributes that its driver is given in this order, as defined and as it runs.
    #[xml(flatten)]
    pub attributes: MdevViews<MdevAttributes>,
}

impl MdevCapability {
    /// Its group has no other members.
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.iommu_group.addresses.clear();
        Ok(())
    }

    /// What a start makes of the definition: it runs as it is defined.
    pub fn activate(&mut self) {
        self.types.active = self.types.defined.clone();
        self.attributes.active = self.attributes.defined.clone();
    }
}

/// A part of a mediated device that may differ between its definition and what runs. A document is read as a definition,
/// and written as what runs unless the inactive view is asked for, or nothing runs and nothing is to be lost; one rule, which
/// no mark on a field says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MdevViews<T> {
    /// What the next start uses.
    pub defined: T,
    /// What runs.
    pub active: T,
}

impl<T: Fields + Default + PartialEq> Fields for MdevViews<T> {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        Ok(Self { defined: T::read(reader)?, active: T::default() })
    }

    fn write_attrs(&self, _: &mut Writer) {}

    fn write_children(&self, writer: &mut Writer) {
        let options = writer.options();
        let runs = self.active != T::default();
        let live = options.live() && (runs || !options.flags.contains(FormatFlags::STATUS));
        let view = if live { &self.active } else { &self.defined };
        view.write_children(writer);
    }

    fn describe(_: Option<&Self>, shape: &mut Shape) {
        T::describe(None, shape);
    }
}

/// The type of a mediated device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(before_read = MdevTypeReference::check)]
pub struct MdevTypeReference {
    /// The kernel's name of the type; absent while it does not run.
    #[xml(attr = "type/@id")]
    pub id: Option<String>,
}

impl MdevTypeReference {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.attr_value(&["type"], "id") {
            "" => Err(reader.place(unsupported(reader, "missing type id attribute"))),
            _ => Ok(()),
        }
    }
}

/// The attributes of a mediated device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct MdevAttributes {
    /// In the order in which they are written to sysfs.
    #[xml(child, key = "@name")]
    pub list: Vec<MdevAttribute>,
}

/// A file in the sysfs directory of a mediated device, and what is written to it.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "attr")]
pub struct MdevAttribute {
    /// The file.
    #[xml(attr)]
    pub name: String,
    /// The text.
    #[xml(attr)]
    pub value: String,
}

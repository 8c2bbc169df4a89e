//! `<cpu>` of a domain's capabilities: where a guest's processor model can come from.

use super::Choice;
use crate::model::{CpuFeature, CpuMaxPhysAddr, CpuModel};
use crate::xml::{Fields, Reader, Result, Shape, Writer, Xml, XmlValue};

/// Where a guest's processor model can come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cpu")]
pub struct CpuCapabilities {
    /// The modes; libvirt names all four.
    #[xml(child, key = "@name")]
    pub modes: Vec<CpuModeCapability>,
}

/// A value of `<cpu mode='..'>`.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "mode", tag = "name")]
pub enum CpuModeCapability {
    /// The host's processor as it is.
    #[xml("host-passthrough")]
    HostPassthrough(CpuModeSupport),
    /// Everything that the hypervisor can give. Since 7.1.
    Maximum(CpuModeSupport),
    /// The named model that comes closest to the host's processor.
    #[xml("host-model")]
    HostModel(HostModelSupport),
    /// The definition names it.
    Custom(CustomSupport),
}

/// A mode that stands for one processor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct CpuModeSupport {
    /// Whether guests can have it.
    #[xml(attr)]
    pub supported: bool,
    /// Values of its other attributes.
    #[xml(child, key = "@name", unordered)]
    pub lists: Vec<Choice>,
}

/// The model that comes closest to the host's processor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct HostModelSupport {
    /// Whether guests can have it.
    #[xml(attr)]
    pub supported: bool,
    /// The named model nearest to the host's processor; features around it make up the difference.
    #[xml(child)]
    pub model: Option<CpuModel>,
    /// The maker of the host's processor.
    #[xml(child_text)]
    pub vendor: Option<String>,
    /// The width of physical addresses. Since 9.3.
    #[xml(child = "maxphysaddr")]
    pub max_phys_addr: Option<CpuMaxPhysAddr>,
    /// Features added to or taken from the model.
    #[xml(child, key = "@name", unordered)]
    pub features: Vec<CpuFeature>,
}

/// The models that a definition can name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct CustomSupport {
    /// Whether there are any.
    #[xml(attr)]
    pub supported: bool,
    /// Every model that the emulator knows, usable on this host or not.
    #[xml(flatten)]
    pub models: NamedModels,
}

/// Models, each with what stands in its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedModels {
    /// The models.
    pub list: Vec<NamedModel>,
}

/// A model that a definition can name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedModel {
    /// Its name, and whether this host can run guests with it.
    pub model: NamedModelEntry,
    /// The features that it has and this host cannot give. Since 10.6.
    pub blockers: Vec<String>,
}

/// `<model>`: the name, and what is known about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "model")]
pub struct NamedModelEntry {
    /// Whether this host can run it.
    #[xml(attr, default)]
    pub usable: CpuUsable,
    /// Whether it will be gone from a later emulator; default: no. Since 7.1.
    #[xml(attr, omit)]
    pub deprecated: bool,
    /// The maker, `unknown` where the model names none. Since 8.9.
    #[xml(attr)]
    pub vendor: Option<String>,
    /// The version that this name stands for. Since 10.9.
    #[xml(attr)]
    pub canonical: Option<String>,
    /// What `<cpu><model>` calls it in a definition.
    #[xml(text)]
    pub name: String,
}

/// Whether a host can run a processor model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum CpuUsable {
    /// The emulator does not say.
    #[default]
    Unknown,
    /// It can.
    Yes,
    /// It lacks a feature.
    No,
}

/// `<blockers>`: what stands in a model's way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "blockers")]
struct Blockers {
    /// The model's name.
    #[xml(attr)]
    model: String,
    /// The features.
    #[xml(child)]
    features: Vec<Blocker>,
}

/// A feature that stands in a model's way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "feature")]
struct Blocker {
    /// The feature's name.
    #[xml(attr)]
    name: String,
}

// What stands in a model's way is written behind it, as a sibling that names it.
impl Fields for NamedModels {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        let models: Vec<NamedModelEntry> = reader.children("model")?;
        let mut blockers: Vec<Blockers> = reader.children("blockers")?;
        let list = models.into_iter().map(|model| {
            let at = blockers.iter().position(|entry| entry.model == model.name);
            let blockers = at.map(|at| blockers.remove(at).features).unwrap_or_default();
            NamedModel { model, blockers: blockers.into_iter().map(|feature| feature.name).collect() }
        });
        Ok(Self { list: list.collect() })
    }
    fn write_attrs(&self, _: &mut Writer) {}
    fn write_children(&self, writer: &mut Writer) {
        for NamedModel { model, blockers } in &self.list {
            writer.element("model", model);
            if !blockers.is_empty() {
                let features = blockers.iter().map(|name| Blocker { name: name.clone() }).collect();
                writer.element("blockers", &Blockers { model: model.name.clone(), features });
            }
        }
    }
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        shape.child("model", |shape| NamedModelEntry::describe(None, shape));
        shape.child("blockers", |shape| Blockers::describe(None, shape));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{FormatOptions, ParseOptions, from_str, to_string};

    #[test]
    fn what_stands_in_the_way_follows_its_model() {
        let text = "<mode name='custom' supported='yes'>
  <model usable='no' vendor='Intel'>b</model>
  <blockers model='b'>
    <feature name='x'/>
  </blockers>
  <model usable='yes' vendor='unknown' canonical='a-v1'>a</model>
</mode>
";
        let mode: CpuModeCapability = from_str(text, &ParseOptions::STRICT).unwrap();
        let CpuModeCapability::Custom(custom) = &mode else { panic!("another mode") };
        assert_eq!(custom.models.list[0].blockers, ["x"]);
        assert!(custom.models.list[1].blockers.is_empty());
        assert_eq!(to_string(&mode, FormatOptions::default()), text);
    }
}

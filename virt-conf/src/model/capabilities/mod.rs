//! `<capabilities>`: a host, and the guests that its hypervisor can run.
//!
//! Fields stand in the order in which libvirt writes them.

mod cache;
mod guest;
mod topology;

pub use cache::*;
pub use guest::*;
pub use topology::*;

use uuid::Uuid;

use super::{HostCpuModel, ScaledAttr};
use crate::xml::{About, Fields, Kind, Plain, Reader, Result, Shape, Writer, Xml};

/// A host, and the guests that its hypervisor can run.
///
/// ```
/// use virt_conf::model::Capabilities;
///
/// let text = "<capabilities><host><cpu><arch>x86_64</arch></cpu><iommu support='yes'/></host></capabilities>";
/// let capabilities: Capabilities = text.parse()?;
/// assert_eq!(capabilities.host.iommu, Some(true));
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "capabilities", errors = CAPABILITIES, gaps, document)]
pub struct Capabilities {
    /// The machine itself: its processor, memory and security models, and how guests can migrate.
    #[xml(child, default)]
    pub host: HostCapabilities,
    /// A kind of guest each: an operating system's type with an architecture.
    #[xml(child, key = "os_type arch/@name")]
    pub guests: Vec<GuestCapabilities>,
}

/// What a host is, and what it can do for guests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "host", keep_empty)]
pub struct HostCapabilities {
    /// The identity that tells it from other hosts; absent where a driver knows none.
    #[xml(child_text)]
    pub uuid: Option<Uuid>,
    /// Its processor.
    #[xml(child, default)]
    pub cpu: CapabilitiesCpu,
    /// How it can be put to sleep; absent where that is unknown.
    #[xml(child)]
    pub power_management: Option<PowerManagement>,
    /// Whether an IOMMU protects it from assigned devices; absent where that is unknown. Since 4.7.
    #[xml(attr = "iommu/@support")]
    pub iommu: Option<bool>,
    /// How guests can leave it; absent where they cannot.
    #[xml(child)]
    pub migration_features: Option<MigrationFeatures>,
    /// Its NUMA nodes and their processors.
    #[xml(child)]
    pub topology: Option<HostTopology>,
    /// Its processors' caches, and how they can be shared out. Since 3.3.
    #[xml(child)]
    pub cache: Option<HostCaches>,
    /// How the bandwidth to memory can be shared out. Since 4.8.
    #[xml(child)]
    pub memory_bandwidth: Option<HostMemoryBandwidth>,
    /// How the use of energy can be measured. Since 12.4.
    #[xml(child)]
    pub energy: Option<HostEnergy>,
    /// The models of security in force, the first one by default.
    #[xml(child, key = "model")]
    pub security_models: Vec<SecurityModel>,
}

/// A host's processor, and the sizes of its pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cpu")]
pub struct CapabilitiesCpu {
    /// The architecture's name, `x86_64`.
    #[xml(child_text = "arch", default)]
    pub architecture: String,
    /// Abilities that are no processor features, `pae`; by Xen and the test driver.
    #[xml(child, default)]
    pub features: NamedFlags,
    /// The model and what belongs to it.
    #[xml(flatten)]
    pub model: HostCpuModel,
    /// The sizes of memory pages.
    #[xml(child, key = "@size", unordered)]
    pub pages: Vec<HostPages>,
}

/// Names, each an empty element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedFlags {
    /// The names, in order.
    pub names: Vec<String>,
}

// No rule of the derive covers elements whose names are data.
impl Fields for NamedFlags {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        let content = reader.raw().content.into_iter();
        let names = content.filter_map(|mut node| node.as_element_mut().map(|e| std::mem::take(&mut e.name)));
        // Somebody else's elements are none of libvirt's features.
        Ok(Self { names: names.filter(|name| !name.contains(':')).collect() })
    }
    fn write_attrs(&self, _: &mut Writer) {}
    fn write_children(&self, writer: &mut Writer) {
        self.names.iter().for_each(|name| writer.flag(name));
    }
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        shape.anything();
    }
}

impl crate::xml::Element for NamedFlags {
    const NAME: &'static str = "features";
}

/// Pages of one size: of the whole host, or how many there are on a NUMA node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "pages")]
pub struct HostPages {
    /// How large one is.
    #[xml(flatten)]
    pub size: PageSize,
    /// How many there are, on a NUMA node.
    #[xml(text)]
    pub count: Option<u64>,
}

/// The size of a memory page in KiB, as `unit` and `size`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageSize(pub u64);

impl Fields for PageSize {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        let bytes = ScaledAttr("size").bytes(reader, 1024)?;
        bytes.map(|bytes| Self(bytes / 1024)).ok_or_else(|| reader.missing_attr(&[], "size"))
    }
    fn write_attrs(&self, writer: &mut Writer) {
        writer.attr_text("unit", "KiB");
        writer.attr::<Plain, _>("size", &self.0);
    }
    fn write_children(&self, _: &mut Writer) {}
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        ScaledAttr("size").describe(
            shape,
            const { &About::value(Kind::Amount, "How large one is; in KiB without a unit.") },
        );
    }
}

/// How a host can be put to sleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "power_management", keep_empty)]
pub struct PowerManagement {
    /// With its memory powered (S3).
    #[xml(flag = "suspend_mem")]
    pub suspend_mem: bool,
    /// With its memory on disk (S4).
    #[xml(flag = "suspend_disk")]
    pub suspend_disk: bool,
    /// With its memory on disk, and powered as well.
    #[xml(flag = "suspend_hybrid")]
    pub suspend_hybrid: bool,
}

/// How guests can leave a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "migration_features", spread)]
pub struct MigrationFeatures {
    /// While they run.
    #[xml(flag)]
    pub live: bool,
    /// By which schemes of URI.
    #[xml(child, default)]
    pub uri_transports: UriTransports,
}

/// Schemes of URI for migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "uri_transports")]
pub struct UriTransports {
    /// One each.
    #[xml(child)]
    pub list: Vec<UriTransport>,
}

/// A scheme of URI for migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "uri_transport")]
pub struct UriTransport {
    /// The scheme, `tcp`.
    #[xml(text)]
    pub scheme: String,
}

/// A model of security that is in force on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "secmodel")]
pub struct SecurityModel {
    /// Its name, `selinux`.
    #[xml(child_text, default)]
    pub model: String,
    /// Its domain of interpretation, 0 where it has none.
    #[xml(child_text, default)]
    pub doi: String,
    /// The labels that guests get by default, by their type.
    #[xml(child, key = "@type")]
    pub base_labels: Vec<BaseLabel>,
}

/// The label that guests of a type get by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "baselabel")]
pub struct BaseLabel {
    /// The guests' type, `kvm`.
    #[xml(attr = "type")]
    pub domain_type: String,
    /// What a guest without a `<seclabel>` of its own starts from, in the security model's words.
    #[xml(text)]
    pub label: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blank lines stand around the parts of this document, as in no other.
    #[test]
    fn the_parts_stand_apart() {
        let text = "<capabilities>

  <host>
    <cpu>
      <arch>i686</arch>
      <features>
        <pae/>
      </features>
      <pages unit='KiB' size='4'/>
    </cpu>
    <power_management/>
    <iommu support='no'/>
    <migration_features>
    </migration_features>
    <topology>
      <cells num='0'>
      </cells>
    </topology>
    <secmodel>
      <model>none</model>
      <doi></doi>
    </secmodel>
  </host>

  <guest>
    <os_type>hvm</os_type>
    <arch name='i686'>
      <wordsize>32</wordsize>
      <machine canonical='pc-1' maxCpus='4' deprecated='yes'>pc</machine>
      <domain type='test'/>
    </arch>
    <features>
      <acpi default='on' toggle='yes'/>
    </features>
  </guest>

</capabilities>
";
        let capabilities: Capabilities = text.parse().unwrap();
        assert_eq!(capabilities.to_string(), text);
        assert_eq!(capabilities.host.cpu.pages[0].size.0, 4);
        let machine = &capabilities.guests[0].arch.machines[0];
        assert_eq!(machine.canonical.as_deref(), Some("pc-1"));
    }
}

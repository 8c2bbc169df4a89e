//! `<cpu>` of a host: the processor as capabilities, and comparisons of hosts, describe it.

use super::{
    Cpu, CpuCache, CpuFallback, CpuFeature, CpuFeaturePolicy, CpuMaxPhysAddr, CpuModel, CpuTopology,
};
use crate::error::refuse_cpu;
use crate::xml::{
    Element, ErrorDomain, Fields, FormatOptions, ParseOptions, Reader, Result, Shape, Writer, Xml, from_str,
    to_string,
};

/// A host's processor.
///
/// ```
/// use virt_conf::model::HostCpu;
///
/// let cpu: HostCpu = "<cpu><arch>x86_64</arch><model>Haswell</model><feature name='vmx'/></cpu>".parse()?;
/// assert_eq!(cpu.model.features[0].name, "vmx");
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cpu", errors = CPU, document, after_read = HostCpu::settle)]
pub struct HostCpu {
    /// The architecture's name, `x86_64`.
    #[xml(child_text = "arch", missing = refuse_cpu("Missing CPU architecture"))]
    pub architecture: String,
    /// The model and what belongs to it.
    #[xml(flatten)]
    pub model: HostCpuModel,
}

/// The model of a host's processor, and what belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct HostCpuModel {
    /// The named model that comes closest; absent where none does.
    #[xml(child_text)]
    pub model: Option<String>,
    /// The maker, `Intel`.
    #[xml(child_text)]
    pub vendor: Option<String>,
    /// The version of its microcode.
    #[xml(attr = "microcode/@version", invalid = |_| refuse_cpu("invalid microcode version"))]
    pub microcode: Option<u32>,
    /// The numbers by which the maker tells its processors apart. Since 6.3.
    #[xml(child)]
    pub signature: Option<CpuSignature>,
    /// The counter that counts its cycles.
    #[xml(child)]
    pub counter: Option<CpuCounter>,
    /// Sockets, dies, clusters, cores, threads.
    #[xml(child)]
    pub topology: Option<CpuTopology>,
    /// A cache that is told about; of guests only, by what libvirt itself writes.
    #[xml(child)]
    pub cache: Option<CpuCache>,
    /// The width of physical addresses. Since 9.3.
    #[xml(child = "maxphysaddr")]
    pub max_phys_addr: Option<CpuMaxPhysAddr>,
    /// Features that it has beyond the model's.
    #[xml(child, key = "@name", unordered)]
    pub features: Vec<HostCpuFeature>,
}

/// The numbers by which a maker tells its processors apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "signature")]
pub struct CpuSignature {
    /// The family as CPUID gives it, the extended one added.
    #[xml(attr)]
    pub family: u32,
    /// The model within the family.
    #[xml(attr)]
    pub model: u32,
    /// The stepping of the model.
    #[xml(attr)]
    pub stepping: u32,
}

/// A counter that counts a processor's cycles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "counter")]
pub struct CpuCounter {
    /// Its name, `tsc`.
    #[xml(attr)]
    pub name: String,
    /// How fast it counts, in Hz.
    #[xml(attr)]
    pub frequency: u64,
    /// Whether guests can have it at another speed; absent where that is unknown.
    #[xml(attr)]
    pub scaling: Option<bool>,
}

/// A feature that a host's processor has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "feature")]
pub struct HostCpuFeature {
    /// Its name, `vmx`.
    #[xml(attr, unless_empty, missing = refuse_cpu("Invalid CPU feature name"))]
    pub name: String,
}

/// A processor by itself: a guest's, or a host's, which names its architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CpuDocument {
    /// A guest's.
    Guest(Box<Cpu>),
    /// A host's.
    Host(Box<HostCpu>),
}

impl CpuDocument {
    /// Reads a processor that stands by itself, as those are that are compared.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence and the place.
    ///
    /// ```
    /// use virt_conf::model::CpuDocument;
    /// use virt_conf::xml::ParseOptions;
    ///
    /// let text = "<cpu match='exact'><model>Penryn</model></cpu>";
    /// assert!(matches!(CpuDocument::from_xml(text, &ParseOptions::default())?, CpuDocument::Guest(_)));
    /// # Ok::<(), virt_util::Error>(())
    /// ```
    pub fn from_xml(text: &str, options: &ParseOptions) -> Result<Self> {
        from_str(text, options)
    }
}

impl std::fmt::Display for CpuDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&to_string(self, FormatOptions::default()))
    }
}

// What is in it, not a name or an attribute, says which it is.
impl Fields for CpuDocument {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        if !reader.has(&["arch"]) {
            return Fields::read(reader).map(Box::new).map(Self::Guest);
        }
        if reader.attr_text("match").is_some() {
            let sentence = "'arch' element cannot be used inside 'cpu' element with 'match' attribute'";
            return Err(reader.place(refuse_cpu(sentence)));
        }
        Fields::read(reader).map(Box::new).map(Self::Host)
    }
    fn write_attrs(&self, writer: &mut Writer) {
        match self {
            Self::Guest(cpu) => cpu.write_attrs(writer),
            Self::Host(cpu) => cpu.write_attrs(writer),
        }
    }
    fn write_children(&self, writer: &mut Writer) {
        match self {
            Self::Guest(cpu) => cpu.write_children(writer),
            Self::Host(cpu) => cpu.write_children(writer),
        }
    }
    fn describe(this: Option<&Self>, shape: &mut Shape) {
        if !matches!(this, Some(Self::Host(_))) {
            Cpu::describe(None, shape);
        }
        if !matches!(this, Some(Self::Guest(_))) {
            HostCpu::describe(None, shape);
        }
    }
}

impl Element for CpuDocument {
    const NAME: &'static str = "cpu";
    const ERRORS: ErrorDomain = ErrorDomain::CPU;
}

/// A guest's processor that is the same: its model, its maker, and its features, all of them required.
impl From<&HostCpu> for Cpu {
    fn from(host: &HostCpu) -> Self {
        let feature = |feature: &HostCpuFeature| CpuFeature {
            policy: CpuFeaturePolicy::Require,
            name: feature.name.clone(),
        };
        Self {
            model: host.model.model.clone().map(|name| CpuModel {
                fallback: Some(CpuFallback::Allow),
                vendor_id: None,
                name,
            }),
            vendor: host.model.vendor.clone(),
            features: host.model.features.iter().map(feature).collect(),
            ..Self::default()
        }
    }
}

/// A host's processor that is the same, without what is taken away from the model, for which a host has no word.
impl HostCpuModel {
    /// What `cpu`, found by decoding a host's processor, says of it.
    pub(crate) fn of_guest(cpu: Cpu) -> Self {
        let required = cpu.features.into_iter().filter(|feature| feature.policy == CpuFeaturePolicy::Require);
        Self {
            model: cpu.model.map(|model| model.name),
            vendor: cpu.vendor,
            features: required.map(|feature| HostCpuFeature { name: feature.name }).collect(),
            ..Self::default()
        }
    }
}

impl HostCpu {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if !crate::domain::ARCHITECTURES.contains(&self.architecture.as_str()) {
            return Err(reader.unsupported(format!("Unknown architecture {}", self.architecture)));
        }
        let names: Vec<&str> = self.model.features.iter().map(|feature| feature.name.as_str()).collect();
        let again = (1..names.len()).find(|at| names[..*at].contains(&names[*at]));
        if let Some(name) = again.and_then(|at| names.get(at)) {
            let error = refuse_cpu(format!("CPU feature '{name}' specified more than once"));
            return Err(reader.place(error));
        }
        match self.model.model {
            Some(_) => Ok(()),
            None => Err(reader.place(refuse_cpu("Missing CPU model name"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        CpuDocument::from_xml(text, &ParseOptions::default()).unwrap_err().to_string()
    }

    #[test]
    fn a_host_names_its_architecture() {
        let text = "<cpu>
  <arch>x86_64</arch>
  <model>Penryn</model>
  <vendor>Intel</vendor>
  <microcode version='7'/>
  <signature family='6' model='23' stepping='6'/>
  <counter name='tsc' frequency='1000' scaling='no'/>
  <topology sockets='1' dies='1' clusters='1' cores='2' threads='1'/>
  <maxphysaddr mode='emulate' bits='36'/>
  <feature name='vmx'/>
</cpu>
";
        let cpu = CpuDocument::from_xml(text, &ParseOptions::STRICT).unwrap();
        assert!(matches!(&cpu, CpuDocument::Host(cpu) if cpu.model.features[0].name == "vmx"));
        assert_eq!(cpu.to_string(), text);
    }

    #[test]
    fn mistakes_in_a_host_s_processor() {
        assert_eq!(message("<cpu><arch>x86_64</arch></cpu>"), "XML error: Missing CPU model name");
        let other = "<cpu><arch>z80</arch><model>x</model></cpu>";
        assert_eq!(message(other), "unsupported configuration: Unknown architecture z80");
        let both = "<cpu match='exact'><arch>x86_64</arch><model>x</model></cpu>";
        assert_eq!(
            message(both),
            "XML error: 'arch' element cannot be used inside 'cpu' element with 'match' attribute'"
        );
    }
}

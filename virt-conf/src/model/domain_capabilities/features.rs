//! `<features>` of a domain's capabilities: what is no device.

use super::{Capability, Choice};
use crate::model::{Kib, ScaledAttr, Switch};
use crate::xml::{About, Fields, Kind, Plain, Reader, Result, Shape, Writer, Xml};

/// What is no device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "features", spread)]
pub struct FeatureCapabilities {
    /// ARM's interrupt controllers, by version.
    #[xml(child = "gic")]
    pub gic: Option<Capability>,
    /// Addresses in dumps for debuggers.
    #[xml(child = "vmcoreinfo")]
    pub vmcoreinfo: Option<Capability>,
    /// A number that changes when the guest goes back in time.
    #[xml(child = "genid")]
    pub genid: Option<Capability>,
    /// Whether the images below a disk's own can be given. Since 5.10.
    #[xml(child = "backingStoreInput")]
    pub backing_store_input: Option<Capability>,
    /// Backups of a running guest's disks. Since 6.10.
    #[xml(child = "backup")]
    pub backup: Option<Capability>,
    /// Whether memory can be given back after the emulator is gone. Since 9.6.
    #[xml(child = "async-teardown")]
    pub async_teardown: Option<Capability>,
    /// IBM Secure Execution. Since 7.6.
    #[xml(child = "s390-pv")]
    pub s390_pv: Option<Capability>,
    /// Whether the PS/2 controller can be left out. Since 10.7.
    #[xml(child = "ps2")]
    pub ps2: Option<Capability>,
    /// Intel TDX. Since 11.6.
    #[xml(child = "tdx")]
    pub tdx: Option<Capability>,
    /// AMD SEV. Since 4.5.
    #[xml(child)]
    pub sev: Option<SevCapability>,
    /// Intel SGX. Since 8.10.
    #[xml(child)]
    pub sgx: Option<SgxCapability>,
    /// What makes Windows run better. Since 8.10.
    #[xml(child)]
    pub hyperv: Option<HypervCapability>,
    /// The kinds of protection from the host, `sectype`. Since 10.5.
    #[xml(child = "launchSecurity")]
    pub launch_security: Option<Capability>,
}

/// AMD SEV: memory encrypted by the processor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "sev", tag = "supported")]
pub enum SevCapability {
    /// It is not there.
    #[default]
    No,
    /// It is.
    Yes(SevDetails),
}

/// What a definition with SEV needs to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct SevDetails {
    /// The bit of a page table's entry that marks an encrypted page.
    #[xml(child_text)]
    pub cbitpos: u32,
    /// The bits that physical addresses lose.
    #[xml(child_text = "reducedPhysBits")]
    pub reduced_phys_bits: u32,
    /// The most guests with encrypted memory alone at once. Since 8.4.
    #[xml(child_text = "maxGuests")]
    pub max_guests: Option<u32>,
    /// The most guests with encrypted registers at once. Since 8.4.
    #[xml(child_text = "maxESGuests")]
    pub max_es_guests: Option<u32>,
    /// The identity of the first processor, in base64. Since 8.4.
    #[xml(child_text = "cpu0Id")]
    pub cpu0_id: Option<String>,
}

/// Intel SGX: enclaves that the host cannot read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "sgx", tag = "supported")]
pub enum SgxCapability {
    /// It is not there.
    #[default]
    No,
    /// It is.
    Yes(SgxDetails),
}

/// What there is of SGX.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct SgxDetails {
    /// Whether the owner can decide who may launch enclaves.
    #[xml(child_text)]
    pub flc: bool,
    /// Whether guests can have SGX1: enclaves whose memory is fixed at launch.
    #[xml(child_text)]
    pub sgx1: bool,
    /// SGX2: enclaves whose memory grows.
    #[xml(child_text)]
    pub sgx2: bool,
    /// The memory for enclaves, in KiB.
    #[xml(child = "section_size")]
    pub section_size: Kib,
    /// The memory for enclaves by NUMA node.
    #[xml(child)]
    pub sections: Option<SgxSections>,
}

/// Memory for enclaves by NUMA node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "sections")]
pub struct SgxSections {
    /// One each.
    #[xml(child)]
    pub list: Vec<SgxSection>,
}

/// The memory for enclaves of one NUMA node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "section")]
pub struct SgxSection {
    /// The host's number for its NUMA node, from 0.
    #[xml(attr)]
    pub node: u32,
    /// How much it is.
    #[xml(flatten)]
    pub size: SgxSectionSize,
}

/// An amount of memory in KiB, as `size` and `unit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SgxSectionSize(pub u64);

impl Fields for SgxSectionSize {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        let bytes = ScaledAttr("size").bytes(reader, 1024)?;
        bytes.map(|bytes| Self(bytes / 1024)).ok_or_else(|| reader.missing_attr(&[], "size"))
    }
    fn write_attrs(&self, writer: &mut Writer) {
        writer.attr::<Plain, _>("size", &self.0);
        writer.attr_text("unit", "KiB");
    }
    fn write_children(&self, _: &mut Writer) {}
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        ScaledAttr("size")
            .describe(shape, const { &About::value(Kind::Amount, "How much it is; in KiB without a unit.") });
    }
}

/// What makes Windows run better.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "hyperv", tag = "supported")]
pub enum HypervCapability {
    /// There is nothing.
    #[default]
    No,
    /// There is.
    Yes(HypervChoices),
}

/// The enlightenments that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct HypervChoices {
    /// Their names (`features`).
    #[xml(child, key = "@name", unordered)]
    pub lists: Vec<Choice>,
    /// What those that are more than a switch are by default. Since 11.9.
    #[xml(child)]
    pub defaults: Option<HypervDefaults>,
}

/// What enlightenments are by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "defaults")]
pub struct HypervDefaults {
    /// How often a vCPU tries before it tells the host.
    #[xml(child_text)]
    pub spinlocks: Option<u32>,
    /// Whether timers interrupt directly.
    #[xml(child_text = "stimer_direct")]
    pub stimer_direct: Option<Switch>,
    /// Whether guests of the guest flush directly.
    #[xml(child_text = "tlbflush_direct")]
    pub tlbflush_direct: Option<Switch>,
    /// Whether single addresses can be flushed.
    #[xml(child_text = "tlbflush_extended")]
    pub tlbflush_extended: Option<Switch>,
    /// The hypervisor's name that the guest sees.
    #[xml(child_text = "vendor_id")]
    pub vendor_id: Option<String>,
}

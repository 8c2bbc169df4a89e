//! A guest's memory: how much, what backs it, how it is limited, and from which nodes of the host it comes.

use crate::error::{plain, refuse, unsupported};
use crate::model::{Bitmap, Kib, MemoryAccess, Nodeset, ScaledAttr, Switch};
use crate::xml::{About, Error, Fields, Kind, Reader, Result, Shape, Writer, Xml, XmlValue};

/// The memory that the guest starts with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "memory")]
pub struct Memory {
    /// Whether a core dump of the hypervisor contains it; the host's setting by default.
    #[xml(attr = "dumpCore")]
    pub dump_core: Option<Switch>,
    /// How much, in KiB; the sum of the NUMA nodes where there are any.
    #[xml(flatten)]
    pub size: Kib,
}

/// How far the guest's memory can grow by plugging.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "maxMemory")]
pub struct MaxMemory {
    /// How many modules can be plugged; 0 leaves only devices that need no slot.
    #[xml(attr, omit, invalid = |_| refuse("Failed to parse memory slot count"))]
    pub slots: u32,
    /// How much it can become, in KiB.
    #[xml(flatten)]
    pub size: Kib,
}

/// Limits on the memory that the hypervisor uses for the guest; unlimited by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "memtune")]
pub struct Memtune {
    /// The most it may use.
    #[xml(child = "hard_limit")]
    pub hard_limit: Option<Kib>,
    /// The most it may use while the host is short.
    #[xml(child = "soft_limit")]
    pub soft_limit: Option<Kib>,
    /// The least it is left.
    #[xml(child = "min_guarantee")]
    pub min_guarantee: Option<Kib>,
    /// The most memory and swap it may use together.
    #[xml(child = "swap_hard_limit")]
    pub swap_hard_limit: Option<Kib>,
}

/// Weights and limits of the guest's block I/O.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "blkiotune", after_read = Blkiotune::settle)]
pub struct Blkiotune {
    /// Its share, 100 to 1000 (10 to 1000 since Linux 2.6.39); the host's by default.
    #[xml(child_text, omit, lenient)]
    pub weight: u32,
    /// Weights and limits on single devices of the host.
    #[xml(child, key = "path", unordered)]
    pub devices: Vec<BlkiotuneDevice>,
}

/// Weight and limits of the guest on one block device of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "device")]
pub struct BlkiotuneDevice {
    /// The device node.
    #[xml(child_text, missing = unsupported("missing per-device path"))]
    pub path: String,
    /// Its share there; the guest's by default.
    #[xml(child_text, omit, invalid = |text| unsupported(format!("could not parse weight {text}")))]
    pub weight: u32,
    /// Reads a second; unlimited by default.
    #[xml(child_text = "read_iops_sec", omit, invalid = |text| unsupported(format!("could not parse read iops sec {text}")))]
    pub read_iops_sec: u32,
    /// Writes a second; unlimited by default.
    #[xml(child_text = "write_iops_sec", omit, invalid = |text| unsupported(format!("could not parse write iops sec {text}")))]
    pub write_iops_sec: u32,
    /// Bytes read a second; unlimited by default.
    #[xml(child_text = "read_bytes_sec", omit, invalid = |text| unsupported(format!("could not parse read bytes sec {text}")))]
    pub read_bytes_sec: u64,
    /// Bytes written a second; unlimited by default.
    #[xml(child_text = "write_bytes_sec", omit, invalid = |text| unsupported(format!("could not parse write bytes sec {text}")))]
    pub write_bytes_sec: u64,
}

/// What backs the guest's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "memoryBacking")]
pub struct MemoryBacking {
    /// The host's huge pages.
    #[xml(child)]
    pub hugepages: Option<Hugepages>,
    /// Whether the host may not merge equal pages.
    #[xml(flag = "nosharepages")]
    pub no_share_pages: bool,
    /// Whether the guest's memory is locked into the host's.
    #[xml(flag)]
    pub locked: bool,
    /// What kind of memory it is; anonymous by default.
    #[xml(attr = "source/@type", invalid = |text| unknown("source/type", text))]
    pub source: Option<MemorySource>,
    /// Whether it is shared with other processes; private by default.
    #[xml(attr = "access/@mode", invalid = |text| unknown("access/mode", text))]
    pub access: Option<MemoryAccess>,
    /// When it is allocated.
    #[xml(child, default)]
    pub allocation: MemoryAllocation,
    /// Whether it is thrown away, not written back to its file, when the guest stops.
    #[xml(flag)]
    pub discard: bool,
}

/// Kinds of memory that back a guest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum MemorySource {
    /// A file in the driver's memory directory.
    File,
    /// The process's own.
    Anonymous,
    /// A file without a name.
    Memfd,
}

/// When memory is allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "allocation", after_read = MemoryAllocation::settle)]
pub struct MemoryAllocation {
    /// On demand by default.
    #[xml(attr, invalid = |text| unknown("allocation/mode", text))]
    pub mode: Option<MemoryAllocationMode>,
    /// How many threads allocate it; the hypervisor's choice by default.
    #[xml(attr)]
    pub threads: Option<u32>,
}

/// When memory is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum MemoryAllocationMode {
    /// When the guest starts.
    Immediate,
    /// When the guest touches it.
    Ondemand,
}

/// The host's huge pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "hugepages", keep_empty)]
pub struct Hugepages {
    /// Which sizes for which nodes; the host's default size for all when empty.
    #[xml(child, key = "@size", unordered)]
    pub pages: Vec<Hugepage>,
}

/// Huge pages of one size.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "page")]
pub struct Hugepage {
    /// Their size.
    #[xml(flatten)]
    pub size: HugepageSize,
    /// The guest's NUMA nodes that use them; all that no other size names by default.
    #[xml(attr, with = Nodeset)]
    pub nodeset: Option<Bitmap>,
}

/// The size of a page in KiB, as `size` and `unit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct HugepageSize(pub Kib);

impl Fields for HugepageSize {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        let missing = || reader.refuse("missing element or attribute './@size'");
        let size = ScaledAttr("size").bytes(reader, 1024)?.map(Kib::from_bytes).ok_or_else(missing)?;
        if size == Kib(0) {
            return Err(reader.place(plain("hugepage size can't be zero")));
        }
        Ok(Self(size))
    }
    fn write_attrs(&self, writer: &mut Writer) {
        writer.attr::<crate::xml::Plain, _>("size", &self.0.0);
        writer.attr_text("unit", "KiB");
    }
    fn write_children(&self, _: &mut Writer) {}
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        ScaledAttr("size").describe(
            shape,
            const { &About::value(Kind::Amount, "The size of a page; in KiB without a unit.") },
        );
    }
}

/// From which NUMA nodes of the host the guest's memory comes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "numatune", after_read = Numatune::settle)]
pub struct Numatune {
    /// For the guest as a whole.
    #[xml(child)]
    pub memory: Option<NumatuneMemory>,
    /// For single nodes of the guest.
    #[xml(child, key = "@cellid", unordered)]
    pub memnodes: Vec<NumatuneMemnode>,
}

/// From which nodes of the host the guest's memory comes as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "memory")]
pub struct NumatuneMemory {
    /// What is done when they run out; `strict` by default.
    #[xml(attr, default, invalid = |text| unsupported(format!("Unsupported NUMA memory tuning mode '{text}'")))]
    pub mode: NumatuneMode,
    /// The nodes, with static placement.
    #[xml(attr, with = Nodeset)]
    pub nodeset: Option<Bitmap>,
    /// Who picks the nodes; the definition where it gives some.
    #[xml(attr, skip_if = NumatunePlacement::is_implied,
          invalid = |text| unsupported(format!("Unsupported NUMA memory placement mode '{text}'")))]
    pub placement: Option<NumatunePlacement>,
}

/// Who picks the nodes of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum NumatunePlacement {
    /// The definition.
    Static,
    /// numad, when the guest starts.
    Auto,
}

impl NumatunePlacement {
    #[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref)] // the derive hands the field as it stands
    fn is_implied(this: &Option<Self>) -> bool {
        *this != Some(Self::Auto)
    }
}

/// What is done when the nodes run out of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum NumatuneMode {
    /// The allocation fails.
    #[default]
    Strict,
    /// Other nodes are used.
    Preferred,
    /// Pages alternate between the nodes.
    Interleave,
    /// As `strict`, but the kernel's cpuset says so and may change while the guest runs.
    Restrictive,
}

/// From which nodes of the host the memory of one node of the guest comes.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "memnode")]
pub struct NumatuneMemnode {
    /// The guest's node.
    #[xml(attr)]
    pub cellid: u32,
    /// What is done when they run out; `strict` by default.
    #[xml(attr, default)]
    pub mode: NumatuneMode,
    /// The host's nodes.
    #[xml(attr, with = Nodeset, missing = refuse("Missing required nodeset attribute in memnode element"))]
    pub nodeset: Bitmap,
}

impl Numatune {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.memnodes.sort_by_key(|node| node.cellid);
        Ok(())
    }
}

impl MemoryAllocation {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.threads = self.threads.filter(|threads| *threads > 0);
        Ok(())
    }
}

impl Blkiotune {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        for (at, device) in self.devices.iter().enumerate() {
            if self.devices.iter().take(at).any(|other| other.path == device.path) {
                return Err(reader.unsupported(format!("duplicate blkio device path '{}'", device.path)));
            }
        }
        Ok(())
    }
}

fn unknown(what: &str, text: &str) -> Error {
    unsupported(format!("unknown memoryBacking/{what} '{text}'"))
}

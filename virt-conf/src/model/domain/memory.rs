//! A guest's memory: how much, what backs it, how it is limited, and from which nodes of the host it comes.

use crate::model::{Bitmap, Kib, MemoryAccess, ScaledAttr, Switch};
use crate::xml::{Fields, NonZero, Reader, Result, Shape, Writer, Xml, XmlValue};

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
    #[xml(attr, omit)]
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
#[xml(name = "blkiotune")]
pub struct Blkiotune {
    /// Its share, 100 to 1000 (10 to 1000 since Linux 2.6.39); the host's by default.
    #[xml(child_text, omit)]
    pub weight: u32,
    /// Weights and limits on single devices of the host.
    #[xml(child)]
    pub devices: Vec<BlkiotuneDevice>,
}

/// Weight and limits of the guest on one block device of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "device")]
pub struct BlkiotuneDevice {
    /// The device node.
    #[xml(child_text)]
    pub path: String,
    /// Its share there; the guest's by default.
    #[xml(child_text, omit)]
    pub weight: u32,
    /// Reads a second; unlimited by default.
    #[xml(child_text = "read_iops_sec", omit)]
    pub read_iops_sec: u32,
    /// Writes a second; unlimited by default.
    #[xml(child_text = "write_iops_sec", omit)]
    pub write_iops_sec: u32,
    /// Bytes read a second; unlimited by default.
    #[xml(child_text = "read_bytes_sec", omit)]
    pub read_bytes_sec: u64,
    /// Bytes written a second; unlimited by default.
    #[xml(child_text = "write_bytes_sec", omit)]
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
    #[xml(attr = "source/@type", required)]
    pub source: Option<MemorySource>,
    /// Whether it is shared with other processes; private by default.
    #[xml(attr = "access/@mode", required)]
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
#[xml(name = "allocation")]
pub struct MemoryAllocation {
    /// On demand by default.
    #[xml(attr)]
    pub mode: Option<MemoryAllocationMode>,
    /// How many threads allocate it; one by default.
    #[xml(attr, with = NonZero)]
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
    #[xml(child)]
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
    #[xml(attr)]
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
            return Err(reader.error(
                crate::xml::ErrorCode::XML_DETAIL,
                crate::xml::ErrorDomain::DOMAIN,
                "hugepage size can't be zero",
            ));
        }
        Ok(Self(size))
    }
    fn write_attrs(&self, writer: &mut Writer) {
        writer.attr::<crate::xml::Plain, _>("size", &self.0.0);
        writer.attr_text("unit", "KiB");
    }
    fn write_children(&self, _: &mut Writer) {}
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        shape.attr("size");
        shape.attr("unit");
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
    #[xml(child)]
    pub memnodes: Vec<NumatuneMemnode>,
}

/// From which nodes of the host the guest's memory comes as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "memory")]
pub struct NumatuneMemory {
    /// What is done when they run out; `strict` by default.
    #[xml(attr, default)]
    pub mode: NumatuneMode,
    /// The nodes, with static placement.
    #[xml(attr)]
    pub nodeset: Option<Bitmap>,
    /// Who picks the nodes; the definition where it gives some.
    #[xml(attr, skip_if = NumatunePlacement::is_implied)]
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
    #[xml(attr)]
    pub nodeset: Bitmap,
}

impl Numatune {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let empty = |set: &Bitmap, spelled: &str| {
            set.is_empty().then(|| reader.unsupported(format!("Invalid value of 'nodeset': {spelled}")))
        };
        let spelled = |element: Option<Reader<'_, '_>>| {
            element.and_then(|element| element.attr_text("nodeset").map(str::to_owned)).unwrap_or_default()
        };
        if let Some(set) = self.memory.as_ref().and_then(|memory| memory.nodeset.as_ref())
            && let Some(error) = empty(set, &spelled(reader.first("memory")))
        {
            return Err(error);
        }
        for (node, element) in self.memnodes.iter().zip(reader.all("memnode")) {
            if let Some(error) = empty(&node.nodeset, &spelled(Some(element))) {
                return Err(error);
            }
        }
        self.memnodes.sort_by_key(|node| node.cellid);
        let mut pairs = self.memnodes.windows(2).filter(|pair| pair[0].cellid == pair[1].cellid);
        match pairs.next() {
            Some(pair) => {
                Err(reader.refuse(format!("Multiple memnode elements with cellid {}", pair[0].cellid)))
            }
            None => Ok(()),
        }
    }
}

//! `<numa>`: the guest's NUMA topology.

use std::collections::BTreeMap;

use crate::error::refuse;
use crate::model::{Bitmap, Kib, PrettyBytes, ScaledAttr};
use crate::xml::{About, Element, Fields, Kind, Reader, Result, Shape, Writer, Xml, XmlValue};

/// The guest's NUMA topology.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "numa", after_read = Numa::settle)]
pub struct Numa {
    /// The nodes; their ids run from 0 without gaps.
    #[xml(child, key = "@id")]
    pub cells: Vec<NumaCell>,
    /// How fast each node reaches each other's memory.
    #[xml(child, default)]
    pub interconnects: NumaInterconnects,
}

/// A NUMA node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cell")]
pub struct NumaCell {
    /// Its number; its place in the list by default.
    #[xml(attr)]
    pub id: Option<u32>,
    /// Its processors; none for a node of memory alone.
    #[xml(attr)]
    pub cpus: Option<Bitmap>,
    /// How much of the guest's memory is on it.
    #[xml(flatten)]
    pub memory: NumaMemory,
    /// Whether its memory is shared with other processes; by default as `<memoryBacking>` says.
    #[xml(attr = "memAccess")]
    pub mem_access: Option<MemoryAccess>,
    /// Whether its memory is thrown away, not written back, when the guest stops; by default as `<memoryBacking>` says.
    #[xml(attr)]
    pub discard: Option<bool>,
    /// How far the other nodes are; 10 to itself and 20 to others by default.
    #[xml(child, default)]
    pub distances: NumaDistances,
    /// Caches beside its memory.
    #[xml(child, key = "@level", unordered)]
    pub caches: Vec<NumaCache>,
}

impl Numa {
    /// Puts the nodes in order and makes their distances whole.
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.cells.is_empty() {
            return Err(reader.place(refuse("NUMA topology defined without NUMA cells")));
        }
        let count = self.cells.len() as u32;
        for (at, cell) in (0..).zip(&mut self.cells) {
            if *cell.id.get_or_insert(at) >= count {
                return Err(reader.refuse(
                    "Exactly one 'cell' element per guest NUMA cell allowed, \
                     non-contiguous ranges or ranges not starting from 0 are not allowed",
                ));
            }
        }
        self.cells.sort_by_key(|cell| cell.id);
        for (at, cell) in (0..).zip(&self.cells) {
            if cell.id != Some(at) {
                let id = cell.id.unwrap_or_default();
                return Err(reader.refuse(format!("Duplicate NUMA cell info for cell id '{id}'")));
            }
        }
        self.refuse_shared_processors(reader)?;
        self.complete_distances(reader)
    }

    fn refuse_shared_processors(&self, reader: &Reader<'_, '_>) -> Result<()> {
        let sets: Vec<_> =
            (0..).zip(&self.cells).filter_map(|(at, cell)| Some((at, cell.cpus.as_ref()?))).collect();
        for (at, (later, cpus)) in sets.iter().enumerate() {
            for (earlier, others) in sets.iter().take(at) {
                if cpus.overlaps(others) {
                    let (earlier, later): (u32, u32) = (*earlier, *later);
                    return Err(reader
                        .unsupported(format!("NUMA cells {later} and {earlier} have overlapping vCPU ids")));
                }
            }
        }
        Ok(())
    }

    /// A distance given in one direction holds in the other; each node is at the local distance from itself.
    fn complete_distances(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        const LOCAL: u32 = 10;
        const UNREACHABLE: u32 = 255;
        let count = self.cells.len() as u32;
        let mut table: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        for (id, cell) in (0..).zip(&self.cells) {
            for sibling in &cell.distances.siblings {
                let (other, value) = (sibling.id, sibling.value);
                if other >= count {
                    return Err(reader.refuse(format!(
                        "'sibling_id {other}' does not refer to a valid cell within NUMA 'cell id {id}'"
                    )));
                }
                if !(LOCAL..=UNREACHABLE).contains(&value) || (other == id) != (value == LOCAL) {
                    return Err(reader.refuse(format!(
                        "'value {value}' is invalid for 'sibling id {other}' under NUMA 'cell id {id}'"
                    )));
                }
                table.insert((id, id), LOCAL);
                table.insert((id, other), value);
                table.insert((other, other), LOCAL);
                table.entry((other, id)).or_insert(value);
            }
        }
        for (id, cell) in (0..).zip(&mut self.cells) {
            let row = table.range((id, 0)..=(id, u32::MAX));
            cell.distances.siblings =
                row.map(|((_, id), value)| NumaSibling { id: *id, value: *value }).collect();
        }
        Ok(())
    }
}

/// The memory of a NUMA node, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumaMemory(pub Kib);

impl Fields for NumaMemory {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        let bytes = ScaledAttr("memory").bytes(reader, 1024)?;
        let missing = || reader.xml_error("missing element or attribute './@memory'");
        bytes.map(|bytes| Self(Kib::from_bytes(bytes))).ok_or_else(missing)
    }
    fn write_attrs(&self, writer: &mut Writer) {
        writer.attr::<crate::xml::Plain, _>("memory", &self.0.0);
        writer.attr_text("unit", "KiB");
    }
    fn write_children(&self, _: &mut Writer) {}
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        ScaledAttr("memory").describe(
            shape,
            const { &About::value(Kind::Amount, "The memory of the node; in KiB without a unit.") },
        );
    }
}

/// Whether memory is shared with other processes of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum MemoryAccess {
    /// It is: vhost-user and virtiofs need that.
    Shared,
    /// It is the guest's alone.
    Private,
}

/// How far the other nodes are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "distances")]
pub struct NumaDistances {
    /// One entry a node.
    #[xml(child, key = "@id", unordered)]
    pub siblings: Vec<NumaSibling>,
}

/// How far another node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "sibling")]
pub struct NumaSibling {
    /// The other node.
    #[xml(attr)]
    pub id: u32,
    /// The distance, 10 to 255, where 10 is local.
    #[xml(attr)]
    pub value: u32,
}

/// A cache beside a node's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "cache")]
pub struct NumaCache {
    /// Its level, from 1, farthest from the processor last.
    #[xml(attr)]
    pub level: u32,
    /// How addresses map to its lines.
    #[xml(attr)]
    pub associativity: NumaCacheAssociativity,
    /// What happens on a write.
    #[xml(attr)]
    pub policy: NumaCachePolicy,
    /// How much it holds.
    #[xml(child, missing = refuse("missing element or attribute './size/@value'"))]
    pub size: NumaCacheSize,
    /// The size of a line.
    #[xml(child = "line", missing = refuse("missing element or attribute './line/@value'"))]
    pub line: NumaCacheSize,
}

/// How addresses map to a cache's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum NumaCacheAssociativity {
    /// There is no cache.
    None,
    /// Each address has one place.
    Direct,
    /// Each address may be anywhere.
    Full,
}

/// What happens on a write to a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum NumaCachePolicy {
    /// There is no cache.
    None,
    /// Memory is written later.
    Writeback,
    /// Memory is written at once.
    Writethrough,
}

/// A size in bytes as `value` and `unit`; KiB without a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumaCacheSize(pub PrettyBytes);

impl Fields for NumaCacheSize {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        let bytes = ScaledAttr("value").bytes(reader, 1)?;
        bytes.map(|bytes| Self(PrettyBytes(bytes))).ok_or_else(|| reader.missing_attr(&[], "value"))
    }
    fn write_attrs(&self, writer: &mut Writer) {
        let (value, unit) = self.0.pretty();
        writer.attr::<crate::xml::Plain, _>("value", &value);
        writer.attr_text("unit", unit);
    }
    fn write_children(&self, _: &mut Writer) {}
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        ScaledAttr("value").describe(
            shape,
            const { &About::value(Kind::Amount, "The size of the cache; in bytes without a unit.") },
        );
    }
}

impl Element for NumaCacheSize {
    const NAME: &'static str = "size";
}

/// How fast each node reaches each other's memory, for the guest's ACPI HMAT.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "interconnects")]
pub struct NumaInterconnects {
    /// How long each access takes.
    #[xml(child)]
    pub latencies: Vec<NumaLatency>,
    /// How much each access moves in a second.
    #[xml(child)]
    pub bandwidths: Vec<NumaBandwidth>,
}

/// How long an access takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "latency")]
pub struct NumaLatency {
    /// The node that accesses.
    #[xml(attr)]
    pub initiator: u32,
    /// The node whose memory it is.
    #[xml(attr)]
    pub target: u32,
    /// The level of cache that answers; memory itself by default.
    #[xml(attr, omit)]
    pub cache: u32,
    /// Which accesses.
    #[xml(attr = "type")]
    pub kind: NumaAccess,
    /// Nanoseconds.
    #[xml(attr)]
    pub value: u64,
}

/// How much an access can move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "bandwidth")]
pub struct NumaBandwidth {
    /// The node that accesses.
    #[xml(attr)]
    pub initiator: u32,
    /// The node whose memory it is.
    #[xml(attr)]
    pub target: u32,
    /// The level of cache that answers; memory itself by default.
    #[xml(attr, omit)]
    pub cache: u32,
    /// Which accesses.
    #[xml(attr = "type")]
    pub kind: NumaAccess,
    /// KiB a second.
    #[xml(flatten)]
    pub rate: NumaBandwidthRate,
}

/// KiB a second, as `value` and `unit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumaBandwidthRate(pub Kib);

impl Fields for NumaBandwidthRate {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        let bytes = ScaledAttr("value").bytes(reader, 1024)?;
        bytes.map(|bytes| Self(Kib::from_bytes(bytes))).ok_or_else(|| reader.missing_attr(&[], "value"))
    }
    fn write_attrs(&self, writer: &mut Writer) {
        writer.attr::<crate::xml::Plain, _>("value", &self.0.0);
        writer.attr_text("unit", "KiB");
    }
    fn write_children(&self, _: &mut Writer) {}
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        ScaledAttr("value").describe(
            shape,
            const { &About::value(Kind::Amount, "How much a second; in KiB without a unit.") },
        );
    }
}

/// Kinds of accesses to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum NumaAccess {
    /// Reads and writes.
    Access,
    /// Reads.
    Read,
    /// Writes.
    Write,
}

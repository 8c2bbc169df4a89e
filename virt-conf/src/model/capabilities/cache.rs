//! `<cache>` and `<memory_bandwidth>` of a host: what resctrl can share out among guests.

use crate::model::{Bitmap, CacheSize, CacheType};
use crate::xml::{About, Fields, Kind, Plain, Reader, Result, Shape, Writer, Xml};

/// The caches whose parts can be given to guests with `<cachetune>`. Since 3.10.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cache")]
pub struct HostCaches {
    /// The caches.
    #[xml(child, key = "@level @type @id")]
    pub banks: Vec<HostCacheBank>,
    /// How their use can be measured. Since 4.10.
    #[xml(child)]
    pub monitor: Option<ResctrlMonitor>,
}

/// One cache of a processor, with the logical processors that share it.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "bank")]
pub struct HostCacheBank {
    /// Its number among those of its level.
    #[xml(attr)]
    pub id: u32,
    /// How far it is from the cores, counted from 1.
    #[xml(attr)]
    pub level: u32,
    /// What it holds.
    #[xml(attr = "type")]
    pub kind: CacheType,
    /// How much it holds.
    #[xml(flatten)]
    pub size: CacheSize,
    /// The processors that share it.
    #[xml(attr)]
    pub cpus: Bitmap,
    /// How it can be shared out; empty where it cannot.
    #[xml(child)]
    pub controls: Vec<HostCacheControl>,
}

fn scaled(reader: &Reader<'_, '_>, name: &'static str) -> Result<Option<u64>> {
    crate::model::ScaledAttr(name).bytes(reader, 1)
}

/// How a cache can be shared out.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "control")]
pub struct HostCacheControl {
    /// The parts that it is handed out in.
    #[xml(flatten)]
    pub granularity: CacheGranularity,
    /// What this is about: everything, or instructions and data each by themselves.
    #[xml(attr = "type")]
    pub kind: CacheType,
    /// How many guests can have parts of their own.
    #[xml(attr = "maxAllocs")]
    pub max_allocations: u32,
}

/// The parts that a cache is handed out in, both in bytes, written in one unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheGranularity {
    /// The size of a part.
    pub size: u64,
    /// The least that can be had, where that is more than a part.
    pub minimum: Option<u64>,
}

// Two sizes share a unit, which stands behind them.
impl Fields for CacheGranularity {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        let size = scaled(reader, "granularity")?.ok_or_else(|| reader.missing_attr(&[], "granularity"))?;
        Ok(Self { size, minimum: scaled(reader, "min")? })
    }
    fn write_attrs(&self, writer: &mut Writer) {
        let (size, unit) = crate::model::PrettyBytes(self.size).pretty();
        let factor = self.size.checked_div(size).unwrap_or(1).max(1);
        writer.attr::<Plain, _>("granularity", &size);
        if let Some(minimum) = self.minimum {
            // Both in the smaller of the two units, so that neither loses anything.
            writer.attr::<Plain, _>("min", &(minimum / factor));
        }
        writer.attr_text("unit", unit);
    }
    fn write_children(&self, _: &mut Writer) {}
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        crate::model::ScaledAttr("granularity").describe(
            shape,
            const { &About::value(Kind::Amount, "The size of a part; in bytes without a unit.") },
        );
        shape.known_attr(
            "min",
            const { &About::value(Kind::Text, "The least that can be had, in the same unit.") },
        );
    }
}

/// How the bandwidth to memory can be shared out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "memory_bandwidth")]
pub struct HostMemoryBandwidth {
    /// One entry for each last-level cache.
    #[xml(child, key = "@id")]
    pub nodes: Vec<HostBandwidthNode>,
    /// How it can be measured. Since 4.10.
    #[xml(child)]
    pub monitor: Option<ResctrlMonitor>,
}

/// The processors that share a way to memory.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "node")]
pub struct HostBandwidthNode {
    /// The number of their last-level cache.
    #[xml(attr)]
    pub id: u32,
    /// The processors.
    #[xml(attr)]
    pub cpus: Bitmap,
    /// How the bandwidth can be shared out.
    #[xml(child)]
    pub controls: Vec<HostBandwidthControl>,
}

/// How the bandwidth to memory can be shared out, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "control")]
pub struct HostBandwidthControl {
    /// The steps in which it can be limited.
    #[xml(attr)]
    pub granularity: u32,
    /// The lowest limit, where there is one.
    #[xml(attr = "min")]
    pub minimum: Option<u32>,
    /// How many guests can have limits of their own.
    #[xml(attr = "maxAllocs")]
    pub max_allocations: u32,
}

/// How the use of energy can be measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "energy")]
pub struct HostEnergy {
    /// What can be measured, and how often at once.
    #[xml(child)]
    pub monitor: Option<ResctrlMonitor>,
}

/// What resctrl can measure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "monitor")]
pub struct ResctrlMonitor {
    /// The level of the cache, of caches.
    #[xml(attr)]
    pub level: Option<u32>,
    /// The bytes below which a counter is used again, of caches.
    #[xml(attr = "reuseThreshold")]
    pub reuse_threshold: Option<u32>,
    /// How many measurements there can be at once.
    #[xml(attr = "maxMonitors")]
    pub max_monitors: u32,
    /// What can be measured.
    #[xml(child, key = "@name", unordered)]
    pub features: Vec<ResctrlFeature>,
}

/// Something that resctrl can measure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "feature")]
pub struct ResctrlFeature {
    /// Its name, `llc_occupancy`.
    #[xml(attr)]
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{FormatOptions, ParseOptions, from_str, to_string};

    #[test]
    fn sizes_are_bytes_whatever_their_unit() {
        let text = "<bank id='0' level='3' type='both' size='15' unit='MiB' cpus='0-5'>
  <control granularity='768' min='1536' unit='KiB' type='code' maxAllocs='8'/>
</bank>
";
        let bank: HostCacheBank = from_str(text, &ParseOptions::STRICT).unwrap();
        assert_eq!(bank.size.0.0, 15 << 20);
        assert_eq!(
            bank.controls[0].granularity,
            CacheGranularity { size: 768 << 10, minimum: Some(1536 << 10) }
        );
        assert_eq!(to_string(&bank, FormatOptions::default()), text);
    }
}

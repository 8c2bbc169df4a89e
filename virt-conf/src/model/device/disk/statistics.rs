//! `<statistics>` of a disk's driver: what is measured beyond what always is.

use crate::xml::{NonZero, Reader, Result, Xml, XmlValue};

/// What is measured of a disk beyond what always is. Since 11.9.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "statistics", after_read = DiskStatistics::settle)]
pub struct DiskStatistics {
    /// Windows of time over which averages are taken.
    #[xml(child)]
    pub windows: Vec<StatisticsWindow>,
    /// How long requests took, counted by ranges; one of each type at most. Since 12.1.
    #[xml(child, key = "@type")]
    pub histograms: Vec<LatencyHistogram>,
}

/// A window of time over which averages are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "statistic")]
pub struct StatisticsWindow {
    /// Its length, in seconds; not 0.
    #[xml(attr, with = NonZero)]
    pub interval: u32,
}

/// How long requests took. Since 12.1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "latency-histogram", after_read = LatencyHistogram::settle)]
pub struct LatencyHistogram {
    /// Which requests; absent: all of them.
    #[xml(
        attr = "type",
        invalid = |text| crate::error::unsupported(format!("unknown latency_histogram type '{text}'"))
    )]
    pub kind: Option<HistogramType>,
    /// The ranges, in ascending order; at least one.
    #[xml(child)]
    pub bins: Vec<HistogramBin>,
}

/// Requests to a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum HistogramType {
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Appends to zones.
    Zone,
    /// Flushes.
    Flush,
}

/// A range of times; it ends where the next one starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "bin")]
pub struct HistogramBin {
    /// The shortest time, in nanoseconds.
    #[xml(attr)]
    pub start: u64,
}

impl DiskStatistics {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        for (at, histogram) in self.histograms.iter().enumerate() {
            if self.histograms.iter().take(at).any(|other| other.kind == histogram.kind) {
                return Err(reader.unsupported("only one latency-histogram of a given type is supported"));
            }
        }
        Ok(())
    }
}

impl LatencyHistogram {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.bins.is_empty() {
            return Err(reader.refuse("missing 'bin' elements for 'latency-histogram'"));
        }
        if !self.bins.is_sorted_by(|one, next| one.start < next.start) {
            return Err(reader.unsupported(
                "the values of 'start' attribute of a 'latency-histogram' 'bin' configuration must be sorted and non-overlapping",
            ));
        }
        Ok(())
    }
}

//! `<iotune>` and `<throttlefilters>`: limits on a disk's throughput.

use crate::xml::Xml;

/// Limits on the throughput of a disk; 0 everywhere: none. A total excludes its read and write parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "iotune")]
pub struct IoTune {
    /// Bytes a second, read and written.
    #[xml(child_text = "total_bytes_sec", omit)]
    pub total_bytes_sec: u64,
    /// Bytes a second, read.
    #[xml(child_text = "read_bytes_sec", omit)]
    pub read_bytes_sec: u64,
    /// Bytes a second, written.
    #[xml(child_text = "write_bytes_sec", omit)]
    pub write_bytes_sec: u64,
    /// Operations a second.
    #[xml(child_text = "total_iops_sec", omit)]
    pub total_iops_sec: u64,
    /// Read operations a second.
    #[xml(child_text = "read_iops_sec", omit)]
    pub read_iops_sec: u64,
    /// Write operations a second.
    #[xml(child_text = "write_iops_sec", omit)]
    pub write_iops_sec: u64,
    /// Bytes a second in a burst, read and written.
    #[xml(child_text = "total_bytes_sec_max", omit)]
    pub total_bytes_sec_max: u64,
    /// Bytes a second in a burst, read.
    #[xml(child_text = "read_bytes_sec_max", omit)]
    pub read_bytes_sec_max: u64,
    /// Bytes a second in a burst, written.
    #[xml(child_text = "write_bytes_sec_max", omit)]
    pub write_bytes_sec_max: u64,
    /// Operations a second in a burst.
    #[xml(child_text = "total_iops_sec_max", omit)]
    pub total_iops_sec_max: u64,
    /// Read operations a second in a burst.
    #[xml(child_text = "read_iops_sec_max", omit)]
    pub read_iops_sec_max: u64,
    /// Write operations a second in a burst.
    #[xml(child_text = "write_iops_sec_max", omit)]
    pub write_iops_sec_max: u64,
    /// Bytes that count as one operation; larger ones count as several.
    #[xml(child_text = "size_iops_sec", omit)]
    pub size_iops_sec: u64,
    /// Group of disks that share the limits; default: the disk alone.
    #[xml(child_text = "group_name")]
    pub group_name: Option<String>,
    /// Seconds a burst of bytes may last.
    #[xml(child_text = "total_bytes_sec_max_length", omit)]
    pub total_bytes_sec_max_length: u64,
    /// Seconds a burst of read bytes may last.
    #[xml(child_text = "read_bytes_sec_max_length", omit)]
    pub read_bytes_sec_max_length: u64,
    /// Seconds a burst of written bytes may last.
    #[xml(child_text = "write_bytes_sec_max_length", omit)]
    pub write_bytes_sec_max_length: u64,
    /// Seconds a burst of operations may last.
    #[xml(child_text = "total_iops_sec_max_length", omit)]
    pub total_iops_sec_max_length: u64,
    /// Seconds a burst of read operations may last.
    #[xml(child_text = "read_iops_sec_max_length", omit)]
    pub read_iops_sec_max_length: u64,
    /// Seconds a burst of write operations may last.
    #[xml(child_text = "write_iops_sec_max_length", omit)]
    pub write_iops_sec_max_length: u64,
}

/// Throttle groups that a disk passes through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "throttlefilters")]
pub struct ThrottleFilters {
    /// In the order in which requests pass them.
    #[xml(child)]
    pub filters: Vec<ThrottleFilter>,
}

/// One throttle group that a disk passes through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "throttlefilter")]
pub struct ThrottleFilter {
    /// Name of a throttle group of the domain.
    #[xml(attr)]
    pub group: String,
}

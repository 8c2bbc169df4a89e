//! `<driver>` of a disk: image format, caching, queues, I/O threads.

use super::DiskStatistics;
use crate::model::device::VirtioOptions;
use crate::model::{Bytes, StorageFormat, Switch};
use crate::xml::{Codec, Error, ErrorCode, ErrorDomain, Expected, Reader, Result, Value, Xml, XmlValue};

/// Tuning of a disk's format driver and transport.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "driver", after_read = DiskDriver::settle)]
pub struct DiskDriver {
    /// Backend of the hypervisor, `qemu`, `tap2`, `phy`, `file`; default: the hypervisor's only or best one.
    #[xml(attr)]
    pub name: Option<String>,
    /// Format of the image; default: raw.
    #[xml(attr = "type", with = DriverFormat)]
    pub format: Option<StorageFormat>,
    /// How writes are cached; default: the hypervisor's choice.
    #[xml(attr)]
    pub cache: Option<DiskCache>,
    /// What happens to the guest on a write error (without `rerror_policy`, on any); default: `report`.
    #[xml(attr = "error_policy")]
    pub error_policy: Option<DiskErrorPolicy>,
    /// What happens to the guest on a read error; default: as for writes.
    #[xml(attr = "rerror_policy")]
    pub rerror_policy: Option<DiskErrorPolicy>,
    /// How requests reach the host; default: the hypervisor's choice.
    #[xml(attr)]
    pub io: Option<DiskIo>,
    /// virtio: whether kicks of the guest are taken outside its CPU threads; default: on.
    #[xml(attr)]
    pub ioeventfd: Option<Switch>,
    /// virtio: whether needless kicks and interrupts are suppressed; default: on.
    #[xml(attr = "event_idx")]
    pub event_idx: Option<Switch>,
    /// Whether what is read from the backing image is written into the overlay; default: off.
    #[xml(attr = "copy_on_read")]
    pub copy_on_read: Option<Switch>,
    /// What happens to discarded blocks; default: the hypervisor's choice.
    #[xml(attr)]
    pub discard: Option<DiskDiscard>,
    /// virtio: number of the I/O thread that serves the disk; 0: the main loop.
    #[xml(attr, omit)]
    pub iothread: u32,
    /// Whether written zeroes are turned into holes; default: off.
    #[xml(attr = "detect_zeroes")]
    pub detect_zeroes: Option<DetectZeroes>,
    /// qcow2: whether discarded clusters stay allocated to the image, which keeps it from fragmenting; default: off.
    #[xml(attr = "discard_no_unref")]
    pub discard_no_unref: Option<Switch>,
    /// virtio: request queues; 0: one for each virtual CPU.
    #[xml(attr, omit)]
    pub queues: u32,
    /// virtio: length of each queue, a power of two; 0: the device's own.
    #[xml(attr = "queue_size", omit)]
    pub queue_size: u32,
    /// Options of the virtio transport.
    #[xml(flatten)]
    pub virtio: VirtioOptions,
    /// Several I/O threads, with their queues.
    #[xml(child)]
    pub iothreads: Option<IoThreads>,
    /// Cache of qcow2 metadata.
    #[xml(child, default)]
    pub metadata_cache: MetadataCache,
    /// What is measured beyond what always is.
    #[xml(child, default)]
    pub statistics: DiskStatistics,
}

/// `aio` is what Xen once called raw.
enum DriverFormat {}

impl Codec<StorageFormat> for DriverFormat {
    const KIND: crate::xml::Kind = StorageFormat::KIND;

    fn parse(text: &str) -> std::result::Result<StorageFormat, Expected> {
        if text == "aio" {
            return Ok(StorageFormat::Raw);
        }
        let known = StorageFormat::parse(text).ok().filter(|format| *format != StorageFormat::None);
        known.ok_or_else(|| {
            let detail = format!("unknown driver format value '{text}'");
            Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::DOMAIN, detail).into()
        })
    }
    fn format(value: &StorageFormat, out: &mut String) {
        value.format(out);
    }
}

impl DiskDriver {
    /// The hypervisor's choice is what holds without an attribute.
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.rerror_policy == Some(DiskErrorPolicy::Enospace) {
            return Err(reader.unsupported("Invalid disk read error policy: 'enospace'"));
        }
        self.iothreads = self.iothreads.take().filter(|threads| !threads.iothreads.is_empty());
        self.cache = self.cache.filter(|cache| *cache != DiskCache::Default);
        Ok(())
    }
}

/// How writes are cached on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum DiskCache {
    /// The hypervisor's choice.
    Default,
    /// Page cache bypassed; the disk's own cache is used.
    None,
    /// Page cache, flushed after every write.
    Writethrough,
    /// Page cache, flushed when the guest asks.
    Writeback,
    /// Page cache bypassed, flushed after every write.
    DirectSync,
    /// Page cache, never flushed.
    Unsafe,
}

/// What happens to the guest when the host cannot read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum DiskErrorPolicy {
    /// It is paused.
    Stop,
    /// It is told.
    Report,
    /// Nothing.
    Ignore,
    /// It is paused when space ran out, else told.
    Enospace,
}

/// How requests reach the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum DiskIo {
    /// Linux' asynchronous I/O.
    Native,
    /// A pool of threads.
    Threads,
    /// `io_uring`.
    #[xml("io_uring")]
    IoUring,
}

/// What happens to discarded blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum DiskDiscard {
    /// They are released on the host.
    Unmap,
    /// Nothing.
    Ignore,
}

/// Whether written zeroes are turned into holes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum DetectZeroes {
    /// They are written.
    Off,
    /// They are written as zeroes, which the host may optimise.
    On,
    /// They are released, when discarding is on.
    Unmap,
}

/// I/O threads that share the queues of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "iothreads", keep_empty)]
pub struct IoThreads {
    /// The threads; without queues they take turns.
    #[xml(child, key = "@id", unordered)]
    pub iothreads: Vec<IoThreadMapping>,
}

/// One I/O thread and its queues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "iothread")]
pub struct IoThreadMapping {
    /// Number of the I/O thread, from 1.
    #[xml(attr)]
    pub id: u32,
    /// The queues it serves; empty for all threads alike: distributed evenly.
    #[xml(child, key = "@id", unordered)]
    pub queues: Vec<IoThreadQueue>,
}

/// One queue served by an I/O thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "queue")]
pub struct IoThreadQueue {
    /// Number of the queue, from 0.
    #[xml(attr)]
    pub id: u32,
}

/// Cache of qcow2 metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "metadata_cache")]
pub struct MetadataCache {
    /// Largest size; absent: the hypervisor's choice.
    #[xml(child = "max_size")]
    pub max_size: Option<Bytes>,
}

//! A guest's processors and I/O threads: how many, where they run, and how much they get.

use crate::error::{internal, refuse};
use crate::model::{Bitmap, Cpuset, PrettyBytes, ScaledAttr, SchedulerIoThreads, SchedulerVcpus};
use crate::xml::{About, Fields, Kind, NonNegative, Reader, Result, Shape, Writer, Xml, XmlValue};

/// How many processors the guest has, and where they run.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "vcpu")]
pub struct Vcpu {
    /// How many it can have.
    #[xml(text, invalid = |_| refuse("maximum vcpus count must be an integer"))]
    pub max: u32,
    /// Who picks the host's processors.
    #[xml(attr, default)]
    pub placement: VcpuPlacement,
    /// The host's processors that all of the guest's threads may use; any by default.
    #[xml(attr, with = Cpuset)]
    pub cpuset: Option<Bitmap>,
    /// How many of them are there when it starts; all by default.
    #[xml(attr)]
    pub current: Option<u32>,
}

impl Default for Vcpu {
    fn default() -> Self {
        Self { placement: VcpuPlacement::Static, cpuset: None, current: None, max: 1 }
    }
}

/// Who picks the host's processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum VcpuPlacement {
    /// The definition.
    #[default]
    Static,
    /// numad, when the guest starts.
    Auto,
}

/// The guest's processors one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "vcpus")]
pub struct Vcpus {
    /// In any order; those not named are as `<vcpu>` says.
    #[xml(child = "vcpu", key = "@id", unordered)]
    pub list: Vec<VcpuState>,
}

/// One processor of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "vcpu")]
pub struct VcpuState {
    /// Its number, from 0.
    #[xml(attr)]
    pub id: u32,
    /// Whether it is there when the guest starts.
    #[xml(attr)]
    pub enabled: bool,
    /// Whether it can be unplugged.
    #[xml(attr)]
    pub hotpluggable: Option<bool>,
    /// The order in which it is plugged, from 1; the order of ids by default.
    #[xml(attr)]
    pub order: Option<u32>,
}

/// The guest's I/O threads one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "iothreadids")]
pub struct IoThreadIds {
    /// The threads; the first ones of `<iothreads>` take these ids, the rest the lowest free ones.
    #[xml(child = "iothread", key = "@id", unordered)]
    pub list: Vec<IoThread>,
}

/// An I/O thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "iothread")]
pub struct IoThread {
    /// Its number, from 1.
    #[xml(attr, with = crate::xml::NonZero)]
    pub id: u32,
    /// The fewest workers of its pool; the hypervisor's choice by default.
    #[xml(attr = "thread_pool_min", with = NonNegative)]
    pub thread_pool_min: Option<i32>,
    /// The most workers of its pool; the hypervisor's choice by default.
    #[xml(attr = "thread_pool_max", with = NonNegative)]
    pub thread_pool_max: Option<i32>,
    /// How long it polls before it sleeps.
    #[xml(child)]
    pub poll: Option<IoThreadPoll>,
}

/// How long an I/O thread polls before it sleeps; the hypervisor's choice by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "poll")]
pub struct IoThreadPoll {
    /// The longest, in nanoseconds; 0 never polls.
    #[xml(attr)]
    pub max: Option<u64>,
    /// The factor by which the time grows; 0 takes the hypervisor's.
    #[xml(attr)]
    pub grow: Option<u64>,
    /// The divisor by which the time shrinks; 0 resets it.
    #[xml(attr)]
    pub shrink: Option<u64>,
    /// How much the latest time counts against those before, as a power of two. Since 12.7.
    #[xml(attr)]
    pub weight: Option<u32>,
}

/// The hypervisor's main thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "defaultiothread")]
pub struct DefaultIoThread {
    /// The fewest workers of its pool; the hypervisor's choice by default.
    #[xml(attr = "thread_pool_min", with = NonNegative)]
    pub thread_pool_min: Option<i32>,
    /// The most workers of its pool; the hypervisor's choice by default.
    #[xml(attr = "thread_pool_max", with = NonNegative)]
    pub thread_pool_max: Option<i32>,
}

/// How much of the host's processors the guest's threads get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cputune", before_read = Cputune::refuse_repeated)]
pub struct Cputune {
    /// The guest's weight against others; the host's by default.
    #[xml(child_text, invalid = |_| refuse("can't parse cputune shares value"))]
    pub shares: Option<u64>,
    /// Microseconds in which each processor may use up its quota, 1000 to 1000000; the host's by default.
    #[xml(child_text, omit, invalid = |_| refuse("can't parse cputune period value"))]
    pub period: u64,
    /// Microseconds that each processor gets in a period, from 1000; unlimited when negative or absent.
    #[xml(child_text, omit, invalid = |_| refuse("can't parse cputune quota value"))]
    pub quota: i64,
    /// As `period`, for all of the guest's threads together.
    #[xml(child_text = "global_period", omit, invalid = |_| refuse("can't parse cputune global period value"))]
    pub global_period: u64,
    /// As `quota`, for all of the guest's threads together.
    #[xml(child_text = "global_quota", omit, invalid = |_| refuse("can't parse cputune global quota value"))]
    pub global_quota: i64,
    /// As `period`, for the threads that are neither processors nor I/O threads.
    #[xml(child_text = "emulator_period", omit, invalid = |_| refuse("can't parse cputune emulator period value"))]
    pub emulator_period: u64,
    /// As `quota`, for the threads that are neither processors nor I/O threads.
    #[xml(child_text = "emulator_quota", omit, invalid = |_| refuse("can't parse cputune emulator quota value"))]
    pub emulator_quota: i64,
    /// As `period`, for each I/O thread.
    #[xml(child_text = "iothread_period", omit, invalid = |_| refuse("can't parse cputune iothread period value"))]
    pub iothread_period: u64,
    /// As `quota`, for each I/O thread.
    #[xml(child_text = "iothread_quota", omit, invalid = |_| refuse("can't parse cputune iothread quota value"))]
    pub iothread_quota: i64,
    /// Where single processors run.
    #[xml(child, key = "@vcpu", unordered)]
    pub vcpupins: Vec<VcpuPin>,
    /// Where the threads run that are neither processors nor I/O threads; as `<vcpu>` says by default.
    #[xml(attr = "emulatorpin/@cpuset", with = Cpuset, required, missing = internal("missing cpuset for emulatorpin"))]
    pub emulatorpin: Option<Bitmap>,
    /// Where single I/O threads run.
    #[xml(child, key = "@iothread", unordered)]
    pub iothreadpins: Vec<IoThreadPin>,
    /// How the threads are scheduled that are neither processors nor I/O threads.
    #[xml(child)]
    pub emulatorsched: Option<Scheduler>,
    /// How processors are scheduled.
    #[xml(child, key = "@vcpus", unordered)]
    pub vcpuscheds: Vec<VcpuScheduler>,
    /// How I/O threads are scheduled.
    #[xml(child, key = "@iothreads", unordered)]
    pub iothreadscheds: Vec<IoThreadScheduler>,
    /// Parts of the host's caches set aside for processors.
    #[xml(child, key = "@vcpus", unordered)]
    pub cachetunes: Vec<Cachetune>,
    /// Shares of the host's memory bandwidth set aside for processors.
    #[xml(child, key = "@vcpus", unordered)]
    pub memorytunes: Vec<Memorytune>,
    /// Groups of processors whose use of energy is measured. Since 12.4.
    #[xml(child, key = "@vcpus", unordered)]
    pub energytunes: Vec<Energytune>,
}

/// Where a processor of the guest runs.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "vcpupin")]
pub struct VcpuPin {
    /// The guest's processor.
    #[xml(attr)]
    pub vcpu: u32,
    /// The host's processors.
    #[xml(attr, with = Cpuset, missing = internal("missing cpuset for vcpupin"))]
    pub cpuset: Bitmap,
}

/// Where an I/O thread runs.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "iothreadpin")]
pub struct IoThreadPin {
    /// The thread's id.
    #[xml(attr)]
    pub iothread: u32,
    /// The host's processors.
    #[xml(attr, with = Cpuset, missing = internal("missing cpuset for iothreadpin"))]
    pub cpuset: Bitmap,
}

/// How threads are scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "emulatorsched", after_read = Scheduler::settle)]
pub struct Scheduler {
    /// The kernel's policy.
    #[xml(attr = "scheduler")]
    pub policy: SchedulerPolicy,
    /// The priority, with `fifo` and `rr`.
    #[xml(attr)]
    pub priority: Option<i32>,
}

/// The kernel's scheduling policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum SchedulerPolicy {
    /// For long computations.
    Batch,
    /// When nothing else wants to run.
    Idle,
    /// In real time, until the thread waits.
    Fifo,
    /// In real time, in turns.
    Rr,
}

/// How some processors are scheduled.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "vcpusched")]
pub struct VcpuScheduler {
    /// The guest's processors.
    #[xml(attr, with = SchedulerVcpus, missing = refuse("Missing attribute 'vcpus' in element 'vcpusched'"))]
    pub vcpus: Bitmap,
    /// How.
    #[xml(flatten)]
    pub scheduler: Scheduler,
}

/// How some I/O threads are scheduled.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "iothreadsched")]
pub struct IoThreadScheduler {
    /// The threads' ids.
    #[xml(attr, with = SchedulerIoThreads, missing = refuse("Missing attribute 'iothreads' in element 'iothreadsched'"))]
    pub iothreads: Bitmap,
    /// How.
    #[xml(flatten)]
    pub scheduler: Scheduler,
}

/// Parts of the host's caches set aside for some processors.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "cachetune")]
pub struct Cachetune {
    /// The guest's processors.
    #[xml(attr, missing = refuse("Missing cachetune attribute 'vcpus'"))]
    pub vcpus: Bitmap,
    /// The name of the kernel's group while the guest runs.
    #[xml(attr, live)]
    pub id: Option<String>,
    /// The parts.
    #[xml(child)]
    pub caches: Vec<CacheAllocation>,
    /// Groups whose use of the cache is measured.
    #[xml(child)]
    pub monitors: Vec<CacheMonitor>,
}

/// A part of one of the host's caches.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "cache")]
pub struct CacheAllocation {
    /// Which cache, by the host's number.
    #[xml(attr)]
    pub id: u32,
    /// Which cache: 3 is the last before memory.
    #[xml(attr)]
    pub level: u32,
    /// What is kept in the part.
    #[xml(attr = "type")]
    pub kind: CacheType,
    /// How much, in bytes.
    #[xml(flatten)]
    pub size: CacheSize,
}

/// What a part of a cache keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, XmlValue)]
pub enum CacheType {
    /// Code and data.
    Both,
    /// Code.
    Code,
    /// Data.
    Data,
}

/// A size in bytes as `size` and `unit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheSize(pub PrettyBytes);

impl Fields for CacheSize {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        let bytes = ScaledAttr("size").bytes(reader, 1024)?;
        let missing = || reader.refuse("missing element or attribute './@size'");
        bytes.map(|bytes| Self(PrettyBytes(bytes))).ok_or_else(missing)
    }
    fn write_attrs(&self, writer: &mut Writer) {
        let (value, unit) = self.0.pretty();
        writer.attr::<crate::xml::Plain, _>("size", &value);
        writer.attr_text("unit", unit);
    }
    fn write_children(&self, _: &mut Writer) {}
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        ScaledAttr("size").describe(
            shape,
            const { &About::value(Kind::Amount, "The part of the cache; in KiB without a unit.") },
        );
    }
}

/// Processors whose use of a cache is measured.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "monitor")]
pub struct CacheMonitor {
    /// The cache's level.
    #[xml(attr)]
    pub level: u32,
    /// The guest's processors.
    #[xml(attr, missing = refuse("Missing monitor attribute 'vcpus'"))]
    pub vcpus: Bitmap,
}

/// Shares of the host's memory bandwidth set aside for some processors.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "memorytune")]
pub struct Memorytune {
    /// The guest's processors.
    #[xml(attr, missing = refuse("Missing memorytune attribute 'vcpus'"))]
    pub vcpus: Bitmap,
    /// The name of the kernel's group while the guest runs.
    #[xml(attr, live)]
    pub id: Option<String>,
    /// The shares.
    #[xml(child)]
    pub nodes: Vec<MemoryBandwidth>,
    /// Groups whose use of memory bandwidth is measured.
    #[xml(child)]
    pub monitors: Vec<MemoryMonitor>,
}

/// A share of one memory controller's bandwidth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "node")]
pub struct MemoryBandwidth {
    /// Which controller, by the host's number.
    #[xml(attr)]
    pub id: u32,
    /// The share, in percent (or MB/s where the host is set up so).
    #[xml(attr)]
    pub bandwidth: u32,
}

/// Processors whose use of memory bandwidth is measured.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "monitor")]
pub struct MemoryMonitor {
    /// The guest's processors.
    #[xml(attr, missing = refuse("Missing monitor attribute 'vcpus'"))]
    pub vcpus: Bitmap,
}

/// Processors whose use of energy is measured. Since 12.4.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "energytune", after_read = Energytune::settle)]
pub struct Energytune {
    /// The guest's processors; absent: all of the guest's threads, which is since 12.8.
    #[xml(attr)]
    pub vcpus: Option<Bitmap>,
    /// The name of the kernel's group while the guest runs.
    #[xml(attr, live)]
    pub id: Option<String>,
    /// What is measured by itself.
    #[xml(child)]
    pub monitors: Vec<EnergyMonitor>,
}

/// A measurement of the use of energy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "monitor", keep_empty)]
pub struct EnergyMonitor {
    /// The guest's processors, some of those around; all of them by default.
    #[xml(attr)]
    pub vcpus: Option<Bitmap>,
}

impl Energytune {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        for monitor in self.monitors.iter_mut().filter(|monitor| monitor.vcpus.is_none()) {
            monitor.vcpus.clone_from(&self.vcpus);
        }
        Ok(())
    }
}

impl Scheduler {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let real_time = matches!(self.policy, SchedulerPolicy::Fifo | SchedulerPolicy::Rr);
        match self.priority {
            None if real_time => Err(reader.missing_attr(&[], "priority")),
            Some(_) if !real_time => {
                self.priority = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Cputune {
    fn refuse_repeated(reader: &Reader<'_, '_>) -> Result<()> {
        for name in ["emulatorpin", "emulatorsched"] {
            if let Some(second) = reader.all(name).nth(1) {
                return Err(second.refuse(format!("only one {name} is supported")));
            }
        }
        Ok(())
    }
}

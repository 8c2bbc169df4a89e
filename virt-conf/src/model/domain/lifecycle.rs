//! What happens when the guest stops, sleeps or crashes; what is measured; and where it is accounted.

use crate::xml::{Reader, Result, Xml, XmlValue};

/// What happens when the guest stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum LifecycleAction {
    /// It is gone.
    Destroy,
    /// It starts again.
    Restart,
    /// It starts again under another name.
    #[xml("rename-restart")]
    RenameRestart,
    /// It is kept as it is, for inspection.
    Preserve,
    /// Its memory is dumped, and it is gone.
    #[xml("coredump-destroy")]
    CoredumpDestroy,
    /// Its memory is dumped, and it starts again.
    #[xml("coredump-restart")]
    CoredumpRestart,
    /// It goes on running: it looks after its crash itself. Only on a crash. Since 12.6.
    #[xml("preserve-running")]
    PreserveRunning,
}

/// What happens when the guest loses the lock on its disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum LockFailureAction {
    /// It is stopped.
    Poweroff,
    /// It is stopped and started again.
    Restart,
    /// It is paused.
    Pause,
    /// Nothing.
    Ignore,
}

/// Which ways of sleeping the guest is offered; the hypervisor decides by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "pm")]
pub struct PowerManagement {
    /// ACPI S3.
    #[xml(attr = "suspend-to-mem/@enabled")]
    pub suspend_to_mem: Option<bool>,
    /// ACPI S4.
    #[xml(attr = "suspend-to-disk/@enabled")]
    pub suspend_to_disk: Option<bool>,
}

/// Which events of the host's processors are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "perf", after_read = Perf::settle)]
pub struct Perf {
    /// Each event at most once, in libvirt's order.
    #[xml(child, key = "@name", unordered)]
    pub events: Vec<PerfEvent>,
}

/// Whether one event is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "event")]
pub struct PerfEvent {
    /// Which.
    #[xml(attr)]
    pub name: PerfEventName,
    /// Whether it is.
    #[xml(attr)]
    pub enabled: bool,
}

/// Events of the host's processors, as the kernel's performance counters name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, XmlValue)]
pub enum PerfEventName {
    /// Cache that the guest occupies, in bytes.
    Cmt,
    /// All memory traffic, in bytes.
    Mbmt,
    /// Memory traffic of its own node, in bytes.
    Mbml,
    /// Cycles.
    #[xml("cpu_cycles")]
    CpuCycles,
    /// Instructions.
    Instructions,
    /// Accesses to the last cache.
    #[xml("cache_references")]
    CacheReferences,
    /// Accesses that it could not answer.
    #[xml("cache_misses")]
    CacheMisses,
    /// Branches.
    #[xml("branch_instructions")]
    BranchInstructions,
    /// Branches that were mispredicted.
    #[xml("branch_misses")]
    BranchMisses,
    /// Cycles of the bus.
    #[xml("bus_cycles")]
    BusCycles,
    /// Cycles in which no instruction was fetched.
    #[xml("stalled_cycles_frontend")]
    StalledCyclesFrontend,
    /// Cycles in which none was finished.
    #[xml("stalled_cycles_backend")]
    StalledCyclesBackend,
    /// Cycles at the nominal clock.
    #[xml("ref_cpu_cycles")]
    RefCpuCycles,
    /// Time on a processor.
    #[xml("cpu_clock")]
    CpuClock,
    /// Time that the tasks ran.
    #[xml("task_clock")]
    TaskClock,
    /// Page faults.
    #[xml("page_faults")]
    PageFaults,
    /// Switches between tasks.
    #[xml("context_switches")]
    ContextSwitches,
    /// Moves between processors.
    #[xml("cpu_migrations")]
    CpuMigrations,
    /// Page faults without I/O.
    #[xml("page_faults_min")]
    PageFaultsMin,
    /// Page faults with I/O.
    #[xml("page_faults_maj")]
    PageFaultsMaj,
    /// Unaligned accesses.
    #[xml("alignment_faults")]
    AlignmentFaults,
    /// Instructions that the kernel emulated.
    #[xml("emulation_faults")]
    EmulationFaults,
}

/// Where the guest is accounted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "resource")]
pub struct Resource {
    /// Its control group, an absolute path below the hierarchy's root.
    #[xml(child_text)]
    pub partition: Option<String>,
    /// A name that Fibre Channel switches see, up to 128 printable characters.
    #[xml(attr = "fibrechannel/@appid", required)]
    pub fibre_channel_appid: Option<String>,
}

impl Perf {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        self.events.sort_by_key(|event| event.name);
        match self.events.windows(2).find(|pair| pair[0].name == pair[1].name) {
            Some(pair) => Err(reader.refuse(format!("perf event '{}' was already specified", pair[0].name))),
            None => Ok(()),
        }
    }
}

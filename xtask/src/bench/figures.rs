//! The benchmarks: what each compares, and what it is to reach.

/// Whose figure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Ours,
    Libvirt,
    /// What the same work costs with nothing around it.
    Floor,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    Seconds,
    Bytes,
    Instructions,
    /// Times something that the benchmark says.
    Times,
}

/// What our figure is to reach.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    /// At most this, in the benchmark's unit.
    AtMost(f64),
    /// At most this many times the floor.
    TimesFloor(f64),
    /// At most libvirt's figure divided by this.
    LibvirtOver(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Met,
    Missed,
    /// A side that it compares has not run.
    Missing,
}

/// One thing that is compared.
pub(super) struct Benchmark {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// The name under which the programs print its samples.
    pub(super) source: &'static str,
    pub(super) unit: Unit,
    pub(super) goal: Goal,
    /// The sides that must have run beside ours.
    pub(super) others: &'static [Side],
    /// Whether the floor is taken off our and libvirt's figures, so that what is compared is what is added to it.
    pub(super) above_floor: bool,
}

const MILLISECONDS: f64 = 1e-3;
const MEBIBYTES: f64 = 1_048_576.0;

/// Every benchmark, in the order of the table.
pub(super) const BENCHMARKS: &[Benchmark] = &[
    Benchmark {
        name: "call list",
        what: "listing the test driver's domains through a loaded plugin; the floor is the same driver linked in",
        source: "call.list",
        unit: Unit::Seconds,
        goal: Goal::TimesFloor(2.0),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "call scalar",
        what: "asking the test driver for a number through a loaded plugin; the floor is the same driver linked in",
        source: "call.scalar",
        unit: Unit::Seconds,
        goal: Goal::TimesFloor(2.0),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "plugin load",
        what: "finding, checking and loading one plugin of this very build; the floor is the dynamic linker's part of it",
        source: "load.ours",
        unit: Unit::Seconds,
        goal: Goal::AtMost(3.0 * MILLISECONDS),
        others: &[Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "plugin check",
        what: "the same for a plugin of another build, whose layout is compared type by type",
        source: "load.other",
        unit: Unit::Seconds,
        goal: Goal::AtMost(3.0 * MILLISECONDS),
        others: &[Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "start overhead",
        what: "starting a tiny paused guest, less a bare QEMU up to its monitor, which is the floor",
        source: "start",
        unit: Unit::Seconds,
        goal: Goal::AtMost(20.0 * MILLISECONDS),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: true,
    },
    Benchmark {
        name: "destroy",
        what: "destroying that guest; the floor is the end of a bare QEMU",
        source: "destroy",
        unit: Unit::Seconds,
        goal: Goal::AtMost(15.0 * MILLISECONDS),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "first probe",
        what: "domain capabilities with nothing cached; the floor is a bare QEMU up to its monitor",
        source: "probe",
        unit: Unit::Seconds,
        goal: Goal::AtMost(60.0 * MILLISECONDS),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "nodedev names",
        what: "listing the host's devices on an open connection; libvirt's daemon knows them already",
        source: "nodedev.names",
        unit: Unit::Seconds,
        goal: Goal::LibvirtOver(10.0),
        others: &[Side::Libvirt],
        above_floor: false,
    },
    Benchmark {
        name: "nodedev all XML",
        what: "listing them, and describing each",
        source: "nodedev.xml",
        unit: Unit::Seconds,
        goal: Goal::LibvirtOver(5.0),
        others: &[Side::Libvirt],
        above_floor: false,
    },
    Benchmark {
        name: "nodedev first",
        what: "opening a connection and listing them for the first time; libvirt's daemon runs already",
        source: "nodedev.first",
        unit: Unit::Seconds,
        goal: Goal::LibvirtOver(1.0),
        others: &[Side::Libvirt],
        above_floor: false,
    },
    Benchmark {
        name: "virtsh list time",
        what: "`list --all` on the test driver, as a process; the floor is a process that does nothing",
        source: "list.time",
        unit: Unit::Seconds,
        goal: Goal::AtMost(4.0 * MILLISECONDS),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "virtsh list memory",
        what: "the largest resident size of that process",
        source: "list.memory",
        unit: Unit::Bytes,
        goal: Goal::AtMost(6.0 * MEBIBYTES),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "controller memory",
        what: "the proportional size of a running guest's controller; libvirt has none, but a daemon",
        source: "controller",
        unit: Unit::Bytes,
        goal: Goal::AtMost(4.0 * MEBIBYTES),
        others: &[],
        above_floor: false,
    },
    Benchmark {
        name: "pool start",
        what: "starting a directory pool of 10,000 qcow2 volumes with nothing cached; the floor reads every header with 16 threads",
        source: "pool.start",
        unit: Unit::Seconds,
        goal: Goal::LibvirtOver(8.0),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "pool refresh",
        what: "refreshing it when every file has changed and all is cached",
        source: "pool.refresh",
        unit: Unit::Seconds,
        goal: Goal::LibvirtOver(4.0),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "pool unchanged",
        what: "refreshing it when nothing has changed; the floor is one stat a file",
        source: "pool.unchanged",
        unit: Unit::Seconds,
        goal: Goal::LibvirtOver(10.0),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "pool list",
        what: "listing its volumes with paths and sizes",
        source: "pool.list",
        unit: Unit::Seconds,
        goal: Goal::LibvirtOver(10.0),
        others: &[Side::Libvirt],
        above_floor: false,
    },
    Benchmark {
        name: "virtual function",
        what: "preparing a virtual function with a MAC address and a VLAN for vfio, and releasing it, in the lab; the floor is the kernel's part",
        source: "sriov",
        unit: Unit::Seconds,
        goal: Goal::TimesFloor(1.5),
        others: &[Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "network start",
        what: "starting a network with NAT, DHCP and DNS; the floor is netlink, one nft transaction and one dnsmasq",
        source: "network.start",
        unit: Unit::Seconds,
        goal: Goal::TimesFloor(1.6),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "network stop",
        what: "stopping it",
        source: "network.stop",
        unit: Unit::Seconds,
        goal: Goal::TimesFloor(1.6),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "network start in a crowd",
        what: "starting it while 1,000 guests are defined",
        source: "network.crowd start",
        unit: Unit::Seconds,
        goal: Goal::TimesFloor(1.6),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "network stop in a crowd",
        what: "stopping it then",
        source: "network.crowd stop",
        unit: Unit::Seconds,
        goal: Goal::TimesFloor(1.6),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "xml instructions",
        what: "reading and writing a domain document, the mean of the corpus; the floor is a bare parse and a write as long",
        source: "xml.instructions",
        unit: Unit::Instructions,
        goal: Goal::LibvirtOver(10.0),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "xml instructions over floor",
        what: "the same, beside the floor",
        source: "xml.instructions",
        unit: Unit::Instructions,
        goal: Goal::TimesFloor(3.0),
        others: &[Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "xml time",
        what: "the same in user CPU time",
        source: "xml.time",
        unit: Unit::Seconds,
        goal: Goal::LibvirtOver(10.0),
        others: &[Side::Libvirt, Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "xml time over floor",
        what: "the same, beside the floor",
        source: "xml.time",
        unit: Unit::Seconds,
        goal: Goal::TimesFloor(3.0),
        others: &[Side::Floor],
        above_floor: false,
    },
    Benchmark {
        name: "xml strict",
        what: "reading a domain document strictly, in user CPU time; libvirt's side is the define that validates it",
        source: "xml.strict",
        unit: Unit::Seconds,
        goal: Goal::LibvirtOver(100.0),
        others: &[Side::Libvirt],
        above_floor: false,
    },
    Benchmark {
        name: "xml memory",
        what: "the most memory in use while a domain document is read and written, in times its text",
        source: "xml.memory",
        unit: Unit::Times,
        goal: Goal::AtMost(12.0),
        others: &[],
        above_floor: false,
    },
    Benchmark {
        name: BUILD,
        what: "building the models for release by two compilers at a time, from nothing; only measured with --build",
        source: "build.time",
        unit: Unit::Seconds,
        goal: Goal::AtMost(90.0),
        others: &[],
        above_floor: false,
    },
];

/// The benchmark that takes minutes.
pub(super) const BUILD: &str = "xml build";

impl Benchmark {
    /// Whether a side takes part.
    pub(super) fn has(&self, side: Side) -> bool {
        side == Side::Ours || self.others.contains(&side)
    }

    /// A side's figure, from the medians of the samples.
    pub(super) fn figure(&self, side: Side, median: impl Fn(Side) -> Option<f64>) -> Option<f64> {
        let own = median(side)?;
        if self.above_floor && side != Side::Floor { Some(own - median(Side::Floor)?) } else { Some(own) }
    }

    /// How our figure stands to the goal.
    pub(super) fn verdict(&self, median: impl Fn(Side) -> Option<f64> + Copy) -> Verdict {
        if self.others.iter().any(|side| median(*side).is_none()) {
            return Verdict::Missing;
        }
        let limit = match self.goal {
            Goal::AtMost(limit) => Some(limit),
            Goal::TimesFloor(times) => median(Side::Floor).map(|floor| floor * times),
            Goal::LibvirtOver(times) => median(Side::Libvirt).map(|libvirt| libvirt / times),
        };
        match (self.figure(Side::Ours, median), limit) {
            (Some(ours), Some(limit)) if ours <= limit => Verdict::Met,
            (Some(_), Some(_)) => Verdict::Missed,
            _ => Verdict::Missing,
        }
    }
}

impl Verdict {
    pub(super) fn name(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::Missing => "missing",
        }
    }
}

impl Goal {
    pub(super) fn show(self, unit: Unit) -> String {
        match self {
            Goal::AtMost(limit) => format!("<= {}", unit.show(limit)),
            Goal::TimesFloor(times) => format!("<= {times} x floor"),
            Goal::LibvirtOver(times) => format!("<= libvirt / {times}"),
        }
    }
}

impl Unit {
    /// What the samples are counted in.
    pub(super) fn base(self) -> &'static str {
        match self {
            Unit::Seconds => "s",
            Unit::Bytes => "B",
            Unit::Instructions => "instructions",
            Unit::Times => "times",
        }
    }

    /// A figure as people read it, with three digits that matter.
    pub(super) fn show(self, value: f64) -> String {
        let steps: &[(f64, &str)] = match self {
            Unit::Seconds => &[(1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")],
            Unit::Bytes => &[(MEBIBYTES, "MiB"), (1024.0, "KiB"), (1.0, "B")],
            Unit::Instructions => &[(1e6, "M"), (1e3, "k"), (1.0, "")],
            Unit::Times => &[(1.0, "x")],
        };
        let (size, name) =
            steps.iter().find(|(size, _)| value.abs() >= *size).or(steps.last()).unwrap_or(&(1.0, ""));
        let scaled = value / size;
        let digits = if scaled.abs() >= 100.0 { 0 } else { usize::from(scaled.abs() < 10.0) + 1 };
        format!("{scaled:.digits$} {name}").trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{BENCHMARKS, Benchmark, Side, Unit, Verdict};

    fn benchmark(name: &str) -> &'static Benchmark {
        BENCHMARKS.iter().find(|benchmark| benchmark.name == name).unwrap()
    }

    #[test]
    fn a_missing_side_is_no_success() {
        let all = |ours, floor, libvirt| {
            move |side| match side {
                Side::Ours => ours,
                Side::Floor => floor,
                Side::Libvirt => libvirt,
            }
        };
        let call = benchmark("call list");
        assert_eq!(call.verdict(all(Some(2.0), Some(1.0), Some(9.0))), Verdict::Met);
        assert_eq!(call.verdict(all(Some(2.1), Some(1.0), Some(9.0))), Verdict::Missed);
        assert_eq!(call.verdict(all(Some(2.0), None, Some(9.0))), Verdict::Missing);
        assert_eq!(call.verdict(all(Some(2.0), Some(1.0), None)), Verdict::Missing);
        assert_eq!(call.verdict(all(None, Some(1.0), Some(9.0))), Verdict::Missing);
        let xml = benchmark("xml strict");
        assert_eq!(xml.verdict(all(Some(1.0), None, Some(100.0))), Verdict::Met);
        assert_eq!(xml.verdict(all(Some(1.1), None, Some(100.0))), Verdict::Missed);
        assert_eq!(xml.verdict(all(Some(1.0), None, None)), Verdict::Missing);
        let start = benchmark("start overhead");
        assert_eq!(start.verdict(all(Some(0.065), Some(0.046), Some(0.420))), Verdict::Met);
        assert_eq!(start.verdict(all(Some(0.067), Some(0.046), Some(0.420))), Verdict::Missed);
    }

    #[test]
    fn figures_have_three_digits() {
        assert_eq!(Unit::Seconds.show(0.420_33), "420 ms");
        assert_eq!(Unit::Seconds.show(0.015), "15.0 ms");
        assert_eq!(Unit::Seconds.show(1.3e-9), "1.30 ns");
        assert_eq!(Unit::Seconds.show(0.0), "0.00 ns");
        assert_eq!(Unit::Bytes.show(6.0 * 1_048_576.0), "6.00 MiB");
        assert_eq!(Unit::Instructions.show(2_110_000.0), "2.11 M");
        assert_eq!(Unit::Times.show(10.08), "10.1 x");
    }
}

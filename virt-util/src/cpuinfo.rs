//! The host's processors: how many there are and how they hang together, what `/proc/cpuinfo` calls them, and how they
//! have spent their time.
//!
//! Architectures are named as the kernel names them, `x86_64`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;

use crate::sysfs::Sysfs;
use crate::{Error, ErrorDomain, Result};

/// How a host's processors hang together, as libvirt counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// Processors that are online.
    pub cpus: u32,
    /// NUMA nodes.
    pub nodes: u32,
    /// Sockets of a node.
    pub sockets: u32,
    /// Cores of a socket.
    pub cores: u32,
    /// Threads of a core.
    pub threads: u32,
}

/// Time that processors have spent, in ticks of the clock: `sysconf(_SC_CLK_TCK)` a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// In the kernel, interrupts included.
    pub kernel: u64,
    /// In programs.
    pub user: u64,
    /// With nothing to do.
    pub idle: u64,
    /// With nothing to do but to wait for a device.
    pub iowait: u64,
}

/// The highest number of a processor that is believed.
const HIGHEST: u32 = 1 << 20;

/// The kernel's spelling of a set of numbers, `0-3,8`.
fn set(text: &str) -> Option<BTreeSet<u32>> {
    let mut numbers = BTreeSet::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if last > HIGHEST {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// What one node, or the whole of a host without nodes, holds.
#[derive(Debug, Default)]
struct Part {
    cpus: u32,
    offline: u32,
    sockets: BTreeMap<u32, BTreeSet<u32>>,
    threads: u32,
}

/// A host's tree of devices, with what every part of it has in common.
struct Tree<'a> {
    system: &'a Sysfs,
    present: BTreeSet<u32>,
    online: BTreeSet<u32>,
    logical_cores: bool,
    threads_per_subcore: u32,
}

impl Topology {
    /// How the processors hang together that stand below `system`, the kernel's `/sys/devices/system`.
    ///
    /// Hosts of POWER keep all threads of a core but the first offline, as guests bring their own order of them along;
    /// `threads_per_subcore` says how many there are, and is 0 everywhere else.
    ///
    /// # Errors
    ///
    /// When the kernel does not say which processors there are, or names none.
    pub fn read(system: &Sysfs, architecture: &str, threads_per_subcore: u32) -> Result<Self> {
        let numbers = |name: &str| {
            let text = system.read(name)?.unwrap_or_default();
            set(&text).filter(|numbers| !numbers.is_empty()).ok_or_else(|| {
                Error::internal(ErrorDomain::NONE, format!("'{}' names no CPU", system.path(name).display()))
            })
        };
        let online = numbers("cpu/online")?;
        // Where a secondary thread is online, subcores are not in use.
        let split = threads_per_subcore > 0 && online.iter().all(|cpu| cpu % threads_per_subcore == 0);
        let tree = Tree {
            system,
            present: numbers("cpu/present")?,
            online,
            logical_cores: architecture.starts_with("s390"),
            threads_per_subcore: if split { threads_per_subcore } else { 0 },
        };
        let nodes = system.names("node").unwrap_or_default();
        let nodes = nodes.iter().filter(|name| number_behind(name, "node").is_some());
        let mut parts = nodes.map(|name| tree.part(&format!("node/{name}"))).collect::<Result<Vec<_>>>()?;
        if parts.iter().all(|part| part.cpus == 0) {
            parts = vec![tree.part("cpu")?];
        }
        Ok(Self::of(&parts, if split { threads_per_subcore } else { 1 }))
    }

    fn of(parts: &[Part], threads_of_each: u32) -> Self {
        let most = |of: &dyn Fn(&Part) -> u32| parts.iter().map(of).max().unwrap_or(0);
        let cpus = parts.iter().map(|part| part.cpus).sum();
        let all = parts.iter().fold(cpus, |all: u32, part| all.saturating_add(part.offline));
        let whole = Self {
            cpus,
            nodes: parts.len() as u32,
            sockets: most(&|part| part.sockets.len() as u32),
            cores: most(&|part| part.sockets.values().map(BTreeSet::len).max().unwrap_or(0) as u32),
            threads: most(&|part| part.threads).saturating_mul(threads_of_each),
        };
        let product = [whole.sockets, whole.cores, whole.threads]
            .iter()
            .fold(u64::from(whole.nodes), |product, count| product.saturating_mul(u64::from(*count)));
        // Where the parts do not make up the whole, it is one flat node.
        if product == u64::from(all) {
            whole
        } else {
            Self { nodes: 1, sockets: 1, cores: all, threads: 1, ..whole }
        }
    }
}

fn number_behind(name: &str, prefix: &str) -> Option<u32> {
    name.strip_prefix(prefix)?.parse().ok()
}

impl Tree<'_> {
    fn part(&self, directory: &str) -> Result<Part> {
        let names = self.system.names(directory)?;
        let cpus: BTreeSet<u32> = names.iter().filter_map(|name| number_behind(name, "cpu")).collect();
        let mut part = Part::default();
        for cpu in cpus.intersection(&self.present).copied() {
            if self.online.contains(&cpu) {
                self.add(&mut part, cpu)?;
                continue;
            }
            let threads = self.threads_per_subcore;
            let runs_with_first =
                threads > 0 && cpu % threads != 0 && self.online.contains(&(cpu - cpu % threads));
            if runs_with_first {
                part.cpus += 1;
            } else {
                part.offline += 1;
            }
        }
        Ok(part)
    }

    fn add(&self, part: &mut Part, cpu: u32) -> Result<()> {
        let topology = |name: &str| format!("cpu/cpu{cpu}/topology/{name}");
        // The kernel says -1, or nothing, where there is no such thing.
        let place = |name: &str| -> Result<u32> {
            let number = self.system.number(topology(name))?.unwrap_or(0).max(0);
            Ok(u32::try_from(number).unwrap_or(u32::MAX))
        };
        let core = if self.logical_cores { cpu } else { place("core_id")? };
        part.sockets.entry(place("physical_package_id")?).or_default().insert(core);
        let siblings = self.system.read(topology("thread_siblings_list"))?;
        let siblings = siblings.and_then(|text| set(&text)).map_or(1, |siblings| siblings.len() as u32);
        part.threads = part.threads.max(siblings);
        part.cpus += 1;
        Ok(())
    }
}

/// How many threads of a core of a POWER host are the guests' to bring online; 0 on other hosts, and where they are not.
///
/// # Errors
///
/// When `/dev/kvm`, which knows, is there and may not be opened.
pub fn threads_per_subcore(architecture: &str) -> Result<u32> {
    const CHECK_EXTENSION: nix::libc::Ioctl = 0xae03;
    const THREADS_OF_A_CORE: nix::libc::c_ulong = 64;
    if !architecture.starts_with("ppc64") {
        return Ok(0);
    }
    let kvm = match File::open("/dev/kvm") {
        Ok(kvm) => kvm,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(Error::system(ErrorDomain::NONE, "Failed to open '/dev/kvm'", error)),
    };
    // SAFETY: the descriptor is open, and the request takes a number and writes nothing.
    let threads = unsafe { nix::libc::ioctl(kvm.as_raw_fd(), CHECK_EXTENSION, THREADS_OF_A_CORE) };
    // Where the kernel does not know of such threads, there are none.
    Ok(u32::try_from(threads).unwrap_or(0))
}

/// The names and values of `/proc/cpuinfo`, in order.
fn fields(cpuinfo: &str) -> impl Iterator<Item = (&str, &str)> {
    cpuinfo.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
}

/// The first value of that name in `/proc/cpuinfo`.
#[must_use]
pub fn field<'a>(cpuinfo: &'a str, name: &str) -> Option<&'a str> {
    fields(cpuinfo).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// How fast the processors run, in MHz; nothing where `/proc/cpuinfo` does not say. The last one's counts.
#[must_use]
pub fn frequency(cpuinfo: &str, architecture: &str) -> Option<u32> {
    let name = match architecture {
        "x86_64" | "i686" | "i586" | "i486" | "i386" => "cpu MHz",
        arch if arch.starts_with("ppc") => "clock",
        arch if arch.starts_with("s390") => "cpu MHz dynamic",
        _ => return None,
    };
    let (_, value) = fields(cpuinfo).filter(|(known, _)| *known == name).last()?;
    let digits = value.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// What tells one kind of processor from another, in one line; nothing where `/proc/cpuinfo` does not say.
///
/// ```
/// let cpuinfo = "processor\t: 0\ncpu\t\t: POWER9\nrevision\t: 2.2 (pvr 004e 1202)\n";
/// let signature = virt_util::cpuinfo::signature(cpuinfo, "ppc64le");
/// assert_eq!(signature.as_deref(), Some("POWER9, rev 2.2 (pvr 004e 1202)"));
/// ```
#[must_use]
pub fn signature(cpuinfo: &str, architecture: &str) -> Option<String> {
    let field = |name| field(cpuinfo, name);
    match architecture {
        "x86_64" | "i686" | "i586" | "i486" | "i386" => Some(format!(
            "{}, {}, family: {}, model: {}, stepping: {}",
            field("vendor_id")?,
            field("model name")?,
            field("cpu family")?,
            field("model")?,
            field("stepping")?
        )),
        "ppc64" | "ppc64le" => Some(format!("{}, rev {}", field("cpu")?, field("revision")?)),
        "s390" | "s390x" => Some(format!(
            "{}, {}, facilities: {}",
            field("vendor_id")?,
            field("processor 0")?,
            field("facilities")?
        )),
        _ => None,
    }
}

impl CpuTimes {
    /// How one processor, or all of them, have spent their time, by `/proc/stat`.
    ///
    /// ```
    /// use virt_util::cpuinfo::CpuTimes;
    ///
    /// let stat = "cpu  10 1 4 70 5 1 2 0 3 0\ncpu0 10 1 4 70 5 1 2 0 3 0\n";
    /// let times = CpuTimes::read(stat, None).unwrap();
    /// assert_eq!((times.kernel, times.user, times.idle, times.iowait), (7, 11, 70, 5));
    /// assert_eq!(CpuTimes::read(stat, Some(1)), None);
    /// ```
    #[must_use]
    pub fn read(stat: &str, cpu: Option<u32>) -> Option<Self> {
        let name = cpu.map_or_else(|| "cpu".to_owned(), |number| format!("cpu{number}"));
        let line = stat.lines().find_map(|line| line.strip_prefix(name.as_str())?.strip_prefix(' '))?;
        let numbers: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        let at = |place: usize| numbers.get(place).copied();
        let [user, nice, system, idle] = [at(0)?, at(1)?, at(2)?, at(3)?];
        let [iowait, irq, softirq] = [4, 5, 6].map(|place| at(place).unwrap_or(0));
        Some(Self {
            kernel: system.saturating_add(irq).saturating_add(softirq),
            user: user.saturating_add(nice),
            idle,
            iowait,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host of these processors: number, node, socket, core, siblings.
    fn host(online: &str, cpus: &[(u32, u32, i32, u32, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        let write = |path: String, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("below the root")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        let last = cpus.iter().map(|cpu| cpu.0).max().unwrap_or(0);
        write("cpu/present".into(), &format!("0-{last}\n"));
        write("cpu/online".into(), online);
        for (cpu, node, socket, core, siblings) in cpus {
            write(format!("node/node{node}/cpu{cpu}/here"), "");
            let topology = format!("cpu/cpu{cpu}/topology");
            write(format!("{topology}/physical_package_id"), &socket.to_string());
            write(format!("{topology}/core_id"), &core.to_string());
            write(format!("{topology}/thread_siblings_list"), siblings);
        }
        root
    }

    fn read(root: &tempfile::TempDir, architecture: &str, subcore: u32) -> [u32; 5] {
        let topology = Topology::read(&Sysfs::at(root.path()), architecture, subcore).expect("read");
        [topology.cpus, topology.nodes, topology.sockets, topology.cores, topology.threads]
    }

    #[test]
    fn parts_make_up_the_whole_or_are_not_told_apart() {
        let two = [(0, 0, 0, 0, "0-1"), (1, 0, 0, 0, "0-1"), (2, 1, 1, 0, "2-3"), (3, 1, 1, 0, "2-3")];
        assert_eq!(read(&host("0-3", &two), "x86_64", 0), [4, 2, 1, 1, 2]);
        // One that is offline belongs to the whole.
        assert_eq!(read(&host("0-2", &two), "x86_64", 0), [3, 2, 1, 1, 2]);
        let uneven = [(0, 0, 0, 0, "0"), (1, 0, 0, 1, "1"), (2, 1, 1, 0, "2")];
        assert_eq!(read(&host("0-2", &uneven), "x86_64", 0), [3, 1, 1, 3, 1]);
        // On mainframes each processor is a core, whatever it says.
        let flat = [(0, 0, -1, 0, "0"), (1, 0, -1, 0, "1")];
        assert_eq!(read(&host("0-1", &flat), "s390x", 0), [2, 1, 1, 2, 1]);
    }

    #[test]
    fn threads_that_guests_bring_back_are_counted() {
        let core = [(0, 0, 0, 0, "0"), (1, 0, 0, 0, "1"), (2, 0, 0, 1, "2"), (3, 0, 0, 1, "3")];
        assert_eq!(read(&host("0,2", &core), "ppc64le", 2), [4, 1, 1, 2, 2]);
        assert_eq!(read(&host("0,1,2", &core), "ppc64le", 2), [3, 1, 1, 4, 1]);
    }

    #[test]
    fn a_host_that_names_no_processor_is_an_error() {
        let root = host("", &[(0, 0, 0, 0, "0")]);
        let error = Topology::read(&Sysfs::at(root.path()), "x86_64", 0).expect_err("none");
        assert!(error.to_string().ends_with("cpu/online' names no CPU"), "{error}");
        assert_eq!(set("0-4294967295"), None);
        assert_eq!(set("0-x"), None);
    }

    #[test]
    fn frequencies_are_whole_numbers() {
        assert_eq!(frequency("cpu MHz\t\t: 2100.073\ncpu MHz\t\t: 1200.0\n", "x86_64"), Some(1200));
        assert_eq!(frequency("clock\t\t: 3690.000000MHz\n", "ppc64"), Some(3690));
        assert_eq!(frequency("BogoMIPS\t: 100.00\n", "aarch64"), None);
        assert_eq!(signature("vendor_id\t: GenuineIntel\n", "x86_64"), None);
    }
}

//! The host: its processors by the kernel's files, and its firmware by `dmidecode`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use virt_conf::model::{SmbiosInfo, Sysinfo};
use virt_conf::sysinfo;
use virt_conf::xml::{FormatOptions, to_string};
use virt_util::cpuinfo::{self, CpuTimes, Topology};
use virt_util::sysfs::Sysfs;

use super::{Case, Kind, Outcome, equal_text};

/// `hostcpu`
pub(super) struct HostCpu;

impl HostCpu {
    /// What libvirt's test writes of a host's processors.
    fn topology(case: &Case<'_>, architecture: &str) -> Result<String> {
        let archive = case.params.value("sysfs").context("the case names no tree")?;
        let directory = tempfile::tempdir()?;
        let path = case.shared("host/virhostcpudata").join(archive);
        let status = Command::new("tar").arg("-xzf").arg(&path).arg("-C").arg(directory.path()).status()?;
        ensure!(status.success(), "cannot unpack {}", path.display());
        let root = directory.path().join(archive.trim_end_matches(".tar.gz"));
        // libvirt's test has POWER hosts run eight threads a subcore.
        let threads = if architecture.starts_with("ppc64") { 8 } else { 0 };
        let Topology { cpus, nodes, sockets, cores, threads } =
            Topology::read(&Sysfs::at(&root), architecture, threads)?;
        let mhz = cpuinfo::frequency(&case.input()?, architecture).unwrap_or(0);
        let all = nodes * sockets * cores * threads;
        Ok(format!(
            "CPUs: {cpus}/{all}, MHz: {mhz}, Nodes: {nodes}, Sockets: {sockets}, Cores: {cores}, Threads: {threads}\n"
        ))
    }

    /// What libvirt's test writes of the time that processors have spent.
    fn times(case: &Case<'_>) -> Result<String> {
        let stat = case.input()?;
        let show = |name: &str, times: CpuTimes| {
            let CpuTimes { kernel, user, idle, iowait } = times;
            format!("{name}:\nkernel: {kernel}\nuser: {user}\nidle: {idle}\niowait: {iowait}\n\n")
        };
        let all = CpuTimes::read(&stat, None).context("no line about all processors")?;
        let each = (0..).map_while(|cpu| Some((cpu, CpuTimes::read(&stat, Some(cpu))?)));
        let each = each.map(|(cpu, times)| show(&format!("cpu{cpu}"), times));
        Ok(std::iter::once(show("cpu", all)).chain(each).collect())
    }
}

impl Kind for HostCpu {
    fn name(&self) -> &'static str {
        "hostcpu"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let architecture = case.params.value("arch").unwrap_or_default();
        let ours = match case.params.value("what") {
            None => Self::topology(case, architecture)?,
            Some("cpustat") => Self::times(case)?,
            Some("signature") => {
                let signature = cpuinfo::signature(&case.input()?, architecture);
                signature.map(|signature| format!("{signature}\n")).unwrap_or_default()
            }
            Some(other) => bail!("the case asks for '{other}'"),
        };
        Ok(equal_text("", &case.expected_text()?, &ours))
    }
}

/// `sysinfo`
pub(super) struct SysinfoKind;

impl SysinfoKind {
    /// The first input whose name ends so; nothing where there is none.
    fn input(directory: &Path, inputs: &str, end: &str) -> Result<Option<String>> {
        let Some(name) = inputs.split(',').find(|name| name.ends_with(end)) else { return Ok(None) };
        let path = directory.join(name);
        std::fs::read_to_string(&path).map(Some).with_context(|| format!("cannot read {}", path.display()))
    }

    fn read(case: &Case<'_>) -> Result<SmbiosInfo> {
        let first = case.inputs().into_iter().next().context("the case has no input")?;
        let directory = first.parent().context("the input is in no directory")?;
        let inputs = case.params.value("inputs").context("the case names no files")?;
        let sysinfo = Self::input(directory, inputs, "sysinfo.data")?;
        let cpuinfo = Self::input(directory, inputs, "cpuinfo.data")?.unwrap_or_default();
        let firmware = |text: &str| {
            // libvirt's test answers the question for a whole string with ends of lines where the dots stand.
            let asked = |number: usize| {
                let start = format!("String {number}: ");
                let line = text.lines().find_map(|line| line.trim_start().strip_prefix(start.as_str()))?;
                Some(line.replace('.', "\n"))
            };
            sysinfo::from_dmidecode(text, asked)
        };
        Ok(match (case.params.value("reader"), sysinfo) {
            (Some("virSysinfoReadDMI"), Some(text)) => firmware(&text),
            (Some("virSysinfoReadARM"), Some(text)) => firmware(&text),
            (Some("virSysinfoReadARM"), None) => sysinfo::from_arm_cpuinfo(&cpuinfo),
            (Some("virSysinfoReadPPC"), _) => sysinfo::from_power_cpuinfo(&cpuinfo),
            (Some("virSysinfoReadS390"), Some(text)) => sysinfo::from_s390(&cpuinfo, &text),
            (reader, _) => bail!("the case has nothing for {reader:?} to read"),
        })
    }
}

impl Kind for SysinfoKind {
    fn name(&self) -> &'static str {
        "sysinfo"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let info = Sysinfo::Smbios(Box::new(Self::read(case)?));
        Ok(equal_text("", &case.expected_text()?, &to_string(&info, FormatOptions::default())))
    }
}

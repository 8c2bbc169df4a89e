//! What libvirt's tests of its QEMU driver pretend about the host, so that our answers can equal theirs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use virt_conf::model::{
    AlsaAudio, AudioKind, Cpu, CpuFeature, CpuFeaturePolicy, CpuModel, Domain, PciSlot, ScsiAdapterSource,
    SdlAudio, SdlAudioDriver,
};
use virt_driver_qemu::caps::{AcceleratorCapabilities, Capabilities, Flag, GicCapability, MachineType};
use virt_driver_qemu::command::{
    Allocator, Descriptor, DescriptorGroup, Descriptors, HostFacts, HugepageMount, Launch, Nbdkit, Origin,
    Paths, PortUse, SecretUsage, Secrets, Settings, Taken, TapSetup,
};
use virt_driver_qemu::hooks::{FirmwareDescription, HostAudio};

use super::Case;

/// The extra words of a case: `ARG_X,value,..`, as libvirt's test takes them.
pub(super) struct Extra<'a>(Vec<&'a str>);

impl<'a> Extra<'a> {
    pub(super) fn of(case: &Case<'a>) -> Self {
        Self(
            case.params
                .value("args")
                .unwrap_or_default()
                .split(',')
                .filter(|word| !word.is_empty())
                .collect(),
        )
    }

    /// The words after each `name`, up to the next name of an argument.
    fn all(&self, name: &str) -> Vec<&[&'a str]> {
        let starts = self.0.iter().enumerate().filter(|(_, word)| **word == name).map(|(at, _)| at + 1);
        starts
            .map(|start| {
                let rest = &self.0[start..];
                let end = rest.iter().position(|word| word.starts_with("ARG_")).unwrap_or(rest.len());
                &rest[..end]
            })
            .collect()
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        self.all(name).first().and_then(|words| words.first().copied())
    }
}

/// libvirt's C name of a flag is its name in capitals, but for a few.
fn flag(name: &str) -> Result<Flag> {
    let short = name.strip_prefix("QEMU_CAPS_").unwrap_or(name);
    let short = match short {
        "DEVICE_QEMU_XHCI" => "QEMU_XHCI",
        "KVM" | "TCG" => short,
        other => other,
    };
    let known = |flag: &&Flag| {
        let spelled: String = flag
            .name()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
            .collect();
        spelled == short
    };
    Flag::ALL.iter().find(known).copied().with_context(|| format!("no flag is called {name}"))
}

/// The capabilities in a cache's text.
pub(super) fn from_cache(text: &str) -> Result<Capabilities> {
    Ok(Capabilities::from_cache_xml(text)?)
}

/// The capabilities that a case names.
pub(super) fn capabilities(case: &Case<'_>) -> Result<Capabilities> {
    let extra = Extra::of(case);
    let arch = case.params.value("arch").context("the case names no architecture")?;
    let wanted = case.params.value("caps").context("the case names no capabilities")?;
    let (version, variant) = match wanted.split_once('+') {
        Some((version, variant)) => (version, format!("+{variant}")),
        None => (wanted, extra.value("ARG_CAPS_VARIANT").unwrap_or_default().to_owned()),
    };
    let path = cache_file(case, arch, version, &variant)?;
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut caps = Capabilities::from_cache_xml(&text)?;
    if version == "latest" {
        strip_aliases(&mut caps);
    }
    for (name, add) in [("ARG_QEMU_CAPS", true), ("ARG_QEMU_CAPS_DEL", false)] {
        for words in extra.all(name) {
            for word in words.iter().filter(|word| **word != "QEMU_CAPS_LAST") {
                let flag = flag(word)?;
                if add {
                    caps.flags.insert(flag);
                } else {
                    caps.flags.remove(flag);
                }
                if flag == Flag::Kvm && !add {
                    caps.kvm = None;
                }
            }
        }
    }
    if extra.value("ARG_CAPS_HOST_CPU_MODEL").is_some() {
        // The case's own processor stands in for what QEMU said.
        for under in [&mut caps.kvm, &mut caps.hvf, &mut caps.tcg].into_iter().flatten() {
            under.host_cpu = None;
        }
    }
    if let Some(gic) = extra.value("ARG_GIC") {
        let version = |version| GicCapability { version, kernel: true, emulated: true };
        caps.gic = match gic {
            "GIC_V2" => vec![version(2)],
            "GIC_V3" => vec![version(3)],
            "GIC_BOTH" => vec![version(2), version(3)],
            // "None" leaves what the binary said.
            _ => caps.gic,
        };
    }
    Ok(caps)
}

/// The newest capabilities for `arch`.
pub(super) fn latest(case: &Case<'_>, arch: &str) -> Result<Capabilities> {
    let path = cache_file(case, arch, "latest", "")?;
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Capabilities::from_cache_xml(&text)?)
}

fn cache_file(case: &Case<'_>, arch: &str, version: &str, variant: &str) -> Result<PathBuf> {
    let directory = case.shared("fixtures/qemucapabilitiesdata");
    if version != "latest" {
        return Ok(directory.join(format!("caps_{version}_{arch}{variant}.xml")));
    }
    let suffix = format!("_{arch}{variant}.xml");
    let mut versions = BTreeMap::new();
    for entry in
        std::fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))?
    {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let Some(version) = name.strip_prefix("caps_").and_then(|name| name.strip_suffix(&suffix)) else {
            continue;
        };
        let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
        if numbers.len() == 3 {
            versions.insert(numbers, directory.join(&name));
        }
    }
    match versions.pop_last() {
        Some((_, path)) => Ok(path),
        None => bail!("there are no capabilities for {arch}{variant}"),
    }
}

/// Tests against the newest capabilities keep `pc` as it is, or they would change with every version.
fn strip_aliases(caps: &mut Capabilities) {
    let each = |under: &mut Option<AcceleratorCapabilities>| {
        for under in under.iter_mut() {
            let mut copies = Vec::new();
            for machine in &mut under.machines {
                if let Some(name) = machine.alias.take() {
                    copies.push(MachineType { name, ..machine.clone() });
                }
            }
            // The name without version comes first, so that it is the default too.
            under.machines.splice(0..0, copies);
        }
    };
    each(&mut caps.kvm);
    each(&mut caps.hvf);
    each(&mut caps.tcg);
}

/// The settings of libvirt's test, which turns some on for a few cases.
pub(super) fn settings(case: &Case<'_>, domain: &Domain) -> Settings {
    let name = case.id.split('/').next_back().unwrap_or_default();
    let name = name.split('#').next().unwrap_or_default();
    let mut settings = Settings {
        environment: ["LC_ALL=C", "PATH=/bin", "HOME=/home/test", "USER=test", "LOGNAME=test"]
            .iter()
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        spice_tls: true,
        pipewire_runtime_dir: Some("/run/user/1000".into()),
        spice_password: Some("123456".into()),
        ..Settings::default()
    };
    let _ = domain;
    if name.starts_with("graphics-vnc-tls") || name.starts_with("graphics-vnc-sasl") {
        settings.vnc_sasl = true;
        settings.vnc_sasl_dir = Some("/etc/sasl2".into());
    }
    if name.starts_with("graphics-vnc-tls") {
        settings.vnc_tls = true;
        settings.vnc_tls_verify = true;
        if name.ends_with("-secret") {
            settings.vnc_tls_secret = Some("6fd3f62d-9fe7-4a4e-a869-7acd6376d8ea".into());
        }
    }
    if name.starts_with("graphics-vnc-auto-socket-cfg") {
        settings.vnc_auto_unix_socket = true;
    }
    if name.starts_with("graphics-spice-auto-socket-cfg") {
        settings.spice_auto_unix_socket = true;
    }
    if name.contains("tlsx509") {
        settings.chardev_tls = !name.ends_with("-notls");
    }
    if name.contains("tlsx509-secret") {
        settings.chardev_tls_secret = Some("6fd3f62d-9fe7-4a4e-a869-7acd6376d8ea".into());
    }
    if name.contains("disk-network-tlsx509-nbd") {
        settings.nbd_tls_secret = Some("6fd3f62d-9fe7-4a4e-a869-7acd6376d8ea".into());
    }
    settings
}

/// What guests play on in libvirt's test, which sets it for a few cases.
pub(super) fn audio(case: &Case<'_>) -> HostAudio {
    let name = case.id.split('/').next_back().unwrap_or_default();
    let sdl = SdlAudio { driver: Some(SdlAudioDriver::Esd), ..SdlAudio::default() };
    match name.split('#').next().unwrap_or_default() {
        "audio-default-sdl" => HostAudio { backend: Some(AudioKind::Sdl(sdl)), ..HostAudio::default() },
        "audio-default-vnc" => HostAudio {
            backend: Some(AudioKind::Alsa(AlsaAudio::default())),
            with_vnc: true,
            without_graphics: false,
        },
        _ => HostAudio::default(),
    }
}

/// The host of libvirt's tests.
pub(super) fn host() -> HostFacts {
    HostFacts {
        page_size_kib: 4,
        hugepages: vec![
            HugepageMount { size_kib: 2048, path: "/dev/hugepages2M".into(), default: true },
            HugepageMount { size_kib: 1_048_576, path: "/dev/hugepages1G".into(), default: false },
        ],
        numa_nodes: vec![0, 1, 2, 3],
        numa_cpus: (0..4).map(|node| (node, (4 * node..4 * node + 4).collect())).collect(),
        now: 1_234_567_890,
        utc_offset: -1800,
        placement: Some((0..4).collect()),
        render_node: Some("/dev/dri/foo".into()),
        optical_drives: vec!["/dev/cdrom".into()],
        ..HostFacts::default()
    }
}

/// The processor of the host that a case names.
fn processor(extra: &Extra<'_>) -> Option<Cpu> {
    let features = match extra.value("ARG_CAPS_HOST_CPU_MODEL")? {
        "QEMU_CPU_DEF_HASWELL" => [
            "vme", "ds", "acpi", "ss", "ht", "tm", "pbe", "dtes64", "monitor", "ds_cpl", "vmx", "smx", "est",
            "tm2", "xtpr", "pdcm", "osxsave", "f16c", "rdrand", "pdpe1gb", "abm", "invtsc", "lahf_lm",
        ],
        _ => return None,
    };
    let feature = |name: &str| CpuFeature { policy: CpuFeaturePolicy::Require, name: name.to_owned() };
    Some(Cpu {
        model: Some(CpuModel { name: "Haswell".to_owned(), ..CpuModel::default() }),
        vendor: Some("Intel".to_owned()),
        features: features.into_iter().map(feature).collect(),
        ..Cpu::default()
    })
}

/// The groups of the host's devices that can be handed through apart.
pub(super) fn iommu_group(at: PciSlot) -> Option<u32> {
    match (at.domain, at.bus, at.slot) {
        (1, 1, 0) => Some(0),
        (5, 0x90, 1) => Some(1),
        _ => None,
    }
}

/// The guest's name in the names of its files.
fn short_name(domain: &Domain) -> String {
    let name: String = domain.name.chars().take(20).collect();
    format!("-1-{name}")
}

pub(super) fn paths(domain: &Domain) -> Paths {
    let short_name = short_name(domain);
    Paths {
        guest: format!("/var/lib/libvirt/qemu/domain-{short_name}"),
        channel: format!("/var/run/libvirt/qemu/channel/{short_name}"),
        memory_backing: "/var/lib/libvirt/qemu/ram".into(),
        nvram: "/var/lib/libvirt/qemu/nvram".into(),
        swtpm_socket: "/dev/test".into(),
        dbus: "/var/run/libvirt/qemu/dbus".into(),
        passt: "/var/run/libvirt/qemu/passt".into(),
        short_name,
    }
}

/// The numbers of descriptors in libvirt's test.
pub(super) struct Numbers<'a>(pub(super) &'a Extra<'a>);

impl Numbers<'_> {
    /// The numbers of a group of descriptors: `NAME,writable,count,fd,..`.
    fn group_numbers(&self, name: &str) -> Option<(bool, Vec<i32>)> {
        let words = self.0.all("ARG_FD_GROUP").into_iter().find(|words| words.first() == Some(&name))?;
        let writable = words.get(1) == Some(&"true");
        Some((writable, words.iter().skip(3).filter_map(|word| word.parse().ok()).collect()))
    }
}

impl Descriptors for Numbers<'_> {
    fn number(&mut self, descriptor: &Descriptor) -> i32 {
        match descriptor {
            Descriptor::Monitor | Descriptor::ChardevSocket { .. } | Descriptor::Helper { .. } => 1729,
            Descriptor::TpmDevice { .. } => 1730,
            Descriptor::TpmCancel { .. } => 1731,
            Descriptor::VhostVdpa { .. } => 1732,
            Descriptor::ChardevFile { .. } => 1750,
            Descriptor::ChardevLog { .. } => 1751,
            Descriptor::VhostNet { queue, .. } => 44 + *queue as i32,
            Descriptor::Tap { queue, ethernet, .. } => {
                if *ethernet {
                    3 + *queue as i32
                } else {
                    102 + *queue as i32
                }
            }
            Descriptor::VhostScsi { .. } => 3,
            Descriptor::VhostVsock { .. } => 6789,
            Descriptor::DiskGroup { group, index } => {
                let numbers = self.group_numbers(group).map(|(_, numbers)| numbers).unwrap_or_default();
                numbers.get(*index as usize).copied().unwrap_or(-1)
            }
        }
    }

    fn group(&self, name: &str) -> Option<DescriptorGroup> {
        let (writable, numbers) = self.group_numbers(name)?;
        Some(DescriptorGroup { count: numbers.len() as u32, writable })
    }

    fn tap(&mut self, _alias: &str) -> TapSetup {
        TapSetup { vhost: true }
    }
}

/// One secret for everything, and bytes that count up.
pub(super) struct FakeSecrets;

impl Secrets for FakeSecrets {
    fn value(&mut self, _usage: &SecretUsage) -> virt_util::Result<Vec<u8>> {
        Ok(b"AQCVn5hO6HzFAhAAq0NCv8jtJcIcE+HOBlMQ1A".to_vec())
    }

    fn master_key(&self) -> [u8; 32] {
        std::array::from_fn(|at| at as u8)
    }

    fn initialization_vector(&mut self) -> [u8; 16] {
        std::array::from_fn(|at| at as u8)
    }
}

/// A host where nothing is taken.
pub(super) struct FirstFree;

impl Allocator for FirstFree {
    fn port(&mut self, purpose: PortUse) -> virt_util::Result<u32> {
        Ok(match purpose {
            PortUse::Vnc => 5900,
            PortUse::VncWebsocket => 5700,
            PortUse::Spice => 5901,
            PortUse::SpiceTls => 5902,
        })
    }

    fn vsock_cid(&mut self) -> virt_util::Result<u32> {
        Ok(42)
    }

    fn network_address(&mut self, _network: &str) -> virt_util::Result<String> {
        Ok("192.168.122.1".into())
    }
}

/// Everything about the launch of `domain` in libvirt's test.
pub(super) fn with_launch<T>(case: &Case<'_>, domain: &Domain, then: impl FnOnce(&mut Launch<'_>) -> T) -> T {
    let extra = Extra::of(case);
    let settings = settings(case, domain);
    let plugins = extra.all("ARG_NBDKIT_CAPS").concat();
    let nbdkit = Nbdkit {
        curl: plugins.contains(&"QEMU_NBDKIT_CAPS_PLUGIN_CURL"),
        ssh: plugins.contains(&"QEMU_NBDKIT_CAPS_PLUGIN_SSH"),
    };
    let mut host = HostFacts { processor: processor(&extra), nbdkit, ..host() };
    for hostdev in &domain.devices.hostdevs {
        if let Some(adapter) = scsi_adapter(hostdev) {
            host.scsi_generic.push((adapter, "/dev/sg0".into()));
        }
    }
    let origin = match (extra.value("ARG_MIGRATE_FROM"), extra.value("ARG_MIGRATE_FD")) {
        (Some(_), Some(fd)) => Origin::Incoming(format!("fd:{fd}")),
        (Some(uri), None) => Origin::Incoming(uri.to_owned()),
        _ => Origin::Boot,
    };
    let mut launch = Launch {
        taken: Taken::default(),
        paths: paths(domain),
        settings: &settings,
        host: &host,
        descriptors: &mut Numbers(&extra),
        secrets: &mut FakeSecrets,
        origin,
    };
    then(&mut launch)
}

fn scsi_adapter(hostdev: &virt_conf::model::Hostdev) -> Option<ScsiAdapterSource> {
    use virt_conf::model::{HostdevKind, ScsiHostdevSource, SubsystemDevice};
    let HostdevKind::Subsystem(subsystem) = &hostdev.kind else { return None };
    let SubsystemDevice::Scsi(scsi) = &subsystem.device else { return None };
    match &scsi.source {
        ScsiHostdevSource::Adapter(adapter) => Some(adapter.clone()),
        ScsiHostdevSource::Iscsi(_) => None,
    }
}

/// The descriptions of firmware in libvirt's tests, in the order of their names; one of them is no good.
pub(super) fn firmwares(case: &Case<'_>) -> Result<Vec<FirmwareDescription>> {
    let directory = case.shared("fixtures/qemu/qemufirmwaredata/usr/share/qemu/firmware");
    let entries =
        std::fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        all.extend(FirmwareDescription::from_json(&text).ok());
    }
    Ok(all)
}

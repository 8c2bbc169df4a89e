//! What the simulated host and hypervisor are and can do, as data and as libvirt's documents.

use std::fmt::Write as _;

use virt_conf::model::DomainType;
use virt_conf::xml::Value as _;
use virt_core::driver::{DomainCapabilitiesRequest, NodeInfo, Result};

use crate::error;

/// The architecture of the simulated host.
pub(crate) const ARCHITECTURE: &str = "i686";

/// The most vCPUs that a guest can have.
pub(crate) const MAXIMUM_VCPUS: u32 = 32;

/// The version of the simulated hypervisor, 0.0.2.
pub(crate) const HYPERVISOR_VERSION: u64 = 2;

/// The program that would run guests.
const EMULATOR: &str = "/usr/bin/test-hv";

/// The kinds of guests that the hypervisor knows.
const OS_TYPES: [&str; 2] = ["hvm", "xen"];

/// Sizes of memory pages, in KiB.
const PAGE_SIZES: [u64; 4] = [4, 8, 2048, 1_048_576];

/// The NUMA nodes of the default host.
const CELLS: [Cell; 2] =
    [Cell { memory: 2_097_152, page_size: 4, cpus: 8 }, Cell { memory: 4_194_304, page_size: 8, cpus: 8 }];

/// Architectures that libvirt has names for.
const ARCHITECTURES: &[&str] = &[
    "aarch64",
    "alpha",
    "armv6l",
    "armv7b",
    "armv7l",
    "cris",
    "i686",
    "ia64",
    "lm32",
    "loongarch64",
    "m68k",
    "microblaze",
    "microblazeel",
    "mips",
    "mips64",
    "mips64el",
    "mipsel",
    "openrisc",
    "parisc",
    "parisc64",
    "ppc",
    "ppc64",
    "ppc64le",
    "ppcemb",
    "ppcle",
    "riscv32",
    "riscv64",
    "s390",
    "s390x",
    "sh4",
    "sh4eb",
    "sparc",
    "sparc64",
    "unicore32",
    "x86_64",
    "xtensa",
    "xtensaeb",
];

/// A NUMA node.
struct Cell {
    /// In KiB.
    memory: u64,
    /// The size of its small pages, in KiB, which are half of it.
    page_size: u64,
    cpus: u32,
}

/// The default host.
pub(crate) fn node_info() -> NodeInfo {
    NodeInfo {
        model: ARCHITECTURE.to_owned(),
        memory: 3_145_728,
        cpus: 16,
        mhz: 1400,
        nodes: 2,
        sockets: 2,
        cores: 2,
        threads: 2,
    }
}

/// The free memory of a host whose NUMA nodes are described, in bytes. libvirt's test driver answers as much as half of
/// the nodes' memory would be, were it counted in KiB.
pub(crate) fn free_memory() -> u64 {
    CELLS.iter().map(|cell| cell.memory / 2).sum()
}

/// The capabilities document.
pub(crate) fn host(has_cells: bool) -> String {
    let pages: String =
        PAGE_SIZES.iter().map(|size| format!("      <pages unit='KiB' size='{size}'/>\n")).collect();
    let cells: &[Cell] = if has_cells { &CELLS } else { &[] };
    let guests: String = OS_TYPES.iter().map(|os_type| guest(os_type)).collect();
    format!(
        "<capabilities>

  <host>
    <cpu>
      <arch>{ARCHITECTURE}</arch>
      <features>
        <pae/>
        <nonpae/>
      </features>
{pages}    </cpu>
    <power_management/>
    <iommu support='no'/>
    <topology>
      <cells num='{}'>
{}      </cells>
    </topology>
    <secmodel>
      <model>testSecurity</model>
      <doi></doi>
    </secmodel>
  </host>

{guests}</capabilities>
",
        cells.len(),
        topology(cells),
    )
}

fn topology(cells: &[Cell]) -> String {
    let (mut out, mut first_cpu) = (String::new(), 0);
    for (id, cell) in cells.iter().enumerate() {
        let Cell { memory, page_size, cpus } = cell;
        let mut line = |text: String| {
            out.push_str("        ");
            out.push_str(&text);
            out.push('\n');
        };
        line(format!("<cell id='{id}'>"));
        line(format!("  <memory unit='KiB'>{memory}</memory>"));
        line(format!("  <pages unit='KiB' size='{page_size}'>524288</pages>"));
        for size in [2048, 1_048_576] {
            line(format!("  <pages unit='KiB' size='{size}'>0</pages>"));
        }
        line(format!("  <cpus num='{cpus}'>"));
        for core in 0..*cpus {
            let cpu = first_cpu + core;
            line(format!(
                "    <cpu id='{cpu}' socket_id='{id}' die_id='0' cluster_id='0' core_id='{core}' siblings='{cpu}'/>"
            ));
        }
        line("  </cpus>".to_owned());
        line("</cell>".to_owned());
        first_cpu += cpus;
    }
    out
}

fn guest(os_type: &str) -> String {
    format!(
        "  <guest>
    <os_type>{os_type}</os_type>
    <arch name='{ARCHITECTURE}'>
      <wordsize>32</wordsize>
      <emulator>{EMULATOR}</emulator>
      <domain type='test'/>
    </arch>
    <features>
      <pae/>
      <nonpae/>
    </features>
  </guest>

"
    )
}

/// The domain capabilities document.
pub(crate) fn domain(request: &DomainCapabilitiesRequest) -> Result<String> {
    let architecture = request.architecture.as_deref().unwrap_or(ARCHITECTURE);
    if !ARCHITECTURES.contains(&architecture) {
        return Err(error::argument(format!("unknown architecture: {architecture}")));
    }
    let kind = request.virtualization.as_deref().unwrap_or("test");
    if DomainType::parse(kind).is_err() {
        return Err(error::argument(format!("unknown virttype: {kind}")));
    }
    let mut out = String::from("<domainCapabilities>\n");
    let mut text = |name: &str, value: &str| {
        // A String takes every write.
        let _ = writeln!(out, "  <{name}>{}</{name}>", escaped(value));
    };
    if let Some(path) = &request.emulator {
        text("path", path);
    }
    text("domain", kind);
    if let Some(machine) = &request.machine {
        text("machine", machine);
    }
    text("arch", architecture);
    out.push_str("  <cpu>\n");
    for mode in ["host-passthrough", "maximum", "host-model", "custom"] {
        let _ = writeln!(out, "    <mode name='{mode}' supported='no'/>");
    }
    out.push_str("  </cpu>\n  <devices>\n  </devices>\n  <features>\n");
    for feature in ["sev", "sgx"] {
        let _ = writeln!(out, "    <{feature} supported='no'/>");
    }
    out.push_str("  </features>\n</domainCapabilities>\n");
    Ok(out)
}

fn escaped(text: &str) -> String {
    let entities = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('\'', "&apos;"), ('"', "&quot;")];
    entities.iter().fold(text.to_owned(), |text, (character, entity)| text.replace(*character, entity))
}

/// The SMBIOS tables of the simulated host.
pub(crate) const SYSTEM_INFORMATION: &str = "<sysinfo type='smbios'>
  <bios>
    <entry name='vendor'>LENOVO</entry>
    <entry name='version'>G4ETA1WW (2.61 )</entry>
    <entry name='date'>05/07/2014</entry>
    <entry name='release'>2.61</entry>
  </bios>
</sysinfo>
";

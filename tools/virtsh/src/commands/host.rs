//! `capabilities`, `domcapabilities`, `nodeinfo`, `cpu-models`, `maxvcpus`, `sysinfo`, `hostname`, `uri`, `version`

use virt_core::DomainCapabilitiesRequest;

use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::Context as _;
use crate::grammar::Arguments;
use crate::output::{Column, Field, Format, Reply, Table};
use crate::shell::Shell;

/// The virtualization types that people ask for.
const TYPES: &[&str] = &["kvm", "qemu", "lxc", "xen", "test"];

pub(super) static CAPABILITIES: Command = Command {
    name: "capabilities",
    summary: "capabilities",
    description: "Returns capabilities of hypervisor/driver.",
    options: &[],
    run: |shell, _| {
        let text = shell.connection()?.capabilities().context(|| "failed to get capabilities")?;
        shell.print(&Reply::Text { key: "xml", text })
    },
};

pub(super) static DOMCAPABILITIES: Command = Command {
    name: "domcapabilities",
    summary: "domain capabilities",
    description: "Returns capabilities of emulator with respect to host and libvirt.",
    options: &[
        Opt::text("virttype", "virtualization type (/domain/@type)").tolerated().values(Values::OneOf(TYPES)),
        Opt::text("emulatorbin", "path to emulator binary (/domain/devices/emulator)")
            .tolerated()
            .values(Values::Files),
        Opt::text("arch", "domain architecture (/domain/os/type/@arch)").tolerated(),
        Opt::text("machine", "machine type (/domain/os/type/@machine)").tolerated(),
    ],
    run: domcapabilities,
};

pub(super) static NODEINFO: Command = Command {
    name: "nodeinfo",
    summary: "node information",
    description: "Returns basic information about the node.",
    options: &[],
    run: nodeinfo,
};

pub(super) static CPU_MODELS: Command = Command {
    name: "cpu-models",
    summary: "CPU models",
    description: "Get the CPU models for an arch.",
    options: &[Opt::text("arch", "architecture").required()],
    run: cpu_models,
};

pub(super) static MAXVCPUS: Command = Command {
    name: "maxvcpus",
    summary: "connection vcpu maximum",
    description: "Show maximum number of virtual CPUs for guests on this connection.",
    options: &[Opt::text("type", "domain type").tolerated().values(Values::OneOf(TYPES))],
    run: |shell, arguments| {
        let kind = arguments.text("type")?;
        let count = shell.connection()?.maximum_vcpus(kind)?;
        shell.print(&Reply::Value(Field::new("max_vcpus", "Maximum vCPUs", count)))
    },
};

pub(super) static SYSINFO: Command = Command {
    name: "sysinfo",
    summary: "print the hypervisor sysinfo",
    description: "output an XML string for the hypervisor sysinfo, if available",
    options: &[],
    run: |shell, _| {
        let text = shell.connection()?.system_information().context(|| "failed to get sysinfo")?;
        shell.print(&Reply::Text { key: "xml", text })
    },
};

pub(super) static HOSTNAME: Command = Command {
    name: "hostname",
    summary: "print the hypervisor hostname",
    description: "",
    options: &[],
    run: |shell, _| {
        let name = shell.connection()?.hostname().context(|| "failed to get hostname")?;
        shell.print(&Reply::Value(Field::new("hostname", "Hostname", name)))
    },
};

pub(super) static URI: Command = Command {
    name: "uri",
    summary: "print the hypervisor canonical URI",
    description: "",
    options: &[],
    run: |shell, _| {
        let uri = shell.connection()?.uri().context(|| "failed to get URI")?;
        shell.print(&Reply::Value(Field::new("uri", "URI", uri)))
    },
};

pub(super) static VERSION: Command = Command {
    name: "version",
    summary: "show version",
    description: "Display the system version information.",
    options: &[],
    run: version,
};

fn domcapabilities(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let text = |name| Ok::<_, crate::failure::Failure>(arguments.text(name)?.map(str::to_owned));
    let request = DomainCapabilitiesRequest {
        virtualization: text("virttype")?,
        emulator: text("emulatorbin")?,
        architecture: text("arch")?,
        machine: text("machine")?,
    };
    let text =
        shell.connection()?.domain_capabilities(request).context(|| "failed to get emulator capabilities")?;
    shell.print(&Reply::Text { key: "xml", text })
}

fn nodeinfo(shell: &mut Shell, _: &Arguments) -> Outcome {
    let info = shell.connection()?.node_info().context(|| "failed to get node information")?;
    let fields = vec![
        Field::new("cpu_model", "CPU model", info.model),
        Field::new("cpus", "CPU(s)", info.cpus),
        Field::new("mhz", "CPU frequency", info.mhz).shown(format!("{} MHz", info.mhz)),
        Field::new("sockets", "CPU socket(s)", info.sockets),
        Field::new("cores", "Core(s) per socket", info.cores),
        Field::new("threads", "Thread(s) per core", info.threads),
        Field::new("nodes", "NUMA cell(s)", info.nodes),
        Field::new("memory_kib", "Memory size", info.memory).shown(format!("{} KiB", info.memory)),
    ];
    shell.print(&Reply::Record { fields, width: 20 })
}

fn cpu_models(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let models = shell
        .connection()?
        .cpu_models(arguments.required("arch")?)
        .context(|| "failed to get CPU model names")?;
    if shell.output.format() == Format::Plain {
        let all = "all CPU models are accepted\n".to_owned();
        let text =
            if models.is_empty() { all } else { models.iter().map(|model| format!("{model}\n")).collect() };
        shell.output.text(&text);
        return Ok(());
    }
    let rows = models.into_iter().map(|model| vec![Field::new("model", "Model", model)]).collect();
    shell.print(&Reply::Table(Table { columns: vec![Column::new("model", "Model")], rows }))
}

/// `1.2.3` of 1,002,003.
fn dotted(version: u64) -> String {
    format!("{}.{}.{}", version / 1_000_000, version / 1_000 % 1_000, version % 1_000)
}

fn version(shell: &mut Shell, _: &Arguments) -> Outcome {
    let connection = shell.connection()?;
    let hypervisor = connection.hypervisor().context(|| "failed to get hypervisor type")?;
    let version = connection.version().context(|| "failed to get the hypervisor version")?;
    let library = dotted(virt_core::VERSION);
    let running = if version == 0 {
        format!("Cannot extract running {hypervisor} hypervisor version")
    } else {
        format!("Running hypervisor: {hypervisor} {}", dotted(version))
    };
    if shell.output.format() == Format::Plain {
        shell.output.text(&format!(
            "Compiled against library: virt-core {library}\nUsing library: virt-core {library}\nUsing API: {hypervisor} {library}\n{running}\n"
        ));
        return Ok(());
    }
    let fields = vec![
        Field::new("library_version", "Library", library),
        Field::new("hypervisor", "Hypervisor", hypervisor),
        Field::new("hypervisor_version", "Hypervisor version", (version != 0).then(|| dotted(version))),
    ];
    shell.print(&Reply::Record { fields, width: 20 })
}

//! The reader of libvirt's capabilities cache, `<qemuCaps>`.

use roxmltree::{Document, Node};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{
    AcceleratorCapabilities, Arch, Capabilities, CpuModel, Flag, GicCapability, HostCpu, HostCpuProperty,
    HostCpuValue, MachineType, SevCapability, SgxCapability,
};

impl Capabilities {
    /// Reads libvirt's capabilities cache, `<qemuCaps>`. Flags of newer versions are passed over.
    ///
    /// # Errors
    ///
    /// When the text is no such document, or lacks the emulator or the architecture.
    pub fn from_cache_xml(text: &str) -> Result<Self> {
        let document =
            Document::parse(text).map_err(|error| malformed(&error.to_string()).caused_by(error))?;
        let root = document.root_element();
        if root.tag_name().name() != "qemuCaps" {
            return Err(malformed("unexpected root element, expecting <qemuCaps>"));
        }
        let arch = child_text(root, "arch").unwrap_or_default();
        let arch =
            Arch::from_name(arch).ok_or_else(|| malformed(&format!("unknown architecture '{arch}'")))?;
        let emulator = child_text(root, "emulator").ok_or_else(|| malformed("missing emulator"))?;
        let under = |name| accelerator(root, name);
        Ok(Self {
            emulator: emulator.to_owned(),
            version: child_number(root, "version").unwrap_or(0),
            package: child_text(root, "package").unwrap_or_default().to_owned(),
            microcode_version: child_number(root, "microcodeVersion").unwrap_or(0),
            arch,
            flags: children(root, "flag")
                .filter_map(|flag| Flag::from_name(flag.attribute("name")?))
                .collect(),
            kvm: under("kvm"),
            hvf: under("hvf"),
            tcg: under("tcg"),
            gic: children(root, "gic").filter_map(gic).collect(),
            sev: children(root, "sev").next().map(sev),
            sgx: children(root, "sgx").find(|sgx| is_yes(*sgx, "supported")).map(sgx),
            hyperv: children(root, "hypervCapabilities").next().map(|hyperv| {
                children(hyperv, "cap").filter_map(|cap| cap.attribute("name").map(str::to_owned)).collect()
            }),
        })
    }
}

fn malformed(detail: &str) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::QEMU, format!("capabilities cache: {detail}"))
}

fn children<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.tag_name().name() == name)
}

fn child_text<'a>(node: Node<'a, '_>, name: &'static str) -> Option<&'a str> {
    children(node, name).next()?.text()
}

fn child_number<T: std::str::FromStr>(node: Node<'_, '_>, name: &'static str) -> Option<T> {
    child_text(node, name)?.parse().ok()
}

fn is_yes(node: Node<'_, '_>, name: &str) -> bool {
    node.attribute(name) == Some("yes")
}

fn accelerator(root: Node<'_, '_>, name: &str) -> Option<AcceleratorCapabilities> {
    let of = |node: &Node<'_, '_>| node.attribute("type") == Some(name);
    let under = AcceleratorCapabilities {
        host_cpu: children(root, "hostCPU").find(|node| of(node)).map(host_cpu),
        cpus: children(root, "cpu").filter(of).map(cpu_model).collect(),
        machines: children(root, "machine").filter(of).map(machine).collect(),
    };
    let nothing = under.host_cpu.is_none() && under.cpus.is_empty() && under.machines.is_empty();
    (!nothing).then_some(under)
}

fn machine(node: Node<'_, '_>) -> MachineType {
    let text = |name| node.attribute(name).map(str::to_owned);
    MachineType {
        name: text("name").unwrap_or_default(),
        alias: text("alias"),
        default: is_yes(node, "default"),
        max_cpus: node.attribute("maxCpus").and_then(|max| max.parse().ok()).unwrap_or(0),
        hotplug_cpus: is_yes(node, "hotplugCpus"),
        default_cpu: text("defaultCPU"),
        numa_mem_supported: is_yes(node, "numaMemSupported"),
        default_ram_id: text("defaultRAMid"),
        deprecated: is_yes(node, "deprecated"),
        acpi: node.attribute("acpi").map(|acpi| acpi == "yes"),
    }
}

fn cpu_model(node: Node<'_, '_>) -> CpuModel {
    let text = |name| node.attribute(name).map(str::to_owned);
    CpuModel {
        name: text("name").unwrap_or_default(),
        type_name: text("typename"),
        usable: node.attribute("usable").map(|usable| usable == "yes"),
        blockers: names(node, "blocker"),
        deprecated: is_yes(node, "deprecated"),
    }
}

fn names(node: Node<'_, '_>, element: &'static str) -> Vec<String> {
    children(node, element).filter_map(|child| child.attribute("name").map(str::to_owned)).collect()
}

fn host_cpu(node: Node<'_, '_>) -> HostCpu {
    HostCpu {
        model: node.attribute("model").unwrap_or_default().to_owned(),
        migratability: is_yes(node, "migratability"),
        properties: children(node, "property").filter_map(host_cpu_property).collect(),
        deprecated_features: children(node, "deprecatedFeatures")
            .flat_map(|list| names(list, "property"))
            .collect(),
    }
}

fn host_cpu_property(node: Node<'_, '_>) -> Option<HostCpuProperty> {
    let value = node.attribute("value")?;
    Some(HostCpuProperty {
        name: node.attribute("name")?.to_owned(),
        value: match node.attribute("type")? {
            "boolean" => HostCpuValue::Boolean(value == "true"),
            "number" => HostCpuValue::Number(value.parse().ok()?),
            _ => HostCpuValue::Text(value.to_owned()),
        },
        migratable: node.attribute("migratable").map(|migratable| migratable == "yes"),
    })
}

fn gic(node: Node<'_, '_>) -> Option<GicCapability> {
    Some(GicCapability {
        version: node.attribute("version")?.parse().ok()?,
        kernel: is_yes(node, "kernel"),
        emulated: is_yes(node, "emulated"),
    })
}

fn sev(node: Node<'_, '_>) -> SevCapability {
    let text = |name| child_text(node, name).unwrap_or_default().to_owned();
    SevCapability {
        cbitpos: child_number(node, "cbitpos").unwrap_or(0),
        reduced_phys_bits: child_number(node, "reducedPhysBits").unwrap_or(0),
        pdh: text("pdh"),
        cert_chain: text("certChain"),
        cpu0_id: text("cpu0Id"),
    }
}

fn sgx(node: Node<'_, '_>) -> SgxCapability {
    let yes = |name| child_text(node, name) == Some("yes");
    SgxCapability {
        flc: yes("flc"),
        sgx1: yes("sgx1"),
        sgx2: yes("sgx2"),
        section_size_kib: child_number(node, "section_size").unwrap_or(0),
        sections: children(node, "sections")
            .flat_map(|sections| children(sections, "section"))
            .filter_map(|section| {
                Some((section.attribute("node")?.parse().ok()?, section.attribute("size")?.parse().ok()?))
            })
            .collect(),
    }
}

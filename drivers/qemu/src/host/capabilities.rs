//! `<capabilities>`: the host, and for each emulator the machines that it offers.

use std::sync::Arc;

use super::document::Document;
use super::node::{Host, Node};
use crate::caps::{Accelerator, Arch, Capabilities, Flag};

/// The document.
pub(super) fn write(host: &Host, emulators: &[Arc<Capabilities>]) -> String {
    let mut document = Document::new();
    document.element("capabilities", &[], |document| {
        document.element("host", &[], |document| write_host(document, host));
        for emulator in emulators {
            write_guest(document, emulator);
        }
    });
    document.finish()
}

fn write_host(document: &mut Document, host: &Host) {
    document.text("uuid", &[], &host.uuid.to_string());
    document.element("cpu", &[], |document| {
        document.text("arch", &[], &host.architecture);
        if let Some(vendor) = &host.vendor {
            document.text("vendor", &[], vendor);
        }
        if let Some(microcode) = host.microcode {
            document.empty("microcode", &[("version", &microcode.to_string())]);
        }
        if let Some((family, model, stepping)) = host.signature {
            let [family, model, stepping] = [family, model, stepping].map(|number| number.to_string());
            document.empty("signature", &[("family", &family), ("model", &model), ("stepping", &stepping)]);
        }
        let [sockets, cores, threads] = [host.topology.sockets, host.topology.cores, host.topology.threads]
            .map(|number| number.to_string());
        document.empty(
            "topology",
            &[
                ("sockets", &sockets),
                ("dies", "1"),
                ("clusters", "1"),
                ("cores", &cores),
                ("threads", &threads),
            ],
        );
        if let Some(bits) = host.address_bits {
            document.empty("maxphysaddr", &[("mode", "emulate"), ("bits", &bits.to_string())]);
        }
        for size in &host.page_sizes {
            document.empty("pages", &[("unit", "KiB"), ("size", &size.to_string())]);
        }
    });
    document.element("power_management", &[], |document| {
        for (way, name) in [("mem", "suspend_mem"), ("disk", "suspend_disk"), ("freeze", "suspend_hybrid")] {
            if host.sleeps.iter().any(|known| known == way) {
                document.empty(name, &[]);
            }
        }
    });
    document.empty("iommu", &[("support", if host.iommu { "yes" } else { "no" })]);
    document.element("migration_features", &[], |document| {
        document.empty("live", &[]);
        document.element("uri_transports", &[], |document| {
            document.text("uri_transport", &[], "tcp");
            document.text("uri_transport", &[], "rdma");
        });
    });
    document.element("topology", &[], |document| {
        document.element("cells", &[("num", &host.nodes.len().to_string())], |document| {
            host.nodes.iter().for_each(|node| write_node(document, node));
        });
    });
    document.element("secmodel", &[], |document| {
        document.text("model", &[], "none");
        document.text("doi", &[], "0");
    });
    document.element("secmodel", &[], |document| {
        document.text("model", &[], "dac");
        document.text("doi", &[], "0");
        let (user, group) = host.emulator_user;
        for kind in ["kvm", "qemu"] {
            document.text("baselabel", &[("type", kind)], &format!("+{user}:+{group}"));
        }
    });
}

fn write_node(document: &mut Document, node: &Node) {
    document.element("cell", &[("id", &node.id.to_string())], |document| {
        document.text("memory", &[("unit", "KiB")], &node.memory.to_string());
        for (size, count) in &node.pages {
            document.text("pages", &[("unit", "KiB"), ("size", &size.to_string())], &count.to_string());
        }
        document.element("distances", &[], |document| {
            for (id, distance) in &node.distances {
                document.empty("sibling", &[("id", &id.to_string()), ("value", &distance.to_string())]);
            }
        });
        document.element("cpus", &[("num", &node.cpus.len().to_string())], |document| {
            for cpu in &node.cpus {
                let [id, socket, die, core] =
                    [cpu.id, cpu.package, cpu.die, cpu.core].map(|number| number.to_string());
                // The kernel's -1 for none, as libvirt prints it.
                let cluster = cpu.cluster.map_or("65535".to_owned(), |cluster| cluster.to_string());
                document.empty(
                    "cpu",
                    &[
                        ("id", &id),
                        ("socket_id", &socket),
                        ("die_id", &die),
                        ("cluster_id", &cluster),
                        ("core_id", &core),
                        ("siblings", &cpu.siblings),
                    ],
                );
            }
        });
    });
}

fn write_guest(document: &mut Document, capabilities: &Capabilities) {
    let kvm = capabilities.kvm.is_some();
    let accelerator = if capabilities.tcg.is_some() { Accelerator::Tcg } else { Accelerator::Kvm };
    let machines = capabilities.under(accelerator).map(|under| under.machines.as_slice()).unwrap_or_default();
    let arch = capabilities.arch;
    document.element("guest", &[], |document| {
        document.text("os_type", &[], "hvm");
        document.element("arch", &[("name", arch.name())], |document| {
            document.text("wordsize", &[], &arch.bits().to_string());
            document.text("emulator", &[], &capabilities.emulator);
            for machine in machines {
                let most = machine.max_cpus.to_string();
                let mut attributes = Vec::new();
                if machine.max_cpus > 0 {
                    attributes.push(("maxCpus", most.as_str()));
                }
                if machine.deprecated {
                    attributes.push(("deprecated", "yes"));
                }
                document.text("machine", &attributes, &machine.name);
                if let Some(alias) = &machine.alias {
                    attributes.insert(0, ("canonical", &machine.name));
                    document.text("machine", &attributes, alias);
                }
            }
            if capabilities.tcg.is_some() {
                document.empty("domain", &[("type", "qemu")]);
            }
            if kvm {
                document.empty("domain", &[("type", "kvm")]);
            }
        });
        document.element("features", &[], |document| write_features(document, capabilities, arch));
    });
}

fn write_features(document: &mut Document, capabilities: &Capabilities, arch: Arch) {
    let toggle = |document: &mut Document, name: &str, toggle: &str| {
        document.empty(name, &[("default", "on"), ("toggle", toggle)]);
    };
    if arch == Arch::I686 {
        document.empty("pae", &[]);
        document.empty("nonpae", &[]);
    }
    if arch.is_x86() || arch == Arch::Aarch64 {
        toggle(document, "acpi", "yes");
    }
    if arch.is_x86() {
        toggle(document, "apic", "no");
    }
    if capabilities.has(Flag::QueryCpuDefinitions) {
        document.empty("cpuselection", &[]);
    }
    document.empty("deviceboot", &[]);
    toggle(document, "disksnapshot", "no");
    document.empty("externalSnapshot", &[]);
}

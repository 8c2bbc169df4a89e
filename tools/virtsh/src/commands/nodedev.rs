//! `nodedev-list`, `nodedev-dumpxml` and the other commands about devices of the host

use std::collections::BTreeMap;

use virt_core::{
    Affect, CreateNodeDevice, DefineNodeDevice, Error, ErrorDomain, ListNodeDevices, NodeDevice,
    NodeDeviceEntry, NodeDeviceXml,
};

use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Column, Field, Format, Record, Reply, Table};
use crate::shell::Shell;
use crate::xml;

const DEVICE: Opt = Opt::text("device", "device name or wwn pair in 'wwnn,wwpn' format")
    .required()
    .values(Values::NodeDevices);
const KEY: Opt = Opt::text("device", "device key").required().values(Values::NodeDevices);
const FILE: Opt =
    Opt::text("file", "file containing an XML description of the device").required().values(Values::Files);
const VALIDATE: Opt = Opt::flag("validate", "validate the XML against the schema");

pub(super) static LIST: Command = Command {
    name: "nodedev-list",
    summary: "enumerate devices on this host",
    description: "",
    options: &[
        Opt::flag("tree", "list devices in a tree"),
        Opt::text("cap", "capability names, separated by comma").tolerated(),
        Opt::flag("inactive", "list inactive devices"),
        Opt::flag("all", "list inactive & active devices"),
        Opt::flag("persistent", "list persistent devices"),
        Opt::flag("transient", "list transient devices"),
    ],
    run: list,
};

pub(super) static DUMPXML: Command = Command {
    name: "nodedev-dumpxml",
    summary: "node device details in XML",
    description: "Output the node device details as an XML dump to stdout.",
    options: &[DEVICE, Opt::flag("inactive", "show inactive defined XML")],
    run: dumpxml,
};

pub(super) static INFO: Command = Command {
    name: "nodedev-info",
    summary: "node device information",
    description: "Returns basic information about the node device",
    options: &[DEVICE],
    run: info,
};

pub(super) static DETACH: Command = Command {
    name: "nodedev-detach",
    summary: "detach node device from its device driver",
    description: "Detach node device from its device driver before assigning to a domain.",
    options: &[
        KEY,
        Opt::text("driver", "pci device assignment backend driver (e.g. 'vfio' or 'xen')").tolerated(),
    ],
    run: detach,
};

pub(super) static REATTACH: Command = Command {
    name: "nodedev-reattach",
    summary: "reattach node device to its device driver",
    description: "Reattach node device to its device driver once released by the domain.",
    options: &[KEY],
    run: reattach,
};

pub(super) static RESET: Command = Command {
    name: "nodedev-reset",
    summary: "reset node device",
    description: "Reset node device before or after assigning to a domain.",
    options: &[KEY],
    run: reset,
};

pub(super) static CREATE: Command = Command {
    name: "nodedev-create",
    summary: "create a device defined by an XML file on the node",
    description: "Create a device on the node.  Note that this command creates devices on the physical host that can then be assigned to a virtual machine.",
    options: &[FILE, VALIDATE],
    run: create,
};

pub(super) static DESTROY: Command = Command {
    name: "nodedev-destroy",
    summary: "destroy (stop) a device on the node",
    description: "Destroy a device on the node.  Note that this command destroys devices on the physical host",
    options: &[DEVICE],
    run: destroy,
};

pub(super) static DEFINE: Command = Command {
    name: "nodedev-define",
    summary: "Define or modify a device by an xml file on a node",
    description: "Define or modify a persistent device on the node that can be assigned to a domain. The device must be started before it can be assigned to a domain.",
    options: &[FILE, VALIDATE],
    run: define,
};

pub(super) static UNDEFINE: Command = Command {
    name: "nodedev-undefine",
    summary: "Undefine an inactive node device",
    description: "Undefines the configuration for an inactive node device",
    options: &[DEVICE],
    run: undefine,
};

pub(super) static START: Command = Command {
    name: "nodedev-start",
    summary: "Start an inactive node device",
    description: "Starts an inactive node device that was previously defined",
    options: &[Opt::text("device", "device name").required().values(Values::NodeDevices)],
    run: start,
};

pub(super) static AUTOSTART: Command = Command {
    name: "nodedev-autostart",
    summary: "autostart a defined node device",
    description: "Configure a node device to be automatically started at boot.",
    options: &[DEVICE, Opt::flag("disable", "disable autostarting")],
    run: autostart,
};

pub(super) static UPDATE: Command = Command {
    name: "nodedev-update",
    summary: "Update a active and/or inactive node device",
    description: "Updates the configuration of a node device",
    options: &[
        DEVICE,
        FILE,
        Opt::flag("config", "affect next node device startup"),
        Opt::flag("live", "affect running node device"),
        Opt::flag("current", "affect current state of node device"),
    ],
    run: update,
};

/// The device that an option names, by its name or by the world-wide names of a SCSI host.
pub(super) fn device(shell: &mut Shell, arguments: &Arguments) -> Result<NodeDevice, Failure> {
    let value = arguments.required("device")?;
    let connection = shell.connection()?;
    let found = match value.split_once(',') {
        None => connection.node_device_by_name(value),
        Some((wwnn, wwpn)) => {
            for name in [wwnn, wwpn] {
                let digits = name.bytes().all(|byte| byte.is_ascii_hexdigit());
                if name.len() != 16 || !digits {
                    return Err(Error::internal(ErrorDomain::NONE, format!("Malformed wwn: {name}")).into());
                }
            }
            connection.scsi_host_by_wwn(wwnn, wwpn)
        }
    };
    found.context(|| format!("Could not find matching device '{value}'"))
}

fn done(device: &NodeDevice, message: String) -> Reply {
    Reply::Done { message, subject: Some(vec![Field::new("name", "Name", device.name())]) }
}

fn list(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let narrowed = ["cap", "inactive", "persistent", "transient"];
    if arguments.has("tree") && narrowed.into_iter().any(|option| arguments.has(option)) {
        let sentence = "Option --tree is incompatible with --cap, --inactive, --persistent and --transient";
        return Err(Failure::usage(sentence));
    }
    let mut filter = ListNodeDevices::empty();
    for name in arguments.text("cap")?.into_iter().flat_map(|names| names.split(',')) {
        filter |=
            ListNodeDevices::of_capability(name).ok_or_else(|| Failure::usage("Invalid capability type"))?;
    }
    if !arguments.has("all") {
        let inactive = arguments.has("inactive");
        filter |= if inactive { ListNodeDevices::INACTIVE } else { ListNodeDevices::ACTIVE };
    }
    filter.set(ListNodeDevices::PERSISTENT, arguments.has("persistent"));
    filter.set(ListNodeDevices::TRANSIENT, arguments.has("transient"));
    let mut devices = shell.connection()?.node_devices(filter).context(|| "Failed to list node devices")?;
    devices.sort_by_cached_key(|device| device.name.to_ascii_lowercase());
    if shell.output.format() == Format::Plain {
        let text = match arguments.has("tree") {
            true => Tree::of(&devices).print(),
            false => devices.iter().map(|device| format!("{}\n", device.name)).collect(),
        };
        shell.output.text(&text);
        return Ok(());
    }
    let columns = vec![
        Column::new("name", "Name"),
        Column::new("parent", "Parent"),
        Column::new("active", "Active"),
        Column::new("persistent", "Persistent"),
        Column::new("autostart", "Autostart"),
    ];
    let rows = devices.iter().map(|device| record(device)).collect();
    shell.print(&Reply::Table(Table { columns, rows }))
}

fn record(device: &virt_core::NodeDeviceSummary) -> Record {
    vec![
        Field::new("name", "Name", device.name.as_str()),
        Field::new("parent", "Parent", device.parent.clone())
            .shown(device.parent.clone().unwrap_or_default()),
        Field::new("active", "Active", device.active),
        Field::new("persistent", "Persistent", device.persistent),
        Field::new("autostart", "Autostart", device.autostart),
    ]
}

/// What hangs on what, as virsh draws it.
struct Tree<'a> {
    roots: Vec<&'a str>,
    children: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Tree<'a> {
    fn of(devices: &'a [NodeDeviceEntry]) -> Self {
        let pairs = devices.iter().map(|device| (device.name.as_str(), device.parent.as_deref()));
        Self::new(pairs)
    }

    fn new(pairs: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Self {
        let mut tree = Self { roots: Vec::new(), children: BTreeMap::new() };
        for (name, parent) in pairs {
            match parent {
                None => tree.roots.push(name),
                Some(parent) => tree.children.entry(parent).or_default().push(name),
            }
        }
        tree
    }

    fn print(&self) -> String {
        let mut out = String::new();
        for root in &self.roots {
            out.push_str(&format!("{root}\n"));
            self.branch(&mut out, root, "");
        }
        out
    }

    /// What hangs on a device, each line after `indent`.
    fn branch(&self, out: &mut String, name: &str, indent: &str) {
        let children = self.children.get(name).map(Vec::as_slice).unwrap_or_default();
        if !children.is_empty() {
            out.push_str(&format!("{indent}  |\n"));
        }
        for (index, child) in children.iter().enumerate() {
            let last = index + 1 == children.len();
            out.push_str(&format!("{indent}  +- {child}\n"));
            let below = format!("{indent}  {}", if last { "  " } else { "| " });
            self.branch(out, child, &below);
            // A line of nothing but what is drawn through it.
            if last && !self.children.contains_key(child) {
                out.push_str(&format!("{below}\n"));
            }
        }
    }
}

fn dumpxml(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let flags = arguments.collect(&[("inactive", NodeDeviceXml::INACTIVE)]);
    let text = device(shell, arguments)?.xml(flags)?;
    shell.print(&Reply::Text { key: "xml", text })
}

fn info(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let summary = device(shell, arguments)?.summary()?;
    shell.print(&Reply::Record { fields: record(&summary), width: 15 })
}

fn detach(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let device = device(shell, arguments)?;
    let driver = arguments.raw("driver").filter(|driver| !driver.is_empty());
    device.detach(driver).context(|| format!("Failed to detach device {}", device.name()))?;
    shell.print(&done(&device, format!("Device {} detached", device.name())))
}

fn reattach(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let device = device(shell, arguments)?;
    device.reattach().context(|| format!("Failed to re-attach device {}", device.name()))?;
    shell.print(&done(&device, format!("Device {} re-attached", device.name())))
}

fn reset(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let device = device(shell, arguments)?;
    device.reset().context(|| format!("Failed to reset device {}", device.name()))?;
    shell.print(&done(&device, format!("Device {} reset", device.name())))
}

fn create(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let document = xml::read_file(arguments.required("file")?)?;
    let flags = arguments.collect(&[("validate", CreateNodeDevice::VALIDATE)]);
    let device = shell
        .connection()?
        .create_node_device(&document.text, flags)
        .map_err(|error| xml::failure(error, &document))
        .context(|| format!("Failed to create node device from {}", document.name))?;
    let message = format!("Node device {} created from {}", device.name(), document.name);
    shell.print(&done(&device, message))
}

fn destroy(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let device = device(shell, arguments)?;
    device.destroy().context(|| format!("Failed to destroy node device '{}'", device.name()))?;
    shell.print(&done(&device, format!("Destroyed node device '{}'", device.name())))
}

fn define(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let document = xml::read_file(arguments.required("file")?)?;
    let flags = arguments.collect(&[("validate", DefineNodeDevice::VALIDATE)]);
    let device = shell
        .connection()?
        .define_node_device(&document.text, flags)
        .map_err(|error| xml::failure(error, &document))
        .context(|| format!("Failed to define node device from '{}'", document.name))?;
    let message = format!("Node device '{}' defined from '{}'", device.name(), document.name);
    shell.print(&done(&device, message))
}

fn undefine(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let device = device(shell, arguments)?;
    device.undefine().context(|| format!("Failed to undefine node device '{}'", device.name()))?;
    shell.print(&done(&device, format!("Undefined node device '{}'", device.name())))
}

fn start(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let device = device(shell, arguments)?;
    device.start().context(|| format!("Failed to start device {}", device.name()))?;
    shell.print(&done(&device, format!("Device {} started", device.name())))
}

fn autostart(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let device = device(shell, arguments)?;
    let name = device.name();
    let (wanted, verb) = if arguments.has("disable") { (false, "unmark") } else { (true, "mark") };
    device.set_autostart(wanted).context(|| format!("failed to {verb} device {name} as autostarted"))?;
    shell.print(&done(&device, format!("Device {name} {verb}ed as autostarted")))
}

fn update(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    for option in ["config", "live"] {
        arguments.exclusive("current", option)?;
    }
    let document = xml::read_file(arguments.required("file")?)?;
    let affect = arguments.collect(&[("config", Affect::CONFIG), ("live", Affect::LIVE)]);
    let device = device(shell, arguments)?;
    let was_active = device.is_active()?;
    device
        .update(&document.text, affect)
        .map_err(|error| xml::failure(error, &document))
        .context(|| format!("Failed to update node device {} from '{}'", device.name(), document.name))?;
    let both = affect.contains(Affect::CONFIG | Affect::LIVE);
    let live = affect.contains(Affect::LIVE) || (affect.is_empty() && was_active);
    let what = match (both, live) {
        (true, _) => "persistent config and live state",
        (false, true) => "live state",
        (false, false) => "persistent config",
    };
    shell.print(&done(&device, format!("Updated node device {} {what}", device.name())))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn trees_are_drawn_like_virshs() {
        let pairs = [
            ("computer", None),
            ("net_lo", Some("computer")),
            ("pci_1", Some("computer")),
            ("block_vda", Some("pci_1")),
            ("pci_2", Some("computer")),
            ("usb_1", Some("pci_2")),
            ("usb_2", Some("usb_1")),
        ];
        let drawn = Tree::new(pairs.into_iter()).print().replace(' ', ".");
        expect![[r#"
            computer
            ..|
            ..+-.net_lo
            ..+-.pci_1
            ..|...|
            ..|...+-.block_vda
            ..|.....
            ..+-.pci_2
            ......|
            ......+-.usb_1
            ..........|
            ..........+-.usb_2
            ............
        "#]]
        .assert_eq(&drawn);
    }
}

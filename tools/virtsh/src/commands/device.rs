//! `attach-device`, `detach-device`, `detach-device-alias`, `update-device`, and the commands that write the XML themselves.

use virt_conf::domain::Device;
use virt_conf::xml::{FormatFlags, ParseFlags};
use virt_core::{DeviceChange, Domain, DomainXml};

use super::tuning::{CONFIG, CURRENT, LIVE, check_impact};
use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::Reply;
use crate::shell::Shell;
use crate::xml;

const FILE: Opt = Opt::text("file", "XML file").required().values(Values::Files);
const PERSISTENT: Opt = Opt::flag("persistent", "make live change persistent");
const FORCE: Opt = Opt::flag("force", "force device update");

pub(super) static ATTACH_DEVICE: Command = Command {
    name: "attach-device",
    summary: "attach device from an XML file",
    description: "Attach device from an XML <file>.",
    options: &[domain(DOMAIN, Values::AllDomains), FILE, PERSISTENT, CONFIG, LIVE, CURRENT],
    run: |shell, arguments| {
        let change = |domain: &Domain, text: &str, flags| domain.attach_device(text, flags);
        from_file(shell, arguments, "attach", "Device attached successfully", change)
    },
};

pub(super) static DETACH_DEVICE: Command = Command {
    name: "detach-device",
    summary: "detach device from an XML file",
    description: "Detach device from an XML <file>",
    options: &[domain(DOMAIN, Values::AllDomains), FILE, PERSISTENT, CONFIG, LIVE, CURRENT],
    run: |shell, arguments| {
        let change = |domain: &Domain, text: &str, flags| domain.detach_device(text, flags);
        from_file(shell, arguments, "detach", "Device detached successfully", change)
    },
};

pub(super) static UPDATE_DEVICE: Command = Command {
    name: "update-device",
    summary: "update device from an XML file",
    description: "Update device from an XML <file>.",
    options: &[domain(DOMAIN, Values::AllDomains), FILE, PERSISTENT, CONFIG, LIVE, CURRENT, FORCE],
    run: |shell, arguments| {
        let change = |domain: &Domain, text: &str, flags| domain.update_device(text, flags);
        from_file(shell, arguments, "update", "Device updated successfully", change)
    },
};

pub(super) static DETACH_DEVICE_ALIAS: Command = Command {
    name: "detach-device-alias",
    summary: "detach device from an alias",
    description: "Detach device identified by the given alias from a domain",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        Opt::text("alias", "device alias").required(),
        CONFIG,
        LIVE,
        CURRENT,
    ],
    run: detach_alias,
};

pub(super) static ATTACH_INTERFACE: Command = Command {
    name: "attach-interface",
    summary: "attach network interface",
    description: "Attach new network interface.",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        Opt::text("type", "network interface type")
            .required()
            .values(Values::OneOf(&["network", "bridge", "direct", "hostdev", "user", "ethernet"])),
        Opt::text("source", "source of network interface").positional(),
        Opt::text("target", "target network name"),
        Opt::text("mac", "MAC address"),
        Opt::text("script", "script used to bridge network interface"),
        Opt::text("model", "model type"),
        Opt::text("alias", "custom alias name of interface device"),
        PERSISTENT,
        CONFIG,
        LIVE,
        CURRENT,
        Opt::flag("print-xml", "print XML document rather than attach the interface"),
        Opt::flag("managed", "libvirt will automatically detach/attach the device from/to host"),
    ],
    run: attach_interface,
};

pub(super) static DETACH_INTERFACE: Command = Command {
    name: "detach-interface",
    summary: "detach network interface",
    description: "Detach network interface.",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        Opt::text("type", "network interface type").required(),
        Opt::text("mac", "MAC address"),
        PERSISTENT,
        CONFIG,
        LIVE,
        CURRENT,
        Opt::flag("print-xml", "print XML document rather than detach the interface"),
    ],
    run: detach_interface,
};

pub(super) static ATTACH_DISK: Command = Command {
    name: "attach-disk",
    summary: "attach disk device",
    description: "Attach new disk device.",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        Opt::text("source", "source of disk device or name of network disk").required().values(Values::Files),
        Opt::text("target", "target of disk device").required(),
        Opt::text("targetbus", "target bus of disk device"),
        Opt::text("driver", "driver of disk device"),
        Opt::text("subdriver", "subdriver of disk device"),
        Opt::text("cache", "cache mode of disk device"),
        Opt::text("io", "io policy of disk device"),
        Opt::text("type", "target device type").values(Values::OneOf(&["cdrom", "floppy", "disk", "lun"])),
        Opt::text("mode", "mode of device reading and writing")
            .values(Values::OneOf(&["readonly", "shareable"])),
        Opt::text("sourcetype", "type of source (block|file)").values(Values::OneOf(&["block", "file"])),
        Opt::text("serial", "serial of disk device"),
        Opt::text("wwn", "wwn of disk device"),
        Opt::text("alias", "custom alias name of disk device"),
        PERSISTENT,
        CONFIG,
        LIVE,
        CURRENT,
        Opt::flag("print-xml", "print XML document rather than attach the disk"),
    ],
    run: attach_disk,
};

pub(super) static DETACH_DISK: Command = Command {
    name: "detach-disk",
    summary: "detach disk device",
    description: "Detach disk device.",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        Opt::text("target", "target of disk device").required(),
        PERSISTENT,
        CONFIG,
        LIVE,
        CURRENT,
        Opt::flag("print-xml", "print XML document rather than detach the disk"),
    ],
    run: detach_disk,
};

/// What the change affects. `--persistent` means the definition, and the guest too where it runs.
fn flags(arguments: &Arguments, domain: &Domain) -> Result<DeviceChange, Failure> {
    check_impact(arguments)?;
    arguments.exclusive("persistent", "current")?;
    let mut flags = arguments.collect(&[
        ("config", DeviceChange::CONFIG),
        ("live", DeviceChange::LIVE),
        ("force", DeviceChange::FORCE),
    ]);
    if arguments.has("persistent") {
        flags |= DeviceChange::CONFIG;
        if domain.is_active()? {
            flags |= DeviceChange::LIVE;
        }
    }
    Ok(flags)
}

fn from_file(
    shell: &mut Shell,
    arguments: &Arguments,
    what: &str,
    done: &str,
    change: fn(&Domain, &str, DeviceChange) -> virt_core::Result<()>,
) -> Outcome {
    let domain = shell.domain(arguments)?;
    let flags = flags(arguments, &domain)?;
    let document = xml::read_file(arguments.required("file")?)?;
    change(&domain, &document.text, flags)
        .map_err(|error| xml::failure(error, &document))
        .context(|| format!("Failed to {what} device from {}", document.name))?;
    shell.print(&super::done(&domain, done.to_owned()))
}

fn detach_alias(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let domain = shell.domain(arguments)?;
    let flags = flags(arguments, &domain)?;
    let alias = arguments.required("alias")?;
    domain
        .detach_device_alias(alias, flags)
        .context(|| format!("Failed to detach device with alias {alias}"))?;
    shell.print(&super::done(&domain, "Device detach request sent successfully".to_owned()))
}

/// Attaches what was written for the user, or only shows it.
fn attach(shell: &mut Shell, arguments: &Arguments, text: &str, what: &str) -> Outcome {
    if arguments.has("print-xml") {
        return shell.print(&Reply::Text { key: "xml", text: text.to_owned() });
    }
    let domain = shell.domain(arguments)?;
    let flags = flags(arguments, &domain)?;
    let lower = what.to_lowercase();
    domain.attach_device(text, flags).context(|| format!("Failed to attach {lower}"))?;
    shell.print(&super::done(&domain, format!("{what} attached successfully")))
}

/// An element's attribute with a text of the user's.
fn attribute(name: &str, value: Option<&str>) -> String {
    value.map(|value| format!(" {name}='{}'", escape(value))).unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;")
}

/// `<name attribute='value'/>`, where there is a value.
fn element(name: &str, key: &str, value: Option<&str>) -> String {
    value.map(|_| format!("  <{name}{}/>\n", attribute(key, value))).unwrap_or_default()
}

fn attach_interface(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let kind = arguments.required("type")?;
    let source = arguments.text("source")?;
    let managed = if arguments.has("managed") { " managed='yes'" } else { "" };
    let place = match (kind, source) {
        ("user" | "ethernet", _) => String::new(),
        (_, None) => return Err(Failure::usage("Missing source option")),
        ("network", source) => element("source", "network", source),
        ("bridge", source) => element("source", "bridge", source),
        ("direct", source) => element("source", "dev", source),
        ("hostdev", Some(source)) => pci_source(source)?,
        _ => {
            return Err(Failure::usage(format!("No support for {kind} in command 'attach-interface'")));
        }
    };
    let text = [
        format!("<interface type='{}'{managed}>\n", escape(kind)),
        place,
        element("target", "dev", arguments.text("target")?),
        element("mac", "address", arguments.text("mac")?),
        element("script", "path", arguments.text("script")?),
        element("model", "type", arguments.text("model")?),
        element("alias", "name", arguments.text("alias")?),
        "</interface>\n".to_owned(),
    ]
    .concat();
    attach(shell, arguments, &text, "Interface")
}

/// The address of a function, `0000:01:10.2` or `pci:0000.01.10.2` as virsh has it too.
fn pci_source(text: &str) -> Result<String, Failure> {
    let plain = text.strip_prefix("pci:").map(|rest| {
        let parts: Vec<&str> = rest.split('.').collect();
        match parts.as_slice() {
            [domain, bus, slot, function] => format!("{domain}:{bus}:{slot}.{function}"),
            _ => rest.to_owned(),
        }
    });
    let address: virt_core::sriov::PciAddress =
        plain.as_deref().unwrap_or(text).parse().map_err(|_| {
            Failure::usage(format!("cannot parse pci address '{text}' for network interface"))
        })?;
    Ok(format!(
        "  <source>\n    <address type='pci' domain='0x{:04x}' bus='0x{:02x}' slot='0x{:02x}' function='0x{:x}'/>\n  \
         </source>\n",
        address.domain, address.bus, address.device, address.function
    ))
}

fn attach_disk(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let source = arguments.required("source")?;
    let block = match arguments.text("sourcetype")? {
        Some("block") => true,
        Some("file") => false,
        Some(other) => return Err(Failure::usage(format!("Unknown source type: '{other}'"))),
        None => std::fs::metadata(source)
            .is_ok_and(|stat| std::os::unix::fs::FileTypeExt::is_block_device(&stat.file_type())),
    };
    let mode = match arguments.text("mode")? {
        None => String::new(),
        Some(mode @ ("readonly" | "shareable")) => format!("  <{mode}/>\n"),
        Some(mode) => return Err(Failure::usage(format!("No support for {mode} in command 'attach-disk'"))),
    };
    let driver = [("driver", "name"), ("subdriver", "type"), ("cache", "cache"), ("io", "io")];
    let driver: String = driver
        .into_iter()
        .map(|(option, key)| Ok(attribute(key, arguments.text(option)?)))
        .collect::<Result<_, Failure>>()?;
    let driver = if driver.is_empty() { String::new() } else { format!("  <driver{driver}/>\n") };
    let place = if source.is_empty() {
        String::new()
    } else {
        element("source", if block { "dev" } else { "file" }, Some(source))
    };
    let text = [
        format!("<disk type='{}'", if block { "block" } else { "file" }),
        attribute("device", arguments.text("type")?),
        ">\n".to_owned(),
        driver,
        place,
        format!(
            "  <target dev='{}'{}/>\n",
            escape(arguments.required("target")?),
            attribute("bus", arguments.text("targetbus")?)
        ),
        mode,
        text_element("serial", arguments.text("serial")?),
        text_element("wwn", arguments.text("wwn")?),
        element("alias", "name", arguments.text("alias")?),
        "</disk>\n".to_owned(),
    ]
    .concat();
    attach(shell, arguments, &text, "Disk")
}

fn text_element(name: &str, text: Option<&str>) -> String {
    text.map(|text| format!("  <{name}>{}</{name}>\n", escape(text))).unwrap_or_default()
}

/// The devices of a kind in what the change affects.
fn devices(domain: &Domain, flags: DeviceChange) -> Result<Vec<Device>, Failure> {
    let inactive = flags.contains(DeviceChange::CONFIG) && !flags.contains(DeviceChange::LIVE);
    let text = domain.xml(if inactive { DomainXml::INACTIVE } else { DomainXml::empty() })?;
    let read = virt_conf::model::Domain::parse(&text, &ParseFlags::empty().into())?;
    let kinds = ["interface", "disk"];
    Ok(kinds.iter().flat_map(|kind| read.places(kind)).map(|place| place.device(&read.devices)).collect())
}

/// Detaches a device that was found, or only shows it.
fn detach(shell: &mut Shell, arguments: &Arguments, domain: &Domain, device: &Device, what: &str) -> Outcome {
    let text = device.to_xml(&FormatFlags::empty().into());
    if arguments.has("print-xml") {
        return shell.print(&Reply::Text { key: "xml", text });
    }
    let lower = what.to_lowercase();
    domain.detach_device(&text, flags(arguments, domain)?).context(|| format!("Failed to detach {lower}"))?;
    shell.print(&super::done(domain, format!("{what} detached successfully")))
}

fn detach_interface(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let domain = shell.domain(arguments)?;
    let kind = arguments.required("type")?;
    let mac = arguments.text("mac")?;
    let all = devices(&domain, flags(arguments, &domain)?)?;
    let found: Vec<&Device> = all
        .iter()
        .filter(|device| match device {
            Device::Interface(interface) => {
                let address = interface.mac.as_ref().map(|mac| mac.address.to_string());
                interface.kind.tag() == kind
                    && mac.is_none_or(|mac| address.is_some_and(|it| it.eq_ignore_ascii_case(mac)))
            }
            _ => false,
        })
        .collect();
    match (found.as_slice(), mac) {
        ([device], _) => detach(shell, arguments, &domain, device, "Interface"),
        ([], Some(mac)) => Err(Failure::usage(format!("No interface with MAC address {mac} was found"))),
        ([], None) => Err(Failure::usage(format!("No interface found whose type is {kind}"))),
        (several, _) => Err(Failure::usage(format!(
            "Domain has {} interfaces. Please specify which one to detach using --mac",
            several.len()
        ))),
    }
}

fn detach_disk(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let domain = shell.domain(arguments)?;
    let target = arguments.required("target")?;
    let all = devices(&domain, flags(arguments, &domain)?)?;
    let found = all.iter().find(|device| match device {
        Device::Disk(disk) => {
            let source = disk.source.common().is_some() && disk_path(disk) == Some(target);
            disk.target.dev.as_deref() == Some(target) || source
        }
        _ => false,
    });
    match found {
        Some(device) => detach(shell, arguments, &domain, device, "Disk"),
        None => Err(Failure::usage(format!("No disk found whose source path or target is {target}"))),
    }
}

fn disk_path(disk: &virt_conf::model::Disk) -> Option<&str> {
    match &disk.source {
        virt_conf::model::DiskSource::File(file) => file.file.as_deref(),
        virt_conf::model::DiskSource::Block(block) => block.dev.as_deref(),
        _ => None,
    }
}

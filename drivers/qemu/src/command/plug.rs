//! What the monitor is told to plug a device into a running guest: what the command line would say of it, as commands.

use serde_json::{Map, Value, json};
use virt_conf::domain::{Device, Place};
use virt_conf::model::{Devices, Domain};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{Descriptor, Launch, command_line};
use crate::caps::{Capabilities, Flag};

/// A command to the monitor.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct MonitorCommand {
    /// Its name.
    pub(crate) execute: String,
    /// Its arguments.
    pub(crate) arguments: Value,
    /// The descriptor that goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) descriptor: Option<i32>,
}

impl MonitorCommand {
    fn new(execute: &str, arguments: Value) -> Self {
        Self { execute: execute.to_owned(), arguments, descriptor: None }
    }

    /// The command that undoes this one; nothing where that goes by itself.
    pub(crate) fn reverse(&self) -> Option<Self> {
        let id = |name: &str| self.arguments.get(name).cloned().unwrap_or_default();
        let (execute, arguments) = match self.execute.as_str() {
            "netdev_add" => ("netdev_del", json!({ "id": id("id") })),
            "object-add" => ("object-del", json!({ "id": id("id") })),
            "chardev-add" => ("chardev-remove", json!({ "id": id("id") })),
            "blockdev-add" => ("blockdev-del", json!({ "node-name": id("node-name") })),
            "add-fd" => ("remove-fd", json!({ "fdset-id": id("fdset-id") })),
            "getfd" => ("closefd", json!({ "fdname": id("fdname") })),
            _ => return None,
        };
        Some(Self::new(execute, arguments))
    }
}

/// What plugging a device in takes.
pub(crate) struct Plug {
    /// What the monitor is told, in this order: the device itself last.
    pub(crate) commands: Vec<MonitorCommand>,
    /// What has to be open for it, by number.
    pub(crate) descriptors: Vec<(i32, Descriptor)>,
}

/// What plugging in the device at `place` of `domain` takes, which is complete: with alias and address.
///
/// # Errors
///
/// When this binary cannot have it, or not while the guest runs.
pub(crate) fn plug(
    domain: &Domain,
    place: Place,
    caps: &Capabilities,
    launch: &mut Launch<'_>,
) -> Result<Plug> {
    let device = place.device(&domain.devices);
    // The monitor speaks JSON whatever the command line does.
    let mut caps = caps.clone();
    for flag in [Flag::ChardevJson, Flag::DeviceJsonHotplug, Flag::NetdevJson] {
        caps.flags.insert(flag);
    }
    // The difference that the device makes to a guest that has nothing else but what it can be plugged into.
    let mut bare = domain.clone();
    let all = std::mem::take(&mut bare.devices);
    bare.devices = Devices {
        emulator: all.emulator,
        controllers: all.controllers,
        hubs: all.hubs,
        iommus: all.iommus,
        ..Devices::default()
    };
    bare.os.boots.clear();
    if let Device::Controller(_) | Device::Hub(_) = &device {
        let found = bare.find(&device)?;
        bare.detach(found);
    }
    let without = command_line(&bare, &caps, launch)?;
    bare.attach(device.clone())?;
    let with = command_line(&bare, &caps, launch)?;
    let added = difference(&without.arguments, &with.arguments);
    let known = without.descriptors.len();
    let descriptors: Vec<_> =
        with.descriptors.into_iter().filter(|it| !without.descriptors.contains(it) || known == 0).collect();
    let mut commands = Vec::new();
    for pair in added.chunks(2) {
        let [option, value] = pair else { return Err(impossible(&device)) };
        commands.push(command(option, value).ok_or_else(|| impossible(&device))?);
    }
    if commands.is_empty() {
        return Err(impossible(&device));
    }
    let mut named = Vec::new();
    for command in &mut commands {
        name_descriptors(&mut command.arguments, &descriptors, &mut named);
    }
    let opened = named.into_iter().map(|number| MonitorCommand {
        descriptor: Some(number),
        ..MonitorCommand::new("getfd", json!({ "fdname": descriptor_name(number) }))
    });
    Ok(Plug { commands: opened.chain(commands).collect(), descriptors })
}

/// libvirt's sentence about a device that cannot come to a guest that runs.
fn impossible(device: &Device) -> Error {
    let sentence = format!("live attach of device '{}' is not supported", device.kind());
    Error::new(ErrorCode::OPERATION_UNSUPPORTED, ErrorDomain::QEMU, sentence)
}

/// What stands in `long` and not in `short`, which is `long` with some words left out.
fn difference(short: &[String], long: &[String]) -> Vec<String> {
    let mut short = short.iter().peekable();
    let left = long.iter().filter(|word| short.next_if_eq(word).is_none());
    left.cloned().collect()
}

/// The command that does what an option would have done.
fn command(option: &str, value: &str) -> Option<MonitorCommand> {
    let execute = match option {
        "-netdev" => "netdev_add",
        "-object" => "object-add",
        "-chardev" => "chardev-add",
        "-blockdev" => "blockdev-add",
        "-device" => "device_add",
        "-add-fd" => return add_fd(value),
        _ => return None,
    };
    let arguments: Map<String, Value> = serde_json::from_str(value).ok()?;
    Some(MonitorCommand::new(execute, Value::Object(arguments)))
}

/// `set=1000,fd=20,opaque=serial0-source`
fn add_fd(value: &str) -> Option<MonitorCommand> {
    let word = |name: &str| value.split(',').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let set: u32 = word("set")?.parse().ok()?;
    let number = word("fd")?.parse().ok()?;
    let arguments = json!({ "fdset-id": set, "opaque": word("opaque").unwrap_or_default() });
    Some(MonitorCommand { descriptor: Some(number), ..MonitorCommand::new("add-fd", arguments) })
}

/// What the monitor calls a descriptor that it is handed. Numbers would be QEMU's own.
fn descriptor_name(number: i32) -> String {
    format!("virt{number}")
}

/// Calls descriptors by the names under which the monitor is handed them, and notes which those are.
fn name_descriptors(value: &mut Value, known: &[(i32, Descriptor)], named: &mut Vec<i32>) {
    match value {
        Value::Object(members) => {
            let by_descriptor = members.get("type").and_then(Value::as_str) == Some("fd");
            for (key, member) in members.iter_mut() {
                let holds = matches!(key.as_str(), "fd" | "fds" | "vhostfd" | "vhostfds");
                // The address of a socket that is open already.
                if by_descriptor && key == "data" {
                    if let Some(text) = member.get_mut("str") {
                        rename(text, known, named);
                    }
                } else if holds {
                    rename(member, known, named);
                } else {
                    name_descriptors(member, known, named);
                }
            }
        }
        Value::Array(members) => {
            for member in members {
                name_descriptors(member, known, named);
            }
        }
        _ => {}
    }
}

/// `20:21` becomes `virt20:virt21`.
fn rename(text: &mut Value, known: &[(i32, Descriptor)], named: &mut Vec<i32>) {
    let Some(numbers) = text.as_str() else { return };
    let names = numbers.split(':').map(|word| match word.parse::<i32>() {
        Ok(number) if known.iter().any(|(it, _)| *it == number) => {
            if !named.contains(&number) {
                named.push(number);
            }
            descriptor_name(number)
        }
        _ => word.to_owned(),
    });
    *text = Value::String(names.collect::<Vec<_>>().join(":"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_commands_with_descriptors_by_name() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let short = words("-S -device {\"driver\":\"a\"} -msg on");
        let long = words(
            "-S -netdev {\"type\":\"tap\",\"fd\":\"20\",\"id\":\"hostnet1\"} -device {\"driver\":\"a\"} \
             -add-fd set=7,fd=21,opaque=x -msg on",
        );
        let added = difference(&short, &long);
        let mut commands: Vec<_> = added.chunks(2).map(|pair| command(&pair[0], &pair[1]).unwrap()).collect();
        let known = [(20, Descriptor::Monitor)];
        let mut named = Vec::new();
        for command in &mut commands {
            name_descriptors(&mut command.arguments, &known, &mut named);
        }
        assert_eq!(named, [20]);
        assert_eq!(commands[0].execute, "netdev_add");
        assert_eq!(commands[0].arguments, json!({ "type": "tap", "fd": "virt20", "id": "hostnet1" }));
        assert_eq!(commands[1].arguments, json!({ "fdset-id": 7, "opaque": "x" }));
        assert_eq!(commands[1].descriptor, Some(21));
        let back: Vec<_> = commands.iter().filter_map(MonitorCommand::reverse).map(|it| it.execute).collect();
        assert_eq!(back, ["netdev_del", "remove-fd"]);
        assert!(command("-global", "x=y").is_none());
    }
}

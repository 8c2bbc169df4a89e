//! The monitor's commands that running a guest needs, typed. All of them fail as [`Commands::command`] does.

#![allow(clippy::missing_errors_doc)] // said once, above

use std::os::fd::BorrowedFd;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use virt_util::controller::Client;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorDomain, Result};

use super::Monitor;

/// What QEMU is doing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RunState {
    /// Whether the virtual CPUs run.
    pub running: bool,
    /// QEMU's word: `running`, `paused`, `prelaunch`, `shutdown`, `guest-panicked`, `io-error` ...
    pub status: String,
}

/// One virtual CPU that is plugged in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cpu {
    /// Number from 0, in the order of creation.
    pub cpu_index: u32,
    /// The host's thread that runs it.
    pub thread_id: i32,
    /// Its object.
    pub qom_path: String,
    /// Where it sits: socket, die, core, thread.
    #[serde(default)]
    pub props: Value,
}

/// A place for a virtual CPU, taken or free.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CpuSlot {
    /// The device to plug in.
    pub r#type: String,
    /// How many virtual CPUs one such device brings.
    pub vcpus_count: u32,
    /// The properties that place it.
    pub props: Value,
    /// The object that sits there, when one does.
    #[serde(default)]
    pub qom_path: Option<String>,
}

/// A character device and what is behind it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Chardev {
    /// Its id.
    pub label: String,
    /// `pty:/dev/pts/4`, `unix:/run/x,server=on`, `file` ...
    pub filename: String,
    /// Whether the guest has the other end open.
    #[serde(default)]
    pub frontend_open: bool,
}

/// Whoever passes commands to a monitor: a connection to QEMU itself, or to the guest's controller.
pub trait Commands {
    /// Runs one command and returns what it returned.
    ///
    /// `unable to execute QEMU command 'X': DESC` when QEMU refuses; other errors when QEMU is gone or `wait` ends.
    fn command(
        &mut self,
        name: &str,
        arguments: Option<Value>,
        descriptors: &[BorrowedFd<'_>],
        wait: Wait<'_>,
    ) -> Result<Value>;

    /// Runs a command whose answer holds nothing.
    fn order(&mut self, name: &str, arguments: Option<Value>, wait: Wait<'_>) -> Result<()> {
        self.command(name, arguments, &[], wait).map(drop)
    }

    /// Runs a command and understands its answer.
    fn query<T: DeserializeOwned>(&mut self, name: &str, wait: Wait<'_>) -> Result<T> {
        understood(name, self.command(name, None, &[], wait)?)
    }

    /// What QEMU is doing.
    fn run_state(&mut self, wait: Wait<'_>) -> Result<RunState> {
        self.query("query-status", wait)
    }

    /// Lets the virtual CPUs run.
    fn resume(&mut self, wait: Wait<'_>) -> Result<()> {
        self.order("cont", None, wait)
    }

    /// Stops the virtual CPUs.
    fn pause(&mut self, wait: Wait<'_>) -> Result<()> {
        self.order("stop", None, wait)
    }

    /// Presses the ACPI power button.
    fn power_down(&mut self, wait: Wait<'_>) -> Result<()> {
        self.order("system_powerdown", None, wait)
    }

    /// Presses the reset button.
    fn reset(&mut self, wait: Wait<'_>) -> Result<()> {
        self.order("system_reset", None, wait)
    }

    /// Decides what QEMU does when the guest reboots, shuts down, panics: `{"shutdown": "poweroff"}`.
    fn set_actions(&mut self, actions: Value, wait: Wait<'_>) -> Result<()> {
        self.order("set-action", Some(actions), wait)
    }

    /// The memory that the balloon leaves to the guest, in bytes; nothing when there is no balloon.
    fn balloon(&mut self, wait: Wait<'_>) -> Result<Option<u64>> {
        #[derive(Deserialize)]
        struct Balloon {
            actual: u64,
        }
        willing(self.query::<Balloon>("query-balloon", wait))
            .map(|balloon| balloon.map(|balloon| balloon.actual))
    }

    /// Asks the balloon to leave `bytes` to the guest.
    fn set_balloon(&mut self, bytes: u64, wait: Wait<'_>) -> Result<()> {
        self.order("balloon", Some(json!({ "value": bytes })), wait)
    }

    /// The virtual CPUs that are plugged in.
    fn cpus(&mut self, wait: Wait<'_>) -> Result<Vec<Cpu>> {
        self.query("query-cpus-fast", wait)
    }

    /// A property of an object; nothing where it has none of that name.
    fn property<T: DeserializeOwned>(&mut self, path: &str, name: &str, wait: Wait<'_>) -> Result<Option<T>> {
        let arguments = json!({ "path": path, "property": name });
        let answer = willing(self.command("qom-get", Some(arguments), &[], wait))?;
        answer.map(|value| understood("qom-get", value)).transpose()
    }

    /// All places for virtual CPUs, in their order; empty where the machine type cannot plug any.
    fn cpu_slots(&mut self, wait: Wait<'_>) -> Result<Vec<CpuSlot>> {
        let slots: Option<Vec<CpuSlot>> = willing(self.query("query-hotpluggable-cpus", wait))?;
        let mut slots = slots.unwrap_or_default();
        // QEMU lists the last place first.
        slots.reverse();
        Ok(slots)
    }

    /// The character devices.
    fn chardevs(&mut self, wait: Wait<'_>) -> Result<Vec<Chardev>> {
        self.query("query-chardev", wait)
    }

    /// Sets the password of the displays of a protocol, what happens to those who are connected, and when it ends.
    fn set_password(
        &mut self,
        protocol: &str,
        password: &str,
        connected: Option<&str>,
        expires: &str,
        wait: Wait<'_>,
    ) -> Result<()> {
        let mut arguments = json!({ "protocol": protocol, "password": password });
        if let (Some(connected), Some(arguments)) = (connected, arguments.as_object_mut()) {
            arguments.insert("connected".into(), json!(connected));
        }
        self.order("set_password", Some(arguments), wait)?;
        self.order("expire_password", Some(json!({ "protocol": protocol, "time": expires })), wait)
    }

    /// Plugs in a device.
    fn add_device(&mut self, properties: Value, wait: Wait<'_>) -> Result<()> {
        self.order("device_add", Some(properties), wait)
    }

    /// Asks the guest to give up a device; it is gone when the event `DEVICE_DELETED` says so.
    fn remove_device(&mut self, id: &str, wait: Wait<'_>) -> Result<()> {
        self.order("device_del", Some(json!({ "id": id })), wait)
    }

    /// Writes what a display (its device and head; nothing: the first) shows into `file`, as `ppm` or `png`, without
    /// QEMU opening any path.
    fn screenshot(
        &mut self,
        file: BorrowedFd<'_>,
        format: &str,
        display: Option<(&str, u32)>,
        wait: Wait<'_>,
    ) -> Result<()> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Added {
            fdset_id: u64,
        }
        let added = self.command("add-fd", None, &[file], wait)?;
        let Added { fdset_id } = understood("add-fd", added)?;
        let mut arguments = json!({ "filename": format!("/dev/fdset/{fdset_id}"), "format": format });
        if let (Some((device, head)), Some(object)) = (display, arguments.as_object_mut()) {
            object.insert("device".into(), json!(device));
            object.insert("head".into(), json!(head));
        }
        let outcome = self.order("screendump", Some(arguments), wait);
        // The set goes whether the picture was taken or not; that it cannot go says nothing new then.
        let removed = self.order("remove-fd", Some(json!({ "fdset-id": fdset_id })), wait);
        outcome.and(removed)
    }
}

impl Commands for Monitor {
    fn command(
        &mut self,
        name: &str,
        arguments: Option<Value>,
        descriptors: &[BorrowedFd<'_>],
        wait: Wait<'_>,
    ) -> Result<Value> {
        self.execute_with(name, &arguments.unwrap_or(Value::Null), descriptors, wait)
    }
}

impl Commands for Client {
    fn command(
        &mut self,
        name: &str,
        arguments: Option<Value>,
        descriptors: &[BorrowedFd<'_>],
        wait: Wait<'_>,
    ) -> Result<Value> {
        Self::command(self, name, arguments, descriptors, wait)
    }
}

/// What QEMU answered, if it did not refuse: there is no such device.
fn willing<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        // Of the errors here only a refusal is an internal one with these words.
        Err(error) if error.message().starts_with("internal error: unable to execute QEMU command") => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Reads an answer as what it has to be.
fn understood<T: DeserializeOwned>(command: &str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| {
        Error::internal(ErrorDomain::QEMU, format!("QEMU's answer to '{command}' is not understood: {error}"))
            .caused_by(error)
    })
}

//! The monitor's commands that running a guest needs, typed. All of them fail as [`Monitor::execute`] does.

#![allow(clippy::missing_errors_doc)] // said once, above

use std::os::fd::BorrowedFd;
use std::time::Instant;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
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

impl Monitor {
    /// What QEMU is doing.
    pub fn status(&mut self, deadline: Option<Instant>) -> Result<RunState> {
        self.typed("query-status", &Value::Null, deadline)
    }

    /// Lets the virtual CPUs run.
    pub fn resume(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.execute("cont", &Value::Null, deadline).map(drop)
    }

    /// Stops the virtual CPUs.
    pub fn pause(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.execute("stop", &Value::Null, deadline).map(drop)
    }

    /// Presses the ACPI power button.
    pub fn power_down(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.execute("system_powerdown", &Value::Null, deadline).map(drop)
    }

    /// Presses the reset button.
    pub fn reset(&mut self, deadline: Option<Instant>) -> Result<()> {
        self.execute("system_reset", &Value::Null, deadline).map(drop)
    }

    /// The memory that the balloon leaves to the guest, in bytes; nothing when there is no balloon.
    pub fn balloon(&mut self, deadline: Option<Instant>) -> Result<Option<u64>> {
        #[derive(Deserialize)]
        struct Balloon {
            actual: u64,
        }
        match self.ask("query-balloon", &Value::Null, &[], deadline)? {
            Ok(value) => understood::<Balloon>("query-balloon", value).map(|balloon| Some(balloon.actual)),
            Err(refusal) if matches!(refusal.class.as_str(), "DeviceNotActive" | "KVMMissingCap") => Ok(None),
            Err(refusal) => Err(refusal.into_error("query-balloon")),
        }
    }

    /// Asks the balloon to leave `bytes` to the guest; false when there is no balloon.
    pub fn set_balloon(&mut self, bytes: u64, deadline: Option<Instant>) -> Result<bool> {
        match self.ask("balloon", &json!({ "value": bytes }), &[], deadline)? {
            Ok(_) => Ok(true),
            Err(refusal) if refusal.class == "DeviceNotActive" => Ok(false),
            Err(refusal) => Err(refusal.into_error("balloon")),
        }
    }

    /// The virtual CPUs that are plugged in.
    pub fn cpus(&mut self, deadline: Option<Instant>) -> Result<Vec<Cpu>> {
        self.typed("query-cpus-fast", &Value::Null, deadline)
    }

    /// All places for virtual CPUs.
    pub fn cpu_slots(&mut self, deadline: Option<Instant>) -> Result<Vec<CpuSlot>> {
        let mut slots: Vec<CpuSlot> = self.typed("query-hotpluggable-cpus", &Value::Null, deadline)?;
        // QEMU lists the last place first.
        slots.reverse();
        Ok(slots)
    }

    /// The character devices.
    pub fn chardevs(&mut self, deadline: Option<Instant>) -> Result<Vec<Chardev>> {
        self.typed("query-chardev", &Value::Null, deadline)
    }

    /// Plugs in a device.
    pub fn add_device(&mut self, properties: &Value, deadline: Option<Instant>) -> Result<()> {
        self.execute("device_add", properties, deadline).map(drop)
    }

    /// Asks the guest to give up a device; it is gone when the event `DEVICE_DELETED` says so.
    pub fn remove_device(&mut self, id: &str, deadline: Option<Instant>) -> Result<()> {
        self.execute("device_del", &json!({ "id": id }), deadline).map(drop)
    }

    /// Writes what a display shows into `file`, as `format` (`ppm` or `png`), without QEMU opening any path.
    pub fn screenshot(
        &mut self,
        file: BorrowedFd<'_>,
        format: &str,
        display: Option<(&str, u32)>,
        deadline: Option<Instant>,
    ) -> Result<()> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Added {
            fdset_id: u64,
        }
        let added = self.execute_with("add-fd", &Value::Null, &[file], deadline)?;
        let Added { fdset_id } = understood("add-fd", added)?;
        let mut arguments = json!({ "filename": format!("/dev/fdset/{fdset_id}"), "format": format });
        if let (Some((device, head)), Some(object)) = (display, arguments.as_object_mut()) {
            object.insert("device".into(), json!(device));
            object.insert("head".into(), json!(head));
        }
        let outcome = self.execute("screendump", &arguments, deadline);
        // The set is taken away whether the picture was taken or not; its failure says nothing new.
        let removed = self.ask("remove-fd", &json!({ "fdset-id": fdset_id }), &[], deadline);
        outcome.and(removed.map(drop))
    }

    fn typed<T: DeserializeOwned>(
        &mut self,
        command: &str,
        arguments: &Value,
        deadline: Option<Instant>,
    ) -> Result<T> {
        understood(command, self.execute(command, arguments, deadline)?)
    }
}

/// Reads an answer as what it has to be.
fn understood<T: DeserializeOwned>(command: &str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| {
        Error::internal(ErrorDomain::QEMU, format!("QEMU's answer to '{command}' is not understood: {error}"))
            .caused_by(error)
    })
}

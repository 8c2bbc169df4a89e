//! Memory, vCPUs, and other changes of a definition, of a running guest, or of both.

use std::time::Duration;

use serde_json::{Map, Value};
use virt_conf::model::{Domain, Kib, MemoryBalloonModel};
use virt_util::controller::{Client, Notice};
use virt_util::index::Entry;
use virt_util::process::{ProcessStat, ticks_per_second};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{Engine, invalid, not_running};
use crate::monitor::{Commands, CpuSlot};
use crate::state::Status;

/// A guest's memory, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemorySize {
    /// The most it may have.
    pub(crate) maximum: u64,
    /// What it has.
    pub(crate) current: u64,
}

/// How long a guest has to give up a vCPU, as in libvirt.
const UNPLUG: Duration = Duration::from_secs(5);

/// How long a call that only asks waits for a busy emulator.
const GLANCE: Duration = Duration::from_secs(1);

fn bad_argument(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::QEMU, detail)
}

impl Engine {
    /// What a change affects: the running guest, the definition.
    pub(crate) fn affected(entry: &Entry, live: bool, config: bool) -> Result<(bool, bool)> {
        if live && !entry.is_active() {
            return Err(not_running());
        }
        if config && !entry.is_persistent() {
            return Err(invalid("transient domains do not have any persistent config"));
        }
        if live || config { Ok((live, config)) } else { Ok((entry.is_active(), !entry.is_active())) }
    }

    /// Changes what is written about a guest.
    pub(crate) fn change(
        &self,
        entry: &Entry,
        live: bool,
        config: bool,
        apply: impl Fn(&mut Domain) -> Result<()>,
        wait: Wait<'_>,
    ) -> Result<()> {
        let mut lock = self.store.index().lock("changing a guest", wait)?;
        let entry = self.store.by_uuid(entry.uuid)?;
        if live {
            let mut status = self.store.status(&entry)?;
            apply(&mut status.domain)?;
            status.state = (entry.state, entry.reason);
            self.store.write_status(&mut lock, &status)?;
        }
        if config {
            let mut domain = self.domain(&entry, true)?;
            apply(&mut domain)?;
            self.store.write_definition(&mut lock, &domain)?;
        }
        Ok(())
    }

    /// How much memory the guest has.
    pub(crate) fn memory(&self, entry: &Entry, domain: &Domain, wait: Wait<'_>) -> Result<MemorySize> {
        let maximum = domain.memory.as_ref().map_or(0, |memory| memory.size.0);
        let defined = domain.current_memory.map_or(maximum, |current| current.0);
        let current = if entry.is_active() && has_balloon(domain) {
            self.balloon(entry, wait)?.unwrap_or(defined)
        } else {
            defined
        };
        Ok(MemorySize { maximum, current })
    }

    /// What the balloon leaves to the guest, in KiB. An emulator that is too busy to say so is not waited for long.
    fn balloon(&self, entry: &Entry, wait: Wait<'_>) -> Result<Option<u64>> {
        let left = wait.deadline().map(|at| at.saturating_duration_since(std::time::Instant::now()));
        let wait = Wait::at_most(left.map_or(GLANCE, |left| left.min(GLANCE)));
        let Some(mut client) = self.look_at(entry, wait)? else { return Ok(None) };
        match client.balloon(wait) {
            Ok(bytes) => Ok(bytes.map(|bytes| bytes / 1024)),
            Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The CPU time that the guest used, in nanoseconds.
    pub(crate) fn cpu_time(entry: &Entry) -> Result<u64> {
        let Some(process) = Status::process_of(entry).filter(|_| entry.is_active()) else { return Ok(0) };
        let Some(stat) = ProcessStat::of(process.pid)? else { return Ok(0) };
        let nanoseconds = 1_000_000_000 / ticks_per_second().max(1);
        Ok((stat.user_time + stat.system_time).saturating_mul(nanoseconds))
    }

    /// Sets the memory that the balloon leaves to the guest, in KiB.
    pub(crate) fn set_memory(
        &self,
        entry: &Entry,
        kib: u64,
        live: bool,
        config: bool,
        wait: Wait<'_>,
    ) -> Result<()> {
        for inactive in
            [(live, false), (config, true)].iter().filter(|(wanted, _)| *wanted).map(|(_, it)| *it)
        {
            let domain = self.domain(entry, inactive)?;
            if kib > domain.memory.as_ref().map_or(0, |memory| memory.size.0) {
                return Err(bad_argument("cannot set memory higher than max memory"));
            }
        }
        if live {
            if !has_balloon(&self.domain(entry, false)?) {
                return Err(invalid(
                    "Unable to change memory of active domain without the balloon device and guest OS balloon driver",
                ));
            }
            self.live(entry.uuid, "setting memory", wait)?.client.set_balloon(kib * 1024, wait)?;
        }
        let apply = |domain: &mut Domain| {
            domain.current_memory = Some(Kib(kib));
            Ok(())
        };
        self.change(entry, live, config, apply, wait)
    }

    /// Sets the most memory that the guest may have, in KiB.
    pub(crate) fn set_maximum_memory(
        &self,
        entry: &Entry,
        kib: u64,
        live: bool,
        config: bool,
        wait: Wait<'_>,
    ) -> Result<()> {
        if live {
            return Err(invalid("cannot resize the maximum memory on an active domain"));
        }
        let apply = |domain: &mut Domain| {
            let Some(memory) = &mut domain.memory else {
                return Err(bad_argument("the domain has no memory"));
            };
            memory.size = Kib(kib);
            domain.current_memory = domain.current_memory.map(|current| current.min(Kib(kib)));
            Ok(())
        };
        self.change(entry, false, config, apply, wait)
    }

    /// Sets the number of vCPUs.
    pub(crate) fn set_vcpus(
        &self,
        entry: &Entry,
        vcpus: u32,
        live: bool,
        config: bool,
        wait: Wait<'_>,
    ) -> Result<()> {
        for (inactive, which) in [(live, (false, "live")), (config, (true, "persistent"))]
            .iter()
            .filter(|(wanted, _)| *wanted)
            .map(|(_, it)| *it)
        {
            let most = self.domain(entry, inactive)?.vcpu.max;
            if vcpus > most {
                return Err(bad_argument(format!(
                    "requested vcpus is greater than max allowable vcpus for the {which} domain: {vcpus} > {most}"
                )));
            }
        }
        if live {
            let mut guest = self.live(entry.uuid, "setting vCPUs", wait)?;
            plug(&mut guest.client, vcpus, wait)?;
        }
        let apply = |domain: &mut Domain| {
            domain.vcpu.current = (vcpus != domain.vcpu.max).then_some(vcpus);
            Ok(())
        };
        self.change(entry, live, config, apply, wait)
    }

    /// Sets the most vCPUs that the guest may have.
    pub(crate) fn set_maximum_vcpus(
        &self,
        entry: &Entry,
        vcpus: u32,
        live: bool,
        config: bool,
        wait: Wait<'_>,
    ) -> Result<()> {
        if live {
            return Err(invalid("maximum vcpu count of a live domain can't be modified"));
        }
        let apply = |domain: &mut Domain| {
            let topology = domain.cpu.as_ref().is_some_and(|cpu| cpu.topology.is_some());
            if topology {
                return Err(bad_argument("CPU topology doesn't match the desired vcpu count"));
            }
            domain.vcpu.current = domain.vcpu.current.filter(|current| *current < vcpus);
            domain.vcpu.max = vcpus;
            Ok(())
        };
        self.change(entry, false, config, apply, wait)
    }
}

/// Whether the guest's memory can change while it runs.
fn has_balloon(domain: &Domain) -> bool {
    domain.devices.memballoon.as_ref().is_some_and(|balloon| balloon.model != MemoryBalloonModel::None)
}

/// Plugs in the vCPUs of these numbers.
pub(super) fn plug_vcpus(client: &mut Client, vcpus: &[u32], wait: Wait<'_>) -> Result<()> {
    let slots = client.cpu_slots(wait)?;
    let mut number = 0;
    for slot in &slots {
        if slot.qom_path.is_none() && vcpus.contains(&number) {
            client.add_device(vcpu_device(slot, number), wait)?;
        }
        number += slot.vcpus_count;
    }
    Ok(())
}

/// What is plugged in to fill `slot`, whose first vCPU has this number.
fn vcpu_device(slot: &CpuSlot, number: u32) -> Value {
    let mut device = Map::new();
    device.insert("driver".into(), Value::String(slot.r#type.clone()));
    device.insert("id".into(), Value::String(format!("vcpu{number}")));
    device.extend(slot.props.as_object().cloned().unwrap_or_default());
    Value::Object(device)
}

/// Plugs vCPUs in, or asks the guest to give some up, until it has `wanted`.
fn plug(client: &mut Client, wanted: u32, wait: Wait<'_>) -> Result<()> {
    let unreachable = || {
        let sentence = "failed to find appropriate hotpluggable vcpus to reach the desired target vcpu count";
        Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::QEMU, sentence)
    };
    let slots = client.cpu_slots(wait)?;
    let mut present: u32 =
        slots.iter().filter(|slot| slot.qom_path.is_some()).map(|slot| slot.vcpus_count).sum();
    let mut number = 0;
    for slot in &slots {
        if slot.qom_path.is_none() && present + slot.vcpus_count <= wanted {
            client.add_device(vcpu_device(slot, number), wait)?;
            present += slot.vcpus_count;
        }
        number += slot.vcpus_count;
    }
    if present > wanted {
        client.subscribe(wait)?;
    }
    // Those that were plugged have names; the ones that the guest was born with stay.
    for slot in slots.iter().rev() {
        let name = slot.qom_path.as_deref().and_then(|path| path.strip_prefix("/machine/peripheral/"));
        let Some(name) = name.filter(|_| present >= wanted + slot.vcpus_count) else { continue };
        client.remove_device(name, wait)?;
        deleted(client, name)?;
        present -= slot.vcpus_count;
    }
    if present == wanted { Ok(()) } else { Err(unreachable()) }
}

/// Waits until the guest has given the device up.
fn deleted(client: &mut Client, name: &str) -> Result<()> {
    let wait = Wait::at_most(UNPLUG);
    loop {
        let event = match client.notice(wait) {
            Ok(Notice::Monitor(event)) => event,
            Ok(Notice::Ended(_)) => return Err(not_running()),
            Ok(Notice::Missed(_)) => continue,
            Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => {
                let sentence =
                    "vcpu unplug request timed out. Unplug result must be manually inspected in the domain";
                return Err(Error::new(ErrorCode::OPERATION_TIMEOUT, ErrorDomain::QEMU, sentence));
            }
            Err(error) => return Err(error),
        };
        let is = |member: &str, text: &str| event.pointer(member).and_then(Value::as_str) == Some(text);
        if is("/event", "DEVICE_DELETED") && is("/data/device", name) {
            return Ok(());
        }
    }
}

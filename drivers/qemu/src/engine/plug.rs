//! Devices that come to a running guest, go from it, and change.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;
use virt_conf::domain::{Device, Place};
use virt_conf::model::{
    ControllerKind, DeviceAddress, Domain, HostDeviceAddress, HostdevKind, SubsystemDevice,
};
use virt_conf::xml::{ParseFlags, ParseOptions};
use virt_core::driver::{DeviceChange, EventKind};
use virt_util::controller::{Client, Notice};
use virt_util::index::Entry;
use virt_util::journal::{self, Journal};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::context::Secrets;
use super::lease::Lease;
use super::port::{self, Port};
use super::start::abandon;
use super::step::Step;
use super::{Engine, not_running};
use crate::command::{Taken, assign_aliases};
use crate::event;
use crate::hooks::QemuHooks;
use crate::model::hostdev_of;
use crate::monitor::Commands;
use crate::plan::host_devices::address_of;
use crate::state::Status;

/// How long a guest has to let go of a device before the call returns without it, as in libvirt.
const LETTING_GO: Duration = Duration::from_secs(5);

/// Which device is meant.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// The one that a document describes.
    Like(Box<Device>),
    /// The one of this alias.
    Alias(String),
}

impl Wanted {
    fn find(&self, domain: &Domain) -> Result<Place> {
        match self {
            Self::Like(device) => domain.find(device),
            Self::Alias(alias) => domain.find_alias(alias),
        }
    }
}

pub(super) fn unsupported(sentence: String) -> Error {
    Error::new(ErrorCode::OPERATION_UNSUPPORTED, ErrorDomain::QEMU, sentence)
}

impl Engine {
    /// What a change of a device affects: the running guest, the definition.
    pub(super) fn affected_by(entry: &Entry, flags: DeviceChange) -> Result<(bool, bool)> {
        Self::affected(entry, flags.contains(DeviceChange::LIVE), flags.contains(DeviceChange::CONFIG))
    }

    /// Fills in what a document leaves open once it has one device more or another one, and checks it.
    pub(super) fn complete(&self, domain: &mut Domain, live: bool, wait: Wait<'_>) -> Result<()> {
        let capabilities = self.capabilities(domain, wait)?;
        let variables = self.nvram_directory();
        let hooks = QemuHooks::new(&capabilities).with_nvram_directory(&variables);
        let flags = if live { ParseFlags::empty() } else { ParseFlags::INACTIVE };
        domain.complete(&ParseOptions::from(flags | ParseFlags::ABI_UPDATE), &hooks)
    }

    /// Gives a guest a device.
    pub(crate) fn attach_device(
        &self,
        uuid: Uuid,
        xml: &str,
        flags: DeviceChange,
        wait: Wait<'_>,
    ) -> Result<()> {
        let entry = self.entry(uuid, wait)?;
        let (live, config) = Self::affected_by(&entry, flags)?;
        let read = |flags: ParseFlags| Device::from_xml(xml, &flags.into());
        let mut definition = None;
        if config {
            let mut domain = self.domain(&entry, true)?;
            domain.attach(read(ParseFlags::INACTIVE)?)?;
            self.complete(&mut domain, false, wait)?;
            definition = Some(domain);
        }
        if live {
            self.plug(uuid, read(ParseFlags::INACTIVE)?, wait)?;
        }
        self.write_definition(definition, wait)
    }

    pub(super) fn write_definition(&self, definition: Option<Domain>, wait: Wait<'_>) -> Result<()> {
        let Some(domain) = definition else { return Ok(()) };
        let mut lock = self.store.index().lock("changing a guest's devices", wait)?;
        self.store.write_definition(&mut lock, &domain).map(drop)
    }

    /// Plugs a device into a running guest.
    fn plug(&self, uuid: Uuid, device: Device, wait: Wait<'_>) -> Result<()> {
        let mut live = self.live(uuid, "attaching a device", wait)?;
        let status = self.store.status(&live.entry)?;
        let mut domain = status.domain.clone();
        let kind = device.kind();
        refuse_fixed(&device)?;
        let mut device = device;
        let mut port = None;
        if let Device::Interface(interface) = &mut device {
            port = Port::of(interface, &port::owner_of(&domain)?, &self.uri);
            if port.is_some() {
                // What it is, and so its name and its place, depend on the network.
                port::foresee_one(interface, &self.host, &self.uri, wait)?;
            }
        }
        domain.attach(device.clone())?;
        self.complete(&mut domain, true, wait)?;
        refuse_new_controllers(&status.domain, &domain)?;
        assign_aliases(&mut domain);
        let place = newest(&status.domain, &domain, &device)?;
        let taken = taken(&mut live.client, wait)?;
        let alias = place.device(&domain.devices).info().alias.clone().unwrap_or_default();
        let process = status.process;
        let purpose = format!("attaching the {kind} {alias} to domain '{}'", domain.name);
        let mut context = self.context(Secrets::default(), wait.deadline()).of_running(live.client, process);
        let mut journal =
            Journal::begin(self.store.root(), &journal_name(uuid, &alias), &purpose)?.until(wait.deadline());
        if let (Some(port), Device::Interface(mut interface)) = (port, place.device(&domain.devices)) {
            journal.carry_out(Step::Port(port), &mut context)?;
            if let Some(made) = context.last_port() {
                port::plug_in(&mut interface, made);
            }
            domain.replace(place, Device::Interface(interface));
        }
        let planned = self.plan_plug(&mut domain, place, taken, wait);
        let steps = planned.and_then(|steps| refuse_held(&status.domain, &steps).map(|()| steps));
        let steps = match steps {
            Ok(steps) => steps,
            Err(error) => return Err(abandon(journal, &mut context, error)),
        };
        for step in steps {
            journal.carry_out(step, &mut context)?;
        }
        if let Err(error) = self.note_device(uuid, &domain, &alias, wait) {
            let undone = journal.undo(&mut context);
            undone.unwrap_or_else(|left| log::error!("a device stays attached: {left}"));
            return Err(error);
        }
        journal.hand_over(process)
    }

    /// Writes down that a guest has a device, and the event.
    fn note_device(&self, uuid: Uuid, domain: &Domain, alias: &str, wait: Wait<'_>) -> Result<()> {
        let mut lock = self.store.index().lock("attaching a device", wait)?;
        let entry = self.store.by_uuid(uuid)?;
        let mut status = self.store.status(&entry)?;
        status.domain = domain.clone();
        status.state = (entry.state, entry.reason);
        let entry = self.store.write_status(&mut lock, &status)?;
        let added = event::device(&entry, EventKind::DeviceAdded, alias);
        added.append(&lock, self.store.events()).map(drop)
    }

    /// Takes a device away from a guest.
    pub(crate) fn detach_device(
        &self,
        uuid: Uuid,
        wanted: &Wanted,
        flags: DeviceChange,
        wait: Wait<'_>,
    ) -> Result<()> {
        let entry = self.entry(uuid, wait)?;
        let (live, config) = Self::affected_by(&entry, flags)?;
        let mut definition = None;
        if config {
            let mut domain = self.domain(&entry, true)?;
            let place = wanted.find(&domain)?;
            domain.detach(place);
            self.complete(&mut domain, false, wait)?;
            definition = Some(domain);
        }
        if live {
            self.unplug(uuid, wanted, wait)?;
        }
        self.write_definition(definition, wait)
    }

    /// Asks a running guest to let go of a device, and cleans up behind it once it has.
    fn unplug(&self, uuid: Uuid, wanted: &Wanted, wait: Wait<'_>) -> Result<()> {
        let mut live = self.live(uuid, "detaching a device", wait)?;
        let status = self.store.status(&live.entry)?;
        let device = wanted.find(&status.domain)?.device(&status.domain.devices);
        refuse_lasting(&device)?;
        let alias = device.info().alias.clone().ok_or_else(|| {
            let sentence = format!("a {} without an alias", device.kind());
            Error::internal(ErrorDomain::QEMU, sentence)
        })?;
        live.client.subscribe(wait)?;
        let asked = live.client.remove_device(&alias, wait);
        let gone = match asked {
            Ok(()) => let_go(&mut live.client, &alias)?,
            // It went after an earlier call had returned.
            Err(error) if error.message().contains("not found") => true,
            Err(error) => return Err(error),
        };
        if !gone {
            log::info!("the guest has not let go of {alias} yet: an event tells when it does");
            return Ok(());
        }
        let client = self.clean_up(uuid, &status, &device, &alias, live.client, wait)?;
        // Nobody needs to be called for it.
        client.map_or(Ok(()), |mut client| client.tended(&alias, wait))
    }

    /// Cleans up behind devices that a running guest let go of when nobody waited for it any more.
    pub(crate) fn tidy(&self, uuid: Uuid, wait: Wait<'_>) -> Result<()> {
        if self.store.index().by_uuid(uuid)?.is_none_or(|entry| !entry.is_active()) {
            return Ok(());
        }
        let live = match self.live(uuid, "cleaning up behind devices", wait) {
            // It ended meanwhile.
            Err(error) if error.code() == ErrorCode::OPERATION_INVALID => return Ok(()),
            live => live?,
        };
        let status = self.store.status(&live.entry)?;
        let mut client = live.client;
        let there: Vec<Value> = serde_json::from_value(client.command(
            "qom-list",
            Some(serde_json::json!({ "path": "/machine/peripheral" })),
            &[],
            wait,
        )?)
        .map_err(|error| Error::internal(ErrorDomain::QEMU, format!("a list of devices: {error}")))?;
        let names: Vec<&str> = there.iter().filter_map(|device| device.get("name")?.as_str()).collect();
        for (device, alias) in pluggable(&status.domain) {
            if names.contains(&alias.as_str()) {
                continue;
            }
            let entry = self.store.by_uuid(uuid)?;
            let status = self.store.status(&entry)?;
            match self.clean_up(uuid, &status, &device, &alias, client, wait)? {
                Some(kept) => client = kept,
                None => break,
            }
            log::info!("domain '{}' has let go of {alias}", status.domain.name);
        }
        Ok(())
    }

    /// What a device that is gone had is given back, and the guest's document loses it. Answers the connection.
    fn clean_up(
        &self,
        uuid: Uuid,
        status: &Status,
        device: &Device,
        alias: &str,
        client: Client,
        wait: Wait<'_>,
    ) -> Result<Option<Client>> {
        let mut context = self.context(Secrets::default(), None).of_running(client, status.process);
        match Journal::<Step>::open(self.store.root(), &journal_name(uuid, alias))? {
            Some(journal) => journal.undo(&mut context)?,
            // The guest was born with it: what it had is in the journal of the start.
            None => {
                for command in self.backends(status, device, wait)? {
                    let told = context.tell(&command);
                    told.unwrap_or_else(|error| log::debug!("{alias}: {error}"));
                }
                if let Some(lease) = lease_of(&status.domain, device)? {
                    lease.give_back(&self.host);
                }
                if let Device::Interface(interface) = device
                    && let Some(port) = Port::held(interface, &self.uri)
                {
                    port.delete(&self.host)?;
                }
            }
        }
        let later = format!("{}.", journal_name(uuid, alias));
        for name in self.device_journals(uuid)?.into_iter().filter(|name| name.starts_with(&later)) {
            if let Some(journal) = Journal::<Step>::open(self.store.root(), &name)? {
                journal.undo(&mut context)?;
            }
        }
        let mut lock = self.store.index().lock("detaching a device", wait)?;
        let entry = self.store.by_uuid(uuid)?;
        let mut status = self.store.status(&entry)?;
        let place = status.domain.find_alias(alias)?;
        status.domain.detach(place);
        status.state = (entry.state, entry.reason);
        self.store.write_status(&mut lock, &status)?;
        Ok(context.into_client())
    }

    /// What takes away the host's end of a device that the guest was born with.
    fn backends(
        &self,
        status: &Status,
        device: &Device,
        wait: Wait<'_>,
    ) -> Result<Vec<crate::command::MonitorCommand>> {
        let mut domain = status.domain.clone();
        let place = domain.find_alias(device.info().alias.as_deref().unwrap_or_default())?;
        // Images have other node names by now: they stay open until the guest ends.
        let is_plain = match device {
            Device::Disk(_) | Device::Hostdev(_) => false,
            Device::Interface(interface) => hostdev_of(interface).is_none(),
            _ => true,
        };
        if !is_plain {
            return Ok(Vec::new());
        }
        let steps = self.plan_plug(&mut domain, place, Taken::default(), wait)?;
        let commands = steps.into_iter().find_map(|step| match step {
            Step::Plug { commands, .. } => Some(commands),
            _ => None,
        });
        let plugged = commands.unwrap_or_default().into_iter().rev();
        Ok(plugged
            .filter(|command| matches!(command.execute.as_str(), "netdev_add" | "object-add" | "chardev-add"))
            .filter_map(|command| command.reverse())
            .collect())
    }

    /// The journals of devices that came to a guest while it ran.
    pub(super) fn device_journals(&self, uuid: Uuid) -> Result<Vec<String>> {
        let prefix = journal_name(uuid, "");
        let listed = journal::list::<Step>(self.store.root())?;
        Ok(listed.into_iter().map(|(name, _)| name).filter(|name| name.starts_with(&prefix)).collect())
    }
}

/// The journal of what came to a guest with the device `alias`; what came to the device later adds a dot and a word.
pub(super) fn journal_name(uuid: Uuid, alias: &str) -> String {
    format!("{uuid}+{alias}")
}

/// Numbers that are taken in the running emulator.
pub(super) fn taken(client: &mut Client, wait: Wait<'_>) -> Result<Taken> {
    let nodes: Vec<Value> = client.query("query-named-block-nodes", wait)?;
    let number = |node: &Value| {
        let name = node.get("node-name")?.as_str()?.strip_prefix("libvirt-")?;
        name.split('-').next()?.parse::<u32>().ok()
    };
    let nodes = nodes.iter().filter_map(number).max().unwrap_or_default();
    let sets: Vec<Value> = client.query("query-fdsets", wait)?;
    let sets = sets.iter().filter_map(|set| set.get("fdset-id")?.as_u64());
    let fdsets = sets.max().map_or(0, |last| u32::try_from(last).unwrap_or_default().saturating_add(1));
    Ok(Taken { nodes, fdsets })
}

/// Where the device is that one document has and the other has not.
fn newest(before: &Domain, after: &Domain, device: &Device) -> Result<Place> {
    let known = |place: &Place| {
        let alias = place.device(&after.devices).info().alias.clone();
        alias.is_some_and(|alias| before.find_alias(&alias).is_ok())
    };
    let found = after.places(device.kind()).into_iter().find(|place| !known(place));
    found.ok_or_else(|| {
        let sentence = format!("the new {} cannot be told from those that the guest has", device.kind());
        Error::internal(ErrorDomain::QEMU, sentence)
    })
}

/// Controllers that a device would need and the guest has not: buses grow only while it is off.
fn refuse_new_controllers(before: &Domain, after: &Domain) -> Result<()> {
    let count = |domain: &Domain, pci: bool| {
        let controllers = domain.devices.controllers.iter();
        controllers.filter(|it| matches!(it.kind, ControllerKind::Pci(_)) == pci).count()
    };
    if count(after, true) > count(before, true) {
        // libvirt's sentence.
        return Err(Error::internal(ErrorDomain::QEMU, "No more available PCI slots").hint(
            "add controllers of model pcie-root-port to the definition: each takes one device while the guest runs",
        ));
    }
    if count(after, false) > count(before, false) {
        let sentence = "the guest has no controller that the device could be plugged into";
        return Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, sentence)
            .hint("attach the controller first"));
    }
    Ok(())
}

/// Devices that no running guest can get.
fn refuse_fixed(device: &Device) -> Result<()> {
    if let Device::Video(_) | Device::Sound(_) | Device::Smartcard(_) | Device::Hub(_) | Device::Parallel(_) =
        device
    {
        return Err(unsupported(format!("live attach of device '{}' is not supported", device.kind())));
    }
    Ok(())
}

/// Devices that no running guest lets go of.
fn refuse_lasting(device: &Device) -> Result<()> {
    let sentence = match device {
        Device::Video(_) | Device::Sound(_) | Device::Smartcard(_) | Device::Hub(_) | Device::Parallel(_) => {
            format!("live detach of device '{}' is not supported", device.kind())
        }
        Device::Controller(controller) if matches!(controller.kind, ControllerKind::Pci(_)) => {
            format!("'{}' controller cannot be hot unplugged.", controller.kind.tag())
        }
        Device::Interface(interface) => {
            let slot = interface.info.address.as_ref();
            match slot {
                Some(virt_conf::model::DeviceAddress::Pci(pci))
                    if pci.multifunction == Some(virt_conf::model::Switch::On) =>
                {
                    format!(
                        "cannot hot unplug {} device with multifunction PCI guest address: {}",
                        device.kind(),
                        pci.slot
                    )
                }
                _ => return Ok(()),
            }
        }
        _ => return Ok(()),
    };
    Err(unsupported(sentence))
}

/// The devices that QEMU knows by their aliases, and that can go while the guest runs.
fn pluggable(domain: &Domain) -> Vec<(Device, String)> {
    let kinds = ["disk", "interface", "hostdev", "input", "memory", "rng", "redirdev", "shmem", "watchdog"];
    let places = kinds.into_iter().flat_map(|kind| domain.places(kind));
    let devices = places.map(|place| place.device(&domain.devices));
    let known = devices.filter(|device| {
        // One that takes another's place is shown to QEMU only once the guest knows what to do with it.
        let is_hidden = match device {
            Device::Interface(interface) => interface.teaming.is_some(),
            Device::Hostdev(hostdev) => matches!(&hostdev.kind, HostdevKind::Subsystem(one)
                if matches!(&one.device, SubsystemDevice::Pci(pci) if pci.teaming.is_some())),
            _ => false,
        };
        use DeviceAddress::{Ccw, Dimm, Drive, Pci, Usb};
        let address = device.info().address.as_ref();
        !is_hidden && matches!(address, Some(Pci(_) | Usb(_) | Drive(_) | Ccw(_) | Dimm(_)))
    });
    known.filter_map(|device| Some((device.clone(), device.info().alias.clone()?))).collect()
}

/// Waits until the guest has let go of a device; false when it has not yet.
fn let_go(client: &mut Client, alias: &str) -> Result<bool> {
    let wait = Wait::at_most(LETTING_GO);
    loop {
        let event = match client.notice(wait) {
            Ok(Notice::Monitor(event)) => event,
            // What it had went with it.
            Ok(Notice::Ended(_)) => return Err(not_running()),
            Ok(Notice::Missed(_)) => continue,
            Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => return Ok(false),
            Err(error) => return Err(error),
        };
        let is = |member: &str, text: &str| event.pointer(member).and_then(Value::as_str) == Some(text);
        if !is("/data/device", alias) {
            continue;
        }
        if is("/event", "DEVICE_DELETED") {
            return Ok(true);
        }
        if is("/event", "DEVICE_UNPLUG_GUEST_ERROR") {
            // libvirt's sentence.
            let sentence = "unplug of device was rejected by the guest";
            return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::QEMU, sentence));
        }
    }
}

/// Refuses a device of the host that the guest has already: to undo that would take away what it has.
fn refuse_held(domain: &Domain, steps: &[Step]) -> Result<()> {
    let Some(lease) = steps.iter().find_map(|step| match step {
        Step::HostDevices(lease) => Some(lease),
        _ => None,
    }) else {
        return Ok(());
    };
    let wanted = lease.names();
    let places = ["interface", "hostdev"].into_iter().flat_map(|kind| domain.places(kind));
    for place in places {
        let held = lease_of(domain, &place.device(&domain.devices))?;
        let held = held.map(|lease| lease.names()).unwrap_or_default();
        if let Some(name) = held.iter().find(|name| wanted.contains(name)) {
            // libvirt's sentence.
            let what = if name.contains('.') { "PCI device" } else { "device" };
            let sentence = format!("{what} {name} is in use by driver QEMU, domain {}", domain.name);
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::QEMU, sentence));
        }
    }
    Ok(())
}

/// What a device that the guest was born with has of the host.
fn lease_of(domain: &Domain, device: &Device) -> Result<Option<Lease>> {
    use virt_core::sriov::{Claim, Request, Selection, UsbSelector, Wish};
    let mut request = Request::new(domain.name.clone());
    request.holder.id = domain.uuid;
    match device {
        Device::Interface(interface) => {
            let Some(hostdev) = hostdev_of(interface) else { return Ok(None) };
            if let Some(HostDeviceAddress::Pci(address)) = hostdev.source.address {
                request.devices.push(Wish::new(Selection::Address(address_of(address.slot)?)));
            }
        }
        Device::Hostdev(hostdev) => {
            let HostdevKind::Subsystem(subsystem) = &hostdev.kind else { return Ok(None) };
            match &subsystem.device {
                SubsystemDevice::Pci(pci) => {
                    let address = address_of(pci.source.address.slot)?;
                    request.devices.push(Wish::new(Selection::Address(address)));
                }
                SubsystemDevice::Usb(usb) => {
                    let place = usb.source.address.and_then(|it| Some((it.bus, it.device?)));
                    let device = UsbSelector { product: None, address: place };
                    request.claims.push(Claim::Usb { device, optional: false });
                }
                SubsystemDevice::Mdev(mdev) => request.claims.push(Claim::Mdev { uuid: mdev.uuid }),
                SubsystemDevice::Scsi(_) | SubsystemDevice::ScsiHost(_) => return Ok(None),
            }
        }
        _ => return Ok(None),
    }
    Ok(Some(Lease { request, steps: Vec::new(), owner: None, files: Vec::new(), whole: false }))
}

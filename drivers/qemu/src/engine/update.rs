//! Devices that change while their guest runs: an interface's link, rates and bridge; the medium in a drive; the password of a
//! display. What cannot change is refused with libvirt's sentences.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;
use virt_conf::domain::{Device, Place};
use virt_conf::model::{Disk, DiskDevice, Domain, Graphics, Interface, InterfaceKind, LinkState};
use virt_conf::xml::{self, ParseFlags, ParseOptions};
use virt_core::driver::DeviceChange;
use virt_util::controller::{Client, Notice};
use virt_util::journal::Journal;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::context::Secrets;
use super::live::Live;
use super::plug::{journal_name, taken, unsupported};
use super::port::{self, Port};
use super::step::Step;
use super::{Engine, not_running};
use crate::event;
use crate::model::{effective, hostdev_of};
use crate::monitor::Commands;
use crate::plan::{passwords, tap_of};
use crate::state::Status;

/// How long a guest has to open the tray of a drive that it has locked.
const OPENING: Duration = Duration::from_secs(5);

impl Engine {
    /// Makes a device of a guest what a document says.
    pub(crate) fn update_device(
        &self,
        uuid: Uuid,
        xml: &str,
        flags: DeviceChange,
        wait: Wait<'_>,
    ) -> Result<()> {
        let entry = self.entry(uuid, wait)?;
        let (live, config) = Self::affected_by(&entry, flags)?;
        if is_graphics(xml) {
            let options = ParseOptions::from(ParseFlags::INACTIVE);
            let graphics: Graphics = xml::from_str(xml, &options)?;
            return self.update_graphics(uuid, &graphics, (live, config), wait);
        }
        let device = Device::from_xml(xml, &ParseFlags::INACTIVE.into())?;
        let mut definition = None;
        if config {
            let mut domain = self.domain(&entry, true)?;
            let place = domain.find(&device)?;
            let kept = place.device(&domain.devices);
            let mut changed = device.clone();
            if changed.info().address.is_none() {
                changed.info_mut().address.clone_from(&kept.info().address);
            }
            domain.replace(place, changed);
            self.complete(&mut domain, false, wait)?;
            definition = Some(domain);
        }
        if live {
            match device {
                Device::Interface(interface) => self.update_interface(uuid, &interface, wait)?,
                Device::Disk(disk) => {
                    self.update_disk(uuid, &disk, flags.contains(DeviceChange::FORCE), wait)?;
                }
                other => {
                    let sentence = format!("live update of device '{}' is not supported", other.kind());
                    return Err(unsupported(sentence));
                }
            }
        }
        self.write_definition(definition, wait)
    }

    /// Writes down what a device of a running guest is now.
    fn note_update(&self, uuid: Uuid, place: Place, device: Device, wait: Wait<'_>) -> Result<()> {
        let mut lock = self.store.index().lock("updating a device", wait)?;
        let entry = self.store.by_uuid(uuid)?;
        let mut status = self.store.status(&entry)?;
        status.domain.replace(place, device);
        status.state = (entry.state, entry.reason);
        self.store.write_status(&mut lock, &status).map(drop)
    }

    fn update_interface(&self, uuid: Uuid, wanted: &Interface, wait: Wait<'_>) -> Result<()> {
        let mut live = self.live(uuid, "updating a device", wait)?;
        let status = self.store.status(&live.entry)?;
        let place = status.domain.find(&Device::Interface(Box::new(wanted.clone())))?;
        let Device::Interface(before) = place.device(&status.domain.devices) else {
            return Err(not_running());
        };
        refuse_interface_changes(&before, wanted)?;
        let mut after = before.clone();
        after.bandwidth.clone_from(&wanted.bandwidth);
        after.link = wanted.link;
        after.isolated = wanted.isolated;
        if before.link != wanted.link {
            let up = wanted.link != Some(LinkState::Down);
            let arguments = json!({ "name": before.info.alias, "up": up });
            live.client.order("set_link", Some(arguments), wait)?;
        }
        let moved = self.move_to_other_port(uuid, &status, &before, wanted, &mut after, wait)?;
        let is_tap = |kind: &InterfaceKind| {
            use InterfaceKind::{Bridge, Direct, Ethernet, Network};
            matches!(kind, Bridge(_) | Direct(_) | Ethernet(_) | Network(_))
        };
        if is_tap(effective(&after)) {
            let tap = |interface: &Interface| {
                let mut domain = Domain::default();
                domain.devices.interfaces.push(interface.clone());
                tap_of(&domain, interface.info.alias.as_deref().unwrap_or_default(), 0)
            };
            tap(&after)?.change_from(&tap(&before)?)?;
        }
        if moved && let Some(port) = Port::held(&before, &self.uri) {
            port.delete(&self.host)?;
        }
        self.note_update(uuid, place, Device::Interface(after), wait)
    }

    /// Plugs an interface into another network or bridge than before, in `after`; answers whether it has another port now.
    fn move_to_other_port(
        &self,
        uuid: Uuid,
        status: &Status,
        before: &Interface,
        wanted: &Interface,
        after: &mut Interface,
        wait: Wait<'_>,
    ) -> Result<bool> {
        match (&before.kind, &wanted.kind) {
            (InterfaceKind::Network(was), InterfaceKind::Network(is)) if was.network == is.network => {
                if was.portgroup != is.portgroup {
                    return Err(unsupported("cannot modify network device portgroup attribute".into()));
                }
                if let Some(actual) = after.actual.as_mut() {
                    actual.bandwidth.clone_from(&wanted.bandwidth);
                    actual.isolated = wanted.isolated;
                }
                return Ok(false);
            }
            (was, is) if was == is => return Ok(false),
            _ => {}
        }
        after.kind = wanted.kind.clone();
        after.actual = None;
        let port = Port::of(wanted, &port::owner_of(&status.domain)?, &self.uri);
        let Some(port) = port else {
            refuse_other_kind(before, after)?;
            return Ok(true);
        };
        // What the other network makes of it is known before anything is done.
        port::foresee_one(after, &self.host, &self.uri, wait)?;
        refuse_other_kind(before, after)?;
        let alias = before.info.alias.clone().unwrap_or_default();
        let name = journal_name(uuid, &format!("{alias}.{}", port.id()));
        let purpose = format!("plugging {alias} of domain '{}' into another network", status.domain.name);
        let mut context = self.context(Secrets::default(), wait.deadline());
        let mut journal = Journal::begin(self.store.root(), &name, &purpose)?.until(wait.deadline());
        journal.carry_out(Step::Port(port), &mut context)?;
        if let Some(made) = context.last_port() {
            port::plug_in(after, made);
        }
        if let Err(error) = refuse_other_kind(before, after) {
            return Err(super::start::abandon(journal, &mut context, error));
        }
        journal.hand_over(status.process)?;
        Ok(true)
    }

    fn update_disk(&self, uuid: Uuid, wanted: &Disk, force: bool, wait: Wait<'_>) -> Result<()> {
        let Live { entry, client } = self.live(uuid, "updating a device", wait)?;
        let status = self.store.status(&entry)?;
        let name = wanted.target.dev.clone().unwrap_or_default();
        let place = status.domain.find(&Device::Disk(Box::new(wanted.clone()))).map_err(|error| {
            if error.code() != ErrorCode::DEVICE_MISSING {
                return error;
            }
            Error::internal(ErrorDomain::QEMU, format!("disk '{name}' not found"))
        })?;
        let Device::Disk(before) = place.device(&status.domain.devices) else { return Err(not_running()) };
        refuse_disk_changes(&before, wanted)?;
        let same = before.source == wanted.source
            || (before.source.is_empty() && wanted.source.is_empty())
            || before.source.path().is_some_and(|path| wanted.source.path() == Some(path));
        if same {
            return Ok(());
        }
        if !matches!(before.device, DiskDevice::Cdrom | DiskDevice::Floppy) {
            return Err(unsupported("disk source can be changed only in removable drives".into()));
        }
        let mut after = before.clone();
        after.source = wanted.source.clone();
        after.backing_store.clone_from(&wanted.backing_store);
        (after.auth, after.encryption) = (wanted.auth.clone(), wanted.encryption.clone());
        after.driver.format = wanted.driver.format.or(before.driver.format);
        let mut domain = status.domain.clone();
        domain.replace(place, Device::Disk(after));
        self.complete(&mut domain, true, wait)?;
        self.change_medium(uuid, &status, &domain, place, client, force, wait)
    }

    /// Takes the medium out of a drive, and puts another in where `domain`, the guest as it will be, has one.
    #[allow(clippy::too_many_arguments)]
    fn change_medium(
        &self,
        uuid: Uuid,
        status: &Status,
        domain: &Domain,
        place: Place,
        mut client: Client,
        force: bool,
        wait: Wait<'_>,
    ) -> Result<()> {
        let Device::Disk(after) = place.device(&domain.devices) else { return Err(not_running()) };
        let alias = after.info.alias.clone().unwrap_or_default();
        let mut planned = domain.clone();
        let numbers = taken(&mut client, wait)?;
        let mut steps = self.plan_plug(&mut planned, place, numbers, wait)?;
        let node = take_medium(&mut steps);
        let old = open_tray(&mut client, &alias, force, wait)?;
        let process = status.process;
        let mut context = self.context(Secrets::default(), None).of_running(client, process);
        context.client()?.order("blockdev-remove-medium", Some(json!({ "id": alias })), wait)?;
        for node in old {
            // An image that something else uses stays open.
            let closed = context.client()?.order("blockdev-del", Some(json!({ "node-name": node })), wait);
            closed.unwrap_or_else(|error| log::debug!("{error}"));
        }
        let empty = |mut disk: Box<Disk>| {
            disk.source = virt_conf::model::DiskSource::default();
            disk.backing_store = None;
            disk
        };
        let name = journal_name(uuid, &format!("{alias}.medium"));
        if let Some(journal) = Journal::<Step>::open(self.store.root(), &name)? {
            journal.undo(&mut context)?;
        }
        let insert = |node: String, context: &mut super::Context| -> Result<()> {
            let purpose = format!("a medium for {alias} of domain '{}'", domain.name);
            let mut journal = Journal::begin(self.store.root(), &name, &purpose)?.until(wait.deadline());
            for step in steps {
                journal.carry_out(step, context)?;
            }
            let arguments = json!({ "id": alias, "node-name": node });
            let told = context.client()?.order("blockdev-insert-medium", Some(arguments), wait);
            match told {
                Ok(()) => journal.hand_over(process),
                Err(error) => Err(super::start::abandon(journal, context, error)),
            }
        };
        let inserted = node.map_or(Ok(()), |node| insert(node, &mut context));
        let closed = context.client()?.order("blockdev-close-tray", Some(json!({ "id": alias })), wait);
        closed.unwrap_or_else(|error| log::debug!("{error}"));
        let device = if inserted.is_ok() { after.clone() } else { empty(after.clone()) };
        self.note_update(uuid, place, Device::Disk(device), wait)?;
        inserted?;
        let before = status.domain.find_alias(&alias).map(|place| place.device(&status.domain.devices));
        let path = |device: &Device| match device {
            Device::Disk(disk) => disk.source.path().map(str::to_owned),
            _ => None,
        };
        let lock = self.store.index().lock("updating a device", wait)?;
        let entry = self.store.by_uuid(uuid)?;
        let was = before.ok().and_then(|device| path(&device));
        let changed = event::disk_change(&entry, was.as_deref(), after.source.path(), &alias);
        changed.append(&lock, self.store.events()).map(drop)
    }

    fn update_graphics(
        &self,
        uuid: Uuid,
        wanted: &Graphics,
        (live, config): (bool, bool),
        wait: Wait<'_>,
    ) -> Result<()> {
        let entry = self.entry(uuid, wait)?;
        let mut definition = None;
        if config {
            let mut domain = self.domain(&entry, true)?;
            let at = find_graphics(&domain, wanted)?;
            if let Some(graphics) = domain.devices.graphics.get_mut(at) {
                *graphics = wanted.clone();
            }
            self.complete(&mut domain, false, wait)?;
            definition = Some(domain);
        }
        if live {
            let mut live = self.live(uuid, "updating a device", wait)?;
            let mut domain = self.store.status(&live.entry)?.domain;
            let at = find_graphics(&domain, wanted)?;
            let Some(graphics) = domain.devices.graphics.get_mut(at) else { return Err(not_running()) };
            change_graphics(graphics, wanted)?;
            let protocol = graphics.tag();
            for password in passwords(&domain, &self.settings) {
                if password.protocol != protocol {
                    continue;
                }
                let connected = password.connected.as_deref();
                live.client.set_password(protocol, &password.value, connected, &password.expires, wait)?;
            }
            let mut lock = self.store.index().lock("updating a device", wait)?;
            let entry = self.store.by_uuid(uuid)?;
            let mut status = self.store.status(&entry)?;
            status.domain.devices.graphics = domain.devices.graphics;
            status.state = (entry.state, entry.reason);
            self.store.write_status(&mut lock, &status)?;
        }
        self.write_definition(definition, wait)
    }
}

fn is_graphics(xml: &str) -> bool {
    roxmltree::Document::parse(xml).is_ok_and(|document| document.root_element().has_tag_name("graphics"))
}

/// Refuses what an emulated card, or what it is plugged into, cannot change.
fn refuse_interface_changes(before: &Interface, wanted: &Interface) -> Result<()> {
    let refuse = |sentence: &str| Err(unsupported(sentence.to_owned()));
    if hostdev_of(before).is_some() {
        return refuse("cannot change config of 'hostdev' network interface type");
    }
    let shown = |model: &Option<String>| model.clone().unwrap_or_else(|| "(default)".to_owned());
    if wanted.model.is_some() && wanted.model != before.model {
        return Err(unsupported(format!(
            "cannot modify network device model from {} to {}",
            shown(&before.model),
            shown(&wanted.model)
        )));
    }
    if wanted.driver != before.driver {
        return refuse("cannot modify virtio network device driver attributes");
    }
    if wanted.backend != before.backend {
        return refuse("cannot modify network device backend settings");
    }
    if wanted.script != before.script {
        return refuse("cannot modify network device script attribute");
    }
    if wanted.target.dev.is_some() && wanted.target.dev != before.target.dev {
        return refuse("cannot modify network device tap name");
    }
    let (was, is) = (&before.info, &wanted.info);
    match (&was.address, &is.address) {
        (Some(was), Some(is)) if std::mem::discriminant(was) != std::mem::discriminant(is) => {
            return refuse("cannot modify network device address type");
        }
        (was, Some(is)) if was.as_ref() != Some(is) => {
            return refuse("cannot modify network device guest PCI address");
        }
        _ => {}
    }
    if was.rom.enabled != is.rom.enabled {
        return refuse("cannot modify network device rom enabled setting");
    }
    if was.rom.bar != is.rom.bar {
        return refuse("cannot modify network device rom bar setting");
    }
    if was.rom.file != is.rom.file {
        return refuse("cannot modify network rom file");
    }
    if was.boot != is.boot {
        return refuse("cannot modify network device boot index setting");
    }
    if wanted.mtu.is_some() && wanted.mtu != before.mtu {
        return refuse("cannot modify MTU");
    }
    let plugged = |kind: &InterfaceKind| matches!(kind, InterfaceKind::Network(_) | InterfaceKind::Bridge(_));
    let other = std::mem::discriminant(&before.kind) != std::mem::discriminant(&wanted.kind);
    if other && !(plugged(&before.kind) && plugged(&wanted.kind)) {
        return Err(unsupported(format!("cannot change network interface type to '{}'", wanted.kind.tag())));
    }
    // What the network says stands in the running guest's document too.
    if !plugged(&before.kind) && before.kind != wanted.kind {
        return Err(unsupported(format!("unable to change config on '{}' network type", wanted.kind.tag())));
    }
    if wanted.vlan != before.vlan
        || wanted.virtualport != before.virtualport
        || wanted.filterref != before.filterref
    {
        return Err(unsupported(format!("unable to change config on '{}' network type", wanted.kind.tag())));
    }
    Ok(())
}

/// A cable is moved from one bridge to another only.
fn refuse_other_kind(before: &Interface, after: &Interface) -> Result<()> {
    let bridged = |kind: &InterfaceKind| matches!(kind, InterfaceKind::Network(_) | InterfaceKind::Bridge(_));
    if bridged(effective(before)) && bridged(effective(after)) {
        return Ok(());
    }
    let kind = effective(after).tag();
    Err(unsupported(format!("cannot change network interface type to '{kind}'")))
}

/// Refuses what a drive cannot change but for its medium.
fn refuse_disk_changes(before: &Disk, wanted: &Disk) -> Result<()> {
    let given = |is: bool, same: bool| is && !same;
    let (was, is) = (&before.driver, &wanted.driver);
    let fields = [
        ("device", before.device != wanted.device),
        ("bus", given(wanted.target.bus.is_some(), before.target.bus == wanted.target.bus)),
        ("cache", given(is.cache.is_some(), was.cache == is.cache)),
        ("error_policy", given(is.error_policy.is_some(), was.error_policy == is.error_policy)),
        ("rerror_policy", given(is.rerror_policy.is_some(), was.rerror_policy == is.rerror_policy)),
        ("io", given(is.io.is_some(), was.io == is.io)),
        ("copy_on_read", given(is.copy_on_read.is_some(), was.copy_on_read == is.copy_on_read)),
        ("discard", given(is.discard.is_some(), was.discard == is.discard)),
        ("serial", given(wanted.serial.is_some(), before.serial == wanted.serial)),
        ("wwn", given(wanted.wwn.is_some(), before.wwn == wanted.wwn)),
        ("vendor", given(wanted.vendor.is_some(), before.vendor == wanted.vendor)),
        ("product", given(wanted.product.is_some(), before.product == wanted.product)),
        ("boot order", given(wanted.info.boot.is_some(), before.info.boot == wanted.info.boot)),
        ("address", given(wanted.info.address.is_some(), before.info.address == wanted.info.address)),
        ("alias", given(wanted.info.alias.is_some(), before.info.alias == wanted.info.alias)),
    ];
    match fields.into_iter().find(|(_, changed)| *changed) {
        Some((field, _)) => Err(unsupported(format!("cannot modify field '{field}' of the disk"))),
        None => Ok(()),
    }
}

/// Takes the drive itself out of the steps that would plug it in; answers the node of the medium that would be in it.
fn take_medium(steps: &mut [Step]) -> Option<String> {
    let mut node = None;
    for step in steps {
        if let Step::Plug { commands, .. } = step {
            commands.retain(|command| {
                let is_drive = command.execute == "device_add";
                if is_drive {
                    node = command.arguments.get("drive").and_then(Value::as_str).map(str::to_owned);
                }
                !is_drive
            });
        }
    }
    node
}

/// Opens the tray of the drive `alias`, and waits until it is open; answers the nodes of the medium in it.
fn open_tray(client: &mut Client, alias: &str, force: bool, wait: Wait<'_>) -> Result<Vec<String>> {
    client.subscribe(wait)?;
    let nodes = medium(client, alias, wait)?;
    let arguments = json!({ "id": alias, "force": force });
    match client.order("blockdev-open-tray", Some(arguments.clone()), wait) {
        // The guest is asked, and has to let go first.
        Err(error) if error.message().contains("is locked") => {
            if !tray_opens(client, alias)? {
                return Err(error);
            }
        }
        told => told?,
    }
    Ok(nodes)
}

/// The nodes of the medium in a drive, that of its format first.
fn medium(client: &mut Client, alias: &str, wait: Wait<'_>) -> Result<Vec<String>> {
    let drives: Vec<Value> = client.query("query-block", wait)?;
    let is_ours = |drive: &&Value| {
        let place = drive.get("qdev").and_then(Value::as_str).unwrap_or_default();
        place == alias || place.split('/').any(|part| part == alias)
    };
    let inserted = drives.iter().find(is_ours).and_then(|drive| drive.get("inserted"));
    let node = inserted.and_then(|inserted| inserted.get("node-name")).and_then(Value::as_str);
    let mut nodes: Vec<String> = node.map(str::to_owned).into_iter().collect();
    if let Some(stem) = node.and_then(|node| node.strip_suffix("-format")) {
        nodes.push(format!("{stem}-storage"));
    }
    Ok(nodes)
}

/// Waits until a guest that had locked a tray opens it; false when it does not soon.
fn tray_opens(client: &mut Client, alias: &str) -> Result<bool> {
    let wait = Wait::at_most(OPENING);
    loop {
        let event = match client.notice(wait) {
            Ok(Notice::Monitor(event)) => event,
            Ok(Notice::Ended(_)) => return Err(not_running()),
            Ok(Notice::Missed(_)) => continue,
            Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => return Ok(false),
            Err(error) => return Err(error),
        };
        let text = |member: &str| event.pointer(member).and_then(Value::as_str).unwrap_or_default();
        let is_ours = text("/data/id") == alias || text("/data/id").split('/').any(|part| part == alias);
        let opens = event.pointer("/data/tray-open").and_then(Value::as_bool) == Some(true);
        if text("/event") == "DEVICE_TRAY_MOVED" && is_ours && opens {
            return Ok(true);
        }
    }
}

fn find_graphics(domain: &Domain, wanted: &Graphics) -> Result<usize> {
    let found = domain.devices.graphics.iter().position(|graphics| graphics.tag() == wanted.tag());
    found.ok_or_else(|| {
        let sentence = format!("cannot find existing graphics device to modify of type '{}'", wanted.tag());
        Error::new(ErrorCode::DEVICE_MISSING, ErrorDomain::QEMU, sentence)
    })
}

/// Takes over what of a display can change: its password.
fn change_graphics(graphics: &mut Graphics, wanted: &Graphics) -> Result<()> {
    let kind = graphics.tag();
    if graphics.listens().len() < wanted.listens().len() {
        let sentence = format!("cannot change the number of listen addresses on '{kind}' graphics");
        return Err(unsupported(sentence));
    }
    for (was, is) in graphics.listens().iter().zip(wanted.listens()) {
        use virt_conf::model::GraphicsListen::{Address, Socket};
        match (was, is) {
            (Address(was), Address(is)) if is.address.is_some() && was.address != is.address => {
                let sentence = format!("cannot change listen address setting on '{kind}' graphics");
                return Err(unsupported(sentence));
            }
            (Socket(was), Socket(is)) if is.socket.is_some() && was.socket != is.socket => {
                let sentence = format!("cannot change listen socket setting on '{kind}' graphics");
                return Err(unsupported(sentence));
            }
            (was, is) if std::mem::discriminant(was) != std::mem::discriminant(is) => {
                let sentence = format!("cannot change the type of listen address on '{kind}' graphics");
                return Err(unsupported(sentence));
            }
            _ => {}
        }
    }
    match (graphics, wanted) {
        (Graphics::Vnc(was), Graphics::Vnc(is)) => {
            let automatic =
                |port: &Option<virt_conf::model::VncPort>| port.as_ref().is_some_and(|port| port.autoport);
            let number = |port: &Option<virt_conf::model::VncPort>| port.as_ref().map(|port| port.port);
            if automatic(&was.port) != automatic(&is.port)
                || (!automatic(&is.port) && number(&was.port) != number(&is.port))
            {
                return Err(unsupported("cannot change port settings on vnc graphics".into()));
            }
            if was.keymap != is.keymap {
                return Err(unsupported("cannot change keymap setting on vnc graphics".into()));
            }
            was.auth = is.auth.clone();
            Ok(())
        }
        (Graphics::Spice(was), Graphics::Spice(is)) => {
            if was.autoport != is.autoport
                || (is.autoport != Some(true) && (was.port != is.port || was.tls_port != is.tls_port))
            {
                return Err(unsupported("cannot change port settings on spice graphics".into()));
            }
            if was.keymap != is.keymap {
                return Err(unsupported("cannot change keymap setting on spice graphics".into()));
            }
            was.auth = is.auth.clone();
            Ok(())
        }
        _ => Err(unsupported(format!("unable to change config on '{kind}' graphics type"))),
    }
}

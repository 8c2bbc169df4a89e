//! Devices of the host.

use uuid::Uuid;
use virt_core::{
    Affect, CreateNodeDevice, DefineNodeDevice, ErrorCode, ListNodeDevices, NodeDevice, NodeDeviceEventKind,
    NodeDeviceLifecycle, NodeDeviceXml,
};

use super::Behaviour;
use super::probe::{Ended, Probe};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("devices of the host are listed, described, and agree", all),
    ("a device that is not there is not found", absent),
    ("what is no PCI function is neither detached nor reset", not_pci),
    ("a virtual device is made and removed", virtual_device),
    ("a mediated device is defined, made, changed and removed", mediated),
];

const ABSENT: &[ErrorCode] = &[ErrorCode::NO_NODE_DEVICE];
/// How many devices are looked at one by one.
const ENOUGH: usize = 40;

fn all(probe: &Probe<'_>) -> Result<(), Ended> {
    let connection = &probe.connection;
    let list = probe.did("NodeDevices.list", connection.node_devices(ListNodeDevices::ACTIVE))?;
    let mut listed: Vec<_> = list.iter().map(|entry| entry.name.clone()).collect();
    let mut names = probe.did("NodeDevices.names", connection.node_device_names(None))?;
    let count = probe.did("NodeDevices.count", connection.node_device_count(None))?;
    probe.same("NodeDevices.count", "how many there are", count as usize, names.len())?;
    listed.sort();
    names.sort();
    probe.same("NodeDevices.names", "the names", names, listed)?;
    for entry in list.iter().take(ENOUGH) {
        let device = probe.did("NodeDevices.lookup_by_name", connection.node_device_by_name(&entry.name))?;
        let xml = probe.did("NodeDevices.xml", device.xml(NodeDeviceXml::empty()))?;
        let named = xml.contains(&format!("<name>{}</name>", entry.name));
        probe.holds("NodeDevices.xml", "it has the name", named)?;
        let parent = probe.did("NodeDevices.parent", device.parent())?;
        let parent = parent.map(|parent| parent.name().to_owned());
        probe.same("NodeDevices.parent", "the parent", parent.clone(), entry.parent.clone())?;
        let shown = parent.is_none_or(|parent| xml.contains(&format!("<parent>{parent}</parent>")));
        probe.holds("NodeDevices.xml", "it has the parent", shown)?;
        let capabilities = probe.did("NodeDevices.capabilities", device.capabilities())?;
        probe.holds("NodeDevices.capabilities", "it has some", !capabilities.is_empty())?;
        for capability in capabilities {
            let same = probe.did("NodeDevices.names", connection.node_device_names(Some(&capability)))?;
            let listed = same.contains(&entry.name);
            probe.holds("NodeDevices.names", &format!("'{}' is among {capability}", entry.name), listed)?;
        }
        let active = probe.did("NodeDevices.is_active", device.is_active())?;
        probe.same("NodeDevices.is_active", "whether it is there", active, entry.active)?;
        let persistent = probe.did("NodeDevices.is_persistent", device.is_persistent())?;
        probe.same("NodeDevices.is_persistent", "whether it is defined", persistent, entry.persistent)?;
    }
    Ok(())
}

fn absent(probe: &Probe<'_>) -> Result<(), Ended> {
    let found = probe.connection.node_device_by_name("no_such_device");
    probe.refused("NodeDevices.lookup_by_name", found, ABSENT)?;
    let found = probe.connection.scsi_host_by_wwn("0123456789abcdef", "fedcba9876543210");
    probe.refused("NodeDevices.lookup_scsi_host", found, ABSENT)?;
    let wrong = &[ErrorCode::XML_ERROR, ErrorCode::XML_DETAIL];
    let made = probe.connection.create_node_device("<device", CreateNodeDevice::empty());
    probe.refused("NodeDevices.create_xml", made, wrong)?;
    let reader = probe.did("Driver.open", probe.subject.open(true))?;
    let denied = reader.create_node_device("<device/>", CreateNodeDevice::empty());
    probe.refused("NodeDevices.create_xml", denied, &[ErrorCode::OPERATION_DENIED]).map(drop)
}

fn not_pci(probe: &Probe<'_>) -> Result<(), Ended> {
    let list = probe.did("NodeDevices.list", probe.connection.node_devices(ListNodeDevices::SYSTEM))?;
    let Some(device) = list.first().map(virt_core::NodeDeviceEntry::device) else { return Ok(()) };
    let wrong = &[ErrorCode::INVALID_ARG];
    probe.refused("NodeDevices.detach", device.detach(None), wrong)?;
    probe.refused("NodeDevices.reattach", device.reattach(), wrong)?;
    probe.refused("NodeDevices.reset", device.reset(), wrong).map(drop)
}

impl Probe<'_> {
    fn told_of<'e>(
        &'e self,
        events: &'e mut virt_core::Events<virt_core::NodeDeviceEvent>,
        device: &'e NodeDevice,
    ) -> impl FnMut(NodeDeviceEventKind) -> Result<(), Ended> + 'e {
        move |wanted| {
            self.next_event(events, &format!("a device had {wanted:?}"), |event| {
                (event.name == device.name() && event.kind == wanted).then_some(())
            })
        }
    }
}

fn virtual_device(probe: &Probe<'_>) -> Result<(), Ended> {
    use NodeDeviceEventKind::Lifecycle;
    let Some(template) = &probe.subject.node_device else { return Ok(()) };
    let mut events = probe.did("NodeDevices.subscribe", probe.connection.node_device_events())?;
    let made = probe.connection.create_node_device(template.text(), CreateNodeDevice::empty());
    let device = probe.did("NodeDevices.create_xml", made)?;
    let mut told = probe.told_of(&mut events, &device);
    told(Lifecycle(NodeDeviceLifecycle::Created))?;
    let summary = probe.did("NodeDevices.lookup_by_name", device.summary())?;
    probe.holds("NodeDevices.create_xml", "it is there", summary.active)?;
    let xml = probe.did("NodeDevices.xml", device.xml(NodeDeviceXml::empty()))?;
    let named = |name: &str| {
        let (_, rest) = xml.split_once(&format!("<{name}>"))?;
        rest.split('<').next()
    };
    if let (Some(wwnn), Some(wwpn)) = (named("wwnn"), named("wwpn")) {
        let found = probe.connection.scsi_host_by_wwn(wwnn, wwpn);
        let found = probe.did("NodeDevices.lookup_scsi_host", found)?;
        probe.same("NodeDevices.lookup_scsi_host", "the name", found.name(), device.name())?;
    }
    probe.did("NodeDevices.destroy", device.destroy())?;
    told(Lifecycle(NodeDeviceLifecycle::Deleted))?;
    probe.refused("NodeDevices.lookup_by_name", device.summary(), ABSENT)?;
    probe.refused("NodeDevices.destroy", device.destroy(), ABSENT).map(drop)
}

fn mediated(probe: &Probe<'_>) -> Result<(), Ended> {
    use NodeDeviceEventKind::{Lifecycle, Update};
    let Some(template) = &probe.subject.mediated_device else { return Ok(()) };
    let mut events = probe.did("NodeDevices.subscribe", probe.connection.node_device_events())?;
    let xml = template.named("", Uuid::new_v4());
    let defined = probe.connection.define_node_device(&xml, DefineNodeDevice::empty());
    let device = probe.did("NodeDevices.define", defined)?;
    let mut told = probe.told_of(&mut events, &device);
    told(Lifecycle(NodeDeviceLifecycle::Defined))?;
    let state = |call, active, persistent| {
        let found = probe.did("NodeDevices.is_active", device.is_active())?;
        probe.same(call, "whether it is there", found, active)?;
        let found = probe.did("NodeDevices.is_persistent", device.is_persistent())?;
        probe.same(call, "whether it is defined", found, persistent)
    };
    state("NodeDevices.define", false, true)?;
    let inactive = probe.connection.node_devices(ListNodeDevices::INACTIVE | ListNodeDevices::MDEV);
    let inactive = probe.did("NodeDevices.list", inactive)?;
    let listed = inactive.iter().any(|entry| entry.name == device.name());
    probe.holds("NodeDevices.list", "it is among those that are off", listed)?;
    probe.did("NodeDevices.set_autostart", device.set_autostart(true))?;
    let set = probe.did("NodeDevices.autostart", device.autostart())?;
    probe.same("NodeDevices.set_autostart", "what the getter says", set, true)?;
    let definition = probe.did("NodeDevices.xml", device.xml(NodeDeviceXml::INACTIVE))?;
    let changed = definition.replacen("<uuid>", "<attr name='assign_adapter' value='7'/><uuid>", 1);
    probe.did("NodeDevices.update", device.update(&changed, Affect::CONFIG))?;
    told(Update)?;
    let definition = probe.did("NodeDevices.xml", device.xml(NodeDeviceXml::INACTIVE))?;
    probe.holds("NodeDevices.update", "the XML has it", definition.contains("name='assign_adapter'"))?;
    probe.did("NodeDevices.create", device.start())?;
    told(Lifecycle(NodeDeviceLifecycle::Created))?;
    state("NodeDevices.create", true, true)?;
    probe.refused("NodeDevices.create", device.start(), &[ErrorCode::OPERATION_INVALID])?;
    probe.did("NodeDevices.undefine", device.undefine())?;
    told(Lifecycle(NodeDeviceLifecycle::Undefined))?;
    state("NodeDevices.undefine", true, false)?;
    probe.did("NodeDevices.destroy", device.destroy())?;
    told(Lifecycle(NodeDeviceLifecycle::Deleted))?;
    probe.refused("NodeDevices.lookup_by_name", device.summary(), ABSENT).map(drop)
}

//! Networks and their ports.

use uuid::Uuid;
use virt_core::{
    Affect, CreateNetwork, CreateNetworkPort, DefineNetwork, ErrorCode, ListNetworks, MetadataChange,
    MetadataKind, Network, NetworkChange, NetworkCommand, NetworkEventKind, NetworkLifecycle, NetworkPart,
    NetworkXml, TypedParameter, TypedValue,
};

use super::Behaviour;
use super::probe::{Ended, Probe};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("a network is found until it is removed", definitions),
    ("networks' names and UUIDs are unique", conflicts),
    ("what is no network is refused", bad_definitions),
    ("a network starts, stops, and tells of it", life),
    ("a network without a definition vanishes at its end", transient),
    ("a network can start with the host", autostart),
    ("a network has a title and other metadata", metadata),
    ("elements of a network can be changed", update),
    ("a network knows who has its addresses", leases),
    ("a network has ports", ports),
    ("a connection for reading changes no network", read_only),
];

const INVALID: &[ErrorCode] = &[ErrorCode::OPERATION_INVALID];
const ABSENT: &[ErrorCode] = &[ErrorCode::NO_NETWORK];

impl Probe<'_> {
    /// The document of a network of this behaviour; the end of a driver that cannot be given one.
    fn network_xml(&self, which: &str, uuid: Uuid) -> Result<String, Ended> {
        self.subject.network.as_ref().map(|network| network.named(&self.name(which), uuid)).ok_or(Ended)
    }

    fn define_network(&self, which: &str) -> Result<Network, Ended> {
        let xml = self.network_xml(which, Uuid::new_v4())?;
        self.did("Networks.define", self.connection.define_network(&xml, DefineNetwork::empty()))
    }

    /// The names of this behaviour's networks in a list.
    fn networks(&self, filter: ListNetworks) -> Result<Vec<String>, Ended> {
        let list = self.did("Networks.list", self.connection.networks(filter))?;
        Ok(self.own(list.iter().map(|entry| entry.name.clone())))
    }

    fn network_xml_of(&self, network: &Network, flags: NetworkXml) -> Result<String, Ended> {
        self.did("Networks.xml", network.xml(flags))
    }
}

fn definitions(probe: &Probe<'_>) -> Result<(), Ended> {
    let (connection, uuid) = (&probe.connection, Uuid::new_v4());
    let xml = probe.network_xml("a", uuid)?;
    let network = probe.did("Networks.define", connection.define_network(&xml, DefineNetwork::empty()))?;
    probe.same("Networks.define", "the UUID", network.uuid(), uuid)?;
    let found = probe.did("Networks.lookup_by_name", connection.network_by_name(&probe.name("a")))?;
    probe.same("Networks.lookup_by_name", "the UUID", found.uuid(), uuid)?;
    let found = probe.did("Networks.lookup_by_uuid", connection.network_by_uuid(uuid))?;
    probe.same("Networks.lookup_by_uuid", "the name", found.name(), &probe.name("a"))?;
    let own = || vec!["a".to_owned()];
    for filter in [ListNetworks::empty(), ListNetworks::INACTIVE | ListNetworks::PERSISTENT] {
        probe.same("Networks.list", "what is listed", probe.networks(filter)?, own())?;
    }
    for filter in [ListNetworks::ACTIVE, ListNetworks::TRANSIENT, ListNetworks::AUTOSTART] {
        probe.same("Networks.list", "what is listed", probe.networks(filter)?, vec![])?;
    }
    let active = probe.did("Networks.is_active", network.is_active())?;
    probe.same("Networks.is_active", "what a new definition says", active, false)?;
    let persistent = probe.did("Networks.is_persistent", network.is_persistent())?;
    probe.same("Networks.is_persistent", "what a definition says", persistent, true)?;
    let xml = probe.network_xml_of(&network, NetworkXml::empty())?;
    probe.holds("Networks.xml", "it has the UUID", xml.contains(&format!("<uuid>{uuid}</uuid>")))?;
    probe.did("Networks.define", connection.define_network(&xml, DefineNetwork::empty()))?;
    let again = probe.network_xml_of(&network, NetworkXml::INACTIVE)?;
    probe.same("Networks.xml", "what becomes of it when it is defined again", again, xml.clone())?;
    let bridge = probe.did("Networks.bridge_name", network.bridge_name())?;
    probe.holds("Networks.bridge_name", "the XML names it", xml.contains(&format!("name='{bridge}'")))?;
    probe.did("Networks.undefine", network.undefine())?;
    probe.same("Networks.undefine", "what is listed", probe.networks(ListNetworks::empty())?, vec![])?;
    let gone = connection.network_by_name(&probe.name("a"));
    probe.refused("Networks.lookup_by_name", gone, ABSENT)?;
    probe.refused("Networks.lookup_by_uuid", connection.network_by_uuid(uuid), ABSENT)?;
    probe.refused("Networks.xml", network.xml(NetworkXml::empty()), ABSENT)?;
    probe.refused("Networks.create", network.start(), ABSENT).map(drop)
}

fn conflicts(probe: &Probe<'_>) -> Result<(), Ended> {
    let network = probe.define_network("a")?;
    let taken = &[ErrorCode::OPERATION_FAILED];
    for (name, uuid) in [("a", Uuid::new_v4()), ("b", network.uuid())] {
        let xml = probe.network_xml(name, uuid)?;
        let result = probe.connection.define_network(&xml, DefineNetwork::empty());
        probe.refused("Networks.define", result, taken)?;
        let result = probe.connection.create_network(&xml, CreateNetwork::empty());
        probe.refused("Networks.create_xml", result, taken)?;
    }
    Ok(())
}

fn bad_definitions(probe: &Probe<'_>) -> Result<(), Ended> {
    let refused = |xml: &str, flags, codes: &[ErrorCode]| {
        probe.refused("Networks.define", probe.connection.define_network(xml, flags), codes)
    };
    refused("<network>\n<name>a</nam>\n</network>", DefineNetwork::empty(), &[ErrorCode::XML_DETAIL])?;
    refused("<domain/>", DefineNetwork::empty(), &[ErrorCode::XML_ERROR])?;
    let xml = probe.network_xml("a", Uuid::new_v4())?;
    refused(&xml, DefineNetwork::from_bits_retain(1 << 30), &[ErrorCode::INVALID_ARG])?;
    let xml = xml.replacen("<name>", "<no-such-element/><name>", 1);
    refused(&xml, DefineNetwork::VALIDATE, &[ErrorCode::XML_INVALID_SCHEMA, ErrorCode::XML_ERROR])?;
    probe.same("Networks.define", "what is listed", probe.networks(ListNetworks::empty())?, vec![])
}

fn life(probe: &Probe<'_>) -> Result<(), Ended> {
    let mut events = probe.did("Networks.subscribe", probe.connection.network_events())?;
    probe.can_wait(&events)?;
    let network = probe.define_network("a")?;
    let mut last = 0;
    let mut told = |wanted: NetworkLifecycle| {
        let uuid = network.uuid();
        let number = probe.next_event(&mut events, &format!("a network is {wanted}"), |event| {
            let same = event.network.uuid == uuid && event.kind == NetworkEventKind::Lifecycle(wanted);
            same.then_some(event.sequence)
        })?;
        let ordered = number > last;
        last = number;
        probe.holds("ObjectEventSource.next", "numbers grow", ordered)
    };
    told(NetworkLifecycle::Defined)?;
    probe.did("Networks.create", network.start())?;
    told(NetworkLifecycle::Started)?;
    let active = probe.did("Networks.is_active", network.is_active())?;
    probe.same("Networks.create", "whether it is active", active, true)?;
    probe.same(
        "Networks.list",
        "what runs",
        probe.networks(ListNetworks::ACTIVE | ListNetworks::PERSISTENT)?,
        vec!["a".to_owned()],
    )?;
    probe.refused("Networks.create", network.start(), INVALID)?;
    probe.did("Networks.destroy", network.destroy())?;
    told(NetworkLifecycle::Stopped)?;
    let active = probe.did("Networks.is_active", network.is_active())?;
    probe.same("Networks.destroy", "whether it is active", active, false)?;
    probe.did("Networks.undefine", network.undefine())?;
    told(NetworkLifecycle::Undefined)
}

fn transient(probe: &Probe<'_>) -> Result<(), Ended> {
    let xml = probe.network_xml("a", Uuid::new_v4())?;
    let network =
        probe.did("Networks.create_xml", probe.connection.create_network(&xml, CreateNetwork::empty()))?;
    let persistent = probe.did("Networks.is_persistent", network.is_persistent())?;
    probe.same("Networks.create_xml", "whether it is persistent", persistent, false)?;
    probe.same(
        "Networks.list",
        "what is transient",
        probe.networks(ListNetworks::TRANSIENT)?,
        vec!["a".to_owned()],
    )?;
    let again = probe.connection.create_network(&xml, CreateNetwork::empty());
    probe.refused("Networks.create_xml", again, INVALID)?;
    // A definition makes it persistent, and its run goes on.
    probe.did("Networks.define", probe.connection.define_network(&xml, DefineNetwork::empty()))?;
    let persistent = probe.did("Networks.is_persistent", network.is_persistent())?;
    probe.same("Networks.define", "whether it is persistent", persistent, true)?;
    let active = probe.did("Networks.is_active", network.is_active())?;
    probe.same("Networks.define", "whether it runs", active, true)?;
    probe.did("Networks.destroy", network.destroy())?;
    probe.did("Networks.undefine", network.undefine())?;
    let network =
        probe.did("Networks.create_xml", probe.connection.create_network(&xml, CreateNetwork::empty()))?;
    probe.did("Networks.destroy", network.destroy())?;
    let gone = probe.connection.network_by_uuid(network.uuid());
    probe.refused("Networks.lookup_by_uuid", gone, ABSENT).map(drop)
}

fn autostart(probe: &Probe<'_>) -> Result<(), Ended> {
    let network = probe.define_network("a")?;
    let is_set = |expected| {
        let set = probe.did("Networks.autostart", network.autostart())?;
        probe.same("Networks.set_autostart", "what the getter says", set, expected)?;
        let listed = probe.networks(ListNetworks::AUTOSTART)?;
        probe.same("Networks.set_autostart", "whether it is listed", listed == ["a"], expected)
    };
    is_set(false)?;
    probe.did("Networks.set_autostart", network.set_autostart(true))?;
    is_set(true)?;
    if probe.subject.alone {
        probe.did("Networks.host_start", probe.connection.start_networks())?;
        let active = probe.did("Networks.is_active", network.is_active())?;
        probe.same("Networks.host_start", "whether it runs", active, true)?;
        probe.did("Networks.repair", network.repair())?;
        probe.did("Networks.repair", probe.connection.repair_networks())?;
        probe.did("Networks.destroy", network.destroy())?;
    }
    probe.did("Networks.set_autostart", network.set_autostart(false))?;
    is_set(false)
}

fn metadata(probe: &Probe<'_>) -> Result<(), Ended> {
    let network = probe.define_network("a")?;
    let mut events = probe.did("Networks.subscribe", probe.connection.network_events())?;
    let namespace = "http://example.org/conformance";
    let element = "<mark xmlns='http://example.org/conformance' is='here'/>";
    let cases = [
        (MetadataKind::Title, None, "A title", "<title>A title</title>"),
        (MetadataKind::Description, None, "Words", "<description>Words</description>"),
        (MetadataKind::Element, Some(namespace), element, "is="),
    ];
    for (kind, namespace, text, shown) in cases {
        let get = || network.metadata(kind, namespace, Affect::CONFIG);
        let change = |text: Option<&str>| MetadataChange {
            kind,
            text: text.map(str::to_owned),
            prefix: namespace.map(|_| "conformance".to_owned()),
            namespace: namespace.map(str::to_owned),
        };
        probe.refused("Networks.metadata", get(), &[ErrorCode::NO_NETWORK_METADATA])?;
        let set = network.set_metadata(change(Some(text)), Affect::CONFIG);
        probe.did("Networks.set_metadata", set)?;
        let found = probe.did("Networks.metadata", get())?;
        let kept = if namespace.is_some() { found.contains("is=") } else { found == text };
        probe.holds("Networks.set_metadata", &format!("{found:?} is what was set"), kept)?;
        let xml = probe.network_xml_of(&network, NetworkXml::INACTIVE)?;
        probe.holds("Networks.set_metadata", "the XML has it", xml.contains(shown))?;
        let uri = probe.next_event(&mut events, "metadata changed", |event| match event.kind {
            NetworkEventKind::MetadataChange(of, uri) if of == kind => Some(uri),
            _ => None,
        })?;
        probe.same("Networks.set_metadata", "the event's namespace", uri.as_deref(), namespace)?;
        probe.did("Networks.set_metadata", network.set_metadata(change(None), Affect::CONFIG))?;
        probe.refused("Networks.metadata", get(), &[ErrorCode::NO_NETWORK_METADATA])?;
    }
    let live = network.metadata(MetadataKind::Title, None, Affect::LIVE);
    probe.refused("Networks.metadata", live, INVALID).map(drop)
}

fn update(probe: &Probe<'_>) -> Result<(), Ended> {
    let network = probe.define_network("a")?;
    let change = |command| NetworkChange {
        command,
        section: NetworkPart::PortGroup,
        parent: -1,
        xml: "<portgroup name='conformance'/>".to_owned(),
    };
    let groups = || {
        let definition = probe.network_xml_of(&network, NetworkXml::INACTIVE)?;
        let live = probe.network_xml_of(&network, NetworkXml::empty())?;
        Ok([definition, live].map(|xml| xml.contains("<portgroup name='conformance'")))
    };
    let update = |command, affect| probe.did("Networks.update", network.update(change(command), affect));
    let what = "whether the class of ports is there (in the definition, as it runs)";
    update(NetworkCommand::AddLast, Affect::CONFIG)?;
    probe.same("Networks.update", what, groups()?, [true, true])?;
    let twice = network.update(change(NetworkCommand::AddLast), Affect::CONFIG);
    probe.refused("Networks.update", twice, INVALID)?;
    probe.did("Networks.create", network.start())?;
    update(NetworkCommand::Delete, Affect::LIVE)?;
    probe.same("Networks.update", what, groups()?, [true, false])?;
    update(NetworkCommand::Delete, Affect::CONFIG)?;
    probe.same("Networks.update", what, groups()?, [false, false])?;
    update(NetworkCommand::AddFirst, Affect::LIVE | Affect::CONFIG)?;
    probe.same("Networks.update", what, groups()?, [true, true])?;
    let bridge = NetworkChange {
        section: NetworkPart::Bridge,
        xml: "<bridge name='other'/>".to_owned(),
        ..change(NetworkCommand::Modify)
    };
    let codes = &[ErrorCode::OPERATION_UNSUPPORTED, ErrorCode::OPERATION_INVALID];
    probe.refused("Networks.update", network.update(bridge, Affect::CONFIG), codes).map(drop)
}

fn leases(probe: &Probe<'_>) -> Result<(), Ended> {
    let network = probe.define_network("a")?;
    probe.did("Networks.create", network.start())?;
    let leases = probe.did("Networks.dhcp_leases", network.dhcp_leases(None))?;
    probe.same("Networks.dhcp_leases", "how many there are where nobody is", leases.len(), 0)?;
    let wrong = network.dhcp_leases(Some("no address"));
    probe.refused("Networks.dhcp_leases", wrong, &[ErrorCode::INVALID_MAC]).map(drop)
}

fn ports(probe: &Probe<'_>) -> Result<(), Ended> {
    let network = probe.define_network("a")?;
    let (uuid, owner) = (Uuid::new_v4(), Uuid::new_v4());
    let xml = format!(
        "<networkport><uuid>{uuid}</uuid><owner><name>web</name><uuid>{owner}</uuid></owner>\
         <mac address='52:54:00:c0:0f:02'/></networkport>"
    );
    let create = || network.create_port(&xml, CreateNetworkPort::empty());
    probe.refused("NetworkPorts.create_xml", create(), INVALID)?;
    probe.did("Networks.create", network.start())?;
    let port = probe.did("NetworkPorts.create_xml", create())?;
    probe.same("NetworkPorts.create_xml", "the UUID", port.uuid(), uuid)?;
    probe.refused("NetworkPorts.create_xml", create(), &[ErrorCode::NETWORK_PORT_EXIST])?;
    let list = probe.did("NetworkPorts.list", network.ports())?;
    let list: Vec<_> = list.iter().map(virt_core::NetworkPort::uuid).collect();
    probe.same("NetworkPorts.list", "what is listed", list, vec![uuid])?;
    probe.did("NetworkPorts.lookup", network.port(uuid))?;
    let xml = probe.did("NetworkPorts.xml", port.xml())?;
    probe.holds("NetworkPorts.xml", "it says where the port leads", xml.contains("<plug type="))?;
    let wanted = TypedParameter::new("inbound.average", 1000u32);
    probe.did("NetworkPorts.set_parameters", port.set_parameters(vec![wanted.clone()]))?;
    let parameters = probe.did("NetworkPorts.parameters", port.parameters())?;
    probe.holds("NetworkPorts.set_parameters", "the getter has it", parameters.contains(&wanted))?;
    let xml = probe.did("NetworkPorts.xml", port.xml())?;
    probe.holds("NetworkPorts.set_parameters", "the XML has it", xml.contains("average='1000'"))?;
    let unknown = TypedParameter::new("sideways.average", TypedValue::UnsignedInt(1));
    let refused = port.set_parameters(vec![unknown]);
    probe.refused("NetworkPorts.set_parameters", refused, &[ErrorCode::INVALID_ARG])?;
    probe.did("NetworkPorts.delete", port.delete())?;
    let gone = &[ErrorCode::NO_NETWORK_PORT];
    probe.refused("NetworkPorts.delete", port.delete(), gone)?;
    probe.refused("NetworkPorts.lookup", network.port(uuid), gone).map(drop)
}

fn read_only(probe: &Probe<'_>) -> Result<(), Ended> {
    let network = probe.define_network("a")?;
    let reader = probe.did("Driver.open", probe.subject.open(true))?;
    let same = probe.did("Networks.lookup_by_uuid", reader.network_by_uuid(network.uuid()))?;
    probe.did("Networks.xml", same.xml(NetworkXml::empty()))?;
    let denied = &[ErrorCode::OPERATION_DENIED];
    probe.refused("Networks.create", same.start(), denied)?;
    probe.refused("Networks.undefine", same.undefine(), denied)?;
    probe.refused("Networks.set_autostart", same.set_autostart(true), denied)?;
    let xml = probe.network_xml("b", Uuid::new_v4())?;
    probe.refused("Networks.define", reader.define_network(&xml, DefineNetwork::empty()), denied)?;
    let list = probe.networks(ListNetworks::INACTIVE)?;
    probe.same("Networks.list", "what is there", list, vec!["a".to_owned()])
}

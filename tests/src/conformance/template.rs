//! Documents of objects that a driver can make, by the scheme of its URI.

use uuid::Uuid;
use virt_core::Registry;

use super::Subject;

/// A document with places for what differs between two objects: `{name}`, `{uuid}`, `{mac}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

impl<T: Into<String>> From<T> for Template {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl Template {
    /// The document of an object of this name and UUID.
    pub(super) fn named(&self, name: &str, uuid: Uuid) -> String {
        self.0.replace("{name}", name).replace("{uuid}", &uuid.to_string())
    }

    /// The document with a value in one of its places.
    pub(super) fn with(&self, place: &str, value: &str) -> String {
        self.0.replace(&format!("{{{place}}}"), value)
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

const GUEST: &str = "<domain type='test'>
<name>{name}</name>
<uuid>{uuid}</uuid>
<memory>65536</memory>
<vcpu>1</vcpu>
<os><type>hvm</type></os>
<devices><channel type='unix'><target type='virtio' name='org.example.0'/></channel><console type='pty'/></devices>
</domain>";

/// One whose firmware finds nothing to boot.
const QEMU_GUEST: &str = "<domain type='qemu'>
<name>{name}</name>
<uuid>{uuid}</uuid>
<memory>65536</memory>
<vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<features><acpi/></features>
<devices><controller type='usb' model='qemu-xhci'/>
<channel type='unix'><target type='virtio' name='org.example.0'/></channel>
<console type='pty'/><video><model type='vga'/></video></devices>
</domain>";

const CARD: &str = "<interface type='user'><mac address='{mac}'/></interface>";

/// On a bus of which a guest need not let go.
const QEMU_CARD: &str = "<interface type='user'><mac address='{mac}'/><model type='usb-net'/></interface>";

const NETWORK: &str = "<network><name>{name}</name><uuid>{uuid}</uuid><forward mode='nat'/>\
    <bridge name='virbr77'/><ip address='192.168.77.1' netmask='255.255.255.0'><dhcp>\
    <range start='192.168.77.2' end='192.168.77.254'/></dhcp></ip></network>";

/// One that makes nothing on the host.
const BRIDGED_NETWORK: &str = "<network><name>{name}</name><uuid>{uuid}</uuid><forward mode='bridge'/>\
    <bridge name='conformance'/></network>";

const POOL: &str = "<pool type='dir'><name>{name}</name><uuid>{uuid}</uuid>\
    <target><path>/srv/{name}</path></target></pool>";

const ADAPTER: &str = "<device><parent>scsi_host1</parent><capability type='scsi_host'>\
    <capability type='fc_host'><wwnn>20000000c9831b4b</wwnn><wwpn>10000000c9831b4b</wwpn></capability>\
    </capability></device>";

const MEDIATED: &str = "<device><parent>scsi_host1</parent><capability type='mdev'>\
    <type id='vendor-type'/><uuid>{uuid}</uuid></capability></device>";

/// What is tried with a driver whose URI has this scheme.
pub(super) fn subject(registry: Registry, uri: String) -> Subject {
    let scheme = uri.split([':', '+']).next().unwrap_or_default();
    let some = |text: &str| Some(Template::from(text));
    let (guest, card) = match scheme {
        "qemu" => (QEMU_GUEST.into(), QEMU_CARD),
        // The type of a domain is a word that the models know; a new driver reads any.
        _ => (GUEST.into(), CARD),
    };
    let simulated = scheme == "test";
    Subject {
        registry,
        guest,
        card: card.into(),
        alone: false,
        network: some(if simulated { NETWORK } else { BRIDGED_NETWORK }),
        pool: some(POOL).filter(|_| simulated),
        node_device: some(ADAPTER).filter(|_| simulated),
        mediated_device: some(MEDIATED).filter(|_| simulated),
        uri,
    }
}

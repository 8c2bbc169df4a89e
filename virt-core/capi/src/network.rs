//! Virtual networks.

use std::ffi::{CString, c_char, c_int, c_uchar, c_uint};

use uuid::Uuid;
use virt_core::{
    Affect, CreateNetwork, DefineNetwork, DhcpLease, ListNetworks, MetadataKind, NetworkChange,
    NetworkCommand, NetworkPart, NetworkXml,
};
use virt_util::{ErrorCode, Result};

use crate::connect::{Connect, text};
use crate::domain_definition::metadata_change;
use crate::runtime::*;
use crate::types::*;

/// A network, as the application found it.
pub(crate) struct Network {
    connect: Reference<Connect>,
    pub(crate) network: virt_core::Network,
    name: CString,
}

impl Kind for Network {
    type Opaque = virNetwork;
    const MAGIC: u32 = 0x7613_C103;
    const INVALID: ErrorCode = ErrorCode::INVALID_NETWORK;

    fn connect(object: &Object<Self>) -> *const Object<Connect> {
        &raw const *object.connect
    }
}

impl Network {
    pub(crate) fn new(connect: &Object<Connect>, network: virt_core::Network) -> Reference<Self> {
        Reference::new(Self { connect: connect.reference(), name: text(network.name()), network })
    }
}

pub(crate) fn virNetworkLookupByName(conn: &Object<Connect>, name: &str) -> Result<Reference<Network>> {
    Ok(Network::new(conn, conn.connection.network_by_name(name)?))
}

pub(crate) fn virNetworkLookupByUUID(conn: &Object<Connect>, uuid: Uuid) -> Result<Reference<Network>> {
    Ok(Network::new(conn, conn.connection.network_by_uuid(uuid)?))
}

pub(crate) fn virNetworkLookupByUUIDString(
    conn: &Object<Connect>,
    uuid: UuidText,
) -> Result<Reference<Network>> {
    virNetworkLookupByUUID(conn, uuid.0)
}

pub(crate) fn virNetworkRef(network: &Object<Network>) -> Result<()> {
    network.reference().into_raw();
    Ok(())
}

pub(crate) unsafe fn virNetworkFree(network: &Object<Network>) -> Result<()> {
    // SAFETY: C gives its reference back.
    unsafe { network.release() };
    Ok(())
}

/// The connection, without a reference for C.
pub(crate) fn virNetworkGetConnect(network: &Object<Network>) -> Result<*mut virConnect> {
    Ok(network.connect.as_raw())
}

pub(crate) fn virNetworkGetName(network: &Object<Network>) -> Result<*const c_char> {
    Ok(network.name.as_ptr())
}

pub(crate) fn virNetworkGetUUID(network: &Object<Network>, uuid: Out<c_uchar>) -> Result<()> {
    memory::write_uuid(uuid, network.network.uuid());
    Ok(())
}

pub(crate) fn virNetworkGetUUIDString(network: &Object<Network>, buffer: Out<c_char>) -> Result<()> {
    memory::write_uuid_text(buffer, network.network.uuid());
    Ok(())
}

pub(crate) fn virConnectListAllNetworks(
    conn: &Object<Connect>,
    networks: Option<Out<*mut virNetworkPtr>>,
    flags: ListNetworks,
) -> Result<usize> {
    let entries = conn.connection.networks(flags)?;
    match networks {
        None => Ok(entries.len()),
        place => {
            memory::give_objects(place, entries.iter().map(|it| Network::new(conn, it.network())).collect())
        }
    }
}

pub(crate) fn virConnectNumOfNetworks(conn: &Object<Connect>) -> Result<usize> {
    conn.connection.networks(ListNetworks::ACTIVE).map(|networks| networks.len())
}

pub(crate) fn virConnectNumOfDefinedNetworks(conn: &Object<Connect>) -> Result<usize> {
    conn.connection.networks(ListNetworks::INACTIVE).map(|networks| networks.len())
}

/// # Safety
///
/// The application has room for that many.
unsafe fn names(
    conn: &Object<Connect>,
    filter: ListNetworks,
    names: *mut *mut c_char,
    room: Room,
) -> Result<usize> {
    let entries = conn.connection.networks(filter)?;
    let texts = entries.iter().map(|entry| entry.name.clone()).collect();
    // SAFETY: the caller's promise.
    unsafe { memory::fill_names(names, room.0, texts) }
}

pub(crate) unsafe fn virConnectListNetworks(
    conn: &Object<Connect>,
    list: *mut *mut c_char,
    room: Room,
) -> Result<usize> {
    // SAFETY: the application's array.
    unsafe { names(conn, ListNetworks::ACTIVE, list, room) }
}

pub(crate) unsafe fn virConnectListDefinedNetworks(
    conn: &Object<Connect>,
    list: *mut *mut c_char,
    room: Room,
) -> Result<usize> {
    // SAFETY: the application's array.
    unsafe { names(conn, ListNetworks::INACTIVE, list, room) }
}

pub(crate) fn virNetworkDefineXML(conn: &Object<Connect>, xml: &str) -> Result<Reference<Network>> {
    virNetworkDefineXMLFlags(conn, xml, DefineNetwork::empty())
}

pub(crate) fn virNetworkDefineXMLFlags(
    conn: &Object<Connect>,
    xml: &str,
    flags: DefineNetwork,
) -> Result<Reference<Network>> {
    Ok(Network::new(conn, conn.connection.define_network(xml, flags)?))
}

pub(crate) fn virNetworkCreateXML(conn: &Object<Connect>, xml: &str) -> Result<Reference<Network>> {
    virNetworkCreateXMLFlags(conn, xml, CreateNetwork::empty())
}

pub(crate) fn virNetworkCreateXMLFlags(
    conn: &Object<Connect>,
    xml: &str,
    flags: CreateNetwork,
) -> Result<Reference<Network>> {
    Ok(Network::new(conn, conn.connection.create_network(xml, flags)?))
}

pub(crate) fn virNetworkCreate(network: &Object<Network>) -> Result<()> {
    network.network.start()
}

pub(crate) fn virNetworkDestroy(network: &Object<Network>) -> Result<()> {
    network.network.destroy()
}

pub(crate) fn virNetworkUndefine(network: &Object<Network>) -> Result<()> {
    network.network.undefine()
}

pub(crate) fn virNetworkGetXMLDesc(network: &Object<Network>, flags: NetworkXml) -> Result<String> {
    network.network.xml(flags)
}

pub(crate) fn virNetworkGetBridgeName(network: &Object<Network>) -> Result<String> {
    network.network.bridge_name()
}

pub(crate) fn virNetworkGetAutostart(network: &Object<Network>, autostart: Out<c_int>) -> Result<()> {
    autostart.set(network.network.autostart()?.into());
    Ok(())
}

pub(crate) fn virNetworkSetAutostart(network: &Object<Network>, autostart: bool) -> Result<()> {
    network.network.set_autostart(autostart)
}

pub(crate) fn virNetworkIsActive(network: &Object<Network>) -> Result<bool> {
    network.network.is_active()
}

pub(crate) fn virNetworkIsPersistent(network: &Object<Network>) -> Result<bool> {
    network.network.is_persistent()
}

pub(crate) fn virNetworkUpdate(
    network: &Object<Network>,
    command: c_uint,
    section: c_uint,
    parent: c_int,
    xml: &str,
    affect: Affect,
) -> Result<()> {
    let change = NetworkChange {
        command: NetworkCommand::from_number(command.cast_signed()),
        section: NetworkPart::from_number(section.cast_signed()),
        parent,
        xml: xml.to_owned(),
    };
    network.network.update(change, affect)
}

pub(crate) fn virNetworkGetMetadata(
    network: &Object<Network>,
    kind: c_int,
    namespace: Option<&str>,
    affect: Affect,
) -> Result<String> {
    network.network.metadata(MetadataKind::from_number(kind), namespace, affect)
}

pub(crate) fn virNetworkSetMetadata(
    network: &Object<Network>,
    kind: c_int,
    text: Option<&str>,
    prefix: Option<&str>,
    namespace: Option<&str>,
    affect: Affect,
) -> Result<()> {
    network.network.set_metadata(metadata_change(kind, text, prefix, namespace), affect)
}

pub(crate) fn virNetworkGetDHCPLeases(
    network: &Object<Network>,
    mac: Option<&str>,
    leases: Option<Out<*mut virNetworkDHCPLeasePtr>>,
    _: NoFlags,
) -> Result<usize> {
    let known = network.network.dhcp_leases(mac)?;
    let count = known.len();
    if let Some(place) = leases {
        place.set(memory::list(known, lease)?.0);
    }
    Ok(count)
}

fn lease(lease: DhcpLease) -> Result<virNetworkDHCPLeasePtr> {
    let record = memory::allocate::<virNetworkDHCPLease>(1)?;
    let kind = if lease.ipv6 { VIR_IP_ADDR_TYPE_IPV6 } else { VIR_IP_ADDR_TYPE_IPV4 };
    let value = virNetworkDHCPLease {
        iface: memory::text(&lease.interface)?,
        expirytime: lease.expiry,
        r#type: kind,
        mac: memory::optional_text(lease.mac.as_deref())?,
        iaid: memory::optional_text(lease.iaid.as_deref())?,
        ipaddr: memory::text(&lease.address)?,
        prefix: lease.prefix,
        hostname: memory::optional_text(lease.hostname.as_deref())?,
        clientid: memory::optional_text(lease.client_id.as_deref())?,
    };
    // SAFETY: the record has room for one.
    unsafe { record.write(value) };
    Ok(record)
}

//! Ports of networks.

use std::ffi::{c_char, c_int, c_uchar};

use uuid::Uuid;
use virt_core::CreateNetworkPort;
use virt_util::{ErrorCode, Result};

use crate::connect::Connect;
use crate::network::Network;
use crate::parameters;
use crate::runtime::*;
use crate::types::*;

/// A port, as the application found it.
pub(crate) struct NetworkPort {
    network: Reference<Network>,
    port: virt_core::NetworkPort,
}

impl Kind for NetworkPort {
    type Opaque = virNetworkPort;
    const MAGIC: u32 = 0x7613_C104;
    const INVALID: ErrorCode = ErrorCode::INVALID_NETWORK_PORT;

    fn connect(object: &Object<Self>) -> *const Object<Connect> {
        <Network as Kind>::connect(&object.network)
    }
}

fn new(network: &Object<Network>, port: virt_core::NetworkPort) -> Reference<NetworkPort> {
    Reference::new(NetworkPort { network: network.reference(), port })
}

pub(crate) fn virNetworkListAllPorts(
    network: &Object<Network>,
    ports: Option<Out<*mut virNetworkPortPtr>>,
    _: NoFlags,
) -> Result<usize> {
    let known = network.network.ports()?;
    memory::give_objects(ports, known.into_iter().map(|port| new(network, port)).collect())
}

pub(crate) fn virNetworkPortLookupByUUID(
    network: &Object<Network>,
    uuid: Uuid,
) -> Result<Reference<NetworkPort>> {
    Ok(new(network, network.network.port(uuid)?))
}

pub(crate) fn virNetworkPortLookupByUUIDString(
    network: &Object<Network>,
    uuid: UuidText,
) -> Result<Reference<NetworkPort>> {
    virNetworkPortLookupByUUID(network, uuid.0)
}

pub(crate) fn virNetworkPortCreateXML(
    network: &Object<Network>,
    xml: &str,
    flags: CreateNetworkPort,
) -> Result<Reference<NetworkPort>> {
    Ok(new(network, network.network.create_port(xml, flags)?))
}

pub(crate) fn virNetworkPortRef(port: &Object<NetworkPort>) -> Result<()> {
    port.reference().into_raw();
    Ok(())
}

pub(crate) unsafe fn virNetworkPortFree(port: &Object<NetworkPort>) -> Result<()> {
    // SAFETY: C gives its reference back.
    unsafe { port.release() };
    Ok(())
}

/// The network, without a reference for C.
pub(crate) fn virNetworkPortGetNetwork(port: &Object<NetworkPort>) -> Result<*mut virNetwork> {
    Ok(port.network.as_raw())
}

pub(crate) fn virNetworkPortGetUUID(port: &Object<NetworkPort>, uuid: Out<c_uchar>) -> Result<()> {
    memory::write_uuid(uuid, port.port.uuid());
    Ok(())
}

pub(crate) fn virNetworkPortGetUUIDString(port: &Object<NetworkPort>, buffer: Out<c_char>) -> Result<()> {
    memory::write_uuid_text(buffer, port.port.uuid());
    Ok(())
}

pub(crate) fn virNetworkPortGetXMLDesc(port: &Object<NetworkPort>, _: NoFlags) -> Result<String> {
    port.port.xml()
}

pub(crate) fn virNetworkPortDelete(port: &Object<NetworkPort>, _: NoFlags) -> Result<()> {
    port.port.delete()
}

pub(crate) fn virNetworkPortGetParameters(
    port: &Object<NetworkPort>,
    params: Out<virTypedParameterPtr>,
    count: Out<c_int>,
    _: NoFlags,
) -> Result<()> {
    parameters::give(&port.port.parameters()?, params, count)
}

pub(crate) unsafe fn virNetworkPortSetParameters(
    port: &Object<NetworkPort>,
    params: virTypedParameterPtr,
    count: c_int,
    _: NoFlags,
) -> Result<()> {
    // SAFETY: the application's array.
    port.port.set_parameters(unsafe { parameters::from_c(params, count)? })
}

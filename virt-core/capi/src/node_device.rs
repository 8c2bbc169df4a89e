//! Devices of the host.

use std::ffi::{CString, c_char, c_int};
use std::sync::OnceLock;

use virt_core::{Affect, CreateNodeDevice, DefineNodeDevice, ListNodeDevices, NodeDeviceXml};
use virt_util::{ErrorCode, Result};

use crate::connect::{Connect, text};
use crate::runtime::*;
use crate::types::*;

/// A device, as the application found it.
pub(crate) struct NodeDevice {
    connect: Reference<Connect>,
    pub(crate) device: virt_core::NodeDevice,
    name: CString,
    /// Its parent's name, when that was asked for.
    parent: OnceLock<Option<CString>>,
}

impl Kind for NodeDevice {
    type Opaque = virNodeDevice;
    const MAGIC: u32 = 0x7613_C105;
    const INVALID: ErrorCode = ErrorCode::INVALID_NODE_DEVICE;

    fn connect(object: &Object<Self>) -> *const Object<Connect> {
        &raw const *object.connect
    }
}

impl NodeDevice {
    pub(crate) fn new(connect: &Object<Connect>, device: virt_core::NodeDevice) -> Reference<Self> {
        let (connect, name) = (connect.reference(), text(device.name()));
        Reference::new(Self { connect, device, name, parent: OnceLock::new() })
    }
}

pub(crate) fn virNodeDeviceLookupByName(conn: &Object<Connect>, name: &str) -> Result<Reference<NodeDevice>> {
    Ok(NodeDevice::new(conn, conn.connection.node_device_by_name(name)?))
}

pub(crate) fn virNodeDeviceLookupSCSIHostByWWN(
    conn: &Object<Connect>,
    wwnn: &str,
    wwpn: &str,
    _: NoFlags,
) -> Result<Reference<NodeDevice>> {
    Ok(NodeDevice::new(conn, conn.connection.scsi_host_by_wwn(wwnn, wwpn)?))
}

pub(crate) fn virNodeDeviceRef(device: &Object<NodeDevice>) -> Result<()> {
    device.reference().into_raw();
    Ok(())
}

pub(crate) unsafe fn virNodeDeviceFree(device: &Object<NodeDevice>) -> Result<()> {
    // SAFETY: C gives its reference back.
    unsafe { device.release() };
    Ok(())
}

pub(crate) fn virNodeDeviceGetName(device: &Object<NodeDevice>) -> Result<*const c_char> {
    Ok(device.name.as_ptr())
}

/// NULL, and no error, for one that has none.
pub(crate) fn virNodeDeviceGetParent(device: &Object<NodeDevice>) -> Result<*const c_char> {
    let parent = match device.parent.get() {
        Some(known) => known,
        None => {
            let parent = device.device.parent()?;
            device.parent.get_or_init(|| parent.map(|parent| text(parent.name())))
        }
    };
    Ok(parent.as_ref().map_or(std::ptr::null(), |name| name.as_ptr()))
}

pub(crate) fn virNodeDeviceGetXMLDesc(device: &Object<NodeDevice>, flags: NodeDeviceXml) -> Result<String> {
    device.device.xml(flags)
}

pub(crate) fn virNodeDeviceNumOfCaps(device: &Object<NodeDevice>) -> Result<usize> {
    device.device.capabilities().map(|capabilities| capabilities.len())
}

pub(crate) unsafe fn virNodeDeviceListCaps(
    device: &Object<NodeDevice>,
    names: *mut *mut c_char,
    room: Room,
) -> Result<usize> {
    let capabilities = device.device.capabilities()?;
    // SAFETY: the application has room for that many.
    unsafe { memory::fill_names(names, room.0, capabilities) }
}

pub(crate) fn virNodeNumOfDevices(
    conn: &Object<Connect>,
    capability: Option<&str>,
    _: NoFlags,
) -> Result<usize> {
    conn.connection.node_device_count(capability).map(|count| count as usize)
}

pub(crate) unsafe fn virNodeListDevices(
    conn: &Object<Connect>,
    capability: Option<&str>,
    names: *mut *mut c_char,
    room: Room,
    _: NoFlags,
) -> Result<usize> {
    let known = conn.connection.node_device_names(capability)?;
    // SAFETY: the application has room for that many.
    unsafe { memory::fill_names(names, room.0, known) }
}

pub(crate) fn virConnectListAllNodeDevices(
    conn: &Object<Connect>,
    devices: Option<Out<*mut virNodeDevicePtr>>,
    flags: ListNodeDevices,
) -> Result<usize> {
    let entries = conn.connection.node_devices(flags)?;
    match devices {
        None => Ok(entries.len()),
        place => {
            memory::give_objects(place, entries.iter().map(|it| NodeDevice::new(conn, it.device())).collect())
        }
    }
}

pub(crate) fn virNodeDeviceCreateXML(
    conn: &Object<Connect>,
    xml: &str,
    flags: CreateNodeDevice,
) -> Result<Reference<NodeDevice>> {
    Ok(NodeDevice::new(conn, conn.connection.create_node_device(xml, flags)?))
}

pub(crate) fn virNodeDeviceDefineXML(
    conn: &Object<Connect>,
    xml: &str,
    flags: DefineNodeDevice,
) -> Result<Reference<NodeDevice>> {
    Ok(NodeDevice::new(conn, conn.connection.define_node_device(xml, flags)?))
}

pub(crate) fn virNodeDeviceDettach(device: &Object<NodeDevice>) -> Result<()> {
    device.device.detach(None)
}

pub(crate) fn virNodeDeviceDetachFlags(
    device: &Object<NodeDevice>,
    driver: Option<&str>,
    _: NoFlags,
) -> Result<()> {
    device.device.detach(driver)
}

pub(crate) fn virNodeDeviceReAttach(device: &Object<NodeDevice>) -> Result<()> {
    device.device.reattach()
}

pub(crate) fn virNodeDeviceReset(device: &Object<NodeDevice>) -> Result<()> {
    device.device.reset()
}

pub(crate) fn virNodeDeviceCreate(device: &Object<NodeDevice>, _: NoFlags) -> Result<()> {
    device.device.start()
}

pub(crate) fn virNodeDeviceDestroy(device: &Object<NodeDevice>) -> Result<()> {
    device.device.destroy()
}

pub(crate) fn virNodeDeviceUndefine(device: &Object<NodeDevice>, _: NoFlags) -> Result<()> {
    device.device.undefine()
}

pub(crate) fn virNodeDeviceGetAutostart(device: &Object<NodeDevice>, autostart: Out<c_int>) -> Result<()> {
    autostart.set(device.device.autostart()?.into());
    Ok(())
}

pub(crate) fn virNodeDeviceSetAutostart(device: &Object<NodeDevice>, autostart: bool) -> Result<()> {
    device.device.set_autostart(autostart)
}

pub(crate) fn virNodeDeviceIsActive(device: &Object<NodeDevice>) -> Result<bool> {
    device.device.is_active()
}

pub(crate) fn virNodeDeviceIsPersistent(device: &Object<NodeDevice>) -> Result<bool> {
    device.device.is_persistent()
}

pub(crate) fn virNodeDeviceUpdate(device: &Object<NodeDevice>, xml: &str, affect: Affect) -> Result<()> {
    device.device.update(xml, affect)
}

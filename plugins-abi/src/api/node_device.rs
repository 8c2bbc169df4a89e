//! Devices of the host: what there is, what it is, and making, detaching, resetting some of it.

use std::sync::Arc;

use super::*;
use crate::driver_api;

driver_api! {
    /// Devices of the host: the role `nodedev`. A device is known by its name, which is unique on the host.
    pub trait NodeDevices in node_devices {
        /// Those that `filter` asks for, with everything a list shows.
        #[api(read, "virConnectListAllNodeDevices", since "1.0")]
        fn list(&self, call: &Call, filter: ListNodeDevices) -> Vec<NodeDeviceSummary>;
        /// The names of those that are there and have this capability, or all of them.
        #[api(read, "virNodeListDevices", since "1.0")]
        fn names(&self, call: &Call, capability: Option<String>) -> Vec<String>;
        /// How many there are of those.
        #[api(read, "virNodeNumOfDevices", since "1.0")]
        fn count(&self, call: &Call, capability: Option<String>) -> u32;
        /// The device of this name.
        #[api(read, "virNodeDeviceLookupByName", since "1.0")]
        fn lookup_by_name(&self, call: &Call, name: String) -> NodeDeviceSummary;
        /// The name of the SCSI host with these world-wide names of node and port.
        #[api(read, "virNodeDeviceLookupSCSIHostByWWN", since "1.0")]
        fn lookup_scsi_host(&self, call: &Call, wwnn: String, wwpn: String) -> String;
        /// Its XML.
        #[api(read, "virNodeDeviceGetXMLDesc", since "1.0")]
        fn xml(&self, call: &Call, device: String, flags: NodeDeviceXml) -> String;
        /// The name of the device that it hangs on; nothing for the host itself.
        #[api(read, "virNodeDeviceGetParent", since "1.0")]
        fn parent(&self, call: &Call, device: String) -> Option<String>;
        /// The names of its capabilities.
        #[api(read, "virNodeDeviceListCaps", since "1.0")]
        fn capabilities(&self, call: &Call, device: String) -> Vec<String>;
        /// Takes a device from the host, so that it can be handed to a guest; `driver` is who gets it instead of vfio-pci.
        #[api(write, "virNodeDeviceDetachFlags", since "1.0")]
        fn detach(&self, call: &Call, device: String, driver: Option<String>) -> ();
        /// Gives it back to the host's driver.
        #[api(write, "virNodeDeviceReAttach", since "1.0")]
        fn reattach(&self, call: &Call, device: String) -> ();
        /// Resets a device that nobody uses.
        #[api(write, "virNodeDeviceReset", since "1.0")]
        fn reset(&self, call: &Call, device: String) -> ();
        /// Makes a device (mediated, or a virtual host bus adapter) that is gone after a restart of the host; answers its
        /// name.
        #[api(write, "virNodeDeviceCreateXML", since "1.0")]
        fn create_xml(&self, call: &Call, xml: String, flags: CreateNodeDevice) -> String;
        /// Removes a device that was made; its definition stays.
        #[api(write, "virNodeDeviceDestroy", since "1.0")]
        fn destroy(&self, call: &Call, device: String) -> ();
        /// Gives a mediated device a definition; answers its name.
        #[api(write, "virNodeDeviceDefineXML", since "1.0")]
        fn define(&self, call: &Call, xml: String, flags: DefineNodeDevice) -> String;
        /// Takes its definition away.
        #[api(write, "virNodeDeviceUndefine", since "1.0")]
        fn undefine(&self, call: &Call, device: String) -> ();
        /// Makes a device that is defined.
        #[api(write, "virNodeDeviceCreate", since "1.0")]
        fn create(&self, call: &Call, device: String) -> ();
        /// Decides whether it is made when its parent comes.
        #[api(write, "virNodeDeviceSetAutostart", since "1.0")]
        fn set_autostart(&self, call: &Call, device: String, autostart: bool) -> ();
        /// Whether it is made when its parent comes.
        #[api(read, "virNodeDeviceGetAutostart", since "1.0")]
        fn autostart(&self, call: &Call, device: String) -> bool;
        /// Whether it has a definition.
        #[api(read, "virNodeDeviceIsPersistent", since "1.0")]
        fn is_persistent(&self, call: &Call, device: String) -> bool;
        /// Whether it is there.
        #[api(read, "virNodeDeviceIsActive", since "1.0")]
        fn is_active(&self, call: &Call, device: String) -> bool;
        /// Changes what can be changed of a mediated device.
        #[api(write, "virNodeDeviceUpdate", since "1.0")]
        fn update(&self, call: &Call, device: String, xml: String, affect: Affect) -> ();
        /// The events from now on; their kinds are [`NodeDeviceEventKind`]. Devices come and go without asking anybody, so
        /// what was before is not kept.
        #[api(read, "virConnectNodeDeviceEventRegisterAny", since "1.0")]
        fn subscribe(&self, call: &Call) -> Arc<dyn ObjectEventSource>;
    }
}

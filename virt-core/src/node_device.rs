//! Devices of the host.

use std::sync::Arc;
use std::time::SystemTime;

use plugins_abi::{
    Affect, CreateNodeDevice, DefineNodeDevice, ListNodeDevices, NodeDeviceLifecycle, NodeDeviceSummary,
    NodeDeviceXml, ObjectEvent, node_devices,
};
use virt_util::Result;

use crate::connection::{Connection, secondary};
use crate::event::{Events, Notice, Subscription, time};

/// A device of the host. Cheap to clone; stays valid while the device changes, and says so when it is gone.
///
/// ```no_run
/// use virt_core::{Connection, ListNodeDevices};
///
/// let connection = Connection::open("qemu:///system")?;
/// for entry in connection.node_devices(ListNodeDevices::PCI_DEV)? {
///     println!("{} hangs on {}", entry.name, entry.parent.as_deref().unwrap_or("nothing"));
/// }
/// let card = connection.node_device_by_name("pci_0000_01_10_0")?;
/// card.detach(None)?;
/// card.reattach()?;
/// # Ok::<(), virt_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NodeDevice {
    connection: Connection,
    name: Arc<str>,
}

/// A device in a list, with its summary at that moment.
#[derive(Clone, Debug)]
pub struct NodeDeviceEntry {
    connection: Connection,
    summary: NodeDeviceSummary,
}

impl NodeDeviceEntry {
    /// A handle of the device in this line.
    pub fn device(&self) -> NodeDevice {
        NodeDevice { connection: self.connection.clone(), name: self.summary.name.as_str().into() }
    }
}

impl std::ops::Deref for NodeDeviceEntry {
    type Target = NodeDeviceSummary;

    fn deref(&self) -> &NodeDeviceSummary {
        &self.summary
    }
}

/// Something happened to a device of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDeviceEvent {
    /// Its number among those that this reader got.
    pub sequence: u64,
    /// When it happened.
    pub time: SystemTime,
    /// The device's name.
    pub name: String,
    /// What.
    pub kind: NodeDeviceEventKind,
}

/// What happened to a device of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeDeviceEventKind {
    /// It came, went, was defined ...
    Lifecycle(NodeDeviceLifecycle),
    /// What is known of it changed.
    Update,
    /// A kind that this version does not know, by its number.
    Other(i32),
}

impl From<ObjectEvent> for NodeDeviceEvent {
    fn from(event: ObjectEvent) -> Self {
        use plugins_abi::NodeDeviceEventKind as Kind;
        let kind = match Kind::from_number(event.kind) {
            Kind::Lifecycle => NodeDeviceEventKind::Lifecycle(NodeDeviceLifecycle::from_number(event.event)),
            Kind::Update => NodeDeviceEventKind::Update,
            _ => NodeDeviceEventKind::Other(event.kind),
        };
        let time = time(event.seconds, event.nanoseconds);
        Self { sequence: event.sequence, time, name: event.name, kind }
    }
}

/// A call of the driver of node devices: `ask!(connection, list(filter))`.
macro_rules! ask {
    ($connection:expr, $method:ident($($argument:expr),*)) => {{
        let connection = $connection;
        connection.call(|call| {
            secondary!(connection, call, "nodedev", node_devices, node_devices::$method)?.$method(call $(, $argument)*)
        })
    }};
}

impl Connection {
    /// The devices of the host that `filter` asks for, with everything a list shows, in one call. An empty filter: all.
    ///
    /// # Errors
    ///
    /// `NO_SUPPORT` where no driver has the role `nodedev`; what that driver says otherwise.
    pub fn node_devices(&self, filter: ListNodeDevices) -> Result<Vec<NodeDeviceEntry>> {
        let list = ask!(self, list(filter))?;
        let entry = |summary| NodeDeviceEntry { connection: self.clone(), summary };
        Ok(list.into_iter().map(entry).collect())
    }

    /// The names of the devices that are there and have this capability, `usb_device`; nothing: of all.
    ///
    /// # Errors
    ///
    /// As for [`Connection::node_devices`].
    pub fn node_device_names(&self, capability: Option<&str>) -> Result<Vec<String>> {
        ask!(self, names(capability.map(str::to_owned)))
    }

    /// How many devices [`Connection::node_device_names`] would name.
    ///
    /// # Errors
    ///
    /// As for [`Connection::node_devices`].
    pub fn node_device_count(&self, capability: Option<&str>) -> Result<u32> {
        ask!(self, count(capability.map(str::to_owned)))
    }

    /// The device of the host of this name.
    ///
    /// # Errors
    ///
    /// `NO_NODE_DEVICE` when there is none.
    pub fn node_device_by_name(&self, name: &str) -> Result<NodeDevice> {
        let summary = ask!(self, lookup_by_name(name.to_owned()))?;
        Ok(NodeDevice::new(self, &summary.name))
    }

    /// A handle of the device that an event is about, gone or not.
    pub fn node_device_of(&self, name: &str) -> NodeDevice {
        NodeDevice::new(self, name)
    }

    /// The SCSI host with these world-wide names of node and port, 16 hexadecimal digits each.
    ///
    /// # Errors
    ///
    /// `NO_NODE_DEVICE` when there is none.
    pub fn scsi_host_by_wwn(&self, wwnn: &str, wwpn: &str) -> Result<NodeDevice> {
        let name = ask!(self, lookup_scsi_host(wwnn.to_owned(), wwpn.to_owned()))?;
        Ok(NodeDevice::new(self, &name))
    }

    /// Makes a mediated device or a virtual host bus adapter; it is gone after a restart of the host.
    ///
    /// # Errors
    ///
    /// `XML_ERROR` and its kin with the place in the XML; what the kernel refuses.
    pub fn create_node_device(&self, xml: &str, flags: CreateNodeDevice) -> Result<NodeDevice> {
        let name = ask!(self, create_xml(xml.to_owned(), flags))?;
        Ok(NodeDevice::new(self, &name))
    }

    /// Gives a mediated device a definition.
    ///
    /// # Errors
    ///
    /// `XML_ERROR` and its kin with the place in the XML.
    pub fn define_node_device(&self, xml: &str, flags: DefineNodeDevice) -> Result<NodeDevice> {
        let name = ask!(self, define(xml.to_owned(), flags))?;
        Ok(NodeDevice::new(self, &name))
    }

    /// What happens to the host's devices from now on, as a blocking iterator.
    ///
    /// # Errors
    ///
    /// As for [`Connection::node_devices`].
    pub fn node_device_events(&self) -> Result<Events<NodeDeviceEvent>> {
        let source = ask!(self, subscribe())?;
        Ok(Events::new(self.clone(), source))
    }

    /// Calls `callback` for everything that happens to the host's devices from now on, on a thread of its own, until the
    /// subscription is dropped.
    ///
    /// # Errors
    ///
    /// As for [`Connection::node_devices`].
    pub fn on_node_device_event(
        &self,
        callback: impl FnMut(Notice<NodeDeviceEvent>) + Send + 'static,
    ) -> Result<Subscription> {
        Subscription::new(self.node_device_events()?, callback)
    }
}

/// Calls about one device, each a line.
macro_rules! calls {
    ($($(#[doc = $doc:expr])* fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty = $method:ident($($pass:expr),*);)*) => {$(
        $(#[doc = $doc])*
        pub fn $name(&self $(, $arg: $ty)*) -> Result<$ret> {
            ask!(&self.connection, $method(self.name.as_ref().to_owned() $(, $pass)*))
        }
    )*};
}

impl NodeDevice {
    fn new(connection: &Connection, name: &str) -> Self {
        Self { connection: connection.clone(), name: name.into() }
    }

    /// What identifies it on its host, `pci_0000_01_10_0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The connection it belongs to.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The device that it hangs on; nothing for the host itself.
    ///
    /// # Errors
    ///
    /// `NO_NODE_DEVICE` when it is gone.
    pub fn parent(&self) -> Result<Option<Self>> {
        let parent = ask!(&self.connection, parent(self.name.as_ref().to_owned()))?;
        Ok(parent.map(|name| Self::new(&self.connection, &name)))
    }

    calls! {
        /// What a list shows of it.
        ///
        /// # Errors
        ///
        /// `NO_NODE_DEVICE` when it is gone.
        fn summary() -> NodeDeviceSummary = lookup_by_name();

        /// Its XML.
        ///
        /// # Errors
        ///
        /// `NO_NODE_DEVICE` when it is gone.
        fn xml(flags: NodeDeviceXml) -> String = xml(flags);

        /// The names of its capabilities.
        ///
        /// # Errors
        ///
        /// `NO_NODE_DEVICE` when it is gone.
        fn capabilities() -> Vec<String> = capabilities();

        /// Takes a PCI function from the host's driver and gives it to `driver`, or to vfio-pci, so that it can be handed to a
        /// guest. It takes root.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when somebody has it; `ARGUMENT_UNSUPPORTED` for a driver that cannot hand it over.
        fn detach(driver: Option<&str>) -> () = detach(driver.map(str::to_owned));

        /// Gives a PCI function back to the host's driver. It takes root.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when a guest has it.
        fn reattach() -> () = reattach();

        /// Resets a PCI function that nobody uses. It takes root.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when somebody uses it; `INTERNAL_ERROR` when it cannot be reset alone.
        fn reset() -> () = reset();

        /// Makes a device that is defined.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is there already.
        fn start() -> () = create();

        /// Removes a device that was made; its definition stays.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is not there, or somebody uses it.
        fn destroy() -> () = destroy();

        /// Takes its definition away.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it has none.
        fn undefine() -> () = undefine();

        /// Whether it is made when its parent comes.
        ///
        /// # Errors
        ///
        /// `NO_NODE_DEVICE` when it is gone.
        fn autostart() -> bool = autostart();

        /// Decides whether it is made when its parent comes.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it has no definition.
        fn set_autostart(autostart: bool) -> () = set_autostart(autostart);

        /// Whether it has a definition that outlives its run.
        ///
        /// # Errors
        ///
        /// `NO_NODE_DEVICE` when it is gone.
        fn is_persistent() -> bool = is_persistent();

        /// Whether it is there.
        ///
        /// # Errors
        ///
        /// `NO_NODE_DEVICE` when it is gone.
        fn is_active() -> bool = is_active();

        /// Changes what can be changed of a mediated device: its attributes.
        ///
        /// # Errors
        ///
        /// `XML_ERROR` and its kin with the place in the XML; `OPERATION_UNSUPPORTED` for other changes.
        fn update(xml: &str, affect: Affect) -> () = update(xml.to_owned(), affect);
    }
}

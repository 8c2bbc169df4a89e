//! The driver's face: each method hands over to the engine.

use std::path::PathBuf;
use std::sync::Arc;

use virt_core::driver::*;
use virt_core::sriov::Inventory;
use virt_util::sysfs::Sysfs;
use virt_util::udev::Udev;

use crate::engine::Engine;
use crate::event::Source;

/// The role of who leases devices.
const LEASES: &str = "hostdev";

/// The node device driver. See the crate's documentation.
pub struct NodedevDriver {
    host: Host,
}

impl DriverEntry for NodedevDriver {
    const MANIFEST: Manifest = Manifest {
        name: "nodedev",
        version: env!("CARGO_PKG_VERSION"),
        description: "Devices of the host",
        schemes: &[],
        roles: &["nodedev"],
    };

    fn create(host: Host) -> Result<Self> {
        Ok(Self { host })
    }
}

impl Driver for NodedevDriver {
    /// Whatever URI it is opened for, the devices are the host's. `nodedev:///?root=DIR&sysfs=DIR&udev=DIR` leads to others,
    /// for tests; with any URI, `root` keeps definitions below a directory.
    fn open(&self, _: &Call, request: OpenRequest) -> Result<Slots> {
        let uri: Uri = request.uri.parse()?;
        let own = uri.driver() == "nodedev";
        let directory = |name: &str| uri.parameter(name).filter(|_| own);
        let sysfs = directory("sysfs").map_or_else(Sysfs::host, Sysfs::at);
        let udev = directory("udev").map_or_else(Udev::host, Udev::at);
        let root = uri.parameter("root").map(absolute).transpose()?;
        let engine = match (own, root) {
            (true, root) => Engine::at(sysfs, udev, root.as_deref()),
            (false, None) => Engine::host()?,
            // Leases are the host's, whoever asks.
            (false, Some(root)) => Engine::host()?.defining_below(&root),
        };
        let engine = Arc::new(engine);
        let leases = match directory("root") {
            Some(root) => format!("hostdev:///?root={root}"),
            None => request.uri.clone(),
        };
        let session = HostSession::new(Self::MANIFEST.name, request.uri);
        let connection = Arc::new(Connection { engine, host: self.host.clone(), leases });
        Ok(Slots::new(session).with_node_devices(connection))
    }
}

fn absolute(root: &str) -> Result<PathBuf> {
    std::path::absolute(root)
        .map_err(|error| Error::system(ErrorDomain::NODEDEV, format!("cannot use the root '{root}'"), error))
}

/// One connection.
struct Connection {
    engine: Arc<Engine>,
    host: Host,
    /// What the driver of leases is opened for.
    leases: String,
}

impl Connection {
    /// What the host device driver has leased; nothing where there is no such driver, and so no lease.
    fn leases(&self, call: &Call) -> Result<Option<Inventory>> {
        let slots = match self.host.role(call, LEASES.to_owned(), self.leases.clone()) {
            Ok(slots) => slots,
            Err(error) if error.code() == ErrorCode::NO_SUPPORT => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(devices) = slots.host_devices else { return Ok(None) };
        Inventory::from_json(&devices.inventory(call)?).map(Some)
    }
}

impl NodeDevices for Connection {
    fn list(&self, _: &Call, filter: ListNodeDevices) -> Result<Vec<NodeDeviceSummary>> {
        filter.only(ListNodeDevices::all(), "nodeConnectListAllNodeDevices")?;
        self.engine.list(filter)
    }

    fn names(&self, _: &Call, capability: Option<String>) -> Result<Vec<String>> {
        self.engine.names(capability.as_deref())
    }

    fn count(&self, _: &Call, capability: Option<String>) -> Result<u32> {
        Ok(self.engine.names(capability.as_deref())?.len() as u32)
    }

    fn lookup_by_name(&self, _: &Call, name: String) -> Result<NodeDeviceSummary> {
        self.engine.summary(&name)
    }

    fn lookup_scsi_host(&self, _: &Call, wwnn: String, wwpn: String) -> Result<String> {
        self.engine.scsi_host(&wwnn, &wwpn)
    }

    fn xml(&self, _: &Call, device: String, flags: NodeDeviceXml) -> Result<String> {
        flags.only(NodeDeviceXml::INACTIVE, "nodeDeviceGetXMLDesc")?;
        self.engine.xml(&device, flags)
    }

    fn parent(&self, _: &Call, device: String) -> Result<Option<String>> {
        Ok(self.engine.summary(&device)?.parent)
    }

    fn capabilities(&self, _: &Call, device: String) -> Result<Vec<String>> {
        self.engine.capabilities(&device)
    }

    fn detach(&self, call: &Call, device: String, driver: Option<String>) -> Result<()> {
        self.engine.detach(&device, driver.as_deref(), &|| self.leases(call), call.wait())
    }

    fn reattach(&self, call: &Call, device: String) -> Result<()> {
        self.engine.reattach(&device, &|| self.leases(call), call.wait())
    }

    fn reset(&self, call: &Call, device: String) -> Result<()> {
        self.engine.reset(&device, &|| self.leases(call), call.wait())
    }

    fn create_xml(&self, _: &Call, xml: String, flags: CreateNodeDevice) -> Result<String> {
        flags.only(CreateNodeDevice::VALIDATE, "nodeDeviceCreateXML")?;
        self.engine.create(&xml, flags)
    }

    fn destroy(&self, _: &Call, device: String) -> Result<()> {
        self.engine.destroy(&device)
    }

    fn define(&self, _: &Call, xml: String, flags: DefineNodeDevice) -> Result<String> {
        flags.only(DefineNodeDevice::VALIDATE, "nodeDeviceDefineXML")?;
        self.engine.define_xml(&xml, flags)
    }

    fn undefine(&self, _: &Call, device: String) -> Result<()> {
        self.engine.undefine(&device)
    }

    fn create(&self, _: &Call, device: String) -> Result<()> {
        self.engine.start(&device)
    }

    fn set_autostart(&self, _: &Call, device: String, autostart: bool) -> Result<()> {
        self.engine.set_autostart(&device, autostart)
    }

    fn autostart(&self, _: &Call, device: String) -> Result<bool> {
        self.engine.autostart(&device)
    }

    fn is_persistent(&self, _: &Call, device: String) -> Result<bool> {
        self.engine.is_persistent(&device)
    }

    fn is_active(&self, _: &Call, device: String) -> Result<bool> {
        Ok(self.engine.summary(&device)?.active)
    }

    fn update(&self, _: &Call, device: String, xml: String, affect: Affect) -> Result<()> {
        affect.only(Affect::all(), "nodeDeviceUpdate")?;
        self.engine.update(&device, &xml, affect)
    }

    fn subscribe(&self, _: &Call) -> Result<Arc<dyn ObjectEventSource>> {
        Ok(Arc::new(Source::new(self.engine.clone())?))
    }
}

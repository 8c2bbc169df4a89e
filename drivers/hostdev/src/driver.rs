//! The driver's face: each method reads its document, and hands over to the engine.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use virt_core::driver::*;
use virt_core::sriov::{Request, Settings};
use virt_util::pci::{Pci, PciAddress};
use virt_util::root::Location;
use virt_util::sysfs::Sysfs;

use crate::engine::Engine;

/// The host device driver. See the crate's documentation.
#[derive(Debug)]
pub struct HostdevDriver;

impl DriverEntry for HostdevDriver {
    const MANIFEST: Manifest = Manifest {
        name: "hostdev",
        version: env!("CARGO_PKG_VERSION"),
        description: "SR-IOV virtual functions and other PCI devices of the host",
        schemes: &[],
        roles: &["hostdev"],
    };

    fn create(_: Host) -> Result<Self> {
        Ok(Self)
    }
}

impl Driver for HostdevDriver {
    /// Whatever URI it is opened for, there is one state for the whole host. `hostdev:///?root=DIR&sysfs=DIR` is another
    /// one, for tests.
    fn open(&self, _: &Call, request: OpenRequest) -> Result<Slots> {
        let uri: Uri = request.uri.parse()?;
        let apart = uri.parameter("root").filter(|_| uri.driver() == "hostdev");
        let engine = match apart {
            None => Engine::host()?,
            Some(root) => {
                let sysfs = uri.parameter("sysfs").map_or_else(Sysfs::host, Sysfs::at);
                Engine::open(&Location::Below(absolute(root)?), Pci::at(sysfs))?
            }
        };
        let session = HostSession::new(Self::MANIFEST.name, request.uri);
        Ok(Slots::new(session).with_host_devices(Arc::new(Connection { engine })))
    }
}

fn absolute(root: &str) -> Result<PathBuf> {
    std::path::absolute(root)
        .map_err(|error| Error::system(ErrorDomain::NODEDEV, format!("cannot use the root '{root}'"), error))
}

/// One connection.
struct Connection {
    engine: Engine,
}

fn address(text: &str) -> Result<PciAddress> {
    text.parse()
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::internal(ErrorDomain::NODEDEV, format!("an answer that is no JSON: {error}")))
}

impl HostDevices for Connection {
    fn inventory(&self, _: &Call) -> Result<String> {
        json(&self.engine.inventory()?)
    }

    fn plan(&self, call: &Call, request: String) -> Result<String> {
        json(&self.engine.plan(&Request::from_json(&request)?, call.wait())?)
    }

    fn prepare(&self, call: &Call, request: String) -> Result<String> {
        json(&self.engine.prepare(&Request::from_json(&request)?, call.wait())?)
    }

    fn apply(&self, call: &Call, device: String, holder: String, settings: String) -> Result<String> {
        let settings: Settings = serde_json::from_str(&settings).map_err(|error| {
            let sentence = format!("settings of a virtual function: {error}");
            Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NODEDEV, sentence)
        })?;
        json(&self.engine.apply(address(&device)?, &holder, &settings, call.wait())?)
    }

    fn hand_over(&self, call: &Call, holder: String, process: u32) -> Result<()> {
        self.engine.hand_over(&holder, process, call.wait())
    }

    fn release(&self, call: &Call, holder: String) -> Result<Vec<String>> {
        let released = self.engine.release(&holder, call.wait())?;
        Ok(released.iter().map(ToString::to_string).collect())
    }

    fn release_device(&self, call: &Call, device: String, holder: Option<String>) -> Result<()> {
        match device.parse() {
            Ok(device) => self.engine.release_device(device, holder.as_deref(), call.wait()),
            Err(_) => self.engine.release_claim(&device, holder.as_deref()),
        }
    }

    fn restore(&self, _: &Call, device: Option<String>) -> Result<String> {
        match device {
            Some(device) => json(&[self.engine.restore(address(&device)?)?]),
            None => json(&self.engine.recover()?),
        }
    }

    fn diagnose(&self, _: &Call) -> Result<String> {
        json(&self.engine.diagnose()?)
    }
}

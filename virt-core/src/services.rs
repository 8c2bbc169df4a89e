//! What the host offers to its drivers.

use plugins_abi::{Call, HelperProgram, HostServices, OpenRequest, Slots};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::registry::WeakRegistry;

/// The one program that drivers run for their guests: it stays with a guest.
const CONTROLLER: &str = "controller";

/// The services of one registry.
pub(crate) struct Services {
    /// Weak, because the registry keeps the drivers and they keep this.
    registry: WeakRegistry,
}

impl Services {
    pub(crate) fn new(registry: WeakRegistry) -> Self {
        Self { registry }
    }
}

impl HostServices for Services {
    fn role(&self, call: &Call, role: String, uri: String) -> Result<Slots> {
        let registry = self.registry.upgrade().ok_or_else(|| {
            Error::new(
                ErrorCode::INVALID_CONN,
                ErrorDomain::NONE,
                "the registry of drivers, which was dropped",
            )
        })?;
        registry.open(call, OpenRequest { uri, read_only: call.read_only(), role })
    }

    fn helper(&self, _: &Call, name: String) -> Result<HelperProgram> {
        if name != CONTROLLER {
            let detail = format!("there is no program '{name}' of ours, only '{CONTROLLER}'");
            return Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, detail));
        }
        let path = virt_util::controller::binary()?;
        Ok(HelperProgram { path: path.to_string_lossy().into_owned(), arguments: Vec::new() })
    }

    fn version(&self, _: &Call) -> Result<u64> {
        Ok(crate::VERSION)
    }
}

//! The driver's face: one [`Connection`] implements all traits; each method checks, finds the network, delegates.

mod networks;
mod ports;

use std::sync::Arc;

use nix::unistd::{geteuid, gethostname};
use virt_core::driver::{Call, Driver, DriverEntry, Host, Manifest, OpenRequest, Session, Slots, Uri};
use virt_util::root::{Location, Root};
use virt_util::{Error, ErrorDomain, Result};

use crate::engine::Engine;
use crate::state::Store;

/// The network driver. See the crate's documentation.
pub struct NetworkDriver {
    host: Host,
}

impl DriverEntry for NetworkDriver {
    const MANIFEST: Manifest = Manifest {
        name: "network",
        version: env!("CARGO_PKG_VERSION"),
        description: "Virtual networks of this host",
        schemes: &[],
        roles: &["network"],
    };

    fn create(host: Host) -> Result<Self> {
        Ok(Self { host })
    }
}

impl Driver for NetworkDriver {
    /// The networks of the root that the URI leads to, whatever its hypervisor.
    fn open(&self, _: &Call, request: OpenRequest) -> Result<Slots> {
        let uri: Uri = request.uri.parse()?;
        let store = Arc::new(Store::open(Root::open(&location(&uri)?, "network")?)?);
        let engine = Engine { store, host: self.host.clone(), uri: request.uri.clone(), fault: None };
        if !request.read_only {
            // Whoever died while he was at it did not get so far that others have to live with it.
            for line in engine.recover()? {
                log::warn!("{line}");
            }
        }
        let connection = Arc::new(Connection { engine, uri: request.uri });
        Ok(Slots::new(connection.clone()).with_networks(connection.clone()).with_network_ports(connection))
    }
}

/// Where the networks of `uri` are kept.
fn location(uri: &Uri) -> Result<Location> {
    if let Some(root) = uri.parameter("root") {
        let root = std::path::absolute(root).map_err(|error| {
            Error::system(ErrorDomain::NETWORK, format!("cannot use the root '{root}'"), error)
        })?;
        return Ok(Location::Below(root));
    }
    Ok(if uri.path() == "/session" || !geteuid().is_root() { Location::Session } else { Location::System })
}

/// One connection.
pub(crate) struct Connection {
    pub(crate) engine: Engine,
    uri: String,
}

impl Session for Connection {
    fn close(&self, _: &Call) -> Result<()> {
        Ok(())
    }

    fn is_alive(&self, _: &Call) -> Result<bool> {
        Ok(true)
    }

    fn hypervisor(&self, _: &Call) -> Result<String> {
        Ok("network".to_owned())
    }

    fn version(&self, _: &Call) -> Result<u64> {
        Ok(0)
    }

    fn uri(&self, _: &Call) -> Result<String> {
        Ok(self.uri.clone())
    }

    fn hostname(&self, _: &Call) -> Result<String> {
        let name = gethostname()
            .map_err(|errno| Error::system(ErrorDomain::NETWORK, "cannot find the host's name", errno))?;
        Ok(name.to_string_lossy().into_owned())
    }

    fn is_secure(&self, _: &Call) -> Result<bool> {
        Ok(true)
    }

    fn is_encrypted(&self, _: &Call) -> Result<bool> {
        Ok(false)
    }
}

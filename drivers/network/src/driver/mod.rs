//! The driver's face: one [`Connection`] implements all traits; each method checks, finds the network, delegates.

mod networks;
mod ports;

use std::sync::Arc;

use virt_core::driver::{Call, Driver, DriverEntry, Host, HostSession, Manifest, OpenRequest, Slots, Uri};
use virt_util::Result;
use virt_util::root::{Location, Root};

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
        let store = Arc::new(Store::open(Root::open(&Location::of(&uri)?, "network")?)?);
        let engine = Engine { store, host: self.host.clone(), uri: request.uri.clone(), fault: None };
        if !request.read_only {
            // Whoever died while he was at it did not get so far that others have to live with it.
            for line in engine.recover()? {
                log::warn!("{line}");
            }
        }
        let connection = Arc::new(Connection { engine });
        Ok(Slots::new(HostSession::new(Self::MANIFEST.name, request.uri))
            .with_networks(connection.clone())
            .with_network_ports(connection))
    }
}

/// One connection.
pub(crate) struct Connection {
    pub(crate) engine: Engine,
}

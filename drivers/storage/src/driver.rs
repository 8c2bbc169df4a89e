//! The driver's face: each method reads its document, and hands over to the engine.

mod capabilities;
mod pools;
mod volumes;

use std::sync::Arc;

use virt_core::driver::*;
use virt_util::root::{Location, Root};

use crate::engine::Engine;

/// The storage driver. See the crate's documentation.
pub struct StorageDriver {
    host: Host,
}

impl DriverEntry for StorageDriver {
    const MANIFEST: Manifest = Manifest {
        name: "storage",
        version: env!("CARGO_PKG_VERSION"),
        description: "Storage pools of this host, and the volumes in them",
        schemes: &[],
        roles: &["storage"],
    };

    fn create(host: Host) -> Result<Self> {
        Ok(Self { host })
    }
}

impl Driver for StorageDriver {
    /// Whatever the URI's scheme, its path and root say whose pools they are.
    fn open(&self, _: &Call, request: OpenRequest) -> Result<Slots> {
        let uri: Uri = request.uri.parse()?;
        let root = Root::open(&Location::of(&uri)?, "storage")?;
        let engine = Arc::new(Engine::open(root, self.host.clone(), request.uri.clone())?);
        let connection = Arc::new(Connection { engine });
        Ok(Slots::new(HostSession::new(Self::MANIFEST.name, request.uri))
            .with_storage_pools(connection.clone())
            .with_storage_volumes(connection))
    }
}

/// One connection.
struct Connection {
    engine: Arc<Engine>,
}

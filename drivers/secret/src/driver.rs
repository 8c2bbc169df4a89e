//! The driver's face: each method reads its document, and hands over to the engine.

use std::sync::Arc;

use uuid::Uuid;
use virt_conf::model::Secret;
use virt_conf::xml::ParseOptions;
use virt_core::driver::*;
use virt_util::root::{Location, Root};

use crate::engine::Engine;

/// The secret driver. See the crate's documentation.
#[derive(Debug)]
pub struct SecretDriver;

impl DriverEntry for SecretDriver {
    const MANIFEST: Manifest = Manifest {
        name: "secret",
        version: env!("CARGO_PKG_VERSION"),
        description: "Secrets that storage, networks and TPMs are opened with",
        schemes: &[],
        roles: &["secret"],
    };

    fn create(_: Host) -> Result<Self> {
        Ok(Self)
    }
}

impl Driver for SecretDriver {
    /// Whatever the URI's scheme, its path and root say whose secrets they are.
    fn open(&self, _: &Call, request: OpenRequest) -> Result<Slots> {
        let uri: Uri = request.uri.parse()?;
        let root = Root::open(&Location::of(&uri)?, "secret")?;
        let session = HostSession::new(Self::MANIFEST.name, request.uri);
        Ok(Slots::new(session).with_secrets(Arc::new(Connection { engine: Engine::open(&root)? })))
    }
}

/// One connection.
struct Connection {
    engine: Engine,
}

impl Secrets for Connection {
    fn list(&self, _: &Call, filter: ListSecrets) -> Result<Vec<SecretSummary>> {
        filter.only(ListSecrets::all(), "secretConnectListAllSecrets")?;
        self.engine.list(filter)
    }

    fn lookup_by_uuid(&self, _: &Call, uuid: Uuid) -> Result<SecretSummary> {
        self.engine.by_uuid(uuid)
    }

    fn lookup_by_usage(&self, _: &Call, kind: SecretUsageKind, usage: String) -> Result<SecretSummary> {
        self.engine.by_usage(kind, &usage)
    }

    fn define(&self, call: &Call, xml: String, flags: DefineSecret) -> Result<SecretSummary> {
        flags.only(DefineSecret::VALIDATE, "secretDefineXML")?;
        let strict = flags.contains(DefineSecret::VALIDATE);
        let options = ParseOptions { strict, ..ParseOptions::default() };
        let secret: Secret = virt_conf::xml::from_str(&xml, &options)?;
        self.engine.define(&secret, call.wait())
    }

    fn undefine(&self, call: &Call, secret: Uuid) -> Result<()> {
        self.engine.undefine(secret, call.wait())
    }

    fn xml(&self, _: &Call, secret: Uuid) -> Result<String> {
        self.engine.xml(secret)
    }

    fn set_value(&self, call: &Call, secret: Uuid, value: SecretValue) -> Result<()> {
        self.engine.set_value(secret, &value, call.wait())
    }

    fn value(&self, _: &Call, secret: Uuid) -> Result<SecretValue> {
        self.engine.value(secret)
    }

    fn reveal(&self, _: &Call, secret: Uuid) -> Result<SecretValue> {
        self.engine.reveal(secret)
    }

    fn subscribe(&self, _: &Call, from: Option<u64>) -> Result<Arc<dyn ObjectEventSource>> {
        self.engine.subscribe(from)
    }
}

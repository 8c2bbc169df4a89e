//! The driver's face: one [`Connection`] implements all traits; each method checks, finds the guest, delegates.

mod care;
mod console;
mod devices;
mod domains;
mod information;
mod lifecycle;
mod planner;
mod stream;
mod tuning;

use std::sync::{Arc, Mutex};

use nix::unistd::geteuid;
use uuid::Uuid;
use virt_core::driver::{Call, Driver, DriverEntry, Host, Manifest, OpenRequest, Session, Slots, hostname};
use virt_util::index::Entry;
use virt_util::root::{Location, Root};
use virt_util::uri::Uri;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::command::Settings;
use crate::config::Config;
use crate::engine::Engine;
use crate::host;
use crate::probe::Probes;
use crate::state::Store;

/// Guests in QEMU, under the system's, the session's or an application's own root.
pub struct QemuDriver {
    host: Host,
}

impl DriverEntry for QemuDriver {
    const MANIFEST: Manifest = Manifest {
        name: "qemu",
        version: env!("CARGO_PKG_VERSION"),
        description: "QEMU and KVM guests on this host",
        schemes: &["qemu"],
        roles: &["hypervisor"],
    };

    fn create(host: Host) -> Result<Self> {
        Ok(Self { host })
    }
}

impl Driver for QemuDriver {
    fn open(&self, _call: &Call, request: OpenRequest) -> Result<Slots> {
        let uri: Uri = request.uri.parse()?;
        let location = location(&uri)?;
        let root = Root::open(&location, "qemu")?;
        let config = Config::read(root.config())?;
        let mut settings = Settings { privileged: geteuid().is_root(), ..Settings::default() };
        config.apply(&mut settings);
        // Nobody else can make a process somebody else's.
        let user = if settings.privileged { config.user(location == Location::System)? } else { None };
        if user.is_some() {
            root.let_pass()?;
        }
        let engine = Engine {
            probes: Probes::new(root.cache().subdir("capabilities")?),
            settings,
            user,
            owns_images: config.dynamic_ownership(),
            store: Arc::new(Store::open(root)?),
            uri: request.uri.clone(),
            host: self.host.clone(),
            bound: Mutex::default(),
        };
        let connection = Arc::new(Connection { engine, uri: request.uri });
        Ok(Slots::new(connection.clone())
            .with_domains(connection.clone())
            .with_lifecycle(connection.clone())
            .with_information(connection.clone())
            .with_tuning(connection.clone())
            .with_console(connection.clone())
            .with_host(connection.clone())
            .with_native(connection.clone())
            .with_planner(connection.clone())
            .with_jobs(connection.clone())
            .with_events(connection.clone())
            .with_care(connection.clone())
            .with_devices(connection))
    }
}

/// Where the guests of `uri` are kept.
fn location(uri: &Uri) -> Result<Location> {
    if uri.parameter("root").is_some() {
        return Location::of(uri);
    }
    let refused = |sentence: String| Err(Error::internal(ErrorDomain::QEMU, sentence));
    match uri.path() {
        "/system" if geteuid().is_root() => Ok(Location::System),
        "/system" => {
            Err(Error::new(ErrorCode::AUTH_FAILED, ErrorDomain::QEMU, "qemu:///system is root's alone")
                .hint("use qemu:///session for guests of your own, or run as root"))
        }
        "/session" => Ok(Location::Session),
        "/embed" => {
            Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::QEMU, "Missing URI parameter 'root'")
                .hint("name the directory of its guests: qemu:///embed?root=DIR"))
        }
        "" | "/" => refused("no QEMU URI path given, try qemu:///system".into()),
        path => refused(format!("unexpected QEMU URI path '{path}', try qemu:///system")),
    }
}

/// One connection.
pub(crate) struct Connection {
    pub(crate) engine: Engine,
    uri: String,
}

impl Connection {
    /// The guest with `uuid`.
    fn entry(&self, call: &Call, uuid: Uuid) -> Result<Arc<Entry>> {
        self.engine.entry(uuid, call.wait())
    }
}

impl Session for Connection {
    fn close(&self, call: &Call) -> Result<()> {
        self.engine.destroy_bound(call.wait());
        Ok(())
    }

    fn is_alive(&self, _call: &Call) -> Result<bool> {
        Ok(true)
    }

    fn hypervisor(&self, _call: &Call) -> Result<String> {
        Ok("QEMU".into())
    }

    fn version(&self, call: &Call) -> Result<u64> {
        let emulator = host::default_emulator()?;
        let capabilities = self.engine.probes.capabilities(&emulator, call.wait())?;
        Ok(capabilities.version.into())
    }

    fn uri(&self, _call: &Call) -> Result<String> {
        Ok(self.uri.clone())
    }

    fn hostname(&self, _call: &Call) -> Result<String> {
        hostname()
    }

    fn is_secure(&self, _call: &Call) -> Result<bool> {
        Ok(true)
    }

    fn is_encrypted(&self, _call: &Call) -> Result<bool> {
        Ok(false)
    }
}

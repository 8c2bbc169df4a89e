//! What every driver must do, tried on one: its calls through a connection, and a report of each.
//!
//! A driver's author runs [`run`] on a connection and a guest that the driver can run; what the driver does not have is
//! reported as not supported, which is no fault. See `tests/tests/conformance.rs` for the use.

mod devices;
mod guests;
mod host;
mod moments;
mod networks;
mod node_devices;
mod pools;
mod probe;
mod report;
mod saving;
mod secrets;
mod statistics;
mod template;
mod volumes;

use virt_core::{Connection, Registry};

pub use probe::Probe;
pub use report::{Outcome, Report};
pub use template::Template;

/// The driver that is tried.
pub struct Subject {
    /// Where it is found.
    pub registry: Registry,
    /// What opens it.
    pub uri: String,
    /// A guest of this `{name}` and `{uuid}` that the driver can run; it need not boot anything.
    pub guest: Template,
    /// Whether nobody minds what happens to other objects there: only then is that tried which concerns all of them.
    pub alone: bool,
    /// An `<interface>` with the address `{mac}` that a running guest of these gets, and gives up without being asked twice.
    pub card: Template,
    /// A network of this `{name}` and `{uuid}` that may be started here.
    pub network: Option<Template>,
    /// A storage pool of this `{name}` and `{uuid}` that may be built, started and deleted here, and holds files of some MiB.
    pub pool: Option<Template>,
    /// A device of the host that may be made and removed here.
    pub node_device: Option<Template>,
    /// A mediated device that may be defined, made and removed here.
    pub mediated_device: Option<Template>,
}

impl Subject {
    /// The driver behind a URI, with documents that fit its scheme; others can take their places. Other objects than the
    /// suite's own are left alone.
    pub fn new(registry: Registry, uri: impl Into<String>) -> Self {
        template::subject(registry, uri.into())
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn open(&self, read_only: bool) -> virt_core::Result<Connection> {
        Connection::builder().uri(self.uri.as_str()).registry(&self.registry).read_only(read_only).open()
    }
}

/// A behaviour: what it is, and how it is tried. An error ends it; what was seen until then is reported.
type Behaviour = (&'static str, fn(&Probe<'_>) -> Result<(), probe::Ended>);

/// Tries everything. Objects of the suite's own are made and removed; others are left alone, unless the subject says that
/// nobody minds.
///
/// # Errors
///
/// When the driver cannot be opened.
pub fn run(subject: &Subject) -> virt_core::Result<Report> {
    let mut report = Report::default();
    let all = [
        guests::BEHAVIOURS,
        devices::BEHAVIOURS,
        host::BEHAVIOURS,
        saving::BEHAVIOURS,
        moments::BEHAVIOURS,
        statistics::BEHAVIOURS,
        networks::BEHAVIOURS,
        pools::BEHAVIOURS,
        volumes::BEHAVIOURS,
        node_devices::BEHAVIOURS,
        secrets::BEHAVIOURS,
    ];
    for (name, behaviour) in all.into_iter().flatten() {
        let probe = Probe::new(subject, name)?;
        // How it ended is in the report already.
        let _ = behaviour(&probe);
        report.add(probe.finish());
    }
    Ok(report)
}

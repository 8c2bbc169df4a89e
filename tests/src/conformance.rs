//! What every driver must do, tried on one: its calls through a connection, and a report of each.
//!
//! A driver's author runs [`run`] on a connection and a guest that the driver can run; what the driver does not have is
//! reported as not supported, which is no fault. See `tests/tests/conformance.rs` for the use.

mod devices;
mod guests;
mod host;
mod probe;
mod report;

use uuid::Uuid;
use virt_core::{Connection, Registry};

pub use probe::Probe;
pub use report::{Outcome, Report};

/// The driver that is tried.
pub struct Subject {
    /// Where it is found.
    pub registry: Registry,
    /// What opens it.
    pub uri: String,
    /// The XML of a guest of this name and UUID that the driver can run; it need not boot anything.
    pub guest: fn(&str, Uuid) -> String,
    /// Whether nobody minds what happens to other guests there: only then is that tried which concerns all of them.
    pub alone: bool,
    /// The XML of an `<interface>` with this MAC address that a running guest of these gets, and gives up without being asked
    /// twice.
    pub card: fn(&str) -> String,
}

impl Subject {
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

/// Tries everything. Guests of the suite's own are made and removed; others are left alone, unless the subject says that
/// nobody minds.
///
/// # Errors
///
/// When the driver cannot be opened.
pub fn run(subject: &Subject) -> virt_core::Result<Report> {
    let mut report = Report::default();
    for (name, behaviour) in guests::BEHAVIOURS.iter().chain(devices::BEHAVIOURS).chain(host::BEHAVIOURS) {
        let probe = Probe::new(subject, name)?;
        // How it ended is in the report already.
        let _ = behaviour(&probe);
        report.add(probe.finish());
    }
    Ok(report)
}

//! Events: how they stand in the log, what the monitor's own mean, and the reader that clients get.

mod monitor;
mod record;
mod source;

pub(crate) use monitor::rules;
pub(crate) use record::{device, disk_change, lifecycle, metadata};
pub(crate) use source::Source;

//! What a driver is made of: the traits it implements, the data of their calls, the errors, the host's services.
//!
//! A driver is a library crate with a type that implements [`Driver`] and [`DriverEntry`], and a cdylib of its own whose
//! whole source is [`export_driver!`](crate::export_driver). Nothing here keeps state for the process but the logger and
//! the host's handle, and nothing here opens connections: what a driver needs of others it asks of its [`Host`].

mod host_session;

pub use host_session::{HostSession, hostname};
pub use plugins_abi::*;
pub use virt_util::uri::Uri;

//! Host facilities for virtualization drivers: one file per facility, no XML.

pub mod error;

pub use error::{Error, ErrorCode, ErrorDomain, Place, Result};

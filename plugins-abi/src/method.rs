//! What is known of every method of every trait: one list, for refusals, the support matrix and the C table.

use std::sync::Arc;

use crate::{Call, Error, ErrorCode, ErrorDomain, Result};

/// Who may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, read-only connections too.
    Read,
    /// Connections that may change things.
    Write,
    /// Connections that may change things, because the answer holds secrets.
    Secret,
}

/// A method of a driver trait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// `Lifecycle`
    pub interface: &'static str,
    /// `create`
    pub name: &'static str,
    /// Who may call it.
    pub access: Access,
    /// libvirt's C function, `virDomainCreateWithFlags`; empty where libvirt has none.
    pub c_name: &'static str,
    /// The version of this interface that brought it.
    pub since: &'static str,
}

/// Who is told of calls before they are made, and may refuse them.
pub type Watch = Arc<dyn Fn(&Call, &Method) -> Result<()> + Send + Sync>;

impl Method {
    /// Whether this call may go on: refuses writes on read-only connections and calls whose time is up.
    ///
    /// # Errors
    ///
    /// `OPERATION_DENIED`, `OPERATION_TIMEOUT` or `OPERATION_ABORTED`.
    pub fn admit(&self, call: &Call) -> Result<()> {
        if self.access != Access::Read && call.read_only() {
            return Err(self.forbidden());
        }
        call.check()
    }

    #[cold]
    fn forbidden(&self) -> Error {
        let detail = format!("read only access prevents {}", self.label());
        Error::new(ErrorCode::OPERATION_DENIED, ErrorDomain::NONE, detail)
            .hint("open the connection without read-only to change things")
    }

    /// The error of a driver that does not have this method.
    #[cold]
    pub fn unsupported(&self) -> Error {
        Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::NONE, self.label())
    }

    /// The C name, or the Rust one where there is no C name: `virDomainSuspend`, `GuestCare::finish`.
    pub fn label(&self) -> String {
        match self.c_name {
            "" => format!("{}::{}", self.interface, self.name),
            name => name.to_owned(),
        }
    }
}

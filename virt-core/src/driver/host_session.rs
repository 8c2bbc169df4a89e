//! The session of a driver that serves the host itself.

use std::sync::Arc;

use plugins_abi::{Call, Error, ErrorDomain, Result, Session};

/// The [`Session`] of a connection to the host's own networks, storage, devices and the like: there is no hypervisor with a
/// version, nothing that could stop answering, and no way on which somebody could read along.
///
/// ```
/// use virt_core::driver::{Call, HostSession, Session};
///
/// let session = HostSession::new("secret", "secret:///system");
/// assert_eq!(session.hypervisor(&Call::background())?, "secret");
/// assert_eq!(session.uri(&Call::background())?, "secret:///system");
/// # Ok::<(), virt_core::driver::Error>(())
/// ```
#[derive(Debug)]
pub struct HostSession {
    driver: &'static str,
    uri: String,
}

impl HostSession {
    /// The session of `driver` at `uri`.
    pub fn new(driver: &'static str, uri: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { driver, uri: uri.into() })
    }
}

impl Session for HostSession {
    fn close(&self, _: &Call) -> Result<()> {
        Ok(())
    }

    fn is_alive(&self, _: &Call) -> Result<bool> {
        Ok(true)
    }

    fn hypervisor(&self, _: &Call) -> Result<String> {
        Ok(self.driver.to_owned())
    }

    fn version(&self, _: &Call) -> Result<u64> {
        Ok(0)
    }

    fn uri(&self, _: &Call) -> Result<String> {
        Ok(self.uri.clone())
    }

    fn hostname(&self, _: &Call) -> Result<String> {
        hostname()
    }

    fn is_secure(&self, _: &Call) -> Result<bool> {
        Ok(true)
    }

    fn is_encrypted(&self, _: &Call) -> Result<bool> {
        Ok(false)
    }
}

/// The name of this host, as its kernel has it.
///
/// # Errors
///
/// `SYSTEM_ERROR` when the kernel does not tell.
pub fn hostname() -> Result<String> {
    let name = nix::unistd::gethostname()
        .map_err(|errno| Error::system(ErrorDomain::NONE, "failed to determine host name", errno))?;
    Ok(name.to_string_lossy().into_owned())
}

//! Finding and opening plugins.
//!
//! Finding reads a few hundred bytes of each file and opens none; opening checks that the file is whole, that nobody
//! else could have written it, and that its layout fits, each before any of its code runs but the ELF constructors.

mod file;
mod layout;
mod search;
mod trust;

use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;

use abi_stable::library::{AbiHeader, AbiHeaderRef};
use abi_stable::std_types::RResult;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::entry::{DriverModuleRef, InitArguments, SYMBOL};
use crate::manifest::FoundManifest;
use crate::{Cross, Driver, Error, ErrorCode, ErrorDomain, Host, Manifest, Result, logging};

pub use file::read_manifest;
pub use search::{Candidate, SearchPath};
pub use trust::check_trust;

/// What to do about a plugin of another time.
const HINT: &str = "build the plugin again, against the plugins-abi of this host";

/// A plugin that was opened and whose layout fits. It is never closed: its code may run on until the process ends.
#[derive(Clone, Copy)]
pub struct Plugin {
    module: DriverModuleRef,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin").field("manifest", &self.manifest()).finish()
    }
}

impl Plugin {
    /// Opens a plugin and checks that it fits. No driver is made yet.
    ///
    /// # Errors
    ///
    /// `OPERATION_FAILED` that names the file, what is wrong with it, and the way out: not an ELF file, truncated, writable
    /// by others, not a driver, of another major version, of another layout.
    pub fn open(path: &Path) -> Result<Self> {
        let path = &std::fs::canonicalize(path)
            .map_err(|error| refuse_because(path, "it cannot be found", error))?;
        trust::check_trust(path)?;
        let manifest = file::read_manifest(path)?;
        // SAFETY: dlopen runs the file's constructors; the file is whole (a truncated one would be SIGBUS), it says that
        // it is one of our plugins, and only root or this user can have written it.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }
            .map_err(|error| refuse_because(path, "the dynamic linker refuses it", error))?;
        // Never unloaded: threads, thread locals and statics of the plugin may outlive every use of it.
        let library = ManuallyDrop::new(library);
        // SAFETY: the symbol's name carries its type and version; what it leads to is checked below.
        let header = unsafe { library.get::<AbiHeaderRef>(format!("{SYMBOL}\0").as_bytes()) }
            .map_err(|error| refuse_because(path, format!("it does not export {SYMBOL}"), error))?;
        let header = *header;
        let ours = || format!("{}.{}", AbiHeader::VALUE.abi_major, AbiHeader::VALUE.abi_minor);
        if !header.is_valid() {
            return Err(
                refuse(path, format!("it was built with another abi_stable than {}", ours())).hint(HINT)
            );
        }
        let header = header
            .upgrade()
            .map_err(|error| refuse(path, format!("its module header is not understood: {error}")))?;
        layout::check(path, &manifest, header.layout())?;
        // SAFETY: `layout::check` just found the layouts of the two `DriverModuleRef`s to fit.
        let module = unsafe { header.init_root_module_with_unchecked_layout::<DriverModuleRef>() }
            .map_err(|error| refuse(path, format!("its module cannot be made: {error}")))?;
        Ok(Self { module })
    }

    /// What the plugin says about itself.
    pub fn manifest(&self) -> FoundManifest {
        Manifest::parse(self.module.manifest().as_str().as_bytes()).unwrap_or_default()
    }

    /// Makes the driver. Once a process.
    ///
    /// # Errors
    ///
    /// The driver's own; a panic in it as an internal error.
    pub fn create(&self, host: Host) -> Result<Arc<dyn Driver>> {
        let arguments =
            InitArguments { host: host.into_abi(), logger: logging::receive, level: log::max_level() as u32 };
        match self.module.init()(arguments) {
            RResult::ROk(driver) => Ok(Cross::from_abi(driver)),
            RResult::RErr(error) => Err(Error::from_abi(error)),
        }
    }

    /// Tells the plugin that the application wants other log records now.
    pub fn update_log_level(&self) {
        self.module.set_log_level()(log::max_level() as u32);
    }
}

fn refuse(path: &Path, why: impl AsRef<str>) -> Error {
    let detail = format!("cannot load driver plugin '{}': {}", path.display(), why.as_ref());
    Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, detail)
}

fn refuse_because(
    path: &Path,
    why: impl AsRef<str>,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    // libloading's own text only repeats the path; dlerror's words are in its source.
    let words = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    refuse(path, format!("{}: {words}", why.as_ref())).caused_by(error)
}

//! What the host offers to its drivers.

use std::path::PathBuf;

use plugins_abi::loader::SearchPath;
use plugins_abi::{Call, HelperProgram, HostServices, OpenRequest, Slots};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::registry::WeakRegistry;

/// The environment variable with the directory of our programs; ignored in a process with raised privileges.
const PROGRAM_DIRECTORY_VARIABLE: &str = "VIRT_PROGRAM_DIR";

/// The system's directory for our programs.
const SYSTEM_PROGRAM_DIRECTORY: &str = "/usr/libexec/virt";

/// The services of one registry.
pub(crate) struct Services {
    /// Weak, because the registry keeps the drivers and they keep this.
    registry: WeakRegistry,
}

impl Services {
    pub(crate) fn new(registry: WeakRegistry) -> Self {
        Self { registry }
    }
}

impl HostServices for Services {
    fn role(&self, call: &Call, role: String, uri: String) -> Result<Slots> {
        let registry = self.registry.upgrade().ok_or_else(|| {
            Error::new(
                ErrorCode::INVALID_CONN,
                ErrorDomain::NONE,
                "the registry of drivers, which was dropped",
            )
        })?;
        registry.open(call, OpenRequest { uri, read_only: call.read_only(), role })
    }

    fn helper(&self, _: &Call, name: String) -> Result<HelperProgram> {
        // What is linked into one binary re-executes itself: `serve_guests` at the top of its main takes over there.
        if crate::guests::serves_guests()
            && let Ok(path) = std::env::current_exe()
        {
            let path = path.to_string_lossy().into_owned();
            return Ok(HelperProgram { path, arguments: Vec::new() });
        }
        let file = format!("virt-{name}");
        let mut directories: Vec<PathBuf> = Vec::new();
        directories.extend(virt_util::root::trusted_env(PROGRAM_DIRECTORY_VARIABLE).map(PathBuf::from));
        directories.extend(SearchPath::standard().directories().map(PathBuf::from));
        // A test's or an example's executable stands one directory below the programs of its build.
        if let Ok(executable) = std::env::current_exe() {
            directories.extend(executable.ancestors().skip(1).take(2).map(PathBuf::from));
        }
        directories.push(SYSTEM_PROGRAM_DIRECTORY.into());
        let found = directories.iter().map(|directory| directory.join(&file)).find(|path| path.is_file());
        let path = found.ok_or_else(|| {
            let looked: Vec<_> = directories.iter().map(|path| path.display().to_string()).collect();
            let detail = format!("cannot find the program '{file}' in {}", looked.join(", "));
            Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, detail).hint(format!(
                "install it, set {PROGRAM_DIRECTORY_VARIABLE}, or call virt_core::serve_guests() at the top of main"
            ))
        })?;
        Ok(HelperProgram { path: path.to_string_lossy().into_owned(), arguments: Vec::new() })
    }

    fn version(&self, _: &Call) -> Result<u64> {
        Ok(crate::VERSION)
    }
}

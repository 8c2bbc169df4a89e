//! What binaries can do, remembered: in this process, and in the cache directory for the next one.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nix::unistd::{AccessFlags, access};
use serde::{Deserialize, Serialize};
use virt_util::dir::Dir;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorDomain, Result, file};

use crate::caps::{Accelerator, Capabilities};

/// Counts up whenever the meaning of what is stored changes.
const FORMAT: u32 = 3;

/// The longest file of the cache that is read.
const LONGEST: u64 = 16 << 20;

/// Where distributions put QEMU's modules: another package may add devices to a binary that stays the same.
const MODULES: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/qemu",
    "/usr/lib/aarch64-linux-gnu/qemu",
    "/usr/lib64/qemu-kvm",
    "/usr/lib64/qemu",
    "/usr/lib/qemu",
];

/// What the answers of a binary depend on; when any of it differs, the binary is asked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Circumstances {
    format: u32,
    library: String,
    binary: PathBuf,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    modules: Vec<(i64, i64)>,
    kernel: String,
    kvm: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    circumstances: Circumstances,
    capabilities: Arc<Capabilities>,
    /// The accelerators under which processors were asked about.
    processors: Vec<String>,
}

/// The capabilities of binaries, each asked once.
#[derive(Debug)]
pub struct Probes {
    dir: Dir,
    known: Mutex<HashMap<PathBuf, Stored>>,
}

impl Probes {
    /// Keeps answers in `dir`.
    pub fn new(dir: Dir) -> Self {
        Self { dir, known: Mutex::default() }
    }

    /// What `binary` can do, from memory, from the directory, or by asking it. Processors are in it by
    /// chance only.
    ///
    /// # Errors
    ///
    /// When there is no such binary, or it cannot be asked, see [`super::probe`].
    pub fn capabilities(&self, binary: &Path, wait: Wait<'_>) -> Result<Arc<Capabilities>> {
        self.find(binary, None, wait)
    }

    /// The same with the processors of guests under `accelerator`: the models, and what the host's own is.
    ///
    /// # Errors
    ///
    /// As [`Probes::capabilities`].
    pub fn with_processors(
        &self,
        binary: &Path,
        accelerator: Accelerator,
        wait: Wait<'_>,
    ) -> Result<Arc<Capabilities>> {
        self.find(binary, Some(accelerator), wait)
    }

    fn find(
        &self,
        binary: &Path,
        processors: Option<Accelerator>,
        wait: Wait<'_>,
    ) -> Result<Arc<Capabilities>> {
        let circumstances = Circumstances::of(binary)?;
        let suffices = |stored: &Stored| processors.is_none_or(|under| stored.has_processors(under));
        let remembered = self.remembered(&circumstances);
        if let Some(stored) = remembered.as_ref().filter(|stored| suffices(stored)) {
            return Ok(stored.capabilities.clone());
        }
        let name = file_name(binary);
        // Another process may have asked more since.
        let stored = match self.stored(&name, &circumstances).or(remembered) {
            Some(stored) if suffices(&stored) => stored,
            before => {
                let stored = match (before, processors) {
                    (Some(before), Some(under)) => before.with_processors(under, wait)?,
                    _ => Stored {
                        capabilities: Arc::new(super::probe(binary, processors, wait)?),
                        processors: processors.iter().map(|under| under.name().to_owned()).collect(),
                        circumstances,
                    },
                };
                self.store(&name, &stored);
                stored
            }
        };
        let capabilities = stored.capabilities.clone();
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(binary.to_owned(), stored);
        Ok(capabilities)
    }

    fn remembered(&self, circumstances: &Circumstances) -> Option<Stored> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = known.get(&circumstances.binary)?;
        (stored.circumstances == *circumstances).then(|| stored.clone())
    }

    /// What the directory knows. Whatever is wrong with it, asking the binary again mends it.
    fn stored(&self, name: &str, circumstances: &Circumstances) -> Option<Stored> {
        let content = file::read_if_present(&self.dir, name, LONGEST).ok()??;
        let stored: Stored = serde_json::from_slice(&content).ok()?;
        (stored.circumstances == *circumstances).then_some(stored)
    }

    /// That it cannot be stored costs time at the next start, and nothing else.
    fn store(&self, name: &str, stored: &Stored) {
        let written = serde_json::to_vec(stored)
            .map_err(|error| Error::internal(ErrorDomain::QEMU, error.to_string()))
            .and_then(|content| file::write(&self.dir, name, 0o600, &content));
        if let Err(error) = written {
            log::warn!(
                "the capabilities of '{}' are not remembered: {error}",
                stored.circumstances.binary.display()
            );
        }
    }
}

impl Stored {
    /// Whether all is known about processors under `accelerator`.
    fn has_processors(&self, accelerator: Accelerator) -> bool {
        // Where an accelerator does not work there is nothing to ask.
        self.capabilities.under(accelerator).is_none()
            || self.processors.iter().any(|known| known == accelerator.name())
    }

    /// The same, with the processors under `accelerator`.
    fn with_processors(mut self, accelerator: Accelerator, wait: Wait<'_>) -> Result<Self> {
        let processors = super::probe_processors(&self.circumstances.binary, accelerator, wait)?;
        let capabilities = Arc::make_mut(&mut self.capabilities);
        if let Some(under) = capabilities.under_mut(accelerator) {
            under.cpus = processors.models;
            under.host_cpu = processors.host;
        }
        self.processors.push(accelerator.name().to_owned());
        Ok(self)
    }
}

impl Circumstances {
    fn of(binary: &Path) -> Result<Self> {
        let stat = std::fs::metadata(binary).map_err(|error| {
            Error::system(ErrorDomain::QEMU, format!("Cannot check QEMU binary {}", binary.display()), error)
        })?;
        let modules = MODULES.iter().filter_map(|path| std::fs::metadata(path).ok());
        let kernel = nix::sys::utsname::uname()
            .map(|name| format!("{} {}", name.release().to_string_lossy(), name.version().to_string_lossy()));
        Ok(Self {
            format: FORMAT,
            library: env!("CARGO_PKG_VERSION").into(),
            binary: binary.to_owned(),
            inode: stat.ino(),
            size: stat.size(),
            modified: (stat.mtime(), stat.mtime_nsec()),
            changed: (stat.ctime(), stat.ctime_nsec()),
            modules: modules.map(|stat| (stat.mtime(), stat.mtime_nsec())).collect(),
            kernel: kernel.unwrap_or_default(),
            kvm: access("/dev/kvm", AccessFlags::R_OK | AccessFlags::W_OK).is_ok(),
        })
    }
}

/// The name of the file about `binary`: legible, and different for equal names in different directories.
fn file_name(binary: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    binary.hash(&mut hasher);
    let name = binary.file_name().unwrap_or_default().to_string_lossy();
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(64).collect();
    format!("{name}-{:016x}.json", hasher.finish())
}

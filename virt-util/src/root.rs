//! Where a driver keeps its things: the system's directories, the user's, or everything below one of choice.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use nix::unistd::{User, geteuid};

use crate::dir::Dir;
use crate::uri::Uri;
use crate::{Error, ErrorCode, ErrorDomain, Result, file, lock, owner};

/// Which of the places a connection names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// `/etc/virt`, `/var/lib/virt`, `/run/virt`, `/var/cache/virt`, `/var/log/virt`.
    System,
    /// The user's own, in the XDG directories.
    Session,
    /// `etc`, `lib`, `run`, `cache` and `log` below a directory (`?root=DIR`), which is made when it is missing.
    Below(PathBuf),
}

impl Location {
    /// Where the drivers of a connection to `uri` keep their things: below its `?root=DIR`; else the system's for `/system`, the
    /// user's for `/session`, and for another path root's are the system's.
    ///
    /// # Errors
    ///
    /// When the directory is a relative one: others, who see to the guests, are elsewhere.
    pub fn of(uri: &Uri) -> Result<Self> {
        if let Some(root) = uri.parameter("root") {
            if !root.starts_with('/') {
                let sentence = "root path must be absolute";
                return Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NONE, sentence));
            }
            return Ok(Self::Below(root.into()));
        }
        Ok(match uri.path() {
            "/system" => Self::System,
            "/session" => Self::Session,
            _ if geteuid().is_root() => Self::System,
            _ => Self::Session,
        })
    }
}

/// The directories of one driver at one location, made private (0700) when they are missing.
///
/// ```
/// use virt_util::root::{Location, Root};
///
/// let scratch = tempfile::tempdir().unwrap();
/// let root = Root::open(&Location::Below(scratch.path().into()), "qemu")?;
/// assert_eq!(root.config().path(), scratch.path().join("etc/qemu"));
/// assert!(!root.run().is_durable());
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Root {
    location: Location,
    driver: String,
    config: Dir,
    lib: Dir,
    run: Dir,
    cache: Dir,
    log: Dir,
}

impl Root {
    /// Opens the directories of `driver` at `location`, and empties the run directory of what an earlier boot of the
    /// machine left, where it lies on a disk.
    ///
    /// # Errors
    ///
    /// When one of them cannot be made, is not ours, or may be written by others.
    pub fn open(location: &Location, driver: &str) -> Result<Self> {
        let places = Places::of(location)?;
        // The common parents hold nothing of their own; in the system's directories other users pass through them.
        let parent = match location {
            Location::System => Mode::from_bits_truncate(0o755),
            _ => Mode::S_IRWXU,
        };
        let open = |path: &Path| Dir::create_with(path, parent)?.subdir(driver);
        let run = open(&places.run)?.transient()?;
        forget_earlier_boot(&run)?;
        Ok(Self {
            location: location.clone(),
            driver: driver.to_owned(),
            config: open(&places.config)?,
            lib: open(&places.lib)?,
            run,
            cache: open(&places.cache)?.transient()?,
            log: open(&places.log)?.transient()?,
        })
    }

    /// Lets guests that run as a user of their own pass through to what is theirs in `run` and `lib`; what else is there
    /// stays private by its own mode.
    ///
    /// # Errors
    ///
    /// When a directory is not ours.
    pub fn let_pass(&self) -> Result<()> {
        if let Location::Below(_) = self.location {
            let places = Places::of(&self.location)?;
            for parent in [&places.run, &places.lib] {
                Dir::open(parent)?.let_pass()?;
            }
        }
        self.run.let_pass()?;
        self.lib.let_pass()
    }

    /// What it was opened with.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The driver's name.
    pub fn driver(&self) -> &str {
        &self.driver
    }

    /// Definitions, one XML file an object.
    pub fn config(&self) -> &Dir {
        &self.config
    }

    /// What survives a reboot and no user edits: snapshots, saved guests, journals of steps on files.
    pub fn lib(&self) -> &Dir {
        &self.lib
    }

    /// What ends with this boot: sockets, status, locks, the event log. Not synced to disk.
    pub fn run(&self) -> &Dir {
        &self.run
    }

    /// What can be made again at any time.
    pub fn cache(&self) -> &Dir {
        &self.cache
    }

    /// Logs of guests.
    pub fn log(&self) -> &Dir {
        &self.log
    }
}

/// The five parents, before the driver's name.
struct Places {
    config: PathBuf,
    lib: PathBuf,
    run: PathBuf,
    cache: PathBuf,
    log: PathBuf,
}

impl Places {
    fn of(location: &Location) -> Result<Self> {
        Ok(match location {
            Location::System => Self {
                config: "/etc/virt".into(),
                lib: "/var/lib/virt".into(),
                run: "/run/virt".into(),
                cache: "/var/cache/virt".into(),
                log: "/var/log/virt".into(),
            },
            Location::Below(dir) => Self {
                config: dir.join("etc"),
                lib: dir.join("lib"),
                run: dir.join("run"),
                cache: dir.join("cache"),
                log: dir.join("log"),
            },
            Location::Session => Self::of_session()?,
        })
    }

    fn of_session() -> Result<Self> {
        let home = home()?;
        let xdg = |name: &str, below_home: &str| {
            // The specification: a relative path in these variables is to be ignored.
            let given = trusted_env(name).map(PathBuf::from).filter(|path| path.is_absolute());
            given.unwrap_or_else(|| home.join(below_home)).join("virt")
        };
        let state = xdg("XDG_STATE_HOME", ".local/state");
        let cache = xdg("XDG_CACHE_HOME", ".cache");
        let login = PathBuf::from(format!("/run/user/{}", geteuid()));
        let run = trusted_env("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        let run = run.or_else(|| login.is_dir().then_some(login)).map(|path| path.join("virt"));
        Ok(Self {
            config: xdg("XDG_CONFIG_HOME", ".config"),
            lib: xdg("XDG_DATA_HOME", ".local/share"),
            // Nobody logged in, as under cron: on disk, with the boot's id beside it.
            run: run.unwrap_or_else(|| cache.join("run")),
            cache,
            log: state.join("log"),
        })
    }
}

fn home() -> Result<PathBuf> {
    if let Some(home) = trusted_env("HOME").map(PathBuf::from).filter(|home| home.is_absolute()) {
        return Ok(home);
    }
    let uid = geteuid();
    match User::from_uid(uid) {
        Ok(Some(user)) => Ok(user.dir),
        Ok(None) => Err(Error::new(
            ErrorCode::CONFIG_UNSUPPORTED,
            ErrorDomain::NONE,
            format!("user {uid} has no home directory"),
        )
        .hint("set HOME, or name a directory with ?root=DIR")),
        Err(errno) => Err(Error::system(ErrorDomain::NONE, format!("cannot look up user {uid}"), errno)),
    }
}

/// An environment variable, unless exec gave this process more rights than its caller has (AT_SECURE: set-user-id,
/// file capabilities): then the caller's variables steer nothing. An empty one counts as unset.
pub fn trusted_env(name: &str) -> Option<OsString> {
    if is_privileged_by_exec() {
        return None;
    }
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Whether exec gave this process more rights than its caller has.
pub fn is_privileged_by_exec() -> bool {
    // SAFETY: getauxval reads the process's own auxiliary vector and takes no pointers.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// A run directory on a disk outlives the boot whose sockets and processes it speaks of: empty it, once.
fn forget_earlier_boot(run: &Dir) -> Result<()> {
    const MARK: &str = "boot-id";
    const LOCK: &str = "boot-id.lock";
    let boot = owner::boot_id()?.to_string();
    let is_ours = || -> Result<bool> {
        Ok(file::read_if_present(run, MARK, 64)?.is_some_and(|mark| mark == boot.as_bytes()))
    };
    if is_ours()? {
        return Ok(());
    }
    let _lock = lock::Lock::acquire(run, LOCK, "emptying the run directory", crate::wait::Wait::FOREVER)?;
    if is_ours()? {
        return Ok(());
    }
    for name in run.names()? {
        if name != LOCK {
            run.remove_tree(&name)?;
        }
    }
    file::write(run, MARK, 0o600, boot.as_bytes()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_boot_left_in_the_run_directory_is_forgotten() {
        let scratch = tempfile::tempdir().unwrap();
        let location = Location::Below(scratch.path().join("deep/below"));
        let root = Root::open(&location, "qemu").unwrap();
        file::write(root.run(), "status", 0o600, b"running").unwrap();
        root.run().subdir("guest").unwrap();
        let root = Root::open(&location, "qemu").unwrap();
        assert!(root.run().contains("status").unwrap());

        file::write(root.run(), "boot-id", 0o600, b"00000000-0000-0000-0000-000000000000").unwrap();
        let root = Root::open(&location, "qemu").unwrap();
        let mut names = root.run().names().unwrap();
        names.sort();
        assert_eq!(names, ["boot-id", "boot-id.lock"]);
    }
}

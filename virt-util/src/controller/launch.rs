//! Finding the controller's binary and starting it, and being it.

use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use super::channel::Channel;
use super::record;
use super::server::Server;
use crate::dir::Dir;
use crate::lock::Lock;
use crate::root::trusted_env;
use crate::socket::{Kind, Socket};
use crate::spawn::{Program, Spawn};
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// The binary's name, and the name by which an application that is its own controller knows that it is one.
pub(super) const NAME: &str = "virt-controller";

/// Where a controller finds its first client's socket, its guest's directory, and the lock that it holds.
const FIRST_CLIENT: i32 = 3;
const DIRECTORY: i32 = 4;
const LOCK: i32 = 5;

/// Whether this program can be its own controller.
static HOOKED: AtomicBool = AtomicBool::new(false);

/// To be called first thing in `main` by `virt-controller` itself, and by applications that link their drivers
/// statically: when this process was started as a controller it does a controller's work and does not come back.
///
/// `finish` is what `finish ARGUMENTS` does, with [`Settings::finish`](super::Settings::finish): open a connection, release
/// what the guest held. What it returns is the exit status.
///
/// ```
/// virt_util::controller::main_hook(|arguments| {
///     eprintln!("would finish {arguments:?}");
///     0
/// });
/// // The application's own business.
/// ```
pub fn main_hook(finish: impl FnOnce(&[String]) -> i32) {
    HOOKED.store(true, Ordering::Relaxed);
    let mut args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    let name = args.next().unwrap_or_default();
    if Path::new(&name).file_name().is_none_or(|name| name != NAME) {
        return;
    }
    let status = match args.next().as_deref() {
        Some("serve") => match serve() {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("{NAME}: {error:#}");
                1
            }
        },
        Some("resume") => match resume(&args.collect::<Vec<_>>()) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("{NAME}: {error:#}");
                1
            }
        },
        Some("finish") => finish(&args.collect::<Vec<_>>()),
        _ => return,
    };
    std::process::exit(status);
}

fn serve() -> Result<()> {
    let inherited = |number: i32| {
        // SAFETY: only looks whether the number is open.
        if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
            let sentence = format!("'{NAME} serve' is started by the library, with descriptor {number} open");
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NONE, sentence));
        }
        // SAFETY: it is open, and was passed to this process to be owned; nothing else here has opened anything yet.
        Ok(unsafe { OwnedFd::from_raw_fd(number) })
    };
    let first = Channel::new(Socket::from(inherited(FIRST_CLIENT)?));
    let dir = Dir::from_fd(inherited(DIRECTORY)?)?;
    let lock = Lock::from_file(inherited(LOCK)?.into(), dir.join(record::LOCK));
    Server::new(dir, lock, first).run()
}

/// `resume STATE DIRECTORY LOCK TITLE`: by an earlier program of this very process.
fn resume(args: &[String]) -> Result<()> {
    let number = |at: usize| args.get(at).and_then(|arg| arg.parse().ok()).filter(|number| *number > 2);
    match (number(0), number(1), number(2)) {
        (Some(state), Some(dir), Some(lock)) => Server::resume(state, dir, lock)?.run(),
        _ => {
            let sentence = format!("'{NAME} resume' is what a controller calls to replace itself");
            Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NONE, sentence))
        }
    }
}

/// Starts a controller for the guest directory `dir`, which keeps `lock`, in a cgroup: the socket it listens to first.
pub(super) fn start(dir: &Dir, lock: Lock, title: &str, group: Option<OwnedFd>) -> Result<Socket> {
    let (ours, theirs) = Socket::pair(Kind::Stream)?;
    let log = dir.open_file(
        record::LOG,
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_APPEND,
        Mode::S_IRUSR | Mode::S_IWUSR,
    )?;
    let directory = dir.as_fd().try_clone_to_owned().map_err(|error| {
        Error::system(ErrorDomain::NONE, format!("cannot duplicate '{}'", dir.path().display()), error)
    })?;
    let program = program(&["serve", title])?;
    let lock = lock.into_file()?;
    let spawn = Spawn::new(program)
        .fd(2, log.into())
        .fd(FIRST_CLIENT, theirs.into())
        .fd(DIRECTORY, directory)
        .fd(LOCK, lock.into());
    match group {
        Some(group) => spawn.in_group(group).start_detached()?,
        None => spawn.start_detached()?,
    };
    Ok(ours)
}

/// How a controller runs its own binary: as itself, or after an upgrade as the one that took its place.
pub(super) fn itself(args: &[&str]) -> Program {
    let path = std::env::current_exe().ok().filter(|path| path.exists());
    let path = path.unwrap_or_else(|| "/proc/self/exe".into());
    Program { path, argv0: Some(NAME.into()), ..in_our_environment(args) }
}

fn program(args: &[&str]) -> Result<Program> {
    Ok(Program {
        path: binary()?,
        argv0: Some(NAME.into()),
        session: true,
        umask: Some(0o077),
        ..in_our_environment(args)
    })
}

/// What `finish` needs to find plugins, configuration and the user's directories.
fn in_our_environment(args: &[&str]) -> Program {
    let env = match crate::root::is_privileged_by_exec() {
        true => vec![("PATH".to_owned(), "/usr/sbin:/usr/bin:/sbin:/bin".to_owned())],
        false => std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
    };
    Program { args: args.iter().map(|&arg| arg.to_owned()).collect(), env, ..Program::default() }
}

/// The binary that controllers are started from: this very program where it calls [`main_hook`]; else the one that
/// `VIRT_CONTROLLER` names, the one beside the shared object that this code is in, beside the executable, or the system's.
///
/// # Errors
///
/// When there is none: the error lists where it was looked for.
pub fn binary() -> Result<PathBuf> {
    if HOOKED.load(Ordering::Relaxed) {
        return Ok("/proc/self/exe".into());
    }
    if let Some(path) = trusted_env("VIRT_CONTROLLER").map(PathBuf::from).filter(|path| path.is_absolute()) {
        return Ok(path);
    }
    let mut directories: Vec<PathBuf> = Vec::new();
    for file in [crate::object::containing(), std::env::current_exe().ok()].into_iter().flatten() {
        let Some(directory) = file.parent() else { continue };
        directories.push(directory.to_owned());
        // Where cargo puts tests; the binaries are one level up.
        if directory.ends_with("deps") {
            directories.extend(directory.parent().map(Path::to_owned));
        }
    }
    directories.extend(["/usr/local/libexec/virt", "/usr/libexec/virt", "/usr/lib/virt"].map(PathBuf::from));
    directories.dedup();
    match directories.iter().map(|directory| directory.join(NAME)).find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => {
            let places: Vec<_> =
                directories.iter().map(|directory| directory.display().to_string()).collect();
            let sentence = format!("cannot find '{NAME}' in {}", places.join(", "));
            Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NONE, sentence).hint(format!(
                "install {NAME} beside the plugins, or call virt_util::controller::main_hook first thing in main"
            )))
        }
    }
}

//! `console`

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsFd as _;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{self, SetArg, Termios};
use virt_core::{Domain, Error, ErrorCode, ErrorDomain, OpenConsole, Stream};

use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::failure::{Context as _, Failure, FailureKind};
use crate::grammar::Arguments;
use crate::shell::Shell;

pub(super) static CONSOLE: Command = Command {
    name: "console",
    summary: "connect to the guest console",
    description: "Connect the virtual serial console for the guest",
    options: &[
        domain(DOMAIN, Values::ActiveDomains),
        Opt::text("devname", "character device name").tolerated(),
        Opt::flag("force", "force console connection (disconnect already connected sessions)"),
        Opt::flag("resume", "resume a paused guest after connecting to console"),
        Opt::flag("safe", "only connect if safe console handling is supported"),
    ],
    run: console,
};

/// How to attach.
#[derive(Debug, Default)]
pub(super) struct Attachment {
    /// The device's alias; nothing: the first console.
    device: Option<String>,
    flags: OpenConsole,
    /// Whether to resume the guest once nothing of its output can be missed.
    resume: bool,
}

/// How many bytes are taken at once.
const CHUNK: usize = 4096;

fn console(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let attachment = Attachment {
        device: arguments.text("devname")?.map(str::to_owned),
        flags: arguments.collect(&[("force", OpenConsole::FORCE), ("safe", OpenConsole::SAFE)]),
        resume: arguments.has("resume"),
    };
    let domain = shell.domain(arguments)?;
    attach(shell, &domain, &attachment)
}

/// Connects the terminal with the guest's console until the escape character, or until the console ends.
pub(super) fn attach(shell: &mut Shell, domain: &Domain, attachment: &Attachment) -> Outcome {
    if !domain.is_active()? {
        return Err(Failure::sentence("The domain is not running").kind(FailureKind::State));
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::sentence("Cannot run interactive console without a controlling TTY"));
    }
    let stream = domain.open_console(attachment.device.as_deref(), attachment.flags)?;
    shell.output.extra(&format!("Connected to domain '{}'\n", domain.name()));
    shell.output.extra(&format!("Escape character is {}\n", shell.settings.escape));
    shell.output.flush();
    let terminal = RawTerminal::enter()?;
    if attachment.resume {
        domain.resume().context(|| format!("Failed to resume domain '{}'", domain.name()))?;
    }
    let result = carry(stream, shell.settings.escape.byte());
    drop(terminal);
    shell.output.text("\n");
    result
}

/// Carries bytes both ways.
fn carry(mut stream: Stream, escape: u8) -> Outcome {
    let mut stdin = io::stdin().lock();
    let mut stdout = io::stdout().lock();
    let mut buffer = [0; CHUNK];
    // What was typed and not yet taken.
    let mut typed: Vec<u8> = Vec::new();
    loop {
        let wanted =
            if typed.is_empty() { PollFlags::POLLIN } else { PollFlags::POLLIN | PollFlags::POLLOUT };
        let keyboard = if typed.len() < CHUNK { PollFlags::POLLIN } else { PollFlags::empty() };
        let (from_guest, to_guest, from_user) = {
            let mut descriptors = [PollFd::new(stream.as_fd(), wanted), PollFd::new(io_fd(), keyboard)];
            match poll(&mut descriptors, PollTimeout::NONE) {
                Err(nix::errno::Errno::EINTR) => continue,
                Err(errno) => {
                    return Err(Error::system(ErrorDomain::NONE, "cannot wait for the console", errno).into());
                }
                Ok(_) => {}
            }
            let events =
                |index: usize| descriptors.get(index).and_then(PollFd::revents).unwrap_or(PollFlags::empty());
            let ends = PollFlags::POLLHUP | PollFlags::POLLERR;
            (
                events(0).intersects(PollFlags::POLLIN | ends),
                events(0).contains(PollFlags::POLLOUT),
                events(1).intersects(PollFlags::POLLIN | ends),
            )
        };
        if from_guest {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => {
                    let sent = stdout.write_all(buffer.get(..length).unwrap_or_default());
                    sent.and_then(|()| stdout.flush()).map_err(|error| {
                        Error::system(ErrorDomain::NONE, "cannot write to the terminal", error)
                    })?;
                }
                Err(error) if passes(&error) => {}
                Err(error) => return Err(from_stream(error)),
            }
        }
        if to_guest && !typed.is_empty() {
            match stream.write(&typed) {
                Ok(length) => drop(typed.drain(..length.min(typed.len()))),
                Err(error) if passes(&error) => {}
                Err(error) => return Err(from_stream(error)),
            }
        }
        if from_user {
            let length = stdin
                .read(&mut buffer)
                .map_err(|error| Error::system(ErrorDomain::NONE, "cannot read from the terminal", error))?;
            let new = buffer.get(..length).unwrap_or_default();
            if length == 0 || new.contains(&escape) {
                return Ok(());
            }
            typed.extend_from_slice(new);
        }
    }
}

fn io_fd() -> std::os::fd::BorrowedFd<'static> {
    // SAFETY: standard input stays open as long as the program runs.
    unsafe { std::os::fd::BorrowedFd::borrow_raw(nix::libc::STDIN_FILENO) }
}

/// Whether the stream goes on after this error.
fn passes(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// libvirt's error within a stream's.
fn from_stream(error: io::Error) -> Failure {
    match error.downcast::<Error>() {
        Ok(error) if error.code() == ErrorCode::OPERATION_ABORTED => Failure::silent(),
        Ok(error) => error.into(),
        Err(error) => Error::system(ErrorDomain::STREAMS, "the console failed", error).into(),
    }
}

/// The terminal in raw mode, until it is dropped.
struct RawTerminal {
    before: Termios,
}

impl RawTerminal {
    fn enter() -> virt_core::Result<Self> {
        let refused = |errno| Error::system(ErrorDomain::NONE, "unable to make terminal raw", errno);
        let before = termios::tcgetattr(io::stdin()).map_err(refused)?;
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw).map_err(refused)?;
        Ok(Self { before })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // A terminal that is gone needs no settings.
        let _ = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.before);
    }
}

//! virtsh on a terminal of its own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{OpenptyResult, openpty};

/// A program whose standard streams are a terminal.
pub struct Terminal {
    keyboard: File,
    child: Child,
    /// What it showed and was not yet expected.
    shown: String,
}

/// How long anything may take on a machine with other work.
const PATIENCE: Duration = Duration::from_secs(30);

impl Terminal {
    /// Starts the program.
    pub fn start(mut command: Command) -> Self {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        command
            .env("TERM", "xterm")
            .stdin(Stdio::from(slave.try_clone().unwrap()))
            .stdout(Stdio::from(slave.try_clone().unwrap()))
            .stderr(Stdio::from(slave));
        // SAFETY: between fork and exec these two only make system calls.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                if nix::libc::ioctl(0, nix::libc::TIOCSCTTY, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let child = command.spawn().unwrap();
        Self { keyboard: master.into(), child, shown: String::new() }
    }

    /// Types.
    pub fn send(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until this is shown; answers what was shown up to it.
    pub fn expect(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            assert!(self.read(deadline), "{text:?} was not shown, but {:?}", self.shown);
        }
    }

    /// Waits until the program waits for something itself: nothing it shows tells that.
    pub fn until_it_waits(&self) {
        let deadline = Instant::now() + PATIENCE;
        let call = format!("/proc/{}/syscall", self.child.id());
        let waits = || {
            let now = std::fs::read_to_string(&call).unwrap_or_default();
            let number = now.split(' ').next().and_then(|text| text.parse().ok());
            [nix::libc::SYS_poll, nix::libc::SYS_ppoll].map(Some).contains(&number)
        };
        while !waits() {
            assert!(Instant::now() < deadline, "the program never waits");
            std::thread::yield_now();
        }
    }

    /// Waits for its end; answers what it still showed, and its exit code.
    pub fn finish(mut self) -> (String, Option<i32>) {
        let deadline = Instant::now() + PATIENCE;
        while self.read(deadline) {}
        if Instant::now() >= deadline {
            self.child.kill().unwrap();
        }
        let status = self.child.wait().unwrap();
        (std::mem::take(&mut self.shown), status.code())
    }

    /// Takes what is shown next; not when the program has closed the terminal or the time is over.
    fn read(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut descriptors = [PollFd::new(self.keyboard.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        if poll(&mut descriptors, timeout).unwrap() == 0 {
            return false;
        }
        let mut buffer = [0; 4096];
        // The kernel says EIO when nobody has the other side open.
        let Ok(length) = self.keyboard.read(&mut buffer) else { return false };
        self.shown += &String::from_utf8_lossy(&buffer[..length]);
        length > 0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

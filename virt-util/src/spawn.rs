//! Starting processes that an application's SIGCHLD handling never meets, with exactly the descriptors, user and limits
//! that were asked for.

mod child;

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::PollFlags;
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::process::{ExitStatus, Process};
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result};

use child::{Blocked, Image, Report, fork_into, fork_quietly};

/// What to run, as data: it can be shown, journalled and sent to a controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Program {
    /// The executable's absolute path.
    pub path: PathBuf,
    /// What it finds as its own name; `path` when absent.
    pub argv0: Option<String>,
    /// Arguments, without the name of the program itself.
    pub args: Vec<String>,
    /// The whole environment: nothing is inherited.
    pub env: Vec<(String, String)>,
    /// Working directory; `/` when empty.
    pub directory: PathBuf,
    /// User, group and further groups to run as; ours when absent.
    pub user: Option<User>,
    /// Resource limits to set.
    pub limits: Vec<Limit>,
    /// Makes it leader of a session of its own.
    pub session: bool,
    /// File mode creation mask; ours when absent.
    pub umask: Option<u32>,
    /// Niceness; ours when absent.
    pub nice: Option<i32>,
    /// How gladly the kernel kills it when memory runs out, -1000 (never) to 1000; ours when absent.
    pub oom_score_adjust: Option<i32>,
    /// Forbids it and its children to gain rights by exec.
    pub no_new_privileges: bool,
    /// Kills it when its [`Child`] is dropped, or whoever started it dies. For [`Spawn::start`] only.
    pub bound: bool,
}

/// The user a program runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary group ids; all others are dropped.
    #[serde(default)]
    pub groups: Vec<u32>,
}

/// One resource limit, as `setrlimit(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Which: `libc::RLIMIT_MEMLOCK` and the like.
    pub resource: u32,
    /// What is enforced; `u64::MAX` for no limit.
    pub soft: u64,
    /// How far the process may raise it; `u64::MAX` for no limit.
    pub hard: u64,
}

/// A program with the descriptors it gets, ready to be started.
#[derive(Debug)]
pub struct Spawn {
    program: Program,
    fds: Vec<(i32, OwnedFd)>,
    group: Option<OwnedFd>,
}

/// What a finished program left.
#[derive(Clone, Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

/// A program that was started, and how it ended. Dropping it leaves the program running, unless it is [bound](Program::bound).
#[derive(Debug)]
pub struct Child {
    process: Process,
    status: File,
}

impl Child {
    /// The handle on it.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Blocks until it has ended: how it did.
    ///
    /// # Errors
    ///
    /// As for [`Wait::poll`].
    pub fn wait(&self, wait: Wait<'_>) -> Result<ExitStatus> {
        self.process.wait(wait)?;
        Ok(match Report::read(&self.status) {
            Some(Report { kind: Report::EXITED, value }) => ExitStatus::Exited(value),
            Some(Report { kind: Report::SIGNALLED, value }) => ExitStatus::Signalled(value),
            // Somebody killed the process that kept it, or it was told before.
            _ => ExitStatus::Unknown,
        })
    }
}

impl Spawn {
    /// `program` with standard input, output and error at /dev/null and no other descriptor.
    pub fn new(program: Program) -> Self {
        Self { program, fds: Vec::new(), group: None }
    }

    /// Gives it `fd` under `number` (0 to 2 for the standard ones).
    #[must_use]
    pub fn fd(mut self, number: i32, fd: OwnedFd) -> Self {
        self.fds.push((number, fd));
        self
    }

    /// Has the program be born in the cgroup whose directory this is: one that moves there later waits, for tens of
    /// milliseconds, until the whole kernel has noticed. Where that cannot be, it is born in ours.
    #[must_use]
    pub fn in_group(mut self, group: OwnedFd) -> Self {
        self.group = Some(group);
        self
    }

    /// Starts it, and tells how it ends, whatever the application does with SIGCHLD and its children: the program is not
    /// its child but that of a process which keeps the status for us.
    ///
    /// ```
    /// use virt_util::process::ExitStatus;
    /// use virt_util::spawn::{Program, Spawn};
    /// use virt_util::wait::Wait;
    ///
    /// let program = Program { path: "/bin/sh".into(), args: vec!["-c".into(), "exit 3".into()], ..Program::default() };
    /// let child = Spawn::new(program).start()?;
    /// assert_eq!(child.wait(Wait::FOREVER)?, ExitStatus::Exited(3));
    /// # Ok::<(), virt_util::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a step up to and including exec fails; the error names it.
    pub fn start(self) -> Result<Child> {
        let (status, status_in_child) = self.pipe()?;
        let process = self.start_apart(Some(status_in_child))?;
        Ok(Child { process, status })
    }

    /// Starts it as nobody's child (double fork): it is reaped by init, which alone learns how it ends.
    ///
    /// # Errors
    ///
    /// As for [`Spawn::start`].
    pub fn start_detached(self) -> Result<Process> {
        self.start_apart(None)
    }

    fn start_apart(self, status: Option<File>) -> Result<Process> {
        let mut image = Image::new(&self)?;
        let (report, report_in_child) = self.pipe()?;
        // Its parent lives, and so keeps the program's pid from being used again, until we have a handle on it.
        let (go_in_child, go) = self.pipe()?;
        let signals = Blocked::all();
        // SAFETY: the children touch nothing but `image` and numbers, all made before, and never return.
        let middle = match unsafe { fork_into(self.group.as_ref()) } {
            // SAFETY: this is the child just forked, and signals are blocked.
            Ok(0) => unsafe {
                libc::close(go.as_raw_fd());
                let (report, go) = (report_in_child.as_raw_fd(), go_in_child.as_raw_fd());
                match &status {
                    Some(status) => image.detach_keeper(report, go, status.as_raw_fd()),
                    None => image.detach(report, go),
                }
            },
            Ok(pid) => pid,
            Err(errno) => return Err(self.failed("cannot fork for", errno)),
        };
        drop((signals, report_in_child, go_in_child, status));
        let middle = self.open(middle)?;
        let first = Report::read(&report);
        let process = match &first {
            Some(Report { kind: Report::PID, value }) => Some(self.open(*value)?),
            _ => None,
        };
        drop(go);
        middle.wait(Wait::FOREVER)?;
        middle.reap()?;
        let Some(process) = process else {
            let report = first.unwrap_or(Report { kind: Report::PID, value: libc::ECHILD });
            return Err(self.failed(report.attempt(), Errno::from_raw(report.value)));
        };
        match Report::read(&report) {
            None => Ok(process),
            Some(report) => Err(self.failed(report.attempt(), Errno::from_raw(report.value))),
        }
    }

    /// Starts it as our own child, for processes that decide for themselves about SIGCHLD: the controller.
    pub(crate) fn start_as_child(self) -> Result<Process> {
        let mut image = Image::new(&self)?;
        let (report, report_in_child) = self.pipe()?;
        let signals = Blocked::all();
        // SAFETY: the child touches nothing but `image`, which was made before, and never returns.
        let pid = match unsafe { fork_quietly() } {
            // SAFETY: this is the child just forked, and signals are blocked.
            Ok(0) => unsafe { image.become_program(report_in_child.as_raw_fd()) },
            Ok(pid) => pid,
            Err(errno) => return Err(self.failed("cannot fork for", errno)),
        };
        drop((signals, report_in_child));
        let process = self.open(pid)?;
        match Report::read(&report) {
            None => Ok(process),
            Some(report) => {
                process.wait(Wait::FOREVER)?;
                process.reap()?;
                Err(self.failed(report.attempt(), Errno::from_raw(report.value)))
            }
        }
    }

    /// Runs it to its end with `input`, and collects what it writes, up to `limit` bytes each; it is killed when `wait`
    /// ends or it writes more.
    ///
    /// ```
    /// use virt_util::spawn::{Program, Spawn};
    /// use virt_util::wait::Wait;
    ///
    /// let program = Program { path: "/bin/cat".into(), ..Program::default() };
    /// let output = Spawn::new(program).run(b"text", 1024, Wait::FOREVER)?;
    /// assert!(output.status.success());
    /// assert_eq!(output.stdout, b"text");
    /// # Ok::<(), virt_util::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Spawn::start`] and [`Wait::poll`]. That it exits with another status than 0 is none.
    pub fn run(self, input: &[u8], limit: usize, wait: Wait<'_>) -> Result<Output> {
        let (stdin, to_child) = self.pipe()?;
        let (from_child, stdout) = self.pipe()?;
        let (errors, stderr) = self.pipe()?;
        let path = self.program.path.clone();
        let child = self.fd(0, stdin.into()).fd(1, stdout.into()).fd(2, stderr.into()).start()?;
        let mut exchange = Exchange {
            input,
            to_child: (!input.is_empty()).then_some(to_child),
            outputs: [(Some(from_child), Vec::new()), (Some(errors), Vec::new())],
            limit,
        };
        let outcome =
            exchange.run(&format!("running '{}'", path.display()), &wait).and_then(|()| child.wait(wait));
        if outcome.is_err() {
            child.process.signal(Signal::SIGKILL)?;
            child.wait(Wait::FOREVER)?;
        }
        let status = outcome?;
        let [(_, stdout), (_, stderr)] = exchange.outputs;
        Ok(Output { status, stdout, stderr })
    }

    fn open(&self, pid: i32) -> Result<Process> {
        Process::open(pid as u32)?.ok_or_else(|| self.failed("cannot find the child of", Errno::ESRCH))
    }

    fn pipe(&self) -> Result<(File, File)> {
        match nix::unistd::pipe2(OFlag::O_CLOEXEC) {
            Ok((reader, writer)) => Ok((reader.into(), writer.into())),
            Err(errno) => Err(self.failed("cannot make a pipe for", errno)),
        }
    }

    fn failed(&self, attempt: &str, errno: Errno) -> Error {
        let attempt = format!("{attempt} '{}'", self.program.path.display());
        Error::system(ErrorDomain::NONE, attempt, errno)
    }
}

/// Finds the executable `name` in the directories where programs are: those of PATH, unless our rights come from exec, then
/// the system's.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = crate::root::trusted_env("PATH").unwrap_or_default();
    let system =
        ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from);
    let directories = std::env::split_paths(&path).filter(|directory| directory.is_absolute()).chain(system);
    directories
        .map(|directory| directory.join(name))
        .find(|path| path.is_file() && nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok())
}

/// Feeding a child and collecting what it says, without either side waiting for the other.
struct Exchange<'a> {
    input: &'a [u8],
    to_child: Option<File>,
    outputs: [(Option<File>, Vec<u8>); 2],
    limit: usize,
}

impl Exchange<'_> {
    fn run(&mut self, attempt: &str, wait: &Wait<'_>) -> Result<()> {
        for file in self.to_child.iter().chain(self.outputs.iter().filter_map(|(file, _)| file.as_ref())) {
            nix::fcntl::fcntl(file, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
                .map_err(|errno| Error::system(ErrorDomain::NONE, attempt, errno))?;
        }
        while self.outputs.iter().any(|(file, _)| file.is_some()) {
            let mut interests = Vec::with_capacity(3);
            interests.extend(self.to_child.iter().map(|file| (file.as_fd(), PollFlags::POLLOUT)));
            let files = self.outputs.iter().filter_map(|(file, _)| file.as_ref());
            interests.extend(files.map(|file| (file.as_fd(), PollFlags::POLLIN)));
            wait.poll(&interests, attempt)?;
            self.feed();
            for (file, collected) in &mut self.outputs {
                if !collect(file, collected, self.limit)
                    .map_err(|error| Error::system(ErrorDomain::NONE, attempt, error))?
                {
                    let sentence = format!("{attempt}: it writes more than {} bytes", self.limit);
                    return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence));
                }
            }
        }
        Ok(())
    }

    fn feed(&mut self) {
        let Some(file) = &mut self.to_child else { return };
        match file.write(self.input) {
            Ok(count) => self.input = self.input.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock || error.kind() == ErrorKind::Interrupted => {
            }
            // It does not want the rest.
            Err(_) => self.input = &[],
        }
        if self.input.is_empty() {
            self.to_child = None;
        }
    }
}

/// Reads what is there; whether it is within the limit.
fn collect(file: &mut Option<File>, collected: &mut Vec<u8>, limit: usize) -> std::io::Result<bool> {
    let mut chunk = [0; 16 << 10];
    while let Some(open) = file {
        match open.read(&mut chunk) {
            Ok(0) => *file = None,
            Ok(count) => {
                collected.extend_from_slice(chunk.get(..count).unwrap_or_default());
                if collected.len() > limit {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::process::ProcessStat;

    fn shell(script: &str) -> Program {
        let env = vec![("PATH".into(), "/usr/bin:/bin".into())];
        Program { path: "/bin/sh".into(), args: vec!["-c".into(), script.into()], env, ..Program::default() }
    }

    fn says(program: Program) -> String {
        let output = Spawn::new(program).run(b"", 1 << 16, Wait::at_most(Duration::from_secs(20))).unwrap();
        format!(
            "{}{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    }

    #[test]
    fn a_program_gets_the_descriptors_it_was_given_and_no_other() {
        // Open, and not marked to be closed: as a careless library leaves them.
        let (careless, _writer) = nix::unistd::pipe().unwrap();
        let (reader, writer) = nix::unistd::pipe().unwrap();
        nix::unistd::write(&writer, b"passed\n").unwrap();
        drop(writer);
        // The target is a number that another descriptor has here.
        let target = careless.as_raw_fd();
        let script = format!("cat <&{target}; ls /proc/self/fd | tr '\\n' ' '");
        let output = Spawn::new(shell(&script)).fd(target, reader).run(b"", 4096, Wait::FOREVER).unwrap();
        // One more is the directory that ls reads.
        let mut numbers = [0, 1, 2, if target == 3 { 4 } else { 3 }, target];
        numbers.sort_unstable();
        let numbers: String = numbers.iter().map(|number| format!("{number} ")).collect();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("passed\n{numbers}"));
    }

    #[test]
    fn user_limits_mask_and_directory_are_set() {
        let mut program = shell("umask; ulimit -n; ulimit -c; pwd; nice; cat /proc/self/oom_score_adj");
        program.umask = Some(0o027);
        program.nice = Some(3);
        program.oom_score_adjust = Some(500);
        program.directory = "/tmp".into();
        program.limits = vec![
            Limit { resource: libc::RLIMIT_NOFILE, soft: 77, hard: 88 },
            Limit { resource: libc::RLIMIT_CORE, soft: 0, hard: u64::MAX },
        ];
        assert_eq!(says(program), "exit status 00027\n77\n0\n/tmp\n3\n500\n");
    }

    #[test]
    fn another_user_has_none_of_our_groups() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: needs root");
            return;
        }
        let user = Some(User { uid: 65534, gid: 65533, groups: vec![65532] });
        let program = Program {
            user,
            no_new_privileges: true,
            ..shell("id -u; id -g; id -G; grep NoNew /proc/self/status")
        };
        assert_eq!(says(program), "exit status 065534\n65533\n65533 65532\nNoNewPrivs:\t1\n");
    }

    #[test]
    fn what_fails_before_exec_is_named() {
        let run = |program| Spawn::new(program).start().unwrap_err().to_string();
        let missing = Program { path: "/nonexistent".into(), ..Program::default() };
        assert_eq!(run(missing.clone()), "cannot run '/nonexistent': No such file or directory");
        assert_eq!(
            Spawn::new(missing).start_detached().unwrap_err().to_string(),
            "cannot run '/nonexistent': No such file or directory"
        );
        let astray = Program { directory: "/nonexistent".into(), ..shell("exit") };
        assert_eq!(run(astray), "cannot enter the directory for '/bin/sh': No such file or directory");
        let zero = Program { args: vec!["a\0b".into()], ..shell("exit") };
        assert_eq!(run(zero), "invalid argument: cannot run '/bin/sh': a string holds a zero byte");
    }

    #[test]
    fn an_application_that_reaps_every_child_or_ignores_them_disturbs_nothing() {
        let (gate, open) = nix::unistd::pipe2(OFlag::O_CLOEXEC).unwrap();
        // SAFETY: no handler is installed, and no other test here depends on SIGCHLD.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        let child = Spawn::new(shell("read line; exit 5")).fd(0, gate).start().unwrap();
        assert_eq!(nix::sys::wait::waitpid(None, None), Err(Errno::ECHILD));
        drop(open);
        assert_eq!(child.wait(Wait::FOREVER).unwrap(), ExitStatus::Exited(5));
        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    }

    #[test]
    fn starts_at_once_do_not_wait_for_each_other() {
        let (done, all) = std::sync::mpsc::channel();
        for thread in 0..8 {
            let done = done.clone();
            std::thread::spawn(move || {
                for _ in 0..40 {
                    match thread % 2 {
                        0 => Spawn::new(shell("exit")).start().unwrap().wait(Wait::FOREVER).map(drop),
                        _ => Spawn::new(shell("exit")).start_detached().map(drop),
                    }
                    .unwrap();
                }
                done.send(()).unwrap();
            });
        }
        for _ in 0..8 {
            all.recv_timeout(Duration::from_mins(1)).expect("none hangs");
        }
    }

    #[test]
    fn a_detached_program_is_nobody_of_ours() {
        let program = Program { session: true, ..shell("sleep 60") };
        let process = Spawn::new(program).start_detached().unwrap();
        let stat = ProcessStat::of(process.pid()).unwrap().unwrap();
        assert_ne!(stat.parent, std::process::id());
        assert_ne!(
            nix::unistd::getsid(None),
            nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(process.pid() as i32)))
        );
        process.signal(Signal::SIGKILL).unwrap();
        process.wait(Wait::FOREVER).unwrap();
    }

    #[test]
    fn a_bound_program_goes_with_its_handle() {
        let start = |bound| Spawn::new(Program { bound, ..shell("exec sleep 60") }).start().unwrap();
        let pid = {
            let child = start(true);
            assert!(!ProcessStat::of(child.process().pid()).unwrap().unwrap().has_ended());
            Process::open(child.process().pid()).unwrap().unwrap()
        };
        pid.wait(Wait::at_most(Duration::from_secs(20))).unwrap();
        // One that is not stays.
        let pid = Process::open(start(false).process().pid()).unwrap().unwrap();
        pid.wait(Wait::at_most(Duration::from_millis(100))).unwrap_err();
        pid.signal(Signal::SIGKILL).unwrap();
        // It still tells how it ended.
        let child = Spawn::new(Program { bound: true, ..shell("exit 4") }).start().unwrap();
        assert_eq!(child.wait(Wait::FOREVER).unwrap(), ExitStatus::Exited(4));
    }

    #[test]
    fn one_that_says_too_much_or_never_ends_is_killed() {
        let babble = Spawn::new(shell("yes")).run(b"", 1 << 16, Wait::FOREVER).unwrap_err();
        assert!(
            babble.to_string().ends_with("running '/bin/sh': it writes more than 65536 bytes"),
            "{babble}"
        );
        let wait = Wait::at_most(Duration::from_millis(20));
        let sleep = Spawn::new(shell("exec sleep 60")).run(b"", 1 << 16, wait).unwrap_err();
        assert_eq!(sleep.code(), ErrorCode::OPERATION_TIMEOUT);
    }
}

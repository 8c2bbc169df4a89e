//! The process: started once, found again by whoever comes next, ended by its handle.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;
use virt_util::dir::Dir;
use virt_util::file;
use virt_util::owner::Owner;
use virt_util::process::Process;
use virt_util::spawn::{Program, Spawn, find_program};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{Files, Names};

/// How long it may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(3);

/// The server of one network, running or not.
#[derive(Debug)]
pub(crate) struct Server {
    dir: Dir,
    /// The file of leases, which outlives the network's runs.
    leases: PathBuf,
    name: String,
}

impl Server {
    /// The server of the network `name`, with its files in `dir` and its leases in `leases`.
    pub(crate) fn new(dir: Dir, leases: PathBuf, name: &str) -> Self {
        Self { dir, leases, name: name.to_owned() }
    }

    /// Where the files are that its configuration names.
    pub(crate) fn names(&self) -> Names {
        Names {
            hosts: self.path("hostsfile"),
            addresses: self.path("addnhosts"),
            pid: Some(self.path("pid")),
        }
    }

    fn file(&self, kind: &str) -> String {
        format!("{}.{kind}", self.name)
    }

    fn path(&self, kind: &str) -> String {
        self.dir.join(&self.file(kind)).to_string_lossy().into_owned()
    }

    /// Writes what it reads.
    pub(crate) fn write(&self, files: &Files) -> Result<()> {
        // It reads them again as a user of its own.
        let write = |kind: &str, text: &str| {
            file::write(&self.dir, &self.file(kind), 0o644, text.as_bytes()).map(drop)
        };
        write("hostsfile", &files.hosts)?;
        write("addnhosts", &files.addresses)?;
        write("conf", &files.configuration)
    }

    /// Removes what it read.
    pub(crate) fn remove_files(&self) -> Result<()> {
        ["conf", "hostsfile", "addnhosts", "pid"]
            .iter()
            .try_for_each(|kind| self.dir.remove_file(&self.file(kind)))
    }

    /// Starts it, and returns when it serves. Its files are written.
    pub(crate) fn start(&self, wait: Wait<'_>) -> Result<()> {
        let path = find_program("dnsmasq").ok_or_else(|| {
            let detail = "Cannot find 'dnsmasq' in path";
            Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NETWORK, detail).hint("install dnsmasq")
        })?;
        let mut args = vec![self.argument(), format!("--dhcp-leasefile={}", self.leases.display())];
        if !is_passable(&self.dir.join("")) {
            // Otherwise it could not read its files again.
            args.extend(["--user=root".to_owned(), "--group=root".to_owned()]);
        }
        let env = vec![
            ("LC_ALL".to_owned(), "C".to_owned()),
            ("PATH".to_owned(), "/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ];
        let program = Program { path, args, env, ..Program::default() };
        let output = Spawn::new(program).run(b"", 64 << 10, wait)?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        let words = words.trim().trim_start_matches("dnsmasq: ");
        let detail = format!("dnsmasq does not start for network '{}': {words}", self.name);
        Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NETWORK, detail))
    }

    /// What tells its process from all others.
    fn argument(&self) -> String {
        format!("--conf-file={}", self.path("conf"))
    }

    /// Its process, if it runs: the one that it noted, if that is really it.
    pub(crate) fn process(&self) -> Result<Option<Process>> {
        let noted = file::read_if_present(&self.dir, &self.file("pid"), 64)?;
        let pid = noted.and_then(|text| String::from_utf8_lossy(&text).trim().parse::<u32>().ok());
        let Some(owner) = pid.map(Owner::of).transpose()?.flatten() else { return Ok(None) };
        // From here on it is this process, or none.
        let process = Process::of(&owner)?;
        Ok(process.filter(|process| !process.has_ended() && self.is_ours(owner.pid)))
    }

    /// Has it read the files of hosts again. Whether it runs.
    pub(crate) fn reload(&self) -> Result<bool> {
        let Some(process) = self.process()? else { return Ok(false) };
        process.signal(Signal::SIGHUP)?;
        Ok(true)
    }

    /// Ends it, wherever it is on its way: also one that has not noted its process yet.
    pub(crate) fn stop(&self) -> Result<()> {
        if let Some(process) = self.process()? {
            return end(&process);
        }
        for pid in self.search()? {
            if let Some(process) = Process::open(pid)?.filter(|_| self.is_ours(pid)) {
                end(&process)?;
            }
        }
        Ok(())
    }

    /// Everybody who was started with our configuration.
    fn search(&self) -> Result<Vec<u32>> {
        let failed = |error| Error::system(ErrorDomain::NETWORK, "cannot list processes", error);
        let entries = std::fs::read_dir("/proc").map_err(failed)?;
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        Ok(pids.filter(|pid| self.is_ours(*pid)).collect())
    }

    fn is_ours(&self, pid: u32) -> bool {
        let argument = self.argument();
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes())
    }
}

fn end(process: &Process) -> Result<()> {
    process.signal(Signal::SIGTERM)?;
    match process.wait(Wait::at_most(PATIENCE)) {
        Err(error) if error.code() == ErrorCode::OPERATION_TIMEOUT => {
            process.signal(Signal::SIGKILL)?;
            process.wait(Wait::at_most(PATIENCE))
        }
        other => other,
    }
}

/// Whether everybody may pass through to what is in a directory.
fn is_passable(dir: &Path) -> bool {
    dir.ancestors().all(|dir| std::fs::metadata(dir).is_ok_and(|stat| stat.mode() & 0o001 != 0))
}

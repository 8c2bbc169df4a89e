//! A libvirtd of a test's own, to compare with.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A libvirtd that runs in a mount namespace of its own, and in the network namespace of whoever starts it. It ends with the
/// value.
#[derive(Debug)]
pub struct Peer {
    place: tempfile::TempDir,
}

impl Peer {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// Why it cannot run here.
    pub fn start() -> Result<Self, String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("only root can start a libvirtd beside others".to_owned());
        }
        for file in ["/usr/sbin/libvirtd", "/usr/bin/virsh"] {
            if !Path::new(file).exists() {
                return Err(format!("there is no {file}"));
            }
        }
        let peer = Self { place: tempfile::tempdir().map_err(|error| error.to_string())? };
        let output = peer.script().output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(peer);
        }
        Err(format!("libvirtd does not start: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }

    /// What keeps its files.
    pub fn directory(&self) -> &Path {
        self.place.path()
    }

    /// The URI that leads libvirt's clients to its QEMU driver.
    pub fn uri(&self) -> String {
        format!("qemu+unix:///system?socket={}", self.place.path().join("run/libvirt-sock").display())
    }

    /// A program that runs in its namespaces.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = self.script();
        command.arg(program);
        command
    }

    fn script(&self) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("peer/libvirtd.sh"));
        command.arg(self.place.path());
        command
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let stopped = self.script().arg("--stop").status();
        assert!(stopped.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// Our virtsh, as the workspace's build left it.
///
/// # Panics
///
/// When it is not built.
pub fn virtsh() -> PathBuf {
    let executable = std::env::current_exe().expect("this program has a path");
    let virtsh = executable.ancestors().nth(2).expect("it is in a build's directory").join("virtsh");
    assert!(virtsh.is_file(), "{} is not built: cargo build --workspace", virtsh.display());
    virtsh
}

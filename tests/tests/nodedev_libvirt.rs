//! Every device of this machine, described by us and by libvirt, side by side.

use std::path::{Path, PathBuf};
use std::process::Command;

use virt_tests::node_devices::{Documents, compare, documents};
use virt_tests::skip;

/// A libvirtd of our own; it ends with the value.
struct Peer {
    place: tempfile::TempDir,
}

impl Peer {
    fn start() -> Result<Self, String> {
        let peer = Self { place: tempfile::tempdir().map_err(|error| error.to_string())? };
        let output = peer.script().output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(peer);
        }
        Err(format!("libvirtd does not start: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }

    fn script(&self) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("peer/libvirtd.sh"));
        command.arg(self.place.path());
        command
    }

    /// What a command line says of every device, run where that libvirtd runs.
    fn ask(&self, program: &Path, uri: &str) -> Documents {
        let run = |arguments: &[&str]| {
            let mut command = self.script();
            command.arg(program).args(["-q", "-c", uri]).args(arguments);
            let output = command.output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let names = run(&["nodedev-list"]);
        names.split_whitespace().flat_map(|name| documents(&run(&["nodedev-dumpxml", name]))).collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let stopped = self.script().arg("--stop").status();
        assert!(stopped.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

fn virtsh() -> PathBuf {
    let executable = std::env::current_exe().expect("this program has a path");
    let virtsh = executable.ancestors().nth(2).expect("it is in a build's directory").join("virtsh");
    assert!(virtsh.is_file(), "{} is not built: cargo build --workspace", virtsh.display());
    virtsh
}

#[test]
fn every_device_of_this_machine_is_described_as_libvirt_describes_it() {
    if !nix::unistd::geteuid().is_root() {
        skip!("only root can start a libvirtd beside others");
    }
    for file in ["/usr/sbin/libvirtd", "/usr/bin/virsh", "/usr/share/misc/pci.ids"] {
        if !Path::new(file).exists() {
            skip!("there is no {file}");
        }
    }
    let peer = match Peer::start() {
        Ok(peer) => peer,
        Err(why) => skip!("{why}"),
    };
    let socket = peer.place.path().join("run/libvirt-sock");
    let uri = format!("qemu+unix:///system?socket={}", socket.display());
    let theirs = peer.ask(Path::new("/usr/bin/virsh"), &uri);
    let ours = peer.ask(&virtsh(), "nodedev:///system");
    assert!(theirs.len() > 1, "libvirt has no devices");
    println!("{} devices of ours, {} of libvirt's", ours.len(), theirs.len());
    if let Err(wrong) = compare("host", &ours, &theirs) {
        panic!("{wrong}");
    }
}

//! Guests that run as a user of their own: whose their files are before, during and after.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use virt_core::{DestroyDomain, DomainState, StartDomain};
use virt_tests::skip;

use crate::lab::{Lab, NAME, bare, end, open, role, uri};

/// The user of the emulators: any that is not root.
const USER: &str = "nobody";

/// A root whose guests run as [`USER`], and a guest with one disk of its own, one that is shared, and one that is read.
struct Images {
    lab: Lab,
    own: PathBuf,
    shared: PathBuf,
    readable: PathBuf,
    secret: PathBuf,
}

fn owner(path: &Path) -> (u32, u32) {
    let stat = fs::metadata(path).expect("a file");
    (stat.uid(), stat.gid())
}

impl Images {
    fn new() -> Result<Self, String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("only root can make a process somebody else's".into());
        }
        let scratch = tempfile::tempdir().expect("a directory");
        // Others pass through to what they know.
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o711)).expect("allowed");
        fs::create_dir_all(scratch.path().join("etc/qemu")).expect("made");
        for place in ["etc", "etc/qemu"] {
            fs::set_permissions(scratch.path().join(place), fs::Permissions::from_mode(0o700))
                .expect("allowed");
        }
        fs::write(scratch.path().join("etc/qemu/qemu.conf"), format!("user = \"{USER}\"\n"))
            .expect("written");
        let image = |name: &str, mode| {
            let path = scratch.path().join(name);
            fs::write(&path, vec![0; 1 << 16]).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("allowed");
            path
        };
        let (own, shared) = (image("own.img", 0o600), image("shared.img", 0o666));
        let (readable, secret) = (image("readable.img", 0o644), image("secret.img", 0o600));
        let disks: String = [
            (&own, "vda", ""),
            (&shared, "vdb", "<shareable/>"),
            (&readable, "vdc", "<readonly/>"),
            (&secret, "vdd", "<readonly/>"),
        ]
        .iter()
        .map(|(path, target, marks)| {
            format!(
                "<disk type='file'><driver name='qemu' type='raw'/><source file='{}'/>\
                 <target dev='{target}' bus='virtio'/>{marks}</disk>",
                path.display()
            )
        })
        .collect();
        let lab = Lab::in_directory(scratch, &bare(&disks))?;
        Ok(Self { lab, own, shared, readable, secret })
    }

    fn assert_before(&self, when: &str) {
        for path in [&self.own, &self.shared, &self.readable, &self.secret] {
            assert_eq!(owner(path), (0, 0), "{when}: {}", path.display());
        }
    }

    fn assert_running(&self) {
        let (user, group) = owner(Path::new(&format!("/proc/{}", self.lab.process())));
        assert_ne!(user, 0, "QEMU runs as root");
        assert_eq!(owner(&self.own), (user, group));
        assert_eq!(owner(&self.secret), (user, group), "it could not read it");
        assert_eq!([owner(&self.shared), owner(&self.readable)], [(0, 0), (0, 0)], "they are others' too");
    }
}

/// Not a test: the process that starts the guest, and is killed.
#[test]
#[ignore = "is run by another test, in a process of its own"]
fn starter() {
    let Some(root) = std::env::var_os("STARTER_ROOT") else { return };
    let connection = open(&uri(root.as_ref())).expect("opened");
    connection.domain_by_name(NAME).expect("defined").start(StartDomain::PAUSED).expect("started");
    println!("started");
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn images_are_the_emulators_users_while_the_guest_runs() {
    let images = match Images::new() {
        Ok(images) => images,
        Err(reason) => skip!("{reason}"),
    };
    let domain = &images.lab.domain;
    images.assert_before("defined");
    domain.start(StartDomain::PAUSED).expect("started");
    images.assert_running();
    domain.destroy(DestroyDomain::empty()).expect("destroyed");
    images.assert_before("destroyed");
    images.lab.assert_clean();
}

#[test]
fn images_are_given_back_whoever_was_killed() {
    let images = match Images::new() {
        Ok(images) => images,
        Err(reason) => skip!("{reason}"),
    };
    let domain = &images.lab.domain;
    let mut starter = role("owner::starter")
        .env("STARTER_ROOT", images.lab.scratch.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run");
    let lines = BufReader::new(starter.stdout.take().expect("piped")).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("started")), "it ended before");
    end(starter.id());
    starter.wait().expect("ended");
    images.assert_running();
    domain.destroy(DestroyDomain::empty()).expect("destroyed");
    images.assert_before("the starter was killed");
    images.lab.assert_clean();

    domain.start(StartDomain::PAUSED).expect("started");
    end(images.lab.controller());
    images.assert_running();
    domain.resume().expect("resumed by another controller");
    domain.destroy(DestroyDomain::empty()).expect("destroyed");
    images.assert_before("the controller was killed");
    images.lab.assert_clean();

    domain.start(StartDomain::PAUSED).expect("started");
    let guest = images.lab.process();
    end(images.lab.controller());
    end(guest);
    assert_eq!(domain.state().expect("known"), DomainState::Shutoff);
    images.assert_before("both were killed");
    images.lab.assert_clean();
}

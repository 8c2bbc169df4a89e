//! Every device of this machine, described by us and by libvirt, side by side.

use std::path::Path;

use virt_tests::node_devices::{Documents, compare, documents};
use virt_tests::peer::{Peer, virtsh};
use virt_tests::skip;

/// What a command line says of every device, run where that libvirtd runs.
fn ask(peer: &Peer, program: &Path, uri: &str) -> Documents {
    let run = |arguments: &[&str]| {
        let output = peer.command(program).args(["-q", "-c", uri]).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let names = run(&["nodedev-list"]);
    names.split_whitespace().flat_map(|name| documents(&run(&["nodedev-dumpxml", name]))).collect()
}

#[test]
fn every_device_of_this_machine_is_described_as_libvirt_describes_it() {
    if !Path::new("/usr/share/misc/pci.ids").exists() {
        skip!("there is no /usr/share/misc/pci.ids");
    }
    let peer = match Peer::start() {
        Ok(peer) => peer,
        Err(why) => skip!("{why}"),
    };
    let theirs = ask(&peer, Path::new("/usr/bin/virsh"), &peer.uri());
    let ours = ask(&peer, &virtsh(), "nodedev:///system");
    assert!(theirs.len() > 1, "libvirt has no devices");
    println!("{} devices of ours, {} of libvirt's", ours.len(), theirs.len());
    if let Err(wrong) = compare("host", &ours, &theirs) {
        panic!("{wrong}");
    }
}

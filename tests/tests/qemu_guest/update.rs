//! Devices that change while their guest runs: seen from outside where that is possible, and libvirt's words about the rest.

use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use virt_core::{DestroyDomain, DeviceChange, DomainXml, ErrorCode, StartDomain};
use virt_tests::skip;

use crate::lab::{Lab, bare};

impl Lab {
    /// The files of this suffix that the emulator has open.
    fn open_files(&self, suffix: &str) -> Vec<String> {
        let directory = format!("/proc/{}/fd", self.process());
        let entries = std::fs::read_dir(directory).expect("readable").filter_map(Result::ok);
        let paths = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        let names = paths.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
        let mut names: Vec<_> = names.filter(|name| name.ends_with(suffix)).collect();
        names.sort();
        names.dedup();
        names
    }

    fn update(&self, xml: &str) {
        let updated = self.domain.update_device(xml, DeviceChange::LIVE);
        updated.unwrap_or_else(|error| panic!("{xml}: {error}"));
    }

    fn refused(&self, xml: &str) -> String {
        let error = self.domain.update_device(xml, DeviceChange::LIVE).expect_err("refused");
        format!("{:?}: {error}", error.code())
    }

    fn live(&self) -> String {
        self.domain.xml(DomainXml::empty()).expect("XML")
    }
}

const UNSUPPORTED: &str = "Operation not supported: ";

/// The sentence of one that is refused as not supported.
fn sentence(refused: &str) -> &str {
    let code = format!("{:?}: {UNSUPPORTED}", ErrorCode::OPERATION_UNSUPPORTED);
    refused.strip_prefix(&code).unwrap_or(refused)
}

#[test]
fn a_drive_gets_another_medium_and_none() {
    let images = tempfile::tempdir().expect("a directory");
    let image = |name: &str| {
        let path = images.path().join(name);
        std::fs::write(&path, vec![0; 1 << 16]).expect("written");
        path.display().to_string()
    };
    let (one, two) = (image("one.iso"), image("two.iso"));
    let hard = image("hard.img");
    let drive = |source: &str| {
        format!("<disk type='file' device='cdrom'>{source}<target dev='sda' bus='sata'/><readonly/></disk>")
    };
    let with = |path: &str| drive(&format!("<source file='{path}'/>"));
    let disk = |path: &str| {
        format!("<disk type='file'><source file='{path}'/><target dev='vda' bus='virtio'/></disk>")
    };
    let lab = match Lab::new(&bare(&format!("{}{}", with(&one), disk(&hard)))) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    lab.domain.start(StartDomain::PAUSED).expect("started");
    assert_eq!(lab.open_files(".iso"), ["one.iso"]);
    lab.update(&with(&two));
    assert_eq!(lab.open_files(".iso"), ["two.iso"]);
    assert!(lab.live().contains(&two) && !lab.live().contains(&one), "{}", lab.live());
    let definition = lab.domain.xml(DomainXml::INACTIVE).expect("XML");
    assert!(definition.contains(&one), "{definition}");
    lab.update(&drive(""));
    assert_eq!(lab.open_files(".iso"), Vec::<String>::new());
    assert!(!lab.live().contains(".iso"), "{}", lab.live());
    lab.update(&with(&one));
    assert_eq!(lab.open_files(".iso"), ["one.iso"]);
    // One that cannot be opened leaves the drive empty, and says so.
    let missing = lab.refused(&with("/nowhere/three.iso"));
    assert!(missing.contains("/nowhere/three.iso"), "{missing}");
    assert_eq!(lab.open_files(".iso"), Vec::<String>::new());
    assert!(!lab.live().contains(".iso"), "{}", lab.live());
    lab.update(&with(&two));
    let refused = lab.refused(&disk(&one));
    assert_eq!(sentence(&refused), "disk source can be changed only in removable drives");
    let refused = lab.refused(&with(&one).replace("</disk>", "<serial>x</serial></disk>"));
    assert_eq!(sentence(&refused), "cannot modify field 'serial' of the disk");
    let refused = lab.refused(&with(&one).replace("sda", "sdz"));
    assert!(refused.ends_with("internal error: disk 'sdz' not found"), "{refused}");
    assert_eq!(lab.open_files(".iso"), ["two.iso"]);
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}

fn words(program: &str, words: &str) -> String {
    let output = Command::new(program).args(words.split(' ')).output().expect("run");
    assert!(output.status.success(), "{program} {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_card_moves_to_another_bridge_and_gets_other_rates() {
    // Of this thread alone, and of what it starts.
    if let Err(errno) = unshare(CloneFlags::CLONE_NEWNET) {
        skip!("cannot make a network namespace: {errno}");
    }
    for bridge in ["br0", "br1"] {
        words("ip", &format!("link add {bridge} type bridge"));
    }
    let card = |source: &str, more: &str| {
        format!(
            "<interface type='bridge'><mac address='52:54:00:00:00:07'/><source bridge='{source}'/>\
             <model type='virtio'/>{more}</interface>"
        )
    };
    let lab = match Lab::new(&bare(&card("br0", ""))) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    lab.domain.start(StartDomain::PAUSED).expect("started");
    let link = || words("ip", "-o -d link show dev vnet0");
    let classes = || words("tc", "class show dev vnet0");
    assert!(link().contains(" master br0 ") && classes().is_empty(), "{}", link());
    let rates = "<bandwidth><inbound average='1000'/></bandwidth>";
    lab.update(&card("br1", &format!("{rates}<port isolated='yes'/><link state='down'/>")));
    assert!(link().contains(" master br1 ") && link().contains(" isolated on "), "{}", link());
    assert!(classes().contains(" rate 8Mbit "), "{}", classes());
    for part in ["<source bridge='br1'/>", "<inbound average='1000'/>", "<link state='down'/>"] {
        assert!(lab.live().contains(part), "{part}: {}", lab.live());
    }
    lab.update(&card("br1", ""));
    assert!(link().contains(" isolated off ") && classes().is_empty(), "{} {}", link(), classes());
    let plain = card("br1", "");
    for (changed, expected) in [
        (plain.replace("virtio", "e1000"), "cannot modify network device model from virtio to e1000"),
        (plain.replace("type='bridge'", "type='user'"), "cannot change network interface type to 'user'"),
        (card("br1", "<target dev='other0'/>"), "cannot modify network device tap name"),
        (card("br1", "<mtu size='9000'/>"), "cannot modify MTU"),
        (card("br1", "<boot order='1'/>"), "cannot modify network device boot index setting"),
        (card("br1", "<rom bar='off'/>"), "cannot modify network device rom bar setting"),
    ] {
        assert_eq!(sentence(&lab.refused(&changed)), expected);
    }
    let refused = lab.refused("<controller type='usb' model='none'/>");
    assert_eq!(sentence(&refused), "live update of device 'controller' is not supported");
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}

#[test]
fn a_display_gets_another_password_and_nothing_else() {
    let vnc = |attributes: &str| format!("<graphics type='vnc' autoport='yes' {attributes}/>");
    let lab = match Lab::new(&bare(&format!("{}<video><model type='vga'/></video>", vnc("passwd='one'")))) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    lab.domain.start(StartDomain::PAUSED).expect("started");
    lab.update(&vnc("passwd='another'"));
    let secure = lab.domain.xml(DomainXml::SECURE).expect("XML");
    assert!(secure.contains("passwd='another'") && !secure.contains("passwd='one'"), "{secure}");
    for (changed, expected) in [
        (vnc("keymap='de' passwd='another'"), "cannot change keymap setting on vnc graphics"),
        (
            vnc("port='5999' passwd='another'").replace("autoport='yes'", "autoport='no'"),
            "cannot change port settings on vnc graphics",
        ),
        (
            vnc("listen='127.0.0.2' passwd='another'"),
            "cannot change listen address setting on 'vnc' graphics",
        ),
    ] {
        assert_eq!(sentence(&lab.refused(&changed)), expected);
    }
    let refused = lab.refused("<graphics type='spice' autoport='yes'/>");
    assert!(refused.ends_with("cannot find existing graphics device to modify of type 'spice'"), "{refused}");
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}

//! Devices of a tree of files that is shaped as sysfs, beside a database that is shaped as udev's.

use std::os::unix::fs::symlink;
use std::path::Path;

use expect_test::{Expect, expect};
use virt_core::driver::{CreateNodeDevice, DefineNodeDevice, ListNodeDevices, NodeDeviceXml};
use virt_driver_nodedev::Engine;
use virt_util::sysfs::Sysfs;
use virt_util::udev::Udev;

/// The tree; it goes with the value.
struct Tree {
    root: tempfile::TempDir,
}

impl Tree {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    /// A device of a subsystem, listed in a directory, with its attributes.
    fn device(&self, directory: &str, subsystem: &str, path: &str, attributes: &[(&str, &str)]) {
        let name = path.rsplit('/').next().unwrap();
        self.link(
            &format!("sys/{directory}/{name}"),
            &format!("{}{path}", "../".repeat(directory.split('/').count())),
        );
        self.link(&format!("sys/{path}/subsystem"), &format!("/sys/class/{subsystem}"));
        for (name, text) in attributes {
            self.write(&format!("sys/{path}/{name}"), text);
        }
    }

    fn engine(&self) -> Engine {
        let at = |name: &str| self.root.path().join(name);
        Engine::at(Sysfs::at(at("sys")), Udev::at(at("udev")), Some(self.root.path()))
    }

    fn xml(&self, name: &str, expected: Expect) {
        let text = self.engine().xml(name, NodeDeviceXml::empty()).unwrap();
        expected.assert_eq(&text.replace(&*self.root.path().to_string_lossy(), ""));
    }
}

/// A machine with a disk, a network card, a bridge, a loop device and a USB stick.
fn machine() -> Tree {
    let tree = Tree::new();
    let disk = "devices/pci0000:00/0000:00:02.0";
    tree.device(
        "bus/pci/devices",
        "pci",
        disk,
        &[("vendor", "0x1af4\n"), ("device", "0x1042\n"), ("class", "0x018000\n")],
    );
    let block = format!("{disk}/virtio1/block/vda");
    let attributes = [
        ("uevent", "MAJOR=254\nMINOR=0\nDEVNAME=vda\nDEVTYPE=disk\n"),
        ("size", "16384\n"),
        ("queue/logical_block_size", "4096\n"),
    ];
    tree.device("block", "block", &block, &attributes);
    tree.device(
        "block",
        "block",
        "devices/virtual/block/loop0",
        &[("uevent", "MAJOR=7\nMINOR=0\nDEVNAME=loop0\nDEVTYPE=disk\n")],
    );
    let card = "devices/pci0000:00/0000:00:03.0/virtio2/net/eth0";
    let attributes = [
        ("uevent", "INTERFACE=eth0\nIFINDEX=2\n"),
        ("address", "02:fc:00:00:00:01\n"),
        ("operstate", "up\n"),
        ("speed", "-1\n"),
    ];
    tree.device("class/net", "net", card, &attributes);
    let bridge =
        [("uevent", "DEVTYPE=bridge\nINTERFACE=br0\nIFINDEX=3\n"), ("address", "02:fc:00:00:00:02\n")];
    tree.device("class/net", "net", "devices/virtual/net/br0", &bridge);
    let attributes = [
        ("uevent", "MAJOR=189\nMINOR=1\nDEVNAME=bus/usb/001/002\nDEVTYPE=usb_device\n"),
        ("busnum", "1\n"),
        ("devnum", "2\n"),
        ("idVendor", "46f4\n"),
        ("idProduct", "0001\n"),
        ("product", "QEMU USB HARDDRIVE\n"),
        ("manufacturer", "QEMU\n"),
    ];
    tree.device("bus/usb/devices", "usb", "devices/pci0000:00/0000:00:06.0/usb1/1-2", &attributes);
    tree.write("sys/devices/virtual/mtty/mtty/mdev_supported_types/mtty-1/name", "Single port serial\n");
    tree.write("sys/devices/virtual/mtty/mtty/mdev_supported_types/mtty-1/device_api", "vfio-pci\n");
    tree.write("sys/devices/virtual/mtty/mtty/mdev_supported_types/mtty-1/available_instances", "24\n");
    tree.device("class/mdev_bus", "mtty", "devices/virtual/mtty/mtty", &[]);
    tree
}

#[test]
fn every_device_is_listed_under_what_it_hangs_on() {
    let tree = machine();
    let list = tree.engine().list(ListNodeDevices::empty()).unwrap();
    let lines: String =
        list.iter().map(|it| format!("{} < {}\n", it.name, it.parent.as_deref().unwrap_or("-"))).collect();
    expect![[r#"
        block_vda < pci_0000_00_02_0
        computer < -
        mtty_mtty < computer
        net_eth0_02_fc_00_00_00_01 < computer
        pci_0000_00_02_0 < computer
        usb_1_2 < computer
    "#]]
    .assert_eq(&lines);
    let names = |capability| tree.engine().names(Some(capability)).unwrap();
    assert_eq!(names("storage"), ["block_vda"]);
    assert_eq!(names("mdev_types"), ["mtty_mtty"]);
    assert_eq!(names("tape"), Vec::<String>::new());
}

#[test]
fn udev_adds_links_serials_and_names() {
    let tree = machine();
    tree.xml(
        "block_vda",
        expect![[r#"
            <device>
              <name>block_vda</name>
              <path>/sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda</path>
              <devnode type='dev'>/dev/vda</devnode>
              <parent>pci_0000_00_02_0</parent>
              <capability type='storage'>
                <block>/dev/vda</block>
                <drive_type>disk</drive_type>
                <size>8388608</size>
                <logical_block_size>4096</logical_block_size>
                <num_blocks>2048</num_blocks>
              </capability>
            </device>
        "#]],
    );
    tree.write("udev/data/b254:0", "S:disk/by-id/virtio-X\nE:ID_BUS=virtio\nE:ID_SERIAL=X/1\nV:1\n");
    tree.write("udev/data/c189:1", "E:ID_MODEL_FROM_DATABASE=Stick\nV:1\n");
    tree.xml(
        "block_vda_X_1",
        expect![[r#"
            <device>
              <name>block_vda_X_1</name>
              <path>/sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda</path>
              <devnode type='dev'>/dev/vda</devnode>
              <devnode type='link'>/dev/disk/by-id/virtio-X</devnode>
              <parent>pci_0000_00_02_0</parent>
              <capability type='storage'>
                <block>/dev/vda</block>
                <bus>virtio</bus>
                <drive_type>disk</drive_type>
                <serial>X/1</serial>
                <size>8388608</size>
                <logical_block_size>4096</logical_block_size>
                <num_blocks>2048</num_blocks>
              </capability>
            </device>
        "#]],
    );
    tree.xml(
        "usb_1_2",
        expect![[r#"
            <device>
              <name>usb_1_2</name>
              <path>/sys/devices/pci0000:00/0000:00:06.0/usb1/1-2</path>
              <devnode type='dev'>/dev/bus/usb/001/002</devnode>
              <parent>computer</parent>
              <capability type='usb_device'>
                <bus>1</bus>
                <device>2</device>
                <product id='0x0001'>Stick</product>
                <vendor id='0x46f4'>QEMU</vendor>
              </capability>
            </device>
        "#]],
    );
}

const MEDIATED: &str = "<device><parent>mtty_mtty</parent><capability type='mdev'><type id='mtty-1'/>\
                        <uuid>11111111-2222-3333-4444-555555555555</uuid><attr name='a' value='1'/></capability></device>";

#[test]
fn definitions_of_mediated_devices_need_no_device() {
    let tree = machine();
    let engine = tree.engine();
    let name = engine.define_xml(MEDIATED, DefineNodeDevice::empty()).unwrap();
    assert_eq!(name, "mdev_11111111_2222_3333_4444_555555555555_mtty");
    let summary = engine.summary(&name).unwrap();
    assert_eq!((summary.active, summary.persistent, summary.autostart), (false, true, false));
    assert_eq!(summary.parent.as_deref(), Some("mtty_mtty"));
    let listed = |filter| engine.list(filter).unwrap().iter().filter(|it| it.name == name).count();
    assert_eq!((listed(ListNodeDevices::ACTIVE), listed(ListNodeDevices::INACTIVE)), (0, 1));
    assert_eq!((listed(ListNodeDevices::MDEV), listed(ListNodeDevices::PCI_DEV)), (1, 0));
    tree.xml(
        &name,
        expect![[r#"
            <device>
              <name>mdev_11111111_2222_3333_4444_555555555555_mtty</name>
              <parent>mtty_mtty</parent>
              <capability type='mdev'>
                <type id='mtty-1'/>
                <uuid>11111111-2222-3333-4444-555555555555</uuid>
                <parent_addr>mtty</parent_addr>
                <iommuGroup number='0'/>
                <attr name='a' value='1'/>
              </capability>
            </device>
        "#]],
    );
}

#[test]
fn what_cannot_be_made_is_refused_in_libvirts_words() {
    let tree = machine();
    let engine = tree.engine();
    let refused = |text: &str| engine.create(text, CreateNodeDevice::empty()).unwrap_err().to_string();
    assert_eq!(
        refused(&MEDIATED.replace("mtty_mtty", "nope")),
        "unsupported configuration: invalid parent device 'nope'"
    );
    assert_eq!(
        refused(MEDIATED),
        "internal error: Unable to start mediated device: Parent mtty does not support mdev type mtty-1"
    );
    let network = "<device><capability type='net'><interface>x</interface></capability></device>";
    assert_eq!(refused(network), "unsupported configuration: Unsupported device type");
    let error = engine.xml("pci_0000_00_02_0", NodeDeviceXml::INACTIVE).unwrap_err().to_string();
    assert_eq!(error, "Requested operation is not valid: node device 'pci_0000_00_02_0' is not persistent");
    let error = engine.xml("nope", NodeDeviceXml::empty()).unwrap_err().to_string();
    assert_eq!(error, "Node device not found: no node device with matching name 'nope'");
    assert!(Path::new(tree.root.path()).join("etc").metadata().is_err(), "nothing was written");
}

//! Snapshots and checkpoints: what libvirt refuses in them, and how they are laid beside a guest's disks.

use std::fmt::Write as _;

use expect_test::{Expect, expect, expect_file};
use virt_conf::domain::Neutral;
use virt_conf::model::{Disk, DiskSnapshot, DomainCheckpoint, DomainSnapshot};
use virt_conf::xml::{FormatFlags, FormatOptions, ParseFlags, ParseOptions, Result, from_str};

/// A snapshot on a line, and below it libvirt's sentence.
#[test]
fn libvirts_sentences() {
    let mut answers = String::new();
    for line in include_str!("data/snapshots.txt").lines().filter(|line| !line.starts_with("    ")) {
        let _ = writeln!(answers, "{line}");
        if line.starts_with('#') {
            continue;
        }
        let (flags, text) = match line.strip_prefix("redefine ") {
            Some(text) => (ParseFlags::REDEFINE, text),
            None => (ParseFlags::empty(), line),
        };
        let answer = match DomainSnapshot::from_xml(text, &flags.into(), &Neutral) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        let _ = writeln!(answers, "    {answer}");
    }
    expect_file!["data/snapshots.txt"].assert_eq(&answers);
}

/// A file, a read-only image kept out of snapshots, a drive without a medium, and a device.
fn guest() -> Vec<Disk> {
    [
        "<disk type='file'><source file='/images/system.qcow2'/><target dev='vda'/></disk>",
        "<disk type='file' snapshot='no'><source file='/images/tools.raw'/><target dev='vdb'/><readonly/></disk>",
        "<disk type='file' device='cdrom'><target dev='sda'/></disk>",
        "<disk type='block'><source dev='/dev/vg/data'/><target dev='vdc'/></disk>",
    ]
    .into_iter()
    .filter_map(|text| from_str(text, &ParseOptions::default()).ok())
    .collect()
}

fn disks(xml: Result<String>) -> String {
    match xml {
        Ok(text) => text.lines().filter(|line| line.contains("<disk ") || line.contains("<source")).fold(
            String::new(),
            |mut disks, line| {
                let _ = writeln!(disks, "{}", line.trim());
                disks
            },
        ),
        Err(error) => format!("{}/{} {error}\n", error.code().0, error.domain().0),
    }
}

fn snapshot(list: &str, default: DiskSnapshot, uniform: bool, wanted: &Expect) {
    let text = format!("<domainsnapshot><name>before</name><disks>{list}</disks></domainsnapshot>");
    let aligned =
        DomainSnapshot::from_xml(&text, &ParseOptions::default(), &Neutral).and_then(|mut snapshot| {
            snapshot.align_disks(&guest(), default, uniform, |path| path.starts_with("/images"))?;
            Ok(snapshot.to_xml(&FormatOptions::default()))
        });
    wanted.assert_eq(&disks(aligned));
}

#[test]
fn snapshots_are_of_the_guests_disks() {
    let (internal, external) = (DiskSnapshot::Internal, DiskSnapshot::External);
    snapshot(
        "",
        internal,
        true,
        &expect![[r#"
            <disk name='vda' snapshot='internal'/>
            <disk name='vdb' snapshot='no'/>
            <disk name='sda' snapshot='no'/>
            <disk name='vdc' snapshot='internal'/>
        "#]],
    );
    snapshot(
        "<disk name='vdc' snapshot='no'/><disk name='/images/system.qcow2'/>",
        external,
        false,
        &expect![[r#"
            <disk name='vda' snapshot='external' type='file'>
            <source file='/images/system.before'/>
            <disk name='vdb' snapshot='no'/>
            <disk name='sda' snapshot='no'/>
            <disk name='vdc' snapshot='no'/>
        "#]],
    );
    snapshot(
        "<disk name='vdz'/>",
        internal,
        false,
        &expect![[r#"
            67/35 unsupported configuration: no disk named 'vdz'
        "#]],
    );
    snapshot(
        "<disk name='vda'/><disk name='/images/system.qcow2'/>",
        internal,
        false,
        &expect![[r#"
            67/35 unsupported configuration: disk '/images/system.qcow2' specified twice
        "#]],
    );
    snapshot(
        "<disk name='a'/><disk name='b'/><disk name='c'/><disk name='d'/><disk name='e'/>",
        internal,
        false,
        &expect![[r#"
            67/35 unsupported configuration: too many disk snapshot requests for domain
        "#]],
    );
    snapshot(
        "<disk name='vda' snapshot='external'/>",
        internal,
        true,
        &expect![[r#"
            67/35 unsupported configuration: disk 'vda' must use snapshot mode 'internal'
        "#]],
    );
    snapshot(
        "<disk name='vda' snapshot='internal'><source file='/x'/></disk>",
        internal,
        false,
        &expect![[r#"
            67/35 unsupported configuration: file '/x' for disk 'vda' requires use of external snapshot mode
        "#]],
    );
    snapshot(
        "<disk name='vdc' snapshot='external'/>",
        internal,
        false,
        &expect![[r#"
            67/35 unsupported configuration: source for disk 'vdc' is not a regular file; refusing to generate external snapshot name
        "#]],
    );
}

fn checkpoint(list: &str, guest: &[Disk], wanted: &Expect) {
    let text = format!("<domaincheckpoint><name>monday</name>{list}</domaincheckpoint>");
    let aligned =
        DomainCheckpoint::from_xml(&text, &ParseOptions::default(), &Neutral).and_then(|mut checkpoint| {
            checkpoint.align_disks(guest)?;
            Ok(checkpoint.to_xml(&FormatOptions::default()))
        });
    wanted.assert_eq(&disks(aligned));
}

#[test]
fn checkpoints_are_of_the_guests_disks() {
    checkpoint(
        "",
        &guest(),
        &expect![[r#"
            <disk name='vda' checkpoint='bitmap' bitmap='monday'/>
            <disk name='vdb' checkpoint='no'/>
            <disk name='sda' checkpoint='no'/>
            <disk name='vdc' checkpoint='bitmap' bitmap='monday'/>
        "#]],
    );
    checkpoint(
        "<disks><disk name='/dev/vg/data' bitmap='mine'/></disks>",
        &guest(),
        &expect![[r#"
            <disk name='vda' checkpoint='no'/>
            <disk name='vdb' checkpoint='no'/>
            <disk name='sda' checkpoint='no'/>
            <disk name='vdc' checkpoint='bitmap' bitmap='mine'/>
        "#]],
    );
    checkpoint(
        "<disks><disk name='vdb'/></disks>",
        &guest(),
        &expect![[r#"
            67/69 unsupported configuration: disk 'vdb' is empty or readonly
        "#]],
    );
    checkpoint(
        "<disks><disk name='vdz'/></disks>",
        &guest(),
        &expect![[r#"
            67/69 unsupported configuration: no disk named 'vdz'
        "#]],
    );
    checkpoint(
        "",
        &[],
        &expect![[r#"
            67/69 unsupported configuration: domain must have at least one disk to perform checkpoints
        "#]],
    );
}

#[test]
fn what_a_driver_notes_of_a_snapshot_stays_in_its_own_record() {
    let text = "\
<domainsnapshot>
  <name>before</name>
  <state>disk-snapshot</state>
  <creationTime>1700000000</creationTime>
  <memory snapshot='no'/>
  <disks>
    <disk name='vda' snapshot='external' type='file'>
      <snapshotDeleteInProgress/>
      <driver type='qcow2'/>
      <source file='/images/system.before'/>
    </disk>
  </disks>
  <revertDisks>
    <disk name='vda' snapshot='external' type='file'>
      <driver type='qcow2'/>
      <source file='/images/system.again'/>
    </disk>
  </revertDisks>
  <domain>
    <uuid>9d37b878-a7cc-9f9a-b78f-49b3abad25a8</uuid>
  </domain>
  <active>1</active>
</domainsnapshot>
";
    let read = |flags: ParseFlags| DomainSnapshot::from_xml(text, &flags.into(), &Neutral).unwrap();
    let own = ParseFlags::REDEFINE | ParseFlags::INTERNAL;
    assert_eq!(read(own).to_xml(&FormatFlags::INTERNAL.into()), text);
    // Told to others, it does not say which snapshot is the current one; and they cannot say either.
    let public = text.replace("  <active>1</active>\n", "");
    assert_eq!(read(own).to_xml(&FormatOptions::default()), public);
    assert_eq!(read(ParseFlags::REDEFINE).to_xml(&FormatFlags::INTERNAL.into()), public);
    // Whoever asks for a new snapshot says nothing of what happens to one.
    let new = read(ParseFlags::empty());
    assert!(new.revert_disks.list.is_empty() && new.disks.list.iter().all(|disk| !disk.deleting));
    let error = DomainSnapshot::from_xml(&public, &own.into(), &Neutral).unwrap_err();
    assert_eq!(error.to_string(), "internal error: Could not find 'active' element");
}

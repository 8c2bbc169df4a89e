//! What is wrong with a domain, in libvirt's words: a fragment and libvirt's sentence a pair of lines. And where it is wrong, which
//! libvirt does not say: the same fragments, and what of the text is at the place.

use std::fmt::Write as _;

use expect_test::{Expect, expect, expect_file};
use virt_conf::domain::Neutral;
use virt_conf::model::Domain;
use virt_conf::xml::{Error, ParseOptions, Place};

/// The known fragments, each with the whole document and the answer to it.
fn answers() -> impl Iterator<Item = (&'static str, String, Result<Domain, Error>)> {
    let known = include_str!("data/refusals.txt");
    known.lines().filter(|line| !line.starts_with("    ")).map(|line| {
        let os = if line.contains("<os") { "" } else { "<os><type>hvm</type></os>" };
        let text = format!("<domain type='test'><name>a</name><memory>1024</memory>{os}{line}</domain>");
        let answer = Domain::from_xml(&text, &ParseOptions::inactive(), &Neutral);
        (line, text, answer)
    })
}

#[test]
fn libvirts_sentences() {
    let mut all = String::new();
    for (line, _, answer) in answers() {
        let _ = writeln!(all, "{line}");
        if line.starts_with('#') {
            continue;
        }
        let _ = writeln!(all, "    {}", answer.map_or_else(|error| error.to_string(), |_| "accepted".into()));
    }
    expect_file!["data/refusals.txt"].assert_eq(&all);
}

#[test]
fn places() {
    let mut all = String::new();
    for (line, text, answer) in answers().filter(|(line, ..)| !line.starts_with('#')) {
        if let Err(error) = answer {
            let _ =
                writeln!(all, "{line}\n    {}", at(&text, error.place().expect("every refusal has a place")));
        }
    }
    expect_file!["data/places.txt"].assert_eq(&all);
}

/// The path, and what of the text is there.
fn at(text: &str, place: &Place) -> String {
    let line = text.lines().nth(place.line as usize - 1).unwrap();
    let there: String = line.chars().skip(place.column as usize - 1).take(40).collect();
    format!("{}: {there}", place.path)
}

#[track_caller]
fn refused(devices: &str, expected: Expect) {
    let text = format!(
        "<domain type='test'>\n  <name>a</name>\n  <memory>1024</memory>\n  <os>\n    <type>hvm</type>\n  </os>\n  \
         <devices>\n{devices}\n  </devices>\n</domain>\n"
    );
    let error = Domain::from_xml(&text, &ParseOptions::inactive(), &Neutral).unwrap_err();
    expected.assert_eq(&format!("{error:#}\n{}", at(&text, error.place().unwrap())));
}

#[test]
fn a_device_is_found_although_devices_were_sorted() {
    refused(
        "    <disk type='file'>\n      <source file='/a'/>\n      <target dev='vdb' bus='virtio'/>\n    </disk>\n    \
         <disk type='file'>\n      <source file='/a'/>\n      <target dev='vda' bus='virtio' tray='open'/>\n    </disk>",
        expect![[r#"
            unsupported configuration: tray is only valid for cdrom and floppy (line 14:44, /domain/devices/disk[2]/target/@tray)
            /domain/devices/disk[2]/target/@tray: open'/>"#]],
    );
    refused(
        "    <controller type='usb' index='1'/>\n    <controller type='pci' index='1' model='pci-bridge'>\n      \
         <target chassisNr='999'/>\n    </controller>\n    <controller type='pci' index='0' model='pci-root'/>",
        expect![[r#"
            unsupported configuration: PCI controller chassisNr '999' out of range - must be 1-255 (line 10:26, /domain/devices/controller[2]/target/@chassisNr)
            /domain/devices/controller[2]/target/@chassisNr: 999'/>"#]],
    );
}

#[test]
fn the_second_of_two_is_to_blame() {
    refused(
        "    <disk type='file'>\n      <source file='/a'/>\n      <target dev='vda'/>\n    </disk>\n    \
         <disk type='file'>\n      <source file='/b'/>\n      <target dev='vda'/>\n    </disk>",
        expect![[r#"
            XML error: target 'vda' duplicated for disk sources '/a' and '/b' (line 14:20, /domain/devices/disk[2]/target/@dev)
            /domain/devices/disk[2]/target/@dev: vda'/>"#]],
    );
}

#[test]
fn a_model_built_by_hand_has_a_way_but_no_line() {
    let mut domain = Domain { name: "a".into(), title: Some("two\nlines".into()), ..Domain::default() };
    let error = domain.complete(&ParseOptions::inactive(), &Neutral).unwrap_err();
    assert_eq!(format!("{error:#}"), "XML error: Domain title can't contain newlines (domain/title)");
}

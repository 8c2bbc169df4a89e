//! Differences by meaning, and carrying them out.

mod support;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use support::{DOCUMENTS, Run, Visit};
use virt_conf::diff::{self, Diff, Path};
use virt_conf::model::{Disk, Domain, Interface};
use virt_conf::tree::Tree;
use virt_conf::xml::{self, Describe, Element, ParseOptions, Shape};

fn read<T: Element>(text: &str) -> T {
    xml::from_str(text, &ParseOptions::default()).unwrap()
}

fn domain(devices: &str) -> Domain {
    read(&format!("<domain type='test'><name>a</name><devices>{devices}</devices></domain>"))
}

fn check<T: Element + PartialEq + std::fmt::Debug>(before: &T, after: &T, expected: Expect) -> Diff {
    let changes = diff::diff(before, after).unwrap();
    expected.assert_eq(&changes.to_string());
    assert_eq!(changes.apply(before).unwrap(), *after);
    changes
}

#[test]
fn spelling_is_no_difference() {
    let disk = |address: &str| -> Disk {
        read(&format!(
            "<disk type='file'><source file='a'/><target dev='vda'/><address type='pci' {address}/></disk>"
        ))
    };
    check(&disk("bus='0x1f' slot='1'"), &disk("slot='0x01' bus='31'"), expect![""]);
    let memory =
        |text: &str| -> Domain { read(&format!("<domain type='test'><name>a</name>{text}</domain>")) };
    check(&memory("<memory unit='GiB'>1</memory>"), &memory("<memory>1048576</memory>"), expect![""]);
}

#[test]
fn values_come_with_their_units() {
    let memory =
        |text: &str| -> Domain { read(&format!("<domain type='test'><name>a</name>{text}</domain>")) };
    check(
        &memory("<memory unit='GiB'>1</memory><title>t</title>"),
        &memory("<memory unit='GiB'>2</memory><description>d</description>"),
        expect![[r#"
            - /domain/title: <title>t</title>
            /domain/memory: 1048576 KiB -> 2097152 KiB
            + /domain/description: <description>d</description>
        "#]],
    );
}

#[test]
fn keyed_elements_are_found_wherever_they_are() {
    let disk = |name: &str, file: &str| {
        format!("<disk type='file'><source file='{file}'/><target dev='{name}'/></disk>")
    };
    let before = domain(&[disk("vda", "a"), disk("vdb", "b"), disk("vdc", "c")].concat());
    let after = domain(&[disk("vdc", "c"), disk("vda", "a2"), disk("vdd", "d"), disk("vdb", "b")].concat());
    check(
        &before,
        &after,
        expect![[r#"
            /domain/devices/disk[target/@dev='vda']/source/@file: a -> a2
            /domain/devices/disk[target/@dev='vdc']: moved to place 1
            + /domain/devices/disk[target/@dev='vdd']: <disk type="file" device="disk">
              <source file="d"/>
              <target dev="vdd"/>
            </disk>
        "#]],
    );
}

#[test]
fn order_counts_where_it_means_something() {
    let boot = |devices: &str| -> Domain {
        read(&format!("<domain type='test'><name>a</name><os><type>hvm</type>{devices}</os></domain>"))
    };
    check(
        &boot("<boot dev='hd'/><boot dev='network'/>"),
        &boot("<boot dev='cdrom'/><boot dev='hd'/><boot dev='network'/>"),
        expect![[r#"
            + /domain/os/boot[1]: <boot dev="cdrom"/>
        "#]],
    );
    let cpu = |features: &str| -> Domain {
        read(&format!("<domain type='test'><name>a</name><cpu mode='host-model'>{features}</cpu></domain>"))
    };
    let (vmx, hle) = ("<feature policy='require' name='vmx'/>", "<feature policy='disable' name='hle'/>");
    let changes = diff::diff(&cpu(&[vmx, hle].concat()), &cpu(&[hle, vmx].concat())).unwrap();
    assert_eq!(changes.to_string(), "", "the order of features means nothing");
}

#[test]
fn a_change_of_variant_is_the_values_that_changed() {
    check::<Interface>(
        &read("<interface type='bridge'><source bridge='br0'/></interface>"),
        &read("<interface type='network'><source network='lan'/><model type='virtio'/></interface>"),
        expect![[r#"
            /interface/@type: bridge -> network
            - /interface/source/@bridge: br0
            + /interface/source/@network: lan
            + /interface/model: <model type="virtio"/>
        "#]],
    );
}

#[test]
fn a_patch_works_on_other_documents_and_says_where_it_does_not() {
    let disk = |bus: &str, cache: &str| {
        format!(
            "<disk type='file'><driver name='qemu' cache='{cache}'/><source file='a'/><target dev='vda' bus='{bus}'/></disk>"
        )
    };
    let nic = "<interface type='user'><mac address='52:54:00:00:00:01'/></interface>";
    let changes = diff::diff(&domain(&disk("virtio", "none")), &domain(&disk("virtio", "unsafe"))).unwrap();
    let other = domain(&(disk("sata", "none") + nic));
    assert_eq!(changes.apply(&other).unwrap(), domain(&(disk("sata", "unsafe") + nic)));
    let refusal = |other: &Domain| changes.apply(other).unwrap_err().to_string();
    expect![[r#"
        invalid argument: cannot apply the change of /domain/devices/disk[target/@dev='vda']/driver/@cache: expected 'none', found 'writeback'"#]]
    .assert_eq(&refusal(&domain(&disk("virtio", "writeback"))));
    expect![[r#"
        invalid argument: cannot apply the change of /domain/devices/disk[target/@dev='vda']/driver/@cache: expected 'none', found nothing"#]]
    .assert_eq(&refusal(&domain(nic)));
}

#[test]
fn paths_are_read_as_they_are_written() {
    for text in [
        "/domain",
        "/domain/devices/disk[target/@dev='vda']/driver/@cache",
        "/domain/devices/controller[@type='usb' and @index='0']",
        "/a/b[3]/c[d='it''s [1] and /x']/@e",
        "/filter/*[2]",
    ] {
        assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
    }
    for text in ["/", "a//b", "a[", "a[0]", "a[b='c]", "a[1]b", "@", "a/@"] {
        let parsed = text.parse::<Path>();
        assert!(parsed.is_err() || text == "/", "{text} is no path: {parsed:?}");
    }
}

/// Changes that keep a document one of its kind: values of free text, and whole elements of lists.
fn changed(tree: &Tree, describe: Describe, dice: &mut impl FnMut(usize) -> usize) -> Tree {
    let mut tree = tree.clone();
    if tree.foreign.is_some() {
        return tree;
    }
    let shape = tree.shape(describe);
    let mut children = Vec::new();
    for child in &tree.children {
        let Some(known) = shape.find_child(&child.name) else { continue };
        let listed = known.list != xml::List::No;
        match if listed { dice(8) } else { 7 } {
            0 => {}
            1 => children.insert(0, changed(child, known.inside, dice)),
            _ => children.push(changed(child, known.inside, dice)),
        }
    }
    tree.children = children;
    for (name, value) in &mut tree.attrs {
        let kind = shape.find_attr(name).map(|about| about.kind);
        if let Some(xml::Kind::Number { .. }) = kind
            && let (0, Ok(number)) = (dice(4), value.parse::<u8>())
        {
            *value = (number / 2).to_string();
        }
    }
    if let (Some(xml::Kind::Text), 0) = (shape.own_text().map(|about| about.kind), dice(4)) {
        tree.text += "'x";
    }
    tree
}

struct Changed(Vec<usize>);

impl Visit for Changed {
    fn visit<T: support::Model>(&self, name: &str, text: &str) {
        let before: T = xml::from_str(text, &ParseOptions::inactive()).unwrap();
        let mut dice = self.0.iter().cycle();
        let mut roll = |sides: usize| dice.next().map_or(1, |number| number % sides);
        let describe: Describe = |shape: &mut Shape| T::describe(None, shape);
        let tree = changed(&Tree::of(&before).unwrap(), describe, &mut roll);
        // Not every change makes sense: what the model refuses is no document to compare with.
        let Ok(after) = tree.to_model::<T>() else { return };
        let changes = diff::diff(&before, &after).unwrap();
        let patched = changes.apply(&before).unwrap_or_else(|error| panic!("{name}: {error}\n{changes}"));
        let left = diff::diff(&patched, &after).unwrap();
        assert!(left.is_empty(), "{name}: left over:\n{left}\nof:\n{changes}");
        let back = diff::diff(&after, &before).unwrap();
        assert!(diff::diff(&back.apply(&after).unwrap(), &before).unwrap().is_empty(), "{name}: and back");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_patched_document_is_the_other_one(dice in prop::collection::vec(0_usize..1000, 1..200)) {
        for document in DOCUMENTS {
            document.run(&Changed(dice.clone()));
        }
    }
}

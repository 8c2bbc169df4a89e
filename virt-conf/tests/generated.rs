//! Documents that nobody wrote, made up from what the models know of themselves: all that must hold of every document holds of
//! them. VIRT_GENERATED says how many of each kind are tried; without it it is a matter of seconds.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use virt_conf::document::{KINDS, Kind};
use virt_conf_generate::{Manner, begin, check, check_pair, grow};

/// How many documents of each kind are tried.
fn cases() -> u32 {
    std::env::var("VIRT_GENERATED").ok().and_then(|count| count.parse().ok()).unwrap_or(8)
}

/// A document of a kind, made in up to `most` steps; with fewer of them it is a simpler one.
fn documents(kind: &'static Kind, manner: Manner, most: usize) -> impl Strategy<Value = String> {
    let begun = begin(kind).unwrap_or_else(|| panic!("no {} that its own reader accepts", kind.model));
    let steps = vec(any::<u64>().no_shrink(), 0..most);
    steps.prop_map(move |steps| grow(kind, begun.clone(), &steps, manner).to_xml())
}

/// Tries `law` on documents of every kind, the same ones each time, and says of every kind that breaks it how.
fn hold(manner: Manner, most: usize, law: impl Fn(&'static Kind, &str)) {
    let mut broken = Vec::new();
    for kind in KINDS {
        let config =
            Config { cases: cases(), failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
        let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let outcome = TestRunner::new_with_rng(config, random).run(&documents(kind, manner, most), |text| {
            law(kind, &text);
            Ok(())
        });
        if let Err(error) = outcome {
            broken.push(format!("{}: {error}", kind.model));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

#[test]
fn tame_documents_keep_the_laws() {
    hold(Manner::Tame, 60, check);
}

#[test]
fn wild_documents_keep_the_laws() {
    hold(Manner::Wild, 60, check);
}

#[test]
fn what_differs_is_all_that_has_to_be_changed() {
    hold(Manner::Tame, 60, |kind, text| {
        let before = kind.read(text).unwrap();
        let Ok(written) = kind.write(&before) else { return };
        let after = grow(kind, before.clone(), &[1, 2, 3, 5, 8, 13, 21, 34, 55, 89], Manner::Tame);
        // What a step makes of it has libvirt's order and spelling only when it has been read.
        let Ok(after) = kind.read(&after.to_xml()) else { return };
        if kind.write(&after).is_ok_and(|text| text != written) {
            check_pair(kind, &before, &after);
        }
    });
}

/// Found by fuzzing, each cut down to what mattered.
const ONCE_BROKEN: &[(&str, &str)] = &[
    // A line break, a tab or a return in an attribute came back as a blank.
    ("SharedMemory", "<shmem name='a&#10;b&#9;c&#13;d'/>"),
    ("Lease", "<lease><key>a&#13;&#10;b</key><target path='/x'/></lease>"),
    // The document was empty.
    ("CpuDocument", "<cpu/>"),
    // Nothing was left of an element without which the document is refused.
    ("Hostdev", "<hostdev type='usb'><source/></hostdev>"),
    ("Disk", "<disk><source file='/x'/><mirror type='nvme' job='copy'/><target dev='vda'/></disk>"),
    // The unit was written the second time only.
    ("Filesystem", "<filesystem type='ram'><target dir='x'/></filesystem>"),
    // A thread each was set up, in memory, to look one of them up.
    (
        "Domain",
        "<domain type='kvm'><name>a</name><memory>1</memory><iothreads>4294967295</iothreads><os><type>hvm</type></os></domain>",
    ),
    // All controllers up to that number were set up.
    (
        "Domain",
        "<domain type='kvm'><name>a</name><memory>1</memory><os><type>hvm</type></os><devices>\
         <disk><source file='/x'/><target dev='sda' bus='scsi'/><address type='drive' controller='4294967295'/></disk>\
         </devices></domain>",
    ),
    (
        "Domain",
        "<domain type='kvm'><name>a</name><memory>1</memory><os><type>hvm</type></os><devices>\
         <hostdev type='scsi'><source><adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/></source>\
         <address type='drive' controller='4294967295'/></hostdev></devices></domain>",
    ),
    // What declares a prefix was left behind when the element that has it became a text in JSON.
    (
        "Network",
        "<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>a</name><metadata><x><dnsmasq:y/></x>\
         </metadata><dnsmasq:options><dnsmasq:option value='z'/></dnsmasq:options></network>",
    ),
    // Rounded up, the last byte that can be counted is one KiB too many to be read.
    (
        "Filesystem",
        "<filesystem type='ram'><source usage='18446744073709551615' units='bytes'/><target dir='x'/></filesystem>",
    ),
    // A port that is none was written, and so was a volume that is none.
    ("Input", "<input type='mouse' bus='usb'><address type='usb' port='0'/></input>"),
    ("Disk", "<disk type='volume' device='floppy'><source file='/x'/><target dev='fda'/></disk>"),
    // A port that is assigned was forgotten to be.
    ("Graphics", "<graphics type='rdp' port='0'/>"),
    // The element's namespace was lost.
    (
        "Capabilities",
        "<capabilities><host><cpu><features><n:x xmlns:n='urn:n'/></features></cpu></host></capabilities>",
    ),
    (
        "Domain",
        "<domain type='kvm' xmlns:n='urn:n'><name>x</name><memory>1024</memory><os><type>hvm</type></os>\
         <metadata><n:note n:by='me'/></metadata></domain>",
    ),
];

#[test]
fn documents_that_once_broke_a_law_keep_it() {
    for (model, text) in ONCE_BROKEN {
        let kind = KINDS.iter().find(|kind| kind.model == *model).unwrap();
        kind.read(text).unwrap_or_else(|error| panic!("{error:#}: {text}"));
        check(kind, text);
    }
}

#[test]
fn blanks_in_attributes_and_namespaces_from_around_are_kept() {
    let rewritten = |model: &str, text: &str| {
        let kind = KINDS.iter().find(|kind| kind.model == model).unwrap();
        kind.rewrite(text, true).unwrap().text
    };
    assert!(rewritten("SharedMemory", "<shmem name='a&#10;b'/>").contains("name='a&#10;b'"));
    let (_, text) = ONCE_BROKEN.iter().find(|(_, text)| text.contains("<metadata><n:")).unwrap();
    let text = rewritten("Domain", text);
    assert!(text.contains("<metadata xmlns:n=\"urn:n\">\n    <n:note n:by=\"me\"/>"), "{text}");
}

#[test]
fn of_the_devices_of_a_forwarding_network_those_by_name_count() {
    let kind = KINDS.iter().find(|kind| kind.model == "Network").unwrap();
    let text = "<network><name>n</name><forward mode='hostdev'><interface dev='a'/><pf dev='b'/></forward></network>";
    let written = kind.write(&kind.read(text).unwrap()).unwrap();
    assert!(written.contains("<interface dev='a'/>") && !written.contains("<pf"), "{written}");
}

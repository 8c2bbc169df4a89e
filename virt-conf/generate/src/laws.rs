//! What must hold of every text, whatever it is: nothing panics, and what is accepted is written so that nothing is lost.

use virt_conf::convert::Whole;
use virt_conf::document::Kind;
use virt_conf::tree::Tree;

/// Whether a text is one that libvirt itself writes differently the second time.
type Applies = fn(&str) -> bool;

/// Which texts those are, and why.
const EXCEPTIONS: &[(Applies, &str)] = &[
    (
        |text| text.starts_with("<filter ") && text.contains(" ipset='"),
        "libvirt writes the side that a set is for where none was given, and drops a set with a side when it reads it",
    ),
    (
        |text| text.split("<disk ").skip(1).any(is_drive_for_more_than_files),
        "libvirt keeps the type of a source that says nothing else, does not write the source, and takes a drive without one \
         for a file's",
    ),
    (
        |text| text.contains("<shmem ") && text.contains("<size unit='M'>0</size>"),
        "libvirt writes a size below 1 MiB as 0, and takes 0 for none",
    ),
];

/// Whether the attributes of a disk say that something is put into it that is no file.
fn is_drive_for_more_than_files(disk: &str) -> bool {
    let attributes = disk.split('>').next().unwrap_or_default();
    ["floppy", "cdrom"].iter().any(|drive| attributes.contains(&format!("device='{drive}'")))
        && attributes.contains("type='")
        && !attributes.contains("type='file'")
}

/// What libvirt itself refuses to read again after it wrote it: the sentence, and why.
const REFUSED: &[(&str, &str)] = &[
    ("missing disk backing store source", "libvirt writes no source that says nothing, and asks for one"),
    (
        "missing source information for device",
        "libvirt writes no source of a volume without a name, and asks for one",
    ),
    (
        "'peak' and 'burst' require 'average' attribute",
        "libvirt takes an average of zero for one, does not write it, and keeps the others beside a floor",
    ),
    ("missing type id attribute", "libvirt reads a definition, and writes what runs: nothing yet"),
];

/// Reads a text as a document of this kind, and does with it all that can be done with any document.
///
/// # Panics
///
/// When something does not hold.
pub fn check(kind: &'static Kind, text: &str) {
    // Whatever else is wrong with it, these must come to an end.
    let _ = kind.unknown(text);
    let _ = kind.check(text);
    for inactive in [false, true] {
        rewritten(kind, text, inactive);
    }
    let Ok(tree) = kind.read(text) else { return };
    assert!(
        kind.diff(&tree, &tree).is_empty(),
        "a document differs from itself: {}",
        kind.diff(&tree, &tree)
    );
    let written = match kind.write(&tree) {
        Ok(written) => written,
        Err(error) if refused_by_libvirt(&error) => return,
        Err(error) => panic!("what was read cannot be written: {error:#}"),
    };
    converted(Whole { kind, tree }, &written);
}

fn is_exception(text: &str) -> bool {
    EXCEPTIONS.iter().any(|(applies, _)| applies(text))
}

fn refused_by_libvirt(error: &impl std::fmt::Display) -> bool {
    let sentence = error.to_string();
    REFUSED.iter().any(|(known, _)| sentence.contains(known))
}

/// What is written is read again, written again the same, and has no name that is not known.
fn rewritten(kind: &Kind, text: &str, inactive: bool) {
    let Ok(first) = kind.rewrite(text, inactive) else { return };
    if let Err(error) = first.same {
        if refused_by_libvirt(&error) {
            return;
        }
        panic!("what was written is refused: {error:#}\n{}", first.text);
    }
    let second = kind.rewrite(&first.text, inactive).expect("it was accepted a moment ago");
    if !is_exception(&first.text) {
        assert_eq!(first.text, second.text, "writing is no fixed point");
    }
    let unknown = kind.unknown(&first.text).expect("it was accepted a moment ago");
    assert!(unknown.is_empty(), "what was written has names that are not known: {unknown:?}\n{}", first.text);
}

/// The same as JSON, there and back.
fn converted(whole: Whole, written: &str) {
    let json = serde_json::to_string(&whole).unwrap_or_else(|error| panic!("it is no JSON: {error}"));
    let again: Whole = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}\n{json}"));
    let text = whole.kind.write(&again.tree).unwrap_or_else(|error| panic!("{error:#}\n{json}"));
    assert_eq!(text, written, "JSON changes it: {json}");
}

/// What must hold of any two documents of a kind: what differs is all that has to be changed to make one of the other.
///
/// # Panics
///
/// When something does not hold.
pub fn check_pair(kind: &Kind, before: &Tree, after: &Tree) {
    if [before, after].into_iter().any(|tree| is_exception(&tree.to_xml().replace('"', "'"))) {
        return;
    }
    for (from, to) in [(before, after), (after, before)] {
        let changes = kind.diff(from, to);
        let mut patched = from.clone();
        if let Err(error) = changes.apply_to(&mut patched, kind.describe) {
            panic!("what differs cannot be changed: {error:#}\n{changes}");
        }
        // In libvirt's order.
        let patched = match kind.read(&patched.to_xml()) {
            Ok(patched) => patched,
            Err(error) if refused_by_libvirt(&error) => return,
            Err(error) => panic!("{error:#}\n{changes}"),
        };
        let left = kind.diff(&patched, to);
        assert!(left.is_empty(), "left over:\n{left}\nof:\n{changes}");
        // Where order means nothing it may be another one.
        let lines = |tree: &Tree| {
            let text = kind.write(tree).unwrap_or_else(|error| panic!("{error:#}\n{changes}"));
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(&patched), lines(to), "of:\n{changes}");
    }
}

//! Node devices, ours and libvirt's: what two lists of documents have in common, but for the exceptions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// Documents by the names in them.
pub type Documents = BTreeMap<String, String>;

/// The documents in what `nodedev-dumpxml` printed, one after the other.
pub fn documents(text: &str) -> Documents {
    let mut found = Documents::new();
    let mut rest = text;
    while let Some((document, after)) = rest.split_once("</device>\n") {
        if let Some((_, document)) = document.split_once("<device>\n")
            && let Some((_, name)) = document.split_once("<name>")
        {
            let name = name.split('<').next().unwrap_or_default();
            found.insert(name.to_owned(), document.to_owned());
        }
        rest = after;
    }
    found
}

/// Something that may differ, and why.
struct Exception {
    line: String,
    place: String,
    device: String,
    what: String,
}

/// Compares what both say of every device. `place` is where they were asked: exceptions are for one place, or for all (`*`).
///
/// # Errors
///
/// Every difference that no exception explains, and every exception of this place that explains none, a line each.
pub fn compare(place: &str, ours: &Documents, theirs: &Documents) -> Result<(), String> {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("nodedev-exceptions.tsv");
    let list = std::fs::read_to_string(list).map_err(|error| error.to_string())?;
    compare_but(place, ours, theirs, &list)
}

fn compare_but(place: &str, ours: &Documents, theirs: &Documents, list: &str) -> Result<(), String> {
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let exceptions: Vec<Exception> = lines.filter_map(exception).collect();
    let mut used = BTreeSet::new();
    let mut wrong = String::new();
    let mut excused = |name: &str, what: &str| {
        let found = exceptions.iter().find(|it| {
            (it.place == place || it.place == "*") && matches(&it.device, name) && it.what == what
        });
        used.extend(found.map(|it| it.line.clone()));
        found.is_some()
    };
    for name in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
        match (ours.get(name), theirs.get(name)) {
            (Some(_), None) if !excused(name, "only ours") => {
                let _ = writeln!(wrong, "{name}: only we have it");
            }
            (None, Some(_)) if !excused(name, "only theirs") => {
                let _ = writeln!(wrong, "{name}: only libvirt has it");
            }
            (Some(ours), Some(theirs)) if ours != theirs => {
                let (ours, theirs): (Vec<_>, Vec<_>) = (ours.lines().collect(), theirs.lines().collect());
                let differ = ours.iter().filter(|line| !theirs.contains(line)).map(|line| ('+', line));
                let differ =
                    differ.chain(theirs.iter().filter(|line| !ours.contains(line)).map(|line| ('-', line)));
                let mut differ: Vec<_> = differ.collect();
                if differ.is_empty() {
                    let _ = writeln!(wrong, "{name}: another order");
                }
                differ.retain(|(_, line)| !excused(name, element(line)));
                for (sign, line) in differ {
                    let _ = writeln!(wrong, "{name}: {sign}{line}");
                }
            }
            _ => {}
        }
    }
    for stale in exceptions.iter().filter(|it| it.place == place && !used.contains(&it.line)) {
        let _ = writeln!(wrong, "this exception explains nothing: {}", stale.line);
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// `place`, device, what differs (an element's name, `only ours`, `only theirs`), and the reason, between tabs.
fn exception(line: &str) -> Option<Exception> {
    let mut columns = line.split('\t').map(str::to_owned);
    Some(Exception {
        line: line.to_owned(),
        place: columns.next()?,
        device: columns.next()?,
        what: columns.next()?,
    })
}

/// Whether a name is the one that is meant; `*` at its end stands for any ending.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

/// The name of the element that a line begins with.
fn element(line: &str) -> &str {
    let line = line.trim_start().trim_start_matches(['<', '/']);
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str, uuid: u32) -> String {
        format!("<device>\n  <name>{name}</name>\n  <uuid>{uuid}</uuid>\n</device>\n")
    }

    #[test]
    fn every_difference_needs_an_exception_and_every_exception_a_difference() {
        let ours = documents(&[document("a", 1), document("b_1", 1), document("c", 1)].concat());
        let theirs = documents(&[document("a", 1), document("c", 2), document("d", 1)].concat());
        let wrong = compare_but("here", &ours, &theirs, "").unwrap_err();
        assert_eq!(
            wrong,
            "b_1: only we have it\nc: +  <uuid>1</uuid>\nc: -  <uuid>2</uuid>\nd: only libvirt has it\n"
        );
        let list =
            "here\tb_*\tonly ours\twhy\n*\tc\tuuid\twhy\nhere\td\tonly theirs\twhy\nthere\tx\tuuid\twhy\n";
        assert_eq!(compare_but("here", &ours, &theirs, list), Ok(()));
        let stale = compare_but("here", &ours, &ours, "here\ta\tuuid\twhy\n").unwrap_err();
        assert!(stale.contains("this exception explains nothing: here\ta"), "{stale}");
    }
}

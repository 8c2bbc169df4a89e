//! The binary interface: symbols with their versions, prototypes, layouts, numbers and words.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use virt_tests::skip;

use crate::support::{self, Language, Side, compile, room, said, with};

/// The public symbols of a library, each with its version.
fn symbols(library: &Path) -> BTreeSet<String> {
    let listed = said(Command::new("readelf").args(["--dyn-syms", "--wide"]).arg(library));
    let symbol = |line: &str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let [_, _, _, kind, .., place, name] = columns.as_slice() else { return None };
        let (name, version) = name.split_once("@@")?;
        let public = version.starts_with("LIBVIRT_") && !version.contains("PRIVATE") && name != version;
        (public && *place != "UND").then(|| format!("{name}@{version} {kind}"))
    };
    listed.lines().filter_map(symbol).collect()
}

#[test]
fn every_symbol_has_libvirts_version() {
    let theirs = Path::new("/usr/lib/x86_64-linux-gnu/libvirt.so.0");
    if !theirs.exists() {
        skip!("there is no {}", theirs.display());
    }
    let theirs = symbols(theirs);
    // A newer libvirt has what the table does not know yet.
    if theirs.len() != 525 {
        skip!("the libvirt here has {} public symbols, not the 525 of 11.3", theirs.len());
    }
    assert_eq!(symbols(&support::library().join("libvirt.so.0")), theirs);
}

#[test]
fn layouts_numbers_and_words_are_libvirts() {
    if let Some(lacks) = support::lacks_libvirt() {
        skip!("{lacks}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let source = directory.path().join("probe.c");
    let text = probe();
    std::fs::write(&source, &text).expect("written");
    let run = |side: Side| {
        let program = directory.path().join(format!("probe-{side:?}"));
        compile(&source, &program, side, Language::C99);
        said(with(&mut Command::new(program), side))
    };
    let (theirs, ours) = (run(Side::Libvirt), run(Side::Ours));
    let differ: Vec<_> = theirs.lines().zip(ours.lines()).filter(|(theirs, ours)| theirs != ours).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    assert_eq!(theirs.lines().count(), ours.lines().count());
    assert!(ours.lines().count() > 1500, "{}", ours.lines().count());
}

/// A program that prints every number, word, size and offset of the headers, and declares every function again as the table
/// has it, which a compiler refuses where it is another one.
fn probe() -> String {
    let mut text =
        "#define VIR_ENUM_SENTINELS\n#define VIR_DEPRECATED\n#include <libvirt/libvirt.h>\n#include <libvirt/virterror.h>\n\
                    #include <stddef.h>\n#include <stdio.h>\n\n"
            .to_owned();
    for line in table("functions.tsv").lines().skip(1) {
        let prototype = line.split('\t').nth(5).expect("a prototype");
        let _ = writeln!(text, "extern {prototype};");
    }
    text.push_str("\nint main(void)\n{\n");
    for line in table("constants.tsv").lines().skip(1) {
        let columns: Vec<_> = line.split('\t').collect();
        let [_, group, name, kind, _] = columns.as_slice() else { panic!("{line}") };
        let _ = match *kind {
            "string" => writeln!(text, "    printf(\"{name} %s\\n\", {name});"),
            "macro" => Ok(()),
            "number" => writeln!(text, "    printf(\"{name} %lld\\n\", (long long){name});"),
            _ => writeln!(text, "    printf(\"{name} %lld %zu\\n\", (long long){name}, sizeof({group}));"),
        };
    }
    for (record, fields) in records() {
        let _ = writeln!(text, "    printf(\"{record} %zu\\n\", sizeof(struct {record}));");
        for field in fields {
            let _ = writeln!(
                text,
                "    printf(\"{record}.{field} %zu %zu\\n\", offsetof(struct {record}, {field}), sizeof(((struct {record} *)0)->{field}));"
            );
        }
    }
    text.push_str("    return 0;\n}\n");
    text
}

fn table(name: &str) -> String {
    std::fs::read_to_string(room().join("api").join(name)).expect("a table")
}

/// The structs of the headers, each with its fields.
fn records() -> Vec<(String, Vec<String>)> {
    let mut records = Vec::new();
    for entry in std::fs::read_dir(room().join("src/types")).expect("types") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a file");
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(name) = line.strip_prefix("pub struct ").and_then(|rest| rest.strip_suffix(" {")) else {
                continue;
            };
            let fields = lines.by_ref().take_while(|line| *line != "}");
            let field = |line: &str| {
                Some(line.trim().strip_prefix("pub ")?.split_once(':')?.0.trim_start_matches("r#").to_owned())
            };
            let fields: Vec<_> = fields.filter_map(field).collect();
            // Those without a field that can be seen are known by their addresses only.
            if !fields.is_empty() {
                records.push((name.to_owned(), fields));
            }
        }
    }
    records.sort();
    records
}

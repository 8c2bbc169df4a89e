//! `xml`: documents in files, without any connection.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};
use virt_conf::convert::Whole;
use virt_conf::diff::Change;
use virt_conf::document::{self, Kind};
use virt_conf::explain::{self, Explanation};
use virt_conf::tree::Tree;
use virt_conf::xml::{RawElement, RawNode};

use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::{Document, Failure, FailureKind};
use crate::grammar::Arguments;
use crate::output::{Column, Field, Format, Reply, Table};
use crate::shell::Shell;
use crate::xml;

pub(super) static XML: Command = Command {
    name: "xml",
    summary: "check, format, compare, convert and explain documents",
    description: "Works on documents of every kind, in files ('-' is standard input), without a connection.\n\n    \
                  check FILE...           what is wrong with them, and which names nobody knows\n    \
                  fmt FILE                in libvirt's spelling; says on standard error what that leaves out\n    \
                  diff BEFORE AFTER       what differs, by meaning; fails where something does\n    \
                  convert FILE --to KIND  from XML, JSON or YAML to one of them\n    \
                  explain PATH            what an element or attribute means: domain/devices/disk/driver/@cache",
    options: &[
        Opt::text("action", "what to do")
            .required()
            .values(Values::OneOf(&["check", "fmt", "diff", "convert", "explain"])),
        Opt::words("operands", "files, or a path").values(Values::Files),
        Opt::text("to", "json, yaml or xml, for convert").values(Values::OneOf(&["json", "yaml", "xml"])),
    ],
    run,
};

fn run(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let operands: Vec<&str> = arguments.words("operands").collect();
    if arguments.has("to") && arguments.raw("action") != Some("convert") {
        return Err(Failure::usage("Option --to belongs to 'xml convert'"));
    }
    match (arguments.required("action")?, operands.as_slice()) {
        ("check", files @ [_, ..]) => check(shell, files),
        ("fmt", [file]) => fmt(shell, file),
        ("diff", [before, after]) => diff(shell, before, after),
        ("convert", [file]) => convert(shell, file, arguments.text("to")?),
        ("explain", [path]) => explain(shell, path),
        (action @ ("check" | "fmt" | "diff" | "convert" | "explain"), _) => {
            Err(Failure::usage(format!("wrong number of operands for 'xml {action}'"))
                .hint("virtsh help xml shows them"))
        }
        (other, _) => Err(Failure::usage(format!("unknown action '{other}'"))
            .hint("it is one of check, fmt, diff, convert, explain")),
    }
}

fn read(name: &str) -> Result<Document, Failure> {
    if name != "-" {
        return xml::read_file(name);
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::sentence(format!("Failed to read standard input: {error}")))?;
    Ok(Document { name: name.to_owned(), text })
}

fn kind(document: &Document) -> Result<&'static Kind, Failure> {
    document::kind_of(&document.text).map_err(|error| xml::failure(error, document))
}

fn tree(kind: &Kind, document: &Document) -> Result<Tree, Failure> {
    kind.read(&document.text).map_err(|error| xml::failure(error, document))
}

fn check(shell: &mut Shell, files: &[&str]) -> Outcome {
    let mut rows = Vec::new();
    let mut failed = false;
    for file in files {
        let checked = read(file).and_then(|document| {
            let kind = kind(&document)?;
            let unknown = kind.unknown(&document.text).map_err(|error| xml::failure(error, &document))?;
            for name in &unknown {
                let place = &name.place;
                failed = true;
                if !shell.output.is_data() {
                    shell.output.text(&format!("{file}:{}:{}: {name}\n", place.line, place.column));
                }
                rows.push(vec![
                    Field::new("file", "File", *file),
                    Field::new("line", "Line", place.line),
                    Field::new("column", "Column", place.column),
                    Field::new("path", "Path", place.path.as_str()),
                    Field::new("name", "Name", name.name.as_str()),
                    Field::new("near", "Nearest", name.near.map_or(Value::Null, Value::from)),
                    Field::new("message", "Message", name.to_string()),
                ]);
            }
            kind.check(&document.text).map_err(|error| xml::failure(error, &document))?;
            if unknown.is_empty() {
                shell.output.extra(&format!("{file}: a valid <{}>\n", kind.root));
            }
            Ok(())
        });
        if let Err(failure) = checked {
            failed = true;
            shell.report(&failure);
        }
    }
    if shell.output.is_data() {
        let keys = ["file", "line", "column", "path", "name", "near", "message"];
        let columns = keys.into_iter().map(|key| Column::new(key, key)).collect();
        shell.output.print(&Reply::Table(Table { columns, rows }));
    }
    if failed { Err(Failure::silent().kind(FailureKind::Invalid)) } else { Ok(()) }
}

fn fmt(shell: &mut Shell, file: &str) -> Outcome {
    let document = read(file)?;
    let kind = kind(&document)?;
    let tree = tree(kind, &document)?;
    let text = kind.write(&tree).map_err(|error| xml::failure(error, &document))?;
    let unknown = kind.unknown(&document.text).map_err(|error| xml::failure(error, &document))?;
    let mut lost: Vec<String> =
        unknown.iter().map(|name| format!("line {}: {name}", name.place.line)).collect();
    let before = document.text.parse().map_or(0, |raw: RawElement| comments(&raw));
    let after = text.parse().map_or(0, |raw: RawElement| comments(&raw));
    if before > after {
        lost.push(format!("{} of {before} comments", before - after));
    }
    let outcome = shell.print(&Reply::Text { key: "xml", text });
    shell.output.flush();
    for line in lost {
        // Where standard error is closed nobody would read it.
        let _ = writeln!(std::io::stderr(), "left out: {line}");
    }
    outcome
}

fn comments(element: &RawElement) -> usize {
    element.content.iter().fold(0, |sum, node| {
        sum + match node {
            RawNode::Comment(_) => 1,
            RawNode::Element(child) => comments(child),
            _ => 0,
        }
    })
}

fn diff(shell: &mut Shell, before: &str, after: &str) -> Outcome {
    let (before, after) = (read(before)?, read(after)?);
    let kinds = (kind(&before)?, kind(&after)?);
    if kinds.0.root != kinds.1.root {
        let sentence = format!("cannot compare a <{}> with a <{}>", kinds.0.root, kinds.1.root);
        return Err(Failure::sentence(sentence).kind(FailureKind::Invalid));
    }
    let changes = kinds.0.diff(&tree(kinds.0, &before)?, &tree(kinds.0, &after)?).changes;
    let differ = !changes.is_empty();
    let columns = vec![
        Column::state("change", "Change"),
        Column::new("path", "Path"),
        Column::new("before", "Before"),
        Column::new("after", "After"),
    ];
    let rows = changes.iter().map(row).collect();
    if differ || shell.output.is_data() {
        shell.output.print(&Reply::Table(Table { columns, rows }));
    }
    if differ { Err(Failure::silent()) } else { Ok(()) }
}

fn row(change: &Change) -> Vec<Field> {
    let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
    let (what, before, after) = match change {
        Change::Value { before, after, .. } => {
            let what = match (before, after) {
                (None, _) => "added",
                (_, None) => "removed",
                _ => "changed",
            };
            (what, text(before), text(after))
        }
        Change::Added { element, .. } => ("added", Value::Null, Value::from(element.to_xml())),
        Change::Removed { element, .. } => ("removed", Value::from(element.to_xml()), Value::Null),
        Change::Moved { to, .. } => ("moved", Value::Null, Value::from(format!("place {}", to + 1))),
    };
    let cell = |key, label, value: Value| {
        let shown = value.as_str().map_or("-".to_owned(), one_line);
        Field::new(key, label, value).shown(shown)
    };
    vec![
        Field::new("change", "Change", what),
        Field::new("path", "Path", change.path().to_string()),
        cell("before", "Before", before),
        cell("after", "After", after),
    ]
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect()
}

fn convert(shell: &mut Shell, file: &str, to: Option<&str>) -> Outcome {
    let document = read(file)?;
    let refused = |what: &str, error: &dyn std::fmt::Display| {
        Failure::sentence(format!("'{}' is not a document in {what}: {error}", document.name))
            .kind(FailureKind::Invalid)
    };
    let whole: Whole = match document.text.trim_start().chars().next() {
        Some('<') => {
            let kind = kind(&document)?;
            Whole { kind, tree: tree(kind, &document)? }
        }
        Some('{') => serde_json::from_str(&document.text).map_err(|error| refused("JSON", &error))?,
        _ => serde_norway::from_str(&document.text).map_err(|error| refused("YAML", &error))?,
    };
    // Whatever it was, it is a document only if its model says so.
    let text =
        whole.kind.write(&whole.tree).map_err(|error| Failure::from(error).kind(FailureKind::Invalid))?;
    let to = to.or(match shell.output.format() {
        Format::Json => Some("json"),
        Format::Yaml => Some("yaml"),
        _ => None,
    });
    let unwritten = |error: &dyn std::fmt::Display| Failure::sentence(format!("cannot be written: {error}"));
    let text = match to {
        Some("xml") => text,
        Some("json") => serde_json::to_string_pretty(&whole).map_err(|error| unwritten(&error))? + "\n",
        Some("yaml") => serde_norway::to_string(&whole).map_err(|error| unwritten(&error))?,
        Some(other) => {
            return Err(Failure::usage(format!("unknown form '{other}', expecting 'json', 'yaml' or 'xml'")));
        }
        None => return Err(Failure::usage("command 'xml convert' requires <to> option")),
    };
    shell.output.text(&text);
    Ok(())
}

fn explain(shell: &mut Shell, path: &str) -> Outcome {
    let found = explain::explain(path).map_err(|error| Failure::from(error).kind(FailureKind::Invalid))?;
    if shell.output.is_data() {
        shell.output.data(&data(&found));
    } else {
        shell.output.text(&found.to_string());
    }
    Ok(())
}

fn data(found: &Explanation) -> Value {
    let entries = |entries: &[explain::Entry]| -> Value {
        entries.iter().map(|it| json!({ "name": it.name, "doc": it.doc, "only": it.only })).collect()
    };
    let spellings: Value =
        found.spellings.iter().map(|it| json!({ "name": it.name, "doc": it.doc.trim() })).collect();
    json!({
        "path": found.path,
        "doc": found.doc,
        "values": found.values,
        "spellings": spellings,
        "default": found.default,
        "since": found.since,
        "required": found.required,
        "notes": found.notes,
        "attributes": entries(&found.attrs),
        "elements": entries(&found.children),
    })
}

//! The headers: numbers, words and macros from the table, structs and callbacks from the types of Rust by cbindgen, and the
//! prototypes of the functions with what C has to know of memory.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use cbindgen::{Builder, Config, Language, Style};

use super::table::{Constant, Function, Kind, Table, Value};

/// Every header, by its path in the room.
pub(super) fn files(room: &Path, table: &Table) -> Result<Vec<(String, String)>> {
    let headers = table.headers();
    let mut files = vec![("include/libvirt/libvirt.h".to_owned(), whole(&headers))];
    for header in headers {
        let text = one(room, table, header).with_context(|| format!("in {header}.h"))?;
        files.push((format!("include/libvirt/{header}.h"), text));
    }
    Ok(files)
}

const MADE: &str = "Written by `cargo xtask c-api`: change its tables, not this file.";

/// `libvirt.h`, which brings in all others but `virterror.h`.
fn whole(headers: &[&str]) -> String {
    let mut text = format!("/* The C library of virt. {MADE} */\n\n#ifndef LIBVIRT_H\n#define LIBVIRT_H\n\n");
    text.push_str("#define __VIR_LIBVIRT_H_INCLUDES__\n");
    for header in headers.iter().filter(|header| **header != "virterror") {
        let _ = writeln!(text, "#include <libvirt/{header}.h>");
    }
    text.push_str("#undef __VIR_LIBVIRT_H_INCLUDES__\n\n#endif\n");
    text
}

fn one(room: &Path, table: &Table, header: &str) -> Result<String> {
    let guard = header.to_uppercase().replace('-', "_");
    let guard =
        if guard.starts_with("LIBVIRT") { format!("{guard}_H") } else { format!("LIBVIRT_{guard}_H") };
    let mut text =
        format!("/* {header}.h, of the C library of virt. {MADE} */\n\n#ifndef {guard}\n#define {guard}\n\n");
    match header {
        "virterror" => text.push_str("#include <libvirt/libvirt.h>\n\n"),
        _ => text.push_str(
            "#ifndef __VIR_LIBVIRT_H_INCLUDES__\n#error \"include libvirt/libvirt.h, which includes this file\"\n#endif\n\n",
        ),
    }
    if header == "libvirt-common" {
        text.push_str("#include <stddef.h>\n#include <string.h>\n#include <sys/types.h>\n\n");
        text.push_str("#ifndef VIR_DEPRECATED\n#ifdef __GNUC__\n#define VIR_DEPRECATED __attribute__((__deprecated__))\n");
        text.push_str("#else\n#define VIR_DEPRECATED\n#endif\n#endif\n\n#define VIR_EXPORT_VAR extern\n\n");
    }
    text.push_str("#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    let constants: Vec<_> = table.constants.iter().filter(|constant| constant.header == header).collect();
    numbers(&mut text, &constants);
    text.push_str(&types(room, header)?);
    if header == "libvirt-domain" {
        text.push_str("\n#define _virSchedParameter _virTypedParameter\n#define _virBlkioParameter _virTypedParameter\n");
        text.push_str("#define _virMemoryParameter _virTypedParameter\n");
    }
    text.push('\n');
    let mut macros = constants.iter().filter(|constant| constant.kind == Value::Macro).peekable();
    let any = macros.peek().is_some();
    for constant in macros {
        let _ = writeln!(text, "#define {} {}", constant.name, constant.value);
    }
    if any {
        text.push('\n');
    }
    let functions = table.functions.iter().filter(|function| function.header == header);
    functions.for_each(|function| prototype(&mut text, function));
    text.push_str("#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
    Ok(text)
}

/// Defined expressions and words, and the enums, in the order of the table.
fn numbers(text: &mut String, constants: &[&Constant]) {
    for constant in constants {
        if let Value::Expression | Value::Text = constant.kind {
            let _ = writeln!(text, "#define {} {}", constant.name, constant.value);
        }
    }
    let mut rest = constants;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|constant| constant.group == first.group).count();
        let (group, after) = rest.split_at(count);
        rest = after;
        if first.group == "-" {
            continue;
        }
        text.push_str("\ntypedef enum {\n");
        for constant in group {
            match constant.kind {
                Value::Sentinel => {
                    let _ = writeln!(
                        text,
                        "#ifdef VIR_ENUM_SENTINELS\n    {} = {},\n#endif",
                        constant.name, constant.value
                    );
                }
                _ => {
                    let _ = writeln!(text, "    {} = {},", constant.name, constant.value);
                }
            }
        }
        let _ = writeln!(text, "}} {};", first.group);
    }
    text.push('\n');
}

/// What cbindgen makes of the types of this header.
fn types(room: &Path, header: &str) -> Result<String> {
    let name = header.trim_start_matches("libvirt-").replace('-', "_");
    let source = room.join(format!("src/types/{name}.rs"));
    let rust =
        std::fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
    let names = rust.lines().filter_map(|line| {
        let item = line
            .strip_prefix("pub type ")
            .or(line.strip_prefix("pub struct "))
            .or(line.strip_prefix("pub union "))?;
        item.split([' ', ';', '=']).next()
    });
    let mut config = Config {
        language: Language::C,
        style: Style::Tag,
        no_includes: true,
        usize_is_size_t: true,
        ..Config::default()
    };
    config.export.include = names.map(str::to_owned).collect();
    let bindings = Builder::new().with_config(config).with_src(&source).generate()?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    Ok(String::from_utf8(text)?)
}

fn prototype(text: &mut String, function: &Function) {
    let said = format!("{}{} Since {}.", function.summary, notes(function), function.node);
    let _ = writeln!(text, "/**\n{} */", wrapped(&said));
    match function.kind {
        Kind::Object => {
            let _ = writeln!(text, "VIR_EXPORT_VAR {};\n", function.prototype);
        }
        _ => {
            let _ = writeln!(text, "{};\n", function.prototype);
        }
    }
}

/// A comment's lines.
fn wrapped(said: &str) -> String {
    let (mut lines, mut line) = (String::new(), " *".to_owned());
    for word in said.split(' ') {
        if line.len() + word.len() > 100 {
            let _ = writeln!(lines, "{line}");
            " *".clone_into(&mut line);
        }
        let _ = write!(line, " {word}");
    }
    lines + &line + "\n"
}

/// Who frees what, and what is not there yet.
fn notes(function: &Function) -> String {
    let mut notes = String::new();
    match function.returns.as_str() {
        "char *" | "unsigned char *" => notes.push_str(" The caller frees the answer with free()."),
        "const char *" if function.parameters.is_empty() => notes.push_str(" The answer is the thread's."),
        "const char *" => notes.push_str(" The answer lives as long as the object."),
        ty if borrowed(function) && ty.ends_with("Ptr") => {
            notes.push_str(" The answer is not counted, and lives as long as the object.");
        }
        ty => {
            if let Some(free) = release(ty) {
                let _ = write!(notes, " The caller gives the answer back with {free}().");
            }
        }
    }
    for parameter in &function.parameters {
        if let Some(free) = parameter.ty.strip_suffix(" **").and_then(release) {
            let _ = write!(
                notes,
                " The caller gives each of {} back with {free}(), and the list with free().",
                parameter.name
            );
        }
        let out = parameter.ty == "virTypedParameterPtr *" && !function.symbol.starts_with("virTypedParams");
        if out {
            let _ = write!(notes, " The caller frees {} with virTypedParamsFree().", parameter.name);
        }
        if parameter.ty == "char ***" {
            let _ = write!(notes, " The caller frees each of {} and the list with free().", parameter.name);
        }
    }
    if function.kind == Kind::Unsupported {
        let _ = write!(notes, " Not supported: {}.", function.reason);
    }
    notes
}

/// Whether the answer is one that the object has anyway.
fn borrowed(function: &Function) -> bool {
    let symbol = &function.symbol;
    symbol.ends_with("GetConnect")
        || symbol.ends_with("CheckpointGetDomain")
        || symbol.ends_with("SnapshotGetDomain")
        || symbol.ends_with("PortGetNetwork")
        || symbol == "virGetLastError"
        || symbol == "virConnGetLastError"
        || symbol == "virTypedParamsGet"
}

/// What gives an object or record back.
fn release(ty: &str) -> Option<String> {
    match ty.strip_suffix("Ptr")? {
        "virConnect" => Some("virConnectClose".to_owned()),
        "virError" => Some("virFreeError".to_owned()),
        "virDomainStatsRecord" | "virTypedParameter" => None,
        name => Some(format!("{name}Free")),
    }
}

//! The linker's version script: which symbol came with which version.

use std::fmt::Write as _;

use super::table::Table;

/// The text of `libvirt.map`.
pub(super) fn text(table: &Table) -> String {
    let mut text = "# Written by `cargo xtask c-api` from api/functions.tsv.\n".to_owned();
    let mut before: Option<&str> = None;
    let mut rest = table.functions.as_slice();
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|function| function.node == first.node).count();
        let (node, after) = rest.split_at(count);
        let _ = writeln!(text, "LIBVIRT_{} {{\n    global:", first.node);
        for function in node {
            let _ = writeln!(text, "        {};", function.symbol);
        }
        match before {
            // Once: everything else stays inside.
            None => text.push_str("    local:\n        *;\n};\n"),
            Some(before) => {
                let _ = writeln!(text, "}} LIBVIRT_{before};");
            }
        }
        before = Some(&first.node);
        rest = after;
    }
    text
}

//! Tables for people: virsh's plain ones, and framed ones.

use tabled::settings::object::Rows;
use tabled::settings::{Color, Style};
use unicode_width::UnicodeWidthStr;

use super::{Field, Reply, Table};

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub key: &'static str,
    /// Empty for a column that only programs read.
    pub label: &'static str,
    /// Whether the words in it are states, which terminals show in colours.
    pub state: bool,
}

impl Column {
    /// A column of values.
    pub const fn new(key: &'static str, label: &'static str) -> Self {
        Self { key, label, state: false }
    }

    /// A column that only programs read.
    pub const fn data(key: &'static str) -> Self {
        Self::new(key, "")
    }

    /// A column of states.
    pub const fn state(key: &'static str, label: &'static str) -> Self {
        Self { key, label, state: true }
    }
}

/// virsh's table: a blank in front, three between columns, a rule under the header.
pub(super) fn plain(table: &Table, with_header: bool, colour: bool) -> String {
    let columns: Vec<&Column> = shown_columns(table).map(|(_, column)| column).collect();
    let header: Vec<String> = columns.iter().map(|column| column.label.to_owned()).collect();
    let rows: Vec<Vec<String>> = table.rows.iter().map(|row| shown_cells(table, row)).collect();
    let shown = with_header.then_some(&header);
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            let cells = shown.into_iter().chain(&rows).filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    if with_header {
        line(&mut out, &header, &widths, |_, text| text.to_owned());
        let rule: usize = widths.iter().map(|width| width + 3).sum();
        out += &"-".repeat(rule);
        out.push('\n');
    }
    for row in &rows {
        line(&mut out, row, &widths, |column, text| match columns.get(column) {
            Some(column) if column.state && colour => painted(text),
            _ => text.to_owned(),
        });
    }
    out
}

fn shown_columns(table: &Table) -> impl Iterator<Item = (usize, &Column)> {
    table.columns.iter().enumerate().filter(|(_, column)| !column.label.is_empty())
}

fn shown_cells(table: &Table, row: &[Field]) -> Vec<String> {
    shown_columns(table).map(|(index, _)| row.get(index).map(cell).unwrap_or_default()).collect()
}

fn line(out: &mut String, cells: &[String], widths: &[usize], paint: impl Fn(usize, &str) -> String) {
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        out.push_str(if column == 0 { " " } else { "   " });
        *out += &paint(column, cell);
        if column + 1 < cells.len() {
            *out += &" ".repeat(width.saturating_sub(cell.width()));
        }
    }
    out.push('\n');
}

/// What a cell shows: control characters would break the table, so they are written as `\xNN`.
fn cell(field: &Field) -> String {
    let text = field.text();
    if !text.chars().any(char::is_control) {
        return text;
    }
    let mut out = String::new();
    for c in text.chars() {
        if c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out += &format!("\\x{byte:02x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// A state in its colour.
fn painted(state: &str) -> String {
    let number = match state {
        "running" | "added" => 32,
        "paused" | "pmsuspended" | "in shutdown" | "changed" | "moved" => 33,
        "crashed" | "removed" => 31,
        "shut off" => 2,
        _ => return state.to_owned(),
    };
    format!("\x1b[{number}m{state}\x1b[0m")
}

/// Every answer as a framed table.
pub(super) fn framed(reply: &Reply, colour: bool) -> String {
    let mut builder = tabled::builder::Builder::default();
    match reply {
        Reply::Table(table) => {
            builder.push_record(shown_columns(table).map(|(_, column)| column.label));
            for row in &table.rows {
                builder.push_record(shown_cells(table, row));
            }
        }
        Reply::Record { fields, .. } => {
            for field in fields.iter().filter(|field| !field.label.is_empty()) {
                builder.push_record([field.label.to_owned(), field.text()]);
            }
        }
        Reply::Records { records, width } => {
            let each = records
                .iter()
                .map(|fields| framed(&Reply::Record { fields: fields.clone(), width: *width }, colour));
            return each.collect();
        }
        Reply::Value(field) => return format!("{}\n", field.text()),
        Reply::Done { message, .. } => return format!("{message}\n"),
        Reply::Text { text, .. } => return format!("{}\n", text.trim_end_matches('\n')),
    }
    let mut table = builder.build();
    table.with(Style::rounded());
    if matches!(reply, Reply::Record { .. }) {
        table.with(Style::rounded().remove_horizontals());
    } else if colour {
        table.modify(Rows::first(), Color::BOLD);
    }
    format!("{table}\n")
}

//! What commands print: one model of answers, rendered as virsh's plain text, as a table, or as data.

mod data;
mod table;

use std::io::{self, IsTerminal, Write};

use serde_json::Value;
use virt_core::TypedValue;

pub use table::Column;

/// How answers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// virsh's words, for people and scripts that know them.
    #[default]
    Plain,
    /// Aligned tables with frames.
    Table,
    /// JSON: one value an answer.
    Json,
    /// YAML: one document an answer.
    Yaml,
    /// Comma-separated values, with a header.
    Csv,
}

/// One answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Something was done. Plain text is not printed in quiet mode.
    Done { message: String, subject: Option<Record> },
    /// A single value.
    Value(Field),
    /// Several values of one thing; plain text pads its labels to `width`.
    Record { fields: Record, width: usize },
    /// Several things, each worth several lines.
    Records { records: Vec<Record>, width: usize },
    /// Several things of one kind.
    Table(Table),
    /// A text as it is, an XML document mostly.
    Text { key: &'static str, text: String },
}

/// Named values of one thing, in order.
pub type Record = Vec<Field>;

/// One value: as programs read it, and as people do.
#[derive(Clone, Debug)]
pub struct Field {
    /// The key in data, `max_memory_kib`.
    pub key: &'static str,
    /// The label in plain text, `Max memory`; empty for values that only programs read.
    pub label: &'static str,
    pub value: Value,
    /// What plain text shows; the value itself where nothing.
    pub plain: Option<String>,
}

/// Several things of one kind.
#[derive(Clone, Debug)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Field>>,
}

impl Reply {
    fn one(record: &Record) -> Self {
        Self::Record { fields: record.clone(), width: 0 }
    }
}

impl Field {
    /// A value that people and programs read alike.
    pub fn new(key: &'static str, label: &'static str, value: impl Into<Value>) -> Self {
        Self { key, label, value: value.into(), plain: None }
    }

    /// With other words for people.
    #[must_use]
    pub fn shown(mut self, plain: impl Into<String>) -> Self {
        self.plain = Some(plain.into());
        self
    }

    /// What plain text shows.
    pub fn text(&self) -> String {
        match (&self.plain, &self.value) {
            (Some(plain), _) => plain.clone(),
            (None, Value::Null) => "-".to_owned(),
            (None, Value::Bool(value)) => if *value { "yes" } else { "no" }.to_owned(),
            (None, Value::String(text)) => text.clone(),
            (None, other) => other.to_string(),
        }
    }
}

/// A typed parameter's value as data.
pub fn typed(value: &TypedValue) -> Value {
    match value {
        TypedValue::Int(number) => Value::from(*number),
        TypedValue::UnsignedInt(number) => Value::from(*number),
        TypedValue::LongLong(number) => Value::from(*number),
        TypedValue::UnsignedLongLong(number) => Value::from(*number),
        TypedValue::Double(number) => Value::from(*number),
        TypedValue::Boolean(value) => Value::from(*value),
        TypedValue::Text(text) => Value::from(text.as_str()),
        _ => Value::Null,
    }
}

/// Where answers go.
#[derive(Debug)]
pub struct Output {
    format: Format,
    quiet: bool,
    /// Whether standard output shows colours and moving things.
    colour: bool,
    buffer: String,
    /// The header of the CSV table that is being written line by line.
    header: Option<String>,
}

impl Output {
    /// To standard output.
    pub fn new(format: Format, quiet: bool) -> Self {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { format, quiet, colour, buffer: String::new(), header: None }
    }

    /// How answers are written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Writes answers otherwise from now on; tells how they were written before.
    pub fn set_format(&mut self, format: Format) -> Format {
        std::mem::replace(&mut self.format, format)
    }

    /// Whether programs read the answers.
    pub fn is_data(&self) -> bool {
        matches!(self.format, Format::Json | Format::Yaml | Format::Csv)
    }

    /// Whether only answers are printed.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Prints an answer.
    pub fn print(&mut self, reply: &Reply) {
        match self.format {
            Format::Plain => self.print_plain(reply),
            Format::Table => self.buffer += &table::framed(reply, self.colour),
            Format::Json => self.buffer += &data::json(reply),
            Format::Yaml => self.buffer += &data::yaml(reply),
            Format::Csv => self.buffer += &data::csv(reply),
        }
    }

    /// Prints one thing of a sequence whose end is not known: a line of its own in every format, sent at once.
    pub fn stream(&mut self, line: &str, record: &Record) {
        match self.format {
            Format::Plain | Format::Table => self.text(&format!("{line}\n")),
            Format::Json => self.buffer += &format!("{}\n", data::object(record)),
            Format::Yaml => self.buffer += &data::yaml(&Reply::one(record)),
            Format::Csv => {
                let text = data::csv(&Reply::one(record));
                let (header, row) = text.split_once('\n').unwrap_or((&text, ""));
                if self.header.as_deref() != Some(header) {
                    self.buffer += &format!("{header}\n");
                    self.header = Some(header.to_owned());
                }
                self.buffer += row;
            }
        }
        self.flush();
    }

    /// Prints a value that is data already.
    pub fn data(&mut self, value: &Value) {
        self.buffer += &match self.format {
            Format::Yaml => data::yaml_value(value),
            Format::Csv => data::csv_value(value),
            _ => format!("{value:#}\n"),
        };
    }

    /// Prints plain text that data leave out.
    pub fn note(&mut self, text: &str) {
        if !self.is_data() {
            self.buffer += text;
        }
    }

    /// Prints plain text as it is.
    pub fn text(&mut self, text: &str) {
        self.buffer += text;
    }

    /// Prints plain text that quiet mode and data leave out.
    pub fn extra(&mut self, text: &str) {
        if !self.quiet && !self.is_data() {
            self.buffer += text;
        }
    }

    /// Sends what was printed.
    pub fn flush(&mut self) {
        let mut stdout = io::stdout().lock();
        // Nobody is left to hear that standard output is gone; the exit code says it.
        let sent = stdout.write_all(self.buffer.as_bytes()).and_then(|()| stdout.flush());
        self.buffer.clear();
        if sent.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            std::process::exit(141);
        }
    }

    fn print_record(&mut self, record: &Record, width: usize) {
        for field in record.iter().filter(|field| !field.label.is_empty()) {
            let label = format!("{}:", field.label);
            for (number, line) in field.text().split('\n').enumerate() {
                let label = if number == 0 { label.as_str() } else { "" };
                self.buffer += &format!("{label:<width$} {line}\n");
            }
        }
    }

    fn print_plain(&mut self, reply: &Reply) {
        match reply {
            Reply::Done { message, .. } => self.extra(&format!("{message}\n")),
            Reply::Value(field) => {
                let text = field.text();
                self.buffer += &text;
                self.buffer.push('\n');
            }
            Reply::Record { fields, width } => self.print_record(fields, *width),
            Reply::Records { records, width } => {
                for (number, record) in records.iter().enumerate() {
                    if number > 0 {
                        self.buffer.push('\n');
                    }
                    self.print_record(record, *width);
                }
            }
            Reply::Table(table) => self.buffer += &table::plain(table, !self.quiet, self.colour),
            Reply::Text { text, .. } => {
                self.buffer += text;
                if !text.ends_with('\n') {
                    self.buffer.push('\n');
                }
            }
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.buffer.is_empty() {
            self.flush();
        }
    }
}

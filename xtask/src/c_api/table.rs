//! The two tables, read.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// Everything that the tables say.
pub(crate) struct Table {
    pub(super) functions: Vec<Function>,
    pub(super) constants: Vec<Constant>,
}

/// A public symbol.
pub(super) struct Function {
    pub(super) symbol: String,
    /// The version that brought it, `0.9.2`.
    pub(super) node: String,
    /// The header, without its ending.
    pub(super) header: String,
    pub(super) kind: Kind,
    /// Where its body is; empty for what has none.
    pub(super) module: String,
    /// As it stands in the header, without the semicolon.
    pub(super) prototype: String,
    /// Why it is not supported.
    pub(super) reason: String,
    /// What it does, in a sentence.
    pub(super) summary: String,
    pub(super) returns: String,
    pub(super) parameters: Vec<Parameter>,
}

/// A parameter of a function, in C.
pub(super) struct Parameter {
    pub(super) ty: String,
    pub(super) name: String,
}

/// What a symbol is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A function whose body says what it needs by the types of its arguments.
    Body,
    /// A function about errors, which leaves the last error alone.
    Plain,
    /// A function that answers "not supported".
    Unsupported,
    /// No function.
    Object,
}

/// A name with a value in a header.
pub(super) struct Constant {
    pub(super) header: String,
    /// The enum it belongs to; `-` for what is defined by itself.
    pub(super) group: String,
    /// With the parameters, for macros.
    pub(super) name: String,
    pub(super) kind: Value,
    pub(super) value: String,
}

/// What kind of value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// A number of an enum.
    Number,
    /// One more than the last number of an enum, for those who ask for it.
    Sentinel,
    /// A defined expression.
    Expression,
    /// A defined word, in its quotes.
    Text,
    /// A macro with parameters.
    Macro,
}

impl Table {
    /// Reads both tables of the C library in `room`.
    ///
    /// # Errors
    ///
    /// When one cannot be read, or a line is wrong; it is named.
    pub(crate) fn read(room: &Path) -> Result<Self> {
        let functions = lines(&room.join("api/functions.tsv"), function)?;
        let constants = lines(&room.join("api/constants.tsv"), constant)?;
        let mut symbols: Vec<_> = functions.iter().map(|function| &function.symbol).collect();
        symbols.sort();
        if let Some([symbol, _]) = symbols.array_windows().find(|[one, next]| one == next) {
            bail!("{symbol} stands twice in functions.tsv");
        }
        Ok(Self { functions, constants })
    }

    /// The headers, in the order in which one needs the other.
    pub(super) fn headers(&self) -> Vec<&str> {
        let mut headers: Vec<&str> = Vec::new();
        for constant in &self.constants {
            if headers.last() != Some(&constant.header.as_str())
                && !headers.contains(&constant.header.as_str())
            {
                headers.push(&constant.header);
            }
        }
        headers
    }
}

fn lines<T>(path: &Path, read: impl Fn(&[&str]) -> Result<T>) -> Result<Vec<T>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    // The first line names the columns.
    let lines = text.lines().enumerate().skip(1);
    let line = |(number, line): (usize, &str)| {
        let columns: Vec<_> = line.split('\t').collect();
        read(&columns).with_context(|| format!("{}:{}", path.display(), number + 1))
    };
    lines.map(line).collect()
}

fn function(columns: &[&str]) -> Result<Function> {
    let [symbol, node, header, kind, module, prototype, reason, summary] = columns else {
        bail!("has {} columns, not eight", columns.len());
    };
    let kind = match *kind {
        "body" => Kind::Body,
        "plain" => Kind::Plain,
        "object" => Kind::Object,
        "-" if !reason.is_empty() => Kind::Unsupported,
        "-" => bail!("{symbol} is not supported, and says not why"),
        other => bail!("'{other}' is no kind of symbol"),
    };
    let (returns, parameters) = if kind == Kind::Object {
        (String::new(), Vec::new())
    } else {
        let place = prototype.find(&format!("{symbol}(")).context("the prototype is of another symbol")?;
        let arguments = prototype[place + symbol.len()..].trim_start_matches('(').trim_end_matches(')');
        let parameters = arguments.split(", ").filter(|argument| *argument != "void");
        (prototype[..place].trim().to_owned(), parameters.map(parameter).collect::<Result<_>>()?)
    };
    Ok(Function {
        symbol: (*symbol).to_owned(),
        node: (*node).to_owned(),
        header: (*header).to_owned(),
        kind,
        module: (*module).to_owned(),
        prototype: (*prototype).to_owned(),
        reason: (*reason).to_owned(),
        summary: (*summary).to_owned(),
        returns,
        parameters,
    })
}

fn parameter(text: &str) -> Result<Parameter> {
    let start = text.rfind([' ', '*']).with_context(|| format!("'{text}' is no parameter"))? + 1;
    Ok(Parameter { ty: text[..start].trim().to_owned(), name: text[start..].to_owned() })
}

fn constant(columns: &[&str]) -> Result<Constant> {
    let [header, group, name, kind, value] = columns else {
        bail!("has {} columns, not five", columns.len());
    };
    let kind = match *kind {
        "value" => Value::Number,
        "sentinel" => Value::Sentinel,
        "number" => Value::Expression,
        "string" => Value::Text,
        "macro" => Value::Macro,
        other => bail!("'{other}' is no kind of constant"),
    };
    Ok(Constant {
        header: (*header).to_owned(),
        group: (*group).to_owned(),
        name: (*name).to_owned(),
        kind,
        value: (*value).to_owned(),
    })
}

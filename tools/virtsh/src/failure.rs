//! Why a command failed: virsh's sentence, libvirt's error, the place in the document, the way out, the exit code.

mod snippet;

use std::fmt;

use serde_json::json;
use virt_core::{Error, ErrorCode};

/// A failed command.
#[derive(Debug, Default)]
pub struct Failure {
    /// What was attempted, outermost first; each becomes a line of its own, as in virsh.
    context: Vec<String>,
    error: Option<Error>,
    /// The document that the error's place points into.
    document: Option<Document>,
    hint: Option<String>,
    kind: FailureKind,
}

/// A text with a name that people know it by.
#[derive(Clone, Debug)]
pub struct Document {
    pub name: String,
    pub text: String,
}

/// Kinds of failures that `--exit-codes` tells apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureKind {
    /// Anything else.
    #[default]
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// There is no such domain.
    NotFound = 3,
    /// No connection.
    Connection = 4,
    /// Not allowed: a read-only connection, or somebody refused.
    Denied = 5,
    /// The driver cannot do this.
    Unsupported = 6,
    /// The deadline passed.
    Timeout = 7,
    /// A document or a value is invalid.
    Invalid = 8,
    /// Not in the domain's present state.
    State = 9,
    /// Given up by ctrl-c.
    Interrupted = 130,
}

impl FailureKind {
    /// Every kind, with what `--help` says about it.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Failed, "anything else"),
        (Self::Usage, "the command line is wrong"),
        (Self::NotFound, "no such domain"),
        (Self::Connection, "no connection to the hypervisor"),
        (Self::Denied, "not allowed, or a read-only connection"),
        (Self::Unsupported, "the driver cannot do this"),
        (Self::Timeout, "the deadline passed (--timeout)"),
        (Self::Invalid, "invalid XML or argument"),
        (Self::State, "not in the domain's present state"),
        (Self::Interrupted, "interrupted"),
    ];

    fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::NO_DOMAIN => Self::NotFound,
            ErrorCode::NO_CONNECT | ErrorCode::INVALID_CONN => Self::Connection,
            ErrorCode::OPERATION_DENIED | ErrorCode::ACCESS_DENIED | ErrorCode::AUTH_FAILED => Self::Denied,
            ErrorCode::NO_SUPPORT | ErrorCode::OPERATION_UNSUPPORTED => Self::Unsupported,
            ErrorCode::OPERATION_TIMEOUT => Self::Timeout,
            ErrorCode::OPERATION_ABORTED => Self::Interrupted,
            ErrorCode::INVALID_ARG
            | ErrorCode::XML_ERROR
            | ErrorCode::XML_DETAIL
            | ErrorCode::XML_INVALID_SCHEMA
            | ErrorCode::CONFIG_UNSUPPORTED => Self::Invalid,
            ErrorCode::OPERATION_INVALID => Self::State,
            _ => Self::Failed,
        }
    }
}

impl Failure {
    /// The command line is wrong.
    pub fn usage(sentence: impl Into<String>) -> Self {
        Self { context: vec![sentence.into()], kind: FailureKind::Usage, ..Self::default() }
    }

    /// A sentence of virsh's, without an error of libvirt's.
    pub fn sentence(sentence: impl Into<String>) -> Self {
        Self { context: vec![sentence.into()], ..Self::default() }
    }

    /// A failure that has said everything already.
    pub fn silent() -> Self {
        Self::default()
    }

    /// The same, preceded by what was attempted.
    #[must_use]
    pub fn context(mut self, sentence: impl Into<String>) -> Self {
        self.context.insert(0, sentence.into());
        self
    }

    /// The same, of another kind.
    #[must_use]
    pub fn kind(mut self, kind: FailureKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same, about this document.
    #[must_use]
    pub fn about(mut self, document: &Document) -> Self {
        self.document = Some(document.clone());
        self
    }

    /// The same, with a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The process's exit code: virsh's 1, or with `detailed` the kind's own.
    pub fn exit_code(&self, detailed: bool) -> u8 {
        match self.kind {
            FailureKind::Interrupted => 130,
            kind if detailed => kind as u8,
            _ => 1,
        }
    }

    /// What standard error shows. Empty when everything is said already.
    pub fn render(&self, colour: bool, explain: bool) -> String {
        let mut out = String::new();
        let (label, hint_label) =
            if colour { ("\x1b[1;31merror\x1b[0m", "\x1b[1;36mhint\x1b[0m") } else { ("error", "hint") };
        for sentence in &self.context {
            out += &format!("{label}: {sentence}\n");
        }
        if let Some(error) = &self.error {
            let drawn = explain.then(|| snippet::draw(error, self.document.as_ref()?, colour)).flatten();
            match drawn {
                Some(drawn) => out += &drawn,
                None if explain => out += &format!("{label}: {error:#}\n"),
                None => out += &format!("{label}: {error}\n"),
            }
        }
        let advice = self.hint.as_deref().or_else(|| self.error.as_ref()?.advice());
        if let Some(advice) = advice.filter(|_| explain) {
            out += &format!("{hint_label}: {advice}\n");
        }
        out
    }

    /// The same for programs.
    pub fn to_json(&self) -> serde_json::Value {
        let error = self.error.as_ref();
        let message = error.map(Error::message).or(self.context.last().map(String::as_str));
        let context = if error.is_some() {
            self.context.as_slice()
        } else {
            self.context.split_last().map_or(&[][..], |(_, rest)| rest)
        };
        let place = error
            .and_then(Error::place)
            .map(|place| json!({ "line": place.line, "column": place.column, "path": place.path }));
        json!({ "error": {
            "message": message,
            "context": context,
            "code": error.map(|error| error.code().0),
            "domain": error.map(|error| error.domain().0),
            "place": place,
            "hint": self.hint.as_deref().or_else(|| error?.advice()),
        }})
    }

    /// Whether there is nothing to say.
    pub fn is_silent(&self) -> bool {
        self.context.is_empty() && self.error.is_none() && self.hint.is_none()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = FailureKind::of(error.code());
        let patience = kind == FailureKind::Timeout && error.advice().is_none();
        let hint = patience.then(|| "virtsh --timeout SECONDS gives it longer".to_owned());
        Self { kind, error: Some(error), hint, ..Self::default() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false, true).trim_end())
    }
}

/// Puts in front of an error what was attempted.
pub trait Context<T> {
    /// The sentence is made only when it is needed.
    ///
    /// # Errors
    ///
    /// The same, with the sentence in front.
    fn context<S: Into<String>>(self, sentence: impl FnOnce() -> S) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Context<T> for Result<T, E> {
    fn context<S: Into<String>>(self, sentence: impl FnOnce() -> S) -> Result<T, Failure> {
        self.map_err(|error| error.into().context(sentence()))
    }
}

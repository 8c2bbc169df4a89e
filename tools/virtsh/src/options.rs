//! The options before the command: which connection, which format, how long.

use std::ffi::OsString;
use std::time::Duration;

use lexopt::prelude::*;

use crate::failure::{Failure, FailureKind};
use crate::output::Format;

/// How long a call may take without `--timeout`, in seconds. Long enough for a large guest to get its memory, short enough
/// that a script notices a host that hangs.
pub const DEFAULT_TIMEOUT: u64 = 120;

/// The variable with another default for `--timeout`.
const TIMEOUT_VARIABLE: &str = "VIRTSH_TIMEOUT";

/// What stands before the command.
#[derive(Clone, Debug)]
pub struct Settings {
    pub uri: Option<String>,
    pub read_only: bool,
    pub quiet: bool,
    pub timing: bool,
    pub format: Format,
    /// How long each call may take; nothing: for ever.
    pub timeout: Option<Duration>,
    /// Whether the user chose the timeout.
    pub timeout_is_explicit: bool,
    /// 0 shows everything, 4 only errors.
    pub debug: u8,
    pub log: Option<std::path::PathBuf>,
    /// The character that leaves a console.
    pub escape: Escape,
    /// Whether kinds of failures have exit codes of their own.
    pub exit_codes: bool,
}

/// A control character: `^]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escape(char);

/// What the command line asks for.
#[derive(Debug)]
pub enum Request {
    /// Commands: one string to be split, or the words of one command. Nothing: the interactive mode.
    Run(Vec<String>),
    Help,
    Version {
        long: bool,
    },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            uri: None,
            read_only: false,
            quiet: false,
            timing: false,
            format: Format::Plain,
            timeout: Some(Duration::from_secs(DEFAULT_TIMEOUT)),
            timeout_is_explicit: false,
            debug: 4,
            log: None,
            escape: Escape(']'),
            exit_codes: false,
        }
    }
}

impl Settings {
    /// Reads the command line, without the program's name.
    ///
    /// # Errors
    ///
    /// virsh's sentences for what it does not understand.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<(Self, Request), Failure> {
        let mut this = Self::default();
        if let Ok(text) = std::env::var(TIMEOUT_VARIABLE) {
            this.timeout = seconds(&text, TIMEOUT_VARIABLE)?;
            this.timeout_is_explicit = true;
        }
        let mut request = None;
        let mut words = Vec::new();
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next().map_err(refuse)? {
            match argument {
                Short('c') | Long("connect") => this.uri = Some(value(&mut parser, "-c", "--connect")?),
                Short('r') | Long("readonly") => this.read_only = true,
                Short('q') | Long("quiet") => this.quiet = true,
                Short('t') | Long("timing") => this.timing = true,
                Short('d') | Long("debug") => this.debug = debug(&value(&mut parser, "-d", "--debug")?)?,
                Short('l') | Long("log") => this.log = Some(value(&mut parser, "-l", "--log")?.into()),
                Short('e') | Long("escape") => {
                    this.escape = Escape::parse(&value(&mut parser, "-e", "--escape")?)?;
                }
                // Nothing needs to be kept alive on a connection within this host.
                Short('k') | Long("keepalive-interval") => {
                    ignored(&mut parser, "-k", "--keepalive-interval")?;
                }
                Short('K') | Long("keepalive-count") => {
                    ignored(&mut parser, "-K", "--keepalive-count")?;
                }
                Long("format") => this.format = format(&value(&mut parser, "--format", "--format")?)?,
                Long("timeout") => {
                    this.timeout = seconds(&value(&mut parser, "--timeout", "--timeout")?, "--timeout")?;
                    this.timeout_is_explicit = true;
                }
                Long("exit-codes") => this.exit_codes = true,
                Short('h') | Long("help") => request = Some(Request::Help),
                Short('v') => request = Some(Request::Version { long: false }),
                Short('V') => request = Some(Request::Version { long: true }),
                Long("version") => {
                    let long = parser.optional_value().is_some_and(|kind| kind == "long");
                    request = Some(Request::Version { long });
                }
                Value(word) => {
                    words.push(text(word)?);
                    for word in parser.raw_args().map_err(refuse)? {
                        words.push(text(word)?);
                    }
                    break;
                }
                other => return Err(refuse(other.unexpected())),
            }
            if request.is_some() {
                break;
            }
        }
        Ok((this, request.unwrap_or(Request::Run(words))))
    }
}

fn refuse(error: lexopt::Error) -> Failure {
    match error {
        lexopt::Error::UnexpectedOption(option) => {
            Failure::usage(format!("unsupported option '{option}'. See --help."))
        }
        other => Failure::usage(other.to_string()),
    }
}

fn value(parser: &mut lexopt::Parser, short: &str, long: &str) -> Result<String, Failure> {
    let name = if short == long { format!("'{long}'") } else { format!("'{short}'/'{long}'") };
    let value = parser.value().map_err(|_| Failure::usage(format!("option {name} requires an argument")))?;
    text(value)
}

fn text(word: OsString) -> Result<String, Failure> {
    word.into_string()
        .map_err(|word| Failure::usage(format!("argument '{}' is not valid UTF-8", word.to_string_lossy())))
}

fn ignored(parser: &mut lexopt::Parser, short: &str, long: &str) -> Result<(), Failure> {
    match value(parser, short, long)?.parse::<u32>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Failure::usage(format!("Invalid value for option {short}"))),
    }
}

fn debug(text: &str) -> Result<u8, Failure> {
    let level: i64 = text.parse().map_err(|_| Failure::usage("option -d takes a numeric argument"))?;
    if let Some(level) = u8::try_from(level).ok().filter(|level| *level <= 4) {
        return Ok(level);
    }
    let ignored = format!("error: ignoring debug level {level} out of range [0-4]\n");
    // Where standard error is closed nobody would read it.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), ignored.as_bytes());
    Ok(Settings::default().debug)
}

/// The format of this name.
///
/// # Errors
///
/// When there is none; the sentence lists them.
pub fn format(text: &str) -> Result<Format, Failure> {
    Ok(match text {
        "plain" => Format::Plain,
        "table" => Format::Table,
        "json" => Format::Json,
        "yaml" => Format::Yaml,
        "csv" => Format::Csv,
        other => {
            return Err(Failure::usage(format!(
                "Unknown format '{other}', expecting 'plain', 'table', 'json', 'yaml', or 'csv'"
            )));
        }
    })
}

fn seconds(text: &str, name: &str) -> Result<Option<Duration>, Failure> {
    let refused = || {
        Failure::usage(format!("Numeric value '{text}' for <{name}> option is malformed or out of range"))
            .hint("give a number of seconds, or 0 for no deadline")
    };
    let number: f64 = text.parse().map_err(|_| refused())?;
    if number == 0.0 {
        return Ok(None);
    }
    Duration::try_from_secs_f64(number).map(Some).map_err(|_| refused().kind(FailureKind::Usage))
}

impl Escape {
    /// `^x` for any character that has a control character.
    fn parse(text: &str) -> Result<Self, Failure> {
        let mut characters = text.chars();
        match (characters.next(), characters.next(), characters.next()) {
            (Some('^'), Some(c), None) if ('@'..='_').contains(&c.to_ascii_uppercase()) => {
                Ok(Self(c.to_ascii_uppercase()))
            }
            _ => Err(Failure::usage(format!("Invalid string '{text}' for escape sequence"))),
        }
    }

    /// What the terminal sends for it.
    pub fn byte(self) -> u8 {
        self.0 as u8 & 0x1f
    }
}

impl std::fmt::Display for Escape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "^{} (Ctrl + {})", self.0, self.0)
    }
}

//! What commands run in: the settings, the connection, the output.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use virt_core::{Connection, Domain, Error, ErrorCode, ErrorDomain, Uuid};

use crate::command::Outcome;
use crate::failure::{Context as _, Failure, FailureKind};
use crate::grammar::{self, Arguments, Invocation};
use crate::options::Settings;
use crate::output::{Format, Output, Reply};
use crate::{interrupt, words};

/// The variable with the URI for virsh alone; it goes before the library's variables.
const URI_VARIABLE: &str = "VIRSH_DEFAULT_CONNECT_URI";

/// The state between commands.
pub struct Shell {
    pub settings: Settings,
    pub output: Output,
    /// Opened by the first command that needs it.
    connection: Option<Connection>,
    /// Ends the session after this command.
    pub leaving: bool,
    /// Whether a person types the commands.
    pub interactive: bool,
    last_code: u8,
}

/// Levels of `--debug`.
#[derive(Clone, Copy, Debug)]
pub enum Debug {
    Everything = 0,
    Information = 1,
}

/// How a domain may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Number, UUID, name, in this order.
    Anything,
    /// Name or UUID.
    NameOrUuid,
    /// Number or UUID.
    IdOrUuid,
    /// Number or name.
    IdOrName,
}

impl Shell {
    /// Nothing is opened yet.
    pub fn new(settings: Settings) -> Self {
        let output = Output::new(settings.format, settings.quiet);
        Self { settings, output, connection: None, leaving: false, interactive: false, last_code: 0 }
    }

    /// Runs the commands of a text, and answers the exit code: that of the last one.
    pub fn run_text(&mut self, text: &str) -> u8 {
        self.debug(Debug::Information, &format!("commands: \"{text}\"\n"));
        let commands = words::split(text);
        let parsed: Result<Vec<_>, _> =
            commands.and_then(|commands| commands.iter().map(|words| grammar::parse(words)).collect());
        match parsed {
            Ok(commands) => self.run_all(&commands),
            Err(failure) => self.refuse(&failure),
        }
    }

    /// Runs the command of these words.
    pub fn run_words(&mut self, words: &[String]) -> u8 {
        match grammar::parse(words) {
            Ok(command) => self.run_all(&[command]),
            Err(failure) => self.refuse(&failure),
        }
    }

    fn run_all(&mut self, commands: &[Invocation]) -> u8 {
        for command in commands {
            for argument in command.arguments.iter() {
                let kind = if argument.option.takes_value() { "optdata" } else { "bool" };
                let value = if argument.option.takes_value() { argument.value.as_str() } else { "(none)" };
                let line = format!("{}: {}({kind}): {value}\n", command.command.name, argument.option.name);
                self.debug(Debug::Information, &line);
            }
        }
        self.last_code = 0;
        // What was pressed before this line was meant for another.
        if interrupt::raised() && self.connection.is_some() {
            // Where no other can be armed, the next ctrl-c ends the program.
            let _ = self.connection();
        }
        for (place, command) in commands.iter().enumerate() {
            if place > 0 && interrupt::raised() {
                if self.last_code == 0 {
                    let given_up = "canceled by client";
                    self.report(
                        &Error::new(ErrorCode::OPERATION_ABORTED, ErrorDomain::NONE, given_up).into(),
                    );
                }
                break;
            }
            let began = Instant::now();
            let usual = command.format.map(|format| self.output.set_format(format));
            let outcome = (command.command.run)(self, &command.arguments);
            self.last_code = 0;
            if let Err(failure) = outcome {
                self.report(&failure);
            }
            if !self.leaving {
                if self.settings.timing {
                    let milliseconds = began.elapsed().as_secs_f64() * 1000.0;
                    self.output.extra(&format!("\n(Time: {milliseconds:.3} ms)\n"));
                }
                self.output.extra("\n");
                self.output.flush();
            }
            if let Some(usual) = usual {
                self.output.set_format(usual);
            }
            if self.leaving {
                break;
            }
        }
        self.last_code
    }

    /// The exit code of the last command.
    pub fn last_code(&self) -> u8 {
        self.last_code
    }

    /// A command line that cannot be run.
    fn refuse(&mut self, failure: &Failure) -> u8 {
        self.report(failure);
        self.last_code
    }

    /// Shows a failure on standard error, after everything that was printed before it.
    pub fn report(&mut self, failure: &Failure) {
        self.last_code = failure.exit_code(self.settings.exit_codes);
        self.output.flush();
        if failure.is_silent() {
            return;
        }
        let text = if self.output.format() == Format::Json {
            format!("{}\n", failure.to_json())
        } else {
            let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            failure.render(colour, !self.settings.quiet)
        };
        // Where standard error is closed, only the exit code is left to tell.
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Says on standard error what the user should know, and goes on.
    pub fn warn(&mut self, sentence: &str) {
        self.output.flush();
        // Where standard error is closed nobody is told.
        let _ = writeln!(io::stderr(), "error: {sentence}");
    }

    /// Prints for `--debug`.
    pub fn debug(&mut self, level: Debug, text: &str) {
        if level as u8 >= self.settings.debug {
            self.output.text(text);
        }
    }

    /// The connection, opened now if it is not open.
    ///
    /// # Errors
    ///
    /// Why it cannot be opened.
    pub fn connection(&mut self) -> Result<&Connection, Failure> {
        let connection = match self.connection.take() {
            None => self.open(self.settings.uri.as_deref(), self.settings.read_only)?,
            Some(connection) if interrupt::raised() => connection.cancelled_by(interrupt::arm()?),
            Some(connection) => connection,
        };
        Ok(self.connection.insert(connection))
    }

    /// The connection, for which nobody wants to wait long.
    ///
    /// # Errors
    ///
    /// Why it cannot be opened in that time.
    pub fn connection_within(&mut self, time: Duration) -> Result<&Connection, Failure> {
        if self.connection.is_none() {
            let usual = self.settings.timeout.replace(time);
            let opened = self.open(self.settings.uri.as_deref(), self.settings.read_only);
            self.settings.timeout = usual;
            let mut connection = opened?;
            if let Some(usual) = usual {
                connection = connection.with_timeout(usual);
            }
            self.connection = Some(connection);
        }
        self.connection()
    }

    /// Takes another connection instead.
    ///
    /// # Errors
    ///
    /// Why it cannot be opened; the old one stays closed, as in virsh.
    pub fn reconnect(&mut self, uri: Option<String>, read_only: bool) -> Outcome {
        self.connection = None;
        let connection = self.open(uri.as_deref(), read_only)?;
        self.settings.uri = uri;
        self.settings.read_only = read_only;
        self.connection = Some(connection);
        Ok(())
    }

    fn open(&self, uri: Option<&str>, read_only: bool) -> Result<Connection, Failure> {
        let mut builder = Connection::builder().read_only(read_only);
        let default = std::env::var(URI_VARIABLE).ok().filter(|uri| !uri.is_empty());
        if let Some(uri) = uri.or(default.as_deref()) {
            builder = builder.uri(uri);
        }
        if let Some(timeout) = self.settings.timeout {
            builder = builder.timeout(timeout);
        }
        let connection = builder.open().map_err(|error| {
            let kind = match error.code() {
                ErrorCode::OPERATION_TIMEOUT => FailureKind::Timeout,
                ErrorCode::ACCESS_DENIED | ErrorCode::AUTH_FAILED => FailureKind::Denied,
                _ => FailureKind::Connection,
            };
            Failure::from(error).kind(kind).context("failed to connect to the hypervisor")
        })?;
        Ok(connection.cancelled_by(interrupt::arm()?))
    }

    /// The domain that the command's option `domain` names.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn domain(&mut self, arguments: &Arguments) -> Result<Domain, Failure> {
        self.domain_by(arguments, By::Anything)
    }

    /// The same, named in certain ways only.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn domain_by(&mut self, arguments: &Arguments, by: By) -> Result<Domain, Failure> {
        self.find_domain(arguments, arguments.required("domain")?, by)
    }

    /// One of several domains that a command was given, by name, UUID or number.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn domain_called(&mut self, arguments: &Arguments, wanted: &str) -> Result<Domain, Failure> {
        self.find_domain(arguments, wanted, By::Anything)
    }

    fn find_domain(&mut self, arguments: &Arguments, wanted: &str, by: By) -> Result<Domain, Failure> {
        let command = arguments.command_name();
        self.debug(Debug::Information, &format!("{command}: found option <domain>: {wanted}\n"));
        let connection = self.connection()?.clone();
        let mut found = None;
        if by != By::NameOrUuid
            && let Some(id) = wanted.parse::<u32>().ok().filter(|id| i32::try_from(*id).is_ok())
        {
            self.debug(Debug::Everything, &format!("{command}: <domain> trying as domain ID\n"));
            found = look(connection.domain_by_id(id))?;
        }
        if by != By::IdOrName
            && found.is_none()
            && let Some(uuid) = hyphenated(wanted)
        {
            self.debug(Debug::Everything, &format!("{command}: <domain> trying as domain UUID\n"));
            found = look(connection.domain_by_uuid(uuid))?;
        }
        if by != By::IdOrUuid && found.is_none() {
            self.debug(Debug::Everything, &format!("{command}: <domain> trying as domain NAME\n"));
            found = look(connection.domain_by_name(wanted))?;
        }
        found.ok_or_else(|| {
            Failure::sentence(format!("failed to get domain '{wanted}'")).kind(FailureKind::NotFound)
        })
    }

    /// Prints an answer.
    pub fn print(&mut self, reply: &Reply) -> Outcome {
        self.output.print(reply);
        Ok(())
    }
}

/// A UUID as people write it; other spellings could be names.
fn hyphenated(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| text.parse().ok()).flatten()
}

/// Nothing where there is no such domain; other errors are errors.
fn look(found: virt_core::Result<Domain>) -> Result<Option<Domain>, Failure> {
    match found {
        Ok(domain) => Ok(Some(domain)),
        Err(error) if matches!(error.code(), ErrorCode::NO_DOMAIN | ErrorCode::INVALID_ARG) => Ok(None),
        Err(error) => Err(error).context(|| "failed to look up the domain"),
    }
}

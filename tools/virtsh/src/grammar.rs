//! From words to a command with its arguments, in virsh's grammar: every option that takes a value can be given as
//! `--name value`, `--name=value`, or (where [`Place`] says so) by its position among those not given otherwise.

use bitflags::Flags;

use crate::command::{Command, Kind, Opt, Place};
use crate::commands;
use crate::failure::Failure;
use crate::number;
use crate::options;
use crate::output::Format;

/// A command with its arguments.
#[derive(Clone)]
pub struct Invocation {
    pub command: &'static Command,
    pub arguments: Arguments,
    /// How this one answer is written, where `--format` stands behind the command.
    pub format: Option<Format>,
}

/// The arguments of one command, in the order in which they were given.
#[derive(Clone, Debug)]
pub struct Arguments {
    command: &'static str,
    given: Vec<Argument>,
}

#[derive(Clone, Debug)]
pub struct Argument {
    pub option: &'static Opt,
    /// Empty for flags.
    pub value: String,
}

/// The option that every command takes, unless it has one of that name: as if it stood before the command.
const FORMAT: &str = "format";

/// What virsh says for an option that must be given by name.
const HELP: &str = "help";

/// Reads one command.
///
/// # Errors
///
/// virsh's sentences for unknown commands and options, missing or surplus values.
pub fn parse(words: &[String]) -> Result<Invocation, Failure> {
    let Some((name, rest)) = words.split_first() else { return Err(Failure::silent()) };
    let Some(command) = commands::find(name) else {
        let failure = Failure::usage(format!("unknown command: '{name}'"));
        return Err(match commands::nearest(name) {
            Some(nearest) => failure.hint(format!("did you mean '{nearest}'?")),
            None => failure,
        });
    };
    let mut parser = Parser { command, given: Vec::new(), help: false, format: None };
    parser.read(rest)?;
    if parser.help {
        // `--help` anywhere asks for the command's page, whatever else is there.
        let help = commands::HELP;
        let given = help.option("command").map(|option| Argument { option, value: name.clone() });
        let arguments = Arguments { command: help.name, given: given.into_iter().collect() };
        return Ok(Invocation { command: help, arguments, format: parser.format });
    }
    parser.require()?;
    let arguments = Arguments { command: command.name, given: parser.given };
    Ok(Invocation { command, arguments, format: parser.format })
}

/// What stands before the word that is being completed: which options are given, and whether the word is a value.
pub fn parse_partial(command: &'static Command, words: &[String]) -> (Vec<Argument>, Option<&'static Opt>) {
    let mut parser = Parser { command, given: Vec::new(), help: false, format: None };
    let expected = parser.read_partial(words);
    (parser.given, expected)
}

/// Whether every word before the one that is being completed fits the command.
pub fn is_understood(command: &'static Command, words: &[String]) -> bool {
    let mut parser = Parser { command, given: Vec::new(), help: false, format: None };
    parser.read(words).is_ok()
}

struct Parser {
    command: &'static Command,
    given: Vec<Argument>,
    help: bool,
    format: Option<Format>,
}

impl Parser {
    fn read(&mut self, words: &[String]) -> Result<(), Failure> {
        let mut words = words.iter();
        let mut only_data = false;
        while let Some(word) = words.next() {
            match option_name(word).filter(|_| !only_data) {
                _ if word == "--" && !only_data => only_data = true,
                Some(name) => self.read_option(name, &mut words)?,
                None => self.read_positional(word)?,
            }
            if self.help {
                break;
            }
        }
        Ok(())
    }

    fn read_option<'a>(
        &mut self,
        name: &str,
        words: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), Failure> {
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        if name == HELP {
            self.help = true;
            return Ok(());
        }
        let command = self.command;
        if name == FORMAT && command.option(name).is_none() {
            let value = value.or_else(|| words.next().cloned());
            let value = value.ok_or_else(|| Failure::usage("expected syntax: --format <string>"))?;
            self.format = Some(options::format(&value)?);
            return Ok(());
        }
        let Some(mut option) = command.option(name) else {
            return Err(Failure::usage(format!(
                "command '{}' doesn't support option --{name}",
                command.name
            )));
        };
        let mut stands_for = None;
        if let Kind::Alias(target, fixed) = option.kind {
            if value.is_some() && fixed.is_some() {
                return Err(Failure::usage(format!("invalid '=' after option --{name}")));
            }
            stands_for = fixed.map(str::to_owned);
            option = command.option(target).unwrap_or(option);
        }
        if option.kind != Kind::Words && self.is_given(option) {
            return Err(Failure::usage(format!("option --{} already seen", option.name)));
        }
        if !option.takes_value() {
            if value.is_some() {
                return Err(Failure::usage(format!("invalid '=' after option --{name}")));
            }
            self.given.push(Argument { option, value: String::new() });
            return Ok(());
        }
        let Some(value) = stands_for.or(value).or_else(|| words.next().cloned()) else {
            let what = value_word(option);
            return Err(Failure::usage(format!("expected syntax: --{} <{what}>", option.name)));
        };
        self.given.push(Argument { option, value });
        Ok(())
    }

    fn read_positional(&mut self, word: &str) -> Result<(), Failure> {
        let Some(option) = self.next_positional() else {
            return Err(Failure::usage(format!("unexpected data '{word}'")));
        };
        self.given.push(Argument { option, value: word.to_owned() });
        Ok(())
    }

    /// Reads as far as it goes, forgiving everything; answers the option whose value comes next, if that is certain.
    fn read_partial(&mut self, words: &[String]) -> Option<&'static Opt> {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(name) = option_name(word) else {
                if word != "--" {
                    // What fits nowhere is passed over.
                    let _ = self.read_positional(word);
                }
                continue;
            };
            let wanted = self.command.option(name).filter(|option| option.takes_value());
            let mut rest = words.clone();
            match (wanted, rest.next()) {
                (Some(option), None) => return Some(option),
                _ => {
                    let _ = self.read_option(name, &mut words);
                }
            }
        }
        None
    }

    fn next_positional(&self) -> Option<&'static Opt> {
        self.command.options.iter().find(|option| {
            option.place != Place::Named && (option.kind == Kind::Words || !self.is_given(option))
        })
    }

    fn is_given(&self, option: &Opt) -> bool {
        self.given.iter().any(|argument| argument.option.name == option.name)
    }

    fn require(&self) -> Result<(), Failure> {
        match self.command.options.iter().find(|option| option.required && !self.is_given(option)) {
            None => Ok(()),
            Some(option) => Err(Failure::usage(format!(
                "command '{}' requires <{}> option",
                self.command.name, option.name
            ))),
        }
    }
}

/// `name` of `--name` and `--name=value`; nothing for `--` and for data.
fn option_name(word: &str) -> Option<&str> {
    word.strip_prefix("--").filter(|name| !name.is_empty())
}

/// What help calls an option's value.
pub fn value_word(option: &Opt) -> &'static str {
    if option.kind == Kind::Number { "number" } else { "string" }
}

impl Arguments {
    /// The name of the command that they belong to.
    pub fn command_name(&self) -> &'static str {
        self.command
    }

    /// All of them, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Argument> {
        self.given.iter()
    }

    /// Whether this option was given.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The value of an option as it was given, if it was.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|it| it.option.name == name).map(|it| it.value.as_str())
    }

    /// The value of an option that the command requires.
    ///
    /// # Errors
    ///
    /// When it is empty.
    pub fn required(&self, name: &str) -> Result<&str, Failure> {
        self.text(name).map(Option::unwrap_or_default)
    }

    /// The value of an option, if it was given.
    ///
    /// # Errors
    ///
    /// When it is empty.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.raw(name) {
            Some("") => {
                Err(Failure::usage(format!("Failed to get option '{name}': Option argument is empty")))
            }
            value => Ok(value),
        }
    }

    /// The words of an option that takes all of them.
    pub fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |it| it.option.name == name).map(|it| it.value.as_str())
    }

    /// A number, if it was given.
    ///
    /// # Errors
    ///
    /// When it is no number of this type.
    pub fn number<T: TryFrom<i128>>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.raw(name) else { return Ok(None) };
        let number = number::parse(text).and_then(|number| T::try_from(number).ok());
        number.map(Some).ok_or_else(|| {
            Failure::usage(format!("Numeric value '{text}' for <{name}> option is malformed or out of range"))
        })
    }

    /// A size with an optional unit, in bytes; without unit it counts `scale` bytes.
    ///
    /// # Errors
    ///
    /// When it is no such size, or larger than `limit` bytes.
    pub fn size(&self, name: &str, scale: u64, limit: u64) -> Result<Option<u64>, Failure> {
        let Some(text) = self.raw(name) else { return Ok(None) };
        number::parse_size(text, scale, limit).map(Some).map_err(|error| {
            let sentence =
                format!("Scaled numeric value '{text}' for <{name}> option is malformed or out of range");
            match error {
                Some(error) => Failure::from(error).context(sentence),
                None => Failure::usage(sentence),
            }
        })
    }

    /// The flags of those options that were given.
    pub fn collect<F: Flags>(&self, flags: &[(&str, F)]) -> F {
        let mut all = F::empty();
        for (name, flag) in flags {
            if self.has(name) {
                all.insert(F::from_bits_retain(flag.bits()));
            }
        }
        all
    }

    /// Refuses a pair of options that contradict each other.
    ///
    /// # Errors
    ///
    /// When both were given.
    pub fn exclusive(&self, one: &str, other: &str) -> Result<(), Failure> {
        if self.has(one) && self.has(other) {
            return Err(Failure::usage(format!("Options --{one} and --{other} are mutually exclusive")));
        }
        Ok(())
    }

    /// Refuses an option without another that it needs.
    ///
    /// # Errors
    ///
    /// When `option` was given and `needed` was not.
    pub fn requires(&self, option: &str, needed: &str) -> Result<(), Failure> {
        if self.has(option) && !self.has(needed) {
            return Err(Failure::usage(format!("Option --{needed} is required by option --{option}")));
        }
        Ok(())
    }
}

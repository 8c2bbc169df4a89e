//! What a command is: its name, its options, what help says about it. All of it is constant data.

use crate::failure::Failure;
use crate::grammar::Arguments;
use crate::shell::Shell;

/// A command: everything that parsing, help and completion know about it, and what it does.
pub struct Command {
    pub name: &'static str,
    /// One line for lists of commands.
    pub summary: &'static str,
    /// A paragraph for its own page; may be empty.
    pub description: &'static str,
    /// In virsh's order, which is also the order of positional arguments.
    pub options: &'static [Opt],
    /// What it does.
    pub run: fn(&mut Shell, &Arguments) -> Outcome,
}

/// How a command ends: what it had to say is printed already.
pub type Outcome = Result<(), Failure>;

/// Commands that belong together.
pub struct Group {
    pub title: &'static str,
    pub keyword: &'static str,
    pub commands: &'static [&'static Command],
}

/// One option of a command.
#[derive(Debug)]
pub struct Opt {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
    pub required: bool,
    /// Whether a word without `--name` can be its value.
    pub place: Place,
    pub values: Values,
}

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Flag,
    /// A word.
    Text,
    /// A number, possibly with a unit.
    Number,
    /// Every remaining word.
    Words,
    /// Another name for an option, with the value it stands for if it stands for one.
    Alias(&'static str, Option<&'static str>),
}

/// Whether an option can be given without its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Only as `--name`.
    Named,
    /// Also by position, and help shows it so.
    Positional,
    /// Also by position because virsh once allowed it, but help does not say so.
    Tolerated,
}

/// Which values completion offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    None,
    Files,
    Commands,
    EventKinds,
    OneOf(&'static [&'static str]),
    AllDomains,
    ActiveDomains,
    InactiveDomains,
    PausedDomains,
    PersistentDomains,
    NodeDevices,
}

impl Opt {
    const fn new(name: &'static str, kind: Kind, place: Place, help: &'static str) -> Self {
        Self { name, kind, help, required: false, place, values: Values::None }
    }

    /// `--name`
    pub const fn flag(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Flag, Place::Named, help)
    }

    /// `--name <string>`
    pub const fn text(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Text, Place::Named, help)
    }

    /// `--name <number>`
    pub const fn number(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Number, Place::Named, help)
    }

    /// Every remaining word.
    pub const fn words(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Kind::Words, Place::Positional, help)
    }

    /// Another name for option `target`, not shown by help.
    pub const fn alias(name: &'static str, target: &'static str) -> Self {
        Self::new(name, Kind::Alias(target, None), Place::Named, "")
    }

    /// A flag that stands for `--target value`, not shown by help.
    pub const fn shorthand(name: &'static str, target: &'static str, value: &'static str) -> Self {
        Self::new(name, Kind::Alias(target, Some(value)), Place::Named, "")
    }

    /// Positional, and the command does not work without it.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self.place = Place::Positional;
        self
    }

    /// Positional, and help shows it so.
    #[must_use]
    pub const fn positional(mut self) -> Self {
        self.place = Place::Positional;
        self
    }

    /// Positional, but help does not say so.
    #[must_use]
    pub const fn tolerated(mut self) -> Self {
        self.place = Place::Tolerated;
        self
    }

    /// Completion offers these.
    #[must_use]
    pub const fn values(mut self, values: Values) -> Self {
        self.values = values;
        self
    }

    /// Whether it is followed by a value.
    pub fn takes_value(&self) -> bool {
        !matches!(self.kind, Kind::Flag | Kind::Alias(_, Some(_)))
    }
}

impl Command {
    /// Whether lists of commands leave it out: it is for scripts of ours.
    pub fn is_hidden(&self) -> bool {
        self.summary.is_empty()
    }

    /// The option of this name.
    pub fn option(&self, name: &str) -> Option<&'static Opt> {
        self.options.iter().find(|option| option.name == name)
    }
}

/// `domain`, as most commands have it.
pub const fn domain(help: &'static str, values: Values) -> Opt {
    Opt::text("domain", help).required().values(values)
}

/// What [`domain`] usually says.
pub const DOMAIN: &str = "domain name, id or uuid";

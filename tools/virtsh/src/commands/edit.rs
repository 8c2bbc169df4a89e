//! `edit`, and the editing of whatever else has a definition.

use std::io::{self, IsTerminal as _};

use virt_core::{DefineDomain, Domain, DomainXml, Error, Place};

use super::done;
use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::editor::{Cursor, Draft};
use crate::failure::{Context as _, Document, Failure};
use crate::grammar::Arguments;
use crate::output::Reply;
use crate::shell::Shell;
use crate::xml;

pub(super) static EDIT: Command = Command {
    name: "edit",
    summary: "edit XML configuration for a domain",
    description: "Edit the XML configuration for a domain.",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        Opt::flag("skip-validate", "skip validation of the XML against the schema"),
    ],
    run: edit,
};

/// What the user wants after a failure.
enum Answer {
    /// Back into the editor.
    Again,
    /// Keep the text, and leave.
    Leave,
    /// Define it although names in it are unknown, or although somebody else changed the domain.
    Force,
}

/// What has a definition that can be edited.
pub(super) trait Editable: Sized {
    /// What it is: `Domain 'web'`.
    fn title(&self) -> String;

    /// As [`Editable::title`], within a sentence: `domain 'web'`.
    fn title_within(&self) -> String;

    /// Its name, of which the file in the editor is called.
    fn file_name(&self) -> &str;

    /// The command that defines it from a file.
    const DEFINE: &str;

    /// Its definition, for the next start.
    fn definition(&self) -> Result<String, Failure>;

    /// Gives it another definition, whose names are known ones where `strict`.
    fn define(&self, text: &str, strict: bool) -> Result<Self, Error>;

    /// Says what was done to it.
    fn done(&self, message: String) -> Reply;
}

impl Editable for Domain {
    const DEFINE: &str = "define";

    fn title(&self) -> String {
        format!("Domain '{}'", self.name())
    }

    fn title_within(&self) -> String {
        format!("domain '{}'", self.name())
    }

    fn file_name(&self) -> &str {
        self.name()
    }

    fn definition(&self) -> Result<String, Failure> {
        Ok(self.xml(DomainXml::INACTIVE | DomainXml::SECURE)?)
    }

    fn define(&self, text: &str, strict: bool) -> Result<Self, Error> {
        let mut flags = DefineDomain::empty();
        flags.set(DefineDomain::VALIDATE, strict);
        self.connection().define_domain(text, flags)
    }

    fn done(&self, message: String) -> Reply {
        done(self, message)
    }
}

fn edit(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let domain = shell.domain(arguments)?;
    edit_definition(shell, &domain, !arguments.has("skip-validate"))
}

/// Opens a definition in the user's editor, and defines what comes of it.
pub(super) fn edit_definition(shell: &mut Shell, object: &impl Editable, strict: bool) -> Outcome {
    let before = object.definition()?;
    let draft = Draft::new(object.file_name(), &before)?;
    let mut session = Session { object, strict, before, cursor: None };
    match session.run(shell, &draft) {
        Ok(Some(edited)) => {
            let message = format!("{} XML configuration edited.", edited.title());
            shell.print(&edited.done(message))
        }
        Ok(None) => {
            let message = format!("{} XML configuration not changed.", object.title());
            shell.print(&object.done(message))
        }
        // Whatever went wrong, what the user wrote stays.
        Err(failure) if draft.read().is_ok_and(|text| text == session.before) => Err(failure),
        Err(failure) => Err(kept(failure, object, draft)),
    }
}

/// A failure that says where the user's text is.
fn kept<T: Editable>(failure: Failure, _: &T, draft: Draft) -> Failure {
    let path = draft.keep();
    failure.hint(format!(
        "your text is kept in {0}; virtsh {1} {0} tries it again",
        path.display(),
        T::DEFINE
    ))
}

struct Session<'a, T> {
    object: &'a T,
    /// Whether names in it have to be known ones.
    strict: bool,
    /// The definition when the editor was opened.
    before: String,
    cursor: Option<Cursor>,
}

impl<T: Editable> Session<'_, T> {
    /// Edits until it is defined, or the user gives up; nothing when nothing was changed.
    fn run(&mut self, shell: &mut Shell, draft: &Draft) -> Result<Option<T>, Failure> {
        loop {
            shell.output.flush();
            draft.open(self.cursor)?;
            let text = draft.read()?;
            if text == self.before {
                return Ok(None);
            }
            if let Some(defined) = self.define(shell, draft, text)? {
                return Ok(Some(defined));
            }
        }
    }

    /// Defines the text; nothing when the user wants back into the editor.
    fn define(&mut self, shell: &mut Shell, draft: &Draft, text: String) -> Result<Option<T>, Failure> {
        let document = Document { name: draft.path().display().to_string(), text };
        let now = self.object.definition()?;
        if now != self.before {
            let failure =
                Failure::sentence("the XML configuration was changed by another user while you edited it");
            match ask(shell, failure, "f - define mine all the same")? {
                Answer::Again => return Ok(None),
                Answer::Leave => return Err(Failure::silent()),
                Answer::Force => self.before = now,
            }
        }
        let error = match self.object.define(&document.text, self.strict) {
            Ok(object) => return Ok(Some(object)),
            Err(error) => error,
        };
        self.cursor = error.place().and_then(cursor);
        let failure = self.refused(error, &document);
        match ask(shell, failure, "i - define it without checking its names")? {
            Answer::Again => Ok(None),
            Answer::Leave => Err(Failure::silent()),
            Answer::Force => {
                self.strict = false;
                let defined = self.object.define(&document.text, false);
                defined.map(Some).map_err(|error| self.refused(error, &document))
            }
        }
    }

    fn refused(&self, error: Error, document: &Document) -> Failure {
        let refused: Result<(), _> = Err(xml::failure(error, document));
        refused
            .context(|| format!("Failed to define {}", self.object.title_within()))
            .err()
            .unwrap_or_default()
    }
}

fn cursor(place: &Place) -> Option<Cursor> {
    (place.line > 0).then_some(Cursor { line: place.line, column: place.column.max(1) })
}

/// Shows what went wrong and asks how to go on. Without a terminal nobody can answer, and the failure is the answer.
fn ask(shell: &mut Shell, failure: Failure, force: &str) -> Result<Answer, Failure> {
    if !io::stdin().is_terminal() {
        return Err(failure);
    }
    shell.report(&failure);
    let letter = force.chars().next().unwrap_or('f');
    loop {
        shell.output.text(&format!("Failed. Try again? [y,n,{letter},?]: "));
        shell.output.flush();
        let Some(line) = read_answer() else { return Ok(Answer::Leave) };
        match line.trim().chars().next() {
            None | Some('y' | 'Y') => return Ok(Answer::Again),
            Some('n' | 'N') => return Ok(Answer::Leave),
            Some(c) if c.eq_ignore_ascii_case(&letter) => return Ok(Answer::Force),
            Some(_) => shell.output.text(&format!(
                "y - yes, back into the editor\nn - no, keep my text in its file and leave\n{force}\n"
            )),
        }
    }
}

/// A line from the terminal; nothing when it ends, or when ctrl-c is pressed.
fn read_answer() -> Option<String> {
    let mut line = [0; 256];
    // Not through the standard library, which goes on reading after a signal.
    let length = nix::unistd::read(io::stdin(), &mut line).ok().filter(|length| *length > 0)?;
    Some(String::from_utf8_lossy(line.get(..length)?).into_owned())
}

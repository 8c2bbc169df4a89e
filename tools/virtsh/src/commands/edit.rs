//! `edit`

use std::io::{self, IsTerminal as _};

use virt_core::{DefineDomain, Domain, DomainXml, Error, Place};

use super::done;
use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::editor::{Cursor, Draft};
use crate::failure::{Context as _, Document, Failure};
use crate::grammar::Arguments;
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

fn edit(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let domain = shell.domain(arguments)?;
    let mut flags = DefineDomain::VALIDATE;
    flags.set(DefineDomain::VALIDATE, !arguments.has("skip-validate"));
    let before = definition(&domain)?;
    let draft = Draft::new(domain.name(), &before)?;
    let mut session = Session { domain: &domain, flags, before, cursor: None };
    match session.run(shell, &draft) {
        Ok(Some(edited)) => {
            let message = format!("Domain '{}' XML configuration edited.", edited.name());
            shell.print(&done(&edited, message))
        }
        Ok(None) => {
            let message = format!("Domain '{}' XML configuration not changed.", domain.name());
            shell.print(&done(&domain, message))
        }
        // Whatever went wrong, what the user wrote stays.
        Err(failure) if draft.read().is_ok_and(|text| text == session.before) => Err(failure),
        Err(failure) => {
            let path = draft.keep();
            let hint = format!("your text is kept in {0}; virtsh define {0} tries it again", path.display());
            Err(failure.hint(hint))
        }
    }
}

fn definition(domain: &Domain) -> Result<String, Failure> {
    Ok(domain.xml(DomainXml::INACTIVE | DomainXml::SECURE)?)
}

struct Session<'a> {
    domain: &'a Domain,
    flags: DefineDomain,
    /// The definition when the editor was opened.
    before: String,
    cursor: Option<Cursor>,
}

impl Session<'_> {
    /// Edits until it is defined, or the user gives up; nothing when nothing was changed.
    fn run(&mut self, shell: &mut Shell, draft: &Draft) -> Result<Option<Domain>, Failure> {
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
    fn define(&mut self, shell: &mut Shell, draft: &Draft, text: String) -> Result<Option<Domain>, Failure> {
        let document = Document { name: draft.path().display().to_string(), text };
        let now = definition(self.domain)?;
        if now != self.before {
            let failure =
                Failure::sentence("the XML configuration was changed by another user while you edited it");
            match ask(shell, failure, "f - define mine all the same")? {
                Answer::Again => return Ok(None),
                Answer::Leave => return Err(Failure::silent()),
                Answer::Force => self.before = now,
            }
        }
        let define = |flags| {
            let connection = self.domain.connection();
            connection.define_domain(&document.text, flags)
        };
        let error = match define(self.flags) {
            Ok(domain) => return Ok(Some(domain)),
            Err(error) => error,
        };
        self.cursor = error.place().and_then(cursor);
        let failure = self.refused(error, &document);
        match ask(shell, failure, "i - define it without checking its names")? {
            Answer::Again => Ok(None),
            Answer::Leave => Err(Failure::silent()),
            Answer::Force => {
                self.flags.remove(DefineDomain::VALIDATE);
                let defined = define(self.flags);
                defined.map(Some).map_err(|error| self.refused(error, &document))
            }
        }
    }

    fn refused(&self, error: Error, document: &Document) -> Failure {
        let refused: Result<(), _> = Err(xml::failure(error, document));
        refused
            .context(|| format!("Failed to define domain '{}'", self.domain.name()))
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

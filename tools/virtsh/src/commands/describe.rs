//! `desc` and `metadata`, of domains and, for `net-desc` and `net-metadata`, of networks.

use virt_core::{Affect, Domain, ErrorCode, MetadataChange, MetadataKind, Network, Uuid};

use super::subject;
use super::tuning::check_impact;
use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::editor::{Edited, edit_text};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Field, Format, Reply};
use crate::shell::Shell;

pub(super) const LIVE: Opt = Opt::flag("live", "modify/get running state");
pub(super) const CONFIG: Opt = Opt::flag("config", "modify/get persistent configuration");
pub(super) const CURRENT: Opt = Opt::flag("current", "modify/get current state configuration");
pub(super) const TITLE: Opt = Opt::flag("title", "modify/get the title instead of description");
pub(super) const EDIT_TEXT: Opt = Opt::flag("edit", "open an editor to modify the description");
pub(super) const NEW_TEXT: Opt = Opt::words("new-desc", "message");
pub(super) const URI: Opt = Opt::text("uri", "URI of the namespace").required();
pub(super) const EDIT_ELEMENT: Opt = Opt::flag("edit", "use an editor to change the metadata");
pub(super) const KEY: Opt = Opt::text("key", "key to be used as a namespace identifier").tolerated();
pub(super) const SET: Opt = Opt::text("set", "new metadata to set").tolerated();
pub(super) const REMOVE: Opt = Opt::flag("remove", "remove the metadata corresponding to an uri");

pub(super) static DESC: Command = Command {
    name: "desc",
    summary: "show or set domain's description or title",
    description: "Allows setting or modifying the description or title of a domain.",
    options: &[domain(DOMAIN, Values::AllDomains), LIVE, CONFIG, CURRENT, TITLE, EDIT_TEXT, NEW_TEXT],
    run: |shell, arguments| describe(shell, arguments, Shell::domain),
};

pub(super) static METADATA: Command = Command {
    name: "metadata",
    summary: "show or set domain's custom XML metadata",
    description: "Shows or modifies the XML metadata of a domain.",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        URI,
        LIVE,
        CONFIG,
        CURRENT,
        EDIT_ELEMENT,
        KEY,
        SET,
        REMOVE,
    ],
    run: |shell, arguments| annotate(shell, arguments, Shell::domain),
};

/// What can be described: a domain, a network.
pub(super) trait Described {
    /// What it is, in libvirt's word.
    const WORD: &str;
    /// The same at the beginning of a sentence.
    const CAPITAL: &str;
    /// The code of an error that says that there is no such text.
    const NONE: ErrorCode;

    fn name(&self) -> &str;
    fn uuid(&self) -> Uuid;
    fn metadata(
        &self,
        kind: MetadataKind,
        namespace: Option<&str>,
        affect: Affect,
    ) -> virt_core::Result<String>;
    fn set_metadata(&self, change: MetadataChange, affect: Affect) -> virt_core::Result<()>;
}

macro_rules! described {
    ($type:ty, $word:literal, $capital:literal, $none:ident) => {
        impl Described for $type {
            const WORD: &str = $word;
            const CAPITAL: &str = $capital;
            const NONE: ErrorCode = ErrorCode::$none;

            fn name(&self) -> &str {
                self.name()
            }

            fn uuid(&self) -> Uuid {
                self.uuid()
            }

            fn metadata(
                &self,
                kind: MetadataKind,
                namespace: Option<&str>,
                affect: Affect,
            ) -> virt_core::Result<String> {
                self.metadata(kind, namespace, affect)
            }

            fn set_metadata(&self, change: MetadataChange, affect: Affect) -> virt_core::Result<()> {
                self.set_metadata(change, affect)
            }
        }
    };
}

described!(Domain, "domain", "Domain", NO_DOMAIN_METADATA);
described!(Network, "network", "Network", NO_NETWORK_METADATA);

fn affect(arguments: &Arguments) -> Result<Affect, Failure> {
    check_impact(arguments)?;
    Ok(arguments.collect(&[("live", Affect::LIVE), ("config", Affect::CONFIG)]))
}

/// The text; nothing where there is none of this kind.
fn read<T: Described>(
    subject: &T,
    kind: MetadataKind,
    namespace: Option<&str>,
    affect: Affect,
) -> Result<Option<String>, Failure> {
    match subject.metadata(kind, namespace, affect) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.code() == T::NONE => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// `desc` and `net-desc`, for what `find` finds.
pub(super) fn describe<T: Described>(
    shell: &mut Shell,
    arguments: &Arguments,
    find: impl FnOnce(&mut Shell, &Arguments) -> Result<T, Failure>,
) -> Outcome {
    let affect = affect(arguments)?;
    let (kind, word, capital) = if arguments.has("title") {
        (MetadataKind::Title, "title", "Title")
    } else {
        (MetadataKind::Description, "description", "Description")
    };
    let (what, first) = (T::WORD, T::CAPITAL);
    let described = find(shell, arguments)?;
    let words: Vec<&str> = arguments.words("new-desc").collect();
    let given = arguments.has("new-desc").then(|| words.join(" "));
    let edit = arguments.has("edit");
    if given.is_none() && !edit {
        let text = read(&described, kind, None, affect)?;
        if shell.output.format() != Format::Plain {
            return shell.print(&Reply::Value(Field::new(word, capital, text)));
        }
        match text {
            Some(text) => shell.output.text(&text),
            None => shell.output.extra(&format!("No {word} for {what}: {}", described.name())),
        }
        return Ok(());
    }
    let mut text = match given {
        Some(text) => text,
        None => read(&described, kind, None, affect)?.unwrap_or_default(),
    };
    if edit {
        match edit_text(&text)? {
            Edited::Changed(edited) => edited.trim_end_matches('\n').clone_into(&mut text),
            Edited::Unchanged => {
                shell.output.extra(&format!("{first} {word} not changed"));
                return Ok(());
            }
        }
    }
    let text = (!text.is_empty()).then_some(text);
    let change = MetadataChange { kind, text, prefix: None, namespace: None };
    described.set_metadata(change, affect).context(|| format!("Failed to set new {what} {word}"))?;
    let message = format!("{first} {word} updated successfully");
    if shell.output.format() == Format::Plain {
        shell.output.extra(&message);
        return Ok(());
    }
    shell.print(&done(&described, message))
}

/// `metadata` and `net-metadata`, for what `find` finds.
pub(super) fn annotate<T: Described>(
    shell: &mut Shell,
    arguments: &Arguments,
    find: impl FnOnce(&mut Shell, &Arguments) -> Result<T, Failure>,
) -> Outcome {
    let affect = affect(arguments)?;
    for (one, other) in [("edit", "set"), ("remove", "set"), ("remove", "edit")] {
        arguments.exclusive(one, other)?;
    }
    let (uri, prefix, set) = (arguments.required("uri")?, arguments.text("key")?, arguments.text("set")?);
    let annotated = find(shell, arguments)?;
    let kind = MetadataKind::Element;
    let change = |text: Option<String>| MetadataChange {
        kind,
        text,
        prefix: prefix.map(str::to_owned),
        namespace: Some(uri.to_owned()),
    };
    if arguments.has("remove") {
        annotated.set_metadata(change(None), affect)?;
        return shell.print(&done(&annotated, "Metadata removed".to_owned()));
    }
    if (set.is_some() || arguments.has("edit")) && prefix.is_none() {
        return Err(Failure::usage("namespace key is required when modifying metadata"));
    }
    let text = if arguments.has("edit") {
        let before = read(&annotated, kind, Some(uri), affect)?.unwrap_or_default();
        match edit_text(&before)? {
            Edited::Changed(text) => text,
            Edited::Unchanged => {
                shell.output.extra("Metadata not changed");
                return Ok(());
            }
        }
    } else if let Some(text) = set {
        text.to_owned()
    } else {
        let text = read(&annotated, kind, Some(uri), affect)?.unwrap_or_default();
        return shell.print(&Reply::Text { key: "xml", text });
    };
    annotated.set_metadata(change(Some(text)), affect)?;
    shell.print(&done(&annotated, "Metadata modified".to_owned()))
}

fn done(described: &impl Described, message: String) -> Reply {
    Reply::Done { message, subject: Some(subject(described.name(), described.uuid())) }
}

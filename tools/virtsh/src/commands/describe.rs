//! `desc`, `metadata`

use virt_core::{Affect, Domain, ErrorCode, MetadataChange, MetadataKind};

use super::done;
use crate::command::{Command, DOMAIN, Opt, Outcome, Values, domain};
use crate::editor::Edited;
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Field, Format, Reply};
use crate::shell::Shell;

use super::tuning::check_impact;

const LIVE: Opt = Opt::flag("live", "modify/get running state");
const CONFIG: Opt = Opt::flag("config", "modify/get persistent configuration");
const CURRENT: Opt = Opt::flag("current", "modify/get current state configuration");

pub(super) static DESC: Command = Command {
    name: "desc",
    summary: "show or set domain's description or title",
    description: "Allows setting or modifying the description or title of a domain.",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        LIVE,
        CONFIG,
        CURRENT,
        Opt::flag("title", "modify/get the title instead of description"),
        Opt::flag("edit", "open an editor to modify the description"),
        Opt::words("new-desc", "message"),
    ],
    run: desc,
};

pub(super) static METADATA: Command = Command {
    name: "metadata",
    summary: "show or set domain's custom XML metadata",
    description: "Shows or modifies the XML metadata of a domain.",
    options: &[
        domain(DOMAIN, Values::AllDomains),
        Opt::text("uri", "URI of the namespace").required(),
        LIVE,
        CONFIG,
        CURRENT,
        Opt::flag("edit", "use an editor to change the metadata"),
        Opt::text("key", "key to be used as a namespace identifier").tolerated(),
        Opt::text("set", "new metadata to set").tolerated(),
        Opt::flag("remove", "remove the metadata corresponding to an uri"),
    ],
    run: metadata,
};

fn affect(arguments: &Arguments) -> Result<Affect, Failure> {
    check_impact(arguments)?;
    Ok(arguments.collect(&[("live", Affect::LIVE), ("config", Affect::CONFIG)]))
}

/// The text; nothing where the domain has none of this kind.
fn read(
    domain: &Domain,
    kind: MetadataKind,
    namespace: Option<&str>,
    affect: Affect,
) -> Result<Option<String>, Failure> {
    match domain.metadata(kind, namespace, affect) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.code() == ErrorCode::NO_DOMAIN_METADATA => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn desc(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let affect = affect(arguments)?;
    let (kind, word, capital) = if arguments.has("title") {
        (MetadataKind::Title, "title", "Title")
    } else {
        (MetadataKind::Description, "description", "Description")
    };
    let domain = shell.domain(arguments)?;
    let words: Vec<&str> = arguments.words("new-desc").collect();
    let given = arguments.has("new-desc").then(|| words.join(" "));
    let edit = arguments.has("edit");
    if given.is_none() && !edit {
        let text = read(&domain, kind, None, affect)?;
        if shell.output.format() != Format::Plain {
            let key = if kind == MetadataKind::Title { "title" } else { "description" };
            return shell.print(&Reply::Value(Field::new(key, capital, text)));
        }
        match text {
            Some(text) => shell.output.text(&text),
            None => shell.output.extra(&format!("No {word} for domain: {}", domain.name())),
        }
        return Ok(());
    }
    let before = match given {
        Some(text) => text,
        None => read(&domain, kind, None, affect)?.unwrap_or_default(),
    };
    let text = if edit {
        match crate::editor::edit_text(&before)? {
            Edited::Changed(text) => text.trim_end_matches('\n').to_owned(),
            Edited::Unchanged => {
                shell.output.extra(&format!("Domain {word} not changed"));
                return Ok(());
            }
        }
    } else {
        before
    };
    let text = (!text.is_empty()).then_some(text);
    let change = MetadataChange { kind, text, prefix: None, namespace: None };
    domain.set_metadata(change, affect).context(|| format!("Failed to set new domain {word}"))?;
    let message = format!("Domain {word} updated successfully");
    if shell.output.format() == Format::Plain {
        shell.output.extra(&message);
        return Ok(());
    }
    shell.print(&done(&domain, message))
}

fn metadata(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let affect = affect(arguments)?;
    for (one, other) in [("edit", "set"), ("remove", "set"), ("remove", "edit")] {
        arguments.exclusive(one, other)?;
    }
    let (uri, prefix, set) = (arguments.required("uri")?, arguments.text("key")?, arguments.text("set")?);
    let domain = shell.domain(arguments)?;
    let element = MetadataKind::Element;
    let change = |text: Option<String>| MetadataChange {
        kind: element,
        text,
        prefix: prefix.map(str::to_owned),
        namespace: Some(uri.to_owned()),
    };
    if arguments.has("remove") {
        domain.set_metadata(change(None), affect)?;
        return shell.print(&done(&domain, "Metadata removed".to_owned()));
    }
    if (set.is_some() || arguments.has("edit")) && prefix.is_none() {
        return Err(Failure::usage("namespace key is required when modifying metadata"));
    }
    let text = if arguments.has("edit") {
        let before = read(&domain, element, Some(uri), affect)?.unwrap_or_default();
        match crate::editor::edit_text(&before)? {
            Edited::Changed(text) => text,
            Edited::Unchanged => {
                shell.output.extra("Metadata not changed");
                return Ok(());
            }
        }
    } else if let Some(text) = set {
        text.to_owned()
    } else {
        let text = read(&domain, element, Some(uri), affect)?.unwrap_or_default();
        return shell.print(&Reply::Text { key: "xml", text });
    };
    domain.set_metadata(change(Some(text)), affect)?;
    shell.print(&done(&domain, "Metadata modified".to_owned()))
}

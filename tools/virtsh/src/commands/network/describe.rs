//! `net-desc`, `net-metadata`

use virt_core::{Affect, ErrorCode, MetadataChange, MetadataKind, Network};

use super::super::tuning::check_impact;
use super::{NETWORK, done, network, option};
use crate::command::{Command, Opt, Outcome};
use crate::editor::{Edited, edit_text};
use crate::failure::{Context as _, Failure};
use crate::grammar::Arguments;
use crate::output::{Field, Format, Reply};
use crate::shell::Shell;

const LIVE: Opt = Opt::flag("live", "modify/get running state");
const CONFIG: Opt = Opt::flag("config", "modify/get persistent configuration");
const CURRENT: Opt = Opt::flag("current", "modify/get current state configuration");

pub(super) static DESC: Command = Command {
    name: "net-desc",
    summary: "show or set network's description or title",
    description: "Allows setting or modifying the description or title of a network.",
    options: &[
        option(NETWORK),
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
    name: "net-metadata",
    summary: "show or set network's custom XML metadata",
    description: "Shows or modifies the XML metadata of a network.",
    options: &[
        option(NETWORK),
        Opt::text("uri", "URI of the namespace").required(),
        LIVE,
        CONFIG,
        CURRENT,
        Opt::flag("edit", "use an editor to change the metadata"),
        Opt::text("key", "key to be used as a namespace identifier"),
        Opt::text("set", "new metadata to set"),
        Opt::flag("remove", "remove the metadata corresponding to an uri"),
    ],
    run: metadata,
};

fn affect(arguments: &Arguments) -> Result<Affect, Failure> {
    check_impact(arguments)?;
    Ok(arguments.collect(&[("live", Affect::LIVE), ("config", Affect::CONFIG)]))
}

/// The text; nothing where the network has none of this kind.
fn read(
    network: &Network,
    kind: MetadataKind,
    namespace: Option<&str>,
    affect: Affect,
) -> Result<Option<String>, Failure> {
    match network.metadata(kind, namespace, affect) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.code() == ErrorCode::NO_NETWORK_METADATA => Ok(None),
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
    let network = network(shell, arguments)?;
    let words: Vec<&str> = arguments.words("new-desc").collect();
    let given = arguments.has("new-desc").then(|| words.join(" "));
    let edit = arguments.has("edit");
    if given.is_none() && !edit {
        let text = read(&network, kind, None, affect)?;
        if shell.output.format() != Format::Plain {
            let key = if kind == MetadataKind::Title { "title" } else { "description" };
            return shell.print(&Reply::Value(Field::new(key, capital, text)));
        }
        match text {
            Some(text) => shell.output.text(&text),
            None => shell.output.extra(&format!("No {word} for network: {}", network.name())),
        }
        return Ok(());
    }
    let mut text = match given {
        Some(text) => text,
        None => read(&network, kind, None, affect)?.unwrap_or_default(),
    };
    if edit {
        match edit_text(&text)? {
            Edited::Changed(edited) => edited.trim_end_matches('\n').clone_into(&mut text),
            Edited::Unchanged => {
                shell.output.extra(&format!("Network {word} not changed"));
                return Ok(());
            }
        }
    }
    let text = (!text.is_empty()).then_some(text);
    let change = MetadataChange { kind, text, prefix: None, namespace: None };
    network.set_metadata(change, affect).context(|| format!("Failed to set new network {word}"))?;
    shell.print(&done(&network, format!("Network {word} updated successfully")))
}

fn metadata(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let affect = affect(arguments)?;
    for (one, other) in [("edit", "set"), ("remove", "set"), ("remove", "edit")] {
        arguments.exclusive(one, other)?;
    }
    let (uri, prefix, set) = (arguments.required("uri")?, arguments.text("key")?, arguments.text("set")?);
    let network = network(shell, arguments)?;
    let kind = MetadataKind::Element;
    let change = |text: Option<String>| MetadataChange {
        kind,
        text,
        prefix: prefix.map(str::to_owned),
        namespace: Some(uri.to_owned()),
    };
    if arguments.has("remove") {
        network.set_metadata(change(None), affect)?;
        return shell.print(&done(&network, "Metadata removed".to_owned()));
    }
    if (set.is_some() || arguments.has("edit")) && prefix.is_none() {
        return Err(Failure::usage("namespace key is required when modifying metadata"));
    }
    let text = if arguments.has("edit") {
        let before = read(&network, kind, Some(uri), affect)?.unwrap_or_default();
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
        let text = network.metadata(kind, Some(uri), affect)?;
        return shell.print(&Reply::Text { key: "xml", text });
    };
    network.set_metadata(change(Some(text)), affect)?;
    shell.print(&done(&network, "Metadata modified".to_owned()))
}

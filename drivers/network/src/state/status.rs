//! `<networkstatus>`: a network as it runs, in the run directory.

use roxmltree::Document;
use virt_conf::model::Network;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

/// Somebody is starting it.
pub(crate) const STARTING: i32 = 0;
/// It runs.
pub(crate) const RUNNING: i32 = 1;

/// What stands in the document.
pub(super) struct Status {
    pub(super) network: Network,
    pub(super) id: u32,
    pub(super) state: i32,
}

/// The document.
pub(super) fn to_status(network: &Network, id: u32, state: i32) -> String {
    let text = network.to_string();
    let body: String = text.lines().map(|line| format!("  {line}\n")).collect();
    format!("<networkstatus id='{id}' state='{state}'>\n{body}</networkstatus>\n")
}

/// What it says.
pub(super) fn from_status(text: &str) -> Result<Status> {
    let document = Document::parse(text).map_err(|error| wrong(&error.to_string()))?;
    let root = document.root_element();
    let number = |name: &str| root.attribute(name).ok_or_else(|| wrong(&format!("no attribute '{name}'")));
    let inner =
        root.children().find(|child| child.has_tag_name("network")).ok_or_else(|| wrong("no network"))?;
    let network = text.get(inner.range()).unwrap_or_default().parse()?;
    let malformed = |_| wrong("a number was expected");
    Ok(Status {
        network,
        id: number("id")?.parse().map_err(malformed)?,
        state: number("state")?.parse().map_err(malformed)?,
    })
}

pub(super) fn wrong(what: &str) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::NETWORK, what)
}

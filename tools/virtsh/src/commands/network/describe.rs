//! `net-desc`, `net-metadata`

use super::super::describe::{
    CONFIG, CURRENT, EDIT_ELEMENT, EDIT_TEXT, KEY, LIVE, NEW_TEXT, REMOVE, SET, TITLE, URI, annotate,
    describe,
};
use super::{NETWORK, network, option};
use crate::command::Command;

pub(super) static DESC: Command = Command {
    name: "net-desc",
    summary: "show or set network's description or title",
    description: "Allows setting or modifying the description or title of a network.",
    options: &[option(NETWORK), LIVE, CONFIG, CURRENT, TITLE, EDIT_TEXT, NEW_TEXT],
    run: |shell, arguments| describe(shell, arguments, network),
};

pub(super) static METADATA: Command = Command {
    name: "net-metadata",
    summary: "show or set network's custom XML metadata",
    description: "Shows or modifies the XML metadata of a network.",
    options: &[option(NETWORK), URI, LIVE, CONFIG, CURRENT, EDIT_ELEMENT, KEY, SET, REMOVE],
    run: |shell, arguments| annotate(shell, arguments, network),
};

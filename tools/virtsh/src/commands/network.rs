//! `net-*`: virtual networks.

mod define;
mod describe;
mod event;
mod information;
mod lease;
mod lifecycle;
mod list;
mod port;
mod update;

use virt_core::{ErrorCode, Network, Uuid};

use super::subject;
use crate::command::{Group, Opt};
use crate::failure::{Context as _, Failure, FailureKind};
use crate::grammar::Arguments;
use crate::output::Reply;
use crate::shell::Shell;

/// virsh's group.
pub(super) const GROUP: Group = Group {
    title: "Networking",
    keyword: "network",
    commands: &[
        &lifecycle::AUTOSTART,
        &define::CREATE,
        &define::DEFINE,
        &describe::DESC,
        &lifecycle::DESTROY,
        &lease::LEASES,
        &define::DUMPXML,
        &define::EDIT,
        &event::EVENT,
        &information::INFO,
        &list::LIST,
        &describe::METADATA,
        &information::NAME,
        &lifecycle::REPAIR,
        &lifecycle::START,
        &lifecycle::UNDEFINE,
        &update::UPDATE,
        &information::UUID,
        &port::LIST,
        &port::CREATE,
        &port::DUMPXML,
        &port::DELETE,
    ],
};

/// `network`, as most commands have it.
const fn option(help: &'static str) -> Opt {
    Opt::text("network", help).required()
}

const NETWORK: &str = "network name or uuid";

/// How a network may be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    NameOrUuid,
    Name,
    Uuid,
}

/// The network that the command's option names.
fn network(shell: &mut Shell, arguments: &Arguments) -> Result<Network, Failure> {
    network_by(shell, arguments, By::NameOrUuid)
}

fn network_by(shell: &mut Shell, arguments: &Arguments, by: By) -> Result<Network, Failure> {
    let wanted = arguments.required("network")?;
    let connection = shell.connection()?.clone();
    let failed = || format!("failed to get network '{wanted}'");
    let uuid: Option<Uuid> = (wanted.len() == 36).then(|| wanted.parse().ok()).flatten();
    if let Some(uuid) = uuid.filter(|_| by != By::Name) {
        match connection.network_by_uuid(uuid) {
            Err(error) if error.code() == ErrorCode::NO_NETWORK && by == By::NameOrUuid => {}
            found => return named(found, failed),
        }
    }
    if by == By::Uuid {
        return Err(Failure::sentence(failed()).kind(FailureKind::NotFound));
    }
    named(connection.network_by_name(wanted), failed)
}

fn named(found: virt_core::Result<Network>, failed: impl Fn() -> String) -> Result<Network, Failure> {
    let missing = matches!(&found, Err(error) if error.code() == ErrorCode::NO_NETWORK);
    let found = found.context(failed);
    if missing { found.map_err(|failure| failure.kind(FailureKind::NotFound)) } else { found }
}

/// A sentence about a network, for programs with its identity.
fn done(network: &Network, message: String) -> Reply {
    Reply::Done { message, subject: Some(subject(network.name(), network.uuid())) }
}

//! Changes of networks: of what runs, of the definition, or both.

use uuid::Uuid;
use virt_conf::model::{Network, NetworkSection, NetworkUpdate};
use virt_core::driver::{Affect, MetadataChange, MetadataKind, NetworkChange, NetworkCommand, NetworkPart};
use virt_util::index::Entry;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::Engine;
use super::validate::validate;
use crate::dnsmasq::Files;
use crate::invalid;
use crate::{event, state};

/// What of a network a change affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) live: bool,
    pub(crate) config: bool,
}

impl Target {
    /// What the flags mean for a network.
    pub(crate) fn of(entry: &Entry, affect: Affect) -> Result<Self> {
        let (mut live, mut config) = (affect.contains(Affect::LIVE), affect.contains(Affect::CONFIG));
        if !live && !config {
            (live, config) = (entry.is_active(), !entry.is_active());
        }
        if live && !entry.is_active() {
            return Err(invalid("network is not running"));
        }
        if config && !entry.is_persistent() {
            return Err(invalid("cannot change persistent config of a transient network"));
        }
        Ok(Self { live, config })
    }
}

impl Engine {
    /// Changes one element.
    pub(crate) fn update(
        &self,
        uuid: Uuid,
        change: &NetworkChange,
        affect: Affect,
        wait: Wait<'_>,
    ) -> Result<()> {
        let section = section(change.section)?;
        let command = command(change.command)?;
        let parent = usize::try_from(change.parent).ok();
        let apply = |network: &mut Network| -> Result<()> {
            network.update(section, command, parent, &change.xml)?;
            validate(network)
        };
        self.change(uuid, affect, apply, wait)
    }

    /// Changes metadata.
    pub(crate) fn set_metadata(
        &self,
        uuid: Uuid,
        change: &MetadataChange,
        affect: Affect,
        wait: Wait<'_>,
    ) -> Result<()> {
        self.change(uuid, affect, |network| write_metadata(network, change), wait)?;
        let lock = self.store.index().lock("a network's metadata", wait)?;
        let entry = self.store.by_uuid(uuid)?;
        event::metadata(&entry, change).append(&lock, self.store.events())
    }

    /// Carries a change out where it belongs: both succeed on paper before anything is written.
    fn change(
        &self,
        uuid: Uuid,
        affect: Affect,
        apply: impl Fn(&mut Network) -> Result<()>,
        wait: Wait<'_>,
    ) -> Result<()> {
        let _lock = self.store.lock_network(uuid, "changing", wait)?;
        let entry = self.entry(uuid)?;
        let target = Target::of(&entry, affect)?;
        let changed = |before: &Network| {
            let mut after = before.clone();
            apply(&mut after).map(|()| after)
        };
        let definition = match target.config {
            true => self.store.definition(&entry)?.map(|before| changed(&before)).transpose()?,
            false => None,
        };
        if target.live {
            let before = self.store.running(&entry)?;
            let after = changed(&before)?;
            self.follow(&before, &after, wait)?;
            let mut lock = self.store.index().lock("changing a network", wait)?;
            self.store.write_status(&mut lock, &after, state::RUNNING)?;
        }
        if let Some(definition) = definition {
            let mut lock = self.store.index().lock("changing a network", wait)?;
            self.store.write_definition(&mut lock, &definition)?;
        }
        Ok(())
    }

    /// Has the server follow a change: it reads its hosts again, or is started anew.
    pub(super) fn follow_server(&self, before: &Network, after: &Network, wait: Wait<'_>) -> Result<()> {
        let server = self.store.server(&after.name);
        let names = server.names();
        let (old, new) = (Files::of(before, &names)?, Files::of(after, &names)?);
        if old == new {
            return Ok(());
        }
        let restarts = old.configuration != new.configuration;
        if restarts {
            server.stop()?;
        }
        if !Files::are_needed(after) {
            return server.remove_files();
        }
        server.write(&new)?;
        // One that was killed reads them when it starts.
        if restarts || !server.reload()? {
            return server.start(wait);
        }
        Ok(())
    }
}

fn section(part: NetworkPart) -> Result<NetworkSection> {
    Ok(match part {
        NetworkPart::Bridge => NetworkSection::Bridge,
        NetworkPart::Domain => NetworkSection::Domain,
        NetworkPart::Ip => NetworkSection::Ip,
        NetworkPart::IpDhcpHost => NetworkSection::IpDhcpHost,
        NetworkPart::IpDhcpRange => NetworkSection::IpDhcpRange,
        NetworkPart::Forward => NetworkSection::Forward,
        NetworkPart::ForwardInterface => NetworkSection::ForwardInterface,
        NetworkPart::ForwardPf => NetworkSection::ForwardPf,
        NetworkPart::PortGroup => NetworkSection::PortGroup,
        NetworkPart::DnsHost => NetworkSection::DnsHost,
        NetworkPart::DnsTxt => NetworkSection::DnsTxt,
        NetworkPart::DnsSrv => NetworkSection::DnsSrv,
        _ => return Err(unrecognized("can't update unrecognized section of network")),
    })
}

fn command(command: NetworkCommand) -> Result<NetworkUpdate> {
    Ok(match command {
        NetworkCommand::Modify => NetworkUpdate::Modify,
        NetworkCommand::Delete => NetworkUpdate::Delete,
        NetworkCommand::AddLast => NetworkUpdate::AddLast,
        NetworkCommand::AddFirst => NetworkUpdate::AddFirst,
        _ => return Err(unrecognized("unrecognized network update command code")),
    })
}

fn unrecognized(what: &str) -> Error {
    Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::NETWORK, what)
}

/// The text of one kind of metadata.
pub(crate) fn read_metadata(
    network: &Network,
    kind: MetadataKind,
    namespace: Option<&str>,
) -> Result<String> {
    let (text, what) = match kind {
        MetadataKind::Title => (network.title.clone(), "title element"),
        MetadataKind::Description => (network.description.clone(), "description element"),
        MetadataKind::Element => {
            (network.metadata_element(namespace.unwrap_or_default()), "metadata element")
        }
        _ => return Err(unknown_kind()),
    };
    text.ok_or_else(|| {
        let detail = format!("Requested {what} is not present");
        Error::new(ErrorCode::NO_NETWORK_METADATA, ErrorDomain::NETWORK, detail)
    })
}

fn write_metadata(network: &mut Network, change: &MetadataChange) -> Result<()> {
    let text = change.text.clone().filter(|text| !text.is_empty());
    let namespace = change.namespace.as_deref().unwrap_or_default();
    match (change.kind, text) {
        (MetadataKind::Title, text) => network.title = text,
        (MetadataKind::Description, text) => network.description = text,
        (MetadataKind::Element, Some(text)) => {
            network.set_metadata_element(change.prefix.as_deref().unwrap_or_default(), namespace, &text)?;
        }
        (MetadataKind::Element, None) => network.remove_metadata_element(namespace),
        _ => return Err(unknown_kind()),
    }
    Ok(())
}

fn unknown_kind() -> Error {
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NETWORK, "unknown metadata type")
}

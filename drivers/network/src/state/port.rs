//! The ports of running networks, a document each.

use uuid::Uuid;
use virt_conf::model::NetworkPort;
use virt_util::dir::Dir;
use virt_util::file;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{Store, read, unreadable};

impl Store {
    fn ports_of(&self, network: Uuid) -> Result<Option<Dir>> {
        self.ports.existing_subdir(&network.to_string())
    }

    /// The UUIDs of a network's ports.
    pub(crate) fn port_uuids(&self, network: Uuid) -> Result<Vec<Uuid>> {
        let Some(dir) = self.ports_of(network)? else { return Ok(Vec::new()) };
        let mut uuids: Vec<Uuid> =
            dir.names()?.iter().filter_map(|name| name.strip_suffix(".xml")?.parse().ok()).collect();
        uuids.sort_unstable();
        Ok(uuids)
    }

    /// The ports of a network.
    pub(crate) fn ports(&self, network: Uuid) -> Result<Vec<NetworkPort>> {
        // One that is removed meanwhile is none.
        let ports = self.port_uuids(network)?.into_iter().filter_map(|port| match self.port(network, port) {
            Err(error) if error.code() == ErrorCode::NO_NETWORK_PORT => None,
            other => Some(other),
        });
        ports.collect()
    }

    /// A port of a network.
    pub(crate) fn port(&self, network: Uuid, port: Uuid) -> Result<NetworkPort> {
        let missing = || {
            let detail = format!("Network port with UUID {port} does not exist");
            Error::new(ErrorCode::NO_NETWORK_PORT, ErrorDomain::NETWORK, detail)
        };
        let name = format!("{port}.xml");
        let dir = self.ports_of(network)?.ok_or_else(missing)?;
        if !dir.contains(&name)? {
            return Err(missing());
        }
        let text = read(&dir, &name)?;
        text.parse().map_err(|error| unreadable(error, &name))
    }

    /// Writes a port.
    pub(crate) fn write_port(&self, network: Uuid, port: &NetworkPort) -> Result<()> {
        let dir = self.ports.subdir(&network.to_string())?;
        file::write(&dir, &format!("{}.xml", port.uuid), 0o600, port.to_string().as_bytes()).map(drop)
    }

    /// Removes a port.
    pub(crate) fn remove_port(&self, network: Uuid, port: Uuid) -> Result<()> {
        match self.ports_of(network)? {
            Some(dir) => dir.remove_file(&format!("{port}.xml")),
            None => Ok(()),
        }
    }
}

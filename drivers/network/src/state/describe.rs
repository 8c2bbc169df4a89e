//! How the index learns what is in a file that it does not know.

use virt_conf::model::Network;
use virt_conf::xml::{ParseFlags, ParseOptions};
use virt_util::Result;
use virt_util::dir::Dir;
use virt_util::index::{Describe, Entry, Source};

use super::status::{from_status, wrong};
use super::{file_name, note_bridge, uuid_of};

/// Reads documents for the index.
pub(super) struct Describer {
    pub(super) autostart: Dir,
}

impl Describe for Describer {
    fn describe(&self, source: Source, name: &str, content: &[u8]) -> Result<Entry> {
        let text = std::str::from_utf8(content).map_err(|error| wrong(&error.to_string()))?;
        let (network, status) = match source {
            Source::Definition => (Network::from_xml(text, &ParseOptions::from(ParseFlags::INACTIVE))?, None),
            Source::Status => {
                let status = from_status(text)?;
                (status.network, Some((status.id, status.state)))
            }
        };
        if name != file_name(&network.name) {
            return Err(wrong(&format!("it defines a network called '{}'", network.name)));
        }
        let mut entry = Entry { uuid: uuid_of(&network)?, name: network.name.clone(), ..Entry::default() };
        match status {
            None => entry.autostart = self.autostart.contains(name)?,
            Some((id, state)) => (entry.id, entry.state) = (Some(id), state),
        }
        note_bridge(&mut entry, &network);
        Ok(entry)
    }
}

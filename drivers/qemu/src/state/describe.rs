//! How the index learns what is in a file that it does not know.

use roxmltree::{Document, Node};
use uuid::Uuid;
use virt_core::driver::DomainState;
use virt_util::dir::Dir;
use virt_util::index::{Describe, Entry, Source};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::Status;

/// Reads of a document only what the index keeps.
pub(super) struct Describer {
    pub(super) autostart: Dir,
}

impl Describe for Describer {
    fn describe(&self, source: Source, name: &str, content: &[u8]) -> Result<Entry> {
        let text = std::str::from_utf8(content).map_err(|error| wrong(&error.to_string()))?;
        match source {
            Source::Definition => {
                let document = Document::parse(text).map_err(|error| wrong(&error.to_string()))?;
                let mut entry = identity(document.root_element())?;
                if name != super::file_name(&entry.name) {
                    return Err(wrong(&format!("it defines a domain called '{}'", entry.name)));
                }
                entry.state = DomainState::Shutoff.number();
                entry.autostart = self.autostart.contains(name)?;
                Ok(entry)
            }
            Source::Status => {
                let status = Status::from_xml(text)?;
                let mut entry = Entry { name: status.domain.name.clone(), ..Entry::default() };
                entry.uuid = super::uuid_of(&status.domain)?;
                status.describe(&mut entry);
                Ok(entry)
            }
        }
    }
}

fn identity(domain: Node<'_, '_>) -> Result<Entry> {
    if domain.tag_name().name() != "domain" {
        return Err(wrong("unexpected root element, expecting <domain>"));
    }
    let text = |name: &str| domain.children().find(|child| child.has_tag_name(name))?.text();
    let name = text("name").ok_or_else(|| wrong("no name"))?;
    let uuid =
        text("uuid").and_then(|uuid| Uuid::try_parse(uuid.trim()).ok()).ok_or_else(|| wrong("no UUID"))?;
    Ok(Entry { name: name.to_owned(), uuid, ..Entry::default() })
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::QEMU, what)
}

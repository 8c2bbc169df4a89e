//! `<domstatus>`: what runs, and how to find it again. Its frame is libvirt's; what only we need stands in `<virt>`.

use roxmltree::Document;
use uuid::Uuid;
use virt_conf::model::Domain;
use virt_conf::xml::FormatFlags;
use virt_core::driver::DomainState;
use virt_util::index::Entry;
use virt_util::owner::Owner;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

/// The version of the document that is written; later ones are left alone.
const FORMAT: u32 = 1;

/// What runs, and how to find it again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Status {
    /// State and reason when the document was written; the index knows later ones.
    pub(crate) state: (i32, i32),
    /// The emulator's process.
    pub(crate) process: Owner,
    /// The guest as it runs: with id, aliases, addresses and what was chosen at the start.
    pub(crate) domain: Domain,
}

impl Status {
    /// The document.
    pub(crate) fn to_xml(&self) -> String {
        let flags = FormatFlags::SECURE
            | FormatFlags::STATUS
            | FormatFlags::ACTUAL_NET
            | FormatFlags::PCI_ORIG_STATES;
        let domain = self.domain.to_xml(&flags.into());
        // Not indented: text in it may have lines of its own.
        header(&self.process, self.state) + &domain + "</domstatus>\n"
    }

    /// Reads the document.
    pub(crate) fn from_xml(text: &str) -> Result<Self> {
        let document = Document::parse(text).map_err(|error| wrong(error.to_string()))?;
        let root = document.root_element();
        let child = |name: &'static str| {
            let found = root.children().find(|child| child.has_tag_name(name));
            found.ok_or_else(|| wrong(format!("no <{name}> in <domstatus>")))
        };
        let virt = child("virt")?;
        let number = |node: roxmltree::Node<'_, '_>, name: &str| -> Result<i64> {
            let value = node.attribute(name).and_then(|value| value.parse().ok());
            value.ok_or_else(|| wrong(format!("no number in '{name}' of <{}>", node.tag_name().name())))
        };
        let format = number(virt, "format")?;
        if format > i64::from(FORMAT) {
            return Err(wrong(format!(
                "a status document of format {format}, which is newer than this version"
            ))
            .hint("use the version of the library that started the guest, or a later one"));
        }
        let boot = virt.attribute("boot").and_then(|boot| Uuid::try_parse(boot).ok());
        let process = Owner {
            pid: number(root, "pid")? as u32,
            start_time: number(virt, "start")? as u64,
            boot: boot.ok_or_else(|| wrong("no boot id in <virt>".into()))?,
        };
        let domain = text.get(child("domain")?.range()).unwrap_or_default();
        Ok(Self {
            state: (number(virt, "state")? as i32, number(virt, "reason")? as i32),
            process,
            domain: Domain::parse(domain, &super::live_view())?,
        })
    }

    /// Puts into `entry` what the index keeps of it.
    pub(super) fn describe(&self, entry: &mut Entry) {
        entry.id = self.domain.id.and_then(|id| u32::try_from(id).ok());
        (entry.state, entry.reason) = self.state;
        Self::note_process(entry, &self.process);
    }

    /// Notes in `entry` whose life its activity depends on.
    pub(crate) fn note_process(entry: &mut Entry, process: &Owner) {
        let Owner { pid, start_time, boot } = process;
        entry.notes.insert("process".into(), format!("{pid} {start_time} {boot}"));
    }

    /// The same document with another state, without understanding the rest of it.
    pub(super) fn with_state(text: &str, process: &Owner, state: (i32, i32)) -> Option<String> {
        let domain = text.find("\n<domain ").and_then(|at| text.get(at + 1..))?;
        Some(header(process, state) + domain)
    }

    /// The process that was noted in `entry`.
    pub(crate) fn process_of(entry: &Entry) -> Option<Owner> {
        let mut words = entry.notes.get("process")?.split(' ');
        Some(Owner {
            pid: words.next()?.parse().ok()?,
            start_time: words.next()?.parse().ok()?,
            boot: words.next()?.parse().ok()?,
        })
    }
}

/// Everything before the domain.
fn header(process: &Owner, (state, reason): (i32, i32)) -> String {
    let words = DomainState::from_number(state);
    let Owner { pid, start_time, boot } = process;
    format!(
        "<domstatus state='{words}' reason='{}' pid='{pid}'>\n  <virt format='{FORMAT}' state='{state}' reason='{reason}' \
         start='{start_time}' boot='{boot}'/>\n",
        words.reason(reason)
    )
}

fn wrong(what: String) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::QEMU, what)
}

//! Guests whose memory is kept: in files as libvirt's test driver writes them, which hold the document alone.

use std::io::Write as _;
use std::path::Path;

use uuid::Uuid;
use virt_conf::model::Domain;
use virt_conf::xml::FormatFlags;
use virt_core::driver::{
    CrashedDetail, DomainState, Error, ErrorCode, ErrorDomain, LifecycleEvent, PausedReason, Result,
    RunningReason, ShutoffReason, StartedDetail, StoppedDetail, SuspendedDetail,
};

use super::events::Occurrence;
use super::guest::Saved;
use super::{Guest, Node};
use crate::definition::{self, Definition};
use crate::error;

/// What a file of a saved guest begins with; the length of the document follows, and the document.
const MAGIC: &[u8; 15] = b"TestGuestMagic\0";

fn failed(attempt: String, error: std::io::Error) -> Error {
    Error::system(ErrorDomain::TEST, attempt, error)
}

/// Writes a file that is whole or not there.
fn write(path: &str, parts: &[&[u8]], attempt: impl Fn(&str) -> String) -> Result<()> {
    let mut file = std::fs::File::create(path).map_err(|error| failed(attempt("open failed"), error))?;
    let written = parts.iter().try_for_each(|part| file.write_all(part)).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // What is half written is nothing.
        let _ = std::fs::remove_file(path);
        failed(attempt("write failed"), error)
    })
}

/// The document in a file of a saved guest.
pub(crate) fn read_image(path: &str) -> Result<Domain> {
    let bytes = std::fs::read(Path::new(path))
        .map_err(|error| failed(format!("cannot read domain image '{path}'"), error))?;
    let wrong = |what: &str| error::internal(format!("{what} in '{path}'"));
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| wrong("mismatched header magic"))?;
    let (length, rest) =
        rest.split_first_chunk::<4>().ok_or_else(|| wrong("failed to read metadata length"))?;
    let length = usize::try_from(u32::from_ne_bytes(*length)).unwrap_or(usize::MAX);
    let text = rest.get(..length).ok_or_else(|| wrong("length of metadata out of range"))?;
    let text = std::str::from_utf8(text).map_err(|_| wrong("document that is no text"))?;
    definition::read(text, false)
}

/// Writes such a file.
pub(crate) fn write_image(path: &str, domain: &Domain, name: &str) -> Result<()> {
    let xml = definition::write(domain, FormatFlags::SECURE);
    let length = u32::try_from(xml.len()).map_err(|_| error::internal("a document that is too long"))?;
    let attempt = |what: &str| format!("saving domain '{name}' to '{path}': {what}");
    write(path, &[MAGIC, &length.to_ne_bytes(), xml.as_bytes()], attempt)
}

/// The document that is to take the place of the one in such a file.
pub(crate) fn replaced(path: &str, xml: &str) -> Result<Domain> {
    let domain = read_image(path)?;
    Ok(instead(Some(xml), &domain)?.unwrap_or(domain))
}

/// A document that takes the place of another: of the same guest.
fn instead(xml: Option<&str>, domain: &Domain) -> Result<Option<Domain>> {
    let Some(xml) = xml else { return Ok(None) };
    let other = definition::read(xml, false)?;
    if other.name != domain.name || other.uuid.is_some_and(|uuid| Some(uuid) != domain.uuid) {
        let sentence = format!("Target domain name {} does not match source {}", other.name, domain.name);
        return Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::TEST, sentence));
    }
    Ok(Some(Domain { uuid: domain.uuid, ..other }))
}

impl Guest {
    fn stop_saved(&mut self) -> Vec<Occurrence> {
        self.stop(ShutoffReason::Saved, StoppedDetail::Saved)
    }
}

impl Node {
    /// Stops a guest and keeps its memory; `paused` says how it goes on, where that is said.
    pub(crate) fn managed_save(&self, uuid: Uuid, paused: Option<bool>) -> Result<()> {
        self.guests.change(uuid, |guest| {
            let domain = guest.running()?.domain.clone();
            if guest.config.is_none() {
                let sentence = "cannot do managed save for transient domain";
                return Err(error::state(ErrorDomain::TEST, sentence));
            }
            let was_paused = guest.status().state == DomainState::Paused;
            let occurrences = guest.stop_saved();
            guest.saved = Some(Saved { domain, paused: paused.unwrap_or(was_paused) });
            Ok(occurrences)
        })
    }

    pub(crate) fn remove_managed_save(&self, uuid: Uuid) -> Result<()> {
        self.guests.change(uuid, |guest| {
            guest.saved = None;
            Ok(Vec::new())
        })
    }

    /// The document in what was saved.
    pub(crate) fn managed_save_xml(&self, uuid: Uuid, secure: bool) -> Result<String> {
        self.ask(uuid, |guest| {
            let absent = || error::invalid("domain does not have managed save image");
            let saved = guest.saved.as_ref().ok_or_else(absent)?;
            let flags = if secure { FormatFlags::SECURE } else { FormatFlags::empty() };
            Ok(definition::write(&saved.domain, flags))
        })?
    }

    pub(crate) fn define_managed_save_xml(&self, uuid: Uuid, xml: &str, paused: Option<bool>) -> Result<()> {
        self.guests.change(uuid, |guest| {
            let absent = || error::invalid("domain does not have managed save image");
            let saved = guest.saved.as_mut().ok_or_else(absent)?;
            if let Some(other) = instead(Some(xml), &saved.domain)? {
                saved.domain = other.into();
            }
            saved.paused = paused.unwrap_or(saved.paused);
            Ok(Vec::new())
        })
    }

    /// Stops a guest and keeps its memory in a file.
    pub(crate) fn save(&self, uuid: Uuid, path: &str, xml: Option<&str>) -> Result<()> {
        self.guests.change(uuid, |guest| {
            let domain = Domain::clone(&guest.running()?.domain);
            let document = instead(xml, &domain)?.unwrap_or(domain);
            write_image(path, &document, &guest.name)?;
            Ok(guest.stop_saved())
        })
    }

    /// Lets a guest go on from a file.
    pub(crate) fn restore(&self, path: &str, xml: Option<&str>, paused: bool) -> Result<()> {
        let domain = read_image(path)?;
        let domain = instead(xml, &domain)?.unwrap_or(domain);
        let uuid = domain.uuid.unwrap_or_else(Uuid::new_v4);
        let mut guests = self.guests.write();
        match guests.owner_of(&domain.name, uuid)? {
            Some(guest) if guest.is_active() => {
                return Err(error::invalid(format!("domain '{}' is already active", domain.name)));
            }
            Some(_) => {}
            None => guests.add(Guest::transient(uuid, &domain.name)),
        }
        let id = guests.next_number();
        guests.change(uuid, |guest| {
            let mut occurrences =
                vec![Occurrence::lifecycle(LifecycleEvent::Started, StartedDetail::Restored.number())];
            let (state, reason) = match paused {
                true => (DomainState::Paused, PausedReason::Save.number()),
                false => (DomainState::Running, RunningReason::Restored.number()),
            };
            guest.run_as(id, Some(Definition::from(domain)), state, reason);
            if paused {
                let detail = SuspendedDetail::Restored.number();
                occurrences.push(Occurrence::lifecycle(LifecycleEvent::Suspended, detail));
            }
            self.guests.tell(guest, occurrences);
            Ok(())
        })
    }

    /// Writes what would be a guest's memory to a file; `crash` ends it, `reset` has it begin anew.
    pub(crate) fn core_dump(&self, uuid: Uuid, path: &str, crash: bool, reset: bool) -> Result<()> {
        self.guests.change(uuid, |guest| {
            guest.running()?;
            let attempt = |what: &str| format!("domain '{}' coredump: {what}", guest.name);
            write(path, &[MAGIC], attempt)?;
            if reset {
                return guest.reset();
            }
            if !crash {
                return Ok(Vec::new());
            }
            let mut occurrences = guest.stop(ShutoffReason::Crashed, StoppedDetail::Crashed);
            let detail = CrashedDetail::Panicked.number();
            occurrences.insert(0, Occurrence::lifecycle(LifecycleEvent::Crashed, detail));
            Ok(occurrences)
        })
    }
}

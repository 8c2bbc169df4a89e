//! Bringing the index up to date with the files, reading only those that have changed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::log::{Change, Stamps};
use super::table::Table;
use super::{Describe, Entry, FileEntry, Source, Sources};
use crate::dir::Dir;
use crate::file::{self, DOCUMENT_LIMIT, Identity, Skipped};
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// The files as they are, in the order of their names.
pub(super) type Files = Vec<(Source, String, Identity)>;

impl Sources {
    fn dir(&self, source: Source) -> Option<&Dir> {
        match source {
            Source::Definition => Some(&self.definitions),
            Source::Status => self.status.as_ref(),
        }
    }

    /// What the directories look like now, which costs a system call each.
    pub(super) fn stamps(&self) -> Result<Stamps> {
        let stamp = |dir: &Dir| dir.stat().map(|stat| Identity::of(&stat).modified);
        Ok(Stamps {
            definitions: stamp(&self.definitions)?,
            status: self.status.as_ref().map(stamp).transpose()?,
        })
    }

    /// The files as they are now, which costs a system call each.
    pub(super) fn files(&self) -> Result<Files> {
        let mut files = Vec::new();
        for source in [Source::Definition, Source::Status] {
            let Some(dir) = self.dir(source) else { continue };
            for name in file::names(dir, &self.suffix)? {
                if let Some(identity) = file::identity(dir, &name)? {
                    files.push((source, name, identity));
                }
            }
        }
        Ok(files)
    }
}

/// Files that were skipped, and their content then: they are not read again before they change.
pub(super) type SkippedFiles = HashMap<(Source, String), (Identity, Arc<Skipped>)>;

/// What differs between the index and the files.
#[derive(Default)]
struct Difference {
    /// Files that are new or have changed.
    changed: Vec<(Source, String)>,
    /// Objects of which a file is gone.
    lost: BTreeSet<Uuid>,
}

impl Difference {
    fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.lost.is_empty()
    }
}

fn compare(table: &Table, skipped: &SkippedFiles, files: &Files) -> Difference {
    let mut known: HashMap<(Source, &str), (Identity, Uuid)> = table
        .files()
        .map(|(source, file, uuid)| ((source, file.name.as_str()), (file.identity, uuid)))
        .collect();
    let mut difference = Difference::default();
    for (source, name, identity) in files {
        match known.remove(&(*source, name.as_str())) {
            Some((indexed, _)) if indexed == *identity => continue,
            Some((_, uuid)) => {
                // It may be another object's now.
                difference.lost.insert(uuid);
            }
            None => {}
        }
        let bad = skipped.get(&(*source, name.clone()));
        if bad.is_none_or(|(then, _)| then != identity) {
            difference.changed.push((*source, name.clone()));
        }
    }
    difference.lost.extend(known.into_values().map(|(_, uuid)| uuid));
    difference
}

/// Whether the index says what the files say.
pub(super) fn is_current(table: &Table, skipped: &SkippedFiles, files: &Files) -> bool {
    compare(table, skipped, files).is_empty()
}

/// Makes the table say what the files say; what was changed in it. Under the lock.
pub(super) fn reconcile(
    table: &mut Table,
    skipped: &mut SkippedFiles,
    sources: &Sources,
    describe: &dyn Describe,
) -> Result<Vec<Change>> {
    // Before the files are looked at: what changes meanwhile is seen as a change the next time.
    let stamps = sources.stamps()?;
    let files = sources.files()?;
    let now: HashMap<(Source, &str), Identity> =
        files.iter().map(|(source, name, identity)| ((*source, name.as_str()), *identity)).collect();
    skipped.retain(|(source, name), (then, _)| now.get(&(*source, name.as_str())) == Some(then));
    let difference = compare(table, skipped, &files);
    let mut work = Work { table, skipped, sources, describe, changes: Vec::new() };
    let changed: HashSet<(Source, &str)> =
        difference.changed.iter().map(|(source, name)| (*source, name.as_str())).collect();
    for uuid in &difference.lost {
        work.drop_files_that_changed(*uuid, &changed)?;
    }
    // Definitions stand before status files, so that these find theirs.
    for (source, name) in &difference.changed {
        work.take(*source, name)?;
    }
    let mut changes = work.changes;
    if table.stamps != Some(stamps) || !changes.is_empty() {
        table.stamps = Some(stamps);
        changes.push(Change::Directories(stamps));
    }
    Ok(changes)
}

/// A file of an object, read already or not.
enum Known {
    Read(Box<Entry>, FileEntry),
    Unread(FileEntry),
}

impl Known {
    fn name(&self) -> &str {
        match self {
            Self::Read(_, file) | Self::Unread(file) => &file.name,
        }
    }
}

struct Work<'a> {
    table: &'a mut Table,
    skipped: &'a mut SkippedFiles,
    sources: &'a Sources,
    describe: &'a dyn Describe,
    changes: Vec<Change>,
}

impl Work<'_> {
    /// Forgets what the index knows from files of the object that are gone or have changed.
    fn drop_files_that_changed(&mut self, uuid: Uuid, changed: &HashSet<(Source, &str)>) -> Result<()> {
        let Some(entry) = self.table.by_uuid(uuid).cloned() else { return Ok(()) };
        let stands = |source: Source, file: &Option<FileEntry>| -> Result<Option<FileEntry>> {
            let (Some(file), Some(dir)) = (file, self.sources.dir(source)) else { return Ok(None) };
            let there = !changed.contains(&(source, file.name.as_str())) && dir.contains(&file.name)?;
            Ok(there.then(|| file.clone()))
        };
        let definition = stands(Source::Definition, &entry.definition)?.map(Known::Unread);
        let status = stands(Source::Status, &entry.status)?.map(Known::Unread);
        self.rebuild(uuid, definition, status)
    }

    /// Takes over a file that is new or has changed.
    fn take(&mut self, source: Source, name: &str) -> Result<()> {
        let (description, file) = match self.read(source, name) {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(()),
            Err((identity, error)) => return self.skip(source, name, identity, error),
        };
        let uuid = description.uuid;
        let namesake = self.table.by_name(&description.name).filter(|other| other.uuid != uuid);
        if let Some(other) = namesake {
            let sentence =
                format!("it defines the name '{}', which {} has already", description.name, other.uuid);
            return self.skip(source, name, file.identity, conflict(&sentence));
        }
        let entry = self.table.by_uuid(uuid);
        let mut definition = entry.and_then(|entry| entry.definition.clone()).map(Known::Unread);
        let mut status = entry.and_then(|entry| entry.status.clone()).map(Known::Unread);
        let slot = if source == Source::Definition { &mut definition } else { &mut status };
        if let Some(Known::Unread(other)) = slot.as_ref().filter(|other| other.name() != name) {
            let sentence = format!("it defines UUID {uuid}, as '{}' does", other.name);
            return self.skip(source, name, file.identity, conflict(&sentence));
        }
        *slot = Some(Known::Read(Box::new(description), file));
        self.rebuild(uuid, definition, status)
    }

    /// Makes the entry of an object from its files, or removes it when it has none.
    fn rebuild(&mut self, uuid: Uuid, definition: Option<Known>, status: Option<Known>) -> Result<()> {
        let mut entry: Option<Entry> = None;
        for (source, known) in [(Source::Definition, definition), (Source::Status, status)] {
            let Some(known) = known else { continue };
            let name = known.name().to_owned();
            let read = match known {
                Known::Read(description, file) => Ok(Some((*description, file))),
                Known::Unread(file) => self.read(source, &file.name),
            };
            match read {
                Ok(Some((description, file))) if description.uuid == uuid => {
                    let before = entry.take().and_then(|entry| entry.definition);
                    let mut described = Entry { definition: before, status: None, ..description };
                    match source {
                        Source::Definition => described.definition = Some(file),
                        Source::Status => described.status = Some(file),
                    }
                    entry = Some(described);
                }
                // Gone, or another object's, since it was looked at: the next comparison takes it up.
                Ok(_) => {}
                Err((identity, error)) => self.skip(source, &name, identity, error)?,
            }
        }
        let change = match entry {
            Some(entry) => Change::Put(Box::new(entry)),
            None => Change::Remove(uuid),
        };
        self.table.apply(change.clone());
        self.changes.push(change);
        Ok(())
    }

    /// What a file holds; nothing when it is gone.
    fn read(
        &self,
        source: Source,
        name: &str,
    ) -> std::result::Result<Option<(Entry, FileEntry)>, (Identity, Error)> {
        let Some(dir) = self.sources.dir(source) else { return Ok(None) };
        let Ok(Some(now)) = file::identity(dir, name) else { return Ok(None) };
        let (content, identity) =
            file::read_identified(dir, name, DOCUMENT_LIMIT).map_err(|error| (now, error))?;
        let entry = self.describe.describe(source, name, &content).map_err(|error| (identity, error))?;
        Ok(Some((entry, FileEntry { name: name.to_owned(), identity })))
    }

    fn skip(&mut self, source: Source, name: &str, identity: Identity, error: Error) -> Result<()> {
        if let Some(dir) = self.sources.dir(source) {
            log::warn!("skipped '{}': {error:#}", dir.join(name).display());
        }
        let skipped = Arc::new(Skipped { name: name.to_owned(), error });
        self.skipped.insert((source, name.to_owned()), (identity, skipped));
        Ok(())
    }
}

fn conflict(sentence: &str) -> Error {
    Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence)
}

//! `<domainsnapshot>`: what a guest was at some moment.
//!
//! Fields stand in the order in which libvirt writes them.

use uuid::Uuid;

use super::device::{Disk, DiskSnapshot, DiskSource, MetadataCache};
use super::domain::Domain;
use super::{Cpu, StorageFormat};
use crate::domain::DomainHooks;
use crate::xml::{
    self, Element as _, Error, ErrorCode, ErrorDomain, FormatFlags, FormatOptions, ParseFlags, ParseOptions,
    Place, Reader, Result, Value, Xml, XmlValue, locate,
};

/// What a guest was at some moment.
///
/// ```
/// use virt_conf::domain::Neutral;
/// use virt_conf::model::DomainSnapshot;
/// use virt_conf::xml::ParseOptions;
///
/// let text = "<domainsnapshot><description>before the update</description></domainsnapshot>";
/// let mut snapshot = DomainSnapshot::from_xml(text, &ParseOptions::default(), &Neutral)?;
/// snapshot.begin(1_700_000_000);
/// assert_eq!(snapshot.name.as_deref(), Some("1700000000"));
/// # Ok::<(), virt_conf::xml::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "domainsnapshot", errors = DOMAIN_SNAPSHOT, after_read = DomainSnapshot::settle)]
pub struct DomainSnapshot {
    /// Its name, unique among the guest's; the time by default.
    #[xml(child_text)]
    pub name: Option<String>,
    /// Any text about it.
    #[xml(child_text)]
    pub description: Option<String>,
    /// What the guest did.
    #[xml(
        child_text,
        read_if = was_made,
        invalid = |text| unsupported(format!("Invalid state '{text}' in domain snapshot XML"))
    )]
    pub state: Option<SnapshotState>,
    /// The one that it comes after.
    #[xml(child_text = "parent/name", read_if = was_made)]
    pub parent: Option<String>,
    /// When it was made, in seconds since 1970.
    #[xml(child_text = "creationTime", read_if = was_made, invalid = |_| no_time(), when = not_zero)]
    pub creation_time: Option<i64>,
    /// Whether it holds the guest's memory, and where.
    #[xml(child, default)]
    pub memory: SnapshotMemory,
    /// What becomes of the disks; as the guest's definition has it by default.
    #[xml(child, default)]
    pub disks: SnapshotDisks,
    /// The overlays that the guest writes to since it went back to this snapshot, which is external; filled in by the driver.
    /// Since 9.9.0.
    #[xml(child = "revertDisks", read_if = was_made, default)]
    pub revert_disks: SnapshotDisks,
    /// The guest as it ran, or as it was defined where it did not run.
    #[xml(child, read_if = holds_guest)]
    pub domain: Option<Box<Domain>>,
    /// The guest's identity, where nothing else is known of it.
    #[xml(child_text = "domain/uuid", read_if = holds_identity)]
    pub domain_uuid: Option<Uuid>,
    /// The guest as it was defined while it ran.
    #[xml(child = "inactiveDomain", read_if = was_made)]
    pub inactive_domain: Option<Box<Domain>>,
    /// What else the hypervisor's driver wants to know of the guest when it goes on from here.
    #[xml(child, read_if = was_made)]
    pub cookie: Option<SaveCookie>,
    /// 1 in the one that the guest goes on from, else 0; only in a driver's own files, and there always.
    #[xml(child_text, read_if = is_internal, only = internal)]
    pub active: Option<i32>,
}

/// What a guest did when its snapshot was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum SnapshotState {
    /// It ran.
    Running,
    /// It waited for something.
    Blocked,
    /// It was suspended.
    Paused,
    /// It was about to end.
    Shutdown,
    /// It did not run.
    Shutoff,
    /// It had crashed.
    Crashed,
    /// It had put itself to sleep.
    PmSuspended,
    /// Only its disks were looked at.
    #[xml("disk-snapshot")]
    DiskSnapshot,
}

impl SnapshotState {
    fn has_no_memory(self) -> bool {
        matches!(self, Self::Shutoff | Self::DiskSnapshot)
    }
}

/// What a driver wants to know of a guest whose memory was saved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cookie", keep_empty)]
pub struct SaveCookie {
    /// Its processor, as it ran.
    #[xml(child)]
    pub cpu: Option<Cpu>,
    /// Whether helper processes served its user-mode interfaces.
    #[xml(flag = "slirpHelper")]
    pub slirp_helper: bool,
}

/// Whether a snapshot holds the guest's memory, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "memory")]
pub struct SnapshotMemory {
    /// Whether, and where; the hypervisor decides by default. `manual` is not for memory.
    #[xml(attr)]
    pub snapshot: Option<DiskSnapshot>,
    /// The file, of an external one: an absolute path.
    #[xml(attr)]
    pub file: Option<String>,
}

/// What becomes of the disks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "disks")]
pub struct SnapshotDisks {
    /// Each disk at most once.
    #[xml(child)]
    pub list: Vec<SnapshotDisk>,
}

/// What becomes of a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "disk", after_read = SnapshotDisk::settle)]
pub struct SnapshotDisk {
    /// The disk's target in the guest, or the path of its source.
    #[xml(attr, missing = Error::internal(ErrorDomain::DOMAIN_SNAPSHOT, "missing name from disk snapshot element"))]
    pub name: String,
    /// What a snapshot does with it; as the guest's definition has it by default.
    #[xml(attr)]
    pub snapshot: Option<DiskSnapshot>,
    /// Whether its overlay is being merged into another image, as the snapshot is deleted; filled in by the driver. Since
    /// 9.5.0.
    #[xml(flag = "snapshotDeleteInProgress", read_if = was_made)]
    pub deleting: bool,
    /// Where what the guest writes from then on goes, of an external one.
    #[xml(flatten, tag_here, skip_if = SnapshotStore::is_empty)]
    pub store: SnapshotStore,
}

/// Where what a guest writes after a snapshot goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct SnapshotStore {
    /// The image's format.
    #[xml(child, default)]
    pub driver: SnapshotDriver,
    /// The image.
    #[xml(flatten)]
    pub source: DiskSource,
}

/// The format of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "driver")]
pub struct SnapshotDriver {
    /// Its name; the hypervisor's choice by default.
    #[xml(attr = "type", invalid = |text| unsupported(format!("unknown disk snapshot driver '{text}'")))]
    pub format: Option<StorageFormat>,
    /// How much of the image's tables is kept in memory.
    #[xml(child, default)]
    pub metadata_cache: MetadataCache,
}

impl SnapshotStore {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let nowhere = match &self.source {
            DiskSource::Network(source) => source.name.is_none(),
            source => source.path().is_none(),
        };
        nowhere && self.driver.format.is_none()
    }
}

impl SnapshotDisk {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let source = &self.store.source;
        if matches!(source, DiskSource::Volume(_) | DiskSource::Dir(_)) {
            return Err(reader.refuse(format!("unsupported disk snapshot type '{}'", source.tag())));
        }
        if let Some(path) = source.path().filter(|path| !path.starts_with('/')) {
            return Err(reader.refuse(format!("disk snapshot image path '{path}' must be absolute")));
        }
        if self.snapshot.is_none() && !self.store.is_empty() {
            self.snapshot = Some(DiskSnapshot::External);
        }
        Ok(())
    }
}

impl DomainSnapshot {
    /// Reads a snapshot; what `hooks` add concerns the guests inside. Without `REDEFINE` only what a client asks for is
    /// read, not what was when it was made.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence and the place, when the text is not XML, or not a snapshot's.
    pub fn from_xml(text: &str, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<Self> {
        let flags = options.flags | ParseFlags::INACTIVE | ParseFlags::SKIP_VALIDATE;
        let options = ParseOptions { flags, ..options.clone() };
        // What it must have is missed before anything else.
        xml::look(text, &options, Self::ERRORS, Self::check_made)?;
        let mut snapshot: Self = xml::from_str(text, &options)?;
        let guests =
            [(Domain::NAME, &mut snapshot.domain), (Self::INACTIVE_DOMAIN, &mut snapshot.inactive_domain)];
        for (name, domain) in guests {
            let Some(domain) = domain else { continue };
            domain.complete(&options, hooks).map_err(|error| locate_guest(error, text, Self::NAME, name))?;
        }
        Ok(snapshot)
    }

    /// The element that `inactive_domain` is.
    const INACTIVE_DOMAIN: &str = "inactiveDomain";

    /// Writes the snapshot as libvirt writes it, the guests inside as definitions.
    #[must_use]
    pub fn to_xml(&self, options: &FormatOptions) -> String {
        xml::to_string(self, FormatOptions::from(options.flags | FormatFlags::INACTIVE))
    }

    /// Begins a new snapshot: it is of this time, in seconds since 1970, and by default is called after it.
    pub fn begin(&mut self, now: i64) {
        self.creation_time = Some(now);
        self.name.get_or_insert_with(|| now.to_string());
    }

    /// Makes the list of disks the guest's own, in its order. Disks without a say are treated as the guest's definition
    /// says, else as `default`, and left out where empty; `uniform` wants all internal ones to be alike. Overlays without
    /// a path get one beside the disk, ending in the snapshot's name; `is_file` tells whether a path is a regular file.
    ///
    /// # Errors
    ///
    /// When a disk is not the guest's, is named twice, or its overlay can have no name.
    pub fn align_disks(
        &mut self,
        guest: &[Disk],
        default: DiskSnapshot,
        uniform: bool,
        is_file: impl Fn(&str) -> bool,
    ) -> Result<()> {
        if self.disks.list.len() > guest.len() {
            return Err(unsupported("too many disk snapshot requests for domain"));
        }
        let alike = uniform && default == DiskSnapshot::Internal;
        let mut asked: Vec<Option<SnapshotDisk>> = vec![None; guest.len()];
        for mut disk in std::mem::take(&mut self.disks.list) {
            let (slot, of) = slot(guest, &mut asked, &disk.name)?;
            match disk.snapshot {
                None => {
                    let own = of.snapshot.filter(|own| !alike || *own == DiskSnapshot::No);
                    disk.snapshot = Some(own.unwrap_or(default));
                }
                Some(mode) if alike && mode != default => {
                    if mode != DiskSnapshot::No || of.snapshot != Some(DiskSnapshot::No) {
                        return Err(unsupported(format!(
                            "disk '{}' must use snapshot mode '{default}'",
                            disk.name
                        )));
                    }
                }
                Some(_) => {}
            }
            if let Some(path) = disk.store.source.path()
                && disk.snapshot != Some(DiskSnapshot::External)
            {
                return Err(unsupported(format!(
                    "file '{path}' for disk '{}' requires use of external snapshot mode",
                    disk.name
                )));
            }
            disk.name = of.target.dev.clone().unwrap_or_default();
            *slot = Some(disk);
        }
        for (disk, of) in asked.into_iter().zip(guest) {
            let left_out = if is_empty(of) { Some(DiskSnapshot::No) } else { of.snapshot.or(Some(default)) };
            let name = of.target.dev.clone().unwrap_or_default();
            let disk =
                disk.unwrap_or_else(|| SnapshotDisk { name, snapshot: left_out, ..SnapshotDisk::default() });
            self.disks.list.push(disk);
        }
        self.name_overlays(guest, is_file)
    }

    fn name_overlays(&mut self, guest: &[Disk], is_file: impl Fn(&str) -> bool) -> Result<()> {
        let own_name = self.name.as_deref().unwrap_or_default();
        for at in 0..self.disks.list.len() {
            let (before, rest) = self.disks.list.split_at_mut(at);
            let ([disk, ..], Some(of)) = (rest, guest.get(at)) else { continue };
            if disk.snapshot != Some(DiskSnapshot::External) || disk.store.source.path().is_some() {
                continue;
            }
            let cannot = |why: String| {
                unsupported(format!("cannot generate external snapshot name for disk '{}'{why}", disk.name))
            };
            let DiskSource::File(overlay) = &mut disk.store.source else {
                return Err(cannot(format!(" on a '{}' device", disk.store.source.tag())));
            };
            let Some(path) = of.source.path() else {
                return Err(cannot(" without source".to_owned()));
            };
            if !is_file(path) {
                return Err(unsupported(format!(
                    "source for disk '{}' is not a regular file; refusing to generate external snapshot name",
                    disk.name
                )));
            }
            let stem = path
                .rsplit_once('.')
                .filter(|(_, suffix)| !suffix.contains('/'))
                .map_or(path, |(stem, _)| stem);
            let name = format!("{stem}.{own_name}");
            if let Some(other) = before.iter().find(|other| other.store.source.path() == Some(&name)) {
                return Err(cannot(format!(": collision with disk '{}'", other.name)));
            }
            overlay.file = Some(name);
        }
        Ok(())
    }

    /// What every snapshot has that was made.
    fn check_made(reader: &Reader<'_, '_>) -> Result<()> {
        if !was_made(reader) || reader.name() != Self::NAME {
            return Ok(());
        }
        let missing = if !is_given(reader, "name") {
            refuse("a redefined snapshot must have a name")
        } else if has_no_time(reader) {
            no_time()
        } else if !is_given(reader, "state") {
            refuse("missing state from existing snapshot")
        } else {
            return Ok(());
        };
        Err(reader.place(missing))
    }

    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        self.memory.settle(self.state).map_err(|error| reader.place(error))?;
        if is_internal(reader) && self.active.is_none() {
            let sentence = "Could not find 'active' element";
            return Err(reader.place(Error::internal(ErrorDomain::DOMAIN_SNAPSHOT, sentence)));
        }
        self.active = self.active.map(|active| i32::from(active != 0));
        Ok(())
    }
}

impl SnapshotMemory {
    /// `state` is that of a snapshot that was made.
    fn settle(&mut self, state: Option<SnapshotState>) -> Result<()> {
        let offline = state.is_some_and(SnapshotState::has_no_memory);
        if self.snapshot == Some(DiskSnapshot::Manual) {
            return Err(refuse("'manual' memory snapshot mode not supported"));
        }
        if self.snapshot.is_none() {
            self.snapshot = match &self.file {
                Some(_) => Some(DiskSnapshot::External),
                None if offline => Some(DiskSnapshot::No),
                None if state.is_some() => Some(DiskSnapshot::Internal),
                None => None,
            };
        }
        match &self.file {
            Some(file) if self.snapshot != Some(DiskSnapshot::External) => {
                return Err(refuse(format!("memory filename '{file}' requires external snapshot")));
            }
            None if self.snapshot == Some(DiskSnapshot::External) => {
                return Err(refuse("external memory snapshots require a filename"));
            }
            _ => {}
        }
        if offline && self.snapshot.is_some_and(|snapshot| snapshot != DiskSnapshot::No) {
            return Err(refuse("memory state cannot be saved with offline or disk-only snapshot"));
        }
        match &self.file {
            Some(file) if !file.starts_with('/') => {
                Err(refuse(format!("memory snapshot file path ({file}) must be absolute")))
            }
            _ => Ok(()),
        }
    }
}

/// The guest's disk of that name or path, and its place in `asked`, unless it is taken.
pub(super) fn slot<'a, 'g, T>(
    guest: &'g [Disk],
    asked: &'a mut [Option<T>],
    name: &str,
) -> Result<(&'a mut Option<T>, &'g Disk)> {
    let is_meant = |disk: &Disk| {
        if name.starts_with('/') {
            disk.source.path() == Some(name)
        } else {
            disk.target.dev.as_deref() == Some(name)
        }
    };
    let found = guest.iter().position(is_meant);
    match found.and_then(|at| Some((asked.get_mut(at)?, guest.get(at)?))) {
        None => Err(unsupported(format!("no disk named '{name}'"))),
        Some((Some(_), _)) => Err(unsupported(format!("disk '{name}' specified twice"))),
        Some(found) => Ok(found),
    }
}

/// Whether there is no medium in it.
pub(super) fn is_empty(disk: &Disk) -> bool {
    match &disk.source {
        DiskSource::File(_) | DiskSource::Block(_) | DiskSource::Dir(_) => disk.source.path().is_none(),
        _ => false,
    }
}

/// Whether the document tells of one that was made before.
pub(super) fn was_made(reader: &Reader<'_, '_>) -> bool {
    reader.flags().contains(ParseFlags::REDEFINE)
}

/// Finds the place of an error about the guest that is the element `name` of a document whose root is `root`.
pub(super) fn locate_guest(error: Error, text: &str, root: &str, name: &str) -> Error {
    let inside = error.place().map(|place| place.path.clone()).unwrap_or_default();
    let inside = inside.strip_prefix(Domain::NAME).unwrap_or_default().to_owned();
    locate(error.at(Place { path: format!("{root}/{name}{inside}"), ..Place::default() }), text)
}

/// Whether the element under `reader` has a child of this name that is not empty.
pub(super) fn is_given(reader: &Reader<'_, '_>, name: &'static str) -> bool {
    !reader.child_value(&[], name).is_empty()
}

/// Whether the document under `reader` does not say when its moment was.
pub(super) fn has_no_time(reader: &Reader<'_, '_>) -> bool {
    <i64 as Value>::parse(&reader.child_value(&[], "creationTime")).is_err()
}

/// Whether the document is a driver's own record of one that was made before.
fn is_internal(reader: &Reader<'_, '_>) -> bool {
    reader.flags().contains(ParseFlags::REDEFINE.union(ParseFlags::INTERNAL))
}

fn internal(options: FormatOptions) -> bool {
    options.flags.contains(FormatFlags::INTERNAL)
}

/// Old ones hold no more of the guest than its identity.
fn holds_guest(reader: &Reader<'_, '_>) -> bool {
    was_made(reader) && !reader.attr_value(&["domain"], "type").is_empty()
}

fn holds_identity(reader: &Reader<'_, '_>) -> bool {
    was_made(reader) && !holds_guest(reader)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the derive hands over the field as it is")]
pub(super) fn not_zero(time: &i64, _: FormatOptions) -> bool {
    *time != 0
}

fn no_time() -> Error {
    Error::internal(ErrorDomain::DOMAIN_SNAPSHOT, "missing creationTime from existing snapshot")
}

fn refuse(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN_SNAPSHOT, detail)
}

fn unsupported(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::DOMAIN_SNAPSHOT, detail)
}

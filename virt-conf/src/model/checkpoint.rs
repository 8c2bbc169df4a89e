//! `<domaincheckpoint>`: a moment since which the changes of a guest's disks are kept track of.
//!
//! Fields stand in the order in which libvirt writes them.

use super::device::Disk;
use super::domain::Domain;
use super::snapshot::{has_no_time, is_empty, is_given, locate_guest, not_zero, slot, was_made};
use crate::domain::DomainHooks;
use crate::xml::{
    self, Element as _, Error, ErrorCode, ErrorDomain, FormatFlags, FormatOptions, ParseFlags, ParseOptions,
    Reader, Result, Xml, XmlValue,
};

/// A moment since which the changes of a guest's disks are kept track of.
///
/// ```
/// use virt_conf::domain::Neutral;
/// use virt_conf::model::DomainCheckpoint;
/// use virt_conf::xml::ParseOptions;
///
/// let mut checkpoint = DomainCheckpoint::from_xml("<domaincheckpoint/>", &ParseOptions::default(), &Neutral)?;
/// checkpoint.begin(1_700_000_000);
/// assert_eq!(checkpoint.name.as_deref(), Some("1700000000"));
/// # Ok::<(), virt_conf::xml::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "domaincheckpoint", errors = DOMAIN_CHECKPOINT, after_read = DomainCheckpoint::settle)]
pub struct DomainCheckpoint {
    /// Its name, unique among the guest's: letters, digits and `_-.`, no dot in front; the time by default.
    #[xml(child_text)]
    pub name: Option<String>,
    /// Any text about it.
    #[xml(child_text)]
    pub description: Option<String>,
    /// The one that it comes after.
    #[xml(child_text = "parent/name", read_if = was_made)]
    pub parent: Option<String>,
    /// When it was made, in seconds since 1970.
    #[xml(child_text = "creationTime", read_if = was_made, invalid = |_| no_time(), when = not_zero)]
    pub creation_time: Option<i64>,
    /// Of which disks; of all that the guest may write by default.
    #[xml(child, default)]
    pub disks: CheckpointDisks,
    /// The guest as it was defined.
    #[xml(child, read_if = was_made)]
    pub domain: Option<Box<Domain>>,
}

/// Of which disks changes are kept track of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "disks")]
pub struct CheckpointDisks {
    /// Each disk at most once; those not named are left out.
    #[xml(child)]
    pub list: Vec<CheckpointDisk>,
}

/// What a checkpoint does with a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "disk")]
pub struct CheckpointDisk {
    /// The disk's target in the guest, or the path of its source.
    #[xml(attr)]
    pub name: String,
    /// How changes are kept track of.
    #[xml(attr = "checkpoint", default)]
    pub kind: CheckpointKind,
    /// The bitmap's name in the image; the checkpoint's by default.
    #[xml(attr)]
    pub bitmap: Option<String>,
    /// Bytes that were changed since; only ever reported.
    #[xml(attr, write_only)]
    pub size: Option<u64>,
}

/// How changes are kept track of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum CheckpointKind {
    /// Not at all.
    No,
    /// In a bitmap in the image.
    #[default]
    Bitmap,
}

impl DomainCheckpoint {
    /// Reads a checkpoint, strictly, as libvirt does; what `hooks` add concerns the guest inside. Without `REDEFINE` only
    /// what a client asks for is read, not what was when it was made.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence and the place, when the text is not XML, or not a checkpoint's.
    pub fn from_xml(text: &str, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<Self> {
        let flags = options.flags | ParseFlags::INACTIVE | ParseFlags::SKIP_VALIDATE;
        let options = ParseOptions { flags, strict: true };
        // What it must have is missed before anything else.
        xml::look(text, &options, Self::ERRORS, Self::check_made)?;
        let mut checkpoint: Self = xml::from_str(text, &options)?;
        if let Some(domain) = &mut checkpoint.domain {
            let located = |error| locate_guest(error, text, Self::NAME, Domain::NAME);
            domain.complete(&options, hooks).map_err(located)?;
        }
        Ok(checkpoint)
    }

    /// Writes the checkpoint as libvirt writes it, the guest inside as a definition.
    #[must_use]
    pub fn to_xml(&self, options: &FormatOptions) -> String {
        xml::to_string(self, FormatOptions::from(options.flags | FormatFlags::INACTIVE))
    }

    /// Begins a new checkpoint: it is of this time, in seconds since 1970, and by default is called after it.
    pub fn begin(&mut self, now: i64) {
        self.creation_time = Some(now);
        self.name.get_or_insert_with(|| now.to_string());
    }

    /// Makes the list of disks the guest's own, in its order, and names the bitmaps.
    ///
    /// # Errors
    ///
    /// When a disk is not the guest's, is named twice, or cannot be written.
    pub fn align_disks(&mut self, guest: &[Disk]) -> Result<()> {
        if self.disks.list.len() > guest.len() {
            return Err(unsupported("too many disk checkpoint requests for domain"));
        }
        if guest.is_empty() {
            return Err(unsupported("domain must have at least one disk to perform checkpoints"));
        }
        let default = if self.disks.list.is_empty() { CheckpointKind::Bitmap } else { CheckpointKind::No };
        let mut asked: Vec<Option<CheckpointDisk>> = vec![None; guest.len()];
        for mut disk in std::mem::take(&mut self.disks.list) {
            let found = slot(guest, &mut asked, &disk.name);
            let (slot, of) = found.map_err(|error| error.in_domain(ErrorDomain::DOMAIN_CHECKPOINT))?;
            if disk.kind != CheckpointKind::No && (is_empty(of) || of.readonly) {
                return Err(unsupported(format!("disk '{}' is empty or readonly", disk.name)));
            }
            disk.name = of.target.dev.clone().unwrap_or_default();
            *slot = Some(disk);
        }
        for (disk, of) in asked.into_iter().zip(guest) {
            let mut disk = disk.unwrap_or_else(|| CheckpointDisk {
                name: of.target.dev.clone().unwrap_or_default(),
                kind: if is_empty(of) || of.readonly { CheckpointKind::No } else { default },
                ..CheckpointDisk::default()
            });
            if disk.kind == CheckpointKind::Bitmap && disk.bitmap.is_none() {
                disk.bitmap.clone_from(&self.name);
            }
            self.disks.list.push(disk);
        }
        Ok(())
    }

    /// What every checkpoint has that was made.
    fn check_made(reader: &Reader<'_, '_>) -> Result<()> {
        let missing = match was_made(reader) && reader.name() == Self::NAME {
            true if !is_given(reader, "name") => refuse("a redefined checkpoint must have a name"),
            true if has_no_time(reader) => no_time(),
            _ => return Ok(()),
        };
        Err(reader.place(missing))
    }

    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if let Some(name) = self.name.as_deref().filter(|name| name.contains('/')) {
            return Err(
                reader.refuse(format!("invalid checkpoint name '{name}': it must not contain a slash"))
            );
        }
        Ok(())
    }
}

fn no_time() -> Error {
    Error::internal(ErrorDomain::DOMAIN_CHECKPOINT, "missing creationTime from existing checkpoint")
}

fn refuse(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN_CHECKPOINT, detail)
}

fn unsupported(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::DOMAIN_CHECKPOINT, detail)
}

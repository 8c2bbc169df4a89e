//! `<backingStore>` and `<mirror>`: what lies below a disk's image, and where it is being copied.

use super::{DiskSource, MetadataCache};
use crate::error::refuse;
use crate::model::StorageFormat;
use crate::xml::{Element as _, Reader, Result, Xml, XmlValue};

/// What an image is an overlay of; an empty one ends the chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "backingStore", keep_empty, before_read = BackingStore::check, after_read = BackingStore::settle)]
pub struct BackingStore {
    /// Number of the image in block jobs of the running guest; 0: none.
    #[xml(attr, omit, read_if = Reader::live)]
    pub index: u32,
    /// How the image is read; present unless the chain ends here.
    #[xml(child)]
    pub format: Option<ImageFormat>,
    /// Where the image is; absent: the chain ends here.
    #[xml(flatten)]
    pub source: Option<DiskSource>,
    /// What that image is an overlay of; absent: found out from the image at start.
    #[xml(child)]
    pub backing_store: Option<Box<BackingStore>>,
}

impl BackingStore {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        if reader.attr_text("type").is_none() {
            return Ok(());
        }
        if reader.first("format").and_then(|format| format.attr_text("type")).is_none() {
            return Err(reader.refuse("missing disk backing store format"));
        }
        match reader.first("source") {
            None => Err(reader.refuse("missing disk backing store source")),
            Some(_) => Ok(()),
        }
    }

    /// Without a type the chain ends, whatever follows.
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if reader.attr_text("type").is_none() {
            *self = Self::default();
        }
        Ok(())
    }
}

/// How an image is read.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "format", after_read = ImageFormat::settle)]
pub struct ImageFormat {
    /// The format.
    #[xml(attr = "type", invalid = |text| refuse(format!("unknown storage source format '{text}'")))]
    pub kind: StorageFormat,
    /// Cache of qcow2 metadata.
    #[xml(child, default)]
    pub metadata_cache: MetadataCache,
}

impl ImageFormat {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.kind == StorageFormat::None
            && reader.parent().is_some_and(|image| image.name() == BackingStore::NAME)
        {
            return Err(reader.refuse(format!("unknown storage source format '{}'", self.kind)));
        }
        Ok(())
    }
}

/// The copy that a block job makes of a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "mirror", after_read = DiskMirror::settle)]
pub struct DiskMirror {
    /// Copies to a file: its path, repeated from the source for old readers.
    #[xml(attr)]
    pub file: Option<String>,
    /// Copies to a file: its format, repeated for old readers.
    #[xml(attr = "format")]
    pub file_format: Option<StorageFormat>,
    /// Which block job makes it.
    #[xml(attr)]
    pub job: Option<MirrorJob>,
    /// How far it is; absent: still copying.
    #[xml(attr)]
    pub ready: Option<MirrorState>,
    /// How the copy is written.
    #[xml(child)]
    pub format: Option<ImageFormat>,
    /// Where the copy is.
    #[xml(flatten)]
    pub source: Option<DiskSource>,
    /// What the copy is an overlay of.
    #[xml(child)]
    pub backing_store: Option<BackingStore>,
}

impl DiskMirror {
    /// The form before libvirt 1.2: only `file` and `format`, always of a copy.
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        use super::FileDiskSource;
        if self.source.is_none() {
            self.source = Some(DiskSource::File(FileDiskSource {
                file: self.file.clone(),
                ..FileDiskSource::default()
            }));
            self.format =
                self.file_format.map(|kind| ImageFormat { kind, metadata_cache: MetadataCache::default() });
            self.job = Some(MirrorJob::Copy);
        }
        Ok(())
    }
}

/// Block jobs that mirror a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum MirrorJob {
    /// A copy of the disk.
    Copy,
    /// A commit of the top image into one below it.
    #[xml("active-commit")]
    ActiveCommit,
}

/// How far a mirroring job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum MirrorState {
    /// Both are equal, and kept so.
    Yes,
    /// It is being given up.
    Abort,
    /// The guest is being moved to the copy.
    Pivot,
}

//! Images of a disk, from the top down: what `-blockdev` and `-drive` need of them in one place.

use virt_conf::model::{
    BackingStore, DataStore, Disk, DiskCache, DiskDiscard, DiskIo, DiskSource, EncryptionEngine,
    MetadataCache, StorageAuth, StorageEncryption, StorageFormat, StorageSlice,
};

use crate::caps::{Capabilities, Flag};

/// One image of a chain.
#[derive(Clone, Debug)]
pub(crate) struct Image<'a> {
    pub source: &'a DiskSource,
    pub format: StorageFormat,
    pub metadata_cache: MetadataCache,
    pub auth: Option<&'a StorageAuth>,
    pub encryption: Option<&'a StorageEncryption>,
    pub slice: Option<StorageSlice>,
    pub readonly: bool,
    /// The stem of its node names: `libvirt-3`.
    pub node: String,
    pub tuning: ImageTuning,
    /// The set of descriptors that the caller brought along for it.
    pub descriptors: Option<PassedDescriptors>,
    /// A format node even where the storage would do.
    pub force_format: bool,
    /// Where a qcow2 image keeps its data.
    pub data: Option<Box<Image<'a>>>,
    pub below: Below<'a>,
}

/// Descriptors in place of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PassedDescriptors {
    /// QEMU's number of the set.
    pub set: u32,
    /// There is only one, so that QEMU cannot choose between reading and writing.
    pub single: bool,
    /// QEMU may write through it.
    pub writable: bool,
}

/// What an image is an overlay of.
#[derive(Clone, Debug)]
pub(crate) enum Below<'a> {
    /// QEMU shall find out.
    Unknown,
    /// Nothing.
    End,
    /// Another image.
    Image(Box<Image<'a>>),
}

/// What a disk says about all its images.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ImageTuning {
    pub cache: Option<DiskCache>,
    pub io: Option<DiskIo>,
    pub discard: Option<DiskDiscard>,
    pub discard_no_unref: Option<bool>,
    /// `on`, `off`, `unmap`; only at the top.
    pub detect_zeroes: Option<&'static str>,
    pub floppy: bool,
    pub cdrom: bool,
}

/// What the caching modes mean to QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CacheMode {
    pub write_back: bool,
    pub direct: bool,
    pub no_flush: bool,
}

/// The three switches of a caching mode; `None` where QEMU's default holds.
pub(crate) fn cache_mode(cache: Option<DiskCache>) -> Option<CacheMode> {
    let mode = |write_back, direct, no_flush| Some(CacheMode { write_back, direct, no_flush });
    match cache? {
        DiskCache::Default => None,
        DiskCache::None => mode(true, true, false),
        DiskCache::Writethrough => mode(false, false, false),
        DiskCache::Writeback => mode(true, false, false),
        DiskCache::DirectSync => mode(false, true, false),
        DiskCache::Unsafe => mode(true, false, true),
    }
}

/// Numbers the nodes of a guest's images.
#[derive(Debug)]
pub(crate) struct NodeNumbers {
    last: u32,
    /// Versions whose block jobs cannot tell storage from format need a node for each.
    format_layers: bool,
}

impl NodeNumbers {
    /// After as many as are taken.
    pub(crate) fn new(caps: &Capabilities, taken: u32) -> Self {
        Self { last: taken, format_layers: !caps.has(Flag::BlockjobBackingMaskProtocol) }
    }

    pub(crate) fn next(&mut self) -> String {
        self.last += 1;
        format!("libvirt-{}", self.last)
    }

    /// Whether every image has a format node.
    pub(crate) fn format_layers(&self) -> bool {
        self.format_layers
    }
}

impl<'a> Image<'a> {
    /// An image without tuning.
    pub(crate) fn new(source: &'a DiskSource, format: Option<StorageFormat>, node: String) -> Self {
        let common = source.common();
        Self {
            source,
            format: format.unwrap_or(StorageFormat::Raw),
            metadata_cache: MetadataCache::default(),
            auth: common.and_then(|common| common.auth.as_ref()),
            encryption: common.and_then(|common| common.encryption.as_ref()),
            slice: common.and_then(|common| common.slices.slices.first().copied()),
            readonly: false,
            node,
            tuning: ImageTuning::default(),
            descriptors: None,
            force_format: false,
            data: None,
            below: Below::Unknown,
        }
    }

    /// The images of `disk`.
    pub(crate) fn of_disk(disk: &'a Disk, tuning: ImageTuning, numbers: &mut NodeNumbers) -> Self {
        let below = ImageTuning { detect_zeroes: None, ..tuning };
        let mut image = Self::new(&disk.source, disk.driver.format, numbers.next());
        image.auth = image.auth.or(disk.auth.as_ref());
        image.encryption = image.encryption.or(disk.encryption.as_ref());
        image.metadata_cache = disk.driver.metadata_cache;
        image.readonly = disk.readonly;
        image.force_format = numbers.format_layers();
        image.tuning = tuning;
        image.attach_data(below, numbers);
        image.below = Self::chain(disk.backing_store.as_ref(), below, numbers);
        image
    }

    fn attach_data(&mut self, tuning: ImageTuning, numbers: &mut NodeNumbers) {
        let source = self.source;
        let Some(DataStore { format, source }) =
            source.common().and_then(|common| common.data_store.as_deref())
        else {
            return;
        };
        let mut data = Self::new(source, format.as_ref().map(|format| format.kind), numbers.next());
        data.readonly = self.readonly;
        data.force_format = numbers.format_layers();
        data.tuning = tuning;
        self.data = Some(Box::new(data));
    }

    fn chain(store: Option<&'a BackingStore>, tuning: ImageTuning, numbers: &mut NodeNumbers) -> Below<'a> {
        let Some(store) = store else { return Below::Unknown };
        let Some(source) = &store.source else { return Below::End };
        let mut image = Self::new(source, store.format.as_ref().map(|format| format.kind), numbers.next());
        image.metadata_cache = store.format.as_ref().map(|format| format.metadata_cache).unwrap_or_default();
        image.readonly = true;
        image.force_format = numbers.format_layers();
        image.tuning = tuning;
        image.attach_data(tuning, numbers);
        image.below = Self::chain(store.backing_store.as_deref(), tuning, numbers);
        Below::Image(Box::new(image))
    }

    /// Encrypted by QEMU, not by the storage's own library.
    pub(crate) fn is_encrypted_by_qemu(&self) -> bool {
        self.encryption.is_some_and(|encryption| encryption.engine != Some(EncryptionEngine::Librbd))
    }

    /// Whether a node for the format stands above that of the storage.
    pub(crate) fn has_format_layer(&self) -> bool {
        // A descriptor for writing is opened for writing: only a node above it can be read-only.
        let one_for_writing = self.descriptors.is_some_and(|passed| passed.single && passed.writable);
        self.force_format
            || self.readonly && one_for_writing
            || self.is_encrypted_by_qemu()
            || !matches!(self.format, StorageFormat::Raw | StorageFormat::None | StorageFormat::Dir)
    }

    /// The node of the storage.
    pub(crate) fn storage_node(&self) -> String {
        format!("{}-storage", self.node)
    }

    /// The node of the part of the storage that holds the image.
    pub(crate) fn slice_node(&self) -> String {
        format!("{}-slice-sto", self.node)
    }

    /// The node of the format.
    pub(crate) fn format_node(&self) -> String {
        format!("{}-format", self.node)
    }

    /// The node that what lies above opens.
    pub(crate) fn effective_node(&self) -> String {
        if self.has_format_layer() {
            self.format_node()
        } else if self.slice.is_some() {
            self.slice_node()
        } else {
            self.storage_node()
        }
    }
}

/// Whether there is something to open.
pub(crate) fn has_medium(source: &DiskSource) -> bool {
    match source {
        DiskSource::Network(network) => network.protocol.is_some(),
        DiskSource::Volume(volume) => volume.pool.is_some(),
        DiskSource::Nvme(_) => true,
        DiskSource::File(file) => file.file.is_some() || file.fdgroup.is_some(),
        other => other.path().is_some(),
    }
}

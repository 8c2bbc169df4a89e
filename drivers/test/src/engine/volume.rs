//! Volumes of simulated pools: their documents, and the bytes that somebody sent to them, in memory.

use std::collections::BTreeMap;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::eventfd::{EfdFlags, EventFd};
use uuid::Uuid;
use virt_conf::model::storage_volume::{VolumeKind, VolumeTarget};
use virt_conf::model::{Bytes, StorageVolume as Document};
use virt_conf::xml::{FormatOptions, ParseFlags, ParseOptions, Value as _, from_str, to_string};
use virt_core::driver::{
    Call, CreateStorageVolume, Error, ErrorCode, ErrorDomain, ResizeStorageVolume, Result, StorageVolumeInfo,
    StorageVolumeKind, StorageVolumeSummary, Stream, StreamChunk,
};

use super::Node;
use super::pool::Pool;
use super::table::Object as _;
use crate::error;

/// A simulated volume.
#[derive(Clone, Debug)]
pub(crate) struct Volume {
    pub(super) document: Document,
    content: Arc<Mutex<Content>>,
}

/// How many bytes are kept together.
const BLOCK: u64 = 64 << 10;

/// What is in a volume: blocks that something was written to; all others are zeros.
#[derive(Clone, Debug, Default)]
struct Content(BTreeMap<u64, Vec<u8>>);

impl Content {
    fn write(&mut self, mut place: u64, mut data: &[u8]) {
        while !data.is_empty() {
            let (number, start) = (place / BLOCK, (place % BLOCK) as usize);
            let length = data.len().min(BLOCK as usize - start);
            let (now, later) = data.split_at(length);
            let block = self.0.entry(number).or_insert_with(|| vec![0; BLOCK as usize]);
            block[start..start + length].copy_from_slice(now);
            place += length as u64;
            data = later;
        }
    }

    fn clear(&mut self, place: u64, length: u64) {
        let end = place.saturating_add(length);
        for (number, block) in self.0.range_mut(place / BLOCK..=end / BLOCK) {
            let first = number * BLOCK;
            let start = place.saturating_sub(first).min(BLOCK) as usize;
            let stop = end.saturating_sub(first).min(BLOCK) as usize;
            block[start..stop].fill(0);
        }
    }

    /// The bytes from a place on, at most `limit`, all of one block; nothing where there is a hole.
    fn read(&self, place: u64, limit: u64) -> Option<Vec<u8>> {
        let (start, end) = ((place % BLOCK) as usize, BLOCK.min(place % BLOCK + limit) as usize);
        self.0.get(&(place / BLOCK)).map(|block| block[start..end].to_vec())
    }

    /// Where the next bytes are that are kept.
    fn next(&self, place: u64) -> Option<u64> {
        self.0.range(place / BLOCK..).next().map(|(number, _)| (number * BLOCK).max(place))
    }

    fn truncate(&mut self, length: u64) {
        self.clear(length, BLOCK);
        self.0.split_off(&length.div_ceil(BLOCK));
    }
}

impl Volume {
    /// A volume of this pool, which decides its key and its path.
    pub(crate) fn new(mut document: Document, pool: &virt_conf::model::StoragePool) -> Result<Self> {
        document.settle_in(&pool.kind)?;
        document.kind = VolumeKind::File;
        let target = document.target.get_or_insert_with(VolumeTarget::default);
        let path = || format!("{}/{}", pool.target_path().unwrap_or_default(), document.name);
        let path = target.path.get_or_insert_with(path);
        document.key.get_or_insert_with(|| path.clone());
        Ok(Self { document, content: Arc::default() })
    }

    fn path(&self) -> &str {
        self.document.target.as_ref().and_then(|target| target.path.as_deref()).unwrap_or_default()
    }

    fn key(&self) -> &str {
        self.document.key.as_deref().unwrap_or_default()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        lock(&self.content)
    }

    pub(crate) fn xml(&self) -> String {
        to_string(&self.document, FormatOptions::default())
    }

    pub(crate) fn info(&self) -> StorageVolumeInfo {
        StorageVolumeInfo {
            kind: StorageVolumeKind::File,
            capacity: self.document.capacity.0,
            allocation: self.document.allocation.0,
        }
    }

    fn summary(&self, pool: &Pool) -> StorageVolumeSummary {
        let format = self.document.target.as_ref().and_then(|target| target.format.as_ref());
        let backing = self.document.backing_store.as_ref().and_then(|backing| backing.path.clone());
        StorageVolumeSummary {
            pool: pool.uuid(),
            pool_name: pool.name().to_owned(),
            name: self.document.name.clone(),
            key: self.key().to_owned(),
            path: self.path().to_owned(),
            kind: StorageVolumeKind::File,
            capacity: self.document.capacity.0,
            allocation: self.document.allocation.0,
            format: format.map(|format| {
                let mut text = String::new();
                format.kind.format(&mut text);
                text
            }),
            backing,
        }
    }
}

impl Pool {
    pub(crate) fn volume_summaries(&self) -> Result<Vec<StorageVolumeSummary>> {
        if self.require_active().is_err() {
            return Err(error::state(ErrorDomain::TEST, "storage pool is not active"));
        }
        Ok(self.volumes.values().map(|volume| volume.summary(self)).collect())
    }

    pub(crate) fn volume(&self, name: &str) -> Result<&Volume> {
        self.require_active()?;
        self.volumes.get(name).ok_or_else(|| no_volume("name", name))
    }

    pub(crate) fn volume_summary(&self, name: &str) -> Result<StorageVolumeSummary> {
        self.volume(name).map(|volume| volume.summary(self))
    }

    fn volume_mut(&mut self, name: &str) -> Result<&mut Volume> {
        self.require_active()?;
        self.volumes.get_mut(name).ok_or_else(|| no_volume("name", name))
    }

    /// Adds a volume that was there from the beginning.
    pub(crate) fn begin_with(&mut self, document: Document) -> Result<()> {
        let volume = Volume::new(document, self.require_active()?)?;
        self.volumes.insert(volume.document.name.clone(), volume);
        Ok(())
    }

    fn add_volume(&mut self, volume: Volume) -> Result<StorageVolumeSummary> {
        let name = &volume.document.name;
        if self.volumes.contains_key(name) {
            return Err(error::failed(ErrorDomain::TEST, "storage vol already exists"));
        }
        if volume.document.allocation.0 > self.available() {
            return Err(error::internal(format!("Not enough free space in pool for volume '{name}'")));
        }
        let summary = volume.summary(self);
        self.volumes.insert(name.clone(), volume);
        Ok(summary)
    }

    pub(crate) fn create_volume(
        &mut self,
        xml: &str,
        flags: CreateStorageVolume,
    ) -> Result<StorageVolumeSummary> {
        let strict = flags.contains(CreateStorageVolume::VALIDATE);
        let document = from_str(xml, &ParseOptions { strict, ..ParseOptions::default() })?;
        let volume = Volume::new(document, self.require_active()?)?;
        self.add_volume(volume)
    }

    /// A volume with what `original` has in it.
    pub(crate) fn clone_volume(
        &mut self,
        xml: &str,
        original: &Volume,
        flags: CreateStorageVolume,
    ) -> Result<StorageVolumeSummary> {
        let strict = flags.contains(CreateStorageVolume::VALIDATE);
        let mut document: Document = from_str(xml, &ParseOptions { strict, flags: ParseFlags::NO_CAPACITY })?;
        let from = &original.document;
        if document.capacity.0 < from.capacity.0 {
            (document.capacity, document.allocation) = (from.capacity, from.allocation);
        }
        let mut volume = Volume::new(document, self.require_active()?)?;
        volume.content = Arc::new(Mutex::new(original.content().clone()));
        self.add_volume(volume)
    }

    pub(crate) fn delete_volume(&mut self, name: &str) -> Result<()> {
        self.volume(name)?;
        self.volumes.remove(name);
        Ok(())
    }

    pub(crate) fn wipe_volume(&mut self, name: &str) -> Result<()> {
        self.volume(name)?.content().0.clear();
        Ok(())
    }

    pub(crate) fn resize_volume(&mut self, name: &str, size: u64, flags: ResizeStorageVolume) -> Result<()> {
        let available = self.available();
        let volume = self.volume_mut(name)?;
        let Bytes(capacity) = volume.document.capacity;
        let shrink = flags.contains(ResizeStorageVolume::SHRINK);
        let absolute = match (flags.contains(ResizeStorageVolume::DELTA), shrink) {
            (false, _) => size,
            (true, true) => capacity.saturating_sub(size),
            (true, false) => capacity.saturating_add(size),
        };
        if absolute < volume.document.allocation.0 && !shrink {
            return Err(error::argument("can't shrink capacity below existing allocation"));
        }
        if absolute < capacity && !shrink {
            let sentence =
                "Can't shrink capacity below current capacity unless shrink flag explicitly specified";
            return Err(error::argument(sentence));
        }
        if absolute.saturating_sub(capacity) > available {
            return Err(error::failed(ErrorDomain::TEST, "Not enough space left in storage pool"));
        }
        volume.content().truncate(absolute);
        volume.document.capacity = Bytes(absolute);
        let allocation = volume.document.allocation.0.min(absolute);
        let allocate = flags.contains(ResizeStorageVolume::ALLOCATE);
        volume.document.allocation = Bytes(if allocate { absolute } else { allocation });
        Ok(())
    }
}

fn no_volume(what: &str, value: &str) -> Error {
    let sentence = format!("no storage vol with matching {what} '{value}'");
    Error::new(ErrorCode::NO_STORAGE_VOL, ErrorDomain::TEST, sentence)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Node {
    pub(crate) fn volume_by_key(&self, key: &str) -> Result<StorageVolumeSummary> {
        self.find_volume(|volume| volume.key() == key).ok_or_else(|| no_volume("key", key))
    }

    pub(crate) fn volume_by_path(&self, path: &str) -> Result<StorageVolumeSummary> {
        self.find_volume(|volume| volume.path() == path).ok_or_else(|| no_volume("path", path))
    }

    fn find_volume(&self, wanted: impl Fn(&Volume) -> bool) -> Option<StorageVolumeSummary> {
        let pools = self.pools.read();
        let mut active = pools.iter().filter(|pool| pool.require_active().is_ok());
        active.find_map(|pool| pool.volumes.values().find(|volume| wanted(volume)).map(|it| it.summary(pool)))
    }

    pub(crate) fn download(
        &self,
        pool: Uuid,
        name: &str,
        (offset, length): (u64, u64),
        sparse: bool,
    ) -> Result<Arc<dyn Stream>> {
        let volume = self.pools.ask(pool, |pool| pool.volume(name).cloned())??;
        let size = volume.document.capacity.0;
        let end = if length == 0 { size } else { offset.saturating_add(length).min(size) };
        let range = Mutex::new((offset.min(end), end));
        Ok(Arc::new(Download { volume, range, sparse, ready: ready()? }))
    }

    pub(crate) fn upload(
        self: &Arc<Self>,
        pool: Uuid,
        name: &str,
        (offset, length): (u64, u64),
    ) -> Result<Arc<dyn Stream>> {
        let volume = self.pools.ask(pool, |pool| pool.volume(name).cloned())??;
        let size = volume.document.capacity.0;
        let end = if length == 0 { size } else { offset.saturating_add(length).min(size) };
        let (node, name) = (self.clone(), name.to_owned());
        let range = Mutex::new(Some((offset, end)));
        Ok(Arc::new(Upload { node, pool, name, volume, range, ready: ready()? }))
    }
}

/// A descriptor that is always ready: memory lets nobody wait.
fn ready() -> Result<EventFd> {
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    EventFd::from_value_and_flags(1, flags).map_err(error::descriptor)
}

fn one_way(direction: &str) -> Error {
    error::state(ErrorDomain::STREAMS, format!("data cannot be {direction} this stream"))
}

/// A volume's bytes on their way out.
struct Download {
    volume: Volume,
    /// Where it is, and where it ends.
    range: Mutex<(u64, u64)>,
    /// Holes are given as such.
    sparse: bool,
    ready: EventFd,
}

impl Stream for Download {
    fn receive(&self, _: &Call, limit: u64) -> Result<StreamChunk> {
        let mut range = lock(&self.range);
        let (place, end) = *range;
        if place >= end {
            return Ok(StreamChunk { end: true, ..StreamChunk::default() });
        }
        let content = self.volume.content();
        let length = limit.clamp(1, BLOCK).min(end - place);
        if let Some(data) = content.read(place, length) {
            range.0 += data.len() as u64;
            return Ok(StreamChunk { data, ..StreamChunk::default() });
        }
        let hole = content.next(place).unwrap_or(end).min(end) - place;
        if self.sparse {
            range.0 += hole;
            return Ok(StreamChunk { hole, ..StreamChunk::default() });
        }
        let length = length.min(hole);
        range.0 += length;
        Ok(StreamChunk { data: vec![0; length as usize], ..StreamChunk::default() })
    }

    fn send(&self, _: &Call, _: Vec<u8>) -> Result<u64> {
        Err(one_way("sent to"))
    }

    fn finish(&self, _: &Call) -> Result<()> {
        Ok(())
    }

    fn abort(&self, _: &Call) -> Result<()> {
        Ok(())
    }

    fn descriptor(&self, _: &Call) -> Result<i32> {
        Ok(self.ready.as_fd().as_raw_fd())
    }
}

/// A volume's bytes on their way in.
struct Upload {
    node: Arc<Node>,
    pool: Uuid,
    name: String,
    volume: Volume,
    /// Where it is, and where it must end; nothing once it has ended.
    range: Mutex<Option<(u64, u64)>>,
    ready: EventFd,
}

impl Upload {
    fn with(&self, length: u64, work: impl FnOnce(&mut Content, u64, u64)) -> Result<u64> {
        let mut range = lock(&self.range);
        let Some((place, end)) = &mut *range else {
            return Err(error::state(ErrorDomain::STREAMS, "the stream has ended"));
        };
        let length = length.min(*end - (*place).min(*end));
        if length == 0 {
            let attempt = format!("cannot write to volume '{}'", self.name);
            return Err(Error::system(ErrorDomain::STREAMS, attempt, nix::errno::Errno::ENOSPC));
        }
        work(&mut self.volume.content(), *place, length);
        *place += length;
        Ok(length)
    }
}

impl Stream for Upload {
    fn receive(&self, _: &Call, _: u64) -> Result<StreamChunk> {
        Err(one_way("received from"))
    }

    fn send(&self, _: &Call, data: Vec<u8>) -> Result<u64> {
        self.with(data.len() as u64, |content, place, length| content.write(place, &data[..length as usize]))
    }

    fn send_hole(&self, _: &Call, length: u64) -> Result<()> {
        self.with(length, Content::clear).map(drop)
    }

    fn finish(&self, _: &Call) -> Result<()> {
        if lock(&self.range).take().is_none() {
            return Err(error::state(ErrorDomain::STREAMS, "the stream has ended"));
        }
        let taken = self.volume.content().0.len() as u64 * BLOCK;
        self.node.pools.change(self.pool, |pool| {
            // The volume may have gone meanwhile.
            if let Some(volume) = pool.volumes.get_mut(&self.name) {
                let Bytes(allocation) = volume.document.allocation;
                volume.document.allocation = Bytes(allocation.max(taken.min(volume.document.capacity.0)));
            }
            Ok(Vec::new())
        })
    }

    fn abort(&self, _: &Call) -> Result<()> {
        lock(&self.range).take();
        Ok(())
    }

    fn descriptor(&self, _: &Call) -> Result<i32> {
        Ok(self.ready.as_fd().as_raw_fd())
    }
}

//! What can be done to the volumes of pools.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;
use virt_conf::model::StorageEncryption;
use virt_conf::model::{Bytes, StoragePool, StorageVolume};
use virt_conf::xml::{FormatOptions, ParseFlags, ParseOptions};
use virt_core::driver::{
    Call, CreateStorageVolume, ResizeStorageVolume, SecretUsageKind, SecretValue, StorageVolumeInfo,
    StorageVolumeKind, StorageVolumeSummary, Stream, WipeAlgorithm,
};
use virt_util::Result;
use virt_util::index::Entry;

use super::Engine;
use crate::backend::Backend;
use crate::command::{Image, check_encryption};
use crate::content::{Content, Volume};
use crate::making::Making;
use crate::stream::{Download, Finish, Into, Upload};
use crate::{backend, error, refresh, volume, wipe};

mod device;

/// What libvirt says of pools whose volumes cannot be copied.
const NO_CLONE: &str = "storage pool does not support volume creation from an existing volume";

/// A running pool.
struct Place {
    entry: Arc<Entry>,
    pool: StoragePool,
    backend: &'static dyn Backend,
    content: Arc<Content>,
}

impl Place {
    fn find(&self, name: &str) -> Result<Arc<Volume>> {
        let found = self.content.volumes()?.get(name).cloned();
        found.ok_or_else(|| error::no_volume(format!("no storage vol with matching name '{name}'")))
    }

    fn summary(&self, volume: &Volume) -> StorageVolumeSummary {
        volume.summary(self.entry.uuid, &self.entry.name)
    }

    /// Whether its volumes are files of a directory; otherwise they are devices, or nothing on this host.
    fn has_files(&self) -> bool {
        backend::has_files(&self.pool.kind)
    }

    /// Opens what holds a volume's bytes.
    fn open(&self, volume: &Volume, write: bool) -> Result<File> {
        let path = Path::new(&volume.path);
        if self.has_files() { volume::open(path, write) } else { backend::open_device(path, write) }
    }

    /// Refuses volumes whose bytes are not on this host.
    fn check_paths(&self, sentence: &str) -> Result<()> {
        if self.backend.has_paths() { Ok(()) } else { Err(backend::no_support(sentence)) }
    }
}

/// A password on its way to a program, and where the program finds it.
struct Password {
    fd: OwnedFd,
    uuid: Option<Uuid>,
}

impl Engine {
    fn place(&self, pool: Uuid) -> Result<Place> {
        let entry = self.store.by_uuid(pool)?;
        let running = self.store.running(&entry)?;
        let backend = backend::of(&running.kind)?;
        Ok(Place { entry, pool: running, backend, content: self.content(pool)? })
    }

    /// Every pool that runs.
    fn places(&self) -> Result<Vec<Place>> {
        let entries = self.store.index().list()?;
        entries.iter().filter(|entry| entry.is_active()).map(|entry| self.place(entry.uuid)).collect()
    }

    pub(crate) fn volumes(&self, pool: Uuid) -> Result<Vec<StorageVolumeSummary>> {
        let place = self.place(pool)?;
        Ok(place.content.volumes()?.values().map(|volume| place.summary(volume)).collect())
    }

    pub(crate) fn volume(&self, pool: Uuid, name: &str) -> Result<StorageVolumeSummary> {
        let place = self.place(pool)?;
        place.find(name).map(|volume| place.summary(&volume))
    }

    pub(crate) fn volume_by_key(&self, key: &str) -> Result<StorageVolumeSummary> {
        let missing = || error::no_volume(format!("no storage vol with matching key '{key}'"));
        self.search(key, |volume| &volume.key)?.ok_or_else(missing)
    }

    pub(crate) fn volume_by_path(&self, path: &str) -> Result<StorageVolumeSummary> {
        let missing = || error::no_volume(format!("no storage vol with matching path '{path}'"));
        self.search(path, |volume| &volume.path)?.ok_or_else(missing)
    }

    fn search(
        &self,
        wanted: &str,
        field: impl Fn(&Volume) -> &String,
    ) -> Result<Option<StorageVolumeSummary>> {
        // A file's volume has its name: where that is one, nothing has to be searched.
        let name = wanted.rsplit('/').next().unwrap_or_default();
        for place in self.places()? {
            let volumes = place.content.volumes()?;
            let found = volumes.get(name).filter(|volume| field(volume) == wanted);
            if let Some(volume) = found.or_else(|| volumes.values().find(|volume| field(volume) == wanted)) {
                return Ok(Some(place.summary(volume)));
            }
        }
        Ok(None)
    }

    pub(crate) fn volume_xml(&self, pool: Uuid, name: &str, call: &Call) -> Result<String> {
        let place = self.place(pool)?;
        let volume = self.current(&place, name, call)?;
        Ok(virt_conf::xml::to_string(&volume::document(&volume), FormatOptions::default()))
    }

    pub(crate) fn volume_info(
        &self,
        pool: Uuid,
        name: &str,
        physical: bool,
        call: &Call,
    ) -> Result<StorageVolumeInfo> {
        let place = self.place(pool)?;
        let volume = self.current(&place, name, call)?;
        Ok(StorageVolumeInfo {
            kind: StorageVolumeKind::from_number(volume.kind),
            capacity: volume.capacity,
            allocation: if physical { volume.physical } else { volume.allocation },
        })
    }

    /// A volume as its file or device is now.
    fn current(&self, place: &Place, name: &str, call: &Call) -> Result<Volume> {
        let known = place.find(name)?;
        let now = place.backend.look(&self.ask(&place.pool, call), &known)?;
        let gone =
            || error::system(format!("cannot open volume '{}'", known.path), nix::errno::Errno::ENOENT);
        let mut now = now.ok_or_else(gone)?;
        now.secret = known.secret.filter(|_| now.encryption.is_some());
        Ok(now)
    }

    /// Reads a volume's definition, for this pool.
    fn parse(
        &self,
        place: &Place,
        xml: &str,
        flags: CreateStorageVolume,
        copies: bool,
    ) -> Result<(StorageVolume, PathBuf)> {
        let strict = flags.contains(CreateStorageVolume::VALIDATE);
        let flags = if copies { ParseFlags::NO_CAPACITY } else { ParseFlags::empty() };
        let mut volume: StorageVolume = virt_conf::xml::from_str(xml, &ParseOptions { flags, strict })?;
        volume.settle_in(&place.pool.kind)?;
        let name = volume.name.as_str();
        if place.content.volumes()?.contains_key(name) {
            return Err(error::exists(name));
        }
        if name.contains('/') {
            return Err(error::invalid(format!("volume name '{name}' cannot contain '/'")));
        }
        if name.contains(char::is_control) || name.len() > 255 || crate::making::is_unfinished(name) {
            return Err(error::argument(format!("'{}' cannot be a volume's name", name.escape_default())));
        }
        let path = Path::new(place.pool.target_path().unwrap_or_default()).join(name);
        // `.` and `..` are there, too.
        if place.has_files() && path.symlink_metadata().is_ok() {
            return Err(error::invalid(format!("volume target path '{}' already exists", path.display())));
        }
        if let Some(encryption) = volume.target.as_ref().and_then(|it| it.encryption.as_ref()) {
            check_encryption(encryption)?;
        }
        Ok((volume, path))
    }

    pub(crate) fn create_volume(
        &self,
        pool: Uuid,
        xml: &str,
        flags: CreateStorageVolume,
        call: &Call,
    ) -> Result<StorageVolumeSummary> {
        let place = self.place(pool)?;
        let (document, path) = self.parse(&place, xml, flags, false)?;
        if !place.has_files() {
            return self.create_device(&place, &document, call);
        }
        if volume::is_directory(&document) {
            let mode = document
                .target
                .as_ref()
                .and_then(|it| it.permissions.as_ref()?.mode)
                .map_or(0o711, |it| it.0);
            let made = std::fs::DirBuilder::new().mode(mode).create(&path);
            made.map_err(|error| error::about("cannot create path", &path, error))?;
            return self.appeared(&place, &document.name, None, call);
        }
        let making = Making::begin(self.store.root(), pool, &document.name, &path)?;
        let password = self.password(encryption(&document), call)?;
        let secret = password.as_ref().and_then(|password| password.uuid);
        if volume::needs_qemu_img(&document) {
            let fds = password.map(|password| password.fd).into_iter().collect::<Vec<_>>();
            let (path, fds) = place_for_program(&making, &document, fds)?;
            let image = Image::of(&document, &path)?;
            let preallocate = flags.contains(CreateStorageVolume::PREALLOC_METADATA)
                || (image.format == "qcow2"
                    && image.backing.is_none()
                    && says_allocation(xml)
                    && image.allocation >= image.capacity);
            let source = secret.map(|_| descriptor(0));
            let command = image.create(preallocate, source.as_deref());
            command.run_with(call, fds)?;
        } else {
            if document
                .backing_store
                .as_ref()
                .is_some_and(|it| it.path.as_ref().is_some_and(|path| !path.is_empty()))
            {
                return Err(error::unsupported("backing storage not supported for raw volumes"));
            }
            if flags.contains(CreateStorageVolume::PREALLOC_METADATA) {
                return Err(error::unsupported("metadata preallocation is not supported for raw volumes"));
            }
            let file = making.open()?;
            if document.target.as_ref().is_some_and(|it| it.nocow) {
                volume::set_nocow(&file, &path)?;
            }
            volume::size(&file, &path, document.capacity.0, document.allocation.0)?;
        }
        self.finish(&place, &document, making, secret, call)
    }

    pub(crate) fn clone_volume(
        &self,
        pool: Uuid,
        xml: &str,
        (from_pool, from): (Uuid, &str),
        flags: CreateStorageVolume,
        call: &Call,
    ) -> Result<StorageVolumeSummary> {
        let place = self.place(pool)?;
        let from_place = if from_pool == pool { self.place(pool)? } else { self.place(from_pool)? };
        let original = self.current(&from_place, from, call)?;
        from_place.check_paths(NO_CLONE)?;
        let (mut document, path) = self.parse(&place, xml, flags, true)?;
        if document.capacity.0 < original.capacity {
            document.capacity = Bytes(original.capacity);
        }
        if !says_allocation(xml) {
            document.allocation = document.capacity;
        }
        let source = from_place.open(&original, false)?;
        if !place.has_files() {
            return self.clone_device(&place, &document, (&original, &source), call);
        }
        let making = Making::begin(self.store.root(), pool, &document.name, &path)?;
        let password = self.password(encryption(&document), call)?;
        let secret = password.as_ref().and_then(|password| password.uuid);
        let was_raw = original.is_raw();
        if was_raw && !volume::needs_qemu_img(&document) {
            let file = making.open()?;
            if document.target.as_ref().is_some_and(|it| it.nocow) {
                volume::set_nocow(&file, &path)?;
            }
            if flags.contains(CreateStorageVolume::REFLINK) {
                volume::share(&source, &file, Path::new(&original.path))?;
                file.set_len(document.capacity.0)
                    .map_err(|error| error::about("cannot extend file", &path, error))?;
            } else {
                // Holes stay holes, unless all of it was to be reserved by who said so.
                let allocation = if says_allocation(xml) { document.allocation.0 } else { 0 };
                volume::size(&file, &path, document.capacity.0, allocation)?;
                volume::copy(&source, &file, &path, (0, original.capacity), call)?;
            }
        } else {
            let old = volume::document(&original);
            let mut of = Image::of(&StorageVolume { backing_store: None, ..old.clone() }, &original.path)?;
            if original.format.as_deref() == Some("luks") {
                of.format = "luks".into();
            }
            let old_password = self.password(encryption(&old), call)?;
            if original.encryption.is_some() && old_password.is_none() {
                return Err(error::unsupported(format!("the secret of volume '{from}' is not known")));
            }
            let names = [password.is_some(), old_password.is_some()];
            let fds: Vec<OwnedFd> =
                password.into_iter().chain(old_password).map(|password| password.fd).collect();
            let (path, fds) = place_for_program(&making, &document, fds)?;
            let to = Image::of(&document, &path)?;
            let [new_at, old_at] = [descriptor(0), descriptor(usize::from(names[0]))];
            let commands = to.convert(
                flags.contains(CreateStorageVolume::PREALLOC_METADATA),
                names[0].then_some(new_at.as_str()),
                &of,
                names[1].then_some(old_at.as_str()),
            );
            for command in &commands {
                let copies = duplicates(&fds)?;
                match command.arguments.first().map(String::as_str) {
                    Some("convert") => command.run_reporting(call, copies, "cloning")?,
                    _ => drop(command.run_with(call, copies)?),
                }
            }
            // What was converted has the original's size.
            if commands.len() == 1 && document.capacity.0 > original.capacity {
                to.resize(document.capacity.0, false, false, None).run_with(call, duplicates(&fds)?)?;
            }
        }
        self.finish(&place, &document, making, secret, call)
    }

    /// Gives what was made its owner and its name, and lets it be known.
    fn finish(
        &self,
        place: &Place,
        document: &StorageVolume,
        making: Making,
        secret: Option<Uuid>,
        call: &Call,
    ) -> Result<StorageVolumeSummary> {
        let permissions = document.target.as_ref().and_then(|target| target.permissions.as_ref());
        volume::set_permissions(&making.open()?, making.path(), permissions)?;
        let _turn = self.store.lock_pool(place.entry.uuid, "making a volume", call.wait())?;
        // The pool may have been stopped meanwhile.
        self.place(place.entry.uuid)?;
        making.finish()?;
        self.look(place, &document.name, secret)
    }

    /// As [`Engine::look`], with the pool's lock.
    fn appeared(
        &self,
        place: &Place,
        name: &str,
        secret: Option<Uuid>,
        call: &Call,
    ) -> Result<StorageVolumeSummary> {
        let _turn = self.store.lock_pool(place.entry.uuid, "making a volume", call.wait())?;
        self.look(place, name, secret)
    }

    /// Lets what a volume is now be known. The caller has the pool's lock.
    fn look(&self, place: &Place, name: &str, secret: Option<Uuid>) -> Result<StorageVolumeSummary> {
        let now = match place.has_files() {
            true => refresh::one(backend::directory(&place.pool)?, name)?,
            false => place.backend.look(&self.ask(&place.pool, Call::background()), &*place.find(name)?)?,
        };
        let mut now =
            now.ok_or_else(|| error::no_volume(format!("no storage vol with matching name '{name}'")))?;
        let known = place.content.volumes()?.get(name).and_then(|known| known.secret);
        now.secret = secret.or(known).filter(|_| now.encryption.is_some());
        let summary = place.summary(&now);
        place.content.put(now)?;
        Ok(summary)
    }

    /// The password that an encryption names.
    fn password(&self, encryption: Option<&StorageEncryption>, call: &Call) -> Result<Option<Password>> {
        let Some(secret) = encryption.and_then(|encryption| encryption.secrets.first()) else {
            return Ok(None);
        };
        let slots = self.host.role(call, "secret".to_owned(), self.uri.clone())?;
        let secrets = slots.secrets.ok_or_else(|| error::unsupported("no driver for secrets is there"))?;
        let uuid = match (secret.uuid, &secret.usage) {
            (Some(uuid), _) => uuid,
            (None, Some(usage)) => {
                secrets.lookup_by_usage(call, SecretUsageKind::Volume, usage.clone())?.uuid
            }
            (None, None) => return Err(error::unsupported("the encryption names no secret")),
        };
        let value: SecretValue = secrets.reveal(call, uuid)?;
        Ok(Some(Password { fd: volume::in_memory(&value)?, uuid: Some(uuid) }))
    }

    pub(crate) fn delete_volume(&self, pool: Uuid, name: &str, zeroed: bool, call: &Call) -> Result<()> {
        let place = self.place(pool)?;
        if zeroed {
            self.wipe_volume(pool, name, WipeAlgorithm::Zero, call)?;
        }
        let _turn = self.store.lock_pool(pool, "deleting a volume", call.wait())?;
        let known = place.find(name)?;
        if !place.has_files() {
            place.backend.remove(&self.ask(&place.pool, call), &known)?;
            return self.recount(&place, call);
        }
        let path = Path::new(&known.path);
        let removed = match StorageVolumeKind::from_number(known.kind) {
            StorageVolumeKind::Dir => std::fs::remove_dir(path)
                .map_err(|error| error::system(format!("cannot remove directory '{}'", known.path), error)),
            StorageVolumeKind::File => std::fs::remove_file(path)
                .map_err(|error| error::system(format!("cannot unlink file '{}'", known.path), error)),
            kind => {
                Err(error::unsupported(format!("removing {kind} volumes is not supported: {}", known.path)))
            }
        };
        match removed {
            // Somebody was faster.
            Err(error) if error.errno() == Some(nix::errno::Errno::ENOENT) => {}
            other => other?,
        }
        place.content.remove(name)
    }

    pub(crate) fn wipe_volume(
        &self,
        pool: Uuid,
        name: &str,
        algorithm: WipeAlgorithm,
        call: &Call,
    ) -> Result<()> {
        let place = self.place(pool)?;
        let known = place.find(name)?;
        place.backend.check_wipe(&known)?;
        let path = Path::new(&known.path);
        let mut file = place.open(&known, true)?;
        wipe::wipe(&mut file, path, algorithm, call)?;
        self.appeared(&place, name, None, call).map(drop)
    }

    pub(crate) fn resize_volume(
        &self,
        pool: Uuid,
        name: &str,
        capacity: u64,
        flags: ResizeStorageVolume,
        call: &Call,
    ) -> Result<()> {
        let place = self.place(pool)?;
        let known = self.current(&place, name, call)?;
        let shrink = flags.contains(ResizeStorageVolume::SHRINK);
        let absolute = match (flags.contains(ResizeStorageVolume::DELTA), shrink) {
            (false, _) => Some(capacity),
            (true, true) => Some(known.capacity.saturating_sub(capacity)),
            (true, false) => known.capacity.checked_add(capacity),
        };
        let absolute = absolute.ok_or_else(|| error::argument("the new capacity is too large"))?;
        if absolute < known.allocation && !shrink {
            return Err(error::argument("can't shrink capacity below existing allocation"));
        }
        if absolute < known.capacity && !shrink {
            let sentence =
                "Can't shrink capacity below current capacity unless shrink flag explicitly specified";
            return Err(error::argument(sentence));
        }
        if absolute.saturating_sub(known.capacity) > self.info(&place.entry)?.available {
            return Err(error::failed("Not enough space left in storage pool"));
        }
        if !place.has_files() {
            let _turn = self.store.lock_pool(pool, "resizing a volume", call.wait())?;
            place.backend.resize(&self.ask(&place.pool, call), &known, absolute)?;
            return self.recount(&place, call);
        }
        let allocate = flags.contains(ResizeStorageVolume::ALLOCATE);
        let path = Path::new(&known.path);
        if known.format.as_deref() == Some("raw") && known.encryption.is_none() {
            let file = volume::open(path, true)?;
            if file.metadata().is_ok_and(|it| it.file_type().is_block_device()) {
                return Err(error::unsupported("block devices cannot be resized here"));
            }
            volume::size(&file, path, absolute, if allocate { absolute } else { 0 })?;
        } else {
            let mut image = Image::of(&volume::document(&known), &known.path)?;
            known.format.iter().for_each(|format| image.format.clone_from(format));
            let password = self.password(image.encryption.as_ref(), call)?;
            let source = password.as_ref().map(|_| descriptor(0));
            let command = image.resize(absolute, allocate, absolute < known.capacity, source.as_deref());
            command.run_with(call, password.into_iter().map(|password| password.fd).collect())?;
        }
        self.appeared(&place, name, None, call).map(drop)
    }

    pub(crate) fn download(
        &self,
        pool: Uuid,
        name: &str,
        range: (u64, u64),
        sparse: bool,
    ) -> Result<Arc<dyn Stream>> {
        let place = self.place(pool)?;
        place.check_paths("storage pool doesn't support volume download")?;
        let known = place.find(name)?;
        Download::open(place.open(&known, false)?, Path::new(&known.path), range, sparse)
    }

    pub(crate) fn upload(
        self: &Arc<Self>,
        pool: Uuid,
        name: &str,
        range: (u64, u64),
    ) -> Result<Arc<dyn Stream>> {
        let place = self.place(pool)?;
        place.check_paths("storage pool doesn't support volume upload")?;
        let known = place.find(name)?;
        let path = Path::new(&known.path);
        let file = place.open(&known, true)?;
        let is_file = file.metadata().is_ok_and(|it| it.is_file());
        let making = is_file.then(|| Making::begin(self.store.root(), pool, name, path)).transpose()?;
        let (engine, name) = (self.clone(), name.to_owned());
        let finish: Finish = Box::new(move |call, making| {
            let _turn = engine.store.lock_pool(pool, "uploading to a volume", call.wait())?;
            making.map_or(Ok(()), Making::replace)?;
            engine.look(&place, &name, None).map(drop)
        });
        let into = match making {
            Some(making) => Into::File(Box::new(making)),
            None => Into::Device(file),
        };
        Upload::open(path, range, into, finish)
    }
}

fn encryption(volume: &StorageVolume) -> Option<&StorageEncryption> {
    volume.target.as_ref()?.encryption.as_ref()
}

/// Copies of descriptors, for one program.
fn duplicates(fds: &[OwnedFd]) -> Result<Vec<OwnedFd>> {
    let copies = fds.iter().map(OwnedFd::try_clone).collect::<std::io::Result<_>>();
    copies.map_err(|error| error::system("cannot duplicate a descriptor", error))
}

/// Where a program writes what is being made: a descriptor behind those that it gets already, and all of them. One that outlives us
/// for a moment cannot make the file anew, under its unfinished name, when whoever recovers has removed it. A name of another
/// image that is relative to this one's directory takes the path itself.
fn place_for_program(
    making: &Making,
    document: &StorageVolume,
    mut fds: Vec<OwnedFd>,
) -> Result<(String, Vec<OwnedFd>)> {
    let behind = document.backing_store.as_ref().and_then(|backing| backing.path.as_deref());
    if behind.is_some_and(|path| !path.is_empty() && !path.starts_with('/')) {
        return Ok((making.path().to_string_lossy().into_owned(), fds));
    }
    let path = descriptor(fds.len());
    fds.push(making.open()?.into());
    Ok((path, fds))
}

/// Where a program finds the password with this number.
fn descriptor(number: usize) -> String {
    format!("/dev/fd/{}", crate::command::FIRST_SECRET as usize + number)
}

/// Whether a definition says how much is reserved; what it does not say means different things.
fn says_allocation(xml: &str) -> bool {
    roxmltree::Document::parse(xml).is_ok_and(|document| {
        document.root_element().children().any(|child| child.has_tag_name("allocation"))
    })
}

//! Volumes that are devices: their pools' programs make them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use virt_conf::model::StorageVolume;
use virt_core::driver::{Call, StorageVolumeSummary};
use virt_util::{Error, ErrorDomain, Result};

use super::{Engine, NO_CLONE, Place};
use crate::backend::{self, Found};
use crate::command::{Image, format_name};
use crate::content::Volume;
use crate::making::MakingDevice;
use crate::{error, volume};

impl Engine {
    /// What is known of a pool, as its backend takes it.
    fn known(&self, place: &Place) -> Result<Found> {
        Ok(Found { volumes: (*place.content.volumes()?).clone(), space: place.content.space()? })
    }

    /// Looks at all volumes of a pool anew. The caller has the pool's lock.
    pub(super) fn recount(&self, place: &Place, call: &Call) -> Result<()> {
        let known = place.content.volumes()?;
        let found = place.backend.refresh(&self.ask(&place.pool, call), &known)?;
        place.content.replace(Arc::new(found.volumes), found.space)
    }

    pub(super) fn create_device(
        &self,
        place: &Place,
        document: &StorageVolume,
        call: &Call,
    ) -> Result<StorageVolumeSummary> {
        let _turn = self.store.lock_pool(place.entry.uuid, "making a volume", call.wait())?;
        // The pool may have been stopped, and others may have made it, meanwhile.
        self.place(place.entry.uuid)?;
        self.make_device(place, document, call)
    }

    /// The caller has the pool's lock.
    fn make_device(
        &self,
        place: &Place,
        document: &StorageVolume,
        call: &Call,
    ) -> Result<StorageVolumeSummary> {
        let name = document.name.as_str();
        let known = self.known(place)?;
        if known.volumes.contains_key(name) {
            return Err(error::exists(name));
        }
        if document.target.as_ref().is_some_and(|target| target.encryption.is_some()) {
            return Err(error::unsupported("storage pool does not support encrypted volumes"));
        }
        place.backend.create(&self.ask(&place.pool, call), &known, document)?;
        self.recount(place, call)?;
        let made = place.content.volumes()?.get(name).cloned();
        let made = made.ok_or_else(|| {
            Error::internal(ErrorDomain::STORAGE, format!("cannot find newly created volume '{name}'"))
        })?;
        let format = format_name(document.target.as_ref().and_then(|target| target.format.as_ref()));
        // What is to be on a partition only its maker knows.
        if made.format.as_deref() == Some("none") && format != "raw" {
            place.content.put(Volume { format: Some(format), ..Volume::clone(&made) })?;
        }
        place.find(name).map(|made| place.summary(&made))
    }

    pub(super) fn clone_device(
        &self,
        place: &Place,
        document: &StorageVolume,
        (original, source): (&Volume, &File),
        call: &Call,
    ) -> Result<StorageVolumeSummary> {
        place.check_paths(NO_CLONE)?;
        let uuid = place.entry.uuid;
        let turn = self.store.lock_pool(uuid, "making a volume", call.wait())?;
        self.place(uuid)?;
        let ask = self.ask(&place.pool, call);
        let removal = place.backend.removal(&ask, document)?;
        let (path, removal) = removal.ok_or_else(|| backend::no_support(NO_CLONE))?;
        let making = MakingDevice::begin(self.store.root(), uuid, &document.name, &path, removal)?;
        let made = self.make_device(place, document, call)?;
        // Others may use the pool while it is filled: its name is taken.
        drop(turn);
        let filled = self.fill(Path::new(&made.path), (original, source), call);
        let _turn = self.store.lock_pool(uuid, "making a volume", Call::background().wait())?;
        if let Err(error) = filled {
            drop(making);
            self.recount(place, Call::background()).inspect_err(|error| log::warn!("{error:#}")).ok();
            return Err(error);
        }
        making.finish()?;
        self.look(place, &document.name, None)
    }

    fn fill(&self, path: &Path, (original, source): (&Volume, &File), call: &Call) -> Result<()> {
        if !original.is_raw() {
            let mut from = Image::of(
                &StorageVolume { backing_store: None, ..volume::document(original) },
                &original.path,
            )?;
            original.format.iter().for_each(|format| from.format.clone_from(format));
            if original.encryption.is_some() {
                return Err(error::unsupported("an encrypted volume cannot be copied to a device"));
            }
            return from.write_to(&path.to_string_lossy()).run_reporting(call, Vec::new(), "cloning");
        }
        let file = backend::open_device(path, true)?;
        // A device that is new to us holds what was there before: a hole is written as what it is.
        volume::copy_all(source, &file, path, original.capacity, call)?;
        file.sync_all().map_err(|error| error::about("cannot sync data to volume with path", path, error))
    }
}

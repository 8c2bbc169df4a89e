//! The host's multipath devices: each map is a volume.

use std::path::Path;
use std::sync::Arc;

use virt_util::Result;
use virt_util::sysfs::Sysfs;

use super::block::look;
use super::scsi::serial;
use super::{Ask, Backend, Found, settle};
use crate::content::{Space, Volumes};

pub(super) struct Multipath;

/// How the device-mapper's identity of a multipath map begins.
const MARK: &str = "mpath-";

impl Backend for Multipath {
    fn refresh(&self, ask: &Ask<'_>, _: &Volumes) -> Result<Found> {
        settle(ask.call);
        let (mut volumes, mut space) = (Volumes::new(), Space::default());
        for (name, map) in maps(&Sysfs::host())? {
            let path = Path::new("/dev/mapper").join(&map);
            let mut volume = match look(&name, &path) {
                Ok(volume) => volume,
                Err(error) if error.errno() == Some(nix::errno::Errno::ENOENT) => continue,
                Err(error) => return Err(error),
            };
            if let Some(serial) = serial(&path) {
                volume.key = serial;
            }
            space.capacity = space.capacity.saturating_add(volume.capacity);
            space.allocation = space.allocation.saturating_add(volume.allocation);
            volumes.insert(name, Arc::new(volume));
        }
        Ok(Found { volumes, space: Some(space) })
    }
}

/// Devices of multipath maps, `dm-3`, and the maps' names. A host without a device-mapper has none.
fn maps(sysfs: &Sysfs) -> Result<Vec<(String, String)>> {
    let mut maps = Vec::new();
    for name in sysfs.names("class/block")?.into_iter().filter(|name| name.starts_with("dm-")) {
        let identity = sysfs.read(format!("class/block/{name}/dm/uuid"))?;
        let map = sysfs.read(format!("class/block/{name}/dm/name"))?;
        if let Some(map) = map.filter(|_| identity.is_some_and(|identity| identity.starts_with(MARK)))
            && super::is_name(&map)
        {
            maps.push((name, map));
        }
    }
    Ok(maps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_multipath_maps_are_listed() {
        let scratch = tempfile::tempdir().unwrap();
        let device = |name: &str, uuid: &str, map: &str| {
            let place = scratch.path().join("class/block").join(name).join("dm");
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join("uuid"), uuid).unwrap();
            std::fs::write(place.join("name"), map).unwrap();
        };
        device("dm-0", "mpath-3600c0ff000d7\n", "mpatha\n");
        device("dm-1", "LVM-x\n", "vg0-root\n");
        device("dm-2", "mpath-x\n", "../escape\n");
        device("dm-3", "", "");
        std::fs::create_dir_all(scratch.path().join("class/block/sda")).unwrap();
        let found = maps(&Sysfs::at(scratch.path())).unwrap();
        assert_eq!(found, [("dm-0".to_owned(), "mpatha".to_owned())]);
        assert_eq!(maps(&Sysfs::at(scratch.path().join("nothing"))).unwrap(), []);
    }
}

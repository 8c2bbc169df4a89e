//! A ZFS pool: its zvols are the volumes.

use std::path::Path;
use std::sync::Arc;

use virt_conf::model::StorageVolume;
use virt_conf::model::storage_pool::{StoragePoolKind, ZfsPool};
use virt_core::driver::{BuildStoragePool, StorageVolumeKind};
use virt_util::{Error, ErrorDomain, Result};

use super::block::look;
use super::{Ask, Backend, Found, Removal, no_support, settle};
use crate::command::Command;
use crate::content::{Space, Volume, Volumes};
use crate::error;

pub(super) struct Zfs;

fn dataset<'a>(ask: &'a Ask<'_>) -> Result<(&'a str, &'a ZfsPool)> {
    match &ask.pool.kind {
        StoragePoolKind::Zfs(zfs) => Ok((zfs.source.name.as_deref().unwrap_or(&ask.pool.name), zfs)),
        _ => Err(error::failed("this is no ZFS pool")),
    }
}

impl Backend for Zfs {
    fn build(&self, ask: &Ask<'_>, _: BuildStoragePool) -> Result<()> {
        let (name, zfs) = dataset(ask)?;
        if name.contains('/') {
            return Command::new("zfs", ["create", "-o", "mountpoint=none", name]).run(ask.call).map(drop);
        }
        if zfs.source.devices.is_empty() {
            return Err(error::unsupported("missing source devices"));
        }
        let mut command = Command::new("zpool", ["create", name]);
        command.arguments.extend(zfs.source.devices.iter().map(|device| device.path.clone()));
        command.run(ask.call).map(drop)
    }

    fn is_active(&self, ask: &Ask<'_>) -> Result<bool> {
        Ok(ask.pool.target_path().is_some_and(|path| Path::new(path).exists()))
    }

    fn start(&self, ask: &Ask<'_>) -> Result<()> {
        // What ZFS has imported is there; what it has not, its own service sees to.
        let (name, _) = dataset(ask)?;
        Command::new("zfs", ["list", "-H", "-o", "name", name]).run(ask.call).map(drop)
    }

    fn delete(&self, ask: &Ask<'_>) -> Result<()> {
        let (name, _) = dataset(ask)?;
        let program = if name.contains('/') { "zfs" } else { "zpool" };
        Command::new(program, ["destroy", name]).run(ask.call).map(drop)
    }

    fn refresh(&self, ask: &Ask<'_>, _: &Volumes) -> Result<Found> {
        let (name, _) = dataset(ask)?;
        let root = name.split('/').next().unwrap_or(name);
        let said = Command::new("zpool", ["get", "-Hp", "health,size,free,allocated", root]).run(ask.call)?;
        let space = space(&said)?;
        let list = ["list", "-Hp", "-t", "volume", "-r", "-o", "name,volsize,refreservation", name];
        let said = Command::new("zfs", list).run(ask.call)?;
        settle(ask.call);
        let mut volumes = Volumes::new();
        for zvol in zvols(&said)? {
            // Those of data sets below are other pools' business.
            let rest = zvol.name.strip_prefix(name).and_then(|rest| rest.strip_prefix('/'));
            let Some(short) = rest.filter(|rest| super::is_name(rest)) else { continue };
            let path = format!("/dev/zvol/{name}/{short}");
            let mut volume = look(short, Path::new(&path)).unwrap_or_else(|_| Volume {
                name: short.to_owned(),
                path: path.clone(),
                kind: StorageVolumeKind::Block.number(),
                physical: zvol.size,
                mode: 0o600,
                ..Volume::default()
            });
            volume.key = path;
            (volume.capacity, volume.allocation) = (zvol.size, zvol.reserved.min(zvol.size));
            volume.sparse = zvol.reserved < zvol.size;
            volumes.insert(volume.name.clone(), Arc::new(volume));
        }
        Ok(Found { volumes, space: Some(space) })
    }

    fn create(&self, ask: &Ask<'_>, _: &Found, volume: &StorageVolume) -> Result<()> {
        let (name, _) = dataset(ask)?;
        if volume.target.as_ref().is_some_and(|target| target.encryption.is_some()) {
            return Err(error::unsupported("storage pool does not support encrypted volumes"));
        }
        create(name, volume).run(ask.call)?;
        settle(ask.call);
        Ok(())
    }

    fn removal(&self, ask: &Ask<'_>, volume: &StorageVolume) -> Result<Option<Removal>> {
        let (name, _) = dataset(ask)?;
        let spec = format!("{name}/{}", volume.name);
        Ok(Some((format!("/dev/zvol/{spec}").into(), (Command::new("zfs", ["destroy", &spec]), None))))
    }

    fn remove(&self, ask: &Ask<'_>, volume: &Volume) -> Result<()> {
        let (name, _) = dataset(ask)?;
        Command::new("zfs", ["destroy", &format!("{name}/{}", volume.name)]).run(ask.call).map(drop)
    }

    fn check_wipe(&self, _: &Volume) -> Result<()> {
        // It never writes where something was.
        Err(no_support("storage pool doesn't support volume wiping"))
    }
}

/// What makes a zvol; one that has less space than it shows is sparse.
fn create(dataset: &str, volume: &StorageVolume) -> Command {
    let kilobytes = |bytes: u64| format!("{}K", bytes.div_ceil(1024));
    let (capacity, allocation) = (volume.capacity.0, volume.allocation.0);
    let mut command = Command::new("zfs", ["create"]);
    if allocation < capacity {
        command = command.argument("-s");
        if allocation > 0 {
            command = command.argument("-o").argument(format!("refreservation={}", kilobytes(allocation)));
        }
    }
    command.argument("-V").argument(kilobytes(capacity)).argument(format!("{dataset}/{}", volume.name))
}

/// A zvol, sizes in bytes.
#[derive(Debug, PartialEq, Eq)]
struct Zvol {
    name: String,
    size: u64,
    reserved: u64,
}

/// Reads what `zfs list -Hp -o name,volsize,refreservation` says.
fn zvols(text: &str) -> Result<Vec<Zvol>> {
    let wrong = |what: &str| Error::internal(ErrorDomain::STORAGE, what);
    let zvol = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, size, reserved] = fields[..] else { return Err(wrong("malformed volsize reported")) };
        let size = size.parse().map_err(|_| wrong("malformed volsize reported"))?;
        let reserved = match reserved {
            "none" | "-" => 0,
            number => number.parse().map_err(|_| wrong("malformed refreservation reported"))?,
        };
        Ok(Zvol { name: name.to_owned(), size, reserved })
    };
    text.lines().filter(|line| !line.is_empty()).map(zvol).collect()
}

/// Reads what `zpool get -Hp health,size,free,allocated` says.
fn space(text: &str) -> Result<Space> {
    let mut space = Space::default();
    for line in text.lines() {
        let mut fields = line.split('\t').skip(1);
        let (Some(property), Some(value)) = (fields.next(), fields.next()) else { continue };
        let place = match property {
            "size" => &mut space.capacity,
            "free" => &mut space.available,
            "allocated" => &mut space.allocation,
            _ => continue,
        };
        *place = value.parse().map_err(|_| {
            Error::internal(
                ErrorDomain::STORAGE,
                format!("zpool says '{}' of its {property}", value.escape_default()),
            )
        })?;
    }
    Ok(space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zvols_are_read_and_made() {
        let found = zvols("tank/a\t1073741824\t1073741824\ntank/sub/b\t4096\tnone\n").unwrap();
        assert_eq!(found[1], Zvol { name: "tank/sub/b".into(), size: 4096, reserved: 0 });
        for text in ["tank/a\t1\n", "tank/a\tx\t1\n", "tank/a\t1\tx\n", "tank/a\t-1\t1\n", "\t\n"] {
            assert!(zvols(text).is_err(), "{text}");
        }
        let text = "tank\thealth\tONLINE\t-\ntank\tsize\t100\t-\ntank\tfree\t60\t-\ntank\tallocated\t40\t-\n";
        let found = space(text).unwrap();
        assert_eq!((found.capacity, found.available, found.allocation), (100, 60, 40));
        assert!(space("tank\tsize\t1.2T\t-\n").is_err());
        assert_eq!(space("nonsense\n").unwrap(), Space::default());
        let check = |more: &str, expected: &str| {
            let xml = format!("<volume><name>v</name><capacity>1048576</capacity>{more}</volume>");
            let command = create("tank", &xml.parse().unwrap());
            assert_eq!(format!("{} {}", command.program, command.arguments.join(" ")), expected);
        };
        check("", "zfs create -V 1024K tank/v");
        check("<allocation>0</allocation>", "zfs create -s -V 1024K tank/v");
        check("<allocation>2048</allocation>", "zfs create -s -o refreservation=2K -V 1024K tank/v");
    }
}

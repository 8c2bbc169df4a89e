//! A volume group: its logical volumes are the volumes.

mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use virt_conf::model::StorageVolume;
use virt_conf::model::storage_pool::{
    FileMode, LogicalPool, LogicalSource, SourceDevice, StoragePoolKind, StoragePoolSources,
    VolumeGroupFormat,
};
use virt_conf::xml::FormatOptions;
use virt_core::driver::{BuildStoragePool, Call, StorageVolumeKind};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::block::look;
use super::{Ask, Backend, Found, Removal, Where, no_support, overwrites, settle};
use crate::command::{Command, vgchange};
use crate::content::{Space, Volume, Volumes};
use crate::error;
use report::LogicalVolume;

pub(super) struct Logical;

fn group<'a>(ask: &'a Ask<'_>) -> Result<(&'a str, &'a LogicalPool)> {
    match &ask.pool.kind {
        StoragePoolKind::Logical(pool) => Ok((pool.source.name.as_deref().unwrap_or(&ask.pool.name), pool)),
        _ => Err(error::failed("this is no volume group")),
    }
}

/// What asks LVM for a report, of so many columns; `target` is the group, or nothing for all.
fn asking(program: &str, separator: &str, options: &str) -> Command {
    Command::new(
        program,
        [
            "--separator",
            separator,
            "--noheadings",
            "--units",
            "b",
            "--unbuffered",
            "--nosuffix",
            "--options",
            options,
        ],
    )
}

/// Every physical volume of the host, and the group that it is in.
fn physical_volumes(call: &Call) -> Result<Vec<(String, String)>> {
    let pvs = Command::new("pvs", ["--noheadings", "--options", "pv_name,vg_name"]);
    Ok(report::pairs(&pvs.run(call)?))
}

/// Refuses a pool whose devices are not those of the group.
fn check_devices(name: &str, pool: &LogicalPool, call: &Call) -> Result<()> {
    if pool.source.devices.is_empty() {
        return Ok(());
    }
    let known = physical_volumes(call)?;
    let of_group: Vec<&str> =
        known.iter().filter(|(_, group)| group == name).map(|(device, _)| device.as_str()).collect();
    let refused = |sentence: String| Err(error::unsupported(sentence));
    if of_group.is_empty() {
        return refused(format!("cannot find logical volume group name '{name}'"));
    }
    let real = |path: &str| Path::new(path).canonicalize().unwrap_or_else(|_| path.into());
    let ours: Vec<_> = pool.source.devices.iter().map(|device| real(&device.path)).collect();
    let matching = of_group.iter().filter(|device| ours.contains(&real(device))).count();
    if matching == 0 {
        return refused(format!("cannot find any matching source devices for logical volume group '{name}'"));
    }
    if matching != ours.len() {
        log::warn!("pool device list count doesn't match pvs device list count");
    }
    Ok(())
}

/// Makes a device a physical volume.
fn make_physical(device: &SourceDevice, overwrite: bool, call: &Call) -> Result<()> {
    if !overwrite && let Some(found) = super::existing(&device.path, call)? {
        let sentence = match found.as_str() {
            "LVM2_member" => format!("Device '{}' already formatted using 'LVM2_member'", device.path),
            _ => format!(
                "Format of device '{}' does not match the expected format 'LVM2_member', forced overwrite is necessary",
                device.path
            ),
        };
        return Err(Error::new(ErrorCode::STORAGE_POOL_BUILT, ErrorDomain::STORAGE, sentence));
    }
    Command::new("pvcreate", ["--yes", &device.path]).run(call).map(drop)
}

impl Backend for Logical {
    fn build(&self, ask: &Ask<'_>, flags: BuildStoragePool) -> Result<()> {
        let (overwrite, _) = overwrites(flags)?;
        let (name, pool) = group(ask)?;
        let mut made = Vec::new();
        let outcome = pool.source.devices.iter().try_for_each(|device| {
            make_physical(device, overwrite, ask.call)?;
            made.push(device.path.clone());
            Ok(())
        });
        let outcome = outcome.and_then(|()| {
            let mut command = Command::new("vgcreate", [name]);
            command.arguments.extend(made.iter().cloned());
            command.run(ask.call).map(drop)
        });
        if outcome.is_err() {
            // What was made for a group that there is not is nobody's.
            for device in made.iter().rev() {
                if let Err(error) = Command::new("pvremove", [device]).run(Call::background()) {
                    log::warn!("Failed to pvremove logical device '{device}': {error}");
                }
            }
        }
        outcome
    }

    fn is_active(&self, ask: &Ask<'_>) -> Result<bool> {
        Ok(ask.pool.target_path().is_some_and(|path| Path::new(path).exists()))
    }

    fn start(&self, ask: &Ask<'_>) -> Result<()> {
        let (name, pool) = group(ask)?;
        check_devices(name, pool, ask.call)?;
        vgchange(name, true).run(ask.call).map(drop)
    }

    fn stop(&self, ask: &Ask<'_>) -> Result<()> {
        vgchange(group(ask)?.0, false).run(ask.call).map(drop)
    }

    fn delete(&self, ask: &Ask<'_>) -> Result<()> {
        let (name, pool) = group(ask)?;
        Command::new("vgremove", ["-f", name]).run(ask.call)?;
        // As far as they go: they have nothing on them any more.
        for device in &pool.source.devices {
            if let Err(error) = Command::new("pvremove", [&device.path]).run(ask.call) {
                log::warn!("Failed to pvremove logical device '{}': {error}", device.path);
            }
        }
        Ok(())
    }

    fn refresh(&self, ask: &Ask<'_>, known: &Volumes) -> Result<Found> {
        let (name, _) = group(ask)?;
        settle(ask.call);
        let said = asking("lvs", "#", report::COLUMNS).argument(name).run(ask.call)?;
        let mut volumes = Volumes::new();
        for found in report::volumes(&said)? {
            if !found.is_shown() || !super::is_name(&found.name) {
                continue;
            }
            let volume = describe(&found, ask.pool.target_path().unwrap_or_default(), known)?;
            volumes.insert(volume.name.clone(), Arc::new(volume));
        }
        let said = asking("vgs", ":", "vg_size,vg_free").argument(name).run(ask.call)?;
        let (capacity, available) = report::space(&said)?;
        let space =
            Space { capacity, available, allocation: capacity.saturating_sub(available), free: Vec::new() };
        Ok(Found { volumes, space: Some(space) })
    }

    fn create(&self, ask: &Ask<'_>, _: &Found, volume: &StorageVolume) -> Result<()> {
        let (name, _) = group(ask)?;
        let behind = volume.backing_store.as_ref().and_then(|backing| backing.path.as_deref());
        create(name, volume, behind).run(ask.call)?;
        settle(ask.call);
        let permissions = volume.target.as_ref().and_then(|target| target.permissions.as_ref());
        let path = format!("{}/{}", ask.pool.target_path().unwrap_or_default(), volume.name);
        let outcome = super::open_device(Path::new(&path), true)
            .and_then(|file| crate::volume::set_permissions(&file, Path::new(&path), permissions));
        if let Err(error) = outcome {
            let removed =
                Command::new("lvremove", ["-f", &format!("{name}/{}", volume.name)]).run(Call::background());
            removed.inspect_err(|error| log::warn!("{error}")).ok();
            return Err(error);
        }
        Ok(())
    }

    fn removal(&self, ask: &Ask<'_>, volume: &StorageVolume) -> Result<Option<Removal>> {
        let (name, _) = group(ask)?;
        let path = PathBuf::from(format!("{}/{}", ask.pool.target_path().unwrap_or_default(), volume.name));
        let remove = Command::new("lvremove", ["-f", &format!("{name}/{}", volume.name)]);
        Ok(Some((path, (remove, None))))
    }

    fn remove(&self, ask: &Ask<'_>, volume: &Volume) -> Result<()> {
        let (name, _) = group(ask)?;
        let path = format!("{name}/{}", volume.name);
        Command::new("lvchange", ["-aln", &path]).run(ask.call)?;
        Command::new("lvremove", ["-f", &path]).run(ask.call).map(drop)
    }

    fn check_wipe(&self, volume: &Volume) -> Result<()> {
        // What is written to a snapshot takes space that it may not have.
        match volume.sparse {
            true => Err(no_support(format!(
                "logical volume '{}' is sparse, volume wipe not supported",
                volume.path
            ))),
            false => Ok(()),
        }
    }

    fn find_sources(&self, _: &str, _: Option<&Where>, call: &Call) -> Result<String> {
        // Devices that came since LVM last looked.
        if let Err(error) = Command::new("vgscan", []).run(call) {
            log::warn!("Failure when running vgscan to refresh physical volumes: {error}");
        }
        let mut groups: Vec<LogicalSource> = Vec::new();
        for (device, name) in physical_volumes(call)? {
            let device = SourceDevice { path: device, ..SourceDevice::default() };
            match groups.iter_mut().find(|group| group.name.as_ref() == Some(&name)) {
                Some(group) => group.devices.push(device),
                None => groups.push(LogicalSource {
                    devices: vec![device],
                    name: Some(name),
                    format: VolumeGroupFormat::Lvm2,
                    ..LogicalSource::default()
                }),
            }
        }
        let sources = StoragePoolSources { logical: groups, ..StoragePoolSources::default() };
        Ok(virt_conf::xml::to_string(&sources, FormatOptions::default()))
    }
}

/// What makes a logical volume: whole, or with less space than it shows; on another one where it has one behind it.
fn create(group: &str, volume: &StorageVolume, behind: Option<&str>) -> Command {
    let kilobytes = |bytes: u64| format!("{}K", bytes.div_ceil(1024));
    let command = Command::new("lvcreate", ["--name", &volume.name, "-L"]);
    let command = match volume.capacity.0 == volume.allocation.0 {
        true => command.argument(kilobytes(volume.capacity.0)),
        false => command
            .argument(kilobytes(volume.allocation.0.max(1)))
            .argument("--type")
            .argument("snapshot")
            .argument("--virtualsize")
            .argument(kilobytes(volume.capacity.0)),
    };
    match behind {
        Some(origin) => command.argument("-s").argument(origin),
        None => command.argument(group),
    }
}

/// A logical volume as LVM tells it and its device shows it.
fn describe(found: &LogicalVolume, target: &str, known: &Volumes) -> Result<Volume> {
    let path = format!("{target}/{}", found.name);
    let mut volume = match look(&found.name, Path::new(&path)) {
        Ok(volume) => volume,
        // Nobody has made its device yet; it is there all the same.
        Err(error) if error.errno() == Some(nix::errno::Errno::ENOENT) => Volume {
            name: found.name.clone(),
            path: path.clone(),
            kind: StorageVolumeKind::Block.number(),
            capacity: found.size,
            physical: found.size,
            mode: known.get(&found.name).map_or(FileMode(0o600).0, |known| known.mode),
            ..Volume::default()
        },
        Err(error) => return Err(error),
    };
    volume.key.clone_from(&found.uuid);
    volume.extents.clone_from(&found.extents);
    volume.allocation = found.extents.iter().map(|(_, start, end)| end - start).sum();
    volume.sparse = found.is_sparse();
    volume.backing = found.origin.as_ref().map(|origin| (format!("{target}/{origin}"), None));
    Ok(volume)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_whole_or_thin_and_on_others() {
        let check = |more: &str, behind: Option<&str>, expected: &str| {
            let xml = format!("<volume><name>web</name><capacity>1048577</capacity>{more}</volume>");
            let command = create("vg0", &xml.parse().unwrap(), behind);
            assert_eq!(format!("{} {}", command.program, command.arguments.join(" ")), expected);
        };
        check("", None, "lvcreate --name web -L 1025K vg0");
        check(
            "<allocation>0</allocation>",
            None,
            "lvcreate --name web -L 1K --type snapshot --virtualsize 1025K vg0",
        );
        check("", Some("/dev/vg0/base"), "lvcreate --name web -L 1025K -s /dev/vg0/base");
    }

    #[test]
    fn a_volume_without_a_device_is_there_all_the_same() {
        let line = "  web#[base]#u-u-i-d#/dev/sda(4)#linear#1#8388608#4194304#8388608#-wi-a-----\n";
        let found = report::volumes(line).unwrap().remove(0);
        let volume = describe(&found, "/dev/no-such-group", &Volumes::new()).unwrap();
        assert_eq!((volume.key.as_str(), volume.path.as_str()), ("u-u-i-d", "/dev/no-such-group/web"));
        assert_eq!((volume.capacity, volume.allocation), (8 << 20, 8 << 20));
        assert_eq!(volume.extents, [("/dev/sda".to_owned(), 16 << 20, 24 << 20)]);
        assert_eq!(volume.backing, Some(("/dev/no-such-group/base".to_owned(), None)));
    }
}

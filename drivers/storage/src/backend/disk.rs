//! A partitioned disk: its partitions are the volumes.

mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use virt_conf::model::StorageVolume;
use virt_conf::model::storage_pool::{DiskPool, PartitionTable, SourceDevice, StoragePoolKind};
use virt_conf::xml::Value as _;
use virt_core::driver::BuildStoragePool;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::block::{StablePaths, look};
use super::{Ask, Backend, Found, Removal, no_support, overwrites, settle};
use crate::command::{Command, format_name};
use crate::content::{Space, Volume, Volumes};
use crate::error;
use table::{Kind, Partition, Table};

pub(super) struct Disk;

fn source<'a>(ask: &'a Ask<'_>) -> Result<(&'a DiskPool, &'a SourceDevice)> {
    match &ask.pool.kind {
        StoragePoolKind::Disk(disk) => match disk.source.devices.as_slice() {
            [device] => Ok((disk, device)),
            _ => Err(error::unsupported("expected exactly 1 device for the storage pool")),
        },
        _ => Err(error::failed("this is no pool on a disk")),
    }
}

/// The disk itself, whatever links lead to it.
fn disk(device: &SourceDevice) -> Result<PathBuf> {
    let missing =
        || Error::internal(ErrorDomain::STORAGE, format!("device path '{}' doesn't exist", device.path));
    Path::new(&device.path).canonicalize().map_err(|_| missing())
}

/// parted's word for a table.
fn label(format: PartitionTable) -> String {
    match format {
        PartitionTable::Dos | PartitionTable::Unknown => "msdos".to_owned(),
        format => {
            let mut word = String::new();
            format.format(&mut word);
            word
        }
    }
}

fn read(ask: &Ask<'_>, disk: &Path) -> Result<Table> {
    let parted =
        Command::new("parted", ["--json", "--script", &disk.to_string_lossy(), "unit", "B", "print", "free"]);
    match parted.answer(ask.call)? {
        (Some(0), said, _) => table::parse(&said),
        // It fails on a disk without a table, and says so in its output all the same.
        (_, said, wrong) => table::parse(&said)
            .ok()
            .filter(|table| table.label == "unknown")
            .ok_or_else(|| Error::internal(ErrorDomain::STORAGE, format!("parted: {}", wrong.trim()))),
    }
}

/// The device of a partition: `/dev/sda1`, and `/dev/nvme0n1p1` where a digit is before the number.
fn partition(disk: &Path, separator: Option<bool>, number: u32) -> PathBuf {
    let mut text = disk.to_string_lossy().into_owned();
    let digit = text.ends_with(|last: char| last.is_ascii_digit());
    if separator.unwrap_or(digit) || digit {
        text.push('p');
    }
    text.push_str(&number.to_string());
    text.into()
}

/// The last part of a path.
fn last(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Backend for Disk {
    fn build(&self, ask: &Ask<'_>, flags: BuildStoragePool) -> Result<()> {
        let (overwrite, _) = overwrites(flags)?;
        let (pool, device) = source(ask)?;
        let disk = disk(device)?;
        let word = label(pool.source.format);
        if !overwrite && let Some(found) = super::existing(&disk.to_string_lossy(), ask.call)? {
            let known = if found == "dos" { "msdos".to_owned() } else { found };
            let sentence = match known == word {
                true => format!("Disk label already formatted using '{word}'"),
                false => "Known, but different label format present, requires build --overwrite".to_owned(),
            };
            return Err(Error::new(ErrorCode::STORAGE_POOL_BUILT, ErrorDomain::STORAGE, sentence));
        }
        Command::new("parted", [&disk.to_string_lossy(), "mklabel", "--script", &word])
            .run(ask.call)
            .map(drop)
    }

    fn start(&self, ask: &Ask<'_>) -> Result<()> {
        let (pool, device) = source(ask)?;
        let disk = disk(device)?;
        let table = read(ask, &disk)?;
        let wanted = label(pool.source.format);
        match table.label.as_str() {
            "unknown" | "loop" => Err(error::failed("Unrecognized disk label found, requires build")),
            found if pool.source.format != PartitionTable::Unknown && found != wanted => {
                Err(error::failed("Known, but different label format present, requires build --overwrite"))
            }
            _ => Ok(()),
        }
    }

    fn refresh(&self, ask: &Ask<'_>, known: &Volumes) -> Result<Found> {
        let (_, device) = source(ask)?;
        let disk = disk(device)?;
        // Links to new partitions are made by udev, after the kernel has them.
        settle(ask.call);
        let table = read(ask, &disk)?;
        let stable = StablePaths::of(ask.pool.target_path().unwrap_or("/dev"))?;
        let mut volumes = Volumes::new();
        for part in table.partitions.iter().filter(|part| part.kind != Kind::Free) {
            let device = partition(&disk, None, part.number);
            let path = stable.get_or_device(&device);
            let mut volume = match look(&last(&device), &path) {
                Ok(volume) => volume,
                // The kernel has not taken it over: others use the disk.
                Err(error) if error.errno() == Some(nix::errno::Errno::ENOENT) => {
                    log::warn!("partition {} of '{}' is left out: {error}", part.number, disk.display());
                    continue;
                }
                Err(error) => return Err(error),
            };
            volume.format = Some(match part.kind {
                Kind::Extended => "extended".to_owned(),
                _ => known
                    .get(&volume.name)
                    .and_then(|known| known.format.clone())
                    .unwrap_or_else(|| "none".to_owned()),
            });
            (volume.capacity, volume.allocation) = (part.end - part.start, part.end - part.start);
            volume.extents = vec![(disk.to_string_lossy().into_owned(), part.start, part.end)];
            volumes.insert(volume.name.clone(), Arc::new(volume));
        }
        Ok(Found { volumes, space: Some(space(&table)) })
    }

    fn look(&self, _: &Ask<'_>, known: &Volume) -> Result<Option<Volume>> {
        let now = super::block::again(known)?;
        // The kernel shows no more of an extended partition than its first blocks.
        Ok(now.map(|now| Volume { capacity: known.capacity, allocation: known.allocation, ..now }))
    }

    fn create(&self, ask: &Ask<'_>, _: &Found, volume: &StorageVolume) -> Result<()> {
        let (_, device) = source(ask)?;
        let disk = disk(device)?;
        let table = read(ask, &disk)?;
        let wanted = format_name(volume.target.as_ref().and_then(|target| target.format.as_ref()));
        let place = table.place(volume.capacity.0, &wanted)?;
        let expected = last(&partition(&disk, None, place.number));
        if volume.name != expected {
            let sentence = format!("invalid partition name '{}', expected '{expected}'", volume.name);
            return Err(error::argument(sentence));
        }
        let words = place.words(&table.label, &wanted);
        let mut parted = Command::new("parted", [&disk.to_string_lossy(), "mkpart", "--script"]);
        // It takes one argument apart at its blanks, as libvirt hands it over.
        parted.arguments.push(words);
        let parted = parted.argument(format!("{}B", place.start)).argument(format!("{}B", place.end - 1));
        parted.run(ask.call)?;
        let now = read(ask, &disk)?;
        let made = now.partitions.iter().find(|part| part.number == place.number && part.kind != Kind::Free);
        match made {
            Some(_) => Ok(()),
            None => Err(error::failed(format!("parted made another partition than '{expected}'"))),
        }
    }

    fn removal(&self, ask: &Ask<'_>, volume: &StorageVolume) -> Result<Option<Removal>> {
        let (_, device) = source(ask)?;
        let disk = disk(device)?;
        let wanted = format_name(volume.target.as_ref().and_then(|target| target.format.as_ref()));
        let place = read(ask, &disk)?.place(volume.capacity.0, &wanted)?;
        let remove =
            Command::new("parted", [&disk.to_string_lossy(), "rm", "--script", &place.number.to_string()]);
        Ok(Some((partition(&disk, None, place.number), (remove, Some(place.start)))))
    }

    fn remove(&self, ask: &Ask<'_>, volume: &Volume) -> Result<()> {
        let (_, device) = source(ask)?;
        let disk = disk(device)?;
        let real = Path::new(&volume.path).canonicalize().map_err(|error| {
            error::system(format!("Couldn't read volume target path '{}'", volume.path), error)
        })?;
        let (name, parent) = (last(&real), last(&disk));
        let Some(rest) = name.strip_prefix(&parent) else {
            let sentence =
                format!("Volume path '{}' did not start with parent pool source device name.", volume.path);
            return Err(Error::internal(ErrorDomain::STORAGE, sentence));
        };
        let number: Option<u32> = rest.strip_prefix('p').unwrap_or(rest).parse().ok();
        let number = number.ok_or_else(|| {
            let sentence = format!("cannot parse partition number from target '{name}'");
            Error::internal(ErrorDomain::STORAGE, sentence)
        })?;
        // It may be another one by now: somebody else had the disk.
        let table = read(ask, &disk)?;
        let start = volume.extents.first().map(|(_, start, _)| *start);
        let same =
            |part: &&Partition| part.number == number && part.kind != Kind::Free && Some(part.start) == start;
        if !table.partitions.iter().any(|part| same(&part)) {
            let sentence = format!("the partition at '{}' is another one now: refresh the pool", volume.path);
            return Err(error::invalid(sentence));
        }
        let parted = Command::new("parted", [&disk.to_string_lossy(), "rm", "--script", &number.to_string()]);
        let Err(error) = parted.run(ask.call) else { return Ok(()) };
        // Somebody, udev most likely, looked at it, so that the kernel still has what the disk has no more.
        settle(ask.call);
        if read(ask, &disk)?.partitions.iter().any(|part| same(&part)) {
            return Err(error);
        }
        Command::new("partprobe", [&disk.to_string_lossy()]).run(ask.call).map(drop)
    }

    fn check_wipe(&self, volume: &Volume) -> Result<()> {
        match volume.format.as_deref() {
            Some("extended") => Err(no_support(format!("cannot wipe extended partition '{}'", volume.name))),
            _ => Ok(()),
        }
    }
}

/// How large the disk is, as far as it can be had: to the last end of anything.
fn space(table: &Table) -> Space {
    let mut space = Space::default();
    for part in &table.partitions {
        space.capacity = space.capacity.max(part.end);
        match part.kind {
            Kind::Free => {
                space.available += part.end - part.start;
                space.free.push((part.start, part.end));
            }
            Kind::Extended => {}
            Kind::Primary | Kind::Logical => space.allocation += part.end - part.start,
        }
    }
    space
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_called_as_the_kernel_calls_them() {
        let name = |disk: &str, separator, number| {
            partition(Path::new(disk), separator, number).display().to_string()
        };
        assert_eq!(name("/dev/sda", None, 1), "/dev/sda1");
        assert_eq!(name("/dev/nvme0n1", None, 12), "/dev/nvme0n1p12");
        assert_eq!(name("/dev/loop0", Some(false), 1), "/dev/loop0p1");
        assert_eq!(name("/dev/mapper/a", Some(true), 1), "/dev/mapper/ap1");
    }
}

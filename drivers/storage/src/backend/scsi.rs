//! The disks behind a SCSI host, by what sysfs shows: each logical unit with a block device is a volume.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use virt_conf::model::StoragePool;
use virt_conf::model::storage_pool::{
    AdapterParentAddress, FibreChannelAdapter, StorageAdapter, StoragePoolKind,
};
use virt_util::sysfs::Sysfs;
use virt_util::udev::Udev;
use virt_util::{Error, ErrorDomain, Result};

use super::block::{StablePaths, look};
use super::{Ask, Backend, Found, settle};
use crate::content::{Space, Volumes};
use crate::error;

pub(super) struct Scsi;

/// Types of logical units that are volumes: disks, and what reads compact discs.
const TYPES: [i64; 2] = [0, 5];

impl Backend for Scsi {
    fn is_active(&self, ask: &Ask<'_>) -> Result<bool> {
        // A SCSI host is always there; a virtual one only since somebody started its pool.
        match adapter(ask.pool)? {
            StorageAdapter::FcHost(channel) => Ok(find_channel(&Sysfs::host(), channel)?.is_some()),
            StorageAdapter::ScsiHost(_) => Ok(false),
        }
    }

    fn start(&self, ask: &Ask<'_>) -> Result<()> {
        match adapter(ask.pool)? {
            StorageAdapter::FcHost(channel) => make_channel(&Sysfs::host(), channel).map(drop),
            StorageAdapter::ScsiHost(_) => host(&Sysfs::host(), ask.pool).map(drop),
        }
    }

    fn stop(&self, ask: &Ask<'_>) -> Result<()> {
        match adapter(ask.pool)? {
            StorageAdapter::FcHost(channel) => remove_channel(&Sysfs::host(), channel),
            StorageAdapter::ScsiHost(_) => Ok(()),
        }
    }

    fn refresh(&self, ask: &Ask<'_>, _: &Volumes) -> Result<Found> {
        let sysfs = Sysfs::host();
        let number = host(&sysfs, ask.pool)?;
        scan(&sysfs, number)?;
        settle(ask.call);
        units(&sysfs, Path::new("/dev"), number, ask.pool.target_path().unwrap_or("/dev"))
    }
}

fn adapter(pool: &StoragePool) -> Result<&StorageAdapter> {
    match &pool.kind {
        StoragePoolKind::Scsi(scsi) => {
            scsi.source.adapter.as_ref().ok_or_else(|| error::failed("missing storage pool source adapter"))
        }
        _ => Err(error::failed("this is no pool behind a SCSI host")),
    }
}

fn internal(sentence: impl AsRef<str>) -> Error {
    Error::internal(ErrorDomain::STORAGE, sentence.as_ref())
}

/// The number in `scsi_host5` or `host5`.
fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("scsi_").unwrap_or(name).strip_prefix("host")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The number of the SCSI host that a pool names.
fn host(sysfs: &Sysfs, pool: &StoragePool) -> Result<u32> {
    let name = match adapter(pool)? {
        StorageAdapter::FcHost(channel) => find_channel(sysfs, channel)?.ok_or_else(|| {
            internal(format!(
                "Failed to find SCSI host with wwnn='{}', wwpn='{}'",
                channel.wwnn, channel.wwpn
            ))
        })?,
        StorageAdapter::ScsiHost(host) => match (&host.name, &host.parent_address) {
            (_, Some(parent)) => by_parent(sysfs, parent)?,
            (Some(name), None) => name.clone(),
            (None, None) => return Err(error::failed("missing storage pool source adapter")),
        },
    };
    let number =
        number_of(&name).ok_or_else(|| internal(format!("Invalid adapter name '{name}' for SCSI pool")))?;
    match sysfs.exists(format!("class/scsi_host/host{number}")) {
        true => Ok(number),
        false => Err(error::system(format!("cannot find SCSI host '{name}'"), nix::errno::Errno::ENOENT)),
    }
}

/// The SCSI host of a PCI device, by its driver's number for it.
fn by_parent(sysfs: &Sysfs, parent: &AdapterParentAddress) -> Result<String> {
    let address = parent.address.slot.to_string();
    for name in sysfs.names("class/scsi_host")? {
        if sysfs.number(format!("class/scsi_host/{name}/unique_id"))? != Some(i64::from(parent.unique_id)) {
            continue;
        }
        let Ok(path) = sysfs.path(format!("class/scsi_host/{name}")).canonicalize() else { continue };
        if path.components().any(|part| part.as_os_str() == address.as_str()) {
            return Ok(name);
        }
    }
    let sentence =
        format!("Failed to find scsi_host using PCI '{address}' and unique_id='{}'", parent.unique_id);
    Err(internal(sentence))
}

/// Has the kernel look for logical units that came.
fn scan(sysfs: &Sysfs, number: u32) -> Result<()> {
    let scan = format!("class/scsi_host/host{number}/scan");
    match sysfs.exists(&scan) {
        // Every channel, target and unit.
        true => sysfs.write(&scan, "- - -").map_err(|error| {
            let sentence = format!("Write to '{}' to trigger host scan failed", sysfs.path(&scan).display());
            internal(sentence).caused_by(error)
        }),
        false => Ok(()),
    }
}

/// The logical units behind a SCSI host; their nodes are in `devices`.
pub(super) fn units(sysfs: &Sysfs, devices: &Path, host: u32, target: &str) -> Result<Found> {
    let stable = StablePaths::of(target)?;
    let (mut volumes, mut space) = (Volumes::new(), Space::default());
    for name in sysfs.names("bus/scsi/devices")? {
        let Some([bus, target, unit]) = address(&name, host) else { continue };
        let place = format!("bus/scsi/devices/{name}");
        if !sysfs.number(format!("{place}/type"))?.is_some_and(|kind| TYPES.contains(&kind)) {
            continue;
        }
        let Some(block) = block(sysfs, &place)? else { continue };
        let device: PathBuf = devices.join(block);
        let Some(path) = stable.get(&device) else {
            log::debug!("no stable path for '{}' in '{target}'", device.display());
            continue;
        };
        let mut volume = match look(&format!("unit:{bus}:{target}:{unit}"), &path) {
            Ok(volume) => volume,
            // Nothing in the drive, or gone again.
            Err(error)
                if matches!(
                    error.errno(),
                    Some(nix::errno::Errno::ENOMEDIUM | nix::errno::Errno::ENOENT | nix::errno::Errno::ENXIO)
                ) =>
            {
                continue;
            }
            Err(error) => return Err(error),
        };
        if let Some(serial) = serial(&device) {
            volume.key = serial;
        }
        space.capacity = space.capacity.saturating_add(volume.capacity);
        space.allocation = space.allocation.saturating_add(volume.allocation);
        volumes.insert(volume.name.clone(), Arc::new(volume));
    }
    Ok(Found { volumes, space: Some(space) })
}

/// Bus, target and unit of `2:0:1:0`, where it is behind this host.
fn address(name: &str, host: u32) -> Option<[u64; 3]> {
    let mut numbers = name.split(':').map(|part| part.parse::<u64>().ok());
    let found = [numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??];
    (numbers.next().is_none() && found[0] == u64::from(host)).then_some([found[1], found[2], found[3]])
}

/// The name of a logical unit's block device: `block/sda`, on old kernels a link `block:sda`.
fn block(sysfs: &Sysfs, place: &str) -> Result<Option<String>> {
    let good = |name: &String| !name.contains(char::is_control);
    if let Some(name) = sysfs.names(format!("{place}/block"))?.into_iter().find(good) {
        return Ok(Some(name));
    }
    let names = sysfs.names(place)?;
    Ok(names.iter().find_map(|name| name.strip_prefix("block:").map(str::to_owned)).filter(good))
}

/// What udev knows a device by.
pub(super) fn serial(device: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let number = std::fs::metadata(device).ok()?.rdev();
    let (major, minor) = (nix::sys::stat::major(number), nix::sys::stat::minor(number));
    let record = Udev::host().record(&format!("b{major}:{minor}"))?;
    record.property("ID_SERIAL").filter(|serial| !serial.is_empty()).map(str::to_owned)
}

/// A world-wide name, without what stands before its digits.
fn wwn(sysfs: &Sysfs, attribute: String) -> Result<Option<String>> {
    Ok(sysfs.read(attribute)?.map(|text| text.trim_start_matches("0x").to_lowercase()))
}

/// The Fibre Channel host with these attributes; nothing is asked of one that is not wanted.
fn find_host(sysfs: &Sysfs, wanted: &[(&str, &str)]) -> Result<Option<String>> {
    'hosts: for name in sysfs.names("class/fc_host")? {
        for (attribute, value) in wanted {
            let found = wwn(sysfs, format!("class/fc_host/{name}/{attribute}"))?;
            if found.as_deref() != Some(value.to_lowercase().as_str()) {
                continue 'hosts;
            }
        }
        return Ok(Some(name));
    }
    Ok(None)
}

fn find_channel(sysfs: &Sysfs, channel: &FibreChannelAdapter) -> Result<Option<String>> {
    find_host(sysfs, &[("node_name", &channel.wwnn), ("port_name", &channel.wwpn)])
}

/// The host bus adapter that a virtual one is made on.
fn parent(sysfs: &Sysfs, channel: &FibreChannelAdapter) -> Result<String> {
    let capable = |name: &String| sysfs.exists(format!("class/fc_host/{name}/vport_create"));
    let found =
        match (&channel.parent, &channel.parent_wwnn, &channel.parent_wwpn, &channel.parent_fabric_wwn) {
            (Some(parent), ..) => {
                let number = number_of(parent)
                    .ok_or_else(|| internal(format!("parent '{parent}' is not properly formatted")))?;
                Some(format!("host{number}"))
            }
            (None, Some(node), Some(port), _) => {
                find_host(sysfs, &[("node_name", node), ("port_name", port)])?
            }
            (None, _, _, Some(fabric)) => find_host(sysfs, &[("fabric_name", fabric)])?,
            _ => sysfs.names("class/fc_host")?.into_iter().find(capable),
        };
    found.filter(capable).ok_or_else(|| match &channel.parent {
        Some(parent) => internal(format!("parent '{parent}' is not an fc_host for the wwnn/wwpn")),
        None => internal("unable to find a host bus adapter that virtual ones can be made on"),
    })
}

/// Makes the virtual adapter, where it is not there; its host's name.
fn make_channel(sysfs: &Sysfs, channel: &FibreChannelAdapter) -> Result<String> {
    if let Some(known) = find_channel(sysfs, channel)? {
        if let Some(parent) = &channel.parent
            && number_of(parent) == number_of(&known)
        {
            return Err(internal(format!("the wwnn/wwpn for '{known}' are assigned to an HBA")));
        }
        return Ok(known);
    }
    let parent = parent(sysfs, channel)?;
    let names = format!("{}:{}", channel.wwpn, channel.wwnn);
    sysfs.write(format!("class/fc_host/{parent}/vport_create"), &names)?;
    find_channel(sysfs, channel)?.ok_or_else(|| {
        internal(format!("Failed to find SCSI host with wwnn='{}', wwpn='{}'", channel.wwnn, channel.wwpn))
    })
}

/// Removes the virtual adapter, unless its pool says that others see to it.
fn remove_channel(sysfs: &Sysfs, channel: &FibreChannelAdapter) -> Result<()> {
    if channel.managed != Some(true) {
        return Ok(());
    }
    let Some(known) = find_channel(sysfs, channel)? else { return Ok(()) };
    let Ok(path) = sysfs.path(format!("class/fc_host/{known}")).canonicalize() else { return Ok(()) };
    let mut above = path.iter().filter_map(|part| part.to_str()).filter(|part| number_of(part).is_some());
    let capable = |name: &&str| **name != known && sysfs.exists(format!("class/fc_host/{name}/vport_delete"));
    match above.rfind(capable) {
        Some(parent) => {
            let names = format!("{}:{}", channel.wwpn, channel.wwnn);
            sysfs.write(format!("class/fc_host/{parent}/vport_delete"), &names)
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A tree like the kernel's.
    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self, path: &str, text: &str) -> &Self {
            let path = self.0.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
            self
        }

        fn sysfs(&self) -> Sysfs {
            Sysfs::at(self.0.path())
        }

        fn read(&self, path: &str) -> String {
            std::fs::read_to_string(self.0.path().join(path)).unwrap()
        }
    }

    fn pool(adapter: &str) -> StoragePool {
        format!("<pool type='scsi'><name>p</name><source>{adapter}</source><target><path>/dev</path></target></pool>")
            .parse()
            .unwrap()
    }

    #[test]
    fn hosts_are_found_by_name_and_by_pci_device() {
        let tree = Tree::new();
        tree.file("devices/pci0000:00/0000:00:1f.2/ata1/host3/scsi_host/host3/unique_id", "1\n");
        tree.file("class/scsi_host/.keep", "");
        let real = tree.0.path().join("devices/pci0000:00/0000:00:1f.2/ata1/host3/scsi_host/host3");
        symlink(real, tree.0.path().join("class/scsi_host/host3")).unwrap();
        let sysfs = tree.sysfs();
        assert_eq!(host(&sysfs, &pool("<adapter type='scsi_host' name='scsi_host3'/>")).unwrap(), 3);
        assert_eq!(host(&sysfs, &pool("<adapter name='host3'/>")).unwrap(), 3);
        let parent = |id: u32| {
            pool(&format!(
                "<adapter type='scsi_host'><parentaddr unique_id='{id}'><address domain='0x0000' bus='0x00' slot='0x1f' \
                 function='0x2'/></parentaddr></adapter>"
            ))
        };
        assert_eq!(host(&sysfs, &parent(1)).unwrap(), 3);
        assert_eq!(
            host(&sysfs, &parent(2)).unwrap_err().to_string(),
            "internal error: Failed to find scsi_host using PCI '0000:00:1f.2' and unique_id='2'"
        );
        assert!(host(&sysfs, &pool("<adapter name='host4'/>")).is_err());
        assert!(host(&sysfs, &pool("<adapter name='../host3'/>")).is_err());
        assert!(host(&sysfs, &pool("<adapter name='host+3'/>")).is_err());
    }

    #[test]
    fn units_are_volumes_when_they_have_a_disk() {
        let Some(disk) = std::fs::read_dir("/dev").unwrap().flatten().map(|it| it.path()).find(|path| {
            use std::os::unix::fs::FileTypeExt as _;
            path.metadata().is_ok_and(|it| it.file_type().is_block_device()) && look("x", path).is_ok()
        }) else {
            eprintln!("skipped: there is no block device that may be read");
            return;
        };
        let block = disk.file_name().unwrap().to_str().unwrap();
        let tree = Tree::new();
        let unit = |name: &str, kind: &str| tree.file(&format!("bus/scsi/devices/{name}/type"), kind);
        unit("3:0:1:0", "0\n").file(&format!("bus/scsi/devices/3:0:1:0/block/{block}/dev"), "");
        // An enclosure, a unit of another host, one without a disk, a name that is no address.
        unit("3:0:2:0", "13\n").file(&format!("bus/scsi/devices/3:0:2:0/block/{block}/dev"), "");
        unit("4:0:1:0", "0\n").file(&format!("bus/scsi/devices/4:0:1:0/block/{block}/dev"), "");
        unit("3:0:3:0", "0\n").file("bus/scsi/devices/target3:0:3/type", "0");
        unit("3:0:4:0:0", "0\n");
        let found = units(&tree.sysfs(), Path::new("/dev"), 3, "/dev").unwrap();
        assert_eq!(found.volumes.keys().collect::<Vec<_>>(), ["unit:0:1:0"]);
        let volume = &found.volumes["unit:0:1:0"];
        assert_eq!(
            (volume.path.as_str(), found.space.unwrap().capacity),
            (disk.to_str().unwrap(), volume.capacity)
        );
        // Without a link that stays, it is none.
        let found = units(&tree.sysfs(), Path::new("/dev"), 3, "/dev/disk/by-no-such-thing").unwrap();
        assert!(found.volumes.is_empty());
    }

    #[test]
    fn a_virtual_adapter_is_made_where_it_can_be() {
        let tree = Tree::new();
        tree.file("class/fc_host/host5/node_name", "0x2001001b32a9da4e\n")
            .file("class/fc_host/host5/port_name", "0x2101001b32a9da4e\n")
            .file("class/fc_host/host5/fabric_name", "0x2002000573de9a81\n")
            .file("class/fc_host/host5/vport_create", "")
            .file("class/fc_host/host6/node_name", "0x2001001b32a9da4f\n");
        let sysfs = tree.sysfs();
        let channel = |more: &str| match adapter(&pool(&format!(
            "<adapter type='fc_host' wwnn='20000000c9831b4b' wwpn='10000000c9831b4b' {more}/>"
        )))
        .unwrap()
        {
            StorageAdapter::FcHost(channel) => channel.clone(),
            StorageAdapter::ScsiHost(_) => unreachable!(),
        };
        // The kernel would make it at once.
        let said = make_channel(&sysfs, &channel("parent='scsi_host5'")).unwrap_err().to_string();
        assert!(said.contains("wwnn='20000000c9831b4b', wwpn='10000000c9831b4b'"), "{said}");
        assert_eq!(tree.read("class/fc_host/host5/vport_create"), "10000000c9831b4b:20000000c9831b4b");
        for more in [
            "",
            "parent_fabric_wwn='2002000573de9a81'",
            "parent_wwnn='2001001b32a9da4e' parent_wwpn='2101001b32a9da4e'",
        ] {
            assert_eq!(parent(&sysfs, &channel(more)).unwrap(), "host5", "{more}");
        }
        assert_eq!(
            parent(&sysfs, &channel("parent='scsi_host6'")).unwrap_err().to_string(),
            "internal error: parent 'scsi_host6' is not an fc_host for the wwnn/wwpn"
        );
        assert!(parent(&sysfs, &channel("parent='../host5'")).is_err());
        tree.file("class/fc_host/host7/node_name", "0x20000000c9831b4b\n")
            .file("class/fc_host/host7/port_name", "0x10000000c9831b4b\n");
        assert_eq!(make_channel(&sysfs, &channel("")).unwrap(), "host7");
    }
}

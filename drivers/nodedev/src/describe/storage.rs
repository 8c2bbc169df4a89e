//! Block devices.

use virt_conf::model::nodedev::{
    DeviceNode, NumericFlag, RemovableMedium, StorageCapability, StorageSubCapability,
};
use virt_util::udev::UdevRecord;

use super::nodes;
use crate::host::{Host, Properties, last};

/// What a kind of block device is called.
mod kind {
    pub(super) const DISK: &str = "disk";
    pub(super) const CDROM: &str = "cdrom";
    pub(super) const FLOPPY: &str = "floppy";
    pub(super) const SD: &str = "sd";
    pub(super) const DASD: &str = "dasd";
    /// Those that are shown.
    pub(super) const SHOWN: [&str; 5] = [DISK, CDROM, FLOPPY, SD, DASD];
}

/// Sizes in sysfs are in these units, whatever the device's own blocks are.
const SECTOR: u64 = 512;

/// What has to be known before a block device has a name.
struct Facts {
    properties: Properties,
    record: UdevRecord,
    drive_type: String,
}

/// Nothing for those that are not shown: loop devices, memory, mappings, partitions.
fn facts(host: &Host, path: &str) -> Option<Facts> {
    let properties = host.properties(path);
    properties.node()?;
    if properties.get("DEVTYPE").is_some_and(|kind| kind != "disk") {
        return None;
    }
    let record = host.record(true, &properties);
    let drive_type = drive_type(host, path, &record)?;
    kind::SHOWN.contains(&drive_type.as_str()).then_some(Facts { properties, record, drive_type })
}

/// What udev says, or what can be told without it.
fn drive_type(host: &Host, path: &str, record: &UdevRecord) -> Option<String> {
    if let Some(known) = record.property("ID_TYPE").filter(|kind| *kind != "generic") {
        return Some(known.to_owned());
    }
    let marks =
        [("ID_DRIVE_FLOPPY", kind::FLOPPY), ("ID_CDROM", kind::CDROM), ("ID_DRIVE_FLASH_SD", kind::SD)];
    let marked = marks.into_iter().find(|(mark, _)| record.property(mark) == Some("1"));
    let named = || {
        let prefixes = [("vd", kind::DISK), ("nvme", kind::DISK), ("dasd", kind::DASD)];
        prefixes.into_iter().find(|(prefix, _)| last(path).starts_with(prefix))
    };
    let found = marked.or_else(named).map(|(_, kind)| kind);
    let unit = || host.number(&format!("{path}/device/type")).and_then(super::scsi::kind);
    found.or_else(unit).map(str::to_owned)
}

/// The serial number, for the name; nothing where the device is not shown.
#[allow(clippy::option_option)]
pub(crate) fn suffix(host: &Host, path: &str) -> Option<Option<String>> {
    let facts = facts(host, path)?;
    Some(facts.record.property("ID_SERIAL").map(str::to_owned))
}

/// Describes the block device at a path; answers its nodes too.
pub(super) fn capability(host: &Host, path: &str) -> Option<(StorageCapability, Vec<DeviceNode>)> {
    let Facts { properties, record, drive_type } = facts(host, path)?;
    let nodes = nodes(host, true, &properties);
    let property = |name: &str| record.property(name).map(str::to_owned);
    let mut described = StorageCapability {
        block: nodes.first()?.path.clone(),
        bus: property("ID_BUS"),
        model: host.text(&format!("{path}/device/model")),
        vendor: host.text(&format!("{path}/device/vendor")),
        serial: property("ID_SERIAL"),
        ..StorageCapability::default()
    };
    let sectors = host.number(&format!("{path}/size")).and_then(|size| u64::try_from(size).ok());
    let size = sectors.unwrap_or_default().saturating_mul(SECTOR);
    let block = host.number(&format!("{path}/queue/logical_block_size"));
    let block = block.and_then(|size| u64::try_from(size).ok()).filter(|size| *size > 0);
    let blocks = block.map(|block| size / block);
    let medium = match drive_type.as_str() {
        kind::CDROM => Some(record.property("ID_CDROM_MEDIA") == Some("1")),
        kind::FLOPPY => Some(record.property("ID_FS_LABEL").is_some()),
        kind::SD => Some(record.property("ID_FS_LABEL").is_some() || size > 0),
        _ => None,
    };
    let removable = || host.number(&format!("{path}/removable")) == Some(1);
    match medium.filter(|_| removable()) {
        Some(available) => {
            let only = |value: Option<u64>| value.filter(|_| available);
            described.capabilities.push(StorageSubCapability::Removable(RemovableMedium {
                available: NumericFlag(available),
                size: if available { size } else { 0 },
                label: property("ID_FS_LABEL").filter(|_| available),
                logical_block_size: only(block),
                blocks: only(blocks),
            }));
        }
        None => {
            (described.size, described.logical_block_size, described.blocks) = (Some(size), block, blocks);
        }
    }
    described.drive_type = Some(drive_type);
    Some((described, nodes))
}

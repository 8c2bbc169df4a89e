//! Which types of pools there can be, as data.

use virt_conf::model::StoragePoolCapabilities;
use virt_conf::model::domain_capabilities::{Choice, ChoiceValue};
use virt_conf::model::storage_pool_capabilities::{PoolCapability, PoolFormats};
use virt_conf::xml::FormatOptions;

/// The formats of something: the one by default, and all.
type Formats = Option<(Option<&'static str>, &'static [&'static str])>;

const IMAGES: Formats = Some((
    Some("raw"),
    &[
        "none", "raw", "dir", "bochs", "cloop", "dmg", "iso", "vpc", "vdi", "fat", "vhd", "ploop", "cow",
        "qcow", "qcow2", "qed", "vmdk",
    ],
));
const FILE_SYSTEMS: Formats = Some((
    Some("auto"),
    &[
        "auto", "ext2", "ext3", "ext4", "ufs", "iso9660", "udf", "gfs", "gfs2", "vfat", "hfs+", "xfs",
        "ocfs2", "vmfs",
    ],
));
const NETWORK: Formats = Some((Some("auto"), &["auto", "nfs", "glusterfs", "cifs"]));
const GROUPS: Formats = Some((Some("lvm2"), &["unknown", "lvm2"]));
const TABLES: Formats =
    Some((Some("unknown"), &["unknown", "dos", "dvh", "gpt", "mac", "bsd", "pc98", "sun", "lvm2"]));
const PARTITIONS: Formats = Some((
    Some("none"),
    &["none", "linux", "fat16", "fat32", "linux-swap", "linux-lvm", "linux-raid", "extended"],
));
const OBJECTS: Formats = Some((Some("raw"), &[]));

/// Type, whether it can be started here, formats of pools, formats of volumes.
const KINDS: [(&str, bool, Formats, Formats); 14] = [
    ("dir", true, None, IMAGES),
    ("fs", true, FILE_SYSTEMS, IMAGES),
    ("netfs", true, NETWORK, IMAGES),
    ("logical", true, GROUPS, None),
    ("disk", true, TABLES, PARTITIONS),
    ("iscsi", true, None, None),
    ("iscsi-direct", true, None, None),
    ("scsi", true, None, None),
    ("mpath", true, None, None),
    ("rbd", true, None, OBJECTS),
    ("sheepdog", false, None, None),
    ("gluster", false, None, IMAGES),
    ("zfs", true, None, None),
    ("vstorage", false, None, IMAGES),
];

pub(super) fn xml() -> String {
    let formats = |list: Formats, name: &str| {
        list.map(|(default, values)| PoolFormats {
            default_format: default.map(str::to_owned),
            lists: vec![Choice {
                name: name.to_owned(),
                values: values.iter().map(|text| ChoiceValue { text: (*text).to_owned() }).collect(),
            }],
        })
    };
    let pools = KINDS.iter().map(|(kind, supported, pool, volume)| PoolCapability {
        kind: (*kind).to_owned(),
        supported: *supported,
        pool_options: formats(*pool, "sourceFormatType"),
        volume_options: formats(*volume, "targetFormatType"),
    });
    let capabilities = StoragePoolCapabilities { pools: pools.collect() };
    virt_conf::xml::to_string(&capabilities, FormatOptions::default())
}

//! Disks that are volumes of storage pools: what they are to the emulator.

use virt_conf::model::storage_pool::StoragePoolKind;
use virt_conf::model::storage_volume::VolumeKind;
use virt_conf::model::{
    BlockDiskSource, DirDiskSource, Disk, DiskSource, Domain, FileDiskSource, NetworkDiskProtocol,
    NetworkDiskSource, NetworkHost, SourceCommon, StorageFormat, StoragePool, VolumeDiskSource, VolumeMode,
};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::builder::{internal, unsupported};
use crate::hooks::check_disk_format;

/// A volume of a storage pool that runs.
#[derive(Clone, Debug)]
pub struct FoundVolume {
    /// The pool that has it, as it is defined.
    pub pool: StoragePool,
    /// What it is to the host.
    pub kind: VolumeKind,
    /// Where it is there.
    pub path: String,
}

/// The port of iSCSI servers that name none.
const ISCSI_PORT: u32 = 3260;

/// The guest with the files, devices and servers that its volumes are in place of the volumes; `find` knows the volume of a pool
/// by both their names.
///
/// # Errors
///
/// When there is no such volume, its pool does not run, or it is nothing that a disk can be.
pub fn with_volumes(
    domain: &Domain,
    mut find: impl FnMut(&str, &str) -> Result<FoundVolume>,
) -> Result<Domain> {
    let mut domain = domain.clone();
    for disk in &mut domain.devices.disks {
        let DiskSource::Volume(source) = &disk.source else { continue };
        // A drive without a medium stays one.
        let (Some(pool), Some(volume)) = (&source.pool, &source.volume) else { continue };
        let found = find(pool, volume)?;
        let source = translated(disk, source, &found)?;
        disk.driver.format = disk.driver.format.or(match source {
            DiskSource::Dir(_) => Some(StorageFormat::Fat),
            _ => Some(StorageFormat::Raw),
        });
        // Whoever opens a volume is the pool's user, whatever the disk says.
        disk.auth = None;
        disk.source = source;
        check_disk_format(disk)?;
    }
    Ok(domain)
}

fn translated(disk: &Disk, source: &VolumeDiskSource, found: &FoundVolume) -> Result<DiskSource> {
    let common = SourceCommon { auth: None, ..source.common.clone() };
    let path = Some(found.path.clone());
    let iscsi = match &found.pool.kind {
        StoragePoolKind::Iscsi(pool) | StoragePoolKind::IscsiDirect(pool) => Some(&pool.source),
        _ => None,
    };
    let direct =
        source.mode == Some(VolumeMode::Direct) || matches!(found.pool.kind, StoragePoolKind::IscsiDirect(_));
    if source.mode.is_some() && iscsi.is_none() {
        let sentence = "disk source mode is only valid when storage pool is of iscsi type";
        return Err(Error::new(ErrorCode::XML_ERROR, ErrorDomain::QEMU, sentence));
    }
    if let Some(pool) = iscsi.filter(|_| direct) {
        let [host] = pool.hosts.as_slice() else {
            return Err(unsupported("Expected exactly 1 host for the storage pool"));
        };
        let target = pool.devices.first().map(|device| device.path.as_str()).unwrap_or_default();
        // A volume is called after its host, bus, target and unit; its unit is what the target knows.
        let unit = source.volume.as_deref().and_then(|name| name.rsplit(':').next()).unwrap_or_default();
        let mut common = common;
        common.auth = pool.common.auth.as_ref().map(|auth| virt_conf::model::StorageAuth {
            username: Some(auth.username.clone()),
            secret: Some(auth.secret.clone()),
        });
        return Ok(DiskSource::Network(Box::new(NetworkDiskSource {
            protocol: Some(NetworkDiskProtocol::Iscsi),
            name: Some(format!("{target}/{unit}")),
            hosts: vec![NetworkHost {
                name: Some(host.name.clone()),
                port: Some(u32::try_from(host.port).ok().filter(|port| *port > 0).unwrap_or(ISCSI_PORT)),
                ..NetworkHost::default()
            }],
            initiator: pool.initiator.clone(),
            common,
            ..NetworkDiskSource::default()
        })));
    }
    let is_file = found.kind == VolumeKind::File;
    if common.startup_policy.is_some() && !is_file && disk.source.common().is_some() {
        let sentence = "'startupPolicy' is only valid for 'file' type volume";
        return Err(Error::new(ErrorCode::XML_ERROR, ErrorDomain::QEMU, sentence));
    }
    Ok(match found.kind {
        VolumeKind::File => {
            DiskSource::File(FileDiskSource { file: path, common, ..FileDiskSource::default() })
        }
        VolumeKind::Block => DiskSource::Block(BlockDiskSource { dev: path, common }),
        VolumeKind::Dir => DiskSource::Dir(DirDiskSource { dir: path, common }),
        kind => {
            let mut word = String::new();
            virt_conf::xml::Value::format(&kind, &mut word);
            return Err(internal(format!("unexpected storage volume type '{word}' for a disk")));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(pool: &str, disk: &str, kind: VolumeKind) -> Result<DiskSource> {
        disk_of(pool, disk, "<readonly/>", kind).map(|disk| disk.source)
    }

    fn disk_of(pool: &str, source: &str, rest: &str, kind: VolumeKind) -> Result<Disk> {
        let text = format!(
            "<domain type='qemu'><name>g</name><memory>1</memory><os><type>hvm</type></os><devices><disk type='volume'>\
             <source pool='p' volume='unit:0:0:7' {source}/><target dev='vda'/>{rest}</disk></devices></domain>"
        );
        let domain = Domain::parse(&text, &virt_conf::xml::ParseOptions::inactive())?;
        let pool: StoragePool = pool.parse()?;
        let find = |_: &str, _: &str| Ok(FoundVolume { pool: pool.clone(), kind, path: "/srv/v".to_owned() });
        with_volumes(&domain, find).map(|domain| domain.devices.disks[0].clone())
    }

    const DIR: &str = "<pool type='dir'><name>p</name><target><path>/srv</path></target></pool>";
    const ISCSI: &str = "<pool type='iscsi'><name>p</name><source><host name='server'/><device path='iqn.target'/></source>\
                         <target><path>/dev/disk/by-path</path></target></pool>";

    #[test]
    fn a_volume_is_what_its_pool_says() {
        assert_eq!(source(DIR, "", VolumeKind::File).unwrap().path(), Some("/srv/v"));
        assert!(matches!(source(DIR, "", VolumeKind::Block).unwrap(), DiskSource::Block(_)));
        assert!(matches!(source(ISCSI, "mode='host'", VolumeKind::Block).unwrap(), DiskSource::Block(_)));
        let DiskSource::Network(direct) = source(ISCSI, "mode='direct'", VolumeKind::Block).unwrap() else {
            panic!()
        };
        assert_eq!((direct.name.as_deref(), direct.hosts[0].port), (Some("iqn.target/7"), Some(3260)));
        let error = source(DIR, "mode='host'", VolumeKind::File).unwrap_err().to_string();
        assert!(
            error.ends_with("disk source mode is only valid when storage pool is of iscsi type"),
            "{error}"
        );
        assert!(source(DIR, "", VolumeKind::Network).is_err());
    }

    #[test]
    fn a_directory_is_a_disk_with_a_fat_that_is_only_read() {
        let format = |kind| disk_of(DIR, "", "<readonly/>", kind).unwrap().driver.format;
        assert_eq!(format(VolumeKind::Dir), Some(StorageFormat::Fat));
        assert_eq!(format(VolumeKind::File), Some(StorageFormat::Raw));
        let error = disk_of(DIR, "", "", VolumeKind::Dir).unwrap_err().to_string();
        assert!(error.ends_with("virtual FAT storage can't be accessed in read-write mode"), "{error}");
    }

    #[test]
    fn the_pool_says_as_whom_its_servers_are_used() {
        let own = "<auth username='mine'><secret type='iscsi' usage='u'/></auth>";
        let disk = disk_of(ISCSI, "mode='direct'", own, VolumeKind::Block).unwrap();
        assert!(disk.auth.is_none() && disk.source.common().unwrap().auth.is_none());
        let auth = "<auth type='chap' username='theirs'><secret usage='u'/></auth></source>";
        let pool = ISCSI.replace("</source>", auth);
        let disk = disk_of(&pool, "mode='direct'", own, VolumeKind::Block).unwrap();
        let used = disk.source.common().unwrap().auth.as_ref().unwrap();
        assert_eq!(used.username.as_deref(), Some("theirs"));
    }
}

//! What state files of older versions lack: the names of objects and nodes, which follow from the device's alias.

use virt_conf::model::{
    Disk, DiskSource, Hostdev, HostdevKind, NetworkDiskSource, NodeName, NodeNameKind, NodeNames,
    ScsiHostdevSource, SecretObject, SecretObjectKind, StoragePrivate, SubsystemDevice,
};

/// The secrets and credentials that the emulator was given for a disk.
pub(super) fn restore_disk(disk: &mut Disk) {
    let Some(alias) = disk.info.alias.clone() else { return };
    let tls = match &disk.source {
        DiskSource::Network(source) => uses_tls(source),
        _ => false,
    };
    let network = matches!(disk.source, DiskSource::Network(_));
    let beside = (disk.auth.is_some(), disk.encryption.is_some());
    let Some(common) = disk.source.common_mut() else { return };
    let auth = network && (common.auth.is_some() || beside.0);
    let encrypted = common.encryption.is_some() || beside.1;
    if !(auth || encrypted || tls) {
        return;
    }
    let objects = &mut common.private.get_or_insert_default().objects;
    if objects.secrets.is_empty() {
        let secret = |kind, alias| SecretObject { kind, alias };
        let auth = auth.then(|| secret(SecretObjectKind::Auth, format!("{alias}-secret0")));
        let key = encrypted.then(|| secret(SecretObjectKind::Encryption, format!("{alias}-luks-secret0")));
        objects.secrets.extend(auth.into_iter().chain(key));
    }
    if tls {
        objects.tls.get_or_insert_with(|| format!("obj{alias}_tls0"));
    }
}

fn uses_tls(source: &NetworkDiskSource) -> bool {
    source.tls == Some(true)
}

/// The node and the secret that the emulator was given for a SCSI unit.
pub(super) fn restore_hostdev(hostdev: &mut Hostdev) {
    let Some(alias) = hostdev.info.alias.clone() else { return };
    let HostdevKind::Subsystem(subsystem) = &mut hostdev.kind else { return };
    let SubsystemDevice::Scsi(scsi) = &mut subsystem.device else { return };
    let (private, auth) = match &mut scsi.source {
        ScsiHostdevSource::Adapter(source) => (&mut source.private, false),
        ScsiHostdevSource::Iscsi(source) => (&mut source.private, source.auth.is_some()),
    };
    let private: &mut StoragePrivate = private.get_or_insert_default();
    if private.nodenames == NodeNames::default() {
        let (kind, name) = (NodeNameKind::Storage, format!("libvirt-{alias}-backend"));
        private.nodenames.list.push(NodeName { kind, name, group: None });
    }
    if auth && private.objects.secrets.is_empty() {
        let (kind, alias) = (SecretObjectKind::Auth, format!("{alias}-secret0"));
        private.objects.secrets.push(SecretObject { kind, alias });
    }
}

//! What a start asks of the host's other drivers: volumes of storage pools, and values of secrets.

use virt_conf::model::{Domain, StoragePool, StorageVolume};
use virt_core::driver::{Call, Host, SecretUsageKind, StoragePoolState, StoragePoolXml};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::command::{FoundVolume, SecretIdentifier, SecretUsage, with_volumes};
use crate::engine::Engine;

impl Engine {
    /// The guest with the files, devices and servers that its volumes are in place of the volumes.
    pub(super) fn with_volumes(&self, domain: &Domain) -> Result<Domain> {
        with_volumes(domain, |pool, volume| self.volume(pool, volume))
    }

    fn volume(&self, pool: &str, name: &str) -> Result<FoundVolume> {
        let call = Call::background();
        let slots = self.host.role(call, "storage".to_owned(), self.uri.clone())?;
        let (Some(pools), Some(volumes)) = (slots.storage_pools, slots.storage_volumes) else {
            return Err(absent("storage"));
        };
        let found = pools.lookup_by_name(call, pool.to_owned())?;
        if found.state == StoragePoolState::Inactive {
            let detail = format!("storage pool '{pool}' containing volume '{name}' is not active");
            return Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, detail));
        }
        let volume = volumes.lookup_by_name(call, found.uuid, name.to_owned())?;
        let document: StorageVolume = volumes.xml(call, found.uuid, name.to_owned())?.parse()?;
        let pool: StoragePool = pools.xml(call, found.uuid, StoragePoolXml::empty())?.parse()?;
        Ok(FoundVolume { pool, kind: document.kind, path: volume.path })
    }
}

/// The value of a secret that something of the guest is opened with.
pub(super) fn secret(host: &Host, uri: &str, usage: &SecretUsage) -> Result<Vec<u8>> {
    let call = Call::background();
    let slots = host.role(call, "secret".to_owned(), uri.to_owned())?;
    let secrets = slots.secrets.ok_or_else(|| absent("secret"))?;
    let uuid = match &usage.identifier {
        SecretIdentifier::Uuid(text) => text.parse().map_err(|_| {
            let detail = format!("invalid secret uuid '{text}'");
            Error::new(ErrorCode::XML_ERROR, ErrorDomain::QEMU, detail)
        })?,
        SecretIdentifier::Usage(name) => {
            let kinds = SecretUsageKind::ALL.iter().copied();
            let kind =
                kinds.into_iter().find(|kind| kind.text() == usage.kind).unwrap_or(SecretUsageKind::None);
            secrets.lookup_by_usage(call, kind, name.clone())?.uuid
        }
    };
    Ok(secrets.reveal(call, uuid)?.to_vec())
}

fn absent(role: &str) -> Error {
    Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::QEMU, format!("no driver for {role}"))
}

//! `-blockdev`: one node for the storage, one for the part of it that is used, one for the format.

use virt_conf::model::{DiskSource, EncryptionFormat, StorageEncryption, StorageFormat};
use virt_util::Result;

use super::builder::{Builder, internal, unsupported};
use super::image::{Below, CacheMode, Image, PassedDescriptors, cache_mode};
use super::{Descriptor, Props, SecretIdentifier, SecretUsage};

/// The objects that a storage node refers to.
#[derive(Debug, Default)]
pub(crate) struct StorageObjects {
    pub auth_secret: Option<String>,
    pub encryption_secrets: Vec<String>,
    pub cookie_secret: Option<String>,
    pub tls: Option<String>,
    pub reservations: Option<String>,
    /// The path under which passed descriptors are opened.
    pub descriptors: Option<String>,
}

impl Builder<'_, '_> {
    /// Adds the nodes of `image` and of everything below it, deepest first.
    pub(crate) fn image_chain(&mut self, image: &Image<'_>) -> Result<()> {
        if let Below::Image(below) = &image.below {
            self.image_chain(below)?;
        }
        if let Some(data) = &image.data {
            self.image(data)?;
        }
        self.image(image)
    }

    /// Adds the nodes of one image.
    fn image(&mut self, image: &Image<'_>) -> Result<()> {
        let objects = self.storage_objects(image)?;
        let storage = self.storage_props(image, &objects)?;
        self.blockdev(&storage);
        if let Some(slice) = image.slice {
            let effective = !image.has_format_layer();
            let props = Props::new()
                .text("driver", "raw")
                .text("file", image.storage_node())
                .number("offset", slice.offset)
                .number("size", slice.size)
                .text("node-name", image.slice_node());
            let props = common_props(props, image, effective);
            self.blockdev(&props);
        }
        if image.has_format_layer() {
            let props = self.format_props(image, &objects)?;
            self.blockdev(&props);
        }
        Ok(())
    }

    fn storage_objects(&mut self, image: &Image<'_>) -> Result<StorageObjects> {
        let mut objects = StorageObjects::default();
        let storage = image.storage_node();
        if self.is_served_by_nbdkit(image) {
            // What the server wants to know, nbdkit tells it.
            return self.encryption_objects(image, objects);
        }
        if let Some(secret) = image.auth.and_then(|auth| auth.secret.as_ref()) {
            let id = format!("{storage}-auth-secret0");
            let kind = if matches!(image.source, DiskSource::Network(network) if network.protocol == Some(virt_conf::model::NetworkDiskProtocol::Rbd))
            {
                "ceph"
            } else {
                "iscsi"
            };
            let usage = secret_usage(kind, secret.uuid.as_ref(), secret.usage.as_deref())?;
            self.secret(&id, &usage)?;
            objects.auth_secret = Some(id);
        }
        objects = self.encryption_objects(image, objects)?;
        if let DiskSource::Network(network) = image.source {
            if !network.cookies.cookies.is_empty() {
                let id = format!("{storage}-httpcookie-secret0");
                let cookies: Vec<_> = network
                    .cookies
                    .cookies
                    .iter()
                    .map(|cookie| format!("{}={}", cookie.name, cookie.value))
                    .collect();
                self.secret_value(&id, cookies.join("; ").as_bytes());
                objects.cookie_secret = Some(id);
            }
            if network.tls == Some(true) {
                objects.tls = Some(self.tls_for_network_disk(&storage)?);
            }
        }
        if let Some(reservations) = image.source.common().and_then(|common| common.reservations.as_ref()) {
            objects.reservations = Some(self.reservations(reservations, &storage));
        }
        objects.descriptors = self.passed_descriptors(image, &storage)?;
        Ok(objects)
    }

    /// Whether a process of nbdkit stands between QEMU and the server.
    pub(crate) fn is_served_by_nbdkit(&self, image: &Image<'_>) -> bool {
        matches!(image.source, DiskSource::Network(network)
            if network.protocol.is_some_and(|protocol| self.launch.host.nbdkit.serves(protocol)))
    }

    fn encryption_objects(
        &mut self,
        image: &Image<'_>,
        mut objects: StorageObjects,
    ) -> Result<StorageObjects> {
        let storage = image.storage_node();
        if let Some(encryption) = image.encryption {
            let stem = if image.is_encrypted_by_qemu() { image.format_node() } else { storage.clone() };
            for (index, secret) in encryption.secrets.iter().enumerate() {
                let id = format!("{stem}-encryption-secret{index}");
                let usage = secret_usage("volume", secret.uuid.as_ref(), secret.usage.as_deref())?;
                self.secret(&id, &usage)?;
                objects.encryption_secrets.push(id);
            }
        }
        Ok(objects)
    }

    fn tls_for_network_disk(&mut self, storage: &str) -> Result<String> {
        let settings = self.launch.settings;
        let mut props = Props::object("tls-creds-x509", &format!("obj{storage}_tls0"))
            .text("dir", &settings.nbd_tls_dir)
            .text("endpoint", "client")
            .flag("verify-peer", true);
        if let Some(uuid) = settings.nbd_tls_secret.clone() {
            let id = format!("obj{storage}_tls0-secret0");
            let usage = SecretUsage { kind: "tls", identifier: SecretIdentifier::Uuid(uuid) };
            self.secret(&id, &usage)?;
            props = props.text("passwordid", id);
        }
        self.object(&props);
        Ok(format!("obj{storage}_tls0"))
    }

    fn reservations(&mut self, reservations: &virt_conf::model::Reservations, storage: &str) -> String {
        match reservations.source.as_ref().and_then(|source| source.path.as_deref()) {
            Some(path) if reservations.managed != Some(true) => {
                let id = format!("pr-helper-{storage}");
                self.object(&Props::object("pr-manager-helper", &id).text("path", path));
                id
            }
            _ => "pr-helper0".to_owned(),
        }
    }

    /// Numbers the sets of descriptors of `image` and what lies below it.
    pub(crate) fn number_descriptors(&mut self, image: &mut Image<'_>) -> Result<()> {
        if let DiskSource::File(file) = image.source
            && let Some(name) = &file.fdgroup
        {
            let group = self.launch.descriptors.group(name).ok_or_else(|| {
                virt_util::Error::new(
                    virt_util::ErrorCode::INVALID_ARG,
                    virt_util::ErrorDomain::QEMU,
                    format!("file descriptor group '{name}' was not associated with the domain"),
                )
            })?;
            let set = self.next_fdset;
            self.next_fdset += 1;
            image.descriptors =
                Some(PassedDescriptors { set, single: group.count == 1, writable: group.writable });
        }
        if let Some(data) = &mut image.data {
            self.number_descriptors(data)?;
        }
        match &mut image.below {
            Below::Image(below) => self.number_descriptors(below),
            Below::End | Below::Unknown => Ok(()),
        }
    }

    fn passed_descriptors(&mut self, image: &Image<'_>, storage: &str) -> Result<Option<String>> {
        let (set, members) = match image.source {
            DiskSource::File(file) => {
                let (Some(name), Some(passed)) = (&file.fdgroup, image.descriptors) else { return Ok(None) };
                let count = self.launch.descriptors.group(name).map_or(0, |group| group.count);
                let members = (0..count).map(|index| {
                    (Descriptor::DiskGroup { group: name.clone(), index }, format!("{storage}{index}"))
                });
                (passed.set, members.collect())
            }
            DiskSource::VhostVdpa(vdpa) => {
                let path = vdpa.dev.clone().unwrap_or_default();
                let member = Descriptor::VhostVdpa { alias: storage.to_owned(), path };
                let set = self.next_fdset;
                self.next_fdset += 1;
                (set, vec![(member, format!("{storage}-vdpa"))])
            }
            _ => return Ok(None),
        };
        Ok(Some(self.numbered_descriptor_set(set, members)))
    }

    fn storage_props(&mut self, image: &Image<'_>, objects: &StorageObjects) -> Result<Props> {
        let props = self.protocol_props(image, objects)?;
        let effective = !image.has_format_layer() && image.slice.is_none();
        Ok(common_props(props.text("node-name", image.storage_node()), image, effective))
    }

    fn format_props(&self, image: &Image<'_>, objects: &StorageObjects) -> Result<Props> {
        let mut props = Props::new().text("node-name", image.format_node()).flag("read-only", image.readonly);
        if let Some(discard) = image.tuning.discard {
            props.set("discard", discard.as_str());
        }
        if let Some(detect) = image.tuning.detect_zeroes {
            props.set("detect-zeroes", detect);
        }
        if let Some(cache) = cache_props(image) {
            props.set("cache", cache);
        }
        props = self.format_driver(props, image, objects)?;
        if let Some(data) = &image.data {
            props.set("data-file", data.effective_node());
        }
        let file = if image.slice.is_some() { image.slice_node() } else { image.storage_node() };
        props.set("file", file);
        let has_backing = matches!(
            image.format,
            StorageFormat::Cow
                | StorageFormat::Qcow
                | StorageFormat::Qcow2
                | StorageFormat::Qed
                | StorageFormat::Vmdk
        );
        match &image.below {
            Below::Image(below) if has_backing => props.set("backing", below.effective_node()),
            Below::End if has_backing => props.set("backing", serde_json::Value::Null),
            _ => {}
        }
        Ok(props)
    }

    fn format_driver(&self, props: Props, image: &Image<'_>, objects: &StorageObjects) -> Result<Props> {
        let encrypted = image.encryption.filter(|_| image.is_encrypted_by_qemu());
        let key = objects.encryption_secrets.first();
        Ok(match image.format {
            StorageFormat::Raw | StorageFormat::Fat => match encrypted {
                Some(StorageEncryption { format: EncryptionFormat::Luks, .. }) => {
                    props.text("driver", "luks").opt_text("key-secret", key)
                }
                _ => props.text("driver", "raw"),
            },
            StorageFormat::Luks => props.text("driver", "luks").opt_text("key-secret", key),
            StorageFormat::Qcow2 => {
                let encrypt = encrypted.map(|encryption| encrypt_props(encryption, key));
                props
                    .text("driver", "qcow2")
                    .opt_flag("discard-no-unref", image.tuning.discard_no_unref)
                    .opt_nested("encrypt", encrypt)
                    .opt_number("cache-size", image.metadata_cache.max_size.map(|size| size.0))
            }
            StorageFormat::Qcow => {
                let encrypt = encrypted.map(|encryption| encrypt_props(encryption, key));
                props.text("driver", "qcow").opt_nested("encrypt", encrypt)
            }
            StorageFormat::Bochs
            | StorageFormat::Cloop
            | StorageFormat::Dmg
            | StorageFormat::Vdi
            | StorageFormat::Ploop
            | StorageFormat::Qed
            | StorageFormat::Vmdk => props.text(
                "driver",
                if image.format == StorageFormat::Ploop { "parallels" } else { image.format.as_str() },
            ),
            StorageFormat::Vpc => props.text("driver", "vpc").opt_text("force-size-calc", None::<String>),
            other => return Err(unsupported(format!("unsupported disk driver type '{}'", other.as_str()))),
        })
    }
}

fn encrypt_props(encryption: &StorageEncryption, key: Option<&String>) -> Props {
    let format = match encryption.format {
        EncryptionFormat::Qcow | EncryptionFormat::Default => "aes",
        EncryptionFormat::Luks => "luks",
        EncryptionFormat::Luks2 => "luks2",
        EncryptionFormat::LuksAny => "luks-any",
    };
    Props::new().text("format", format).opt_text("key-secret", key)
}

/// What every node says; only the one that the layer above opens says what that layer asked for.
fn common_props(props: Props, image: &Image<'_>, effective: bool) -> Props {
    let mut props = if effective {
        let props = props.flag("read-only", image.readonly);
        props
            .opt_text("discard", image.tuning.discard.map(virt_conf::model::DiskDiscard::as_str))
            .opt_text("detect-zeroes", image.tuning.detect_zeroes)
    } else if image.descriptors.is_some_and(|passed| passed.single) {
        props.flag("read-only", false).text("discard", "unmap")
    } else {
        props.flag("auto-read-only", true).text("discard", "unmap")
    };
    if let Some(cache) = cache_props(image) {
        props.set("cache", cache);
    }
    props
}

fn cache_props(image: &Image<'_>) -> Option<Props> {
    let CacheMode { direct, no_flush, .. } = cache_mode(image.tuning.cache)?;
    Some(Props::new().flag("direct", direct).flag("no-flush", no_flush))
}

/// How a secret of the document is looked up.
pub(crate) fn secret_usage(
    kind: &'static str,
    uuid: Option<&uuid::Uuid>,
    usage: Option<&str>,
) -> Result<SecretUsage> {
    let identifier = match (uuid, usage) {
        (Some(uuid), _) => SecretIdentifier::Uuid(uuid.to_string()),
        (None, Some(usage)) => SecretIdentifier::Usage(usage.to_owned()),
        (None, None) => return Err(internal("a secret has neither UUID nor usage")),
    };
    Ok(SecretUsage { kind, identifier })
}

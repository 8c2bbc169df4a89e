//! `<secret>`: a secret that storage, networks and TPMs refer to. The value is never in the document.
//!
//! Fields stand in the order in which libvirt writes them.

use uuid::Uuid;

use crate::xml::{Error, FormatOptions, ParseOptions, Reader, Result, Xml};

/// A secret; its value is kept apart.
///
/// ```
/// use virt_conf::model::{Secret, secret::SecretUsage};
///
/// let secret: Secret = "<secret><usage type='ceph'><name>client.admin</name></usage></secret>".parse()?;
/// assert!(matches!(&secret.usage, Some(SecretUsage::Ceph(usage)) if usage.name == "client.admin"));
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "secret", errors = SECRET, after_read = Secret::settle)]
pub struct Secret {
    /// Whether its value is only ever kept in memory; default: no.
    #[xml(attr, default)]
    pub ephemeral: bool,
    /// Whether its value is never shown to anybody; default: no.
    #[xml(attr, default)]
    pub private: bool,
    /// Its identity; generated where absent.
    #[xml(child_text)]
    pub uuid: Option<Uuid>,
    /// What it is, for people.
    #[xml(child_text)]
    pub description: Option<String>,
    /// What it is for; absent: only its UUID finds it.
    #[xml(child)]
    pub usage: Option<SecretUsage>,
}

/// What a secret is for, by which it is found.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "usage", tag = "type", keep_empty)]
pub enum SecretUsage {
    /// Nothing in particular.
    None,
    /// The key of an encrypted volume.
    Volume(VolumeUsage),
    /// A user of a Ceph cluster.
    Ceph(NamedUsage),
    /// A user of an iSCSI target.
    Iscsi(TargetUsage),
    /// The key of a TLS certificate.
    Tls(NamedUsage),
    /// The state of an emulated TPM.
    Vtpm(NamedUsage),
}

/// A volume's key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct VolumeUsage {
    /// The volume's path.
    #[xml(child_text)]
    pub volume: String,
}

/// Something with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct NamedUsage {
    /// The name, unique among secrets of this type.
    #[xml(child_text)]
    pub name: String,
}

/// A user of an iSCSI target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct TargetUsage {
    /// The name, unique among secrets of this type.
    #[xml(child_text)]
    pub target: String,
}

impl Secret {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence and the place.
    pub fn from_xml(text: &str, options: &ParseOptions) -> Result<Self> {
        crate::xml::from_str(text, options)
    }

    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.uuid.get_or_insert_with(Uuid::new_v4);
        Ok(())
    }
}

impl std::str::FromStr for Secret {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::from_xml(text, &ParseOptions::default())
    }
}

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::xml::to_string(self, FormatOptions::default()))
    }
}

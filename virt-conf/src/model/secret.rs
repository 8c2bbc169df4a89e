//! `<secret>`: a secret that storage, networks and TPMs refer to. The value is never in the document.
//!
//! Fields stand in the order in which libvirt writes them.

use uuid::Uuid;

use crate::xml::{Error, ErrorCode, ErrorDomain, Reader, Result, Xml};

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
#[xml(name = "secret", document, errors = SECRET, after_read = Secret::settle)]
pub struct Secret {
    /// Whether its value is only ever kept in memory; default: no.
    #[xml(attr, default, invalid = |_| not_yes_or_no("ephemeral"))]
    pub ephemeral: bool,
    /// Whether its value is never shown to anybody; default: no.
    #[xml(attr, default, invalid = |_| not_yes_or_no("private"))]
    pub private: bool,
    /// Its identity; generated where absent.
    #[xml(child_text, invalid = |_| internal("malformed uuid element"))]
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
    #[xml(child_text, missing = internal("volume usage specified, but volume path is missing"))]
    pub volume: String,
}

/// Something with a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct NamedUsage {
    /// The name, unique among secrets of this type.
    #[xml(child_text, missing = no_name(r))]
    pub name: String,
}

/// A user of an iSCSI target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct TargetUsage {
    /// The name, unique among secrets of this type.
    #[xml(child_text, missing = internal("iSCSI usage specified, but target is missing"))]
    pub target: String,
}

fn internal(sentence: &str) -> Error {
    Error::internal(ErrorDomain::SECRET, sentence)
}

fn not_yes_or_no(name: &str) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::SECRET, format!("invalid value of '{name}'"))
}

fn no_name(reader: &Reader<'_, '_>) -> Error {
    let usage = match reader.attr_text("type") {
        Some("ceph") => "Ceph",
        Some("tls") => "TLS",
        _ => "vTPM",
    };
    internal(&format!("{usage} usage specified, but name is missing"))
}

impl Secret {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.uuid.get_or_insert_with(Uuid::new_v4);
        self.usage = self.usage.take().filter(|usage| *usage != SecretUsage::None);
        Ok(())
    }
}

//! What disks, volumes and pools have in common: formats, credentials, encryption, reservations.

use uuid::Uuid;

use crate::xml::{Error, ErrorCode, ErrorDomain, Reader, Result, Xml, XmlValue};

/// Formats of disk images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum StorageFormat {
    /// Not set.
    None,
    /// The guest's bytes and nothing else.
    Raw,
    /// A directory, shown as a file system.
    Dir,
    /// Bochs.
    Bochs,
    /// Compressed loop image.
    Cloop,
    /// Apple disk image.
    Dmg,
    /// ISO 9660.
    Iso,
    /// Virtual PC.
    Vpc,
    /// VirtualBox.
    Vdi,
    /// A directory, shown as FAT.
    Fat,
    /// Virtual PC, as Xen calls it.
    Vhd,
    /// Parallels.
    Ploop,
    /// LUKS, encrypted.
    Luks,
    /// User-mode Linux, copy on write.
    Cow,
    /// QEMU, first version.
    Qcow,
    /// QEMU, second and third version.
    Qcow2,
    /// QEMU enhanced.
    Qed,
    /// VMware.
    Vmdk,
}

/// Credentials for storage on the network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "auth", after_read = StorageAuth::settle)]
pub struct StorageAuth {
    /// The user.
    #[xml(attr, unless_empty)]
    pub username: Option<String>,
    /// Where the password is kept.
    #[xml(child)]
    pub secret: Option<SecretReference>,
}

impl SecretReference {
    /// The kinds that there are.
    pub(crate) const KINDS: [&'static str; 6] = ["none", "iscsi", "ceph", "volume", "tls", "vtpm"];
}

impl StorageAuth {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let refuse = |detail: &str| Err(reader.error(ErrorCode::XML_ERROR, ErrorDomain::STORAGE, detail));
        if self.username.is_none() {
            return refuse("missing username for auth");
        }
        if self.secret.is_none() {
            return refuse("Missing <secret> element in auth");
        }
        Ok(())
    }
}

/// A secret, named by UUID or by what it is used for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "secret", after_read = SecretReference::settle)]
pub struct SecretReference {
    /// What kind of secret: `ceph`, `iscsi`, `passphrase` ...
    #[xml(attr = "type")]
    pub kind: Option<String>,
    /// Its UUID; excludes `usage`.
    #[xml(attr, invalid = bad_uuid)]
    pub uuid: Option<Uuid>,
    /// What it is used for; excludes `uuid`.
    #[xml(attr)]
    pub usage: Option<String>,
}

fn bad_uuid(text: &str) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::NONE, format!("invalid secret uuid '{text}'"))
}

/// A secret has one name.
fn one_name(uuid: Option<Uuid>, usage: Option<&str>, reader: &Reader<'_, '_>) -> Result<()> {
    let sentence = match (uuid, usage) {
        (None, None) => "missing secret uuid or usage attribute",
        (Some(_), Some(_)) => "either secret uuid or usage expected",
        _ => return Ok(()),
    };
    Err(reader.error(ErrorCode::XML_ERROR, ErrorDomain::NONE, sentence))
}

impl SecretReference {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        one_name(self.uuid, self.usage.as_deref(), reader)
    }
}

/// Encryption of a disk image.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "encryption", keep_open, after_read = StorageEncryption::check)]
pub struct StorageEncryption {
    /// The scheme.
    #[xml(
        attr,
        invalid = |text| unsupported(format!("unknown volume encryption format type {text}")),
        missing = wrong("unknown volume encryption format")
    )]
    pub format: EncryptionFormat,
    /// Who decrypts; default: the emulator.
    #[xml(attr)]
    pub engine: Option<EncryptionEngine>,
    /// The keys; several for layered images.
    #[xml(child)]
    pub secrets: Vec<EncryptionSecret>,
    /// The cipher of a volume to be created; absent: the scheme's default.
    #[xml(child)]
    pub cipher: Option<EncryptionCipher>,
    /// How initialisation vectors are made; absent: the scheme's default.
    #[xml(child)]
    pub ivgen: Option<EncryptionIvgen>,
}

impl StorageEncryption {
    fn check(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.ivgen.is_some() && self.cipher.is_none() {
            return Err(reader.place(wrong("ivgen element found, but cipher is missing")));
        }
        Ok(())
    }
}

/// Schemes of encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum EncryptionFormat {
    /// The format's own default; only in a volume to be created.
    Default,
    /// The old one of qcow.
    Qcow,
    /// LUKS, version 1.
    Luks,
    /// LUKS, version 2.
    Luks2,
    /// LUKS, whichever version is found.
    #[xml("luks-any")]
    LuksAny,
}

/// Who decrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum EncryptionEngine {
    /// The emulator.
    Qemu,
    /// Ceph's client library.
    Librbd,
}

/// A key of an encrypted image.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "secret", after_read = EncryptionSecret::settle)]
pub struct EncryptionSecret {
    /// What kind of key.
    #[xml(
        attr = "type",
        invalid = |text| unsupported(format!("unknown volume encryption secret type {text}")),
        missing = wrong("unknown volume encryption secret type")
    )]
    pub kind: EncryptionSecretType,
    /// UUID of the secret; excludes `usage`.
    #[xml(attr, invalid = bad_uuid)]
    pub uuid: Option<Uuid>,
    /// What the secret is used for; excludes `uuid`.
    #[xml(attr)]
    pub usage: Option<String>,
}

impl EncryptionSecret {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        one_name(self.uuid, self.usage.as_deref(), reader)
    }
}

fn wrong(sentence: &str) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::STORAGE, sentence)
}

fn unsupported(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::STORAGE, sentence)
}

/// Kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum EncryptionSecretType {
    /// Text.
    Passphrase,
}

/// The cipher of an encrypted image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cipher")]
pub struct EncryptionCipher {
    /// Algorithm, `aes`.
    #[xml(attr)]
    pub name: String,
    /// Length of the key, in bits.
    #[xml(attr)]
    pub size: u32,
    /// Mode of operation, `cbc`, `xts`.
    #[xml(attr)]
    pub mode: Option<String>,
    /// Hash for deriving the key, `sha256`.
    #[xml(attr)]
    pub hash: Option<String>,
}

/// How initialisation vectors are made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "ivgen")]
pub struct EncryptionIvgen {
    /// Algorithm, `plain64`, `essiv`.
    #[xml(attr)]
    pub name: String,
    /// Digest that the vectors are made with, `sha256`.
    #[xml(attr)]
    pub hash: Option<String>,
}

/// Cluster-wide SCSI reservations, through a helper process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "reservations", before_read = Reservations::check)]
pub struct Reservations {
    /// Whether the helper is started with the guest.
    #[xml(attr)]
    pub managed: Option<bool>,
    /// Whether the emulator takes reservations along when the guest migrates; the hypervisor's choice by default. Since 12.1.
    #[xml(attr)]
    pub migration: Option<bool>,
    /// Socket of a helper that is there already.
    #[xml(child)]
    pub source: Option<ReservationsSource>,
}

impl Reservations {
    /// A helper that the host does not start has a socket, which is said in full wherever anything of it is said.
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        let Some(managed) = reader.attr_text("managed") else {
            return Err(reader.missing_attr(&[], "managed"));
        };
        let said = |name| Some(reader.attr_value(&["source"], name)).filter(|text| !text.is_empty());
        let socket = [said("type"), said("path"), said("mode")];
        let refuse = |detail: &str| Err(reader.error(ErrorCode::XML_ERROR, ErrorDomain::STORAGE, detail));
        match socket {
            [None, None, None] if managed != "no" => Ok(()),
            [None, ..] => refuse("missing connection type for <reservations/>"),
            [_, None, _] => refuse("missing path for <reservations/>"),
            [.., None] => refuse("missing connection mode for <reservations/>"),
            [Some(kind), ..] if kind != "unix" => {
                refuse(&format!("unsupported connection type for <reservations/>: {kind}"))
            }
            [.., Some(mode)] if mode != "client" => {
                refuse(&format!("unsupported connection mode for <reservations/>: {mode}"))
            }
            _ => Ok(()),
        }
    }
}

/// Socket of a reservations helper.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source")]
pub struct ReservationsSource {
    /// Always `unix`.
    #[xml(attr = "type")]
    pub kind: Option<String>,
    /// Path of the socket.
    #[xml(attr)]
    pub path: Option<String>,
    /// Always `client`.
    #[xml(attr)]
    pub mode: Option<String>,
}

/// A UNIX socket that the emulator connects to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source")]
pub struct DeviceUnixSource {
    /// Always `unix`.
    #[xml(attr = "type")]
    pub kind: Option<String>,
    /// Always `connect`.
    #[xml(attr)]
    pub mode: Option<String>,
    /// Path of the socket.
    #[xml(attr)]
    pub path: Option<String>,
}

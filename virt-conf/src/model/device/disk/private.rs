//! `<privateData>` of disks and of their images: what the driver of QEMU keeps about them while the guest runs.

use crate::xml::{Xml, XmlValue};

/// What is kept about an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "privateData")]
pub struct StoragePrivate {
    /// Its nodes in the emulator.
    #[xml(child, default)]
    pub nodenames: NodeNames,
    /// The alias of the manager of its SCSI reservations.
    #[xml(attr = "reservations/@mgralias")]
    pub reservations_manager: Option<String>,
    /// Its path relative to the image above it.
    #[xml(child_text = "relPath")]
    pub relative_path: Option<String>,
    /// The emulator's objects that it needs.
    #[xml(child, default)]
    pub objects: PrivateObjects,
    /// Descriptors that were passed for it.
    #[xml(child, default)]
    pub fdsets: FdSets,
    /// Whether the number of the image is in the event that its threshold was exceeded.
    #[xml(attr = "thresholdEvent/@indexUsed", omit)]
    pub threshold_event_with_index: bool,
    /// The process of nbdkit that serves it. Since 9.9.
    #[xml(child)]
    pub nbdkit: Option<NbdkitProcess>,
}

/// What is kept about a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "privateData")]
pub struct DiskPrivate {
    /// The path of its frontend in the emulator's tree of objects.
    #[xml(attr = "qom/@name")]
    pub qom: Option<String>,
    /// The nodes between the image and the disk.
    #[xml(child, default)]
    pub nodenames: NodeNames,
}

/// Where the definition has a disk's secrets: beside its source, where they are by default in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "diskSecretsPlacement")]
pub struct SecretsPlacement {
    /// Of the credentials.
    #[xml(attr)]
    pub auth: Option<BesideSource>,
    /// Of the keys.
    #[xml(attr)]
    pub enc: Option<BesideSource>,
}

/// That a secret is beside the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum BesideSource {
    /// It is.
    True,
}

/// Nodes in the emulator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "nodenames")]
pub struct NodeNames {
    /// The nodes, the deepest one first.
    #[xml(child)]
    pub list: Vec<NodeName>,
}

/// A node in the emulator.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "nodename")]
pub struct NodeName {
    /// What the node does.
    #[xml(attr = "type")]
    pub kind: NodeNameKind,
    /// What the emulator calls the node, `libvirt-1-format` for example.
    #[xml(attr)]
    pub name: String,
    /// The throttle group, of a filter. Since 11.2.
    #[xml(attr)]
    pub group: Option<String>,
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum NodeNameKind {
    /// It reaches the storage.
    Storage,
    /// It understands the format.
    Format,
    /// It cuts out the part of the storage that holds the image.
    #[xml("slice-storage")]
    SliceStorage,
    /// It copies to the image what is read from below it.
    #[xml("copyOnRead")]
    CopyOnRead,
    /// It limits throughput.
    #[xml("throttle-filter")]
    ThrottleFilter,
}

/// The emulator's objects that something needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "objects")]
pub struct PrivateObjects {
    /// Passwords and keys that the image's source or its encryption needs.
    #[xml(child)]
    pub secrets: Vec<SecretObject>,
    /// The alias of its TLS credentials.
    #[xml(attr = "TLSx509/@alias")]
    pub tls: Option<String>,
}

/// A secret that the emulator was given.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "secret")]
pub struct SecretObject {
    /// What it is for.
    #[xml(attr = "type")]
    pub kind: SecretObjectKind,
    /// The object's name in the emulator.
    #[xml(attr)]
    pub alias: String,
}

/// What a secret that the emulator was given is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum SecretObjectKind {
    /// Credentials at a server.
    Auth,
    /// The key of an encrypted image.
    Encryption,
    /// Cookies of HTTP.
    HttpCookie,
    /// The key of a TLS certificate.
    TlsKey,
}

/// Descriptors that were passed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "fdsets")]
pub struct FdSets {
    /// The sets.
    #[xml(child)]
    pub list: Vec<FdSet>,
}

/// A set of descriptors that were passed. Since 9.0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "fdset")]
pub struct FdSet {
    /// What they are for, `storage`.
    #[xml(attr = "type")]
    pub kind: String,
    /// The set's number in the emulator.
    #[xml(attr)]
    pub id: u32,
}

/// The process of nbdkit that serves an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "nbdkit")]
pub struct NbdkitProcess {
    /// The path of the file that its number is in.
    #[xml(child_text, missing = crate::error::internal("missing nbdkit pidfile"))]
    pub pidfile: String,
    /// The path of its socket.
    #[xml(child_text, missing = crate::error::internal("missing nbdkit socketfile"))]
    pub socketfile: String,
}

//! `<pool>`: storage on the host that volumes are made in.
//!
//! Fields stand in the order in which libvirt writes them.

mod adapter;
mod search;
mod source;

pub use adapter::*;
pub use search::*;
pub use source::*;

use uuid::Uuid;

use super::Bytes;
use crate::xml::{Error, ErrorCode, ErrorDomain, Expected, Reader, Result, Value, Xml, XmlValue};

/// Storage on the host that volumes are made in.
///
/// ```
/// use virt_conf::model::StoragePool;
///
/// let pool: StoragePool = "<pool type='dir'><name>images</name><target><path>/srv//images/</path></target></pool>".parse()?;
/// assert_eq!(pool.target_path(), Some("/srv/images"));
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "pool", document, errors = STORAGE, after_read = StoragePool::settle)]
pub struct StoragePool {
    /// Its name, unique on the host; default: its source's name.
    #[xml(child_text, default)]
    pub name: String,
    /// Its identity; generated where absent.
    #[xml(child_text, invalid = |_| wrong("malformed uuid element"))]
    pub uuid: Option<Uuid>,
    /// How much it holds, in bytes. Only ever written: the storage decides it.
    #[xml(child = "capacity", default, write_only)]
    pub capacity: Bytes,
    /// How much of that is used, in bytes. Only ever written.
    #[xml(child = "allocation", default, write_only)]
    pub allocation: Bytes,
    /// How much is left, in bytes. Only ever written.
    #[xml(child = "available", default, write_only)]
    pub available: Bytes,
    /// Whether the file system copies on write; absent: it decides.
    #[xml(attr = "features/cow/@state")]
    pub cow: Option<bool>,
    /// What kind of storage it is, and where it comes from.
    #[xml(flatten)]
    pub kind: StoragePoolKind,
    /// Where it shows on the host; absent for storage that does not show there.
    #[xml(child)]
    pub target: Option<StoragePoolTarget>,
    /// How the space that a volume uses is found out; default: as it is used.
    #[xml(
        attr = "refresh/volume/@allocation",
        unless_empty,
        invalid = |text| unsupported(format!("unknown storage pool volume refresh allocation type {text}"))
    )]
    pub refresh_allocation: Option<RefreshAllocation>,
    /// Options for mounting it.
    #[xml(flatten)]
    pub mount_options: MountOptions,
    /// Options for Ceph's client library.
    #[xml(flatten)]
    pub ceph_options: CephOptions,
}

impl StoragePool {
    /// Where it shows on the host.
    #[must_use]
    pub fn target_path(&self) -> Option<&str> {
        self.target.as_ref().map(|target| target.path.as_str())
    }

    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.name.is_empty() {
            match self.kind.source_name() {
                Some(name) => name.clone_into(&mut self.name),
                None => return Err(reader.refuse("missing pool source name element")),
            }
        }
        if self.name.contains('/') {
            let detail = format!("name {} cannot contain '/'", self.name);
            return Err(reader.refuse(detail));
        }
        self.uuid.get_or_insert_with(Uuid::new_v4);
        if self.cow.is_some() && !matches!(self.kind, StoragePoolKind::Dir(_) | StoragePoolKind::Fs(_)) {
            let sentence = "cow feature may only be used for 'fs' and 'dir' pools";
            return Err(reader.error(ErrorCode::NO_SUPPORT, ErrorDomain::STORAGE, sentence));
        }
        self.kind.settle(&self.name, reader)?;
        let fixed = self.kind.fixed_path();
        self.target = match (self.kind.has_target(), fixed, self.target.take()) {
            (false, ..) => None,
            (true, Some(path), target) => {
                Some(StoragePoolTarget { path, permissions: target.and_then(|target| target.permissions) })
            }
            (true, None, Some(mut target)) if !target.path.is_empty() => {
                target.path = sanitized(&target.path);
                Some(target)
            }
            _ => return Err(reader.refuse("missing storage pool target path")),
        };
        Ok(())
    }
}

fn wrong(sentence: &str) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::STORAGE, sentence)
}

fn unsupported(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::STORAGE, sentence)
}

/// One slash where there are several, none at the end; two at the beginning stay two, they may mean something.
pub(crate) fn sanitized(path: &str) -> String {
    let leading = path.len() - path.trim_start_matches('/').len();
    let mut out = if leading == 2 { "//".to_owned() } else { "/".repeat(leading.min(1)) };
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    out.extend(parts.next());
    for part in parts {
        out.push('/');
        out.push_str(part);
    }
    out
}

/// Where a pool shows on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "target")]
pub struct StoragePoolTarget {
    /// The directory of its volumes, absolute.
    #[xml(child_text, default)]
    pub path: String,
    /// Whom that directory belongs to; absent: it stays as it is.
    #[xml(child)]
    pub permissions: Option<StoragePermissions>,
}

/// Owner and mode of a file or a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "permissions", after_read = StoragePermissions::settle)]
pub struct StoragePermissions {
    /// The mode, octal; absent: as it is, or the default of what makes it.
    #[xml(child_text)]
    pub mode: Option<FileMode>,
    /// The user's number; absent (or -1): as it is.
    #[xml(child_text, with = OwnerId, invalid = |_| wrong("malformed owner element"))]
    pub owner: Option<u32>,
    /// The group's number; absent (or -1): as it is.
    #[xml(child_text, with = OwnerId, invalid = |_| wrong("malformed group element"))]
    pub group: Option<u32>,
    /// Label of the security module; absent: as it is.
    #[xml(child_text)]
    pub label: Option<String>,
}

impl StoragePermissions {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        for (name, sentence) in [("owner", "malformed owner element"), ("group", "malformed group element")] {
            if let Some(element) = reader.first(name).filter(|element| element.own_text().is_empty()) {
                return Err(element.place(wrong(sentence)));
            }
        }
        for owner in [&mut self.owner, &mut self.group] {
            *owner = owner.filter(|number| *number != NOBODY);
        }
        Ok(())
    }
}

/// The kernel's -1: as it is.
const NOBODY: u32 = u32::MAX;

/// Permission bits, 0 to 07777, spelled `0644`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileMode(pub u32);

impl Value for FileMode {
    const KIND: crate::xml::Kind = crate::xml::Kind::Octal;

    fn parse(text: &str) -> std::result::Result<Self, Expected> {
        let mode = u32::from_str_radix(text.trim_start(), 8).ok().filter(|mode| mode & !0o777 == 0);
        mode.map(Self).ok_or_else(|| {
            Expected::Whole(Error::new(
                crate::xml::ErrorCode::XML_ERROR,
                crate::xml::ErrorDomain::STORAGE,
                "malformed octal mode",
            ))
        })
    }

    fn format(&self, out: &mut String) {
        out.push_str(&format!("0{:o}", self.0));
    }
}

/// A user's or a group's number; -1 is read too.
#[derive(Debug)]
pub enum OwnerId {}

impl crate::xml::Codec<u32> for OwnerId {
    fn parse(text: &str) -> std::result::Result<u32, Expected> {
        if text.trim() == "-1" { Ok(NOBODY) } else { Value::parse(text) }
    }

    /// libvirt writes them as signed numbers.
    fn format(value: &u32, out: &mut String) {
        value.cast_signed().format(out);
    }
}

/// How the space that a volume uses is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum RefreshAllocation {
    /// It is asked for; slow for some storage.
    Default,
    /// All that it may use counts as used.
    Capacity,
}

/// Options for mounting a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(namespace = "fs")]
pub struct MountOptions {
    /// The options.
    #[xml(child, default)]
    pub list: MountOptionList,
}

/// Options of mount(8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "fs:mount_opts")]
pub struct MountOptionList {
    /// The options, in order.
    #[xml(child, key = "@name", unordered)]
    pub options: Vec<MountOption>,
}

/// An option of mount(8).
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "fs:option")]
pub struct MountOption {
    /// `sync`, `lazytime` ...
    #[xml(attr)]
    pub name: String,
}

/// Options for Ceph's client library.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(namespace = "rbd")]
pub struct CephOptions {
    /// The options.
    #[xml(child, default)]
    pub list: CephOptionList,
}

/// Options of Ceph's configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "rbd:config_opts")]
pub struct CephOptionList {
    /// The options, in order.
    #[xml(child, key = "@name", unordered)]
    pub options: Vec<CephOption>,
}

/// An option of Ceph's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "rbd:option")]
pub struct CephOption {
    /// `client_mount_timeout` ...
    #[xml(attr)]
    pub name: String,
    /// What it is set to.
    #[xml(attr)]
    pub value: String,
}

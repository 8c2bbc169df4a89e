//! Backing chains: an image, the one behind it, the one behind that.
//!
//! Only who trusts an image follows what it says. Of the images behind it, one whose format the image in front of it does not name
//! is believed to be what it looks like, unless it names yet another one: then a guest may have written that name.

use std::fs::File;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::unistd::{getegid, geteuid};

use super::{Bytes as _, Format, Header};
use crate::uri::Uri;
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// How many images a chain may have.
const DEPTH: usize = 200;

/// One image of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// Where it is.
    pub place: Place,
    /// What the image in front of it calls it, where that is a path relative to its own.
    pub relative: Option<String>,
    /// What its header says; nothing but the format for what is not opened.
    pub header: Header,
}

/// Where an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A file of this host.
    File(String),
    /// A block device of this host.
    Block(String),
    /// A directory of this host.
    Dir(String),
    /// On the network, where nobody looks at it here.
    Network {
        /// `nbd`, `rbd`, `https` ...
        protocol: String,
        /// The host; nothing where the name does not say it.
        host: Option<String>,
        /// What it is called there.
        name: String,
    },
}

impl Place {
    /// Its path; nothing on the network.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::File(path) | Self::Block(path) | Self::Dir(path) => Some(path),
            Self::Network { .. } => None,
        }
    }
}

impl Link {
    /// What the image behind it is called.
    pub fn backing(&self) -> Option<&str> {
        self.header.backing.as_ref().map(|backing| plain(&backing.name))
    }
}

/// The images from the one at `path`, which was declared to have this format, to the last; an image without a declared format
/// is raw, whatever it looks like.
///
/// # Errors
///
/// [`ErrorCode::INTERNAL_ERROR`] for one that is behind itself, [`ErrorCode::OPERATION_INVALID`] for one whose format has to be
/// guessed although it names another one; when one cannot be read.
pub fn follow(path: &str, format: Option<Format>) -> Result<Vec<Link>> {
    let mut chain: Vec<Link> = Vec::new();
    let mut seen: Vec<(u64, u64)> = Vec::new();
    let mut next = Some((path.to_owned(), None, Some(format.unwrap_or(Format::Raw))));
    while let Some((path, relative, format)) = next.take() {
        let front = chain.last().and_then(|link: &Link| link.place.path()).map(str::to_owned);
        let (link, identity) = open(&path, relative, format, front.as_deref())?;
        if seen.contains(&identity) || chain.len() >= DEPTH {
            let sentence = format!("backing store for {path} is self-referential or too deeply nested");
            return Err(Error::internal(ErrorDomain::STORAGE, sentence));
        }
        seen.push(identity);
        if let (None, Some(_), Some(front)) = (format, &link.header.backing, &front) {
            let sentence = format!(
                "format of backing image '{path}' of image '{front}' was not specified in the image metadata (See \
                 https://libvirt.org/kbase/backing_chains.html for troubleshooting)"
            );
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::STORAGE, sentence));
        }
        let behind = link.header.backing.clone();
        chain.push(link);
        let Some(behind) = behind else { break };
        match target(plain(&behind.name), &path) {
            Target::Path { path, relative } => next = Some((path, relative, behind.format)),
            Target::Network(place) => {
                let header = Header::of(behind.format.unwrap_or(Format::Raw));
                chain.push(Link { place, relative: None, header });
            }
        }
    }
    Ok(chain)
}

/// `file:` is how QEMU says that a name is nothing else.
fn plain(name: &str) -> &str {
    name.strip_prefix("file:").unwrap_or(name)
}

/// The path on this host that an image at `front` means by a name of another image; nothing for one on the network.
///
/// ```
/// use virt_util::image::chain::path_of;
///
/// assert_eq!(path_of("base.img", "/srv/web.qcow2").as_deref(), Some("/srv/base.img"));
/// assert_eq!(path_of("nbd://example.org/base", "/srv/web.qcow2"), None);
/// ```
pub fn path_of(name: &str, front: &str) -> Option<String> {
    match target(plain(name), front) {
        Target::Path { path, .. } => Some(path),
        Target::Network(_) => None,
    }
}

/// What a name leads to.
enum Target {
    Path { path: String, relative: Option<String> },
    Network(Place),
}

/// What `name` leads to from the image at `front`.
fn target(name: &str, front: &str) -> Target {
    if name.starts_with('/') {
        return Target::Path { path: name.to_owned(), relative: None };
    }
    // As QEMU sees it: a colon before the first slash is that of a protocol.
    let protocol = name.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| !scheme.contains('/'));
    match protocol {
        None => {
            let directory = front.rfind('/').map_or("", |end| &front[..=end]);
            Target::Path { path: format!("{directory}{name}"), relative: Some(name.to_owned()) }
        }
        Some(scheme) => Target::Network(match name.parse::<Uri>() {
            Ok(uri) if uri.host().is_some() => Place::Network {
                protocol: uri.driver().to_owned(),
                host: uri.host().map(str::to_owned),
                name: uri.path().trim_start_matches('/').to_owned(),
            },
            _ => Place::Network {
                protocol: scheme.to_owned(),
                host: None,
                name: name[scheme.len() + 1..].to_owned(),
            },
        }),
    }
}

/// Opens an image and reads its header; `front` is the image that names it.
fn open(
    path: &str,
    relative: Option<String>,
    format: Option<Format>,
    front: Option<&str>,
) -> Result<(Link, (u64, u64))> {
    use std::os::unix::fs::MetadataExt as _;
    let inaccessible = |error: std::io::Error| {
        let who = format!("(as uid:{}, gid:{})", geteuid(), getegid());
        let attempt = match front {
            Some(front) => format!("Cannot access backing file '{path}' of storage file '{front}' {who}"),
            None => format!("Cannot access storage file '{path}' {who}"),
        };
        Error::system(ErrorDomain::STORAGE, attempt, error)
    };
    let metadata = std::fs::metadata(path).map_err(inaccessible)?;
    let identity = (metadata.dev(), metadata.ino());
    let kind = metadata.file_type();
    if kind.is_dir() {
        let header = Header::of(format.unwrap_or(Format::Dir));
        return Ok((Link { place: Place::Dir(path.to_owned()), relative, header }, identity));
    }
    let place =
        if kind.is_block_device() { Place::Block(path.to_owned()) } else { Place::File(path.to_owned()) };
    if format == Some(Format::Raw) {
        return Ok((Link { place, relative, header: Header::of(Format::Raw) }, identity));
    }
    let file = open_image(Path::new(path)).map_err(inaccessible)?;
    let header = match format {
        Some(format) => Header::read(&file, format)?,
        None => Header::probe(&file)?,
    };
    Ok((Link { place, relative, header }, identity))
}

/// Opens an image to read it. What is neither a file nor a block device (a FIFO, a terminal) is not waited for, and refused.
///
/// # Errors
///
/// As `open(2)` says.
pub fn open_image(path: &Path) -> std::io::Result<File> {
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let kind = file.metadata()?.file_type();
    if !kind.is_file() && !kind.is_block_device() {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "neither a file nor a block device",
        ));
    }
    file.length().map(|_| file)
}

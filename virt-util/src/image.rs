//! Disk images: which format a file has, and what its header says.
//!
//! Headers are read here, by nobody else's program, and nothing in them makes this host open another file: a name that an image
//! gives is only text, until somebody who trusts the image follows it (see [`chain`]).

pub mod chain;
mod other;
mod qcow2;

use std::fs::File;
use std::io;

use crate::{Error, ErrorCode, ErrorDomain, Result};

/// How an image's bytes are laid out. Names are libvirt's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The guest's bytes and nothing else.
    Raw,
    /// A directory.
    Dir,
    /// Bochs.
    Bochs,
    /// Compressed loop image.
    Cloop,
    /// Apple disk image. It has no beginning to be known by: only read where it is declared.
    Dmg,
    /// ISO 9660.
    Iso,
    /// Virtual PC, also called VHD.
    Vpc,
    /// Hyper-V.
    Vhdx,
    /// VirtualBox.
    Vdi,
    /// Parallels.
    Ploop,
    /// LUKS, version 1.
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

impl Format {
    const ALL: [(Self, &'static str); 16] = [
        (Self::Raw, "raw"),
        (Self::Dir, "dir"),
        (Self::Bochs, "bochs"),
        (Self::Cloop, "cloop"),
        (Self::Dmg, "dmg"),
        (Self::Iso, "iso"),
        (Self::Vpc, "vpc"),
        (Self::Vhdx, "vhdx"),
        (Self::Vdi, "vdi"),
        (Self::Ploop, "ploop"),
        (Self::Luks, "luks"),
        (Self::Cow, "cow"),
        (Self::Qcow, "qcow"),
        (Self::Qcow2, "qcow2"),
        (Self::Qed, "qed"),
        (Self::Vmdk, "vmdk"),
    ];

    /// libvirt's name for it, `qcow2`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(format, _)| *format == self).map_or("raw", |(_, name)| name)
    }

    /// The format of this name; nothing for another word.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(format, _)| *format)
    }
}

/// What an image's header says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// How its bytes are laid out.
    pub format: Format,
    /// The size that a guest sees, in bytes; nothing where only the file's length tells.
    pub capacity: Option<u64>,
    /// How what is stored is encrypted.
    pub encryption: Option<Encryption>,
    /// The image that its blocks come from until they are written.
    pub backing: Option<Backing>,
    /// The raw file that its blocks are in. (qcow2)
    pub data_file: Option<String>,
    /// The version of the format: `0.10` or `1.1`. (qcow2)
    pub compat: Option<&'static str>,
    /// Bytes a cluster. (qcow2)
    pub cluster_size: Option<u64>,
    /// Whether reference counts are written late. (qcow2)
    pub lazy_refcounts: bool,
    /// Whether clusters are allocated in parts. (qcow2)
    pub extended_l2: bool,
}

/// How an image is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// The old scheme of qcow.
    Qcow,
    /// LUKS.
    Luks,
}

/// The image behind an image, as the one in front names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backing {
    /// A path, relative to the image's directory or not, or a URI.
    pub name: String,
    /// Its format; nothing where the image does not say it.
    pub format: Option<Format>,
}

/// Where an image's bytes are read from.
pub trait Bytes {
    /// Reads at most `buffer.len()` bytes from `offset` on; fewer, or none, at the end.
    ///
    /// # Errors
    ///
    /// As `pread(2)` says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// How many there are.
    ///
    /// # Errors
    ///
    /// As `fstat(2)` and `lseek(2)` say.
    fn length(&self) -> io::Result<u64>;
}

impl Bytes for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }

    fn length(&self) -> io::Result<u64> {
        use std::os::unix::fs::FileTypeExt as _;
        let metadata = self.metadata()?;
        if metadata.file_type().is_block_device() {
            return nix::unistd::lseek64(self, 0, nix::unistd::Whence::SeekEnd)
                .map(i64::cast_unsigned)
                .map_err(Into::into);
        }
        Ok(metadata.len())
    }
}

impl Bytes for [u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

/// What is read first, in bytes: the headers of most images are whole in it.
const FIRST: usize = 4096;
/// The most that is read for the rest of a header, in bytes.
const LIMIT: usize = 1 << 16;
/// Where ISO 9660 has its mark.
const ISO_MARK: u64 = 0x8001;

impl Header {
    /// Finds out which format an image has, and reads its header. What has no mark of a known format is raw.
    ///
    /// ```
    /// use virt_util::image::{Format, Header};
    ///
    /// assert_eq!(Header::probe(&[0; 512][..])?.format, Format::Raw);
    /// # Ok::<(), virt_util::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When it cannot be read, or its header contradicts itself.
    pub fn probe(image: &(impl Bytes + ?Sized)) -> Result<Self> {
        let first = Part::first(image)?;
        let format = match other::format_of(&first) {
            Some(format) => format,
            // Only what is long enough to be one costs a second read.
            None if first.bytes.len() == FIRST
                && first.at(ISO_MARK, 5)?.is_some_and(|it| *it == *b"CD001") =>
            {
                Format::Iso
            }
            None => Format::Raw,
        };
        Self::parse(&first, format)
    }

    /// Reads the header of an image that was declared to have this format. Of what is something else nothing is believed.
    ///
    /// # Errors
    ///
    /// As for [`Header::probe`].
    pub fn read(image: &(impl Bytes + ?Sized), format: Format) -> Result<Self> {
        if matches!(format, Format::Raw | Format::Dir | Format::Iso) {
            return Ok(Self::of(format));
        }
        let first = Part::first(image)?;
        if format != Format::Dmg && other::format_of(&first) != Some(format) {
            return Ok(Self::of(format));
        }
        Self::parse(&first, format)
    }

    /// One that says nothing.
    pub(crate) fn of(format: Format) -> Self {
        Self {
            format,
            capacity: None,
            encryption: None,
            backing: None,
            data_file: None,
            compat: None,
            cluster_size: None,
            lazy_refcounts: false,
            extended_l2: false,
        }
    }

    fn parse<B: Bytes + ?Sized>(first: &Part<'_, B>, format: Format) -> Result<Self> {
        match format {
            Format::Qcow2 => qcow2::parse(first),
            _ => other::parse(first, format),
        }
    }
}

/// The beginning of an image, and the image for what lies further on.
struct Part<'a, B: ?Sized> {
    bytes: Vec<u8>,
    image: &'a B,
}

impl<'a, B: Bytes + ?Sized> Part<'a, B> {
    fn first(image: &'a B) -> Result<Self> {
        let mut bytes = vec![0; FIRST];
        let length = fill(image, &mut bytes, 0)?;
        bytes.truncate(length);
        Ok(Self { bytes, image })
    }

    /// These bytes; nothing where the image ends before them.
    fn at(&self, offset: u64, length: usize) -> Result<Option<Vec<u8>>> {
        if length > LIMIT {
            return Err(malformed(format!("it has {length} bytes where at most {LIMIT} make sense")));
        }
        let within =
            usize::try_from(offset).ok().and_then(|start| self.bytes.get(start..start.checked_add(length)?));
        if let Some(bytes) = within {
            return Ok(Some(bytes.to_vec()));
        }
        let mut bytes = vec![0; length];
        Ok((fill(self.image, &mut bytes, offset)? == length).then_some(bytes))
    }

    fn be16(&self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_be_bytes)
    }

    fn be32(&self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_be_bytes)
    }

    fn be64(&self, offset: usize) -> Option<u64> {
        self.array(offset).map(u64::from_be_bytes)
    }

    fn le32(&self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_le_bytes)
    }

    fn le64(&self, offset: usize) -> Option<u64> {
        self.array(offset).map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.bytes.get(offset..offset.checked_add(N)?)?.try_into().ok()
    }

    fn has(&self, offset: usize, mark: &[u8]) -> bool {
        self.bytes.get(offset..).is_some_and(|rest| rest.starts_with(mark))
    }
}

/// Reads until the buffer is full or the image ends.
fn fill(image: &(impl Bytes + ?Sized), buffer: &mut [u8], offset: u64) -> Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        let place = offset.saturating_add(length as u64);
        match image.read_at(&mut buffer[length..], place) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(Error::system(ErrorDomain::STORAGE, "cannot read an image's header", error));
            }
        }
    }
    Ok(length)
}

/// An image whose header is nonsense.
fn malformed(what: impl AsRef<str>) -> Error {
    let sentence = format!("the image's header is malformed: {}", what.as_ref());
    Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::STORAGE, sentence)
}

/// A name that an image gives.
fn text(bytes: &[u8], what: &str) -> Result<String> {
    let name = std::str::from_utf8(bytes).ok().filter(|name| !name.is_empty() && !name.contains('\0'));
    name.map(str::to_owned).ok_or_else(|| malformed(format!("its {what} has no name that is text")))
}

#[cfg(test)]
mod tests;

//! qcow2: header, extensions, and the names of other files.

use super::{Backing, Bytes, Encryption, Format, Header, LIMIT, Part, malformed, text};
use crate::Result;

/// Bits of incompatible features.
const DATA_FILE: u64 = 1 << 2;
const EXTENDED_L2: u64 = 1 << 4;
/// Bits of compatible features.
const LAZY_REFCOUNTS: u64 = 1 << 0;

/// Kinds of header extensions.
const END: u32 = 0;
const BACKING_FORMAT: u32 = 0xe279_2aca;
const DATA_FILE_NAME: u32 = 0x4441_5441;

/// QEMU's own limit for the length of the backing file's name, in bytes.
const NAME_LIMIT: u32 = 1023;
/// The length of the header's second version, and the least of its third, in bytes.
const LENGTH: [usize; 2] = [72, 104];

pub(super) fn parse<B: Bytes + ?Sized>(part: &Part<'_, B>) -> Result<Header> {
    let cut = || malformed("it ends too early");
    let version = part.be32(4).ok_or_else(cut)?;
    let bits = part.be32(20).ok_or_else(cut)?;
    if !(9..=21).contains(&bits) {
        return Err(malformed(format!("clusters of 2^{bits} bytes")));
    }
    let cluster = 1_u64 << bits;
    let mut header = Header {
        capacity: Some(part.be64(24).ok_or_else(cut)?),
        encryption: match part.be32(32).ok_or_else(cut)? {
            1 => Some(Encryption::Qcow),
            2 => Some(Encryption::Luks),
            _ => None,
        },
        compat: Some(if version == 2 { "0.10" } else { "1.1" }),
        cluster_size: Some(cluster),
        ..Header::of(Format::Qcow2)
    };
    let (mut incompatible, mut length) = (0, LENGTH[0]);
    if version >= 3 {
        incompatible = part.be64(72).ok_or_else(cut)?;
        let compatible = part.be64(80).ok_or_else(cut)?;
        length = part.be32(100).ok_or_else(cut)? as usize;
        if length < LENGTH[1] || length as u64 > cluster {
            return Err(malformed(format!("its own length is {length} bytes")));
        }
        header.lazy_refcounts = compatible & LAZY_REFCOUNTS != 0;
        header.extended_l2 = incompatible & EXTENDED_L2 != 0;
    }
    let backing = (part.be64(8).ok_or_else(cut)?, part.be32(16).ok_or_else(cut)?);
    // Extensions end where the name begins, or with the first cluster.
    let end = if backing.0 == 0 { cluster } else { backing.0.min(cluster) };
    let extensions = Extensions::read(part, length, end)?;
    if incompatible & DATA_FILE != 0 {
        let name = extensions.data_file.ok_or_else(|| malformed("its data file has no name"))?;
        header.data_file = Some(text(&name, "data file")?);
    }
    header.backing = match backing {
        (0, _) | (_, 0) => None,
        (_, size) if size > NAME_LIMIT => {
            return Err(malformed(format!("the name of its backing file has {size} bytes")));
        }
        (offset, size) if offset.saturating_add(size.into()) > cluster => {
            return Err(malformed("the name of its backing file lies outside of the header"));
        }
        (offset, size) => {
            let name = part.at(offset, size as usize)?.ok_or_else(cut)?;
            let format = extensions.backing_format.as_deref().map(|name| text(name, "backing file's format"));
            // A format that nobody knows is one that nobody can open.
            let format = format
                .transpose()?
                .map(|name| match Format::of_name(&name) {
                    Some(format) => Ok(format),
                    // What QEMU reaches an image by, where there is no format between.
                    None if PROTOCOLS.contains(&name.as_str()) => Ok(Format::Raw),
                    None => Err(malformed(format!("unknown backing format '{name}'"))),
                })
                .transpose()?;
            Some(Backing { name: text(&name, "backing file")?, format })
        }
    };
    Ok(header)
}

/// QEMU's names of what is no format but a way to an image, which `backing_fmt` may say too.
const PROTOCOLS: [&str; 14] = [
    "file",
    "host_device",
    "host_cdrom",
    "nbd",
    "iscsi",
    "rbd",
    "ssh",
    "nfs",
    "gluster",
    "http",
    "https",
    "ftp",
    "ftps",
    "nvme",
];

#[derive(Default)]
struct Extensions {
    backing_format: Option<Vec<u8>>,
    data_file: Option<Vec<u8>>,
}

impl Extensions {
    /// Those between `start` and `end`.
    fn read<B: Bytes + ?Sized>(part: &Part<'_, B>, start: usize, end: u64) -> Result<Self> {
        let mut found = Self::default();
        let mut place = start as u64;
        while place.saturating_add(8) <= end && place < LIMIT as u64 {
            let Some(head) = part.at(place, 8)? else { break };
            let (kind, length) = head.split_at(4);
            let [kind, length] =
                [kind, length].map(|it| u32::from_be_bytes(it.try_into().unwrap_or_default()));
            if kind == END {
                break;
            }
            place += 8;
            if place.saturating_add(length.into()) > end {
                return Err(malformed("an extension goes beyond it"));
            }
            let slot = match kind {
                BACKING_FORMAT => Some(&mut found.backing_format),
                DATA_FILE_NAME => Some(&mut found.data_file),
                _ => None,
            };
            if let Some(slot) = slot {
                let cut = || malformed("an extension is cut off");
                *slot = Some(part.at(place, length as usize)?.ok_or_else(cut)?);
            }
            // As the format says and QEMU reads it. libvirt leaves the padding out, and loses what stands behind an extension whose
            // length is no multiple of 8: a data file whose name it lost is opened by QEMU all the same, and nobody looked at it.
            place += u64::from(length).next_multiple_of(8);
        }
        Ok(found)
    }
}

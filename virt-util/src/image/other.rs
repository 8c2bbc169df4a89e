//! The marks that formats are known by, and the headers of all of them but qcow2.

use super::{Backing, Bytes, Encryption, Format, Header, Part, malformed, text};
use crate::Result;

/// Which format an image has by what it begins with; nothing for raw ones, and versions that nobody here knows.
pub(super) fn format_of<B: Bytes + ?Sized>(part: &Part<'_, B>) -> Option<Format> {
    const CLOOP: &[u8] =
        b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n";
    let known: &[(Format, usize, &[u8], bool)] = &[
        (Format::Qcow2, 0, b"QFI\xfb", matches!(part.be32(4), Some(2 | 3))),
        (Format::Qcow, 0, b"QFI\xfb", part.be32(4) == Some(1)),
        (Format::Vmdk, 0, b"KDMV", matches!(part.le32(4), Some(1..=3))),
        (Format::Qed, 0, b"QED\0", true),
        (Format::Luks, 0, b"LUKS\xba\xbe", part.be16(6) == Some(1)),
        (Format::Vpc, 0, b"conectix", part.be32(12) == Some(0x1_0000)),
        (Format::Vhdx, 0, b"vhdxfile", true),
        (Format::Vdi, 64, b"\x7f\x10\xda\xbe", part.le32(68) == Some(0x1_0001)),
        (Format::Ploop, 0, b"WithouFreSpacExt", part.le32(16) == Some(2)),
        (Format::Ploop, 0, b"WithoutFreeSpace", part.le32(16) == Some(2)),
        (Format::Bochs, 0, b"Bochs Virtual HD Image", part.le32(64) == Some(0x2_0000)),
        (Format::Cow, 0, b"OOOM", part.be32(4) == Some(2)),
        (Format::Cloop, 0, CLOOP, true),
    ];
    let found = known.iter().find(|(_, offset, mark, version)| *version && part.has(*offset, mark));
    found.map(|(format, ..)| *format)
}

pub(super) fn parse<B: Bytes + ?Sized>(part: &Part<'_, B>, format: Format) -> Result<Header> {
    let mut header = Header::of(format);
    header.capacity = match format {
        Format::Qcow => part.be64(24),
        Format::Cow => part.be64(1036),
        Format::Qed => part.le64(48),
        Format::Vmdk => part.le64(12).and_then(sectors),
        Format::Vdi => part.le64(368),
        Format::Vpc => part.be64(40),
        Format::Ploop => part.le64(36).and_then(sectors),
        Format::Bochs => part.le64(84),
        Format::Luks => luks(part)?,
        Format::Vhdx => vhdx(part)?,
        Format::Dmg => dmg(part)?,
        _ => None,
    };
    match format {
        Format::Luks => header.encryption = Some(Encryption::Luks),
        Format::Qcow => {
            header.encryption = (part.be32(36) == Some(1)).then_some(Encryption::Qcow);
            if let (Some(offset), Some(length)) = (part.be64(8), part.be32(16)) {
                header.backing = named(part, offset, length, None)?;
            }
        }
        Format::Qed => header.backing = qed_backing(part)?,
        Format::Vmdk => header.backing = vmdk_backing(part)?,
        Format::Cow => {
            let name = part.bytes.get(8..1032).unwrap_or_default();
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            if !name.is_empty() {
                header.backing = Some(Backing { name: text(name, "backing file")?, format: None });
            }
        }
        _ => {}
    }
    Ok(header)
}

/// A number of sectors in bytes; nothing where no disk has so many.
fn sectors(count: u64) -> Option<u64> {
    count.checked_mul(512)
}

/// A backing file whose name stands there.
fn named<B: Bytes + ?Sized>(
    part: &Part<'_, B>,
    offset: u64,
    length: u32,
    format: Option<Format>,
) -> Result<Option<Backing>> {
    if offset == 0 || length == 0 {
        return Ok(None);
    }
    if length > 1023 {
        return Err(malformed(format!("the name of its backing file has {length} bytes")));
    }
    let name = part.at(offset, length as usize)?.ok_or_else(|| malformed("it ends too early"))?;
    Ok(Some(Backing { name: text(&name, "backing file")?, format }))
}

fn qed_backing<B: Bytes + ?Sized>(part: &Part<'_, B>) -> Result<Option<Backing>> {
    const HAS_BACKING: u64 = 1 << 0;
    const BACKING_IS_RAW: u64 = 1 << 2;
    let features = part.le64(16).unwrap_or_default();
    if features & HAS_BACKING == 0 {
        return Ok(None);
    }
    let (Some(offset), Some(length)) = (part.le32(56), part.le32(60)) else {
        return Err(malformed("it ends too early"));
    };
    let format = (features & BACKING_IS_RAW != 0).then_some(Format::Raw);
    named(part, offset.into(), length, format)
}

/// The descriptor of a VMware image is text.
fn vmdk_backing<B: Bytes + ?Sized>(part: &Part<'_, B>) -> Result<Option<Backing>> {
    const DESCRIPTOR: u64 = 0x200;
    const LENGTH: usize = 20 * 512;
    let mut descriptor = vec![0; LENGTH];
    let length = super::fill(part.image, &mut descriptor, DESCRIPTOR)?;
    let descriptor = descriptor[..length].split(|byte| *byte == 0).next().unwrap_or_default();
    let Ok(descriptor) = std::str::from_utf8(descriptor) else { return Ok(None) };
    let value =
        |name: &str| descriptor.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
    let Some(parent) = value("parentCID").filter(|id| !id.trim().eq_ignore_ascii_case("ffffffff")) else {
        return Ok(None);
    };
    let hint = value("parentFileNameHint").map(|hint| hint.trim().trim_matches('"'));
    let name = hint.ok_or_else(|| malformed(format!("its parent {} has no name", parent.trim())))?;
    Ok(Some(Backing { name: text(name.as_bytes(), "backing file")?, format: Some(Format::Vmdk) }))
}

/// All of the file but the header.
fn luks<B: Bytes + ?Sized>(part: &Part<'_, B>) -> Result<Option<u64>> {
    let Some(payload) = part.be32(104).and_then(|count| sectors(count.into())) else { return Ok(None) };
    let length =
        part.image.length().map_err(|error| malformed(format!("its length is not known: {error}")))?;
    Ok(length.checked_sub(payload))
}

/// Two tables lead to the size: that of regions, and that of metadata.
fn vhdx<B: Bytes + ?Sized>(part: &Part<'_, B>) -> Result<Option<u64>> {
    const REGIONS: u64 = 192 << 10;
    /// 8B7CA206-4790-4B9A-B8FE-575F050F886E, as it is stored.
    const METADATA: [u8; 16] =
        [6, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 5, 0xf, 0x88, 0x6e];
    /// 2FA54224-CD1B-4876-B211-5DBED83BF4B8, as it is stored.
    const SIZE: [u8; 16] =
        [0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8];
    const ENTRY: usize = 32;
    let entry = |place: u64,
                 mark: &[u8],
                 count_at: usize,
                 head: usize,
                 wanted: [u8; 16]|
     -> Result<Option<Vec<u8>>> {
        let Some(table) = part.at(place, 8 << 10)?.filter(|table| table.starts_with(mark)) else {
            return Ok(None);
        };
        let count = u16::from_le_bytes([table[count_at], table[count_at + 1]]);
        let entries = table[head..].chunks_exact(ENTRY).take(count.into());
        Ok(entries.into_iter().find(|entry| entry.starts_with(&wanted)).map(<[u8]>::to_vec))
    };
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let Some(region) = entry(REGIONS, b"regi", 8, 16, METADATA)? else { return Ok(None) };
    let metadata = number(&region[16..24]);
    let Some(size) = entry(metadata, b"metadata", 10, 32, SIZE)? else { return Ok(None) };
    let bytes = part.at(metadata.saturating_add(number(&size[16..20])), 8)?;
    Ok(bytes.map(|bytes| number(&bytes)))
}

/// It is described at its end.
fn dmg<B: Bytes + ?Sized>(part: &Part<'_, B>) -> Result<Option<u64>> {
    const TRAILER: u64 = 512;
    const SECTORS: usize = 492;
    let length =
        part.image.length().map_err(|error| malformed(format!("its length is not known: {error}")))?;
    let Some(start) = length.checked_sub(TRAILER) else { return Ok(None) };
    let trailer = part.at(start, TRAILER as usize)?.filter(|trailer| trailer.starts_with(b"koly"));
    let count = trailer.and_then(|trailer| trailer.get(SECTORS..SECTORS + 8)?.try_into().ok());
    Ok(count.map(u64::from_be_bytes).and_then(sectors))
}

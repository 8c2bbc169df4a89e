//! Records one after the other in a file, each with its length and checksum, so that a torn tail is told from a whole one.
//!
//! A frame is the payload's length and the CRC-32 of length and payload, four bytes each, little-endian, and the payload.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

/// The longest payload, in bytes: what is longer is damage.
pub(crate) const LONGEST: usize = 16 << 20;

const HEAD: usize = 8;

/// Appends a frame to `buffer`.
pub(crate) fn push(buffer: &mut Vec<u8>, payload: &[u8]) {
    let length = (payload.len() as u32).to_le_bytes();
    buffer.extend_from_slice(&length);
    buffer.extend_from_slice(&checksum(length, payload).to_le_bytes());
    buffer.extend_from_slice(payload);
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

/// Calls `visit` with each whole frame of `file` from `offset` on, and where the frame ends; says where the last of them
/// ended. What follows is incomplete or damaged, or `visit` stopped there.
pub(crate) fn read(
    file: &File,
    offset: u64,
    mut visit: impl FnMut(&[u8], u64) -> ControlFlow<()>,
) -> std::io::Result<u64> {
    let mut source = BufReader::with_capacity(32 << 10, At { file, offset });
    let mut end = offset;
    let mut payload = Vec::new();
    loop {
        let mut head = [0; HEAD];
        if !read_exactly(&mut source, &mut head)? {
            return Ok(end);
        }
        let (length, crc) = split(head);
        let size = u32::from_le_bytes(length) as usize;
        if size > LONGEST {
            return Ok(end);
        }
        payload.clear();
        if source.by_ref().take(size as u64).read_to_end(&mut payload)? < size
            || checksum(length, &payload) != crc
        {
            return Ok(end);
        }
        let frame_end = end + (HEAD + size) as u64;
        if visit(&payload, frame_end).is_break() {
            return Ok(end);
        }
        end = frame_end;
    }
}

/// A frame's length as it stands there, and its checksum.
fn split(head: [u8; HEAD]) -> ([u8; 4], u32) {
    let number = u64::from_le_bytes(head);
    ((number as u32).to_le_bytes(), (number >> 32) as u32)
}

/// Whether there was enough to read.
fn read_exactly(source: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match source.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The first whole frame after the damage at `offset`, for which `believable` holds: where it begins.
pub(crate) fn resume(
    file: &File,
    offset: u64,
    mut believable: impl FnMut(&[u8]) -> bool,
) -> std::io::Result<Option<u64>> {
    let mut rest = Vec::new();
    let mut source = file;
    source.seek(SeekFrom::Start(offset))?;
    source.take(64 << 20).read_to_end(&mut rest)?;
    for start in 1..rest.len() {
        let Some((head, tail)) = rest.get(start..).and_then(|rest| rest.split_first_chunk::<HEAD>()) else {
            break;
        };
        let (length, crc) = split(*head);
        let payload = tail.get(..u32::from_le_bytes(length) as usize);
        // The checksum last: nearly all places are ruled out before.
        if payload.is_some_and(|payload| believable(payload) && checksum(length, payload) == crc) {
            return Ok(Some(offset + start as u64));
        }
    }
    Ok(None)
}

/// A file read at a place of its own.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read_all(bytes: &[u8]) -> (Vec<Vec<u8>>, u64) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let mut payloads = Vec::new();
        let end = read(&file, 0, |payload, _| {
            payloads.push(payload.to_vec());
            ControlFlow::Continue(())
        });
        (payloads, end.unwrap())
    }

    #[test]
    fn a_torn_tail_ends_the_file_wherever_it_is_torn() {
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        for payload in [&b"first"[..], b"", b"the third one"] {
            push(&mut bytes, payload);
            ends.push(bytes.len());
        }
        for cut in 0..=bytes.len() {
            let (payloads, end) = read_all(&bytes[..cut]);
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            assert_eq!((payloads.len(), end as usize), (whole, ends[whole]), "cut at {cut}");
        }
    }

    #[test]
    fn no_damage_goes_unnoticed_and_what_follows_is_found_again() {
        let mut bytes = Vec::new();
        push(&mut bytes, b"first");
        let second = bytes.len();
        push(&mut bytes, b"second");
        let third = bytes.len();
        push(&mut bytes, b"third");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                let (payloads, end) = read_all(&damaged);
                let expected = if at < second {
                    0
                } else if at < third {
                    1
                } else {
                    2
                };
                assert_eq!(payloads.len(), expected, "bit {bit} of byte {at}");
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(&damaged).unwrap();
                let found = resume(&file, end, |_| true).unwrap();
                let next = [second, third].into_iter().find(|next| *next as u64 > end);
                assert_eq!(found, next.map(|next| next as u64), "bit {bit} of byte {at}");
            }
        }
    }
}

//! Making what is stored in a file unreadable: passes of patterns over its bytes.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use virt_core::driver::{Call, WipeAlgorithm};
use virt_util::image::Bytes as _;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::error;

/// How much is written at a time, in bytes: a multiple of every pattern's length.
const CHUNK: usize = 3 << 18;

/// One pass over all bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// What nobody can guess.
    Random,
    /// These bytes, over and over.
    Pattern(&'static [u8]),
}

use Pass::{Pattern, Random};

/// The passes of an algorithm, in their order.
fn passes(algorithm: WipeAlgorithm) -> Option<Vec<Pass>> {
    Some(match algorithm {
        WipeAlgorithm::Zero => vec![Pattern(&[0])],
        WipeAlgorithm::Nnsa => vec![Random, Random, Pattern(&[0])],
        WipeAlgorithm::Dod => vec![Random, Pattern(&[0]), Pattern(&[0xff])],
        WipeAlgorithm::Bsi => {
            const BYTES: [&[u8]; 9] =
                [&[0xff], &[0xfe], &[0xfd], &[0xfb], &[0xf7], &[0xef], &[0xdf], &[0xbf], &[0x7f]];
            BYTES.map(Pattern).to_vec()
        }
        WipeAlgorithm::Gutmann => {
            const BYTES: [&[u8]; 27] = [
                &[0x55],
                &[0xaa],
                &[0x92, 0x49, 0x24],
                &[0x49, 0x24, 0x92],
                &[0x24, 0x92, 0x49],
                &[0x00],
                &[0x11],
                &[0x22],
                &[0x33],
                &[0x44],
                &[0x55],
                &[0x66],
                &[0x77],
                &[0x88],
                &[0x99],
                &[0xaa],
                &[0xbb],
                &[0xcc],
                &[0xdd],
                &[0xee],
                &[0xff],
                &[0x92, 0x49, 0x24],
                &[0x49, 0x24, 0x92],
                &[0x24, 0x92, 0x49],
                &[0x6d, 0xb6, 0xdb],
                &[0xb6, 0xdb, 0x6d],
                &[0xdb, 0x6d, 0xb6],
            ];
            [&[Random; 4][..], &BYTES.map(Pattern)[..], &[Random; 4][..]].concat()
        }
        WipeAlgorithm::Schneier => [&[Pattern(&[0xff]), Pattern(&[0])][..], &[Random; 5][..]].concat(),
        WipeAlgorithm::Pfitzner7 => vec![Random; 7],
        WipeAlgorithm::Pfitzner33 => vec![Random; 33],
        WipeAlgorithm::Random => vec![Random],
        _ => return None,
    })
}

/// Writes over all bytes of a file; holes of a file that is to become zeros stay holes.
pub(crate) fn wipe(file: &mut File, path: &Path, algorithm: WipeAlgorithm, call: &Call) -> Result<()> {
    let unsupported = || {
        let detail = format!("'{algorithm}' algorithm not supported");
        Error::new(ErrorCode::ARGUMENT_UNSUPPORTED, ErrorDomain::STORAGE, detail)
    };
    let passes = passes(algorithm).ok_or_else(unsupported)?;
    let length = file.length().map_err(|error| error::about("cannot examine", path, error))?;
    let total = length.saturating_mul(passes.len() as u64);
    let mut random = File::open("/dev/urandom")
        .map_err(|error| error::about("cannot open", Path::new("/dev/urandom"), error))?;
    let mut buffer = vec![0; CHUNK];
    let mut done = 0;
    for pass in &passes {
        if let Pattern(pattern) = pass {
            buffer.chunks_mut(pattern.len()).for_each(|part| part.copy_from_slice(pattern));
        }
        let holes_stay = passes.as_slice() == [Pattern(&[0])];
        let mut place = 0;
        while place < length {
            call.check()?;
            let end = match holes_stay {
                true => match data(file, place, length) {
                    Some((start, end)) => {
                        done += start - place;
                        place = start;
                        end
                    }
                    None => {
                        done += length - place;
                        break;
                    }
                },
                false => length,
            };
            let part = &mut buffer[..usize::try_from(end - place).unwrap_or(CHUNK).min(CHUNK)];
            if *pass == Random {
                random
                    .read_exact(part)
                    .map_err(|error| error::about("cannot read", Path::new("/dev/urandom"), error))?;
            }
            let written = file.seek(SeekFrom::Start(place)).and_then(|_| file.write_all(part));
            written.map_err(|error| {
                error::system(
                    format!(
                        "Failed to write {} bytes to storage volume with path '{}'",
                        part.len(),
                        path.display()
                    ),
                    error,
                )
            })?;
            place += part.len() as u64;
            done += part.len() as u64;
            call.progress(done, total, "wiping");
        }
        // Each pass is to reach the disk, not the next one only.
        file.sync_data()
            .map_err(|error| error::about("cannot sync data to volume with path", path, error))?;
    }
    Ok(())
}

/// The next part with data from `place` on; nothing when only holes follow.
pub(crate) fn data(file: &File, place: u64, length: u64) -> Option<(u64, u64)> {
    use nix::unistd::{Whence, lseek64};
    let start = match lseek64(file, place.cast_signed(), Whence::SeekData) {
        Ok(start) => start.cast_unsigned(),
        Err(nix::errno::Errno::ENXIO) => return None,
        // Where holes are not known there are none.
        Err(_) => return Some((place, length)),
    };
    let end = lseek64(file, start.cast_signed(), Whence::SeekHole).map_or(length, i64::cast_unsigned);
    (start < length).then(|| (start, end.clamp(start, length)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn data_behind_the_end_of_a_search_is_not_found() {
        let mut file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(1 << 19)).unwrap();
        file.write_all(b"far away").unwrap();
        assert_eq!(data(&file, 0, 4096), None);
    }

    #[test]
    fn nothing_of_what_was_there_is_left_and_holes_stay() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("volume");
        for number in 0..9 {
            let algorithm = WipeAlgorithm::from_number(number);
            let mut file =
                File::options().create(true).truncate(true).read(true).write(true).open(&path).unwrap();
            file.set_len(8 << 20).unwrap();
            file.write_all(&b"sesame".repeat(100_000)).unwrap();
            wipe(&mut file, &path, algorithm, Call::background()).unwrap();
            let text = std::fs::read(&path).unwrap();
            assert_eq!(text.len(), 8 << 20);
            assert!(!text.windows(6).any(|part| part == b"sesame"), "{algorithm}");
            if algorithm == WipeAlgorithm::Zero {
                assert!(text.iter().all(|byte| *byte == 0));
                assert!(file.metadata().unwrap().blocks() < 4096, "holes became data");
            }
        }
        let mut file = File::options().read(true).write(true).open(&path).unwrap();
        let error = wipe(&mut file, &path, WipeAlgorithm::Trim, Call::background()).unwrap_err();
        assert_eq!(error.to_string(), "argument unsupported: 'trim' algorithm not supported");
    }
}

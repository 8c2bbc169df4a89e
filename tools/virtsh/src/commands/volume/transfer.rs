//! `vol-upload`, `vol-download`

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use nix::errno::Errno;
use nix::unistd::{Whence, lseek64};
use virt_core::{Error, ErrorDomain, Result, StorageVolume, Stream, TransferStorageVolume};

use super::{IN_POOL, VOL, done, volume};
use crate::command::{Command, Opt, Outcome, Values};
use crate::failure::Context as _;
use crate::grammar::Arguments;
use crate::progress;
use crate::shell::Shell;

/// How much is sent at a time, in bytes.
const CHUNK: u64 = 1 << 20;

const FILE: Opt = Opt::text("file", "file").required().values(Values::Files);
const SPARSE: Opt = Opt::flag("sparse", "preserve sparseness of volume");

pub(in super::super) static VOL_UPLOAD: Command = Command {
    name: "vol-upload",
    summary: "upload file contents to a volume",
    description: "Upload file contents to a volume",
    options: &[
        VOL,
        FILE,
        IN_POOL,
        Opt::number("offset", "volume offset to upload to").tolerated(),
        Opt::number("length", "amount of data to upload").tolerated(),
        SPARSE,
    ],
    run: upload,
};

pub(in super::super) static VOL_DOWNLOAD: Command = Command {
    name: "vol-download",
    summary: "download volume contents to a file",
    description: "Download volume contents to a file",
    options: &[
        VOL,
        FILE,
        IN_POOL,
        Opt::number("offset", "volume offset to download from").tolerated(),
        Opt::number("length", "amount of data to download").tolerated(),
        SPARSE,
    ],
    run: download,
};

fn flags(arguments: &Arguments) -> TransferStorageVolume {
    arguments.collect(&[("sparse", TransferStorageVolume::SPARSE_STREAM)])
}

fn cannot(verb: &str, name: &str, error: std::io::Error) -> Error {
    // What a stream failed with is inside.
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => Error::system(ErrorDomain::NONE, format!("cannot {verb} '{name}'"), error),
    }
}

fn upload(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let offset: u64 = arguments.size("offset", 1, u64::MAX)?.unwrap_or_default();
    let length: u64 = arguments.size("length", 1, u64::MAX)?.unwrap_or_default();
    let volume = volume(shell, arguments)?;
    let name = arguments.required("file")?;
    let mut file = File::open(name).map_err(|error| cannot("read", name, error))?;
    let size = file.metadata().map_err(|error| cannot("examine", name, error))?.len();
    let total = if length == 0 { size } else { length.min(size) };
    let flags = flags(arguments);
    let sparse = flags.contains(TransferStorageVolume::SPARSE_STREAM);
    let sent = progress::transfer(shell, "Uploading", |connection, report| {
        let mut stream = volume.through(connection).upload(offset, length, flags)?;
        let mut place = 0;
        while total == 0 || place < total {
            if sparse && let Some(hole) = hole(&mut file, place, total, name)? {
                stream.send_hole(hole)?;
                place += hole;
                continue;
            }
            let room = if total == 0 { CHUNK } else { CHUNK.min(total - place) };
            let mut data = Vec::new();
            (&file).take(room).read_to_end(&mut data).map_err(|error| cannot("read", name, error))?;
            if data.is_empty() {
                break;
            }
            stream.write_all(&data).map_err(|error| cannot("send", name, error))?;
            place += data.len() as u64;
            report(place, total);
        }
        stream.finish()
    })?;
    sent.context(|| format!("cannot upload to volume {}", volume.name()))?;
    shell.print(&done(&volume, String::new()))
}

/// How long the hole is that begins at `place`; nothing where there is data. The file is read on from behind it.
fn hole(file: &mut File, place: u64, total: u64, name: &str) -> Result<Option<u64>> {
    let data = match lseek64(&*file, place.cast_signed(), Whence::SeekData) {
        Ok(data) => data.cast_unsigned().min(total),
        Err(Errno::ENXIO) => total,
        Err(_) => place,
    };
    file.seek(SeekFrom::Start(data)).map_err(|error| cannot("read", name, error))?;
    Ok((data > place).then(|| data - place))
}

fn download(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let offset: u64 = arguments.size("offset", 1, u64::MAX)?.unwrap_or_default();
    let length: u64 = arguments.size("length", 1, u64::MAX)?.unwrap_or_default();
    let volume = volume(shell, arguments)?;
    let name = arguments.required("file")?;
    let flags = flags(arguments);
    let (file, created) = match File::options().write(true).create_new(true).open(name) {
        Ok(file) => (file, true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let open = File::options().write(true).truncate(true).open(name);
            (open.map_err(|error| cannot("create", name, error))?, false)
        }
        Err(error) => return Err(cannot("create", name, error).into()),
    };
    let received = progress::transfer(shell, "Downloading", |connection, report| {
        let volume = volume.through(connection);
        let stream = volume.download(offset, length, flags)?;
        receive(&volume, stream, &file, name, (offset, length), report)
    })?;
    if received.is_err() && created {
        // The error that matters is the one of the transfer.
        let _ = std::fs::remove_file(name);
    }
    received.context(|| format!("cannot download from volume {}", volume.name()))?;
    shell.print(&done(&volume, String::new()))
}

fn receive(
    volume: &StorageVolume,
    mut stream: Stream,
    mut file: &File,
    name: &str,
    (offset, length): (u64, u64),
    report: &dyn Fn(u64, u64),
) -> Result<()> {
    let physical = virt_core::StorageVolumeInfoFlags::GET_PHYSICAL;
    let size = volume.info(physical)?.allocation.saturating_sub(offset);
    let total = if length == 0 { size } else { length.min(size) };
    let mut place = 0;
    loop {
        let chunk = stream.receive(CHUNK)?;
        if chunk.end {
            break;
        }
        if chunk.hole > 0 {
            place += chunk.hole;
            file.seek(SeekFrom::Start(place)).map_err(|error| cannot("write", name, error))?;
        }
        file.write_all(&chunk.data).map_err(|error| cannot("write", name, error))?;
        place += chunk.data.len() as u64;
        report(place, total);
    }
    // A hole at the end is only there when the file is that long.
    file.set_len(place).map_err(|error| cannot("write", name, error))?;
    stream.finish()
}

//! Reading a plugin's manifest from its file, without opening it as code.

use std::fs::File;
use std::path::Path;

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _};
use object::read::{Object as _, ObjectSection as _, ReadCache, ReadRef};

use super::{refuse, refuse_because};
use crate::Result;
use crate::manifest::{FoundManifest, Manifest, SECTION, SIZE};

/// What the plugin in this file says about itself.
///
/// # Errors
///
/// `OPERATION_FAILED` when the file cannot be read, is no ELF shared object of this machine, is truncated, or has no
/// manifest.
pub fn read_manifest(path: &Path) -> Result<FoundManifest> {
    let file = File::open(path).map_err(|error| refuse_because(path, "it cannot be opened", error))?;
    let metadata = file.metadata().map_err(|error| refuse_because(path, "it cannot be read", error))?;
    if !metadata.is_file() {
        return Err(refuse(path, "it is not a regular file"));
    }
    let length = metadata.len();
    let cache = ReadCache::new(file);
    let no_elf = |error| refuse_because(path, "it is not a 64-bit ELF file", error);
    // The kernel maps what the headers promise; touching a page behind the end of the file is SIGBUS.
    let promised = promised_length(&cache).map_err(no_elf)?;
    if promised > length {
        let why = format!("it is truncated: it should have {promised} bytes, and has {length}");
        return Err(refuse(path, why).hint("copy the file again"));
    }
    let elf = ElfFile64::<Endianness, _>::parse(&cache).map_err(no_elf)?;
    if elf.kind() != object::ObjectKind::Dynamic {
        return Err(refuse(path, "it is an ELF file, but not a shared object"));
    }
    if elf.architecture() != native() {
        return Err(refuse(path, format!("it is for another architecture, {:?}", elf.architecture())));
    }
    let no_driver = || refuse(path, format!("it is not a driver: it has no section {SECTION}"));
    let section = elf.section_by_name(SECTION).ok_or_else(no_driver)?;
    let data = section
        .data_range(section.address(), section.size().min(SIZE as u64))
        .map_err(|error| refuse_because(path, "its manifest cannot be read", error))?
        .ok_or_else(no_driver)?;
    Manifest::parse(data).ok_or_else(|| {
        refuse(path, "it is not a driver that this host understands: its manifest is of another kind")
            .hint("build the plugin again, against the plugins-abi of this host")
    })
}

/// How long the file must be: where its tables and its segments end.
fn promised_length<'a>(data: impl ReadRef<'a>) -> object::Result<u64> {
    let header = FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    let table =
        |offset: u64, size: u16, count: u16| offset.saturating_add(u64::from(size) * u64::from(count));
    let tables = [
        table(header.e_phoff(endian), header.e_phentsize(endian), header.e_phnum(endian)),
        table(header.e_shoff(endian), header.e_shentsize(endian), header.e_shnum(endian)),
    ];
    let end = tables.into_iter().max().unwrap_or_default();
    // Segments are listed in a table that may itself be missing.
    let Ok(segments) = header.program_headers(endian, data) else { return Ok(end) };
    let ends =
        segments.iter().filter(|segment| segment.p_type(endian) == object::elf::PT_LOAD).map(|segment| {
            let (offset, size) = segment.file_range(endian);
            offset.saturating_add(size)
        });
    Ok(ends.fold(end, u64::max))
}

const fn native() -> object::Architecture {
    if cfg!(target_arch = "x86_64") {
        object::Architecture::X86_64
    } else if cfg!(target_arch = "aarch64") {
        object::Architecture::Aarch64
    } else if cfg!(target_arch = "riscv64") {
        object::Architecture::Riscv64
    } else if cfg!(target_arch = "s390x") {
        object::Architecture::S390x
    } else if cfg!(target_arch = "powerpc64") {
        object::Architecture::PowerPc64
    } else {
        object::Architecture::Unknown
    }
}

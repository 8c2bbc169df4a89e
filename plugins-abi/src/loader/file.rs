//! Reading a plugin's manifest from its file, without opening it as code.

use std::fs::File;
use std::path::Path;

use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::read::{ReadCache, ReadRef};

use super::{HINT, refuse, refuse_because};
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
    // Only the headers are read: a symbol table, which a plugin that is not stripped has, is megabytes.
    let header = FileHeader64::<Endianness>::parse(&cache).map_err(no_elf)?;
    let endian = header.endian().map_err(no_elf)?;
    if header.e_type(endian) != elf::ET_DYN {
        return Err(refuse(path, "it is an ELF file, but not a shared object"));
    }
    if header.e_machine(endian) != native() {
        let why = format!("it is for another architecture (ELF machine {})", header.e_machine(endian).0);
        return Err(refuse(path, why));
    }
    let no_driver = || refuse(path, format!("it is not a driver: it has no section {SECTION}"));
    let unreadable = |error| refuse_because(path, "its manifest cannot be read", error);
    let sections = header.section_headers(endian, &cache).map_err(unreadable)?;
    let names = header.section_strings(endian, &cache, sections).map_err(unreadable)?;
    let mut sections = sections.iter();
    let section =
        sections.find(|section| section.name(endian, names).is_ok_and(|name| name == SECTION.as_bytes()));
    let data = section.ok_or_else(no_driver)?.data(endian, &cache).map_err(unreadable)?;
    let data = data.get(..SIZE).unwrap_or(data);
    Manifest::parse(data).ok_or_else(|| {
        refuse(path, "it is not a driver that this host understands: its manifest is of another kind")
            .hint(HINT)
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
    let ends = segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD).map(|segment| {
        let (offset, size) = segment.file_range(endian);
        offset.saturating_add(size)
    });
    Ok(ends.fold(end, u64::max))
}

/// This machine's number in ELF headers; nothing matches on machines that are not in the list.
const fn native() -> elf::Machine {
    if cfg!(target_arch = "x86_64") {
        elf::EM_X86_64
    } else if cfg!(target_arch = "aarch64") {
        elf::EM_AARCH64
    } else if cfg!(target_arch = "riscv64") {
        elf::EM_RISCV
    } else if cfg!(target_arch = "s390x") {
        elf::EM_S390
    } else if cfg!(target_arch = "powerpc64") {
        elf::EM_PPC64
    } else {
        elf::EM_NONE
    }
}

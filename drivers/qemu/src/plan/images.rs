//! Files of the host that a guest's emulator opens by itself: whose they have to be, and which have to be made first.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use virt_conf::model::{CharSource, Disk, DiskSource, Domain};
use virt_util::spawn::User;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::command::{CommandLine, Paths};
use crate::engine::{Ownership, Step};

/// Files become the emulator's user's where the guest writes them, or that user could not read them, and nobody else
/// opens them: what is shared stays whose it is, as another guest would lose it.
pub(super) fn own_images(domain: &Domain, user: &User, makes_variables: bool) -> Result<Vec<Step>> {
    let owner = (user.uid, user.gid);
    let mut steps: Vec<Step> = Vec::new();
    for (path, writes) in opened(domain, makes_variables) {
        let stat = std::fs::metadata(path).map_err(|error| {
            Error::system(ErrorDomain::QEMU, format!("Cannot access storage file '{path}'"), error)
        })?;
        let before = (stat.uid(), stat.gid());
        let twice = steps
            .iter()
            .any(|step| matches!(step, Step::Own { path: known, .. } if known == Path::new(path)));
        if before != owner && !twice && (writes || !may_read(&stat, user)) {
            steps.push(Step::Own { path: path.into(), owner, before });
        }
    }
    Ok(steps)
}

/// The files that the emulator opens, and whether it writes them.
fn opened(domain: &Domain, makes_variables: bool) -> Vec<(&str, bool)> {
    let mut files: Vec<(&str, bool)> = Vec::new();
    let disks = domain.devices.disks.iter().filter(|disk| !disk.shareable);
    files.extend(disks.filter_map(|disk| Some((source(disk)?, !disk.readonly))));
    let os = &domain.os;
    let boot = [&os.kernel, &os.initrd, &os.dtb];
    files.extend(boot.into_iter().flatten().map(|path| (path.as_str(), false)));
    files.extend(os.acpi.tables.iter().map(|table| (table.path.as_str(), false)));
    if let Some(nvram) = os.nvram.as_ref().filter(|nvram| !makes_variables && !nvram.path.is_empty()) {
        files.push((&nvram.path, true));
    }
    let devices = &domain.devices;
    let sources = devices.serials.iter().map(|device| &device.source);
    let sources = sources.chain(devices.parallels.iter().map(|device| &device.source));
    let sources = sources.chain(devices.consoles.iter().map(|device| &device.source));
    let sources = sources.chain(devices.channels.iter().map(|device| &device.source));
    files.extend(sources.filter_map(|source| match source {
        CharSource::Dev(_) => Some((source.path()?, true)),
        _ => None,
    }));
    files
}

fn source(disk: &Disk) -> Option<&str> {
    match &disk.source {
        DiskSource::File(source) => source.file.as_deref(),
        DiskSource::Block(source) => source.dev.as_deref(),
        _ => None,
    }
}

/// Whether a file's mode lets `user` read it.
fn may_read(stat: &Metadata, user: &User) -> bool {
    let class = if stat.uid() == user.uid {
        6
    } else if stat.gid() == user.gid || user.groups.contains(&stat.gid()) {
        3
    } else {
        0
    };
    stat.mode() & (0o4 << class) != 0
}

/// The step that gives the guest's firmware variables of its own; nothing when it needs none or has some.
pub(super) fn variables(domain: &Domain, owner: Option<Ownership>, reset: bool) -> Result<Option<Step>> {
    let Some(nvram) = domain.os.nvram.as_ref().filter(|nvram| !nvram.path.is_empty()) else {
        return Ok(None);
    };
    let path = PathBuf::from(&nvram.path);
    let exists = path.exists();
    if exists && !reset {
        return Ok(None);
    }
    let template = nvram.template.as_ref().ok_or_else(|| {
        let loader = domain.os.loader.as_ref().map(|loader| loader.path.as_str()).unwrap_or_default();
        let detail = format!("unable to find any master var store for loader: {loader}");
        Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::QEMU, detail)
    })?;
    Ok(Some(Step::Variables { path, template: template.into(), owner, replace: exists }))
}

/// The directories of this guest in which its memory is to be files.
pub(super) fn memory_directories(line: &CommandLine, paths: &Paths) -> Vec<PathBuf> {
    let objects = line.arguments.iter().filter_map(|argument| serde_json::from_str::<Value>(argument).ok());
    let files = objects.filter_map(|object| Some(PathBuf::from(object.get("mem-path")?.as_str()?)));
    let own = |path: &Path| path.file_name().is_some_and(|name| name == paths.short_name.as_str());
    let directories = files.filter_map(|file| match file.parent() {
        _ if own(&file) => Some(file),
        Some(parent) if own(parent) => Some(parent.to_owned()),
        _ => None,
    });
    let mut directories: Vec<PathBuf> = directories.collect();
    directories.sort();
    directories.dedup();
    directories
}

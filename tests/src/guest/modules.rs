//! Kernel modules for the initramfs: the wanted ones with all they depend on, and the tables that modprobe reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};
use walkdir::WalkDir;

use super::initramfs::Archive;
use super::output;

/// A module as it goes into the archive.
struct Module {
    content: Vec<u8>,
    depends: Vec<String>,
    wishes: Vec<String>,
    aliases: Vec<String>,
}

/// Adds the wanted modules to an archive, from an unpacked kernel package. What is built into the kernel is left out.
pub(super) fn add(archive: &mut Archive, tree: &Path, release: &str, wanted: &[&str]) -> Result<()> {
    let directory = tree.join("lib/modules").join(release);
    // Debian 13 keeps /lib below /usr.
    let directory = if directory.is_dir() { directory } else { tree.join("usr/lib/modules").join(release) };
    let files = index(&directory)?;
    let builtin = fs::read_to_string(directory.join("modules.builtin"))
        .with_context(|| format!("no list of built-in modules in {}", directory.display()))?;
    let builtin: Vec<String> = builtin.lines().map(|line| name_of(Path::new(line))).collect();

    let mut modules = BTreeMap::new();
    let mut next: Vec<String> = wanted.iter().map(|&name| name.to_owned()).collect();
    while let Some(name) = next.pop() {
        if modules.contains_key(&name) || builtin.contains(&name) {
            continue;
        }
        let Some(file) = files.get(&name) else { bail!("kernel {release} has no module {name}") };
        let module = read(file).with_context(|| format!("cannot read the module {}", file.display()))?;
        next.extend(module.depends.iter().cloned());
        // What a module only wishes for may be missing.
        next.extend(module.wishes.iter().filter(|name| files.contains_key(*name)).cloned());
        modules.insert(name, module);
    }

    let place = format!("lib/modules/{release}");
    for directory in ["lib", "lib/modules", &place] {
        archive.directory(directory);
    }
    let mut dependencies = String::new();
    let mut aliases = String::new();
    for (name, module) in &modules {
        archive.file(&format!("{place}/{name}.ko"), 0o644, &module.content);
        let needed = closure(name, &modules);
        let needed = needed.iter().map(|name| format!(" {name}.ko")).collect::<String>();
        dependencies += &format!("{name}.ko:{needed}\n");
        for alias in &module.aliases {
            aliases += &format!("alias {alias} {name}\n");
        }
    }
    archive.file(&format!("{place}/modules.dep"), 0o644, dependencies.as_bytes());
    archive.file(&format!("{place}/modules.alias"), 0o644, aliases.as_bytes());
    Ok(())
}

/// Every module file of a kernel by its module's name.
fn index(directory: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for entry in WalkDir::new(directory.join("kernel")) {
        let entry = entry.context("cannot list the kernel's modules")?;
        if entry.file_name().to_string_lossy().contains(".ko") {
            files.insert(name_of(entry.path()), entry.into_path());
        }
    }
    Ok(files)
}

/// The name of the module in a file: `virtio_blk` for `virtio-blk.ko.xz` too.
fn name_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split_once(".ko").map_or(&*name, |(name, _)| name).replace('-', "_")
}

fn read(file: &Path) -> Result<Module> {
    let content = match file.extension().and_then(|extension| extension.to_str()) {
        Some("ko") => fs::read(file)?,
        Some("xz") => output(Command::new("xz").args(["-d", "-c"]).arg(file))?,
        Some("zst") => output(Command::new("zstd").args(["-d", "-c", "-q"]).arg(file))?,
        _ => bail!("it is packed in a way that is not known here"),
    };
    let (mut depends, mut wishes, mut aliases) = (Vec::new(), Vec::new(), Vec::new());
    let object = object::File::parse(&*content)?;
    let section = object.section_by_name(".modinfo").context("it has no .modinfo section")?;
    for record in section.data()?.split(|byte| *byte == 0) {
        let record = String::from_utf8_lossy(record);
        if let Some(names) = record.strip_prefix("depends=") {
            depends
                .extend(names.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")));
        } else if let Some(alias) = record.strip_prefix("alias=") {
            aliases.push(alias.to_owned());
        } else if let Some(names) = record.strip_prefix("softdep=pre: ") {
            wishes.extend(names.split_whitespace().map(|name| name.replace('-', "_")));
        }
    }
    Ok(Module { content, depends, wishes, aliases })
}

/// All that a module needs, in the order that modprobe wants: the last is loaded first.
fn closure(name: &str, modules: &BTreeMap<String, Module>) -> Vec<String> {
    let mut order: Vec<String> = Vec::new();
    let mut next: Vec<&str> = vec![name];
    while let Some(name) = next.pop() {
        for needed in
            modules.get(name).into_iter().flat_map(|module| module.depends.iter().chain(&module.wishes))
        {
            if modules.contains_key(needed) {
                // What is needed again goes further back, so that it is loaded earlier.
                order.retain(|each| each != needed);
                order.push(needed.clone());
                next.push(needed);
            }
        }
    }
    order
}

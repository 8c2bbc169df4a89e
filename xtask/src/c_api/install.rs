//! `cargo xtask install`: the C library, its headers, the drivers and the programs, below one directory.
//!
//! Everything stands in directories of its own (`lib/virt`, `include/virt`), so that nothing of a libvirt that is there is
//! written over; programs say with `PKG_CONFIG_PATH` that they want this one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workspace::{self, cargo};
use crate::{c_api, ui};

/// What libvirt's programs ask pkg-config for.
const VERSION: &str = "11.3.0";

/// Options of `cargo xtask install`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to: `/usr/local`, or a directory of your own.
    #[arg(long, value_name = "DIR")]
    prefix: PathBuf,
    /// What is built without optimization, for trying it.
    #[arg(long)]
    debug: bool,
}

/// Runs the command.
///
/// # Errors
///
/// When something does not build, or cannot be written.
pub(crate) fn run(options: &Options) -> Result<()> {
    let prefix = std::path::absolute(&options.prefix).context("the prefix is no path")?;
    let packages = packages()?;
    let mut build = cargo();
    build.args(["build", "--quiet"]);
    if !options.debug {
        build.arg("--release");
    }
    for package in &packages {
        build.args(["--package", package]);
    }
    let progress = ui::Progress::begin("building");
    workspace::follow(&mut build, &progress)?;
    progress.done();

    let built = target()?.join(if options.debug { "debug" } else { "release" });
    let (library, headers) = (prefix.join("lib/virt"), prefix.join("include/virt/libvirt"));
    for directory in [&library.join("pkgconfig"), &headers, &prefix.join("bin")] {
        std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    }
    copy(&built.join("libvirt.so"), &library.join("libvirt.so.0"))?;
    copy(&built.join("libvirt.a"), &library.join("libvirt.a"))?;
    link("libvirt.so.0", &library.join("libvirt.so"))?;
    for package in packages.iter().filter(|package| package.ends_with("-plugin")) {
        let file = format!("lib{}.so", package.trim_start_matches("virt-").replace('-', "_"));
        let file = file.replacen("libdriver", "libvirt_driver", 1);
        copy(&built.join(&file), &library.join(&file))?;
    }
    copy(&built.join("virt-controller"), &library.join("virt-controller"))?;
    copy(&built.join("virtsh"), &prefix.join("bin/virtsh"))?;
    for entry in std::fs::read_dir(c_api::room().join("include/libvirt"))? {
        let path = entry?.path();
        if let Some(name) = path.file_name() {
            copy(&path, &headers.join(name))?;
        }
    }
    let description = library.join("pkgconfig/libvirt.pc");
    std::fs::write(&description, package_description(&prefix))
        .with_context(|| format!("cannot write {}", description.display()))?;
    ui::good(&format!("installed below {}", prefix.display()));
    ui::note(&format!("programs find it with PKG_CONFIG_PATH={}", library.join("pkgconfig").display()));
    Ok(())
}

/// What pkg-config is told.
fn package_description(prefix: &Path) -> String {
    format!(
        "prefix={}\nlibdir=${{prefix}}/lib/virt\nincludedir=${{prefix}}/include/virt\n\n\
         Name: libvirt\nDescription: libvirt's C API, as a library without a daemon\nVersion: {VERSION}\n\
         Libs: -L${{libdir}} -Wl,-rpath,${{libdir}} -lvirt\nLibs.private: -lgcc_s -lutil -lrt -lpthread -lm -ldl\n\
         Cflags: -I${{includedir}}\n",
        prefix.display()
    )
}

/// What is installed: the C library, every driver's plugin, the programs.
fn packages() -> Result<Vec<String>> {
    let metadata = workspace::metadata(&workspace::root().join("Cargo.toml"))?;
    let names = metadata.workspace_packages().into_iter().map(|package| package.name.to_string());
    let wanted = |name: &String| {
        ["virt-capi", "virt-controller", "virtsh"].contains(&name.as_str()) || name.ends_with("-plugin")
    };
    Ok(names.filter(wanted).collect())
}

fn target() -> Result<PathBuf> {
    let metadata = workspace::metadata(&workspace::root().join("Cargo.toml"))?;
    Ok(metadata.target_directory.into())
}

/// Copies a file over what is there, by a rename, so that programs that run keep what they have.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let new = to.with_extension("new");
    std::fs::copy(from, &new)
        .with_context(|| format!("cannot copy {} to {}", from.display(), new.display()))?;
    std::fs::rename(&new, to).with_context(|| format!("cannot write {}", to.display()))
}

fn link(to: &str, link: &Path) -> Result<()> {
    match std::os::unix::fs::symlink(to, link) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            if std::fs::read_link(link).is_ok_and(|known| known == Path::new(to)) {
                return Ok(());
            }
            bail!("{} is something else", link.display());
        }
        other => other.with_context(|| format!("cannot make {}", link.display())),
    }
}

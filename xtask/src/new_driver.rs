//! `cargo xtask new-driver NAME`: a driver to begin with, made from the example driver, which a test keeps working.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::ui;
use crate::workspace::root;

/// Options of `cargo xtask new-driver`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The driver's name, which is its URI scheme too: small letters, digits and hyphens.
    name: String,
    /// Make it there, as a workspace of its own, instead of in this project.
    #[arg(long, value_name = "DIRECTORY")]
    outside: Option<PathBuf>,
    /// Make it in another checkout of this project.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "outside", hide = true)]
    project: Option<PathBuf>,
}

/// The example driver's files, with the places that they have in every driver.
const FILES: [(&str, &str); 5] = [
    ("README.md", include_str!("../../docs/example-driver/README.md")),
    ("src/lib.rs", include_str!("../../docs/example-driver/src/lib.rs")),
    ("src/driver.rs", include_str!("../../docs/example-driver/src/driver.rs")),
    ("src/engine.rs", include_str!("../../docs/example-driver/src/engine.rs")),
    ("plugin/src/lib.rs", include_str!("../../docs/example-driver/plugin/src/lib.rs")),
];

/// The manifests of a driver in this project.
const MANIFESTS_INSIDE: [(&str, &str); 2] = [
    ("Cargo.toml", include_str!("new_driver/driver.toml")),
    ("plugin/Cargo.toml", include_str!("new_driver/plugin.toml")),
];

/// The manifests of a driver outside it.
const MANIFESTS_OUTSIDE: [(&str, &str); 2] = [
    ("Cargo.toml", include_str!("../../docs/example-driver/Cargo.toml")),
    ("plugin/Cargo.toml", include_str!("../../docs/example-driver/plugin/Cargo.toml")),
];

/// Runs the command.
///
/// # Errors
///
/// When the name cannot be one, is taken, or the files cannot be written.
pub(crate) fn run(options: &Options) -> Result<()> {
    let name = &options.name;
    check(name)?;
    let inside = options.project.clone().unwrap_or_else(root).join("drivers").join(name);
    let place = options.outside.as_deref().unwrap_or(&inside);
    if place.exists() && fs::read_dir(place).map_or(true, |mut entries| entries.next().is_some()) {
        bail!("{} is already there", place.display());
    }
    let manifests = if options.outside.is_some() { MANIFESTS_OUTSIDE } else { MANIFESTS_INSIDE };
    for (file, text) in FILES.into_iter().chain(manifests) {
        let file = place.join(file);
        write(&file, &adapt(text, name)).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if options.outside.is_some() {
        // The versions that this checkout is tested with.
        fs::copy(root().join("Cargo.lock"), place.join("Cargo.lock")).context("cannot copy Cargo.lock")?;
    }
    ui::good(&format!("the driver {name} is in {}", place.display()));
    if options.outside.is_some() {
        ui::note(&format!("build it: cd {} && cargo build --workspace", place.display()));
        ui::note("look at it: VIRT_DRIVER_DIR=$PWD/target/debug virtsh drivers");
    } else {
        ui::note(&format!("build it: cargo build -p virt-driver-{name}-plugin"));
        ui::note(&format!("try it: virtsh -c {name}:/// list --all"));
    }
    ui::note("then make src/engine.rs do the work");
    Ok(())
}

/// A name is a URI scheme, a part of a package's name and, in another spelling, of a type's.
fn check(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(fits) || name.ends_with('-') {
        bail!("`{name}` cannot be a driver's name: small letters, digits and hyphens, a letter first");
    }
    Ok(())
}

/// The example's text for another name.
fn adapt(text: &str, name: &str) -> String {
    // Where the name is part of a Rust path it has underscores.
    let path = format!("virt_driver_{}", name.replace('-', "_"));
    let mut adapted = text.replace("virt_driver_example", &path).replace("Example", &capitalised(name));
    adapted = adapted.replace("example", name);
    // Paths to this project lead from the example's place in it.
    adapted
        .replace("\"../../..", &format!("\"{}", root().display()))
        .replace("\"../..", &format!("\"{}", root().display()))
}

/// `MyOwn` from `my-own`.
fn capitalised(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(file, text)
}

#[cfg(test)]
mod tests {
    use super::{MANIFESTS_INSIDE, MANIFESTS_OUTSIDE, adapt, check};

    /// The names of the packages that a manifest depends on.
    fn dependencies(manifest: &str) -> Vec<&str> {
        let (_, list) = manifest.split_once("[dependencies]").unwrap();
        list.lines()
            .filter_map(|line| line.split([' ', '.', '=']).next())
            .filter(|it| !it.is_empty())
            .collect()
    }

    /// Those outside are built by a test; what is inside differs in where it is found alone.
    #[test]
    fn a_driver_in_this_project_has_what_one_outside_has() {
        for ((file, inside), (_, outside)) in MANIFESTS_INSIDE.iter().zip(MANIFESTS_OUTSIDE) {
            assert_eq!(dependencies(inside), dependencies(outside), "{file}");
            let crate_type = |text: &str| text.contains("crate-type = [\"cdylib\"]");
            assert_eq!(crate_type(inside), crate_type(outside), "{file}");
        }
    }

    #[test]
    fn names_are_spelled_as_their_place_wants() {
        assert_eq!(
            adapt("virt_core::export_driver!(virt_driver_example::ExampleDriver); // example:///", "my-own"),
            "virt_core::export_driver!(virt_driver_my_own::MyOwnDriver); // my-own:///"
        );
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        assert!(check("bhyve2").is_ok());
        for name in ["", "Xen", "2x", "a b", "a/b", "x-", "-x", "../x"] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}

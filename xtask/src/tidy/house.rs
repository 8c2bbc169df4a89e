//! The rule of the house: which room may depend on which, read from `cargo metadata`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use cargo_metadata::{Dependency, DependencyKind, Metadata, Package};

use super::Finding;

/// What each room may depend on. A trailing `*` stands for one path component. The first that matches a package's
/// directory holds; a package in no room at all is a breach of its own.
const ROOMS: &[Room] = &[
    Room { place: "virt-util", may: &[] },
    Room { place: "virt-conf/derive", may: &[] },
    Room { place: "virt-conf/generate", may: &["virt-conf"] },
    Room { place: "virt-conf", may: &["virt-conf/derive", "virt-util"] },
    Room { place: "plugins-abi", may: &["virt-util"] },
    Room { place: "virt-core", may: &["plugins-abi", "virt-util"] },
    // Drivers that a program in C wants in its one file; none is, unless it is asked for.
    Room { place: "virt-core/capi", may: &["virt-core", "virt-conf", "virt-util", "drivers/*"] },
    Room { place: "drivers/*", may: DRIVER },
    Room { place: "drivers/*/plugin", may: DRIVER },
    Room { place: "tools/*", may: &["virt-core", "virt-conf", "virt-util"] },
    Room { place: "tests", may: &["*", "*/*"] },
    Room { place: "benches", may: &["*", "*/*"] },
    Room { place: "xtask", may: &["*", "*/*"] },
];

/// All that a driver knows of the house.
const DRIVER: &[&str] = &["virt-core", "virt-conf", "virt-util"];

/// Packages that stay out of what a room builds on, directly or through others, and why.
const ABSENT: &[Absence] = &[
    Absence {
        place: "virt-util",
        packages: &["roxmltree", "xmlwriter", "quick-xml"],
        why: "virt-util knows no XML",
    },
    Absence { place: "virt-core", packages: RUNTIMES, why: "no async runtime comes into an application" },
    Absence { place: "drivers/*", packages: RUNTIMES, why: "no async runtime comes into a plugin" },
];

const RUNTIMES: &[&str] = &["tokio", "async-std", "smol", "async-global-executor"];

struct Room {
    place: &'static str,
    may: &'static [&'static str],
}

struct Absence {
    place: &'static str,
    packages: &'static [&'static str],
    why: &'static str,
}

/// Checks every package of the workspace.
pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        let place = place_of(metadata, package);
        let Some(room) = ROOMS.iter().find(|room| matches(room.place, &place)) else {
            found.push(Finding::of(
                &package.name,
                format!("`{place}` is no room of the house that has a rule"),
            ));
            continue;
        };
        check_own(metadata, package, room, &place, &mut found);
        for absence in ABSENT.iter().filter(|absence| matches(absence.place, &place)) {
            let names = absence.packages.iter().filter(|name| reaches(metadata, package, name));
            found.extend(
                names.map(|name| Finding::of(&package.name, format!("builds on {name}: {}", absence.why))),
            );
        }
    }
    found
}

/// What a package may depend on of the workspace itself.
fn check_own(metadata: &Metadata, package: &Package, room: &Room, place: &str, found: &mut Vec<Finding>) {
    let driver = place.starts_with("drivers/");
    let places: Vec<_> = metadata
        .workspace_packages()
        .iter()
        .filter_map(|package| Some((package.manifest_path.parent()?, place_of(metadata, package))))
        .collect();
    for dependency in &package.dependencies {
        let Some(there) = places.iter().find(|(directory, _)| dependency.path.as_deref() == Some(directory))
        else {
            continue;
        };
        let there = there.1.as_str();
        // Examples and tests of the other rooms may use what stands above them; a driver's may not, so that it can
        // leave the house at any time.
        if !driver && dependency.kind == DependencyKind::Development {
            continue;
        }
        let own_library = place.strip_suffix("/plugin") == Some(there);
        if !own_library && !room.may.iter().any(|allowed| matches(allowed, there)) {
            let allowed =
                if room.may.is_empty() { "nothing of the workspace".into() } else { room.may.join(", ") };
            found.push(Finding::of(
                &package.name,
                format!("`{place}` depends on `{there}`; it may depend on {allowed}"),
            ));
        }
        if driver && there == "virt-core" && takes_host(dependency) {
            found.push(Finding::of(
                &package.name,
                "takes virt-core with its `host` feature, whose registry is empty inside a plugin",
            ));
        }
    }
}

/// Whether a dependency on virt-core brings in the applications' face of it.
fn takes_host(dependency: &Dependency) -> bool {
    let asked =
        dependency.uses_default_features || dependency.features.iter().any(|feature| feature == "host");
    asked && dependency.kind != DependencyKind::Development
}

/// A package's directory, relative to the workspace.
fn place_of(metadata: &Metadata, package: &Package) -> String {
    let directory = package.manifest_path.parent().unwrap_or(&package.manifest_path);
    directory.strip_prefix(&metadata.workspace_root).unwrap_or(directory).to_string()
}

fn matches(pattern: &str, place: &str) -> bool {
    let (pattern, place) = (PathBuf::from(pattern), PathBuf::from(place));
    pattern.components().count() == place.components().count()
        && pattern
            .components()
            .zip(place.components())
            .all(|(one, other)| one.as_os_str() == "*" || one == other)
}

/// Whether a package is built on another, over any number of steps; what only tests and build scripts use aside.
fn reaches(metadata: &Metadata, package: &Package, name: &str) -> bool {
    let Some(graph) = &metadata.resolve else { return false };
    let mut seen = BTreeSet::from([&package.id]);
    let mut next = vec![&package.id];
    while let Some(id) = next.pop() {
        let Some(node) = graph.nodes.iter().find(|node| node.id == *id) else { continue };
        for dependency in &node.deps {
            let linked = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if !linked || !seen.insert(&dependency.pkg) {
                continue;
            }
            if metadata.packages.iter().any(|each| each.id == dependency.pkg && each.name.as_str() == name) {
                return true;
            }
            next.push(&dependency.pkg);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::workspace;

    fn messages(manifest: &str) -> Vec<String> {
        let manifest = workspace::root().join(manifest);
        check(&workspace::metadata(&manifest).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn this_workspace_keeps_the_rule() {
        assert_eq!(messages("Cargo.toml"), Vec::<String>::new());
    }

    #[test]
    fn a_workspace_that_breaks_the_rule_is_found_out() {
        assert_eq!(
            messages("xtask/fixtures/house/Cargo.toml"),
            [
                "attic: `attic` is no room of the house that has a rule",
                "driver-one: `drivers/one` depends on `drivers/two`; it may depend on virt-core, virt-conf, virt-util",
                "driver-one: takes virt-core with its `host` feature, whose registry is empty inside a plugin",
                "driver-one: `drivers/one` depends on `tests`; it may depend on virt-core, virt-conf, virt-util",
                "driver-two-plugin: `drivers/two/plugin` depends on `drivers/one`; it may depend on virt-core, virt-conf, virt-util",
                "virt-util: `virt-util` depends on `virt-core`; it may depend on nothing of the workspace",
                "virt-util: builds on roxmltree: virt-util knows no XML",
            ]
        );
    }
}

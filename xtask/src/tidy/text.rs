//! Rules for files of any kind: length, unfinished work, and words that tie the project to one machine.

use std::path::Path;

use super::Finding;

/// Past this a file of Rust wants to be two.
const LONGEST: usize = 700;

/// Marks of unfinished work, split here so that this file does not hold them.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Hosts that packages are fetched from: which one is the machine's business.
const REGISTRIES: [&str; 4] = ["debian.", "crates.", "pypi.", "npmjs."];

/// What the sources of a room do not name, and why.
const ABSENT: [(&str, &[&str], &str); 2] = [
    (
        "virt-conf/src",
        &[
            "std::fs",
            "TcpStream",
            "UnixStream",
            "UdpSocket",
            "std::process",
            "env::var",
            "env::current_dir",
            "nix::",
            "libc::",
        ],
        "virt-conf does no I/O",
    ),
    ("virt-util/src", &["roxmltree", "xmlwriter"], "virt-util knows no XML"),
];

/// Directories that exist on one machine only: the one that holds the workspace, and the user's home.
pub(super) fn forbidden(root: &Path) -> Vec<String> {
    let above = root.canonicalize().ok().and_then(|root| root.parent().map(Path::to_path_buf));
    let home = std::env::var_os("HOME").map(Into::into);
    let directories = above.into_iter().chain(home);
    // At the top of the tree (`/`, `/src`) the name says nothing about a machine.
    directories
        .filter(|path| path.components().count() > 1)
        .map(|path| format!("{}/", path.display()))
        .collect()
}

/// Checks one file.
pub(super) fn check(file: &Path, content: &str, forbidden: &[String], found: &mut Vec<Finding>) {
    let rust = file.extension().is_some_and(|extension| extension == "rs");
    let count = content.lines().count();
    // Nobody reads, or divides, what a program writes.
    let generated = content.lines().next().is_some_and(|line| line.contains("@generated"));
    if rust && count > LONGEST && !generated {
        found.push(Finding::of(
            file.display(),
            format!("{count} lines: past {LONGEST} a file wants to be two"),
        ));
    }
    if file.file_name().is_some_and(|name| name == "Cargo.lock") {
        return; // its lines name the registry; cargo writes them
    }
    let absent = ABSENT.iter().filter(|(room, ..)| file.starts_with(room));
    let absent: Vec<_> =
        absent.flat_map(|(_, names, why)| names.iter().map(move |name| (*name, *why))).collect();
    for (number, line) in content.lines().enumerate() {
        for (name, why) in absent.iter().filter(|(name, _)| line.contains(name)) {
            found.push(Finding::at(file, number, format!("names `{name}`: {why}")));
        }
        for mark in UNFINISHED.iter().filter(|mark| has_word(line, mark)) {
            found.push(Finding::at(file, number, format!("{mark}: finish it, or leave it out")));
        }
        for path in forbidden.iter().filter(|path| has_path(line, path)) {
            found.push(Finding::at(file, number, format!("`{path}` exists on this machine only")));
        }
        if let Some(host) = registry(line) {
            found.push(Finding::at(
                file,
                number,
                format!("`{host}` is a registry: which one is the machine's business"),
            ));
        }
    }
}

fn has_word(line: &str, word: &str) -> bool {
    let ends = |character: Option<char>| {
        character.is_none_or(|character| !character.is_alphanumeric() && character != '_')
    };
    line.match_indices(word)
        .any(|(at, _)| ends(line[..at].chars().next_back()) && ends(line[at + word.len()..].chars().next()))
}

/// Whether a path begins at its root here, and is not the end of another one.
fn has_path(line: &str, path: &str) -> bool {
    let begins = |character: char| !character.is_alphanumeric() && !".~_-}*".contains(character);
    line.match_indices(path).any(|(at, _)| line[..at].chars().next_back().is_none_or(begins))
}

fn registry(line: &str) -> Option<&str> {
    line.match_indices("://").find_map(|(at, mark)| {
        let rest = &line[at + mark.len()..];
        let host = &rest
            [..rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-').unwrap_or(rest.len())];
        REGISTRIES
            .iter()
            .any(|name| host.starts_with(name) || host.contains(&format!(".{name}")))
            .then_some(host)
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{UNFINISHED, check};

    fn messages(content: &str) -> Vec<String> {
        let mut found = Vec::new();
        check(Path::new("a.md"), content, &["/srv/build/".to_owned()], &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unfinished_work_is_found() {
        assert_eq!(messages(&format!("fine\n// {}: later", UNFINISHED[0])).len(), 1);
        assert_eq!(messages(&format!("{}S are not it", UNFINISHED[0])), Vec::<String>::new());
    }

    #[test]
    fn a_room_keeps_to_its_trade() {
        let mut found = Vec::new();
        check(Path::new("virt-conf/src/a.rs"), "use std::fs::File;", &[], &mut found);
        check(Path::new("virt-util/src/a.rs"), "use std::fs::File;", &[], &mut found);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn machine_paths_are_found() {
        assert_eq!(messages("see /srv/build/x"), ["a.md:1: `/srv/build/` exists on this machine only"]);
        assert_eq!(messages("see ~/srv/build/x, a/srv/build/y"), Vec::<String>::new());
    }

    #[test]
    fn registries_are_found() {
        let host = ["deb.debian", ".org"].concat();
        assert_eq!(messages(&format!("from http://{host}/debian")).len(), 1);
        assert_eq!(messages("see https://libvirt.org/"), Vec::<String>::new());
    }
}

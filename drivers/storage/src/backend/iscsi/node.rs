//! The initiator's records of targets: what its program can be told on a command line only, passwords, is written into them.

use std::path::{Path, PathBuf};

use virt_conf::model::storage_pool::SourceHost;
use virt_util::dir::Dir;
use virt_util::file::{self, DOCUMENT_LIMIT};
use virt_util::{Error, ErrorDomain, Result};

use crate::error;

/// Where distributions keep the records.
pub(super) fn places() -> Vec<PathBuf> {
    ["/etc/iscsi/nodes", "/var/lib/iscsi/nodes"].map(PathBuf::from).to_vec()
}

/// Writes into the record of a target who logs in, and with which password.
pub(super) fn set_password(
    places: &[PathBuf],
    target: &str,
    host: &SourceHost,
    user: &str,
    password: &[u8],
) -> Result<()> {
    let port = if host.port == 0 { super::PORT } else { host.port };
    let record = format!("{target}/{},{port},1", host.name);
    let found = places.iter().map(|place| place.join(&record)).find(|path| path.exists());
    let path = found.ok_or_else(|| {
        Error::internal(ErrorDomain::STORAGE, format!("the initiator has no record of target '{target}'"))
    })?;
    // Bound to an interface it is a directory, of a file for each.
    let files: Vec<PathBuf> = match path.is_dir() {
        false => vec![path],
        true => {
            let entries =
                std::fs::read_dir(&path).map_err(|error| error::about("cannot read dir", &path, error))?;
            entries.flatten().map(|entry| entry.path()).collect()
        }
    };
    files.iter().try_for_each(|file| rewrite(file, user, password))
}

fn rewrite(path: &Path, user: &str, password: &[u8]) -> Result<()> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
    else {
        return Err(error::failed("a record of the initiator has no name"));
    };
    let dir = Dir::open(directory)?;
    let old = file::read(&dir, name, DOCUMENT_LIMIT)?;
    let text = with_password(&String::from_utf8_lossy(&old), user, password)?;
    file::write(&dir, name, 0o600, &text).map(drop)
}

/// A record with who logs in, whoever did before.
fn with_password(record: &str, user: &str, password: &[u8]) -> Result<Vec<u8>> {
    const AUTH: &str = "node.session.auth.";
    const ENDS: &str = "# END RECORD";
    let bad = |part: &[u8]| part.is_empty() || part.iter().any(u8::is_ascii_control);
    // Another line would be another setting.
    if bad(user.as_bytes()) || bad(password) {
        return Err(error::argument("users and passwords of iSCSI targets have no control characters"));
    }
    let names = ["authmethod", "username", "password"].map(|name| format!("{AUTH}{name}"));
    let is_ours = |line: &&str| names.iter().any(|name| line.split(['=', ' ']).next() == Some(name.as_str()));
    let mut text = Vec::new();
    let kept = record.lines().filter(|line| !is_ours(line) && line.trim() != ENDS);
    kept.for_each(|line| text.extend([line.as_bytes(), b"\n"].concat()));
    text.extend(format!("{AUTH}authmethod = CHAP\n{AUTH}username = {user}\n{AUTH}password = ").bytes());
    text.extend(password);
    text.extend(format!("\n{ENDS}\n").bytes());
    Ok(text)
}

/// The interface with this initiator's name, by what `iscsiadm --mode iface` says: `NAME transport,mac,ip,device,initiator`.
pub(super) fn interface_of(text: &str, initiator: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, rest) = line.split_once(' ')?;
        (rest.trim().split(',').nth(4) == Some(initiator)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_password_goes_into_the_record_and_is_nobodys_to_read() {
        let scratch = tempfile::tempdir().unwrap();
        let record = scratch.path().join("iqn.a/10.0.0.1,3260,1");
        std::fs::create_dir_all(&record).unwrap();
        let before =
            "# BEGIN RECORD 2.1.8\nnode.name = iqn.a\nnode.session.auth.authmethod = None\n# END RECORD\n";
        std::fs::write(record.join("default"), before).unwrap();
        let host = SourceHost { name: "10.0.0.1".into(), port: 0 };
        let set = |user: &str, password: &[u8]| {
            set_password(&[scratch.path().to_owned()], "iqn.a", &host, user, password)
        };
        for _ in 0..2 {
            set("me", b"se=same").unwrap();
            assert_eq!(
                std::fs::read_to_string(record.join("default")).unwrap(),
                "# BEGIN RECORD 2.1.8\nnode.name = iqn.a\nnode.session.auth.authmethod = CHAP\n\
                 node.session.auth.username = me\nnode.session.auth.password = se=same\n# END RECORD\n"
            );
        }
        assert_eq!(std::fs::metadata(record.join("default")).unwrap().mode() & 0o777, 0o600);
        assert!(set("me", b"a\nnode.startup = automatic").is_err() && set("", b"x").is_err());
        assert!(set_password(&[scratch.path().to_owned()], "iqn.b", &host, "me", b"x").is_err());
    }

    #[test]
    fn interfaces_are_found_by_their_initiator() {
        let text =
            "default tcp,<empty>,<empty>,<empty>,<empty>\nvirt-1 tcp,<empty>,<empty>,<empty>,iqn.me\nodd\n";
        assert_eq!(interface_of(text, "iqn.me").as_deref(), Some("virt-1"));
        assert_eq!(interface_of(text, "iqn.other"), None);
    }
}

//! What udev has found out about devices: its database, read without its library. Where no udev runs there is none.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The database of udev.
///
/// ```
/// use virt_util::udev::Udev;
///
/// let scratch = tempfile::tempdir().unwrap();
/// std::fs::create_dir(scratch.path().join("data")).unwrap();
/// std::fs::write(scratch.path().join("data/b8:0"), "S:disk/by-id/wwn-0x5\nE:ID_BUS=scsi\nV:1\n").unwrap();
/// let disk = Udev::at(scratch.path()).record("b8:0").unwrap();
/// assert_eq!(disk.links, ["disk/by-id/wwn-0x5"]);
/// assert_eq!(disk.property("ID_BUS"), Some("scsi"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udev {
    root: PathBuf,
}

/// What is known of one device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UdevRecord {
    /// The links to its node, below `/dev`, sorted.
    pub links: Vec<String>,
    properties: BTreeMap<String, String>,
}

impl Udev {
    /// This machine's.
    pub fn host() -> Self {
        Self::at("/run/udev")
    }

    /// One elsewhere.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Whether its daemon runs, which then announces devices after the kernel does, when it knows them.
    pub fn is_running(&self) -> bool {
        self.root.join("control").exists()
    }

    /// What is known of a device; nothing of one that no rule had something to say about.
    ///
    /// A device's key is `b8:0` or `c189:1` for one with a node (its numbers), `n2` for a network interface (its number), and
    /// `+usb:1-2` for others (subsystem and name).
    pub fn record(&self, key: &str) -> Option<UdevRecord> {
        let text = std::fs::read(self.root.join("data").join(key)).ok()?;
        let text = String::from_utf8_lossy(&text);
        let mut record = UdevRecord::default();
        for line in text.lines() {
            match line.split_once(':') {
                Some(("S", link)) => record.links.push(link.to_owned()),
                Some(("E", property)) => {
                    let (name, value) = property.split_once('=').unwrap_or((property, ""));
                    record.properties.insert(name.to_owned(), value.to_owned());
                }
                _ => {}
            }
        }
        record.links.sort_unstable();
        Some(record)
    }
}

impl UdevRecord {
    /// A property, `ID_SERIAL`; nothing where it is not set or empty.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

//! What is known of the volumes of a running pool: a file that all processes read, and whoever changes a volume adds to.
//!
//! It is lines of JSON, each a volume as it is now or the name of one that is gone; the last that speaks of a name holds.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use virt_core::driver::{StorageVolumeKind, StorageVolumeSummary};
use virt_util::dir::Dir;
use virt_util::file::{self, Identity};
use virt_util::{Error, ErrorDomain, Result};

/// A volume as it was when it was last looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) path: String,
    /// A [`StorageVolumeKind`].
    pub(crate) kind: i32,
    pub(crate) capacity: u64,
    pub(crate) allocation: u64,
    pub(crate) physical: u64,
    /// Nothing where volumes of its pool have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) format: Option<String>,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    /// Read, changed, status changed; seconds and nanoseconds.
    pub(crate) times: [(i64, i64); 3],
    /// What the file was, to see whether it has changed; nothing for what is no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<Identity>,
    /// `qcow` or `luks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) encryption: Option<String>,
    /// Its secret's UUID, while it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Uuid>,
    /// Path or URI of the image behind it, and its format where that is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backing: Option<(String, Option<String>)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compat: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cluster_size: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) lazy_refcounts: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) extended_l2: bool,
    /// Whether it may have less space than it shows, so that writing to it may fail.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) sparse: bool,
    /// The devices that it lies on, and which parts of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) extents: Vec<(String, u64, u64)>,
}

impl Volume {
    /// Whether a guest sees its very bytes: devices have no format that anybody looks for.
    pub(crate) fn is_raw(&self) -> bool {
        let raw = matches!(self.format.as_deref(), None | Some("raw"));
        (raw || self.kind == StorageVolumeKind::Block.number() && !self.extents.is_empty())
            && self.encryption.is_none()
    }

    pub(crate) fn summary(&self, pool: Uuid, pool_name: &str) -> StorageVolumeSummary {
        StorageVolumeSummary {
            pool,
            pool_name: pool_name.to_owned(),
            name: self.name.clone(),
            key: self.key.clone(),
            path: self.path.clone(),
            kind: StorageVolumeKind::from_number(self.kind),
            capacity: self.capacity,
            allocation: self.allocation,
            format: self.format.clone(),
            backing: self.backing.as_ref().map(|(path, _)| path.clone()),
        }
    }
}

/// How large a pool is, where its directory does not say, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Space {
    pub(crate) capacity: u64,
    pub(crate) allocation: u64,
    pub(crate) available: u64,
    /// Disks: where nothing is, from and to.
    pub(crate) free: Vec<(u64, u64)>,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
enum Line {
    Is(Box<Volume>),
    Gone(String),
    Space(Space),
}

/// By name.
pub(crate) type Volumes = BTreeMap<String, Arc<Volume>>;

/// What is known of the volumes of one pool.
pub(crate) struct Content {
    dir: Dir,
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The file that was read, and how much of it.
    inode: u64,
    read: u64,
    volumes: Arc<Volumes>,
    space: Option<Space>,
}

impl Content {
    pub(crate) fn new(dir: Dir, pool: Uuid) -> Self {
        Self { dir, name: format!("{pool}.volumes"), state: Mutex::default() }
    }

    /// The volumes, as whoever looked or changed something last knows them.
    pub(crate) fn volumes(&self) -> Result<Arc<Volumes>> {
        let mut state = self.lock();
        self.catch_up(&mut state)?;
        Ok(state.volumes.clone())
    }

    /// How large the pool is, as whoever looked last knows it; nothing where its directory says so.
    pub(crate) fn space(&self) -> Result<Option<Space>> {
        let mut state = self.lock();
        self.catch_up(&mut state)?;
        Ok(state.space.clone())
    }

    /// Replaces all that is known. The caller has the pool's lock.
    pub(crate) fn replace(&self, volumes: Arc<Volumes>, space: Option<Space>) -> Result<()> {
        let mut state = self.lock();
        self.catch_up(&mut state)?;
        if state.inode != 0 && state.volumes == volumes && state.space == space {
            return Ok(());
        }
        let mut text = Vec::with_capacity(volumes.len() * 300);
        if let Some(space) = &space {
            add(&mut text, &Line::Space(space.clone()))?;
        }
        for volume in volumes.values() {
            add(&mut text, &Line::Is(Box::new(Volume::clone(volume))))?;
        }
        let identity = file::write(&self.dir, &self.name, 0o600, &text)?;
        *state = State { inode: identity.inode, read: text.len() as u64, volumes, space };
        Ok(())
    }

    /// Adds or changes a volume. The caller has the pool's lock.
    pub(crate) fn put(&self, volume: Volume) -> Result<()> {
        self.append(&Line::Is(Box::new(volume)))
    }

    /// Forgets a volume. The caller has the pool's lock.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        self.append(&Line::Gone(name.to_owned()))
    }

    /// Forgets all. The caller has the pool's lock.
    pub(crate) fn clear(&self) -> Result<()> {
        *self.lock() = State::default();
        self.dir.remove_file(&self.name)
    }

    fn append(&self, line: &Line) -> Result<()> {
        let mut state = self.lock();
        self.catch_up(&mut state)?;
        if state.inode == 0 {
            file::write(&self.dir, &self.name, 0o600, b"")?;
        }
        let flags = OFlag::O_WRONLY | OFlag::O_APPEND;
        let mut file = self.dir.open_file(&self.name, flags, Mode::empty())?;
        let mut text = Vec::new();
        add(&mut text, line)?;
        // Half a line, left by whoever was killed, is ended so that it stays alone.
        if file.metadata().map(|it| it.len()).is_ok_and(|length| length != state.read) {
            text.insert(0, b'\n');
        }
        file.write_all(&text)
            .map_err(|error| crate::error::about("cannot write", &self.dir.join(&self.name), error))?;
        self.catch_up(&mut state)
    }

    /// Reads what was added since, or all of it when it is another file.
    fn catch_up(&self, state: &mut State) -> Result<()> {
        let Some(stat) = self.dir.stat_of(&self.name)? else {
            *state = State::default();
            return Ok(());
        };
        if stat.st_ino != state.inode || (stat.st_size as u64) < state.read {
            *state = State { inode: stat.st_ino, ..State::default() };
        }
        if stat.st_size as u64 == state.read {
            return Ok(());
        }
        let mut file = self.dir.open_file(&self.name, OFlag::O_RDONLY, Mode::empty())?;
        let text = read_from(&mut file, state.read, state.inode)
            .map_err(|error| crate::error::about("cannot read", &self.dir.join(&self.name), error))?;
        let Some(text) = text else { return Ok(()) };
        // A line that is being written is read the next time.
        let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let state = &mut *state;
        let volumes = Arc::make_mut(&mut state.volumes);
        for line in text[..end].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(Line::Is(volume)) => drop(volumes.insert(volume.name.clone(), Arc::from(volume))),
                Ok(Line::Gone(name)) => drop(volumes.remove(&name)),
                Ok(Line::Space(found)) => state.space = Some(found),
                Err(error) => log::warn!("'{}' holds a line that is not understood: {error}", self.name),
            }
        }
        state.read += end as u64;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Whoever panicked while he held it left, at worst, what is read again.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the file holds from `start` on; nothing when it was replaced meanwhile.
fn read_from(file: &mut File, start: u64, inode: u64) -> std::io::Result<Option<Vec<u8>>> {
    use std::io::Seek as _;
    if file.metadata()?.ino() != inode {
        return Ok(None);
    }
    file.seek(std::io::SeekFrom::Start(start))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(Some(text))
}

fn add(text: &mut Vec<u8>, line: &Line) -> Result<()> {
    serde_json::to_writer(&mut *text, line).map_err(|error| {
        Error::internal(ErrorDomain::STORAGE, format!("a volume that is no JSON: {error}"))
    })?;
    text.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(name: &str, capacity: u64) -> Volume {
        Volume { name: name.into(), capacity, ..Volume::default() }
    }

    #[test]
    fn processes_see_each_others_changes() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = Dir::open(scratch.path()).unwrap();
        let [one, other] = [0, 1].map(|_| Content::new(dir.clone(), Uuid::nil()));
        let names = |content: &Content| content.volumes().unwrap().keys().cloned().collect::<Vec<_>>();
        let space = Space { capacity: 7, free: vec![(1, 2)], ..Space::default() };
        one.replace(Arc::new([("a".to_owned(), Arc::new(volume("a", 1)))].into()), Some(space.clone()))
            .unwrap();
        assert_eq!(other.space().unwrap(), Some(space));
        assert_eq!(names(&other), ["a"]);
        other.put(volume("b", 2)).unwrap();
        other.put(volume("a", 3)).unwrap();
        assert_eq!(one.volumes().unwrap()["a"].capacity, 3);
        one.remove("a").unwrap();
        assert_eq!(names(&other), ["b"]);
        one.replace(Arc::default(), None).unwrap();
        assert_eq!(other.space().unwrap(), None);
        assert_eq!(names(&other), Vec::<String>::new());
        other.clear().unwrap();
        assert_eq!(names(&one), Vec::<String>::new());
    }

    #[test]
    fn half_a_line_of_somebody_who_was_killed_spoils_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = Dir::open(scratch.path()).unwrap();
        let content = Content::new(dir.clone(), Uuid::nil());
        content.put(volume("a", 1)).unwrap();
        let path = scratch.path().join(format!("{}.volumes", Uuid::nil()));
        let mut text = std::fs::read(&path).unwrap();
        text.extend(b"{\"Is\":{\"name\":\"b");
        std::fs::write(&path, text).unwrap();
        let other = Content::new(dir, Uuid::nil());
        other.put(volume("c", 1)).unwrap();
        assert_eq!(other.volumes().unwrap().keys().collect::<Vec<_>>(), ["a", "c"]);
    }
}

//! What happens to devices, for one reader: the kernel's or udev's announcements, and changes of definitions.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::poll::PollFlags;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use virt_core::driver::*;
use virt_util::uevent::{Monitor, Received};

use crate::engine::Engine;
use crate::inventory::{Change, Inventory};
use crate::mediated;
use crate::mediated_file::Definition;

/// A reader of events.
pub(crate) struct Source {
    engine: Arc<Engine>,
    /// Readable when one of the two below is.
    epoll: Epoll,
    inner: Mutex<Inner>,
}

struct Inner {
    monitor: Monitor,
    inventory: Inventory,
    files: Inotify,
    definitions: BTreeMap<String, Definition>,
    waiting: VecDeque<ObjectEvent>,
    missed: u64,
    sequence: u64,
}

impl Source {
    /// From now on.
    pub(crate) fn new(engine: Arc<Engine>) -> Result<Self> {
        let failed = |errno| Error::system(ErrorDomain::NODEDEV, "cannot wait for events of devices", errno);
        let monitor = Monitor::open(&engine.host.udev)?;
        let files = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(failed)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(failed)?;
        for fd in [monitor.as_fd(), files.as_fd()] {
            epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, 0)).map_err(failed)?;
        }
        let inventory = Inventory::list(&engine.host);
        let mut inner = Inner {
            monitor,
            inventory,
            files,
            definitions: BTreeMap::new(),
            waiting: VecDeque::new(),
            missed: 0,
            sequence: 0,
        };
        inner.watch(&engine);
        inner.definitions = definitions(&engine);
        Ok(Self { engine, epoll, inner: Mutex::new(inner) })
    }
}

fn definitions(engine: &Engine) -> BTreeMap<String, Definition> {
    engine.definitions().into_iter().map(|it| (mediated::name(&it), it)).collect()
}

impl Inner {
    /// Watches the directories of definitions; while there are none, the one in which they would be. To watch one again
    /// changes nothing.
    fn watch(&self, engine: &Engine) {
        let flags = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_ONLYDIR;
        let place = &engine.host.definitions;
        let parents = std::fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.path());
        for directory in parents.chain([place.clone()]) {
            let _ = self.files.add_watch(&directory, flags);
        }
        if let Some(above) = place.parent().filter(|_| !place.exists()) {
            let _ = self.files.add_watch(above, AddWatchFlags::IN_CREATE | AddWatchFlags::IN_ONLYDIR);
        }
    }

    /// Takes in what has happened since the last time.
    fn take(&mut self, engine: &Engine) -> Result<()> {
        loop {
            match self.monitor.receive()? {
                Received::Event(event) => {
                    let changes = self.inventory.follow(&engine.host, &event);
                    for change in changes {
                        self.tell(change);
                    }
                }
                Received::Missed => {
                    // How many is not known; what they left is.
                    self.missed += 1;
                    let now = Inventory::list(&engine.host);
                    let changes = self.inventory.differences(&now);
                    self.inventory = now;
                    for change in changes {
                        self.tell(change);
                    }
                }
                Received::Nothing => break,
            }
        }
        if self.files.read_events().is_ok() {
            while self.files.read_events().is_ok() {}
            self.watch(engine);
            let now = definitions(engine);
            let before = std::mem::replace(&mut self.definitions, now.clone());
            use NodeDeviceLifecycle::{Defined, Undefined};
            for name in before.keys().filter(|name| !now.contains_key(*name)) {
                self.tell(Change::Lifecycle(Undefined, name.clone()));
            }
            for (name, definition) in &now {
                match before.get(name) {
                    None => self.tell(Change::Lifecycle(Defined, name.clone())),
                    Some(known) if known != definition => self.tell(Change::Update(name.clone())),
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, change: Change) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (kind, event, name) = match change {
            Change::Lifecycle(what, name) => (NodeDeviceEventKind::Lifecycle, what.number(), name),
            Change::Update(name) => (NodeDeviceEventKind::Update, 0, name),
        };
        self.sequence += 1;
        self.waiting.push_back(ObjectEvent {
            sequence: self.sequence,
            seconds: now.as_secs().cast_signed(),
            nanoseconds: now.subsec_nanos(),
            name,
            uuid: None,
            kind: kind.number(),
            event,
            detail: 0,
            parameters: Vec::new(),
        });
    }
}

impl ObjectEventSource for Source {
    fn next(&self, call: &Call, limit: u32) -> Result<ObjectEventBatch> {
        let wait = call.wait();
        loop {
            {
                let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
                inner.take(&self.engine)?;
                if !inner.waiting.is_empty() || inner.missed > 0 {
                    let count = inner.waiting.len().min(limit as usize);
                    let missed = std::mem::take(&mut inner.missed);
                    return Ok(ObjectEventBatch { missed, events: inner.waiting.drain(..count).collect() });
                }
            }
            wait.poll(&[(self.epoll.0.as_fd(), PollFlags::POLLIN)], "waiting for events of node devices")?;
        }
    }

    fn descriptor(&self, _: &Call) -> Result<i32> {
        Ok(self.epoll.0.as_raw_fd())
    }
}

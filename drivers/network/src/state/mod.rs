//! What is known of networks: their definitions, the status of those that run, their ports, the index over them, and the
//! event log.

mod describe;
mod port;
mod status;

use std::sync::Arc;

use uuid::Uuid;
use virt_conf::model::Network;
use virt_conf::xml::{FormatFlags, ParseFlags, ParseOptions};
use virt_util::dir::Dir;
use virt_util::eventlog::EventLog;
use virt_util::file::{self, DOCUMENT_LIMIT};
use virt_util::index::{Entry, FileEntry, Index, IndexLock, Sources};
use virt_util::lock::Lock;
use virt_util::root::Root;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::dnsmasq::Server;
use crate::{internal, invalid};

pub(crate) use status::{RUNNING, STARTING};
use status::{from_status, to_status};

/// The note of the index that says which bridge a network has.
const BRIDGE: &str = "bridge";

/// Everything that one root holds about networks. Shared by all processes that have it open.
pub(crate) struct Store {
    root: Root,
    index: Index,
    events: EventLog,
    autostart: Dir,
    status: Dir,
    ports: Dir,
    servers: Dir,
    leases: Dir,
    locks: Dir,
}

impl Store {
    /// Opens what is in `root`, making what is missing.
    pub(crate) fn open(root: Root) -> Result<Self> {
        let autostart = root.config().subdir("autostart")?;
        let status = root.run().subdir("status")?;
        let sources = Sources {
            definitions: root.config().clone(),
            status: Some(status.clone()),
            suffix: ".xml".into(),
        };
        let describe = describe::Describer { autostart: autostart.clone() };
        // The server of a network reads its files as a user of its own.
        let servers = root.run().subdir("dnsmasq")?;
        root.let_pass()?;
        servers.let_pass()?;
        Ok(Self {
            index: Index::open(root.run(), "networks", sources, Box::new(describe))?,
            events: EventLog::open(root.run(), "events")?,
            ports: root.run().subdir("ports")?,
            leases: root.lib().subdir("leases")?,
            locks: root.run().subdir("locks")?,
            servers,
            autostart,
            status,
            root,
        })
    }

    /// The directories.
    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// The index.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// The event log.
    pub(crate) fn events(&self) -> &EventLog {
        &self.events
    }

    /// The server of the network called `name`.
    pub(crate) fn server(&self, name: &str) -> Server {
        Server::new(self.servers.clone(), self.leases.join(&lease_file(name)), name)
    }

    /// The text of the leases of the network called `name`.
    pub(crate) fn leases(&self, name: &str) -> Result<String> {
        let content = file::read_if_present(&self.leases, &lease_file(name), DOCUMENT_LIMIT)?;
        Ok(String::from_utf8_lossy(&content.unwrap_or_default()).into_owned())
    }

    /// Forgets the leases of the network called `name`.
    pub(crate) fn remove_leases(&self, name: &str) -> Result<()> {
        self.leases.remove_file(&lease_file(name))
    }

    /// Takes the lock of one network: held while it is started, stopped, or changed.
    pub(crate) fn lock_network(&self, uuid: Uuid, purpose: &str, wait: Wait<'_>) -> Result<Lock> {
        Lock::acquire(&self.locks, &format!("{uuid}.lock"), purpose, wait)
            .map_err(|error| error.in_domain(ErrorDomain::NETWORK))
    }

    /// Refuses a definition whose name or UUID is another network's; the network that it redefines, if there is one.
    pub(crate) fn check_unique(&self, network: &Network) -> Result<Option<Arc<Entry>>> {
        let uuid = uuid_of(network)?;
        let conflict =
            |detail: String| Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NETWORK, detail));
        if let Some(known) = self.index.by_uuid(uuid)? {
            if known.name != network.name {
                return conflict(format!("network '{}' is already defined with uuid {uuid}", known.name));
            }
            return Ok(Some(known));
        }
        match self.index.by_name(&network.name)? {
            Some(known) => {
                conflict(format!("network '{}' already exists with uuid {}", known.name, known.uuid))
            }
            None => Ok(None),
        }
    }

    /// The bridges of all networks but one.
    pub(crate) fn bridges(&self, but: Uuid) -> Result<Vec<String>> {
        let others = self.index.list()?.into_iter().filter(|entry| entry.uuid != but);
        Ok(others.filter_map(|entry| bridge_of(&entry).map(str::to_owned)).collect())
    }

    /// The network with `uuid`.
    pub(crate) fn by_uuid(&self, uuid: Uuid) -> Result<Arc<Entry>> {
        let missing = || no_network(format!("no network with matching uuid '{uuid}'"));
        self.index.by_uuid(uuid)?.ok_or_else(missing)
    }

    /// The network called `name`.
    pub(crate) fn by_name(&self, name: &str) -> Result<Arc<Entry>> {
        let missing = || no_network(format!("no network with matching name '{name}'"));
        self.index.by_name(name)?.ok_or_else(missing)
    }

    /// The definition that the next start of `entry` uses; nothing for a transient network.
    pub(crate) fn definition(&self, entry: &Entry) -> Result<Option<Network>> {
        let Some(definition) = &entry.definition else { return Ok(None) };
        let text = read(self.root.config(), &definition.name)?;
        let options = ParseOptions::from(ParseFlags::INACTIVE);
        Network::from_xml(&text, &options).map(Some).map_err(|error| unreadable(error, &definition.name))
    }

    /// What runs, for a network that runs.
    pub(crate) fn running(&self, entry: &Entry) -> Result<Network> {
        let Some(status) = &entry.status else {
            return Err(invalid(format!("network '{}' is not active", entry.name)));
        };
        let text = read(&self.status, &status.name)?;
        from_status(&text).map(|status| status.network).map_err(|error| unreadable(error, &status.name))
    }

    /// What a network is: as it runs, or as it is defined.
    pub(crate) fn network(&self, entry: &Entry, inactive: bool) -> Result<Network> {
        if entry.status.is_some() && !(inactive && entry.is_persistent()) {
            return self.running(entry);
        }
        let nothing = || internal(format!("nothing is known of network '{}'", entry.name));
        self.definition(entry)?.ok_or_else(nothing)
    }

    /// Writes `network` as a definition, and puts it into the index. Its state stays.
    pub(crate) fn write_definition(&self, lock: &mut IndexLock<'_>, network: &Network) -> Result<Arc<Entry>> {
        let uuid = uuid_of(network)?;
        let old = self.index.by_uuid(uuid)?;
        let text = network.to_xml(&FormatFlags::INACTIVE.into());
        let name = file_name(&network.name);
        let content = with_warning(&network.name, &text);
        let identity = file::write(self.root.config(), &name, 0o600, content.as_bytes())?;
        let mut entry = old.as_deref().cloned().unwrap_or_else(|| Entry { uuid, ..Entry::default() });
        entry.name.clone_from(&network.name);
        entry.definition = Some(FileEntry { name, identity });
        if !entry.is_active() {
            note_bridge(&mut entry, network);
        }
        lock.put(entry)
    }

    /// Removes the definition of `entry`'s network: one that runs becomes transient, another is forgotten.
    pub(crate) fn remove_definition(&self, lock: &mut IndexLock<'_>, entry: &Entry) -> Result<()> {
        if let Some(definition) = &entry.definition {
            self.root.config().remove_file(&definition.name)?;
            self.autostart.remove_file(&definition.name)?;
        }
        if entry.is_active() {
            let transient = Entry { definition: None, autostart: false, ..entry.clone() };
            return lock.put(transient).map(drop);
        }
        self.remove_leases(&entry.name)?;
        lock.remove(entry.uuid)
    }

    /// Writes what runs, in which state, and puts it into the index.
    pub(crate) fn write_status(
        &self,
        lock: &mut IndexLock<'_>,
        network: &Network,
        state: i32,
    ) -> Result<Arc<Entry>> {
        let uuid = uuid_of(network)?;
        let old = self.index.by_uuid(uuid)?;
        let mut entry = old.as_deref().cloned().unwrap_or_else(|| Entry { uuid, ..Entry::default() });
        let id = entry.id.unwrap_or_else(|| lock.next_id());
        let name = file_name(&network.name);
        let text = with_warning(&network.name, &to_status(network, id, state));
        let identity = file::write(&self.status, &name, 0o600, text.as_bytes())?;
        entry.name.clone_from(&network.name);
        entry.id = Some(id);
        entry.state = state;
        entry.status = Some(FileEntry { name, identity });
        note_bridge(&mut entry, network);
        lock.put(entry)
    }

    /// Forgets what ran: the network is off, or gone if nothing else is known of it.
    pub(crate) fn remove_status(&self, lock: &mut IndexLock<'_>, entry: &Entry) -> Result<()> {
        if let Some(status) = &entry.status {
            self.status.remove_file(&status.name)?;
        }
        self.ports.remove_tree(&entry.uuid.to_string())?;
        if !entry.is_persistent() {
            self.remove_leases(&entry.name)?;
            return lock.remove(entry.uuid);
        }
        let mut off = Entry { id: None, state: 0, status: None, ..entry.clone() };
        if let Some(network) = self.definition(entry)? {
            note_bridge(&mut off, &network);
        }
        lock.put(off).map(drop)
    }

    /// Decides whether the network starts with the host.
    pub(crate) fn set_autostart(
        &self,
        lock: &mut IndexLock<'_>,
        entry: &Entry,
        autostart: bool,
    ) -> Result<()> {
        let Some(definition) = &entry.definition else {
            return Err(invalid("cannot set autostart for transient network"));
        };
        if autostart {
            // An empty file, not libvirt's link: the name says it all, and no link can dangle.
            file::write(&self.autostart, &definition.name, 0o600, b"")?;
        } else {
            self.autostart.remove_file(&definition.name)?;
        }
        lock.put(Entry { autostart, ..entry.clone() }).map(drop)
    }
}

/// The bridge of a network, by the index.
pub(crate) fn bridge_of(entry: &Entry) -> Option<&str> {
    entry.notes.get(BRIDGE).map(String::as_str)
}

fn note_bridge(entry: &mut Entry, network: &Network) {
    match network.bridge.as_ref().and_then(|bridge| bridge.name.clone()) {
        Some(name) => drop(entry.notes.insert(BRIDGE.to_owned(), name)),
        None => drop(entry.notes.remove(BRIDGE)),
    }
}

fn no_network(detail: String) -> Error {
    Error::new(ErrorCode::NO_NETWORK, ErrorDomain::NETWORK, detail)
}

/// The UUID of a document that was read.
pub(crate) fn uuid_of(network: &Network) -> Result<Uuid> {
    network.uuid.ok_or_else(|| internal(format!("network '{}' has no UUID", network.name)))
}

fn file_name(network: &str) -> String {
    format!("{network}.xml")
}

fn lease_file(network: &str) -> String {
    format!("{network}.leases")
}

fn read(dir: &Dir, name: &str) -> Result<String> {
    let content = file::read(dir, name, DOCUMENT_LIMIT)?;
    String::from_utf8(content).map_err(|error| {
        let sentence = format!("'{}' is not UTF-8", dir.join(name).display());
        Error::new(ErrorCode::XML_ERROR, ErrorDomain::NETWORK, sentence).caused_by(error)
    })
}

fn unreadable(error: Error, name: &str) -> Error {
    let hint = format!("the file {name} was changed by hand, or is from another version");
    if error.advice().is_some() { error } else { error.hint(hint) }
}

/// The document behind the words that keep people from editing it.
fn with_warning(network: &str, text: &str) -> String {
    // Two hyphens end a comment early, and a name may hold them.
    let network = network.replace("--", "-\u{2010}");
    format!(
        "<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE\nOVERWRITTEN AND LOST. Changes to \
         this xml configuration should be made using:\n  virsh net-edit {network}\nor other application using the \
         library.\n-->\n\n{text}"
    )
}

#[cfg(test)]
mod tests;

//! The simulated host: its guests and everything that can be done to them, on plain values.

pub(crate) mod devices;
mod events;
mod guest;
mod managed;
mod message;
mod metadata;
mod moment;
mod network;
mod node_device;
pub(crate) mod pool;
pub(crate) mod port;
pub(crate) mod saving;
mod secret;
mod snapshot;
mod statistics;
mod table;
mod tuning;
mod volume;

use std::sync::LazyLock;

use uuid::Uuid;
use virt_conf::model::Domain;
use virt_core::driver::{
    DefinedDetail, DomainIdentity, DomainState, DomainSummary, ErrorDomain, Event, LifecycleEvent,
    ListDomains, NodeInfo, Result, ShutoffReason, StoppedDetail, UndefineDomain, UndefinedDetail,
};

pub(crate) use devices::Wanted;
pub(crate) use events::{Happening, Reader};
pub(crate) use guest::Guest;
pub(crate) use managed::Living;
pub(crate) use metadata::read_metadata;
pub(crate) use network::Network;
pub(crate) use node_device::{Device, Devices};
pub(crate) use pool::Pool;
pub(crate) use secret::Secret;
pub(crate) use table::{Object, Objects};
pub(crate) use volume::Volume;

use crate::definition::Definition;
use crate::error;
use events::Occurrence;
use guest::Saved;

/// A simulated host.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its CPUs and memory.
    pub(crate) info: NodeInfo,
    /// Whether its NUMA nodes are described.
    pub(crate) has_cells: bool,
    guests: Objects<Guest>,
    pub(crate) networks: Later<Objects<Network>>,
    pub(crate) pools: Later<Objects<Pool>>,
    pub(crate) devices: Later<Devices>,
    pub(crate) secrets: Objects<Secret>,
}

/// Something that is made when somebody first looks at it.
pub(crate) type Later<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send>>;

/// What `make` will answer.
pub(crate) fn later<T>(make: impl FnOnce() -> T + Send + 'static) -> Later<T> {
    LazyLock::new(Box::new(make))
}

/// What a guest is when a host begins to exist.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning {
    /// `Shutoff`, or the state in which it runs.
    pub(crate) state: DomainState,
    /// Whether it has no definition.
    pub(crate) transient: bool,
    /// Whether it has a managed save image.
    pub(crate) managed_save: bool,
}

impl Node {
    /// A host with nothing on it.
    pub(crate) fn new(info: NodeInfo, has_cells: bool) -> Self {
        Self {
            info,
            has_cells,
            guests: Objects::default(),
            networks: later(Objects::default),
            pools: later(Objects::default),
            devices: later(Devices::default),
            secrets: Objects::default(),
        }
    }

    /// Adds a guest that was there from the beginning; nobody is told.
    pub(crate) fn begin_with(
        &self,
        name: &str,
        uuid: Uuid,
        definition: Definition,
        beginning: Beginning,
    ) -> Result<()> {
        let mut guests = self.guests.write();
        if guests.owner_of(name, uuid)?.is_some() {
            return Err(error::invalid(format!("domain '{name}' is already active")));
        }
        let mut guest = Guest::defined(uuid, name, definition.clone());
        let saved = definition.clone();
        if beginning.state.is_active() {
            guest.run_as(guests.next_number(), Some(definition), beginning.state, 0);
        }
        if beginning.transient {
            guest.config = None;
        }
        if beginning.managed_save {
            guest.saved = Some(Saved { domain: saved, paused: false });
        }
        guests.add(guest);
        Ok(())
    }

    /// The guests that `filter` asks for.
    pub(crate) fn list(&self, filter: ListDomains) -> Vec<DomainSummary> {
        let guests = self.guests.read();
        if filter.is_empty() {
            return guests.iter().map(Guest::summary).collect();
        }
        let moments = ListDomains::HAS_SNAPSHOT
            | ListDomains::NO_SNAPSHOT
            | ListDomains::HAS_CHECKPOINT
            | ListDomains::NO_CHECKPOINT;
        let kept = guests.iter().filter(|guest| guest.has_moments(filter)).map(Guest::summary);
        kept.filter(|summary| filter.difference(moments).accepts(summary)).collect()
    }

    pub(crate) fn lookup_by_name(&self, name: &str) -> Result<DomainIdentity> {
        self.guests.read().with_name(name).map(Guest::identity).ok_or_else(error::no_domain)
    }

    pub(crate) fn lookup_by_uuid(&self, uuid: Uuid) -> Result<DomainIdentity> {
        self.guests.read().with_uuid(uuid).map(Guest::identity).ok_or_else(error::no_domain)
    }

    pub(crate) fn lookup_by_id(&self, id: u32) -> Result<DomainIdentity> {
        self.guests.read().with_number(id).map(Guest::identity).ok_or_else(error::no_domain)
    }

    /// Asks a guest something.
    pub(crate) fn ask<T>(&self, uuid: Uuid, question: impl FnOnce(&Guest) -> T) -> Result<T> {
        self.guests.ask(uuid, question)
    }

    /// Gives a guest a definition: a new one, or another for its next start.
    pub(crate) fn define(&self, domain: Domain) -> Result<DomainIdentity> {
        let uuid = domain.uuid.unwrap_or_else(Uuid::new_v4);
        let mut guests = self.guests.write();
        let name = domain.name.clone();
        let definition = Definition::from(domain);
        let detail = if guests.owner_of(&name, uuid)?.is_none() {
            guests.add(Guest::defined(uuid, &name, definition));
            DefinedDetail::Added
        } else {
            guests.change(uuid, |guest| {
                guest.updated = guest.is_active();
                guest.config = Some(definition);
                Ok(())
            })?;
            DefinedDetail::Updated
        };
        let guest = guests.by_uuid(uuid)?;
        let defined = Occurrence::lifecycle(LifecycleEvent::Defined, detail.number());
        self.guests.tell(guest, vec![defined]);
        Ok(guest.identity())
    }

    /// Takes a guest's definition away, and what the flags say.
    pub(crate) fn undefine(&self, uuid: Uuid, flags: UndefineDomain) -> Result<()> {
        self.change(uuid, |guest| {
            if guest.saved.is_some() && !flags.contains(UndefineDomain::MANAGED_SAVE) {
                return Err(error::invalid("Refusing to undefine while domain managed save image exists"));
            }
            guest.may_lose_moments(flags)?;
            guest.saved = None;
            guest.config = None;
            let detail = UndefinedDetail::Removed.number();
            Ok(vec![Occurrence::lifecycle(LifecycleEvent::Undefined, detail)])
        })
    }

    /// Gives an inactive guest another name.
    pub(crate) fn rename(&self, uuid: Uuid, name: &str) -> Result<()> {
        let mut guests = self.guests.write();
        let before = guests.by_uuid(uuid)?.identity();
        if before.name == name {
            return Err(error::invalid("Can't rename domain to itself"));
        }
        if before.id.is_some() {
            return Err(error::invalid("cannot rename active domain").in_domain(ErrorDomain::TEST));
        }
        if guests.with_name(name).is_some() {
            return Err(error::invalid(format!("domain with name '{name}' already exists")));
        }
        guests.change(uuid, |guest| {
            name.clone_into(&mut guest.name);
            if let Some(config) = &mut guest.config {
                config.edit(|domain| name.clone_into(&mut domain.name));
            }
            Ok(())
        })?;
        let undefined = Occurrence::lifecycle(LifecycleEvent::Undefined, UndefinedDetail::Renamed.number());
        let defined = Occurrence::lifecycle(LifecycleEvent::Defined, DefinedDetail::Renamed.number());
        let after = guests.by_uuid(uuid)?.identity();
        self.guests.publish(vec![undefined.to(before), defined.to(after)]);
        Ok(())
    }

    /// Starts a defined guest.
    pub(crate) fn start(&self, uuid: Uuid, paused: bool) -> Result<DomainIdentity> {
        let mut guests = self.guests.write();
        let guest = guests.by_uuid(uuid)?;
        if guest.is_active() {
            return Err(guest.already_running());
        }
        let id = guests.next_number();
        let occurrences = guests.change(uuid, |guest| Ok(guest.start(id, None, paused)))?;
        let guest = guests.by_uuid(uuid)?;
        self.guests.tell(guest, occurrences);
        Ok(guest.identity())
    }

    /// Starts a guest that is not defined, or a defined one in another shape this once.
    pub(crate) fn start_transient(&self, domain: Domain, paused: bool) -> Result<DomainIdentity> {
        let uuid = domain.uuid.unwrap_or_else(Uuid::new_v4);
        let mut guests = self.guests.write();
        match guests.owner_of(&domain.name, uuid)? {
            Some(guest) if guest.is_active() => {
                return Err(error::invalid(format!("domain '{}' is already active", domain.name)));
            }
            Some(_) => {}
            None => guests.add(Guest::transient(uuid, &domain.name)),
        }
        let id = guests.next_number();
        let occurrences = guests.change(uuid, |guest| Ok(guest.start(id, Some(domain), paused)))?;
        let guest = guests.by_uuid(uuid)?;
        self.guests.tell(guest, occurrences);
        Ok(guest.identity())
    }

    pub(crate) fn shut_down(&self, uuid: Uuid) -> Result<()> {
        self.change(uuid, Guest::shut_down)
    }

    pub(crate) fn reboot(&self, uuid: Uuid) -> Result<()> {
        self.change(uuid, Guest::reboot)
    }

    pub(crate) fn reset(&self, uuid: Uuid) -> Result<()> {
        self.change(uuid, Guest::reset)
    }

    pub(crate) fn destroy(&self, uuid: Uuid) -> Result<()> {
        self.change(uuid, Guest::destroy)
    }

    pub(crate) fn suspend(&self, uuid: Uuid) -> Result<()> {
        self.change(uuid, Guest::suspend)
    }

    pub(crate) fn resume(&self, uuid: Uuid) -> Result<()> {
        self.change(uuid, Guest::resume)
    }

    pub(crate) fn set_autostart(&self, uuid: Uuid, autostart: bool) -> Result<()> {
        self.change(uuid, |guest| {
            guest.autostart = autostart;
            Ok(Vec::new())
        })
    }

    /// A guest shut down, rebooted or crashed from inside. Harmless where it has ended meanwhile.
    pub(crate) fn guest_asks(&self, uuid: Uuid, request: GuestRequest) {
        let result = self.change(uuid, |guest| match request {
            _ if !guest.is_active() => Ok(Vec::new()),
            GuestRequest::PowerOff => Ok(guest.powered_off()),
            GuestRequest::Reboot => guest.reboot(),
            GuestRequest::Crash => Ok(guest.crashed()),
        });
        if let Err(error) = result {
            log::debug!("a guest's own {request:?} came too late: {error}");
        }
    }

    /// Starts every guest that starts with the host; answers the errors.
    pub(crate) fn host_start(&self) -> Vec<String> {
        let waiting = self.list(ListDomains::AUTOSTART | ListDomains::INACTIVE);
        let results = waiting.iter().map(|guest| (guest, self.start(guest.uuid, false)));
        results.filter_map(|(guest, result)| Some(format!("{}: {}", guest.name, result.err()?))).collect()
    }

    /// Shuts every guest down; answers what became of each.
    pub(crate) fn host_stop(&self) -> Vec<String> {
        let active = self.list(ListDomains::ACTIVE);
        let stop = |guest: &mut Guest| {
            // A guest that would restart must not when its host goes down.
            guest.running()?;
            Ok(guest.stop(ShutoffReason::Shutdown, StoppedDetail::Shutdown))
        };
        let results = active.iter().map(|guest| (guest, self.change(guest.uuid, stop)));
        let word =
            |result: Result<()>| result.map_or_else(|error| error.to_string(), |()| "shut down".into());
        results.map(|(guest, result)| format!("{}: {}", guest.name, word(result))).collect()
    }

    /// What happens from now on, or from the event of this number on.
    pub(crate) fn subscribe(&self, from: Option<u64>) -> Result<Reader<Event>> {
        self.guests.subscribe(from)
    }

    /// Changes a guest, and tells what happened, under the identity it has afterwards.
    fn change(&self, uuid: Uuid, change: impl FnOnce(&mut Guest) -> Result<Vec<Occurrence>>) -> Result<()> {
        self.guests.change(uuid, change)
    }
}

/// What a guest does of its own accord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GuestRequest {
    /// It shuts down.
    PowerOff,
    /// It reboots.
    Reboot,
    /// Its kernel panics.
    Crash,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caps;

    /// Anything quadratic here would not end.
    #[test]
    fn a_hundred_thousand_guests_are_no_strain() {
        const COUNT: u32 = 100_000;
        let node = Node::new(caps::node_info(), true);
        let uuid = |number: u32| Uuid::from_u128(u128::from(number) + 1);
        for number in 0..COUNT {
            let name = format!("guest-{number}");
            let domain = Domain { name, uuid: Some(uuid(number)), ..Domain::default() };
            node.define(domain).unwrap();
        }
        for number in 0..COUNT {
            assert_eq!(node.start(uuid(number), false).unwrap().id, Some(number + 1));
        }
        for number in (0..COUNT).rev() {
            let found = node.lookup_by_id(number + 1).unwrap();
            assert_eq!(node.lookup_by_name(&found.name).unwrap().uuid, uuid(number));
            if number % 2 == 0 {
                node.destroy(found.uuid).unwrap();
                node.undefine(found.uuid, UndefineDomain::empty()).unwrap();
            }
        }
        assert_eq!(node.list(ListDomains::RUNNING).len(), COUNT as usize / 2);
        assert_eq!(node.list(ListDomains::INACTIVE).len(), 0);
    }
}

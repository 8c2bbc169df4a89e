//! Memory and vCPUs of a guest, of what runs and of the definition.

use uuid::Uuid;
use virt_conf::model::{Domain, Kib};
use virt_core::driver::{Affect, ErrorDomain, EventKind, Result, TypedParameter};

use super::events::Occurrence;
use super::{Guest, Node};
use crate::caps::MAXIMUM_VCPUS;
use crate::{definition, error};

impl Guest {
    /// Refuses what this guest does not have: something that runs, or a definition. No bits mean what runs, else the
    /// definition.
    pub(super) fn affected(&self, affect: Affect) -> Result<Affect> {
        let affect = match affect {
            none if none.is_empty() && self.is_active() => Affect::LIVE,
            none if none.is_empty() => Affect::CONFIG,
            affect => affect,
        };
        if affect.contains(Affect::LIVE) {
            self.running()?;
        }
        if affect.contains(Affect::CONFIG) && self.config.is_none() {
            return Err(error::invalid("transient domains do not have any persistent config"));
        }
        Ok(affect)
    }

    /// The one of the two that `affect` names.
    pub(crate) fn view(&self, affect: Affect) -> Result<&Domain> {
        if affect.contains(Affect::LIVE | Affect::CONFIG) {
            return Err(error::misuse(
                "Flags 'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually exclusive",
            ));
        }
        let config = self.affected(affect)?.contains(Affect::CONFIG).then_some(self.config.as_deref());
        config.flatten().or_else(|| self.domain()).ok_or_else(error::no_domain)
    }

    /// Those that `affect` names, what runs first.
    pub(super) fn views(&self, affect: Affect) -> impl Iterator<Item = &Domain> {
        let live = self.run.as_ref().map(|run| &*run.domain);
        let config = self.config.as_deref();
        let wanted = move |which| move |_: &&Domain| affect.contains(which);
        live.filter(wanted(Affect::LIVE)).into_iter().chain(config.filter(wanted(Affect::CONFIG)))
    }

    /// Changes those that `affect` names.
    pub(super) fn edit(&mut self, affect: Affect, mut change: impl FnMut(&mut Domain)) {
        if let Some(run) = self.run.as_mut().filter(|_| affect.contains(Affect::LIVE)) {
            run.domain.edit(&mut change);
        }
        if let Some(config) = self.config.as_mut().filter(|_| affect.contains(Affect::CONFIG)) {
            config.edit(&mut change);
            self.updated = self.run.is_some();
        }
    }
}

impl Node {
    /// Sets the memory that a guest is left, in KiB.
    pub(crate) fn set_memory(&self, uuid: Uuid, kibibytes: u64, affect: Affect) -> Result<()> {
        self.change(uuid, |guest| {
            let affect = guest.affected(affect)?;
            if guest.views(affect).any(|domain| kibibytes > definition::maximum_memory(domain)) {
                return Err(error::argument("cannot set memory higher than max memory"));
            }
            guest.edit(affect, |domain| domain.current_memory = Some(Kib(kibibytes)));
            let actual = TypedParameter::new("actual", kibibytes);
            let changed = Occurrence::other(EventKind::BalloonChange, 0, vec![actual]);
            Ok(affect.contains(Affect::LIVE).then_some(changed).into_iter().collect())
        })
    }

    /// Sets the memory that an inactive guest can have, in KiB.
    pub(crate) fn set_maximum_memory(&self, uuid: Uuid, kibibytes: u64, affect: Affect) -> Result<()> {
        self.change(uuid, |guest| {
            let affect = guest.affected(affect)?;
            if affect.contains(Affect::LIVE) {
                let sentence = "cannot resize the maximum memory on an active domain";
                return Err(error::invalid(sentence).in_domain(ErrorDomain::TEST));
            }
            guest.edit(affect, |domain| {
                let memory = definition::memory(domain).min(kibibytes);
                domain.memory.get_or_insert_default().size = Kib(kibibytes);
                domain.current_memory = Some(Kib(memory));
            });
            Ok(Vec::new())
        })
    }

    /// Sets how many vCPUs a guest has.
    pub(crate) fn set_vcpus(&self, uuid: Uuid, count: u32, affect: Affect) -> Result<()> {
        supported(count)?;
        self.change(uuid, |guest| {
            let affect = guest.affected(affect)?;
            if let Some(domain) = guest.views(affect).find(|domain| count > domain.vcpu.max) {
                let sentence =
                    format!("requested cpu amount exceeds maximum ({count} > {})", domain.vcpu.max);
                return Err(error::argument(sentence));
            }
            guest.edit(affect, |domain| definition::set_vcpus(domain, count));
            Ok(Vec::new())
        })
    }

    /// Sets how many vCPUs a guest can have from its next start on.
    pub(crate) fn set_maximum_vcpus(&self, uuid: Uuid, maximum: u32) -> Result<()> {
        supported(maximum)?;
        self.change(uuid, |guest| {
            let affect = guest.affected(Affect::CONFIG)?;
            guest.edit(affect, |domain| definition::set_maximum_vcpus(domain, maximum));
            Ok(Vec::new())
        })
    }
}

fn supported(vcpus: u32) -> Result<()> {
    if vcpus <= MAXIMUM_VCPUS {
        return Ok(());
    }
    let sentence =
        format!("requested cpu amount exceeds maximum supported amount ({vcpus} > {MAXIMUM_VCPUS})");
    Err(error::argument(sentence))
}

//! Putting right what a running network lacks: after its server was killed, or somebody flushed the rules.

use uuid::Uuid;
use virt_conf::model::Network;
use virt_util::Result;
use virt_util::index::Entry;
use virt_util::netlink::Netlink;
use virt_util::wait::Wait;

use super::start::steps;
use super::step::{Context, Step};
use super::{Engine, rules};
use crate::firewall::Rules;

impl Engine {
    /// Puts a network right, or all that run; answers what was done, one line each.
    pub(crate) fn repair(&self, network: Option<Uuid>, wait: Wait<'_>) -> Result<Vec<String>> {
        let mut lines = self.recover()?;
        let entries = match network {
            Some(uuid) => vec![self.entry(uuid)?],
            None => self.store.index().list()?,
        };
        for entry in entries.into_iter().filter(|entry| entry.is_active()) {
            let _lock = self.store.lock_network(entry.uuid, "repairing", wait)?;
            let entry = self.entry(entry.uuid)?;
            if entry.is_active() {
                lines.extend(self.mend(&entry, true, wait)?);
            }
        }
        Ok(lines)
    }

    /// Puts a running network right; the caller holds its lock. Rules that are there are believed to be right unless told to
    /// be `thorough`.
    pub(super) fn mend(&self, entry: &Entry, thorough: bool, wait: Wait<'_>) -> Result<Vec<String>> {
        let network = self.store.running(entry)?;
        let mut lines = Vec::new();
        for step in steps(&network)? {
            let lacks = match &step {
                Step::Run { .. } => false,
                Step::Bridge(plan) => Netlink::open()?.link_named(&plan.name, wait)?.is_none(),
                Step::Rules { bridge } => thorough || !rules::are_there(bridge)?,
                Step::Server { network } => self.store.server(network).process()?.is_none(),
            };
            if lacks {
                lines.extend(self.redo(&step, &network, wait)?);
            }
        }
        Ok(lines)
    }

    fn redo(&self, step: &Step, network: &Network, wait: Wait<'_>) -> Result<Option<String>> {
        let was_there = match step {
            Step::Rules { bridge } => rules::are_there(bridge)?,
            _ => false,
        };
        let mut context = Context::starting(self.store.clone(), network.clone(), wait.deadline());
        virt_util::journal::Step::carry_out(step, &mut context)?;
        if matches!(step, Step::Bridge(_)) {
            let uuid = crate::state::uuid_of(network)?;
            for port in self.store.ports(uuid)? {
                self.keep_promise(network, &port, wait)?;
            }
        }
        let what = match step {
            Step::Bridge(plan) => format!("the bridge '{}' was made again", plan.name),
            Step::Rules { bridge } if was_there => return Ok(log_only(&network.name, bridge)),
            Step::Rules { bridge } => format!("the rules of '{bridge}' were set again"),
            Step::Server { .. } => "dnsmasq was started again".to_owned(),
            Step::Run { .. } => return Ok(None),
        };
        let line = format!("{}: {what}", network.name);
        log::warn!("{line}");
        Ok(Some(line))
    }

    /// Has what serves a running network follow a change of it.
    pub(super) fn follow(&self, before: &Network, after: &Network, wait: Wait<'_>) -> Result<()> {
        if !after.makes_bridge() {
            return Ok(());
        }
        let (old, new) = (Rules::of(before), Rules::of(after));
        if old != new
            && let Some(rules) = &new
        {
            rules::apply(rules, wait)?;
        }
        self.follow_server(before, after, wait)
    }
}

/// Rules that were there were replaced, which nobody has to be told.
fn log_only(network: &str, bridge: &str) -> Option<String> {
    log::debug!("{network}: the rules of '{bridge}' were replaced by the same");
    None
}

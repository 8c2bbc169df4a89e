//! The steps of starting a network: what the journal holds as long as it runs, and what stopping it undoes.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use virt_conf::model::Network;
use virt_core::driver::NetworkLifecycle;
use virt_util::journal::{self, Changes};
use virt_util::netlink::{self, MacAddress, Netlink};
use virt_util::wait::Wait;
use virt_util::{ErrorDomain, Result};

use super::rules;
use crate::dnsmasq::Files;
use crate::event;
use crate::firewall::Rules;
use crate::internal;
use crate::state::{RUNNING, STARTING, Store};

/// One thing that is done to start a network, and undone to stop it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    /// The network counts as one that runs. The first step, so the last that is undone.
    Run {
        /// Which.
        network: Uuid,
    },
    /// Its bridge, with addresses and routes: they go with it.
    Bridge(BridgePlan),
    /// Its rules.
    Rules {
        /// Of the network with this bridge.
        bridge: String,
    },
    /// Its server, and the files that it reads.
    Server {
        /// Of the network called so.
        network: String,
    },
}

/// A bridge to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct BridgePlan {
    /// Its name.
    pub(crate) name: String,
    /// Its address, by which it is known to be ours.
    pub(crate) mac: MacAddress,
    /// Whether it runs the spanning tree protocol.
    pub(crate) stp: bool,
    /// Seconds until a port forwards.
    pub(crate) delay: u64,
    /// Its largest frame.
    pub(crate) mtu: Option<u32>,
    /// The host's addresses on it.
    pub(crate) addresses: Vec<(IpAddr, u8)>,
    /// Routes: network, prefix, gateway, metric.
    pub(crate) routes: Vec<(IpAddr, u8, IpAddr, Option<u32>)>,
    /// How much the network may send to its guests and receive from them, in KiB and KiB per second.
    pub(crate) bandwidth: Option<super::Shaping>,
    /// Whether it completes the checksums of DHCP answers.
    pub(crate) checksums: bool,
}

/// What steps act through.
pub(crate) struct Context {
    store: Arc<Store>,
    /// What is started; nothing for those who only undo.
    network: Option<Network>,
    deadline: Option<Instant>,
}

impl Context {
    /// For a start that gives up at `deadline`.
    pub(crate) fn starting(store: Arc<Store>, network: Network, deadline: Option<Instant>) -> Self {
        Self { store, network: Some(network), deadline }
    }

    /// For undoing somebody's steps.
    pub(crate) fn undoing(store: Arc<Store>) -> Self {
        Self { store, network: None, deadline: None }
    }

    fn wait(&self) -> Wait<'static> {
        Wait::until(self.deadline)
    }

    fn network(&self) -> Result<&Network> {
        self.network.as_ref().ok_or_else(|| internal("a step is carried out for no network"))
    }
}

impl journal::Step for Step {
    type Context = Context;

    fn carry_out(&self, context: &mut Context) -> Result<()> {
        let wait = context.wait();
        match self {
            Self::Run { .. } => {
                let mut lock = context.store.index().lock("starting a network", wait)?;
                context.store.write_status(&mut lock, context.network()?, STARTING).map(drop)
            }
            Self::Bridge(plan) => plan.make(wait),
            Self::Rules { .. } => match Rules::of(context.network()?) {
                Some(rules) => rules::apply(&rules, wait),
                None => Ok(()),
            },
            Self::Server { network } => {
                let server = context.store.server(network);
                server.write(&Files::of(context.network()?, &server.names())?)?;
                server.start(wait)
            }
        }
    }

    fn undo(&self, context: &mut Context) -> Result<()> {
        match self {
            Self::Run { network } => {
                let store = &context.store;
                let mut lock = store.index().lock("stopping a network", Wait::FOREVER)?;
                let Some(entry) = store.index().by_uuid(*network)?.filter(|entry| entry.is_active()) else {
                    return Ok(());
                };
                store.remove_status(&mut lock, &entry)?;
                if entry.state == RUNNING {
                    event::lifecycle(&entry, NetworkLifecycle::Stopped).append(&lock, store.events())?;
                }
                Ok(())
            }
            Self::Bridge(plan) => plan.remove(),
            Self::Rules { bridge } => rules::remove(bridge),
            Self::Server { network } => {
                let server = context.store.server(network);
                server.stop()?;
                server.remove_files()
            }
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Run { network } => format!("count network {network} as running"),
            Self::Bridge(plan) => format!("make the bridge '{}'", plan.name),
            Self::Rules { bridge } => format!("set the rules of '{bridge}'"),
            Self::Server { network } => format!("start dnsmasq for network '{network}'"),
        }
    }

    fn changes(&self) -> Changes {
        Changes::Kernel
    }
}

impl BridgePlan {
    fn make(&self, wait: Wait<'_>) -> Result<()> {
        let mut netlink = Netlink::open()?;
        let bridge = netlink::Bridge {
            mac: self.mac,
            stp: self.stp,
            forward_delay: u32::try_from(self.delay.saturating_mul(100)).unwrap_or(u32::MAX),
            mtu: self.mtu.filter(|mtu| *mtu > 0),
        };
        let link = netlink
            .create_bridge(&self.name, &bridge, wait)
            .map_err(|error| error.in_domain(ErrorDomain::NETWORK))?;
        let has_ipv6 = self.addresses.iter().any(|(address, _)| address.is_ipv6());
        self.ipv6_settings(has_ipv6)?;
        for (address, prefix) in &self.addresses {
            netlink.add_address(link.index, *address, *prefix, wait)?;
        }
        self.shape(&mut netlink, link.index, wait)?;
        netlink.set_up(link.index, true, wait)?;
        for (network, prefix, gateway, metric) in &self.routes {
            netlink.add_route((*network, *prefix), *gateway, *metric, link.index, wait)?;
        }
        Ok(())
    }

    fn shape(&self, netlink: &mut Netlink, index: u32, wait: Wait<'_>) -> Result<()> {
        if let Some(shaping) = &self.bandwidth {
            shaping.apply_to_bridge(netlink, index, wait)?;
        }
        if self.checksums {
            let completed = netlink
                .shape(index, super::DEFAULT_CLASS, wait)
                .and_then(|()| netlink.complete_dhcp_checksums(index, wait));
            // Most clients do without, and not every kernel can.
            completed.unwrap_or_else(|error| log::info!("{error}"));
        }
        Ok(())
    }

    /// The host takes no addresses and routes from guests, and without addresses of its own speaks no IPv6.
    fn ipv6_settings(&self, enabled: bool) -> Result<()> {
        let dir = format!("/proc/sys/net/ipv6/conf/{}", self.name);
        if !Path::new(&dir).exists() {
            // A kernel without IPv6.
            return Ok(());
        }
        let set = |name: &str, value: &str| {
            let path = format!("{dir}/{name}");
            std::fs::write(&path, value).map_err(|error| {
                virt_util::Error::system(ErrorDomain::NETWORK, format!("cannot write to '{path}'"), error)
            })
        };
        if !enabled {
            return set("disable_ipv6", "1");
        }
        set("disable_ipv6", "0")?;
        set("accept_ra", "0")?;
        set("autoconf", "0")
    }

    /// Removes the bridge, if it is the one that was made.
    fn remove(&self) -> Result<()> {
        let mut netlink = Netlink::open()?;
        let link = netlink.link_named(&self.name, Wait::FOREVER)?;
        match link.filter(|link| link.kind.as_deref() == Some("bridge") && link.mac == Some(self.mac)) {
            Some(link) => netlink.delete_link(link.index, Wait::FOREVER),
            None => Ok(()),
        }
    }
}

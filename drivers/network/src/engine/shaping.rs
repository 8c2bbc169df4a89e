//! How much passes through a network's bridge.

use serde::{Deserialize, Serialize};
use virt_conf::model::{Bandwidth, BandwidthRate, Network, NetworkPort};
use virt_util::Result;
use virt_util::netlink::{MacAddress, Netlink, Rate};
use virt_util::wait::Wait;

use super::DEFAULT_CLASS;

/// The class that all others share.
const ROOT_CLASS: u16 = 1;

/// Rates in both directions: average, peak, burst, in KiB and KiB per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shaping {
    inbound: Option<(u64, Option<u64>, Option<u64>)>,
    outbound: Option<(u64, Option<u64>, Option<u64>)>,
}

impl Shaping {
    /// What a document says.
    pub(crate) fn of(bandwidth: &Bandwidth) -> Self {
        let rate = |rate: &BandwidthRate| Some((rate.average?, rate.peak, rate.burst));
        Self {
            inbound: bandwidth.inbound.as_ref().and_then(rate),
            outbound: bandwidth.outbound.as_ref().and_then(rate),
        }
    }

    /// Limits what the bridge sends to its guests, and what it receives from them.
    pub(crate) fn apply_to_bridge(&self, netlink: &mut Netlink, bridge: u32, wait: Wait<'_>) -> Result<()> {
        if let Some((average, peak, burst)) = self.inbound {
            let rate = Rate::of_kilobytes(average, peak, burst);
            netlink.shape(bridge, DEFAULT_CLASS, wait)?;
            netlink.set_class(bridge, ROOT_CLASS, 0, &rate, wait)?;
            netlink.set_class(bridge, DEFAULT_CLASS, ROOT_CLASS, &rate, wait)?;
        }
        match self.outbound {
            Some((average, peak, burst)) => {
                netlink.police(bridge, Some(&Rate::of_kilobytes(average, peak, burst)), wait)
            }
            None => Ok(()),
        }
    }
}

/// What a port is promised of what its network receives: the least, and the most, in KiB per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    class: u16,
    mac: MacAddress,
    floor: u64,
    ceiling: u64,
}

impl Promise {
    /// Of a port of a network; nothing where it is promised nothing.
    pub(super) fn of(network: &Network, port: &NetworkPort) -> Option<Self> {
        let bandwidth = port.bandwidth.as_ref()?;
        let own = bandwidth.rates.inbound.as_ref()?;
        let whole = network.bandwidth.as_ref()?.inbound.as_ref()?;
        let ceiling = own.peak.or(whole.peak).or(whole.average)?;
        let class = u16::try_from(bandwidth.class_id?).ok()?;
        Some(Self { class, mac: MacAddress(port.mac.0), floor: own.floor?, ceiling })
    }

    /// Has the bridge keep it.
    pub(super) fn keep(&self, netlink: &mut Netlink, bridge: u32, wait: Wait<'_>) -> Result<()> {
        let rate = Rate::of_kilobytes(self.floor, Some(self.ceiling), None);
        netlink.set_class(bridge, self.class, ROOT_CLASS, &rate, wait)?;
        netlink.classify(bridge, self.class, self.mac, wait)
    }

    /// Takes it back.
    pub(super) fn withdraw(&self, netlink: &mut Netlink, bridge: u32, wait: Wait<'_>) -> Result<()> {
        netlink.declassify(bridge, self.class, wait)
    }
}

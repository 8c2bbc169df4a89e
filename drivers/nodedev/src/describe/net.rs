//! Network interfaces.

use virt_conf::model::nodedev::{
    HostLink, HostLinkState, NetCapability, NetFeature, NetFeatureName, NetKind,
};
use virt_util::ethtool::Offload;

use crate::host::{Host, last};

/// Describes the interface at a path.
pub(crate) fn capability(host: &Host, path: &str) -> NetCapability {
    let interface = last(path).to_owned();
    let wireless = host.properties(path).get("DEVTYPE") == Some("wlan");
    NetCapability {
        address: host.text(&format!("{path}/address")),
        link: Some(link(host, path)),
        features: features(host, path, &interface),
        kind: Some(if wireless { NetKind::Ieee80211 } else { NetKind::Ieee80203 }),
        interface,
    }
}

fn link(host: &Host, path: &str) -> HostLink {
    let state = match host.text(&format!("{path}/operstate")).as_deref() {
        Some("notpresent") => HostLinkState::NotPresent,
        Some("down") => HostLinkState::Down,
        Some("lowerlayerdown") => HostLinkState::LowerLayerDown,
        Some("testing") => HostLinkState::Testing,
        Some("dormant") => HostLinkState::Dormant,
        Some("up") => HostLinkState::Up,
        _ => HostLinkState::Unknown,
    };
    // A link that is not up has no speed; a card that does not know its own says -1, which is shown as what it is in 32 bits.
    let speed = || host.number(&format!("{path}/speed")).map(|speed| speed as u32);
    let speed = if state == HostLinkState::Up { speed() } else { None };
    HostLink { speed: speed.unwrap_or_default(), state: Some(state) }
}

fn features(host: &Host, path: &str, interface: &str) -> Vec<NetFeature> {
    // Interfaces are asked by name: in another network namespace that is another interface.
    let offloads = host.ethtool.as_ref().map(|ethtool| ethtool.offloads(interface)).unwrap_or_default();
    let mut names: Vec<_> = offloads.into_iter().filter_map(feature).collect();
    if host.exists(&format!("{path}/device/infiniband")) {
        names.push(NetFeatureName::Rdma);
    }
    names.sort_unstable();
    names.into_iter().map(|name| NetFeature { name }).collect()
}

fn feature(offload: Offload) -> Option<NetFeatureName> {
    Some(match offload {
        Offload::RxChecksum => NetFeatureName::Rx,
        Offload::TxChecksum => NetFeatureName::Tx,
        Offload::ScatterGather => NetFeatureName::Sg,
        Offload::TcpSegmentation => NetFeatureName::Tso,
        Offload::UdpFragmentation => NetFeatureName::Ufo,
        Offload::GenericSegmentation => NetFeatureName::Gso,
        Offload::GenericReceive => NetFeatureName::Gro,
        Offload::LargeReceive => NetFeatureName::Lro,
        Offload::RxVlan => NetFeatureName::RxVlan,
        Offload::TxVlan => NetFeatureName::TxVlan,
        Offload::Ntuple => NetFeatureName::Ntuple,
        Offload::RxHash => NetFeatureName::RxHash,
        Offload::UdpTunnelSegmentation => NetFeatureName::TxUdpTnl,
        _ => return None,
    })
}

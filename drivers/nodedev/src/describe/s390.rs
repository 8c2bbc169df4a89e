//! Channel devices, subchannels and cryptographic adapters of s390 hosts.

use virt_conf::model::nodedev::*;

use super::mdev_types;
use crate::host::{Host, last};
use crate::kind;

/// Describes the channel device at a path.
pub(super) fn ccw(host: &Host, path: &str) -> Option<CcwCapability> {
    let group = host.link(&format!("{path}/group_device")).map(|group| {
        CcwSubCapability::GroupMember(CcwGroupMember { group: kind::name(&["ccwgroup", &group]) })
    });
    Some(CcwCapability { state: state(host, path), address: channel(last(path))?, group })
}

/// Describes the subchannel at a path.
pub(super) fn css(host: &Host, path: &str) -> Option<CssCapability> {
    let device = host.text(&format!("{path}/dev_busid"));
    Some(CssCapability {
        address: channel(last(path))?,
        channel_device: device.filter(|device| device != "none").as_deref().and_then(channel),
        capability: mdev_types(host, path).map(MediatedSubCapability::MdevTypes),
    })
}

/// Describes the group at a path.
pub(super) fn ccw_group(host: &Host, path: &str) -> Option<CcwGroupCapability> {
    let member = |index: u32| {
        let device = host.link(&format!("{path}/cdev{index}"))?;
        let device = kind::name(&["ccw", &device]);
        Some(CcwDeviceReference { reference: format!("cdev{index}"), device })
    };
    let qeth = QethCapability {
        card_type: host.text(&format!("{path}/card_type")),
        chpid: host.text(&format!("{path}/chpid")),
    };
    let layer = host.number(&format!("{path}/layer2"));
    let driven = host.link(&format!("{path}/driver")).is_some_and(|driver| driver.starts_with("qeth"));
    Some(CcwGroupCapability {
        state: state(host, path),
        address: channel(last(path))?,
        members: CcwGroupMembers { devices: (0..).map_while(member).collect() },
        kind: driven.then_some(match layer {
            Some(0) => CcwGroupKind::QethLayer3(qeth),
            Some(1) => CcwGroupKind::QethLayer2(qeth),
            _ => CcwGroupKind::QethGeneric(qeth),
        }),
    })
}

fn state(host: &Host, path: &str) -> Option<CcwState> {
    match host.number(&format!("{path}/online"))? {
        1 => Some(CcwState::Online),
        0 => Some(CcwState::Offline),
        _ => None,
    }
}

/// `0.0.ffff`: channel subsystem, subchannel set, device.
fn channel(text: &str) -> Option<ChannelAddress> {
    let mut numbers = text.split('.').map(|digits| u32::from_str_radix(digits, 16));
    let mut next = || numbers.next()?.ok();
    Some(ChannelAddress { cssid: next()?, ssid: next()?, devno: next()? })
}

/// Describes the adapter at a path.
pub(super) fn ap_card(path: &str) -> Option<ApCardCapability> {
    let digits = last(path).strip_prefix("card")?;
    Some(ApCardCapability { adapter: u32::from_str_radix(digits, 16).ok()? })
}

/// Describes the adapter's queue at a path.
pub(super) fn ap_queue(path: &str) -> Option<ApQueueCapability> {
    let (adapter, domain) = last(path).split_once('.')?;
    let number = |digits| u32::from_str_radix(digits, 16).ok();
    Some(ApQueueCapability { adapter: number(adapter)?, domain: number(domain)? })
}

/// Describes what hands queues to guests.
pub(super) fn ap_matrix(host: &Host, path: &str) -> ApMatrixCapability {
    ApMatrixCapability { capability: mdev_types(host, path).map(MediatedSubCapability::MdevTypes) }
}

//! What this driver refuses in a definition.

use virt_conf::model::{ForwardMode, Network, VirtualPortType};
use virt_util::Result;

use crate::dnsmasq::serves;
use crate::unsupported;

/// Refuses what cannot be run.
pub(super) fn validate(network: &Network) -> Result<()> {
    let name = &network.name;
    let mut file_names = name.split('/');
    if name.starts_with('.') || name.contains('\n') || file_names.nth(1).is_some() {
        return Err(unsupported(format!("network name '{name}' cannot be used as file name")));
    }
    if !network.makes_bridge() {
        only_made_bridges(network)?;
    }
    for (ipv6, family) in [(false, "IPv4"), (true, "IPv6")] {
        if network.ips.iter().filter(|ip| ip.is_ipv6() == ipv6 && serves(ip)).count() > 1 {
            return Err(unsupported(format!(
                "Multiple {family} dhcp sections found -- dhcp is supported only for a single {family} address on each network"
            )));
        }
    }
    let mut defaults = network.port_groups.iter().filter(|group| group.default);
    if let (Some(first), Some(second)) = (defaults.next(), defaults.next()) {
        return Err(unsupported(format!(
            "network '{name}' has multiple default <portgroup> elements ({} and {}), but only one default is allowed",
            first.name, second.name
        )));
    }
    check_vlans(network)
}

/// Whether the switch behind the ports is Open vSwitch.
fn is_open_vswitch(kind: Option<&virt_conf::model::VirtualPort>) -> bool {
    kind.is_some_and(|port| port.kind == Some(VirtualPortType::OpenVSwitch))
}

fn check_vlans(network: &Network) -> Result<()> {
    let mode = network.mode();
    let allows = |port: Option<&virt_conf::model::VirtualPort>| {
        let vswitch =
            mode == Some(ForwardMode::Bridge) && is_open_vswitch(port.or(network.virtualport.as_ref()));
        let to_function = matches!(mode, Some(ForwardMode::Hostdev | ForwardMode::Passthrough));
        vswitch || to_function || mode == Some(ForwardMode::Bridge)
    };
    let groups = network.port_groups.iter().filter(|group| group.vlan.is_some());
    let mut refused = groups.filter(|group| !allows(group.virtualport.as_ref())).map(drop);
    if (network.vlan.is_some() && !allows(None)) || refused.next().is_some() {
        return Err(unsupported(format!(
            "<vlan> element specified for network {}, whose type doesn't support vlan configuration",
            network.name
        )));
    }
    Ok(())
}

/// What a network that lends what is there cannot have.
fn only_made_bridges(network: &Network) -> Result<()> {
    let name = &network.name;
    let Some(mode) = network.mode() else { return Ok(()) };
    let elements = [
        ("<ip>", !network.ips.is_empty()),
        ("<dns>", network.dns.is_some()),
        ("<domain>", network.domain.is_some()),
        ("<mac>", network.mac.is_some()),
    ];
    if let Some((element, _)) = elements.iter().find(|(_, given)| *given) {
        return Err(unsupported(format!(
            "Unsupported {element} element in network {name} with forward mode='{mode}'"
        )));
    }
    let has_bridge = network.bridge.as_ref().is_some_and(|bridge| bridge.name.is_some());
    if network.bandwidth.is_some() && !(mode == ForwardMode::Bridge && has_bridge) {
        return Err(unsupported(format!(
            "Unsupported network-wide <bandwidth> element in network {name} with forward mode='{mode}'"
        )));
    }
    if let Some(group) = network.port_groups.iter().find(|group| group.bandwidth.is_some())
        && mode == ForwardMode::Hostdev
    {
        return Err(unsupported(format!(
            "Unsupported <bandwidth> element in network '{name}' in portgroup '{}' with forward mode='{mode}'",
            group.name
        )));
    }
    Ok(())
}

//! What libvirt refuses in a network as a whole, whatever runs it.

use super::{ForwardMode, Network, NetworkForward, network_of, refuse, unsupported};
use crate::xml::{Error, ErrorCode, ErrorDomain, Result};

impl Network {
    /// Refuses what does not go together.
    pub(super) fn check(&self) -> Result<()> {
        let name = &self.name;
        if let Some(mac) = self.mac.filter(|mac| mac.is_multicast()) {
            return Err(refuse(format!("Invalid multicast bridge mac address '{mac}' in network '{name}'")));
        }
        if self.domain.as_ref().is_some_and(|d| d.register == Some(true) && d.local_only != Some(true)) {
            return Err(unsupported(format!(
                "attribute 'register=yes' in <domain> element requires 'localOnly=yes' in network {name}"
            )));
        }
        if self.virtualport.as_ref().is_some_and(|port| port.kind.is_none()) {
            let sentence = "missing required virtualport type";
            return Err(Error::new(ErrorCode::XML_ERROR, ErrorDomain::NONE, sentence));
        }
        self.check_routes()?;
        match self.mode() {
            None => Ok(()),
            Some(mode) if self.makes_bridge() => self.check_routed(mode),
            Some(mode) => self.check_bridged(mode),
        }
    }

    /// A gateway that no address of the host's can reach leads nowhere.
    fn check_routes(&self) -> Result<()> {
        for route in &self.routes {
            let reachable = self.ips.iter().any(|ip| match (ip.address, ip.prefix_length()) {
                (Some(address), Some(prefix)) => {
                    network_of(address, prefix) == network_of(route.gateway, prefix)
                }
                _ => false,
            });
            if !reachable {
                return Err(unsupported(format!(
                    "unreachable static route gateway '{}' specified for network '{}'",
                    route.gateway, self.name
                )));
            }
        }
        Ok(())
    }

    /// Of modes in which the host routes.
    fn check_routed(&self, mode: ForwardMode) -> Result<()> {
        let name = &self.name;
        if mode == ForwardMode::Open {
            let device =
                |forward: &NetworkForward| !(forward.interfaces.is_empty() && forward.addresses.is_empty());
            return match self.forward.as_ref().filter(|forward| device(forward)) {
                Some(_) => Err(refuse(format!(
                    "forward dev not allowed for network '{name}' with forward mode='{mode}'"
                ))),
                None => Ok(()),
            };
        }
        if self.ips.is_empty() {
            return Err(refuse(format!(
                "{mode} forwarding requested, but no IP address provided for network '{name}'"
            )));
        }
        if self.forward.as_ref().is_some_and(|forward| forward.interfaces.len() > 1) {
            return Err(refuse(format!(
                "multiple forwarding interfaces specified for network '{name}', only one is supported"
            )));
        }
        Ok(())
    }

    /// Of modes in which somebody else's bridge or device carries the traffic.
    fn check_bridged(&self, mode: ForwardMode) -> Result<()> {
        let name = &self.name;
        let wrong =
            |what: &str| Err(refuse(format!("bridge {what} not allowed in {mode} mode (network '{name}')")));
        let only = "only allowed in open, route, nat, and isolated mode, not in";
        if let Some(bridge) = &self.bridge {
            if mode != ForwardMode::Bridge {
                if bridge.name.is_some() {
                    return wrong("name");
                }
                if bridge.zone.is_some() {
                    return wrong("zone");
                }
                if bridge.mac_table_manager.is_some() {
                    return wrong("macTableManager setting");
                }
            }
            if bridge.stp.is_some() || bridge.delay.is_some_and(|delay| delay > 0) || bridge.zone.is_some() {
                return Err(refuse(format!(
                    "bridge delay/stp/zone options {only} {mode} (network '{name}')"
                )));
            }
            let forward = self.forward.as_ref();
            if bridge.name.is_some()
                && forward.is_some_and(|f| {
                    !(f.interfaces.is_empty() && f.addresses.is_empty() && f.physical_functions.is_empty())
                })
            {
                return Err(refuse(format!(
                    "A network with forward mode='{mode}' can specify a bridge name or a forward dev, but not both (network '{name}')"
                )));
            }
        }
        if self.mtu.is_some_and(|mtu| mtu > 0) {
            return Err(refuse(format!("mtu size {only} {mode} (network '{name}')")));
        }
        Ok(())
    }
}

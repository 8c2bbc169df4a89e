//! Checks of one network interface.

use super::{refuse_if, unsupported};
use crate::model::{Interface, InterfaceBackendType, InterfaceKind, MacAddress, TeamingType};
use crate::xml::{Result, Within};

fn mac(interface: &Interface) -> MacAddress {
    interface.mac.as_ref().map_or(MacAddress([0; 6]), |mac| mac.address)
}

pub(super) fn validate(interface: &Interface) -> Result<()> {
    let (kind, name) = (&interface.kind, mac(interface));
    let tag = kind.tag();
    let switched = matches!(kind, InterfaceKind::Network(_) | InterfaceKind::Bridge(_));
    let port_type = interface.virtualport.as_ref().and_then(|port| port.kind);
    if interface.isolated == Some(true) {
        refuse_if(!switched, || {
            unsupported(format!(
                "interface {name} - <port isolated='yes'/> is not supported for network interfaces with type='{tag}'"
            )).within("port/@isolated")
        })?;
        if let Some(port) = port_type {
            return Err(unsupported(format!(
                "interface {name} - <port isolated='yes'/> is not supported for network interfaces with virtualport \
                 type='{port}'"
            )).within("port/@isolated"));
        }
    }
    validate_backend(interface)?;
    let managed = interface.target.managed == Some(false);
    refuse_if(managed && !matches!(kind, InterfaceKind::Ethernet(_)), || {
        unsupported(format!("unmanaged target dev is not supported on interfaces of type '{tag}'"))
            .within("target/@managed")
    })?;
    validate_teaming(interface)
}

fn validate_backend(interface: &Interface) -> Result<()> {
    let passt = interface.backend.kind == Some(InterfaceBackendType::Passt);
    let takes_passt = matches!(interface.kind, InterfaceKind::User(_) | InterfaceKind::VhostUser(_));
    refuse_if(passt && !takes_passt, || {
        unsupported("The 'passt' backend can only be used with interface type='user' or type='vhostuser'")
            .within("backend/@type")
    })?;
    let dev = match &interface.kind {
        InterfaceKind::User(user) => user.dev.is_some(),
        InterfaceKind::VhostUser(vhost) => vhost.dev.is_some(),
        _ => false,
    };
    refuse_if(dev && !passt, || {
        unsupported(
            "The 'dev' attribute of the <source> element can only be used with <interface> type='user' or \
             type='vhostuser' if the <backend> type='passt'",
        )
        .within("source/@dev")
    })?;
    let forwards = !interface.port_forwards.is_empty();
    refuse_if(forwards && !(passt && takes_passt), || {
        unsupported(
            "The <portForward> element can only be used with the 'passt' backend of interface type='user' or \
             type='vhostuser'",
        )
        .within("portForward")
    })?;
    let mut ranges = interface.port_forwards.iter().flat_map(|forward| &forward.ranges);
    let open = ranges.any(|range| {
        range.start.is_none() && (range.end.is_some() || range.to.is_some() || range.exclude.is_some())
    });
    refuse_if(open, || {
        unsupported(
            "The 'range' of a 'portForward' requires 'start' attribute if 'end', 'to', or 'exclude' is specified",
        ).within("portForward/range")
    })
}

fn validate_teaming(interface: &Interface) -> Result<()> {
    let Some(teaming) = &interface.teaming else { return Ok(()) };
    let transient = teaming.kind == TeamingType::Transient;
    refuse_if(transient && teaming.persistent.is_none(), || {
        unsupported("teaming persistent attribute must be set if teaming type is 'transient'")
            .within("teaming")
    })?;
    refuse_if(!transient && teaming.persistent.is_some(), || {
        unsupported(format!("teaming persistent attribute not allowed if teaming type is '{}'", teaming.kind))
            .within("teaming/@persistent")
    })
}

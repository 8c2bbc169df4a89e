//! The rules as the commands by which libvirt 11.3 sets them, for comparison.

use super::{Chain, Family, Rule, Rules, Verdict};

/// The commands of its `iptables` backend, one list of words each.
pub fn iptables_commands(rules: &Rules) -> Vec<Vec<String>> {
    rules.rules.iter().map(iptables).collect()
}

/// The commands of its `nftables` backend, with those of `tc` that go with them.
pub fn nftables_commands(rules: &Rules) -> Vec<Vec<String>> {
    let bridge = &rules.bridge;
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut commands = Vec::new();
    // Its switch for the answers of DHCP is there whether or not there is DHCP.
    commands.push(words(&format!("tc qdisc show dev {bridge} handle 1:")));
    commands.push(words(&format!("tc qdisc add dev {bridge} root handle 1: htb default 2")));
    commands.push(words(&format!(
        "tc filter add dev {bridge} prio 2 protocol ip parent 1: u32 match ip dport 68 ffff action csum ip and udp"
    )));
    commands.extend(rules.rules.iter().filter_map(nftables));
    commands
}

fn iptables(rule: &Rule) -> Vec<String> {
    let mut words = vec![
        match rule.family {
            Family::Ipv4 => "iptables",
            Family::Ipv6 => "ip6tables",
        }
        .to_owned(),
    ];
    let (table, chain) = match rule.chain {
        Chain::Input => ("filter", "LIBVIRT_INP"),
        Chain::Output => ("filter", "LIBVIRT_OUT"),
        Chain::Cross => ("filter", "LIBVIRT_FWX"),
        Chain::GuestInput => ("filter", "LIBVIRT_FWI"),
        Chain::GuestOutput => ("filter", "LIBVIRT_FWO"),
        Chain::Nat => ("nat", "LIBVIRT_PRT"),
        Chain::Mangle => ("mangle", "LIBVIRT_PRT"),
    };
    let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
    add(&["-w", "--table", table, "--insert", chain]);
    let translates = matches!(rule.verdict, Verdict::Translate { .. });
    let way_out = rule.to_device.as_deref();
    // Where the device stands depends on what kind of rule it is.
    if let (Verdict::Return, Some(device)) = (&rule.verdict, way_out) {
        add(&["--out-interface", device]);
    }
    if let Some(source) = &rule.source {
        add(&["--source", &source.to_string()]);
    }
    if let (true, Some(protocol)) = (translates, rule.protocol) {
        add(&["-p", protocol.name()]);
    }
    if let Some(destination) = &rule.destination {
        if rule.elsewhere {
            add(&["!"]);
        }
        add(&["--destination", &destination.to_string()]);
    }
    if let Some(device) = &rule.from_device {
        add(&["--in-interface", device]);
    }
    if let Some(device) = way_out.filter(|_| rule.verdict != Verdict::Return) {
        add(&["--out-interface", device]);
    }
    if let (false, Some(protocol)) = (translates, rule.protocol) {
        add(&["--protocol", protocol.name()]);
    }
    if let Some(port) = rule.port {
        add(&["--destination-port", &port.to_string()]);
    }
    if rule.established {
        add(&["--match", "conntrack", "--ctstate", "ESTABLISHED,RELATED"]);
    }
    match &rule.verdict {
        Verdict::Accept => add(&["--jump", "ACCEPT"]),
        Verdict::Reject => add(&["--jump", "REJECT"]),
        Verdict::Return => add(&["--jump", "RETURN"]),
        Verdict::FillChecksum => add(&["--jump", "CHECKSUM", "--checksum-fill"]),
        Verdict::Translate { addresses: None, ports } => {
            add(&["--jump", "MASQUERADE"]);
            if let Some((first, last)) = ports {
                add(&["--to-ports", &format!("{first}-{last}")]);
            }
        }
        Verdict::Translate { addresses: Some((first, last)), ports } => {
            let ports = ports.map(|(first, last)| format!(":{first}-{last}")).unwrap_or_default();
            add(&["--jump", "SNAT", "--to-source", &format!("{first}-{last}{ports}")]);
        }
    }
    words
}

/// Nothing for what its tables need no rule for: they let everything to and from the host.
fn nftables(rule: &Rule) -> Option<Vec<String>> {
    let layer = match rule.family {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ip6",
    };
    let chain = match rule.chain {
        Chain::Cross => "guest_cross",
        Chain::GuestInput => "guest_input",
        Chain::GuestOutput => "guest_output",
        Chain::Nat => "guest_nat",
        Chain::Input | Chain::Output | Chain::Mangle => return None,
    };
    let mut words = Vec::new();
    let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
    add(&["nft", "-ae", "insert", "rule", layer, "libvirt_network", chain]);
    let source = rule.source.map(|subnet| subnet.to_string());
    let destination = rule.destination.map(|subnet| subnet.to_string());
    match (rule.chain, &rule.verdict) {
        (Chain::Nat, verdict) => {
            if let Some(protocol) = rule.protocol {
                add(&["meta", "l4proto", protocol.name()]);
            }
            let device = rule.to_device.as_deref();
            if let (Verdict::Return, Some(device)) = (verdict, device) {
                add(&["oifname", device]);
            }
            add(&[layer, "saddr", &source.unwrap_or_default(), layer, "daddr"]);
            if rule.elsewhere {
                add(&["!="]);
            }
            add(&[&destination.unwrap_or_default()]);
            if let Some(device) = device.filter(|_| *verdict != Verdict::Return) {
                add(&["oifname", device]);
            }
        }
        (Chain::GuestInput, Verdict::Accept) => {
            let destination = destination.unwrap_or_default();
            let arrival = rule.from_device.as_deref().map(|device| ["iifname", device]);
            let bridge = ["oif", rule.to_device.as_deref().unwrap_or_default()];
            let address = [layer, "daddr", &destination];
            if rule.established {
                add(arrival.as_ref().map_or(&[], |words| &words[..]));
                add(&bridge);
                add(&address);
                add(&["ct", "state", "related,established"]);
            } else {
                add(&address);
                add(arrival.as_ref().map_or(&[], |words| &words[..]));
                add(&bridge);
            }
        }
        _ => {
            if let Some(source) = source {
                add(&[layer, "saddr", &source]);
            }
            if let Some(device) = &rule.from_device {
                add(&["iif", device]);
            }
            if let Some(device) = &rule.to_device {
                // The bridge is known by its number, other devices by their names.
                let key = if rule.chain == Chain::GuestOutput { "oifname" } else { "oif" };
                add(&[key, device]);
            }
        }
    }
    add(&["counter"]);
    match &rule.verdict {
        Verdict::Accept => add(&["accept"]),
        Verdict::Reject => add(&["reject"]),
        Verdict::Return => add(&["return"]),
        Verdict::FillChecksum => return None,
        Verdict::Translate { addresses, ports } => {
            let ports = ports.map(|(first, last)| format!(":{first}-{last}")).unwrap_or_default();
            match addresses {
                Some((first, last)) => add(&["snat", "to", &format!("{first}-{last}{ports}")]),
                None if ports.is_empty() => add(&["masquerade"]),
                None => add(&["masquerade", "to", &ports]),
            }
        }
    }
    Some(words)
}

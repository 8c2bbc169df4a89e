//! The rules as one transaction of nftables: a table of the network's own, which comes and goes as a whole.

use serde_json::{Value, json};

use super::{Chain, Family, Rule, Rules, Verdict};

/// The name of the table of the network with this bridge. Each has one of its own, so that none has to know of the others, of
/// other roots least of all.
pub(crate) fn table(bridge: &str) -> String {
    format!("virt_network_{bridge}")
}

/// What `nft -j -f -` is to read: the table as it shall be, in place of the one that is there where there is one. To delete
/// one that is not costs the kernel several times what all the rules do.
pub(crate) fn transaction(rules: &Rules, replacing: bool) -> String {
    let name = table(&rules.bridge);
    let mut commands = if replacing { removal(&name) } else { Vec::new() };
    commands.push(json!({ "add": { "table": { "family": "inet", "name": name } } }));
    let chain = |chain: &str, kind: &str, hook: &str, priority: i32| {
        json!({ "add": { "chain": {
            "family": "inet", "table": name, "name": chain, "type": kind, "hook": hook, "prio": priority, "policy": "accept",
        } } })
    };
    commands.push(chain("forward", "filter", "forward", 0));
    let order = [Chain::Cross, Chain::GuestInput, Chain::GuestOutput];
    let of = |chain: Chain| rules.rules.iter().rev().filter(move |rule| rule.chain == chain);
    let add = |chain: &str, rule: &Rule| json!({ "add": { "rule": { "family": "inet", "table": name, "chain": chain, "expr": expression(rule) } } });
    commands.extend(order.into_iter().flat_map(of).map(|rule| add("forward", rule)));
    if of(Chain::Nat).next().is_some() {
        commands.push(chain("postrouting", "nat", "postrouting", 100));
        commands.extend(of(Chain::Nat).map(|rule| add("postrouting", rule)));
    }
    json!({ "nftables": commands }).to_string()
}

/// What `nft -j -f -` is to read so that nothing is left, whatever there is.
pub(crate) fn remove(bridge: &str) -> String {
    json!({ "nftables": removal(&table(bridge)) }).to_string()
}

/// Deleting what is not there would fail; adding what is there does not.
fn removal(name: &str) -> Vec<Value> {
    let table = json!({ "table": { "family": "inet", "name": name } });
    vec![json!({ "add": table.clone() }), json!({ "delete": table })]
}

fn expression(rule: &Rule) -> Value {
    let layer = match rule.family {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ip6",
    };
    let is = |left: Value, right: Value| json!({ "match": { "op": "==", "left": left, "right": right } });
    let meta = |key: &str, value: &str| is(json!({ "meta": { "key": key } }), json!(value));
    let mut list = Vec::new();
    if rule.source.is_none() && rule.destination.is_none() {
        // Otherwise the addresses say it.
        list.push(meta("nfproto", if rule.family == Family::Ipv4 { "ipv4" } else { "ipv6" }));
    }
    list.extend(rule.from_device.iter().map(|device| meta("iifname", device)));
    list.extend(rule.to_device.iter().map(|device| meta("oifname", device)));
    let addresses = [("saddr", rule.source, false), ("daddr", rule.destination, rule.elsewhere)];
    for (field, subnet, elsewhere) in addresses {
        let Some(subnet) = subnet else { continue };
        list.push(json!({ "match": {
            "op": if elsewhere { "!=" } else { "==" },
            "left": { "payload": { "protocol": layer, "field": field } },
            "right": { "prefix": { "addr": subnet.address.to_string(), "len": subnet.prefix } },
        } }));
    }
    list.extend(rule.protocol.map(|protocol| meta("l4proto", protocol.name())));
    if rule.established {
        let state = json!({ "ct": { "key": "state" } });
        list.push(json!({ "match": { "op": "in", "left": state, "right": ["related", "established"] } }));
    }
    list.push(json!({ "counter": null }));
    list.extend(verdict(&rule.verdict));
    Value::Array(list)
}

fn verdict(verdict: &Verdict) -> Option<Value> {
    Some(match verdict {
        Verdict::Accept => json!({ "accept": null }),
        Verdict::Reject => json!({ "reject": { "type": "icmpx", "expr": "port-unreachable" } }),
        Verdict::Return => json!({ "return": null }),
        Verdict::Translate { addresses, ports } => {
            let mut what = serde_json::Map::new();
            if let Some((first, last)) = addresses {
                what.insert("family".into(), json!("ip"));
                let addresses = if first == last {
                    json!(first.to_string())
                } else {
                    json!({ "range": [first.to_string(), last.to_string()] })
                };
                what.insert("addr".into(), addresses);
            }
            if let Some((first, last)) = ports {
                let ports = if first == last { json!(first) } else { json!({ "range": [first, last] }) };
                what.insert("port".into(), ports);
            }
            let what = if what.is_empty() { Value::Null } else { Value::Object(what) };
            if addresses.is_some() { json!({ "snat": what }) } else { json!({ "masquerade": what }) }
        }
        // That is for traffic control.
        Verdict::FillChecksum => return None,
    })
}

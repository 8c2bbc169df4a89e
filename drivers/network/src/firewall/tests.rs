//! The rules of documents, rendered both ways.

use expect_test::{Expect, expect};

use super::*;

fn rules(xml: &str) -> Rules {
    let network: Network = xml.parse().unwrap();
    Rules::of(&network).unwrap()
}

fn lines(commands: Vec<Vec<String>>) -> String {
    commands.iter().map(|words| words.join(" ") + "\n").collect()
}

const LAB: &str = "<network><name>lab</name><forward dev='eth7'><nat><address start='198.51.100.7' end='198.51.100.9'/>\
    <port start='2000' end='3000'/></nat></forward><bridge name='lab0'/>\
    <ip address='10.7.0.1' prefix='16'><tftp root='/srv/tftp'/></ip></network>";

fn check(actual: String, expected: Expect) {
    expected.assert_eq(&actual);
}

#[test]
fn translation_to_a_range_of_addresses_names_them_and_the_ports() {
    let commands =
        nftables_commands(&rules(LAB)).into_iter().filter(|words| words.join(" ").contains("snat"));
    check(
        lines(commands.collect()),
        expect![[r"
            nft -ae insert rule ip libvirt_network guest_nat ip saddr 10.7.0.0/16 ip daddr != 10.7.0.0/16 oifname eth7 counter snat to 198.51.100.7-198.51.100.9
            nft -ae insert rule ip libvirt_network guest_nat meta l4proto udp ip saddr 10.7.0.0/16 ip daddr != 10.7.0.0/16 oifname eth7 counter snat to 198.51.100.7-198.51.100.9:2000-3000
            nft -ae insert rule ip libvirt_network guest_nat meta l4proto tcp ip saddr 10.7.0.0/16 ip daddr != 10.7.0.0/16 oifname eth7 counter snat to 198.51.100.7-198.51.100.9:2000-3000
        "]],
    );
}

#[test]
fn a_boot_server_is_reached_by_tftp() {
    let commands =
        iptables_commands(&rules(LAB)).into_iter().filter(|words| words.contains(&"69".to_owned()));
    check(
        lines(commands.collect()),
        expect![[r"
            iptables -w --table filter --insert LIBVIRT_INP --in-interface lab0 --protocol udp --destination-port 69 --jump ACCEPT
            iptables -w --table filter --insert LIBVIRT_OUT --out-interface lab0 --protocol udp --destination-port 69 --jump ACCEPT
        "]],
    );
}

#[test]
fn an_isolated_network_lets_guests_talk_among_themselves_alone() {
    let isolated =
        rules("<network><name>lab</name><bridge name='lab0'/><ip address='10.7.0.1' prefix='16'/></network>");
    let value: serde_json::Value = serde_json::from_str(&transaction(&isolated, true)).unwrap();
    let rules = value["nftables"].as_array().unwrap().iter().filter_map(|command| command["add"].get("rule"));
    let last = |rule: &serde_json::Value| rule["expr"].as_array().unwrap().last().unwrap().to_string();
    check(
        rules.map(|rule| last(rule) + "\n").collect(),
        expect![[r#"
            {"accept":null}
            {"reject":{"type":"icmpx","expr":"port-unreachable"}}
            {"reject":{"type":"icmpx","expr":"port-unreachable"}}
        "#]],
    );
}

#[test]
fn without_nftables_there_is_a_chain_for_each_place() {
    let isolated =
        rules("<network><name>lab</name><bridge name='lab0'/><ip address='10.7.0.1' prefix='16'/></network>");
    let set_up = restore(&isolated, Family::Ipv4);
    check(
        removal(&set_up.replace("-I ", "-A "), "lab0"),
        expect![[r"
            *filter
            -D FORWARD -j VFX_lab0
            -D FORWARD -j VFI_lab0
            -D FORWARD -j VFO_lab0
            -D OUTPUT -j VO_lab0
            -D INPUT -j VI_lab0
            -F VI_lab0
            -X VI_lab0
            -F VO_lab0
            -X VO_lab0
            -F VFO_lab0
            -X VFO_lab0
            -F VFI_lab0
            -X VFI_lab0
            -F VFX_lab0
            -X VFX_lab0
            COMMIT
        "]],
    );
    assert_eq!(removal(&set_up, "lab1"), "");
    assert_eq!(restore(&isolated, Family::Ipv6), "");
}

#[test]
fn an_open_network_has_no_rules() {
    let open = "<network><name>lab</name><forward mode='open'/><bridge name='lab0'/><ip address='10.7.0.1'/></network>";
    assert!(Rules::of(&open.parse().unwrap()).is_none());
}

//! What libvirt makes of documents: the document on one line, and below it, indented, what libvirt writes, or the code,
//! the part of the library and the sentence with which it refuses.

use std::fmt::Write as _;

use expect_test::expect_file;
use virt_conf::model::{
    HostInterface, Network, NetworkPort, NodeDevice, NwFilter, NwFilterBinding, Secret, StoragePool,
    StorageVolume,
};
use virt_conf::xml::{FormatOptions, ParseOptions};
use virt_util::Result;

/// Answers each document of `known` as libvirt would, and leaves remarks alone.
fn answers(known: &str, read_and_write: impl Fn(&str) -> Result<String>) -> String {
    let mut answers = String::new();
    for line in known.lines().filter(|line| !line.starts_with("    ")) {
        let _ = writeln!(answers, "{line}");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let answer = match read_and_write(line) {
            Ok(text) => text,
            Err(error) => format!("{}/{} {error}\n", error.code().0, error.domain().0),
        };
        for line in answer.lines() {
            let _ = writeln!(answers, "    {line}");
        }
    }
    answers
}

#[test]
fn interfaces() {
    let answers = answers(include_str!("data/interfaces.txt"), |text| {
        text.parse::<HostInterface>().map(|interface| interface.to_string())
    });
    expect_file!["data/interfaces.txt"].assert_eq(&answers);
}

#[test]
fn filters() {
    let answers = answers(include_str!("data/nwfilters.txt"), |text| {
        text.parse::<NwFilter>().map(|filter| filter.to_string())
    });
    expect_file!["data/nwfilters.txt"].assert_eq(&answers);
}

#[test]
fn networks() {
    let answers = answers(include_str!("data/networks.txt"), |text| {
        text.parse::<Network>().map(|network| network.to_string())
    });
    expect_file!["data/networks.txt"].assert_eq(&answers);
}

/// Each line updates the network afresh: the section, the command, the index of the parent, the element.
#[test]
fn network_updates() {
    let before = include_str!("data/network.xml");
    let answers = answers(include_str!("data/network-updates.txt"), |line| {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (Ok(section), Ok(command)) = (word().parse(), word().parse()) else {
            return Ok("no such section or command\n".to_owned());
        };
        let parent = word().parse().ok();
        let mut network: Network = before.parse()?;
        network.update(section, command, parent, word())?;
        Ok(difference(before, &network.to_string()))
    });
    expect_file!["data/network-updates.txt"].assert_eq(&answers);
}

/// The lines between what both begin and end with.
fn difference(before: &str, after: &str) -> String {
    let (mut before, mut after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let begin = before.iter().zip(&after).take_while(same).count();
    before.drain(..begin);
    after.drain(..begin);
    let end = before.iter().rev().zip(after.iter().rev()).take_while(same).count();
    before.truncate(before.len() - end);
    after.truncate(after.len() - end);
    let removed = before.iter().map(|line| format!("-{line}\n"));
    removed.chain(after.iter().map(|line| format!("+{line}\n"))).collect()
}

#[test]
fn secrets() {
    let answers = answers(include_str!("data/secrets.txt"), |text| {
        text.parse::<Secret>().map(|secret| secret.to_string())
    });
    expect_file!["data/secrets.txt"].assert_eq(&answers);
}

#[test]
fn storage_pools() {
    let answers = answers(include_str!("data/pools.txt"), |text| {
        text.parse::<StoragePool>().map(|pool| pool.to_string())
    });
    expect_file!["data/pools.txt"].assert_eq(&answers);
}

#[test]
fn ports_of_networks() {
    let answers = answers(include_str!("data/ports.txt"), |text| {
        let port = NetworkPort::from_xml(text, &ParseOptions::default())?;
        Ok(port.to_xml(&FormatOptions::default()))
    });
    expect_file!["data/ports.txt"].assert_eq(&answers);
}

#[test]
fn filters_in_force() {
    let answers = answers(include_str!("data/bindings.txt"), |text| {
        let binding = NwFilterBinding::from_xml(text, &ParseOptions::default())?;
        Ok(binding.to_xml(&FormatOptions::default()))
    });
    expect_file!["data/bindings.txt"].assert_eq(&answers);
}

#[test]
fn volumes_in_a_directory() {
    let pool = "<pool type='dir'><name>p</name><target><path>/p</path></target></pool>";
    let pool: StoragePool = pool.parse().unwrap();
    let answers = answers(include_str!("data/volumes.txt"), |text| {
        let mut volume = StorageVolume::from_xml(text, &ParseOptions::default())?;
        volume.settle_in(&pool.kind)?;
        Ok(volume.to_string())
    });
    expect_file!["data/volumes.txt"].assert_eq(&answers);
}

#[test]
fn devices_of_hosts() {
    let answers = answers(include_str!("data/devices.txt"), |text| {
        text.parse::<NodeDevice>().map(|device| device.to_string())
    });
    expect_file!["data/devices.txt"].assert_eq(&answers);
}

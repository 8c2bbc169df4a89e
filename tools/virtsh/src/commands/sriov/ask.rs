//! What is asked for, from the options of `sriov`.

use std::str::FromStr;

use virt_core::Error;
use virt_core::sriov::{
    LinkState, PciAddress, PortProfile, Request, Selection, Settings, Vlan, VlanProtocol, Wish,
};

use super::invalid;
use crate::failure::Failure;
use crate::grammar::Arguments;

/// Who has what is leased without a name.
const HOLDER: &str = "virtsh";

pub(super) fn devices(arguments: &Arguments) -> Result<Vec<PciAddress>, Failure> {
    arguments.words("devices").map(|word| word.parse().map_err(invalid)).collect()
}

pub(super) fn holder(arguments: &Arguments) -> Result<&str, Failure> {
    Ok(arguments.text("holder")?.unwrap_or(HOLDER))
}

/// The request of `sriov lease`.
pub(super) fn request(arguments: &Arguments, devices: &[PciAddress]) -> Result<Request, Failure> {
    let mut selections: Vec<_> = devices.iter().copied().map(Selection::Address).collect();
    if let Some(of) = arguments.text("any")? {
        selections.push(Selection::Any { of: of.to_owned() });
    }
    if let Some(kind) = arguments.text("like")? {
        let number = |text: &str| u16::from_str_radix(text, 16).ok();
        let numbers =
            kind.split_once(':').and_then(|(vendor, product)| Some((number(vendor)?, number(product)?)));
        let (vendor, product) = numbers.ok_or_else(|| {
            Failure::usage(format!("'{kind}' is no kind of device"))
                .hint("write vendor and product: 8086:1520")
        })?;
        selections.push(Selection::Like { vendor, product });
    }
    if selections.is_empty() {
        return Err(Failure::usage("need devices, --any or --like"));
    }
    let mut request = Request::new(holder(arguments)?);
    request.holder.process = arguments.number("process")?;
    request.force = arguments.has("force");
    let settings = settings(arguments)?;
    for selection in selections {
        let mut wish = Wish::new(selection).with(settings.clone());
        wish.driver = arguments.text("driver")?.map(str::to_owned);
        wish.reset = arguments.has("reset");
        request.devices.push(wish);
    }
    Ok(request)
}

/// What is to be set.
pub(super) fn settings(arguments: &Arguments) -> Result<Settings, Failure> {
    arguments.requires("qos", "vlan")?;
    arguments.requires("proto", "vlan")?;
    let vlan = match arguments.number("vlan")? {
        None => None,
        Some(id) => Some(Vlan {
            id,
            qos: arguments.number("qos")?.unwrap_or_default(),
            protocol: one_of(
                arguments,
                "proto",
                &[("802.1Q", VlanProtocol::Customer), ("802.1ad", VlanProtocol::Service)],
            )?
            .unwrap_or_default(),
        }),
    };
    let states = [("auto", LinkState::Auto), ("enable", LinkState::Enable), ("disable", LinkState::Disable)];
    let profile = arguments.text("profile")?;
    Ok(Settings {
        mac: parsed(arguments, "mac")?,
        vlan,
        spoof_check: switch(arguments, "spoofchk")?,
        trust: switch(arguments, "trust")?,
        link_state: one_of(arguments, "state", &states)?,
        min_rate: arguments.number("min-tx-rate")?,
        max_rate: arguments.number("max-tx-rate")?,
        rss_query: switch(arguments, "query-rss")?,
        node_guid: parsed(arguments, "node-guid")?,
        port_guid: parsed(arguments, "port-guid")?,
        port_profile: profile.map(|profile| PortProfile::Qbh {
            profile: profile.to_owned(),
            instance: None,
            host: None,
        }),
    })
}

fn switch(arguments: &Arguments, option: &str) -> Result<Option<bool>, Failure> {
    one_of(arguments, option, &[("on", true), ("off", false)])
}

fn one_of<T: Copy>(arguments: &Arguments, option: &str, known: &[(&str, T)]) -> Result<Option<T>, Failure> {
    let Some(text) = arguments.text(option)? else { return Ok(None) };
    let found = known.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| Some(*value)).ok_or_else(|| {
        let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
        Failure::usage(format!("'{text}' is no value for --{option}"))
            .hint(format!("it is one of {}", words.join(", ")))
    })
}

fn parsed<T: FromStr<Err = Error>>(arguments: &Arguments, option: &str) -> Result<Option<T>, Failure> {
    arguments.text(option)?.map(|text| text.parse().map_err(invalid)).transpose()
}

//! What only the running emulator knows of its guest: the terminals that it opened, the processor that it gave.

use virt_conf::model::{CharSource, Domain};
use virt_util::Result;

use super::context::Context;
use super::processor::learn_processor;
use crate::monitor::{Chardev, Commands};

/// Fills in what the emulator chose.
pub(super) fn learn(domain: &mut Domain, context: &mut Context) -> Result<()> {
    learn_processor(domain, context)?;
    learn_terminals(domain, context)
}

fn learn_terminals(domain: &mut Domain, context: &mut Context) -> Result<()> {
    if !sources(domain).any(|(_, source)| matches!(source, CharSource::Pty(_))) {
        return Ok(());
    }
    let wait = context.wait();
    let chardevs = context.client()?.chardevs(wait)?;
    for (alias, source) in sources(domain) {
        let CharSource::Pty(pty) = source else { continue };
        pty.path = alias.and_then(|alias| terminal(&chardevs, alias));
    }
    for console in &mut domain.devices.consoles {
        if let CharSource::Pty(pty) = &console.source {
            console.tty.clone_from(&pty.path);
        }
    }
    Ok(())
}

/// The alias and the host's end of every character device.
fn sources(domain: &mut Domain) -> impl Iterator<Item = (Option<&str>, &mut CharSource)> {
    let devices = &mut domain.devices;
    let serials = devices.serials.iter_mut().map(|device| (device.info.alias.as_deref(), &mut device.source));
    let parallels =
        devices.parallels.iter_mut().map(|device| (device.info.alias.as_deref(), &mut device.source));
    let consoles =
        devices.consoles.iter_mut().map(|device| (device.info.alias.as_deref(), &mut device.source));
    let channels =
        devices.channels.iter_mut().map(|device| (device.info.alias.as_deref(), &mut device.source));
    serials.chain(parallels).chain(consoles).chain(channels)
}

/// The terminal that QEMU opened for the device `alias`.
fn terminal(chardevs: &[Chardev], alias: &str) -> Option<String> {
    let label = format!("char{alias}");
    let chardev = chardevs.iter().find(|chardev| chardev.label == label)?;
    chardev.filename.strip_prefix("pty:").map(str::to_owned)
}

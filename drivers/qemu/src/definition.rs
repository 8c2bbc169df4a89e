//! Reading a definition as this driver does: with its own defaults and checks.

use virt_conf::model::Domain;
use virt_conf::xml::ParseOptions;
use virt_util::Result;
use virt_util::wait::Wait;

use crate::engine::Engine;

/// Reads `xml`: syntax, defaults, checks.
pub(crate) fn parse(xml: &str, options: &ParseOptions, _engine: &Engine, _wait: Wait<'_>) -> Result<Domain> {
    let mut domain = Domain::from_xml(xml, options, &virt_conf::domain::Neutral)?;
    if domain.devices.emulator.is_none() {
        domain.devices.emulator = Some(crate::host::default_emulator()?.to_string_lossy().into_owned());
    }
    Ok(domain)
}

/// `hvm`, as far as this driver knows any.
pub(crate) fn os_type(domain: &Domain) -> String {
    if domain.os.kind.name.is_empty() { "hvm".into() } else { domain.os.kind.name.clone() }
}

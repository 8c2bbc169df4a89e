//! Reading a definition as this driver does: with its own defaults and checks.

use virt_conf::model::Domain;
use virt_conf::xml::{ParseOptions, locate};
use virt_util::Result;
use virt_util::wait::Wait;

use crate::engine::Engine;
use crate::hooks::QemuHooks;
use crate::host;

/// Reads `xml`: syntax, defaults, checks, by what the emulator that it names can do.
pub(crate) fn parse(xml: &str, options: &ParseOptions, engine: &Engine, wait: Wait<'_>) -> Result<Domain> {
    let mut domain = Domain::parse(xml, options)?;
    if domain.devices.emulator.is_none() {
        let emulator = match domain.os.kind.arch.as_deref().and_then(host::emulator_of) {
            Some(emulator) => emulator,
            None => host::default_emulator()?,
        };
        domain.devices.emulator = Some(emulator.to_string_lossy().into_owned());
    }
    let capabilities = engine.capabilities(&domain, wait)?;
    let variables = engine.nvram_directory();
    let hooks = QemuHooks::new(&capabilities).with_nvram_directory(&variables);
    domain.complete(options, &hooks).map_err(|error| locate(error, xml))?;
    Ok(domain)
}

/// `hvm`, as far as this driver knows any.
pub(crate) fn os_type(domain: &Domain) -> String {
    if domain.os.kind.name.is_empty() { "hvm".into() } else { domain.os.kind.name.clone() }
}

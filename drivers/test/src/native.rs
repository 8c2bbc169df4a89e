//! The simulated hypervisor's own configuration: `KEY = VALUE` lines.

use virt_core::driver::Result;

use crate::{definition, error};

/// What the format is called.
const FORMAT: &str = "test-config";

/// Domain XML from configuration.
pub(crate) fn to_xml(format: &str, configuration: &str) -> Result<String> {
    check(format)?;
    let mut inside = String::new();
    let lines =
        configuration.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        let Some((key, value)) = line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) else {
            return Err(error::argument(format!("'{line}' is not of the form KEY = VALUE")));
        };
        let value = error::escaped(value);
        inside += &match key {
            "name" | "uuid" | "title" => format!("<{key}>{value}</{key}>"),
            "maximum-memory" => format!("<memory unit='KiB'>{value}</memory>"),
            "memory" => format!("<currentMemory unit='KiB'>{value}</currentMemory>"),
            "vcpus" => format!("<vcpu>{value}</vcpu>"),
            _ => return Err(error::argument(format!("there is no setting '{key}'"))),
        };
    }
    let xml = format!("<domain type='test'>{inside}<os><type>hvm</type></os></domain>");
    Ok(definition::write(&definition::read(&xml, false)?, virt_conf::xml::FormatFlags::default()))
}

/// Configuration from domain XML; what the simulation does not look at is left out.
pub(crate) fn from_xml(format: &str, xml: &str) -> Result<String> {
    check(format)?;
    let domain = definition::read(xml, false)?;
    let settings = [
        ("name", Some(domain.name.clone())),
        ("uuid", domain.uuid.map(|uuid| uuid.to_string())),
        ("title", domain.title.clone()),
        ("maximum-memory", Some(definition::maximum_memory(&domain).to_string())),
        ("memory", Some(definition::memory(&domain).to_string())),
        ("vcpus", Some(domain.vcpu.max.to_string())),
    ];
    let lines = settings.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}\n", value?)));
    Ok(lines.collect())
}

fn check(format: &str) -> Result<()> {
    if format == FORMAT { Ok(()) } else { Err(error::argument(format!("unsupported config type {format}"))) }
}

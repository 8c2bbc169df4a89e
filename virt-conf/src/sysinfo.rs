//! What a host's firmware and kernel say of the machine, as `<sysinfo>`: read from the words of `dmidecode`, and of
//! `/proc/cpuinfo` and `/proc/sysinfo` where there is no SMBIOS.

use crate::model::{
    BaseBoardInfo, BiosInfo, ChassisInfo, MemoryDeviceInfo, OemString, ProcessorInfo, SmbiosInfo, SystemInfo,
};

/// The tables that [`from_dmidecode`] reads, as `dmidecode -q -t` takes them.
pub const TABLES: &str = "0,1,2,3,4,11,17";

/// One table of `dmidecode`: the lines below its title.
struct Table<'a>(Vec<&'a str>);

impl<'a> Table<'a> {
    /// Every table with that title, in order.
    fn all(text: &'a str, title: &'a str) -> impl Iterator<Item = Self> {
        let lines: Vec<&str> = text.lines().collect();
        let starts: Vec<usize> =
            lines.iter().enumerate().filter(|(_, line)| line.trim() == title).map(|(at, _)| at + 1).collect();
        starts.into_iter().map(move |start| {
            let inner = lines.iter().skip(start).take_while(|line| line.starts_with(char::is_whitespace));
            Self(inner.copied().collect())
        })
    }

    /// What stands behind a name; nothing where that is blank.
    fn value(&self, name: &str) -> Option<String> {
        let value = |line: &&'a str| line.trim_start().strip_prefix(name)?.strip_prefix(": ");
        let value = self.0.iter().find_map(value)?.trim_end();
        (!value.is_empty()).then(|| value.to_owned())
    }
}

/// Reads what `dmidecode` writes. It puts a dot for what cannot be printed, the end of a line for one; `raw` tells the
/// string of that number (from 1) among the maker's own as it is.
///
/// ```
/// let text = "System Information\n\tManufacturer: LENOVO\n\tVersion:  \n";
/// let info = virt_conf::sysinfo::from_dmidecode(text, |_| None);
/// assert_eq!(info.system.manufacturer.as_deref(), Some("LENOVO"));
/// assert_eq!(info.system.version, None);
/// ```
#[must_use]
pub fn from_dmidecode(text: &str, mut raw: impl FnMut(usize) -> Option<String>) -> SmbiosInfo {
    let first = |title| Table::all(text, title).next();
    let mut info = SmbiosInfo::default();
    if let Some(table) = first("BIOS Information") {
        info.bios = BiosInfo {
            vendor: table.value("Vendor"),
            version: table.value("Version"),
            date: table.value("Release Date"),
            release: table.value("BIOS Revision"),
        };
    }
    if let Some(table) = first("System Information") {
        info.system = SystemInfo {
            manufacturer: table.value("Manufacturer"),
            product: table.value("Product Name"),
            version: table.value("Version"),
            serial: table.value("Serial Number"),
            uuid: table.value("UUID"),
            sku: table.value("SKU Number"),
            family: table.value("Family"),
        };
    }
    let boards = Table::all(text, "Base Board Information").map(|table| BaseBoardInfo {
        manufacturer: table.value("Manufacturer"),
        product: table.value("Product Name"),
        version: table.value("Version"),
        serial: table.value("Serial Number"),
        asset: table.value("Asset Tag"),
        location: table.value("Location In Chassis"),
    });
    info.base_boards = boards.filter(|board| *board != BaseBoardInfo::default()).collect();
    if let Some(table) = first("Chassis Information") {
        info.chassis = ChassisInfo {
            manufacturer: table.value("Manufacturer"),
            version: table.value("Version"),
            serial: table.value("Serial Number"),
            asset: table.value("Asset Tag"),
            sku: table.value("SKU Number"),
        };
    }
    info.processors = Table::all(text, "Processor Information").map(|table| processor(&table)).collect();
    let modules = Table::all(text, "Memory Device").filter_map(|table| memory_device(&table));
    info.memory_devices = modules.collect();
    let strings = first("OEM Strings").map(|table| table.0).unwrap_or_default();
    let strings = strings.into_iter().filter_map(|line| {
        let (number, value) = line.trim_start().strip_prefix("String ")?.split_once(": ")?;
        number.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.trim_end())
    });
    let strings = strings.filter(|value| !value.is_empty()).zip(1..).map(|(value, number)| OemString {
        text: if value.contains('.') { raw(number) } else { None }.unwrap_or_else(|| value.to_owned()),
    });
    info.oem_strings.entries = strings.collect();
    info
}

fn processor(table: &Table<'_>) -> ProcessorInfo {
    ProcessorInfo {
        socket_destination: table.value("Socket Designation"),
        kind: table.value("Type"),
        family: table.value("Family"),
        manufacturer: table.value("Manufacturer"),
        signature: table.value("Signature"),
        version: table.value("Version"),
        external_clock: table.value("External Clock"),
        max_speed: table.value("Max Speed"),
        status: table.value("Status"),
        serial_number: table.value("Serial Number"),
        part_number: table.value("Part Number"),
    }
}

/// The module in a socket; nothing where the socket is empty.
fn memory_device(table: &Table<'_>) -> Option<MemoryDeviceInfo> {
    let size = table.value("Size");
    if size.as_deref() == Some("No Module Installed") {
        return None;
    }
    Some(MemoryDeviceInfo {
        size,
        form_factor: table.value("Form Factor"),
        locator: table.value("Locator"),
        bank_locator: table.value("Bank Locator"),
        kind: table.value("Type"),
        type_detail: table.value("Type Detail"),
        speed: table.value("Speed"),
        manufacturer: table.value("Manufacturer"),
        serial_number: table.value("Serial Number"),
        part_number: table.value("Part Number"),
    })
}

/// The names and values of the kernel's files, `name : value`.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
}

fn value_of(text: &str, name: &str) -> Option<String> {
    lines(text).find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}

/// The machine, by the last lines of `/proc/cpuinfo` on boards that have a device tree.
fn machine(cpuinfo: &str) -> SystemInfo {
    let Some(family) = value_of(cpuinfo, "platform") else { return SystemInfo::default() };
    SystemInfo {
        family: Some(family),
        serial: value_of(cpuinfo, "model"),
        version: value_of(cpuinfo, "machine"),
        ..SystemInfo::default()
    }
}

/// Reads POWER's `/proc/cpuinfo`.
#[must_use]
pub fn from_power_cpuinfo(cpuinfo: &str) -> SmbiosInfo {
    let mut processors: Vec<ProcessorInfo> = Vec::new();
    for (name, value) in lines(cpuinfo) {
        if name == "processor" {
            let socket_destination = Some(value.to_owned());
            processors.push(ProcessorInfo { socket_destination, ..ProcessorInfo::default() });
        }
        let Some(current) = processors.last_mut() else { continue };
        match name {
            "cpu" => current.kind = Some(value.to_owned()),
            "revision" => current.version = Some(value.to_owned()),
            _ => {}
        }
    }
    SmbiosInfo { processors, system: machine(cpuinfo), ..SmbiosInfo::default() }
}

/// Reads Arm's `/proc/cpuinfo`, of a host without SMBIOS. Kernels that name no model say nothing.
#[must_use]
pub fn from_arm_cpuinfo(cpuinfo: &str) -> SmbiosInfo {
    let kind = value_of(cpuinfo, "model name").or_else(|| value_of(cpuinfo, "Processor"));
    let numbers = lines(cpuinfo).filter(|(name, _)| kind.is_some() && *name == "processor");
    let processors = numbers.map(|(_, number)| ProcessorInfo {
        socket_destination: Some(number.to_owned()),
        kind: kind.clone(),
        ..ProcessorInfo::default()
    });
    SmbiosInfo { processors: processors.collect(), system: machine(cpuinfo), ..SmbiosInfo::default() }
}

/// Reads a mainframe's `/proc/cpuinfo` and `/proc/sysinfo`.
#[must_use]
pub fn from_s390(cpuinfo: &str, sysinfo: &str) -> SmbiosInfo {
    let manufacturer = value_of(cpuinfo, "vendor_id");
    // "processor 0: version = 00,  identification = 145F07,  machine = 2964"
    let described = lines(cpuinfo).filter(|(name, _)| name.starts_with("processor "));
    let mut processors: Vec<ProcessorInfo> = described
        .map(|(_, value)| {
            let part = |name: &str| {
                let parts = value.split(',').filter_map(|part| part.split_once('='));
                let mut parts = parts.map(|(known, value)| (known.trim(), value.trim()));
                parts.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
            };
            ProcessorInfo {
                manufacturer: manufacturer.clone(),
                version: part("version"),
                serial_number: part("identification"),
                family: part("machine"),
                ..ProcessorInfo::default()
            }
        })
        .collect();
    let mut number = None;
    for (name, value) in lines(cpuinfo) {
        match name {
            "cpu number" => number = value.parse::<usize>().ok(),
            "cpu MHz static" => {
                if let Some(processor) = number.and_then(|number| processors.get_mut(number)) {
                    processor.max_speed = Some(value.to_owned());
                }
            }
            _ => {}
        }
    }
    let system = SystemInfo {
        manufacturer: value_of(sysinfo, "Manufacturer"),
        family: value_of(sysinfo, "Type"),
        serial: value_of(sysinfo, "Sequence Code"),
        ..SystemInfo::default()
    };
    SmbiosInfo { system, processors, ..SmbiosInfo::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_ends_where_the_next_begins() {
        let text = "BIOS Information\n\tVendor: A\n\nSystem Information\n\tProduct Name: B  \n\nMemory Device\n\
                    \tSize: No Module Installed\n\tLocator: C\n\nMemory Device\n\tSize: 4 GB\n\tBank Locator: D\n";
        let info = from_dmidecode(text, |_| None);
        assert_eq!(info.bios, BiosInfo { vendor: Some("A".into()), ..BiosInfo::default() });
        assert_eq!(info.system.product.as_deref(), Some("B"));
        let [module] = info.memory_devices.as_slice() else { panic!("{:?}", info.memory_devices) };
        assert_eq!((module.bank_locator.as_deref(), module.locator.as_deref()), (Some("D"), None));
    }

    #[test]
    fn strings_with_dots_are_asked_for_again() {
        let text = "OEM Strings\n\tString 1: plain\n\tString 2: two.lines\n\tString 3: v1.0\n";
        let info = from_dmidecode(text, |number| (number == 2).then(|| "two\nlines".to_owned()));
        let strings: Vec<_> = info.oem_strings.entries.iter().map(|entry| entry.text.as_str()).collect();
        assert_eq!(strings, ["plain", "two\nlines", "v1.0"]);
    }

    #[test]
    fn kernels_say_it_in_other_words() {
        let power =
            "processor\t: 4\ncpu\t\t: POWER9\nrevision\t: 2.2\n\nplatform\t: PowerNV\nmodel\t\t: 9006\n";
        let info = from_power_cpuinfo(power);
        assert_eq!(info.processors[0].version.as_deref(), Some("2.2"));
        assert_eq!(info.system.serial.as_deref(), Some("9006"));
        let arm = "Processor\t: ARMv7\nprocessor\t: 0\nprocessor\t: 1\n";
        assert_eq!(from_arm_cpuinfo(arm).processors.len(), 2);
        assert_eq!(from_arm_cpuinfo("processor\t: 0\n"), SmbiosInfo::default());
        let cpuinfo = "vendor_id : IBM/S390\nprocessor 0: version = FF,  identification = 12,  machine = 2817\n\
                       cpu number : 0\ncpu MHz static : 5000\ncpu number : 9\ncpu MHz static : 1\n";
        let info = from_s390(cpuinfo, "Manufacturer: IBM\nType: 2817\n");
        assert_eq!(info.processors[0].max_speed.as_deref(), Some("5000"));
        assert_eq!(info.system.manufacturer.as_deref(), Some("IBM"));
    }
}

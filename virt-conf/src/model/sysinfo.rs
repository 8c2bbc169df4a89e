//! `<sysinfo>`: what firmware tells the guest about its machine.

use crate::error::plain;
use crate::xml::{Reader, Result, Xml};

/// What firmware tells about the machine.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "sysinfo", tag = "type", after_read = Sysinfo::settle)]
pub enum Sysinfo {
    /// SMBIOS tables.
    Smbios(Box<SmbiosInfo>),
    /// Files of QEMU's firmware configuration device.
    Fwcfg(FwcfgInfo),
}

/// The SMBIOS tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct SmbiosInfo {
    /// Table 0: `vendor`, `version`, `date`, `release`.
    #[xml(child, default)]
    pub bios: BiosInfo,
    /// Table 1: `manufacturer`, `product`, `version`, `serial`, `uuid`, `sku`, `family`.
    #[xml(child, default)]
    pub system: SystemInfo,
    /// Tables 2, one a board.
    #[xml(child = "baseBoard")]
    pub base_boards: Vec<BaseBoardInfo>,
    /// Table 3: `manufacturer`, `version`, `serial`, `asset`, `sku`.
    #[xml(child, default)]
    pub chassis: ChassisInfo,
    /// Tables 4 of a host, one a socket.
    #[xml(child = "processor")]
    pub processors: Vec<ProcessorInfo>,
    /// Tables 17 of a host, one a module.
    #[xml(child = "memory_device")]
    pub memory_devices: Vec<MemoryDeviceInfo>,
    /// Table 11: free text, each line as it is.
    #[xml(child = "oemStrings", default)]
    pub oem_strings: OemStrings,
}

macro_rules! table {
    ($(#[$doc:meta])* $name:ident = $element:literal: $($(#[doc = $field_doc:literal])* $field:ident = $spelled:literal),* $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[doc = $field_doc])* pub $field: Option<String>,)*
        }

        impl crate::xml::Fields for $name {
            fn read(reader: &crate::xml::Reader<'_, '_>) -> crate::xml::Result<Self> {
                let mut this = Self::default();
                for entry in reader.all("entry") {
                    let text = entry.own_text();
                    if text.is_empty() {
                        continue;
                    }
                    match entry.attr_text("name") {
                        $(Some($spelled) => this.$field = Some(text.into_owned()),)*
                        _ => {}
                    }
                }
                Ok(this)
            }
            fn write_attrs(&self, _: &mut crate::xml::Writer) {}
            fn write_children(&self, writer: &mut crate::xml::Writer) {
                $(if let Some(value) = &self.$field { write_entry(writer, $spelled, value); })*
            }
            fn describe(_: Option<&Self>, shape: &mut crate::xml::Shape) {
                use crate::xml::{About, Kind, List, Spelling};
                const ENTRIES: &About = &About::list(List::Unordered("@name"), "The table's entries.");
                shape.known_child("entry", ENTRIES, |shape| {
                    let names = const {
                        &About::value(
                            Kind::OneOf(&[$(Spelling { name: $spelled, doc: concat!($($field_doc),*) }),*]),
                            "Which entry.",
                        )
                    };
                    shape.known_attr("name", names);
                    shape.text(const { &About::value(Kind::Text, "Its value.") });
                });
            }
        }

        impl crate::xml::Element for $name {
            const NAME: &'static str = $element;
        }
    };
}

fn write_entry(writer: &mut crate::xml::Writer, name: &str, value: &String) {
    writer.nested(&["entry"], |writer| {
        writer.attr_text("name", name);
        writer.text::<crate::xml::Plain, _>(value);
    });
}

table! {
    /// SMBIOS table 0, the firmware.
    BiosInfo = "bios":
        /// Who made the firmware.
        vendor = "vendor",
        /// Its version.
        version = "version",
        /// Its date, month/day/year.
        date = "date",
        /// Major and minor number, `4.6`.
        release = "release",
}
table! {
    /// SMBIOS table 1, the machine.
    SystemInfo = "system":
        /// Who made the machine.
        manufacturer = "manufacturer",
        /// What it is called.
        product = "product",
        /// Its version.
        version = "version",
        /// Its serial number.
        serial = "serial",
        /// Its identity; the guest's UUID where given.
        uuid = "uuid",
        /// Its number in the maker's catalogue.
        sku = "sku",
        /// The family it belongs to.
        family = "family",
}
table! {
    /// SMBIOS table 2, a board.
    BaseBoardInfo = "baseBoard":
        /// Who made the board.
        manufacturer = "manufacturer",
        /// What it is called.
        product = "product",
        /// Its version.
        version = "version",
        /// Its serial number.
        serial = "serial",
        /// Its number in the owner's books.
        asset = "asset",
        /// Where in the chassis it sits.
        location = "location",
}
table! {
    /// SMBIOS table 3, the chassis.
    ChassisInfo = "chassis":
        /// Who made the chassis.
        manufacturer = "manufacturer",
        /// Its version.
        version = "version",
        /// Its serial number.
        serial = "serial",
        /// Its number in the owner's books.
        asset = "asset",
        /// Its number in the maker's catalogue.
        sku = "sku",
}
table! {
    /// SMBIOS table 4, a processor of a host.
    ProcessorInfo = "processor":
        /// Which socket it sits in.
        socket_destination = "socket_destination",
        /// What kind of processor it is.
        kind = "type",
        /// Its family.
        family = "family",
        /// Who made it.
        manufacturer = "manufacturer",
        /// Family, model and stepping in words.
        signature = "signature",
        /// Its name.
        version = "version",
        /// The bus's clock.
        external_clock = "external_clock",
        /// The highest clock of the socket.
        max_speed = "max_speed",
        /// Whether the socket is populated.
        status = "status",
        /// Its serial number.
        serial_number = "serial_number",
        /// Its number in the maker's catalogue.
        part_number = "part_number",
}
table! {
    /// SMBIOS table 17, a memory module of a host.
    MemoryDeviceInfo = "memory_device":
        /// Its size, with the unit.
        size = "size",
        /// Its form factor.
        form_factor = "form_factor",
        /// The socket it sits in.
        locator = "locator",
        /// The bank it sits in.
        bank_locator = "bank_locator",
        /// Its technology.
        kind = "type",
        /// More about the technology.
        type_detail = "type_detail",
        /// Its clock.
        speed = "speed",
        /// Who made it.
        manufacturer = "manufacturer",
        /// Its serial number.
        serial_number = "serial_number",
        /// Its number in the maker's catalogue.
        part_number = "part_number",
}

/// SMBIOS table 11.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "oemStrings")]
pub struct OemStrings {
    /// Free text, in order; programs prefix it with their name, `myappname:some data`.
    #[xml(child = "entry")]
    pub entries: Vec<OemString>,
}

/// One line of SMBIOS table 11.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "entry")]
pub struct OemString {
    /// The line.
    #[xml(text)]
    pub text: String,
}

/// Files of QEMU's firmware configuration device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct FwcfgInfo {
    /// The files, in order.
    #[xml(child = "entry")]
    pub entries: Vec<FwcfgEntry>,
}

/// One file of QEMU's firmware configuration device.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "entry", after_read = FwcfgEntry::settle)]
pub struct FwcfgEntry {
    /// What the guest calls it; by convention it begins with `opt/`.
    #[xml(attr)]
    pub name: Option<String>,
    /// A file of the host with its content, instead of a text.
    #[xml(attr)]
    pub file: Option<String>,
    /// Its content.
    #[xml(text, skip_if = String::is_empty)]
    pub value: String,
}

impl FwcfgEntry {
    /// A file's content counts, not the text beside it.
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.name.is_none() {
            return Err(reader.refuse("Firmware entry is missing 'name' attribute"));
        }
        if self.file.is_some() {
            self.value.clear();
        } else if self.value.is_empty() {
            return Err(reader.refuse("Firmware entry must have either value or 'file' attribute"));
        }
        Ok(())
    }
}

impl Sysinfo {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let date = match self {
            Self::Smbios(tables) => tables.bios.date.as_deref(),
            Self::Fwcfg(_) => None,
        };
        match date {
            Some(date) if !is_date(date) => Err(reader.place(plain("Invalid BIOS 'date' format"))),
            _ => Ok(()),
        }
    }
}

/// Month, day and year, the year of two digits or from 1900 on.
fn is_date(text: &str) -> bool {
    let mut parts = text.split('/').map(|part| part.trim_start().parse::<u32>().ok());
    let (Some(Some(month)), Some(Some(day)), Some(Some(year)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    (1..=12).contains(&month) && (1..=31).contains(&day) && !(100..1900).contains(&year)
}

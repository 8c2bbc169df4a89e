//! `<os>`: how the guest boots.

use crate::error::{refuse, unsupported};
use crate::model::DiskSource;
use crate::xml::{ParseFlags, Reader, Result, Xml, XmlValue};

/// How the guest boots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "os", keep_empty, after_read = Os::settle)]
pub struct Os {
    /// What kind of firmware the driver picks; by default the definition names the files.
    #[xml(attr, unless_empty, invalid = |text| refuse(format!("unknown firmware value {text}")))]
    pub firmware: Option<OsFirmware>,
    /// What kind of guest this is, and its machine.
    #[xml(child, default)]
    pub kind: OsType,
    /// What the firmware that the driver picks must be able to do.
    #[xml(child = "firmware", default)]
    pub firmware_features: OsFirmwareFeatures,
    /// A container's first program.
    #[xml(child_text)]
    pub init: Option<String>,
    /// Its arguments.
    #[xml(child)]
    pub initargs: Vec<InitArg>,
    /// Its environment.
    #[xml(child, key = "@name", unordered)]
    pub initenvs: Vec<InitEnv>,
    /// The directory it starts in; `/` by default.
    #[xml(child_text)]
    pub initdir: Option<String>,
    /// The user it runs as, a name or a number; root by default.
    #[xml(child_text)]
    pub inituser: Option<String>,
    /// The group it runs as, a name or a number; root by default.
    #[xml(child_text)]
    pub initgroup: Option<String>,
    /// The firmware's code.
    #[xml(child)]
    pub loader: Option<Loader>,
    /// The firmware's variables.
    #[xml(child)]
    pub nvram: Option<Nvram>,
    /// Where the emulator's `uefi-vars` device keeps the firmware's variables, of firmware without flash for them. Since 12.1.
    #[xml(child)]
    pub varstore: Option<Varstore>,
    /// A kernel of the host to boot directly.
    #[xml(child_text)]
    pub kernel: Option<String>,
    /// Its initial RAM disk.
    #[xml(child_text)]
    pub initrd: Option<String>,
    /// Its command line.
    #[xml(child_text)]
    pub cmdline: Option<String>,
    /// Its device tree.
    #[xml(child_text)]
    pub dtb: Option<String>,
    /// The first stage that verifies the kernel under secure boot. Since 11.2.
    #[xml(child_text)]
    pub shim: Option<String>,
    /// Xen's root device, for its paravirtualized guests.
    #[xml(child_text)]
    pub root: Option<String>,
    /// ACPI tables added to the machine's.
    #[xml(child, default)]
    pub acpi: OsAcpi,
    /// Which kinds of devices to boot from, first one first; by default the disk. Devices may have an order of their own
    /// instead.
    #[xml(child)]
    pub boots: Vec<OsBoot>,
    /// Whether the firmware offers a menu.
    #[xml(child)]
    pub bootmenu: Option<BootMenu>,
    /// Settings of BIOS firmware.
    #[xml(child, default)]
    pub bios: Bios,
    /// Where the guest's SMBIOS tables come from; the hypervisor by default.
    #[xml(attr = "smbios/@mode", unless_empty, read_if = Os::has_smbios_mode, invalid = |text| unsupported(format!("unknown smbios mode '{text}'")))]
    pub smbios: Option<SmbiosMode>,
}

/// A file with the firmware's variables, as JSON. Since 12.1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "varstore", keep_empty)]
pub struct Varstore {
    /// The file that it is made from when it is missing; the firmware's own by default.
    #[xml(attr)]
    pub template: Option<String>,
    /// Its path; in the driver's directory, by the guest's name, by default.
    #[xml(attr)]
    pub path: Option<String>,
}

/// Kinds of firmware that a driver picks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum OsFirmware {
    /// BIOS.
    Bios,
    /// UEFI.
    Efi,
}

/// What kind of guest this is, and its machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "type")]
pub struct OsType {
    /// Its architecture; the host's, as far as the driver knows one that fits, by default.
    #[xml(attr)]
    pub arch: Option<String>,
    /// Its machine; the hypervisor's default one by default.
    #[xml(attr, unless_empty)]
    pub machine: Option<String>,
    /// `hvm` (a whole machine), `xen` or `linux` (paravirtualized), `xenpvh`, `exe` (a container), `uml`; empty until a driver
    /// fills it in.
    #[xml(text)]
    pub name: String,
}

/// What the firmware must be able to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "firmware")]
pub struct OsFirmwareFeatures {
    /// Each feature at most once.
    #[xml(child, key = "@name", unordered)]
    pub features: Vec<OsFirmwareFeature>,
}

/// What the firmware must, or must not, be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "feature")]
pub struct OsFirmwareFeature {
    /// Whether it must.
    #[xml(attr)]
    pub enabled: bool,
    /// What.
    #[xml(attr)]
    pub name: OsFirmwareFeatureName,
}

/// What firmware can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, XmlValue)]
pub enum OsFirmwareFeatureName {
    /// It comes with keys, so that secure boot is in force.
    #[xml("enrolled-keys")]
    EnrolledKeys,
    /// It can verify what it boots.
    #[xml("secure-boot")]
    SecureBoot,
}

/// An argument of a container's first program.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "initarg")]
pub struct InitArg {
    /// The argument.
    #[xml(text)]
    pub value: String,
}

/// A variable in the environment of a container's first program.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "initenv")]
pub struct InitEnv {
    /// What the guest finds it by, `opt/org.example/x`.
    #[xml(attr, missing = refuse("No name supplied for <initenv> element"))]
    pub name: String,
    /// What the guest reads there.
    #[xml(text)]
    pub value: String,
}

/// The firmware's code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "loader")]
pub struct Loader {
    /// Whether the guest cannot write it; with `pflash` usually yes.
    #[xml(attr)]
    pub readonly: Option<bool>,
    /// Whether it can verify what it boots; no by default.
    #[xml(attr)]
    pub secure: Option<bool>,
    /// How the guest sees it.
    #[xml(attr = "type")]
    pub kind: Option<LoaderType>,
    /// Whether it keeps no variables; no by default.
    #[xml(attr)]
    pub stateless: Option<bool>,
    /// The format of the file: `raw` or `qcow2`.
    #[xml(attr)]
    pub format: Option<FirmwareFormat>,
    /// The file; the driver picks one by default.
    #[xml(text, skip_if = String::is_empty)]
    pub path: String,
}

/// How the guest sees firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum LoaderType {
    /// Read-only memory.
    Rom,
    /// Flash memory.
    Pflash,
    /// Nothing.
    None,
}

/// Formats of firmware files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum FirmwareFormat {
    /// As it is.
    Raw,
    /// QEMU's image format.
    Qcow2,
}

/// The firmware's variables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "nvram")]
pub struct Nvram {
    /// The file they are copied from when the guest starts for the first time; the driver picks one by default.
    #[xml(attr)]
    pub template: Option<String>,
    /// That file's format.
    #[xml(attr = "templateFormat")]
    pub template_format: Option<FirmwareFormat>,
    /// Where they are, where that is not the file `path`.
    #[xml(flatten, tag_here)]
    pub source: Option<DiskSource>,
    /// Their own format.
    #[xml(attr)]
    pub format: Option<FirmwareFormat>,
    /// The file they are in; the driver picks one by default.
    #[xml(text, skip_if = String::is_empty, read_if = Nvram::has_path)]
    pub path: String,
}

/// ACPI tables added to the machine's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "acpi", after_read = OsAcpi::settle)]
pub struct OsAcpi {
    /// Tables that are added to the firmware's own.
    #[xml(child)]
    pub tables: Vec<AcpiTable>,
}

/// A file that the guest's firmware gets as a table.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "table")]
pub struct AcpiTable {
    /// What it is.
    #[xml(attr = "type")]
    pub kind: AcpiTableType,
    /// The file it is in, an absolute path.
    #[xml(text)]
    pub path: String,
}

/// Kinds of ACPI tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum AcpiTableType {
    /// Any table, header included.
    Raw,
    /// Several of them, one after the other.
    Rawset,
    /// Windows' licence.
    Slic,
    /// Windows' licence key.
    Msdm,
}

/// A kind of devices to boot from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "boot")]
pub struct OsBoot {
    /// Which.
    #[xml(attr)]
    pub dev: BootDevice,
}

/// Kinds of devices to boot from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum BootDevice {
    /// Floppy disks.
    Fd,
    /// CD-ROMs.
    Cdrom,
    /// Disks.
    Hd,
    /// Network cards.
    Network,
}

/// Whether the firmware offers a menu.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "bootmenu", after_read = BootMenu::settle)]
pub struct BootMenu {
    /// Whether it does.
    #[xml(attr)]
    pub enable: Option<bool>,
    /// How long it waits, in milliseconds up to 65535.
    #[xml(attr)]
    pub timeout: Option<u32>,
}

/// Settings of BIOS firmware.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "bios")]
pub struct Bios {
    /// Whether it shows its messages on the first serial port.
    #[xml(attr, lenient)]
    pub useserial: Option<bool>,
    /// Milliseconds until it tries again to boot, -1 to 65535, where -1 is never.
    #[xml(attr = "rebootTimeout")]
    pub reboot_timeout: Option<i32>,
}

/// Where SMBIOS tables come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum SmbiosMode {
    /// The hypervisor.
    Emulate,
    /// The host.
    Host,
    /// `<sysinfo>`.
    Sysinfo,
}

impl Nvram {
    /// The blanks around `<source>` are no path.
    fn has_path(reader: &Reader<'_, '_>) -> bool {
        reader.attr_text("type").is_none()
    }
}

/// How many kinds of devices to boot from are read.
const MOST_BOOTS: usize = 4;

impl Os {
    /// "none" says the same as nothing.
    fn has_smbios_mode(reader: &Reader<'_, '_>) -> bool {
        reader.first("smbios").is_none_or(|element| element.attr_text("mode") != Some("none"))
    }

    /// Each kind of guest has a way to boot of its own; what belongs to another is not read, as in libvirt.
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.kind.name != "exe" {
            (self.init, self.initdir, self.inituser, self.initgroup) = (None, None, None, None);
            self.initargs.clear();
            self.initenvs.clear();
        }
        if self.kind.name != "hvm" {
            self.boots.clear();
            self.firmware = None;
        }
        // No more than there are kinds of devices; how often each is among them does not matter.
        self.boots.truncate(MOST_BOOTS);
        // Old definitions may have features beside firmware that is not to be chosen; new ones are refused for it.
        if self.firmware.is_none() && !reader.flags().contains(ParseFlags::ABI_UPDATE) {
            self.firmware_features.features.clear();
        }
        // What is said last about a feature counts.
        let features = &mut self.firmware_features.features;
        features.reverse();
        features.sort_by_key(|feature| feature.name);
        features.dedup_by_key(|feature| feature.name);
        Ok(())
    }
}

impl OsAcpi {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        for (at, table) in self.tables.iter().enumerate() {
            // Of raw tables there may be any number; of a licence there is one.
            let single = table.kind != AcpiTableType::Raw;
            if single && self.tables.iter().take(at).any(|other| other.kind == table.kind) {
                return Err(reader.refuse(format!("ACPI table type '{}' may only appear once", table.kind)));
            }
        }
        Ok(())
    }
}

impl BootMenu {
    /// How long a menu waits that is not there does not count.
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.timeout = self.timeout.filter(|_| self.enable == Some(true));
        Ok(())
    }
}

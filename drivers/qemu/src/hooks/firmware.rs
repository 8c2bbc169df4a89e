//! Firmware: the descriptions that distributions install, and which of them a guest gets.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use serde::Deserialize;
use virt_conf::model::{
    Domain, FirmwareFormat, Loader, LoaderType, Nvram, OsFirmware, OsFirmwareFeature, OsFirmwareFeatureName,
    Smm, Switch,
};
use virt_conf::xml::{ParseFlags, ParseOptions};
use virt_util::root::trusted_env;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::QemuHooks;
use crate::caps::Board;

/// One description of firmware, as QEMU's `firmware.json` defines it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FirmwareDescription {
    interface_types: Vec<String>,
    mapping: Mapping,
    targets: Vec<Target>,
    features: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "device", rename_all = "lowercase")]
enum Mapping {
    Flash {
        #[serde(default)]
        mode: FlashMode,
        executable: Image,
        #[serde(rename = "nvram-template")]
        template: Option<Image>,
    },
    Memory {
        filename: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum FlashMode {
    #[default]
    Split,
    Combined,
    Stateless,
}

#[derive(Clone, Debug, Deserialize)]
struct Image {
    filename: String,
    format: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Target {
    architecture: String,
    machines: Vec<String>,
}

/// Where descriptions are: the distribution's, the administrator's, the user's, each above the one before.
fn directories() -> Vec<PathBuf> {
    let mut directories =
        vec![PathBuf::from("/usr/share/qemu/firmware"), PathBuf::from("/etc/qemu/firmware")];
    if !nix::unistd::geteuid().is_root() {
        let home = || trusted_env("HOME").map(|home| PathBuf::from(home).join(".config"));
        let config = trusted_env("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        directories.extend(config.or_else(home).map(|config| config.join("qemu/firmware")));
    }
    directories
}

/// Pairs of code and variables that were installed before there were descriptions.
const LEGACY: &[(&str, &str)] = &[
    ("/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"),
    ("/usr/share/AAVMF/AAVMF32_CODE.fd", "/usr/share/AAVMF/AAVMF32_VARS.fd"),
    ("/usr/share/OVMF/OVMF_CODE.ms.fd", "/usr/share/OVMF/OVMF_VARS.ms.fd"),
    ("/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
];

impl FirmwareDescription {
    /// Reads one description.
    ///
    /// # Errors
    ///
    /// When the text is no such description; others of the directory may still be good.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            let detail = format!("cannot parse a description of firmware: {error}");
            Error::new(ErrorCode::INTERNAL_ERROR, ErrorDomain::QEMU, detail).caused_by(error)
        })
    }

    /// The descriptions that are installed on this host, in the order of preference: by the names of their files, of
    /// which a later directory replaces those of an earlier one, and hides them where it has an empty file. One that
    /// cannot be read is left out, and said so.
    pub fn installed() -> Vec<Self> {
        Self::installed_in(&directories())
    }

    fn installed_in(directories: &[PathBuf]) -> Vec<Self> {
        let mut files: BTreeMap<OsString, PathBuf> = BTreeMap::new();
        for directory in directories {
            let entries =
                std::fs::read_dir(directory).into_iter().flatten().filter_map(std::result::Result::ok);
            let described = entries.filter(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                !name.starts_with('.') && name.ends_with(".json")
            });
            files.extend(described.map(|entry| (entry.file_name(), entry.path())));
        }
        let read = |path: &PathBuf| match std::fs::read_to_string(path) {
            Ok(text) if text.is_empty() => None,
            Ok(text) => Self::from_json(&text)
                .inspect_err(|error| log::warn!("'{}' is passed over: {error}", path.display()))
                .ok(),
            Err(error) => {
                log::warn!("'{}' is passed over: {error}", path.display());
                None
            }
        };
        files.values().filter_map(read).collect()
    }

    fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|known| known == feature)
    }

    fn fits_board(&self, board: Board<'_>) -> bool {
        self.targets.iter().any(|target| {
            let arch = match target.architecture.as_str() {
                "i386" => "i686",
                "arm" => "armv7l",
                other => other,
            };
            arch == board.arch.name() && target.machines.iter().any(|pattern| matches(pattern, board.machine))
        })
    }
}

/// What all descriptions that fit a machine offer together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirmwareOffer {
    /// Whether some description offers a BIOS, which `<os firmware='bios'>` asks for.
    pub bios: bool,
    /// UEFI.
    pub efi: bool,
    /// Firmware that protects its own memory.
    pub secure: bool,
    /// The images' paths, each once.
    pub images: Vec<String>,
}

impl FirmwareOffer {
    /// What `descriptions` offer to `board`.
    #[must_use]
    pub fn of(descriptions: &[FirmwareDescription], board: Board<'_>) -> Self {
        let mut offer = Self::default();
        for description in descriptions.iter().filter(|description| description.fits_board(board)) {
            offer.bios |= description.interface_types.iter().any(|kind| kind == "bios");
            offer.efi |= description.interface_types.iter().any(|kind| kind == "uefi");
            offer.secure |= description.has("requires-smm");
            let image = match &description.mapping {
                Mapping::Flash { executable, .. } => &executable.filename,
                Mapping::Memory { filename } => filename,
                Mapping::Other => continue,
            };
            if !offer.images.contains(image) {
                offer.images.push(image.clone());
            }
        }
        offer
    }
}

/// Whether `text` is what a pattern with at most one `*` describes.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
        None => pattern == text,
    }
}

fn format_named(name: &str) -> Option<FirmwareFormat> {
    match name {
        "raw" => Some(FirmwareFormat::Raw),
        "qcow2" => Some(FirmwareFormat::Qcow2),
        _ => None,
    }
}

fn wanted(domain: &Domain, name: OsFirmwareFeatureName) -> Option<bool> {
    let features = &domain.os.firmware_features.features;
    features.iter().find(|feature| feature.name == name).map(|feature| feature.enabled)
}

impl QemuHooks<'_> {
    /// Picks the guest's firmware, or completes what the document says about it.
    pub(super) fn settle_firmware(&self, domain: &mut Domain, options: &ParseOptions) -> Result<()> {
        let abi_update = options.flags.contains(ParseFlags::ABI_UPDATE);
        let named = domain.os.loader.as_ref().is_some_and(|loader| !loader.path.is_empty());
        if domain.os.firmware.is_none() && !domain.os.firmware_features.features.is_empty() {
            // The checks refuse features of firmware that is not to be chosen.
            return Ok(());
        }
        if domain.os.firmware.is_some() || named {
            let board = self.board(domain);
            let installed;
            let firmwares = match self.firmwares {
                Some(given) => given,
                None => {
                    installed = FirmwareDescription::installed();
                    &installed
                }
            };
            let found = firmwares.iter().find(|description| suits(description, domain, board, abi_update));
            match found {
                Some(description) => fill_in(description, domain),
                // What cannot be found now may be installed before the guest starts.
                None if domain.os.firmware.is_some() => {
                    if let Some(loader) = domain.os.loader.as_mut() {
                        loader.format.get_or_insert(FirmwareFormat::Raw);
                    }
                    return Ok(());
                }
                None => fill_in_legacy(domain),
            }
        }
        if let Some(loader) =
            domain.os.loader.as_mut().filter(|loader| loader.kind == Some(LoaderType::Pflash))
        {
            loader.format.get_or_insert(FirmwareFormat::Raw);
            if loader.secure == Some(true) {
                domain.features.smm.get_or_insert(Smm { state: Switch::On, ..Smm::default() });
            }
        }
        self.ensure_variables(domain, abi_update);
        Ok(())
    }

    /// Code that cannot be written needs variables in a file of the guest's own.
    fn ensure_variables(&self, domain: &mut Domain, abi_update: bool) {
        let Some(loader) = &domain.os.loader else { return };
        if loader.kind != Some(LoaderType::Pflash)
            || loader.readonly != Some(true)
            || loader.stateless == Some(true)
        {
            return;
        }
        let format = loader.format;
        let nvram = domain.os.nvram.get_or_insert_default();
        nvram.format = nvram.format.or(format);
        if nvram.path.is_empty() && nvram.source.is_none() {
            let extension = match (&nvram.template, nvram.format) {
                (Some(template), _) if abi_update => {
                    template.rsplit_once('.').map_or("fd", |(_, extension)| extension).to_owned()
                }
                (_, Some(FirmwareFormat::Qcow2)) => "qcow2".to_owned(),
                _ => "fd".to_owned(),
            };
            nvram.path = format!("{}/{}_VARS.{extension}", self.nvram_directory, domain.name);
        }
    }
}

/// Whether the guest can have this firmware, and what the document asks for is in it.
fn suits(description: &FirmwareDescription, domain: &Domain, board: Board<'_>, abi_update: bool) -> bool {
    let os = &domain.os;
    let is_uefi = description.interface_types.iter().any(|kind| kind == "uefi");
    let interface_fits = match os.firmware {
        Some(OsFirmware::Efi) => is_uefi,
        Some(OsFirmware::Bios) => description.interface_types.iter().any(|kind| kind == "bios"),
        None => true,
    };
    if !interface_fits || !description.fits_board(board) {
        return false;
    }
    let loader = os.loader.as_ref();
    let path = loader.map(|loader| loader.path.as_str()).filter(|path| !path.is_empty());
    let kind = loader.and_then(|loader| loader.kind);
    let stateless = loader.and_then(|loader| loader.stateless) == Some(true);
    let template = os.nvram.as_ref().and_then(|nvram| nvram.template.as_deref());
    match &description.mapping {
        Mapping::Memory { filename } => {
            if kind == Some(LoaderType::Pflash)
                || path.is_some_and(|path| path != filename)
                || stateless && path.is_none()
            {
                return false;
            }
            if os.firmware.is_none() && path.is_none() {
                return false;
            }
        }
        Mapping::Flash { mode, executable, template: offered } => {
            if kind == Some(LoaderType::Rom) || path.is_some_and(|path| path != executable.filename) {
                return false;
            }
            let readonly = loader.and_then(|loader| loader.readonly);
            let mode_fits = match mode {
                FlashMode::Stateless => stateless,
                // Code with variables in it is shared with nobody, so that it has to be named.
                FlashMode::Combined => readonly == Some(false) && path.is_some(),
                FlashMode::Split => !stateless && readonly != Some(false),
            };
            // A path without "read-only" means one's own copy, which is written to.
            let own_copy = path.is_some() && readonly.is_none() && os.firmware.is_none();
            if !mode_fits || own_copy && *mode != FlashMode::Combined {
                return false;
            }
            let wanted_format = loader.and_then(|loader| loader.format);
            let format = format_named(&executable.format);
            // Definitions from before there was a choice mean raw.
            let format_fits = match wanted_format {
                Some(wanted) => format == Some(wanted),
                None if path.is_some() || abi_update => format.is_some(),
                None => format == Some(FirmwareFormat::Raw),
            };
            let offered = offered.as_ref().map(|image| image.filename.as_str());
            if !format_fits || template.is_some_and(|template| Some(template) != offered) {
                return false;
            }
        }
        Mapping::Other => return false,
    }
    features_fit(description, domain)
}

fn features_fit(description: &FirmwareDescription, domain: &Domain) -> bool {
    let secure_boot = description.has("secure-boot");
    let needs_smm = description.has("requires-smm");
    let loader_secure = domain.os.loader.as_ref().and_then(|loader| loader.secure);
    let smm = domain.features.smm.map(|smm| smm.state);
    let needs = |pm: Option<bool>, feature| pm != Some(true) || description.has(feature);
    wanted(domain, OsFirmwareFeatureName::SecureBoot).is_none_or(|wanted| wanted == secure_boot)
        && wanted(domain, OsFirmwareFeatureName::EnrolledKeys)
            .is_none_or(|wanted| wanted == description.has("enrolled-keys"))
        && match loader_secure {
            Some(true) => secure_boot && needs_smm,
            Some(false) => !needs_smm,
            None => true,
        }
        && !(needs_smm && smm == Some(Switch::Off))
        && needs(domain.pm.suspend_to_mem, "acpi-s3")
        && needs(domain.pm.suspend_to_disk, "acpi-s4")
}

fn fill_in(description: &FirmwareDescription, domain: &mut Domain) {
    let is_uefi = description.interface_types.iter().any(|kind| kind == "uefi");
    let os = &mut domain.os;
    let loader: &mut Loader = os.loader.get_or_insert_default();
    let mut has_template = true;
    match &description.mapping {
        Mapping::Flash { mode, executable, template } => {
            loader.kind = Some(LoaderType::Pflash);
            loader.path.clone_from(&executable.filename);
            loader.format = format_named(&executable.format);
            loader.readonly = Some(*mode != FlashMode::Combined);
            if let (FlashMode::Split, Some(template)) = (mode, template) {
                let nvram: &mut Nvram = os.nvram.get_or_insert_default();
                let is_local = match &nvram.source {
                    None => true,
                    Some(source) => source.path().is_some(),
                };
                if is_local {
                    nvram.template.get_or_insert_with(|| template.filename.clone());
                    nvram.template_format = format_named(&template.format);
                }
                has_template = is_local;
                let format = format_named(&template.format);
                // A copy of the template has the template's format, whatever was hoped for.
                nvram.format = if is_local { format } else { nvram.format.or(format) };
            }
        }
        Mapping::Memory { filename } => {
            loader.kind = Some(LoaderType::Rom);
            loader.path.clone_from(filename);
        }
        Mapping::Other => return,
    }
    if description.has("requires-smm") {
        if description.has("secure-boot") {
            loader.secure = Some(true);
        }
        domain.features.smm.get_or_insert(Smm { state: Switch::On, ..Smm::default() });
    }
    os.firmware = Some(if is_uefi { OsFirmware::Efi } else { OsFirmware::Bios });
    if is_uefi {
        let features = &mut os.firmware_features.features;
        features.clear();
        if has_template {
            features.push(OsFirmwareFeature {
                enabled: description.has("enrolled-keys"),
                name: OsFirmwareFeatureName::EnrolledKeys,
            });
        }
        features.push(OsFirmwareFeature {
            enabled: description.has("secure-boot"),
            name: OsFirmwareFeatureName::SecureBoot,
        });
    }
}

/// Completes what one of the old pairs says.
fn fill_in_legacy(domain: &mut Domain) {
    let Some(loader) = &domain.os.loader else { return };
    if loader.kind != Some(LoaderType::Pflash)
        || loader.readonly != Some(true)
        || loader.stateless == Some(true)
    {
        return;
    }
    let Some((_, variables)) = LEGACY.iter().find(|(code, _)| *code == loader.path) else { return };
    let nvram = domain.os.nvram.get_or_insert_default();
    nvram.template.get_or_insert_with(|| (*variables).to_owned());
    nvram.template_format.get_or_insert(FirmwareFormat::Raw);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(feature: &str) -> String {
        let executable = "{\"filename\": \"/fw/code.fd\", \"format\": \"raw\"}";
        format!(
            "{{\"interface-types\": [\"uefi\"], \"mapping\": {{\"device\": \"flash\", \"executable\": {executable}}}, \
             \"targets\": [], \"features\": [\"{feature}\"]}}"
        )
    }

    #[test]
    fn later_directories_replace_and_hide_what_earlier_ones_have() {
        let scratch = tempfile::tempdir().expect("a directory");
        let directories = ["usr", "etc", "missing"].map(|name| scratch.path().join(name));
        let write = |directory: usize, name: &str, text: &str| {
            std::fs::create_dir_all(&directories[directory]).expect("made");
            std::fs::write(directories[directory].join(name), text).expect("written");
        };
        write(0, "60-b.json", &description("distribution's"));
        write(0, "50-a.json", &description("first"));
        write(0, "70-hidden.json", &description("hidden"));
        write(0, ".80-dot.json", &description("no description"));
        write(0, "90-notes.txt", "nothing");
        write(1, "60-b.json", &description("administrator's"));
        write(1, "70-hidden.json", "");
        write(1, "65-broken.json", "{");
        let found = FirmwareDescription::installed_in(&directories);
        let features: Vec<&str> = found.iter().flat_map(|it| &it.features).map(String::as_str).collect();
        assert_eq!(features, ["first", "administrator's"]);
    }
}

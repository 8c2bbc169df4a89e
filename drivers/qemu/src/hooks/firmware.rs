//! Firmware: the descriptions that distributions install, and which of them a guest gets.

use serde::Deserialize;
use virt_conf::model::{
    Domain, FirmwareFormat, Loader, LoaderType, Nvram, OsFirmware, OsFirmwareFeature, OsFirmwareFeatureName,
    Smm, Switch,
};
use virt_conf::xml::{ParseFlags, ParseOptions};
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
        if domain.os.firmware.is_some() || named {
            let board = self.board(domain);
            let found =
                self.firmwares.iter().find(|description| suits(description, domain, board, abi_update));
            match found {
                Some(description) => fill_in(description, domain),
                None => {
                    if let Some(firmware) = domain.os.firmware {
                        return Err(Error::new(
                            ErrorCode::OPERATION_FAILED,
                            ErrorDomain::QEMU,
                            format!("Unable to find any firmware to satisfy '{}'", firmware.as_str()),
                        ));
                    }
                    fill_in_legacy(domain);
                }
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
                FlashMode::Combined => readonly == Some(false),
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
                nvram.format = nvram.format.or(format_named(&template.format));
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

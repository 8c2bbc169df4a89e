//! `<tpm>`: trusted platform modules of the guest.

use uuid::Uuid;

use super::DeviceInfo;
use crate::error::refuse;
use crate::model::DeviceUnixSource;
use crate::xml::{Reader, Result, Xml, XmlValue};

/// A trusted platform module of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "tpm", before_read = Tpm::check)]
pub struct Tpm {
    /// How the guest sees it; default: what suits the machine.
    #[xml(attr)]
    pub model: Option<TpmModel>,
    /// Where it is on the host.
    #[xml(child, missing = refuse("missing TPM device backend"))]
    pub backend: TpmBackend,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
    /// Whether its emulator can hand over state that both hosts share; kept by the driver while the guest runs.
    #[xml(attr = "privateData/swtpm/@can_migrate_shared_storage", status)]
    pub migrates_shared_storage: Option<bool>,
}

impl Tpm {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        if reader.all("backend").nth(1).is_some() {
            return Err(reader.refuse("only one TPM backend is supported"));
        }
        Ok(())
    }
}

/// How the guest sees a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum TpmModel {
    /// Not decided; never written to a finished definition.
    Default,
    /// TPM interface specification.
    #[xml("tpm-tis")]
    TpmTis,
    /// Command and response buffers; version 2.0 only.
    #[xml("tpm-crb")]
    TpmCrb,
    /// pSeries.
    #[xml("tpm-spapr")]
    TpmSpapr,
    /// pSeries, a proxy for the hypervisor's own guests.
    #[xml("spapr-tpm-proxy")]
    SpaprTpmProxy,
}

/// Where a module is on the host.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "backend", tag = "type")]
pub enum TpmBackend {
    /// The host's own.
    Passthrough(PassthroughTpm),
    /// An emulator that is started with the guest.
    Emulator(EmulatorTpm),
    /// An emulator that is there already.
    External(ExternalTpm),
}

/// `type='passthrough'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = PassthroughTpm::settle)]
pub struct PassthroughTpm {
    /// Path of the device; default: `/dev/tpm0`.
    #[xml(attr = "device/@path")]
    pub path: Option<String>,
}

impl PassthroughTpm {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.path.get_or_insert_with(|| "/dev/tpm0".to_owned());
        Ok(())
    }
}

/// `type='emulator'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct EmulatorTpm {
    /// Version of the specification; default: what suits the model.
    #[xml(attr)]
    pub version: Option<TpmVersion>,
    /// Whether the state outlives an undefined or transient guest; default: no.
    #[xml(attr = "persistent_state", omit)]
    pub persistent_state: bool,
    /// Level of the emulator's log; absent: its default.
    #[xml(attr)]
    pub debug: Option<u32>,
    /// UUID of the secret that encrypts the state; absent: it is not encrypted.
    #[xml(attr = "encryption/@secret")]
    pub encryption_secret: Option<Uuid>,
    /// Banks of platform configuration registers; absent: the emulator's default.
    #[xml(child)]
    pub active_pcr_banks: Option<TpmPcrBanks>,
    /// Where the state is kept; default: the driver's directory.
    #[xml(child)]
    pub source: Option<TpmSource>,
    /// What the module can do; absent: the emulator's default. Since libvirt 10.10.
    #[xml(child)]
    pub profile: Option<TpmProfile>,
}

/// Versions of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum TpmVersion {
    /// Not decided; never written to a finished definition.
    Default,
    /// 1.2.
    #[xml("1.2")]
    V1_2,
    /// 2.0.
    #[xml("2.0")]
    V2_0,
}

/// Banks of platform configuration registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "active_pcr_banks")]
pub struct TpmPcrBanks {
    /// SHA-1.
    #[xml(flag)]
    pub sha1: bool,
    /// SHA-256.
    #[xml(flag)]
    pub sha256: bool,
    /// SHA-384.
    #[xml(flag)]
    pub sha384: bool,
    /// SHA-512.
    #[xml(flag)]
    pub sha512: bool,
}

/// Where an emulator keeps its state.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "source", tag = "type")]
pub enum TpmSource {
    /// In a file or on a block device.
    File(TpmSourcePath),
    /// In a directory.
    Dir(TpmSourcePath),
}

/// A path that holds an emulator's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct TpmSourcePath {
    /// On the host, absolute.
    #[xml(attr)]
    pub path: String,
}

/// What an emulated module can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "profile")]
pub struct TpmProfile {
    /// Profile to begin with, `local:NAME` or a built-in one.
    #[xml(attr)]
    pub source: Option<String>,
    /// Which algorithms that the host's cryptography lacks are taken out.
    #[xml(attr = "removeDisabled")]
    pub remove_disabled: Option<TpmProfileRemoveDisabled>,
    /// Name of the profile that the module got, while it exists.
    #[xml(attr)]
    pub name: Option<String>,
}

/// How algorithms that the host lacks are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum TpmProfileRemoveDisabled {
    /// By what FIPS forbids.
    #[xml("fips-host")]
    FipsHost,
    /// By trying each.
    Check,
}

/// `type='external'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct ExternalTpm {
    /// The emulator's socket.
    #[xml(child, default)]
    pub source: DeviceUnixSource,
}

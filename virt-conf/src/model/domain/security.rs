//! What guards the guest's secrets: keys in its processors, encryption of its memory; and whose users its users are.

use crate::error::refuse;
use crate::model::Switch;
use crate::xml::{Error, Hex, Reader, Result, Xml, XmlValue};

/// Whether an s390 guest can wrap keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "keywrap", after_read = Keywrap::settle)]
pub struct Keywrap {
    /// One entry a cipher; the hypervisor decides about others.
    #[xml(child, key = "@name", unordered)]
    pub ciphers: Vec<KeywrapCipher>,
}

/// Whether an s390 guest can wrap one kind of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "cipher")]
pub struct KeywrapCipher {
    /// The kind.
    #[xml(attr)]
    pub name: KeywrapCipherName,
    /// Whether it can.
    #[xml(attr)]
    pub state: Switch,
}

/// Kinds of keys that s390 wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum KeywrapCipherName {
    /// AES.
    Aes,
    /// DEA and triple DEA.
    Dea,
}

/// How the guest is guarded against its host.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "launchSecurity", tag = "type")]
pub enum LaunchSecurity {
    /// AMD encrypts its memory.
    Sev(Sev),
    /// AMD encrypts its memory and registers, and guards their integrity.
    #[xml("sev-snp")]
    SevSnp(SevSnp),
    /// IBM's secure execution.
    #[xml("s390-pv")]
    S390Pv,
    /// Intel keeps its memory and registers from the host. Since 11.6.
    Tdx(Tdx),
}

/// AMD's secure encrypted virtualization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct Sev {
    /// Whether hashes of a kernel that is booted directly are measured, too; no by default.
    #[xml(attr = "kernelHashes")]
    pub kernel_hashes: Option<bool>,
    /// Which bit of an address says that memory is encrypted; the host's by default.
    #[xml(child_text, invalid = |_| refuse("Invalid format for launch security cbitpos"))]
    pub cbitpos: Option<u32>,
    /// How many bits of a physical address are lost; the host's by default.
    #[xml(child_text = "reducedPhysBits", invalid = |_| refuse("Invalid format for launch security reduced-phys-bits"))]
    pub reduced_phys_bits: Option<u32>,
    /// AMD's bits of policy.
    #[xml(child_text, with = Hex<4>, invalid = |_| no_policy(), missing = no_policy())]
    pub policy: u32,
    /// The owner's certificate, in base64.
    #[xml(child_text = "dhCert")]
    pub dh_cert: Option<String>,
    /// The owner's session, in base64.
    #[xml(child_text)]
    pub session: Option<String>,
}

/// AMD's secure nested paging.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct SevSnp {
    /// Whether hashes of a kernel that is booted directly are measured, too; no by default.
    #[xml(attr = "kernelHashes")]
    pub kernel_hashes: Option<bool>,
    /// Whether `id_auth` contains the author's key.
    #[xml(attr = "authorKey")]
    pub author_key: Option<bool>,
    /// Whether the guest may derive keys from the chip's.
    #[xml(attr)]
    pub vcek: Option<bool>,
    /// Which bit of an address says that memory is encrypted; the host's by default.
    #[xml(child_text, invalid = |_| refuse("Invalid format for launch security cbitpos"))]
    pub cbitpos: Option<u32>,
    /// How many bits of a physical address are lost; the host's by default.
    #[xml(child_text = "reducedPhysBits", invalid = |_| refuse("Invalid format for launch security reduced-phys-bits"))]
    pub reduced_phys_bits: Option<u32>,
    /// AMD's bits of policy.
    #[xml(child_text, with = Hex<8>, invalid = |_| no_policy(), missing = no_policy())]
    pub policy: u64,
    /// 16 bytes in base64 that the guest sees.
    #[xml(child_text = "guestVisibleWorkarounds")]
    pub guest_visible_workarounds: Option<String>,
    /// 96 bytes in base64 that identify the guest.
    #[xml(child_text = "idBlock")]
    pub id_block: Option<String>,
    /// 4096 bytes in base64 that authenticate them.
    #[xml(child_text = "idAuth")]
    pub id_auth: Option<String>,
    /// 32 bytes in base64 that the host gives the guest.
    #[xml(child_text = "hostData")]
    pub host_data: Option<String>,
}

/// Intel's trust domain extensions. Since 11.6.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct Tdx {
    /// Intel's bits of policy; the hypervisor's choice by default.
    #[xml(child_text, with = Hex<1>, invalid = |_| refuse("failed to get launch security policy for launch security type TDX"))]
    pub policy: Option<u64>,
    /// 48 bytes in base64 that identify the guest's configuration; zeros by default.
    #[xml(child_text = "mrConfigId")]
    pub mr_config_id: Option<String>,
    /// 48 bytes in base64 that identify the guest's owner; zeros by default.
    #[xml(child_text = "mrOwner")]
    pub mr_owner: Option<String>,
    /// 48 bytes in base64 that identify the owner's configuration; zeros by default.
    #[xml(child_text = "mrOwnerConfig")]
    pub mr_owner_config: Option<String>,
    /// The host's daemon that signs what the guest reports about itself; absent: the guest can prove nothing to others.
    #[xml(child)]
    pub quote_generation_service: Option<QuoteGenerationService>,
}

/// The host's daemon that signs what guests report about themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "quoteGenerationService", keep_empty)]
pub struct QuoteGenerationService {
    /// Path of its socket; `/var/run/tdx-qgs/qgs.socket` by default.
    #[xml(attr)]
    pub path: Option<String>,
}

/// Which users of the host a container's users are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "idmap", after_read = IdMap::settle)]
pub struct IdMap {
    /// Users, in ascending order.
    #[xml(child = "uid")]
    pub uids: Vec<IdRange>,
    /// Groups, in ascending order.
    #[xml(child = "gid")]
    pub gids: Vec<IdRange>,
}

/// A range of users or groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "uid")]
pub struct IdRange {
    /// The first in the container.
    #[xml(attr, invalid = |_| bad_range(), missing = bad_range())]
    pub start: u32,
    /// The first on the host.
    #[xml(attr, invalid = |_| bad_range(), missing = bad_range())]
    pub target: u32,
    /// How many.
    #[xml(attr, invalid = |_| bad_range(), missing = bad_range())]
    pub count: u32,
}

fn no_policy() -> Error {
    refuse("failed to get launch security policy")
}

fn bad_range() -> Error {
    refuse("invalid idmap start/target/count settings")
}

impl Keywrap {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        for (at, cipher) in self.ciphers.iter().enumerate() {
            if self.ciphers.iter().take(at).any(|other| other.name == cipher.name) {
                let name = cipher.name;
                return Err(reader.internal(format!(
                    "A domain definition can have no more than one cipher node with name {name}"
                )));
            }
        }
        Ok(())
    }
}

impl IdMap {
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        self.uids.sort_by_key(|range| range.start);
        self.gids.sort_by_key(|range| range.start);
        Ok(())
    }
}

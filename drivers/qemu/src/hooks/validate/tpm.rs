//! Trusted platform modules.

use virt_conf::model::{Domain, Tpm, TpmBackend, TpmModel, TpmVersion};
use virt_util::Result;

use super::{QemuHooks, refuse_if};
use crate::caps::Flag;

impl QemuHooks<'_> {
    pub(super) fn check_tpm(&self, tpm: &Tpm, domain: &Domain) -> Result<()> {
        let arch = self.board(domain).arch;
        let model = tpm.model.unwrap_or(TpmModel::Default);
        let old = matches!(&tpm.backend, TpmBackend::Emulator(one) if one.version == Some(TpmVersion::V1_2));
        // Version 1.2 is for the oldest model, on PCs.
        refuse_if(old && model != TpmModel::TpmTis, "backend/@version", || {
            format!("TPM 1.2 is not supported for model '{model}'")
        })?;
        refuse_if(old && !arch.is_x86(), "backend/@version", || {
            format!("TPM 1.2 is not supported on architecture '{arch}'")
        })?;
        let emulator = domain.devices.emulator.as_deref().unwrap_or(&self.caps.emulator);
        let backend = match tpm.backend {
            TpmBackend::Passthrough(_) => Flag::TpmPassthrough,
            TpmBackend::Emulator(_) | TpmBackend::External(_) => Flag::TpmEmulator,
        };
        refuse_if(!self.has(backend), "backend/@type", || {
            format!("The QEMU executable {emulator} does not support TPM backend type {}", tpm.backend.tag())
        })?;
        let passthrough = matches!(tpm.backend, TpmBackend::Passthrough(_));
        refuse_if(
            arch.is_ppc64() && model == TpmModel::SpaprTpmProxy && !passthrough,
            "backend/@type",
            || format!("TPM Proxy model {model} requires 'Passthrough' backend"),
        )?;
        let known = match model {
            TpmModel::TpmTis => self.has(Flag::TpmTis),
            TpmModel::TpmCrb => self.has(Flag::TpmCrb),
            TpmModel::TpmSpapr => self.has(Flag::TpmSpapr),
            TpmModel::SpaprTpmProxy => self.has(Flag::SpaprTpmProxy),
            TpmModel::Default => false,
        };
        refuse_if(!known, "@model", || {
            format!("The QEMU executable {emulator} does not support TPM model {model}")
        })
    }
}

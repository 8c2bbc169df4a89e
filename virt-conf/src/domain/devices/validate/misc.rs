//! Checks of the devices that need little.

use super::{refuse_if, unsupported, wrong};
use crate::model::{
    Domain, Filesystem, FilesystemDriverType, Iommu, IommuDriver, IommuModel, PersistentStore, SharedMemory,
    Switch, Tpm, TpmBackend, TpmVersion, Vsock,
};
use crate::xml::{Result, Within};

impl Domain {
    pub(super) fn validate_filesystem(&self, filesystem: &Filesystem) -> Result<()> {
        let virtiofs = filesystem.driver.kind == Some(FilesystemDriverType::Virtiofs);
        refuse_if(filesystem.info.boot.is_some() && !virtiofs, || {
            unsupported("boot order is only supported for virtiofs").within("boot/@order")
        })
    }
}

pub(super) fn validate_shared_memory(memory: &SharedMemory) -> Result<()> {
    let name = memory.name.as_str();
    refuse_if(name.contains('/'), || unsupported("shmem name cannot include '/' character").within("@name"))?;
    refuse_if(matches!(name, "." | ".."), || {
        unsupported(format!("shmem name cannot be equal to '{name}'")).within("@name")
    })
}

pub(super) fn validate_tpm(tpm: &Tpm) -> Result<()> {
    match &tpm.backend {
        TpmBackend::Emulator(emulator) => {
            let modern = emulator.version == Some(TpmVersion::V2_0);
            refuse_if(emulator.active_pcr_banks.is_some() && !modern, || {
                wrong(format!("<active_pcr_banks/> requires TPM version '{}'", TpmVersion::V2_0))
                    .within("backend/active_pcr_banks")
            })?;
            refuse_if(emulator.profile.is_some() && !modern, || {
                wrong(format!("<profile/> requires TPM version '{}'", TpmVersion::V2_0))
                    .within("backend/profile")
            })
        }
        TpmBackend::External(external) => {
            let source = &external.source;
            refuse_if(source.kind.as_deref() != Some("unix"), || {
                wrong("only source type 'unix' is supported for external TPM device")
                    .within("backend/source/@type")
            })?;
            refuse_if(source.mode.as_deref().is_some_and(|mode| mode != "connect"), || {
                wrong("only 'connect' mode is supported for external TPM device")
                    .within("backend/source/@mode")
            })?;
            refuse_if(source.path.is_none(), || {
                wrong("missing socket path for external TPM device").within("backend/source")
            })
        }
        TpmBackend::Passthrough(_) => Ok(()),
    }
}

/// The first addresses are the hypervisor's and the host's.
pub(super) fn validate_vsock(vsock: &Vsock) -> Result<()> {
    refuse_if(matches!(vsock.cid.address, 1 | 2), || {
        unsupported("guest CIDs must be >= 3").within("cid/@address")
    })
}

pub(super) fn validate_iommu(iommu: &Iommu) -> Result<()> {
    let model = iommu.model;
    let all = iommu.driver;
    let none = IommuDriver::default();
    // What each model has, apart from what all others have.
    let foreign = match model {
        IommuModel::Intel => IommuDriver {
            intremap: None,
            caching_mode: None,
            eim: None,
            iotlb: None,
            aw_bits: 0,
            dma_translation: None,
            ..all
        },
        IommuModel::Amd => IommuDriver { intremap: None, iotlb: None, passthrough: None, xtsup: None, ..all },
        IommuModel::Virtio => {
            IommuDriver { aw_bits: 0, passthrough: None, xtsup: None, granule: none.granule, ..all }
        }
        IommuModel::Smmuv3 => IommuDriver {
            pci_bus: None,
            accel: None,
            cmdqv: None,
            ats: None,
            ril: None,
            ssidsize: None,
            oas: None,
            ..all
        },
    };
    refuse_if(foreign != none, || {
        wrong(format!("iommu model '{model}' doesn't support additional attributes")).within("driver")
    })?;
    let tuned = IommuDriver { pci_bus: None, accel: None, ..all } != none;
    refuse_if(model == IommuModel::Smmuv3 && tuned && all.accel != Some(Switch::On), || {
        let sentence =
            "accel must be enabled for iommu model 'smmuv3' when setting ats, ril, ssidsize, oas, or cmdqv";
        wrong(sentence).within("driver")
    })?;
    refuse_if(!matches!(model, IommuModel::Virtio | IommuModel::Amd) && iommu.info.address.is_some(), || {
        wrong(format!("iommu model '{model}' can't have address")).within("address")
    })
}

pub(super) fn validate_pstore(pstore: &PersistentStore) -> Result<()> {
    refuse_if(pstore.path.is_none(), || wrong("missing path for ACPI ERST pstore device"))?;
    let size = pstore.size.map_or(0, |size| size.0);
    refuse_if(!size.is_power_of_two(), || wrong("invalid size of ACPI ERST pstore device").within("size"))
}

//! Registers of Power's virtual bus.

use virt_conf::model::{
    ControllerKind, DeviceAddress, DeviceInfo, Domain, ScsiModel, SerialTargetModel, SpaprVioAddress,
    TpmModel,
};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

/// Gives every device of the virtual bus a register, each kind from one of its own on.
pub(super) fn assign(domain: &mut Domain) -> Result<()> {
    let devices = &mut domain.devices;
    let mut all: Vec<(u64, &mut DeviceInfo)> = Vec::new();
    for interface in &mut devices.interfaces {
        if interface.model.as_deref() == Some("spapr-vlan") {
            all.push((0x1000, &mut interface.info));
        }
    }
    for controller in &mut devices.controllers {
        if matches!(&controller.kind, ControllerKind::Scsi(scsi) if scsi.model == Some(ScsiModel::IbmvScsi)) {
            all.push((0x2000, &mut controller.info));
        }
    }
    for serial in &mut devices.serials {
        if serial.target.model == Some(SerialTargetModel::SpaprVty) {
            all.push((0x3000_0000, &mut serial.info));
        }
    }
    if let Some(nvram) = &mut devices.nvram {
        all.push((0x3000, &mut nvram.info));
    }
    for tpm in &mut devices.tpms {
        if tpm.model == Some(TpmModel::TpmSpapr) {
            all.push((0x4000, &mut tpm.info));
        }
    }
    let mut used: Vec<u64> = Vec::new();
    for (_, info) in &all {
        if let Some(DeviceAddress::SpaprVio(SpaprVioAddress { reg: Some(reg) })) = info.address {
            if used.contains(&reg) {
                return Err(Error::new(
                    ErrorCode::XML_ERROR,
                    ErrorDomain::QEMU,
                    format!("spapr-vio address 0x{reg:x} already in use"),
                ));
            }
            used.push(reg);
        }
    }
    for (first, info) in all {
        let open =
            matches!(info.address, None | Some(DeviceAddress::SpaprVio(SpaprVioAddress { reg: None })));
        if open {
            let mut reg = first;
            while used.contains(&reg) {
                reg += 0x1000;
            }
            used.push(reg);
            info.address = Some(DeviceAddress::SpaprVio(SpaprVioAddress { reg: Some(reg) }));
        }
    }
    Ok(())
}

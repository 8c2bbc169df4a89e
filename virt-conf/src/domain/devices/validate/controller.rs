//! Checks of one controller.

use super::{refuse_if, unsupported, wrong};
use crate::model::{Controller, ControllerKind, PciController, PciModel, ScsiController, ScsiModel};
use crate::xml::{Result, Within};

pub(super) fn validate(controller: &Controller) -> Result<()> {
    validate_iothreads(controller)?;
    let ControllerKind::Pci(pci) = &controller.kind else { return Ok(()) };
    validate_pci(controller, pci)
}

fn validate_iothreads(controller: &Controller) -> Result<()> {
    if controller.driver.iothreads.is_none() {
        return Ok(());
    }
    let virtio = matches!(
        controller.kind,
        ControllerKind::Scsi(ScsiController {
            model: Some(
                ScsiModel::VirtioScsi | ScsiModel::VirtioTransitional | ScsiModel::VirtioNonTransitional
            )
        })
    );
    refuse_if(!virtio, || {
        unsupported("iothreads are supported only by 'virtio-scsi' controllers").within("driver/iothreads")
    })?;
    refuse_if(controller.driver.iothread != 0, || {
        wrong("controller driver 'iothread' attribute can't be used together with 'iothreads' subelement")
            .within("driver/@iothread")
    })
}

fn validate_pci(controller: &Controller, pci: &PciController) -> Result<()> {
    let root = matches!(pci.model, Some(PciModel::PciRoot | PciModel::PcieRoot));
    let number = controller.index.unwrap_or(0);
    let addressed = controller.info.address.is_some();
    refuse_if(root && addressed, || {
        unsupported("pci-root and pcie-root controllers should not have an address").within("address")
    })?;
    refuse_if(number > 255, || {
        unsupported(format!("PCI controller index {number} too high, maximum is 255")).within("@index")
    })?;
    let target = &pci.target;
    if let Some(index) = target.index {
        refuse_if(index > 30, || {
            unsupported(format!("PCI controller target index '{index}' out of range - must be 0-30"))
                .within("target/@index")
        })?;
        refuse_if((number == 0) != (index == 0), || {
            unsupported("Only the PCI controller with index 0 can have target index 0, and vice versa")
                .within("target/@index")
        })?;
    }
    let ranges = [
        ("chassisNr", target.chassis_nr, 1, 255),
        ("chassis", target.chassis, 0, 255),
        ("port", target.port, 0, 255),
        ("busNr", target.bus_nr, 1, 254),
    ];
    for (what, number, first, last) in ranges {
        if let Some(number) = number.filter(|number| !(first..=last).contains(number)) {
            let error = unsupported(format!(
                "PCI controller {what} '{number}' out of range - must be {first}-{last}"
            ));
            return Err(error.within(format_args!("target/@{what}")));
        }
    }
    refuse_if(target.node.is_some() && number == 0, || {
        unsupported("The PCI controller with index=0 can't be associated with a NUMA node")
            .within("target/node")
    })
}

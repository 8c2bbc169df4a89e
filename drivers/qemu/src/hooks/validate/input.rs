//! Keyboards and pointers, and the IOMMU.

use virt_conf::model::{DeviceAddress, Domain, Input, InputBus, InputKind, Iommu, IommuModel, VirtioModel};
use virt_util::Result;

use super::{QemuHooks, first_fault, refuse_if};
use crate::caps::Flag;

impl QemuHooks<'_> {
    pub(super) fn check_input(&self, input: &Input, domain: &Domain) -> Result<()> {
        let missing = |fault: bool, what: &str| {
            refuse_if(fault, "@bus", || format!("{what} is not supported by this QEMU binary"))
        };
        match input.bus {
            Some(InputBus::Ps2) => return missing(!self.has_ps2(domain), "ps2"),
            Some(InputBus::Usb) => {
                let keys = matches!(input.kind, InputKind::Keyboard);
                return missing(self.lacks(keys, Flag::UsbKbd), "usb keyboard");
            }
            Some(InputBus::Virtio) => {}
            _ => return Ok(()),
        }
        let generation =
            matches!(input.model, Some(VirtioModel::Transitional | VirtioModel::NonTransitional));
        refuse_if(generation, "@model", || {
            let kind = input.kind.tag();
            format!("virtio (non-)transitional models are not supported for input type={kind}")
        })?;
        let (name, flag, channel) = match input.kind {
            InputKind::Mouse => ("virtio-mouse", Flag::VirtioMouse, Some(Flag::VirtioMouseCcw)),
            InputKind::Tablet => ("virtio-tablet", Flag::VirtioTablet, Some(Flag::VirtioTabletCcw)),
            InputKind::Keyboard => ("virtio-keyboard", Flag::VirtioKeyboard, Some(Flag::VirtioKeyboardCcw)),
            InputKind::Passthrough(_) => ("virtio-input-host", Flag::VirtioInputHost, None),
            InputKind::Evdev(_) => ("input-linux", Flag::InputLinux, None),
        };
        let on_channel = matches!(input.info.address, Some(DeviceAddress::Ccw(_)));
        let misplaced = on_channel && !channel.is_some_and(|flag| self.has(flag));
        missing(!self.has(flag) || misplaced, name)
    }

    pub(super) fn check_iommu(&self, iommu: &Iommu, domain: &Domain) -> Result<()> {
        let board = self.board(domain);
        let model = iommu.model;
        let (fits, boards, known) = match model {
            IommuModel::Intel => (board.is_q35(), "Q35", self.has(Flag::IntelIommu)),
            IommuModel::Amd => (board.is_q35(), "Q35", false),
            IommuModel::Smmuv3 => (board.is_arm_virt(), "ARM Virt", self.has(Flag::MachineVirtIommu)),
            IommuModel::Virtio => (
                board.is_arm_virt() || board.is_q35(),
                "Q35 and ARM Virt",
                self.has(Flag::VirtioIommuPci) && self.has(Flag::VirtioIommuBootBypass),
            ),
        };
        refuse_if(!fits, "@model", || {
            format!("IOMMU device: '{model}' is only supported with {boards} machines")
        })?;
        refuse_if(!known, "@model", || {
            format!("IOMMU device: '{model}' is not supported with this QEMU binary")
        })?;
        if model == IommuModel::Virtio {
            refuse_if(!domain.features.acpi, "@model", || format!("IOMMU device: '{model}' requires ACPI"))?;
            let placed = matches!(iommu.info.address, None | Some(DeviceAddress::Pci(_)));
            refuse_if(!placed, "address/@type", || format!("IOMMU device: '{model}' needs a PCI address"))?;
        }
        let driver = &iommu.driver;
        first_fault(&[
            (
                self.lacks(driver.intremap.is_some(), Flag::IntelIommuIntremap),
                "driver/@intremap",
                "iommu: interrupt remapping is not supported with this QEMU binary",
            ),
            (
                self.lacks(driver.caching_mode.is_some(), Flag::IntelIommuCachingMode),
                "driver/@caching_mode",
                "iommu: caching mode is not supported with this QEMU binary",
            ),
            (
                self.lacks(driver.eim.is_some(), Flag::IntelIommuEim),
                "driver/@eim",
                "iommu: eim is not supported with this QEMU binary",
            ),
            (
                self.lacks(driver.iotlb.is_some(), Flag::IntelIommuDeviceIotlb),
                "driver/@iotlb",
                "iommu: device IOTLB is not supported with this QEMU binary",
            ),
            (
                self.lacks(driver.aw_bits > 0, Flag::IntelIommuAwBits),
                "driver/@aw_bits",
                "iommu: aw_bits is not supported with this QEMU binary",
            ),
            (
                self.lacks(driver.dma_translation.is_some(), Flag::IntelIommuDmaTranslation),
                "driver/@dma_translation",
                "iommu: updating dma translation is not supported with this QEMU binary",
            ),
        ])
    }
}

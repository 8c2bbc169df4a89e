//! `<iommu>`: what maps the guest's devices to its memory.

use super::DeviceInfo;
use crate::model::{Kib, ScaledAttr, Switch};
use crate::xml::{About, Fields, Kind, Plain, Reader, Result, Shape, Writer, Xml, XmlValue};

/// The guest's IOMMU.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "iommu")]
pub struct Iommu {
    /// Which one.
    #[xml(attr)]
    pub model: IommuModel,
    /// What it can do.
    #[xml(child, default)]
    pub driver: IommuDriver,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

/// Which IOMMU the guest sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum IommuModel {
    /// Intel VT-d.
    Intel,
    /// ARM SMMUv3.
    Smmuv3,
    /// virtio.
    Virtio,
    /// AMD-Vi. Since 11.5.
    Amd,
}

/// What an IOMMU can do. A model has those that name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "driver")]
pub struct IommuDriver {
    /// Intel and AMD: whether interrupts are remapped; default: off.
    #[xml(attr)]
    pub intremap: Option<Switch>,
    /// Intel: whether translations of assigned devices are tracked; default: off.
    #[xml(attr = "caching_mode")]
    pub caching_mode: Option<Switch>,
    /// Intel: whether interrupts reach more than 255 CPUs; default: the hypervisor's choice.
    #[xml(attr)]
    pub eim: Option<Switch>,
    /// Intel and AMD: whether devices may cache translations; default: off.
    #[xml(attr)]
    pub iotlb: Option<Switch>,
    /// Intel and virtio: bits of an I/O address, 39 or 48; 0: the hypervisor's choice.
    #[xml(attr = "aw_bits", omit)]
    pub aw_bits: u32,
    /// Intel: whether memory accesses are translated; default: on. Since libvirt 10.7.
    #[xml(attr = "dma_translation")]
    pub dma_translation: Option<Switch>,
    /// AMD and virtio: whether memory accesses are let through as they are; default: off. Since 11.5.
    #[xml(attr)]
    pub passthrough: Option<Switch>,
    /// AMD and virtio: whether interrupts reach more than 255 CPUs; default: the hypervisor's choice. Since 11.5.
    #[xml(attr)]
    pub xtsup: Option<Switch>,
    /// SMMUv3: index of the PCI controller whose devices it serves; absent: the root's. Since 11.10.
    #[xml(attr = "pciBus")]
    pub pci_bus: Option<u32>,
    /// SMMUv3: whether the host's translates for assigned devices; default: off. Since 12.7.
    #[xml(attr)]
    pub accel: Option<Switch>,
    /// SMMUv3 with `accel`: whether assigned devices use the host's command queues, of NVIDIA Tegra241; default: the
    /// hypervisor's choice. Since 12.7.
    #[xml(attr)]
    pub cmdqv: Option<Switch>,
    /// SMMUv3 with `accel`: whether devices may cache translations; default: the hypervisor's choice. Since 12.7.
    #[xml(attr)]
    pub ats: Option<Switch>,
    /// SMMUv3 with `accel`: whether ranges of addresses can be invalidated; default: the hypervisor's choice. Since 12.7.
    #[xml(attr)]
    pub ril: Option<Switch>,
    /// SMMUv3 with `accel`: bits of the number of an address space of a device, 0 to 20; default: the hypervisor's choice.
    /// Since 12.7.
    #[xml(attr)]
    pub ssidsize: Option<i32>,
    /// SMMUv3 with `accel`: bits of an address that it puts out; default: the hypervisor's choice. Since 12.7.
    #[xml(attr)]
    pub oas: Option<i32>,
    /// virtio: the smallest piece of memory that it maps; default: the hypervisor's choice. Since 12.1.
    #[xml(child, default)]
    pub granule: IommuGranule,
}

/// The smallest piece of memory that an IOMMU maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "granule", after_read = IommuGranule::settle)]
pub struct IommuGranule {
    /// As big as what; excludes `size`.
    #[xml(attr)]
    pub mode: Option<GranuleMode>,
    /// How big; excludes `mode`.
    #[xml(flatten)]
    pub size: Option<GranuleSize>,
}

/// What a granule is as big as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum GranuleMode {
    /// A page of the host.
    Host,
}

/// A size in KiB, as `size` and `unit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GranuleSize(pub Kib);

impl Fields for GranuleSize {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        let bytes = ScaledAttr("size").bytes(reader, 1024)?;
        Ok(Self(Kib::from_bytes(bytes.unwrap_or_default())))
    }
    fn is_present(reader: &Reader<'_, '_>) -> bool {
        reader.attr_text("size").is_some()
    }
    fn write_attrs(&self, writer: &mut Writer) {
        writer.attr::<Plain, _>("size", &self.0.0);
        writer.attr_text("unit", "KiB");
    }
    fn write_children(&self, _: &mut Writer) {}
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        ScaledAttr("size")
            .describe(shape, const { &About::value(Kind::Amount, "How big; in KiB without a unit.") });
    }
}

impl IommuGranule {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.mode.is_some() && self.size.is_some() {
            return Err(reader.refuse("'mode' and 'size' can't be specified at the same time for 'granule'"));
        }
        Ok(())
    }
}

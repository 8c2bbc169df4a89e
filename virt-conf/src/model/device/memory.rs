//! `<memory>` among devices: memory that is plugged into the guest.

use uuid::Uuid;

use super::{DeviceInfo, VirtioDriver};
use crate::error::refuse;
use crate::model::{Bitmap, Kib};
use crate::xml::{Hex, Reader, Result, Value, Xml, XmlValue};

/// Memory that is plugged into the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "memory", before_read = MemoryDevice::check, after_read = MemoryDevice::settle)]
pub struct MemoryDevice {
    /// Which device.
    #[xml(attr)]
    pub model: MemoryModel,
    /// Whether other processes of the host see the guest's writes; default: as the domain's memory.
    #[xml(attr)]
    pub access: Option<MemoryDeviceAccess>,
    /// Whether contents are dropped before the device goes; default: as the domain's memory.
    #[xml(attr)]
    pub discard: Option<bool>,
    /// pSeries NVDIMM: identity; generated where absent.
    #[xml(child_text)]
    pub uuid: Option<Uuid>,
    /// Tuning of the virtio transport. Since 11.9.
    #[xml(child, default)]
    pub driver: VirtioDriver,
    /// What the memory is made of.
    #[xml(child, default)]
    pub source: MemoryDeviceSource,
    /// What the guest sees.
    #[xml(child)]
    pub target: MemoryDeviceTarget,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

impl MemoryDevice {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        // A model that there is not is the first thing to complain about.
        if reader.attr_text("model").is_none_or(|text| MemoryModel::parse(text).is_err()) {
            return Ok(());
        }
        let Some(target) = reader.first("target") else {
            return Err(reader.refuse("missing <target> element for <memory> device"));
        };
        if target.first("size").is_none() {
            return Err(target.xml_error("missing element or attribute './size'"));
        }
        Ok(())
    }

    /// Each model reads its own parts only.
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        use MemoryModel::{Dimm, Nvdimm, SgxEpc, VirtioMem, VirtioPmem};
        let (source, target) = (&mut self.source, &mut self.target);
        if !matches!(self.model, VirtioMem | VirtioPmem) {
            self.driver = VirtioDriver::default();
        }
        let paged = matches!(self.model, Dimm | VirtioMem);
        source.pagesize = source.pagesize.filter(|_| paged);
        source.nodemask = source.nodemask.take().filter(|_| paged || self.model == SgxEpc);
        source.path = source.path.take().filter(|_| matches!(self.model, Nvdimm | VirtioPmem));
        let nvdimm = self.model == Nvdimm;
        self.uuid = self.uuid.filter(|_| nvdimm);
        source.alignsize = source.alignsize.filter(|_| nvdimm);
        source.pmem &= nvdimm;
        target.label = target.label.filter(|_| nvdimm);
        target.readonly &= nvdimm;
        if let Some(label) = target.label {
            if label.size.0 < 128 {
                return Err(reader.refuse("nvdimm label must be at least 128KiB"));
            }
            if label.size >= target.size {
                return Err(reader.refuse("label size must be smaller than NVDIMM size"));
            }
        }
        let resizable = self.model == VirtioMem;
        target.block = target.block.filter(|_| resizable);
        target.requested = resizable.then(|| target.requested.unwrap_or_default());
        target.current = target.current.filter(|_| resizable);
        target.dynamic_memslots = target.dynamic_memslots.filter(|_| resizable);
        target.base = target.base.filter(|base| *base != 0 && (resizable || self.model == VirtioPmem));
        Ok(())
    }
}

/// Memory devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum MemoryModel {
    /// A memory module.
    Dimm,
    /// A module whose contents stay.
    Nvdimm,
    /// virtio, whose contents stay.
    #[xml("virtio-pmem")]
    VirtioPmem,
    /// virtio, of which the guest takes as much as it is asked to.
    #[xml("virtio-mem")]
    VirtioMem,
    /// Enclave page cache of Intel SGX.
    #[xml("sgx-epc")]
    SgxEpc,
}

/// Whether other processes see the guest's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum MemoryDeviceAccess {
    /// Not decided.
    Default,
    /// They do.
    Shared,
    /// They do not.
    Private,
}

/// What memory is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source")]
pub struct MemoryDeviceSource {
    /// Host NUMA nodes, `0-3,^2`; absent: any.
    #[xml(child_text)]
    pub nodemask: Option<Bitmap>,
    /// Size of the huge pages it is made of; absent: as the domain's memory.
    #[xml(child = "pagesize")]
    pub pagesize: Option<Kib>,
    /// NVDIMM and virtio-pmem: path of the file or device whose contents stay.
    #[xml(child_text)]
    pub path: Option<String>,
    /// NVDIMM: alignment of the mapping; absent: the page size.
    #[xml(child = "alignsize")]
    pub alignsize: Option<Kib>,
    /// NVDIMM: whether the host has persistent memory, and writes are flushed to it.
    #[xml(flag)]
    pub pmem: bool,
}

/// What the guest sees of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "target")]
pub struct MemoryDeviceTarget {
    /// virtio-mem: whether slots of the backend grow with what is used; default: no.
    #[xml(attr = "dynamicMemslots")]
    pub dynamic_memslots: Option<bool>,
    /// Size of the device, at most.
    #[xml(child = "size")]
    pub size: Kib,
    /// Guest NUMA node it belongs to.
    #[xml(child_text, invalid = |_| refuse("invalid value of memory device node"))]
    pub node: Option<u32>,
    /// NVDIMM: namespace label area.
    #[xml(child)]
    pub label: Option<MemoryLabel>,
    /// NVDIMM: whether the guest may only read.
    #[xml(flag)]
    pub readonly: bool,
    /// virtio-mem: granularity; a power of two, at least a page.
    #[xml(child = "block")]
    pub block: Option<Kib>,
    /// virtio-mem: how much the guest shall take.
    #[xml(child = "requested")]
    pub requested: Option<Kib>,
    /// virtio-mem: how much the guest has taken, while it runs.
    #[xml(child = "current", live)]
    pub current: Option<Kib>,
    /// virtio: guest physical address of the first byte; absent: assigned.
    #[xml(attr = "address/@base", with = Hex<1>)]
    pub base: Option<u64>,
}

/// Namespace label area of an NVDIMM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "label")]
pub struct MemoryLabel {
    /// Size of the area, at least 128 KiB.
    #[xml(child = "size")]
    pub size: Kib,
}

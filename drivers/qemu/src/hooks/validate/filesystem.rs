//! Directories of the host.

use virt_conf::model::{
    DeviceAddress, Domain, Filesystem, FilesystemAccess, FilesystemDriverType, FilesystemMultidevs,
    FilesystemSource, StorageFormat,
};
use virt_util::Result;

use super::{QemuHooks, first_fault, refuse_if, require_shared_memory};
use crate::caps::Flag;

impl QemuHooks<'_> {
    pub(super) fn check_filesystem(&self, filesystem: &Filesystem, domain: &Domain) -> Result<()> {
        let driver = &filesystem.driver;
        let several = filesystem.multidevs.is_some_and(|policy| policy != FilesystemMultidevs::Default);
        let moded = filesystem.fmode != 0 || filesystem.dmode != 0;
        let limited = |limit: Option<virt_conf::model::Bytes>| limit.is_some_and(|limit| limit.0 > 0);
        let virtiofs = driver.kind == Some(FilesystemDriverType::Virtiofs);
        let passthrough = filesystem.accessmode == Some(FilesystemAccess::Passthrough);
        first_fault(&[
            (
                !matches!(filesystem.source, FilesystemSource::Mount(_)),
                "@type",
                "only supports mount filesystem type",
            ),
            (
                limited(filesystem.space_hard_limit) || limited(filesystem.space_soft_limit),
                "space_hard_limit",
                "filesystem usage limits are not supported with QEMU",
            ),
            (
                self.lacks(several, Flag::FsdevMultidevs),
                "@multidevs",
                "multidevs is not supported with this QEMU binary",
            ),
            (
                moded && filesystem.accessmode != Some(FilesystemAccess::Mapped),
                "@fmode",
                "fmode and dmode must be used with accessmode=mapped",
            ),
            (
                !virtiofs && filesystem.binary.sandbox.is_some(),
                "binary/sandbox",
                "sandbox can only be used with driver=virtiofs",
            ),
        ])?;
        match driver.kind {
            None | Some(FilesystemDriverType::Path) => Ok(()),
            Some(FilesystemDriverType::Handle) => {
                refuse_if(!passthrough, "@accessmode", || "only supports passthrough accessmode")
            }
            Some(FilesystemDriverType::Loop | FilesystemDriverType::Nbd | FilesystemDriverType::Ploop) => {
                refuse_if(true, "driver/@type", || "Filesystem driver type not supported")
            }
            Some(FilesystemDriverType::Virtiofs) => self.check_virtiofs(filesystem, domain),
            Some(FilesystemDriverType::Mtp) => first_fault(&[
                (!self.has(Flag::UsbMtp), "driver/@type", "mtp is not supported with this QEMU binary"),
                (!passthrough, "@accessmode", "mtp only supports passthrough accessmode"),
            ]),
        }
    }

    fn check_virtiofs(&self, filesystem: &Filesystem, domain: &Domain) -> Result<()> {
        let served = matches!(&filesystem.source, FilesystemSource::Mount(mount) if mount.socket.is_some());
        let driver = &filesystem.driver;
        let passthrough = filesystem.accessmode == Some(FilesystemAccess::Passthrough);
        first_fault(&[
            (!served && !passthrough, "@accessmode", "virtiofs only supports passthrough accessmode"),
            (!served && driver.wrpolicy.is_some(), "driver/@wrpolicy", "virtiofs does not support wrpolicy"),
            (filesystem.model.is_some(), "@model", "virtiofs does not support model"),
            (
                driver.format.is_some_and(|format| format != StorageFormat::None),
                "driver/@format",
                "virtiofs does not support format",
            ),
            (!self.has(Flag::VhostUserFs), "driver/@type", "virtiofs is not supported with this QEMU binary"),
            (
                filesystem.multidevs.is_some_and(|policy| policy != FilesystemMultidevs::Default),
                "@multidevs",
                "virtiofs does not support multidevs",
            ),
            (
                filesystem.fmode != 0 || filesystem.dmode != 0,
                "@fmode",
                "virtiofs does not support fmode and dmode",
            ),
        ])?;
        require_shared_memory(domain, "virtiofs")?;
        let boots = filesystem.info.boot.is_some();
        first_fault(&[
            (
                self.lacks(boots, Flag::VhostUserFsBootindex),
                "boot",
                "setting virtiofs boot order is not supported with this QEMU binary",
            ),
            (
                boots && !matches!(filesystem.info.address, None | Some(DeviceAddress::Pci(_))),
                "boot",
                "setting virtiofs boot order is supported only with PCI bus",
            ),
        ])
    }
}

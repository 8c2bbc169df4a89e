//! `<domain>`: a guest.
//!
//! Fields stand in the order in which libvirt writes them.

use uuid::Uuid;

use super::Devices;
use crate::xml::{Xml, XmlValue};

/// A guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "domain")]
pub struct Domain {
    /// Which hypervisor runs it.
    #[xml(attr = "type")]
    pub kind: DomainType,
    /// Its number on this host while it runs.
    #[xml(attr, live)]
    pub id: Option<i32>,
    /// Its name, unique on the host and connection.
    #[xml(child_text)]
    pub name: String,
    /// Its identity; generated where absent.
    #[xml(child_text)]
    pub uuid: Option<Uuid>,
    /// Its devices.
    #[xml(child, default)]
    pub devices: Devices,
}

/// The hypervisors that libvirt has drivers for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum DomainType {
    /// QEMU, emulating the processor.
    #[default]
    Qemu,
    /// QEMU with the old kernel module for acceleration.
    Kqemu,
    /// QEMU with KVM.
    Kvm,
    /// Xen.
    Xen,
    /// Linux containers.
    Lxc,
    /// User-mode Linux.
    Uml,
    /// OpenVZ containers.
    Openvz,
    /// libvirt's test driver.
    Test,
    /// VMware's desktop and server products.
    Vmware,
    /// Hyper-V.
    HyperV,
    /// VirtualBox.
    Vbox,
    /// IBM's Power hypervisor.
    Phyp,
    /// Parallels.
    Parallels,
    /// FreeBSD's bhyve.
    Bhyve,
    /// Virtuozzo.
    Vz,
    /// QEMU with macOS's Hypervisor framework.
    Hvf,
}

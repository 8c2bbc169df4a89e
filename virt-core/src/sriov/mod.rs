//! SR-IOV: virtual functions of network cards are leased, set up, handed over, and restored as they were.
//!
//! `Sriov` (feature `host`) is for applications, with a guest or without one; drivers ask their host for the role `hostdev`
//! and exchange the same documents.

#[cfg(feature = "host")]
mod client;
mod model;

#[cfg(feature = "host")]
pub use client::Sriov;
pub use model::*;
pub use virt_util::netlink::{
    Guid, LinkState, MacAddress, PortProfile, VfAttribute, VfAttributeKind, VfInfo, Vlan, VlanProtocol,
};
pub use virt_util::pci::PciAddress;
pub use virt_util::usb::{UsbDevice, UsbSelector};

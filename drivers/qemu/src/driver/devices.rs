//! Devices that come to guests, go from them and change.

use uuid::Uuid;
use virt_conf::domain::Device;
use virt_conf::xml::ParseFlags;
use virt_core::driver::{Call, DeviceChange, Devices};
use virt_util::Result;

use super::Connection;
use crate::engine::Wanted;

/// What attaching and detaching can affect; only an update can be forced.
const AFFECTED: DeviceChange = DeviceChange::LIVE.union(DeviceChange::CONFIG);

impl Devices for Connection {
    fn attach(&self, call: &Call, domain: Uuid, xml: String, flags: DeviceChange) -> Result<()> {
        flags.only(AFFECTED, "qemuDomainAttachDeviceFlags")?;
        self.engine.attach_device(domain, &xml, flags, call.wait())
    }

    fn detach(&self, call: &Call, domain: Uuid, xml: String, flags: DeviceChange) -> Result<()> {
        flags.only(AFFECTED, "qemuDomainDetachDeviceFlags")?;
        let device = Device::from_xml(&xml, &ParseFlags::empty().into())?;
        self.engine.detach_device(domain, &Wanted::Like(Box::new(device)), flags, call.wait())
    }

    fn detach_alias(&self, call: &Call, domain: Uuid, alias: String, flags: DeviceChange) -> Result<()> {
        flags.only(AFFECTED, "qemuDomainDetachDeviceAlias")?;
        self.engine.detach_device(domain, &Wanted::Alias(alias), flags, call.wait())
    }

    fn update(&self, call: &Call, domain: Uuid, xml: String, flags: DeviceChange) -> Result<()> {
        flags.only(DeviceChange::all(), "qemuDomainUpdateDeviceFlags")?;
        self.engine.update_device(domain, &xml, flags, call.wait())
    }
}

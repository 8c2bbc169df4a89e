//! Devices of the host, and secrets.

use std::sync::Arc;

use uuid::Uuid;
use virt_conf::model::Secret as SecretDocument;
use virt_conf::xml::{ParseOptions, from_str};
use virt_core::driver::*;

use super::{TestConnection, checked};
use crate::engine::{Device, Secret};

impl NodeDevices for TestConnection {
    fn list(&self, _: &Call, filter: ListNodeDevices) -> Result<Vec<NodeDeviceSummary>> {
        checked(filter.only(ListNodeDevices::all(), "testConnectListAllNodeDevices"))?;
        Ok(self.node.devices.list(filter))
    }

    fn names(&self, _: &Call, capability: Option<String>) -> Result<Vec<String>> {
        Ok(self.node.devices.names(capability.as_deref()))
    }

    fn count(&self, _: &Call, capability: Option<String>) -> Result<u32> {
        Ok(self.node.devices.names(capability.as_deref()).len() as u32)
    }

    fn lookup_by_name(&self, _: &Call, name: String) -> Result<NodeDeviceSummary> {
        self.node.devices.ask(&name, Device::summary)
    }

    fn lookup_scsi_host(&self, _: &Call, wwnn: String, wwpn: String) -> Result<String> {
        self.node.devices.scsi_host(&wwnn, &wwpn)
    }

    fn xml(&self, _: &Call, device: String, flags: NodeDeviceXml) -> Result<String> {
        checked(flags.only(NodeDeviceXml::INACTIVE, "testNodeDeviceGetXMLDesc"))?;
        self.node.devices.ask(&device, |device| device.xml(flags.contains(NodeDeviceXml::INACTIVE)))?
    }

    fn parent(&self, _: &Call, device: String) -> Result<Option<String>> {
        self.node.devices.ask(&device, |device| device.summary().parent)
    }

    fn capabilities(&self, _: &Call, device: String) -> Result<Vec<String>> {
        self.node
            .devices
            .ask(&device, |device| device.capabilities().capability_names().map(str::to_owned).collect())
    }

    fn detach(&self, _: &Call, device: String, driver: Option<String>) -> Result<()> {
        self.node.devices.detach(&device, driver.as_deref())
    }

    fn reattach(&self, _: &Call, device: String) -> Result<()> {
        self.node.devices.reattach(&device)
    }

    fn reset(&self, _: &Call, device: String) -> Result<()> {
        self.node.devices.reset(&device)
    }

    fn create_xml(&self, _: &Call, xml: String, flags: CreateNodeDevice) -> Result<String> {
        checked(flags.only(CreateNodeDevice::VALIDATE, "testNodeDeviceCreateXML"))?;
        self.node.devices.create_xml(&xml, flags.contains(CreateNodeDevice::VALIDATE))
    }

    fn destroy(&self, _: &Call, device: String) -> Result<()> {
        self.node.devices.destroy(&device)
    }

    fn define(&self, _: &Call, xml: String, flags: DefineNodeDevice) -> Result<String> {
        checked(flags.only(DefineNodeDevice::VALIDATE, "testNodeDeviceDefineXML"))?;
        self.node.devices.define(&xml, flags.contains(DefineNodeDevice::VALIDATE))
    }

    fn undefine(&self, _: &Call, device: String) -> Result<()> {
        self.node.devices.undefine(&device)
    }

    fn create(&self, _: &Call, device: String) -> Result<()> {
        self.node.devices.start(&device)
    }

    fn set_autostart(&self, _: &Call, device: String, autostart: bool) -> Result<()> {
        self.node.devices.set_autostart(&device, autostart)
    }

    fn autostart(&self, _: &Call, device: String) -> Result<bool> {
        self.node.devices.ask(&device, |device| device.summary().autostart)
    }

    fn is_persistent(&self, _: &Call, device: String) -> Result<bool> {
        self.node.devices.ask(&device, |device| device.summary().persistent)
    }

    fn is_active(&self, _: &Call, device: String) -> Result<bool> {
        self.node.devices.ask(&device, |device| device.summary().active)
    }

    fn update(&self, _: &Call, device: String, xml: String, affect: Affect) -> Result<()> {
        checked(affect.only(Affect::all(), "testNodeDeviceUpdate"))?;
        self.node.devices.update(&device, &xml, affect)
    }

    fn subscribe(&self, _: &Call) -> Result<Arc<dyn ObjectEventSource>> {
        Ok(Arc::new(self.node.devices.subscribe()?))
    }
}

impl Secrets for TestConnection {
    fn list(&self, _: &Call, filter: ListSecrets) -> Result<Vec<SecretSummary>> {
        checked(filter.only(ListSecrets::all(), "testConnectListAllSecrets"))?;
        let mut list = self.node.secrets.list(Secret::summary);
        list.retain(|secret| filter.accepts(secret));
        Ok(list)
    }

    fn lookup_by_uuid(&self, _: &Call, uuid: Uuid) -> Result<SecretSummary> {
        self.node.secrets.ask(uuid, Secret::summary)
    }

    fn lookup_by_usage(&self, _: &Call, kind: SecretUsageKind, usage: String) -> Result<SecretSummary> {
        self.node.secret_by_usage(kind, &usage)
    }

    fn define(&self, _: &Call, xml: String, flags: DefineSecret) -> Result<SecretSummary> {
        checked(flags.only(DefineSecret::VALIDATE, "testSecretDefineXML"))?;
        let strict = flags.contains(DefineSecret::VALIDATE);
        let secret: SecretDocument = from_str(&xml, &ParseOptions { strict, ..ParseOptions::default() })?;
        self.node.define_secret(secret)
    }

    fn undefine(&self, _: &Call, secret: Uuid) -> Result<()> {
        self.node.secrets.change(secret, |secret| Ok(secret.undefine()))
    }

    fn xml(&self, _: &Call, secret: Uuid) -> Result<String> {
        self.node.secrets.ask(secret, Secret::xml)?
    }

    fn set_value(&self, _: &Call, secret: Uuid, value: SecretValue) -> Result<()> {
        self.node.secrets.change(secret, |secret| secret.set_value(value))
    }

    fn value(&self, _: &Call, secret: Uuid) -> Result<SecretValue> {
        self.node.secrets.ask(secret, |secret| secret.value(false))?
    }

    fn reveal(&self, _: &Call, secret: Uuid) -> Result<SecretValue> {
        self.node.secrets.ask(secret, |secret| secret.value(true))?
    }

    fn subscribe(&self, _: &Call, from: Option<u64>) -> Result<Arc<dyn ObjectEventSource>> {
        Ok(Arc::new(self.node.secrets.subscribe(from)?))
    }
}

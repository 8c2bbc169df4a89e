//! Virtual host bus adapters of Fibre Channel (NPIV).

use virt_conf::model::nodedev::{ParentDevice, ScsiHostCapability, ScsiHostSubCapability};
use virt_core::driver::{Error, ErrorCode, ErrorDomain, Result};

use crate::engine::Engine;
use crate::host::{Host, last};
use crate::kind::{Device, Kind};

/// Where the attributes for virtual adapters of a SCSI host are, `host5`; nothing where it can have none.
pub(crate) fn directory(host: &Host, name: &str) -> Option<String> {
    let places = ["fc_host", "scsi_host"].map(|class| format!("class/{class}/{name}"));
    places.into_iter().find(|place| host.exists(&format!("{place}/vport_create")))
}

/// A world-wide name: 16 hexadecimal digits.
pub(crate) fn wwn(host: &Host, attribute: &str) -> Option<String> {
    host.text(attribute).map(|text| text.trim_start_matches("0x").to_owned())
}

/// The SCSI host with these world-wide names.
pub(crate) fn find(host: &Host, wwnn: &str, wwpn: &str) -> Option<String> {
    let same = |name: &String, attribute: &str, wanted: &str| {
        wwn(host, &format!("class/fc_host/{name}/{attribute}")).as_deref() == Some(wanted)
    };
    let mut names = host.listed("class/fc_host");
    names.retain(|name| same(name, "node_name", wwnn) && same(name, "port_name", wwpn));
    names.pop()
}

impl Engine {
    /// Makes a virtual adapter; answers its device's name.
    pub(crate) fn create_vport(
        &self,
        parent: Option<&ParentDevice>,
        wanted: &ScsiHostCapability,
    ) -> Result<String> {
        let channel = wanted.capabilities.iter().find_map(|it| match it {
            ScsiHostSubCapability::FcHost(channel) => Some(channel),
            ScsiHostSubCapability::VportOps(_) => None,
        });
        let wwnn = channel.and_then(|it| it.wwnn.clone()).unwrap_or_else(random_wwn);
        let wwpn = channel.and_then(|it| it.wwpn.clone()).unwrap_or_else(random_wwn);
        let directory = self.adapter(parent)?;
        self.host.sysfs.write(format!("{directory}/vport_create"), &format!("{wwpn}:{wwnn}"))?;
        let made = find(&self.host, &wwnn, &wwpn).and_then(|name| {
            let link = std::fs::read_link(self.host.sysfs.path(format!("bus/scsi/devices/{name}"))).ok()?;
            Device::at(&self.host, link.to_str()?.trim_start_matches("../"))
        });
        made.map(|device| device.name).ok_or_else(|| {
            let sentence = format!("no node device for '{wwnn}' with matching WWPN '{wwpn}'");
            Error::new(ErrorCode::NO_NODE_DEVICE, ErrorDomain::NODEDEV, sentence)
        })
    }

    /// Removes a virtual adapter.
    pub(crate) fn destroy_vport(&self, device: &Device) -> Result<()> {
        let name = last(&device.path);
        let wwn = |attribute: &str| wwn(&self.host, &format!("class/fc_host/{name}/{attribute}"));
        let (Some(wwnn), Some(wwpn)) = (wwn("node_name"), wwn("port_name")) else {
            let sentence = format!("no WWNs defined for '{}'", device.name);
            return Err(Error::internal(ErrorDomain::NODEDEV, sentence));
        };
        // The adapter that it was made on is the SCSI host above it.
        let parts = device.path.split('/').rev().skip(1);
        let mut above = parts.filter(|part| part.starts_with("host"));
        let directory = above.find_map(|host| directory(&self.host, host)).ok_or_else(unable)?;
        self.host.sysfs.write(format!("{directory}/vport_delete"), &format!("{wwpn}:{wwnn}"))
    }

    /// Where the adapter that a virtual one is to be made on has its attributes: the one named, or any that can.
    fn adapter(&self, parent: Option<&ParentDevice>) -> Result<String> {
        let host = &self.host;
        if let Some(name) = parent.map(|parent| parent.name.as_str()).filter(|name| !name.is_empty()) {
            let device = self.device(name)?;
            let adapter = (device.kind == Kind::ScsiHost).then(|| directory(host, last(&device.path)));
            return adapter.flatten().ok_or_else(|| {
                let sentence = format!("Parent device {name} is not capable of vport operations");
                Error::internal(ErrorDomain::NODEDEV, sentence)
            });
        }
        let named = parent.and_then(|parent| Some((parent.wwnn.as_deref()?, parent.wwpn.as_deref()?)));
        let fabric = parent.and_then(|parent| parent.fabric_wwn.as_deref());
        let mut hosts = host.listed("class/scsi_host");
        hosts.retain(|name| match (named, fabric) {
            (Some((wwnn, wwpn)), _) => find(host, wwnn, wwpn).as_ref() == Some(name),
            (None, Some(fabric)) => {
                wwn(host, &format!("class/fc_host/{name}/fabric_name")).as_deref() == Some(fabric)
            }
            (None, None) => true,
        });
        hosts.iter().find_map(|name| directory(host, name)).ok_or_else(unable)
    }
}

fn unable() -> Error {
    Error::internal(
        ErrorDomain::NODEDEV,
        "unable to find a SCSI host that can have virtual host bus adapters",
    )
}

/// A name of the kind that is registered with the IEEE (5), of the vendor that hypervisors use, and by chance otherwise.
fn random_wwn() -> String {
    let digits = uuid::Uuid::new_v4().simple().to_string();
    format!("5001a4a{}", digits.get(..9).unwrap_or_default())
}

//! Devices of the host handed to the guest, and USB devices of whoever looks at it.

use virt_conf::model::{
    DeviceAddress, DeviceInfo, Hostdev, HostdevKind, MdevHostdev, MdevModel, PciSlot, RedirectionFilter,
    ScsiHostHostdev, ScsiHostdev, ScsiHostdevSource, Smartcard, SmartcardKind, SubsystemDevice, Switch,
    TeamingType, UsbGuestReset, UsbHostdev, VirtioModel,
};
use virt_util::Result;

use super::blockdev::secret_usage;
use super::builder::{Builder, alias, internal, switch, unsupported};
use super::chardev::Purpose;
use super::image::NodeNumbers;
use super::net::rom;
use super::{Descriptor, Props};
use crate::caps::Flag;
use crate::model::{BootIndices, ControllerType, HostdevRef, HostdevSource, hostdevs};

impl Builder<'_, '_> {
    /// All devices of the host, those of interfaces first.
    pub(crate) fn hostdevs(&mut self, numbers: &mut NodeNumbers, boot: &BootIndices) -> Result<()> {
        let domain = self.domain;
        for hostdev in hostdevs(domain) {
            let index = match hostdev.interface {
                Some(position) => boot.interface(position),
                None => hostdev.info.boot.as_ref().map(|boot| boot.order),
            };
            self.hostdev(&hostdev, numbers, index)?;
        }
        Ok(())
    }

    fn hostdev(
        &mut self,
        hostdev: &HostdevRef<'_>,
        numbers: &mut NodeNumbers,
        boot: Option<u32>,
    ) -> Result<()> {
        match &hostdev.source {
            HostdevSource::Pci { host, display, ramfb, teaming } => {
                if hostdev.is_unassigned() {
                    return Ok(());
                }
                let partner = teaming
                    .filter(|teaming| teaming.kind == TeamingType::Transient)
                    .and_then(|teaming| teaming.persistent.as_deref());
                let props = self.pci_hostdev(*host, hostdev.info, *display, *ramfb, boot, partner)?;
                self.zpci(hostdev.info)?;
                self.device(&props);
            }
            HostdevSource::Usb(source) => {
                let props = self.usb_hostdev(source, hostdev.info, boot)?;
                self.device(&props);
            }
            HostdevSource::Scsi(scsi, device) => {
                let props = self.scsi_hostdev(scsi, device, hostdev.info, numbers, boot)?;
                self.device(&props);
            }
            HostdevSource::ScsiHost(host) => {
                let props = self.scsi_host(host, hostdev.info)?;
                self.device(&props);
            }
            HostdevSource::Mdev(mdev) => {
                let props = self.mdev(mdev, hostdev.info, boot)?;
                self.zpci(hostdev.info)?;
                self.device(&props);
            }
        }
        Ok(())
    }

    fn pci_hostdev(
        &self,
        host: PciSlot,
        info: &DeviceInfo,
        display: Option<Switch>,
        ramfb: Option<Switch>,
        boot: Option<u32>,
        partner: Option<&str>,
    ) -> Result<Props> {
        let driver = if ramfb == Some(Switch::On) { "vfio-pci-nohotplug" } else { "vfio-pci" };
        let mut props = Props::device(driver)
            .text("host", host.to_string())
            .text("id", alias(info)?)
            .opt_switch("display", switch(display))
            .opt_flag("ramfb", (ramfb == Some(Switch::On)).then_some(true))
            .opt_number("bootindex", boot)
            .opt_text("failover_pair_id", partner);
        self.address(&mut props, info)?;
        Ok(rom(props, info))
    }

    fn usb_hostdev(&self, usb: &UsbHostdev, info: &DeviceInfo, boot: Option<u32>) -> Result<Props> {
        let source = &usb.source;
        let mut props = Props::device("usb-host");
        if let Some(address) = source.address {
            // Reading sees to it that one of the two is there.
            let device = address.device.unwrap_or_default();
            props = if let Some(port) = &address.port {
                props.number("hostbus", address.bus).text("hostport", port.to_string())
            } else if self.has(Flag::UsbHostHostdevice) {
                props.text("hostdevice", format!("/dev/bus/usb/{:03}/{device:03}", address.bus))
            } else {
                props.number("hostbus", address.bus).number("hostaddr", device)
            };
        }
        props = props.text("id", alias(info)?);
        if let Some(reset) = source.guest_reset {
            if !self.has(Flag::UsbHostGuestResetsAll) {
                return Err(unsupported("guestReset attribute is not supported by this version of QEMU"));
            }
            let (reset, all) = match reset {
                UsbGuestReset::Off => (false, false),
                UsbGuestReset::Uninitialized => (true, false),
                UsbGuestReset::On => (true, true),
            };
            props = props.flag("guest-reset", reset).flag("guest-resets-all", all);
        }
        props = props.opt_number("bootindex", boot);
        self.address(&mut props, info)?;
        Ok(props)
    }

    fn scsi_hostdev(
        &mut self,
        scsi: &ScsiHostdev,
        device: &Hostdev,
        info: &DeviceInfo,
        numbers: &mut NodeNumbers,
        boot: Option<u32>,
    ) -> Result<Props> {
        let node = format!("{}-backend", numbers.next());
        let backend = match &scsi.source {
            ScsiHostdevSource::Adapter(adapter) => {
                let path = self.launch.host.scsi_generic(adapter).ok_or_else(|| {
                    internal(format!("cannot find the SCSI generic device of '{}'", adapter.adapter))
                })?;
                Props::new().text("driver", "host_device").text("filename", path)
            }
            ScsiHostdevSource::Iscsi(iscsi) => {
                let mut secret_id = None;
                if let Some(secret) = iscsi.auth.as_ref().and_then(|auth| auth.secret.as_ref()) {
                    let id = format!("{node}-secret0");
                    let usage = secret_usage("iscsi", secret.uuid.as_ref(), secret.usage.as_deref())?;
                    self.secret(&id, &usage)?;
                    secret_id = Some(id);
                }
                let user = iscsi.auth.as_ref().and_then(|auth| auth.username.as_deref());
                super::protocol::iscsi_props(
                    Props::new().text("driver", "iscsi"),
                    &iscsi.name,
                    &iscsi.hosts,
                    user,
                    secret_id.as_deref(),
                    iscsi.initiator.as_deref(),
                )?
            }
        };
        self.blockdev(&backend.text("node-name", &node).flag("read-only", device.readonly));
        let Some(DeviceAddress::Drive(place)) = info.address else {
            return Err(internal("a SCSI device of the host has no address yet"));
        };
        let props = Props::device("scsi-generic").text("drive", node).text("id", alias(info)?);
        let props = self.scsi_address(props, place)?;
        Ok(props.opt_number("bootindex", boot))
    }

    fn scsi_host(&mut self, host: &ScsiHostHostdev, info: &DeviceInfo) -> Result<Props> {
        let name = alias(info)?;
        let fd = self.descriptor(Descriptor::VhostScsi { alias: name.to_owned() });
        let mut props = self
            .virtio_name("vhost-scsi", host.model.or(Some(VirtioModel::Virtio)), info, None)?
            .opt_text("wwpn", host.source.wwpn.as_deref())
            .text("vhostfd", fd.to_string())
            .text("id", name);
        self.address(&mut props, info)?;
        Ok(props)
    }

    fn mdev(&self, mdev: &MdevHostdev, info: &DeviceInfo, boot: Option<u32>) -> Result<Props> {
        let driver = match mdev.model {
            MdevModel::VfioPci if mdev.ramfb == Some(Switch::On) => "vfio-pci-nohotplug",
            model => model.as_str(),
        };
        let mut props = Props::device(driver)
            .text("id", alias(info)?)
            .text("sysfsdev", format!("/sys/bus/mdev/devices/{}", mdev.uuid))
            .opt_switch("display", switch(mdev.display))
            .opt_flag("ramfb", (mdev.ramfb == Some(Switch::On)).then_some(true))
            .opt_number("bootindex", boot)
            .opt_text("loadparm", self.loadparm(info));
        self.address(&mut props, info)?;
        Ok(props)
    }

    /// USB devices of whoever looks at the guest.
    pub(crate) fn redirected_devices(&mut self) -> Result<()> {
        let domain = self.domain;
        let filter = domain.devices.redirection_filter.as_ref().map(filter_text);
        for redirected in &domain.devices.redirected {
            let name = alias(&redirected.info)?;
            let chardev =
                self.chardev(name, &redirected.source, redirected.log.as_ref(), Purpose::Redirection)?;
            let mut props = Props::device("usb-redir").text("chardev", chardev).text("id", name);
            if let Some(filter) = &filter {
                if !self.has(Flag::UsbRedirFilter) {
                    return Err(unsupported(
                        "USB redirection filter is not supported by this version of QEMU",
                    ));
                }
                props = props.text("filter", filter);
            }
            props = props.opt_number("bootindex", redirected.info.boot.as_ref().map(|boot| boot.order));
            self.address(&mut props, &redirected.info)?;
            self.device(&props);
        }
        Ok(())
    }

    /// Smart cards.
    pub(crate) fn smartcards(&mut self) -> Result<()> {
        let domain = self.domain;
        for smartcard in &domain.devices.smartcards {
            let props = self.smartcard(smartcard)?;
            self.device(&props);
        }
        Ok(())
    }

    fn smartcard(&mut self, smartcard: &Smartcard) -> Result<Props> {
        let name = alias(&smartcard.info)?;
        let mut props = match &smartcard.card {
            SmartcardKind::Host => Props::device("ccid-card-emulated").text("backend", "nss-emulated"),
            SmartcardKind::HostCertificates(certificates) => {
                let database = certificates.database.as_deref().unwrap_or("/etc/pki/nssdb");
                let mut props = Props::device("ccid-card-emulated").text("backend", "certificates");
                for (number, certificate) in certificates.certificates.iter().enumerate() {
                    props.set(&format!("cert{}", number + 1), certificate.name.as_str());
                }
                props.text("db", database)
            }
            SmartcardKind::Passthrough(passthrough) => {
                let chardev =
                    self.chardev(name, &passthrough.source, passthrough.log.as_ref(), Purpose::Smartcard)?;
                Props::device("ccid-card-passthru").text("chardev", chardev)
            }
        };
        props = props.text("id", name);
        let Some(DeviceAddress::Ccid(place)) = &smartcard.info.address else {
            return Err(internal("a smart card has no address yet"));
        };
        let controller = self.controller_alias(ControllerType::Ccid, place.controller)?;
        Ok(props.text("bus", format!("{controller}.0")))
    }
}

/// The rules as QEMU wants them: `class:vendor:product:version:allow`, one after the other.
fn filter_text(filter: &RedirectionFilter) -> String {
    let hex = |value: Option<i32>, width: usize| {
        value.map_or("-1".to_owned(), |value| format!("0x{value:0width$X}"))
    };
    let rules: Vec<_> = filter
        .rules
        .iter()
        .map(|rule| {
            format!(
                "{}:{}:{}:{}:{}",
                hex(rule.class, 2),
                hex(rule.vendor, 4),
                hex(rule.product, 4),
                hex(rule.version, 4),
                u32::from(rule.allow)
            )
        })
        .collect();
    rules.join("|")
}

/// The device inside `<hostdev>`, where QEMU can take it.
pub(crate) fn subsystem(hostdev: &Hostdev) -> Option<&SubsystemDevice> {
    match &hostdev.kind {
        HostdevKind::Subsystem(subsystem) => Some(&subsystem.device),
        HostdevKind::Capabilities(_) => None,
    }
}

//! Checks of all devices together: names, aliases and places that belong to one device each.

use super::{refuse_if, unsupported, wrong};
use crate::domain::devices::hostdev::is_scsi;
use crate::domain::way::Way as _;
use crate::model::{
    DeviceAddress, Disk, DiskSource, Domain, Hostdev, HostdevKind, IoapicDriver, Iommu, IommuModel, Panic,
    PanicModel, SubsystemDevice, Switch,
};
use crate::xml::{Element as _, Result, Within};

impl Domain {
    pub(in crate::domain) fn refuse_duplicate_targets(&self) -> Result<()> {
        let disks = &self.devices.disks;
        for (at, disk) in disks.iter().enumerate() {
            let twin = disks.iter().take(at).find(|other| other.target.dev == disk.target.dev);
            let Some(twin) = twin else { continue };
            let source = |disk: &Disk| {
                let name = match &disk.source {
                    DiskSource::Network(source) => source.image(),
                    other => other.path(),
                };
                name.unwrap_or("<null>").to_owned()
            };
            let name = disk.target.dev.as_deref().unwrap_or_default();
            let (first, second) = (source(twin), source(disk));
            let error =
                wrong(format!("target '{name}' duplicated for disk sources '{first}' and '{second}'"));
            return Err(error.within("target/@dev").within(format_args!("{}[2]", disk.way(at))));
        }
        Ok(())
    }

    pub(in crate::domain) fn refuse_duplicate_drives(&self) -> Result<()> {
        let disks = &self.devices.disks;
        for (at, disk) in disks.iter().enumerate() {
            let Some(place) = disk.info.address.as_ref().and_then(DeviceAddress::drive) else { continue };
            let same = |other: &&Disk| {
                other.target.bus == disk.target.bus
                    && other.info.address.as_ref().and_then(DeviceAddress::drive) == Some(place)
            };
            let Some(twin) = disks.iter().take(at).find(same) else { continue };
            let error = unsupported(format!(
                "Found duplicate drive address for disk with target name '{}' controller='{}' bus='{}' target='{}' \
                 unit='{}'",
                twin.target.dev.as_deref().unwrap_or_default(),
                place.controller,
                place.bus,
                place.target,
                place.unit
            ));
            return Err(error.within("address").within(disk.way(at)));
        }
        self.refuse_duplicate_scsi_units()
    }

    fn refuse_duplicate_scsi_units(&self) -> Result<()> {
        let place = |hostdev: &Hostdev| {
            is_scsi(hostdev)
                .then(|| hostdev.info.address.as_ref().and_then(DeviceAddress::drive).copied())
                .flatten()
        };
        let hostdevs = &self.devices.hostdevs;
        for (at, hostdev) in hostdevs.iter().enumerate() {
            let Some(own) = place(hostdev) else { continue };
            let who = if self.devices.drive_used_by_disk(&own) {
                "SCSI disk"
            } else if hostdevs.iter().take(at).any(|other| place(other) == Some(own)) {
                "SCSI host device"
            } else {
                continue;
            };
            let error = unsupported(format!(
                "SCSI host address controller='{}' bus='{}' target='{}' unit='{}' in use by another {who}",
                own.controller, own.bus, own.target, own.unit
            ));
            return Err(error.within("address").within(hostdev.way(at)));
        }
        Ok(())
    }

    pub(in crate::domain) fn refuse_duplicate_aliases(&self) -> Result<()> {
        let mut aliases: Vec<&str> = Vec::new();
        self.devices.visit_infos(|_, _, info| aliases.extend(info.alias.as_deref()));
        // The console that is a serial port repeats its alias.
        let repeated = self.devices.consoles.first().zip(self.devices.serials.first());
        if let Some((console, serial)) = repeated
            && let Some(shared) = &console.info.alias
            && console.info.alias == serial.info.alias
            && let Some(at) = aliases.iter().position(|alias| alias == shared)
        {
            aliases.remove(at);
        }
        aliases.sort_unstable();
        match aliases.windows(2).find_map(|pair| match pair {
            [first, second] if first == second => Some(*first),
            _ => None,
        }) {
            Some(alias) => {
                let mut last = String::new();
                self.devices.visit_infos(|device, at, info| {
                    if info.alias.as_deref() == Some(alias) {
                        last = device.way(at);
                    }
                });
                Err(unsupported(format!("non unique alias detected: {alias}"))
                    .within("alias/@name")
                    .within(last))
            }
            None => Ok(()),
        }
    }

    pub(in crate::domain) fn validate_iommu_features(&self) -> Result<()> {
        let intel = |iommu: &&Iommu| iommu.model == IommuModel::Intel;
        let Some(iommu) = self.devices.iommus.iter().find(intel) else { return Ok(()) };
        let on = Some(Switch::On);
        refuse_if(iommu.driver.intremap == on && self.features.ioapic != Some(IoapicDriver::Qemu), || {
            let error =
                unsupported("IOMMU interrupt remapping requires split I/O APIC (ioapic driver='qemu')");
            error.within("driver/@intremap").within(Iommu::NAME)
        })?;
        refuse_if(iommu.driver.eim == on && iommu.driver.intremap != on, || {
            let error = unsupported("IOMMU eim requires interrupt remapping to be enabled");
            error.within("driver/@eim").within(Iommu::NAME)
        })
    }

    pub(in crate::domain) fn refuse_duplicate_hostdevs(&self) -> Result<()> {
        let hostdevs = &self.devices.hostdevs;
        for (at, hostdev) in hostdevs.iter().enumerate() {
            let twin = hostdevs.iter().take(at).any(|other| same_host_device(other, hostdev));
            refuse_if(twin, || {
                wrong("Hostdev already exists in the domain configuration").within_nth(Hostdev::NAME, at)
            })?;
        }
        let ramfb = hostdevs.iter().filter(|hostdev| match &hostdev.kind {
            HostdevKind::Subsystem(subsystem) => match &subsystem.device {
                SubsystemDevice::Mdev(mdev) => mdev.ramfb == Some(Switch::On),
                SubsystemDevice::Pci(pci) => pci.ramfb == Some(Switch::On),
                _ => false,
            },
            HostdevKind::Capabilities(_) => false,
        });
        refuse_if(ramfb.count() > 1, || {
            unsupported("Only one vgpu device can have 'ramfb' enabled")
                .within("hostdev[@ramfb='on'][2]/@ramfb")
        })
    }

    /// A guest has one panic device of each model.
    pub(in crate::domain) fn reject_duplicate_panics(&self) -> Result<()> {
        let models: Vec<PanicModel> =
            self.devices.panics.iter().map(|panic| panic.model.unwrap_or(PanicModel::Default)).collect();
        match models
            .iter()
            .enumerate()
            .find(|(at, model)| models.iter().take(*at).any(|other| other == *model))
        {
            Some((_, model)) => {
                let error = wrong(format!("Multiple panic devices with model '{model}'"));
                Err(error.within(format_args!("{}[@model='{model}'][2]", Panic::NAME)))
            }
            None => Ok(()),
        }
    }
}

/// Whether both hand over the same device of the host.
fn same_host_device(a: &Hostdev, b: &Hostdev) -> bool {
    let (HostdevKind::Subsystem(a), HostdevKind::Subsystem(b)) = (&a.kind, &b.kind) else {
        return a.kind == b.kind;
    };
    match (&a.device, &b.device) {
        (SubsystemDevice::Pci(a), SubsystemDevice::Pci(b)) => a.source.address == b.source.address,
        (SubsystemDevice::Usb(a), SubsystemDevice::Usb(b)) => match (a.source.address, b.source.address) {
            (Some(a), Some(b)) => a == b,
            _ => a.source.product == b.source.product,
        },
        (SubsystemDevice::Scsi(a), SubsystemDevice::Scsi(b)) => a.source == b.source,
        (SubsystemDevice::ScsiHost(a), SubsystemDevice::ScsiHost(b)) => a.source.wwpn == b.source.wwpn,
        (SubsystemDevice::Mdev(a), SubsystemDevice::Mdev(b)) => a.uuid == b.uuid,
        _ => false,
    }
}

//! What attaching a device to a running guest would do: the steps, as for a start.

use virt_conf::domain::{Device, Place};
use virt_conf::model::{Devices, Domain, HostdevKind};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::host_devices::{lease_hostdev, lease_interface};
use super::images::own_images;
use super::prepare::{Numbers, refuse_unserved, step_of, tap_of};
use crate::command::{Descriptor, Launch, Origin, Settings, Taken, lockable_memory, plug};
use crate::engine::{Engine, Lease, Step, Tap};
use crate::model::hostdev_of;

impl Engine {
    /// The steps of plugging in the device at `place` of `domain`, the guest as it will be. What is chosen only now is
    /// written into it.
    pub(crate) fn plan_plug(
        &self,
        domain: &mut Domain,
        place: Place,
        taken: Taken,
        wait: Wait<'_>,
    ) -> Result<Vec<Step>> {
        let id = domain.id.and_then(|id| u32::try_from(id).ok()).unwrap_or_default();
        let paths = self.paths(id, &domain.name);
        let owner = self.user.as_ref().map(|user| (user.uid, user.gid));
        let lease = self.lease_of(domain, place, wait)?;
        let capabilities = self.capabilities(domain, wait)?;
        let host = crate::host::facts();
        let settings: Settings = self.settings.clone();
        let mut secrets = self.keys([0; 32]);
        let mut numbers = Numbers::default();
        let mut launch = Launch {
            paths: paths.clone(),
            settings: &settings,
            host: &host,
            descriptors: &mut numbers,
            secrets: &mut secrets,
            origin: Origin::Boot,
            taken,
        };
        // A volume is plugged in as what it is to the emulator.
        let alone = self.with_volumes(&alone(domain, place))?;
        refuse_unserved(&alone)?;
        let mut opened = domain.clone();
        if let Some(disk) = alone.devices.disks.first() {
            opened.replace(place, Device::Disk(Box::new(disk.clone())));
        }
        let plug = plug(&opened, place, &capabilities, &mut launch)?;
        let mut steps = Vec::new();
        if let Some(user) = self.user.as_ref().filter(|_| self.owns_images) {
            steps.extend(own_images(&alone, user, true)?);
        }
        let mut taps: Vec<(String, Tap)> = Vec::new();
        for (number, descriptor) in &plug.descriptors {
            match descriptor {
                Descriptor::Tap { alias, .. } => match taps.iter_mut().find(|(known, _)| known == alias) {
                    Some((_, tap)) => tap.queues.push(*number),
                    None => taps.push((alias.clone(), tap_of(domain, alias, *number)?)),
                },
                other => steps.extend(step_of(other, *number, &paths, owner)?),
            }
        }
        // The guest's own directory of sockets is there already, with those of others in it.
        steps.retain(|step| !matches!(step, Step::Directory { path, .. } if path.exists()));
        steps.extend(taps.into_iter().map(|(_, tap)| Step::Tap(tap)));
        let holder = lease.as_ref().map(Lease::holder);
        if let Some(lease) = lease {
            let files = lease.files_to_own();
            steps.splice(0..0, std::iter::once(Step::HostDevices(Box::new(lease))).chain(files));
        }
        if let Some(bytes) = lockable_memory(domain) {
            steps.push(Step::LockableMemory { bytes });
        }
        let device = place.device(&domain.devices).info().alias.clone().unwrap_or_default();
        steps.push(Step::Plug { device, commands: plug.commands });
        steps.extend(holder.map(|holder| Step::HandOver { holder }));
        Ok(steps)
    }

    /// The host's devices that the device at `place` stands for.
    fn lease_of(&self, domain: &mut Domain, place: Place, wait: Wait<'_>) -> Result<Option<Lease>> {
        let owner = self.user.as_ref().map(|user| (user.uid, user.gid));
        match place.device(&domain.devices) {
            Device::Interface(interface) if hostdev_of(&interface).is_some() => {
                lease_interface(domain, &interface, owner, &self.host, wait)
            }
            Device::Hostdev(mut hostdev) => {
                if matches!(hostdev.kind, HostdevKind::Capabilities(_)) {
                    // libvirt's sentence.
                    let sentence = "hotplug is not supported for hostdev mode 'capabilities'";
                    return Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, sentence));
                }
                let lease = lease_hostdev(domain, &mut hostdev, owner, &self.host, wait)?;
                domain.replace(place, Device::Hostdev(hostdev));
                Ok(lease)
            }
            _ => Ok(None),
        }
    }
}

/// A guest that has nothing but this device.
fn alone(domain: &Domain, place: Place) -> Domain {
    let mut alone = Domain { name: domain.name.clone(), uuid: domain.uuid, ..Domain::default() };
    alone.devices = Devices::default();
    let attached = alone.attach(place.device(&domain.devices));
    // Nothing is there that it could be a second of.
    attached.map_or_else(|error| log::debug!("{error}"), drop);
    alone
}

//! Devices that come to simulated guests, go and change: only their definitions know of them.

use uuid::Uuid;
use virt_conf::domain::{Device, Place};
use virt_conf::model::Domain;
use virt_conf::xml::ParseFlags;
use virt_core::driver::{Affect, Error, ErrorCode, ErrorDomain, EventKind, Result, TypedParameter};

use super::{Node, Occurrence};
use crate::definition;

/// Which device is meant.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// The one that a document describes.
    Like(Box<Device>),
    /// The one of this alias.
    Alias(String),
}

impl Wanted {
    fn find(&self, domain: &Domain) -> Result<Place> {
        match self {
            Self::Like(device) => domain.find(device),
            Self::Alias(alias) => domain.find_alias(alias),
        }
    }
}

/// Reads a device as it stands in a definition.
pub(crate) fn read(xml: &str) -> Result<Device> {
    Device::from_xml(xml, &ParseFlags::INACTIVE.into())
}

impl Node {
    /// Gives a guest a device.
    pub(crate) fn attach_device(&self, uuid: Uuid, device: &Device, affect: Affect) -> Result<()> {
        let change = |domain: &mut Domain| domain.attach(device.clone()).map(drop);
        self.change_devices(uuid, affect, change, Some(EventKind::DeviceAdded), device)
    }

    /// Takes one away.
    pub(crate) fn detach_device(&self, uuid: Uuid, wanted: &Wanted, affect: Affect) -> Result<()> {
        let found = self.ask(uuid, |guest| {
            let affect = guest.affected(affect)?;
            let mut views = guest.views(affect);
            match views.next() {
                Some(domain) => wanted.find(domain).map(|place| place.device(&domain.devices)),
                None => Err(crate::error::no_domain()),
            }
        })??;
        let change = |domain: &mut Domain| {
            let place = wanted.find(domain)?;
            domain.detach(place);
            Ok(())
        };
        self.change_devices(uuid, affect, change, Some(EventKind::DeviceRemoved), &found)
    }

    /// Makes one what a document says.
    pub(crate) fn update_device(&self, uuid: Uuid, device: &Device, affect: Affect) -> Result<()> {
        let change = |domain: &mut Domain| {
            let place = domain.find(device)?;
            let kept = place.device(&domain.devices);
            if let (Some(_), Device::Interface(is), Device::Interface(was)) = (domain.id, device, &kept)
                && std::mem::discriminant(&is.kind) != std::mem::discriminant(&was.kind)
            {
                // libvirt's sentence.
                let sentence = format!("cannot change network interface type to '{}'", is.kind.tag());
                return Err(Error::new(ErrorCode::OPERATION_UNSUPPORTED, ErrorDomain::TEST, sentence));
            }
            let mut changed = device.clone();
            if changed.info().address.is_none() {
                changed.info_mut().address.clone_from(&kept.info().address);
            }
            if changed.info().alias.is_none() {
                changed.info_mut().alias.clone_from(&kept.info().alias);
            }
            domain.replace(place, changed);
            Ok(())
        };
        self.change_devices(uuid, affect, change, None, device)
    }

    /// Changes what a call affects: all of it, or nothing.
    fn change_devices(
        &self,
        uuid: Uuid,
        affect: Affect,
        change: impl Fn(&mut Domain) -> Result<()>,
        event: Option<EventKind>,
        device: &Device,
    ) -> Result<()> {
        self.change(uuid, |guest| {
            let affect = guest.affected(affect)?;
            let changed = |domain: &Domain| {
                let mut domain = domain.clone();
                change(&mut domain)?;
                definition::complete(&mut domain)?;
                Ok(domain)
            };
            guest.views(affect).try_for_each(|domain| changed(domain).map(drop))?;
            guest.edit(affect, |domain| match changed(domain) {
                Ok(new) => *domain = new,
                Err(error) => log::error!("a device that was just accepted is refused: {error}"),
            });
            let alias = device.info().alias.clone().unwrap_or_default();
            let told = event
                .filter(|_| affect.contains(Affect::LIVE))
                .map(|kind| Occurrence::other(kind, 0, vec![TypedParameter::new("devAlias", alias)]));
            Ok(told.into_iter().collect())
        })
    }
}

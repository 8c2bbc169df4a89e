//! Channel device numbers of mainframe guests.

use virt_conf::model::{CcwAddress, DeviceAddress, Domain};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::Context;
use super::device::entries;

/// The channel subsystem of virtual devices.
const VIRTUAL: u32 = 0xfe;

/// Gives every virtio device without an address the next free number.
pub(super) fn assign(domain: &mut Domain, context: Context<'_>) -> Result<()> {
    let mut used: Vec<(u32, u32, u32)> = Vec::new();
    for entry in entries(&mut domain.devices, context) {
        if let Some(DeviceAddress::Ccw(CcwAddress {
            cssid: Some(cssid),
            ssid: Some(ssid),
            devno: Some(devno),
        })) = entry.info.address
        {
            if used.contains(&(cssid, ssid, devno)) {
                return Err(Error::new(
                    ErrorCode::XML_ERROR,
                    ErrorDomain::DOMAIN,
                    format!("The CCW devno '{cssid:x}.{ssid:x}.{devno:04x}' is in use already "),
                ));
            }
            used.push((cssid, ssid, devno));
        }
    }
    for entry in entries(&mut domain.devices, context) {
        let wanted = match &entry.info.address {
            None => entry.virtio,
            Some(DeviceAddress::Ccw(ccw)) => ccw.devno.is_none(),
            Some(_) => false,
        };
        if !wanted {
            continue;
        }
        let free = (0..4u32)
            .flat_map(|ssid| (0..=0xffff_u32).map(move |devno| (VIRTUAL, ssid, devno)))
            .find(|place| !used.contains(place))
            .ok_or_else(|| {
                Error::new(
                    ErrorCode::INTERNAL_ERROR,
                    ErrorDomain::DOMAIN,
                    "There are no more free CCW devnos.",
                )
            })?;
        used.push(free);
        let (cssid, ssid, devno) = free;
        entry.info.address =
            Some(DeviceAddress::Ccw(CcwAddress { cssid: Some(cssid), ssid: Some(ssid), devno: Some(devno) }));
    }
    Ok(())
}

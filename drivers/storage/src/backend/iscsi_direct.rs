//! An iSCSI target that QEMU reaches by itself: nothing of it shows on the host, and libiscsi's programs say what is there.

use std::sync::Arc;

use virt_core::driver::{Call, SecretUsageKind, StorageVolumeKind};
use virt_util::{Error, ErrorDomain, Result};

use super::iscsi::{Target, portal, sources};
use super::{Ask, Backend, Found, Where, no_support};
use crate::command::Command;
use crate::content::{Space, Volume, Volumes};
use crate::error;

pub(super) struct Direct;

/// So many logical units are looked at.
const MOST_UNITS: usize = 1024;

impl Backend for Direct {
    fn start(&self, ask: &Ask<'_>) -> Result<()> {
        // That it answers, and lets us in.
        list(ask, &Target::of(ask)?).map(drop)
    }

    fn refresh(&self, ask: &Ask<'_>, _: &Volumes) -> Result<Found> {
        let target = Target::of(ask)?;
        let (mut volumes, mut space) = (Volumes::new(), Space::default());
        for unit in list(ask, &target)? {
            let url = format!("iscsi://{}/{}/{unit}", target.portal(), target.name);
            let read = programs(ask, &target, "iscsi-readcapacity16", &[&url])?;
            let capacity = capacity(&read).map_err(|error| {
                let sentence = format!("Failed to get capacity of lun: {unit}");
                Error::internal(ErrorDomain::STORAGE, sentence).caused_by(error)
            })?;
            let path = format!("ip-{}-iscsi-{}-lun-{unit}", target.portal(), target.name);
            let volume = Volume {
                name: format!("unit:0:0:{unit}"),
                key: path.clone(),
                path,
                kind: StorageVolumeKind::Network.number(),
                capacity,
                allocation: capacity,
                physical: capacity,
                ..Volume::default()
            };
            space.capacity = space.capacity.saturating_add(capacity);
            space.allocation = space.allocation.saturating_add(capacity);
            volumes.insert(volume.name.clone(), Arc::new(volume));
        }
        Ok(Found { volumes, space: Some(space) })
    }

    fn look(&self, _: &Ask<'_>, known: &Volume) -> Result<Option<Volume>> {
        Ok(Some(known.clone()))
    }

    fn has_paths(&self) -> bool {
        false
    }

    fn check_wipe(&self, _: &Volume) -> Result<()> {
        Err(no_support("storage pool doesn't support volume wiping"))
    }

    fn find_sources(&self, _: &str, place: Option<&Where>, call: &Call) -> Result<String> {
        let (host, initiator) = match place.map(|place| (place.hosts.as_slice(), place.initiator.as_deref()))
        {
            None | Some(([], _)) => {
                return Err(error::argument("hostname must be specified for iscsi sources"));
            }
            Some(([host], Some(initiator))) => (host, initiator),
            Some(([_], None)) => return Err(error::unsupported("missing initiator IQN")),
            Some(_) => return Err(error::unsupported("Expected exactly 1 host for the storage pool")),
        };
        let url = format!("iscsi://{}", portal(host));
        let said = Command::new("iscsi-ls", ["-i", initiator, &url]).run(call)?;
        let targets = listed(&said).into_iter().map(|(target, _)| target).collect();
        Ok(sources(host, Some(initiator), targets))
    }
}

/// Runs one of libiscsi's programs as this pool's initiator, and as its user.
fn programs(ask: &Ask<'_>, target: &Target<'_>, program: &str, more: &[&str]) -> Result<String> {
    let initiator =
        target.source.initiator.as_deref().ok_or_else(|| error::unsupported("missing initiator IQN"))?;
    let mut command = Command::new(program, ["-i", initiator]);
    command.arguments.extend(more.iter().map(|it| (*it).to_owned()));
    let Some(auth) = target.auth("iscsi-direct")? else { return command.run(ask.call) };
    let password = super::secret(ask, &auth.secret, SecretUsageKind::Iscsi)?;
    let password = std::str::from_utf8(&password)
        .map_err(|_| error::argument("the password of an iSCSI target has to be text"))?;
    // On a command line everybody on the host could read it.
    let environment =
        [("LIBISCSI_CHAP_USERNAME", auth.username.as_str()), ("LIBISCSI_CHAP_PASSWORD", password)];
    command.run_in(ask.call, &environment)
}

/// The numbers of the target's logical units that are disks.
fn list(ask: &Ask<'_>, target: &Target<'_>) -> Result<Vec<u32>> {
    let url = format!("iscsi://{}", target.portal());
    let said = programs(ask, target, "iscsi-ls", &["-s", &url])?;
    match listed(&said).into_iter().find(|(name, _)| name == target.name) {
        Some((_, units)) => Ok(units),
        None => {
            let sentence = format!("there is no target '{}' at '{}'", target.name, target.portal());
            Err(Error::internal(ErrorDomain::STORAGE, sentence))
        }
    }
}

/// Reads what `iscsi-ls` says: `Target:iqn.x Portal:10.0.0.1:3260,1`, and below `Lun:1    Type:DIRECT_ACCESS (Size:19M)`.
fn listed(text: &str) -> Vec<(String, Vec<u32>)> {
    let mut found: Vec<(String, Vec<u32>)> = Vec::new();
    let mut repeated = false;
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("Target:") {
            let name = rest.split_whitespace().next().unwrap_or_default();
            // A target with several portals is one.
            repeated = found.iter().any(|(known, _)| known == name);
            if !repeated && !name.contains('/') {
                found.push((name.to_owned(), Vec::new()));
            }
        } else if let Some(rest) = line.strip_prefix("Lun:")
            && !repeated
            && let Some((_, units)) = found.last_mut()
        {
            let mut words = rest.split_whitespace();
            let number = words.next().and_then(|number| number.parse::<u32>().ok());
            let is_disk = words.next() == Some("Type:DIRECT_ACCESS");
            let wanted = is_disk && units.len() < MOST_UNITS;
            units.extend(number.filter(|_| wanted));
        }
    }
    found
}

/// Reads what `iscsi-readcapacity16` says, in bytes.
fn capacity(text: &str) -> Result<u64> {
    let number = |label: &str| {
        text.lines().find_map(|line| line.trim().strip_prefix(label)?.trim().parse::<u64>().ok())
    };
    let size = number("RETURNED LOGICAL BLOCK ADDRESS:")
        .and_then(|last| last.checked_add(1))
        .and_then(|blocks| blocks.checked_mul(number("LOGICAL BLOCK LENGTH IN BYTES:")?));
    size.ok_or_else(|| Error::internal(ErrorDomain::STORAGE, "iscsi-readcapacity16 says no capacity"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_units_and_sizes_are_read() {
        let text = "Target:iqn.a Portal:127.0.0.1:3260,1\nLun:0    Type:STORAGE_ARRAY_CONTROLLER\n\
                    Lun:1    Type:DIRECT_ACCESS (Size:19M)\nLun:x Type:DIRECT_ACCESS\nLun:-1 Type:DIRECT_ACCESS\n\
                    Target:iqn.a Portal:[fd00::1]:3260,1\nLun:1    Type:DIRECT_ACCESS (Size:19M)\n\
                    Target:iqn.b Portal:127.0.0.1:3260,1\nLun:7 Type:DIRECT_ACCESS (No media loaded)\n";
        let expected = [("iqn.a".to_owned(), vec![1]), ("iqn.b".to_owned(), vec![7])];
        assert_eq!(listed(text), expected);
        assert_eq!(listed("Lun:1 Type:DIRECT_ACCESS\nnonsense\n"), []);
        let size = |last: &str, length: &str| {
            capacity(&format!(
                "RETURNED LOGICAL BLOCK ADDRESS:{last}\nLOGICAL BLOCK LENGTH IN BYTES:{length}\n"
            ))
        };
        assert_eq!(size("40959", "512").unwrap(), 20_971_520);
        assert!(
            size("18446744073709551615", "512").is_err()
                && size("x", "512").is_err()
                && size("1", "").is_err()
        );
        assert!(size("18446744073709551614", "2").is_err() && capacity("").is_err());
    }
}

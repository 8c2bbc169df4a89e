//! What the world outside sees of a guest's devices: consoles, channels, the screen.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::sys::memfd::{MFdFlags, memfd_create};
use uuid::Uuid;
use virt_conf::model::{ChannelTarget, CharSource, Domain};
use virt_core::driver::Screenshot;
use virt_util::index::Entry;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{Claim, Engine, invalid};
use crate::caps::Flag;
use crate::monitor::Commands;

impl Engine {
    /// The alias and the host's end of the console `device` (an alias), or of the first one.
    pub(crate) fn console(&self, entry: &Entry, device: Option<&str>) -> Result<(String, CharSource)> {
        let domain = self.domain(entry, false)?;
        let devices = &domain.devices;
        let serials = devices.serials.iter().map(|device| (&device.info.alias, &device.source));
        let consoles = devices.consoles.iter().map(|device| (&device.info.alias, &device.source));
        let parallels = devices.parallels.iter().map(|device| (&device.info.alias, &device.source));
        let mut all = consoles.chain(serials).chain(parallels);
        let found = match device {
            Some(device) => all.find(|(alias, _)| alias.as_deref() == Some(device)),
            None => all.next(),
        };
        let internal = |sentence: String| Error::internal(ErrorDomain::QEMU, sentence);
        let (alias, source) = found.ok_or_else(|| match device {
            Some(device) => internal(format!("cannot find console device '{device}'")),
            None => internal("cannot find console device '<default>'".into()),
        })?;
        let alias = alias.clone().unwrap_or_default();
        match source {
            CharSource::Pty(_) | CharSource::Unix(_) => Ok((alias, source.clone())),
            _ => Err(internal(format!("character device {alias} is not using a PTY"))),
        }
    }

    /// The name and the host's end of the channel `name`, or of the first one.
    pub(crate) fn channel(&self, entry: &Entry, name: Option<&str>) -> Result<(String, CharSource)> {
        let domain = self.domain(entry, false)?;
        let mut channels = domain.devices.channels.iter().filter_map(|channel| match &channel.target {
            ChannelTarget::Virtio(target) => Some((target.name.as_deref(), channel)),
            _ => None,
        });
        let found = match name {
            Some(_) => channels.find(|(known, _)| *known == name),
            None => channels.next(),
        };
        let internal = |sentence: String| Error::internal(ErrorDomain::QEMU, sentence);
        let (known, channel) =
            found.ok_or_else(|| internal(format!("cannot find channel {}", name.unwrap_or("(null)"))))?;
        match &channel.source {
            CharSource::Unix(_) => {
                let alias = channel.info.alias.clone();
                Ok((alias.or(known.map(str::to_owned)).unwrap_or_default(), channel.source.clone()))
            }
            _ => Err(internal(format!("channel {} is not using a UNIX socket", known.unwrap_or("(null)")))),
        }
    }

    /// Takes a character device for one reader; by `force` from the one who has it.
    pub(crate) fn claim(
        &self,
        entry: &Entry,
        alias: &str,
        what: &str,
        force: bool,
        wait: Wait<'_>,
    ) -> Result<Claim> {
        Claim::take(&self.store, entry.uuid, alias, what, force, wait)
    }

    /// A picture of screen number `screen`.
    pub(crate) fn screenshot(&self, uuid: Uuid, screen: u32, wait: Wait<'_>) -> Result<Screenshot> {
        let entry = self.active(uuid, wait)?;
        let domain = self.domain(&entry, false)?;
        if domain.devices.videos.is_empty() {
            return Err(invalid("no screens to take screenshot from"));
        }
        let display = head(&domain, screen)
            .ok_or_else(|| Error::new(ErrorCode::INVALID_ARG, ErrorDomain::QEMU, "no such screen ID"))?;
        let png = self.capabilities(&domain, wait)?.has(Flag::ScreenshotFormatPng);
        let (format, mime_type) = if png { ("png", "image/png") } else { ("ppm", "image/x-portable-pixmap") };
        let (mut picture, writer) = memory_file()?;
        let mut live = self.live(uuid, "taking a screenshot", wait)?;
        live.client.screenshot(writer.as_fd(), format, Some((&display.0, display.1)), wait)?;
        let mut data = Vec::new();
        picture
            .rewind()
            .and_then(|()| picture.read_to_end(&mut data))
            .map_err(|error| Error::system(ErrorDomain::QEMU, "cannot read the screenshot", error))?;
        Ok(Screenshot { mime_type: mime_type.into(), data })
    }
}

/// The video device and its head that show screen number `screen`.
fn head(domain: &Domain, mut screen: u32) -> Option<(String, u32)> {
    for video in &domain.devices.videos {
        let heads = video.model.as_ref().and_then(|model| model.heads).unwrap_or(1).max(1);
        if screen < heads {
            return Some((video.info.alias.clone()?, screen));
        }
        screen -= heads;
    }
    None
}

/// A file in memory, and a second descriptor that may only write: QEMU takes nothing else.
fn memory_file() -> Result<(File, OwnedFd)> {
    let failed =
        |error: std::io::Error| Error::system(ErrorDomain::QEMU, "cannot make a file in memory", error);
    let file = memfd_create(c"screenshot", MFdFlags::MFD_CLOEXEC).map_err(|errno| failed(errno.into()))?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let writer = std::fs::OpenOptions::new()
        .write(true)
        .custom_flags(nix::libc::O_CLOEXEC)
        .open(path)
        .map_err(failed)?;
    Ok((file.into(), writer.into()))
}

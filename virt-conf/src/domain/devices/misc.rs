//! Defaults of the devices that need little: cards, inputs, file systems, memory, random numbers.

use uuid::Uuid;

use super::Context;
use crate::model::{
    DeviceInfo, Domain, DomainType, Filesystem, FilesystemAccess, FilesystemSource, Input, InputBus,
    InputKind, Interface, InterfaceKind, Mac, MacAddress, MemoryDevice, MemoryDeviceAccess, MemoryModel, Rng,
    RngBackend, Sound, SoundModel, Video, VideoModel, VideoType, Vsock,
};
use crate::xml::{Element as _, Error, ErrorCode, ErrorDomain, Result, Within};

/// A card without an address gets one of the range that QEMU has for itself, and a port the identities that its switch knows it by.
pub(super) fn interface(interface: &mut Interface, _: &Domain, _: &Context<'_>) -> Result<()> {
    interface.mac = interface.mac.take().filter(|mac| mac.address != MacAddress([0; 6]));
    interface.mac.get_or_insert_with(|| {
        let random = Uuid::new_v4().into_bytes();
        let [a, b, c, ..] = random;
        Mac { address: MacAddress([0x52, 0x54, 0x00, a, b, c]), kind: None, check: None, current: None }
    });
    if let Some(port) = &mut interface.virtualport {
        port.identify();
        // What a network's port lacks, the network may add.
        if !matches!(interface.kind, InterfaceKind::Network(_)) {
            port.check_whole().within("virtualport")?;
        }
    }
    Ok(())
}

/// Who the guest's users are on the host; virtiofs knows only one way.
pub(super) fn filesystem(filesystem: &mut Filesystem, _: &Domain, _: &Context<'_>) -> Result<()> {
    let elsewhere = matches!(&filesystem.source, FilesystemSource::Mount(mount) if mount.socket.is_some());
    if !elsewhere {
        filesystem.accessmode.get_or_insert(FilesystemAccess::Passthrough);
    }
    Ok(())
}

/// The bus that keyboards and pointers of such a machine are on.
pub(super) fn input(input: &mut Input, domain: &Domain, _: &Context<'_>) -> Result<()> {
    let arch = domain.os.kind.arch.as_deref().unwrap_or_default();
    let s390 = arch.starts_with("s390");
    let x86 = matches!(arch, "x86_64" | "i686");
    let bus = match (&input.kind, domain.os.kind.name.as_str()) {
        (InputKind::Evdev(_), "hvm") => return Ok(()),
        (InputKind::Passthrough(_), "hvm") => InputBus::Virtio,
        (_, "hvm") if s390 => InputBus::Virtio,
        (InputKind::Mouse | InputKind::Keyboard, "hvm") if x86 => InputBus::Ps2,
        (_, "hvm") => InputBus::Usb,
        (_, "xen" | "linux" | "xenpvh")
            if domain.kind == DomainType::Xen || domain.os.kind.name != "linux" =>
        {
            InputBus::Xen
        }
        _ if matches!(domain.kind, DomainType::Vz | DomainType::Parallels) => InputBus::Parallels,
        _ => InputBus::Default,
    };
    input.bus.get_or_insert(bus);
    Ok(())
}

/// Streams of a virtio card.
pub(super) fn sound(sound: &mut Sound, _: &Domain, _: &Context<'_>) -> Result<()> {
    if sound.model == SoundModel::Virtio && sound.streams == 0 {
        sound.streams = 2;
    }
    Ok(())
}

/// Linux' own source of random numbers.
pub(super) fn rng(rng: &mut Rng, _: &Domain, _: &Context<'_>) -> Result<()> {
    if let RngBackend::Random(random) = &mut rng.backend
        && random.path.is_empty()
    {
        "/dev/random".clone_into(&mut random.path);
    }
    Ok(())
}

/// Contents that stay are shared with the host.
pub(super) fn memory(memory: &mut MemoryDevice, _: &Domain, _: &Context<'_>) -> Result<()> {
    if memory.model == MemoryModel::VirtioPmem {
        memory.access.get_or_insert(MemoryDeviceAccess::Shared);
    }
    Ok(())
}

/// Without an address, one is assigned at start.
pub(super) fn vsock(vsock: &mut Vsock, _: &Domain, _: &Context<'_>) -> Result<()> {
    if vsock.cid.auto.is_none() {
        vsock.cid.auto = Some(vsock.cid.address == 0);
    }
    Ok(())
}

/// Memory and screens of a card.
pub(super) fn video(video: &mut Video, domain: &Domain, _: &Context<'_>) -> Result<()> {
    let model = video.model.get_or_insert_default();
    let kind = *model.kind.get_or_insert(VideoType::Default);
    if kind == VideoType::Default {
        let detail = "missing video model and cannot determine default";
        return Err(Error::new(ErrorCode::INTERNAL_ERROR, ErrorDomain::DOMAIN, detail));
    }
    if kind == VideoType::Qxl && model.ram == 0 {
        model.ram = 64 * 1024;
    }
    if model.vram == 0 {
        model.vram = default_vram(kind, domain.kind);
    }
    for size in [&mut model.ram, &mut model.vram] {
        *size = if *size == 0 { 0 } else { size.checked_next_power_of_two().unwrap_or(*size) };
    }
    model.heads.get_or_insert(1);
    Ok(())
}

/// Video memory in KiB where the definition does not say.
fn default_vram(kind: VideoType, domain: DomainType) -> u32 {
    match kind {
        VideoType::Vga | VideoType::Cirrus | VideoType::Vmvga | VideoType::Bochs => match domain {
            DomainType::Vbox => 8 * 1024,
            DomainType::Vmware => 4 * 1024,
            _ => 16 * 1024,
        },
        VideoType::Xen => 4 * 1024,
        VideoType::Qxl => 64 * 1024,
        _ => 0,
    }
}

impl Domain {
    /// A display to look at needs a card.
    pub(super) fn add_implicit_video(&mut self) {
        let devices = &mut self.devices;
        if !devices.graphics.is_empty() && devices.videos.is_empty() {
            let model = VideoModel { kind: Some(VideoType::Default), ..VideoModel::default() };
            devices.videos.push(Video {
                model: Some(model),
                info: DeviceInfo::default(),
                ..Video::default()
            });
        }
    }

    /// The primary card comes first; "no card" has no properties.
    pub(super) fn settle_videos(&mut self) -> Result<()> {
        let videos = &mut self.devices.videos;
        let primary = |video: &Video| video.model.as_ref().is_some_and(|model| model.primary);
        if videos.iter().filter(|video| primary(video)).count() > 1 {
            let detail = "Only one primary video device is supported";
            let second = videos.iter().enumerate().filter(|(_, video)| primary(video)).nth(1);
            let error = Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::DOMAIN, detail);
            let error = error.within("model/@primary");
            return Err(error.within_nth(Video::NAME, second.map_or(0, |(at, _)| at)));
        }
        if let Some(at) = videos.iter().position(primary) {
            let first = videos.remove(at);
            videos.insert(0, first);
        }
        if let Some(model) = videos.first_mut().and_then(|video| video.model.as_mut()) {
            if model.kind == Some(VideoType::None) {
                *model = VideoModel { kind: Some(VideoType::None), ..VideoModel::default() };
            } else {
                model.primary = true;
            }
        }
        Ok(())
    }
}

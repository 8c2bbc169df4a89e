//! Devices of a few lines each: balloon, random numbers, watchdog, panic, shared memory, TPM, file systems ...

use virt_conf::model::{
    CryptoBackend, Filesystem, FilesystemAccess, FilesystemDriverType, FilesystemSource, IommuModel,
    MemoryBalloonModel, PanicModel, RngBackend, SharedMemory, SharedMemoryModel, SharedMemoryRole, Sysinfo,
    TpmBackend, TpmModel, VirtioModel, WatchdogAction, WatchdogModel,
};
use virt_util::Result;

use super::builder::{Builder, alias, internal, switch, unsupported};
use super::chardev::Purpose;
use super::{Descriptor, Props, escape_commas};
use crate::caps::Flag;
use crate::model::gigabytes_aligned_bytes;

impl Builder<'_, '_> {
    /// The memory balloon.
    pub(crate) fn balloon(&mut self) -> Result<()> {
        let domain = self.domain;
        let Some(balloon) = &domain.devices.memballoon else { return Ok(()) };
        let model = match balloon.model {
            MemoryBalloonModel::None => return Ok(()),
            MemoryBalloonModel::Virtio => VirtioModel::Virtio,
            MemoryBalloonModel::VirtioTransitional => VirtioModel::Transitional,
            MemoryBalloonModel::VirtioNonTransitional => VirtioModel::NonTransitional,
            MemoryBalloonModel::Xen => {
                return Err(unsupported(
                    "Memory balloon device type 'xen' is not supported by this version of qemu",
                ));
            }
        };
        let mut props = self
            .virtio_name("virtio-balloon", Some(model), &balloon.info, Some(&balloon.driver.virtio))?
            .text("id", alias(&balloon.info)?)
            .opt_flag("deflate-on-oom", switch(balloon.autodeflate))
            .opt_flag("free-page-reporting", switch(balloon.free_page_reporting));
        self.address(&mut props, &balloon.info)?;
        self.device(&props);
        Ok(())
    }

    /// Sources of random numbers.
    pub(crate) fn rngs(&mut self) -> Result<()> {
        let domain = self.domain;
        for rng in &domain.devices.rngs {
            let name = alias(&rng.info)?;
            let id = format!("obj{name}");
            let object = match &rng.backend {
                RngBackend::Random(random) => {
                    let path = if random.path.is_empty() { "/dev/random" } else { &random.path };
                    Props::object("rng-random", &id).text("filename", path)
                }
                RngBackend::Egd(egd) => {
                    let chardev = self.chardev(name, &egd.source, egd.log.as_ref(), Purpose::Serial)?;
                    Props::object("rng-egd", &id).text("chardev", chardev)
                }
                RngBackend::Builtin => Props::object("rng-builtin", &id),
            };
            self.object(&object);
            let mut props = self
                .virtio_name("virtio-rng", Some(rng.model), &rng.info, Some(&rng.driver.virtio))?
                .text("rng", id)
                .text("id", name);
            if let Some(rate) = rng.rate {
                let period = if rate.period == 0 { 1000 } else { rate.period };
                props = props.number("max-bytes", rate.bytes).number("period", period);
            }
            self.address(&mut props, &rng.info)?;
            self.zpci(&rng.info)?;
            self.device(&props);
        }
        Ok(())
    }

    /// Watchdogs, and what happens when one barks.
    pub(crate) fn watchdogs(&mut self) -> Result<()> {
        let domain = self.domain;
        for watchdog in &domain.devices.watchdogs {
            if watchdog.model == WatchdogModel::Itco {
                // Part of the board; it only has to be let loose.
                self.line.option("-global", "ICH9-LPC.noreboot=off");
                continue;
            }
            let mut props = Props::device(watchdog.model.as_str()).text("id", alias(&watchdog.info)?);
            self.address(&mut props, &watchdog.info)?;
            self.zpci(&watchdog.info)?;
            self.device(&props);
        }
        if let Some(watchdog) = domain.devices.watchdogs.first() {
            let action = match watchdog.action {
                // The dump is taken by whoever watches the monitor, while the guest is paused.
                WatchdogAction::Dump => "pause",
                action => action.as_str(),
            };
            self.line.option("-watchdog-action", action);
        }
        Ok(())
    }

    /// Devices by which a guest says that it crashed.
    pub(crate) fn panics(&mut self) -> Result<()> {
        let domain = self.domain;
        for panic in &domain.devices.panics {
            match panic.model {
                Some(PanicModel::Isa) => {
                    let mut props = Props::device("pvpanic");
                    if let Some(virt_conf::model::DeviceAddress::Isa(isa)) = &panic.info.address {
                        props = props.number("ioport", isa.iobase);
                    }
                    self.device(&props);
                }
                Some(PanicModel::Pvpanic) => {
                    let mut props = Props::device("pvpanic-pci");
                    self.address(&mut props, &panic.info)?;
                    self.device(&props);
                }
                // Part of the board, or of the processor.
                _ => {}
            }
        }
        Ok(())
    }

    /// Where the firmware of pSeries keeps its variables.
    pub(crate) fn nvram(&mut self) {
        let Some(nvram) = &self.domain.devices.nvram else { return };
        if let Some(virt_conf::model::DeviceAddress::SpaprVio(vio)) = &nvram.info.address
            && let Some(reg) = vio.reg
        {
            self.line.option("-global", format!("spapr-nvram.reg=0x{reg:x}"));
        }
    }

    /// A place for the guest's own crash information.
    pub(crate) fn vmcoreinfo(&mut self) {
        if switch(self.domain.features.vmcoreinfo) == Some(true) {
            self.device(&Props::device("vmcoreinfo"));
        }
    }

    /// The number that changes when the guest is copied.
    pub(crate) fn generation_id(&mut self) -> Result<()> {
        let Some(genid) = &self.domain.genid else { return Ok(()) };
        if !self.has(Flag::Vmgenid) {
            return Err(unsupported("this QEMU doesn't support genid"));
        }
        self.device(
            &Props::device("vmgenid")
                .text("guid", genid.id.unwrap_or_default().to_string())
                .text("id", "vmgenid0"),
        );
        Ok(())
    }

    /// The IOMMU.
    pub(crate) fn iommu(&mut self) -> Result<()> {
        let domain = self.domain;
        // Several are all said on the machine.
        let Some(iommu) = domain.devices.iommus.first() else { return Ok(()) };
        let driver = &iommu.driver;
        let props = match iommu.model {
            IommuModel::Intel => Props::device("intel-iommu")
                .text("id", alias(&iommu.info)?)
                .opt_switch("intremap", switch(driver.intremap))
                .opt_flag("caching-mode", switch(driver.caching_mode))
                .opt_switch("eim", switch(driver.eim))
                .opt_flag("device-iotlb", switch(driver.iotlb))
                .nonzero("aw-bits", driver.aw_bits)
                .opt_flag("dma-translation", switch(driver.dma_translation)),
            IommuModel::Virtio => {
                let mut props = Props::device("virtio-iommu").text("id", alias(&iommu.info)?);
                self.address(&mut props, &iommu.info)?;
                props
            }
            // Refused with the definition.
            IommuModel::Amd => return Ok(()),
            // Said on the machine.
            IommuModel::Smmuv3 => return Ok(()),
        };
        self.device(&props);
        Ok(())
    }

    /// Sockets between host and guest.
    pub(crate) fn vsock(&mut self) -> Result<()> {
        let domain = self.domain;
        let Some(vsock) = &domain.devices.vsock else { return Ok(()) };
        let name = alias(&vsock.info)?;
        let fd = self.descriptor(Descriptor::VhostVsock { alias: name.to_owned() });
        let mut props = self
            .virtio_name("vhost-vsock", vsock.model, &vsock.info, Some(&vsock.driver.virtio))?
            .text("id", name)
            .number("guest-cid", vsock.cid.address)
            .text("vhostfd", fd.to_string());
        self.address(&mut props, &vsock.info)?;
        self.zpci(&vsock.info)?;
        self.device(&props);
        Ok(())
    }

    /// Devices that compute for the guest's ciphers.
    pub(crate) fn cryptos(&mut self) -> Result<()> {
        let domain = self.domain;
        for crypto in &domain.devices.cryptos {
            let name = alias(&crypto.info)?;
            let id = format!("obj{name}");
            let (kind, queues) = match crypto.backend {
                CryptoBackend::Builtin(queues) => ("cryptodev-backend-builtin", queues.queues),
                CryptoBackend::Lkcf(queues) => ("cryptodev-backend-lkcf", queues.queues),
            };
            self.object(&Props::object(kind, &id).nonzero("queues", queues));
            let mut props = self
                .virtio_name("virtio-crypto", None, &crypto.info, Some(&crypto.driver.virtio))?
                .text("cryptodev", id)
                .text("id", name);
            self.address(&mut props, &crypto.info)?;
            self.device(&props);
        }
        Ok(())
    }

    /// Where the guest keeps its last words.
    pub(crate) fn pstore(&mut self) -> Result<()> {
        let domain = self.domain;
        let Some(pstore) = &domain.devices.pstore else { return Ok(()) };
        let name = alias(&pstore.info)?;
        let size = pstore.size.map_or(0, |size| size.0);
        self.object(
            &Props::object("memory-backend-file", &format!("mem{name}"))
                .text("mem-path", pstore.path.clone().unwrap_or_default())
                .number("size", size * 1024)
                .flag("share", true),
        );
        let mut props = Props::device("acpi-erst").text("id", name).text("memdev", format!("mem{name}"));
        self.address(&mut props, &pstore.info)?;
        self.device(&props);
        Ok(())
    }

    /// Memory shared with other guests.
    pub(crate) fn shared_memories(&mut self) -> Result<()> {
        let domain = self.domain;
        for shared in &domain.devices.shared_memories {
            let props = self.shared_memory(shared)?;
            self.device(&props);
        }
        Ok(())
    }

    fn shared_memory(&mut self, shared: &SharedMemory) -> Result<Props> {
        let name = alias(&shared.info)?;
        let role = shared.role.map(|role| role == SharedMemoryRole::Master);
        let mut props = match shared.model {
            SharedMemoryModel::IvshmemPlain => {
                let memory = format!("shmmem-{name}");
                let size = shared.size.map_or(4, |size| size.0);
                self.object(
                    &Props::object("memory-backend-file", &memory)
                        .text("mem-path", format!("/dev/shm/{}", shared.name))
                        .number("size", gigabytes_aligned_bytes(size))
                        .flag("share", true),
                );
                Props::device("ivshmem-plain").text("id", name).text("memdev", memory)
            }
            SharedMemoryModel::IvshmemDoorbell => {
                let chardev = format!("char{name}");
                let server = shared.server.as_ref().and_then(|server| server.path.clone());
                let path = server.unwrap_or_else(|| format!("/var/lib/libvirt/shmem-{}-sock", shared.name));
                self.socket_chardev(&chardev, &path, false, None);
                let mut props = Props::device("ivshmem-doorbell").text("id", name).text("chardev", chardev);
                if let Some(msi) = &shared.msi {
                    props =
                        props.nonzero("vectors", msi.vectors).opt_flag("ioeventfd", switch(msi.ioeventfd));
                }
                props
            }
            SharedMemoryModel::Ivshmem => {
                return Err(unsupported("ivshmem device is not supported with this QEMU binary"));
            }
        };
        if shared.model == SharedMemoryModel::IvshmemPlain {
            props = props.opt_flag("master", role);
        }
        self.address(&mut props, &shared.info)?;
        Ok(props)
    }

    /// Trusted platform modules.
    pub(crate) fn tpms(&mut self) -> Result<()> {
        let domain = self.domain;
        for tpm in &domain.devices.tpms {
            let name = alias(&tpm.info)?;
            if tpm.model == Some(TpmModel::SpaprTpmProxy) {
                let TpmBackend::Passthrough(passthrough) = &tpm.backend else {
                    return Err(unsupported("'Passthrough' is the only supported backend for TPM Proxy"));
                };
                let mut props = Props::device("spapr-tpm-proxy")
                    .text("id", name)
                    .opt_text("host-path", passthrough.path.as_deref());
                self.address(&mut props, &tpm.info)?;
                self.device(&props);
                continue;
            }
            let id = format!("tpm-{name}");
            match &tpm.backend {
                TpmBackend::Passthrough(passthrough) => {
                    let path = passthrough.path.clone().unwrap_or_else(|| "/dev/tpm0".to_owned());
                    let device = Descriptor::TpmDevice { path: path.clone() };
                    let device = self.descriptor_set(vec![(device, format!("{name}-tpm"))]);
                    let cancel =
                        self.descriptor_set(vec![(Descriptor::TpmCancel { path }, format!("{name}-cancel"))]);
                    self.line
                        .option("-tpmdev", format!("passthrough,id={id},path={device},cancel-path={cancel}"));
                }
                TpmBackend::Emulator(_) => {
                    let path = self.launch.paths.swtpm_socket.clone();
                    self.socket_chardev("chrtpm", &path, false, None);
                    self.line.option("-tpmdev", format!("emulator,id={id},chardev=chrtpm"));
                }
                TpmBackend::External(external) => {
                    let path = external.source.path.clone().unwrap_or_default();
                    self.socket_chardev("chrtpm", &path, false, None);
                    self.line.option("-tpmdev", format!("emulator,id={id},chardev=chrtpm"));
                }
            }
            let model = tpm.model.ok_or_else(|| internal("a TPM has no model yet"))?;
            let driver = match model {
                TpmModel::TpmTis
                    if self.board.arch.is_arm()
                        || self.board.arch.is_riscv()
                        || self.board.arch.is_loongarch() =>
                {
                    "tpm-tis-device"
                }
                model => model.as_str(),
            };
            let mut props = Props::device(driver).text("tpmdev", id).text("id", name);
            self.address(&mut props, &tpm.info)?;
            self.device(&props);
        }
        Ok(())
    }

    /// Directories of the host.
    pub(crate) fn filesystems(&mut self) -> Result<()> {
        let domain = self.domain;
        for filesystem in &domain.devices.filesystems {
            if filesystem.driver.kind == Some(FilesystemDriverType::Virtiofs) {
                self.virtiofs(filesystem)?;
            } else if filesystem.driver.kind == Some(FilesystemDriverType::Mtp) {
                self.usb_mtp(filesystem)?;
            } else {
                self.ninep(filesystem)?;
            }
        }
        Ok(())
    }

    fn usb_mtp(&mut self, filesystem: &Filesystem) -> Result<()> {
        let mut props = Props::device("usb-mtp")
            .text("id", alias(&filesystem.info)?)
            .opt_text("rootdir", directory(filesystem))
            .opt_text("desc", filesystem.target.as_deref())
            .flag("readonly", filesystem.readonly);
        self.address(&mut props, &filesystem.info)?;
        self.device(&props);
        Ok(())
    }

    fn virtiofs(&mut self, filesystem: &Filesystem) -> Result<()> {
        let name = alias(&filesystem.info)?;
        let chardev = format!("chr-vu-{name}");
        let socket = match &filesystem.source {
            FilesystemSource::Mount(mount) => mount.socket.clone(),
            _ => None,
        };
        let path = socket.unwrap_or_else(|| format!("{}/{name}-fs.sock", self.launch.paths.guest));
        self.socket_chardev(&chardev, &path, false, None);
        let driver = &filesystem.driver;
        let mut props = self
            .virtio_name("vhost-user-fs", filesystem.model, &filesystem.info, Some(&driver.virtio))?
            .text("id", name)
            .text("chardev", chardev)
            .nonzero("queue-size", driver.queue)
            .opt_text("tag", filesystem.target.as_deref())
            .opt_number("bootindex", filesystem.info.boot.as_ref().map(|boot| boot.order));
        self.address(&mut props, &filesystem.info)?;
        self.device(&props);
        Ok(())
    }

    fn ninep(&mut self, filesystem: &Filesystem) -> Result<()> {
        let name = alias(&filesystem.info)?;
        let fsdev = format!("fsdev-{name}");
        let is_handle = filesystem.driver.kind == Some(FilesystemDriverType::Handle);
        let mut parts = vec![if is_handle { "handle".to_owned() } else { "local".to_owned() }];
        if !is_handle {
            parts.push(format!(
                "security_model={}",
                match filesystem.accessmode {
                    Some(FilesystemAccess::Mapped) => "mapped",
                    Some(FilesystemAccess::Squash) => "none",
                    _ => "passthrough",
                }
            ));
            if let Some(multidevs) = filesystem.multidevs {
                parts.push(format!("multidevs={}", multidevs.as_str()));
            }
            if filesystem.fmode != 0 {
                parts.push(format!("fmode={:04o}", filesystem.fmode));
            }
            if filesystem.dmode != 0 {
                parts.push(format!("dmode={:04o}", filesystem.dmode));
            }
        }
        if filesystem.driver.wrpolicy.is_some() {
            parts.push("writeout=immediate".to_owned());
        }
        parts.push(format!("id={fsdev}"));
        parts.push(format!("path={}", escape_commas(directory(filesystem).unwrap_or_default())));
        if filesystem.readonly {
            parts.push("readonly=on".to_owned());
        }
        self.line.option("-fsdev", parts.join(","));
        let mut props = self
            .virtio_name("virtio-9p", filesystem.model, &filesystem.info, Some(&filesystem.driver.virtio))?
            .text("id", name)
            .text("fsdev", fsdev)
            .opt_text("mount_tag", filesystem.target.as_deref());
        self.address(&mut props, &filesystem.info)?;
        self.device(&props);
        Ok(())
    }

    /// What firmware tells the guest about its machine.
    pub(crate) fn sysinfo(&mut self) -> Result<()> {
        let domain = self.domain;
        for info in &domain.sysinfos {
            if let Sysinfo::Fwcfg(config) = info {
                for entry in &config.entries {
                    let name = escape_commas(entry.name.as_deref().unwrap_or_default());
                    let value = match &entry.file {
                        Some(file) => format!("name={name},file={}", escape_commas(file)),
                        None => format!("name={name},string={}", escape_commas(&entry.value)),
                    };
                    self.line.option("-fw_cfg", value);
                }
            }
        }
        match domain.os.smbios {
            None | Some(virt_conf::model::SmbiosMode::Emulate) => Ok(()),
            Some(virt_conf::model::SmbiosMode::Sysinfo) => {
                let info = domain.sysinfos.iter().find_map(|info| match info {
                    Sysinfo::Smbios(info) => Some(info),
                    Sysinfo::Fwcfg(_) => None,
                });
                let info = info.ok_or_else(|| {
                    virt_util::Error::new(
                        virt_util::ErrorCode::XML_ERROR,
                        virt_util::ErrorDomain::QEMU,
                        format!("Domain '{}' sysinfo are not available", domain.name),
                    )
                })?;
                self.smbios(info);
                Ok(())
            }
            Some(virt_conf::model::SmbiosMode::Host) => {
                if let Some(info) = &self.launch.host.smbios {
                    // No two machines have the same identity.
                    let mut info = info.clone();
                    info.system.uuid = None;
                    self.smbios(&info);
                }
                Ok(())
            }
        }
    }

    fn smbios(&mut self, info: &virt_conf::model::SmbiosInfo) {
        let bios = &info.bios;
        self.smbios_table(
            0,
            &[
                ("vendor", &bios.vendor),
                ("version", &bios.version),
                ("date", &bios.date),
                ("release", &bios.release),
            ],
        );
        let system = &info.system;
        self.smbios_table(
            1,
            &[
                ("manufacturer", &system.manufacturer),
                ("product", &system.product),
                ("version", &system.version),
                ("serial", &system.serial),
                ("uuid", &system.uuid),
                ("sku", &system.sku),
                ("family", &system.family),
            ],
        );
        for board in &info.base_boards {
            self.smbios_table(
                2,
                &[
                    ("manufacturer", &board.manufacturer),
                    ("product", &board.product),
                    ("version", &board.version),
                    ("serial", &board.serial),
                    ("asset", &board.asset),
                    ("location", &board.location),
                ],
            );
        }
        let chassis = &info.chassis;
        self.smbios_table(
            3,
            &[
                ("manufacturer", &chassis.manufacturer),
                ("version", &chassis.version),
                ("serial", &chassis.serial),
                ("asset", &chassis.asset),
                ("sku", &chassis.sku),
            ],
        );
        if !info.oem_strings.entries.is_empty() {
            let strings: Vec<_> = info
                .oem_strings
                .entries
                .iter()
                .map(|entry| format!(",value={}", escape_commas(&entry.text)))
                .collect();
            self.line.option("-smbios", format!("type=11{}", strings.concat()));
        }
    }

    fn smbios_table(&mut self, number: u32, entries: &[(&str, &Option<String>)]) {
        let words: Vec<_> = entries
            .iter()
            .filter_map(|(key, value)| value.as_ref().map(|value| format!(",{key}={}", escape_commas(value))))
            .collect();
        if !words.is_empty() {
            self.line.option("-smbios", format!("type={number}{}", words.concat()));
        }
    }
}

fn directory(filesystem: &Filesystem) -> Option<&str> {
    match &filesystem.source {
        FilesystemSource::Mount(mount) | FilesystemSource::Bind(mount) => mount.dir.as_deref(),
        _ => None,
    }
}

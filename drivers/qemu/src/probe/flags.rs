//! Which answers of a QEMU stand for which of libvirt's capability flags, as tables.

use crate::caps::{Arch, Flag, FlagSet};

use super::Answers;

/// A QOM type that exists.
const TYPES: &[(&str, Flag)] = &[
    ("hda-duplex", Flag::HdaDuplex),
    ("hda-micro", Flag::HdaMicro),
    ("hda-output", Flag::HdaOutput),
    ("ccid-card-emulated", Flag::CcidEmulated),
    ("ccid-card-passthru", Flag::CcidPassthru),
    ("piix3-usb-uhci", Flag::Piix3UsbUhci),
    ("piix4-usb-uhci", Flag::Piix4UsbUhci),
    ("usb-ehci", Flag::UsbEhci),
    ("ich9-usb-ehci1", Flag::Ich9UsbEhci1),
    ("vt82c686b-usb-uhci", Flag::Vt82c686bUsbUhci),
    ("pci-ohci", Flag::PciOhci),
    ("nec-usb-xhci", Flag::NecUsbXhci),
    ("qemu-xhci", Flag::QemuXhci),
    ("usb-redir", Flag::UsbRedir),
    ("usb-hub", Flag::UsbHub),
    ("ich9-ahci", Flag::Ich9Ahci),
    ("scsi-block", Flag::ScsiBlock),
    ("scsi-hd", Flag::ScsiDiskChannel),
    ("lsi53c895a", Flag::Lsi),
    ("virtio-scsi-pci", Flag::VirtioScsiPci),
    ("virtio-scsi-ccw", Flag::VirtioScsiPci),
    ("megasas", Flag::Megasas),
    ("mptsas1068", Flag::Mptsas1068),
    ("pvscsi", Flag::Pvscsi),
    ("dc390", Flag::Dc390),
    ("am53c974", Flag::Am53c974),
    ("ncr53c90", Flag::Ncr53c90),
    ("spicevmc", Flag::Spice),
    ("chardev-spicevmc", Flag::Spice),
    ("sclpconsole", Flag::S390Sclp),
    ("sclplmconsole", Flag::Sclplmconsole),
    ("qxl", Flag::Qxl),
    ("VGA", Flag::Vga),
    ("cirrus-vga", Flag::CirrusVga),
    ("vmware-svga", Flag::VmwareSvga),
    ("bochs-display", Flag::BochsDisplay),
    ("ramfb", Flag::Ramfb),
    ("virtio-gpu-pci", Flag::VirtioGpu),
    ("virtio-gpu-ccw", Flag::VirtioGpuCcw),
    ("virtio-gpu-device", Flag::VirtioGpu),
    ("virtio-gpu-gl-pci", Flag::VirtioGpuGlPci),
    ("virtio-vga", Flag::VirtioVga),
    ("virtio-vga-gl", Flag::VirtioVgaGl),
    ("vhost-user-gpu", Flag::VhostUserGpu),
    ("vhost-user-vga", Flag::VhostUserVga),
    ("usb-serial", Flag::UsbSerial),
    ("isa-serial", Flag::IsaSerial),
    ("pci-serial", Flag::PciSerial),
    ("spapr-vty", Flag::SpaprVty),
    ("pl011", Flag::Pl011),
    ("virtio-rng-pci", Flag::VirtioRng),
    ("virtio-rng-ccw", Flag::VirtioRng),
    ("virtio-rng-device", Flag::VirtioRng),
    ("rng-random", Flag::RngRandom),
    ("rng-egd", Flag::RngEgd),
    ("rng-builtin", Flag::RngBuiltin),
    ("virtio-blk-ccw", Flag::VirtioCcw),
    ("spapr-nvram", Flag::Nvram),
    ("pci-bridge", Flag::PciBridge),
    ("vfio-pci", Flag::VfioPci),
    ("vfio-ccw", Flag::VfioCcw),
    ("vfio-ap", Flag::VfioAp),
    ("zpci", Flag::Zpci),
    ("i82801b11-bridge", Flag::DmiToPciBridge),
    ("usb-storage", Flag::UsbStorage),
    ("usb-kbd", Flag::UsbKbd),
    ("usb-audio", Flag::UsbAudio),
    ("usb-mtp", Flag::UsbMtp),
    ("virtio-mmio", Flag::VirtioMmio),
    ("ich9-intel-hda", Flag::Ich9IntelHda),
    ("pvpanic", Flag::Pvpanic),
    ("pvpanic-pci", Flag::PvpanicPci),
    ("pc-dimm", Flag::PcDimm),
    ("ioh3420", Flag::Ioh3420),
    ("x3130-upstream", Flag::X3130Upstream),
    ("xio3130-downstream", Flag::Xio3130Downstream),
    ("rtl8139", Flag::Rtl8139),
    ("e1000", Flag::E1000),
    ("virtio-net-pci", Flag::VirtioNet),
    ("virtio-net-ccw", Flag::VirtioNet),
    ("virtio-net-device", Flag::VirtioNet),
    ("virtio-keyboard-pci", Flag::VirtioKeyboard),
    ("virtio-keyboard-device", Flag::VirtioKeyboard),
    ("virtio-keyboard-ccw", Flag::VirtioKeyboardCcw),
    ("virtio-mouse-pci", Flag::VirtioMouse),
    ("virtio-mouse-device", Flag::VirtioMouse),
    ("virtio-mouse-ccw", Flag::VirtioMouseCcw),
    ("virtio-tablet-pci", Flag::VirtioTablet),
    ("virtio-tablet-device", Flag::VirtioTablet),
    ("virtio-tablet-ccw", Flag::VirtioTabletCcw),
    ("virtio-input-host-pci", Flag::VirtioInputHost),
    ("virtio-input-host-device", Flag::VirtioInputHost),
    ("pxb", Flag::Pxb),
    ("pxb-pcie", Flag::PxbPcie),
    ("intel-iommu", Flag::IntelIommu),
    ("ivshmem-plain", Flag::IvshmemPlain),
    ("ivshmem-doorbell", Flag::IvshmemDoorbell),
    ("vhost-scsi", Flag::VhostScsi),
    ("nvdimm", Flag::Nvdimm),
    ("pcie-root-port", Flag::PcieRootPort),
    ("pcie-pci-bridge", Flag::PciePciBridge),
    ("spapr-pci-host-bridge", Flag::SpaprPciHostBridge),
    ("spapr-tpm-proxy", Flag::SpaprTpmProxy),
    ("vmcoreinfo", Flag::Vmcoreinfo),
    ("vmgenid", Flag::Vmgenid),
    ("tpm-tis", Flag::TpmTis),
    ("tpm-crb", Flag::TpmCrb),
    ("tpm-spapr", Flag::TpmSpapr),
    ("tpm-passthrough", Flag::TpmPassthrough),
    ("tpm-emulator", Flag::TpmEmulator),
    ("pr-manager-helper", Flag::PrManagerHelper),
    ("vhost-vsock-device", Flag::VhostVsock),
    ("mch", Flag::Mch),
    ("sev-guest", Flag::SevGuest),
    ("sev-snp-guest", Flag::SevSnpGuest),
    ("s390-pv-guest", Flag::S390PvGuest),
    ("memory-backend-memfd", Flag::MemoryBackendMemfd),
    ("virtio-blk-pci-non-transitional", Flag::VirtioPciNonTransitional),
    ("max-x86_64-cpu", Flag::X86MaxCpu),
    ("max-arm-cpu", Flag::ArmMaxCpu),
    ("dbus-vmstate", Flag::DbusVmstate),
    ("i8042", Flag::I8042),
    ("vhost-user-fs-device", Flag::VhostUserFs),
    ("vhost-user-blk", Flag::VhostUserBlk),
    ("tcg-accel", Flag::Tcg),
    ("virtio-pmem-pci", Flag::VirtioPmemPci),
    ("virtio-mem-pci", Flag::VirtioMemPci),
    ("virtio-mem-ccw", Flag::VirtioMemCcw),
    ("virtio-iommu-pci", Flag::VirtioIommuPci),
    ("input-linux", Flag::InputLinux),
    ("thread-context", Flag::ThreadContext),
    ("sgx-epc", Flag::SgxEpc),
    ("virtio-crypto-device", Flag::VirtioCrypto),
    ("cryptodev-backend-lkcf", Flag::CryptodevBackendLkcf),
    ("virtio-sound-pci", Flag::VirtioSound),
    ("acpi-erst", Flag::AcpiErst),
];

/// A property of a device type (`device-list-properties`).
const DEVICE_PROPERTIES: &[(&str, &str, Flag)] = &[
    ("virtio-blk-pci", "scsi", Flag::VirtioBlkPciScsi),
    ("virtio-blk-pci", "queue-size", Flag::VirtioBlkQueueSize),
    ("virtio-blk-pci", "iothread-vq-mapping", Flag::VirtioBlkIothreadMapping),
    ("virtio-blk-pci", "acpi-index", Flag::AcpiIndex),
    ("virtio-blk-ccw", "loadparm", Flag::VirtioCcwLoadparm),
    ("virtio-scsi-pci", "iothread-vq-mapping", Flag::VirtioScsiIothreadMapping),
    ("virtio-net-pci", "rss", Flag::VirtioNetRss),
    ("virtio-balloon-pci", "deflate-on-oom", Flag::VirtioBalloonPciDeflateOnOom),
    ("virtio-balloon-pci", "free-page-reporting", Flag::VirtioBalloonFreePageReporting),
    ("scsi-hd", "rotation_rate", Flag::RotationRate),
    ("usb-redir", "filter", Flag::UsbRedirFilter),
    ("usb-host", "hostdevice", Flag::UsbHostHostdevice),
    ("usb-host", "guest-resets-all", Flag::UsbHostGuestResetsAll),
    ("kvm-pit", "lost_tick_policy", Flag::KvmPitLostTickPolicy),
    ("VGA", "vgamem_mb", Flag::VgaVgamemMb),
    ("vmware-svga", "vgamem_mb", Flag::VmwareSvgaVgamemMb),
    ("qxl", "vgamem_mb", Flag::QxlVgamemMb),
    ("qxl", "vram64_size_mb", Flag::QxlVram64SizeMb),
    ("virtio-gpu-pci", "blob", Flag::VirtioGpuBlob),
    ("intel-iommu", "intremap", Flag::IntelIommuIntremap),
    ("intel-iommu", "caching-mode", Flag::IntelIommuCachingMode),
    ("intel-iommu", "eim", Flag::IntelIommuEim),
    ("intel-iommu", "device-iotlb", Flag::IntelIommuDeviceIotlb),
    ("intel-iommu", "aw-bits", Flag::IntelIommuAwBits),
    ("intel-iommu", "dma-translation", Flag::IntelIommuDmaTranslation),
    ("spapr-pci-host-bridge", "numa_node", Flag::SpaprPciHostBridgeNumaNode),
    ("mch", "extended-tseg-mbytes", Flag::MchExtendedTsegMbytes),
    ("nvdimm", "unarmed", Flag::NvdimmUnarmed),
    ("pcie-root-port", "hotplug", Flag::PcieRootPortHotplug),
    ("PIIX4_PM", "acpi-root-pci-hotplug", Flag::Piix4AcpiRootPciHotplug),
    ("vhost-user-fs-pci", "bootindex", Flag::VhostUserFsBootindex),
    ("virtio-mem-pci", "prealloc", Flag::VirtioMemPciPrealloc),
    ("virtio-mem-pci", "dynamic-memslots", Flag::VirtioMemPciDynamicMemslots),
    ("virtio-iommu-pci", "boot-bypass", Flag::VirtioIommuBootBypass),
    ("max-x86_64-cpu", "unavailable-features", Flag::CpuUnavailableFeatures),
    ("max-x86_64-cpu", "migratable", Flag::CpuMigratable),
    ("max-arm-cpu", "kvm-no-adjvtime", Flag::CpuKvmNoAdjvtime),
];

/// A property of an object that is no device (`qom-list-properties`).
const OBJECT_PROPERTIES: &[(&str, &str, Flag)] = &[
    ("memory-backend-file", "pmem", Flag::MemoryBackendFilePmem),
    ("memory-backend-file", "reserve", Flag::MemoryBackendFileReserve),
    ("memory-backend-file", "prealloc-threads", Flag::MemoryBackendFilePreallocThreads),
    (
        "memory-backend-file",
        "x-use-canonical-path-for-ramblock-id",
        Flag::MemoryBackendFileXUseCanonicalPathForRamblockId,
    ),
    ("memory-backend-memfd", "hugetlb", Flag::MemoryBackendMemfdHugetlb),
    ("iothread", "thread-pool-max", Flag::IothreadThreadPoolMax),
    ("sev-guest", "kernel-hashes", Flag::SevGuestKernelHashes),
    ("none-machine", "confidential-guest-support", Flag::ConfidentialGuestSupport),
    ("virt-machine", "iommu", Flag::MachineVirtIommu),
    ("virt-machine", "ras", Flag::MachineVirtRas),
    ("virt-machine", "aia", Flag::MachineVirtAia),
];

/// A command of the monitor.
const COMMANDS: &[(&str, Flag)] = &[
    ("query-cpu-definitions", Flag::QueryCpuDefinitions),
    ("query-cpu-model-expansion", Flag::QueryCpuModelExpansion),
    ("query-cpu-model-baseline", Flag::QueryCpuModelBaseline),
    ("query-cpu-model-comparison", Flag::QueryCpuModelComparison),
    ("rtc-reset-reinjection", Flag::RtcResetReinjection),
    ("set-action", Flag::SetAction),
    ("query-dirty-rate", Flag::QueryDirtyRate),
    ("calc-dirty-rate", Flag::CalcDirtyRate),
    ("sev-inject-launch-secret", Flag::SevInjectLaunchSecret),
    ("query-stats", Flag::QueryStats),
    ("query-stats-schemas", Flag::QueryStatsSchemas),
    ("display-reload", Flag::DisplayReload),
    ("blockdev-set-active", Flag::BlockdevSetActive),
];

/// A parameter of a command line option (`query-command-line-options`); an empty one stands for the option itself.
const OPTIONS: &[(&str, &str, Flag)] = &[
    ("sandbox", "elevateprivileges", Flag::SeccompSandbox),
    ("vnc", "", Flag::Vnc),
    ("vnc", "power-control", Flag::VncPowerControl),
    ("spice", "", Flag::Spice),
    ("spice", "gl", Flag::SpiceGl),
    ("spice", "rendernode", Flag::SpiceRendernode),
    ("chardev", "reconnect", Flag::ChardevReconnect),
    ("chardev", "reconnect-ms", Flag::ChardevReconnectMiliseconds),
    ("fsdev", "multidevs", Flag::FsdevMultidevs),
    ("smp-opts", "dies", Flag::SmpDies),
    ("smp-opts", "clusters", Flag::SmpClusters),
    ("run-with", "async-teardown", Flag::RunWithAsyncTeardown),
    ("machine", "shim", Flag::Shim),
];

/// The same, for boards that only x86 has.
const OPTIONS_X86: &[(&str, &str, Flag)] = &[
    ("machine", "vmport", Flag::MachineVmportOpt),
    ("machine", "hpet", Flag::MachineHpet),
    ("machine", "i8042", Flag::MachineI8042Opt),
];

/// A path through the monitor's schema; `schema.rs` says how they are written.
const SCHEMA: &[(&str, Flag)] = &[
    ("block-stream/arg-type/backing-mask-protocol", Flag::BlockjobBackingMaskProtocol),
    ("blockdev-add/arg-type/+file/aio/^io_uring", Flag::AioIoUring),
    ("blockdev-add/arg-type/+file/drop-cache", Flag::MigrationFileDropCache),
    ("blockdev-add/arg-type/+nbd/tls-creds", Flag::NbdTls),
    ("blockdev-add/arg-type/+nbd/tls-hostname", Flag::BlockdevNbdTlsHostname),
    ("blockdev-add/arg-type/+nvme", Flag::DriveNvme),
    ("blockdev-add/arg-type/+qcow2/discard-no-unref", Flag::Qcow2DiscardNoUnref),
    ("blockdev-add/arg-type/+rbd/encrypt", Flag::RbdEncryption),
    ("blockdev-add/arg-type/+rbd/encrypt/format/^luks-any", Flag::RbdEncryptionLuksAny),
    ("blockdev-add/arg-type/+rbd/encrypt/parent", Flag::RbdEncryptionLayering),
    ("blockdev-add/arg-type/+virtio-blk-vhost-vdpa", Flag::VirtioBlkVhostVdpa),
    ("calc-dirty-rate/arg-type/mode", Flag::DirtyrateParamMode),
    ("chardev-add/$json-cli", Flag::ChardevJson),
    ("chardev-add/arg-type/backend/+qemu-vdagent", Flag::ChardevQemuVdagent),
    ("device_add/$json-cli-hotplug", Flag::DeviceJsonHotplug),
    ("migrate-incoming/arg-type/exit-on-error", Flag::MigrateIncomingExitOnError),
    ("netdev_add/arg-type/+stream", Flag::NetdevStream),
    ("netdev_add/arg-type/+stream/reconnect", Flag::NetdevStreamReconnect),
    ("netdev_add/arg-type/+stream/reconnect-ms", Flag::NetdevStreamReconnectMiliseconds),
    ("netdev_add/arg-type/+user", Flag::NetdevUser),
    ("netdev_add/arg-type/+vhost-vdpa", Flag::NetdevVhostVdpa),
    ("query-cpu-model-expansion/ret-type/deprecated-props", Flag::QueryCpuModelExpansionDeprecatedProps),
    ("query-display-options/ret-type/+dbus", Flag::DisplayDbus),
    ("query-display-options/ret-type/+egl-headless", Flag::EglHeadless),
    ("query-display-options/ret-type/+egl-headless/rendernode", Flag::EglHeadlessRendernode),
    ("query-display-options/ret-type/+sdl", Flag::Sdl),
    ("query-migrate/ret-type/blocked-reasons", Flag::MigrationBlockedReasons),
    ("screendump/arg-type/device", Flag::ScreendumpDevice),
    ("screendump/arg-type/format/^png", Flag::ScreenshotFormatPng),
    ("set-numa-node/arg-type/+hmat-lb", Flag::NumaHmat),
];

/// The types whose device properties the tables ask for and `exists` confirms, each once.
pub(super) fn devices_to_ask<'a>(
    exists: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = &'static str> + 'a {
    types_of(DEVICE_PROPERTIES).filter(move |name| exists(name))
}

/// The other types whose properties the tables ask for, each once.
pub(super) fn objects_to_ask<'a>(
    exists: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = &'static str> + 'a {
    types_of(OBJECT_PROPERTIES).filter(move |name| exists(name))
}

fn types_of(table: &'static [(&str, &str, Flag)]) -> impl Iterator<Item = &'static str> {
    table.iter().enumerate().filter_map(move |(at, (name, ..))| {
        let first = table.iter().position(|(other, ..)| other == name) == Some(at);
        first.then_some(*name)
    })
}

/// All flags that `answers` stand for.
pub(super) fn flags(arch: Arch, answers: &Answers) -> FlagSet {
    let mut flags = FlagSet::default();
    flags.extend(TYPES.iter().filter(|(name, _)| answers.has_type(name)).map(|(_, flag)| *flag));
    flags.extend(COMMANDS.iter().filter(|(name, _)| answers.commands.contains(*name)).map(|(_, flag)| *flag));
    for table in [DEVICE_PROPERTIES, OBJECT_PROPERTIES] {
        let has = |(name, property, _): &&(&str, &str, Flag)| answers.has_property(name, property);
        flags.extend(table.iter().filter(has).map(|(.., flag)| *flag));
    }
    let x86: &[_] = if arch.is_x86() { OPTIONS_X86 } else { &[] };
    for table in [OPTIONS, x86] {
        let has = |(option, parameter, _): &&(&str, &str, Flag)| answers.has_option(option, parameter);
        flags.extend(table.iter().filter(has).map(|(.., flag)| *flag));
    }
    flags.extend(SCHEMA.iter().filter(|(path, _)| answers.schema.has(path)).map(|(_, flag)| *flag));
    let also = [
        (answers.kvm, Flag::Kvm),
        (answers.migration.contains("rdma-pin-all"), Flag::MigrateRdma),
        // -netdev has taken JSON ever since the schema describes it with its types.
        (
            answers.schema.has("netdev_add/arg-type/type/^user")
                || answers.schema.has("netdev_add/arg-type/type"),
            Flag::NetdevJson,
        ),
        (flags.contains(Flag::CpuUnavailableFeatures), Flag::CanonicalCpuFeatures),
        (answers.has_type_ending("max-", "-cpu"), Flag::CpuMax),
    ];
    flags.extend(also.iter().filter(|(present, _)| *present).map(|(_, flag)| *flag));
    flags
}

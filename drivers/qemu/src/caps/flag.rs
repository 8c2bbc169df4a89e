//! What a QEMU binary can do, as named flags: libvirt's names, in libvirt's order.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! flags {
    ($($variant:ident = $name:literal,)*) => {
        /// One thing that some QEMU binaries can do and others cannot.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Flag {
            $(#[doc = concat!("`", $name, "` in libvirt's capabilities cache.")] $variant,)*
        }

        impl Flag {
            /// Every flag, in libvirt's order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// libvirt's name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The flag of that name; `None` for those this version does not know.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

flags! {
    Kvm = "kvm",
    Sdl = "sdl",
    Spice = "spice",
    HdaDuplex = "hda-duplex",
    CcidEmulated = "ccid-emulated",
    CcidPassthru = "ccid-passthru",
    Piix3UsbUhci = "piix3-usb-uhci",
    Piix4UsbUhci = "piix4-usb-uhci",
    UsbEhci = "usb-ehci",
    Ich9UsbEhci1 = "ich9-usb-ehci1",
    Vt82c686bUsbUhci = "vt82c686b-usb-uhci",
    PciOhci = "pci-ohci",
    UsbRedir = "usb-redir",
    UsbHub = "usb-hub",
    Ich9Ahci = "ich9-ahci",
    VirtioBlkPciScsi = "virtio-blk-pci.scsi",
    ScsiDiskChannel = "scsi-disk.channel",
    ScsiBlock = "scsi-block",
    HdaMicro = "hda-micro",
    NecUsbXhci = "nec-usb-xhci",
    Lsi = "lsi",
    VirtioScsiPci = "virtio-scsi-pci",
    UsbRedirFilter = "usb-redir.filter",
    SeccompSandbox = "seccomp-sandbox",
    Vnc = "vnc",
    S390Sclp = "s390-sclp",
    Qxl = "qxl",
    Vga = "VGA",
    CirrusVga = "cirrus-vga",
    VmwareSvga = "vmware-svga",
    UsbSerial = "usb-serial",
    VirtioRng = "virtio-rng",
    RngRandom = "rng-random",
    RngEgd = "rng-egd",
    VirtioCcw = "virtio-ccw",
    Megasas = "megasas",
    TpmPassthrough = "tpm-passthrough",
    TpmTis = "tpm-tis",
    Nvram = "nvram",
    PciBridge = "pci-bridge",
    VfioPci = "vfio-pci",
    DmiToPciBridge = "dmi-to-pci-bridge",
    UsbStorage = "usb-storage",
    VirtioMmio = "virtio-mmio",
    Ich9IntelHda = "ich9-intel-hda",
    KvmPitLostTickPolicy = "kvm-pit-lost-tick-policy",
    Pvpanic = "pvpanic",
    UsbKbd = "usb-kbd",
    UsbAudio = "usb-audio",
    RtcResetReinjection = "rtc-reset-reinjection",
    MigrateRdma = "migrate-rdma",
    VgaVgamemMb = "VGA.vgamem_mb",
    VmwareSvgaVgamemMb = "vmware-svga.vgamem_mb",
    QxlVgamemMb = "qxl.vgamem_mb",
    PcDimm = "pc-dimm",
    MachineVmportOpt = "machine-vmport-opt",
    PciSerial = "pci-serial",
    Ioh3420 = "ioh3420",
    X3130Upstream = "x3130-upstream",
    Xio3130Downstream = "xio3130-downstream",
    Rtl8139 = "rtl8139",
    E1000 = "e1000",
    VirtioNet = "virtio-net",
    VirtioGpu = "virtio-gpu",
    VirtioKeyboard = "virtio-keyboard",
    VirtioMouse = "virtio-mouse",
    VirtioTablet = "virtio-tablet",
    VirtioInputHost = "virtio-input-host",
    VirtioBalloonPciDeflateOnOom = "virtio-balloon-pci.deflate-on-oom",
    Mptsas1068 = "mptsas1068",
    SpiceGl = "spice-gl",
    QxlVram64SizeMb = "qxl.vram64_size_mb",
    Pxb = "pxb",
    PxbPcie = "pxb-pcie",
    IntelIommu = "intel-iommu",
    VirtioVga = "virtio-vga",
    IvshmemPlain = "ivshmem-plain",
    IvshmemDoorbell = "ivshmem-doorbell",
    VhostScsi = "vhost-scsi",
    QueryCpuModelExpansion = "query-cpu-model-expansion",
    SpiceRendernode = "spice-rendernode",
    Nvdimm = "nvdimm",
    PcieRootPort = "pcie-root-port",
    QueryCpuDefinitions = "query-cpu-definitions",
    QemuXhci = "qemu-xhci",
    IntelIommuIntremap = "intel-iommu.intremap",
    SpaprPciHostBridge = "spapr-pci-host-bridge",
    IntelIommuCachingMode = "intel-iommu.caching-mode",
    SpaprPciHostBridgeNumaNode = "spapr-pci-host-bridge.numa_node",
    IntelIommuEim = "intel-iommu.eim",
    IntelIommuDeviceIotlb = "intel-iommu.device-iotlb",
    ChardevReconnect = "chardev-reconnect",
    Sclplmconsole = "sclplmconsole",
    VirtioGpuCcw = "virtio-gpu-ccw",
    VirtioKeyboardCcw = "virtio-keyboard-ccw",
    VirtioMouseCcw = "virtio-mouse-ccw",
    VirtioTabletCcw = "virtio-tablet-ccw",
    SpaprVty = "spapr-vty",
    Vmcoreinfo = "vmcoreinfo",
    Pl011 = "pl011",
    IsaSerial = "isa-serial",
    PciePciBridge = "pcie-pci-bridge",
    NbdTls = "nbd-tls",
    TpmCrb = "tpm-crb",
    PrManagerHelper = "pr-manager-helper",
    VfioCcw = "vfio-ccw",
    ScreendumpDevice = "screendump_device",
    HdaOutput = "hda-output",
    Vmgenid = "vmgenid",
    VhostVsock = "vhost-vsock",
    TpmEmulator = "tpm-emulator",
    Mch = "mch",
    MchExtendedTsegMbytes = "mch.extended-tseg-mbytes",
    SevGuest = "sev-guest",
    EglHeadless = "egl-headless",
    VfioAp = "vfio-ap",
    Zpci = "zpci",
    MemoryBackendMemfd = "memory-backend-memfd",
    MemoryBackendMemfdHugetlb = "memory-backend-memfd.hugetlb",
    EglHeadlessRendernode = "egl-headless.rendernode",
    MemoryBackendFilePmem = "memory-backend-file.pmem",
    NvdimmUnarmed = "nvdimm.unarmed",
    VirtioPciNonTransitional = "virtio-pci-non-transitional",
    MachineVirtIommu = "machine.virt.iommu",
    X86MaxCpu = "x86-max-cpu",
    CpuUnavailableFeatures = "cpu-unavailable-features",
    CanonicalCpuFeatures = "canonical-cpu-features",
    BochsDisplay = "bochs-display",
    MigrationFileDropCache = "migration-file-drop-cache",
    DbusVmstate = "dbus-vmstate",
    VhostUserGpu = "vhost-user-gpu",
    QueryCpuModelBaseline = "query-cpu-model-baseline",
    QueryCpuModelComparison = "query-cpu-model-comparison",
    VhostUserVga = "vhost-user-vga",
    Ramfb = "ramfb",
    ArmMaxCpu = "arm-max-cpu",
    DriveNvme = "drive-nvme",
    SmpDies = "smp-dies",
    I8042 = "i8042",
    RngBuiltin = "rng-builtin",
    CpuKvmNoAdjvtime = "cpu.kvm-no-adjvtime",
    TpmSpapr = "tpm-spapr",
    VhostUserFs = "vhost-user-fs",
    FsdevMultidevs = "fsdev.multidevs",
    PcieRootPortHotplug = "pcie-root-port.hotplug",
    AioIoUring = "aio.io_uring",
    Tcg = "tcg",
    VirtioBlkPciScsiDefaultDisabled = "virtio-blk-pci.scsi.default.disabled",
    Pvscsi = "pvscsi",
    SpaprTpmProxy = "spapr-tpm-proxy",
    CpuMigratable = "cpu.migratable",
    IntelIommuAwBits = "intel-iommu.aw-bits",
    NumaHmat = "numa.hmat",
    UsbHostHostdevice = "usb-host.hostdevice",
    VirtioBalloonFreePageReporting = "virtio-balloon.free-page-reporting",
    NetdevVhostVdpa = "netdev.vhost-vdpa",
    Ncr53c90 = "ncr53c90",
    Dc390 = "dc390",
    Am53c974 = "am53c974",
    VirtioPmemPci = "virtio-pmem-pci",
    VhostUserFsBootindex = "vhost-user-fs.bootindex",
    VhostUserBlk = "vhost-user-blk",
    CpuMax = "cpu-max",
    MemoryBackendFileXUseCanonicalPathForRamblockId = "memory-backend-file.x-use-canonical-path-for-ramblock-id",
    VncPowerControl = "vnc-power-control",
    RotationRate = "rotation-rate",
    AcpiIndex = "acpi-index",
    InputLinux = "input-linux",
    VirtioGpuGlPci = "virtio-gpu-gl-pci",
    VirtioVgaGl = "virtio-vga-gl",
    ConfidentialGuestSupport = "confidential-guest-support",
    S390PvGuest = "s390-pv-guest",
    SetAction = "set-action",
    VirtioBlkQueueSize = "virtio-blk.queue-size",
    VirtioMemPci = "virtio-mem-pci",
    MemoryBackendFileReserve = "memory-backend-file.reserve",
    Piix4AcpiRootPciHotplug = "piix4.acpi-root-pci-hotplug",
    NetdevJson = "netdev.json",
    QueryDirtyRate = "query-dirty-rate",
    RbdEncryption = "rbd-encryption",
    SevGuestKernelHashes = "sev-guest-kernel-hashes",
    SevInjectLaunchSecret = "sev-inject-launch-secret",
    DeviceJsonHotplug = "device.json+hotplug",
    Hvf = "hvf",
    VirtioMemPciPrealloc = "virtio-mem-pci.prealloc",
    CalcDirtyRate = "calc-dirty-rate",
    DirtyrateParamMode = "dirtyrate-param.mode",
    BlockdevNbdTlsHostname = "blockdev.nbd.tls-hostname",
    MemoryBackendFilePreallocThreads = "memory-backend-file.prealloc-threads",
    VirtioIommuPci = "virtio-iommu-pci",
    VirtioIommuBootBypass = "virtio-iommu.boot-bypass",
    VirtioNetRss = "virtio-net.rss",
    ChardevQemuVdagent = "chardev.qemu-vdagent",
    DisplayDbus = "display-dbus",
    IothreadThreadPoolMax = "iothread.thread-pool-max",
    UsbHostGuestResetsAll = "usb-host.guest-resets-all",
    MigrationBlockedReasons = "migration.blocked-reasons",
    QueryStats = "query-stats",
    QueryStatsSchemas = "query-stats-schemas",
    ThreadContext = "thread-context",
    ScreenshotFormatPng = "screenshot-format-png",
    MachineHpet = "machine-hpet",
    NetdevStream = "netdev.stream",
    SgxEpc = "sgx-epc",
    VirtioCrypto = "virtio-crypto",
    CryptodevBackendLkcf = "cryptodev-backend-lkcf",
    PvpanicPci = "pvpanic-pci",
    NetdevStreamReconnect = "netdev.stream.reconnect",
    VirtioGpuBlob = "virtio-gpu.blob",
    RbdEncryptionLayering = "rbd-encryption-layering",
    RbdEncryptionLuksAny = "rbd-encryption-luks-any",
    Qcow2DiscardNoUnref = "qcow2-discard-no-unref",
    RunWithAsyncTeardown = "run-with.async-teardown",
    VirtioBlkVhostVdpa = "virtio-blk-vhost-vdpa",
    VirtioBlkIothreadMapping = "virtio-blk.iothread-mapping",
    SmpClusters = "smp-clusters",
    VirtioMemPciDynamicMemslots = "virtio-mem-pci.dynamic-memslots",
    BlockjobBackingMaskProtocol = "blockjob.backing-mask-protocol",
    DisplayReload = "display-reload",
    UsbMtp = "usb-mtp",
    MachineVirtRas = "machine.virt.ras",
    VirtioSound = "virtio-sound",
    SevSnpGuest = "sev-snp-guest",
    NetdevUser = "netdev.user",
    AcpiErst = "acpi-erst",
    IntelIommuDmaTranslation = "intel-iommu.dma-translation",
    MachineI8042Opt = "machine-i8042-opt",
    ChardevReconnectMiliseconds = "chardev-reconnect-miliseconds",
    VirtioCcwLoadparm = "virtio-ccw.loadparm",
    NetdevStreamReconnectMiliseconds = "netdev-stream-reconnect-miliseconds",
    QueryCpuModelExpansionDeprecatedProps = "query-cpu-model-expansion.deprecated-props",
    MigrateIncomingExitOnError = "migrate-incoming.exit-on-error",
    VirtioMemCcw = "virtio-mem-ccw",
    BlockdevSetActive = "blockdev-set-active",
    Shim = "shim",
    MachineVirtAia = "machine.virt.aia",
    VirtioScsiIothreadMapping = "virtio-scsi.iothread-mapping",
    ChardevJson = "chardev.json",
}

const WORDS: usize = Flag::ALL.len().div_ceil(64);

/// A set of [`Flag`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct FlagSet([u64; WORDS]);

impl FlagSet {
    /// Whether `flag` is in the set.
    pub fn contains(&self, flag: Flag) -> bool {
        self.0[flag as usize / 64] & (1 << (flag as usize % 64)) != 0
    }

    /// Adds `flag`.
    pub fn insert(&mut self, flag: Flag) {
        self.0[flag as usize / 64] |= 1 << (flag as usize % 64);
    }

    /// Takes `flag` out.
    pub fn remove(&mut self, flag: Flag) {
        self.0[flag as usize / 64] &= !(1 << (flag as usize % 64));
    }

    /// The flags, in libvirt's order.
    pub fn iter(&self) -> impl Iterator<Item = Flag> + '_ {
        Flag::ALL.iter().copied().filter(|flag| self.contains(*flag))
    }
}

impl FromIterator<Flag> for FlagSet {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        let mut set = Self::default();
        flags.into_iter().for_each(|flag| set.insert(flag));
        set
    }
}

impl Extend<Flag> for FlagSet {
    fn extend<I: IntoIterator<Item = Flag>>(&mut self, flags: I) {
        flags.into_iter().for_each(|flag| self.insert(flag));
    }
}

impl Serialize for FlagSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Flag::name))
    }
}

/// Flags of other versions are passed over.
impl<'de> Deserialize<'de> for FlagSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Ok(names.iter().filter_map(|name| Flag::from_name(name)).collect())
    }
}

impl fmt::Debug for FlagSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Flag::name)).finish()
    }
}

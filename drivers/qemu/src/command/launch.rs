//! What the command line depends on besides the domain document and the binary: directories, settings, facts about
//! the host, descriptors, secrets. All of it is given; the builder looks nothing up.

use virt_conf::model::{
    Bitmap, Cpu, NetworkDiskProtocol, NumatuneMemory, NumatunePlacement, ScsiAdapterSource, SmbiosInfo,
};
use virt_util::Result;

/// Everything outside the document that a command line depends on.
pub struct Launch<'a> {
    /// Where this guest's files live.
    pub paths: Paths,
    /// What the administrator set.
    pub settings: &'a Settings,
    /// What this host is.
    pub host: &'a HostFacts,
    /// Gives descriptors their numbers.
    pub descriptors: &'a mut dyn Descriptors,
    /// Looks up secrets and makes random bytes.
    pub secrets: &'a mut dyn Secrets,
    /// Where the guest's state comes from.
    pub origin: Origin,
    /// What a running emulator has already, when a device comes to it.
    pub taken: Taken,
}

/// Numbers that a running emulator has given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many nodes of images.
    pub nodes: u32,
    /// How many sets of descriptors.
    pub fdsets: u32,
}

/// Where one guest's files live; none of these has a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Private to the guest: `/var/lib/libvirt/qemu/domain-1-web`.
    pub guest: String,
    /// Sockets of channels to the guest: `/run/libvirt/qemu/channel/1-web`.
    pub channel: String,
    /// Memory that must be shared through files: `/var/lib/libvirt/qemu/ram`.
    pub memory_backing: String,
    /// Firmware variables of guests: `/var/lib/libvirt/qemu/nvram`.
    pub nvram: String,
    /// The socket of the guest's TPM emulator: `/run/libvirt/qemu/swtpm/1-web-swtpm.sock`.
    pub swtpm_socket: String,
    /// `/run/libvirt/qemu/dbus`.
    pub dbus: String,
    /// `/run/libvirt/qemu/passt`.
    pub passt: String,
    /// The identifier within file names: `1-web`.
    pub short_name: String,
}

/// What the administrator set, `qemu.conf` in libvirt. The defaults are libvirt's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether the process may do what root may.
    pub privileged: bool,
    /// What every guest's process finds in its environment, in this order.
    pub environment: Vec<(String, String)>,
    /// `-sandbox`: `None` turns it on where QEMU has it.
    pub seccomp_sandbox: Option<bool>,
    /// Whether QEMU's messages carry the time.
    pub timestamps: bool,
    /// Whether the guest's memory stands in core dumps of QEMU.
    pub dump_guest_core: bool,
    /// Whether guests without graphics may use the host's sound.
    pub nographics_allow_host_audio: bool,
    /// Where `PipeWire`'s sockets are, unless the guest says it.
    pub pipewire_runtime_dir: Option<String>,
    /// VNC's listening address unless the guest names one.
    pub vnc_listen: String,
    /// Whether VNC uses TLS.
    pub vnc_tls: bool,
    /// Whether VNC clients must show a certificate.
    pub vnc_tls_verify: bool,
    /// Where VNC's certificates are.
    pub vnc_tls_dir: String,
    /// The secret that opens VNC's key.
    pub vnc_tls_secret: Option<String>,
    /// Whether VNC asks SASL who the client is.
    pub vnc_sasl: bool,
    /// SASL's settings for VNC.
    pub vnc_sasl_dir: Option<String>,
    /// VNC's password for all guests; a guest's own wins.
    pub vnc_password: Option<String>,
    /// Whether guests without a listener get a socket of their own instead of a port.
    pub vnc_auto_unix_socket: bool,
    /// SPICE's listening address unless the guest names one.
    pub spice_listen: String,
    /// Whether SPICE uses TLS.
    pub spice_tls: bool,
    /// Where SPICE's certificates are.
    pub spice_tls_dir: String,
    /// Whether SPICE asks SASL who the client is.
    pub spice_sasl: bool,
    /// SPICE's password for all guests; a guest's own wins.
    pub spice_password: Option<String>,
    /// Whether guests without a listener get a socket of their own instead of a port.
    pub spice_auto_unix_socket: bool,
    /// Whether character devices over TCP use TLS unless they say otherwise.
    pub chardev_tls: bool,
    /// Where their certificates are.
    pub chardev_tls_dir: String,
    /// Whether their peers must show a certificate.
    pub chardev_tls_verify: bool,
    /// The secret that opens their key.
    pub chardev_tls_secret: Option<String>,
    /// Whether Veritas HyperScale disks use TLS unless they say otherwise.
    pub vxhs_tls: bool,
    /// Where their certificates are.
    pub vxhs_tls_dir: String,
    /// Whether network block devices use TLS unless they say otherwise.
    pub nbd_tls: bool,
    /// Where their certificates are.
    pub nbd_tls_dir: String,
    /// The secret that opens their key.
    pub nbd_tls_secret: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            privileged: true,
            environment: Vec::new(),
            seccomp_sandbox: None,
            timestamps: true,
            dump_guest_core: false,
            nographics_allow_host_audio: false,
            pipewire_runtime_dir: None,
            vnc_listen: "127.0.0.1".into(),
            vnc_tls: false,
            vnc_tls_verify: false,
            vnc_tls_dir: "/etc/pki/libvirt-vnc".into(),
            vnc_tls_secret: None,
            vnc_sasl: false,
            vnc_sasl_dir: None,
            vnc_password: None,
            vnc_auto_unix_socket: false,
            spice_listen: "127.0.0.1".into(),
            spice_tls: false,
            spice_tls_dir: "/etc/pki/libvirt-spice".into(),
            spice_sasl: false,
            spice_password: None,
            spice_auto_unix_socket: false,
            chardev_tls: false,
            chardev_tls_dir: "/etc/pki/libvirt-chardev".into(),
            chardev_tls_verify: true,
            chardev_tls_secret: None,
            vxhs_tls: false,
            vxhs_tls_dir: "/etc/pki/libvirt-vxhs".into(),
            nbd_tls: false,
            nbd_tls_dir: "/etc/pki/libvirt-nbd".into(),
            nbd_tls_secret: None,
        }
    }
}

/// What this host is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostFacts {
    /// The page size in KiB; 0 stands for 4.
    pub page_size_kib: u64,
    /// Seconds since 1970, for clocks that are set relative to now.
    pub now: i64,
    /// Seconds by which local time is ahead of UTC.
    pub utc_offset: i64,
    /// Nodes chosen for a guest that leaves its placement to the host.
    pub placement: Option<Bitmap>,
    /// Block devices that are optical drives.
    pub optical_drives: Vec<String>,
    /// SCSI devices, as `<hostdev type='scsi'>` names them, and their generic devices: `/dev/sg0`.
    pub scsi_generic: Vec<(ScsiAdapterSource, String)>,
    /// What firmware tells the host about its machine.
    pub smbios: Option<SmbiosInfo>,
    /// Mounted hugetlbfs: page size in KiB and mount point.
    pub hugepages: Vec<HugepageMount>,
    /// The NUMA nodes of the host, by number.
    pub numa_nodes: Vec<u32>,
    /// The host's processor as a named model, for binaries that do not say what it is.
    pub processor: Option<Cpu>,
    /// What nbdkit can reach, so that QEMU does not have to.
    pub nbdkit: Nbdkit,
    /// The processors of each NUMA node; of a node that is not named, nothing is known.
    pub numa_cpus: Vec<(u32, Bitmap)>,
    /// The first render node, for OpenGL.
    pub render_node: Option<String>,
}

/// Which servers nbdkit speaks to; without it, none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nbdkit {
    /// Those of the web and of file transfer.
    pub curl: bool,
    /// Those that run SSH.
    pub ssh: bool,
}

impl Nbdkit {
    /// Whether it serves what lies on a server of that protocol.
    #[must_use]
    pub fn serves(self, protocol: NetworkDiskProtocol) -> bool {
        match protocol {
            NetworkDiskProtocol::Http
            | NetworkDiskProtocol::Https
            | NetworkDiskProtocol::Ftp
            | NetworkDiskProtocol::Ftps
            | NetworkDiskProtocol::Tftp => self.curl,
            NetworkDiskProtocol::Ssh => self.ssh,
            _ => false,
        }
    }
}

impl HostFacts {
    /// The normal page size in KiB.
    pub fn page_kib(&self) -> u64 {
        if self.page_size_kib == 0 { 4 } else { self.page_size_kib }
    }

    /// Whether the block device is an optical drive.
    pub fn is_cdrom(&self, path: &str) -> bool {
        self.optical_drives.iter().any(|drive| drive == path)
    }

    /// The generic device of a SCSI device.
    pub fn scsi_generic(&self, source: &ScsiAdapterSource) -> Option<&str> {
        self.scsi_generic.iter().find(|(known, _)| known == source).map(|(_, path)| path.as_str())
    }

    /// The nodes that `tune` gives to the guest's memory.
    pub(crate) fn placed_nodes(&self, tune: Option<&NumatuneMemory>) -> Option<Bitmap> {
        let tune = tune?;
        match tune.placement {
            Some(NumatunePlacement::Auto) => self.placement.clone(),
            _ => tune.nodeset.clone(),
        }
    }
}

/// One mounted hugetlbfs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HugepageMount {
    /// Page size in KiB.
    pub size_kib: u64,
    /// Where it is mounted.
    pub path: String,
    /// Whether pages of this size are used where a guest names none.
    pub default: bool,
}

/// Where the guest's state comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// It boots.
    #[default]
    Boot,
    /// It arrives over QEMU's `-incoming URI`; `defer` waits for a command.
    Incoming(String),
    /// It comes from an internal snapshot.
    Snapshot(String),
}

/// A file descriptor that the emulator inherits, named by its purpose.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Descriptor {
    /// The monitor's listening socket.
    Monitor,
    /// The listening socket of a character device.
    ChardevSocket {
        /// The device: `serial0`.
        alias: String,
        /// The socket's path.
        path: String,
    },
    /// The file that a character device writes.
    ChardevFile {
        /// The device: `serial0`.
        alias: String,
        /// The file's path.
        path: String,
        /// Whether it is appended to.
        append: bool,
    },
    /// The log of a character device.
    ChardevLog {
        /// The device: `serial0`.
        alias: String,
        /// The file's path.
        path: String,
        /// Whether it is appended to.
        append: bool,
    },
    /// One queue of a tap device.
    Tap {
        /// The interface: `net0`.
        alias: String,
        /// Which queue, from 0.
        queue: u32,
        /// Whether the user connects it, with a script or otherwise.
        ethernet: bool,
    },
    /// One queue of `/dev/vhost-net`.
    VhostNet {
        /// The interface: `net0`.
        alias: String,
        /// Which queue, from 0.
        queue: u32,
    },
    /// `/dev/vhost-vdpa-N`.
    VhostVdpa {
        /// The interface or disk: `net0`.
        alias: String,
        /// The device's path.
        path: String,
    },
    /// `/dev/vhost-scsi`.
    VhostScsi {
        /// The host device: `hostdev0`.
        alias: String,
    },
    /// `/dev/vhost-vsock`, with the context identifier set.
    VhostVsock {
        /// The device: `vsock0`.
        alias: String,
    },
    /// The TPM handed through.
    TpmDevice {
        /// The device's path.
        path: String,
    },
    /// The file that cancels a command of the TPM handed through.
    TpmCancel {
        /// The device that it belongs to.
        path: String,
    },
    /// One descriptor of a named group that the caller brought along.
    DiskGroup {
        /// The group's name.
        group: String,
        /// Which descriptor of the group, from 0.
        index: u32,
    },
    /// The socket to the emulator of a TPM, a file system or the like.
    Helper {
        /// The device: `video0`.
        alias: String,
    },
}

/// Gives descriptors their numbers.
pub trait Descriptors {
    /// The number under which the emulator will find `descriptor`.
    fn number(&mut self, descriptor: &Descriptor) -> i32;

    /// How many descriptors the group of that name has, and whether QEMU may write through them.
    fn group(&self, name: &str) -> Option<DescriptorGroup>;

    /// How the caller opened the tap device of an interface; `None` where it opens none.
    fn tap(&mut self, alias: &str) -> TapSetup;
}

/// A named group of descriptors that the caller brought along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorGroup {
    /// How many.
    pub count: u32,
    /// Whether they were opened for writing.
    pub writable: bool,
}

/// How the tap device of an interface is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapSetup {
    /// Whether `/dev/vhost-net` stands beside each queue.
    pub vhost: bool,
}

/// Looks up secrets and makes random bytes.
pub trait Secrets {
    /// The value of the secret that `usage` names.
    ///
    /// # Errors
    ///
    /// When there is no such secret, or it may not be read.
    fn value(&mut self, usage: &SecretUsage) -> Result<Vec<u8>>;

    /// The guest's master key, 32 bytes, which QEMU reads from `master-key.aes` in the guest's directory.
    fn master_key(&self) -> [u8; 32];

    /// Fresh random bytes for one encryption.
    fn initialization_vector(&mut self) -> [u8; 16];
}

/// Which secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUsage {
    /// What it is for: `iscsi`, `ceph`, `volume`, `tls`, `vtpm`.
    pub kind: &'static str,
    /// Its UUID or its usage identifier.
    pub identifier: SecretIdentifier,
}

/// How a secret is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretIdentifier {
    /// By UUID.
    Uuid(String),
    /// By what it is used for.
    Usage(String),
}

//! Tuning of an interface: `<driver>` and `<backend>`.

use crate::model::Switch;
use crate::model::device::VirtioOptions;
use crate::xml::{Xml, XmlValue};

/// Tuning of a virtio card.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "driver")]
pub struct InterfaceDriver {
    /// Which backend.
    #[xml(attr)]
    pub name: Option<InterfaceDriverName>,
    /// When to send.
    #[xml(attr)]
    pub txmode: Option<TxMode>,
    /// Whether an I/O thread takes the guest's kicks.
    #[xml(attr)]
    pub ioeventfd: Option<Switch>,
    /// Whether to suppress needless kicks.
    #[xml(attr = "event_idx")]
    pub event_idx: Option<Switch>,
    /// Number of queue pairs.
    #[xml(attr)]
    pub queues: Option<u32>,
    /// Length of a receive queue.
    #[xml(attr = "rx_queue_size")]
    pub rx_queue_size: Option<u32>,
    /// Length of a transmit queue.
    #[xml(attr = "tx_queue_size")]
    pub tx_queue_size: Option<u32>,
    /// Receive-side scaling.
    #[xml(attr)]
    pub rss: Option<Switch>,
    /// Whether to tell the guest the hash.
    #[xml(attr = "rss_hash_report")]
    pub rss_hash_report: Option<Switch>,
    /// Options of the virtio transport.
    #[xml(flatten)]
    pub virtio: VirtioOptions,
    /// Offloads on the host.
    #[xml(child, default)]
    pub host: HostOffloads,
    /// Offloads in the guest.
    #[xml(child, default)]
    pub guest: GuestOffloads,
}

/// Backends of a virtio card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum InterfaceDriverName {
    /// In QEMU.
    Qemu,
    /// In the kernel.
    Vhost,
}

/// When to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum TxMode {
    /// As soon as a thread is free.
    IoThread,
    /// On a timer.
    Timer,
}

/// Offloads on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "host")]
pub struct HostOffloads {
    /// Checksums.
    #[xml(attr)]
    pub csum: Option<Switch>,
    /// Segmentation.
    #[xml(attr)]
    pub gso: Option<Switch>,
    /// TCP segmentation over IPv4.
    #[xml(attr)]
    pub tso4: Option<Switch>,
    /// TCP segmentation over IPv6.
    #[xml(attr)]
    pub tso6: Option<Switch>,
    /// Congestion notification.
    #[xml(attr)]
    pub ecn: Option<Switch>,
    /// UDP fragmentation.
    #[xml(attr)]
    pub ufo: Option<Switch>,
    /// Mergeable receive buffers.
    #[xml(attr = "mrg_rxbuf")]
    pub mrg_rxbuf: Option<Switch>,
}

/// Offloads in the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "guest")]
pub struct GuestOffloads {
    /// Checksums.
    #[xml(attr)]
    pub csum: Option<Switch>,
    /// TCP segmentation over IPv4.
    #[xml(attr)]
    pub tso4: Option<Switch>,
    /// TCP segmentation over IPv6.
    #[xml(attr)]
    pub tso6: Option<Switch>,
    /// Congestion notification.
    #[xml(attr)]
    pub ecn: Option<Switch>,
    /// UDP fragmentation.
    #[xml(attr)]
    pub ufo: Option<Switch>,
}

/// The process that moves the frames.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "backend")]
pub struct InterfaceBackend {
    /// Which program.
    #[xml(attr = "type")]
    pub kind: Option<InterfaceBackendType>,
    /// The tap device node.
    #[xml(attr)]
    pub tap: Option<String>,
    /// The vhost device node.
    #[xml(attr)]
    pub vhost: Option<String>,
    /// Path of the file that its messages go to; absent: they are dropped.
    #[xml(attr = "logFile")]
    pub log_file: Option<String>,
    /// passt: the host's name that the guest is told over DHCP; absent: none. Since 11.8.
    #[xml(attr)]
    pub hostname: Option<String>,
    /// passt: the fully qualified name that the guest is told over DHCP; absent: none. Since 11.8.
    #[xml(attr)]
    pub fqdn: Option<String>,
}

/// Programs that move frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum InterfaceBackendType {
    /// The emulator's own.
    Default,
    /// passt.
    Passt,
}

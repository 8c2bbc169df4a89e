//! What network cards do for the kernel, asked through `SIOCETHTOOL`.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::{Error, ErrorDomain, Result};

/// Numbers of `linux/ethtool.h`.
mod command {
    pub(super) const GET_RX_CHECKSUM: u32 = 0x14;
    pub(super) const GET_TX_CHECKSUM: u32 = 0x16;
    pub(super) const GET_SCATTER_GATHER: u32 = 0x18;
    pub(super) const GET_TCP_SEGMENTATION: u32 = 0x1e;
    pub(super) const GET_STRINGS: u32 = 0x1b;
    pub(super) const GET_UDP_FRAGMENTATION: u32 = 0x21;
    pub(super) const GET_GENERIC_SEGMENTATION: u32 = 0x23;
    pub(super) const GET_FLAGS: u32 = 0x25;
    pub(super) const GET_GENERIC_RECEIVE: u32 = 0x2b;
    pub(super) const GET_STRING_SETS: u32 = 0x37;
    pub(super) const GET_FEATURES: u32 = 0x3a;
    /// The names of features, among the sets of strings.
    pub(super) const FEATURES: u32 = 4;
}

/// An offload of a network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Offload {
    /// Checksums of what it receives.
    RxChecksum,
    /// Checksums of what it sends.
    TxChecksum,
    /// Scatter and gather.
    ScatterGather,
    /// TCP segmentation.
    TcpSegmentation,
    /// UDP fragmentation.
    UdpFragmentation,
    /// Generic segmentation.
    GenericSegmentation,
    /// Generic receive offload.
    GenericReceive,
    /// Large receive offload.
    LargeReceive,
    /// VLAN tags of what it receives.
    RxVlan,
    /// VLAN tags of what it sends.
    TxVlan,
    /// Filters by n-tuple.
    Ntuple,
    /// Hashes of what it receives.
    RxHash,
    /// Segmentation of UDP tunnels.
    UdpTunnelSegmentation,
}

/// Those that have a call of their own.
const SINGLE: [(u32, Offload); 7] = [
    (command::GET_RX_CHECKSUM, Offload::RxChecksum),
    (command::GET_TX_CHECKSUM, Offload::TxChecksum),
    (command::GET_SCATTER_GATHER, Offload::ScatterGather),
    (command::GET_TCP_SEGMENTATION, Offload::TcpSegmentation),
    (command::GET_UDP_FRAGMENTATION, Offload::UdpFragmentation),
    (command::GET_GENERIC_SEGMENTATION, Offload::GenericSegmentation),
    (command::GET_GENERIC_RECEIVE, Offload::GenericReceive),
];

/// Those that share one (`enum ethtool_flags`).
const FLAGS: [(u32, Offload); 5] = [
    (1 << 15, Offload::LargeReceive),
    (1 << 8, Offload::RxVlan),
    (1 << 7, Offload::TxVlan),
    (1 << 27, Offload::Ntuple),
    (1 << 28, Offload::RxHash),
];

/// What the kernel calls the segmentation of UDP tunnels.
const UDP_TUNNEL: &[u8] = b"tx-udp_tnl-segmentation";

/// A socket through which interfaces of its network namespace are asked. It needs no privilege.
#[derive(Debug)]
pub struct Ethtool {
    socket: OwnedFd,
}

/// `struct ifreq`, as far as this call uses it.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    data: *mut libc::c_void,
    rest: [u8; 16],
}

impl Ethtool {
    /// In the network namespace of this thread.
    ///
    /// # Errors
    ///
    /// When the system gives no socket.
    pub fn open() -> Result<Self> {
        let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None);
        let failed = |errno| Error::system(ErrorDomain::NODEDEV, "cannot ask network interfaces", errno);
        Ok(Self { socket: socket.map_err(failed)? })
    }

    /// The offloads that are switched on; none where there is no such interface, or its driver does not tell.
    pub fn offloads(&self, interface: &str) -> Vec<Offload> {
        let mut found = Vec::new();
        for (command, offload) in SINGLE {
            if self.value(interface, command).is_some_and(|value| value != 0) {
                found.push(offload);
            }
        }
        if let Some(flags) = self.value(interface, command::GET_FLAGS) {
            found.extend(FLAGS.into_iter().filter(|(bit, _)| flags & bit != 0).map(|(_, offload)| offload));
        }
        if self.has_feature(interface, self.udp_tunnel_bit(interface)) {
            found.push(Offload::UdpTunnelSegmentation);
        }
        found.sort_unstable();
        found
    }

    /// `struct ethtool_value`
    fn value(&self, interface: &str, command: u32) -> Option<u32> {
        let mut words = [command, 0];
        self.ask(interface, &mut words).then_some(words[1])
    }

    /// Whether the feature of this number is active. (`struct ethtool_gfeatures` with two blocks)
    fn has_feature(&self, interface: &str, bit: Option<usize>) -> bool {
        let Some(bit) = bit.filter(|bit| *bit < 64) else { return false };
        let mut words = [0u32; 2 + 2 * 4];
        words[0] = command::GET_FEATURES;
        words[1] = 2;
        // A block is: available, requested, active, never changed.
        self.ask(interface, &mut words) && words[2 + bit / 32 * 4 + 2] & (1 << (bit % 32)) != 0
    }

    /// The number of that feature, which differs between kernels, and not between interfaces.
    fn udp_tunnel_bit(&self, interface: &str) -> Option<usize> {
        static BIT: OnceLock<Option<usize>> = OnceLock::new();
        if let Some(known) = BIT.get() {
            return *known;
        }
        // `struct ethtool_sset_info`: the command, reserved, a mask of two words, and the answer.
        let mut sets = [command::GET_STRING_SETS, 0, 1 << command::FEATURES, 0, 0];
        if !self.ask(interface, &mut sets) {
            return None;
        }
        let count = sets[4].min(256) as usize;
        // `struct ethtool_gstrings`: the command, the set, the number, and names of 32 bytes.
        let mut words = vec![0u32; 3 + count * 8];
        (words[0], words[1], words[2]) = (command::GET_STRINGS, command::FEATURES, count as u32);
        if !self.ask(interface, &mut words) {
            return None;
        }
        let names: Vec<u8> = words[3..].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let named = |name: &[u8]| name.split(|byte| *byte == 0).next() == Some(UDP_TUNNEL);
        *BIT.get_or_init(|| names.chunks(32).position(named))
    }

    /// Makes the call; `words` are what the command in their first one takes and gives.
    fn ask(&self, interface: &str, words: &mut [u32]) -> bool {
        let mut name = [0; libc::IFNAMSIZ];
        let Some(room) = name.get_mut(..interface.len()).filter(|room| room.len() < libc::IFNAMSIZ) else {
            return false;
        };
        room.copy_from_slice(interface.as_bytes());
        let mut request = Request { name, data: words.as_mut_ptr().cast(), rest: [0; 16] };
        // SAFETY: the descriptor is open; the request has the layout of `struct ifreq`, and the words are as many as the
        // kernel writes for their command.
        let answer = unsafe { libc::ioctl(self.socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) };
        answer == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_has_what_every_kernel_gives_it() {
        let ethtool = Ethtool::open().unwrap();
        let offloads = ethtool.offloads("lo");
        assert!(
            offloads.contains(&Offload::ScatterGather) && offloads.contains(&Offload::TxChecksum),
            "{offloads:?}"
        );
        assert_eq!(ethtool.offloads("no-such-one"), []);
        assert_eq!(ethtool.offloads("a name that is much too long"), []);
    }
}

//! Shaping of traffic: what a device sends by a hierarchy of token buckets, what it receives by a policer.

use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcHeader, TcMessage};
use nix::errno::Errno;
use nix::libc;

use super::{MacAddress, Netlink, attribute};
use crate::Result;
use crate::wait::Wait;

/// How much may pass, in bytes and bytes per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub average: u64,
    /// At most; nothing: as in the long run.
    pub peak: Option<u64>,
    /// How much at once.
    pub burst: u64,
}

impl Rate {
    /// From libvirt's numbers, in kilobytes and kilobytes per second: what passes at once is by default what passes in a
    /// second.
    pub fn of_kilobytes(average: u64, peak: Option<u64>, burst: Option<u64>) -> Self {
        // As `tc` counts: rates in thousands, sizes in powers of two.
        let burst = burst.unwrap_or_else(|| average.max(peak.unwrap_or_default()));
        Self {
            average: average.saturating_mul(1000),
            peak: peak.map(|peak| peak.saturating_mul(1000)),
            burst: burst.saturating_mul(1024),
        }
    }
}

/// `linux/pkt_sched.h`, `linux/pkt_cls.h`, `linux/rtnetlink.h`
mod number {
    pub(super) const OPTIONS: u16 = 2;
    pub(super) const HTB_PARAMETERS: u16 = 1;
    pub(super) const HTB_INIT: u16 = 2;
    pub(super) const HTB_CEIL_TABLE: u16 = 3;
    pub(super) const HTB_RATE_TABLE: u16 = 4;
    pub(super) const HTB_RATE64: u16 = 6;
    pub(super) const HTB_CEIL64: u16 = 7;
    pub(super) const HTB_VERSION: u32 = 3;
    pub(super) const U32_CLASS: u16 = 1;
    pub(super) const U32_SELECTOR: u16 = 5;
    pub(super) const U32_POLICE: u16 = 6;
    pub(super) const U32_ACTIONS: u16 = 7;
    pub(super) const U32_TERMINAL: u8 = 1;
    pub(super) const POLICE_PARAMETERS: u16 = 1;
    pub(super) const POLICE_RATE_TABLE: u16 = 2;
    pub(super) const POLICE_RATE64: u16 = 8;
    pub(super) const ACTION_KIND: u16 = 1;
    pub(super) const ACTION_OPTIONS: u16 = 2;
    pub(super) const CHECKSUM_PARAMETERS: u16 = 1;
    pub(super) const CHECKSUM_IP: u32 = 1;
    pub(super) const CHECKSUM_UDP: u32 = 16;
    pub(super) const DROP: u32 = 2;
    pub(super) const ETHERNET: u8 = 1;
}

/// The scheduler's clock ticks every 64 nanoseconds.
const NANOSECONDS_A_TICK: u64 = 64;

/// The number of the hierarchy.
const ROOT: u16 = 1;

/// A packet of this size, in bytes, is the largest that a policer lets pass.
const POLICED_PACKET: u32 = 64 << 10;

impl Netlink {
    /// Gives a device the root of a hierarchy, `1:`, whose traffic is in class `1:default` unless told otherwise; one that is
    /// there already stays.
    ///
    /// # Errors
    ///
    /// What the kernel answers: `ENOENT` where it has no such scheduler.
    pub fn shape(&mut self, index: u32, default: u16, wait: Wait<'_>) -> Result<()> {
        // struct tc_htb_glob: version, rate to quantum, default class, debug, packets past it.
        let init = words(&[number::HTB_VERSION, 10, default.into(), 0, 0]);
        let message =
            message(index, handle(1, 0), TcHandle::ROOT, 0, "htb", &attribute(number::HTB_INIT, &init));
        let attempt = format!("cannot shape the traffic of network device number {index}");
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        let request = RouteNetlinkMessage::NewQueueDiscipline(message);
        existing_is_fine(self.request(request, flags, &attempt, wait, |_| {}))
    }

    /// Removes the hierarchy from a device, if it has one.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn unshape(&mut self, index: u32, wait: Wait<'_>) -> Result<()> {
        self.drop_queue(index, handle(1, 0), TcHandle::ROOT, wait)
    }

    /// Makes class `1:minor` below class `1:parent`, or below the root with 0; one that is there is changed.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn set_class(
        &mut self,
        index: u32,
        minor: u16,
        parent: u16,
        rate: &Rate,
        wait: Wait<'_>,
    ) -> Result<()> {
        let ceil = rate.peak.unwrap_or(rate.average).max(rate.average);
        let burst = rate.burst.max(1);
        let mut parameters = rate_bytes(rate.average);
        parameters.extend(rate_bytes(ceil));
        // Buffers as times; quantum, level, priority are the kernel's to choose.
        parameters.extend(words(&[ticks(burst, rate.average), ticks(burst, ceil), 0, 0, 0]));
        let mut options = attribute(number::HTB_PARAMETERS, &parameters);
        if rate.average > u32::MAX.into() {
            options.extend(attribute(number::HTB_RATE64, &rate.average.to_ne_bytes()));
        }
        if ceil > u32::MAX.into() {
            options.extend(attribute(number::HTB_CEIL64, &ceil.to_ne_bytes()));
        }
        options.extend(attribute(number::HTB_RATE_TABLE, &table(rate.average)));
        options.extend(attribute(number::HTB_CEIL_TABLE, &table(ceil)));
        let message = message(index, handle(1, minor), handle(1, parent), 0, "htb", &options);
        let attempt = format!("cannot limit what network device number {index} sends");
        let request = RouteNetlinkMessage::NewTrafficClass(message);
        self.request(request, NLM_F_CREATE | NLM_F_REPLACE, &attempt, wait, |_| {})
    }

    /// Removes class `1:minor`; one that is not there is fine.
    ///
    /// # Errors
    ///
    /// `EBUSY` when something leads to it.
    pub fn delete_class(&mut self, index: u32, minor: u16, wait: Wait<'_>) -> Result<()> {
        let message = message(index, handle(1, minor), TcHandle::UNSPEC, 0, "htb", &[]);
        let attempt = format!("cannot remove a limit of network device number {index}");
        let request = RouteNetlinkMessage::DelTrafficClass(message);
        missing_is_fine(self.request(request, 0, &attempt, wait, |_| {}))
    }

    /// Limits what a device receives; nothing: takes the limit away.
    ///
    /// # Errors
    ///
    /// What the kernel answers: `ENOENT` where it has no such policer.
    pub fn police(&mut self, index: u32, rate: Option<&Rate>, wait: Wait<'_>) -> Result<()> {
        let ingress = handle(0xffff, 0);
        self.drop_queue(index, ingress, TcHandle::INGRESS, wait)?;
        let Some(rate) = rate else { return Ok(()) };
        let attempt = format!("cannot limit what network device number {index} receives");
        let queue = message(index, ingress, TcHandle::INGRESS, 0, "ingress", &[]);
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.request(RouteNetlinkMessage::NewQueueDiscipline(queue), flags, &attempt, wait, |_| {})?;
        // struct tc_police: index, action, limit, burst, mtu, rate, peak rate, and what the kernel counts.
        let mut parameters =
            words(&[0, number::DROP, 0, ticks(rate.burst.max(1), rate.average), POLICED_PACKET]);
        parameters.extend(rate_bytes(rate.average));
        parameters.extend([0; 12]);
        parameters.extend(words(&[0, 0, 0]));
        let mut police = attribute(number::POLICE_PARAMETERS, &parameters);
        police.extend(attribute(number::POLICE_RATE_TABLE, &table(rate.average)));
        if rate.average > u32::MAX.into() {
            police.extend(attribute(number::POLICE_RATE64, &rate.average.to_ne_bytes()));
        }
        let options = [
            attribute(number::U32_CLASS, &1u32.to_ne_bytes()),
            attribute(number::U32_POLICE, &police),
            attribute(number::U32_SELECTOR, &selector(0, 0, 0)),
        ];
        let message =
            message(index, TcHandle::UNSPEC, ingress, info(0, libc::ETH_P_ALL), "u32", &options.concat());
        self.request(RouteNetlinkMessage::NewTrafficFilter(message), flags, &attempt, wait, |_| {})
    }

    /// Sends what goes to a card through class `1:minor`; the class's number is the filter's priority, too.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn classify(&mut self, index: u32, minor: u16, mac: MacAddress, wait: Wait<'_>) -> Result<()> {
        let MacAddress([a, b, c, d, e, f]) = mac;
        // The frame's header is in front of the packet: the destination begins 14 bytes before it.
        let keys = [
            key(u32::from_be_bytes([0, 0, a, b]), 0xffff, -16),
            key(u32::from_be_bytes([c, d, e, f]), u32::MAX, -12),
        ];
        let class = u32::from(ROOT) << 16 | u32::from(minor);
        let options = [
            attribute(number::U32_CLASS, &class.to_ne_bytes()),
            attribute(number::U32_SELECTOR, &selector_of(&keys)),
        ];
        let info = info(minor, libc::ETH_P_ALL);
        let message = message(index, TcHandle::UNSPEC, handle(ROOT, 0), info, "u32", &options.concat());
        let attempt = format!("cannot classify what network device number {index} sends to {mac}");
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.request(RouteNetlinkMessage::NewTrafficFilter(message), flags, &attempt, wait, |_| {})
    }

    /// Takes back what [`Netlink::classify`] did for a class, and the class; that they are not there is fine.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn declassify(&mut self, index: u32, minor: u16, wait: Wait<'_>) -> Result<()> {
        let mut message = TcMessage::default();
        message.header = header(index, TcHandle::UNSPEC, handle(ROOT, 0), info(minor, libc::ETH_P_ALL));
        let attempt = format!("cannot remove a filter of network device number {index}");
        let request = RouteNetlinkMessage::DelTrafficFilter(message);
        missing_is_fine(self.request(request, 0, &attempt, wait, |_| {}))?;
        self.delete_class(index, minor, wait)
    }

    /// Has a device with a hierarchy complete the checksums of DHCP answers, which some clients do not accept otherwise.
    ///
    /// # Errors
    ///
    /// What the kernel answers: `ENOENT` where it cannot.
    pub fn complete_dhcp_checksums(&mut self, index: u32, wait: Wait<'_>) -> Result<()> {
        const DHCP_CLIENT: u32 = 68;
        const PORTS: i32 = 20;
        // struct tc_csum: index, capabilities, action, two counts, what to complete.
        let parameters = words(&[0, 0, 0, 0, 0, number::CHECKSUM_IP | number::CHECKSUM_UDP]);
        let action = [
            attribute(number::ACTION_KIND, b"csum\0"),
            attribute(number::ACTION_OPTIONS, &attribute(number::CHECKSUM_PARAMETERS, &parameters)),
        ];
        let options = [
            attribute(number::U32_ACTIONS, &attribute(1, &action.concat())),
            attribute(number::U32_SELECTOR, &selector(DHCP_CLIENT, 0xffff, PORTS)),
        ];
        let info = info(2, libc::ETH_P_IP);
        let message = message(index, TcHandle::UNSPEC, handle(1, 0), info, "u32", &options.concat());
        let attempt = format!("cannot complete checksums on network device number {index}");
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.request(RouteNetlinkMessage::NewTrafficFilter(message), flags, &attempt, wait, |_| {})
    }

    fn drop_queue(&mut self, index: u32, own: TcHandle, parent: TcHandle, wait: Wait<'_>) -> Result<()> {
        let mut message = TcMessage::default();
        message.header = header(index, own, parent, 0);
        let attempt = format!("cannot remove the queue of network device number {index}");
        let request = RouteNetlinkMessage::DelQueueDiscipline(message);
        missing_is_fine(self.request(request, 0, &attempt, wait, |_| {}))
    }
}

fn existing_is_fine(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.errno() == Some(Errno::EEXIST) => Ok(()),
        other => other,
    }
}

fn missing_is_fine(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if matches!(error.errno(), Some(Errno::ENOENT | Errno::EINVAL)) => Ok(()),
        other => other,
    }
}

fn handle(major: u16, minor: u16) -> TcHandle {
    TcHandle { major, minor }
}

fn header(index: u32, own: TcHandle, parent: TcHandle, info: u32) -> TcHeader {
    let device = index.cast_signed();
    TcHeader { index: device, handle: own, parent, info, ..TcHeader::default() }
}

fn message(index: u32, own: TcHandle, parent: TcHandle, info: u32, kind: &str, options: &[u8]) -> TcMessage {
    let mut message = TcMessage::default();
    message.header = header(index, own, parent, info);
    message.attributes.push(TcAttribute::Kind(kind.to_owned()));
    message.attributes.push(TcAttribute::Other(DefaultNla::new(number::OPTIONS, options.to_vec())));
    message
}

/// A filter's priority, and the protocol that it looks at.
fn info(priority: u16, protocol: libc::c_int) -> u32 {
    u32::from(priority) << 16 | u32::from((protocol as u16).to_be())
}

/// struct tc_u32_sel with one key.
fn selector(value: u32, mask: u32, offset: i32) -> Vec<u8> {
    selector_of(&[key(value, mask, offset)])
}

fn selector_of(keys: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![number::U32_TERMINAL, 0, keys.len() as u8, 0];
    bytes.extend([0; 12]);
    bytes.extend(keys.concat());
    bytes
}

/// struct tc_u32_key
fn key(value: u32, mask: u32, offset: i32) -> Vec<u8> {
    let mut bytes = mask.to_be_bytes().to_vec();
    bytes.extend(value.to_be_bytes());
    bytes.extend(words(&[offset.cast_unsigned(), 0]));
    bytes
}

/// struct tc_ratespec
fn rate_bytes(rate: u64) -> Vec<u8> {
    let mut bytes = vec![CELL, number::ETHERNET, 0, 0];
    bytes.extend((-1i16).to_ne_bytes());
    bytes.extend([0; 2]);
    bytes.extend(u32::try_from(rate).unwrap_or(u32::MAX).to_ne_bytes());
    bytes
}

/// Sizes are counted in steps of two to this power, so that 256 of them cover the largest packet.
const CELL: u8 = 8;

/// How long packets of each size take; the kernel wants the table, and computes for itself.
fn table(rate: u64) -> Vec<u8> {
    (1..=256u64).flat_map(|cells| ticks(cells << CELL, rate).to_ne_bytes()).collect()
}

/// How long `bytes` take at `rate`.
fn ticks(bytes: u64, rate: u64) -> u32 {
    let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
    u32::try_from(nanoseconds / u128::from(NANOSECONDS_A_TICK)).unwrap_or(u32::MAX)
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `tc` writes `match ip dport 68 0xffff`.
    #[test]
    fn a_selector_looks_at_the_second_half_of_the_ports() {
        let bytes = selector(68, 0xffff, 20);
        assert_eq!(bytes.len(), 32);
        assert_eq!(&bytes[16..24], [0, 0, 0xff, 0xff, 0, 0, 0, 68]);
        assert_eq!(&bytes[24..28], 20u32.to_ne_bytes());
    }

    #[test]
    fn times_are_counted_in_the_schedulers_ticks() {
        assert_eq!(ticks(64_000, 1_000_000), 1_000_000);
        assert_eq!(ticks(u64::MAX, 1), u32::MAX);
        assert_eq!(ticks(1000, 0), u32::MAX);
        assert_eq!(table(1_000_000).len(), 1024);
    }
}

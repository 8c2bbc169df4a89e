//! What simulated guests are said to have used: numbers that grow while they run, in steady proportion to the time, so that
//! two looks differ by what passed between them and nothing else.

use std::time::Duration;

use virt_conf::model::{Disk, Domain, Interface};
use virt_core::driver::{
    DomainStatistics, Error, ErrorCode, ErrorDomain, Result, StatisticsGroups, TypedParameter, TypedValue,
};

use super::Guest;
use crate::caps::node_info;
use crate::{definition, error};

/// The size that every simulated disk is said to have, in bytes.
const DISK: u64 = 10 << 30;
/// How much of a processor a guest uses: one in so many nanoseconds.
const IDLE: u64 = 20;

fn invalid(sentence: String) -> Error {
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::TEST, sentence)
}

fn number(field: impl Into<String>, value: u64) -> TypedParameter {
    TypedParameter::new(field, value)
}

fn seconds(ran: Duration) -> u64 {
    ran.as_secs()
}

/// Requests and bytes of a disk; each place among the disks has its own pace.
fn block(place: u64, ran: Duration) -> Vec<TypedParameter> {
    let requests = (place + 1) * seconds(ran);
    let time = requests * 100_000;
    [
        ("rd_operations", 2 * requests),
        ("rd_bytes", 2 * requests * 4096),
        ("rd_total_times", 2 * time),
        ("wr_operations", requests),
        ("wr_bytes", requests * 4096),
        ("wr_total_times", time),
        ("flush_operations", requests / 10),
        ("flush_total_times", time / 10),
    ]
    .into_iter()
    .map(|(field, value)| TypedParameter::new(field, value.cast_signed()))
    .collect()
}

/// Packets and bytes of a card.
fn interface(place: u64, ran: Duration) -> [(&'static str, u64); 8] {
    let packets = (place + 1) * 10 * seconds(ran);
    [
        ("rx_bytes", packets * 600),
        ("rx_packets", packets),
        ("rx_errs", 0),
        ("rx_drop", 0),
        ("tx_bytes", packets * 150),
        ("tx_packets", packets / 2),
        ("tx_errs", 0),
        ("tx_drop", 0),
    ]
}

fn target(disk: &Disk) -> &str {
    disk.target.dev.as_deref().unwrap_or_default()
}

fn is_called(card: &Interface, device: &str) -> bool {
    let mac = card.mac.as_ref().map(|mac| mac.address.to_string());
    card.target.dev.as_deref() == Some(device) || mac.is_some_and(|mac| mac.eq_ignore_ascii_case(device))
}

impl Guest {
    fn find_disk<'a>(domain: &'a Domain, wanted: &str) -> Result<(u64, &'a Disk)> {
        let is_it = |disk: &Disk| target(disk) == wanted || disk.source.path() == Some(wanted);
        let found = (0..).zip(&domain.devices.disks).find(|(_, disk)| is_it(disk));
        found.ok_or_else(|| invalid(format!("invalid path: {wanted}")))
    }

    /// Of one disk, or of all together.
    pub(crate) fn block_statistics(&self, disk: &str) -> Result<Vec<TypedParameter>> {
        let (ran, domain) = self.ran_for()?;
        if !disk.is_empty() {
            return Ok(block(Self::find_disk(domain, disk)?.0, ran));
        }
        let count = domain.devices.disks.len() as u64;
        // As if one disk had all of their places.
        Ok(block((count * (count + 1) / 2).saturating_sub(1), ran))
    }

    /// Sizes of a disk, of a guest that is off too.
    pub(crate) fn block_info(&self, disk: &str) -> Result<Vec<TypedParameter>> {
        let domain = self.domain().ok_or_else(error::no_domain)?;
        Self::find_disk(domain, disk)?;
        Ok(vec![number("capacity", DISK), number("allocation", DISK / 2), number("physical", DISK / 2)])
    }

    pub(crate) fn interface_statistics(&self, device: &str) -> Result<Vec<TypedParameter>> {
        let (ran, domain) = self.ran_for()?;
        let found = (0..).zip(&domain.devices.interfaces).find(|(_, card)| is_called(card, device));
        let (place, _) =
            found.ok_or_else(|| invalid(format!("invalid path, '{device}' is not a known interface")))?;
        let signed = |(field, value): (&str, u64)| TypedParameter::new(field, value.cast_signed());
        Ok(interface(place, ran).into_iter().map(signed).collect())
    }

    /// In KiB.
    pub(crate) fn memory_statistics(&self) -> Result<Vec<TypedParameter>> {
        let (ran, domain) = self.ran_for()?;
        let actual = definition::memory(domain);
        // What is not used becomes less, and never nothing.
        let unused = actual / 4 + actual / (4 + seconds(ran));
        Ok([
            ("actual", actual),
            ("swap_in", 0),
            ("swap_out", 0),
            ("major_fault", seconds(ran) / 10),
            ("minor_fault", seconds(ran) * 100),
            ("unused", unused),
            ("available", actual),
            ("usable", unused),
            ("rss", actual - unused / 2),
        ]
        .map(|(field, value)| number(field, value))
        .to_vec())
    }

    /// Of the host's processors, or of all together.
    pub(crate) fn processor_statistics(&self, start: i32, count: u32) -> Result<Vec<Vec<TypedParameter>>> {
        let (ran, _) = self.ran_for()?;
        let total = node_info().cpus;
        let used = ran.as_nanos() as u64 / IDLE;
        if start == -1 {
            let whole = vec![
                number("cpu_time", used),
                number("user_time", used / 2),
                number("system_time", used / 4),
            ];
            return Ok(vec![whole]);
        }
        let first = u32::try_from(start).ok().filter(|first| *first < total);
        let first = first.ok_or_else(|| {
            invalid(format!("start_cpu {start} larger than maximum of {}", total.saturating_sub(1)))
        })?;
        let each = |_| {
            vec![number("cpu_time", used / u64::from(total)), number("vcpu_time", used / u64::from(total))]
        };
        Ok((first..total.min(first.saturating_add(count))).map(each).collect())
    }

    /// Groups of statistics under libvirt's names; those of what does not run are left out.
    pub(crate) fn statistics(&self, groups: StatisticsGroups) -> DomainStatistics {
        let all = groups.is_empty();
        let wanted = |group| all || groups.contains(group);
        let mut out = Vec::new();
        let status = self.status();
        if wanted(StatisticsGroups::STATE) {
            out.push(TypedParameter::new("state.state", status.state.number()));
            out.push(TypedParameter::new("state.reason", status.reason));
        }
        if let Some(domain) = self.domain() {
            let ran = self.ran_for().ok().map(|(ran, _)| ran);
            if let Some(ran) = ran.filter(|_| wanted(StatisticsGroups::CPU_TOTAL)) {
                let used = ran.as_nanos() as u64 / IDLE;
                out.push(number("cpu.time", used));
                out.push(number("cpu.user", used / 2));
                out.push(number("cpu.system", used / 4));
            }
            if wanted(StatisticsGroups::BALLOON) {
                out.push(number("balloon.current", definition::memory(domain)));
                out.push(number("balloon.maximum", definition::maximum_memory(domain)));
            }
            if wanted(StatisticsGroups::VCPU) {
                let vcpus = definition::vcpus(domain);
                out.push(TypedParameter::new("vcpu.current", vcpus));
                out.push(TypedParameter::new("vcpu.maximum", domain.vcpu.max));
                for (vcpu, ran) in (0..vcpus).filter_map(|vcpu| Some((vcpu, ran?))) {
                    out.push(TypedParameter::new(format!("vcpu.{vcpu}.state"), 1));
                    let time = ran.as_nanos() as u64 / IDLE / u64::from(vcpus);
                    out.push(number(format!("vcpu.{vcpu}.time"), time));
                }
            }
            if wanted(StatisticsGroups::INTERFACE) {
                devices(&mut out, "net", &domain.devices.interfaces, |place, card, add| {
                    add("name", card.target.dev.as_deref().unwrap_or_default().into());
                    let counts = ran.map(|ran| interface(place, ran)).into_iter().flatten();
                    counts.for_each(|(field, value)| add(&field.replacen('_', ".", 1), value.into()));
                });
            }
            if wanted(StatisticsGroups::BLOCK) {
                devices(&mut out, "block", &domain.devices.disks, |place, disk, add| {
                    add("name", target(disk).into());
                    disk.source.path().into_iter().for_each(|path| add("path", path.into()));
                    for (field, value) in ran.map(|ran| disk_counts(place, ran)).into_iter().flatten() {
                        add(field, value.into());
                    }
                    add("allocation", (DISK / 2).into());
                    add("capacity", DISK.into());
                    add("physical", (DISK / 2).into());
                });
            }
        }
        DomainStatistics { domain: self.identity(), parameters: out }
    }
}

fn disk_counts(place: u64, ran: Duration) -> [(&'static str, u64); 4] {
    let requests = (place + 1) * seconds(ran);
    [
        ("rd.reqs", 2 * requests),
        ("rd.bytes", 2 * requests * 4096),
        ("wr.reqs", requests),
        ("wr.bytes", requests * 4096),
    ]
}

/// `KIND.count`, and `KIND.PLACE.FIELD` for each.
fn devices<T>(
    out: &mut Vec<TypedParameter>,
    kind: &str,
    list: &[T],
    describe: impl Fn(u64, &T, &mut dyn FnMut(&str, TypedValue)),
) {
    out.push(TypedParameter::new(format!("{kind}.count"), list.len() as u32));
    for (place, device) in (0..).zip(list) {
        describe(place, device, &mut |field, value| {
            out.push(TypedParameter { field: format!("{kind}.{place}.{field}"), value });
        });
    }
}

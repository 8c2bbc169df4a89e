//! Statistics of guests.

use virt_core::{Domain, ErrorCode, ListDomains, StartDomain, StatisticsGroups, TypedParameter, TypedValue};

use super::Behaviour;
use super::probe::{Ended, Probe};

pub(super) const BEHAVIOURS: &[Behaviour] = &[
    ("groups of statistics of guests are told in one call", groups),
    ("disks, cards, memory and processors are counted", counts),
];

fn value<'a>(parameters: &'a [TypedParameter], field: &str) -> Option<&'a TypedValue> {
    parameters.iter().find(|it| it.field == field).map(|it| &it.value)
}

impl Probe<'_> {
    /// A guest with a disk and a card.
    fn equipped(&self) -> Result<Domain, Ended> {
        let disk = "<disk type='file'><source file='/images/a'/><target dev='vda' bus='virtio'/></disk>";
        let card = self.subject.card.with("mac", "52:54:00:c0:0f:03");
        let xml = self.xml("a", virt_core::Uuid::new_v4());
        let xml = xml.replacen("</devices>", &format!("{disk}{card}</devices>"), 1);
        self.did("Domains.define", self.connection.define_domain(&xml, virt_core::DefineDomain::empty()))
    }
}

fn groups(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.define("a")?;
    let state = probe.did("Statistics.domains", guest.statistics(StatisticsGroups::STATE))?;
    probe.same("Statistics.domains", "the state", value(&state, "state.state"), Some(&TypedValue::Int(5)))?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    let all = probe.connection.domain_statistics(StatisticsGroups::STATE, ListDomains::ACTIVE);
    let all = probe.did("Statistics.domains", all)?;
    let own = all.iter().find(|record| record.domain.uuid == guest.uuid());
    let state = own.and_then(|record| value(&record.parameters, "state.state"));
    probe.same("Statistics.domains", "the state", state, Some(&TypedValue::Int(1)))?;
    let only = own.is_some_and(|record| record.parameters.iter().all(|it| it.field.starts_with("state.")));
    probe.holds("Statistics.domains", "nothing else is told", only)?;
    let off = probe.connection.domain_statistics(StatisticsGroups::STATE, ListDomains::INACTIVE);
    let off = probe.did("Statistics.domains", off)?;
    let listed = off.iter().any(|record| record.domain.uuid == guest.uuid());
    probe.same("Statistics.domains", "whether it is among those that are off", listed, false)?;
    let unknown = guest.statistics(StatisticsGroups::from_bits_retain(1 << 30));
    probe.refused("Statistics.domains", unknown, &[ErrorCode::INVALID_ARG]).map(drop)
}

fn counts(probe: &Probe<'_>) -> Result<(), Ended> {
    let guest = probe.equipped()?;
    let off = &[ErrorCode::OPERATION_INVALID];
    probe.refused("Statistics.block", guest.block_statistics("vda"), off)?;
    probe.refused("Statistics.memory", guest.memory_statistics(), off)?;
    probe.did("Lifecycle.create", guest.start(StartDomain::empty()))?;
    let block = probe.did("Statistics.block", guest.block_statistics("vda"))?;
    probe.holds("Statistics.block", "bytes are counted", value(&block, "rd_bytes").is_some())?;
    probe.did("Statistics.block", guest.block_statistics(""))?;
    let wrong = &[ErrorCode::INVALID_ARG];
    probe.refused("Statistics.block", guest.block_statistics("vdz"), wrong)?;
    let sizes = probe.did("Statistics.block_info", guest.block_info("vda"))?;
    probe.holds("Statistics.block_info", "there is a capacity", value(&sizes, "capacity").is_some())?;
    probe.refused("Statistics.block_info", guest.block_info("vdz"), wrong)?;
    let card = probe.did("Statistics.interface", guest.interface_statistics("52:54:00:c0:0f:03"))?;
    probe.holds("Statistics.interface", "packets are counted", value(&card, "rx_packets").is_some())?;
    probe.refused("Statistics.interface", guest.interface_statistics("no-such-card"), wrong)?;
    let memory = probe.did("Statistics.memory", guest.memory_statistics())?;
    probe.holds("Statistics.memory", "the memory is told", value(&memory, "actual").is_some())?;
    let time = || -> Result<u64, Ended> {
        let total = probe.did("Statistics.processors", guest.processor_statistics(-1, 1))?;
        match total.first().and_then(|it| value(it, "cpu_time")) {
            Some(TypedValue::UnsignedLongLong(time)) => Ok(*time),
            _ => probe.holds("Statistics.processors", "the time is told", false).map(|()| 0),
        }
    };
    let before = time()?;
    std::thread::sleep(std::time::Duration::from_millis(20));
    let after = time()?;
    probe.holds("Statistics.processors", "time does not run backwards", after >= before)?;
    let each = probe.did("Statistics.processors", guest.processor_statistics(0, 1))?;
    probe.same("Statistics.processors", "how many are told", each.len(), 1)?;
    probe.refused("Statistics.processors", guest.processor_statistics(100_000, 1), wrong).map(drop)
}

//! The corpus: what libvirt itself reads, writes and refuses, as files beside a manifest; and the kinds of cases in it
//! that this workspace can run.
//!
//! A directory of cases is opened with [`Corpus::open`] and run with [`run`]. A driver adds what it answers for as a
//! [`Kind`] in [`kinds`].

mod capabilities;
mod compare;
mod cpu;
mod document;
mod domain;
mod exceptions;
mod host;
mod manifest;
mod moment;
mod network_driver;
mod network_update;
mod qemu;
mod qemu_argv;
mod qemu_memlock;
mod snippet;
mod status;
mod storage;
mod virsh;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use compare::{equal_text, equal_xml, lost_xml};
pub use exceptions::Exceptions;
pub use manifest::{Case, Corpus, Expected, Params};

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as libvirt does it.
    Passed,
    /// It is not; the text shows how.
    Failed(String),
    /// It was not tried; the text says why.
    Skipped(&'static str),
}

/// One kind of cases, by the name in the manifest's second column.
pub trait Kind: Sync {
    /// The name in the manifest.
    fn name(&self) -> &'static str;

    /// Runs one case of this kind.
    ///
    /// # Errors
    ///
    /// When the case's own files cannot be read, which counts as a failure.
    fn run(&self, case: &Case<'_>) -> anyhow::Result<Outcome>;
}

/// Every kind that this workspace can run.
pub fn kinds() -> &'static [&'static dyn Kind] {
    &[
        &capabilities::HostKind,
        &capabilities::DomainKind,
        &host::HostCpu,
        &host::SysinfoKind,
        &cpu::Baseline,
        &cpu::Compare,
        &cpu::Cpuid,
        &cpu::Guest,
        &cpu::HasFeature,
        &cpu::Update,
        &document::CpuDocument,
        &document::StoragePoolCapabilities,
        &domain::Domain,
        &snippet::Snippet,
        &status::Cookie,
        &status::Status,
        &document::DomainBackup,
        &document::HostInterface,
        &moment::Checkpoints,
        &moment::Snapshots,
        &document::Network,
        &document::NetworkPort,
        &network_driver::Dnsmasq,
        &network_driver::Firewall,
        &network_update::NetworkUpdates,
        &document::NwFilter,
        &document::NwFilterBinding,
        &document::NodeDevice,
        &document::Secret,
        &document::StoragePool,
        &document::StorageVolume,
        &qemu_argv::QemuArgv,
        &qemu_memlock::QemuMemlock,
        &storage::Chain,
        &storage::PoolArgv,
        &storage::VolumeArgv,
        &virsh::Virsh,
    ]
}

/// One case, and what came of it.
#[derive(Debug)]
pub struct Report<'a> {
    /// What was tried.
    pub case: Case<'a>,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it may fail, where the list of exceptions says so.
    pub exception: Option<&'a str>,
}

/// Runs the cases that `wanted` picks, on two threads, and answers in the manifest's order. Cases of a kind that nobody
/// runs are skipped.
pub fn run<'a>(
    corpus: &'a Corpus,
    exceptions: &'a Exceptions,
    wanted: impl Fn(&Case<'_>) -> bool,
) -> Vec<Report<'a>> {
    let cases: Vec<Case<'a>> = corpus.cases().filter(|case| wanted(case)).collect();
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<BTreeMap<usize, Outcome>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((at, case)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    cases.get(at).map(|case| (at, case))
                } {
                    let outcome = run_one(case);
                    outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(at, outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let report = |(at, case): (usize, Case<'a>)| Report {
        outcome: outcomes.remove(&at).unwrap_or(Outcome::Failed("the case was not run".to_owned())),
        exception: exceptions.reason(case.id),
        case,
    };
    cases.into_iter().enumerate().map(report).collect()
}

fn run_one(case: &Case<'_>) -> Outcome {
    let Some(kind) = kinds().iter().find(|kind| kind.name() == case.kind) else {
        return Outcome::Skipped("nothing runs this kind yet");
    };
    // A panic is a failure of this case, not of the run.
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| kind.run(case)));
    match ran {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome::Failed(format!("{error:#}")),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            Outcome::Failed(format!("it panicked: {text}"))
        }
    }
}

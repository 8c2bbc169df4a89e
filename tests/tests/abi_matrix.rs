//! Plugins built with other versions of the door, opened by this host: what works, what is refused, in which words.
//!
//! The door is one crate for both sides, so an older plugin in this host is also a newer host with that plugin.

use std::sync::{Arc, Mutex};

use expect_test::{Expect, expect};
use plugins_abi::loader::Plugin;
use plugins_abi::*;
use uuid::Uuid;
use virt_tests::abi::{self, Variant};

/// A host with one service, which panics.
struct AfraidHost;

impl HostServices for AfraidHost {
    fn helper(&self, _: &Call, name: String) -> Result<HelperProgram> {
        panic!("no {name} here")
    }
}

fn open(variant: Variant) -> Result<Slots> {
    let plugin = Plugin::open(&variant.build().unwrap())?;
    let driver = plugin.create(Arc::new(AfraidHost))?;
    let request = OpenRequest { uri: "fixture:///".into(), read_only: false, role: "hypervisor".into() };
    driver.open(Call::background(), request)
}

/// The outcome of opening a variant and of some calls to it.
fn check(variant: Variant, expected: Expect) {
    let outcome = match open(variant) {
        Ok(slots) => outcomes(&slots),
        Err(error) => {
            let path = variant.build().unwrap().display().to_string();
            format!(
                "refused: {}\nhint: {}\n",
                error.message().replace(&path, "FILE"),
                error.advice().unwrap_or("-")
            )
        }
    };
    expected.assert_eq(&outcome);
}

fn outcomes(slots: &Slots) -> String {
    let call = Call::background();
    let (lifecycle, tuning) = (slots.lifecycle.as_ref().unwrap(), slots.tuning.as_ref().unwrap());
    let information = slots.information.as_ref().unwrap();
    let said = |answer: Result<String>| answer.unwrap_or_else(|error| format!("{:?}: {error}", error.code()));
    let line = |name: &str, answer: Result<String>| format!("{name}: {}\n", said(answer));
    let filled: Vec<_> =
        slots.filled().into_iter().filter(|(_, filled)| *filled).map(|(name, _)| name).collect();
    let care = slots
        .care
        .as_ref()
        .map_or("an empty slot".to_owned(), |care| said(care.recover(call).map(|lines| lines.join(" "))));
    [
        format!("slots: {}\n", filled.join(" ")),
        line("answers", slots.session.hypervisor(call)),
        line("the host's panic", slots.session.uri(call)),
        line("the host's novelty", slots.session.hostname(call)),
        line("the driver's panic", slots.session.is_alive(call).map(|it| it.to_string())),
        line("its worst panic", slots.session.is_secure(call).map(|it| it.to_string())),
        line("a method in the middle", lifecycle.reset(call, Uuid::nil()).map(|()| String::new())),
        line("the method before the last", lifecycle.autostart(call, Uuid::nil()).map(|it| it.to_string())),
        line("the last method", lifecycle.set_autostart(call, Uuid::nil(), true).map(|()| "ok".to_owned())),
        line(
            "arguments",
            tuning.set_memory(call, Uuid::max(), 7, MemoryFlags::CONFIG).map(|()| String::new()),
        ),
        line("unknown numbers", information.status(call, Uuid::nil()).map(|it| format!("{it:?}"))),
        format!("the last slot: {care}\n"),
    ]
    .concat()
}

#[test]
fn the_same_version_works() {
    check(
        abi::SAME,
        expect![[r#"
        slots: Lifecycle DomainInformation Tuning GuestCare
        answers: Fixture
        the host's panic: the host says: internal error: panic in HostServices::helper: no controller here
        the host's novelty: NO_SUPPORT(3): this function is not supported by the connection driver: virConnectGetHostname
        the driver's panic: INTERNAL_ERROR(1): internal error: panic in Session::is_alive: the heart stopped
        its worst panic: INTERNAL_ERROR(1): internal error: panic in Session::is_secure: no words
        a method in the middle: NO_SUPPORT(3): this function is not supported by the connection driver: virDomainReset
        the method before the last: true
        the last method: ok
        arguments: INVALID_ARG(8): invalid argument: ffffffff-ffff-ffff-ffff-ffffffffffff 7 2
        unknown numbers: DomainStatus { state: Unknown(77), reason: -1 }
        the last slot: a b
    "#]],
    );
}

#[test]
fn an_older_plugin_works_but_for_what_it_does_not_know() {
    check(
        abi::OLDER,
        expect![[r#"
        slots: Lifecycle DomainInformation Tuning
        answers: Fixture
        the host's panic: the host says: internal error: panic in HostServices::helper: no controller here
        the host's novelty: NO_SUPPORT(3): this function is not supported by the connection driver: virConnectGetHostname
        the driver's panic: INTERNAL_ERROR(1): internal error: panic in Session::is_alive: the heart stopped
        its worst panic: INTERNAL_ERROR(1): internal error: panic in Session::is_secure: no words
        a method in the middle: NO_SUPPORT(3): this function is not supported by the connection driver: virDomainReset
        the method before the last: true
        the last method: NO_SUPPORT(3): this function is not supported by the connection driver: virDomainSetAutostart
        arguments: INVALID_ARG(8): invalid argument: ffffffff-ffff-ffff-ffff-ffffffffffff 7 2
        unknown numbers: DomainStatus { state: Unknown(77), reason: -1 }
        the last slot: an empty slot
    "#]],
    );
}

#[test]
fn a_newer_plugin_works_and_does_without_what_this_host_does_not_know() {
    check(
        abi::NEWER,
        expect![[r#"
        slots: Lifecycle DomainInformation Tuning GuestCare
        answers: Fixture
        the host's panic: the host says: internal error: panic in HostServices::helper: no controller here
        the host's novelty: the host says: this function is not supported by the connection driver: HostServices::novelty
        the driver's panic: INTERNAL_ERROR(1): internal error: panic in Session::is_alive: the heart stopped
        its worst panic: INTERNAL_ERROR(1): internal error: panic in Session::is_secure: no words
        a method in the middle: NO_SUPPORT(3): this function is not supported by the connection driver: virDomainReset
        the method before the last: true
        the last method: ok
        arguments: INVALID_ARG(8): invalid argument: ffffffff-ffff-ffff-ffff-ffffffffffff 7 2
        unknown numbers: DomainStatus { state: Unknown(77), reason: -1 }
        the last slot: a b
    "#]],
    );
}

#[test]
fn a_method_at_another_place_is_refused() {
    check(
        abi::REORDERED,
        expect![[r#"
            refused: operation failed: cannot load driver plugin 'FILE': its layout differs (fixture 0.9.0 was built for ABI 1.0.0, this host has ABI 1.0.0): plugins_abi::api::running::lifecycle has destroy where this host has reset
            hint: build the plugin again, against the plugins-abi of this host
        "#]],
    );
}

#[test]
fn another_type_is_refused() {
    check(
        abi::RETYPED,
        expect![[r#"
            refused: operation failed: cannot load driver plugin 'FILE': its layout differs (fixture 0.9.0 was built for ABI 1.0.0, this host has ABI 1.0.0): plugins_abi::api::running::tuning, vcpus, has u64 where this host has u32
            hint: build the plugin again, against the plugins-abi of this host
        "#]],
    );
}

#[test]
fn a_longer_struct_is_refused() {
    check(
        abi::GROWN,
        expect![[r#"
            refused: operation failed: cannot load driver plugin 'FILE': its layout differs (fixture 0.9.0 was built for ABI 1.0.0, this host has ABI 1.0.0): plugins_abi::data::domain::DomainInfo has 6 members, and 5 in this host
            hint: build the plugin again, against the plugins-abi of this host
        "#]],
    );
}

#[test]
fn another_major_version_is_refused() {
    check(
        abi::MAJOR,
        expect![[r#"
        refused: operation failed: cannot load driver plugin 'FILE': fixture 0.9.0 was built for ABI 2.0.0, this host has ABI 1.0.0
        hint: build the plugin again, against the plugins-abi of this host
    "#]],
    );
}

#[test]
fn a_panic_while_the_driver_is_made_is_an_error() {
    check(
        abi::PANIC,
        expect![[r#"
        refused: internal error: panic in init: no hypervisor today
        hint: this is a defect of the driver: please report it, with the log
    "#]],
    );
}

/// Keeps what is logged.
struct Keeper(Mutex<Vec<String>>);

impl log::Log for Keeper {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {} {}", record.level(), record.target(), record.args());
        self.0.lock().unwrap().push(line);
    }

    fn flush(&self) {}
}

#[test]
fn what_a_plugin_logs_and_what_it_panics_with_reach_the_hosts_log() {
    static KEPT: Keeper = Keeper(Mutex::new(Vec::new()));
    log::set_logger(&KEPT).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let slots = open(abi::SAME).unwrap();
    slots.session.is_alive(Call::background()).unwrap_err();
    let kept = KEPT.0.lock().unwrap();
    assert!(kept.iter().any(|line| line == "INFO fixture ready"), "{kept:?}");
    assert!(kept.iter().any(|line| line.starts_with("ERROR panic ") && line.contains("heart")), "{kept:?}");
}

#[test]
fn a_panic_in_the_callers_progress_report_stays_with_the_caller() {
    let slots = open(abi::SAME).unwrap();
    let scope = CallScope::new().progress(Arc::new(|_, _, _| panic!("no progress")));
    assert_eq!(scope.run(|call| slots.session.hypervisor(call)).unwrap(), "Fixture");
}

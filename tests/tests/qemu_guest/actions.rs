//! What happens when a guest reboots, crashes or shuts down, as its definition says.

use virt_core::{DestroyDomain, DomainState, LifecycleEvent, StartDomain};
use virt_tests::skip;

use crate::lab::{Lab, SERIAL, wait_for};

/// Tells the panic device that the guest's kernel is lost.
const CRASH: &str = "-- printf '\\001' | dd of=/dev/port bs=1 seek=1285 count=1";
const PANIC_DEVICE: &str = "<panic model='isa'/>";

#[test]
fn a_guest_that_may_not_reboot_ends() {
    let lab = match Lab::booting("-- reboot -f", "<on_reboot>destroy</on_reboot>", SERIAL) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    lab.domain.start(StartDomain::empty()).expect("started");
    let seen = wait_for(&mut events, LifecycleEvent::Stopped);
    assert_eq!(seen.last().map(String::as_str), Some("Stopped Shutdown"), "{seen:?}");
    lab.assert_clean();
}

#[test]
fn a_guest_that_reboots_goes_on() {
    let lab = match Lab::booting("-- reboot -f", "<on_reboot>restart</on_reboot>", SERIAL) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    lab.domain.start(StartDomain::empty()).expect("started");
    crate::lab::wait_for_reboot(&mut events);
    assert_eq!(lab.domain.state().expect("known"), DomainState::Running);
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}

#[test]
fn a_guest_that_crashes_ends() {
    let devices = format!("{SERIAL}{PANIC_DEVICE}");
    let lab = match Lab::booting(CRASH, "<on_crash>destroy</on_crash>", &devices) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    lab.domain.start(StartDomain::empty()).expect("started");
    let seen = wait_for(&mut events, LifecycleEvent::Stopped);
    assert!(seen.contains(&"Crashed Panicked".to_owned()), "{seen:?}");
    assert_eq!(seen.last().map(String::as_str), Some("Stopped Crashed"), "{seen:?}");
    lab.assert_clean();
}

#[test]
fn a_guest_that_crashes_starts_again_when_its_definition_says_so() {
    let devices = format!("{SERIAL}{PANIC_DEVICE}");
    let lab = match Lab::booting(CRASH, "<on_crash>restart</on_crash>", &devices) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    lab.domain.start(StartDomain::empty()).expect("started");
    wait_for(&mut events, LifecycleEvent::Stopped);
    wait_for(&mut events, LifecycleEvent::Started);
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}

#[test]
fn a_guest_that_crashed_is_preserved_when_its_definition_says_so() {
    let devices = format!("{SERIAL}{PANIC_DEVICE}");
    let lab = match Lab::booting(CRASH, "<on_crash>preserve</on_crash>", &devices) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    lab.domain.start(StartDomain::empty()).expect("started");
    wait_for(&mut events, LifecycleEvent::Crashed);
    assert_eq!(lab.domain.state().expect("known"), DomainState::Crashed);
    assert!(lab.domain.is_active().expect("known"), "it can be looked into");
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}

//! A guest's life: booted, talked to, shut down, and left alone when it powers itself off.

use virt_core::{
    DestroyDomain, DomainState, DomainXml, LifecycleEvent, OpenConsole, ShutdownDomain, StartDomain,
};
use virt_tests::guest::Guest;
use virt_tests::skip;

use crate::lab::{Lab, NAME, PATIENCE, SERIAL, bare, end, open, read_until, uri, wait_for};

#[test]
fn a_guest_boots_is_talked_to_and_shuts_down() {
    let lab = match Lab::booting("", "", SERIAL) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    lab.domain.start(StartDomain::empty()).expect("started");
    assert_eq!(wait_for(&mut events, LifecycleEvent::Started), ["Resumed Unpaused", "Started Booted"]);
    let console = lab.domain.open_console(None, OpenConsole::empty()).expect("opened");
    let mut console = console.with_timeout(PATIENCE);
    let second = lab.domain.open_console(None, OpenConsole::empty()).map(drop).expect_err("taken");
    assert_eq!(second.to_string(), "operation failed: Active console session exists for this domain");
    read_until(&mut console, Guest::READY);
    std::io::Write::write_all(&mut console, b"echo $((6 * 7)) answers\n").expect("sent");
    read_until(&mut console, "42 answers");
    lab.domain.shutdown(ShutdownDomain::ACPI_POWER_BUTTON).expect("asked");
    let seen = wait_for(&mut events, LifecycleEvent::Stopped);
    assert_eq!(seen, ["Shutdown Finished after guest request", "Stopped Shutdown"]);
    assert_eq!(lab.domain.state().expect("known"), DomainState::Shutoff);
    lab.assert_clean();
}

#[test]
fn a_guest_that_powers_itself_off_leaves_its_definition_alone() {
    let lab = match Lab::booting("-- poweroff -f", "", SERIAL) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    lab.domain.start(StartDomain::empty()).expect("started");
    let seen = wait_for(&mut events, LifecycleEvent::Stopped);
    assert_eq!(seen.last().map(String::as_str), Some("Stopped Shutdown"), "{seen:?}");
    lab.assert_clean();
    let xml = lab.domain.xml(DomainXml::empty()).expect("still defined");
    assert!(xml.starts_with("<domain type='qemu'>\n  <name>linux</name>"), "{xml}");
}

#[test]
fn a_guest_whose_emulator_is_killed_has_failed() {
    let lab = match Lab::new(&bare("")) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    lab.domain.start(StartDomain::empty()).expect("started");
    end(lab.process());
    let seen = wait_for(&mut events, LifecycleEvent::Stopped);
    assert_eq!(seen.last().map(String::as_str), Some("Stopped Failed"), "{seen:?}");
    let elsewhere = open(&uri(lab.scratch.path())).expect("opened");
    let status = elsewhere.domain_by_name(NAME).and_then(|guest| guest.status()).expect("known");
    assert_eq!(status.state, DomainState::Shutoff);
    assert_eq!(status.state.reason(status.reason), "crashed");
    lab.assert_clean();
}

#[test]
fn a_guest_starts_again_when_its_definition_says_so() {
    let lab = match Lab::booting("-- poweroff -f", "<on_poweroff>restart</on_poweroff>", SERIAL) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    lab.domain.start(StartDomain::empty()).expect("started");
    wait_for(&mut events, LifecycleEvent::Started);
    let first = lab.domain.id().expect("known").expect("runs");
    wait_for(&mut events, LifecycleEvent::Stopped);
    wait_for(&mut events, LifecycleEvent::Started);
    let second = lab.domain.id().expect("known").expect("runs");
    assert!(second > first, "{second} after {first}");
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}

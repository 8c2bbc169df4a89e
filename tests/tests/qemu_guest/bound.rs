//! Guests that end with whoever started them.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use virt_core::{DomainState, LifecycleEvent, StartDomain};
use virt_tests::skip;

use crate::lab::{Lab, NAME, bare, end, open, role, uri, wait_for};

/// Not a test: the process that starts the guest, and is killed.
#[test]
#[ignore = "is run by another test, in a process of its own"]
fn starter() {
    let Some(root) = std::env::var_os("STARTER_ROOT") else { return };
    let connection = open(&uri(root.as_ref())).expect("opened");
    let domain = connection.domain_by_name(NAME).expect("defined");
    domain.start(StartDomain::PAUSED | StartDomain::AUTODESTROY).expect("started");
    println!("started");
    // Until it is killed, or its parent dies.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_guest_ends_with_the_connection_that_it_is_bound_to() {
    let lab = match Lab::new(&bare("")) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let other = open(&uri(lab.scratch.path())).expect("opened");
    let same = other.domain_by_name(NAME).expect("defined");
    same.start(StartDomain::PAUSED | StartDomain::AUTODESTROY).expect("started");
    // Others may act on it like on any guest.
    lab.domain.resume().expect("resumed");
    assert_eq!(lab.domain.state().expect("known"), DomainState::Running);
    drop((same, other));
    assert_eq!(lab.domain.state().expect("known"), DomainState::Shutoff);
    lab.assert_clean();
}

#[test]
fn a_guest_ends_with_the_process_that_it_is_bound_to() {
    let lab = match Lab::new(&bare("")) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let mut events = lab.events();
    let mut starter = role("bound::starter")
        .env("STARTER_ROOT", lab.scratch.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run");
    let lines = BufReader::new(starter.stdout.take().expect("piped")).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("started")), "it ended before");
    assert_eq!(lab.domain.state().expect("known"), DomainState::Paused);
    end(starter.id());
    starter.wait().expect("ended");
    let seen = wait_for(&mut events, LifecycleEvent::Stopped);
    assert_eq!(seen.last().map(String::as_str), Some("Stopped Destroyed"), "{seen:?}");
    assert_eq!(lab.domain.state().expect("known"), DomainState::Shutoff);
    lab.assert_clean();
}

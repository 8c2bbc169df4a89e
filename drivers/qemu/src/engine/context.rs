//! What the steps of a start act through, and what passes from one to the next.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use uuid::Uuid;
use virt_util::controller::{Client, Report, Settings};
use virt_util::owner::Owner;
use virt_util::spawn::Program;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorDomain, Result};

use super::step;
use crate::event;
use crate::state::{EVENTS, INDEX, Store};

/// What the steps of one start act through.
pub(crate) struct Context {
    store: Arc<Store>,
    deadline: Option<Instant>,
    master_key: [u8; 32],
    descriptors: Vec<(i32, OwnedFd)>,
    client: Option<Client>,
    process: Option<Owner>,
}

impl Context {
    /// For a start that gives up at `deadline`, or (without a key) for undoing somebody's steps.
    pub(crate) fn new(store: Arc<Store>, master_key: [u8; 32], deadline: Option<Instant>) -> Self {
        Self { store, deadline, master_key, descriptors: Vec::new(), client: None, process: None }
    }

    /// Everything that is known of guests.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// When to give up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How long a step may block.
    pub(super) fn wait(&self) -> Wait<'static> {
        Wait::until(self.deadline)
    }

    /// The key that opens the guest's secrets.
    pub(super) fn master_key(&self) -> [u8; 32] {
        self.master_key
    }

    /// Keeps a descriptor for the emulator.
    pub(super) fn lend(&mut self, number: i32, descriptor: OwnedFd) {
        self.descriptors.push((number, descriptor));
    }

    /// Keeps the connection to the guest's controller.
    pub(super) fn keep_client(&mut self, client: Client) {
        self.client = Some(client);
    }

    /// The connection to the guest's controller.
    pub(super) fn client(&mut self) -> Result<&mut Client> {
        self.client
            .as_mut()
            .ok_or_else(|| Error::internal(ErrorDomain::QEMU, "the guest has no controller yet"))
    }

    /// Has the controller run the emulator, with all descriptors that were kept for it.
    pub(super) fn spawn(&mut self, program: &Program) -> Result<()> {
        let descriptors = std::mem::take(&mut self.descriptors);
        let wait = self.wait();
        self.process = Some(self.client()?.spawn(program, descriptors, wait)?);
        Ok(())
    }

    /// The emulator's process, once it runs.
    pub(crate) fn process(&self) -> Option<Owner> {
        self.process
    }

    /// What is left when all steps are done: the connection that holds the guest's lock.
    pub(crate) fn into_client(self) -> Option<Client> {
        self.client
    }

    /// Ends what runs of `guest`.
    pub(super) fn end(&mut self, guest: Uuid) -> Result<()> {
        self.descriptors.clear();
        if let Some(client) = self.client.take() {
            // A controller that is gone or confused is dealt with below, like one that we never spoke to.
            let ended = step::kill(client, Wait::at_most(std::time::Duration::from_secs(10)));
            ended.unwrap_or_else(|error| log::debug!("{guest}: {error}"));
        }
        step::end_guest(self, guest)
    }

    /// What the controller of `guest` is told.
    pub(super) fn controller_settings(&self, guest: Uuid, title: &str, uri: &str) -> Settings {
        Settings {
            title: title.to_owned(),
            monitor: Some(step::MONITOR.into()),
            finish: vec![uri.to_owned(), guest.to_string()],
            rules: event::rules(),
            report: Some(Report {
                directory: self.store.root().run().path().to_owned(),
                index: INDEX.into(),
                events: EVENTS.into(),
                guest,
            }),
            notes: Value::Null,
        }
    }
}

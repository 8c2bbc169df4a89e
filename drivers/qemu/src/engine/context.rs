//! What the steps of a start act through, and what passes from one to the next.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use uuid::Uuid;
use virt_conf::model::NetworkPort;
use virt_core::driver::Host;
use virt_util::controller::{Client, Report, Settings};
use virt_util::owner::Owner;
use virt_util::spawn::Program;
use virt_util::wait::Wait;
use virt_util::{Error, ErrorDomain, Result};

use super::step;
use crate::command::MonitorCommand;
use crate::event;
use crate::monitor::Commands as _;
use crate::state::{EVENTS, INDEX, Store};

/// What a start needs to know and nobody shall read: it is in no plan, no journal and no log.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    /// The key that opens the guest's secrets.
    pub(crate) master_key: [u8; 32],
    /// The passwords of displays.
    pub(crate) passwords: Vec<Password>,
}

/// The password of a display.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password {
    /// The display's protocol, `vnc`.
    pub(crate) protocol: String,
    /// The password itself.
    pub(crate) value: String,
    /// What happens to those who are connected, in the monitor's words.
    pub(crate) connected: Option<String>,
    /// When it ends, in the monitor's words.
    pub(crate) expires: String,
}

/// What the steps of one start act through.
pub(crate) struct Context {
    store: Arc<Store>,
    host: Host,
    deadline: Option<Instant>,
    secrets: Secrets,
    descriptors: Vec<(i32, OwnedFd)>,
    client: Option<Client>,
    process: Option<Owner>,
    /// The ports that were made.
    ports: Vec<NetworkPort>,
}

impl Context {
    /// For a start that gives up at `deadline`, or (without secrets) for undoing somebody's steps.
    pub(crate) fn new(store: Arc<Store>, host: Host, secrets: Secrets, deadline: Option<Instant>) -> Self {
        Self {
            store,
            host,
            deadline,
            secrets,
            descriptors: Vec::new(),
            client: None,
            process: None,
            ports: Vec::new(),
        }
    }

    /// For what is done to a guest that runs: the connection to its controller, and its process.
    pub(crate) fn of_running(mut self, client: Client, process: Owner) -> Self {
        (self.client, self.process) = (Some(client), Some(process));
        self
    }

    /// What a start needs to know and nobody shall read, once that is known.
    pub(super) fn set_secrets(&mut self, secrets: Secrets) {
        self.secrets = secrets;
    }

    /// Keeps what a port of a network leads to.
    pub(super) fn keep_port(&mut self, port: NetworkPort) {
        self.ports.push(port);
    }

    /// The last port that was made.
    pub(super) fn last_port(&self) -> Option<&NetworkPort> {
        self.ports.last()
    }

    /// What other drivers are asked for.
    pub(super) fn host(&self) -> &Host {
        &self.host
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
        self.secrets.master_key
    }

    /// The passwords of displays of this protocol.
    pub(super) fn passwords(&self, protocol: &str) -> Vec<Password> {
        self.secrets.passwords.iter().filter(|password| password.protocol == protocol).cloned().collect()
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

    /// Tells the monitor to plug a device in, with the descriptors that were kept for it. What was done is taken back when
    /// one of the commands fails.
    pub(super) fn plug(&mut self, commands: &[MonitorCommand]) -> Result<()> {
        let descriptors = std::mem::take(&mut self.descriptors);
        for (done, command) in commands.iter().enumerate() {
            let lent = command.descriptor.map(|number| {
                let found = descriptors.iter().find(|(known, _)| *known == number);
                found.map(|(_, descriptor)| descriptor.as_fd()).ok_or_else(|| {
                    Error::internal(ErrorDomain::QEMU, format!("descriptor {number} was not opened"))
                })
            });
            let wait = self.wait();
            let told = lent.transpose().and_then(|lent| {
                let arguments = Some(command.arguments.clone());
                self.client()?.command(&command.execute, arguments, lent.as_slice(), wait).map(drop)
            });
            if let Err(error) = told {
                self.take_back(commands.get(..done).unwrap_or_default());
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes back what plugging a device in did, but for the device, which is gone.
    pub(super) fn take_back(&mut self, commands: &[MonitorCommand]) {
        // A guest that has ended has none of it any more.
        if self.client.is_none() {
            return;
        }
        for command in commands.iter().rev().filter_map(MonitorCommand::reverse) {
            // Descriptors go with what uses them.
            let told = self.tell(&command);
            told.unwrap_or_else(|error| log::debug!("{}: {error}", command.execute));
        }
    }

    /// Tells the monitor one thing.
    pub(super) fn tell(&mut self, command: &MonitorCommand) -> Result<()> {
        let wait = Wait::at_most(std::time::Duration::from_secs(10));
        self.client()?.order(&command.execute, Some(command.arguments.clone()), wait)
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

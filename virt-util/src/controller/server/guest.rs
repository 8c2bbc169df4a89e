//! What a controller does with its guest, from its monitor's first word to its end.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Finish, Server, complain};
use crate::controller::Settings;
use crate::controller::channel::Channel;
use crate::controller::launch;
use crate::controller::monitor::{Monitor, Said};
use crate::controller::protocol::NoticeLine;
use crate::controller::record::Record;
use crate::controller::report::Reporter;
use crate::process::{ExitStatus, Process};
use crate::socket::{Kind, Socket};
use crate::spawn::Spawn;
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result};

impl Server {
    /// Connects to the guest's monitor, if it has one and listens.
    pub(super) fn connect_monitor(&mut self) -> Result<()> {
        let Some(name) = self.record.as_ref().and_then(|record| record.settings.monitor.clone()) else {
            return Ok(());
        };
        match Socket::connect(&self.dir, &name, Kind::Stream, Wait::NOT)? {
            Some(socket) => self.monitor = Some(Monitor::new(Channel::new(socket))),
            None => {
                let sentence =
                    format!("nobody listens on the guest's monitor '{}'", self.dir.join(&name).display());
                return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence));
            }
        }
        Ok(())
    }

    pub(super) fn hear_monitor(&mut self) {
        loop {
            let Some(monitor) = &mut self.monitor else { return };
            let heard = monitor.channel.fill();
            while let Some(line) = self.monitor.as_mut().and_then(|monitor| monitor.channel.line()) {
                self.hear_monitor_line(&line);
            }
            match heard {
                Err(error) => complain("the monitor is not understood", &error),
                Ok(true) => continue,
                Ok(false) if self.monitor.as_ref().is_some_and(|monitor| monitor.channel.has_ended()) => {}
                Ok(false) => return,
            }
            if !self.monitor_closed() {
                return;
            }
        }
    }

    fn hear_monitor_line(&mut self, line: &[u8]) {
        let Some(monitor) = &mut self.monitor else { return };
        match monitor.said(line) {
            Said::Answer { session, line } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.channel.queue(line, Vec::new());
                }
            }
            Said::Event { name, line } => {
                self.report(&name, &line);
                for session in self.sessions.values_mut() {
                    session.event(&line);
                }
                if self.clients.values().any(|client| client.subscribed) {
                    let event: Value = serde_json::from_slice(&line).unwrap_or_default();
                    self.clients.values_mut().for_each(|client| client.monitor_event(&event));
                }
            }
            Said::Ready => {
                let guest = self.record.as_ref().and_then(|record| record.guest);
                if let (Some(client), Some(request)) = (self.spawner, self.spawning.take()) {
                    self.answer(client, request, Ok(json!(guest)));
                }
            }
            Said::Nothing => {}
        }
    }

    /// Has an event written into the driver's log, if the driver wanted that.
    fn report(&mut self, name: &str, line: &[u8]) {
        let Some(Settings { rules, report: Some(report), .. }) =
            self.record.as_ref().map(|record| &record.settings)
        else {
            return;
        };
        let locked = self.guest_lock.holder().is_some();
        let care = rules.iter().find(|rule| rule.event == name).and_then(|rule| rule.care.as_deref());
        self.gone.extend(care.and_then(|member| member_of(line, member)));
        let Some(rule) = rules.iter().find(|rule| rule.event == name && !(rule.unlocked_only && locked))
        else {
            return;
        };
        if self.reporter.is_none() {
            match Reporter::start(report.clone()) {
                Ok(reporter) => self.reporter = Some(reporter),
                Err(error) => complain("an event is not reported", &error),
            }
        }
        if let Some(reporter) = &self.reporter {
            reporter.report(line, rule);
        }
    }

    /// The monitor's connection is gone: the guest is on its way out, or somebody broke it. Whether there is a new one.
    fn monitor_closed(&mut self) -> bool {
        let Some(mut monitor) = self.monitor.take() else { return false };
        for (session, line) in monitor.abandon() {
            if let Some(session) = self.sessions.get_mut(&session) {
                session.channel.queue(line, Vec::new());
            }
        }
        // One that never got as far as being ready would not the next time either.
        let worth_it = monitor.state.ready && self.guest.as_ref().is_some_and(|guest| !guest.has_ended());
        drop(monitor);
        worth_it && self.connect_monitor().inspect_err(|error| complain("the monitor is lost", error)).is_ok()
    }

    pub(super) fn hear_session(&mut self, id: u64) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if let Err(error) = session.channel.fill() {
            complain("cannot hear a monitor session", &error);
            return self.drop_session(id);
        }
        while let Some(line) = session.channel.line() {
            let Some(monitor) = &mut self.monitor else { break };
            if let Some(answer) = monitor.command(id, &line, &mut session.channel) {
                session.channel.queue(answer, Vec::new());
            }
        }
        session.channel.drop_fds();
        if session.channel.has_ended() {
            self.drop_session(id);
        }
    }

    pub(super) fn drop_session(&mut self, id: u64) {
        self.sessions.remove(&id);
        if let Some(monitor) = &mut self.monitor {
            monitor.forget(id);
        }
    }

    pub(super) fn kill_guest(&mut self) {
        if let Some(guest) = &self.guest
            && let Err(error) = guest.signal(Signal::SIGKILL)
        {
            complain("cannot kill the guest", &error);
        }
    }

    /// The guest's process has ended.
    pub(super) fn guest_ended(&mut self) {
        let Some(guest) = self.guest.take() else { return };
        let status = match guest.reap() {
            Ok(Some(status)) => status,
            // Not yet: a spurious wake.
            Ok(None) => {
                self.guest = Some(guest);
                return;
            }
            Err(error) => {
                complain("cannot tell how the guest ended", &error);
                ExitStatus::Unknown
            }
        };
        // Its last words, and then no reconnecting.
        self.hear_monitor();
        self.monitor_closed();
        self.ended(status);
    }

    /// The guest ended while nobody was there to see it.
    pub(super) fn guest_is_gone(&mut self) {
        self.ended(ExitStatus::Unknown);
    }

    fn ended(&mut self, status: ExitStatus) {
        if let Err(error) = self.change_record(|record| record.ended = Some(status)) {
            complain("cannot write down that the guest has ended", &error);
        }
        if let (Some(client), Some(request)) = (self.spawner.take(), self.spawning.take()) {
            let sentence = format!("the guest ended before its monitor answered ({status})");
            let error = Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence);
            self.answer(client, request, Err(error));
        }
        self.tell_everybody(NoticeLine::Ended { status });
        for mut session in std::mem::take(&mut self.sessions).into_values() {
            // What does not fit a full socket is lost with it.
            let _ = session.flush();
        }
    }

    /// Has an ended guest finished, once, when nobody is at work on it.
    pub(super) fn finish_if_due(&mut self) {
        let ended = self.record.as_ref().filter(|record| record.ended.is_some());
        let Some(record) = ended else { return };
        if !matches!(self.finish, Finish::NotYet)
            || record.settings.finish.is_empty()
            || self.guest_lock.holder().is_some()
            // What happened before the end stands in the log before it.
            || self.reporter.as_ref().is_some_and(|reporter| !reporter.is_idle())
        {
            return;
        }
        self.finish = match finish(record) {
            Ok(process) => Finish::Runs(process),
            Err(error) => {
                complain("cannot have the guest finished", &error);
                Finish::Done
            }
        };
    }

    /// Has somebody see to what a running guest has let go of, when nobody is at work on it.
    pub(super) fn care_if_due(&mut self) {
        let running = self.record.as_ref().filter(|record| record.settled && self.guest.is_some());
        let Some(record) = running.filter(|_| !self.gone.is_empty()) else { return };
        if self.care.is_some() || record.settings.finish.is_empty() || self.guest_lock.holder().is_some() {
            return;
        }
        match finish(record) {
            Ok(process) => self.care = Some(process),
            Err(error) => complain("cannot have something of the guest cleaned up", &error),
        }
        // Another try would end the same way; what is left goes with the guest.
        self.gone.clear();
    }

    pub(super) fn care_ended(&mut self) {
        let Some(process) = &self.care else { return };
        match process.reap() {
            Ok(None) => return,
            Ok(Some(status)) if status.success() => {}
            Ok(Some(status)) => eprintln!("cleaning up behind the guest failed: {status}"),
            Err(error) => complain("cannot tell how cleaning up behind the guest ended", &error),
        }
        self.care = None;
    }

    pub(super) fn finish_ended(&mut self) {
        if let Finish::Runs(process) = &self.finish {
            match process.reap() {
                Ok(None) => return,
                Ok(Some(status)) if status.success() => {}
                Ok(Some(status)) => eprintln!("finishing the guest failed: {status}"),
                Err(error) => complain("cannot tell how finishing the guest ended", &error),
            }
            self.finish = Finish::Done;
        }
    }
}

/// Starts our own binary's `finish` for the guest of `record`.
fn finish(record: &Record) -> Result<Process> {
    let mut args = vec!["finish"];
    args.extend(record.settings.finish.iter().map(String::as_str));
    Spawn::new(launch::itself(&args)).start_as_child()
}

/// The text of a member of an event's data.
fn member_of(line: &[u8], member: &str) -> Option<String> {
    let event: Value = serde_json::from_slice(line).ok()?;
    event.get("data")?.get(member)?.as_str().map(str::to_owned)
}

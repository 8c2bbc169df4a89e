//! One monitor for many: QMP commands of several sessions go over one connection, with ids of ours in place of theirs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::channel::Channel;
use crate::Result;

/// A message's members, uninterpreted: answers may be large, and only their ids matter here.
type Message<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// The commands that take a descriptor sent beside them.
const TAKE_FD: [&str; 2] = ["getfd", "add-fd"];

/// Past this many bytes that a session has not read, it gets no events, only answers.
pub(super) const EVENT_LIMIT: usize = 4 << 20;

/// The connection to the guest's monitor.
#[derive(Debug)]
pub(super) struct Monitor {
    pub(super) channel: Channel,
    pub(super) state: State,
}

/// What outlives a change of the controller's program.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// What the monitor said first; nothing until then.
    pub(super) greeting: Option<Value>,
    /// Whether commands may be sent.
    pub(super) ready: bool,
    /// The id of the last command sent.
    last: u64,
    /// What is under way: our id, the session, its own id.
    pending: BTreeMap<u64, Pending>,
    /// Commands that wait for the monitor to be ready.
    early: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pending {
    session: u64,
    id: Option<Box<RawValue>>,
}

/// What the monitor said, and for whom it is.
pub(super) enum Said {
    /// The answer to a session's command, with the session's own id.
    Answer { session: u64, line: Vec<u8> },
    /// An event, for everybody.
    Event { name: String, line: Vec<u8> },
    /// It is ready for commands.
    Ready,
    /// Nothing for anybody.
    Nothing,
}

impl Monitor {
    pub(super) fn new(channel: Channel) -> Self {
        Self { channel, state: State::default() }
    }

    /// Takes a session's command. What comes back is an answer that the monitor need not be asked for.
    pub(super) fn command(&mut self, session: u64, line: &[u8], fds: &mut Channel) -> Option<Vec<u8>> {
        let Ok(mut message) = serde_json::from_slice::<Message<'_>>(line) else {
            return Some(refuse(None, "a command that is no JSON object"));
        };
        let id = message.get("id").copied();
        let name = ["execute", "exec-oob"].iter().find_map(|key| message.get(*key));
        let name = name.and_then(|name| serde_json::from_str::<Cow<'_, str>>(name.get()).ok());
        let Some(name) = name else {
            return Some(refuse(id, "a command without a name"));
        };
        if name == "qmp_capabilities" {
            // Said once, by us.
            return Some(answer(id, "return", &json!({})));
        }
        self.state.last += 1;
        let number = self.state.last;
        let Ok(raw) = to_raw_value(&number) else { return Some(refuse(id, "no number left")) };
        self.state.pending.insert(number, Pending { session, id: id.map(ToOwned::to_owned) });
        let fd: Vec<OwnedFd> =
            TAKE_FD.contains(&name.as_ref()).then(|| fds.take_fd()).flatten().into_iter().collect();
        message.insert("id".into(), &raw);
        let text = super::protocol::line(&message);
        if self.state.ready {
            self.channel.queue(text, fd);
        } else {
            // Nobody has a session before the monitor is ready, but for the moment after it was connected again; a
            // descriptor sent just then is lost, and the monitor says so.
            self.state.early.push(String::from_utf8_lossy(&text).into_owned());
        }
        None
    }

    /// Takes a line from the monitor.
    pub(super) fn said(&mut self, line: &[u8]) -> Said {
        let Ok(mut message) = serde_json::from_slice::<Message<'_>>(line) else {
            if !line.iter().all(u8::is_ascii_whitespace) {
                log::warn!("the monitor sent what is no JSON object");
            }
            return Said::Nothing;
        };
        if let Some(name) = message.get("event").and_then(|name| serde_json::from_str(name.get()).ok()) {
            return Said::Event { name, line: [line, b"\n"].concat() };
        }
        if let Some(greeting) = message.get("QMP") {
            self.state.greeting = serde_json::from_str(greeting.get()).ok();
            self.channel.queue(b"{\"execute\":\"qmp_capabilities\",\"id\":0}\n".to_vec(), Vec::new());
            return Said::Nothing;
        }
        let number = message.get("id").and_then(|id| id.get().parse::<u64>().ok());
        if number == Some(0) {
            self.state.ready = true;
            for line in std::mem::take(&mut self.state.early) {
                self.channel.queue(line.into_bytes(), Vec::new());
            }
            return Said::Ready;
        }
        // An answer without an id is to a command that the monitor could not read: the oldest, as it answers in order.
        let number = number.or_else(|| self.state.pending.keys().next().copied());
        let Some(pending) = number.and_then(|number| self.state.pending.remove(&number)) else {
            return Said::Nothing;
        };
        message.remove("id");
        if let Some(id) = &pending.id {
            message.insert("id".into(), id);
        }
        Said::Answer { session: pending.session, line: super::protocol::line(&message) }
    }

    /// Answers for all commands under way, which now get none from the monitor.
    pub(super) fn abandon(&mut self) -> Vec<(u64, Vec<u8>)> {
        let pending = std::mem::take(&mut self.state.pending);
        let refusal =
            |pending: Pending| (pending.session, refuse(pending.id.as_deref(), "the monitor has closed"));
        pending.into_values().map(refusal).collect()
    }

    /// Forgets who asked: the answers go nowhere.
    pub(super) fn forget(&mut self, session: u64) {
        for pending in self.state.pending.values_mut().filter(|pending| pending.session == session) {
            // Sessions are numbered from 1.
            pending.session = 0;
        }
    }
}

fn refuse(id: Option<&RawValue>, what: &str) -> Vec<u8> {
    answer(id, "error", &json!({ "class": "GenericError", "desc": what }))
}

fn answer(id: Option<&RawValue>, key: &str, value: &Value) -> Vec<u8> {
    let Ok(value) = to_raw_value(value) else { return Vec::new() };
    let mut message = Message::from([(Cow::from(key), &*value)]);
    if let Some(id) = id {
        message.insert("id".into(), id);
    }
    super::protocol::line(&message)
}

/// A client's session on the monitor: plain QMP, after the negotiation.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) channel: Channel,
    /// Events that it did not get because it did not read.
    pub(super) missed: u64,
}

impl Session {
    pub(super) fn new(channel: Channel) -> Self {
        Self { channel, missed: 0 }
    }

    /// Queues an event, unless too much waits already; then the session is told how many it missed once it reads again.
    pub(super) fn event(&mut self, line: &[u8]) {
        if self.channel.waiting() > EVENT_LIMIT {
            self.missed += 1;
            return;
        }
        if self.missed > 0 {
            let notice = json!({ "event": "VIRT_EVENTS_MISSED", "data": { "count": self.missed } });
            self.missed = 0;
            self.channel.queue(super::protocol::line(&notice), Vec::new());
        }
        self.channel.queue(line.to_vec(), Vec::new());
    }

    /// Writes what there is room for.
    pub(super) fn flush(&mut self) -> Result<bool> {
        self.channel.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::{Kind, Socket};

    fn monitor() -> (Monitor, Socket, Channel) {
        let (ours, theirs) = Socket::pair(Kind::Stream).unwrap();
        let (nobody, _) = Socket::pair(Kind::Stream).unwrap();
        let mut monitor = Monitor::new(Channel::new(ours));
        assert!(matches!(monitor.said(br#"{"QMP":{"version":{},"capabilities":["oob"]}}"#), Said::Nothing));
        assert!(matches!(monitor.said(br#"{"return":{},"id":0}"#), Said::Ready));
        (monitor, theirs, Channel::new(nobody))
    }

    fn sent(monitor: &mut Monitor, socket: &Socket) -> String {
        monitor.channel.flush().unwrap();
        let mut buffer = [0; 4096];
        let count = socket.try_receive(&mut buffer, &mut Vec::new()).unwrap().unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    }

    #[test]
    fn ids_are_rewritten_and_restored() {
        let (mut monitor, socket, mut fds) = monitor();
        assert!(monitor.command(1, br#"{"execute":"stop","id":"a\"b"}"#, &mut fds).is_none());
        assert!(monitor.command(2, br#"{"execute":"cont","arguments":{"id":5}}"#, &mut fds).is_none());
        assert_eq!(
            sent(&mut monitor, &socket),
            "{\"execute\":\"qmp_capabilities\",\"id\":0}\n{\"execute\":\"stop\",\"id\":1}\n\
             {\"arguments\":{\"id\":5},\"execute\":\"cont\",\"id\":2}\n"
        );
        let Said::Answer { session, line } = monitor.said(br#"{"return":{"big":1e400},"id":2}"#) else {
            panic!()
        };
        assert_eq!((session, line.as_slice()), (2, &b"{\"return\":{\"big\":1e400}}\n"[..]));
        let Said::Answer { session, line } = monitor.said(br#"{"id":1,"error":{}}"#) else { panic!() };
        assert_eq!((session, line.as_slice()), (1, &b"{\"error\":{},\"id\":\"a\\\"b\"}\n"[..]));
        assert!(matches!(monitor.said(br#"{"id":1,"error":{}}"#), Said::Nothing));
    }

    #[test]
    fn what_is_no_command_is_answered_here() {
        let (mut monitor, _socket, mut fds) = monitor();
        let mut ask = |line: &[u8]| String::from_utf8(monitor.command(1, line, &mut fds).unwrap()).unwrap();
        assert_eq!(ask(br#"{"execute":"qmp_capabilities","id":3}"#), "{\"id\":3,\"return\":{}}\n");
        assert!(ask(b"[]").contains("a command that is no JSON object"));
        assert!(ask(br#"{"id":4}"#).contains("a command without a name"));
    }

    #[test]
    fn a_closed_monitor_answers_everybody() {
        let (mut monitor, _socket, mut fds) = monitor();
        monitor.command(1, br#"{"execute":"stop","id":7}"#, &mut fds);
        monitor.command(2, br#"{"execute":"stop"}"#, &mut fds);
        monitor.forget(2);
        let answers: Vec<u64> = monitor.abandon().into_iter().map(|(session, _)| session).collect();
        assert_eq!(answers, [1, 0]);
    }
}

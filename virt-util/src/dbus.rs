//! As much of D-Bus as one method call takes: no bus client is worth its weight for the one thing that is asked of systemd.
//!
//! Messages are little-endian; values are aligned to their size, as the specification has it.

use std::path::Path;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::unistd::geteuid;

use crate::socket::Socket;
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result};

use std::os::fd::AsRawFd;

/// The longest message that is read, in bytes; the specification allows more, the answers here are short.
const LONGEST: usize = 1 << 20;

/// A message's body while it is written.
#[derive(Default)]
pub(crate) struct Body(Vec<u8>);

impl Body {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.align(4);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn bool(&mut self, value: bool) -> &mut Self {
        self.u32(u32::from(value))
    }

    /// A string or an object's path.
    pub(crate) fn string(&mut self, value: &str) -> &mut Self {
        self.u32(value.len() as u32);
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(0);
        self
    }

    /// A signature, which also begins a variant.
    pub(crate) fn signature(&mut self, value: &str) -> &mut Self {
        self.0.push(value.len() as u8);
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(0);
        self
    }

    /// An array, whose elements `fill` writes and `alignment` aligns.
    pub(crate) fn array(&mut self, alignment: usize, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.u32(0);
        let length_at = self.0.len() - 4;
        self.align(alignment);
        let begin = self.0.len();
        fill(self);
        let length = (self.0.len() - begin) as u32;
        if let Some(place) = self.0.get_mut(length_at..length_at + 4) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        self
    }

    /// Begins a structure.
    pub(crate) fn structure(&mut self) -> &mut Self {
        self.align(8);
        self
    }
}

/// A received message, as far as it is of interest.
#[derive(Debug, Default)]
pub(crate) struct Message {
    kind: u8,
    reply_to: Option<u32>,
    /// A signal's name.
    pub(crate) member: Option<String>,
    error: Option<String>,
    body: Vec<u8>,
}

impl Message {
    /// Reads the body from its beginning.
    pub(crate) fn body(&self) -> Reader<'_> {
        Reader { data: &self.body, at: 0 }
    }
}

/// Reads values; nothing at the end, or where there is something else.
pub(crate) struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn bytes(&mut self, count: usize) -> Option<&[u8]> {
        let bytes = self.data.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(bytes)
    }

    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn u8(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.align(4);
        Some(u32::from_le_bytes(self.bytes(4)?.try_into().ok()?))
    }

    pub(crate) fn string(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        let text = self.bytes(length)?.to_vec();
        self.u8()?;
        String::from_utf8(text).ok()
    }

    fn signature(&mut self) -> Option<String> {
        let length = self.u8()? as usize;
        let text = self.bytes(length)?.to_vec();
        self.u8()?;
        String::from_utf8(text).ok()
    }
}

/// What is called, of whom.
pub(crate) struct Call<'a> {
    pub(crate) destination: &'a str,
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) member: &'a str,
    pub(crate) signature: &'a str,
    pub(crate) body: Body,
}

/// A connection to a bus, or to a service without one.
pub(crate) struct Connection<'a> {
    socket: Socket,
    serial: u32,
    incoming: Vec<u8>,
    wait: Wait<'a>,
}

impl<'a> Connection<'a> {
    /// Connects and says who we are. `wait` is for all that is done over the connection.
    pub(crate) fn open(path: &Path, is_bus: bool, wait: Wait<'a>) -> Result<Self> {
        let cannot = |errno| {
            Error::system(ErrorDomain::DBUS, format!("cannot connect to '{}'", path.display()), errno)
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(cannot)?;
        let address = UnixAddr::new(path).map_err(cannot)?;
        connect(fd.as_raw_fd(), &address).map_err(cannot)?;
        let mut this = Self { socket: Socket::from(fd), serial: 0, incoming: Vec::new(), wait };
        let user: String = geteuid().to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
        this.socket.send(format!("\0AUTH EXTERNAL {user}\r\n").as_bytes(), &[], wait)?;
        let answer = this.line()?;
        if !answer.starts_with("OK ") {
            return Err(broken(&format!("it answered '{answer}' to our name")));
        }
        this.socket.send(b"BEGIN\r\n", &[], wait)?;
        if is_bus {
            const BUS: &str = "org.freedesktop.DBus";
            let (path, member, body) = ("/org/freedesktop/DBus", "Hello", Body::default());
            this.call(Call { destination: BUS, path, interface: BUS, member, signature: "", body })?;
        }
        Ok(this)
    }

    fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.incoming.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.incoming.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(line.get(..end).unwrap_or_default()).into_owned());
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<()> {
        if self.incoming.len() > LONGEST {
            return Err(broken("a message is too long"));
        }
        let mut buffer = [0; 4096];
        let count = self.socket.receive(&mut buffer, &mut Vec::new(), self.wait)?;
        if count == 0 {
            return Err(broken("it closed the connection"));
        }
        self.incoming.extend_from_slice(buffer.get(..count).unwrap_or_default());
        Ok(())
    }

    /// Calls a method and waits for its answer; signals that come before it go to `signal`.
    pub(crate) fn call_with(&mut self, call: Call<'_>, mut signal: impl FnMut(Message)) -> Result<Message> {
        self.serial += 1;
        let serial = self.serial;
        let message = call.message(serial);
        self.socket.send(&message, &[], self.wait)?;
        loop {
            let message = self.next()?;
            match message.kind {
                _ if message.reply_to != Some(serial) => signal(message),
                3 => {
                    let words = message.body().string().unwrap_or_default();
                    let name = message.error.unwrap_or_default();
                    return Err(Error::new(
                        ErrorCode::DBUS_SERVICE,
                        ErrorDomain::DBUS,
                        format!("{name}: {words}"),
                    ));
                }
                _ => return Ok(message),
            }
        }
    }

    /// Calls a method and waits for its answer.
    pub(crate) fn call(&mut self, call: Call<'_>) -> Result<Message> {
        self.call_with(call, drop)
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Result<Message> {
        loop {
            match parse(&self.incoming) {
                Some((message, length)) => {
                    self.incoming.drain(..length);
                    return message.ok_or_else(|| broken("a message is not understood"));
                }
                None => self.fill()?,
            }
        }
    }
}

impl Call<'_> {
    fn message(&self, serial: u32) -> Vec<u8> {
        const METHOD_CALL: u8 = 1;
        let mut message = Body(vec![b'l', METHOD_CALL, 0, 1]);
        message.u32(self.body.0.len() as u32).u32(serial);
        message.array(8, |fields| {
            let named = [
                (1, "o", self.path),
                (2, "s", self.interface),
                (3, "s", self.member),
                (6, "s", self.destination),
            ];
            for (code, kind, value) in named {
                fields.structure().0.push(code);
                fields.signature(kind).string(value);
            }
            if !self.signature.is_empty() {
                fields.structure().0.push(8);
                fields.signature("g").signature(self.signature);
            }
        });
        message.align(8);
        message.0.extend_from_slice(&self.body.0);
        message.0
    }
}

/// The first message in `data` and how long it is; no message for one of the other byte order or the like. Nothing while it
/// is not whole.
fn parse(data: &[u8]) -> Option<(Option<Message>, usize)> {
    let mut reader = Reader { data, at: 0 };
    let (order, kind) = (reader.u8()?, reader.u8()?);
    reader.bytes(2)?;
    let (body, _serial, fields) = (reader.u32()? as usize, reader.u32()?, reader.u32()? as usize);
    let body_at = (16_usize.checked_add(fields)?).next_multiple_of(8);
    let length = body_at.checked_add(body)?;
    if order != b'l' || length > LONGEST {
        return Some((None, data.len()));
    }
    let body = data.get(body_at..length)?.to_vec();
    let mut message = Message { kind, body, ..Message::default() };
    let mut reader = Reader { data: data.get(..16 + fields)?, at: 16 };
    let mut fields = || -> Option<()> {
        while reader.at < reader.data.len() {
            reader.align(8);
            let code = reader.u8()?;
            match (code, reader.signature()?.as_str()) {
                (3, "s") => message.member = Some(reader.string()?),
                (4, "s") => message.error = Some(reader.string()?),
                (5, "u") => message.reply_to = Some(reader.u32()?),
                (_, "s" | "o") => drop(reader.string()?),
                (_, "g") => drop(reader.signature()?),
                (_, "u") => drop(reader.u32()?),
                _ => return None,
            }
        }
        Some(())
    };
    let understood = fields();
    Some((understood.map(|()| message), length))
}

fn broken(what: &str) -> Error {
    Error::internal(ErrorDomain::DBUS, format!("D-Bus: {what}"))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_real_bus_understands_us() {
        let daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nosyslog", "--print-address=1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut daemon) = daemon else {
            eprintln!("skipped: there is no dbus-daemon here");
            return;
        };
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let path = address
            .trim()
            .strip_prefix("unix:path=")
            .and_then(|rest| rest.split(',').next())
            .map(str::to_owned);
        let outcome = std::panic::catch_unwind(|| {
            let path = path.expect("a path");
            let wait = Wait::at_most(Duration::from_secs(20));
            let mut bus = Connection::open(Path::new(&path), true, wait).unwrap();
            // The bus checks the body against the signature, and closes the connection if they differ; only then does it
            // find that nobody here has that name.
            let call = crate::systemd::scope_call("virt-a.scope", "a guest", &[1, 2], Some("machine.slice"));
            let error = bus.call(call).unwrap_err();
            assert_eq!(error.code(), ErrorCode::DBUS_SERVICE, "{error}");
            let mut body = Body::default();
            body.string("org.freedesktop.DBus");
            let answer = bus.call(Call {
                destination: "org.freedesktop.DBus",
                path: "/org/freedesktop/DBus",
                interface: "org.freedesktop.DBus",
                member: "GetNameOwner",
                signature: "s",
                body,
            });
            assert_eq!(answer.unwrap().body().string().as_deref(), Some("org.freedesktop.DBus"));
        });
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        outcome.unwrap();
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let call = crate::systemd::scope_call("virt-a.scope", "a guest", &[1], None);
        let whole = call.message(7);
        assert!(matches!(parse(&whole), Some((Some(_), length)) if length == whole.len()));
        for cut in 0..whole.len() {
            assert!(parse(&whole[..cut]).is_none(), "{cut}");
            for byte in [0, 1, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[cut] = byte;
                let _ = parse(&damaged).map(|(message, _)| message.map(|message| message.body().string()));
            }
        }
    }
}

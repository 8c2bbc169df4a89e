//! `-chardev`: the host's end of consoles, channels and the like, as options or as JSON.

use virt_conf::model::{
    CharLog, CharSocketMode, CharSource, CharTcpProtocol, MouseMode, Reconnect, Switch, TcpCharSource,
    UdpCharSource,
};
use virt_util::Result;

use super::builder::{Builder, internal, unsupported};
use super::{Descriptor, Props, SecretIdentifier, SecretUsage};
use crate::caps::Flag;

/// What a character device is the host's end of; it decides some names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A serial port, a console.
    Serial,
    /// A parallel port.
    Parallel,
    /// A channel to the guest.
    Channel,
    /// A smart card reader.
    Smartcard,
    /// A redirected USB device.
    Redirection,
    /// Another process of the hypervisor: no `wait=off`, paths instead of descriptors.
    Helper,
}

/// A backend in both of QEMU's spellings.
///
/// JSON nests what the options keep flat, and leaves out what is empty.
struct Backend {
    kind: &'static str,
    options: Props,
    json: Props,
}

impl Backend {
    fn new(kind: &'static str) -> Self {
        Self { kind, options: Props::new(), json: Props::new() }
    }

    /// The same word in both spellings.
    fn both(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        let value = value.into();
        self.options.set(key, value.clone());
        self.json.set(key, value);
        self
    }

    /// A word that JSON calls otherwise.
    fn named(mut self, option: &str, json: &str, value: &str) -> Self {
        self.options.set(option, value);
        self.json.set(json, value);
        self
    }
}

fn address(kind: &str, data: Props) -> Props {
    Props::new().text("type", kind).nested("data", data)
}

impl Builder<'_, '_> {
    /// Adds the character device `charALIAS` and what it needs; gives its id.
    pub(crate) fn chardev(
        &mut self,
        alias: &str,
        source: &CharSource,
        log: Option<&CharLog>,
        purpose: Purpose,
    ) -> Result<String> {
        let id = format!("char{alias}");
        let backend = self.chardev_backend(alias, &id, source, purpose)?;
        let log =
            log.and_then(|log| log.file.clone().map(|path| (path, log.append))).map(|(path, append)| {
                let append = append == Some(Switch::On);
                let log = Descriptor::ChardevLog { alias: alias.to_owned(), path, append };
                self.descriptor_set(vec![(log, format!("{alias}-log"))])
            });
        let backend = match log {
            Some(path) => backend.both("logfile", path).both("logappend", true),
            None => backend,
        };
        self.write_chardev(&id, backend);
        Ok(id)
    }

    fn write_chardev(&mut self, id: &str, backend: Backend) {
        let value = if self.has(Flag::ChardevJson) {
            let inner = Props::new().text("type", backend.kind).nested("data", backend.json);
            Props::new().text("id", id).nested("backend", inner).to_json()
        } else {
            let mut props = Props::new().text("kind", backend.kind).text("id", id);
            props.extend(backend.options);
            props.to_options(Some("kind"))
        };
        self.line.option("-chardev", value);
    }

    /// Adds the socket to a vhost-user process.
    pub(crate) fn vhost_user_chardev(&mut self, id: &str, path: &str, reconnect: Option<&Reconnect>) {
        let mut backend = Backend::new("socket");
        backend.options.set("path", path);
        backend.json.set("addr", address("unix", Props::new().text("path", path)));
        let backend = self.reconnect(backend, reconnect);
        self.write_chardev(id, backend);
    }

    /// Adds a listening or connecting socket of a helper process.
    pub(crate) fn socket_chardev(&mut self, id: &str, path: &str, server: bool, wait: Option<bool>) {
        let mut backend = Backend::new("socket");
        backend.options.set("path", path);
        backend.json.set("addr", address("unix", Props::new().text("path", path)));
        backend = if server { backend.both("server", true) } else { backend };
        if let Some(wait) = wait {
            backend = backend.both("wait", wait);
        }
        self.write_chardev(id, backend);
    }

    /// Adds a socket that is handed over open.
    pub(crate) fn descriptor_chardev(&mut self, id: &str, descriptor: Descriptor, listening: bool) {
        let fd = self.descriptor(descriptor).to_string();
        let mut backend = Backend::new("socket");
        backend.options.set("fd", fd.as_str());
        backend.json.set("addr", address("fd", Props::new().text("str", fd)));
        if listening {
            backend = backend.both("server", true).both("wait", false);
        }
        self.write_chardev(id, backend);
    }

    fn reconnect(&self, backend: Backend, reconnect: Option<&Reconnect>) -> Backend {
        let Some(Reconnect { enabled: Some(enabled), timeout }) = reconnect else { return backend };
        let seconds = if *enabled { timeout.unwrap_or(0) } else { 0 };
        if self.has(Flag::ChardevReconnectMiliseconds) {
            backend.both("reconnect-ms", u64::from(seconds) * 1000)
        } else {
            backend.both("reconnect", seconds)
        }
    }

    fn chardev_backend(
        &mut self,
        alias: &str,
        id: &str,
        source: &CharSource,
        purpose: Purpose,
    ) -> Result<Backend> {
        let path = || source.path().unwrap_or_default();
        Ok(match source {
            CharSource::Null => Backend::new("null"),
            CharSource::Vc => Backend::new("vc"),
            CharSource::Pty(_) => Backend::new("pty"),
            CharSource::Stdio => Backend::new("stdio"),
            CharSource::Dev(_) => {
                let kind = if purpose == Purpose::Parallel { "parallel" } else { "serial" };
                Backend::new(kind).named("path", "device", path())
            }
            CharSource::Pipe(_) => Backend::new("pipe").named("path", "device", path()),
            CharSource::File(file) => {
                let append = file.append == Some(Switch::On);
                let file =
                    Descriptor::ChardevFile { alias: alias.to_owned(), path: path().to_owned(), append };
                let opened = self.descriptor_set(vec![(file, format!("{alias}-source"))]);
                // The one that opened the file truncated it already, if it had to be.
                Backend::new("file").named("path", "out", &opened).both("append", true)
            }
            CharSource::Udp(udp) => udp_backend(udp),
            CharSource::Tcp(tcp) => self.tcp_backend(alias, id, tcp)?,
            CharSource::Unix(unix) => {
                let listening = unix.mode == Some(CharSocketMode::Bind);
                let mut backend = Backend::new("socket");
                if listening && purpose != Purpose::Helper {
                    let socket =
                        Descriptor::ChardevSocket { alias: alias.to_owned(), path: path().to_owned() };
                    let fd = self.descriptor(socket).to_string();
                    backend.options.set("fd", fd.as_str());
                    backend.json.set("addr", address("fd", Props::new().text("str", fd)));
                } else {
                    backend.options.set("path", path());
                    backend.json.set("addr", address("unix", Props::new().text("path", path())));
                }
                self.socket_mode(backend, listening, purpose != Purpose::Helper, unix.reconnect.as_ref())
            }
            CharSource::SpiceVmc => {
                let name = match purpose {
                    Purpose::Smartcard => "smartcard",
                    Purpose::Redirection => "usbredir",
                    _ => "vdagent",
                };
                Backend::new("spicevmc").named("name", "type", name)
            }
            CharSource::SpicePort(port) => {
                Backend::new("spiceport").named("name", "fqdn", port.channel.as_deref().unwrap_or_default())
            }
            CharSource::QemuVdagent(agent) => {
                let mut backend = Backend::new("qemu-vdagent");
                backend.options.set("name", "vdagent");
                if let Some(shared) = agent.clipboard {
                    backend = backend.both("clipboard", shared);
                }
                match agent.mouse {
                    Some(mode) => backend.both("mouse", mode == MouseMode::Client),
                    None => backend,
                }
            }
            CharSource::Dbus(dbus) => {
                Backend::new("dbus").both("name", dbus.channel.clone().unwrap_or_default())
            }
            CharSource::Nmdm(_) => return Err(unsupported("unsupported chardev 'nmdm'")),
        })
    }

    fn socket_mode(
        &self,
        mut backend: Backend,
        listening: bool,
        wait: bool,
        reconnect: Option<&Reconnect>,
    ) -> Backend {
        if listening {
            backend = backend.both("server", true);
            return if wait { backend.both("wait", false) } else { backend };
        }
        backend.json.set("server", false);
        self.reconnect(backend, reconnect)
    }

    fn tcp_backend(&mut self, alias: &str, id: &str, tcp: &TcpCharSource) -> Result<Backend> {
        let socket = &tcp.socket;
        let host = socket.host.as_deref().unwrap_or_default();
        let port = socket.service.as_deref().unwrap_or_default();
        let telnet = tcp.protocol == CharTcpProtocol::Telnet;
        let mut backend = Backend::new("socket");
        backend.options = Props::new().text("host", host).text("port", port).flag_if("telnet", telnet);
        backend.json = Props::new()
            .nested("addr", address("inet", Props::new().text("host", host).text("port", port)))
            .flag("telnet", telnet);
        let listening = socket.mode == CharSocketMode::Bind;
        let mut backend = self.socket_mode(backend, listening, true, socket.reconnect.as_ref());
        let tls = socket.tls.unwrap_or(self.launch.settings.chardev_tls);
        if tls {
            let creds = self.chardev_tls(alias, id, listening)?;
            backend = backend.both("tls-creds", creds);
        }
        Ok(backend)
    }

    fn chardev_tls(&mut self, _alias: &str, id: &str, listening: bool) -> Result<String> {
        let settings = self.launch.settings;
        let creds = format!("obj{id}_tls0");
        let mut props = Props::object("tls-creds-x509", &creds)
            .text("dir", &settings.chardev_tls_dir)
            .text("endpoint", if listening { "server" } else { "client" })
            .flag("verify-peer", if listening { settings.chardev_tls_verify } else { true });
        if let Some(uuid) = settings.chardev_tls_secret.clone() {
            let secret = format!("{id}-secret0");
            self.secret(&secret, &SecretUsage { kind: "tls", identifier: SecretIdentifier::Uuid(uuid) })?;
            props = props.text("passwordid", secret);
        }
        self.object(&props);
        Ok(creds)
    }

    /// The monitor's chardev and `-mon`.
    pub(crate) fn monitor(&mut self) {
        self.descriptor_chardev("charmonitor", Descriptor::Monitor, true);
        self.line.option("-mon", "chardev=charmonitor,id=monitor,mode=control");
    }
}

fn udp_backend(udp: &UdpCharSource) -> Backend {
    let part = |text: Option<&String>| text.cloned().unwrap_or_default();
    let remote = udp.connect();
    let remote_host = part(remote.and_then(|end| end.host.as_ref()));
    let remote_port = part(remote.and_then(|end| end.service.as_ref()));
    let local = udp.bind();
    let local_host = part(local.and_then(|end| end.host.as_ref()));
    let local_port = local.and_then(|end| end.service.clone()).unwrap_or_else(|| "0".to_owned());
    let inet = |host: &str, port: &str| address("inet", Props::new().text("host", host).text("port", port));
    let mut backend = Backend::new("udp");
    backend.json = Props::new().nested("remote", inet(&remote_host, &remote_port));
    if local.is_some_and(|end| end.host.is_some() || end.service.is_some()) {
        backend.json = backend.json.nested("local", inet(&local_host, &local_port));
    }
    backend.options = Props::new()
        .text("host", remote_host)
        .text("port", remote_port)
        .text("localaddr", local_host)
        .text("localport", local_port);
    backend
}

/// The part of a TCP address that a channel's forwarding names.
pub(crate) fn required<'a>(value: Option<&'a String>, what: &str) -> Result<&'a str> {
    value.map(String::as_str).ok_or_else(|| internal(format!("missing {what}")))
}

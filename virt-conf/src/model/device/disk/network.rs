//! `<source>` of a disk on a server.

use super::SourceCommon;
use crate::error::refuse;
use crate::xml::{
    Codec, Error, ErrorCode, ErrorDomain, Expected, Kind, Reader, Result, Value, Xml, XmlValue,
};

/// `type='network'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(after_read = NetworkDiskSource::settle)]
pub struct NetworkDiskSource {
    /// How the server is spoken to.
    #[xml(attr)]
    pub protocol: Option<NetworkDiskProtocol>,
    /// What to open there: `pool/image`, `volume/path`, a target's name, a path.
    #[xml(attr)]
    pub name: Option<String>,
    /// HTTP: what follows the `?` of the address.
    #[xml(attr)]
    pub query: Option<String>,
    /// NBD and VxHS: whether the connection is encrypted; default: as the driver is configured.
    #[xml(attr)]
    pub tls: Option<bool>,
    /// Whether the driver's configuration said so.
    #[xml(attr = "tlsFromConfig", status)]
    pub tls_from_config: Option<u32>,
    /// NBD: name expected in the server's certificate; default: the host's.
    #[xml(attr = "tlsHostname")]
    pub tls_hostname: Option<String>,
    /// The servers; Ceph and Gluster may have several.
    #[xml(child)]
    pub hosts: Vec<NetworkHost>,
    /// RBD: snapshot to open.
    #[xml(attr = "snapshot/@name")]
    pub snapshot: Option<String>,
    /// RBD: path of Ceph's configuration.
    #[xml(attr = "config/@file")]
    pub config_file: Option<String>,
    /// iSCSI: name by which the emulator introduces itself.
    #[xml(attr = "initiator/iqn/@name", unless_empty)]
    pub initiator: Option<String>,
    /// HTTPS and FTPS: whether the server's certificate is checked; default: yes.
    #[xml(attr = "ssl/@verify")]
    pub ssl_verify: Option<bool>,
    /// HTTP: cookies sent along.
    #[xml(child, default)]
    pub cookies: HttpCookies,
    /// HTTP, FTP, SSH: bytes read ahead; 0: the driver's default.
    #[xml(attr = "readahead/@size", omit)]
    pub readahead: u64,
    /// HTTP, FTP, SSH: seconds until a request fails; 0: the driver's default.
    #[xml(attr = "timeout/@seconds", omit)]
    pub timeout: u64,
    /// NBD: seconds during which a lost connection is made again; 0: not at all.
    #[xml(attr = "reconnect/@delay", omit)]
    pub reconnect_delay: u32,
    /// SSH: path of the file of known hosts.
    #[xml(attr = "knownHosts/@path")]
    pub known_hosts: Option<String>,
    /// NFS and SSH: as whom files are opened.
    #[xml(child, default)]
    pub identity: NetworkIdentity,
    /// What sources of every kind have.
    #[xml(flatten)]
    pub common: SourceCommon,
}

impl NetworkDiskSource {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let Some(protocol) = self.protocol else { return Err(reader.missing_attr(&[], "protocol")) };
        match &self.name {
            None if protocol != NetworkDiskProtocol::Nbd => {
                return Err(reader.refuse("missing name for disk source"));
            }
            Some(name)
                if matches!(protocol, NetworkDiskProtocol::Gluster | NetworkDiskProtocol::Rbd)
                    && name.split_once('/').is_none_or(|(pool, _)| pool.is_empty()) =>
            {
                return Err(reader.refuse(format!("can't split path '{name}' into pool name and image name")));
            }
            _ => {}
        }
        if !matches!(protocol, NetworkDiskProtocol::Nfs | NetworkDiskProtocol::Ssh) {
            self.identity = NetworkIdentity::default();
        }
        if !matches!(protocol, NetworkDiskProtocol::Http | NetworkDiskProtocol::Https) {
            self.cookies = HttpCookies::default();
        }
        Ok(())
    }

    /// What it is called on the server: without the pool that Ceph and Gluster have before it.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        let name = self.name.as_deref()?;
        match self.protocol {
            Some(NetworkDiskProtocol::Rbd | NetworkDiskProtocol::Gluster) => {
                Some(name.split_once('/').map_or(name, |(_, image)| image))
            }
            _ => Some(name),
        }
    }
}

/// Protocols of disks on servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, XmlValue)]
pub enum NetworkDiskProtocol {
    /// Network block device.
    Nbd,
    /// Ceph.
    Rbd,
    /// Sheepdog.
    Sheepdog,
    /// Gluster.
    Gluster,
    /// iSCSI.
    Iscsi,
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// FTP.
    Ftp,
    /// FTP over TLS.
    Ftps,
    /// TFTP.
    Tftp,
    /// SFTP.
    Ssh,
    /// Veritas.
    Vxhs,
    /// NFS, without the kernel.
    Nfs,
}

impl NetworkDiskProtocol {
    /// The port where a server is expected; none for protocols that find it by themselves.
    #[must_use]
    pub fn default_port(self) -> Option<u32> {
        match self {
            Self::Nbd => Some(10809),
            Self::Sheepdog => Some(7000),
            Self::Gluster => Some(24007),
            Self::Iscsi => Some(3260),
            Self::Http => Some(80),
            Self::Https => Some(443),
            Self::Ftp => Some(21),
            Self::Ftps => Some(990),
            Self::Tftp => Some(69),
            Self::Ssh => Some(22),
            Self::Vxhs => Some(9999),
            Self::Rbd | Self::Nfs => None,
        }
    }
}

/// One server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "host", after_read = NetworkHost::settle)]
pub struct NetworkHost {
    /// Host name or address.
    #[xml(attr)]
    pub name: Option<String>,
    /// Port; absent: the protocol's.
    #[xml(attr, with = PortNumber)]
    pub port: Option<u32>,
    /// How it is reached; default: TCP.
    #[xml(attr, omit)]
    pub transport: HostTransport,
    /// Path of the socket, with `transport='unix'`.
    #[xml(attr)]
    pub socket: Option<String>,
}

impl NetworkHost {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match (self.transport, &self.name, &self.socket) {
            (HostTransport::Unix, _, None) => Err(reader.refuse("missing socket for unix transport")),
            (HostTransport::Unix, _, Some(_)) => Ok(()),
            (transport, _, Some(_)) => {
                Err(reader.refuse(format!("transport '{transport}' does not support socket attribute")))
            }
            (_, None, None) => Err(reader.refuse("missing name for host")),
            (_, Some(_), None) => Ok(()),
        }
    }
}

/// A port, 0 to 65535, in libvirt's words.
#[derive(Debug)]
pub(crate) enum PortNumber {}

impl Codec<u32> for PortNumber {
    const KIND: Kind = <u16 as Value>::KIND;

    fn parse(text: &str) -> std::result::Result<u32, Expected> {
        let wrong = |sentence: String| Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, sentence);
        match <u32 as Value>::parse(text) {
            Ok(port) if port <= u16::MAX.into() => Ok(port),
            Ok(_) => Err(wrong(format!("port '{text}' out of range")).into()),
            Err(_) => Err(wrong(format!("failed to parse port number '{text}'")).into()),
        }
    }

    fn format(value: &u32, out: &mut String) {
        value.format(out);
    }
}

/// How a server is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, XmlValue)]
pub enum HostTransport {
    /// TCP.
    #[default]
    Tcp,
    /// A UNIX socket.
    Unix,
    /// RDMA.
    Rdma,
}

/// Cookies sent to a web server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cookies", after_read = HttpCookies::settle)]
pub struct HttpCookies {
    /// In the order in which they are sent.
    #[xml(child, key = "@name", unordered)]
    pub cookies: Vec<HttpCookie>,
}

/// A name and a value that are sent with every HTTP request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cookie", after_read = HttpCookie::settle)]
pub struct HttpCookie {
    /// What it is called.
    #[xml(attr, missing = refuse("missing cookie name"))]
    pub name: String,
    /// What it says; secret.
    #[xml(text)]
    pub value: String,
}

impl HttpCookies {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let refuse = |sentence| Err(reader.error(ErrorCode::XML_ERROR, ErrorDomain::STORAGE, sentence));
        let plain =
            |text: &str, others: &str| text.chars().all(|c| c.is_ascii_graphic() && !others.contains(c));
        for (at, HttpCookie { name, value }) in self.cookies.iter().enumerate() {
            let inside = match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                Some(inside) => inside,
                None => value,
            };
            if self.cookies.iter().take(at).any(|other| other.name == *name) {
                return refuse(format!("duplicate cookie '{name}'"));
            }
            if !plain(name, "()<>@,;:\\\"/[]?={}") {
                return refuse(format!("cookie name '{name}' contains invalid characters"));
            }
            if !plain(inside, "\",;\\") {
                return refuse(format!("value of cookie '{name}' contains invalid characters"));
            }
        }
        Ok(())
    }
}

impl HttpCookie {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.name.is_empty() {
            return Err(reader.refuse("missing cookie name"));
        }
        if self.value.is_empty() {
            return Err(reader.refuse(format!("missing value for cookie '{}'", self.name)));
        }
        Ok(())
    }
}

/// As whom files on a server are opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "identity")]
pub struct NetworkIdentity {
    /// NFS: user, by name or number with a plus sign.
    #[xml(attr)]
    pub user: Option<String>,
    /// NFS: group, likewise.
    #[xml(attr)]
    pub group: Option<String>,
    /// SSH: user.
    #[xml(attr)]
    pub username: Option<String>,
    /// SSH: path of the private key.
    #[xml(attr)]
    pub keyfile: Option<String>,
    /// SSH: path of the agent's socket.
    #[xml(attr)]
    pub agentsock: Option<String>,
}

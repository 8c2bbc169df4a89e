//! `<dns>`: what a network's name server answers.

use std::net::IpAddr;

use crate::xml::{Xml, XmlValue};

/// What a network's name server answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "dns")]
pub struct NetworkDns {
    /// Whether there is one; yes by default.
    #[xml(attr)]
    pub enable: Option<bool>,
    /// Whether names without a domain are asked elsewhere; yes by default.
    #[xml(attr = "forwardPlainNames")]
    pub forward_plain_names: Option<bool>,
    /// Where else to ask; the host's own servers by default.
    #[xml(child)]
    pub forwarders: Vec<DnsForwarder>,
    /// Texts.
    #[xml(child)]
    pub txts: Vec<DnsTxt>,
    /// Names that are answered here, with their addresses.
    #[xml(child)]
    pub hosts: Vec<DnsHost>,
    /// Services.
    #[xml(child)]
    pub srvs: Vec<DnsSrv>,
}

/// Where else to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "forwarder")]
pub struct DnsForwarder {
    /// About which domain; about all by default.
    #[xml(attr)]
    pub domain: Option<String>,
    /// Whom; nobody else by default.
    #[xml(attr)]
    pub addr: Option<IpAddr>,
}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "txt")]
pub struct DnsTxt {
    /// What is asked for.
    #[xml(attr)]
    pub name: String,
    /// The text.
    #[xml(attr)]
    pub value: Option<String>,
}

/// An address, and the names that are answered with it.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "host")]
pub struct DnsHost {
    /// Its address.
    #[xml(attr)]
    pub ip: Option<IpAddr>,
    /// Its names.
    #[xml(child)]
    pub hostnames: Vec<DnsHostname>,
}

/// A host's name.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "hostname")]
pub struct DnsHostname {
    /// A host name, with or without a domain.
    #[xml(text)]
    pub name: String,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "srv")]
pub struct DnsSrv {
    /// Its name.
    #[xml(attr)]
    pub service: String,
    /// Its transport.
    #[xml(attr)]
    pub protocol: DnsProtocol,
    /// Its domain; the network's by default.
    #[xml(attr)]
    pub domain: Option<String>,
    /// The host that gives it; none by default.
    #[xml(attr)]
    pub target: Option<String>,
    /// The port, 1 to 65535.
    #[xml(attr, omit)]
    pub port: u32,
    /// The lower, the earlier it is tried, 0 to 65535.
    #[xml(attr, omit)]
    pub priority: u32,
    /// The share among equals, 0 to 65535.
    #[xml(attr, omit)]
    pub weight: u32,
}

/// A service's transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum DnsProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

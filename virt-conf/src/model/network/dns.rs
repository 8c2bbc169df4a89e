//! `<dns>`: what a network's name server answers.

use std::net::IpAddr;

use super::{detail, name_of, refuse};
use crate::xml::{Error, FormatOptions, Reader, Result, Xml};

/// What a network's name server answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "dns", after_read = NetworkDns::settle)]
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
    #[xml(child, key = "@name", unordered)]
    pub txts: Vec<DnsTxt>,
    /// Services.
    #[xml(child)]
    pub srvs: Vec<DnsSrv>,
    /// Names that are answered here, with their addresses.
    #[xml(child, key = "@ip", unordered)]
    pub hosts: Vec<DnsHost>,
}

/// Where else to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "forwarder", after_read = DnsForwarder::settle)]
pub struct DnsForwarder {
    /// About which domain; about all by default.
    #[xml(attr)]
    pub domain: Option<String>,
    /// Whom; nobody else by default.
    #[xml(
        attr,
        invalid = |text| refuse(format!("Invalid forwarder IP address '{text}' in network '{}'", name_of(r)))
    )]
    pub addr: Option<IpAddr>,
    /// The port at which to ask; 53 by default. Since 12.0.
    #[xml(attr)]
    pub port: Option<u16>,
}

/// A text.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "txt", after_read = DnsTxt::settle)]
pub struct DnsTxt {
    /// What is asked for, without blanks and commas.
    #[xml(
        attr,
        missing = detail(format!("missing required name attribute in DNS TXT record of network {}", name_of(r)))
    )]
    pub name: String,
    /// The text.
    #[xml(attr)]
    pub value: Option<String>,
}

/// An address, and the names that are answered with it.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "host", spread, after_read = DnsHost::settle)]
pub struct DnsHost {
    /// Its address.
    #[xml(
        attr,
        invalid = |_| detail(format!("Invalid IP address in network '{}' DNS HOST record", name_of(r)))
    )]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "srv", after_read = DnsSrv::settle)]
pub struct DnsSrv {
    /// Its name; only what tells which service to delete may lack it.
    #[xml(attr)]
    pub service: Option<String>,
    /// Its transport, `tcp` or `udp`; only what tells which service to delete may lack it.
    #[xml(attr)]
    pub protocol: Option<String>,
    /// Its domain; the network's by default.
    #[xml(attr)]
    pub domain: Option<String>,
    /// The host that gives it; none by default.
    #[xml(attr)]
    pub target: Option<String>,
    /// The port, 1 to 65535.
    #[xml(attr, when = not_zero, invalid = |_| unfit(r, "invalid DNS SRV port attribute"))]
    pub port: Option<u32>,
    /// The lower, the earlier it is tried, 0 to 65535.
    #[xml(attr, when = not_zero, invalid = |_| unfit(r, "Invalid DNS SRV priority attribute"))]
    pub priority: Option<u32>,
    /// The share among equals, 0 to 65535.
    #[xml(attr, when = not_zero, invalid = |_| unfit(r, "invalid DNS SRV weight attribute"))]
    pub weight: Option<u32>,
}

/// The most bytes that the name of a service has.
const SERVICE_LIMIT: usize = 512;

/// The highest port, priority and weight.
const LAST: u32 = 65_535;

impl NetworkDns {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let answers = self.forwarders.len() + self.hosts.len() + self.srvs.len() + self.txts.len();
        if self.enable == Some(false) && answers > 0 {
            return Err(reader.refuse(format!("Extra data in disabled network '{}'", name_of(reader))));
        }
        Ok(())
    }
}

impl DnsForwarder {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.domain.is_none() && self.addr.is_none() {
            return Err(
                reader.refuse("Invalid forwarder element, must contain at least one of addr or domain")
            );
        }
        Ok(())
    }
}

impl DnsTxt {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        if self.name.contains([' ', ',']) {
            return Err(reader.place(detail(format!(
                "prohibited character in DNS TXT record name '{}' of network {}",
                self.name,
                name_of(reader)
            ))));
        }
        if self.value.is_none() && !is_partial(reader) {
            return Err(reader.place(detail(format!(
                "missing required value attribute in DNS TXT record named '{}' of network {}",
                self.name,
                name_of(reader)
            ))));
        }
        Ok(())
    }
}

impl DnsHost {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let what = match (self.ip, self.hostnames.as_slice()) {
            (None, []) if is_partial(reader) => "ip and hostname",
            _ if is_partial(reader) => return Ok(()),
            (_, []) => "hostname",
            (None, _) => "IP address",
            (Some(_), [..]) => return Ok(()),
        };
        Err(reader.place(detail(format!("Missing {what} in network '{}' DNS HOST record", name_of(reader)))))
    }
}

impl DnsSrv {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        let name = name_of(reader);
        self.check(&name, is_partial(reader)).map_err(|error| reader.place(error))?;
        let numbers = [
            (self.port, 1, "DNS SRV port", "invalid DNS SRV port"),
            (self.priority, 0, "DNS SRV priority", "Invalid DNS SRV priority"),
            (self.weight, 0, "DNS SRV weight", "invalid DNS SRV weight"),
        ];
        for (number, first, what, wrong) in numbers {
            let Some(number) = number else { continue };
            if self.target.is_none() {
                return Err(reader.place(detail(format!(
                    "{what} attribute not permitted without target for service '{}' in network '{name}'",
                    self.service.as_deref().unwrap_or("(null)"),
                ))));
            }
            if !(first..=LAST).contains(&number) {
                return Err(reader.place(unfit(reader, &format!("{wrong} attribute"))));
            }
        }
        Ok(())
    }

    fn check(&self, network: &str, partial: bool) -> Result<()> {
        let word =
            |text: &str, more: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
        match self.service.as_deref() {
            None if !partial => {
                return Err(detail(format!(
                    "missing required service attribute in DNS SRV record of network '{network}'"
                )));
            }
            Some(service) if service.len() > SERVICE_LIMIT => {
                return Err(detail(format!(
                    "service attribute '{service}' in network '{network}' is too long, limit is {SERVICE_LIMIT} bytes"
                )));
            }
            Some(service) if !word(service, "_-+/*") => {
                return Err(detail(format!(
                    "invalid character in service attribute '{service}' in DNS SRV record of network '{network}'"
                )));
            }
            _ => {}
        }
        match self.protocol.as_deref() {
            None if !partial => Err(detail(format!(
                "missing required protocol attribute in DNS SRV record '{}' of network '{network}'",
                self.service.as_deref().unwrap_or_default()
            ))),
            Some(protocol) if !word(protocol, "-+/") => Err(detail(format!(
                "invalid character in protocol attribute '{protocol}' in DNS SRV record of network '{network}'"
            ))),
            _ => Ok(()),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the derive hands over the field as it is")]
fn not_zero(number: &u32, _: FormatOptions) -> bool {
    *number != 0
}

/// Whether the element stands alone and only has to say which one is meant.
fn is_partial(reader: &Reader<'_, '_>) -> bool {
    reader.fragment().is_some_and(|fragment| fragment.partial)
}

/// A number of a service that does not fit.
fn unfit(reader: &Reader<'_, '_>, what: &str) -> Error {
    let service = reader.attr_text("service").unwrap_or("(null)");
    detail(format!("{what} for service '{service}' in network '{}'", name_of(reader)))
}

//! Changing one element of a network, as `virsh net-update` asks for it.

use super::{
    DhcpHost, DhcpRange, DnsHost, DnsSrv, DnsTxt, ForwardDevice, Network, NetworkIp, PortGroup, refuse,
};
use crate::xml::{Element, Error, ErrorCode, ErrorDomain, Fragment, Result, XmlValue, fragment};

/// What of a network is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum NetworkSection {
    /// The bridge; libvirt does not change it.
    Bridge,
    /// The DNS domain; libvirt does not change it.
    Domain,
    /// An address of the host; libvirt does not change it.
    Ip,
    /// An address for one guest.
    #[xml("ip-dhcp-host")]
    IpDhcpHost,
    /// Addresses for anybody.
    #[xml("ip-dhcp-range")]
    IpDhcpRange,
    /// The way to the world; libvirt does not change it.
    Forward,
    /// A device of the host that traffic leaves through.
    #[xml("forward-interface")]
    ForwardInterface,
    /// The SR-IOV device whose functions are handed out; libvirt does not change it.
    #[xml("forward-pf")]
    ForwardPf,
    /// A class of ports.
    PortGroup,
    /// A name that is answered with an address.
    #[xml("dns-host")]
    DnsHost,
    /// A text.
    #[xml("dns-txt")]
    DnsTxt,
    /// A service.
    #[xml("dns-srv")]
    DnsSrv,
}

/// How an element of a network is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum NetworkUpdate {
    /// The one that is meant is replaced.
    Modify,
    /// The one that is meant goes.
    Delete,
    /// A new one comes before all others.
    #[xml("add-first")]
    AddFirst,
    /// A new one comes after all others.
    #[xml("add-last")]
    AddLast,
}

impl NetworkUpdate {
    fn adds(self) -> bool {
        matches!(self, Self::AddFirst | Self::AddLast)
    }

    fn add<T>(self, list: &mut Vec<T>, element: T) {
        list.insert(if self == Self::AddFirst { 0 } else { list.len() }, element);
    }
}

impl Network {
    /// Changes one element. `parent` counts the `<ip>` elements; without it the one with DHCP is meant, or the first.
    ///
    /// ```
    /// use virt_conf::model::{Network, NetworkSection, NetworkUpdate};
    ///
    /// let mut network: Network = "<network><name>lab</name></network>".parse()?;
    /// let text = "<host ip='192.168.7.2'><hostname>printer</hostname></host>";
    /// network.update(NetworkSection::DnsHost, NetworkUpdate::AddLast, None, text)?;
    /// assert_eq!(network.dns.unwrap().hosts.len(), 1);
    /// # Ok::<(), virt_conf::xml::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// With libvirt's sentence, when the text is not such an element, the one that is meant is not there, or a new one
    /// is there already. The network is then as it was.
    pub fn update(
        &mut self,
        section: NetworkSection,
        command: NetworkUpdate,
        parent: Option<usize>,
        text: &str,
    ) -> Result<()> {
        match section {
            NetworkSection::Bridge
            | NetworkSection::Domain
            | NetworkSection::Ip
            | NetworkSection::Forward => Err(self.cannot_update(section.as_str())),
            NetworkSection::ForwardPf => Err(self.cannot_update("forward pf")),
            NetworkSection::IpDhcpHost => self.update_dhcp_host(command, parent, text),
            NetworkSection::IpDhcpRange => self.update_dhcp_range(command, parent, text),
            NetworkSection::ForwardInterface => self.update_forward_interface(command, text),
            NetworkSection::PortGroup => self.update_port_group(command, text),
            NetworkSection::DnsHost => self.update_dns_host(command, text),
            NetworkSection::DnsTxt => self.update_dns_txt(command, text),
            NetworkSection::DnsSrv => self.update_dns_srv(command, text),
        }
    }

    fn cannot_update(&self, section: &str) -> Error {
        not_supported(format!("can't update '{section}' section of network '{}'", self.name))
    }

    /// The element in `text`; with `partial` it only has to say which one is meant.
    fn read<T: Element>(&self, text: &str, partial: bool) -> Result<T> {
        let of = self.name.as_str();
        fragment(text, ErrorDomain::NETWORK, Fragment { of, partial }, |name| {
            refuse(format!(
                "unexpected element <{name}>, expecting <{}>, while updating network '{of}'",
                T::NAME
            ))
        })
    }

    fn position_of_ip(&self, parent: Option<usize>) -> Result<usize> {
        let serves = |ip: &NetworkIp| {
            ip.dhcp.as_ref().is_some_and(|dhcp| !(dhcp.ranges.is_empty() && dhcp.hosts.is_empty()))
        };
        let (found, which) = match parent {
            Some(at) => (self.ips.get(at).map(|_| at), format!("at index {at} ")),
            None => {
                let first = |wanted: &dyn Fn(&NetworkIp) -> bool| self.ips.iter().position(wanted);
                let found =
                    first(&serves).or_else(|| first(&|ip| !ip.is_ipv6())).or_else(|| first(&|_| true));
                (found, String::new())
            }
        };
        found.ok_or_else(|| {
            invalid(format!(
                "couldn't update dhcp host entry - no <ip> element found {which}in network '{}'",
                self.name
            ))
        })
    }

    /// Of each family, one address of the host's serves.
    fn check_single_dhcp(&self, at: usize) -> Result<()> {
        let is_ipv6 = self.ips.get(at).is_some_and(NetworkIp::is_ipv6);
        let others =
            self.ips.iter().enumerate().filter(|(other, ip)| *other != at && ip.is_ipv6() == is_ipv6);
        let mut serving = others.filter_map(|(_, ip)| ip.dhcp.as_ref());
        if serving.any(|dhcp| !(dhcp.ranges.is_empty() && dhcp.hosts.is_empty())) {
            let family = if is_ipv6 { "IPv6" } else { "IPv4" };
            return Err(invalid(format!(
                "dhcp is supported only for a single {family} address on each network"
            )));
        }
        Ok(())
    }

    fn update_dhcp_host(&mut self, command: NetworkUpdate, parent: Option<usize>, text: &str) -> Result<()> {
        let partial = command == NetworkUpdate::Delete;
        let host: DhcpHost = self.read(text, partial)?;
        let at = self.position_of_ip(parent)?;
        let Some(ip) = self.ips.get(at) else { return Ok(()) };
        host.check(ip, &self.name, partial)?;
        if !partial && host.ip.is_some_and(|address| address.is_ipv6() != ip.is_ipv6()) {
            return Err(invalid(
                "the address family of a host entry IP must match the address family of the dhcp element's parent",
            ));
        }
        if command.adds() {
            self.check_single_dhcp(at)?;
        }
        let name = &self.name;
        let Some(ip) = self.ips.get_mut(at) else { return Ok(()) };
        let dhcp = ip.dhcp.get_or_insert_default();
        let mac = host.mac.map_or("unknown".to_owned(), |mac| mac.to_string());
        let address = host.ip.map_or("unknown".to_owned(), |ip| ip.to_string());
        let called = host.name.as_deref().unwrap_or("(null)");
        let meant =
            dhcp.hosts.iter().position(|other| if partial { host.means(other) } else { host.is_like(other) });
        match (command, meant) {
            (NetworkUpdate::Modify, Some(at)) => dhcp.hosts[at] = host,
            (NetworkUpdate::Modify, None) => {
                return Err(invalid(format!(
                    "couldn't locate an existing dhcp host entry with \"mac='{mac}'\" \"name='{called}'\" \"ip='{address}'\" in network '{name}'"
                )));
            }
            (NetworkUpdate::Delete, Some(at)) => drop(dhcp.hosts.remove(at)),
            (NetworkUpdate::Delete, None) => {
                return Err(invalid(format!(
                    "couldn't locate a matching dhcp host entry in network '{name}'"
                )));
            }
            (_, Some(_)) => {
                return Err(invalid(format!(
                    "there is an existing dhcp host entry in network '{name}' that matches \"<host mac='{mac}' name='{called}' ip='{address}'/>\""
                )));
            }
            (_, None) => command.add(&mut dhcp.hosts, host),
        }
        Ok(())
    }

    fn update_dhcp_range(&mut self, command: NetworkUpdate, parent: Option<usize>, text: &str) -> Result<()> {
        if command == NetworkUpdate::Modify {
            return Err(not_supported("dhcp ranges cannot be modified, only added or deleted"));
        }
        let at = self.position_of_ip(parent);
        let range: DhcpRange = match &at {
            Ok(_) => self.read(text, false)?,
            // Of an address that is not there, that is what is said, unless the element is another one.
            Err(_) => match self.read::<DhcpRange>(text, false) {
                Err(error) if error.message().contains("unexpected element") => return Err(error),
                _ => return at.map(drop),
            },
        };
        let at = at?;
        let Some(ip) = self.ips.get(at) else { return Ok(()) };
        range.check(ip)?;
        if command.adds() {
            self.check_single_dhcp(at)?;
        }
        let name = &self.name;
        let Some(ip) = self.ips.get_mut(at) else { return Ok(()) };
        let dhcp = ip.dhcp.get_or_insert_default();
        let same = dhcp.ranges.iter().position(|other| (other.start, other.end) == (range.start, range.end));
        match (command, same) {
            (NetworkUpdate::Delete, Some(at)) => drop(dhcp.ranges.remove(at)),
            (NetworkUpdate::Delete, None) => {
                return Err(invalid(format!(
                    "couldn't locate a matching dhcp range entry in network '{name}'"
                )));
            }
            (_, Some(_)) => {
                return Err(invalid(format!(
                    "there is an existing dhcp range entry in network '{name}' that matches \"<range start='{}' end='{}'/>\"",
                    range.start, range.end
                )));
            }
            (_, None) => command.add(&mut dhcp.ranges, range),
        }
        Ok(())
    }

    fn update_forward_interface(&mut self, command: NetworkUpdate, text: &str) -> Result<()> {
        if command == NetworkUpdate::Modify {
            return Err(not_supported("forward interface entries cannot be modified, only added or deleted"));
        }
        let device: ForwardDevice = self.read(text, false)?;
        let name = &self.name;
        let forward = self.forward.get_or_insert_default();
        let same = forward.interfaces.iter().position(|other| other.dev == device.dev);
        match (command, same) {
            (NetworkUpdate::Delete, Some(at)) => {
                if let Some(guests) = forward.interfaces[at].connections.filter(|guests| *guests > 0) {
                    return Err(invalid(format!(
                        "unable to delete interface '{}' in network '{name}'. It is currently being used by {guests} domains.",
                        device.dev
                    )));
                }
                forward.interfaces.remove(at);
            }
            (NetworkUpdate::Delete, None) => {
                return Err(invalid(format!(
                    "couldn't find an interface entry in network '{name}' matching <interface dev='{}'>",
                    device.dev
                )));
            }
            (_, Some(_)) => {
                return Err(invalid(format!(
                    "there is an existing interface entry in network '{name}' that matches \"<interface dev='{}'>\"",
                    device.dev
                )));
            }
            (_, None) => command.add(&mut forward.interfaces, device),
        }
        forward.name_device();
        Ok(())
    }

    fn update_port_group(&mut self, command: NetworkUpdate, text: &str) -> Result<()> {
        let group: PortGroup = self.read(text, false)?;
        let name = &self.name;
        let same = self.port_groups.iter().position(|other| other.name == group.name);
        match same {
            None if !command.adds() => {
                return Err(invalid(format!(
                    "couldn't find a portgroup entry in network '{name}' matching <portgroup name='{}'>",
                    group.name
                )));
            }
            Some(_) if command.adds() => {
                return Err(invalid(format!(
                    "there is an existing portgroup entry in network '{name}' that matches \"<portgroup name='{}'>\"",
                    group.name
                )));
            }
            _ => {}
        }
        let default = self.port_groups.iter().rposition(|other| other.default);
        if command != NetworkUpdate::Delete && group.default && default.is_some() && default != same {
            return Err(invalid(format!(
                "a different portgroup entry in network '{name}' is already set as the default. Only one default is allowed."
            )));
        }
        match same {
            Some(at) if command == NetworkUpdate::Delete => drop(self.port_groups.remove(at)),
            Some(at) => self.port_groups[at] = group,
            None => command.add(&mut self.port_groups, group),
        }
        Ok(())
    }

    fn update_dns_host(&mut self, command: NetworkUpdate, text: &str) -> Result<()> {
        let host: DnsHost = self.read(text, !command.adds())?;
        let name = &self.name;
        let dns = self.dns.get_or_insert_default();
        let is_meant = |other: &DnsHost| {
            let same_address = host.ip.is_some() && host.ip == other.ip;
            let shares_name = || host.hostnames.iter().any(|name| other.hostnames.contains(name));
            same_address || command == NetworkUpdate::Delete && shares_name()
        };
        let meant: Vec<usize> = (0..dns.hosts.len()).filter(|at| is_meant(&dns.hosts[*at])).collect();
        match meant.as_slice() {
            [] if command.adds() => command.add(&mut dns.hosts, host),
            _ if command.adds() => {
                return Err(invalid(format!(
                    "there is already at least one DNS HOST record with a matching field in network {name}"
                )));
            }
            [] => {
                return Err(invalid(format!("couldn't locate a matching DNS HOST record in network {name}")));
            }
            [at] if command == NetworkUpdate::Delete => drop(dns.hosts.remove(*at)),
            [at] => dns.hosts[*at] = host,
            _ => {
                return Err(invalid(format!(
                    "multiple matching DNS HOST records were found in network {name}"
                )));
            }
        }
        Ok(())
    }

    fn update_dns_txt(&mut self, command: NetworkUpdate, text: &str) -> Result<()> {
        let txt: DnsTxt = self.read(text, !command.adds())?;
        let name = &self.name;
        let dns = self.dns.get_or_insert_default();
        let same = dns.txts.iter().position(|other| other.name == txt.name);
        match (command, same) {
            (NetworkUpdate::AddFirst | NetworkUpdate::AddLast, None) => command.add(&mut dns.txts, txt),
            (NetworkUpdate::AddFirst | NetworkUpdate::AddLast, Some(_)) => {
                return Err(invalid(format!(
                    "there is already a DNS TXT record with name '{}' in network {name}",
                    txt.name
                )));
            }
            (_, None) => {
                return Err(invalid(format!("couldn't locate a matching DNS TXT record in network {name}")));
            }
            (NetworkUpdate::Delete, Some(at)) => drop(dns.txts.remove(at)),
            (NetworkUpdate::Modify, Some(_)) if txt.value.is_none() => {
                return Err(invalid(format!("missing value of modifying DNS TXT record in network {name}")));
            }
            (NetworkUpdate::Modify, Some(at)) => dns.txts[at] = txt,
        }
        Ok(())
    }

    fn update_dns_srv(&mut self, command: NetworkUpdate, text: &str) -> Result<()> {
        if command == NetworkUpdate::Modify {
            return Err(not_supported("DNS SRV records cannot be modified, only added or deleted"));
        }
        let srv: DnsSrv = self.read(text, !command.adds())?;
        let name = &self.name;
        let dns = self.dns.get_or_insert_default();
        let meant: Vec<usize> = (0..dns.srvs.len()).filter(|at| srv.means(&dns.srvs[*at])).collect();
        match meant.as_slice() {
            [] if command.adds() => command.add(&mut dns.srvs, srv),
            _ if command.adds() => {
                return Err(invalid(format!(
                    "there is already at least one DNS SRV record matching all specified fields in network {name}"
                )));
            }
            [] => {
                return Err(invalid(format!("couldn't locate a matching DNS SRV record in network {name}")));
            }
            [at] => drop(dns.srvs.remove(*at)),
            _ => {
                return Err(invalid(format!(
                    "multiple DNS SRV records matching all specified fields were found in network {name}"
                )));
            }
        }
        Ok(())
    }
}

impl DhcpHost {
    /// Whether both are of the same card, name or address.
    fn is_like(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(this: Option<&T>, other: Option<&T>) -> bool {
            this.is_some() && this == other
        }
        same(self.mac.as_ref(), other.mac.as_ref())
            || same(self.name.as_ref(), other.name.as_ref())
            || same(self.ip.as_ref(), other.ip.as_ref())
    }

    /// Whether the other one has all that this one says.
    fn means(&self, other: &Self) -> bool {
        (self.mac.is_none() || other.mac.is_none() || self.mac == other.mac)
            && (self.name.is_none() || self.name == other.name)
            && (self.ip.is_none() || self.ip == other.ip)
    }
}

impl DnsSrv {
    /// Whether the other one has all that this one says.
    fn means(&self, other: &Self) -> bool {
        let agree = |this: &Option<String>, other: &Option<String>| this.is_none() || this == other;
        agree(&self.domain, &other.domain)
            && agree(&self.service, &other.service)
            && agree(&self.protocol, &other.protocol)
            && agree(&self.target, &other.target)
    }
}

fn invalid(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NETWORK, detail)
}

fn not_supported(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::OPERATION_UNSUPPORTED, ErrorDomain::NETWORK, detail)
}

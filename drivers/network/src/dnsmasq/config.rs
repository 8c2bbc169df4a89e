//! dnsmasq's configuration, and the files of hosts that it reads again when told to: word for word as libvirt 11.3 writes
//! them.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use virt_conf::model::{DhcpHost, DhcpLease, LeaseUnit, Network, NetworkDns, NetworkIp};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

/// Where the files are that the configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The guests' addresses.
    pub hosts: String,
    /// The names that are answered.
    pub addresses: String,
    /// Where dnsmasq writes its process id, where it is to.
    pub pid: Option<String>,
}

/// What dnsmasq reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// The text of the file that its `--conf-file` names.
    pub configuration: String,
    /// The guests' addresses.
    pub hosts: String,
    /// The names that are answered.
    pub addresses: String,
}

impl Files {
    /// The files of a network whose bridge has a name.
    ///
    /// # Errors
    ///
    /// `CONFIG_UNSUPPORTED` for two addresses of a family that both serve DHCP, and for a `localPtr` that no zone fits.
    pub fn of(network: &Network, names: &Names) -> Result<Self> {
        let mut this = Self::default();
        let bridge = network.bridge.as_ref().and_then(|bridge| bridge.name.as_deref()).unwrap_or_default();
        let out = &mut this.configuration;
        line(
            out,
            format_args!(
                "##WARNING:  THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE\n\
                 ##OVERWRITTEN AND LOST.  Changes to this configuration should be made using:\n\
                 ##    virsh net-edit {}\n\
                 ## or other application using the libvirt API.\n\
                 ##\n\
                 ## dnsmasq conf file created by libvirt\n\
                 strict-order",
                network.name
            ),
        );
        let no_dns = NetworkDns::default();
        let dns = network.dns.as_ref().unwrap_or(&no_dns);
        let answers = dns.enable != Some(false);
        if answers {
            forwarders(out, dns);
        } else {
            line(out, format_args!("port=0"));
        }
        if let Some(domain) = &network.domain {
            if domain.local_only == Some(true) {
                line(out, format_args!("local=/{}/", domain.name));
            }
            line(out, format_args!("domain={}\nexpand-hosts", domain.name));
        }
        if answers {
            for ip in network.ips.iter().filter(|ip| ip.local_ptr == Some(true)) {
                line(out, format_args!("local=/{}/", reverse_zone(network, ip)?));
            }
            if dns.forward_plain_names == Some(false) {
                line(out, format_args!("domain-needed\nlocal=//"));
            }
        }
        if let Some(pid) = &names.pid {
            line(out, format_args!("pid-file={pid}"));
        }
        // With an interface and without an address nothing is answered that came another way.
        line(out, format_args!("except-interface=lo\nbind-dynamic\ninterface={bridge}"));
        if network.forward.is_none() {
            // No way out is told, neither of packets nor of questions.
            line(out, format_args!("dhcp-option=3\nno-resolv\nra-param=*,0,0"));
        }
        if answers {
            records(out, dns);
        }
        this.dhcp(network, names, answers)?;
        for option in &network.dnsmasq.options.list {
            line(&mut this.configuration, format_args!("{}", option.value));
        }
        this.addresses = addresses(dns);
        Ok(this)
    }

    fn dhcp(&mut self, network: &Network, names: &Names, answers: bool) -> Result<()> {
        let Serving { ipv4, ipv6 } = Serving::of(network)?;
        let out = &mut self.configuration;
        let roots: Vec<_> =
            network.ips.iter().filter(|ip| !ip.is_ipv6()).filter_map(|ip| ip.tftp_root.as_ref()).collect();
        if !roots.is_empty() {
            line(out, format_args!("enable-tftp"));
        }
        for root in roots {
            line(out, format_args!("tftp-root={root}"));
        }
        let mut leases = 0u64;
        for ip in [ipv4, ipv6].into_iter().flatten() {
            leases += of_address(out, &mut self.hosts, ip);
        }
        if leases > 0 {
            line(out, format_args!("dhcp-lease-max={leases}"));
        }
        if ipv4.or(ipv6).is_some() {
            line(out, format_args!("dhcp-hostsfile={}", names.hosts));
        }
        if answers {
            line(out, format_args!("addn-hosts={}", names.addresses));
        }
        if let Some(mtu) = network.mtu.filter(|mtu| *mtu > 0) {
            line(out, format_args!("dhcp-option=option:mtu,{mtu}"));
        }
        if ipv6.is_some() {
            line(out, format_args!("enable-ra"));
            return Ok(());
        }
        for address in network.ips.iter().filter(|ip| ip.is_ipv6()).filter_map(|ip| ip.address) {
            line(out, format_args!("dhcp-range={address},ra-only"));
        }
        Ok(())
    }

    /// Whether a network needs a server at all.
    pub(crate) fn are_needed(network: &Network) -> bool {
        let dns = network.dns.as_ref().and_then(|dns| dns.enable) != Some(false);
        !network.ips.is_empty() && (dns || network.ips.iter().any(serves))
    }
}

/// The addresses that serve DHCP.
struct Serving<'a> {
    ipv4: Option<&'a NetworkIp>,
    ipv6: Option<&'a NetworkIp>,
}

impl<'a> Serving<'a> {
    fn of(network: &'a Network) -> Result<Self> {
        let one = |ipv6: bool| {
            let mut all = network.ips.iter().filter(|ip| ip.is_ipv6() == ipv6 && serves(ip));
            match (all.next(), all.next()) {
                (first, None) => Ok(first),
                _ => {
                    let family = if ipv6 { "IPv6" } else { "IPv4" };
                    let detail = format!("For {family}, multiple DHCP definitions cannot be specified.");
                    Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NETWORK, detail))
                }
            }
        };
        Ok(Self { ipv4: one(false)?, ipv6: one(true)? })
    }
}

/// Whether addresses are handed out.
pub(crate) fn serves(ip: &NetworkIp) -> bool {
    ip.dhcp.as_ref().is_some_and(|dhcp| !(dhcp.ranges.is_empty() && dhcp.hosts.is_empty()))
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = writeln!(out, "{text}");
}

fn forwarders(out: &mut String, dns: &NetworkDns) {
    for forwarder in &dns.forwarders {
        let domain = forwarder.domain.as_ref().map(|domain| format!("/{domain}/")).unwrap_or_default();
        let server = forwarder.addr.map_or("#".to_owned(), |address| address.to_string());
        let port = forwarder.addr.and(forwarder.port).map(|port| format!("#{port}")).unwrap_or_default();
        line(out, format_args!("server={domain}{server}{port}"));
    }
    // Whoever is asked about everything leaves nothing for the host's own servers.
    if dns.forwarders.iter().any(|forwarder| forwarder.domain.is_none() && forwarder.addr.is_some()) {
        line(out, format_args!("no-resolv"));
    }
}

fn records(out: &mut String, dns: &NetworkDns) {
    for txt in &dns.txts {
        line(out, format_args!("txt-record={},{}", txt.name, txt.value.as_deref().unwrap_or_default()));
    }
    for srv in &dns.srvs {
        let (service, protocol) =
            (srv.service.as_deref().unwrap_or_default(), srv.protocol.as_deref().unwrap_or_default());
        let mut text = format!("_{service}._{protocol}");
        if let Some(domain) = &srv.domain {
            text += &format!(".{domain}");
        }
        // A target `.` means that the service is not to be had (RFC 2782).
        if let Some(target) = srv.target.as_deref().filter(|target| *target != ".") {
            let (port, priority, weight) =
                (srv.port.unwrap_or(0), srv.priority.unwrap_or(0), srv.weight.unwrap_or(0));
            text += &format!(",{target}");
            if port > 0 || priority > 0 || weight > 0 {
                text += &format!(",{}", port.max(1));
            }
            if priority > 0 || weight > 0 {
                text += &format!(",{priority}");
            }
            if weight > 0 {
                text += &format!(",{weight}");
            }
        }
        line(out, format_args!("srv-host={text}"));
    }
}

/// What is handed out at one address of the host's; answers how much that is.
fn of_address(out: &mut String, hosts: &mut String, ip: &NetworkIp) -> u64 {
    let Some(dhcp) = &ip.dhcp else { return 0 };
    let prefix = ip.prefix_length().unwrap_or_default();
    let mut leases = 0u64;
    for range in &dhcp.ranges {
        let network = match ip.is_ipv6() {
            true => prefix.to_string(),
            false => netmask(prefix).to_string(),
        };
        let time = range.lease.map(|lease| format!(",{}", lease_time(lease))).unwrap_or_default();
        line(out, format_args!("dhcp-range={},{},{network}{time}", range.start, range.end));
        leases = leases.saturating_add(size(range.start, range.end));
    }
    if dhcp.ranges.is_empty()
        && !dhcp.hosts.is_empty()
        && let Some(address) = ip.address
    {
        let prefix = if ip.is_ipv6() { format!(",{prefix}") } else { String::new() };
        line(out, format_args!("dhcp-range={address},static{prefix}"));
    }
    for host in &dhcp.hosts {
        line(hosts, format_args!("{}", host_line(host, ip.is_ipv6())));
    }
    if !ip.is_ipv6() {
        line(out, format_args!("dhcp-no-override\ndhcp-authoritative"));
        if let Some(bootp) = &dhcp.bootp {
            let server = bootp.server.map(|server| format!(",,{server}")).unwrap_or_default();
            line(out, format_args!("dhcp-boot={}{server}", bootp.file));
        }
    }
    leases
}

/// A line of the file of guests' addresses.
fn host_line(host: &DhcpHost, ipv6: bool) -> String {
    let address = host.ip.map(|ip| if ipv6 { format!("[{ip}]") } else { ip.to_string() });
    let mut words = Vec::new();
    match ipv6 {
        true => {
            words.extend(host.id.as_ref().map(|id| format!("id:{id}")));
            words.extend(host.name.clone());
            words.extend(address);
        }
        false => match &host.mac {
            Some(mac) => {
                words.push(mac.to_string());
                words.extend(address);
                words.extend(host.name.clone());
            }
            None => {
                words.extend(host.name.clone());
                words.extend(address);
            }
        },
    }
    words.extend(host.lease.map(lease_time));
    words.join(",")
}

fn lease_time(lease: DhcpLease) -> String {
    if lease.expiry == 0 {
        return "infinite".to_owned();
    }
    let unit = match lease.unit.unwrap_or_default() {
        LeaseUnit::Seconds => 's',
        LeaseUnit::Minutes => 'm',
        LeaseUnit::Hours => 'h',
    };
    format!("{}{unit}", lease.expiry)
}

/// The file of names: an address and its names a line.
fn addresses(dns: &NetworkDns) -> String {
    let mut out = String::new();
    for host in &dns.hosts {
        let Some(ip) = host.ip else { continue };
        let names: String = host.hostnames.iter().map(|host| format!("{}\t", host.name)).collect();
        line(&mut out, format_args!("{ip}\t{names}"));
    }
    out
}

fn netmask(prefix: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(!u32::MAX.checked_shr(prefix).unwrap_or_default())
}

fn size(first: IpAddr, last: IpAddr) -> u64 {
    let count = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => u128::from(last.to_bits().saturating_sub(first.to_bits())),
        (IpAddr::V6(first), IpAddr::V6(last)) => last.to_bits().saturating_sub(first.to_bits()),
        _ => return 0,
    };
    u64::try_from(count).unwrap_or(u64::MAX).saturating_add(1)
}

/// The zone in which the names of a network's addresses are.
fn reverse_zone(network: &Network, ip: &NetworkIp) -> Result<String> {
    let prefix = ip.prefix_length().unwrap_or_default();
    let unfit = || {
        let detail = format!(
            "PTR domain for {} network with prefix {prefix} cannot be automatically created",
            network.name
        );
        Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NETWORK, detail)
    };
    let (digits, bits, suffix): (Vec<String>, u32, &str) = match ip.address {
        Some(IpAddr::V4(address)) => {
            (address.octets().iter().map(u8::to_string).collect(), 8, "in-addr.arpa")
        }
        Some(IpAddr::V6(address)) => {
            let digits = address.octets().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
            (digits.map(|digit| format!("{digit:x}")).collect(), 4, "ip6.arpa")
        }
        None => return Err(unfit()),
    };
    if prefix == 0 || !prefix.is_multiple_of(bits) || prefix / bits >= digits.len() as u32 {
        return Err(unfit());
    }
    let mut labels: Vec<String> = digits.into_iter().take((prefix / bits) as usize).collect();
    labels.reverse();
    labels.push(suffix.to_owned());
    Ok(labels.join("."))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(xml: &str, expected: Expect) {
        let names = Names { hosts: "HOSTS".into(), addresses: "ADDRESSES".into(), pid: Some("PID".into()) };
        let shown = match Files::of(&xml.parse().unwrap(), &names) {
            Ok(files) => {
                let (_, rest) = files.configuration.split_once("strict-order\n").unwrap();
                format!("{rest}--\n{}--\n{}", files.hosts, files.addresses)
            }
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn names_are_answered_where_they_belong() {
        check(
            "<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>lab</name>\
             <forward mode='route'/><bridge name='lab0'/><mtu size='9000'/>\
             <domain name='lab.test' localOnly='yes'/><dns forwardPlainNames='no'>\
             <forwarder domain='corp.test' addr='10.0.0.5'/><forwarder domain='no.test'/><forwarder addr='10.0.0.6'/>\
             <srv service='ldap' protocol='tcp' target='.'/><host ip='10.7.0.9'><hostname>a</hostname><hostname>b</hostname>\
             </host></dns><ip address='10.7.0.1' prefix='16' localPtr='yes'><dhcp><host mac='52:54:00:00:00:01' ip='10.7.0.2'/>\
             <host name='db' ip='10.7.0.3'><lease expiry='2' unit='hours'/></host></dhcp></ip>\
             <dnsmasq:options><dnsmasq:option value='log-queries'/></dnsmasq:options></network>",
            expect![[r"
                server=/corp.test/10.0.0.5
                server=/no.test/#
                server=10.0.0.6
                no-resolv
                local=/lab.test/
                domain=lab.test
                expand-hosts
                local=/7.10.in-addr.arpa/
                domain-needed
                local=//
                pid-file=PID
                except-interface=lo
                bind-dynamic
                interface=lab0
                srv-host=_ldap._tcp
                dhcp-range=10.7.0.1,static
                dhcp-no-override
                dhcp-authoritative
                dhcp-hostsfile=HOSTS
                addn-hosts=ADDRESSES
                dhcp-option=option:mtu,9000
                log-queries
                --
                52:54:00:00:00:01,10.7.0.2
                db,10.7.0.3,2h
                --
                10.7.0.9	a	b	
            "]],
        );
    }

    #[test]
    fn ipv6_addresses_are_handed_out_with_advertisements() {
        check(
            "<network><name>lab</name><bridge name='lab0'/><dns enable='no'/>\
             <ip family='ipv6' address='2001:db8:7::1' prefix='64'><dhcp>\
             <range start='2001:db8:7::10' end='2001:db8:7::ff'/><host id='0:1:2' name='db' ip='2001:db8:7::3'/>\
             <host name='web' ip='2001:db8:7::4'/></dhcp></ip></network>",
            expect![[r"
                port=0
                pid-file=PID
                except-interface=lo
                bind-dynamic
                interface=lab0
                dhcp-option=3
                no-resolv
                ra-param=*,0,0
                dhcp-range=2001:db8:7::10,2001:db8:7::ff,64
                dhcp-lease-max=240
                dhcp-hostsfile=HOSTS
                enable-ra
                --
                id:0:1:2,db,[2001:db8:7::3]
                web,[2001:db8:7::4]
                --
            "]],
        );
    }

    #[test]
    fn a_prefix_between_labels_has_no_reverse_zone() {
        check(
            "<network><name>lab</name><bridge name='lab0'/><ip address='10.7.0.1' prefix='20' localPtr='yes'/></network>",
            expect![[
                r"unsupported configuration: PTR domain for lab network with prefix 20 cannot be automatically created"
            ]],
        );
    }
}

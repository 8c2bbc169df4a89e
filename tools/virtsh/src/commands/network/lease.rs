//! `net-dhcp-leases`

use std::time::{Duration, SystemTime};

use virt_core::DhcpLease;

use super::{NETWORK, network, option};
use crate::command::{Command, Opt, Outcome};
use crate::failure::Context as _;
use crate::grammar::Arguments;
use crate::output::{Column, Field, Reply, Table};
use crate::shell::Shell;
use crate::time;

pub(super) static LEASES: Command = Command {
    name: "net-dhcp-leases",
    summary: "print lease info for a given network",
    description: "Print lease info for a given network",
    options: &[option(NETWORK), Opt::text("mac", "MAC address")],
    run: leases,
};

fn leases(shell: &mut Shell, arguments: &Arguments) -> Outcome {
    let network = network(shell, arguments)?;
    let mut leases = network
        .dhcp_leases(arguments.text("mac")?)
        .context(|| format!("Failed to get leases info for {}", network.name()))?;
    leases.sort_by(|one, other| one.mac.cmp(&other.mac));
    let columns = vec![
        Column::new("expiry", "Expiry Time"),
        Column::new("mac", "MAC address"),
        Column::new("protocol", "Protocol"),
        Column::new("address", "IP address"),
        Column::new("hostname", "Hostname"),
        Column::new("client_id", "Client ID or DUID"),
        Column::data("iaid"),
        Column::data("interface"),
    ];
    let rows = leases.into_iter().map(row).collect();
    shell.print(&Reply::Table(Table { columns, rows }))
}

fn row(lease: DhcpLease) -> Vec<Field> {
    let expiry = SystemTime::UNIX_EPOCH + Duration::from_secs(lease.expiry.max(0).cast_unsigned());
    let (data, shown) = match lease.expiry {
        0 => (None, "never".to_owned()),
        _ => (Some(time::rfc3339(expiry)), time::local(expiry, "%Y-%m-%d %H:%M:%S")),
    };
    vec![
        Field::new("expiry", "Expiry Time", data).shown(shown),
        Field::new("mac", "MAC address", lease.mac),
        Field::new("protocol", "Protocol", if lease.ipv6 { "ipv6" } else { "ipv4" }),
        Field::new("address", "IP address", format!("{}/{}", lease.address, lease.prefix)),
        Field::new("hostname", "Hostname", lease.hostname),
        Field::new("client_id", "Client ID or DUID", lease.client_id),
        Field::new("iaid", "IAID", lease.iaid),
        Field::new("interface", "Interface", lease.interface),
    ]
}

//! dnsmasq, which serves DHCP, DNS, TFTP and router advertisements: its files, its process, its leases.

mod config;
mod lease;
mod process;

pub(crate) use config::serves;
pub use config::{Files, Names};
pub(crate) use lease::leases;
pub(crate) use process::Server;

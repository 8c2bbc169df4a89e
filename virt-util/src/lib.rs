//! Host facilities for virtualization drivers: one file per facility, no XML.
//!
//! What a driver keeps, and how it survives crashes:
//!
//! | module | what it holds |
//! |---|---|
//! | [`root`], [`dir`], [`file`](mod@file) | the directories of a driver, and files in them that are whole or not there |
//! | [`owner`], [`lock`], [`wait`] | who owns a thing, locks between processes, and blocking until a deadline |
//! | [`index`] | name, UUID, id and state of every object, without parsing a document |
//! | [`eventlog`] | what happened, numbered, for every process that wants to know |
//! | [`journal`] | what was done, so that it can be undone, by whoever is left |
//! | [`process`], [`spawn`], [`socket`] | processes by handle, children that disturb nobody, sockets below long paths |
//! | [`sysfs`], [`pci`], [`netlink`], [`usb`](mod@usb) | devices of the host: what they are, who has them, what is set on them |
//! | [`udev`], [`uevent`], [`ethtool`] | what is known of them besides, and what happens to them |
//! | [`image`] | disk images: their formats, headers and backing chains |
//! | [`object`] | the file that this code was loaded from |
//! | [`systemd`] | scopes, which outlive the service that started them |
//! | [`uri`] | connection URIs |
//! | [`controller`] | the small process that stays with a running guest |

pub mod controller;
pub mod cpuid;
pub mod cpuinfo;
mod dbus;
pub mod dir;
pub mod error;
pub mod ethtool;
pub mod eventlog;
pub mod file;
mod frames;
pub mod image;
pub mod index;
pub mod journal;
pub mod lock;
pub mod netlink;
pub mod object;
pub mod owner;
pub mod pci;
pub mod process;
pub mod root;
pub mod socket;
pub mod spawn;
pub mod sysfs;
pub mod systemd;
pub mod udev;
pub mod uevent;
pub mod uri;
pub mod usb;

pub mod wait;

pub use error::{Error, ErrorCode, ErrorDomain, Place, Result};

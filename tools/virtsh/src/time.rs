//! Times as virsh prints them.

use std::time::SystemTime;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A time in the local time zone.
pub fn local(time: SystemTime, format: &str) -> String {
    zoned(time, TimeZone::system()).strftime(format).to_string()
}

/// `2026-01-31 23:59:59.123+0000`, in UTC, as libvirt's logs and virsh's events have it.
pub fn stamp(time: SystemTime) -> String {
    zoned(time, TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S.%3f+0000").to_string()
}

/// RFC 3339, in UTC, for programs.
pub fn rfc3339(time: SystemTime) -> String {
    zoned(time, TimeZone::UTC).timestamp().to_string()
}

/// Times that no calendar has become 1970.
fn zoned(time: SystemTime, zone: TimeZone) -> Zoned {
    Timestamp::try_from(time).unwrap_or_default().to_zoned(zone)
}

//! The passwords of a guest's displays, which the monitor is told: a command line can be read by everybody.

use std::time::SystemTime;

use virt_conf::model::{Domain, Graphics, GraphicsAuth};

use crate::command::Settings;
use crate::engine::Password;

/// The passwords of all displays that have one, the administrator's where the definition has none.
pub(crate) fn passwords(domain: &Domain, settings: &Settings) -> Vec<Password> {
    let displays = domain.devices.graphics.iter().filter_map(|graphics| match graphics {
        Graphics::Vnc(vnc) => Some(("vnc", &vnc.auth, &settings.vnc_password)),
        Graphics::Spice(spice) => Some(("spice", &spice.auth, &settings.spice_password)),
        _ => None,
    });
    displays
        .filter_map(|(protocol, auth, default)| {
            let value = auth.passwd.clone().or_else(|| default.clone())?;
            Some(Password {
                protocol: protocol.to_owned(),
                value,
                connected: auth.connected.map(|connected| connected.as_str().to_owned()),
                expires: expiry(auth),
            })
        })
        .collect()
}

/// When the password ends, as the monitor wants it.
fn expiry(auth: &GraphicsAuth) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    match auth.passwd_valid_to.as_deref().map(seconds) {
        None => "never".to_owned(),
        Some(Some(end)) if end > now.cast_signed() => end.to_string(),
        // One that is not understood never opens anything.
        Some(_) => "now".to_owned(),
    }
}

/// Seconds since 1970 of `2010-04-09T15:51:00`, in UTC.
fn seconds(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let mut time = time.splitn(3, ':').map(str::parse::<i64>);
    let (hours, minutes, seconds) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    if !(1..=12).contains(&month) || !(1970..=9999).contains(&year) {
        return None;
    }
    // Years that begin with March end with the day that some of them lack.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400 + hours * 3600 + minutes * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_from_1970() {
        for (text, expected) in [
            ("1970-01-01T00:00:00", Some(0)),
            ("2000-02-29T12:00:01", Some(951_825_601)),
            ("2010-04-09T15:51:00", Some(1_270_828_260)),
            ("2038-01-19T03:14:07", Some(2_147_483_647)),
            ("2010-13-09T15:51:00", None),
            ("tomorrow", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}

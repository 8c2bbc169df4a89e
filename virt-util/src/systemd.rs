//! What is asked of systemd: to put processes into a scope of their own, so that they outlive the service they came from.

use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::dbus::{Body, Call, Connection, Message};
use crate::root::trusted_env;
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result};

const SERVICE: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const OBJECT: &str = "/org/freedesktop/systemd1";

/// Whether systemd is this machine's init.
pub fn is_running() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Moves the processes `pids` into a new scope named after `title`, and waits until they are there. The scope ends with the
/// last of them. Root asks the system's systemd, everybody else the one that runs his session.
///
/// # Errors
///
/// When systemd cannot be reached, refuses, or takes longer than `wait`.
pub fn start_scope(title: &str, pids: &[u32], slice: Option<&str>, wait: Wait<'_>) -> Result<()> {
    let unit = unit_name(title);
    let mut manager = connect(wait)?;
    manager.call(subscribe())?;
    let mut signals = Vec::new();
    let description = format!("Virtual guest {title}");
    let answer =
        manager.call_with(scope_call(&unit, &description, pids, slice), |signal| signals.push(signal))?;
    let job = answer.body().string().unwrap_or_default();
    let mut signals = signals.into_iter();
    loop {
        let signal = match signals.next() {
            Some(signal) => signal,
            None => manager.next()?,
        };
        match outcome(&signal, &job).as_deref() {
            None => {}
            Some("done") => return Ok(()),
            Some(result) => {
                let sentence = format!("systemd could not start '{unit}': {result}");
                return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::SYSTEMD, sentence));
            }
        }
    }
}

/// How the job ended, if the signal says so.
fn outcome(signal: &Message, job: &str) -> Option<String> {
    if signal.member.as_deref() != Some("JobRemoved") {
        return None;
    }
    let mut body = signal.body();
    let (_number, removed, _unit) = (body.u32()?, body.string()?, body.string()?);
    (removed == job).then(|| body.string())?
}

/// The bus where there is one, else systemd's own socket, which is the same without a bus between.
fn connect(wait: Wait<'_>) -> Result<Connection<'_>> {
    let (bus, private) = if geteuid().is_root() {
        (PathBuf::from("/run/dbus/system_bus_socket"), PathBuf::from("/run/systemd/private"))
    } else {
        let runtime = trusted_env("XDG_RUNTIME_DIR").map(PathBuf::from);
        let runtime = runtime.unwrap_or_else(|| format!("/run/user/{}", geteuid()).into());
        (runtime.join("bus"), runtime.join("systemd/private"))
    };
    match Connection::open(&bus, true, wait) {
        Ok(mut connection) => {
            let mut body = Body::default();
            body.string("type='signal',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'");
            connection.call(Call {
                destination: "org.freedesktop.DBus",
                path: "/org/freedesktop/DBus",
                interface: "org.freedesktop.DBus",
                member: "AddMatch",
                signature: "s",
                body,
            })?;
            Ok(connection)
        }
        Err(error) => Connection::open(&private, false, wait).map_err(|_| error),
    }
}

fn subscribe() -> Call<'static> {
    Call {
        destination: SERVICE,
        path: OBJECT,
        interface: MANAGER,
        member: "Subscribe",
        signature: "",
        body: Body::default(),
    }
}

pub(crate) fn scope_call<'a>(unit: &str, description: &str, pids: &[u32], slice: Option<&str>) -> Call<'a> {
    let mut body = Body::default();
    body.string(unit).string("fail").array(8, |properties| {
        properties.structure().string("Description").signature("s").string(description);
        if let Some(slice) = slice {
            properties.structure().string("Slice").signature("s").string(slice);
        }
        // Its cgroups are ours to divide.
        properties.structure().string("Delegate").signature("b").bool(true);
        // A scope that failed is not kept to be looked at.
        properties.structure().string("CollectMode").signature("s").string("inactive-or-failed");
        properties.structure().string("PIDs").signature("au").array(4, |array| {
            for pid in pids {
                array.u32(*pid);
            }
        });
    });
    body.array(8, |_| ());
    Call {
        destination: SERVICE,
        path: OBJECT,
        interface: MANAGER,
        member: "StartTransientUnit",
        signature: "ssa(sv)a(sa(sv))",
        body,
    }
}

/// A unit's name of any text, escaped as systemd does, and never the same twice while this process lives.
fn unit_name(title: &str) -> String {
    let mut name = String::from("virt-");
    for byte in title.bytes().take(100) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => name.push(byte.into()),
            other => name += &format!("\\x{other:02x}"),
        }
    }
    name + &format!("-{}.scope", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_title_makes_a_unit_name() {
        let name = unit_name("qemu-web 1/ä");
        assert_eq!(name, format!("virt-qemu\\x2dweb\\x201\\x2f\\xc3\\xa4-{}.scope", std::process::id()));
    }
}

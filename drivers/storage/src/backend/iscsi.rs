//! An iSCSI target, through the kernel's initiator and its program `iscsiadm`: its logical units are the volumes.

mod node;

use std::path::Path;

use virt_conf::model::storage_pool::{
    IscsiSource, PoolAuth, PoolAuthType, SourceDevice, SourceHost, StoragePoolKind, StoragePoolSources,
};
use virt_conf::xml::FormatOptions;
use virt_core::driver::{Call, SecretUsageKind};
use virt_util::sysfs::Sysfs;
use virt_util::{Error, ErrorDomain, Result};

use super::{Ask, Backend, Found, Where, scsi, settle};
use crate::command::Command;
use crate::content::Volumes;
use crate::error;

pub(super) struct Iscsi;

/// The port of iSCSI targets.
const PORT: i32 = 3260;
/// What `iscsiadm` answers when there is none of what it was asked for.
const NONE_FOUND: i32 = 21;
/// What it answers to logging in where one is.
const LOGGED_IN: i32 = 15;

/// The source of a pool, checked.
pub(super) struct Target<'a> {
    pub(super) host: &'a SourceHost,
    pub(super) name: &'a str,
    pub(super) source: &'a IscsiSource,
}

impl<'a> Target<'a> {
    pub(super) fn of(ask: &'a Ask<'_>) -> Result<Self> {
        let (StoragePoolKind::Iscsi(pool) | StoragePoolKind::IscsiDirect(pool)) = &ask.pool.kind else {
            return Err(error::failed("this is no pool on an iSCSI target"));
        };
        let source = &pool.source;
        let [host] = source.hosts.as_slice() else {
            return Err(error::unsupported("Expected exactly 1 host for the storage pool"));
        };
        let device = source.devices.first().filter(|device| !device.path.is_empty());
        let name = device.ok_or_else(|| error::failed("missing source device"))?.path.as_str();
        // It becomes a part of paths, and of commands.
        if name.contains('/') || name.contains(char::is_control) || name.starts_with(['-', '.']) {
            return Err(error::argument(format!(
                "'{}' cannot be an iSCSI target's name",
                name.escape_default()
            )));
        }
        Ok(Self { host, name, source })
    }

    /// `host:port`, an IPv6 address in brackets.
    pub(super) fn portal(&self) -> String {
        portal(self.host)
    }

    /// Who logs in: the user, and the password's place.
    pub(super) fn auth(&self, kind: &str) -> Result<Option<&'a PoolAuth>> {
        match &self.source.common.auth {
            Some(auth) if auth.kind != PoolAuthType::Chap => {
                Err(error::unsupported(format!("{kind} pool only supports 'chap' auth type")))
            }
            auth => Ok(auth.as_ref()),
        }
    }

    fn admin(&self, more: &[&str]) -> Command {
        let mut command = Command::new("iscsiadm", ["--mode", "node", "--portal"]);
        command.arguments.push(format!("{},1", self.portal()));
        command.arguments.extend(["--targetname", self.name].map(str::to_owned));
        command.arguments.extend(more.iter().map(|it| (*it).to_owned()));
        command
    }
}

pub(super) fn portal(host: &SourceHost) -> String {
    let port = if host.port == 0 { PORT } else { host.port };
    match host.name.contains(':') {
        true => format!("[{}]:{port}", host.name),
        false => format!("{}:{port}", host.name),
    }
}

/// The number of the session with this target; nothing where there is none.
fn session(target: &str, call: &Call) -> Result<Option<String>> {
    match Command::new("iscsiadm", ["--mode", "session"]).answer(call)? {
        (Some(0), said, _) => {
            Ok(sessions(&said).into_iter().find(|(_, name)| name == target).map(|(number, _)| number))
        }
        (Some(NONE_FOUND), ..) => Ok(None),
        (_, _, wrong) => Err(Error::internal(ErrorDomain::STORAGE, format!("iscsiadm: {}", wrong.trim()))),
    }
}

/// Reads what `iscsiadm --mode session` says: numbers of sessions, and their targets.
fn sessions(text: &str) -> Vec<(String, String)> {
    let session = |line: &str| {
        let mut words = line.strip_prefix("tcp:")?.split_whitespace();
        let number = words.next()?.strip_prefix('[')?.strip_suffix(']')?;
        let (_portal, target) = (words.next()?, words.next()?);
        let numeric = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        numeric.then(|| (number.to_owned(), target.to_owned()))
    };
    text.lines().filter_map(session).collect()
}

/// Reads what a discovery says: portals and targets, `10.0.0.1:3260,1 iqn.2026-01.org.example:disk`.
fn targets(text: &str) -> Vec<String> {
    let target = |line: &str| {
        let mut words = line.split_whitespace();
        let (portal, target) = (words.next()?, words.next()?);
        let good = portal.contains(',') && words.next().is_none() && !target.contains('/');
        good.then(|| target.to_owned())
    };
    let mut found = Vec::new();
    for name in text.lines().filter_map(target) {
        // A target with several portals is one.
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// The initiator's interface of this name; made where there is none.
fn interface(initiator: &str, call: &Call) -> Result<String> {
    let wrong = |said: &str| Error::internal(ErrorDomain::STORAGE, format!("iscsiadm: {}", said.trim()));
    if let (Some(0), said, _) = Command::new("iscsiadm", ["--mode", "iface"]).answer(call)?
        && let Some(name) = node::interface_of(&said, initiator)
    {
        return Ok(name);
    }
    let name = format!("virt-iface-{:08x}", crc32fast::hash(initiator.as_bytes()));
    let admin = |more: &[&str]| {
        let mut command = Command::new("iscsiadm", ["--mode", "iface", "--interface", &name, "--op"]);
        command.arguments.extend(more.iter().map(|it| (*it).to_owned()));
        command
    };
    let (status, _, said) = admin(&["new"]).answer(call)?;
    if !matches!(status, Some(0 | LOGGED_IN)) {
        return Err(wrong(&said));
    }
    admin(&["update", "--name", "iface.initiatorname", "--value", initiator]).run(call)?;
    Ok(name)
}

impl Backend for Iscsi {
    fn is_active(&self, ask: &Ask<'_>) -> Result<bool> {
        // Without the initiator's program nobody is logged in.
        if virt_util::spawn::find_program("iscsiadm").is_none() {
            return Ok(false);
        }
        Ok(session(Target::of(ask)?.name, ask.call)?.is_some())
    }

    fn start(&self, ask: &Ask<'_>) -> Result<()> {
        let target = Target::of(ask)?;
        let auth = target.auth("iscsi")?;
        if session(target.name, ask.call)?.is_some() {
            return Ok(());
        }
        let interface =
            target.source.initiator.as_deref().map(|name| interface(name, ask.call)).transpose()?;
        let on = interface.iter().flat_map(|name| ["--interface", name.as_str()]).collect::<Vec<_>>();
        target.admin(&[&on[..], &["--op", "new"]].concat()).run(ask.call)?;
        let outcome = (|| {
            // What was found with a session nobody asked for starts none at boot.
            target.admin(&["--op", "update", "--name", "node.startup", "--value", "manual"]).run(ask.call)?;
            if let Some(auth) = auth {
                let password = super::secret(ask, &auth.secret, SecretUsageKind::Iscsi)?;
                node::set_password(&node::places(), target.name, target.host, &auth.username, &password)?;
            }
            match target.admin(&[&on[..], &["--login"]].concat()).answer(ask.call)? {
                (Some(0 | LOGGED_IN), ..) => Ok(()),
                (_, _, said) => {
                    Err(Error::internal(ErrorDomain::STORAGE, format!("iscsiadm: {}", said.trim())))
                }
            }
        })();
        if outcome.is_err()
            && let Err(error) = target.admin(&["--op", "delete"]).run(Call::background())
        {
            log::warn!("{error}");
        }
        outcome
    }

    fn stop(&self, ask: &Ask<'_>) -> Result<()> {
        let target = Target::of(ask)?;
        if session(target.name, ask.call)?.is_some() {
            target.admin(&["--logout"]).run(ask.call)?;
        }
        // With it goes the password.
        match target.admin(&["--op", "delete"]).answer(ask.call)? {
            (Some(0 | NONE_FOUND), ..) => Ok(()),
            (_, _, said) => {
                log::warn!("iscsiadm: {}", said.trim());
                Ok(())
            }
        }
    }

    fn refresh(&self, ask: &Ask<'_>, _: &Volumes) -> Result<Found> {
        let target = Target::of(ask)?;
        let missing = || error::failed(format!("there is no session with iSCSI target '{}'", target.name));
        let number = session(target.name, ask.call)?.ok_or_else(missing)?;
        Command::new("iscsiadm", ["--mode", "session", "-r", &number, "-R"]).run(ask.call)?;
        settle(ask.call);
        let sysfs = Sysfs::host();
        let host = host(&sysfs, &number)?;
        scsi::units(&sysfs, Path::new("/dev"), host, ask.pool.target_path().unwrap_or("/dev"))
    }

    fn find_sources(&self, _: &str, place: Option<&Where>, call: &Call) -> Result<String> {
        let (host, initiator) = match place.map(|place| (place.hosts.as_slice(), place.initiator.as_deref()))
        {
            None | Some(([], _)) => {
                return Err(error::argument("hostname must be specified for iscsi sources"));
            }
            Some(([host], initiator)) => (host, initiator),
            Some(_) => return Err(error::unsupported("Expected exactly 1 host for the storage pool")),
        };
        let mut command = Command::new("iscsiadm", ["--mode", "discovery", "--type", "sendtargets"]);
        // Looking is not to leave anything.
        command =
            command.argument("--op").argument("nonpersistent").argument("--portal").argument(portal(host));
        if let Some(initiator) = initiator {
            command = command.argument("--interface").argument(interface(initiator, call)?);
        }
        let found = targets(&command.run(call)?);
        Ok(sources(host, initiator, found))
    }
}

/// `<sources>` of these targets of a host.
pub(super) fn sources(host: &SourceHost, initiator: Option<&str>, targets: Vec<String>) -> String {
    let source = |path: String| IscsiSource {
        hosts: vec![SourceHost {
            name: host.name.clone(),
            port: if host.port == 0 { PORT } else { host.port },
        }],
        devices: vec![SourceDevice { path, ..SourceDevice::default() }],
        initiator: initiator.map(str::to_owned),
        ..IscsiSource::default()
    };
    let sources =
        StoragePoolSources { iscsi: targets.into_iter().map(source).collect(), ..Default::default() };
    virt_conf::xml::to_string(&sources, FormatOptions::default())
}

/// The SCSI host that a session is.
fn host(sysfs: &Sysfs, session: &str) -> Result<u32> {
    let directory = format!("class/iscsi_session/session{session}/device");
    let names = sysfs.names(&directory)?;
    let numbers = names.iter().find_map(|name| name.strip_prefix("target"));
    let host = numbers.and_then(|numbers| numbers.split(':').next()?.parse().ok());
    host.ok_or_else(|| {
        let path = sysfs.path(&directory);
        let sentence = format!("Failed to get host number for iSCSI session with path '{}'", path.display());
        Error::internal(ErrorDomain::STORAGE, sentence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_and_targets_are_read() {
        let text = "tcp: [1] 10.0.0.1:3260,1 iqn.2026-01.org.example:disk (non-flash)\n\
                    tcp: [x] 10.0.0.1:3260,1 iqn.bad\n\
                    iser: [2] 10.0.0.1:3260,1 iqn.other\n\
                    tcp: [../../3] 10.0.0.1:3260,1 iqn.bad\ntcp: [4]\n";
        assert_eq!(sessions(text), [("1".to_owned(), "iqn.2026-01.org.example:disk".to_owned())]);
        let text = "10.0.0.1:3260,1 iqn.a\n[fd00::1]:3260,1 iqn.a\n10.0.0.1:3260,1 iqn.b\nstarting discovery\n\
                    10.0.0.1:3260,1 ../../etc\n";
        assert_eq!(targets(text), ["iqn.a", "iqn.b"]);
        let host = SourceHost { name: "fd00::1".into(), port: 0 };
        assert_eq!(portal(&host), "[fd00::1]:3260");
        let text = sources(&host, None, targets(text));
        assert_eq!(
            text,
            "<sources>\n  <source>\n    <host name='fd00::1' port='3260'/>\n    <device path='iqn.a'/>\n  </source>\n  \
             <source>\n    <host name='fd00::1' port='3260'/>\n    <device path='iqn.b'/>\n  </source>\n</sources>\n"
        );
    }

    #[test]
    fn a_session_is_a_scsi_host() {
        let scratch = tempfile::tempdir().unwrap();
        let place = scratch.path().join("class/iscsi_session/session3/device");
        std::fs::create_dir_all(place.join("target7:0:0")).unwrap();
        std::fs::create_dir_all(place.join("power")).unwrap();
        let sysfs = Sysfs::at(scratch.path());
        assert_eq!(host(&sysfs, "3").unwrap(), 7);
        assert!(
            host(&sysfs, "4")
                .unwrap_err()
                .to_string()
                .contains("Failed to get host number for iSCSI session")
        );
    }
}

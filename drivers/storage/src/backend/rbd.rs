//! A Ceph pool, through Ceph's programs `rbd` and `ceph`: its images are the volumes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use serde::Deserialize;
use virt_conf::model::StorageVolume;
use virt_conf::model::storage_pool::{PoolAuthType, RbdPool, SourceHost, StoragePoolKind};
use virt_core::driver::{SecretUsageKind, StorageVolumeKind};
use virt_util::{Error, ErrorDomain, Result};

use super::{Ask, Backend, Found, no_support};
use crate::command::{Command, FIRST_SECRET, format_name};
use crate::content::{Space, Volume, Volumes};
use crate::error;

pub(super) struct Rbd;

/// The user's key, in a descriptor that the program gets.
type Key = Option<OwnedFd>;

fn source<'a>(ask: &'a Ask<'_>) -> Result<(&'a str, &'a RbdPool)> {
    let StoragePoolKind::Rbd(rbd) = &ask.pool.kind else { return Err(error::failed("this is no Ceph pool")) };
    let name = rbd.source.name.as_deref().unwrap_or(&ask.pool.name);
    match name.starts_with('-') || name.contains(['@', ',']) || name.contains(char::is_control) {
        true => Err(error::argument(format!("'{}' cannot be a Ceph pool's name", name.escape_default()))),
        false => Ok((name, rbd)),
    }
}

/// `host:port`, of every monitor.
fn monitors(hosts: &[SourceHost]) -> Result<String> {
    let monitor = |host: &SourceHost| {
        if host.name.contains([',', ' ']) || host.name.starts_with('-') {
            let sentence = "received malformed monitor, check the XML definition";
            return Err(Error::internal(ErrorDomain::STORAGE, sentence));
        }
        let name = if host.name.contains(':') { format!("[{}]", host.name) } else { host.name.clone() };
        Ok(if host.port == 0 { name } else { format!("{name}:{}", host.port) })
    };
    Ok(hosts.iter().map(monitor).collect::<Result<Vec<_>>>()?.join(","))
}

/// One of Ceph's programs, as this pool's user at this pool's monitors.
fn program(ask: &Ask<'_>, name: &str) -> Result<(Command, Key)> {
    let (_, rbd) = source(ask)?;
    let mut command = Command::new(name, []);
    if !rbd.source.hosts.is_empty() {
        command = command.argument("-m").argument(monitors(&rbd.source.hosts)?);
    }
    for option in &ask.pool.ceph_options.list.options {
        if option.name.is_empty()
            || !option.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return Err(Error::internal(
                ErrorDomain::STORAGE,
                format!("failed to set RADOS option: {}", option.name),
            ));
        }
        command = command.argument(format!("--{}={}", option.name, option.value));
    }
    let Some(auth) = &rbd.source.common.auth else { return Ok((command, None)) };
    if auth.kind != PoolAuthType::Ceph {
        return Err(error::unsupported("rbd pool only supports 'ceph' auth type"));
    }
    let value = super::secret(ask, &auth.secret, SecretUsageKind::Ceph)?;
    // A secret holds the key itself, a file its base64.
    let key = crate::volume::in_memory(STANDARD.encode(&*value).as_bytes())?;
    let command = command
        .argument(format!("--id={}", auth.username))
        .argument(format!("--keyfile=/dev/fd/{FIRST_SECRET}"));
    Ok((command, Some(key)))
}

fn run(ask: &Ask<'_>, name: &str, more: &[&str]) -> Result<String> {
    let (mut command, key) = program(ask, name)?;
    command.arguments.extend(more.iter().map(|it| (*it).to_owned()));
    command.run_with(ask.call, key.into_iter().collect())
}

#[derive(Deserialize)]
struct Image {
    image: String,
    size: u64,
    #[serde(default)]
    snapshot: Option<String>,
    #[serde(default)]
    parent: Option<Parent>,
}

#[derive(Deserialize)]
struct Parent {
    pool: String,
    image: String,
    snapshot: String,
}

#[derive(Deserialize)]
struct Usage {
    stats: ClusterUsage,
    pools: Vec<PoolUsage>,
}

#[derive(Deserialize)]
struct ClusterUsage {
    total_bytes: u64,
    total_avail_bytes: u64,
}

#[derive(Deserialize)]
struct PoolUsage {
    name: String,
    stats: PoolStats,
}

#[derive(Deserialize)]
struct PoolStats {
    bytes_used: u64,
}

fn parsed<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T> {
    let wrong = |error| Error::internal(ErrorDomain::STORAGE, format!("{what} is not understood: {error}"));
    serde_json::from_str(text).map_err(wrong)
}

/// Reads what `rbd ls -l --format json` says of a pool; snapshots in it are no volumes.
fn images(text: &str, pool: &str) -> Result<Volumes> {
    let images: Vec<Image> = parsed(text, "rbd's list")?;
    let shown = images.into_iter().filter(|it| it.snapshot.is_none() && super::is_name(&it.image));
    let volume = |it: Image| Volume {
        path: format!("{pool}/{}", it.image),
        key: format!("{pool}/{}", it.image),
        name: it.image,
        kind: StorageVolumeKind::Network.number(),
        capacity: it.size,
        // What of it is there is not known without reading all of its map.
        allocation: it.size,
        physical: it.size,
        format: Some("raw".to_owned()),
        backing: it.parent.map(|it| (format!("{}/{}@{}", it.pool, it.image, it.snapshot), None)),
        ..Volume::default()
    };
    Ok(shown.map(|it| (it.image.clone(), Arc::new(volume(it)))).collect())
}

/// Reads what `ceph df --format json` says.
fn space(text: &str, pool: &str) -> Result<Space> {
    let usage: Usage = parsed(text, "ceph's usage")?;
    let failed = || Error::internal(ErrorDomain::STORAGE, format!("failed to stat the RADOS pool '{pool}'"));
    let ours = usage.pools.iter().find(|it| it.name == pool).ok_or_else(failed)?;
    Ok(Space {
        capacity: usage.stats.total_bytes,
        allocation: ours.stats.bytes_used,
        available: usage.stats.total_avail_bytes,
        free: Vec::new(),
    })
}

impl Backend for Rbd {
    fn start(&self, ask: &Ask<'_>) -> Result<()> {
        let (name, _) = source(ask)?;
        run(ask, "rbd", &["--format", "json", "ls", name]).map(drop)
    }

    fn refresh(&self, ask: &Ask<'_>, _: &Volumes) -> Result<Found> {
        let (name, _) = source(ask)?;
        let volumes = images(&run(ask, "rbd", &["--format", "json", "ls", "-l", name])?, name)?;
        // Behind a slash is a namespace in a pool.
        let pool = name.split('/').next().unwrap_or(name);
        let space = space(&run(ask, "ceph", &["df", "--format", "json"])?, pool)?;
        Ok(Found { volumes, space: Some(space) })
    }

    fn look(&self, _: &Ask<'_>, known: &Volume) -> Result<Option<Volume>> {
        Ok(Some(known.clone()))
    }

    fn create(&self, ask: &Ask<'_>, _: &Found, volume: &StorageVolume) -> Result<()> {
        let (name, _) = source(ask)?;
        let target = volume.target.as_ref();
        if target.is_some_and(|target| target.encryption.is_some()) {
            return Err(error::unsupported("storage pool does not support encrypted volumes"));
        }
        if format_name(target.and_then(|target| target.format.as_ref())) != "raw" {
            return Err(error::unsupported("only RAW volumes are supported by this storage pool"));
        }
        if volume.capacity.0 == 0 {
            return Err(no_support("volume capacity required for this storage pool"));
        }
        let spec = spec(name, &volume.name)?;
        run(ask, "rbd", &["create", "--size", &format!("{}B", volume.capacity.0), &spec]).map(drop)
    }

    fn remove(&self, ask: &Ask<'_>, volume: &Volume) -> Result<()> {
        let (name, _) = source(ask)?;
        run(ask, "rbd", &["--no-progress", "rm", &spec(name, &volume.name)?]).map(drop)
    }

    fn resize(&self, ask: &Ask<'_>, volume: &Volume, capacity: u64) -> Result<()> {
        let (name, _) = source(ask)?;
        let (size, spec) = (format!("{capacity}B"), spec(name, &volume.name)?);
        run(ask, "rbd", &["--no-progress", "resize", "--allow-shrink", "--size", &size, &spec]).map(drop)
    }

    fn check_wipe(&self, _: &Volume) -> Result<()> {
        Err(no_support("storage pool doesn't support volume wiping"))
    }

    fn has_paths(&self) -> bool {
        false
    }
}

/// `pool/image`; a name in which Ceph would see a snapshot is refused.
fn spec(pool: &str, image: &str) -> Result<String> {
    match image.contains(['@', '/']) {
        true => Err(error::argument(format!("'{image}' cannot be an image's name"))),
        false => Ok(format!("{pool}/{image}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_usage_are_read() {
        let text = r#"[{"image":"a","id":"1","size":1073741824,"format":2},
            {"image":"a","id":"","snapshot":"s","snapshot_id":4,"size":1073741824,"format":2,"protected":"true"},
            {"image":"b","size":7,"format":2,"parent":{"pool":"rbd","image":"a","snapshot":"s"}},
            {"image":"../c","size":7},{"image":"new\nline","size":7}]"#;
        let found = images(text, "rbd").unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((found["a"].path.as_str(), found["a"].capacity), ("rbd/a", 1 << 30));
        assert_eq!(found["b"].backing, Some(("rbd/a@s".to_owned(), None)));
        for text in ["", "{}", "[1]", r#"[{"image":"a","size":-1}]"#, r#"[{"image":"a"}]"#] {
            assert!(images(text, "rbd").is_err(), "{text}");
        }
        let text = r#"{"stats":{"total_bytes":100,"total_avail_bytes":60},"pools":[{"name":"rbd","id":1,"stats":{"bytes_used":9}}]}"#;
        let found = space(text, "rbd").unwrap();
        assert_eq!((found.capacity, found.available, found.allocation), (100, 60, 9));
        assert_eq!(
            space(text, "other").unwrap_err().to_string(),
            "internal error: failed to stat the RADOS pool 'other'"
        );
    }

    #[test]
    fn names_cannot_add_options() {
        let host = |name: &str, port| SourceHost { name: name.into(), port };
        assert_eq!(monitors(&[host("a", 0), host("fd00::1", 6789)]).unwrap(), "a,[fd00::1]:6789");
        assert!(monitors(&[host("a,b", 0)]).is_err() && monitors(&[host("--x", 0)]).is_err());
        assert!(spec("rbd", "a@b").is_err() && spec("rbd", "a/b").is_err());
    }
}

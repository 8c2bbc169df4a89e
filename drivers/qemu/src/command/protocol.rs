//! How `-blockdev` reaches the data: files, devices, servers.

use serde_json::Value;
use virt_conf::model::{
    DiskIo, DiskSource, EncryptionFormat, HostTransport, NetworkDiskProtocol, NetworkDiskSource, NetworkHost,
};
use virt_util::Result;

use super::Props;
use super::blockdev::StorageObjects;
use super::builder::{Builder, internal, unsupported};
use super::image::Image;

impl Builder<'_, '_> {
    /// The driver of a storage node and what it opens.
    pub(crate) fn protocol_props(&self, image: &Image<'_>, objects: &StorageObjects) -> Result<Props> {
        let driver = |name: &str| Props::new().text("driver", name);
        let io = image.tuning.io.map(DiskIo::as_str);
        let reservations = objects.reservations.as_deref();
        Ok(match image.source {
            DiskSource::File(file) => {
                let name = objects.descriptors.clone().or_else(|| file.file.clone()).unwrap_or_default();
                driver("file").text("filename", name).opt_text("aio", io).opt_text("pr-manager", reservations)
            }
            DiskSource::Block(block) => {
                let name = block.dev.clone().unwrap_or_default();
                let cdrom = image.tuning.cdrom && self.launch.host.is_cdrom(&name);
                driver(if cdrom { "host_cdrom" } else { "host_device" })
                    .text("filename", name)
                    .opt_text("aio", io)
                    .opt_text("pr-manager", reservations)
            }
            DiskSource::Dir(dir) => driver("vvfat")
                .text("dir", dir.dir.clone().unwrap_or_default())
                .flag("floppy", image.tuning.floppy)
                .flag("rw", !image.readonly),
            DiskSource::Nvme(nvme) => driver("nvme")
                .text("device", nvme.address.unwrap_or_default().slot.to_string())
                .number("namespace", nvme.namespace.unwrap_or(1)),
            DiskSource::VhostVdpa(_) => {
                driver("virtio-blk-vhost-vdpa").text("path", objects.descriptors.clone().unwrap_or_default())
            }
            DiskSource::Network(_) if self.is_served_by_nbdkit(image) => {
                let path = format!("{}/nbdkit-{}.socket", self.launch.paths.guest, image.storage_node());
                driver("nbd").nested("server", Props::new().text("type", "unix").text("path", path))
            }
            DiskSource::Network(network) => self.network_props(network, image, objects)?,
            DiskSource::Volume(_) => {
                return Err(internal("a storage volume must be translated to its source before start"));
            }
            DiskSource::VhostUser(_) => return Err(internal("a vhost-user disk has no block node")),
            DiskSource::Ctl(_) => return Err(internal("only bhyve has disks on CTL")),
        })
    }

    fn network_props(
        &self,
        network: &NetworkDiskSource,
        image: &Image<'_>,
        objects: &StorageObjects,
    ) -> Result<Props> {
        let protocol = network.protocol.ok_or_else(|| internal("a network disk has no protocol"))?;
        let name = network.name.as_deref().unwrap_or_default();
        let driver = Props::new().text("driver", protocol.as_str());
        let user = image.auth.and_then(|auth| auth.username.as_deref());
        Ok(match protocol {
            NetworkDiskProtocol::Nbd => driver
                .nested("server", socket_address(only_host(network, protocol)?, 10809))
                .opt_text("export", network.name.as_deref())
                .opt_text("tls-creds", objects.tls.as_deref())
                .opt_text("tls-hostname", network.tls_hostname.as_deref())
                .nonzero("reconnect-delay", network.reconnect_delay),
            NetworkDiskProtocol::Gluster => {
                let (volume, path) = name
                    .split_once('/')
                    .ok_or_else(|| internal(format!("missing volume or path in Gluster source '{name}'")))?;
                let servers: Vec<Value> =
                    network.hosts.iter().map(|host| socket_address(host, 24007).into()).collect();
                driver.text("volume", volume).text("path", path).array("server", servers).number("debug", 4)
            }
            NetworkDiskProtocol::Rbd => self.rbd_props(driver, network, image, objects, user)?,
            NetworkDiskProtocol::Iscsi => iscsi_props(
                driver,
                name,
                &network.hosts,
                user,
                objects.auth_secret.as_deref(),
                network.initiator.as_deref(),
            )?,
            NetworkDiskProtocol::Http
            | NetworkDiskProtocol::Https
            | NetworkDiskProtocol::Ftp
            | NetworkDiskProtocol::Ftps
            | NetworkDiskProtocol::Tftp => driver
                .text("url", url(network, protocol)?)
                .opt_text("username", user)
                .opt_text("password-secret", objects.auth_secret.as_deref())
                .opt_flag("sslverify", network.ssl_verify)
                .opt_text("cookie-secret", objects.cookie_secret.as_deref())
                .nonzero("timeout", network.timeout)
                .nonzero("readahead", network.readahead),
            NetworkDiskProtocol::Ssh => {
                let host = only_host(network, protocol)?;
                let username = network.identity.username.as_deref();
                driver
                    .text("path", name)
                    .nested(
                        "server",
                        Props::new()
                            .text("host", host.name.clone().unwrap_or_default())
                            .text("port", host.port.unwrap_or(22).to_string()),
                    )
                    .opt_text("user", username.or(user))
            }
            NetworkDiskProtocol::Nfs => {
                let host = only_host(network, protocol)?;
                driver
                    .nested(
                        "server",
                        Props::new().text("host", host.name.clone().unwrap_or_default()).text("type", "inet"),
                    )
                    .text("path", name)
                    .opt_number("user", numeric_id(network.identity.user.as_deref())?)
                    .opt_number("group", numeric_id(network.identity.group.as_deref())?)
            }
            NetworkDiskProtocol::Sheepdog => {
                driver.nested("server", socket_address(only_host(network, protocol)?, 7000)).text("vdi", name)
            }
            NetworkDiskProtocol::Vxhs => {
                return Err(unsupported("VxHS protocol is not supported with this QEMU binary"));
            }
        })
    }

    fn rbd_props(
        &self,
        driver: Props,
        network: &NetworkDiskSource,
        image: &Image<'_>,
        objects: &StorageObjects,
        user: Option<&str>,
    ) -> Result<Props> {
        let name = network.name.as_deref().unwrap_or_default();
        let (pool, volume) = name
            .split_once('/')
            .ok_or_else(|| internal(format!("missing pool name in RBD source '{name}'")))?;
        let servers: Vec<Value> = network
            .hosts
            .iter()
            .map(|host| {
                Props::new()
                    .text("host", host.name.clone().unwrap_or_default())
                    .text("port", host.port.unwrap_or(0).to_string())
                    .into()
            })
            .collect();
        let mut props = driver
            .text("pool", pool)
            .text("image", volume)
            .opt_text("snapshot", network.snapshot.as_deref())
            .opt_text("conf", network.config_file.as_deref());
        if !servers.is_empty() {
            props = props.array("server", servers);
        }
        if let Some(encryption) = image.encryption.filter(|_| !image.is_encrypted_by_qemu()) {
            let format = match encryption.format {
                EncryptionFormat::Luks => "luks",
                EncryptionFormat::Luks2 => "luks2",
                EncryptionFormat::LuksAny => "luks-any",
                other => {
                    return Err(unsupported(format!(
                        "librbd encryption engine only supports luks/luks2/luks-any formats, not '{}'",
                        other.as_str()
                    )));
                }
            };
            // Each parent of a cloned image may be encrypted on its own: the keys nest.
            let mut nested: Option<Props> = None;
            for key in objects.encryption_secrets.iter().rev() {
                nested = Some(
                    Props::new().text("format", format).text("key-secret", key).opt_nested("parent", nested),
                );
            }
            props = props.opt_nested("encrypt", nested);
        }
        props = props.opt_text("user", user);
        if let Some(secret) = &objects.auth_secret {
            props = props.array("auth-client-required", ["cephx", "none"]).text("key-secret", secret);
        }
        Ok(props)
    }
}

/// An iSCSI target, of a disk or of a SCSI device of the host.
pub(crate) fn iscsi_props(
    driver: Props,
    name: &str,
    hosts: &[NetworkHost],
    user: Option<&str>,
    secret: Option<&str>,
    initiator: Option<&str>,
) -> Result<Props> {
    let [host] = hosts else { return Err(internal("iSCSI protocol accepts only one host")) };
    let (target, lun) = match name.split_once('/') {
        Some((target, lun)) => {
            let number =
                lun.parse().map_err(|_| internal(format!("cannot parse target for lunStr '{target}'")))?;
            (target, number)
        }
        None => (name, 0u32),
    };
    Ok(driver
        .text("portal", portal(host, 3260))
        .text("target", target)
        .number("lun", lun)
        .text("transport", host.transport.as_str())
        .opt_text("user", user)
        .opt_text("password-secret", secret)
        .opt_text("initiator-name", initiator))
}

fn only_host(network: &NetworkDiskSource, protocol: NetworkDiskProtocol) -> Result<&NetworkHost> {
    match network.hosts.as_slice() {
        [host] => Ok(host),
        _ => Err(internal(match protocol {
            NetworkDiskProtocol::Nbd | NetworkDiskProtocol::Ssh | NetworkDiskProtocol::Nfs => {
                format!("{} protocol accepts only one host", protocol.as_str())
            }
            _ => format!("protocol '{}' accepts only one host", protocol.as_str()),
        })),
    }
}

fn socket_address(host: &NetworkHost, default_port: u32) -> Props {
    match host.transport {
        HostTransport::Unix => {
            Props::new().text("type", "unix").text("path", host.socket.clone().unwrap_or_default())
        }
        HostTransport::Tcp | HostTransport::Rdma => Props::new()
            .text("type", "inet")
            .text("host", host.name.clone().unwrap_or_default())
            .text("port", host.port.unwrap_or(default_port).to_string()),
    }
}

/// A host as it stands in an address: IPv6 in brackets.
fn bracketed(host: &NetworkHost) -> String {
    let name = host.name.as_deref().unwrap_or_default();
    if name.contains(':') { format!("[{name}]") } else { name.to_owned() }
}

fn portal(host: &NetworkHost, default_port: u32) -> String {
    format!("{}:{}", bracketed(host), host.port.unwrap_or(default_port))
}

fn url(network: &NetworkDiskSource, protocol: NetworkDiskProtocol) -> Result<String> {
    let host = only_host(network, protocol)?;
    let default = match protocol {
        NetworkDiskProtocol::Http => 80,
        NetworkDiskProtocol::Https => 443,
        NetworkDiskProtocol::Ftp => 21,
        NetworkDiskProtocol::Ftps => 990,
        _ => 69,
    };
    let path = network.name.as_deref().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    let has_query = matches!(protocol, NetworkDiskProtocol::Http | NetworkDiskProtocol::Https);
    let query = network.query.as_ref().filter(|_| has_query).map(|query| format!("?{query}"));
    let query = query.unwrap_or_default();
    Ok(format!("{}://{}{slash}{path}{query}", protocol.as_str(), portal(host, default)))
}

/// `+1234` as a number; names must be looked up on the host before.
fn numeric_id(name: Option<&str>) -> Result<Option<u32>> {
    let Some(name) = name else { return Ok(None) };
    name.trim_start_matches('+')
        .parse()
        .map(Some)
        .map_err(|_| unsupported(format!("cannot use the name '{name}' as a user or group of an NFS server")))
}

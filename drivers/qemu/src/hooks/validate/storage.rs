//! Images: formats, protocols and encryption.

use virt_conf::model::{
    BackingStore, Disk, DiskSource, EncryptionEngine, EncryptionFormat, HostTransport, HttpCookie,
    NetworkDiskProtocol as Protocol, NetworkDiskSource, SourceCommon, StorageEncryption, StorageFormat,
};
use virt_conf::xml::Within;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{QemuHooks, first_fault, refuse_if, unsupported};
use crate::caps::Flag;

/// One image of a chain.
pub(super) struct Image<'a> {
    source: &'a DiskSource,
    format: Option<StorageFormat>,
    encryption: Option<&'a StorageEncryption>,
    readonly: bool,
    caches_metadata: bool,
}

impl<'a> Image<'a> {
    /// The image at the top of a disk.
    pub(super) fn of_disk(disk: &'a Disk) -> Self {
        let own = disk.source.common().and_then(|common| common.encryption.as_ref());
        Self {
            source: &disk.source,
            format: disk.driver.format,
            encryption: disk.encryption.as_ref().or(own),
            readonly: disk.readonly,
            caches_metadata: disk.driver.metadata_cache.max_size.is_some_and(|size| size.0 > 0),
        }
    }

    /// An image that others are overlays of.
    pub(super) fn of_backing(store: &'a BackingStore) -> Option<Self> {
        let source = store.source.as_ref()?;
        let cached = |format: &virt_conf::model::ImageFormat| {
            format.metadata_cache.max_size.is_some_and(|size| size.0 > 0)
        };
        Some(Self {
            source,
            format: store.format.as_ref().map(|format| format.kind),
            encryption: source.common().and_then(|common| common.encryption.as_ref()),
            readonly: true,
            caches_metadata: store.format.as_ref().is_some_and(cached),
        })
    }

    /// The variables of a guest's firmware.
    pub(super) fn of_nvram(source: &'a DiskSource) -> Self {
        let encryption = source.common().and_then(|common| common.encryption.as_ref());
        Self { source, format: None, encryption, readonly: false, caches_metadata: false }
    }

    fn common(&self) -> Option<&'a SourceCommon> {
        self.source.common()
    }
}

impl QemuHooks<'_> {
    pub(super) fn check_storage(&self, image: &Image<'_>) -> Result<()> {
        check_format(image)?;
        let reserved = image.common().is_some_and(|common| common.reservations.is_some());
        first_fault(&[
            (
                self.lacks(matches!(image.source, DiskSource::Nvme(_)), Flag::DriveNvme),
                "@type",
                "NVMe disks are not supported with this QEMU binary",
            ),
            (
                self.lacks(reserved, Flag::PrManagerHelper),
                "source/reservations",
                "reservations not supported with this QEMU binary",
            ),
        ])?;
        let network = match image.source {
            DiskSource::Network(network) => Some(network.as_ref()),
            _ => None,
        };
        if let Some(network) = network {
            check_requests(network).within("source")?;
            check_protocol(network).within("source")?;
        }
        refuse_if(
            image.caches_metadata && image.format != Some(StorageFormat::Qcow2),
            "driver/metadata_cache",
            || "metadata cache max size control is supported only with qcow2 images",
        )?;
        if let Some(encryption) = image.encryption {
            self.check_encryption(encryption, image).within("source/encryption")?;
        }
        let Some(network) = network.filter(|network| network.tls_hostname.is_some()) else { return Ok(()) };
        first_fault(&[
            (
                network.protocol != Some(Protocol::Nbd),
                "source/@tlsHostname",
                "'tlsHostname' field is supported only with NBD disks",
            ),
            (
                !self.has(Flag::BlockdevNbdTlsHostname),
                "source/@tlsHostname",
                "'tlsHostname' field is not supported by this QEMU",
            ),
        ])
    }

    fn check_encryption(&self, encryption: &StorageEncryption, image: &Image<'_>) -> Result<()> {
        let format = encryption.format;
        refuse_if(
            matches!(format, EncryptionFormat::Default | EncryptionFormat::Qcow),
            "@format",
            || "old qcow/qcow2 encryption is not supported",
        )?;
        let several = encryption.secrets.len() > 1;
        if encryption.engine == Some(EncryptionEngine::Librbd) {
            return first_fault(&[
                (
                    !self.has(Flag::RbdEncryption),
                    "@engine",
                    "librbd encryption is not supported by this QEMU binary",
                ),
                (
                    !matches!(image.source, DiskSource::Network(_)),
                    "@engine",
                    "librbd encryption is supported only with RBD backed disks",
                ),
                (
                    self.lacks(several, Flag::RbdEncryptionLayering),
                    "secret",
                    "librbd encryption layering is not supported by this QEMU binary",
                ),
                (
                    self.lacks(format == EncryptionFormat::LuksAny, Flag::RbdEncryptionLuksAny),
                    "@format",
                    "luks-any encryption is not supported by this QEMU binary",
                ),
            ]);
        }
        refuse_if(format != EncryptionFormat::Luks, "@format", || {
            format!("'{format}' is currently not supported by the qemu encryption engine")
        })?;
        let plain = matches!(image.format, None | Some(StorageFormat::Raw | StorageFormat::Qcow2));
        first_fault(&[
            (!plain, "@format", "encryption is supported only with 'raw' and 'qcow2' image format"),
            (several, "secret", "qemu encryption engine expects only a single secret"),
        ])
    }
}

/// Whether QEMU has the format of a disk's image, for storage of that type.
///
/// # Errors
///
/// libvirt's sentence where it has not.
pub(crate) fn check_disk_format(disk: &Disk) -> Result<()> {
    check_format(&Image::of_disk(disk))
}

fn check_format(image: &Image<'_>) -> Result<()> {
    let dir = matches!(image.source, DiskSource::Dir(_));
    let volume = matches!(image.source, DiskSource::Volume(_));
    let format = image.format;
    let fat = format == Some(StorageFormat::Fat);
    first_fault(&[
        (format == Some(StorageFormat::Cow), "driver/@type", "'cow' storage format is not supported"),
        (
            format == Some(StorageFormat::Dir),
            "driver/@type",
            "'directory' storage format is not directly supported by QEMU, use 'dir' disk type instead",
        ),
        (
            format == Some(StorageFormat::Iso),
            "driver/@type",
            "storage format 'iso' is not directly supported by QEMU, use 'raw' instead",
        ),
        (
            fat && !dir && !volume,
            "driver/@type",
            "storage format 'fat' is supported only with 'dir' storage type",
        ),
        (
            dir && format.is_some_and(|format| format != StorageFormat::None) && !fat,
            "driver/@type",
            "storage type 'dir' requires use of storage format 'fat'",
        ),
        (dir && !image.readonly, "readonly", "virtual FAT storage can't be accessed in read-write mode"),
    ])
}

/// What only some protocols have.
fn check_requests(network: &NetworkDiskSource) -> Result<()> {
    let Some(protocol) = network.protocol else { return Ok(()) };
    let http = matches!(protocol, Protocol::Http | Protocol::Https);
    let web = http || matches!(protocol, Protocol::Ftp | Protocol::Ftps);
    let tls = matches!(protocol, Protocol::Https | Protocol::Ftps);
    let cookies = &network.cookies.cookies;
    first_fault(&[
        (
            network.ssl_verify.is_some() && !tls,
            "ssl",
            "ssl verification is supported only with HTTPS/FTPS protocol",
        ),
        (!cookies.is_empty() && !http, "cookies", "http cookies are supported only with HTTP(S) protocol"),
    ])?;
    cookies.iter().try_for_each(check_cookie)?;
    first_fault(&[
        (
            network.readahead > 0 && !web,
            "readahead",
            "readahead is supported only with HTTP(S)/FTP(s) protocols",
        ),
        (network.timeout > 0 && !web, "timeout", "timeout is supported only with HTTP(S)/FTP(s) protocols"),
        (
            network.reconnect_delay > 0 && protocol != Protocol::Nbd,
            "reconnect",
            "reconnect delay is supported only with NBD protocol",
        ),
    ])
}

/// Cookies are words of HTTP's.
fn check_cookie(cookie: &HttpCookie) -> Result<()> {
    let name_fits = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let value_fits = |b: u8| b.is_ascii_graphic() && !b"\",;\\".contains(&b);
    let error = |detail: String| {
        let way = format!("cookies/cookie[@name='{}']", cookie.name);
        Err(Error::new(ErrorCode::XML_ERROR, ErrorDomain::STORAGE, detail).within(way))
    };
    let name = &cookie.name;
    if name.is_empty() {
        return error("cookie name must not be empty".to_owned());
    }
    if !name.bytes().all(name_fits) {
        return error(format!("cookie name '{name}' contains invalid characters"));
    }
    let value = cookie.value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if !value.unwrap_or(&cookie.value).bytes().all(value_fits) {
        return error(format!("value of cookie '{name}' contains invalid characters"));
    }
    Ok(())
}

fn check_protocol(network: &NetworkDiskSource) -> Result<()> {
    match network.protocol {
        Some(Protocol::Nfs) => {
            let [host] = network.hosts.as_slice() else {
                return Err(
                    unsupported("'nfs' protocol requires the usage of exactly one host").within("host")
                );
            };
            first_fault(&[
                (host.transport != HostTransport::Tcp, "host", "'nfs' host must use TCP protocol"),
                (
                    host.port.is_some_and(|port| port != 0),
                    "host/@port",
                    "port cannot be specified in 'nfs' protocol host",
                ),
            ])
        }
        Some(protocol @ (Protocol::Vxhs | Protocol::Tftp)) => {
            let name = if protocol == Protocol::Vxhs { "VxHS".to_owned() } else { format!("'{protocol}'") };
            Err(unsupported(format!("{name} protocol is not supported with this QEMU binary"))
                .within("@protocol"))
        }
        _ => Ok(()),
    }
}

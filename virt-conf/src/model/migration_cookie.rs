//! `<qemu-migration>`: what both hosts tell each other while a guest migrates.
//!
//! Fields stand in the order in which libvirt writes them.

use uuid::Uuid;

use super::{Cpu, Domain, VirtualPortType};
use crate::error::internal;
use crate::xml::{About, FormatFlags, ParseOptions, Result, Value, Xml, from_str, to_string};

/// What both hosts tell each other while a guest migrates.
///
/// ```
/// use virt_conf::model::MigrationCookie;
///
/// let text = "<qemu-migration><name>one</name><uuid>dcf47dbd-46d1-4d5b-b442-262a806a333a</uuid>
///   <hostname>here</hostname><hostuuid>8b3f4dc4-6a8e-5f9b-94a5-4c35babd8d95</hostuuid></qemu-migration>";
/// assert_eq!(MigrationCookie::from_xml(text)?.hostname, "here");
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "qemu-migration", errors = QEMU)]
pub struct MigrationCookie {
    /// The guest's name.
    #[xml(child_text, missing = internal("missing name element in migration data"))]
    pub name: String,
    /// The guest's identity.
    #[xml(child_text, missing = internal("missing uuid element in migration data"))]
    pub uuid: Uuid,
    /// The name of the host that says this.
    #[xml(child_text, missing = internal("missing hostname element in migration data"))]
    pub hostname: String,
    /// The identity of the host that says this.
    #[xml(child_text = "hostuuid", missing = internal("missing hostuuid element in migration data"), invalid = |_| internal("malformed hostuuid element in migration data"))]
    pub host_uuid: Uuid,
    /// What the other host must understand.
    #[xml(child)]
    pub features: Vec<CookieFeature>,
    /// Where clients of the guest's display go.
    #[xml(child)]
    pub graphics: Option<CookieGraphics>,
    /// What the lock manager hands over.
    #[xml(child)]
    pub lockstate: Option<CookieLockState>,
    /// The guest's persistent definition, where that goes along.
    #[xml(child)]
    pub domain: Option<Domain>,
    /// What the ports of its interfaces hand over.
    #[xml(child, default)]
    pub network: CookieNetwork,
    /// Where its disks are copied to.
    #[xml(child)]
    pub nbd: Option<CookieNbd>,
    /// How the migration went.
    #[xml(child)]
    pub statistics: Option<CookieStatistics>,
    /// Its processor as the definition asked for it.
    #[xml(child)]
    pub cpu: Option<Cpu>,
    /// Whether the emulator reboots it; absent: nobody decided.
    #[xml(attr = "allowReboot/@value", lenient)]
    pub allow_reboot: Option<bool>,
    /// What the emulator's migration can do.
    #[xml(child)]
    pub capabilities: Option<CookieCapabilities>,
    /// Bitmaps of changed blocks that go along.
    #[xml(child = "blockDirtyBitmaps", default)]
    pub dirty_bitmaps: CookieBitmaps,
}

/// Something that the other host must understand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "feature")]
pub struct CookieFeature {
    /// Its name, `memory-hotplug`.
    #[xml(attr)]
    pub name: String,
}

/// Where clients of a guest's display go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "graphics")]
pub struct CookieGraphics {
    /// The kind of display.
    #[xml(attr = "type", missing = internal("missing type attribute in migration data"))]
    pub kind: String,
    /// Its port; 0: none.
    #[xml(attr, missing = internal("missing port attribute in migration data"))]
    pub port: i32,
    /// The address that it listens on.
    #[xml(attr, missing = internal("missing listen attribute in migration data"))]
    pub listen: String,
    /// Its port with TLS, of SPICE.
    #[xml(attr = "tlsPort", invalid = |text| internal(format!("invalid tlsPort number: {text}")))]
    pub tls_port: Option<i32>,
    /// What its certificate says about it.
    #[xml(child)]
    pub certificate: Vec<CookieCertificate>,
}

/// Something that a certificate says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cert")]
pub struct CookieCertificate {
    /// What it is about, `subject`.
    #[xml(attr)]
    pub info: String,
    /// What it says.
    #[xml(attr)]
    pub value: String,
}

/// What a lock manager hands over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "lockstate")]
pub struct CookieLockState {
    /// The lock manager's name.
    #[xml(attr, missing = internal("Missing lock driver name in migration cookie"))]
    pub driver: String,
    /// The leases, in its own words.
    #[xml(child_text)]
    pub leases: Option<String>,
}

/// What the ports of interfaces hand over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "network")]
pub struct CookieNetwork {
    /// The interfaces on virtual ports.
    #[xml(child)]
    pub interfaces: Vec<CookieInterface>,
}

/// What an interface's port hands over.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "interface")]
pub struct CookieInterface {
    /// The interface's place in the definition, from 0.
    #[xml(attr)]
    pub index: u32,
    /// What kind of switch the interface is plugged into, which tells how `port_data` is read.
    #[xml(attr = "vporttype", missing = internal("missing vporttype attribute in migration data"))]
    pub port_type: VirtualPortType,
    /// What it hands over, in its own words.
    #[xml(child_text = "portdata")]
    pub port_data: Option<String>,
}

/// Where disks are copied to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "nbd")]
pub struct CookieNbd {
    /// The server's port; absent before it is known.
    #[xml(attr)]
    pub port: Option<u32>,
    /// How large the disks are that the source copies, so that the destination can make room.
    #[xml(child)]
    pub disks: Vec<CookieDisk>,
}

/// A disk that is copied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "disk")]
pub struct CookieDisk {
    /// The disk's name in the guest, `vda` for example.
    #[xml(attr)]
    pub target: String,
    /// Its size, in bytes.
    #[xml(attr, invalid = |text| internal(format!("Malformed disk capacity: '{text}'")))]
    pub capacity: u64,
}

macro_rules! statistics {
    ($($field:ident: $type:ty, $doc:literal;)*) => {
        /// How a migration went. Times are in milliseconds, amounts of memory and of disks in bytes, unless they say otherwise;
        /// what the emulator did not tell is absent.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct CookieStatistics {
            $(#[doc = $doc] pub $field: Option<$type>,)*
        }

        // Every name is a field's own, spelled with underscores: marks would only repeat them.
        impl crate::xml::Fields for CookieStatistics {
            fn read(reader: &crate::xml::Reader<'_, '_>) -> Result<Self> {
                Ok(Self {
                    $($field: reader.child_text::<crate::xml::Plain, $type>(&[], stringify!($field))?,)*
                })
            }
            fn write_attrs(&self, _: &mut crate::xml::Writer) {}
            fn write_children(&self, writer: &mut crate::xml::Writer) {
                $(if let Some(value) = &self.$field {
                    writer.child_text::<crate::xml::Plain, $type>(stringify!($field), value);
                })*
            }
            fn describe(_: Option<&Self>, shape: &mut crate::xml::Shape) {
                $({
                    const ABOUT: &About = &About::value(<$type as Value>::KIND, $doc);
                    shape.known_child(stringify!($field), ABOUT, |shape| shape.text(ABOUT));
                })*
            }
        }

        impl crate::xml::Element for CookieStatistics {
            const NAME: &'static str = "statistics";
        }
    };
}

statistics! {
    started: u64, "When it was started, since 1970.";
    stopped: u64, "When the guest was paused, since 1970.";
    sent: u64, "When this was sent, since 1970.";
    delta: i64, "By how much the clocks of the hosts differ.";
    time_elapsed: u64, "How long it has taken.";
    downtime: u64, "How long the guest was paused.";
    setup_time: u64, "How long the beginning took.";
    memory_total: u64, "How much memory there is to transfer.";
    memory_processed: u64, "How much was.";
    memory_remaining: u64, "How much is left.";
    memory_bps: u64, "How fast memory is transferred, in bytes a second.";
    memory_constant: u64, "How many pages hold one byte only.";
    memory_normal: u64, "How many pages were transferred whole.";
    memory_normal_bytes: u64, "How much that was.";
    memory_dirty_rate: u64, "How fast the guest changes its memory, in pages a second.";
    memory_iteration: u64, "How often all of the memory was gone through.";
    memory_postcopy_requests: u64, "How often the guest had to wait for a page.";
    memory_page_size: u64, "How large a page is.";
    disk_total: u64, "How much of the disks there is to transfer.";
    disk_processed: u64, "How much was.";
    disk_remaining: u64, "How much is left.";
    disk_bps: u64, "How fast disks are transferred, in bytes a second.";
    compression_cache: u64, "How large the cache for compression is.";
    compression_bytes: u64, "How much was sent compressed.";
    compression_pages: u64, "How many pages were sent compressed.";
    compression_cache_misses: u64, "How many pages were not in that cache.";
    compression_overflow: u64, "How many pages became larger.";
    auto_converge_throttle: i32, "By how many percent the guest is slowed down.";
}

/// What an emulator's migration can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "capabilities", spread)]
pub struct CookieCapabilities {
    /// One entry each.
    #[xml(child)]
    pub list: Vec<CookieCapability>,
}

/// Something that an emulator's migration can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cap")]
pub struct CookieCapability {
    /// The emulator's name for it.
    #[xml(attr, missing = internal("missing migration capability name"))]
    pub name: String,
    /// Whether it is used because both hosts have it.
    #[xml(attr, default)]
    pub auto: bool,
}

/// Bitmaps of changed blocks that go along. Since 7.2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "blockDirtyBitmaps")]
pub struct CookieBitmaps {
    /// The disks that they are of.
    #[xml(child)]
    pub disks: Vec<CookieBitmapDisk>,
}

/// A disk whose bitmaps go along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "disk")]
pub struct CookieBitmapDisk {
    /// The disk's name in the guest, `vda` for example.
    #[xml(attr, missing = internal("malformed <blockDirtyBitmaps> in migration cookie"))]
    pub target: String,
    /// Those of the disk's bitmaps that the destination is to have as well.
    #[xml(child)]
    pub bitmaps: Vec<CookieBitmap>,
}

/// A bitmap that goes along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "bitmap")]
pub struct CookieBitmap {
    /// What the bitmap is called on both hosts: its checkpoint's name.
    #[xml(attr, missing = internal("malformed <blockDirtyBitmaps> in migration cookie"))]
    pub name: String,
    /// Its name while it is transferred.
    #[xml(attr, missing = internal("malformed <blockDirtyBitmaps> in migration cookie"))]
    pub alias: String,
}

impl MigrationCookie {
    /// Reads a cookie.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence and the place.
    pub fn from_xml(text: &str) -> Result<Self> {
        from_str(text, &ParseOptions::inactive())
    }

    /// Writes the cookie as libvirt writes it.
    #[must_use]
    pub fn to_xml(&self) -> String {
        to_string(self, (FormatFlags::SECURE | FormatFlags::INACTIVE | FormatFlags::MIGRATABLE).into())
    }

    /// Refuses a cookie of another guest, or of this very host.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence.
    pub fn check(&self, name: &str, uuid: Uuid, host: Uuid) -> Result<()> {
        let spelled = |uuid: Uuid| {
            let mut text = String::new();
            uuid.format(&mut text);
            text
        };
        if self.name != name {
            let sentence = format!("Incoming cookie data had unexpected name {} vs {name}", self.name);
            return Err(internal(sentence).in_domain(crate::xml::ErrorDomain::QEMU));
        }
        if self.uuid != uuid {
            let (theirs, ours) = (spelled(self.uuid), spelled(uuid));
            let sentence = format!("Incoming cookie data had unexpected UUID {theirs} vs {ours}");
            return Err(internal(sentence).in_domain(crate::xml::ErrorDomain::QEMU));
        }
        if self.host_uuid == host {
            let sentence = format!("Attempt to migrate guest to the same host {}", spelled(host));
            return Err(internal(sentence).in_domain(crate::xml::ErrorDomain::QEMU));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(inside: &str) -> String {
        format!(
            "<qemu-migration><name>one</name><uuid>dcf47dbd-46d1-4d5b-b442-262a806a333a</uuid>\
             <hostname>here</hostname><hostuuid>8b3f4dc4-6a8e-5f9b-94a5-4c35babd8d95</hostuuid>{inside}</qemu-migration>"
        )
    }

    #[test]
    fn bitmaps_and_statistics_survive() {
        let inside = "<statistics><started>1</started><delta>-2</delta></statistics><blockDirtyBitmaps>\
                      <disk target='vda'><bitmap name='a' alias='b'/></disk></blockDirtyBitmaps>";
        let read = MigrationCookie::from_xml(&cookie(inside)).unwrap();
        assert_eq!(read.statistics.as_ref().and_then(|statistics| statistics.delta), Some(-2));
        assert_eq!(MigrationCookie::from_xml(&read.to_xml()).unwrap(), read);
    }

    #[test]
    fn a_cookie_of_this_host_is_refused() {
        let read = MigrationCookie::from_xml(&cookie("")).unwrap();
        assert!(read.check("one", read.uuid, Uuid::nil()).is_ok());
        let error = read.check("one", read.uuid, read.host_uuid).unwrap_err();
        assert_eq!(
            error.to_string(),
            "internal error: Attempt to migrate guest to the same host 8b3f4dc4-6a8e-5f9b-94a5-4c35babd8d95"
        );
        let error = read.check("two", read.uuid, Uuid::nil()).unwrap_err();
        assert_eq!(error.to_string(), "internal error: Incoming cookie data had unexpected name one vs two");
    }
}

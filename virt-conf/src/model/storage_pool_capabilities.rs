//! `<storagepoolCapabilities>`: which types of storage pools there are, and what can be in them.
//!
//! Fields stand in the order in which libvirt writes them.

use super::domain_capabilities::Choice;
use crate::xml::Xml;

/// Which types of storage pools there are. Since 5.2.
///
/// ```
/// use virt_conf::model::StoragePoolCapabilities;
///
/// let text = "<storagepoolCapabilities><pool type='dir' supported='yes'/></storagepoolCapabilities>";
/// let capabilities: StoragePoolCapabilities = text.parse()?;
/// assert!(capabilities.pools[0].supported);
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "storagepoolCapabilities", errors = CAPABILITIES, spread, document)]
pub struct StoragePoolCapabilities {
    /// The types.
    #[xml(child, key = "@type", unordered)]
    pub pools: Vec<PoolCapability>,
}

/// A type of storage pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "pool", spread)]
pub struct PoolCapability {
    /// The type, as in `<pool type='..'>`.
    #[xml(attr = "type")]
    pub kind: String,
    /// Whether there can be such pools.
    #[xml(attr)]
    pub supported: bool,
    /// What pools can be.
    #[xml(child = "poolOptions")]
    pub pool_options: Option<PoolFormats>,
    /// What volumes in them can be.
    #[xml(child = "volOptions")]
    pub volume_options: Option<PoolFormats>,
}

/// The formats that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "options")]
pub struct PoolFormats {
    /// The one by default.
    #[xml(attr = "defaultFormat/@type")]
    pub default_format: Option<String>,
    /// All of them.
    #[xml(child, key = "@name", unordered)]
    pub lists: Vec<Choice>,
}

//! `<sources>` and `<source>` of a search: what pools there could be, and where to look for them.

use super::{IscsiSource, LogicalSource, NetfsSource, SourceHost};
use crate::xml::Xml;

/// `<sources>`: what pools of one type could be made of, as a search found it.
///
/// ```
/// use virt_conf::model::storage_pool::{LogicalSource, StoragePoolSources};
/// use virt_conf::xml::{FormatOptions, to_string};
///
/// let group = LogicalSource { name: Some("vg0".into()), ..LogicalSource::default() };
/// let sources = StoragePoolSources { logical: vec![group], ..StoragePoolSources::default() };
/// let text = to_string(&sources, FormatOptions::default());
/// assert!(text.contains("<name>vg0</name>"), "{text}");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "sources", document, errors = STORAGE, keep_open)]
pub struct StoragePoolSources {
    /// Directories of servers.
    #[xml(child, write_only)]
    pub netfs: Vec<NetfsSource>,
    /// Volume groups.
    #[xml(child, write_only)]
    pub logical: Vec<LogicalSource>,
    /// iSCSI targets.
    #[xml(child, write_only)]
    pub iscsi: Vec<IscsiSource>,
}

/// `<source>` as a search takes it: where to look.
///
/// ```
/// use virt_conf::model::storage_pool::SourceSearch;
///
/// let search: SourceSearch = "<source><host name='[fd00::1]' port='3260'/></source>".parse()?;
/// assert_eq!((search.hosts[0].name.as_str(), search.hosts[0].port), ("fd00::1", 3260));
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "source", document, errors = STORAGE)]
pub struct SourceSearch {
    /// Whom to ask.
    #[xml(child)]
    pub hosts: Vec<SourceHost>,
    /// As which iSCSI initiator; absent: the host's.
    #[xml(attr = "initiator/iqn/@name")]
    pub initiator: Option<String>,
}

//! `<topology>` of a host: its NUMA nodes and their processors.

use super::HostPages;
use crate::model::{Bitmap, Kib, NumaCache, NumaDistances, NumaInterconnects};
use crate::xml::Xml;

/// A host's NUMA nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "topology")]
pub struct HostTopology {
    /// The nodes.
    #[xml(child)]
    pub cells: HostCells,
    /// How fast each node reaches each other's memory. Since 7.10.
    #[xml(child, default)]
    pub interconnects: NumaInterconnects,
}

/// NUMA nodes, and their number.
///
/// ```
/// use virt_conf::model::capabilities::{HostCell, HostCells};
///
/// let cells = HostCells::from(vec![HostCell::default()]);
/// assert_eq!(cells.count, 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cells", spread)]
pub struct HostCells {
    /// How many there are.
    #[xml(attr = "num")]
    pub count: u32,
    /// The nodes.
    #[xml(child, key = "@id")]
    pub list: Vec<HostCell>,
}

/// A host's NUMA node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cell")]
pub struct HostCell {
    /// Its number.
    #[xml(attr)]
    pub id: u32,
    /// Its memory, in KiB; absent where that is unknown.
    #[xml(child)]
    pub memory: Option<Kib>,
    /// Its pages, by size.
    #[xml(child, key = "@size", unordered)]
    pub pages: Vec<HostPages>,
    /// How far the other nodes are.
    #[xml(child, default)]
    pub distances: NumaDistances,
    /// Caches beside its memory. Since 7.10.
    #[xml(child, key = "@level", unordered)]
    pub caches: Vec<NumaCache>,
    /// Its processors.
    #[xml(child)]
    pub cpus: Option<HostCellCpus>,
}

/// The processors of a NUMA node, and their number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cpus", spread)]
pub struct HostCellCpus {
    /// How many there are.
    #[xml(attr = "num")]
    pub count: u32,
    /// The processors.
    #[xml(child, key = "@id")]
    pub list: Vec<HostCellCpu>,
}

/// A host's processor, and where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cpu")]
pub struct HostCellCpu {
    /// Its number.
    #[xml(attr)]
    pub id: u32,
    /// The package that it is in; this and the others are absent where the host does not say.
    #[xml(attr = "socket_id")]
    pub socket: Option<i32>,
    /// The die within the package. Since 6.3.
    #[xml(attr = "die_id")]
    pub die: Option<i32>,
    /// The cluster of cores within the die. Since 10.1.
    #[xml(attr = "cluster_id")]
    pub cluster: Option<i32>,
    /// The core within the die.
    #[xml(attr = "core_id")]
    pub core: Option<i32>,
    /// The processors of the same core.
    #[xml(attr)]
    pub siblings: Option<Bitmap>,
}

impl From<Vec<HostCell>> for HostCells {
    fn from(list: Vec<HostCell>) -> Self {
        Self { count: list.len() as u32, list }
    }
}

impl From<Vec<HostCellCpu>> for HostCellCpus {
    fn from(list: Vec<HostCellCpu>) -> Self {
        Self { count: list.len() as u32, list }
    }
}

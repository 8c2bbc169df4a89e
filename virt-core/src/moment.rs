//! Moments in the lives of domains: snapshots, and checkpoints.

use std::sync::Arc;

use plugins_abi::{
    CheckpointXml, CreateCheckpoint, CreateSnapshot, DeleteMoment, ListCheckpoints, ListSnapshots,
    MomentSummary, RevertSnapshot, SnapshotXml, checkpoints, snapshots,
};
use virt_util::Result;

use crate::connection::slot;
use crate::domain::Domain;

/// A snapshot of a domain, to go back to. Cheap to clone.
///
/// ```
/// # let registry = virt_core::Registry::empty();
/// # registry.register::<virt_driver_test::TestDriver>()?;
/// # let connection = virt_core::Connection::builder().uri("test:///default").registry(&registry).open()?;
/// use virt_core::{CreateSnapshot, DestroyDomain, RevertSnapshot};
///
/// let guest = connection.domain_by_name("test")?;
/// let xml = "<domainsnapshot><name>before</name></domainsnapshot>";
/// let snapshot = guest.create_snapshot(xml, CreateSnapshot::empty())?;
/// guest.destroy(DestroyDomain::empty())?;
/// snapshot.revert(RevertSnapshot::empty())?;
/// assert!(guest.is_active()?);
/// # Ok::<(), virt_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Snapshot {
    domain: Domain,
    name: Arc<str>,
}

/// A checkpoint of a domain, since which it is known what changes. Cheap to clone.
///
/// ```
/// # let registry = virt_core::Registry::empty();
/// # registry.register::<virt_driver_test::TestDriver>()?;
/// # let connection = virt_core::Connection::builder().uri("test:///default").registry(&registry).open()?;
/// use virt_core::{CreateCheckpoint, ListCheckpoints};
///
/// let guest = connection.domain_by_name("test")?;
/// let xml = "<domaincheckpoint><name>monday</name></domaincheckpoint>";
/// guest.create_checkpoint(xml, CreateCheckpoint::empty())?;
/// assert_eq!(guest.checkpoints(ListCheckpoints::empty())?[0].name, "monday");
/// # Ok::<(), virt_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Checkpoint {
    domain: Domain,
    name: Arc<str>,
}

/// A call of one of the two traits: `ask!(self.domain, snapshots, revert(name, flags))`.
macro_rules! ask {
    ($domain:expr, $module:ident, $method:ident($($argument:expr),*)) => {{
        let domain: &Domain = $domain;
        let connection = domain.connection();
        domain.ask(|call| {
            slot!(connection, $module, $module::$method)?.$method(call, domain.uuid() $(, $argument)*)
        })
    }};
}

macro_rules! moments {
    ($($moment:ident $module:ident $list_flags:ident $xml_flags:ident;)*) => {$(
        impl $moment {
            fn new(domain: &Domain, name: &str) -> Self {
                Self { domain: domain.clone(), name: name.into() }
            }

            /// Its name, unique in its domain.
            pub fn name(&self) -> &str {
                &self.name
            }

            /// Whose life it is a moment of.
            pub fn domain(&self) -> &Domain {
                &self.domain
            }

            /// What a list shows of it.
            ///
            /// # Errors
            ///
            /// As libvirt has them when it is gone.
            pub fn summary(&self) -> Result<MomentSummary> {
                ask!(&self.domain, $module, lookup(self.name.as_ref().to_owned()))
            }

            /// The one that it comes after.
            ///
            /// # Errors
            ///
            /// As libvirt has them when it is gone.
            pub fn parent(&self) -> Result<Option<Self>> {
                Ok(self.summary()?.parent.map(|name| Self::new(&self.domain, &name)))
            }

            /// Those that come right after it, or with `DESCENDANTS` all that follow.
            ///
            /// # Errors
            ///
            /// As libvirt has them when it is gone.
            pub fn children(&self, filter: $list_flags) -> Result<Vec<MomentSummary>> {
                ask!(&self.domain, $module, list(Some(self.name.as_ref().to_owned()), filter))
            }

            /// Its XML.
            ///
            /// # Errors
            ///
            /// As libvirt has them when it is gone.
            pub fn xml(&self, flags: $xml_flags) -> Result<String> {
                ask!(&self.domain, $module, xml(self.name.as_ref().to_owned(), flags))
            }

            /// Removes it; its children become its parent's.
            ///
            /// # Errors
            ///
            /// As libvirt has them when it is gone.
            pub fn delete(&self, flags: DeleteMoment) -> Result<()> {
                ask!(&self.domain, $module, delete(self.name.as_ref().to_owned(), flags))
            }
        }
    )*};
}

moments! {
    Snapshot snapshots ListSnapshots SnapshotXml;
    Checkpoint checkpoints ListCheckpoints CheckpointXml;
}

impl Snapshot {
    /// Makes the domain what it was then.
    ///
    /// # Errors
    ///
    /// `SNAPSHOT_REVERT_RISKY` where only force helps; `NO_DOMAIN_SNAPSHOT` when it is gone.
    pub fn revert(&self, flags: RevertSnapshot) -> Result<()> {
        ask!(&self.domain, snapshots, revert(self.name.as_ref().to_owned(), flags))
    }
}

impl Domain {
    /// Its snapshots that `filter` asks for. An empty filter: all.
    ///
    /// # Errors
    ///
    /// `NO_DOMAIN` when it is gone.
    pub fn snapshots(&self, filter: ListSnapshots) -> Result<Vec<MomentSummary>> {
        ask!(self, snapshots, list(None, filter))
    }

    /// The snapshot of this name.
    ///
    /// # Errors
    ///
    /// `NO_DOMAIN_SNAPSHOT` when there is none.
    pub fn snapshot(&self, name: &str) -> Result<Snapshot> {
        let found = ask!(self, snapshots, lookup(name.to_owned()))?;
        Ok(Snapshot::new(self, &found.name))
    }

    /// A handle of a snapshot that a list shows, gone or not.
    pub fn snapshot_of(&self, summary: &MomentSummary) -> Snapshot {
        Snapshot::new(self, &summary.name)
    }

    /// The snapshot that it goes on from.
    ///
    /// # Errors
    ///
    /// `NO_DOMAIN_SNAPSHOT` when there is none.
    pub fn current_snapshot(&self) -> Result<Snapshot> {
        let found = ask!(self, snapshots, current())?;
        Ok(Snapshot::new(self, &found.name))
    }

    /// Makes a snapshot.
    ///
    /// # Errors
    ///
    /// `OPERATION_FAILED` when there is one of this name.
    pub fn create_snapshot(&self, xml: &str, flags: CreateSnapshot) -> Result<Snapshot> {
        let made = ask!(self, snapshots, create(xml.to_owned(), flags))?;
        Ok(Snapshot::new(self, &made.name))
    }

    /// Its checkpoints that `filter` asks for. An empty filter: all.
    ///
    /// # Errors
    ///
    /// `NO_DOMAIN` when it is gone.
    pub fn checkpoints(&self, filter: ListCheckpoints) -> Result<Vec<MomentSummary>> {
        ask!(self, checkpoints, list(None, filter))
    }

    /// The checkpoint of this name.
    ///
    /// # Errors
    ///
    /// `NO_DOMAIN_CHECKPOINT` when there is none.
    pub fn checkpoint(&self, name: &str) -> Result<Checkpoint> {
        let found = ask!(self, checkpoints, lookup(name.to_owned()))?;
        Ok(Checkpoint::new(self, &found.name))
    }

    /// A handle of a checkpoint that a list shows, gone or not.
    pub fn checkpoint_of(&self, summary: &MomentSummary) -> Checkpoint {
        Checkpoint::new(self, &summary.name)
    }

    /// Makes a checkpoint.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when it is not running, `OPERATION_FAILED` when there is one of this name.
    pub fn create_checkpoint(&self, xml: &str, flags: CreateCheckpoint) -> Result<Checkpoint> {
        let made = ask!(self, checkpoints, create(xml.to_owned(), flags))?;
        Ok(Checkpoint::new(self, &made.name))
    }
}

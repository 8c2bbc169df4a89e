//! Moments in the lives of domains: snapshots, to go back to, and checkpoints, to know what changed since.

use uuid::Uuid;

use super::*;
use crate::driver_api;

driver_api! {
    /// Snapshots of domains. A snapshot is known by its name, which is unique in its domain.
    pub trait Snapshots in snapshots {
        /// Those that `filter` asks for. With `parent` those that come after that one: its children, or with
        /// [`ListSnapshots::DESCENDANTS`] all that follow.
        #[api(read, "virDomainListAllSnapshots", since "1.0")]
        fn list(&self, call: &Call, domain: Uuid, parent: Option<String>, filter: ListSnapshots)
            -> Vec<MomentSummary>;
        /// The one of this name.
        #[api(read, "virDomainSnapshotLookupByName", since "1.0")]
        fn lookup(&self, call: &Call, domain: Uuid, name: String) -> MomentSummary;
        /// The one that the domain goes on from.
        #[api(read, "virDomainSnapshotCurrent", since "1.0")]
        fn current(&self, call: &Call, domain: Uuid) -> MomentSummary;
        /// Makes one; with [`CreateSnapshot::REDEFINE`] says what is known of one that is there.
        #[api(write, "virDomainSnapshotCreateXML", since "1.0")]
        fn create(&self, call: &Call, domain: Uuid, xml: String, flags: CreateSnapshot) -> MomentSummary;
        /// Its XML. `SECURE` needs a connection that may write; the driver checks that.
        #[api(read, "virDomainSnapshotGetXMLDesc", since "1.0")]
        fn xml(&self, call: &Call, domain: Uuid, name: String, flags: SnapshotXml) -> String;
        /// Makes the domain what it was then.
        #[api(write, "virDomainRevertToSnapshot", since "1.0")]
        fn revert(&self, call: &Call, domain: Uuid, name: String, flags: RevertSnapshot) -> ();
        /// Removes it; its children become its parent's.
        #[api(write, "virDomainSnapshotDelete", since "1.0")]
        fn delete(&self, call: &Call, domain: Uuid, name: String, flags: DeleteMoment) -> ();
    }
}

driver_api! {
    /// Checkpoints of domains. A checkpoint is known by its name, which is unique in its domain.
    pub trait Checkpoints in checkpoints {
        /// Those that `filter` asks for. With `parent` those that come after that one: its children, or with
        /// [`ListCheckpoints::DESCENDANTS`] all that follow.
        #[api(read, "virDomainListAllCheckpoints", since "1.0")]
        fn list(&self, call: &Call, domain: Uuid, parent: Option<String>, filter: ListCheckpoints)
            -> Vec<MomentSummary>;
        /// The one of this name.
        #[api(read, "virDomainCheckpointLookupByName", since "1.0")]
        fn lookup(&self, call: &Call, domain: Uuid, name: String) -> MomentSummary;
        /// Makes one; with [`CreateCheckpoint::REDEFINE`] says what is known of one that is there.
        #[api(write, "virDomainCheckpointCreateXML", since "1.0")]
        fn create(&self, call: &Call, domain: Uuid, xml: String, flags: CreateCheckpoint) -> MomentSummary;
        /// Its XML. `SECURE` needs a connection that may write; the driver checks that.
        #[api(read, "virDomainCheckpointGetXMLDesc", since "1.0")]
        fn xml(&self, call: &Call, domain: Uuid, name: String, flags: CheckpointXml) -> String;
        /// Removes it; its children become its parent's.
        #[api(write, "virDomainCheckpointDelete", since "1.0")]
        fn delete(&self, call: &Call, domain: Uuid, name: String, flags: DeleteMoment) -> ();
    }
}

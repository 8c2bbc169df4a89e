//! Storage pools, and the volumes in them.

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::driver_api;

driver_api! {
    /// Storage pools: the role `storage`.
    pub trait StoragePools in storage_pools {
        /// Those that `filter` asks for, with everything a list shows.
        #[api(read, "virConnectListAllStoragePools", since "1.0")]
        fn list(&self, call: &Call, filter: ListStoragePools) -> Vec<StoragePoolSummary>;
        /// The pool of this name.
        #[api(read, "virStoragePoolLookupByName", since "1.0")]
        fn lookup_by_name(&self, call: &Call, name: String) -> StoragePoolSummary;
        /// The pool of this UUID.
        #[api(read, "virStoragePoolLookupByUUID", since "1.0")]
        fn lookup_by_uuid(&self, call: &Call, uuid: Uuid) -> StoragePoolSummary;
        /// The running pool that shows at this path.
        #[api(read, "virStoragePoolLookupByTargetPath", since "1.0")]
        fn lookup_by_target_path(&self, call: &Call, path: String) -> StoragePoolSummary;
        /// Gives a pool a definition: a new one, or another for the next start.
        #[api(write, "virStoragePoolDefineXML", since "1.0")]
        fn define(&self, call: &Call, xml: String, flags: DefineStoragePool) -> StoragePoolSummary;
        /// Takes the definition of a pool that is off away.
        #[api(write, "virStoragePoolUndefine", since "1.0")]
        fn undefine(&self, call: &Call, pool: Uuid) -> ();
        /// Starts a pool that vanishes when it stops.
        #[api(write, "virStoragePoolCreateXML", since "1.0")]
        fn create_xml(&self, call: &Call, xml: String, flags: StartStoragePool) -> StoragePoolSummary;
        /// Starts a pool: it is there on the host, and its volumes are known.
        #[api(write, "virStoragePoolCreate", since "1.0")]
        fn create(&self, call: &Call, pool: Uuid, flags: StartStoragePool) -> ();
        /// Makes its storage: a directory, a file system, a volume group ...
        #[api(write, "virStoragePoolBuild", since "1.0")]
        fn build(&self, call: &Call, pool: Uuid, flags: BuildStoragePool) -> ();
        /// Stops it. What is stored stays.
        #[api(write, "virStoragePoolDestroy", since "1.0")]
        fn destroy(&self, call: &Call, pool: Uuid) -> ();
        /// Removes the storage of a pool that is off.
        #[api(write, "virStoragePoolDelete", since "1.0")]
        fn delete(&self, call: &Call, pool: Uuid, flags: DeleteStoragePool) -> ();
        /// Looks at its volumes anew.
        #[api(write, "virStoragePoolRefresh", since "1.0")]
        fn refresh(&self, call: &Call, pool: Uuid) -> ();
        /// State and sizes.
        #[api(read, "virStoragePoolGetInfo", since "1.0")]
        fn info(&self, call: &Call, pool: Uuid) -> StoragePoolInfo;
        /// Everything a list shows.
        #[api(read, "virStoragePoolIsPersistent", since "1.0")]
        fn summary(&self, call: &Call, pool: Uuid) -> StoragePoolSummary;
        /// Its XML.
        #[api(read, "virStoragePoolGetXMLDesc", since "1.0")]
        fn xml(&self, call: &Call, pool: Uuid, flags: StoragePoolXml) -> String;
        /// Decides whether it starts with the host. Transient pools cannot.
        #[api(write, "virStoragePoolSetAutostart", since "1.0")]
        fn set_autostart(&self, call: &Call, pool: Uuid, autostart: bool) -> ();
        /// Looks for storage of this type (`netfs`, `logical` ...) that a pool could be made of, as `<sources>`;
        /// `source` is a `<source>` that says where to look.
        #[api(write, "virConnectFindStoragePoolSources", since "1.0")]
        fn find_sources(&self, call: &Call, kind: String, source: Option<String>) -> String;
        /// Which types of pools there can be, as `<storagepoolCapabilities>`.
        #[api(read, "virConnectGetStoragePoolCapabilities", since "1.0")]
        fn capabilities(&self, call: &Call) -> String;
        /// From now on, or from the event of this number on where it is still kept. Kinds are [`StoragePoolEventKind`].
        #[api(read, "virConnectStoragePoolEventRegisterAny", since "1.0")]
        fn subscribe(&self, call: &Call, from: Option<u64>) -> Arc<dyn ObjectEventSource>;
        /// Starts every pool that starts with the host; answers the errors of those that did not.
        #[api(write, "", since "1.0")]
        fn host_start(&self, call: &Call) -> Vec<String>;
        /// Undoes what processes that died left half done; answers what was done, one line each.
        #[api(write, "", since "1.0")]
        fn recover(&self, call: &Call) -> Vec<String>;
    }
}

driver_api! {
    /// Volumes of storage pools. A volume is known by its pool's UUID and its name in it; its pool runs.
    pub trait StorageVolumes in storage_volumes {
        /// Those of a pool, with everything a list shows.
        #[api(read, "virStoragePoolListAllVolumes", since "1.0")]
        fn list(&self, call: &Call, pool: Uuid) -> Vec<StorageVolumeSummary>;
        /// The volume of this name.
        #[api(read, "virStorageVolLookupByName", since "1.0")]
        fn lookup_by_name(&self, call: &Call, pool: Uuid, name: String) -> StorageVolumeSummary;
        /// The volume with this key, in any pool that runs.
        #[api(read, "virStorageVolLookupByKey", since "1.0")]
        fn lookup_by_key(&self, call: &Call, key: String) -> StorageVolumeSummary;
        /// The volume at this path, in any pool that runs.
        #[api(read, "virStorageVolLookupByPath", since "1.0")]
        fn lookup_by_path(&self, call: &Call, path: String) -> StorageVolumeSummary;
        /// Makes a volume. Reports progress.
        #[api(write, "virStorageVolCreateXML", since "1.0")]
        fn create_xml(&self, call: &Call, pool: Uuid, xml: String, flags: CreateStorageVolume)
            -> StorageVolumeSummary;
        /// Makes a volume with the content of another one. Reports progress.
        #[api(write, "virStorageVolCreateXMLFrom", since "1.0")]
        fn create_xml_from(
            &self,
            call: &Call,
            pool: Uuid,
            xml: String,
            source_pool: Uuid,
            source: String,
            flags: CreateStorageVolume,
        ) -> StorageVolumeSummary;
        /// Removes a volume.
        #[api(write, "virStorageVolDelete", since "1.0")]
        fn delete(&self, call: &Call, pool: Uuid, volume: String, flags: DeleteStorageVolume) -> ();
        /// Makes what is stored in it unreadable. Reports progress.
        #[api(write, "virStorageVolWipePattern", since "1.0")]
        fn wipe(&self, call: &Call, pool: Uuid, volume: String, algorithm: WipeAlgorithm) -> ();
        /// Changes the size that a guest sees.
        #[api(write, "virStorageVolResize", since "1.0")]
        fn resize(&self, call: &Call, pool: Uuid, volume: String, capacity: u64, flags: ResizeStorageVolume) -> ();
        /// Its sizes, as they are now.
        #[api(read, "virStorageVolGetInfoFlags", since "1.0")]
        fn info(&self, call: &Call, pool: Uuid, volume: String, flags: StorageVolumeInfoFlags) -> StorageVolumeInfo;
        /// Its XML.
        #[api(read, "virStorageVolGetXMLDesc", since "1.0")]
        fn xml(&self, call: &Call, pool: Uuid, volume: String) -> String;
        /// Takes what is sent, into the volume's bytes from `offset` on, at most `length` (0: as many as come). The volume
        /// is looked at anew when the stream has been finished.
        #[api(write, "virStorageVolUpload", since "1.0")]
        fn upload(
            &self,
            call: &Call,
            pool: Uuid,
            volume: String,
            offset: u64,
            length: u64,
            flags: TransferStorageVolume,
        ) -> Arc<dyn Stream>;
        /// Gives the volume's bytes from `offset` on, `length` of them (0: all).
        #[api(read, "virStorageVolDownload", since "1.0")]
        fn download(
            &self,
            call: &Call,
            pool: Uuid,
            volume: String,
            offset: u64,
            length: u64,
            flags: TransferStorageVolume,
        ) -> Arc<dyn Stream>;
    }
}

/* libvirt-storage.h, of the C library of virt. Written by `cargo xtask c-api`: change its tables, not this file. */

#ifndef LIBVIRT_STORAGE_H
#define LIBVIRT_STORAGE_H

#ifndef __VIR_LIBVIRT_H_INCLUDES__
#error "include libvirt/libvirt.h, which includes this file"
#endif

#ifdef __cplusplus
extern "C" {
#endif


typedef enum {
    VIR_STORAGE_POOL_INACTIVE = 0,
    VIR_STORAGE_POOL_BUILDING = 1,
    VIR_STORAGE_POOL_RUNNING = 2,
    VIR_STORAGE_POOL_DEGRADED = 3,
    VIR_STORAGE_POOL_INACCESSIBLE = 4,
#ifdef VIR_ENUM_SENTINELS
    VIR_STORAGE_POOL_STATE_LAST = 5,
#endif
} virStoragePoolState;

typedef enum {
    VIR_STORAGE_POOL_BUILD_NEW = 0,
    VIR_STORAGE_POOL_BUILD_REPAIR = 1,
    VIR_STORAGE_POOL_BUILD_RESIZE = 2,
    VIR_STORAGE_POOL_BUILD_NO_OVERWRITE = 4,
    VIR_STORAGE_POOL_BUILD_OVERWRITE = 8,
} virStoragePoolBuildFlags;

typedef enum {
    VIR_STORAGE_POOL_DELETE_NORMAL = 0,
    VIR_STORAGE_POOL_DELETE_ZEROED = 1,
} virStoragePoolDeleteFlags;

typedef enum {
    VIR_STORAGE_POOL_CREATE_NORMAL = 0,
    VIR_STORAGE_POOL_CREATE_WITH_BUILD = 1,
    VIR_STORAGE_POOL_CREATE_WITH_BUILD_OVERWRITE = 2,
    VIR_STORAGE_POOL_CREATE_WITH_BUILD_NO_OVERWRITE = 4,
} virStoragePoolCreateFlags;

typedef enum {
    VIR_STORAGE_VOL_FILE = 0,
    VIR_STORAGE_VOL_BLOCK = 1,
    VIR_STORAGE_VOL_DIR = 2,
    VIR_STORAGE_VOL_NETWORK = 3,
    VIR_STORAGE_VOL_NETDIR = 4,
    VIR_STORAGE_VOL_PLOOP = 5,
#ifdef VIR_ENUM_SENTINELS
    VIR_STORAGE_VOL_LAST = 6,
#endif
} virStorageVolType;

typedef enum {
    VIR_STORAGE_VOL_DELETE_NORMAL = 0,
    VIR_STORAGE_VOL_DELETE_ZEROED = 1,
    VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS = 2,
} virStorageVolDeleteFlags;

typedef enum {
    VIR_STORAGE_VOL_WIPE_ALG_ZERO = 0,
    VIR_STORAGE_VOL_WIPE_ALG_NNSA = 1,
    VIR_STORAGE_VOL_WIPE_ALG_DOD = 2,
    VIR_STORAGE_VOL_WIPE_ALG_BSI = 3,
    VIR_STORAGE_VOL_WIPE_ALG_GUTMANN = 4,
    VIR_STORAGE_VOL_WIPE_ALG_SCHNEIER = 5,
    VIR_STORAGE_VOL_WIPE_ALG_PFITZNER7 = 6,
    VIR_STORAGE_VOL_WIPE_ALG_PFITZNER33 = 7,
    VIR_STORAGE_VOL_WIPE_ALG_RANDOM = 8,
    VIR_STORAGE_VOL_WIPE_ALG_TRIM = 9,
#ifdef VIR_ENUM_SENTINELS
    VIR_STORAGE_VOL_WIPE_ALG_LAST = 10,
#endif
} virStorageVolWipeAlgorithm;

typedef enum {
    VIR_STORAGE_VOL_USE_ALLOCATION = 0,
    VIR_STORAGE_VOL_GET_PHYSICAL = 1,
} virStorageVolInfoFlags;

typedef enum {
    VIR_STORAGE_XML_INACTIVE = 1,
} virStorageXMLFlags;

typedef enum {
    VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE = 1,
    VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE = 2,
    VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT = 4,
    VIR_CONNECT_LIST_STORAGE_POOLS_TRANSIENT = 8,
    VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART = 16,
    VIR_CONNECT_LIST_STORAGE_POOLS_NO_AUTOSTART = 32,
    VIR_CONNECT_LIST_STORAGE_POOLS_DIR = 64,
    VIR_CONNECT_LIST_STORAGE_POOLS_FS = 128,
    VIR_CONNECT_LIST_STORAGE_POOLS_NETFS = 256,
    VIR_CONNECT_LIST_STORAGE_POOLS_LOGICAL = 512,
    VIR_CONNECT_LIST_STORAGE_POOLS_DISK = 1024,
    VIR_CONNECT_LIST_STORAGE_POOLS_ISCSI = 2048,
    VIR_CONNECT_LIST_STORAGE_POOLS_SCSI = 4096,
    VIR_CONNECT_LIST_STORAGE_POOLS_MPATH = 8192,
    VIR_CONNECT_LIST_STORAGE_POOLS_RBD = 16384,
    VIR_CONNECT_LIST_STORAGE_POOLS_SHEEPDOG = 32768,
    VIR_CONNECT_LIST_STORAGE_POOLS_GLUSTER = 65536,
    VIR_CONNECT_LIST_STORAGE_POOLS_ZFS = 131072,
    VIR_CONNECT_LIST_STORAGE_POOLS_VSTORAGE = 262144,
    VIR_CONNECT_LIST_STORAGE_POOLS_ISCSI_DIRECT = 524288,
} virConnectListAllStoragePoolsFlags;

typedef enum {
    VIR_STORAGE_POOL_DEFINE_VALIDATE = 1,
} virStoragePoolDefineFlags;

typedef enum {
    VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA = 1,
    VIR_STORAGE_VOL_CREATE_REFLINK = 2,
    VIR_STORAGE_VOL_CREATE_VALIDATE = 4,
} virStorageVolCreateFlags;

typedef enum {
    VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM = 1,
} virStorageVolDownloadFlags;

typedef enum {
    VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM = 1,
} virStorageVolUploadFlags;

typedef enum {
    VIR_STORAGE_VOL_RESIZE_ALLOCATE = 1,
    VIR_STORAGE_VOL_RESIZE_DELTA = 2,
    VIR_STORAGE_VOL_RESIZE_SHRINK = 4,
} virStorageVolResizeFlags;

typedef enum {
    VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE = 0,
    VIR_STORAGE_POOL_EVENT_ID_REFRESH = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_STORAGE_POOL_EVENT_ID_LAST = 2,
#endif
} virStoragePoolEventID;

typedef enum {
    VIR_STORAGE_POOL_EVENT_DEFINED = 0,
    VIR_STORAGE_POOL_EVENT_UNDEFINED = 1,
    VIR_STORAGE_POOL_EVENT_STARTED = 2,
    VIR_STORAGE_POOL_EVENT_STOPPED = 3,
    VIR_STORAGE_POOL_EVENT_CREATED = 4,
    VIR_STORAGE_POOL_EVENT_DELETED = 5,
#ifdef VIR_ENUM_SENTINELS
    VIR_STORAGE_POOL_EVENT_LAST = 6,
#endif
} virStoragePoolEventLifecycleType;

/**
 * A storage pool. Only its address is known outside.
 */
struct _virStoragePool;

/**
 * A storage volume. Only its address is known outside.
 */
struct _virStorageVol;

typedef struct _virStoragePool virStoragePool;

typedef virStoragePool *virStoragePoolPtr;

struct _virStoragePoolInfo {
  int state;
  unsigned long long capacity;
  unsigned long long allocation;
  unsigned long long available;
};

typedef struct _virStoragePoolInfo virStoragePoolInfo;

typedef virStoragePoolInfo *virStoragePoolInfoPtr;

typedef struct _virStorageVol virStorageVol;

typedef virStorageVol *virStorageVolPtr;

struct _virStorageVolInfo {
  int type;
  unsigned long long capacity;
  unsigned long long allocation;
};

typedef struct _virStorageVolInfo virStorageVolInfo;

typedef virStorageVolInfo *virStorageVolInfoPtr;

typedef void (*virConnectStoragePoolEventGenericCallback)(virConnectPtr conn,
                                                          virStoragePoolPtr pool,
                                                          void *opaque);

typedef void (*virConnectStoragePoolEventLifecycleCallback)(virConnectPtr conn,
                                                            virStoragePoolPtr pool,
                                                            int event,
                                                            int detail,
                                                            void *opaque);

#define VIR_STORAGE_POOL_EVENT_CALLBACK(cb) ((virConnectStoragePoolEventGenericCallback)(cb))

/**
 * The storage pools that do not run, as many as there is room for. Since 0.4.1.
 */
int virConnectListDefinedStoragePools(virConnectPtr conn, char **names, int maxnames);

/**
 * The storage pools that run, as many as there is room for. Since 0.4.1.
 */
int virConnectListStoragePools(virConnectPtr conn, char **names, int maxnames);

/**
 * How many storage pools there are that do not run. Since 0.4.1.
 */
int virConnectNumOfDefinedStoragePools(virConnectPtr conn);

/**
 * How many storage pools there are that run. Since 0.4.1.
 */
int virConnectNumOfStoragePools(virConnectPtr conn);

/**
 * Makes its storage: a directory, a file system, a volume group ... Since 0.4.1.
 */
int virStoragePoolBuild(virStoragePoolPtr pool, unsigned int flags);

/**
 * Starts a pool: it is there on the host, and its volumes are known. Since 0.4.1.
 */
int virStoragePoolCreate(virStoragePoolPtr pool, unsigned int flags);

/**
 * Starts a pool that vanishes when it stops. The caller gives the answer back with
 * virStoragePoolFree(). Since 0.4.1.
 */
virStoragePoolPtr virStoragePoolCreateXML(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

/**
 * Gives a pool a definition: a new one, or another for the next start. The caller gives the answer
 * back with virStoragePoolFree(). Since 0.4.1.
 */
virStoragePoolPtr virStoragePoolDefineXML(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

/**
 * Removes the storage of a pool that is off. Since 0.4.1.
 */
int virStoragePoolDelete(virStoragePoolPtr pool, unsigned int flags);

/**
 * Stops it. Since 0.4.1.
 */
int virStoragePoolDestroy(virStoragePoolPtr pool);

/**
 * Gives a reference of the pool back; with the last one it ends. Since 0.4.1.
 */
int virStoragePoolFree(virStoragePoolPtr pool);

/**
 * Whether the pool starts with the host. Since 0.4.1.
 */
int virStoragePoolGetAutostart(virStoragePoolPtr pool, int *autostart);

/**
 * The connection that the pool belongs to. The answer is not counted, and lives as long as the
 * object. Since 0.4.1.
 */
virConnectPtr virStoragePoolGetConnect(virStoragePoolPtr pool);

/**
 * State and sizes. Since 0.4.1.
 */
int virStoragePoolGetInfo(virStoragePoolPtr vol, virStoragePoolInfoPtr info);

/**
 * The name of the pool. The answer lives as long as the object. Since 0.4.1.
 */
const char *virStoragePoolGetName(virStoragePoolPtr pool);

/**
 * Writes the 16 bytes of the UUID of the pool. Since 0.4.1.
 */
int virStoragePoolGetUUID(virStoragePoolPtr pool, unsigned char *uuid);

/**
 * Writes the UUID of the pool as text. Since 0.4.1.
 */
int virStoragePoolGetUUIDString(virStoragePoolPtr pool, char *buf);

/**
 * Its XML. The caller frees the answer with free(). Since 0.4.1.
 */
char *virStoragePoolGetXMLDesc(virStoragePoolPtr pool, unsigned int flags);

/**
 * The names of the volumes, as many as there is room for. Since 0.4.1.
 */
int virStoragePoolListVolumes(virStoragePoolPtr pool, char **names, int maxnames);

/**
 * The pool of this name. The caller gives the answer back with virStoragePoolFree(). Since 0.4.1.
 */
virStoragePoolPtr virStoragePoolLookupByName(virConnectPtr conn, const char *name);

/**
 * The pool of this UUID. The caller gives the answer back with virStoragePoolFree(). Since 0.4.1.
 */
virStoragePoolPtr virStoragePoolLookupByUUID(virConnectPtr conn, const unsigned char *uuid);

/**
 * The pool of this UUID, given as text. The caller gives the answer back with virStoragePoolFree().
 * Since 0.4.1.
 */
virStoragePoolPtr virStoragePoolLookupByUUIDString(virConnectPtr conn, const char *uuid);

/**
 * The storage pool of this volume. The caller gives the answer back with virStoragePoolFree(). Since
 * 0.4.1.
 */
virStoragePoolPtr virStoragePoolLookupByVolume(virStorageVolPtr vol);

/**
 * How many volumes there are in the pool. Since 0.4.1.
 */
int virStoragePoolNumOfVolumes(virStoragePoolPtr pool);

/**
 * Looks at its volumes anew. Since 0.4.1.
 */
int virStoragePoolRefresh(virStoragePoolPtr pool, unsigned int flags);

/**
 * Decides whether it starts with the host. Since 0.4.1.
 */
int virStoragePoolSetAutostart(virStoragePoolPtr pool, int autostart);

/**
 * Takes the definition of a pool that is off away. Since 0.4.1.
 */
int virStoragePoolUndefine(virStoragePoolPtr pool);

/**
 * Makes a volume. The caller gives the answer back with virStorageVolFree(). Since 0.4.1.
 */
virStorageVolPtr virStorageVolCreateXML(virStoragePoolPtr pool, const char *xmldesc, unsigned int flags);

/**
 * Removes a volume. Since 0.4.1.
 */
int virStorageVolDelete(virStorageVolPtr vol, unsigned int flags);

/**
 * Gives a reference of the volume back; with the last one it ends. Since 0.4.1.
 */
int virStorageVolFree(virStorageVolPtr vol);

/**
 * The connection that the volume belongs to. The answer is not counted, and lives as long as the
 * object. Since 0.4.1.
 */
virConnectPtr virStorageVolGetConnect(virStorageVolPtr vol);

/**
 * State and sizes of the volume. Since 0.4.1.
 */
int virStorageVolGetInfo(virStorageVolPtr vol, virStorageVolInfoPtr info);

/**
 * What identifies the volume on this host. The answer lives as long as the object. Since 0.4.1.
 */
const char *virStorageVolGetKey(virStorageVolPtr vol);

/**
 * The name of the volume. The answer lives as long as the object. Since 0.4.1.
 */
const char *virStorageVolGetName(virStorageVolPtr vol);

/**
 * Where the volume is. The caller frees the answer with free(). Since 0.4.1.
 */
char *virStorageVolGetPath(virStorageVolPtr vol);

/**
 * Its XML. The caller frees the answer with free(). Since 0.4.1.
 */
char *virStorageVolGetXMLDesc(virStorageVolPtr pool, unsigned int flags);

/**
 * The volume with this key, in any pool that runs. The caller gives the answer back with
 * virStorageVolFree(). Since 0.4.1.
 */
virStorageVolPtr virStorageVolLookupByKey(virConnectPtr conn, const char *key);

/**
 * The volume of this name. The caller gives the answer back with virStorageVolFree(). Since 0.4.1.
 */
virStorageVolPtr virStorageVolLookupByName(virStoragePoolPtr pool, const char *name);

/**
 * The volume at this path, in any pool that runs. The caller gives the answer back with
 * virStorageVolFree(). Since 0.4.1.
 */
virStorageVolPtr virStorageVolLookupByPath(virConnectPtr conn, const char *path);

/**
 * Looks for storage of this type (netfs, logical ...) that a pool could be made of, as <sources>;
 * source is a <source> that says where to look. The caller frees the answer with free(). Since
 * 0.4.5.
 */
char *virConnectFindStoragePoolSources(virConnectPtr conn, const char *type, const char *srcSpec, unsigned int flags);

/**
 * Takes one reference more of the pool. Since 0.6.0.
 */
int virStoragePoolRef(virStoragePoolPtr pool);

/**
 * Takes one reference more of the volume. Since 0.6.0.
 */
int virStorageVolRef(virStorageVolPtr vol);

/**
 * Makes a volume with the content of another one. The caller gives the answer back with
 * virStorageVolFree(). Since 0.6.4.
 */
virStorageVolPtr virStorageVolCreateXMLFrom(virStoragePoolPtr pool, const char *xmldesc, virStorageVolPtr clonevol, unsigned int flags);

/**
 * Whether the pool is active. Since 0.7.3.
 */
int virStoragePoolIsActive(virStoragePoolPtr pool);

/**
 * Everything a list shows. Since 0.7.3.
 */
int virStoragePoolIsPersistent(virStoragePoolPtr pool);

/**
 * Overwrites the volume with zeros. Since 0.8.0.
 */
int virStorageVolWipe(virStorageVolPtr vol, unsigned int flags);

/**
 * Gives the volume's bytes from offset on, length of them (0: all). Since 0.9.0.
 */
int virStorageVolDownload(virStorageVolPtr vol, virStreamPtr stream, unsigned long long offset, unsigned long long length, unsigned int flags);

/**
 * Takes what is sent, into the volume's bytes from offset on, at most length (0: as many as come).
 * Since 0.9.0.
 */
int virStorageVolUpload(virStorageVolPtr vol, virStreamPtr stream, unsigned long long offset, unsigned long long length, unsigned int flags);

/**
 * Changes the size that a guest sees. Since 0.9.10.
 */
int virStorageVolResize(virStorageVolPtr vol, unsigned long long capacity, unsigned int flags);

/**
 * Makes what is stored in it unreadable. Since 0.9.10.
 */
int virStorageVolWipePattern(virStorageVolPtr vol, unsigned int algorithm, unsigned int flags);

/**
 * Those that filter asks for, with everything a list shows. The caller gives each of pools back with
 * virStoragePoolFree(), and the list with free(). Since 0.10.2.
 */
int virConnectListAllStoragePools(virConnectPtr conn, virStoragePoolPtr **pools, unsigned int flags);

/**
 * Those of a pool, with everything a list shows. The caller gives each of vols back with
 * virStorageVolFree(), and the list with free(). Since 0.10.2.
 */
int virStoragePoolListAllVolumes(virStoragePoolPtr pool, virStorageVolPtr **vols, unsigned int flags);

/**
 * Removes the callback of this number. Since 2.0.0.
 */
int virConnectStoragePoolEventDeregisterAny(virConnectPtr conn, int callbackID);

/**
 * From now on, or from the event of this number on where it is still kept. Since 2.0.0.
 */
int virConnectStoragePoolEventRegisterAny(virConnectPtr conn, virStoragePoolPtr pool, int eventID, virConnectStoragePoolEventGenericCallback cb, void *opaque, virFreeCallback freecb);

/**
 * Its sizes, as they are now. Since 3.0.0.
 */
int virStorageVolGetInfoFlags(virStorageVolPtr vol, virStorageVolInfoPtr info, unsigned int flags);

/**
 * The running pool that shows at this path. The caller gives the answer back with
 * virStoragePoolFree(). Since 4.1.0.
 */
virStoragePoolPtr virStoragePoolLookupByTargetPath(virConnectPtr conn, const char *path);

/**
 * Which types of pools there can be, as <storagepoolCapabilities>. The caller frees the answer with
 * free(). Since 5.2.0.
 */
char *virConnectGetStoragePoolCapabilities(virConnectPtr conn, unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif

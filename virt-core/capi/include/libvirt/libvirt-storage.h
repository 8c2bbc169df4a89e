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

/* Since 0.4.1. */
int virConnectListDefinedStoragePools(virConnectPtr conn, char **names, int maxnames);

/* Since 0.4.1. */
int virConnectListStoragePools(virConnectPtr conn, char **names, int maxnames);

/* Since 0.4.1. */
int virConnectNumOfDefinedStoragePools(virConnectPtr conn);

/* Since 0.4.1. */
int virConnectNumOfStoragePools(virConnectPtr conn);

/* Since 0.4.1. */
int virStoragePoolBuild(virStoragePoolPtr pool, unsigned int flags);

/* Since 0.4.1. */
int virStoragePoolCreate(virStoragePoolPtr pool, unsigned int flags);

/* Since 0.4.1. The caller gives the answer back with virStoragePoolFree(). */
virStoragePoolPtr virStoragePoolCreateXML(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

/* Since 0.4.1. The caller gives the answer back with virStoragePoolFree(). */
virStoragePoolPtr virStoragePoolDefineXML(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

/* Since 0.4.1. */
int virStoragePoolDelete(virStoragePoolPtr pool, unsigned int flags);

/* Since 0.4.1. */
int virStoragePoolDestroy(virStoragePoolPtr pool);

/* Since 0.4.1. */
int virStoragePoolFree(virStoragePoolPtr pool);

/* Since 0.4.1. */
int virStoragePoolGetAutostart(virStoragePoolPtr pool, int *autostart);

/* Since 0.4.1. The answer is not counted, and lives as long as the object. */
virConnectPtr virStoragePoolGetConnect(virStoragePoolPtr pool);

/* Since 0.4.1. */
int virStoragePoolGetInfo(virStoragePoolPtr vol, virStoragePoolInfoPtr info);

/* Since 0.4.1. The answer lives as long as the object. */
const char *virStoragePoolGetName(virStoragePoolPtr pool);

/* Since 0.4.1. */
int virStoragePoolGetUUID(virStoragePoolPtr pool, unsigned char *uuid);

/* Since 0.4.1. */
int virStoragePoolGetUUIDString(virStoragePoolPtr pool, char *buf);

/* Since 0.4.1. The caller frees the answer with free(). */
char *virStoragePoolGetXMLDesc(virStoragePoolPtr pool, unsigned int flags);

/* Since 0.4.1. */
int virStoragePoolListVolumes(virStoragePoolPtr pool, char **names, int maxnames);

/* Since 0.4.1. The caller gives the answer back with virStoragePoolFree(). */
virStoragePoolPtr virStoragePoolLookupByName(virConnectPtr conn, const char *name);

/* Since 0.4.1. The caller gives the answer back with virStoragePoolFree(). */
virStoragePoolPtr virStoragePoolLookupByUUID(virConnectPtr conn, const unsigned char *uuid);

/* Since 0.4.1. The caller gives the answer back with virStoragePoolFree(). */
virStoragePoolPtr virStoragePoolLookupByUUIDString(virConnectPtr conn, const char *uuid);

/* Since 0.4.1. The caller gives the answer back with virStoragePoolFree(). */
virStoragePoolPtr virStoragePoolLookupByVolume(virStorageVolPtr vol);

/* Since 0.4.1. */
int virStoragePoolNumOfVolumes(virStoragePoolPtr pool);

/* Since 0.4.1. */
int virStoragePoolRefresh(virStoragePoolPtr pool, unsigned int flags);

/* Since 0.4.1. */
int virStoragePoolSetAutostart(virStoragePoolPtr pool, int autostart);

/* Since 0.4.1. */
int virStoragePoolUndefine(virStoragePoolPtr pool);

/* Since 0.4.1. The caller gives the answer back with virStorageVolFree(). */
virStorageVolPtr virStorageVolCreateXML(virStoragePoolPtr pool, const char *xmldesc, unsigned int flags);

/* Since 0.4.1. */
int virStorageVolDelete(virStorageVolPtr vol, unsigned int flags);

/* Since 0.4.1. */
int virStorageVolFree(virStorageVolPtr vol);

/* Since 0.4.1. The answer is not counted, and lives as long as the object. */
virConnectPtr virStorageVolGetConnect(virStorageVolPtr vol);

/* Since 0.4.1. */
int virStorageVolGetInfo(virStorageVolPtr vol, virStorageVolInfoPtr info);

/* Since 0.4.1. The answer lives as long as the object. */
const char *virStorageVolGetKey(virStorageVolPtr vol);

/* Since 0.4.1. The answer lives as long as the object. */
const char *virStorageVolGetName(virStorageVolPtr vol);

/* Since 0.4.1. The caller frees the answer with free(). */
char *virStorageVolGetPath(virStorageVolPtr vol);

/* Since 0.4.1. The caller frees the answer with free(). */
char *virStorageVolGetXMLDesc(virStorageVolPtr pool, unsigned int flags);

/* Since 0.4.1. The caller gives the answer back with virStorageVolFree(). */
virStorageVolPtr virStorageVolLookupByKey(virConnectPtr conn, const char *key);

/* Since 0.4.1. The caller gives the answer back with virStorageVolFree(). */
virStorageVolPtr virStorageVolLookupByName(virStoragePoolPtr pool, const char *name);

/* Since 0.4.1. The caller gives the answer back with virStorageVolFree(). */
virStorageVolPtr virStorageVolLookupByPath(virConnectPtr conn, const char *path);

/* Since 0.4.5. The caller frees the answer with free(). */
char *virConnectFindStoragePoolSources(virConnectPtr conn, const char *type, const char *srcSpec, unsigned int flags);

/* Since 0.6.0. */
int virStoragePoolRef(virStoragePoolPtr pool);

/* Since 0.6.0. */
int virStorageVolRef(virStorageVolPtr vol);

/* Since 0.6.4. The caller gives the answer back with virStorageVolFree(). */
virStorageVolPtr virStorageVolCreateXMLFrom(virStoragePoolPtr pool, const char *xmldesc, virStorageVolPtr clonevol, unsigned int flags);

/* Since 0.7.3. */
int virStoragePoolIsActive(virStoragePoolPtr pool);

/* Since 0.7.3. */
int virStoragePoolIsPersistent(virStoragePoolPtr pool);

/* Since 0.8.0. */
int virStorageVolWipe(virStorageVolPtr vol, unsigned int flags);

/* Since 0.9.0. */
int virStorageVolDownload(virStorageVolPtr vol, virStreamPtr stream, unsigned long long offset, unsigned long long length, unsigned int flags);

/* Since 0.9.0. */
int virStorageVolUpload(virStorageVolPtr vol, virStreamPtr stream, unsigned long long offset, unsigned long long length, unsigned int flags);

/* Since 0.9.10. */
int virStorageVolResize(virStorageVolPtr vol, unsigned long long capacity, unsigned int flags);

/* Since 0.9.10. */
int virStorageVolWipePattern(virStorageVolPtr vol, unsigned int algorithm, unsigned int flags);

/* Since 0.10.2. The caller gives each of pools back with virStoragePoolFree(), and the list with free(). */
int virConnectListAllStoragePools(virConnectPtr conn, virStoragePoolPtr **pools, unsigned int flags);

/* Since 0.10.2. The caller gives each of vols back with virStorageVolFree(), and the list with free(). */
int virStoragePoolListAllVolumes(virStoragePoolPtr pool, virStorageVolPtr **vols, unsigned int flags);

/* Since 2.0.0. */
int virConnectStoragePoolEventDeregisterAny(virConnectPtr conn, int callbackID);

/* Since 2.0.0. */
int virConnectStoragePoolEventRegisterAny(virConnectPtr conn, virStoragePoolPtr pool, int eventID, virConnectStoragePoolEventGenericCallback cb, void *opaque, virFreeCallback freecb);

/* Since 3.0.0. */
int virStorageVolGetInfoFlags(virStorageVolPtr vol, virStorageVolInfoPtr info, unsigned int flags);

/* Since 4.1.0. The caller gives the answer back with virStoragePoolFree(). */
virStoragePoolPtr virStoragePoolLookupByTargetPath(virConnectPtr conn, const char *path);

/* Since 5.2.0. The caller frees the answer with free(). */
char *virConnectGetStoragePoolCapabilities(virConnectPtr conn, unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif

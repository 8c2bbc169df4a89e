/* libvirt-domain-snapshot.h, of the C library of virt. Written by `cargo xtask c-api`: change its tables, not this file. */

#ifndef LIBVIRT_DOMAIN_SNAPSHOT_H
#define LIBVIRT_DOMAIN_SNAPSHOT_H

#ifndef __VIR_LIBVIRT_H_INCLUDES__
#error "include libvirt/libvirt.h, which includes this file"
#endif

#ifdef __cplusplus
extern "C" {
#endif


typedef enum {
    VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE = 1,
    VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT = 2,
    VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA = 4,
    VIR_DOMAIN_SNAPSHOT_CREATE_HALT = 8,
    VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY = 16,
    VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT = 32,
    VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE = 64,
    VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC = 128,
    VIR_DOMAIN_SNAPSHOT_CREATE_LIVE = 256,
    VIR_DOMAIN_SNAPSHOT_CREATE_VALIDATE = 512,
} virDomainSnapshotCreateFlags;

typedef enum {
    VIR_DOMAIN_SNAPSHOT_XML_SECURE = 1,
} virDomainSnapshotXMLFlags;

typedef enum {
    VIR_DOMAIN_SNAPSHOT_LIST_ROOTS = 1,
    VIR_DOMAIN_SNAPSHOT_LIST_DESCENDANTS = 1,
    VIR_DOMAIN_SNAPSHOT_LIST_LEAVES = 4,
    VIR_DOMAIN_SNAPSHOT_LIST_NO_LEAVES = 8,
    VIR_DOMAIN_SNAPSHOT_LIST_METADATA = 2,
    VIR_DOMAIN_SNAPSHOT_LIST_NO_METADATA = 16,
    VIR_DOMAIN_SNAPSHOT_LIST_INACTIVE = 32,
    VIR_DOMAIN_SNAPSHOT_LIST_ACTIVE = 64,
    VIR_DOMAIN_SNAPSHOT_LIST_DISK_ONLY = 128,
    VIR_DOMAIN_SNAPSHOT_LIST_INTERNAL = 256,
    VIR_DOMAIN_SNAPSHOT_LIST_EXTERNAL = 512,
    VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL = 1024,
} virDomainSnapshotListFlags;

typedef enum {
    VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING = 1,
    VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED = 2,
    VIR_DOMAIN_SNAPSHOT_REVERT_FORCE = 4,
    VIR_DOMAIN_SNAPSHOT_REVERT_RESET_NVRAM = 8,
} virDomainSnapshotRevertFlags;

typedef enum {
    VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN = 1,
    VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY = 2,
    VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY = 4,
} virDomainSnapshotDeleteFlags;

/**
 * A snapshot of a domain. Only its address is known outside.
 */
struct _virDomainSnapshot;

typedef struct _virDomainSnapshot virDomainSnapshot;

typedef virDomainSnapshot *virDomainSnapshotPtr;

/* Since 0.8.0. Not supported: snapshots: virt-core has none yet. */
int virDomainHasCurrentSnapshot(virDomainPtr domain, unsigned int flags);

/* Since 0.8.0. Not supported: snapshots: virt-core has none yet. */
int virDomainRevertToSnapshot(virDomainSnapshotPtr snapshot, unsigned int flags);

/* Since 0.8.0. The caller gives the answer back with virDomainSnapshotFree(). Not supported: snapshots: virt-core has none yet. */
virDomainSnapshotPtr virDomainSnapshotCreateXML(virDomainPtr domain, const char *xmlDesc, unsigned int flags);

/* Since 0.8.0. The caller gives the answer back with virDomainSnapshotFree(). Not supported: snapshots: virt-core has none yet. */
virDomainSnapshotPtr virDomainSnapshotCurrent(virDomainPtr domain, unsigned int flags);

/* Since 0.8.0. Not supported: snapshots: virt-core has none yet. */
int virDomainSnapshotDelete(virDomainSnapshotPtr snapshot, unsigned int flags);

/* Since 0.8.0. Not supported: snapshots: virt-core has none yet. */
int virDomainSnapshotFree(virDomainSnapshotPtr snapshot);

/* Since 0.8.0. The caller frees the answer with free(). Not supported: snapshots: virt-core has none yet. */
char *virDomainSnapshotGetXMLDesc(virDomainSnapshotPtr snapshot, unsigned int flags);

/* Since 0.8.0. Not supported: snapshots: virt-core has none yet. */
int virDomainSnapshotListNames(virDomainPtr domain, char **names, int nameslen, unsigned int flags);

/* Since 0.8.0. The caller gives the answer back with virDomainSnapshotFree(). Not supported: snapshots: virt-core has none yet. */
virDomainSnapshotPtr virDomainSnapshotLookupByName(virDomainPtr domain, const char *name, unsigned int flags);

/* Since 0.8.0. Not supported: snapshots: virt-core has none yet. */
int virDomainSnapshotNum(virDomainPtr domain, unsigned int flags);

/* Since 0.9.5. The answer is not counted, and lives as long as the object. Not supported: snapshots: virt-core has none yet. */
virConnectPtr virDomainSnapshotGetConnect(virDomainSnapshotPtr snapshot);

/* Since 0.9.5. The answer is not counted, and lives as long as the object. Not supported: snapshots: virt-core has none yet. */
virDomainPtr virDomainSnapshotGetDomain(virDomainSnapshotPtr snapshot);

/* Since 0.9.5. The answer lives as long as the object. Not supported: snapshots: virt-core has none yet. */
const char *virDomainSnapshotGetName(virDomainSnapshotPtr snapshot);

/* Since 0.9.7. The caller gives the answer back with virDomainSnapshotFree(). Not supported: snapshots: virt-core has none yet. */
virDomainSnapshotPtr virDomainSnapshotGetParent(virDomainSnapshotPtr snapshot, unsigned int flags);

/* Since 0.9.7. Not supported: snapshots: virt-core has none yet. */
int virDomainSnapshotListChildrenNames(virDomainSnapshotPtr snapshot, char **names, int nameslen, unsigned int flags);

/* Since 0.9.7. Not supported: snapshots: virt-core has none yet. */
int virDomainSnapshotNumChildren(virDomainSnapshotPtr snapshot, unsigned int flags);

/* Since 0.9.13. The caller gives each of snaps back with virDomainSnapshotFree(), and the list with free(). Not supported: snapshots: virt-core has none yet. */
int virDomainListAllSnapshots(virDomainPtr domain, virDomainSnapshotPtr **snaps, unsigned int flags);

/* Since 0.9.13. Not supported: snapshots: virt-core has none yet. */
int virDomainSnapshotHasMetadata(virDomainSnapshotPtr snapshot, unsigned int flags);

/* Since 0.9.13. Not supported: snapshots: virt-core has none yet. */
int virDomainSnapshotIsCurrent(virDomainSnapshotPtr snapshot, unsigned int flags);

/* Since 0.9.13. The caller gives each of snaps back with virDomainSnapshotFree(), and the list with free(). Not supported: snapshots: virt-core has none yet. */
int virDomainSnapshotListAllChildren(virDomainSnapshotPtr snapshot, virDomainSnapshotPtr **snaps, unsigned int flags);

/* Since 0.9.13. Not supported: snapshots: virt-core has none yet. */
int virDomainSnapshotRef(virDomainSnapshotPtr snapshot);

#ifdef __cplusplus
}
#endif

#endif

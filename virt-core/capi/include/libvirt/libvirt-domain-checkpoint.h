/* libvirt-domain-checkpoint.h, of the C library of virt. Written by `cargo xtask c-api`: change its tables, not this file. */

#ifndef LIBVIRT_DOMAIN_CHECKPOINT_H
#define LIBVIRT_DOMAIN_CHECKPOINT_H

#ifndef __VIR_LIBVIRT_H_INCLUDES__
#error "include libvirt/libvirt.h, which includes this file"
#endif

#ifdef __cplusplus
extern "C" {
#endif


typedef enum {
    VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE = 1,
    VIR_DOMAIN_CHECKPOINT_CREATE_QUIESCE = 2,
    VIR_DOMAIN_CHECKPOINT_CREATE_REDEFINE_VALIDATE = 4,
} virDomainCheckpointCreateFlags;

typedef enum {
    VIR_DOMAIN_CHECKPOINT_XML_SECURE = 1,
    VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN = 2,
    VIR_DOMAIN_CHECKPOINT_XML_SIZE = 4,
} virDomainCheckpointXMLFlags;

typedef enum {
    VIR_DOMAIN_CHECKPOINT_LIST_ROOTS = 1,
    VIR_DOMAIN_CHECKPOINT_LIST_DESCENDANTS = 1,
    VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL = 2,
    VIR_DOMAIN_CHECKPOINT_LIST_LEAVES = 4,
    VIR_DOMAIN_CHECKPOINT_LIST_NO_LEAVES = 8,
} virDomainCheckpointListFlags;

typedef enum {
    VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN = 1,
    VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY = 2,
    VIR_DOMAIN_CHECKPOINT_DELETE_CHILDREN_ONLY = 4,
} virDomainCheckpointDeleteFlags;

/**
 * A checkpoint of a domain. Only its address is known outside.
 */
struct _virDomainCheckpoint;

typedef struct _virDomainCheckpoint virDomainCheckpoint;

typedef virDomainCheckpoint *virDomainCheckpointPtr;

/* Since 5.6.0. The caller gives the answer back with virDomainCheckpointFree(). Not supported: checkpoints: virt-core has none yet. */
virDomainCheckpointPtr virDomainCheckpointCreateXML(virDomainPtr domain, const char *xmlDesc, unsigned int flags);

/* Since 5.6.0. Not supported: checkpoints: virt-core has none yet. */
int virDomainCheckpointDelete(virDomainCheckpointPtr checkpoint, unsigned int flags);

/* Since 5.6.0. Not supported: checkpoints: virt-core has none yet. */
int virDomainCheckpointFree(virDomainCheckpointPtr checkpoint);

/* Since 5.6.0. The answer is not counted, and lives as long as the object. Not supported: checkpoints: virt-core has none yet. */
virConnectPtr virDomainCheckpointGetConnect(virDomainCheckpointPtr checkpoint);

/* Since 5.6.0. The answer is not counted, and lives as long as the object. Not supported: checkpoints: virt-core has none yet. */
virDomainPtr virDomainCheckpointGetDomain(virDomainCheckpointPtr checkpoint);

/* Since 5.6.0. The answer lives as long as the object. Not supported: checkpoints: virt-core has none yet. */
const char *virDomainCheckpointGetName(virDomainCheckpointPtr checkpoint);

/* Since 5.6.0. The caller gives the answer back with virDomainCheckpointFree(). Not supported: checkpoints: virt-core has none yet. */
virDomainCheckpointPtr virDomainCheckpointGetParent(virDomainCheckpointPtr checkpoint, unsigned int flags);

/* Since 5.6.0. The caller frees the answer with free(). Not supported: checkpoints: virt-core has none yet. */
char *virDomainCheckpointGetXMLDesc(virDomainCheckpointPtr checkpoint, unsigned int flags);

/* Since 5.6.0. The caller gives each of children back with virDomainCheckpointFree(), and the list with free(). Not supported: checkpoints: virt-core has none yet. */
int virDomainCheckpointListAllChildren(virDomainCheckpointPtr checkpoint, virDomainCheckpointPtr **children, unsigned int flags);

/* Since 5.6.0. The caller gives the answer back with virDomainCheckpointFree(). Not supported: checkpoints: virt-core has none yet. */
virDomainCheckpointPtr virDomainCheckpointLookupByName(virDomainPtr domain, const char *name, unsigned int flags);

/* Since 5.6.0. Not supported: checkpoints: virt-core has none yet. */
int virDomainCheckpointRef(virDomainCheckpointPtr checkpoint);

/* Since 5.6.0. The caller gives each of checkpoints back with virDomainCheckpointFree(), and the list with free(). Not supported: checkpoints: virt-core has none yet. */
int virDomainListAllCheckpoints(virDomainPtr domain, virDomainCheckpointPtr **checkpoints, unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif

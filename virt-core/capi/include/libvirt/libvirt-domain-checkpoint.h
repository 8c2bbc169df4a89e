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

/**
 * Makes or starts a checkpoint of this XML. The caller gives the answer back with
 * virDomainCheckpointFree(). Since 5.6.0.
 */
virDomainCheckpointPtr virDomainCheckpointCreateXML(virDomainPtr domain, const char *xmlDesc, unsigned int flags);

/**
 * Deletes the checkpoint. Since 5.6.0.
 */
int virDomainCheckpointDelete(virDomainCheckpointPtr checkpoint, unsigned int flags);

/**
 * Gives a reference of the checkpoint back; with the last one it ends. Since 5.6.0.
 */
int virDomainCheckpointFree(virDomainCheckpointPtr checkpoint);

/**
 * The connection that the checkpoint belongs to. The answer is not counted, and lives as long as the
 * object. Since 5.6.0.
 */
virConnectPtr virDomainCheckpointGetConnect(virDomainCheckpointPtr checkpoint);

/**
 * The domain of the checkpoint. The answer is not counted, and lives as long as the object. Since
 * 5.6.0.
 */
virDomainPtr virDomainCheckpointGetDomain(virDomainCheckpointPtr checkpoint);

/**
 * The name of the checkpoint. The answer lives as long as the object. Since 5.6.0.
 */
const char *virDomainCheckpointGetName(virDomainCheckpointPtr checkpoint);

/**
 * The parent of the checkpoint. The caller gives the answer back with virDomainCheckpointFree().
 * Since 5.6.0.
 */
virDomainCheckpointPtr virDomainCheckpointGetParent(virDomainCheckpointPtr checkpoint, unsigned int flags);

/**
 * The XML of the checkpoint. The caller frees the answer with free(). Since 5.6.0.
 */
char *virDomainCheckpointGetXMLDesc(virDomainCheckpointPtr checkpoint, unsigned int flags);

/**
 * The checkpoints that follow this one. The caller gives each of children back with
 * virDomainCheckpointFree(), and the list with free(). Since 5.6.0.
 */
int virDomainCheckpointListAllChildren(virDomainCheckpointPtr checkpoint, virDomainCheckpointPtr **children, unsigned int flags);

/**
 * The checkpoint of this name. The caller gives the answer back with virDomainCheckpointFree().
 * Since 5.6.0.
 */
virDomainCheckpointPtr virDomainCheckpointLookupByName(virDomainPtr domain, const char *name, unsigned int flags);

/**
 * Takes one reference more of the checkpoint. Since 5.6.0.
 */
int virDomainCheckpointRef(virDomainCheckpointPtr checkpoint);

/**
 * All checkpoints of the domain that the flags ask for. The caller gives each of checkpoints back
 * with virDomainCheckpointFree(), and the list with free(). Since 5.6.0.
 */
int virDomainListAllCheckpoints(virDomainPtr domain, virDomainCheckpointPtr **checkpoints, unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif

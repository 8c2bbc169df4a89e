/* libvirt-secret.h, of the C library of virt. Written by `cargo xtask c-api`: change its tables, not this file. */

#ifndef LIBVIRT_SECRET_H
#define LIBVIRT_SECRET_H

#ifndef __VIR_LIBVIRT_H_INCLUDES__
#error "include libvirt/libvirt.h, which includes this file"
#endif

#ifdef __cplusplus
extern "C" {
#endif


typedef enum {
    VIR_SECRET_USAGE_TYPE_NONE = 0,
    VIR_SECRET_USAGE_TYPE_VOLUME = 1,
    VIR_SECRET_USAGE_TYPE_CEPH = 2,
    VIR_SECRET_USAGE_TYPE_ISCSI = 3,
    VIR_SECRET_USAGE_TYPE_TLS = 4,
    VIR_SECRET_USAGE_TYPE_VTPM = 5,
#ifdef VIR_ENUM_SENTINELS
    VIR_SECRET_USAGE_TYPE_LAST = 6,
#endif
} virSecretUsageType;

typedef enum {
    VIR_CONNECT_LIST_SECRETS_EPHEMERAL = 1,
    VIR_CONNECT_LIST_SECRETS_NO_EPHEMERAL = 2,
    VIR_CONNECT_LIST_SECRETS_PRIVATE = 4,
    VIR_CONNECT_LIST_SECRETS_NO_PRIVATE = 8,
} virConnectListAllSecretsFlags;

typedef enum {
    VIR_SECRET_DEFINE_VALIDATE = 1,
} virSecretDefineFlags;

typedef enum {
    VIR_SECRET_EVENT_ID_LIFECYCLE = 0,
    VIR_SECRET_EVENT_ID_VALUE_CHANGED = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_SECRET_EVENT_ID_LAST = 2,
#endif
} virSecretEventID;

typedef enum {
    VIR_SECRET_EVENT_DEFINED = 0,
    VIR_SECRET_EVENT_UNDEFINED = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_SECRET_EVENT_LAST = 2,
#endif
} virSecretEventLifecycleType;

/**
 * A secret. Only its address is known outside.
 */
struct _virSecret;

typedef struct _virSecret virSecret;

typedef virSecret *virSecretPtr;

typedef void (*virConnectSecretEventGenericCallback)(virConnectPtr conn,
                                                     virSecretPtr secret,
                                                     void *opaque);

typedef void (*virConnectSecretEventLifecycleCallback)(virConnectPtr conn,
                                                       virSecretPtr secret,
                                                       int event,
                                                       int detail,
                                                       void *opaque);

#define VIR_SECRET_EVENT_CALLBACK(cb) ((virConnectSecretEventGenericCallback)(cb))

/**
 * The secrets that run, as many as there is room for. Since 0.7.1.
 */
int virConnectListSecrets(virConnectPtr conn, char **uuids, int maxuuids);

/**
 * How many secrets there are that run. Since 0.7.1.
 */
int virConnectNumOfSecrets(virConnectPtr conn);

/**
 * Gives a secret a definition: a new one without a value, or another for one that is known, which
 * keeps its value. The caller gives the answer back with virSecretFree(). Since 0.7.1.
 */
virSecretPtr virSecretDefineXML(virConnectPtr conn, const char *xml, unsigned int flags);

/**
 * Gives a reference of the secret back; with the last one it ends. Since 0.7.1.
 */
int virSecretFree(virSecretPtr secret);

/**
 * The connection that the secret belongs to. The answer is not counted, and lives as long as the
 * object. Since 0.7.1.
 */
virConnectPtr virSecretGetConnect(virSecretPtr secret);

/**
 * Writes the 16 bytes of the UUID of the secret. Since 0.7.1.
 */
int virSecretGetUUID(virSecretPtr secret, unsigned char *buf);

/**
 * Writes the UUID of the secret as text. Since 0.7.1.
 */
int virSecretGetUUIDString(virSecretPtr secret, char *buf);

/**
 * What the secret is for: a path, a name. The answer lives as long as the object. Since 0.7.1.
 */
const char *virSecretGetUsageID(virSecretPtr secret);

/**
 * What kind of thing the secret is for. Since 0.7.1.
 */
int virSecretGetUsageType(virSecretPtr secret);

/**
 * Its value; that of a private secret is refused. The caller frees the answer with free(). Since
 * 0.7.1.
 */
unsigned char *virSecretGetValue(virSecretPtr secret, size_t *value_size, unsigned int flags);

/**
 * Its XML. The caller frees the answer with free(). Since 0.7.1.
 */
char *virSecretGetXMLDesc(virSecretPtr secret, unsigned int flags);

/**
 * The secret of this UUID. The caller gives the answer back with virSecretFree(). Since 0.7.1.
 */
virSecretPtr virSecretLookupByUUID(virConnectPtr conn, const unsigned char *uuid);

/**
 * The secret of this UUID, given as text. The caller gives the answer back with virSecretFree().
 * Since 0.7.1.
 */
virSecretPtr virSecretLookupByUUIDString(virConnectPtr conn, const char *uuid);

/**
 * The secret for this. The caller gives the answer back with virSecretFree(). Since 0.7.1.
 */
virSecretPtr virSecretLookupByUsage(virConnectPtr conn, int usageType, const char *usageID);

/**
 * Takes one reference more of the secret. Since 0.7.1.
 */
int virSecretRef(virSecretPtr secret);

/**
 * Gives it a value. Since 0.7.1.
 */
int virSecretSetValue(virSecretPtr secret, const unsigned char *value, size_t value_size, unsigned int flags);

/**
 * Removes a secret and its value. Since 0.7.1.
 */
int virSecretUndefine(virSecretPtr secret);

/**
 * Those that filter asks for, with everything a list shows. The caller gives each of secrets back
 * with virSecretFree(), and the list with free(). Since 0.10.2.
 */
int virConnectListAllSecrets(virConnectPtr conn, virSecretPtr **secrets, unsigned int flags);

/**
 * Removes the callback of this number. Since 3.0.0.
 */
int virConnectSecretEventDeregisterAny(virConnectPtr conn, int callbackID);

/**
 * From now on, or from the event of this number on where it is still kept. Since 3.0.0.
 */
int virConnectSecretEventRegisterAny(virConnectPtr conn, virSecretPtr secret, int eventID, virConnectSecretEventGenericCallback cb, void *opaque, virFreeCallback freecb);

#ifdef __cplusplus
}
#endif

#endif

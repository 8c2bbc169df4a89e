/* libvirt-interface.h, of the C library of virt. Written by `cargo xtask c-api`: change its tables, not this file. */

#ifndef LIBVIRT_INTERFACE_H
#define LIBVIRT_INTERFACE_H

#ifndef __VIR_LIBVIRT_H_INCLUDES__
#error "include libvirt/libvirt.h, which includes this file"
#endif

#ifdef __cplusplus
extern "C" {
#endif


typedef enum {
    VIR_CONNECT_LIST_INTERFACES_INACTIVE = 1,
    VIR_CONNECT_LIST_INTERFACES_ACTIVE = 2,
} virConnectListAllInterfacesFlags;

typedef enum {
    VIR_INTERFACE_XML_INACTIVE = 1,
} virInterfaceXMLFlags;

typedef enum {
    VIR_INTERFACE_DEFINE_VALIDATE = 1,
} virInterfaceDefineFlags;

/**
 * An interface of the host. Only its address is known outside.
 */
struct _virInterface;

typedef struct _virInterface virInterface;

typedef virInterface *virInterfacePtr;

/* Since 0.6.4. Not supported: the host's interfaces: virt-core has none yet. */
int virConnectListInterfaces(virConnectPtr conn, char **names, int maxnames);

/* Since 0.6.4. Not supported: the host's interfaces: virt-core has none yet. */
int virConnectNumOfInterfaces(virConnectPtr conn);

/* Since 0.6.4. Not supported: the host's interfaces: virt-core has none yet. */
int virInterfaceCreate(virInterfacePtr iface, unsigned int flags);

/* Since 0.6.4. The caller gives the answer back with virInterfaceFree(). Not supported: the host's interfaces: virt-core has none yet. */
virInterfacePtr virInterfaceDefineXML(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

/* Since 0.6.4. Not supported: the host's interfaces: virt-core has none yet. */
int virInterfaceDestroy(virInterfacePtr iface, unsigned int flags);

/* Since 0.6.4. Not supported: the host's interfaces: virt-core has none yet. */
int virInterfaceFree(virInterfacePtr iface);

/* Since 0.6.4. The answer is not counted, and lives as long as the object. Not supported: the host's interfaces: virt-core has none yet. */
virConnectPtr virInterfaceGetConnect(virInterfacePtr iface);

/* Since 0.6.4. The answer lives as long as the object. Not supported: the host's interfaces: virt-core has none yet. */
const char *virInterfaceGetMACString(virInterfacePtr iface);

/* Since 0.6.4. The answer lives as long as the object. Not supported: the host's interfaces: virt-core has none yet. */
const char *virInterfaceGetName(virInterfacePtr iface);

/* Since 0.6.4. The caller frees the answer with free(). Not supported: the host's interfaces: virt-core has none yet. */
char *virInterfaceGetXMLDesc(virInterfacePtr iface, unsigned int flags);

/* Since 0.6.4. The caller gives the answer back with virInterfaceFree(). Not supported: the host's interfaces: virt-core has none yet. */
virInterfacePtr virInterfaceLookupByMACString(virConnectPtr conn, const char *mac);

/* Since 0.6.4. The caller gives the answer back with virInterfaceFree(). Not supported: the host's interfaces: virt-core has none yet. */
virInterfacePtr virInterfaceLookupByName(virConnectPtr conn, const char *name);

/* Since 0.6.4. Not supported: the host's interfaces: virt-core has none yet. */
int virInterfaceRef(virInterfacePtr iface);

/* Since 0.6.4. Not supported: the host's interfaces: virt-core has none yet. */
int virInterfaceUndefine(virInterfacePtr iface);

/* Since 0.7.0. Not supported: the host's interfaces: virt-core has none yet. */
int virConnectListDefinedInterfaces(virConnectPtr conn, char **names, int maxnames);

/* Since 0.7.0. Not supported: the host's interfaces: virt-core has none yet. */
int virConnectNumOfDefinedInterfaces(virConnectPtr conn);

/* Since 0.7.3. Not supported: the host's interfaces: virt-core has none yet. */
int virInterfaceIsActive(virInterfacePtr iface);

/* Since 0.9.2. Not supported: the host's interfaces: virt-core has none yet. */
int virInterfaceChangeBegin(virConnectPtr conn, unsigned int flags);

/* Since 0.9.2. Not supported: the host's interfaces: virt-core has none yet. */
int virInterfaceChangeCommit(virConnectPtr conn, unsigned int flags);

/* Since 0.9.2. Not supported: the host's interfaces: virt-core has none yet. */
int virInterfaceChangeRollback(virConnectPtr conn, unsigned int flags);

/* Since 0.10.2. The caller gives each of ifaces back with virInterfaceFree(), and the list with free(). Not supported: the host's interfaces: virt-core has none yet. */
int virConnectListAllInterfaces(virConnectPtr conn, virInterfacePtr **ifaces, unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif

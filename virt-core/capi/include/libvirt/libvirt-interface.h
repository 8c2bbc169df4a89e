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

/**
 * The interfaces that run, as many as there is room for. Not supported: the host's interfaces:
 * virt-core has none yet. Since 0.6.4.
 */
int virConnectListInterfaces(virConnectPtr conn, char **names, int maxnames);

/**
 * How many interfaces there are that run. Not supported: the host's interfaces: virt-core has none
 * yet. Since 0.6.4.
 */
int virConnectNumOfInterfaces(virConnectPtr conn);

/**
 * Starts the interface. Not supported: the host's interfaces: virt-core has none yet. Since 0.6.4.
 */
int virInterfaceCreate(virInterfacePtr iface, unsigned int flags);

/**
 * Gives a interface a definition. The caller gives the answer back with virInterfaceFree(). Not
 * supported: the host's interfaces: virt-core has none yet. Since 0.6.4.
 */
virInterfacePtr virInterfaceDefineXML(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

/**
 * Stops the interface at once. Not supported: the host's interfaces: virt-core has none yet. Since
 * 0.6.4.
 */
int virInterfaceDestroy(virInterfacePtr iface, unsigned int flags);

/**
 * Gives a reference of the interface back; with the last one it ends. Not supported: the host's
 * interfaces: virt-core has none yet. Since 0.6.4.
 */
int virInterfaceFree(virInterfacePtr iface);

/**
 * The connection that the interface belongs to. The answer is not counted, and lives as long as the
 * object. Not supported: the host's interfaces: virt-core has none yet. Since 0.6.4.
 */
virConnectPtr virInterfaceGetConnect(virInterfacePtr iface);

/**
 * The MAC address of the interface. The answer lives as long as the object. Not supported: the
 * host's interfaces: virt-core has none yet. Since 0.6.4.
 */
const char *virInterfaceGetMACString(virInterfacePtr iface);

/**
 * The name of the interface. The answer lives as long as the object. Not supported: the host's
 * interfaces: virt-core has none yet. Since 0.6.4.
 */
const char *virInterfaceGetName(virInterfacePtr iface);

/**
 * The XML of the interface. The caller frees the answer with free(). Not supported: the host's
 * interfaces: virt-core has none yet. Since 0.6.4.
 */
char *virInterfaceGetXMLDesc(virInterfacePtr iface, unsigned int flags);

/**
 * The interface of this mac string. The caller gives the answer back with virInterfaceFree(). Not
 * supported: the host's interfaces: virt-core has none yet. Since 0.6.4.
 */
virInterfacePtr virInterfaceLookupByMACString(virConnectPtr conn, const char *mac);

/**
 * The interface of this name. The caller gives the answer back with virInterfaceFree(). Not
 * supported: the host's interfaces: virt-core has none yet. Since 0.6.4.
 */
virInterfacePtr virInterfaceLookupByName(virConnectPtr conn, const char *name);

/**
 * Takes one reference more of the interface. Not supported: the host's interfaces: virt-core has
 * none yet. Since 0.6.4.
 */
int virInterfaceRef(virInterfacePtr iface);

/**
 * Takes the definition of the interface away. Not supported: the host's interfaces: virt-core has
 * none yet. Since 0.6.4.
 */
int virInterfaceUndefine(virInterfacePtr iface);

/**
 * The interfaces that do not run, as many as there is room for. Not supported: the host's
 * interfaces: virt-core has none yet. Since 0.7.0.
 */
int virConnectListDefinedInterfaces(virConnectPtr conn, char **names, int maxnames);

/**
 * How many interfaces there are that do not run. Not supported: the host's interfaces: virt-core has
 * none yet. Since 0.7.0.
 */
int virConnectNumOfDefinedInterfaces(virConnectPtr conn);

/**
 * Whether the interface is active. Not supported: the host's interfaces: virt-core has none yet.
 * Since 0.7.3.
 */
int virInterfaceIsActive(virInterfacePtr iface);

/**
 * Begins changes that can be taken back together. Not supported: the host's interfaces: virt-core
 * has none yet. Since 0.9.2.
 */
int virInterfaceChangeBegin(virConnectPtr conn, unsigned int flags);

/**
 * Keeps the changes. Not supported: the host's interfaces: virt-core has none yet. Since 0.9.2.
 */
int virInterfaceChangeCommit(virConnectPtr conn, unsigned int flags);

/**
 * Takes the changes back. Not supported: the host's interfaces: virt-core has none yet. Since 0.9.2.
 */
int virInterfaceChangeRollback(virConnectPtr conn, unsigned int flags);

/**
 * All interfaces that the flags ask for. The caller gives each of ifaces back with
 * virInterfaceFree(), and the list with free(). Not supported: the host's interfaces: virt-core has
 * none yet. Since 0.10.2.
 */
int virConnectListAllInterfaces(virConnectPtr conn, virInterfacePtr **ifaces, unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif

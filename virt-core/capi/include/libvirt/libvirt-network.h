/* libvirt-network.h, of the C library of virt. Written by `cargo xtask c-api`: change its tables, not this file. */

#ifndef LIBVIRT_NETWORK_H
#define LIBVIRT_NETWORK_H

#ifndef __VIR_LIBVIRT_H_INCLUDES__
#error "include libvirt/libvirt.h, which includes this file"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define VIR_NETWORK_PORT_BANDWIDTH_IN_AVERAGE "inbound.average"
#define VIR_NETWORK_PORT_BANDWIDTH_IN_PEAK "inbound.peak"
#define VIR_NETWORK_PORT_BANDWIDTH_IN_BURST "inbound.burst"
#define VIR_NETWORK_PORT_BANDWIDTH_IN_FLOOR "inbound.floor"
#define VIR_NETWORK_PORT_BANDWIDTH_OUT_AVERAGE "outbound.average"
#define VIR_NETWORK_PORT_BANDWIDTH_OUT_PEAK "outbound.peak"
#define VIR_NETWORK_PORT_BANDWIDTH_OUT_BURST "outbound.burst"

typedef enum {
    VIR_NETWORK_XML_INACTIVE = 1,
} virNetworkXMLFlags;

typedef enum {
    VIR_CONNECT_LIST_NETWORKS_INACTIVE = 1,
    VIR_CONNECT_LIST_NETWORKS_ACTIVE = 2,
    VIR_CONNECT_LIST_NETWORKS_PERSISTENT = 4,
    VIR_CONNECT_LIST_NETWORKS_TRANSIENT = 8,
    VIR_CONNECT_LIST_NETWORKS_AUTOSTART = 16,
    VIR_CONNECT_LIST_NETWORKS_NO_AUTOSTART = 32,
} virConnectListAllNetworksFlags;

typedef enum {
    VIR_NETWORK_CREATE_VALIDATE = 1,
} virNetworkCreateFlags;

typedef enum {
    VIR_NETWORK_DEFINE_VALIDATE = 1,
} virNetworkDefineFlags;

typedef enum {
    VIR_NETWORK_UPDATE_COMMAND_NONE = 0,
    VIR_NETWORK_UPDATE_COMMAND_MODIFY = 1,
    VIR_NETWORK_UPDATE_COMMAND_DELETE = 2,
    VIR_NETWORK_UPDATE_COMMAND_ADD_LAST = 3,
    VIR_NETWORK_UPDATE_COMMAND_ADD_FIRST = 4,
#ifdef VIR_ENUM_SENTINELS
    VIR_NETWORK_UPDATE_COMMAND_LAST = 5,
#endif
} virNetworkUpdateCommand;

typedef enum {
    VIR_NETWORK_SECTION_NONE = 0,
    VIR_NETWORK_SECTION_BRIDGE = 1,
    VIR_NETWORK_SECTION_DOMAIN = 2,
    VIR_NETWORK_SECTION_IP = 3,
    VIR_NETWORK_SECTION_IP_DHCP_HOST = 4,
    VIR_NETWORK_SECTION_IP_DHCP_RANGE = 5,
    VIR_NETWORK_SECTION_FORWARD = 6,
    VIR_NETWORK_SECTION_FORWARD_INTERFACE = 7,
    VIR_NETWORK_SECTION_FORWARD_PF = 8,
    VIR_NETWORK_SECTION_PORTGROUP = 9,
    VIR_NETWORK_SECTION_DNS_HOST = 10,
    VIR_NETWORK_SECTION_DNS_TXT = 11,
    VIR_NETWORK_SECTION_DNS_SRV = 12,
#ifdef VIR_ENUM_SENTINELS
    VIR_NETWORK_SECTION_LAST = 13,
#endif
} virNetworkUpdateSection;

typedef enum {
    VIR_NETWORK_UPDATE_AFFECT_CURRENT = 0,
    VIR_NETWORK_UPDATE_AFFECT_LIVE = 1,
    VIR_NETWORK_UPDATE_AFFECT_CONFIG = 2,
} virNetworkUpdateFlags;

typedef enum {
    VIR_NETWORK_EVENT_DEFINED = 0,
    VIR_NETWORK_EVENT_UNDEFINED = 1,
    VIR_NETWORK_EVENT_STARTED = 2,
    VIR_NETWORK_EVENT_STOPPED = 3,
#ifdef VIR_ENUM_SENTINELS
    VIR_NETWORK_EVENT_LAST = 4,
#endif
} virNetworkEventLifecycleType;

typedef enum {
    VIR_NETWORK_EVENT_ID_LIFECYCLE = 0,
    VIR_NETWORK_EVENT_ID_METADATA_CHANGE = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_NETWORK_EVENT_ID_LAST = 2,
#endif
} virNetworkEventID;

typedef enum {
    VIR_IP_ADDR_TYPE_IPV4 = 0,
    VIR_IP_ADDR_TYPE_IPV6 = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_IP_ADDR_TYPE_LAST = 2,
#endif
} virIPAddrType;

typedef enum {
    VIR_NETWORK_PORT_CREATE_RECLAIM = 1,
    VIR_NETWORK_PORT_CREATE_VALIDATE = 2,
} virNetworkPortCreateFlags;

typedef enum {
    VIR_NETWORK_METADATA_DESCRIPTION = 0,
    VIR_NETWORK_METADATA_TITLE = 1,
    VIR_NETWORK_METADATA_ELEMENT = 2,
#ifdef VIR_ENUM_SENTINELS
    VIR_NETWORK_METADATA_LAST = 3,
#endif
} virNetworkMetadataType;

/**
 * A network. Only its address is known outside.
 */
struct _virNetwork;

/**
 * A port of a network. Only its address is known outside.
 */
struct _virNetworkPort;

typedef struct _virNetwork virNetwork;

typedef virNetwork *virNetworkPtr;

typedef struct _virNetworkPort virNetworkPort;

typedef virNetworkPort *virNetworkPortPtr;

typedef void (*virConnectNetworkEventLifecycleCallback)(virConnectPtr conn,
                                                        virNetworkPtr net,
                                                        int event,
                                                        int detail,
                                                        void *opaque);

struct _virNetworkDHCPLease {
  char *iface;
  long long expirytime;
  int type;
  char *mac;
  char *iaid;
  char *ipaddr;
  unsigned int prefix;
  char *hostname;
  char *clientid;
};

typedef struct _virNetworkDHCPLease virNetworkDHCPLease;

typedef virNetworkDHCPLease *virNetworkDHCPLeasePtr;

typedef void (*virConnectNetworkEventGenericCallback)(virConnectPtr conn,
                                                      virNetworkPtr net,
                                                      void *opaque);

typedef void (*virConnectNetworkEventMetadataChangeCallback)(virConnectPtr conn,
                                                             virNetworkPtr net,
                                                             int type,
                                                             const char *nsuri,
                                                             void *opaque);

#define VIR_NETWORK_EVENT_CALLBACK(cb) ((virConnectNetworkEventGenericCallback)(cb))

/* Since 0.2.0. */
int virConnectListDefinedNetworks(virConnectPtr conn, char **names, int maxnames);

/* Since 0.2.0. */
int virConnectListNetworks(virConnectPtr conn, char **names, int maxnames);

/* Since 0.2.0. */
int virConnectNumOfDefinedNetworks(virConnectPtr conn);

/* Since 0.2.0. */
int virConnectNumOfNetworks(virConnectPtr conn);

/* Since 0.2.0. */
int virNetworkCreate(virNetworkPtr network);

/* Since 0.2.0. The caller gives the answer back with virNetworkFree(). */
virNetworkPtr virNetworkCreateXML(virConnectPtr conn, const char *xmlDesc);

/* Since 0.2.0. The caller gives the answer back with virNetworkFree(). */
virNetworkPtr virNetworkDefineXML(virConnectPtr conn, const char *xmlDesc);

/* Since 0.2.0. */
int virNetworkDestroy(virNetworkPtr network);

/* Since 0.2.0. */
int virNetworkFree(virNetworkPtr network);

/* Since 0.2.0. The caller frees the answer with free(). */
char *virNetworkGetBridgeName(virNetworkPtr network);

/* Since 0.2.0. The answer lives as long as the object. */
const char *virNetworkGetName(virNetworkPtr network);

/* Since 0.2.0. */
int virNetworkGetUUID(virNetworkPtr network, unsigned char *uuid);

/* Since 0.2.0. */
int virNetworkGetUUIDString(virNetworkPtr network, char *buf);

/* Since 0.2.0. The caller frees the answer with free(). */
char *virNetworkGetXMLDesc(virNetworkPtr network, unsigned int flags);

/* Since 0.2.0. The caller gives the answer back with virNetworkFree(). */
virNetworkPtr virNetworkLookupByName(virConnectPtr conn, const char *name);

/* Since 0.2.0. The caller gives the answer back with virNetworkFree(). */
virNetworkPtr virNetworkLookupByUUID(virConnectPtr conn, const unsigned char *uuid);

/* Since 0.2.0. The caller gives the answer back with virNetworkFree(). */
virNetworkPtr virNetworkLookupByUUIDString(virConnectPtr conn, const char *uuid);

/* Since 0.2.0. */
int virNetworkUndefine(virNetworkPtr network);

/* Since 0.2.1. */
int virNetworkGetAutostart(virNetworkPtr network, int *autostart);

/* Since 0.2.1. */
int virNetworkSetAutostart(virNetworkPtr network, int autostart);

/* Since 0.3.0. The answer is not counted, and lives as long as the object. */
virConnectPtr virNetworkGetConnect(virNetworkPtr network);

/* Since 0.6.0. */
int virNetworkRef(virNetworkPtr network);

/* Since 0.7.3. */
int virNetworkIsActive(virNetworkPtr net);

/* Since 0.7.3. */
int virNetworkIsPersistent(virNetworkPtr net);

/* Since 0.10.2. The caller gives each of nets back with virNetworkFree(), and the list with free(). */
int virConnectListAllNetworks(virConnectPtr conn, virNetworkPtr **nets, unsigned int flags);

/* Since 0.10.2. */
int virNetworkUpdate(virNetworkPtr network, unsigned int command, unsigned int section, int parentIndex, const char *xml, unsigned int flags);

/* Since 1.2.1. */
int virConnectNetworkEventDeregisterAny(virConnectPtr conn, int callbackID);

/* Since 1.2.1. */
int virConnectNetworkEventRegisterAny(virConnectPtr conn, virNetworkPtr net, int eventID, virConnectNetworkEventGenericCallback cb, void *opaque, virFreeCallback freecb);

/* Since 1.2.6. */
void virNetworkDHCPLeaseFree(virNetworkDHCPLeasePtr lease);

/* Since 1.2.6. The caller gives each of leases back with virNetworkDHCPLeaseFree(), and the list with free(). */
int virNetworkGetDHCPLeases(virNetworkPtr network, const char *mac, virNetworkDHCPLeasePtr **leases, unsigned int flags);

/* Since 5.5.0. The caller gives each of ports back with virNetworkPortFree(), and the list with free(). */
int virNetworkListAllPorts(virNetworkPtr network, virNetworkPortPtr **ports, unsigned int flags);

/* Since 5.5.0. The caller gives the answer back with virNetworkPortFree(). */
virNetworkPortPtr virNetworkPortCreateXML(virNetworkPtr net, const char *xmldesc, unsigned int flags);

/* Since 5.5.0. */
int virNetworkPortDelete(virNetworkPortPtr port, unsigned int flags);

/* Since 5.5.0. */
int virNetworkPortFree(virNetworkPortPtr port);

/* Since 5.5.0. The answer is not counted, and lives as long as the object. */
virNetworkPtr virNetworkPortGetNetwork(virNetworkPortPtr port);

/* Since 5.5.0. The caller frees params with virTypedParamsFree(). */
int virNetworkPortGetParameters(virNetworkPortPtr port, virTypedParameterPtr *params, int *nparams, unsigned int flags);

/* Since 5.5.0. */
int virNetworkPortGetUUID(virNetworkPortPtr port, unsigned char *uuid);

/* Since 5.5.0. */
int virNetworkPortGetUUIDString(virNetworkPortPtr port, char *buf);

/* Since 5.5.0. The caller frees the answer with free(). */
char *virNetworkPortGetXMLDesc(virNetworkPortPtr port, unsigned int flags);

/* Since 5.5.0. The caller gives the answer back with virNetworkPortFree(). */
virNetworkPortPtr virNetworkPortLookupByUUID(virNetworkPtr net, const unsigned char *uuid);

/* Since 5.5.0. The caller gives the answer back with virNetworkPortFree(). */
virNetworkPortPtr virNetworkPortLookupByUUIDString(virNetworkPtr net, const char *uuidstr);

/* Since 5.5.0. */
int virNetworkPortRef(virNetworkPortPtr port);

/* Since 5.5.0. */
int virNetworkPortSetParameters(virNetworkPortPtr port, virTypedParameterPtr params, int nparams, unsigned int flags);

/* Since 7.7.0. The caller gives the answer back with virNetworkFree(). */
virNetworkPtr virNetworkDefineXMLFlags(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

/* Since 7.8.0. The caller gives the answer back with virNetworkFree(). */
virNetworkPtr virNetworkCreateXMLFlags(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

/* Since 9.7.0. The caller frees the answer with free(). */
char *virNetworkGetMetadata(virNetworkPtr network, int type, const char *uri, unsigned int flags);

/* Since 9.7.0. */
int virNetworkSetMetadata(virNetworkPtr network, int type, const char *metadata, const char *key, const char *uri, unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif

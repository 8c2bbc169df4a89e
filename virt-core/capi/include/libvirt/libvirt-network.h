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

/**
 * The networks that do not run, as many as there is room for. Since 0.2.0.
 */
int virConnectListDefinedNetworks(virConnectPtr conn, char **names, int maxnames);

/**
 * The networks that run, as many as there is room for. Since 0.2.0.
 */
int virConnectListNetworks(virConnectPtr conn, char **names, int maxnames);

/**
 * How many networks there are that do not run. Since 0.2.0.
 */
int virConnectNumOfDefinedNetworks(virConnectPtr conn);

/**
 * How many networks there are that run. Since 0.2.0.
 */
int virConnectNumOfNetworks(virConnectPtr conn);

/**
 * Starts a defined network. Since 0.2.0.
 */
int virNetworkCreate(virNetworkPtr network);

/**
 * Makes or starts a network of this XML. The caller gives the answer back with virNetworkFree().
 * Since 0.2.0.
 */
virNetworkPtr virNetworkCreateXML(virConnectPtr conn, const char *xmlDesc);

/**
 * Gives a network a definition. The caller gives the answer back with virNetworkFree(). Since 0.2.0.
 */
virNetworkPtr virNetworkDefineXML(virConnectPtr conn, const char *xmlDesc);

/**
 * Stops it. Since 0.2.0.
 */
int virNetworkDestroy(virNetworkPtr network);

/**
 * Gives a reference of the network back; with the last one it ends. Since 0.2.0.
 */
int virNetworkFree(virNetworkPtr network);

/**
 * The name of its bridge; an error for one that has none. The caller frees the answer with free().
 * Since 0.2.0.
 */
char *virNetworkGetBridgeName(virNetworkPtr network);

/**
 * The name of the network. The answer lives as long as the object. Since 0.2.0.
 */
const char *virNetworkGetName(virNetworkPtr network);

/**
 * Writes the 16 bytes of the UUID of the network. Since 0.2.0.
 */
int virNetworkGetUUID(virNetworkPtr network, unsigned char *uuid);

/**
 * Writes the UUID of the network as text. Since 0.2.0.
 */
int virNetworkGetUUIDString(virNetworkPtr network, char *buf);

/**
 * Its XML. The caller frees the answer with free(). Since 0.2.0.
 */
char *virNetworkGetXMLDesc(virNetworkPtr network, unsigned int flags);

/**
 * The network of this name. The caller gives the answer back with virNetworkFree(). Since 0.2.0.
 */
virNetworkPtr virNetworkLookupByName(virConnectPtr conn, const char *name);

/**
 * The network of this UUID. The caller gives the answer back with virNetworkFree(). Since 0.2.0.
 */
virNetworkPtr virNetworkLookupByUUID(virConnectPtr conn, const unsigned char *uuid);

/**
 * The network of this UUID, given as text. The caller gives the answer back with virNetworkFree().
 * Since 0.2.0.
 */
virNetworkPtr virNetworkLookupByUUIDString(virConnectPtr conn, const char *uuid);

/**
 * Takes its definition away: an active network becomes transient, an inactive one is gone. Since
 * 0.2.0.
 */
int virNetworkUndefine(virNetworkPtr network);

/**
 * Whether it starts with the host. Since 0.2.1.
 */
int virNetworkGetAutostart(virNetworkPtr network, int *autostart);

/**
 * Decides whether it starts with the host. Since 0.2.1.
 */
int virNetworkSetAutostart(virNetworkPtr network, int autostart);

/**
 * The connection that the network belongs to. The answer is not counted, and lives as long as the
 * object. Since 0.3.0.
 */
virConnectPtr virNetworkGetConnect(virNetworkPtr network);

/**
 * Takes one reference more of the network. Since 0.6.0.
 */
int virNetworkRef(virNetworkPtr network);

/**
 * Whether it runs. Since 0.7.3.
 */
int virNetworkIsActive(virNetworkPtr net);

/**
 * Whether it has a definition that outlives its run. Since 0.7.3.
 */
int virNetworkIsPersistent(virNetworkPtr net);

/**
 * Those that filter asks for, with everything a list shows. The caller gives each of nets back with
 * virNetworkFree(), and the list with free(). Since 0.10.2.
 */
int virConnectListAllNetworks(virConnectPtr conn, virNetworkPtr **nets, unsigned int flags);

/**
 * Changes one element. Since 0.10.2.
 */
int virNetworkUpdate(virNetworkPtr network, unsigned int command, unsigned int section, int parentIndex, const char *xml, unsigned int flags);

/**
 * Removes the callback of this number. Since 1.2.1.
 */
int virConnectNetworkEventDeregisterAny(virConnectPtr conn, int callbackID);

/**
 * The events from now on, or from a sequence number on as far as they are kept; their kinds are
 * NetworkEventKind. Since 1.2.1.
 */
int virConnectNetworkEventRegisterAny(virConnectPtr conn, virNetworkPtr net, int eventID, virConnectNetworkEventGenericCallback cb, void *opaque, virFreeCallback freecb);

/**
 * Frees one lease. Since 1.2.6.
 */
void virNetworkDHCPLeaseFree(virNetworkDHCPLeasePtr lease);

/**
 * The addresses that were handed out: to everybody, or to one card. The caller gives each of leases
 * back with virNetworkDHCPLeaseFree(), and the list with free(). Since 1.2.6.
 */
int virNetworkGetDHCPLeases(virNetworkPtr network, const char *mac, virNetworkDHCPLeasePtr **leases, unsigned int flags);

/**
 * The ports of a network. The caller gives each of ports back with virNetworkPortFree(), and the
 * list with free(). Since 5.5.0.
 */
int virNetworkListAllPorts(virNetworkPtr network, virNetworkPortPtr **ports, unsigned int flags);

/**
 * Makes a port of a running network; <plug> in its XML says then what it leads to. The caller gives
 * the answer back with virNetworkPortFree(). Since 5.5.0.
 */
virNetworkPortPtr virNetworkPortCreateXML(virNetworkPtr net, const char *xmldesc, unsigned int flags);

/**
 * Gives it back. Since 5.5.0.
 */
int virNetworkPortDelete(virNetworkPortPtr port, unsigned int flags);

/**
 * Gives a reference of the port back; with the last one it ends. Since 5.5.0.
 */
int virNetworkPortFree(virNetworkPortPtr port);

/**
 * The network of the port. The answer is not counted, and lives as long as the object. Since 5.5.0.
 */
virNetworkPtr virNetworkPortGetNetwork(virNetworkPortPtr port);

/**
 * Its bandwidth: inbound.average, inbound.peak, inbound.burst, inbound.floor, outbound.average ...
 * The caller frees params with virTypedParamsFree(). Since 5.5.0.
 */
int virNetworkPortGetParameters(virNetworkPortPtr port, virTypedParameterPtr *params, int *nparams, unsigned int flags);

/**
 * Writes the 16 bytes of the UUID of the port. Since 5.5.0.
 */
int virNetworkPortGetUUID(virNetworkPortPtr port, unsigned char *uuid);

/**
 * Writes the UUID of the port as text. Since 5.5.0.
 */
int virNetworkPortGetUUIDString(virNetworkPortPtr port, char *buf);

/**
 * Its XML. The caller frees the answer with free(). Since 5.5.0.
 */
char *virNetworkPortGetXMLDesc(virNetworkPortPtr port, unsigned int flags);

/**
 * The port of this UUID. The caller gives the answer back with virNetworkPortFree(). Since 5.5.0.
 */
virNetworkPortPtr virNetworkPortLookupByUUID(virNetworkPtr net, const unsigned char *uuid);

/**
 * The port of this UUID, given as text. The caller gives the answer back with virNetworkPortFree().
 * Since 5.5.0.
 */
virNetworkPortPtr virNetworkPortLookupByUUIDString(virNetworkPtr net, const char *uuidstr);

/**
 * Takes one reference more of the port. Since 5.5.0.
 */
int virNetworkPortRef(virNetworkPortPtr port);

/**
 * Changes them. Since 5.5.0.
 */
int virNetworkPortSetParameters(virNetworkPortPtr port, virTypedParameterPtr params, int nparams, unsigned int flags);

/**
 * Gives a network a definition: a new one, or another for the next start. The caller gives the
 * answer back with virNetworkFree(). Since 7.7.0.
 */
virNetworkPtr virNetworkDefineXMLFlags(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

/**
 * Starts a network that vanishes when it stops. The caller gives the answer back with
 * virNetworkFree(). Since 7.8.0.
 */
virNetworkPtr virNetworkCreateXMLFlags(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

/**
 * A title, a description or an element of <metadata>; namespace for elements. The caller frees the
 * answer with free(). Since 9.7.0.
 */
char *virNetworkGetMetadata(virNetworkPtr network, int type, const char *uri, unsigned int flags);

/**
 * Sets it, or removes it. Since 9.7.0.
 */
int virNetworkSetMetadata(virNetworkPtr network, int type, const char *metadata, const char *key, const char *uri, unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif

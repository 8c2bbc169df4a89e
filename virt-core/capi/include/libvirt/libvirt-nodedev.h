/* libvirt-nodedev.h, of the C library of virt. Written by `cargo xtask c-api`: change its tables, not this file. */

#ifndef LIBVIRT_NODEDEV_H
#define LIBVIRT_NODEDEV_H

#ifndef __VIR_LIBVIRT_H_INCLUDES__
#error "include libvirt/libvirt.h, which includes this file"
#endif

#ifdef __cplusplus
extern "C" {
#endif


typedef enum {
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_SYSTEM = 1,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV = 2,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_USB_DEV = 4,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_USB_INTERFACE = 8,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET = 16,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_SCSI_HOST = 32,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_SCSI_TARGET = 64,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_SCSI = 128,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_STORAGE = 256,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_FC_HOST = 512,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_VPORTS = 1024,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_SCSI_GENERIC = 2048,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_DRM = 4096,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_MDEV_TYPES = 8192,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_MDEV = 16384,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_CCW_DEV = 32768,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_CSS_DEV = 65536,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_VDPA = 131072,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_AP_CARD = 262144,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_AP_QUEUE = 524288,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_AP_MATRIX = 1048576,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_VPD = 2097152,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_CCWGROUP_DEV = 4194304,
    VIR_CONNECT_LIST_NODE_DEVICES_CAP_CCWGROUP_MEMBER = 8388608,
    VIR_CONNECT_LIST_NODE_DEVICES_PERSISTENT = 268435456,
    VIR_CONNECT_LIST_NODE_DEVICES_TRANSIENT = 536870912,
    VIR_CONNECT_LIST_NODE_DEVICES_INACTIVE = 1073741824,
    VIR_CONNECT_LIST_NODE_DEVICES_ACTIVE = 2147483648,
} virConnectListAllNodeDeviceFlags;

typedef enum {
    VIR_NODE_DEVICE_XML_INACTIVE = 1,
} virNodeDeviceXMLFlags;

typedef enum {
    VIR_NODE_DEVICE_CREATE_XML_VALIDATE = 1,
} virNodeDeviceCreateXMLFlags;

typedef enum {
    VIR_NODE_DEVICE_DEFINE_XML_VALIDATE = 1,
} virNodeDeviceDefineXMLFlags;

typedef enum {
    VIR_NODE_DEVICE_UPDATE_AFFECT_CURRENT = 0,
    VIR_NODE_DEVICE_UPDATE_AFFECT_LIVE = 1,
    VIR_NODE_DEVICE_UPDATE_AFFECT_CONFIG = 2,
} virNodeDeviceUpdateFlags;

typedef enum {
    VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE = 0,
    VIR_NODE_DEVICE_EVENT_ID_UPDATE = 1,
#ifdef VIR_ENUM_SENTINELS
    VIR_NODE_DEVICE_EVENT_ID_LAST = 2,
#endif
} virNodeDeviceEventID;

typedef enum {
    VIR_NODE_DEVICE_EVENT_CREATED = 0,
    VIR_NODE_DEVICE_EVENT_DELETED = 1,
    VIR_NODE_DEVICE_EVENT_DEFINED = 2,
    VIR_NODE_DEVICE_EVENT_UNDEFINED = 3,
#ifdef VIR_ENUM_SENTINELS
    VIR_NODE_DEVICE_EVENT_LAST = 4,
#endif
} virNodeDeviceEventLifecycleType;

/**
 * A node device. Only its address is known outside.
 */
struct _virNodeDevice;

typedef struct _virNodeDevice virNodeDevice;

typedef virNodeDevice *virNodeDevicePtr;

typedef void (*virConnectNodeDeviceEventGenericCallback)(virConnectPtr conn,
                                                         virNodeDevicePtr dev,
                                                         void *opaque);

typedef void (*virConnectNodeDeviceEventLifecycleCallback)(virConnectPtr conn,
                                                           virNodeDevicePtr dev,
                                                           int event,
                                                           int detail,
                                                           void *opaque);

#define VIR_NODE_DEVICE_EVENT_CALLBACK(cb) ((virConnectNodeDeviceEventGenericCallback)(cb))

/**
 * Gives a reference of the device back; with the last one it ends. Since 0.5.0.
 */
int virNodeDeviceFree(virNodeDevicePtr dev);

/**
 * The name of the device. The answer lives as long as the object. Since 0.5.0.
 */
const char *virNodeDeviceGetName(virNodeDevicePtr dev);

/**
 * The name of the device that it hangs on; nothing for the host itself. The answer lives as long as
 * the object. Since 0.5.0.
 */
const char *virNodeDeviceGetParent(virNodeDevicePtr dev);

/**
 * Its XML. The caller frees the answer with free(). Since 0.5.0.
 */
char *virNodeDeviceGetXMLDesc(virNodeDevicePtr dev, unsigned int flags);

/**
 * The names of its capabilities. Since 0.5.0.
 */
int virNodeDeviceListCaps(virNodeDevicePtr dev, char **names, int maxnames);

/**
 * The device of this name. The caller gives the answer back with virNodeDeviceFree(). Since 0.5.0.
 */
virNodeDevicePtr virNodeDeviceLookupByName(virConnectPtr conn, const char *name);

/**
 * How many capabilities the device has. Since 0.5.0.
 */
int virNodeDeviceNumOfCaps(virNodeDevicePtr dev);

/**
 * The names of those that are there and have this capability, or all of them. Since 0.5.0.
 */
int virNodeListDevices(virConnectPtr conn, const char *cap, char **names, int maxnames, unsigned int flags);

/**
 * How many there are of those. Since 0.5.0.
 */
int virNodeNumOfDevices(virConnectPtr conn, const char *cap, unsigned int flags);

/**
 * Takes one reference more of the device. Since 0.6.0.
 */
int virNodeDeviceRef(virNodeDevicePtr dev);

/**
 * Takes the device from the host's driver, so that a guest can have it. Since 0.6.1.
 */
int virNodeDeviceDettach(virNodeDevicePtr dev);

/**
 * Gives it back to the host's driver. Since 0.6.1.
 */
int virNodeDeviceReAttach(virNodeDevicePtr dev);

/**
 * Resets a device that nobody uses. Since 0.6.1.
 */
int virNodeDeviceReset(virNodeDevicePtr dev);

/**
 * Makes a device (mediated, or a virtual host bus adapter) that is gone after a restart of the host;
 * answers its name. The caller gives the answer back with virNodeDeviceFree(). Since 0.6.3.
 */
virNodeDevicePtr virNodeDeviceCreateXML(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

/**
 * Removes a device that was made; its definition stays. Since 0.6.3.
 */
int virNodeDeviceDestroy(virNodeDevicePtr dev);

/**
 * Those that filter asks for, with everything a list shows. The caller gives each of devices back
 * with virNodeDeviceFree(), and the list with free(). Since 0.10.2.
 */
int virConnectListAllNodeDevices(virConnectPtr conn, virNodeDevicePtr **devices, unsigned int flags);

/**
 * The name of the SCSI host with these world-wide names of node and port. The caller gives the
 * answer back with virNodeDeviceFree(). Since 1.0.3.
 */
virNodeDevicePtr virNodeDeviceLookupSCSIHostByWWN(virConnectPtr conn, const char *wwnn, const char *wwpn, unsigned int flags);

/**
 * Takes a device from the host, so that it can be handed to a guest; driver is who gets it instead
 * of vfio-pci. Since 1.0.5.
 */
int virNodeDeviceDetachFlags(virNodeDevicePtr dev, const char *driverName, unsigned int flags);

/**
 * Removes the callback of this number. Since 2.2.0.
 */
int virConnectNodeDeviceEventDeregisterAny(virConnectPtr conn, int callbackID);

/**
 * The events from now on; their kinds are NodeDeviceEventKind. Since 2.2.0.
 */
int virConnectNodeDeviceEventRegisterAny(virConnectPtr conn, virNodeDevicePtr dev, int eventID, virConnectNodeDeviceEventGenericCallback cb, void *opaque, virFreeCallback freecb);

/**
 * Makes a device that is defined. Since 7.3.0.
 */
int virNodeDeviceCreate(virNodeDevicePtr dev, unsigned int flags);

/**
 * Gives a mediated device a definition; answers its name. The caller gives the answer back with
 * virNodeDeviceFree(). Since 7.3.0.
 */
virNodeDevicePtr virNodeDeviceDefineXML(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

/**
 * Takes its definition away. Since 7.3.0.
 */
int virNodeDeviceUndefine(virNodeDevicePtr dev, unsigned int flags);

/**
 * Whether it is made when its parent comes. Since 7.8.0.
 */
int virNodeDeviceGetAutostart(virNodeDevicePtr dev, int *autostart);

/**
 * Whether it is there. Since 7.8.0.
 */
int virNodeDeviceIsActive(virNodeDevicePtr dev);

/**
 * Whether it has a definition. Since 7.8.0.
 */
int virNodeDeviceIsPersistent(virNodeDevicePtr dev);

/**
 * Decides whether it is made when its parent comes. Since 7.8.0.
 */
int virNodeDeviceSetAutostart(virNodeDevicePtr dev, int autostart);

/**
 * Changes what can be changed of a mediated device. Since 10.1.0.
 */
int virNodeDeviceUpdate(virNodeDevicePtr dev, const char *xmlDesc, unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif

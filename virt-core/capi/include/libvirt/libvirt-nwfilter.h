/* libvirt-nwfilter.h, of the C library of virt. Written by `cargo xtask c-api`: change its tables, not this file. */

#ifndef LIBVIRT_NWFILTER_H
#define LIBVIRT_NWFILTER_H

#ifndef __VIR_LIBVIRT_H_INCLUDES__
#error "include libvirt/libvirt.h, which includes this file"
#endif

#ifdef __cplusplus
extern "C" {
#endif


typedef enum {
    VIR_NWFILTER_DEFINE_VALIDATE = 1,
} virNWFilterDefineFlags;

typedef enum {
    VIR_NWFILTER_BINDING_CREATE_VALIDATE = 1,
} virNWFilterBindingCreateFlags;

/**
 * A network filter. Only its address is known outside.
 */
struct _virNWFilter;

/**
 * The binding of a network filter to a port. Only its address is known outside.
 */
struct _virNWFilterBinding;

typedef struct _virNWFilter virNWFilter;

typedef virNWFilter *virNWFilterPtr;

typedef struct _virNWFilterBinding virNWFilterBinding;

typedef virNWFilterBinding *virNWFilterBindingPtr;

/**
 * The network filters that run, as many as there is room for. Not supported: network filters:
 * virt-core has none yet. Since 0.8.0.
 */
int virConnectListNWFilters(virConnectPtr conn, char **names, int maxnames);

/**
 * How many network filters there are that run. Not supported: network filters: virt-core has none
 * yet. Since 0.8.0.
 */
int virConnectNumOfNWFilters(virConnectPtr conn);

/**
 * Gives a filter a definition. The caller gives the answer back with virNWFilterFree(). Not
 * supported: network filters: virt-core has none yet. Since 0.8.0.
 */
virNWFilterPtr virNWFilterDefineXML(virConnectPtr conn, const char *xmlDesc);

/**
 * Gives a reference of the filter back; with the last one it ends. Not supported: network filters:
 * virt-core has none yet. Since 0.8.0.
 */
int virNWFilterFree(virNWFilterPtr nwfilter);

/**
 * The name of the filter. The answer lives as long as the object. Not supported: network filters:
 * virt-core has none yet. Since 0.8.0.
 */
const char *virNWFilterGetName(virNWFilterPtr nwfilter);

/**
 * Writes the 16 bytes of the UUID of the filter. Not supported: network filters: virt-core has none
 * yet. Since 0.8.0.
 */
int virNWFilterGetUUID(virNWFilterPtr nwfilter, unsigned char *uuid);

/**
 * Writes the UUID of the filter as text. Not supported: network filters: virt-core has none yet.
 * Since 0.8.0.
 */
int virNWFilterGetUUIDString(virNWFilterPtr nwfilter, char *buf);

/**
 * The XML of the filter. The caller frees the answer with free(). Not supported: network filters:
 * virt-core has none yet. Since 0.8.0.
 */
char *virNWFilterGetXMLDesc(virNWFilterPtr nwfilter, unsigned int flags);

/**
 * The filter of this name. The caller gives the answer back with virNWFilterFree(). Not supported:
 * network filters: virt-core has none yet. Since 0.8.0.
 */
virNWFilterPtr virNWFilterLookupByName(virConnectPtr conn, const char *name);

/**
 * The filter of this UUID. The caller gives the answer back with virNWFilterFree(). Not supported:
 * network filters: virt-core has none yet. Since 0.8.0.
 */
virNWFilterPtr virNWFilterLookupByUUID(virConnectPtr conn, const unsigned char *uuid);

/**
 * The filter of this UUID, given as text. The caller gives the answer back with virNWFilterFree().
 * Not supported: network filters: virt-core has none yet. Since 0.8.0.
 */
virNWFilterPtr virNWFilterLookupByUUIDString(virConnectPtr conn, const char *uuid);

/**
 * Takes one reference more of the filter. Not supported: network filters: virt-core has none yet.
 * Since 0.8.0.
 */
int virNWFilterRef(virNWFilterPtr nwfilter);

/**
 * Takes the definition of the filter away. Not supported: network filters: virt-core has none yet.
 * Since 0.8.0.
 */
int virNWFilterUndefine(virNWFilterPtr nwfilter);

/**
 * All network filters that the flags ask for. The caller gives each of filters back with
 * virNWFilterFree(), and the list with free(). Not supported: network filters: virt-core has none
 * yet. Since 0.10.2.
 */
int virConnectListAllNWFilters(virConnectPtr conn, virNWFilterPtr **filters, unsigned int flags);

/**
 * All network filter bindings that the flags ask for. The caller gives each of bindings back with
 * virNWFilterBindingFree(), and the list with free(). Not supported: network filters: virt-core has
 * none yet. Since 4.5.0.
 */
int virConnectListAllNWFilterBindings(virConnectPtr conn, virNWFilterBindingPtr **bindings, unsigned int flags);

/**
 * Makes or starts a binding of this XML. The caller gives the answer back with
 * virNWFilterBindingFree(). Not supported: network filters: virt-core has none yet. Since 4.5.0.
 */
virNWFilterBindingPtr virNWFilterBindingCreateXML(virConnectPtr conn, const char *xml, unsigned int flags);

/**
 * Deletes the binding. Not supported: network filters: virt-core has none yet. Since 4.5.0.
 */
int virNWFilterBindingDelete(virNWFilterBindingPtr binding);

/**
 * Gives a reference of the binding back; with the last one it ends. Not supported: network filters:
 * virt-core has none yet. Since 4.5.0.
 */
int virNWFilterBindingFree(virNWFilterBindingPtr binding);

/**
 * The name of the filter. The answer lives as long as the object. Not supported: network filters:
 * virt-core has none yet. Since 4.5.0.
 */
const char *virNWFilterBindingGetFilterName(virNWFilterBindingPtr binding);

/**
 * The name of the port. The answer lives as long as the object. Not supported: network filters:
 * virt-core has none yet. Since 4.5.0.
 */
const char *virNWFilterBindingGetPortDev(virNWFilterBindingPtr binding);

/**
 * The XML of the binding. The caller frees the answer with free(). Not supported: network filters:
 * virt-core has none yet. Since 4.5.0.
 */
char *virNWFilterBindingGetXMLDesc(virNWFilterBindingPtr binding, unsigned int flags);

/**
 * The network filter binding of this port dev. The caller gives the answer back with
 * virNWFilterBindingFree(). Not supported: network filters: virt-core has none yet. Since 4.5.0.
 */
virNWFilterBindingPtr virNWFilterBindingLookupByPortDev(virConnectPtr conn, const char *portdev);

/**
 * Takes one reference more of the binding. Not supported: network filters: virt-core has none yet.
 * Since 4.5.0.
 */
int virNWFilterBindingRef(virNWFilterBindingPtr binding);

/**
 * Gives a filter a definition. The caller gives the answer back with virNWFilterFree(). Not
 * supported: network filters: virt-core has none yet. Since 7.7.0.
 */
virNWFilterPtr virNWFilterDefineXMLFlags(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif

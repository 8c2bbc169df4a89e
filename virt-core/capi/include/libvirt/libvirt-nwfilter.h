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

/* Since 0.8.0. Not supported: network filters: virt-core has none yet. */
int virConnectListNWFilters(virConnectPtr conn, char **names, int maxnames);

/* Since 0.8.0. Not supported: network filters: virt-core has none yet. */
int virConnectNumOfNWFilters(virConnectPtr conn);

/* Since 0.8.0. The caller gives the answer back with virNWFilterFree(). Not supported: network filters: virt-core has none yet. */
virNWFilterPtr virNWFilterDefineXML(virConnectPtr conn, const char *xmlDesc);

/* Since 0.8.0. Not supported: network filters: virt-core has none yet. */
int virNWFilterFree(virNWFilterPtr nwfilter);

/* Since 0.8.0. The answer lives as long as the object. Not supported: network filters: virt-core has none yet. */
const char *virNWFilterGetName(virNWFilterPtr nwfilter);

/* Since 0.8.0. Not supported: network filters: virt-core has none yet. */
int virNWFilterGetUUID(virNWFilterPtr nwfilter, unsigned char *uuid);

/* Since 0.8.0. Not supported: network filters: virt-core has none yet. */
int virNWFilterGetUUIDString(virNWFilterPtr nwfilter, char *buf);

/* Since 0.8.0. The caller frees the answer with free(). Not supported: network filters: virt-core has none yet. */
char *virNWFilterGetXMLDesc(virNWFilterPtr nwfilter, unsigned int flags);

/* Since 0.8.0. The caller gives the answer back with virNWFilterFree(). Not supported: network filters: virt-core has none yet. */
virNWFilterPtr virNWFilterLookupByName(virConnectPtr conn, const char *name);

/* Since 0.8.0. The caller gives the answer back with virNWFilterFree(). Not supported: network filters: virt-core has none yet. */
virNWFilterPtr virNWFilterLookupByUUID(virConnectPtr conn, const unsigned char *uuid);

/* Since 0.8.0. The caller gives the answer back with virNWFilterFree(). Not supported: network filters: virt-core has none yet. */
virNWFilterPtr virNWFilterLookupByUUIDString(virConnectPtr conn, const char *uuid);

/* Since 0.8.0. Not supported: network filters: virt-core has none yet. */
int virNWFilterRef(virNWFilterPtr nwfilter);

/* Since 0.8.0. Not supported: network filters: virt-core has none yet. */
int virNWFilterUndefine(virNWFilterPtr nwfilter);

/* Since 0.10.2. The caller gives each of filters back with virNWFilterFree(), and the list with free(). Not supported: network filters: virt-core has none yet. */
int virConnectListAllNWFilters(virConnectPtr conn, virNWFilterPtr **filters, unsigned int flags);

/* Since 4.5.0. The caller gives each of bindings back with virNWFilterBindingFree(), and the list with free(). Not supported: network filters: virt-core has none yet. */
int virConnectListAllNWFilterBindings(virConnectPtr conn, virNWFilterBindingPtr **bindings, unsigned int flags);

/* Since 4.5.0. The caller gives the answer back with virNWFilterBindingFree(). Not supported: network filters: virt-core has none yet. */
virNWFilterBindingPtr virNWFilterBindingCreateXML(virConnectPtr conn, const char *xml, unsigned int flags);

/* Since 4.5.0. Not supported: network filters: virt-core has none yet. */
int virNWFilterBindingDelete(virNWFilterBindingPtr binding);

/* Since 4.5.0. Not supported: network filters: virt-core has none yet. */
int virNWFilterBindingFree(virNWFilterBindingPtr binding);

/* Since 4.5.0. The answer lives as long as the object. Not supported: network filters: virt-core has none yet. */
const char *virNWFilterBindingGetFilterName(virNWFilterBindingPtr binding);

/* Since 4.5.0. The answer lives as long as the object. Not supported: network filters: virt-core has none yet. */
const char *virNWFilterBindingGetPortDev(virNWFilterBindingPtr binding);

/* Since 4.5.0. The caller frees the answer with free(). Not supported: network filters: virt-core has none yet. */
char *virNWFilterBindingGetXMLDesc(virNWFilterBindingPtr binding, unsigned int flags);

/* Since 4.5.0. The caller gives the answer back with virNWFilterBindingFree(). Not supported: network filters: virt-core has none yet. */
virNWFilterBindingPtr virNWFilterBindingLookupByPortDev(virConnectPtr conn, const char *portdev);

/* Since 4.5.0. Not supported: network filters: virt-core has none yet. */
int virNWFilterBindingRef(virNWFilterBindingPtr binding);

/* Since 7.7.0. The caller gives the answer back with virNWFilterFree(). Not supported: network filters: virt-core has none yet. */
virNWFilterPtr virNWFilterDefineXMLFlags(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif

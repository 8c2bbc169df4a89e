/* Lists domains in every way that there is. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what a call answers, and the error that it leaves. */
#define SHOW(call) do { int answer = (call); printf("%s = %d: %s\n", #call, answer, virGetLastErrorMessage()); } while (0)

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static void show(virDomainPtr domain)
{
    char text[VIR_UUID_STRING_BUFLEN];
    unsigned char uuid[VIR_UUID_BUFLEN];
    virDomainPtr again;
    virDomainInfo info;
    int state = -1, reason = -1, autostart = -1;
    char *type = virDomainGetOSType(domain);

    if (virDomainGetUUIDString(domain, text) < 0 || virDomainGetUUID(domain, uuid) < 0 ||
        virDomainGetState(domain, &state, &reason, 0) < 0 || virDomainGetInfo(domain, &info) < 0)
        return;
    printf("%s %d %s %s state %d %d, %d %lu %lu %d\n", virDomainGetName(domain), (int)virDomainGetID(domain), text,
           type ? type : "?", state, reason, info.state, info.maxMem, info.memory, info.nrVirtCpu);
    free(type);
    virDomainGetAutostart(domain, &autostart);
    printf("active %d persistent %d updated %d autostart %d saved %d\n", virDomainIsActive(domain),
           virDomainIsPersistent(domain), virDomainIsUpdated(domain), autostart,
           virDomainHasManagedSaveImage(domain, 0));
    printf("memory %lu vcpus %d of %d, %d now\n", virDomainGetMaxMemory(domain),
           virDomainGetVcpusFlags(domain, VIR_DOMAIN_AFFECT_CONFIG), virDomainGetMaxVcpus(domain),
           virDomainGetVcpusFlags(domain, VIR_DOMAIN_AFFECT_LIVE));
    again = virDomainLookupByUUID(virDomainGetConnect(domain), uuid);
    printf("by UUID %s", again ? virDomainGetName(again) : "none");
    if (again)
        virDomainFree(again);
    again = virDomainLookupByUUIDString(virDomainGetConnect(domain), text);
    printf(", by its text %s", again ? virDomainGetName(again) : "none");
    if (again)
        virDomainFree(again);
    again = virDomainLookupByID(virDomainGetConnect(domain), (int)virDomainGetID(domain));
    printf(", by id %s\n", again ? virDomainGetName(again) : "none");
    if (again)
        virDomainFree(again);
}

int main(void)
{
    virConnectPtr conn = virConnectOpenReadOnly("test:///default");
    virDomainPtr *domains = NULL;
    virDomainPtr domain;
    virErrorPtr saved;
    virError copy;
    char *names[8];
    int ids[8];
    int count, number;

    virSetErrorFunc(NULL, quiet);
    if (!conn)
        return 1;
    count = virConnectListAllDomains(conn, &domains, 0);
    printf("%d domains, %d without a list\n", count, virConnectListAllDomains(conn, NULL, 0));
    for (number = 0; number < count; number++) {
        show(domains[number]);
        virDomainFree(domains[number]);
    }
    free(domains);
    count = virConnectListDomains(conn, ids, 8);
    printf("%d of %d run: %d\n", count, virConnectNumOfDomains(conn), count > 0 ? ids[0] : -1);
    count = virConnectListDefinedDomains(conn, names, 8);
    printf("%d of %d do not\n", count, virConnectNumOfDefinedDomains(conn));
    for (number = 0; number < count; number++)
        free(names[number]);
    printf("inactive: %d\n", virConnectListAllDomains(conn, NULL, VIR_CONNECT_LIST_DOMAINS_INACTIVE));

    domain = virDomainLookupByName(conn, "nobody");
    saved = virSaveLastError();
    printf("%p %d %d %d\n", (void *)domain, saved->code, saved->domain, saved->level);
    printf("%d %d, connection %d\n", virGetLastErrorCode(), virGetLastErrorDomain(), virConnGetLastError(conn)->code);
    memset(&copy, 0, sizeof(copy));
    printf("copied %d", virCopyLastError(&copy));
    printf(" %d", strcmp(copy.message, saved->message));
    virResetError(&copy);
    printf(" reset %d", copy.code);
    virFreeError(saved);
    printf(" connection's %d\n", virConnCopyLastError(conn, &copy));
    virResetError(&copy);
    virConnResetLastError(conn);
    virResetLastError();
    printf("%s %p\n", virGetLastErrorMessage(), (void *)virGetLastError());
    domain = virDomainLookupByName(conn, "test");
    SHOW(virDomainSuspend(domain));
    SHOW(virDomainUndefine(domain));
    printf("%d\n", virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE) == NULL);
    SHOW(virDomainRef(domain));
    SHOW(virDomainFree(domain));
    SHOW(virDomainFree(domain));
    SHOW(virDomainFree((virDomainPtr)conn));
    SHOW(virDomainLookupByName(conn, NULL) == NULL);
    SHOW(virConnectListDomains(conn, ids, -1));
    SHOW(virDomainLookupByUUIDString(conn, "nonsense") == NULL);
    virConnectClose(conn);
    return 0;
}

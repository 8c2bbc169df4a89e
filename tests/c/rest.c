/* What is left: old names, error handlers of connections, close callbacks, the host, records. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what a call answers, and the error that it leaves. */
#define SHOW(call) do { int answer = (call); printf("%s = %d: %s\n", #call, answer, virGetLastErrorMessage()); } while (0)

static const char *xml = "<domain type='test'><name>web</name><uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>"
                         "<memory unit='KiB'>8192</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>";
static const char *disk = "<disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vdb' bus='virtio'/>"
                          "</disk>";

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static void told(void *data, virErrorPtr error)
{
    printf("%s: %d %d %s\n", (const char *)data, error->code, error->domain, error->message);
}

static void closed(virConnectPtr conn, int reason, void *opaque)
{
    (void)conn;
    (void)opaque;
    printf("closed %d\n", reason);
}

int main(void)
{
    char of_connection[] = "of the connection";
    char of_all[] = "of all";
    virConnectPtr conn, other;
    virDomainPtr domain;
    virError error;
    char *text;

    conn = virConnectOpen("test:///default");
    other = virConnectOpen("test:///default");
    virSetErrorFunc(of_all, told);
    virConnSetErrorFunc(conn, of_connection, told);
    virDomainLookupByID(conn, 999);
    virDomainLookupByID(other, 999);
    virConnSetErrorFunc(conn, NULL, NULL);
    virDomainLookupByID(conn, 999);
    virSetErrorFunc(NULL, quiet);
    memset(&error, 0, sizeof(error));
    error.code = VIR_ERR_INTERNAL_ERROR;
    error.domain = VIR_FROM_TEST;
    error.level = VIR_ERR_WARNING;
    error.message = of_all;
    fflush(stdout);
    virDefaultErrorFunc(&error);
    virConnectClose(other);

    SHOW(virConnectUnregisterCloseCallback(conn, NULL));
    SHOW(virConnectRegisterCloseCallback(conn, NULL, NULL, NULL));
    SHOW(virConnectRegisterCloseCallback(conn, closed, NULL, NULL));
    SHOW(virConnectUnregisterCloseCallback(conn, closed));
    printf("%d\n", virNodeGetFreeMemory(conn) > 0);
    text = virConnectGetDomainCapabilities(conn, NULL, NULL, NULL, NULL, 0);
    printf("%s\n", text ? "domain capabilities" : virGetLastErrorMessage());
    free(text);
    text = virConnectGetSysinfo(conn, 0);
    printf("%s\n", text ? "SMBIOS" : virGetLastErrorMessage());
    free(text);
    text = virConnectDomainXMLToNative(conn, "none", xml, 0);
    printf("%d\n", text == NULL);
    text = virConnectDomainXMLFromNative(conn, "none", "", 0);
    printf("%d\n", text == NULL);

    domain = virDomainCreateLinux(conn, xml, 0);
    printf("%s\n", domain ? virDomainGetName(domain) : virGetLastErrorMessage());
    SHOW(virDomainDestroy(domain));
    virDomainFree(domain);
    domain = virDomainDefineXMLFlags(conn, xml, VIR_DOMAIN_DEFINE_VALIDATE);
    printf("%s\n", domain ? virDomainGetName(domain) : virGetLastErrorMessage());
    SHOW(virDomainSetMaxMemory(domain, 16384));
    printf("%lu\n", virDomainGetMaxMemory(domain));
    SHOW(virDomainSetMaxMemory(domain, 0));
    SHOW(virDomainCreateWithFlags(domain, 0));
    SHOW(virDomainIsActive(domain));
    SHOW(virDomainAttachDeviceFlags(domain, disk, VIR_DOMAIN_AFFECT_LIVE));
    text = virDomainGetXMLDesc(domain, 0);
    printf("%d\n", text && strstr(text, "/srv/a.img") != NULL);
    free(text);
    SHOW(virDomainAttachDevice(domain, NULL));
    SHOW(virDomainDetachDevice(domain, NULL));
    SHOW(virDomainUpdateDeviceFlags(domain, NULL, 0));
    SHOW(virDomainDetachDeviceAlias(domain, NULL, 0));
    SHOW(virDomainReset(domain, 0));
    SHOW(virDomainShutdownFlags(domain, 0));
    SHOW(virDomainIsActive(domain));
    SHOW(virDomainUndefineFlags(domain, 0));
    SHOW(virDomainGetMaxVcpus(domain));
    virDomainFree(domain);

    virDomainIOThreadInfoFree(NULL);
    virDomainFSInfoFree(NULL);
    virDomainInterfaceFree(NULL);
    virDomainStatsRecordListFree(NULL);
    virNetworkDHCPLeaseFree(NULL);
    virConnectClose(conn);
    return 0;
}

/* Defines a guest, runs it, and hears what happens to it through the default event loop. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what a call answers, and the error that it leaves. */
#define SHOW(call) do { int answer = (call); printf("%s = %d: %s\n", #call, answer, virGetLastErrorMessage()); } while (0)

static const char *xml = "<domain type='test'><name>web</name><uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>"
                         "<memory unit='KiB'>8192</memory><currentMemory unit='KiB'>4096</currentMemory>"
                         "<vcpu current='1'>2</vcpu><os><type>hvm</type></os></domain>";
static int heard;
static int freed;
static int timer;
static int ticks;

static void release(void *opaque)
{
    freed += *(int *)opaque;
}

static int lifecycle(virConnectPtr conn, virDomainPtr domain, int event, int detail, void *opaque)
{
    char uuid[VIR_UUID_STRING_BUFLEN];

    (void)conn;
    virDomainGetUUIDString(domain, uuid);
    printf("%d: %s %s event %d %d\n", *(int *)opaque, virDomainGetName(domain), uuid, event, detail);
    heard++;
    return 0;
}

static void reboot(virConnectPtr conn, virDomainPtr domain, void *opaque)
{
    (void)conn;
    printf("%d: %s reboot\n", *(int *)opaque, virDomainGetName(domain));
    heard++;
}

static void metadata(virConnectPtr conn, virDomainPtr domain, int type, const char *uri, void *opaque)
{
    (void)conn;
    printf("%d: %s metadata %d %s\n", *(int *)opaque, virDomainGetName(domain), type, uri ? uri : "none");
    heard++;
}

static void tick(int number, void *opaque)
{
    (void)opaque;
    ticks++;
    if (ticks == 3)
        virEventUpdateTimeout(number, -1);
}

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

/* Runs the loop until nothing was heard in one turn. */
static void hear(void)
{
    int before;

    do {
        before = heard;
        virEventUpdateTimeout(timer, 50);
        virEventRunDefaultImpl();
    } while (heard != before);
}

static void stop(int number, void *opaque)
{
    (void)number;
    (void)opaque;
}

int main(void)
{
    int one = 1, two = 2, three = 3, four = 4, ten = 10;
    int ids[4], state = 0, reason = 0, other;
    virConnectPtr conn;
    virDomainPtr domain, again;
    char *text;

    setbuf(stdout, NULL);
    virSetErrorFunc(NULL, quiet);
    conn = virConnectOpen("test:///default");
    printf("without a loop %d\n", virConnectDomainEventRegister(conn, lifecycle, &one, NULL));
    virEventRegisterDefaultImpl();
    timer = virEventAddTimeout(-1, stop, NULL, NULL);
    ids[0] = virConnectDomainEventRegisterAny(conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                              VIR_DOMAIN_EVENT_CALLBACK(lifecycle), &one, release);
    ids[1] = virConnectDomainEventRegisterAny(conn, NULL, VIR_DOMAIN_EVENT_ID_REBOOT,
                                              VIR_DOMAIN_EVENT_CALLBACK(reboot), &two, release);
    ids[2] = virConnectDomainEventRegisterAny(conn, NULL, VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
                                              VIR_DOMAIN_EVENT_CALLBACK(metadata), &three, release);
    printf("registered %d %d %d\n", ids[0], ids[1], ids[2]);
    printf("the old way too %d\n", virConnectDomainEventRegister(conn, lifecycle, &ten, release));
    SHOW(virConnectDomainEventRegister(conn, lifecycle, &ten, release));
    SHOW(virConnectDomainEventRegisterAny(conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                          VIR_DOMAIN_EVENT_CALLBACK(lifecycle), &two, release));

    domain = virDomainDefineXML(conn, xml);
    printf("defined %s id %d\n", virDomainGetName(domain), (int)virDomainGetID(domain));
    hear();
    SHOW(virDomainCreate(domain));
    printf("has an id %d\n", virDomainGetID(domain) != (unsigned int)-1);
    SHOW(virDomainCreate(domain));
    SHOW(virDomainSuspend(domain));
    virDomainGetState(domain, &state, &reason, 0);
    printf("state %d %d\n", state, reason);
    SHOW(virDomainResume(domain));
    virDomainGetState(domain, &state, NULL, 0);
    printf("state %d\n", state);
    hear();
    printf("memory %d", virDomainSetMemory(domain, 2048));
    printf(" %d", virDomainSetMemoryFlags(domain, 4096, VIR_DOMAIN_AFFECT_LIVE));
    printf(" vcpus %d", virDomainSetVcpus(domain, 2));
    printf(" %d", virDomainSetVcpusFlags(domain, 1, VIR_DOMAIN_AFFECT_CONFIG));
    printf(" now %d, later %d\n", virDomainGetVcpusFlags(domain, VIR_DOMAIN_AFFECT_LIVE),
           virDomainGetVcpusFlags(domain, VIR_DOMAIN_AFFECT_CONFIG));
    printf("autostart %d", virDomainSetAutostart(domain, 1));
    virDomainGetAutostart(domain, &state);
    printf(" %d\n", state);
    printf("title %d\n",
           virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_TITLE, "A title", NULL, NULL, VIR_DOMAIN_AFFECT_CONFIG));
    text = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_TITLE, NULL, VIR_DOMAIN_AFFECT_CONFIG);
    printf("%s\n", text ? text : "none");
    free(text);
    printf("element %d\n", virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, "<a/>", "x", "urn:x",
                                                VIR_DOMAIN_AFFECT_LIVE));
    hear();
    printf("reboot %d\n", virDomainReboot(domain, 0));
    hear();
    SHOW(virConnectDomainEventDeregisterAny(conn, 99));
    printf("deregister %d", virConnectDomainEventDeregisterAny(conn, ids[0]));
    printf(" freed %d\n", freed);
    ids[0] = virConnectDomainEventRegisterAny(conn, domain, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                              VIR_DOMAIN_EVENT_CALLBACK(lifecycle), &four, release);
    again = virDomainLookupByName(conn, "test");
    SHOW(virDomainSuspend(again));
    SHOW(virDomainResume(again));
    virDomainFree(again);
    hear();
    printf("shutdown %d\n", virDomainShutdown(domain));
    SHOW(virDomainDestroy(domain));
    hear();
    text = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE);
    printf("%s\n", text ? text : "no XML");
    free(text);
    printf("rename %d", virDomainRename(domain, "web2", 0));
    again = virDomainLookupByName(conn, "web2");
    printf(" %s\n", again ? virDomainGetName(again) : "none");
    if (again)
        virDomainFree(again);
    printf("undefine %d\n", virDomainUndefine(domain));
    printf("gone %d\n", virDomainIsActive(domain));
    hear();
    again = virDomainCreateXML(conn, xml, 0);
    printf("transient %d\n", again ? virDomainIsPersistent(again) : -1);
    printf("destroyed %d\n", virDomainDestroyFlags(again, 0));
    virDomainFree(again);
    hear();
    other = virEventAddTimeout(1, tick, NULL, NULL);
    while (ticks < 3)
        virEventRunDefaultImpl();
    printf("ticks %d, removed %d\n", ticks, virEventRemoveTimeout(other));
    SHOW(virConnectDomainEventDeregisterAny(conn, ids[0]));
    SHOW(virConnectDomainEventDeregisterAny(conn, ids[1]));
    SHOW(virConnectDomainEventDeregisterAny(conn, ids[2]));
    SHOW(virConnectDomainEventDeregister(conn, lifecycle));
    SHOW(virConnectDomainEventDeregisterAny(conn, ids[2]));
    virEventRemoveTimeout(timer);
    timer = virEventAddTimeout(0, stop, NULL, NULL);
    virEventRunDefaultImpl();
    virEventRemoveTimeout(timer);
    virEventRunDefaultImpl();
    printf("freed %d\n", freed);
    SHOW(virDomainFree(domain));
    SHOW(virConnectClose(conn));
    return 0;
}

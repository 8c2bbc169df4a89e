/* What our simulated guests can do and libvirt's cannot. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what a call answers, and the error that it leaves. */
#define SHOW(call) do { int answer = (call); printf("%s = %d: %s\n", #call, answer, virGetLastErrorMessage()); } while (0)

static const char *xml = "<domain type='test'><name>web</name><uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>"
                         "<memory unit='KiB'>8192</memory><vcpu>1</vcpu><os><type>hvm</type></os><devices>"
                         "<channel type='unix'><target type='virtio' name='org.example.0'/></channel>"
                         "<console type='pty'/></devices></domain>";
static const char *disk = "<disk type='file' device='disk'><source file='/srv/a.img'/><target dev='vdb' bus='virtio'/>"
                          "<alias name='ua-b'/></disk>";
static const char *other_disk = "<disk type='file' device='disk'><source file='/srv/c.img'/>"
                                "<target dev='vdb' bus='virtio'/><alias name='ua-b'/></disk>";
static int heard;

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static void device(virConnectPtr conn, virDomainPtr domain, const char *alias, void *opaque)
{
    (void)conn;
    printf("%s %s %s\n", virDomainGetName(domain), (const char *)opaque, alias);
    heard++;
}

static void balloon(virConnectPtr conn, virDomainPtr domain, unsigned long long actual, void *opaque)
{
    (void)conn;
    (void)opaque;
    printf("%s has %llu KiB\n", virDomainGetName(domain), actual);
    heard++;
}

static void stop(int number, void *opaque)
{
    (void)number;
    (void)opaque;
}

static void hear(void)
{
    int before, timer = virEventAddTimeout(100, stop, NULL, NULL);

    do {
        before = heard;
        virEventRunDefaultImpl();
    } while (heard != before);
    virEventRemoveTimeout(timer);
}

/* Reads until a text has come. */
static int comes(virStreamPtr stream, const char *text)
{
    char all[4096];
    size_t length = 0;

    while (length < sizeof(all) - 1) {
        int count = virStreamRecvFlags(stream, all + length, sizeof(all) - 1 - length, 0);

        if (count <= 0)
            return 0;
        length += (size_t)count;
        all[length] = 0;
        if (strstr(all, text))
            return 1;
    }
    return 0;
}

int main(void)
{
    char added[] = "added", removed[] = "removed";
    virConnectPtr conn;
    virDomainPtr domain, other;
    virDomainJobInfo job;
    virTypedParameterPtr params = NULL;
    virStreamPtr stream;
    char **models = NULL;
    char byte;
    char *text;
    int type = -1, count = 0, number, file = -1, ids[3];

    virSetErrorFunc(NULL, quiet);
    virEventRegisterDefaultImpl();
    conn = virConnectOpen("test:///default");
    ids[0] = virConnectDomainEventRegisterAny(conn, NULL, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
                                              VIR_DOMAIN_EVENT_CALLBACK(device), added, NULL);
    ids[1] = virConnectDomainEventRegisterAny(conn, NULL, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
                                              VIR_DOMAIN_EVENT_CALLBACK(device), removed, NULL);
    ids[2] = virConnectDomainEventRegisterAny(conn, NULL, VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE,
                                              VIR_DOMAIN_EVENT_CALLBACK(balloon), NULL, NULL);
    domain = virDomainDefineXML(conn, xml);
    SHOW(virDomainCreateWithFlags(domain, VIR_DOMAIN_START_PAUSED));
    SHOW(virDomainResume(domain));
    SHOW(virDomainAttachDevice(domain, disk));
    SHOW(virDomainUpdateDeviceFlags(domain, other_disk, VIR_DOMAIN_AFFECT_LIVE));
    text = virDomainGetXMLDesc(domain, 0);
    printf("%d\n", text && strstr(text, "/srv/c.img") != NULL);
    free(text);
    SHOW(virDomainDetachDevice(domain, other_disk));
    SHOW(virDomainAttachDeviceFlags(domain, disk, VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_AFFECT_CONFIG));
    SHOW(virDomainDetachDeviceFlags(domain, disk, VIR_DOMAIN_AFFECT_CONFIG));
    SHOW(virDomainDetachDeviceAlias(domain, "ua-b", VIR_DOMAIN_AFFECT_LIVE));
    SHOW(virDomainDetachDeviceAlias(domain, "ua-b", VIR_DOMAIN_AFFECT_LIVE));
    SHOW(virDomainSetMemory(domain, 4096));
    hear();
    SHOW(virDomainGetJobInfo(domain, &job));
    printf("%d %llu\n", job.type, job.dataTotal);
    SHOW(virDomainGetJobStats(domain, &type, &params, &count, 0));
    printf("%d %d\n", type, count);
    virTypedParamsFree(params, count);
    SHOW(virDomainAbortJob(domain));
    SHOW(virDomainAbortJobFlags(domain, 0));

    stream = virStreamNew(conn, 0);
    SHOW(virDomainOpenConsole(domain, NULL, stream, 0));
    printf("%d\n", virStreamSend(stream, "echo from the console\n", 22));
    printf("%d\n", comes(stream, "from the console"));
    SHOW(virStreamAbort(stream));
    SHOW(virStreamRecv(stream, &byte, 1));
    virStreamFree(stream);
    stream = virStreamNew(conn, VIR_STREAM_NONBLOCK);
    SHOW(virDomainOpenChannel(domain, "org.example.0", stream, 0));
    SHOW(virStreamRecv(stream, &byte, 1));
    SHOW(virStreamFinish(stream));
    virStreamFree(stream);

    count = virConnectGetCPUModelNames(conn, "x86_64", &models, 0);
    printf("%d\n", count > 0 && count == virConnectGetCPUModelNames(conn, "x86_64", NULL, 0));
    for (number = 0; number < count; number++)
        free(models[number]);
    free(models);
    SHOW(virDomainDestroy(domain));
    SHOW(virDomainCreateWithFiles(domain, 0, NULL, 0));
    SHOW(virDomainDestroy(domain));
    SHOW(virDomainCreateWithFiles(domain, 1, NULL, 0));
    SHOW(virDomainCreateWithFiles(domain, 1, &file, 0));
    SHOW(virDomainUndefine(domain));
    other = virDomainCreateXMLWithFiles(conn, xml, 0, NULL, 0);
    printf("%s\n", other ? virDomainGetName(other) : virGetLastErrorMessage());
    SHOW(virDomainDestroy(other));
    SHOW(virDomainFree(other));
    for (number = 0; number < 3; number++)
        SHOW(virConnectDomainEventDeregisterAny(conn, ids[number]));
    virDomainFree(domain);
    printf("%d\n", virConnectClose(conn));
    return 0;
}

/* Takes a picture of a guest's screen, through a stream, in every way that streams have. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what a call answers, and the error that it leaves. */
#define SHOW(call) do { int answer = (call); printf("%s = %d: %s\n", #call, answer, virGetLastErrorMessage()); } while (0)

static const char png[] = "\x89PNG";
static char first[4];
static size_t received;
static int wakes;
static int freed;

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static int sink(virStreamPtr stream, const char *data, size_t length, void *opaque)
{
    (void)stream;
    (void)opaque;
    if (received == 0 && length >= sizeof(first))
        memcpy(first, data, sizeof(first));
    received += length;
    return (int)length;
}

static int broken(virStreamPtr stream, const char *data, size_t length, void *opaque)
{
    (void)stream;
    (void)data;
    (void)length;
    (void)opaque;
    return -1;
}

static void ready(virStreamPtr stream, int events, void *opaque)
{
    char buffer[256];
    int count = virStreamRecv(stream, buffer, sizeof(buffer));

    (void)events;
    (void)opaque;
    wakes++;
    if (count > 0)
        received += (size_t)count;
    else if (count == 0) {
        virStreamEventRemoveCallback(stream);
        virStreamFinish(stream);
    }
}

static void release(void *opaque)
{
    freed += *(int *)opaque;
}

static void stop(int number, void *opaque)
{
    (void)number;
    (void)opaque;
}

int main(void)
{
    int one = 1, count;
    size_t whole;
    virConnectPtr conn;
    virDomainPtr domain;
    virStreamPtr stream;
    char buffer[16];
    char *type;

    virSetErrorFunc(NULL, quiet);
    virEventRegisterDefaultImpl();
    conn = virConnectOpen("test:///default");
    domain = virDomainLookupByName(conn, "test");

    stream = virStreamNew(conn, 0);
    SHOW(virStreamRecv(stream, buffer, sizeof(buffer)));
    SHOW(virStreamSend(stream, buffer, sizeof(buffer)));
    SHOW(virStreamFinish(stream));
    type = virDomainScreenshot(domain, stream, 0, 0);
    printf("%s\n", type ? type : virGetLastErrorMessage());
    free(type);
    SHOW(virStreamRecvAll(stream, sink, NULL));
    whole = received;
    printf("%d %d\n", memcmp(first, png, sizeof(first)) == 0, whole > 100);
    SHOW(virStreamFinish(stream));
    SHOW(virStreamFree(stream));

    stream = virStreamNew(conn, 0);
    type = virDomainScreenshot(domain, stream, 0, 0);
    free(type);
    for (received = 0; (count = virStreamRecv(stream, buffer, sizeof(buffer))) > 0;)
        received += (size_t)count;
    printf("%d %d\n", count, received == whole);
    SHOW(virStreamRef(stream));
    SHOW(virStreamFree(stream));
    SHOW(virStreamAbort(stream));
    SHOW(virStreamFree(stream));

    stream = virStreamNew(conn, 0);
    type = virDomainScreenshot(domain, stream, 0, 0);
    free(type);
    printf("%d\n", virStreamRecvAll(stream, broken, NULL));
    virStreamFree(stream);

    stream = virStreamNew(conn, VIR_STREAM_NONBLOCK);
    type = virDomainScreenshot(domain, stream, 0, 0);
    free(type);
    SHOW(virStreamRecvAll(stream, sink, NULL));
    SHOW(virStreamEventAddCallback(stream, VIR_STREAM_EVENT_READABLE, ready, &one, release));
    virStreamFree(stream);

    stream = virStreamNew(conn, VIR_STREAM_NONBLOCK);
    type = virDomainScreenshot(domain, stream, 0, 0);
    free(type);
    received = 0;
    SHOW(virStreamEventUpdateCallback(stream, VIR_STREAM_EVENT_READABLE));
    SHOW(virStreamEventAddCallback(stream, VIR_STREAM_EVENT_READABLE, ready, &one, release));
    SHOW(virStreamEventUpdateCallback(stream, VIR_STREAM_EVENT_READABLE | VIR_STREAM_EVENT_HANGUP));
    while (received < whole)
        virEventRunDefaultImpl();
    while (!freed) {
        int timer = virEventAddTimeout(10, stop, NULL, NULL);

        virEventRunDefaultImpl();
        virEventRemoveTimeout(timer);
    }
    printf("%d %d %d\n", received == whole, wakes > 1, freed);
    virStreamFree(stream);
    virDomainFree(domain);
    virConnectClose(conn);
    return 0;
}

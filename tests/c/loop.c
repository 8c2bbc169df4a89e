/* An event loop of the application's own, and descriptors in the default one. Argument: own, or default. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static virEventHandleCallback handle;
static void *handle_opaque;
static virFreeCallback handle_free;
static int descriptor = -1;
static int heard;

static int add_handle(int fd, int events, virEventHandleCallback cb, void *opaque, virFreeCallback ff)
{
    printf("add handle for %d\n", events);
    descriptor = fd;
    handle = cb;
    handle_opaque = opaque;
    handle_free = ff;
    return 7;
}

static void update_handle(int watch, int events)
{
    printf("update %d %d\n", watch, events);
}

static int remove_handle(int watch)
{
    printf("remove %d\n", watch);
    if (handle_free)
        handle_free(handle_opaque);
    return 0;
}

static int add_timeout(int timeout, virEventTimeoutCallback cb, void *opaque, virFreeCallback ff)
{
    (void)cb;
    (void)opaque;
    (void)ff;
    printf("add timeout %d\n", timeout);
    return 8;
}

static void update_timeout(int timer, int timeout)
{
    printf("update timeout %d %d\n", timer, timeout);
}

static int remove_timeout(int timer)
{
    printf("remove timeout %d\n", timer);
    return 0;
}

static int lifecycle(virConnectPtr conn, virDomainPtr domain, int event, int detail, void *opaque)
{
    (void)conn;
    (void)opaque;
    printf("%s %d %d\n", virDomainGetName(domain), event, detail);
    heard++;
    return 0;
}

static void readable(int watch, int fd, int events, void *opaque)
{
    char byte;

    printf("%d: readable %d, %d byte\n", watch > 0, events, (int)read(fd, &byte, 1));
    *(int *)opaque += 1;
}

static void release(void *opaque)
{
    printf("released after %d\n", *(int *)opaque);
}

static void stop(int timer, void *opaque)
{
    (void)timer;
    (void)opaque;
}

static int own(void)
{
    virConnectPtr conn;
    virDomainPtr domain;
    struct pollfd polled;

    virEventRegisterImpl(add_handle, update_handle, remove_handle, add_timeout, update_timeout, remove_timeout);
    printf("%d\n", virEventAddTimeout(5, stop, NULL, NULL));
    virEventUpdateTimeout(8, 6);
    printf("%d\n", virEventRemoveTimeout(8));
    conn = virConnectOpen("test:///default");
    printf("%d\n", virConnectDomainEventRegister(conn, lifecycle, NULL, NULL));
    domain = virDomainLookupByName(conn, "test");
    virDomainSuspend(domain);
    virDomainResume(domain);
    polled.fd = descriptor;
    polled.events = POLLIN;
    while (heard < 2 && poll(&polled, 1, 1000) == 1)
        handle(7, descriptor, VIR_EVENT_HANDLE_READABLE, handle_opaque);
    printf("%d\n", virConnectDomainEventDeregister(conn, lifecycle));
    virDomainFree(domain);
    printf("%d\n", virConnectClose(conn));
    return heard != 2;
}

int main(int count, char **arguments)
{
    int ends[2];
    int calls = 0, watch, timer;

    if (count > 1 && strcmp(arguments[1], "own") == 0)
        return own();
    virInitialize();
    printf("%d\n", virEventAddHandle(0, VIR_EVENT_HANDLE_READABLE, readable, &calls, release));
    virEventRegisterDefaultImpl();
    if (pipe(ends) < 0)
        return 1;
    watch = virEventAddHandle(ends[0], VIR_EVENT_HANDLE_READABLE, readable, &calls, release);
    printf("%d\n", watch > 0);
    timer = virEventAddTimeout(5000, stop, NULL, NULL);
    if (write(ends[1], "ab", 2) != 2)
        return 1;
    printf("%d\n", virEventRunDefaultImpl());
    virEventUpdateHandle(watch, 0);
    virEventUpdateTimeout(timer, 10);
    printf("%d\n", virEventRunDefaultImpl());
    virEventUpdateHandle(watch, VIR_EVENT_HANDLE_READABLE);
    printf("%d\n", virEventRunDefaultImpl());
    close(ends[1]);
    printf("%d\n", virEventRunDefaultImpl());
    printf("%d\n", virEventRemoveHandle(watch));
    printf("%d\n", virEventRemoveHandle(watch));
    printf("%d\n", virEventRemoveHandle(12345));
    virEventUpdateTimeout(timer, 0);
    printf("%d\n", virEventRunDefaultImpl());
    printf("%d\n", virEventRemoveTimeout(timer));
    return calls != 3;
}

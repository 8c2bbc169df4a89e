/* Many threads on one connection, each with calls and frees of its own, while a loop tells of events. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8
#define ROUNDS 40

static virConnectPtr conn;
static volatile int done;
static int heard;
static int wrong;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static void check(int right)
{
    if (right)
        return;
    pthread_mutex_lock(&lock);
    wrong++;
    pthread_mutex_unlock(&lock);
}

static int lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *opaque)
{
    (void)connection;
    (void)event;
    (void)detail;
    (void)opaque;
    check(virDomainGetName(domain) != NULL);
    pthread_mutex_lock(&lock);
    heard++;
    pthread_mutex_unlock(&lock);
    return 0;
}

static void stop(int number, void *opaque)
{
    (void)number;
    (void)opaque;
}

static void *run_loop(void *opaque)
{
    int timer = virEventAddTimeout(5, stop, NULL, NULL);

    (void)opaque;
    while (!done)
        virEventRunDefaultImpl();
    virEventRemoveTimeout(timer);
    virEventRunDefaultImpl();
    return NULL;
}

static void *work(void *opaque)
{
    int number = *(int *)opaque, round;
    char name[32], missing[32], xml[512];

    snprintf(name, sizeof(name), "guest%d", number);
    snprintf(missing, sizeof(missing), "missing%d", number);
    snprintf(xml, sizeof(xml),
             "<domain type='test'><name>%s</name><memory>8192</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>",
             name);
    for (round = 0; round < ROUNDS; round++) {
        virDomainPtr *all = NULL;
        virDomainPtr domain, again;
        virErrorPtr error;
        char *text;
        int count, other, id;

        domain = virDomainDefineXML(conn, xml);
        check(domain != NULL && strcmp(virDomainGetName(domain), name) == 0);
        id = virConnectDomainEventRegisterAny(conn, domain, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                              VIR_DOMAIN_EVENT_CALLBACK(lifecycle), opaque, NULL);
        check(id >= 0);
        check(virDomainCreate(domain) == 0);
        check(virDomainLookupByName(conn, missing) == NULL);
        /* Each thread has an error of its own. */
        error = virGetLastError();
        check(error && error->code == VIR_ERR_NO_DOMAIN);
        check(virDomainFree(NULL) == -1 && virGetLastErrorCode() == VIR_ERR_INVALID_DOMAIN);
        again = virDomainLookupByName(conn, name);
        check(again && virDomainRef(again) == 0 && virDomainFree(again) == 0 && virDomainFree(again) == 0);
        text = virDomainGetXMLDesc(domain, 0);
        check(text && strstr(text, name) != NULL);
        free(text);
        count = virConnectListAllDomains(conn, &all, 0);
        check(count > 0);
        for (other = 0; other < count; other++) {
            virDomainInfo info;

            virDomainGetInfo(all[other], &info);
            virDomainFree(all[other]);
        }
        free(all);
        check(virConnectRef(conn) == 0 && virConnectClose(conn) == 1);
        check(virDomainDestroy(domain) == 0);
        check(virDomainUndefine(domain) == 0);
        check(virDomainFree(domain) == 0);
        check(virConnectDomainEventDeregisterAny(conn, id) == 0);
    }
    return NULL;
}

int main(void)
{
    pthread_t loop, threads[THREADS];
    int numbers[THREADS], number;

    virSetErrorFunc(NULL, quiet);
    virEventRegisterDefaultImpl();
    conn = virConnectOpen("test:///default");
    pthread_create(&loop, NULL, run_loop, NULL);
    for (number = 0; number < THREADS; number++) {
        numbers[number] = number;
        pthread_create(&threads[number], NULL, work, &numbers[number]);
    }
    for (number = 0; number < THREADS; number++)
        pthread_join(threads[number], NULL);
    done = 1;
    pthread_join(loop, NULL);
    printf("%d wrong, heard %d\n", wrong, heard > 0);
    printf("%d domains\n", virConnectListAllDomains(conn, NULL, 0));
    printf("%d\n", virConnectClose(conn));
    return 0;
}

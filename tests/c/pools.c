/* Makes a storage pool and a volume in it. Arguments: the host's URI, and a directory for the pool. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what a call answers. */
#define SHOW(call) do { int answer = (call); printf("%s = %d\n", #call, answer); } while (0)

static const char *volume_xml = "<volume><name>disk.img</name><capacity>65536</capacity>"
                                "<target><format type='raw'/></target></volume>";
static const char *copy_xml = "<volume><name>copy.img</name><capacity>65536</capacity>"
                              "<target><format type='raw'/></target></volume>";
static int heard;
static size_t given;

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static void lifecycle(virConnectPtr conn, virStoragePoolPtr pool, int event, int detail, void *opaque)
{
    (void)conn;
    (void)opaque;
    printf("%s event %d %d\n", virStoragePoolGetName(pool), event, detail);
    heard++;
}

static void refreshed(virConnectPtr conn, virStoragePoolPtr pool, void *opaque)
{
    (void)conn;
    (void)opaque;
    printf("%s refreshed\n", virStoragePoolGetName(pool));
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

/* Gives 65536 bytes. */
static int source(virStreamPtr stream, char *data, size_t length, void *opaque)
{
    size_t left = 65536 - given;

    (void)stream;
    (void)opaque;
    if (length > left)
        length = left;
    memset(data, 'v', length);
    given += length;
    return (int)length;
}

static int sink(virStreamPtr stream, const char *data, size_t length, void *opaque)
{
    size_t number;

    (void)stream;
    for (number = 0; number < length; number++)
        *(size_t *)opaque += data[number] == 'v';
    return (int)length;
}

/* Says that 65536 bytes are a hole, then that there are no more. */
static int in_hole(virStreamPtr stream, int *in_data, long long *length, void *opaque)
{
    (void)stream;
    *in_data = 0;
    *length = *(int *)opaque ? 0 : 65536;
    return 0;
}

static int skip(virStreamPtr stream, long long length, void *opaque)
{
    (void)stream;
    printf("skipped %lld\n", length);
    *(int *)opaque = 1;
    return 0;
}

static int nothing(virStreamPtr stream, char *data, size_t length, void *opaque)
{
    (void)stream;
    (void)data;
    (void)length;
    (void)opaque;
    return 0;
}

static int hole(virStreamPtr stream, long long length, void *opaque)
{
    (void)stream;
    (void)opaque;
    return length > 0 ? 0 : -1;
}

int main(int count, char **arguments)
{
    virConnectPtr conn;
    virStoragePoolPtr pool, again;
    virStoragePoolPtr *pools = NULL;
    virStorageVolPtr volume, copy, found;
    virStorageVolPtr *volumes = NULL;
    virStoragePoolInfo info;
    virStorageVolInfo size;
    virStreamPtr stream;
    char xml[1024];
    char uuid[VIR_UUID_STRING_BUFLEN];
    unsigned char bytes[VIR_UUID_BUFLEN];
    char *names[16];
    char *text;
    size_t received = 0;
    long long length = 0;
    int number, listed, ids[2], autostart = -1;

    if (count < 3)
        return 2;
    virSetErrorFunc(NULL, quiet);
    virEventRegisterDefaultImpl();
    conn = virConnectOpen(arguments[1]);
    if (!conn)
        return 1;
    ids[0] = virConnectStoragePoolEventRegisterAny(conn, NULL, VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE,
                                                   VIR_STORAGE_POOL_EVENT_CALLBACK(lifecycle), NULL, NULL);
    ids[1] = virConnectStoragePoolEventRegisterAny(conn, NULL, VIR_STORAGE_POOL_EVENT_ID_REFRESH,
                                                   VIR_STORAGE_POOL_EVENT_CALLBACK(refreshed), NULL, NULL);
    snprintf(xml, sizeof(xml), "<pool type='dir'><name>images</name><target><path>%s</path></target></pool>",
             arguments[2]);
    pool = virStoragePoolDefineXML(conn, xml, 0);
    if (!pool) {
        printf("%s\n", virGetLastErrorMessage());
        return 1;
    }
    SHOW(virStoragePoolBuild(pool, 0));
    SHOW(virStoragePoolCreate(pool, 0));
    SHOW(virStoragePoolRefresh(pool, 0));
    SHOW(virStoragePoolGetUUID(pool, bytes));
    SHOW(virStoragePoolGetUUIDString(pool, uuid));
    again = virStoragePoolLookupByName(conn, "images");
    SHOW(virStoragePoolFree(again));
    again = virStoragePoolLookupByUUID(conn, bytes);
    SHOW(virStoragePoolFree(again));
    again = virStoragePoolLookupByUUIDString(conn, uuid);
    SHOW(virStoragePoolFree(again));
    again = virStoragePoolLookupByTargetPath(conn, arguments[2]);
    SHOW(virStoragePoolRef(again));
    SHOW(virStoragePoolFree(again));
    SHOW(virStoragePoolFree(again));
    printf("%d\n", virStoragePoolGetConnect(pool) == conn);
    listed = virConnectListAllStoragePools(conn, &pools, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE);
    printf("%d\n", listed);
    for (number = 0; number < listed; number++)
        virStoragePoolFree(pools[number]);
    free(pools);
    listed = virConnectListStoragePools(conn, names, 16);
    printf("%d %d %d\n", listed, virConnectNumOfStoragePools(conn), virConnectNumOfDefinedStoragePools(conn));
    for (number = 0; number < listed; number++)
        free(names[number]);
    SHOW(virConnectListDefinedStoragePools(conn, names, 16));
    SHOW(virStoragePoolIsActive(pool));
    SHOW(virStoragePoolIsPersistent(pool));
    SHOW(virStoragePoolSetAutostart(pool, 1));
    SHOW(virStoragePoolGetAutostart(pool, &autostart));
    printf("%d\n", autostart);
    SHOW(virStoragePoolGetInfo(pool, &info));
    printf("%d %d\n", info.state, info.capacity > 0);
    text = virStoragePoolGetXMLDesc(pool, 0);
    printf("%d\n", text && strstr(text, "<name>images</name>") != NULL);
    free(text);
    text = virConnectGetStoragePoolCapabilities(conn, 0);
    printf("%d\n", text != NULL);
    free(text);

    volume = virStorageVolCreateXML(pool, volume_xml, 0);
    if (!volume) {
        printf("%s\n", virGetLastErrorMessage());
        return 1;
    }
    printf("%s %d\n", virStorageVolGetName(volume), virStorageVolGetConnect(volume) == conn);
    found = virStorageVolLookupByName(pool, "disk.img");
    SHOW(virStorageVolFree(found));
    found = virStorageVolLookupByKey(conn, virStorageVolGetKey(volume));
    SHOW(virStorageVolFree(found));
    text = virStorageVolGetPath(volume);
    found = virStorageVolLookupByPath(conn, text);
    free(text);
    SHOW(virStorageVolRef(found));
    SHOW(virStorageVolFree(found));
    SHOW(virStorageVolFree(found));
    again = virStoragePoolLookupByVolume(volume);
    printf("%s\n", again ? virStoragePoolGetName(again) : "none");
    virStoragePoolFree(again);
    SHOW(virStorageVolGetInfo(volume, &size));
    printf("%d %llu\n", size.type, size.capacity);
    SHOW(virStorageVolGetInfoFlags(volume, &size, VIR_STORAGE_VOL_GET_PHYSICAL));

    stream = virStreamNew(conn, 0);
    SHOW(virStorageVolUpload(volume, stream, 0, 65536, 0));
    SHOW(virStreamSendAll(stream, source, NULL));
    SHOW(virStreamFinish(stream));
    SHOW(virStreamFree(stream));
    stream = virStreamNew(conn, 0);
    SHOW(virStorageVolDownload(volume, stream, 0, 0, 0));
    SHOW(virStreamRecvAll(stream, sink, &received));
    SHOW(virStreamFinish(stream));
    SHOW(virStreamFree(stream));
    printf("%d\n", received == given);

    stream = virStreamNew(conn, 0);
    SHOW(virStorageVolUpload(volume, stream, 0, 65536, VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM));
    number = 0;
    SHOW(virStreamSparseSendAll(stream, nothing, in_hole, skip, &number));
    SHOW(virStreamFinish(stream));
    SHOW(virStreamFree(stream));
    stream = virStreamNew(conn, 0);
    SHOW(virStorageVolDownload(volume, stream, 0, 0, VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM));
    received = 0;
    SHOW(virStreamSparseRecvAll(stream, sink, hole, &received));
    SHOW(virStreamFinish(stream));
    SHOW(virStreamFree(stream));
    printf("%d\n", (int)received);
    stream = virStreamNew(conn, 0);
    SHOW(virStorageVolUpload(volume, stream, 0, 65536, VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM));
    SHOW(virStreamSend(stream, "vvvv", 4));
    SHOW(virStreamSendHole(stream, 65532, 0));
    SHOW(virStreamFinish(stream));
    SHOW(virStreamFree(stream));
    stream = virStreamNew(conn, 0);
    SHOW(virStorageVolDownload(volume, stream, 0, 0, VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM));
    /* Which parts of it are holes is the file system's business. */
    for (number = 0; (listed = virStreamRecvFlags(stream, xml, sizeof(xml), VIR_STREAM_RECV_STOP_AT_HOLE)) != 0;) {
        if (listed == -3 && virStreamRecvHole(stream, &length, 0) == 0)
            listed = (int)length;
        if (listed < 0)
            break;
        number += listed;
    }
    printf("%d of data and holes, then %d\n", number, listed);
    SHOW(virStreamFinish(stream));
    SHOW(virStreamFree(stream));

    copy = virStorageVolCreateXMLFrom(pool, copy_xml, volume, 0);
    printf("%s\n", copy ? virStorageVolGetName(copy) : virGetLastErrorMessage());
    SHOW(virStorageVolResize(volume, 131072, 0));
    SHOW(virStorageVolGetInfo(volume, &size));
    printf("%llu\n", size.capacity);
    SHOW(virStorageVolWipe(copy, 0));
    SHOW(virStorageVolWipePattern(copy, VIR_STORAGE_VOL_WIPE_ALG_ZERO, 0));
    text = virStorageVolGetXMLDesc(copy, 0);
    printf("%d\n", text && strstr(text, "<name>copy.img</name>") != NULL);
    free(text);
    listed = virStoragePoolListAllVolumes(pool, &volumes, 0);
    printf("%d %d\n", listed, virStoragePoolNumOfVolumes(pool));
    for (number = 0; number < listed; number++)
        virStorageVolFree(volumes[number]);
    free(volumes);
    listed = virStoragePoolListVolumes(pool, names, 16);
    for (number = 0; number < listed; number++)
        free(names[number]);
    SHOW(virStorageVolDelete(copy, 0));
    SHOW(virStorageVolDelete(volume, 0));
    SHOW(virStorageVolFree(copy));
    SHOW(virStorageVolFree(volume));
    SHOW(virStoragePoolDestroy(pool));
    SHOW(virStoragePoolDelete(pool, 0));
    SHOW(virStoragePoolUndefine(pool));
    text = virConnectFindStoragePoolSources(conn, "dir", NULL, 0);
    printf("%d\n", text == NULL && virGetLastErrorCode() != 0);
    snprintf(xml, sizeof(xml), "<pool type='dir'><name>passing</name><target><path>%s</path></target></pool>",
             arguments[2]);
    again = virStoragePoolCreateXML(conn, xml, VIR_STORAGE_POOL_CREATE_WITH_BUILD);
    SHOW(virStoragePoolIsPersistent(again));
    SHOW(virStoragePoolDestroy(again));
    SHOW(virStoragePoolFree(again));
    hear();
    SHOW(virConnectStoragePoolEventDeregisterAny(conn, ids[0]));
    SHOW(virConnectStoragePoolEventDeregisterAny(conn, ids[1]));
    SHOW(virStoragePoolFree(pool));
    virConnectClose(conn);
    return 0;
}

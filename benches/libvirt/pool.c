/* A storage pool of many volumes: starting it with nothing cached, refreshing it, refreshing it again, and listing its volumes with
 * all that is known of them.
 * usage: pool URI DIRECTORY */
#include "samples.h"

static void
forget(void)
{
    FILE *file;

    sync();
    file = fopen("/proc/sys/vm/drop_caches", "w");
    need(file && fputs("3", file) >= 0 && fclose(file) == 0, "dropping caches");
}

int
main(int argc, char **argv)
{
    virConnectPtr connection;
    virStoragePoolPtr pool;
    virStorageVolPtr *volumes;
    char xml[4096];
    double begin;
    int count, i;

    if (argc != 3) {
        fprintf(stderr, "usage: pool URI DIRECTORY\n");
        return 2;
    }
    snprintf(xml, sizeof(xml),
             "<pool type='dir'><name>bench</name><target><path>%s</path></target></pool>", argv[2]);
    connection = virConnectOpen(argv[1]);
    need(connection != NULL, "open");
    pool = virStoragePoolDefineXML(connection, xml, 0);
    need(pool != NULL, "define");

    forget();
    begin = now();
    need(virStoragePoolCreate(pool, 0) == 0, "start");
    sample("pool.start", now() - begin);
    begin = now();
    need(virStoragePoolRefresh(pool, 0) == 0, "refresh");
    sample("pool.refresh", now() - begin);
    begin = now();
    need(virStoragePoolRefresh(pool, 0) == 0, "refresh again");
    sample("pool.unchanged", now() - begin);

    begin = now();
    count = virStoragePoolListAllVolumes(pool, &volumes, 0);
    need(count > 0, "list");
    for (i = 0; i < count; i++) {
        virStorageVolInfo info;
        char *path = virStorageVolGetPath(volumes[i]);

        need(path && virStorageVolGetInfo(volumes[i], &info) == 0, "information");
        free(path);
    }
    sample("pool.list", now() - begin);

    for (i = 0; i < count; i++)
        virStorageVolFree(volumes[i]);
    free(volumes);
    need(virStoragePoolDestroy(pool) == 0, "destroy");
    need(virStoragePoolUndefine(pool) == 0, "undefine");
    virStoragePoolFree(pool);
    virConnectClose(connection);
    return 0;
}

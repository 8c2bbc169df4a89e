/* Node devices: their names, and the XML of all of them.
 * usage: nodedev URI CALLS */
#include "samples.h"

static int
names(virConnectPtr connection)
{
    virNodeDevicePtr *devices = NULL;
    int i, count = virConnectListAllNodeDevices(connection, &devices, 0);

    for (i = 0; i < count; i++) {
        need(virNodeDeviceGetName(devices[i]) != NULL, "name");
        virNodeDeviceFree(devices[i]);
    }
    free(devices);
    return count;
}

static int
documents(virConnectPtr connection)
{
    virNodeDevicePtr *devices = NULL;
    int i, count = virConnectListAllNodeDevices(connection, &devices, 0);

    for (i = 0; i < count; i++) {
        char *text = virNodeDeviceGetXMLDesc(devices[i], 0);

        need(text != NULL, "xml");
        free(text);
        virNodeDeviceFree(devices[i]);
    }
    free(devices);
    return count;
}

int
main(int argc, char **argv)
{
    long i, calls = argc > 2 ? atol(argv[2]) : 100;
    virConnectPtr connection;
    double begin;

    need(argc > 1 && calls > 0, "usage: nodedev URI CALLS");
    begin = now();
    connection = virConnectOpen(argv[1]);
    need(connection != NULL, "open");
    need(names(connection) > 0, "list");
    sample("nodedev.first", now() - begin);

    begin = now();
    for (i = 0; i < calls; i++)
        need(names(connection) > 0, "list");
    sample("nodedev.names", (now() - begin) / calls);

    begin = now();
    for (i = 0; i < calls / 10; i++)
        need(documents(connection) > 0, "list");
    sample("nodedev.xml", (now() - begin) / (calls / 10));

    virConnectClose(connection);
    return 0;
}

/* Lists the devices of a host. Argument: its URI. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what a call answers. */
#define SHOW(call) do { int answer = (call); printf("%s = %d\n", #call, answer); } while (0)

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static void lifecycle(virConnectPtr conn, virNodeDevicePtr device, int event, int detail, void *opaque)
{
    (void)conn;
    (void)device;
    (void)event;
    (void)detail;
    (void)opaque;
}

int main(int count, char **arguments)
{
    virConnectPtr conn;
    virNodeDevicePtr device;
    virNodeDevicePtr *devices = NULL;
    char *names[512];
    char *text;
    int number, listed, id;

    if (count < 2)
        return 2;
    virSetErrorFunc(NULL, quiet);
    virEventRegisterDefaultImpl();
    conn = virConnectOpen(arguments[1]);
    if (!conn)
        return 1;
    id = virConnectNodeDeviceEventRegisterAny(conn, NULL, VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE,
                                              VIR_NODE_DEVICE_EVENT_CALLBACK(lifecycle), NULL, NULL);
    listed = virConnectListAllNodeDevices(conn, &devices, 0);
    printf("%d %d\n", listed > 0, listed == virNodeNumOfDevices(conn, NULL, 0));
    for (number = 0; number < listed; number++)
        virNodeDeviceFree(devices[number]);
    free(devices);
    listed = virNodeListDevices(conn, NULL, names, 512, 0);
    printf("%d\n", listed > 0);
    for (number = 0; number < listed; number++)
        free(names[number]);
    device = virNodeDeviceLookupByName(conn, "computer");
    if (!device) {
        printf("%s\n", virGetLastErrorMessage());
        return 1;
    }
    printf("%s, parent %s\n", virNodeDeviceGetName(device),
           virNodeDeviceGetParent(device) ? virNodeDeviceGetParent(device) : "none");
    SHOW(virNodeDeviceNumOfCaps(device));
    listed = virNodeDeviceListCaps(device, names, 512);
    for (number = 0; number < listed; number++) {
        printf("%s\n", names[number]);
        free(names[number]);
    }
    text = virNodeDeviceGetXMLDesc(device, 0);
    printf("%d\n", text && strstr(text, "<name>computer</name>") != NULL);
    free(text);
    SHOW(virNodeDeviceRef(device));
    SHOW(virNodeDeviceFree(device));
    SHOW(virNodeDeviceFree(device));
    printf("%d\n", virNodeDeviceLookupByName(conn, "nothing") == NULL);
    printf("%d\n", virGetLastErrorCode());
    SHOW(virConnectNodeDeviceEventDeregisterAny(conn, id));
    virConnectClose(conn);
    return 0;
}

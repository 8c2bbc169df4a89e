/* Calls about a device that cannot do what is asked. Argument: the host's URI. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>

/* Prints what a call answers, and whether it leaves an error. */
#define SHOW(call) do { int answer = (call); printf("%s = %d, %d\n", #call, answer, virGetLastErrorCode() != 0); } while (0)

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

int main(int count, char **arguments)
{
    virConnectPtr conn;
    virNodeDevicePtr device;
    int autostart = -1;

    if (count < 2)
        return 2;
    virSetErrorFunc(NULL, quiet);
    conn = virConnectOpen(arguments[1]);
    if (!conn)
        return 1;
    device = virNodeDeviceLookupByName(conn, "computer");
    SHOW(virNodeDeviceIsActive(device));
    SHOW(virNodeDeviceIsPersistent(device));
    SHOW(virNodeDeviceGetAutostart(device, &autostart));
    printf("%d\n", autostart);
    SHOW(virNodeDeviceSetAutostart(device, 1));
    SHOW(virNodeDeviceDettach(device));
    SHOW(virNodeDeviceDetachFlags(device, "vfio", 0));
    SHOW(virNodeDeviceReAttach(device));
    SHOW(virNodeDeviceReset(device));
    SHOW(virNodeDeviceCreate(device, 0));
    SHOW(virNodeDeviceDestroy(device));
    SHOW(virNodeDeviceUndefine(device, 0));
    SHOW(virNodeDeviceUpdate(device, "<device/>", 0));
    SHOW(virNodeDeviceLookupSCSIHostByWWN(conn, "2001001b32a9da4e", "2101001b32a9da4e", 0) != NULL);
    SHOW(virNodeDeviceCreateXML(conn, "<device/>", 0) != NULL);
    SHOW(virNodeDeviceDefineXML(conn, "<device/>", 0) != NULL);
    virNodeDeviceFree(device);
    virConnectClose(conn);
    return 0;
}

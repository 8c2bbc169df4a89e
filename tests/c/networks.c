/* Defines a network, looks at it, hears of it, and takes it away. With an argument: on the host of this URI. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what a call answers. */
#define SHOW(call) do { int answer = (call); printf("%s = %d\n", #call, answer); } while (0)

static const char *xml = "<network><name>lab</name><uuid>8d1d7d43-7e2a-4c8b-93a9-4c1ed0e7d7c4</uuid>"
                         "<bridge name='labbr9'/><ip address='192.168.219.1' netmask='255.255.255.0'>"
                         "<dhcp><range start='192.168.219.2' end='192.168.219.9'/></dhcp></ip></network>";
static const char *host = "<host mac='52:54:00:11:22:33' ip='192.168.219.5'/>";
static int heard;

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static void lifecycle(virConnectPtr conn, virNetworkPtr network, int event, int detail, void *opaque)
{
    (void)conn;
    (void)opaque;
    printf("%s event %d %d\n", virNetworkGetName(network), event, detail);
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

int main(int count, char **arguments)
{
    virConnectPtr conn;
    virNetworkPtr network, again;
    virNetworkPtr *all = NULL;
    virNetworkDHCPLeasePtr *leases = NULL;
    char uuid[VIR_UUID_STRING_BUFLEN];
    unsigned char bytes[VIR_UUID_BUFLEN];
    char *names[16];
    char *text;
    int number, listed, before, id, autostart = -1;

    virSetErrorFunc(NULL, quiet);
    virEventRegisterDefaultImpl();
    conn = virConnectOpen(count > 1 ? arguments[1] : "test:///default");
    if (!conn)
        return 1;
    id = virConnectNetworkEventRegisterAny(conn, NULL, VIR_NETWORK_EVENT_ID_LIFECYCLE,
                                           VIR_NETWORK_EVENT_CALLBACK(lifecycle), NULL, NULL);
    before = virConnectListAllNetworks(conn, NULL, 0);
    network = virNetworkDefineXMLFlags(conn, xml, 0);
    if (!network) {
        printf("%s\n", virGetLastErrorMessage());
        return 1;
    }
    printf("%s\n", virNetworkGetName(network));
    SHOW(virNetworkGetUUIDString(network, uuid));
    SHOW(virNetworkGetUUID(network, bytes));
    printf("%s %d\n", uuid, bytes[0]);
    again = virNetworkLookupByName(conn, "lab");
    SHOW(virNetworkFree(again));
    again = virNetworkLookupByUUID(conn, bytes);
    SHOW(virNetworkFree(again));
    again = virNetworkLookupByUUIDString(conn, uuid);
    SHOW(virNetworkRef(again));
    SHOW(virNetworkFree(again));
    SHOW(virNetworkFree(again));
    printf("%d\n", virNetworkGetConnect(network) == conn);
    listed = virConnectListAllNetworks(conn, &all, 0);
    printf("%d more\n", listed - before);
    for (number = 0; number < listed; number++)
        virNetworkFree(all[number]);
    free(all);
    listed = virConnectListDefinedNetworks(conn, names, 16);
    printf("%d\n", listed == virConnectNumOfDefinedNetworks(conn));
    for (number = 0; number < listed; number++)
        free(names[number]);
    SHOW(virNetworkIsActive(network));
    SHOW(virNetworkIsPersistent(network));
    SHOW(virNetworkSetAutostart(network, 1));
    SHOW(virNetworkGetAutostart(network, &autostart));
    printf("%d\n", autostart);
    SHOW(virNetworkSetAutostart(network, 0));
    text = virNetworkGetBridgeName(network);
    printf("%s\n", text ? text : "no bridge");
    free(text);
    SHOW(virNetworkUpdate(network, VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, VIR_NETWORK_SECTION_IP_DHCP_HOST, -1, host,
                          VIR_NETWORK_UPDATE_AFFECT_CONFIG));
    text = virNetworkGetXMLDesc(network, 0);
    printf("%d %d\n", text && strstr(text, "<name>lab</name>") != NULL, text && strstr(text, "52:54:00:11:22:33") != NULL);
    free(text);
    if (count > 2) {
        SHOW(virNetworkCreate(network));
        SHOW(virNetworkIsActive(network));
        listed = virConnectListNetworks(conn, names, 16);
        printf("%d\n", listed == virConnectNumOfNetworks(conn));
        for (number = 0; number < listed; number++)
            free(names[number]);
        listed = virNetworkGetDHCPLeases(network, NULL, &leases, 0);
        for (number = 0; number < listed; number++)
            virNetworkDHCPLeaseFree(leases[number]);
        free(leases);
        SHOW(virNetworkListAllPorts(network, NULL, 0));
        SHOW(virNetworkDestroy(network));
    }
    SHOW(virNetworkUndefine(network));
    SHOW(virNetworkIsActive(network));
    printf("%d\n", virGetLastErrorCode());
    hear();
    SHOW(virConnectNetworkEventDeregisterAny(conn, id));
    SHOW(virNetworkFree(network));
    virConnectClose(conn);
    return 0;
}

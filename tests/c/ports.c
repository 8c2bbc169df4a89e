/* Plugs ports into a running network. Argument: the host's URI. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what a call answers. */
#define SHOW(call) do { int answer = (call); printf("%s = %d\n", #call, answer); } while (0)

static const char *xml = "<network><name>ports</name><forward mode='nat'/><bridge name='portsbr0'/>"
                         "<ip address='192.168.218.1' netmask='255.255.255.0'/></network>";
static const char *transient = "<network><name>passing</name><bridge name='portsbr1'/></network>";
static const char *port_xml = "<networkport><uuid>55110a08-92a4-4ca4-9d5e-3f0c1b2f7c11</uuid>"
                              "<owner><name>web</name><uuid>12e1b0f5-6d5e-4a5a-8b0a-3d2c5f0f7f11</uuid></owner>"
                              "<mac address='52:54:00:7b:35:93'/></networkport>";

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

int main(int count, char **arguments)
{
    virConnectPtr conn;
    virNetworkPtr network, passing;
    virNetworkPortPtr port, again;
    virNetworkPortPtr *ports = NULL;
    virTypedParameterPtr params = NULL;
    char uuid[VIR_UUID_STRING_BUFLEN];
    unsigned char bytes[VIR_UUID_BUFLEN];
    char *text;
    int number, listed, room = 0;
    unsigned int average = 0;

    if (count < 2)
        return 2;
    virSetErrorFunc(NULL, quiet);
    conn = virConnectOpen(arguments[1]);
    if (!conn)
        return 1;
    passing = virNetworkCreateXML(conn, transient);
    printf("%s\n", passing ? virNetworkGetName(passing) : virGetLastErrorMessage());
    SHOW(virNetworkIsPersistent(passing));
    SHOW(virNetworkDestroy(passing));
    virNetworkFree(passing);
    passing = virNetworkCreateXMLFlags(conn, transient, VIR_NETWORK_CREATE_VALIDATE);
    printf("%s\n", passing ? virNetworkGetName(passing) : virGetLastErrorMessage());
    SHOW(virNetworkDestroy(passing));
    virNetworkFree(passing);
    network = virNetworkDefineXML(conn, xml);
    SHOW(virNetworkCreate(network));
    SHOW(virNetworkSetMetadata(network, VIR_NETWORK_METADATA_TITLE, "A title", NULL, NULL, VIR_NETWORK_UPDATE_AFFECT_CONFIG));
    text = virNetworkGetMetadata(network, VIR_NETWORK_METADATA_TITLE, NULL, VIR_NETWORK_UPDATE_AFFECT_CONFIG);
    printf("%s\n", text ? text : virGetLastErrorMessage());
    free(text);
    port = virNetworkPortCreateXML(network, port_xml, 0);
    if (!port) {
        printf("%s\n", virGetLastErrorMessage());
        virNetworkDestroy(network);
        return 1;
    }
    SHOW(virNetworkPortGetUUID(port, bytes));
    SHOW(virNetworkPortGetUUIDString(port, uuid));
    printf("%s %d\n", uuid, virNetworkPortGetNetwork(port) == network);
    again = virNetworkPortLookupByUUID(network, bytes);
    SHOW(virNetworkPortFree(again));
    again = virNetworkPortLookupByUUIDString(network, uuid);
    SHOW(virNetworkPortRef(again));
    SHOW(virNetworkPortFree(again));
    SHOW(virNetworkPortFree(again));
    listed = virNetworkListAllPorts(network, &ports, 0);
    printf("%d\n", listed);
    for (number = 0; number < listed; number++)
        virNetworkPortFree(ports[number]);
    free(ports);
    text = virNetworkPortGetXMLDesc(port, 0);
    printf("%d\n", text && strstr(text, "52:54:00:7b:35:93") != NULL);
    free(text);
    number = 0;
    virTypedParamsAddUInt(&params, &number, &room, VIR_NETWORK_PORT_BANDWIDTH_IN_AVERAGE, 1000);
    SHOW(virNetworkPortSetParameters(port, params, number, 0));
    virTypedParamsFree(params, number);
    params = NULL;
    SHOW(virNetworkPortGetParameters(port, &params, &number, 0));
    virTypedParamsGetUInt(params, number, VIR_NETWORK_PORT_BANDWIDTH_IN_AVERAGE, &average);
    printf("%u\n", average);
    virTypedParamsFree(params, number);
    SHOW(virNetworkPortDelete(port, 0));
    SHOW(virNetworkPortFree(port));
    SHOW(virNetworkDestroy(network));
    SHOW(virNetworkUndefine(network));
    SHOW(virNetworkFree(network));
    virConnectClose(conn);
    return 0;
}

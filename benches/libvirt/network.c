/* Starting and stopping a network with NAT, DHCP and DNS, alone and beside many guests.
 * usage: network URI GUESTS */
#include "samples.h"

static void
cycle(virNetworkPtr network, const char *start, const char *stop)
{
    double begin = now(), started, stopped;

    need(virNetworkCreate(network) == 0, "start");
    started = now();
    need(virNetworkDestroy(network) == 0, "stop");
    stopped = now();
    if (start) {
        sample(start, started - begin);
        sample(stop, stopped - started);
    }
}

int
main(int argc, char **argv)
{
    virConnectPtr connection;
    virNetworkPtr network;
    int i, guests;

    if (argc != 3) {
        fprintf(stderr, "usage: network URI GUESTS\n");
        return 2;
    }
    guests = atoi(argv[2]);
    connection = virConnectOpen(argv[1]);
    need(connection != NULL, "open");
    network = virNetworkDefineXML(connection,
        "<network><name>bench</name><forward mode='nat'/><bridge name='virbench0' stp='on' delay='0'/>"
        "<ip address='10.99.77.1' prefix='24'><dhcp><range start='10.99.77.2' end='10.99.77.254'/></dhcp></ip>"
        "</network>");
    need(network != NULL, "define");
    cycle(network, NULL, NULL);
    cycle(network, "network.start", "network.stop");
    for (i = 0; i < guests; i++) {
        char xml[1024];
        virDomainPtr domain;

        snprintf(xml, sizeof(xml),
                 "<domain type='qemu'><name>guest%d</name><memory>65536</memory><os><type>hvm</type></os><devices>"
                 "<interface type='network'><source network='bench'/></interface></devices></domain>", i);
        domain = virDomainDefineXML(connection, xml);
        need(domain != NULL, "define a guest");
        virDomainFree(domain);
    }
    cycle(network, "network.crowd start", "network.crowd stop");
    need(virNetworkUndefine(network) == 0, "undefine");
    virNetworkFree(network);
    virConnectClose(connection);
    return 0;
}

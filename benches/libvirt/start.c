/* Starts a paused guest and destroys it, once, after one round that is not counted.
 * usage: start URI XMLFILE */
#include "samples.h"

static void
cycle(virDomainPtr domain, int counted)
{
    double begin = now(), started, destroyed;

    need(virDomainCreateWithFlags(domain, VIR_DOMAIN_START_PAUSED) == 0, "start");
    started = now();
    need(virDomainDestroy(domain) == 0, "destroy");
    destroyed = now();
    if (counted) {
        sample("start", started - begin);
        sample("destroy", destroyed - started);
    }
}

int
main(int argc, char **argv)
{
    virConnectPtr connection;
    virDomainPtr domain;
    char text[65536] = "";
    FILE *file = argc > 2 ? fopen(argv[2], "r") : NULL;

    if (!file || fread(text, 1, sizeof(text) - 1, file) == 0) {
        fprintf(stderr, "usage: start URI XMLFILE\n");
        return 2;
    }
    fclose(file);

    reap_orphans();
    /* An embedded driver wants an event loop to be there; nothing here waits for events. */
    virEventRegisterDefaultImpl();
    connection = virConnectOpen(argv[1]);
    need(connection != NULL, "open");
    domain = virDomainDefineXML(connection, text);
    need(domain != NULL, "define");
    cycle(domain, 0);
    cycle(domain, 1);
    need(virDomainUndefine(domain) == 0, "undefine");
    virDomainFree(domain);
    virConnectClose(connection);
    return 0;
}

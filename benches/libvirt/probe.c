/* The first question about what a QEMU can do, with nothing cached.
 * usage: probe URI */
#include "samples.h"

int
main(int argc, char **argv)
{
    virConnectPtr connection;
    char *text;
    double begin;

    reap_orphans();
    virEventRegisterDefaultImpl();
    connection = virConnectOpen(argc > 1 ? argv[1] : NULL);
    need(connection != NULL, "open");
    begin = now();
    text = virConnectGetDomainCapabilities(connection, "/usr/bin/qemu-system-x86_64", NULL, NULL, "qemu", 0);
    need(text != NULL, "domain capabilities");
    sample("probe", now() - begin);
    free(text);
    virConnectClose(connection);
    return 0;
}

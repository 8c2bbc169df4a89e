/* One call on the test driver, in process: a list of all domains with their names, and a number.
 * usage: call CALLS */
#include "samples.h"

int
main(int argc, char **argv)
{
    long calls = argc > 1 ? atol(argv[1]) : 1000;
    virConnectPtr connection = virConnectOpen("test:///default");
    double begin;
    long i;
    int j;

    need(connection != NULL && calls > 0, "open");

    begin = now();
    for (i = 0; i < calls; i++) {
        virDomainPtr *domains = NULL;
        int count = virConnectListAllDomains(connection, &domains, 0);

        need(count > 0, "list");
        for (j = 0; j < count; j++)
            virDomainFree(domains[j]);
        free(domains);
    }
    sample("call.list", (now() - begin) / calls);

    begin = now();
    for (i = 0; i < calls; i++) {
        unsigned long version;

        need(virConnectGetVersion(connection, &version) == 0, "version");
    }
    sample("call.scalar", (now() - begin) / calls);

    virConnectClose(connection);
    return 0;
}

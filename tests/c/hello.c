/* Connects, and says to what. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>

/* Prints what a call answers, and the error that it leaves. */
#define SHOW(call) do { int answer = (call); printf("%s = %d: %s\n", #call, answer, virGetLastErrorMessage()); } while (0)

int main(void)
{
    unsigned long library = 0;
    unsigned long hypervisor = 0;
    virNodeInfo node;
    virConnectPtr conn;
    char *text;

    if (virInitialize() < 0 || virGetVersion(&library, NULL, NULL) < 0)
        return 1;
    printf("library %lu\n", library);
    conn = virConnectOpen("test:///default");
    if (!conn) {
        fprintf(stderr, "%s\n", virGetLastErrorMessage());
        return 1;
    }
    if (virConnectGetVersion(conn, &hypervisor) == 0)
        printf("%s %lu\n", virConnectGetType(conn), hypervisor);
    if (virConnectGetLibVersion(conn, &library) == 0)
        printf("daemon %lu\n", library);
    text = virConnectGetURI(conn);
    printf("%s\n", text ? text : "no URI");
    free(text);
    text = virConnectGetHostname(conn);
    printf("%s hostname\n", text && *text ? "a" : "no");
    free(text);
    printf("alive %d encrypted %d secure %d\n", virConnectIsAlive(conn), virConnectIsEncrypted(conn),
           virConnectIsSecure(conn));
    if (virNodeGetInfo(conn, &node) == 0)
        printf("%s %lu %u %u %u %u %u %u, at most %u\n", node.model, node.memory, node.cpus, node.mhz, node.nodes,
               node.sockets, node.cores, node.threads, VIR_NODEINFO_MAXCPUS(node));
    printf("at most %d vCPUs\n", virConnectGetMaxVcpus(conn, NULL));
    text = virConnectGetCapabilities(conn);
    printf("capabilities %s\n", text ? "yes" : "no");
    free(text);
    SHOW(virConnectRef(conn));
    SHOW(virConnectClose(conn));
    SHOW(virConnectClose(conn));
    SHOW(virConnectClose(NULL));
    return 0;
}

/* Opens connections with and without a callback for credentials. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static int ask(virConnectCredentialPtr credentials, unsigned int count, void *data)
{
    (void)credentials;
    printf("asked for %u, %s\n", count, (const char *)data);
    return -1;
}

int main(void)
{
    int types[] = {VIR_CRED_AUTHNAME, VIR_CRED_PASSPHRASE};
    char data[] = "for the test";
    virConnectAuth auth = {types, 2, ask, data};
    unsigned int number;
    virConnectPtr conn;

    virSetErrorFunc(NULL, quiet);
    conn = virConnectOpenAuth("test:///default", &auth, 0);
    printf("%s\n", conn ? virConnectGetType(conn) : virGetLastErrorMessage());
    virConnectClose(conn);
    conn = virConnectOpenAuth("test:///default", virConnectAuthPtrDefault, VIR_CONNECT_RO);
    printf("%s\n", conn ? virConnectGetType(conn) : virGetLastErrorMessage());
    printf("%d\n", virDomainDefineXML(conn, "<domain/>") == NULL);
    printf("%s\n", virGetLastErrorMessage());
    virConnectClose(conn);
    printf("%u:", virConnectAuthPtrDefault->ncredtype);
    for (number = 0; number < virConnectAuthPtrDefault->ncredtype; number++)
        printf(" %d", virConnectAuthPtrDefault->credtype[number]);
    printf(" %d\n", virConnectAuthPtrDefault->cb != NULL);
    return 0;
}

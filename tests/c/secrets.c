/* Keeps a secret. Argument: the host's URI. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints what a call answers. */
#define SHOW(call) do { int answer = (call); printf("%s = %d\n", #call, answer); } while (0)

static const char *xml = "<secret ephemeral='no' private='no'><uuid>55806c7d-8e93-456f-829b-607d8c198367</uuid>"
                         "<usage type='ceph'><name>the cluster</name></usage></secret>";
static int heard;

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static void lifecycle(virConnectPtr conn, virSecretPtr secret, int event, int detail, void *opaque)
{
    char uuid[VIR_UUID_STRING_BUFLEN];

    (void)conn;
    (void)opaque;
    virSecretGetUUIDString(secret, uuid);
    printf("%s event %d %d\n", uuid, event, detail);
    heard++;
}

static void changed(virConnectPtr conn, virSecretPtr secret, void *opaque)
{
    (void)conn;
    (void)secret;
    (void)opaque;
    printf("value changed\n");
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
    virSecretPtr secret, again;
    virSecretPtr *secrets = NULL;
    char uuid[VIR_UUID_STRING_BUFLEN];
    unsigned char bytes[VIR_UUID_BUFLEN];
    unsigned char *value;
    char *uuids[8];
    char *text;
    size_t length = 0;
    int number, listed, ids[2];

    if (count < 2)
        return 2;
    virSetErrorFunc(NULL, quiet);
    virEventRegisterDefaultImpl();
    conn = virConnectOpen(arguments[1]);
    if (!conn)
        return 1;
    ids[0] = virConnectSecretEventRegisterAny(conn, NULL, VIR_SECRET_EVENT_ID_LIFECYCLE,
                                              VIR_SECRET_EVENT_CALLBACK(lifecycle), NULL, NULL);
    ids[1] = virConnectSecretEventRegisterAny(conn, NULL, VIR_SECRET_EVENT_ID_VALUE_CHANGED,
                                              VIR_SECRET_EVENT_CALLBACK(changed), NULL, NULL);
    secret = virSecretDefineXML(conn, xml, 0);
    if (!secret) {
        printf("%s\n", virGetLastErrorMessage());
        return 1;
    }
    SHOW(virSecretGetUUID(secret, bytes));
    SHOW(virSecretGetUUIDString(secret, uuid));
    printf("%s %d %s %d\n", uuid, virSecretGetUsageType(secret), virSecretGetUsageID(secret),
           virSecretGetConnect(secret) == conn);
    again = virSecretLookupByUUID(conn, bytes);
    SHOW(virSecretFree(again));
    again = virSecretLookupByUUIDString(conn, uuid);
    SHOW(virSecretFree(again));
    again = virSecretLookupByUsage(conn, VIR_SECRET_USAGE_TYPE_CEPH, "the cluster");
    SHOW(virSecretRef(again));
    SHOW(virSecretFree(again));
    SHOW(virSecretFree(again));
    SHOW(virConnectNumOfSecrets(conn));
    listed = virConnectListSecrets(conn, uuids, 8);
    for (number = 0; number < listed; number++) {
        printf("%s\n", uuids[number]);
        free(uuids[number]);
    }
    listed = virConnectListAllSecrets(conn, &secrets, 0);
    printf("%d\n", listed);
    for (number = 0; number < listed; number++)
        virSecretFree(secrets[number]);
    free(secrets);
    SHOW(virSecretSetValue(secret, (const unsigned char *)"open\0sesame", 11, 0));
    value = virSecretGetValue(secret, &length, 0);
    printf("%d %d\n", (int)length, value && memcmp(value, "open\0sesame", 11) == 0);
    free(value);
    text = virSecretGetXMLDesc(secret, 0);
    printf("%d\n", text && strstr(text, "the cluster") != NULL);
    free(text);
    SHOW(virSecretUndefine(secret));
    printf("%d\n", virSecretLookupByUUID(conn, bytes) == NULL);
    printf("%d\n", virGetLastErrorCode());
    hear();
    SHOW(virConnectSecretEventDeregisterAny(conn, ids[0]));
    SHOW(virConnectSecretEventDeregisterAny(conn, ids[1]));
    SHOW(virSecretFree(secret));
    virConnectClose(conn);
    return 0;
}

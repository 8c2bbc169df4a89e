/* Saved memory, labels, snapshots and checkpoints of a domain. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Prints what a call answers, and the error that it leaves. */
#define SHOW(call) do { int answer = (call); printf("%s = %d: %s\n", #call, answer, virGetLastErrorMessage()); } while (0)

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static void saved(virConnectPtr conn, virDomainPtr domain)
{
    char file[] = "/tmp/virt-moments-XXXXXX";
    char *text;

    close(mkstemp(file));
    printf("%d\n", virDomainSave(domain, file));
    SHOW(virDomainIsActive(domain));
    text = virDomainSaveImageGetXMLDesc(conn, file, 0);
    printf("%d\n", text && strstr(text, "<name>test</name>") != NULL);
    if (text)
        printf("%d\n", virDomainSaveImageDefineXML(conn, file, text, 0));
    free(text);
    printf("%d\n", virDomainRestore(conn, file));
    SHOW(virDomainIsActive(domain));
    printf("%d\n", virDomainSaveFlags(domain, file, NULL, VIR_DOMAIN_SAVE_PAUSED));
    printf("%d\n", virDomainRestoreFlags(conn, file, NULL, VIR_DOMAIN_SAVE_RUNNING));
    printf("%d\n", virDomainCoreDump(domain, file, 0));
    printf("%d\n", virDomainCoreDumpWithFormat(domain, file, VIR_DOMAIN_CORE_DUMP_FORMAT_RAW, 0));
    unlink(file);
    SHOW(virDomainManagedSave(domain, 0));
    SHOW(virDomainHasManagedSaveImage(domain, 0));
    SHOW(virDomainManagedSaveRemove(domain, 0));
    SHOW(virDomainHasManagedSaveImage(domain, 0));
    SHOW(virDomainCreate(domain));
}

static void labels(virConnectPtr conn, virDomainPtr domain)
{
    virSecurityModel model;
    virSecurityLabel label;
    char **messages = NULL;
    int count;

    memset(&model, 0, sizeof(model));
    memset(&label, 0, sizeof(label));
    SHOW(virNodeGetSecurityModel(conn, &model));
    printf("'%s' '%s'\n", model.model, model.doi);
    SHOW(virDomainGetSecurityLabel(domain, &label));
    printf("'%s' %d\n", label.label, label.enforcing);
    count = virDomainGetMessages(domain, &messages, 0);
    printf("%d\n", count);
    while (count > 0)
        free(messages[--count]);
    free(messages);
}

static void snapshots(virConnectPtr conn, virDomainPtr domain)
{
    virDomainSnapshotPtr first, second, found, *list = NULL;
    char *names[4], *text;
    int count;

    SHOW(virDomainHasCurrentSnapshot(domain, 0));
    first = virDomainSnapshotCreateXML(domain, "<domainsnapshot><name>one</name></domainsnapshot>", 0);
    second = virDomainSnapshotCreateXML(domain, "<domainsnapshot><name>two</name></domainsnapshot>", 0);
    printf("%s %s\n", virDomainSnapshotGetName(first), virDomainSnapshotGetName(second));
    printf("%d %d\n", virDomainSnapshotGetConnect(first) == conn, virDomainSnapshotGetDomain(first) == domain);
    SHOW(virDomainHasCurrentSnapshot(domain, 0));
    SHOW(virDomainSnapshotIsCurrent(first, 0));
    SHOW(virDomainSnapshotIsCurrent(second, 0));
    SHOW(virDomainSnapshotHasMetadata(first, 0));
    SHOW(virDomainSnapshotNum(domain, 0));
    SHOW(virDomainSnapshotNumChildren(first, 0));
    count = virDomainSnapshotListChildrenNames(first, names, 4, 0);
    while (count > 0) {
        printf("%s\n", names[--count]);
        free(names[count]);
    }
    count = virDomainSnapshotListNames(domain, names, 4, VIR_DOMAIN_SNAPSHOT_LIST_ROOTS);
    while (count > 0) {
        printf("%s\n", names[--count]);
        free(names[count]);
    }
    count = virDomainListAllSnapshots(domain, &list, 0);
    printf("%d\n", count);
    while (count > 0)
        virDomainSnapshotFree(list[--count]);
    free(list);
    count = virDomainSnapshotListAllChildren(first, &list, 0);
    printf("%d\n", count);
    while (count > 0)
        virDomainSnapshotFree(list[--count]);
    free(list);
    found = virDomainSnapshotGetParent(second, 0);
    printf("%s\n", virDomainSnapshotGetName(found));
    SHOW(virDomainSnapshotRef(found));
    SHOW(virDomainSnapshotFree(found));
    SHOW(virDomainSnapshotFree(found));
    printf("%d\n", virDomainSnapshotGetParent(first, 0) == NULL);
    printf("%d %s\n", virGetLastErrorCode(), virGetLastErrorMessage());
    found = virDomainSnapshotCurrent(domain, 0);
    SHOW(virDomainSnapshotFree(found));
    printf("%d\n", virDomainSnapshotLookupByName(domain, "three", 0) == NULL);
    printf("%d %s\n", virGetLastErrorCode(), virGetLastErrorMessage());
    text = virDomainSnapshotGetXMLDesc(first, 0);
    printf("%d\n", text && strstr(text, "<name>one</name>") != NULL);
    free(text);
    SHOW(virDomainDestroy(domain));
    SHOW(virDomainRevertToSnapshot(first, 0));
    SHOW(virDomainIsActive(domain));
    SHOW(virDomainSnapshotDelete(first, VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN));
    SHOW(virDomainSnapshotNum(domain, 0));
    SHOW(virDomainSnapshotFree(first));
    SHOW(virDomainSnapshotFree(second));
}

static void checkpoints(virConnectPtr conn, virDomainPtr domain)
{
    virDomainCheckpointPtr first, second, found, *list = NULL;
    int count;

    first = virDomainCheckpointCreateXML(domain, "<domaincheckpoint><name>one</name></domaincheckpoint>", 0);
    second = virDomainCheckpointCreateXML(domain, "<domaincheckpoint><name>two</name></domaincheckpoint>", 0);
    printf("%s %s\n", virDomainCheckpointGetName(first), virDomainCheckpointGetName(second));
    printf("%d %d\n", virDomainCheckpointGetConnect(first) == conn, virDomainCheckpointGetDomain(first) == domain);
    count = virDomainListAllCheckpoints(domain, &list, 0);
    printf("%d\n", count);
    while (count > 0)
        virDomainCheckpointFree(list[--count]);
    free(list);
    SHOW(virDomainCheckpointListAllChildren(first, NULL, 0));
    found = virDomainCheckpointGetParent(second, 0);
    printf("%s\n", virDomainCheckpointGetName(found));
    SHOW(virDomainCheckpointRef(found));
    SHOW(virDomainCheckpointFree(found));
    SHOW(virDomainCheckpointFree(found));
    printf("%d\n", virDomainCheckpointGetParent(first, 0) == NULL);
    printf("%d %s\n", virGetLastErrorCode(), virGetLastErrorMessage());
    found = virDomainCheckpointLookupByName(domain, "two", 0);
    SHOW(virDomainCheckpointDelete(found, 0));
    SHOW(virDomainCheckpointFree(found));
    SHOW(virDomainListAllCheckpoints(domain, NULL, 0));
    SHOW(virDomainCheckpointFree(first));
    SHOW(virDomainCheckpointFree(second));
}

int main(void)
{
    virConnectPtr conn;
    virDomainPtr domain;

    virSetErrorFunc(NULL, quiet);
    conn = virConnectOpen("test:///default");
    domain = virDomainLookupByName(conn, "test");
    saved(conn, domain);
    labels(conn, domain);
    snapshots(conn, domain);
    checkpoints(conn, domain);
    virDomainFree(domain);
    virConnectClose(conn);
    return 0;
}

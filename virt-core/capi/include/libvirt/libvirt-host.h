/* libvirt-host.h, of the C library of virt. Written by `cargo xtask c-api`: change its tables, not this file. */

#ifndef LIBVIRT_HOST_H
#define LIBVIRT_HOST_H

#ifndef __VIR_LIBVIRT_H_INCLUDES__
#error "include libvirt/libvirt.h, which includes this file"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define VIR_SECURITY_LABEL_BUFLEN (4096 + 1)
#define VIR_SECURITY_MODEL_BUFLEN (256 + 1)
#define VIR_SECURITY_DOI_BUFLEN (256 + 1)
#define VIR_NODE_CPU_STATS_FIELD_LENGTH 80
#define VIR_NODE_CPU_STATS_KERNEL "kernel"
#define VIR_NODE_CPU_STATS_USER "user"
#define VIR_NODE_CPU_STATS_IDLE "idle"
#define VIR_NODE_CPU_STATS_IOWAIT "iowait"
#define VIR_NODE_CPU_STATS_INTR "intr"
#define VIR_NODE_CPU_STATS_UTILIZATION "utilization"
#define VIR_NODE_MEMORY_STATS_FIELD_LENGTH 80
#define VIR_NODE_MEMORY_STATS_TOTAL "total"
#define VIR_NODE_MEMORY_STATS_FREE "free"
#define VIR_NODE_MEMORY_STATS_BUFFERS "buffers"
#define VIR_NODE_MEMORY_STATS_CACHED "cached"
#define VIR_NODE_MEMORY_SHARED_PAGES_TO_SCAN "shm_pages_to_scan"
#define VIR_NODE_MEMORY_SHARED_SLEEP_MILLISECS "shm_sleep_millisecs"
#define VIR_NODE_MEMORY_SHARED_PAGES_SHARED "shm_pages_shared"
#define VIR_NODE_MEMORY_SHARED_PAGES_SHARING "shm_pages_sharing"
#define VIR_NODE_MEMORY_SHARED_PAGES_UNSHARED "shm_pages_unshared"
#define VIR_NODE_MEMORY_SHARED_PAGES_VOLATILE "shm_pages_volatile"
#define VIR_NODE_MEMORY_SHARED_FULL_SCANS "shm_full_scans"
#define VIR_NODE_MEMORY_SHARED_MERGE_ACROSS_NODES "shm_merge_across_nodes"
#define VIR_NODE_SEV_PDH "pdh"
#define VIR_NODE_SEV_CERT_CHAIN "cert-chain"
#define VIR_NODE_SEV_CPU0_ID "cpu0-id"
#define VIR_NODE_SEV_CBITPOS "cbitpos"
#define VIR_NODE_SEV_REDUCED_PHYS_BITS "reduced-phys-bits"
#define VIR_NODE_SEV_MAX_GUESTS "max-guests"
#define VIR_NODE_SEV_MAX_ES_GUESTS "max-es-guests"
#define VIR_UUID_BUFLEN (16)
#define VIR_UUID_STRING_BUFLEN (36+1)
#define VIR_CONNECT_IDENTITY_USER_NAME "user-name"
#define VIR_CONNECT_IDENTITY_UNIX_USER_ID "unix-user-id"
#define VIR_CONNECT_IDENTITY_GROUP_NAME "group-name"
#define VIR_CONNECT_IDENTITY_UNIX_GROUP_ID "unix-group-id"
#define VIR_CONNECT_IDENTITY_PROCESS_ID "process-id"
#define VIR_CONNECT_IDENTITY_PROCESS_TIME "process-time"
#define VIR_CONNECT_IDENTITY_SASL_USER_NAME "sasl-user-name"
#define VIR_CONNECT_IDENTITY_X509_DISTINGUISHED_NAME "x509-distinguished-name"
#define VIR_CONNECT_IDENTITY_SELINUX_CONTEXT "selinux-context"

typedef enum {
    VIR_NODE_SUSPEND_TARGET_MEM = 0,
    VIR_NODE_SUSPEND_TARGET_DISK = 1,
    VIR_NODE_SUSPEND_TARGET_HYBRID = 2,
#ifdef VIR_ENUM_SENTINELS
    VIR_NODE_SUSPEND_TARGET_LAST = 3,
#endif
} virNodeSuspendTarget;

typedef enum {
    VIR_NODE_CPU_STATS_ALL_CPUS = -1,
} virNodeGetCPUStatsAllCPUs;

typedef enum {
    VIR_NODE_MEMORY_STATS_ALL_CELLS = -1,
} virNodeGetMemoryStatsAllCells;

typedef enum {
    VIR_CONNECT_RO = 1,
    VIR_CONNECT_NO_ALIASES = 2,
} virConnectFlags;

typedef enum {
    VIR_CRED_USERNAME = 1,
    VIR_CRED_AUTHNAME = 2,
    VIR_CRED_LANGUAGE = 3,
    VIR_CRED_CNONCE = 4,
    VIR_CRED_PASSPHRASE = 5,
    VIR_CRED_ECHOPROMPT = 6,
    VIR_CRED_NOECHOPROMPT = 7,
    VIR_CRED_REALM = 8,
    VIR_CRED_EXTERNAL = 9,
#ifdef VIR_ENUM_SENTINELS
    VIR_CRED_LAST = 10,
#endif
} virConnectCredentialType;

typedef enum {
    VIR_CPU_COMPARE_ERROR = -1,
    VIR_CPU_COMPARE_INCOMPATIBLE = 0,
    VIR_CPU_COMPARE_IDENTICAL = 1,
    VIR_CPU_COMPARE_SUPERSET = 2,
#ifdef VIR_ENUM_SENTINELS
    VIR_CPU_COMPARE_LAST = 3,
#endif
} virCPUCompareResult;

typedef enum {
    VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE = 1,
    VIR_CONNECT_COMPARE_CPU_VALIDATE_XML = 2,
} virConnectCompareCPUFlags;

typedef enum {
    VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES = 1,
    VIR_CONNECT_BASELINE_CPU_MIGRATABLE = 2,
} virConnectBaselineCPUFlags;

typedef enum {
    VIR_NODE_ALLOC_PAGES_ADD = 0,
    VIR_NODE_ALLOC_PAGES_SET = 1,
} virNodeAllocPagesFlags;

/**
 * A connection. Only its address is known outside.
 */
struct _virConnect;

/**
 * A stream. Only its address is known outside.
 */
struct _virStream;

typedef struct _virConnect virConnect;

typedef virConnect *virConnectPtr;

typedef struct _virStream virStream;

typedef virStream *virStreamPtr;

struct _virSecurityLabel {
  char label[VIR_SECURITY_LABEL_BUFLEN];
  int enforcing;
};

typedef struct _virSecurityLabel virSecurityLabel;

typedef virSecurityLabel *virSecurityLabelPtr;

struct _virSecurityModel {
  char model[VIR_SECURITY_MODEL_BUFLEN];
  char doi[VIR_SECURITY_DOI_BUFLEN];
};

typedef struct _virSecurityModel virSecurityModel;

typedef virSecurityModel *virSecurityModelPtr;

struct _virNodeInfo {
  char model[32];
  unsigned long memory;
  unsigned int cpus;
  unsigned int mhz;
  unsigned int nodes;
  unsigned int sockets;
  unsigned int cores;
  unsigned int threads;
};

typedef struct _virNodeInfo virNodeInfo;

struct _virNodeCPUStats {
  char field[VIR_NODE_CPU_STATS_FIELD_LENGTH];
  unsigned long long value;
};

typedef struct _virNodeCPUStats virNodeCPUStats;

struct _virNodeMemoryStats {
  char field[VIR_NODE_MEMORY_STATS_FIELD_LENGTH];
  unsigned long long value;
};

typedef struct _virNodeMemoryStats virNodeMemoryStats;

typedef virNodeInfo *virNodeInfoPtr;

typedef virNodeCPUStats *virNodeCPUStatsPtr;

typedef virNodeMemoryStats *virNodeMemoryStatsPtr;

struct _virConnectCredential {
  int type;
  const char *prompt;
  const char *challenge;
  const char *defresult;
  char *result;
  unsigned int resultlen;
};

typedef struct _virConnectCredential virConnectCredential;

typedef virConnectCredential *virConnectCredentialPtr;

typedef int (*virConnectAuthCallbackPtr)(virConnectCredentialPtr cred,
                                         unsigned int ncred,
                                         void *cbdata);

struct _virConnectAuth {
  int *credtype;
  unsigned int ncredtype;
  virConnectAuthCallbackPtr cb;
  void *cbdata;
};

typedef struct _virConnectAuth virConnectAuth;

typedef virConnectAuth *virConnectAuthPtr;

typedef void (*virConnectCloseFunc)(virConnectPtr conn, int reason, void *opaque);

#define VIR_NODEINFO_MAXCPUS(nodeinfo) ((nodeinfo).nodes*(nodeinfo).sockets*(nodeinfo).cores*(nodeinfo).threads)

/**
 * Gives a reference of the connection back: 1 when somebody still has it, 0 when it is closed. Since
 * 0.0.3.
 */
int virConnectClose(virConnectPtr conn);

/**
 * The hypervisor's name, QEMU. The answer lives as long as the object. Since 0.0.3.
 */
const char *virConnectGetType(virConnectPtr conn);

/**
 * The hypervisor's version: 1,000,000 * major + 1,000 * minor + release; 0 where there is none.
 * Since 0.0.3.
 */
int virConnectGetVersion(virConnectPtr conn, unsigned long *hvVer);

/**
 * Opens a connection that may read and write. The caller gives the answer back with
 * virConnectClose(). Since 0.0.3.
 */
virConnectPtr virConnectOpen(const char *name);

/**
 * Opens a connection that changes nothing and shows no secrets. The caller gives the answer back
 * with virConnectClose(). Since 0.0.3.
 */
virConnectPtr virConnectOpenReadOnly(const char *name);

/**
 * The version of the library: 1,000,000 * major + 1,000 * minor + release. Since 0.0.3.
 */
int virGetVersion(unsigned long *libVer, const char *type, unsigned long *typeVer);

/**
 * Prepares the library; calls do it by themselves. Since 0.1.0.
 */
int virInitialize(void);

/**
 * CPUs and memory. Since 0.1.0.
 */
int virNodeGetInfo(virConnectPtr conn, virNodeInfoPtr info);

/**
 * The capabilities of host and hypervisor, as XML. The caller frees the answer with free(). Since
 * 0.2.1.
 */
char *virConnectGetCapabilities(virConnectPtr conn);

/**
 * The largest number of vCPUs of a guest of this virtualization type (nothing: the default). Since
 * 0.2.1.
 */
int virConnectGetMaxVcpus(virConnectPtr conn, const char *type);

/**
 * The name of the host that runs the guests. The caller frees the answer with free(). Since 0.3.0.
 */
char *virConnectGetHostname(virConnectPtr conn);

/**
 * The URI that leads here again. The caller frees the answer with free(). Since 0.3.0.
 */
char *virConnectGetURI(virConnectPtr conn);

/**
 * The free memory of the host's NUMA nodes. Not supported: the host's cells, pages, CPUs and power:
 * virt-core has none yet. Since 0.3.3.
 */
int virNodeGetCellsFreeMemory(virConnectPtr conn, unsigned long long *freeMems, int startCell, int maxCells);

/**
 * Free memory, in bytes. Since 0.3.3.
 */
unsigned long long virNodeGetFreeMemory(virConnectPtr conn);

/**
 * Asks the person at the terminal for credentials. Since 0.4.0.
 */
VIR_EXPORT_VAR virConnectAuthPtr virConnectAuthPtrDefault;

/**
 * Opens a connection; the callback is asked for credentials. The caller gives the answer back with
 * virConnectClose(). Since 0.4.0.
 */
virConnectPtr virConnectOpenAuth(const char *name, virConnectAuthPtr auth, unsigned int flags);

/**
 * Takes one reference more of the connection. Since 0.6.0.
 */
int virConnectRef(virConnectPtr conn);

/**
 * The security model of the host. Since 0.6.1.
 */
int virNodeGetSecurityModel(virConnectPtr conn, virSecurityModelPtr secmodel);

/**
 * The version of the library at the other end: 1,000,000 * major + 1,000 * minor + release. Since
 * 0.7.3.
 */
int virConnectGetLibVersion(virConnectPtr conn, unsigned long *libVer);

/**
 * Whether the way is encrypted. Since 0.7.3.
 */
int virConnectIsEncrypted(virConnectPtr conn);

/**
 * Whether nobody on the way can read along. Since 0.7.3.
 */
int virConnectIsSecure(virConnectPtr conn);

/**
 * Compares a processor with the host's. Not supported: CPU comparison is in virt-conf, and virt-core
 * does not offer it yet. Since 0.7.5.
 */
int virConnectCompareCPU(virConnectPtr conn, const char *xmlDesc, unsigned int flags);

/**
 * The processor that all of these have in common. The caller frees the answer with free(). Not
 * supported: CPU comparison is in virt-conf, and virt-core does not offer it yet. Since 0.7.7.
 */
char *virConnectBaselineCPU(virConnectPtr conn, const char **xmlCPUs, unsigned int ncpus, unsigned int flags);

/**
 * The SMBIOS tables, as XML. The caller frees the answer with free(). Since 0.8.8.
 */
char *virConnectGetSysinfo(virConnectPtr conn, unsigned int flags);

/**
 * How busy the host's processors are. Not supported: the host's cells, pages, CPUs and power:
 * virt-core has none yet. Since 0.9.3.
 */
int virNodeGetCPUStats(virConnectPtr conn, int cpuNum, virNodeCPUStatsPtr params, int *nparams, unsigned int flags);

/**
 * How full the host's memory is. Not supported: the host's cells, pages, CPUs and power: virt-core
 * has none yet. Since 0.9.3.
 */
int virNodeGetMemoryStats(virConnectPtr conn, int cellNum, virNodeMemoryStatsPtr params, int *nparams, unsigned int flags);

/**
 * Whether what the connection leads to still answers. Since 0.9.8.
 */
int virConnectIsAlive(virConnectPtr conn);

/**
 * Says how often a silent connection is tried. Not supported: keepalive belongs to the remote
 * driver. Since 0.9.8.
 */
int virConnectSetKeepAlive(virConnectPtr conn, int interval, unsigned int count);

/**
 * Lets the host sleep. Not supported: the host's cells, pages, CPUs and power: virt-core has none
 * yet. Since 0.9.8.
 */
int virNodeSuspendForDuration(virConnectPtr conn, unsigned int target, unsigned long long duration, unsigned int flags);

/**
 * Has the callback told when the connection is lost. Since 0.10.0.
 */
int virConnectRegisterCloseCallback(virConnectPtr conn, virConnectCloseFunc cb, void *opaque, virFreeCallback freecb);

/**
 * Ends what virConnectRegisterCloseCallback began. Since 0.10.0.
 */
int virConnectUnregisterCloseCallback(virConnectPtr conn, virConnectCloseFunc cb);

/**
 * How the host merges memory. Not supported: the host's cells, pages, CPUs and power: virt-core has
 * none yet. Since 0.10.2.
 */
int virNodeGetMemoryParameters(virConnectPtr conn, virTypedParameterPtr params, int *nparams, unsigned int flags);

/**
 * Says how the host merges memory. Not supported: the host's cells, pages, CPUs and power: virt-core
 * has none yet. Since 0.10.2.
 */
int virNodeSetMemoryParameters(virConnectPtr conn, virTypedParameterPtr params, int nparams, unsigned int flags);

/**
 * Which of the host's processors are online. Not supported: the host's cells, pages, CPUs and power:
 * virt-core has none yet. Since 1.0.0.
 */
int virNodeGetCPUMap(virConnectPtr conn, unsigned char **cpumap, unsigned int *online, unsigned int flags);

/**
 * The CPU models that guests of this architecture can have. The caller frees each of models and the
 * list with free(). Since 1.1.3.
 */
int virConnectGetCPUModelNames(virConnectPtr conn, const char *arch, char ***models, unsigned int flags);

/**
 * How many pages of each size are free on the host. Not supported: the host's cells, pages, CPUs and
 * power: virt-core has none yet. Since 1.2.6.
 */
int virNodeGetFreePages(virConnectPtr conn, unsigned int npages, unsigned int *pages, int startcell, unsigned int cellcount, unsigned long long *counts, unsigned int flags);

/**
 * Sets aside pages of the host. Not supported: the host's cells, pages, CPUs and power: virt-core
 * has none yet. Since 1.2.9.
 */
int virNodeAllocPages(virConnectPtr conn, unsigned int npages, unsigned int *pageSizes, unsigned long long *pageCounts, int startCell, unsigned int cellCount, unsigned int flags);

/**
 * The processor that all of these have in common and the hypervisor can give to guests. The caller
 * frees the answer with free(). Not supported: CPU comparison is in virt-conf, and virt-core does
 * not offer it yet. Since 4.4.0.
 */
char *virConnectBaselineHypervisorCPU(virConnectPtr conn, const char *emulator, const char *arch, const char *machine, const char *virttype, const char **xmlCPUs, unsigned int ncpus, unsigned int flags);

/**
 * Compares a processor with what the hypervisor can give to guests. Not supported: CPU comparison is
 * in virt-conf, and virt-core does not offer it yet. Since 4.4.0.
 */
int virConnectCompareHypervisorCPU(virConnectPtr conn, const char *emulator, const char *arch, const char *machine, const char *virttype, const char *xmlCPU, unsigned int flags);

/**
 * What the host can encrypt. The caller frees params with virTypedParamsFree(). Not supported:
 * launch security: virt-core has none yet. Since 4.5.0.
 */
int virNodeGetSEVInfo(virConnectPtr conn, virTypedParameterPtr *params, int *nparams, unsigned int flags);

/**
 * Says on whose behalf calls are made. Not supported: identities of clients belong to the remote
 * driver. Since 5.8.0.
 */
int virConnectSetIdentity(virConnectPtr conn, virTypedParameterPtr params, int nparams, unsigned int flags);

#ifdef __cplusplus
}
#endif

#endif

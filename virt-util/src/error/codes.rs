//! libvirt's error numbers, domain numbers and sentences, one line each.
//!
//! The numbers are part of libvirt's ABI (`virErrorNumber` and `virErrorDomain` in `virterror.h`): never reused, only
//! added to.

use super::{ErrorCode, ErrorDomain};

macro_rules! codes {
    ($($number:literal $name:ident $alone:literal $with:literal;)*) => {
        impl ErrorCode {
            $(
                #[doc = concat!("`", $alone, "`")]
                pub const $name: Self = Self($number);
            )*

            /// The C name without its prefix, `NO_DOMAIN`; nothing for a number of a newer libvirt.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// libvirt's sentence for this code: alone, and with `{}` where the detail goes.
            pub const fn sentences(self) -> (&'static str, &'static str) {
                match self.0 {
                    $($number => ($alone, $with),)*
                    _ => ("unknown error", "{}"),
                }
            }
        }
    };
}

macro_rules! domains {
    ($($number:literal $name:ident;)*) => {
        impl ErrorDomain {
            $(
                #[doc = concat!("`VIR_FROM_", stringify!($name), "`")]
                pub const $name: Self = Self($number);
            )*

            /// The C name without its prefix, `QEMU`; nothing for a number of a newer libvirt.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    0 OK "no error" "{}";
    1 INTERNAL_ERROR "internal error" "internal error: {}";
    2 NO_MEMORY "out of memory" "out of memory: {}";
    3 NO_SUPPORT "this function is not supported by the connection driver" "this function is not supported by the connection driver: {}";
    4 UNKNOWN_HOST "unknown host" "unknown host {}";
    5 NO_CONNECT "no connection driver available" "no connection driver available for {}";
    6 INVALID_CONN "invalid connection pointer in" "invalid connection pointer in {}";
    7 INVALID_DOMAIN "invalid domain pointer in" "invalid domain pointer in {}";
    8 INVALID_ARG "invalid argument" "invalid argument: {}";
    9 OPERATION_FAILED "operation failed" "operation failed: {}";
    10 GET_FAILED "GET operation failed" "GET operation failed: {}";
    11 POST_FAILED "POST operation failed" "POST operation failed: {}";
    12 HTTP_ERROR "got unknown HTTP error code" "got unknown HTTP error code {}";
    13 SEXPR_SERIAL "failed to serialize S-Expr" "failed to serialize S-Expr: {}";
    14 NO_XEN "could not use Xen hypervisor entry" "could not use Xen hypervisor entry {}";
    15 XEN_CALL "failed Xen syscall" "failed Xen syscall {}";
    16 OS_TYPE "unknown OS type" "unknown OS type {}";
    17 NO_KERNEL "missing kernel information" "missing kernel information: {}";
    18 NO_ROOT "missing root device information" "missing root device information in {}";
    19 NO_SOURCE "missing source information for device" "missing source information for device {}";
    20 NO_TARGET "missing target information for device" "missing target information for device {}";
    21 NO_NAME "missing name information" "missing name information in {}";
    22 NO_OS "missing operating system information" "missing operating system information for {}";
    23 NO_DEVICE "missing devices information" "missing devices information for {}";
    24 NO_XENSTORE "could not connect to Xen Store" "could not connect to Xen Store {}";
    25 DRIVER_FULL "too many drivers registered" "too many drivers registered in {}";
    26 CALL_FAILED "library call failed" "library call failed: {}";
    27 XML_ERROR "XML description is invalid or not well formed" "XML error: {}";
    28 DOM_EXIST "this domain exists already" "domain {} exists already";
    29 OPERATION_DENIED "operation forbidden for read only access" "operation forbidden: {}";
    30 OPEN_FAILED "failed to open configuration file" "failed to open configuration file {}";
    31 READ_FAILED "failed to read configuration file" "failed to read configuration file {}";
    32 PARSE_FAILED "failed to parse configuration file" "failed to parse configuration file {}";
    33 CONF_SYNTAX "configuration file syntax error" "configuration file syntax error: {}";
    34 WRITE_FAILED "failed to write configuration file" "failed to write configuration file: {}";
    35 XML_DETAIL "parser error" "{}";
    36 INVALID_NETWORK "invalid network pointer in" "invalid network pointer in {}";
    37 NETWORK_EXIST "this network exists already" "network {} exists already";
    38 SYSTEM_ERROR "system call error" "{}";
    39 RPC "RPC error" "{}";
    40 GNUTLS_ERROR "GNUTLS call error" "{}";
    41 WARNING_NO_NETWORK "Failed to find the network" "Failed to find the network: {}";
    42 NO_DOMAIN "Domain not found" "Domain not found: {}";
    43 NO_NETWORK "Network not found" "Network not found: {}";
    44 INVALID_MAC "invalid MAC address" "invalid MAC address: {}";
    45 AUTH_FAILED "authentication failed" "authentication failed: {}";
    46 INVALID_STORAGE_POOL "invalid storage pool pointer in" "invalid storage pool pointer in {}";
    47 INVALID_STORAGE_VOL "invalid storage volume pointer in" "invalid storage volume pointer in {}";
    48 WARNING_NO_STORAGE "Failed to find a storage driver" "Failed to find a storage driver: {}";
    49 NO_STORAGE_POOL "Storage pool not found" "Storage pool not found: {}";
    50 NO_STORAGE_VOL "Storage volume not found" "Storage volume not found: {}";
    51 WARNING_NO_NODE "Failed to find a node driver" "Failed to find a node driver: {}";
    52 INVALID_NODE_DEVICE "invalid node device pointer" "invalid node device pointer in {}";
    53 NO_NODE_DEVICE "Node device not found" "Node device not found: {}";
    54 NO_SECURITY_MODEL "Security model not found" "Security model not found: {}";
    55 OPERATION_INVALID "Requested operation is not valid" "Requested operation is not valid: {}";
    56 WARNING_NO_INTERFACE "Failed to find the interface" "Failed to find the interface: {}";
    57 NO_INTERFACE "Interface not found" "Interface not found: {}";
    58 INVALID_INTERFACE "invalid interface pointer in" "invalid interface pointer in {}";
    59 MULTIPLE_INTERFACES "multiple matching interfaces found" "multiple matching interfaces found: {}";
    60 WARNING_NO_NWFILTER "Failed to start the nwfilter driver" "Failed to start the nwfilter driver: {}";
    61 INVALID_NWFILTER "Invalid network filter" "Invalid network filter: {}";
    62 NO_NWFILTER "Network filter not found" "Network filter not found: {}";
    63 BUILD_FIREWALL "Error while building firewall" "Error while building firewall: {}";
    64 WARNING_NO_SECRET "Failed to find a secret storage driver" "Failed to find a secret storage driver: {}";
    65 INVALID_SECRET "Invalid secret" "Invalid secret: {}";
    66 NO_SECRET "Secret not found" "Secret not found: {}";
    67 CONFIG_UNSUPPORTED "unsupported configuration" "unsupported configuration: {}";
    68 OPERATION_TIMEOUT "Timed out during operation" "Timed out during operation: {}";
    69 MIGRATE_PERSIST_FAILED "Failed to make domain persistent after migration" "Failed to make domain persistent after migration: {}";
    70 HOOK_SCRIPT_FAILED "Hook script execution failed" "Hook script execution failed: {}";
    71 INVALID_DOMAIN_SNAPSHOT "Invalid domain snapshot" "Invalid domain snapshot: {}";
    72 NO_DOMAIN_SNAPSHOT "Domain snapshot not found" "Domain snapshot not found: {}";
    73 INVALID_STREAM "invalid stream pointer" "invalid stream pointer in {}";
    74 ARGUMENT_UNSUPPORTED "argument unsupported" "argument unsupported: {}";
    75 STORAGE_PROBE_FAILED "Storage pool probe failed" "Storage pool probe failed: {}";
    76 STORAGE_POOL_BUILT "Storage pool already built" "Storage pool already built: {}";
    77 SNAPSHOT_REVERT_RISKY "revert requires force" "revert requires force: {}";
    78 OPERATION_ABORTED "operation aborted" "operation aborted: {}";
    79 AUTH_CANCELLED "authentication cancelled" "authentication cancelled: {}";
    80 NO_DOMAIN_METADATA "metadata not found" "metadata not found: {}";
    81 MIGRATE_UNSAFE "Unsafe migration" "Unsafe migration: {}";
    82 OVERFLOW "numerical overflow" "numerical overflow: {}";
    83 BLOCK_COPY_ACTIVE "block copy still active" "block copy still active: {}";
    84 OPERATION_UNSUPPORTED "Operation not supported" "Operation not supported: {}";
    85 SSH "SSH transport error" "SSH transport error: {}";
    86 AGENT_UNRESPONSIVE "Guest agent is not responding" "Guest agent is not responding: {}";
    87 RESOURCE_BUSY "resource busy" "resource busy: {}";
    88 ACCESS_DENIED "access denied" "access denied: {}";
    89 DBUS_SERVICE "error from service" "error from service: {}";
    90 STORAGE_VOL_EXIST "this storage volume exists already" "storage volume {} exists already";
    91 CPU_INCOMPATIBLE "the CPU is incompatible with host CPU" "the CPU is incompatible with host CPU: {}";
    92 XML_INVALID_SCHEMA "XML document failed to validate against schema" "XML document failed to validate against schema: {}";
    93 MIGRATE_FINISH_OK "migration successfully aborted" "migration successfully aborted: {}";
    94 AUTH_UNAVAILABLE "authentication unavailable" "authentication unavailable: {}";
    95 NO_SERVER "Server not found" "Server not found: {}";
    96 NO_CLIENT "Client not found" "Client not found: {}";
    97 AGENT_UNSYNCED "guest agent replied with wrong id to guest-sync command" "guest agent replied with wrong id to guest-sync command: {}";
    98 LIBSSH "libssh transport error" "libssh transport error: {}";
    99 DEVICE_MISSING "device not found" "device not found: {}";
    100 INVALID_NWFILTER_BINDING "Invalid network filter binding" "Invalid network filter binding: {}";
    101 NO_NWFILTER_BINDING "Network filter binding not found" "Network filter binding not found: {}";
    102 INVALID_DOMAIN_CHECKPOINT "Invalid domain checkpoint" "Invalid domain checkpoint: {}";
    103 NO_DOMAIN_CHECKPOINT "Domain checkpoint not found" "Domain checkpoint not found: {}";
    104 NO_DOMAIN_BACKUP "Domain backup job id not found" "Domain backup job id not found: {}";
    105 INVALID_NETWORK_PORT "Invalid network port pointer" "Invalid network port pointer: {}";
    106 NETWORK_PORT_EXIST "this network port exists already" "network port {} exists already";
    107 NO_NETWORK_PORT "network port not found" "network port not found: {}";
    108 NO_HOSTNAME "no hostname found" "no hostname found: {}";
    109 CHECKPOINT_INCONSISTENT "checkpoint inconsistent" "checkpoint inconsistent: {}";
    110 MULTIPLE_DOMAINS "multiple matching domains found" "multiple matching domains found: {}";
    111 NO_NETWORK_METADATA "metadata not found" "metadata not found: {}";
    112 AGENT_COMMAND_TIMEOUT "guest agent command timed out" "guest agent command timed out: {}";
    113 AGENT_COMMAND_FAILED "guest agent command failed" "guest agent command failed: {}";
}

domains! {
    0 NONE;
    1 XEN;
    2 XEND;
    3 XENSTORE;
    4 SEXPR;
    5 XML;
    6 DOM;
    7 RPC;
    8 PROXY;
    9 CONF;
    10 QEMU;
    11 NET;
    12 TEST;
    13 REMOTE;
    14 OPENVZ;
    15 XENXM;
    16 STATS_LINUX;
    17 LXC;
    18 STORAGE;
    19 NETWORK;
    20 DOMAIN;
    21 UML;
    22 NODEDEV;
    23 XEN_INOTIFY;
    24 SECURITY;
    25 VBOX;
    26 INTERFACE;
    27 ONE;
    28 ESX;
    29 PHYP;
    30 SECRET;
    31 CPU;
    32 XENAPI;
    33 NWFILTER;
    34 HOOK;
    35 DOMAIN_SNAPSHOT;
    36 AUDIT;
    37 SYSINFO;
    38 STREAMS;
    39 VMWARE;
    40 EVENT;
    41 LIBXL;
    42 LOCKING;
    43 HYPERV;
    44 CAPABILITIES;
    45 URI;
    46 AUTH;
    47 DBUS;
    48 PARALLELS;
    49 DEVICE;
    50 SSH;
    51 LOCKSPACE;
    52 INITCTL;
    53 IDENTITY;
    54 CGROUP;
    55 ACCESS;
    56 SYSTEMD;
    57 BHYVE;
    58 CRYPTO;
    59 FIREWALL;
    60 POLKIT;
    61 THREAD;
    62 ADMIN;
    63 LOGGING;
    64 XENXL;
    65 PERF;
    66 LIBSSH;
    67 RESCTRL;
    68 FIREWALLD;
    69 DOMAIN_CHECKPOINT;
    70 TPM;
    71 BPF;
    72 CH;
}

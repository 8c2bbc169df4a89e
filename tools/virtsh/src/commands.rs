//! All commands, in virsh's groups and order.

mod autostart;
mod console;
mod define;
mod describe;
mod device;
mod drivers;
mod edit;
mod event;
mod follow;
mod host;
mod identity;
mod information;
mod itself;
mod job;
mod lifecycle;
mod list;
mod native;
mod network;
mod nodedev;
mod nodedev_event;
mod plan;
mod pool;
mod saving;
mod screenshot;
mod secret;
mod sriov;
mod statistics;
mod tuning;
mod volume;
mod xml;

use virt_core::{Domain, Uuid};

use crate::command::{Command, Group};
use crate::output::{Field, Record, Reply};

/// virsh's groups, as far as they have commands here.
pub const GROUPS: &[Group] = &[
    Group {
        title: "Domain Management",
        keyword: "domain",
        commands: &[
            &device::ATTACH_DEVICE,
            &device::ATTACH_DISK,
            &device::ATTACH_INTERFACE,
            &autostart::AUTOSTART,
            &console::CONSOLE,
            &define::CREATE,
            &define::DEFINE,
            &describe::DESC,
            &lifecycle::DESTROY,
            &device::DETACH_DEVICE,
            &device::DETACH_DEVICE_ALIAS,
            &device::DETACH_DISK,
            &device::DETACH_INTERFACE,
            &identity::DOMID,
            &job::DOMJOBABORT,
            &job::DOMJOBINFO,
            &identity::DOMNAME,
            &identity::DOMRENAME,
            &identity::DOMUUID,
            &native::FROM_NATIVE,
            &native::TO_NATIVE,
            &saving::DUMP,
            &define::DUMPXML,
            &edit::EDIT,
            &saving::MANAGEDSAVE,
            &saving::MANAGEDSAVE_REMOVE,
            &saving::MANAGEDSAVE_DUMPXML,
            &saving::MANAGEDSAVE_DEFINE,
            &describe::METADATA,
            &plan::PLAN,
            &lifecycle::REBOOT,
            &lifecycle::RESET,
            &saving::RESTORE,
            &lifecycle::RESUME,
            &saving::SAVE,
            &saving::SAVE_IMAGE_DEFINE,
            &saving::SAVE_IMAGE_DUMPXML,
            &screenshot::SCREENSHOT,
            &tuning::SETMAXMEM,
            &tuning::SETMEM,
            &tuning::SETVCPUS,
            &lifecycle::SHUTDOWN,
            &lifecycle::START,
            &lifecycle::SUSPEND,
            &define::UNDEFINE,
            &device::UPDATE_DEVICE,
            &tuning::VCPUCOUNT,
        ],
    },
    Group {
        title: "Domain Monitoring",
        keyword: "monitor",
        commands: &[
            &statistics::DOMIFSTAT,
            &information::DOMINFO,
            &information::DOMSTATE,
            &statistics::DOMSTATS,
            &list::LIST,
        ],
    },
    Group { title: "Domain Events", keyword: "events", commands: &[&event::EVENT] },
    Group {
        title: "Host and Hypervisor",
        keyword: "host",
        commands: &[
            &host::CAPABILITIES,
            &host::CPU_MODELS,
            &host::DOMCAPABILITIES,
            &drivers::DRIVERS,
            &autostart::HOST_START,
            &autostart::HOST_STOP,
            &host::HOSTNAME,
            &host::MAXVCPUS,
            &host::NODEINFO,
            &host::SYSINFO,
            &host::URI,
            &host::VERSION,
        ],
    },
    Group {
        title: "Node Device",
        keyword: "nodedev",
        commands: &[
            &nodedev::CREATE,
            &nodedev::DESTROY,
            &nodedev::DETACH,
            &nodedev::DUMPXML,
            &nodedev::LIST,
            &nodedev::REATTACH,
            &nodedev::RESET,
            &nodedev_event::EVENT,
            &nodedev::DEFINE,
            &nodedev::UNDEFINE,
            &nodedev::START,
            &nodedev::AUTOSTART,
            &nodedev::INFO,
            &nodedev::UPDATE,
        ],
    },
    Group {
        title: "Secret",
        keyword: "secret",
        commands: &[
            &secret::SECRET_DEFINE,
            &secret::SECRET_DUMPXML,
            &secret::SECRET_EVENT,
            &secret::SECRET_GET_VALUE,
            &secret::SECRET_LIST,
            &secret::SECRET_SET_VALUE,
            &secret::SECRET_UNDEFINE,
        ],
    },
    Group {
        title: "Storage Pool",
        keyword: "pool",
        commands: &[
            &pool::FIND_SOURCES_AS,
            &pool::FIND_SOURCES,
            &pool::POOL_AUTOSTART,
            &pool::POOL_BUILD,
            &pool::POOL_CREATE_AS,
            &pool::POOL_CREATE,
            &pool::POOL_DEFINE_AS,
            &pool::POOL_DEFINE,
            &pool::POOL_DELETE,
            &pool::POOL_DESTROY,
            &pool::POOL_DUMPXML,
            &pool::POOL_EDIT,
            &pool::POOL_INFO,
            &pool::POOL_LIST,
            &pool::POOL_NAME,
            &pool::POOL_REFRESH,
            &pool::POOL_START,
            &pool::POOL_UNDEFINE,
            &pool::POOL_UUID,
            &pool::POOL_EVENT,
            &pool::POOL_CAPABILITIES,
        ],
    },
    Group {
        title: "Storage Volume",
        keyword: "volume",
        commands: &[
            &volume::VOL_CLONE,
            &volume::VOL_CREATE_AS,
            &volume::VOL_CREATE,
            &volume::VOL_CREATE_FROM,
            &volume::VOL_DELETE,
            &volume::VOL_DOWNLOAD,
            &volume::VOL_DUMPXML,
            &volume::VOL_INFO,
            &volume::VOL_KEY,
            &volume::VOL_LIST,
            &volume::VOL_NAME,
            &volume::VOL_PATH,
            &volume::VOL_POOL,
            &volume::VOL_RESIZE,
            &volume::VOL_UPLOAD,
            &volume::VOL_WIPE,
        ],
    },
    network::GROUP,
    Group { title: "Host Devices", keyword: "hostdev", commands: &[&sriov::SRIOV] },
    Group { title: "Documents", keyword: "documents", commands: &[&xml::XML] },
    Group {
        title: "Virtsh itself",
        keyword: "virtsh",
        commands: &[
            &itself::CD,
            &itself::COMPLETE,
            &itself::COMPLETION,
            &itself::ECHO,
            &itself::EXIT,
            &itself::HELP,
            &itself::PWD,
            &itself::QUIT,
            &itself::CONNECT,
        ],
    },
];

/// The command that `--help` after any other leads to.
pub const HELP: &Command = &itself::HELP;

/// The command of this name.
pub fn find(name: &str) -> Option<&'static Command> {
    all().find(|command| command.name == name)
}

/// The group of this keyword.
pub fn find_group(keyword: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.keyword == keyword)
}

/// The command whose name is nearest to a misspelt one.
pub fn nearest(name: &str) -> Option<&'static str> {
    let limit = (name.chars().count() / 3).max(1);
    let known = all().filter(|command| !command.is_hidden());
    let near = known.map(|command| (strsim::osa_distance(name, command.name), command.name));
    near.filter(|(distance, _)| *distance <= limit).min().map(|(_, name)| name)
}

fn all() -> impl Iterator<Item = &'static Command> {
    GROUPS.iter().flat_map(|group| group.commands.iter().copied())
}

/// A sentence about a domain, for programs with its identity.
fn done(domain: &Domain, message: String) -> Reply {
    Reply::Done { message, subject: Some(subject(domain.name(), domain.uuid())) }
}

fn subject(name: &str, uuid: Uuid) -> Record {
    vec![Field::new("name", "Name", name), Field::new("uuid", "UUID", uuid.to_string())]
}

//! Elements in hypervisors' own namespaces, which go past libvirt to the hypervisor.

use crate::xml::{Xml, XmlValue};

/// What goes past libvirt to QEMU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(namespace = "qemu")]
pub struct QemuNamespace {
    /// Arguments and environment.
    #[xml(child = "qemu:commandline", default)]
    pub commandline: QemuCommandline,
    /// What QEMU is said to be able to do, against what it says itself.
    #[xml(child = "qemu:capabilities", default)]
    pub capabilities: QemuCapabilities,
    /// How QEMU treats deprecated use; the configuration file says by default.
    #[xml(attr = "qemu:deprecation/@behavior", required)]
    pub deprecation: Option<QemuDeprecation>,
    /// Properties of single devices.
    #[xml(child = "qemu:override", default)]
    pub overrides: QemuOverride,
}

/// Arguments and environment of QEMU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "qemu:commandline")]
pub struct QemuCommandline {
    /// Arguments, added behind libvirt's.
    #[xml(child = "qemu:arg")]
    pub args: Vec<CommandlineArg>,
    /// Environment.
    #[xml(child = "qemu:env")]
    pub envs: Vec<CommandlineEnv>,
}

/// An argument.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "arg")]
pub struct CommandlineArg {
    /// The argument.
    #[xml(attr)]
    pub value: String,
}

/// A variable in the environment.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "env")]
pub struct CommandlineEnv {
    /// Its name, of letters, digits and underscores.
    #[xml(attr)]
    pub name: String,
    /// Its value; empty by default.
    #[xml(attr)]
    pub value: Option<String>,
}

/// What QEMU is said to be able to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "qemu:capabilities")]
pub struct QemuCapabilities {
    /// What it can, whatever it says.
    #[xml(child = "qemu:add", key = "@capability", unordered)]
    pub add: Vec<QemuCapability>,
    /// What it cannot, whatever it says.
    #[xml(child = "qemu:del", key = "@capability", unordered)]
    pub del: Vec<QemuCapability>,
}

/// Something that QEMU can do.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "add")]
pub struct QemuCapability {
    /// Its name in libvirt's driver.
    #[xml(attr)]
    pub capability: String,
}

/// How QEMU treats deprecated use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum QemuDeprecation {
    /// It does not care.
    None,
    /// It hides what is deprecated.
    Omit,
    /// It refuses what is deprecated.
    Reject,
    /// It crashes.
    Crash,
}

/// Properties of single devices, changed past libvirt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "qemu:override")]
pub struct QemuOverride {
    /// One entry a device.
    #[xml(child = "qemu:device", key = "@alias", unordered)]
    pub devices: Vec<QemuOverrideDevice>,
}

/// Properties of one device.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "qemu:device")]
pub struct QemuOverrideDevice {
    /// The device's alias.
    #[xml(attr)]
    pub alias: String,
    /// Properties of the part that the guest sees.
    #[xml(child = "qemu:frontend", default)]
    pub frontend: QemuOverrideFrontend,
}

/// Properties of the part of a device that the guest sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "qemu:frontend")]
pub struct QemuOverrideFrontend {
    /// Each property at most once.
    #[xml(child = "qemu:property", key = "@name", unordered)]
    pub properties: Vec<QemuOverrideProperty>,
}

/// A property of a device.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "qemu:property")]
pub struct QemuOverrideProperty {
    /// What the emulator's environment calls it.
    #[xml(attr)]
    pub name: String,
    /// What becomes of it.
    #[xml(attr = "type")]
    pub kind: QemuOverrideType,
    /// Its value, unless it is removed.
    #[xml(attr)]
    pub value: Option<String>,
}

/// What becomes of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum QemuOverrideType {
    /// It becomes a text.
    String,
    /// It becomes a number.
    Signed,
    /// It becomes a number that is not negative.
    Unsigned,
    /// It becomes true or false.
    Bool,
    /// It is taken away.
    Remove,
}

/// What goes past libvirt to Linux containers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(namespace = "lxc")]
pub struct LxcNamespace {
    /// Namespaces that the container shares.
    #[xml(child = "lxc:namespace", default)]
    pub namespaces: LxcNamespaces,
}

/// Namespaces that a container shares with another or with a process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "lxc:namespace")]
pub struct LxcNamespaces {
    /// The network.
    #[xml(child = "lxc:sharenet")]
    pub net: Option<LxcShare>,
    /// System V IPC.
    #[xml(child = "lxc:shareipc")]
    pub ipc: Option<LxcShare>,
    /// The host's name.
    #[xml(child = "lxc:shareuts")]
    pub uts: Option<LxcShare>,
}

/// Whose namespace a container shares.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "lxc:share")]
pub struct LxcShare {
    /// How the owner is named.
    #[xml(attr = "type")]
    pub kind: LxcShareType,
    /// The owner.
    #[xml(attr)]
    pub value: String,
}

/// How the owner of a namespace is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, XmlValue)]
pub enum LxcShareType {
    /// Nobody.
    None,
    /// By a container's name.
    Name,
    /// By a process's id.
    Pid,
    /// By the name of a network namespace.
    Netns,
}

/// What goes past libvirt to bhyve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(namespace = "bhyve")]
pub struct BhyveNamespace {
    /// Arguments and environment.
    #[xml(child = "bhyve:commandline", default)]
    pub commandline: BhyveCommandline,
}

/// Arguments and environment of bhyve.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "bhyve:commandline")]
pub struct BhyveCommandline {
    /// Arguments, added behind libvirt's.
    #[xml(child = "bhyve:arg")]
    pub args: Vec<CommandlineArg>,
    /// Environment.
    #[xml(child = "bhyve:env")]
    pub envs: Vec<CommandlineEnv>,
}

/// What goes past libvirt to Xen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(namespace = "xen")]
pub struct XenNamespace {
    /// Arguments.
    #[xml(child = "xen:commandline", default)]
    pub commandline: XenCommandline,
}

/// Arguments of Xen's device model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "xen:commandline")]
pub struct XenCommandline {
    /// Arguments, added behind libxl's.
    #[xml(child = "xen:arg")]
    pub args: Vec<CommandlineArg>,
}

/// What VMware's servers know about the guest beside its definition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(namespace = "vmware")]
pub struct VmwareNamespace {
    /// Where it is in the server's tree.
    #[xml(child_text = "vmware:datacenterpath")]
    pub datacenter_path: Option<String>,
    /// The server's reference to it.
    #[xml(child_text = "vmware:moref")]
    pub moref: Option<String>,
}

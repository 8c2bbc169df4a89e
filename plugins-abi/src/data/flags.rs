//! Flags of the calls, with libvirt's bits.

use crate::abi_flags;

abi_flags! {
    /// Which domains to list. Within a group the bits are alternatives; groups narrow each other; an empty group does
    /// not restrict. (`virConnectListAllDomainsFlags`)
    pub struct ListDomains {
        /// Those that run, whatever their state.
        const ACTIVE = 1 << 0;
        /// Those that do not run.
        const INACTIVE = 1 << 1;
        /// Those with a definition that outlives their run.
        const PERSISTENT = 1 << 2;
        /// Those that vanish when they stop.
        const TRANSIENT = 1 << 3;
        /// Those in state running.
        const RUNNING = 1 << 4;
        /// Those in state paused.
        const PAUSED = 1 << 5;
        /// Those in state shut off.
        const SHUTOFF = 1 << 6;
        /// Those in any other state.
        const OTHER = 1 << 7;
        /// Those with a managed save image.
        const MANAGED_SAVE = 1 << 8;
        /// Those without one.
        const NO_MANAGED_SAVE = 1 << 9;
        /// Those that start with the host.
        const AUTOSTART = 1 << 10;
        /// Those that do not.
        const NO_AUTOSTART = 1 << 11;
        /// Those with snapshots.
        const HAS_SNAPSHOT = 1 << 12;
        /// Those without snapshots.
        const NO_SNAPSHOT = 1 << 13;
        /// Those with checkpoints.
        const HAS_CHECKPOINT = 1 << 14;
        /// Those without checkpoints.
        const NO_CHECKPOINT = 1 << 15;
    }

    /// How to define a domain. (`virDomainDefineFlags`)
    pub struct DefineDomain {
        /// Refuse elements and attributes that no model knows.
        const VALIDATE = 1 << 0;
    }

    /// What else goes when a domain's definition is removed. (`virDomainUndefineFlagsValues`)
    pub struct UndefineDomain {
        /// Its managed save image.
        const MANAGED_SAVE = 1 << 0;
        /// The metadata of its snapshots.
        const SNAPSHOTS_METADATA = 1 << 1;
        /// Its NVRAM file.
        const NVRAM = 1 << 2;
        /// Not its NVRAM file.
        const KEEP_NVRAM = 1 << 3;
        /// The metadata of its checkpoints.
        const CHECKPOINTS_METADATA = 1 << 4;
        /// The state of its TPM.
        const TPM = 1 << 5;
        /// Not the state of its TPM.
        const KEEP_TPM = 1 << 6;
    }

    /// Which view of a domain's XML. (`virDomainXMLFlags`)
    pub struct DomainXml {
        /// With passwords; needs a connection that may write.
        const SECURE = 1 << 0;
        /// What the next start uses.
        const INACTIVE = 1 << 1;
        /// With the guest's CPU as the host provides it.
        const UPDATE_CPU = 1 << 2;
        /// As another host of another version needs it.
        const MIGRATABLE = 1 << 3;
    }

    /// How to start a domain. (`virDomainCreateFlags`)
    pub struct StartDomain {
        /// Leave its CPUs stopped.
        const PAUSED = 1 << 0;
        /// Destroy it when the connection closes.
        const AUTODESTROY = 1 << 1;
        /// Keep a saved image out of the page cache.
        const BYPASS_CACHE = 1 << 2;
        /// Drop a managed save image and boot.
        const FORCE_BOOT = 1 << 3;
        /// Refuse elements and attributes that no model knows.
        const VALIDATE = 1 << 4;
        /// Set its NVRAM back to its template.
        const RESET_NVRAM = 1 << 5;
    }

    /// How to ask a guest to shut down; none: the driver's best way. (`virDomainShutdownFlagValues`)
    pub struct ShutdownDomain {
        /// By the ACPI power button.
        const ACPI_POWER_BUTTON = 1 << 0;
        /// By the guest agent.
        const GUEST_AGENT = 1 << 1;
        /// By the container's init control.
        const INITCTL = 1 << 2;
        /// By a signal to the container's init.
        const SIGNAL = 1 << 3;
        /// By the paravirtual control.
        const PARAVIRT = 1 << 4;
    }

    /// How to ask a guest to reboot; none: the driver's best way. (`virDomainRebootFlagValues`)
    pub struct RebootDomain {
        /// By the ACPI power button.
        const ACPI_POWER_BUTTON = 1 << 0;
        /// By the guest agent.
        const GUEST_AGENT = 1 << 1;
        /// By the container's init control.
        const INITCTL = 1 << 2;
        /// By a signal to the container's init.
        const SIGNAL = 1 << 3;
        /// By the paravirtual control.
        const PARAVIRT = 1 << 4;
    }

    /// How to end a domain. (`virDomainDestroyFlagsValues`)
    pub struct DestroyDomain {
        /// Only with SIGTERM; fails where that does not suffice.
        const GRACEFUL = 1 << 0;
        /// Remove its log files too.
        const REMOVE_LOGS = 1 << 1;
    }

    /// What a change affects; none: what runs if the domain runs, else its definition. (`virDomainModificationImpact`)
    pub struct Affect {
        /// The running guest.
        const LIVE = 1 << 0;
        /// The definition, from the next start on.
        const CONFIG = 1 << 1;
    }

    /// What a change of a device affects; neither `LIVE` nor `CONFIG`: what runs if the domain runs, else its definition.
    /// (`virDomainDeviceModifyFlags`)
    pub struct DeviceChange {
        /// The running guest.
        const LIVE = 1 << 0;
        /// The definition, from the next start on.
        const CONFIG = 1 << 1;
        /// Even though the guest holds on to it: a medium that is locked is ejected.
        const FORCE = 1 << 2;
    }

    /// What a change of memory affects. (`virDomainMemoryModFlags`)
    pub struct MemoryFlags {
        /// The running guest.
        const LIVE = 1 << 0;
        /// The definition.
        const CONFIG = 1 << 1;
        /// The maximum instead of the current size.
        const MAXIMUM = 1 << 2;
    }

    /// What a change of vCPUs affects. (`virDomainVcpuFlags`)
    pub struct VcpuFlags {
        /// The running guest.
        const LIVE = 1 << 0;
        /// The definition.
        const CONFIG = 1 << 1;
        /// The maximum instead of the current number.
        const MAXIMUM = 1 << 2;
        /// Through the guest agent.
        const GUEST = 1 << 3;
        /// Make vCPUs added later unpluggable.
        const HOTPLUGGABLE = 1 << 4;
    }

    /// How to open a console or a channel. (`virDomainConsoleFlags`)
    pub struct OpenConsole {
        /// Take it from whoever has it.
        const FORCE = 1 << 0;
        /// Only where taking it can be prevented from happening twice.
        const SAFE = 1 << 1;
    }
}

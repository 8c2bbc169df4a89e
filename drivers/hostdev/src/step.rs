//! The steps of handing a device over: what a plan lists, what the journal holds, what is undone.

use std::time::Duration;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use virt_core::driver::Result;
use virt_core::sriov::Holder;
use virt_util::journal::{self, Changes};
use virt_util::netlink::{Netlink, PortProfile, PortRequest, VfAttribute, VfAttributeKind, VfInfo};
use virt_util::pci::{PciAddress, PciDevice, VFIO};
use virt_util::wait::Wait;

use crate::host::{Function, Host};

/// How long a program may take to let go of a device that is taken back from it.
const LETTING_GO: Duration = Duration::from_secs(5);

/// How long a switch may take to answer.
const ASSOCIATING: Duration = Duration::from_secs(10);

/// How long a module may take to load.
const LOADING: Duration = Duration::from_mins(1);

/// One thing that is done to hand a device over, and undone when it comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Step {
    /// The device is somebody's. The first step, so the last that is undone: then everything is seen to be as it was.
    Lease {
        /// Which.
        device: PciAddress,
        /// Whose.
        holder: Holder,
        /// If it is a virtual function: which, and what was set on it.
        before: Option<(Function, VfInfo)>,
    },
    /// Its driver loses it, and no other gets it but the one that is to have it.
    Detach {
        /// Which.
        device: PciAddress,
        /// Who had it.
        driver: Option<String>,
        /// What overrode the choice of driver.
        driver_override: Option<String>,
        /// What its network device was called here.
        netdev: Option<String>,
        /// Who is to have it.
        to: String,
    },
    /// It is reset.
    Reset {
        /// Which.
        device: PciAddress,
    },
    /// Something is set on it by its physical function.
    Set {
        /// Which.
        function: Function,
        /// What.
        attribute: VfAttribute,
        /// What was set.
        before: VfAttribute,
    },
    /// The switch is told of its port.
    Associate {
        /// Which.
        function: Function,
        /// What.
        profile: PortProfile,
    },
    /// A device that is no PCI function is somebody's. Nothing is done to it.
    Claim {
        /// What its kind is called: `USB device`.
        kind: String,
        /// Which.
        name: String,
        /// Whose.
        holder: Holder,
        /// Whether others may have it too.
        shared: bool,
    },
    /// A driver gets it.
    Attach {
        /// Which.
        device: PciAddress,
        /// Who.
        driver: String,
    },
}

impl journal::Step for Step {
    type Context = Host;

    fn carry_out(&self, host: &mut Host) -> Result<()> {
        match self {
            Self::Lease { .. } | Self::Claim { .. } => Ok(()),
            Self::Detach { device, to, .. } => {
                let device = host.pci().device(*device)?;
                // Any other is the host's own: it is there, or loaded by whoever knows what else it needs.
                if is_vfio_name(to) {
                    host.pci().load_driver(to, Wait::at_most(LOADING))?;
                }
                device.set_driver_override(Some(&host.pci().driver_name(to)?))?;
                device.unbind()
            }
            Self::Reset { device } => host.pci().device(*device)?.reset(),
            Self::Set { function, attribute, .. } => host.set(function, *attribute),
            Self::Associate { function, profile } => tell(host, function, profile, PortRequest::Associate),
            Self::Attach { device, driver } => {
                host.pci().device(*device)?.bind_to(&host.pci().driver_name(driver)?)
            }
        }
    }

    fn undo(&self, host: &mut Host) -> Result<()> {
        match self {
            Self::Lease { before: None, device, .. } => host.check_free(*device),
            Self::Lease { before: Some((function, before)), .. } => verify(host, function, before),
            Self::Detach { device, driver, driver_override, netdev, .. } => {
                host.check_free(*device)?;
                let Some(device) = host.existing(*device) else { return Ok(()) };
                device.give_back(driver.as_deref(), driver_override.as_deref())?;
                if let Some(name) = netdev {
                    // A name is not worth a device that stays taken.
                    name_again(&device, name).unwrap_or_else(|error| log::warn!("{error}"));
                }
                Ok(())
            }
            Self::Reset { .. } | Self::Claim { .. } => Ok(()),
            Self::Set { function, before, .. } => host.restore(function, *before),
            Self::Associate { function, profile } => {
                host.check_free(function.address)?;
                if !host.is_there(function) {
                    return Ok(());
                }
                match tell(host, function, profile, PortRequest::Disassociate) {
                    Err(error) if error.errno() != Some(Errno::EOPNOTSUPP) => Err(error),
                    _ => Ok(()),
                }
            }
            Self::Attach { device, driver } => detach(host, *device, driver),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Lease { device, holder, .. } => format!("lease {device} to {}", holder.name),
            Self::Detach { device, driver: Some(driver), .. } => format!("take {device} from {driver}"),
            Self::Detach { device, to, .. } => format!("keep {device} for {to}"),
            Self::Reset { device } => format!("reset {device}"),
            Self::Set { function, attribute, .. } => format!(
                "set {attribute} for {} (virtual function {} of {})",
                function.address, function.index, function.parent
            ),
            Self::Associate { function, .. } => {
                format!("tell the switch of the port of {}", function.address)
            }
            Self::Claim { kind, name, holder, .. } => format!("lease {kind} {name} to {}", holder.name),
            Self::Attach { device, driver } => format!("give {device} to {driver}"),
        }
    }

    fn changes(&self) -> Changes {
        Changes::Kernel
    }
}

/// Sees that every setting is what it was before the lease, whoever changed it since.
fn verify(host: &mut Host, function: &Function, before: &VfInfo) -> Result<()> {
    const KINDS: [VfAttributeKind; 9] = [
        VfAttributeKind::Mac,
        VfAttributeKind::Vlan,
        VfAttributeKind::SpoofCheck,
        VfAttributeKind::Trust,
        VfAttributeKind::LinkState,
        VfAttributeKind::Rate,
        VfAttributeKind::RssQuery,
        VfAttributeKind::NodeGuid,
        VfAttributeKind::PortGuid,
    ];
    host.check_free(function.address)?;
    let Some(now) = host.info_if_there(function)? else { return Ok(()) };
    for kind in KINDS {
        // A function without an address takes one of its own when its driver starts it, and the kernel shows that one.
        let its_own = kind == VfAttributeKind::Mac && before.mac.is_zero();
        if let Some(value) = before.get(kind).filter(|value| !its_own && now.get(kind) != Some(*value)) {
            host.restore(function, value)?;
        }
    }
    Ok(())
}

/// Takes a device from the driver that we gave it to, once no program uses it.
fn detach(host: &mut Host, address: PciAddress, driver: &str) -> Result<()> {
    host.check_free(address)?;
    let Some(device) = host.existing(address) else { return Ok(()) };
    // Somebody gave it to another since: that is for the step before this one to put right.
    if device.driver()? != Some(host.pci().driver_name(driver)?) {
        return Ok(());
    }
    if device.is_with_vfio()?
        && let Err(error) = device.wait_for_users(Wait::at_most(LETTING_GO))
    {
        host.block(address);
        return Err(error);
    }
    device.unbind()
}

/// Whether a driver hands devices to programs, by its name.
fn is_vfio_name(driver: &str) -> bool {
    driver == VFIO || driver.ends_with("_vfio_pci") || driver.ends_with("-vfio-pci")
}

fn tell(host: &mut Host, function: &Function, profile: &PortProfile, request: PortRequest) -> Result<()> {
    let wait = Wait::at_most(ASSOCIATING);
    host.uplink(function)?.set_port(function.index, profile, request, wait)
}

/// Gives a device's network device the name that it had, where nobody else has it.
fn name_again(device: &PciDevice, name: &str) -> Result<()> {
    let ports = device.ports()?;
    let [port] = ports.as_slice() else { return Ok(()) };
    if port.netdev == name {
        return Ok(());
    }
    let mut netlink = Netlink::open()?;
    let links = netlink.links(Wait::at_most(LETTING_GO))?;
    if links.iter().any(|link| link.name == name) {
        return Ok(());
    }
    match links.iter().find(|link| link.name == port.netdev) {
        Some(link) => netlink.set_name(link.index, name, Wait::at_most(LETTING_GO)),
        None => Ok(()),
    }
}

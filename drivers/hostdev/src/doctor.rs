//! What is wrong on this host, and what to do about it.

use std::path::Path;

use virt_core::driver::Result;
use virt_core::sriov::{Finding, Inventory, PhysicalFunction, Severity, VirtualFunction};
use virt_util::pci::VFIO;

use crate::engine::Engine;

impl Engine {
    /// Looks for what keeps devices from being handed over, or will; the worst first. Changes nothing.
    ///
    /// # Errors
    ///
    /// When devices cannot be listed.
    pub fn diagnose(&self) -> Result<Vec<Finding>> {
        let inventory = self.inventory()?;
        let mut found = self.of_the_host(&inventory)?;
        for parent in &inventory.physical_functions {
            self.of_a_parent(parent, &mut found)?;
            for child in &parent.virtual_functions {
                self.of_a_child(parent, child, &mut found)?;
            }
        }
        for other in &inventory.others {
            let (problem, advice) = if self.pci.device(other.address).is_ok() {
                (
                    "it is held, and is no virtual function".to_owned(),
                    "nothing, if that is what its holder wants".to_owned(),
                )
            } else {
                ("it is held, and is gone".to_owned(), format!("virtsh sriov release {}", other.address))
            };
            found.push(finding(Severity::Note, other.address, problem, advice));
        }
        found.sort_by_key(|finding| finding.severity);
        Ok(found)
    }

    fn of_the_host(&self, inventory: &Inventory) -> Result<Vec<Finding>> {
        let mut found = Vec::new();
        let sysfs = self.pci.sysfs();
        if sysfs.names("kernel/iommu_groups")?.is_empty() {
            found.push(finding(
                Severity::Error,
                "host",
                "the IOMMU is off: no device can be given to a guest",
                "switch it on in the firmware (VT-d, AMD-Vi), and boot with intel_iommu=on on Intel's machines",
            ));
        }
        if !self.pci.has_driver(VFIO) {
            found.push(finding(
                Severity::Warning,
                "host",
                "vfio-pci is not loaded",
                "it is loaded when it is first wanted; modprobe vfio-pci shows whether the kernel has it",
            ));
        }
        if !nix::unistd::geteuid().is_root() {
            found.push(finding(
                Severity::Note,
                "host",
                "only root can set virtual functions up, and sees everybody's leases",
                "run as root",
            ));
        }
        let children = inventory.physical_functions.iter().any(|parent| !parent.virtual_functions.is_empty());
        if children && Path::new("/run/NetworkManager").exists() {
            found.push(finding(
                Severity::Warning,
                "host",
                "NetworkManager may start virtual functions that are given back, and then they count as used",
                "name them in unmanaged-devices of its keyfile section",
            ));
        }
        Ok(found)
    }

    fn of_a_parent(&self, parent: &PhysicalFunction, found: &mut Vec<Finding>) -> Result<()> {
        let children = !parent.virtual_functions.is_empty();
        let device = self.pci.device(parent.address)?;
        for netdev in &parent.netdevs {
            if children && !netdev.up {
                found.push(finding(
                    Severity::Warning,
                    &netdev.name,
                    format!(
                        "the physical function {} is down: its virtual functions have no link",
                        parent.address
                    ),
                    format!("ip link set {} up", netdev.name),
                ));
            }
            if let Some(namespace) = &netdev.namespace {
                found.push(finding(
                    Severity::Note,
                    &netdev.name,
                    format!(
                        "the physical function {} is in the network namespace {namespace}",
                        parent.address
                    ),
                    "nothing: it is found there",
                ));
            }
        }
        if children && parent.netdevs.is_empty() && device.identity()?.class >> 16 == 2 {
            found.push(finding(
                Severity::Error,
                parent.address,
                "the physical function has no network device that can be seen: nothing can be set on its virtual ones",
                "load its driver, or run where its network namespace can be seen",
            ));
        }
        if children && device.probes_virtual_functions()? && Path::new("/run/udev").exists() {
            found.push(finding(
                Severity::Note,
                parent.address,
                "the host's drivers take new virtual functions by themselves, and udev renames their network devices",
                format!("echo 0 > /sys/bus/pci/devices/{}/sriov_drivers_autoprobe, before sriov_numvfs", parent.address),
            ));
        }
        Ok(())
    }

    fn of_a_child(
        &self,
        parent: &PhysicalFunction,
        child: &VirtualFunction,
        found: &mut Vec<Finding>,
    ) -> Result<()> {
        // It may have gone since.
        let Ok(device) = self.pci.device(child.address) else { return Ok(()) };
        let zero = child.settings.is_some_and(|info| info.mac.is_zero());
        if zero && child.held.is_none() {
            found.push(finding(
                Severity::Note,
                child.address,
                format!(
                    "virtual function {} of {} has no MAC address: it takes another each time",
                    child.index, parent.address
                ),
                "give it one with the lease",
            ));
        }
        for obstacle in device.obstacles()? {
            found.push(finding(
                Severity::Warning,
                child.address,
                format!("its IOMMU group is shared with {}, which {} has", obstacle.address, obstacle.driver),
                "put the card into a slot with access control services (ACS)",
            ));
        }
        let Some(held) = &child.held else { return Ok(()) };
        if let Some(failure) = &held.failure {
            found.push(finding(
                Severity::Error,
                child.address,
                format!("it could not be restored after {} had it: {failure}", held.holder.name),
                format!("put right what that says, then: virtsh sriov restore {}", child.address),
            ));
        } else if !held.alive {
            found.push(finding(
                Severity::Warning,
                child.address,
                format!("its holder, {}, has ended without giving it back", held.holder.name),
                "virtsh sriov restore; whoever leases a device next does it too",
            ));
        }
        Ok(())
    }
}

fn finding(
    severity: Severity,
    subject: impl ToString,
    problem: impl Into<String>,
    advice: impl Into<String>,
) -> Finding {
    Finding { severity, subject: subject.to_string(), problem: problem.into(), advice: advice.into() }
}

//! Controllers of PCI: which settings each model takes, needs, and finds in this binary.

use virt_conf::model::{Controller, Domain, PciController, PciModel, PciModelName};
use virt_conf::xml::Within;
use virt_util::{Error, Result};

use super::{QemuHooks, internal, refuse_if, unsupported, wrong};
use crate::caps::Flag;
use crate::model::numa_cells;

/// Whether a model takes a setting.
#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Needs,
    Takes,
    Refuses,
}

/// A controller with its names, for sentences about it.
struct Subject<'a> {
    controller: &'a Controller,
    pci: &'a PciController,
    model: PciModel,
    spapr: bool,
}

impl Subject<'_> {
    fn name(&self) -> &'static str {
        self.pci.name.map_or("none", |name| name.as_str())
    }

    fn description(&self) -> String {
        let index = self.controller.index.unwrap_or(0);
        format!(
            "for PCI controller with index '{index}', model '{}' and modelName '{}'",
            self.model,
            self.name()
        )
    }

    fn missing(&self, option: &str) -> Error {
        internal(format!("Required option '{option}' is not set {}", self.description()))
    }

    fn invalid(&self, option: &str) -> Error {
        unsupported(format!("Option '{option}' is not valid {}", self.description()))
    }

    /// A setting that stands there, or does not, as the model wants it.
    fn hold(&self, rule: Rule, given: bool, option: &str, way: &str) -> Result<()> {
        match (rule, given) {
            (Rule::Needs, false) => Err(self.missing(option)),
            (Rule::Refuses, true) => Err(self.invalid(option).within(way)),
            _ => Ok(()),
        }
    }

    /// The names of devices that are of this model; none for the roots that are part of the machine.
    fn names(&self) -> &'static [PciModelName] {
        match self.model {
            PciModel::PciRoot => &[PciModelName::SpaprPciHostBridge],
            PciModel::PcieRoot => &[],
            PciModel::PciBridge => &[PciModelName::PciBridge],
            PciModel::DmiToPciBridge => &[PciModelName::I82801b11Bridge],
            PciModel::PcieToPciBridge => &[PciModelName::PciePciBridge],
            PciModel::PcieRootPort => &[PciModelName::Ioh3420, PciModelName::PcieRootPort],
            PciModel::PcieSwitchUpstreamPort => &[PciModelName::X3130Upstream],
            PciModel::PcieSwitchDownstreamPort => &[PciModelName::Xio3130Downstream],
            PciModel::PciExpanderBus => &[PciModelName::Pxb],
            PciModel::PcieExpanderBus => &[PciModelName::PxbPcie],
        }
    }

    fn check_name(&self, pseries: bool) -> Result<()> {
        let rule = match self.model {
            PciModel::PciRoot if pseries => Rule::Needs,
            PciModel::PciRoot | PciModel::PcieRoot => Rule::Refuses,
            _ => Rule::Needs,
        };
        self.hold(rule, self.pci.name.is_some(), "modelName", "model/@name")?;
        let known = self.pci.name.is_none_or(|name| self.names().contains(&name));
        refuse_if(!known, "model/@name", || {
            format!("Option 'modelName' has invalid value {}", self.description())
        })
    }

    fn check_index(&self) -> Result<()> {
        let index = self.controller.index.unwrap_or(0);
        let root = matches!(self.model, PciModel::PciRoot | PciModel::PcieRoot);
        refuse_if(!root && index == 0, "@index", || {
            format!("Index for '{}' controllers must be > 0", self.model)
        })?;
        refuse_if(root && !self.spapr && index != 0, "@index", || {
            format!("Index for '{}' controllers must be 0", self.model)
        })
    }

    fn check_target(&self) -> Result<()> {
        let target = &self.pci.target;
        let expander = matches!(self.model, PciModel::PciExpanderBus | PciModel::PcieExpanderBus);
        let bridge = self.model == PciModel::PciBridge;
        let port = matches!(self.model, PciModel::PcieRootPort | PciModel::PcieSwitchDownstreamPort);
        let needs = |holds| if holds { Rule::Needs } else { Rule::Refuses };
        let takes = |holds| if holds { Rule::Takes } else { Rule::Refuses };
        self.hold(needs(expander), target.bus_nr.is_some(), "busNr", "target/@busNr")?;
        // The bridge that every pSeries machine has belongs to no node.
        let placed = expander || self.spapr && target.index != Some(0);
        self.hold(takes(placed), target.node.is_some(), "numaNode", "target/node")?;
        self.hold(needs(bridge), target.chassis_nr.is_some(), "chassisNr", "target/@chassisNr")?;
        self.hold(needs(port), target.chassis.is_some(), "chassis", "target/@chassis")?;
        self.hold(needs(port), target.port.is_some(), "port", "target/@port")
    }
}

impl QemuHooks<'_> {
    /// Whether the board takes such a controller, and the guest has the node that it belongs to.
    pub(super) fn check_pci_place(
        &self,
        controller: &Controller,
        pci: &PciController,
        domain: &Domain,
    ) -> Result<()> {
        let board = self.board(domain);
        let index = controller.index.unwrap_or(0);
        let root = matches!(pci.model, Some(PciModel::PciRoot | PciModel::PcieRoot));
        if root && index != 0 && !board.is_pseries() {
            return Err(wrong("pci-root and pcie-root controllers should have index 0").within("@index"));
        }
        let conventional = pci.model == Some(PciModel::PciExpanderBus);
        refuse_if(
            conventional && !board.is_i440fx(),
            "@model",
            || "pci-expander-bus controllers are only supported on 440fx-based machinetypes",
        )?;
        let express = pci.model == Some(PciModel::PcieExpanderBus);
        refuse_if(
            express && !board.is_q35() && !board.is_arm_virt(),
            "@model",
            || "pcie-expander-bus controllers are not supported with this machine type",
        )?;
        let cells = numa_cells(domain).len();
        match (pci.target.node, pci.model) {
            (Some(node), Some(model)) if node as usize >= cells => Err(wrong(format!(
                "{model} with index {index} is configured for a NUMA node ({node}) not present in the domain's \
                 <cpu><numa> array ({cells})"
            ))
            .within("target/node")),
            _ => Ok(()),
        }
    }

    pub(super) fn check_pci_controller(
        &self,
        controller: &Controller,
        pci: &PciController,
        domain: &Domain,
    ) -> Result<()> {
        let Some(model) = pci.model else { return Ok(()) };
        let spapr = pci.name == Some(PciModelName::SpaprPciHostBridge);
        let subject = Subject { controller, pci, model, spapr };
        let board = self.board(domain);
        subject.check_name(board.is_pseries())?;
        subject.check_index()?;
        let indexed = if spapr && model == PciModel::PciRoot { Rule::Needs } else { Rule::Refuses };
        subject.hold(indexed, pci.target.index.is_some(), "targetIndex", "target/@index")?;
        let fits = match model {
            PciModel::PciRoot => board.is_i440fx(),
            PciModel::PcieRoot => board.is_q35(),
            _ => {
                let hole = controller.pcihole64.is_some();
                subject.hold(Rule::Refuses, hole, "pcihole64", "pcihole64")?;
                true
            }
        };
        refuse_if(controller.pcihole64.is_some() && !fits, "pcihole64", || {
            format!("Setting the 64-bit PCI hole size is not supported for machine '{}'", board.machine)
        })?;
        subject.check_target()?;
        self.check_pci_hotplug(&subject)?;
        let reserves = matches!(model, PciModel::PcieRootPort | PciModel::PciBridge);
        let rule = if reserves { Rule::Takes } else { Rule::Refuses };
        subject.hold(
            rule,
            pci.target.mem_reserve.is_some_and(|size| size > 0),
            "memReserve",
            "target/@memReserve",
        )?;
        self.check_pci_device(&subject)
    }

    fn check_pci_hotplug(&self, subject: &Subject<'_>) -> Result<()> {
        if subject.pci.target.hotplug.is_none() {
            return Ok(());
        }
        let way = "target/@hotplug";
        let (flag, device) = match subject.model {
            PciModel::PciRoot => (Flag::Piix4AcpiRootPciHotplug, "pci-root"),
            PciModel::PcieRootPort | PciModel::PcieSwitchDownstreamPort => {
                (Flag::PcieRootPortHotplug, subject.name())
            }
            _ => return Err(subject.invalid("hotplug").within(way)),
        };
        refuse_if(!self.has(flag), way, || {
            format!(
                "setting the 'hotplug' property on a '{device}' device is not supported by this QEMU binary"
            )
        })
    }

    /// Whether this binary has the device.
    fn check_pci_device(&self, subject: &Subject<'_>) -> Result<()> {
        let Some(name) = subject.pci.name else { return Ok(()) };
        let flag = match name {
            PciModelName::PciBridge => Flag::PciBridge,
            PciModelName::I82801b11Bridge => Flag::DmiToPciBridge,
            PciModelName::Ioh3420 => Flag::Ioh3420,
            PciModelName::X3130Upstream => Flag::X3130Upstream,
            PciModelName::Xio3130Downstream => Flag::Xio3130Downstream,
            PciModelName::Pxb => Flag::Pxb,
            PciModelName::PxbPcie => Flag::PxbPcie,
            PciModelName::PcieRootPort => Flag::PcieRootPort,
            PciModelName::SpaprPciHostBridge => Flag::SpaprPciHostBridge,
            PciModelName::PciePciBridge => Flag::PciePciBridge,
        };
        refuse_if(!self.has(flag), "model/@name", || {
            format!("The '{name}' device is not supported by this QEMU binary")
        })?;
        let node = subject.spapr && subject.pci.target.node.is_some();
        refuse_if(self.lacks(node, Flag::SpaprPciHostBridgeNumaNode), "target/node", || {
            format!("Option 'numaNode' is not supported by '{name}' device with this QEMU binary")
        })
    }
}

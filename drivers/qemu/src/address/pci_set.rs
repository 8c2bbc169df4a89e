//! Which PCI slots of a guest are taken, and where the next device goes.

use bitflags::bitflags;
use virt_conf::model::{PciModel, PciSlot};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

bitflags! {
    /// What a device needs of a bus, or a bus offers to devices.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) struct Connect: u32 {
        /// Buses that devices are put on without being asked for: those where they could also be plugged in later.
        const HOTPLUG = 1;
        /// A slot shared with other functions of the same kind.
        const AGGREGATE = 1 << 1;
        /// Integrated into the root complex.
        const INTEGRATED = 1 << 2;
        /// Conventional endpoints.
        const PCI_DEVICE = 1 << 8;
        /// Express endpoints.
        const PCIE_DEVICE = 1 << 9;
        /// Root ports.
        const ROOT_PORT = 1 << 10;
        /// Upper sides of switches.
        const UPSTREAM_PORT = 1 << 11;
        /// Lower sides of switches.
        const DOWNSTREAM_PORT = 1 << 12;
        /// Conventional buses behind an integrated Express endpoint.
        const DMI_TO_PCI = 1 << 13;
        /// Conventional roots beside the first.
        const EXPANDER = 1 << 14;
        /// Express roots beside the first.
        const PCIE_EXPANDER = 1 << 15;
        /// Conventional buses behind a conventional slot.
        const PCI_BRIDGE = 1 << 16;
        /// Conventional buses behind an Express slot.
        const PCIE_TO_PCI = 1 << 17;

        /// Everything that ends a path.
        const ENDPOINT = Self::PCI_DEVICE.bits() | Self::PCIE_DEVICE.bits();
        /// The kinds of plug.
        const TYPES = !0xff;
    }
}

impl Connect {
    /// What a bridge of kind `model` needs of the bus above it; nothing for roots.
    pub(crate) fn of_bridge(model: PciModel) -> Self {
        match model {
            PciModel::PciRoot | PciModel::PcieRoot => Self::empty(),
            PciModel::PciBridge => Self::PCI_BRIDGE,
            PciModel::DmiToPciBridge => Self::DMI_TO_PCI,
            PciModel::PcieToPciBridge => Self::PCIE_TO_PCI,
            PciModel::PcieRootPort => Self::ROOT_PORT,
            PciModel::PcieSwitchUpstreamPort => Self::UPSTREAM_PORT,
            PciModel::PcieSwitchDownstreamPort => Self::DOWNSTREAM_PORT,
            PciModel::PciExpanderBus => Self::EXPANDER,
            PciModel::PcieExpanderBus => Self::PCIE_EXPANDER,
        }
    }

    /// The bridge that has these needs, if it is one that only special buses take.
    fn bridge(self) -> Option<PciModel> {
        let special = [
            PciModel::PcieRootPort,
            PciModel::PcieSwitchDownstreamPort,
            PciModel::DmiToPciBridge,
            PciModel::PciExpanderBus,
            PciModel::PcieExpanderBus,
        ];
        special.into_iter().find(|model| self.contains(Self::of_bridge(*model)))
    }

    /// How libvirt calls what the device asks for.
    fn wanted(self) -> &'static str {
        match () {
            () if self.contains(Self::PCI_DEVICE) => "standard PCI device",
            () if self.contains(Self::PCIE_DEVICE) => "PCI Express device",
            () if self.contains(Self::ROOT_PORT) => "pcie-root-port",
            () if self.contains(Self::UPSTREAM_PORT) => "pci-switch-upstream-port",
            () if self.contains(Self::DOWNSTREAM_PORT) => "pci-switch-downstream-port",
            () if self.contains(Self::DMI_TO_PCI) => "dmi-to-pci-bridge",
            () if self.contains(Self::PCIE_TO_PCI) => "pcie-to-pci-bridge",
            () if self.contains(Self::EXPANDER) => "pci-expander-bus",
            () if self.contains(Self::PCIE_EXPANDER) => "pcie-expander-bus",
            () => "pci-bridge",
        }
    }
}

/// Whether the guest's root lets devices be grouped by isolation, and by which number; 0 is "none".
pub(crate) type IsolationGroup = u32;

/// One bus.
#[derive(Clone, Debug)]
pub(crate) struct Bus {
    /// The bridge it is behind; `None` until a controller for it is known.
    pub model: PciModel,
    offers: Connect,
    first_slot: u32,
    last_slot: u32,
    /// Functions in use, a byte a slot.
    functions: [u8; 32],
    /// Per slot, whether only aggregating devices share it.
    aggregate: u32,
    /// Only devices of this group may join.
    pub isolation_group: IsolationGroup,
    /// Whether the group is fixed.
    pub isolation_locked: bool,
}

impl Bus {
    pub(crate) fn new(model: PciModel) -> Self {
        use Connect as C;
        let (offers, first_slot, last_slot) = match model {
            PciModel::PciRoot => (C::HOTPLUG | C::PCI_DEVICE | C::PCI_BRIDGE | C::EXPANDER, 1, 31),
            PciModel::PciBridge => (C::HOTPLUG | C::PCI_DEVICE | C::PCI_BRIDGE, 1, 31),
            PciModel::PciExpanderBus => (C::HOTPLUG | C::PCI_DEVICE | C::PCI_BRIDGE, 0, 31),
            PciModel::PcieRoot => {
                (C::PCIE_DEVICE | C::ROOT_PORT | C::DMI_TO_PCI | C::PCIE_EXPANDER | C::INTEGRATED, 1, 31)
            }
            PciModel::DmiToPciBridge => (C::PCI_DEVICE | C::PCI_BRIDGE, 0, 31),
            PciModel::PcieToPciBridge => (C::HOTPLUG | C::PCI_DEVICE | C::PCI_BRIDGE, 1, 31),
            PciModel::PcieRootPort | PciModel::PcieSwitchDownstreamPort => {
                (C::HOTPLUG | C::PCIE_DEVICE | C::UPSTREAM_PORT | C::PCIE_TO_PCI, 0, 0)
            }
            PciModel::PcieSwitchUpstreamPort => (C::DOWNSTREAM_PORT, 0, 31),
            PciModel::PcieExpanderBus => (C::ROOT_PORT | C::DMI_TO_PCI, 0, 31),
        };
        Self {
            model,
            offers,
            first_slot,
            last_slot,
            functions: [0; 32],
            aggregate: 0,
            isolation_group: 0,
            isolation_locked: false,
        }
    }

    /// Whether no slot is free.
    pub(crate) fn is_full(&self) -> bool {
        (self.first_slot..=self.last_slot).all(|slot| self.functions[slot as usize] != 0)
    }

    fn is_empty(&self) -> bool {
        self.functions.iter().all(|used| *used == 0)
    }
}

/// The slots of all buses of a guest.
#[derive(Clone, Debug)]
pub(crate) struct PciSlots {
    pub buses: Vec<Bus>,
    /// Buses are added where they do not suffice.
    pub may_grow: bool,
    /// Several conventional roots, as pSeries has.
    pub multiple_roots: bool,
    /// Whether QEMU has the generic Express to PCI bridge.
    pub has_pcie_to_pci: bool,
}

fn refuse(detail: String) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN, detail)
}

fn internal(detail: String) -> Error {
    Error::internal(ErrorDomain::DOMAIN, detail)
}

/// `0000:00:02.0`, as libvirt writes it.
pub(crate) fn spell(at: PciSlot) -> String {
    format!("{:04x}:{:02x}:{:02x}.{}", at.domain, at.bus, at.slot, at.function)
}

impl PciSlots {
    /// Whether `slot` as a whole is unused.
    pub(crate) fn is_free_slot(&self, at: PciSlot) -> bool {
        self.buses.get(at.bus as usize).is_some_and(|bus| bus.functions[at.slot as usize & 31] == 0)
    }

    /// Whether the function is in use.
    pub(crate) fn is_used(&self, at: PciSlot) -> bool {
        self.buses
            .get(at.bus as usize)
            .is_some_and(|bus| bus.functions[at.slot as usize & 31] & (1 << (at.function & 7)) != 0)
    }

    fn check_flags(&self, at: PciSlot, needs: Connect, from_config: bool) -> Result<()> {
        let bus = &self.buses[at.bus as usize];
        let (mut offers, mut needs) = (bus.offers, needs);
        if from_config {
            // People may put a conventional device into an Express slot and the reverse, and do without hotplug.
            if offers.intersects(Connect::ENDPOINT) {
                offers |= Connect::ENDPOINT;
            }
            needs -= Connect::HOTPLUG;
            needs -= Connect::INTEGRATED;
        }
        if !(needs & offers).intersects(Connect::TYPES) {
            return Err(refuse(format!(
                "The device at PCI address {} cannot be plugged into the PCI controller with index='{}'. It requires a controller that accepts a {}.",
                spell(at),
                at.bus,
                needs.wanted(),
            )));
        }
        if needs.contains(Connect::HOTPLUG) && !offers.contains(Connect::HOTPLUG) {
            return Err(refuse(format!(
                "The device at PCI address {} requires hotplug capability, but the PCI controller with index='{}' doesn't support hotplug",
                spell(at),
                at.bus,
            )));
        }
        Ok(())
    }

    /// Whether `at` names a place that exists; with `needs`, also whether such a device fits there.
    fn validate(&self, at: PciSlot, needs: Connect, from_config: bool) -> Result<()> {
        let shown = spell(at);
        if self.buses.is_empty() {
            return Err(refuse("No PCI buses available".to_owned()));
        }
        if at.domain != 0 {
            return Err(refuse(format!("Invalid PCI address {shown}. Only PCI domain 0 is available")));
        }
        if at.bus as usize >= self.buses.len() {
            return Err(refuse(format!(
                "Invalid PCI address {shown}. Only PCI buses up to {} are available",
                self.buses.len() - 1
            )));
        }
        self.check_flags(at, needs, from_config)?;
        let bus = &self.buses[at.bus as usize];
        if at.slot < bus.first_slot {
            return Err(refuse(format!("Invalid PCI address {shown}. slot must be >= {}", bus.first_slot)));
        }
        if at.slot > bus.last_slot {
            return Err(refuse(format!("Invalid PCI address {shown}. slot must be <= {}", bus.last_slot)));
        }
        if at.function > 7 {
            return Err(refuse(format!("Invalid PCI address {shown}. function must be <= 7")));
        }
        Ok(())
    }

    /// Takes the function at `at`.
    pub(crate) fn reserve(
        &mut self,
        at: PciSlot,
        needs: Connect,
        group: IsolationGroup,
        from_config: bool,
    ) -> Result<()> {
        if self.may_grow && at.bus as usize >= self.buses.len() {
            self.grow(at.bus as usize + 1 - self.buses.len(), needs)?;
        }
        self.validate(at, needs, from_config)?;
        let bus = &mut self.buses[at.bus as usize];
        let slot = at.slot as usize;
        let bit = 1 << at.function;
        if bus.functions[slot] & bit != 0 {
            return Err(refuse(format!("Attempted double use of PCI Address {}", spell(at))));
        }
        if bus.functions[slot] == 0 && needs.contains(Connect::AGGREGATE) {
            bus.aggregate |= 1 << slot;
        }
        if bus.is_empty() && !bus.isolation_locked {
            bus.isolation_group = group;
        } else if from_config && bus.isolation_group != group {
            // Whoever puts devices of several groups on one bus has given up on keeping them apart.
            bus.isolation_group = 0;
        }
        bus.functions[slot] |= bit;
        Ok(())
    }

    /// A free place for a device that needs `needs`; `function` `None` asks for a slot of its own.
    pub(crate) fn reserve_next(
        &mut self,
        needs: Connect,
        group: IsolationGroup,
        function: Option<u32>,
    ) -> Result<PciSlot> {
        let at = self.find_next(needs, group, function)?;
        self.reserve(at, needs, group, false)?;
        Ok(at)
    }

    fn find_next(&mut self, needs: Connect, group: IsolationGroup, function: Option<u32>) -> Result<PciSlot> {
        if self.buses.is_empty() {
            return Err(refuse("No PCI buses available".to_owned()));
        }
        // Without an empty function asked for, aggregating devices may share a slot, others start a new one.
        let function = function.unwrap_or(0);
        for (index, bus) in self.buses.iter().enumerate() {
            if bus.isolation_group != group {
                continue;
            }
            if let Some(found) = self.find_on_bus(index, needs, function) {
                return Ok(found);
            }
        }
        // A bus that nothing uses yet may change its group.
        for index in 0..self.buses.len() {
            let bus = &self.buses[index];
            if bus.isolation_locked || !bus.is_empty() {
                continue;
            }
            if let Some(found) = self.find_on_bus(index, needs, function) {
                self.buses[index].isolation_group = group;
                return Ok(found);
            }
        }
        if self.may_grow {
            let first_new = self.buses.len();
            self.grow(1, needs)?;
            for index in first_new..self.buses.len() {
                if let Some(found) = self.find_on_bus(index, needs, function) {
                    self.buses[index].isolation_group = group;
                    return Ok(found);
                }
            }
        }
        Err(internal("No more available PCI slots".to_owned()))
    }

    fn find_on_bus(&self, index: usize, needs: Connect, function: u32) -> Option<PciSlot> {
        let bus = &self.buses[index];
        let at = |slot, function| PciSlot { domain: 0, bus: index as u32, slot, function };
        if !(needs & bus.offers).intersects(Connect::TYPES)
            || (needs.contains(Connect::HOTPLUG) && !bus.offers.contains(Connect::HOTPLUG))
            || (needs.contains(Connect::INTEGRATED) && !bus.offers.contains(Connect::INTEGRATED))
        {
            return None;
        }
        for slot in bus.first_slot..=bus.last_slot {
            let used = bus.functions[slot as usize];
            if used == 0 {
                return Some(at(slot, function));
            }
            let shared = bus.aggregate & (1 << slot) != 0;
            if needs.contains(Connect::AGGREGATE)
                && shared
                && let Some(free) = (0..8).find(|function| used & (1 << function) == 0)
            {
                return Some(at(slot, free));
            }
        }
        None
    }

    /// Marks the slot of a device given by the user as one that others may share.
    pub(crate) fn set_aggregate(&mut self, at: PciSlot) {
        if let Some(bus) = self.buses.get_mut(at.bus as usize) {
            bus.aggregate |= 1 << (at.slot & 31);
        }
    }

    fn accepts(&self, needs: Connect) -> bool {
        self.buses.iter().any(|bus| bus.offers.intersects(needs & Connect::TYPES))
    }

    /// Adds `count` buses, the last of which takes a device that needs `needs`.
    fn grow(&mut self, count: usize, needs: Connect) -> Result<()> {
        let express = self.buses.first().is_some_and(|bus| bus.model == PciModel::PcieRoot);
        let mut below = None;
        let model = if needs.intersects(Connect::PCI_DEVICE | Connect::PCI_BRIDGE) {
            if self.multiple_roots {
                PciModel::PciRoot
            } else if express && self.has_pcie_to_pci {
                PciModel::PcieToPciBridge
            } else {
                if express && !self.accepts(Connect::PCI_BRIDGE) {
                    below = Some(PciModel::DmiToPciBridge);
                }
                PciModel::PciBridge
            }
        } else if needs.contains(Connect::INTEGRATED) {
            return Err(internal("No more available PCI slots".to_owned()));
        } else if needs.intersects(Connect::PCIE_DEVICE | Connect::UPSTREAM_PORT | Connect::PCIE_TO_PCI) {
            PciModel::PcieRootPort
        } else if let Some(model) = needs.bridge() {
            return Err(internal(format!(
                "a PCI slot is needed to connect a PCI controller model='{}', but none is available, and it cannot be automatically added",
                model.as_str()
            )));
        } else {
            return Err(internal(format!(
                "Cannot automatically add a new PCI bus for a device with connect flags {:02x}",
                needs.bits()
            )));
        };
        if model == PciModel::PcieToPciBridge {
            // The bridge sits in a port of its own.
            let mut port = Bus::new(PciModel::PcieRootPort);
            port.functions[0] = 1;
            self.buses.push(port);
        }
        self.buses.extend(below.map(Bus::new));
        for _ in 0..count {
            self.buses.push(Bus::new(model));
        }
        Ok(())
    }
}

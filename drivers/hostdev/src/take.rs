//! Taking devices: choosing, checking, planning, and doing all of it or nothing.

use std::collections::BTreeSet;

use virt_core::driver::{Error, ErrorCode, ErrorDomain, Result};
use virt_core::sriov::{
    ANY_VFIO, Held, Plan, PlannedStep, Pool, Prepared, PreparedDevice, Request, Selection, Settings, VERSION,
    Wish,
};
use virt_util::journal::{Journal, Step as _};
use virt_util::lock::Lock;
use virt_util::netlink::{VfAttribute, VfInfo};
use virt_util::owner::Owner;
use virt_util::pci::{Header, PciAddress, PciDevice, VFIO};
use virt_util::wait::Wait;

use crate::engine::{Engine, owner, taken};
use crate::host::{Function, Host};
use crate::in_use;
use crate::step::Step;
use crate::turn::Turns;

/// A device that is ready, and not handed over yet.
struct Taken {
    device: PciAddress,
    journal: Journal<Step>,
}

impl Engine {
    /// Leases devices, sets them up and gives them to their drivers: all of them, or none.
    ///
    /// What processes that died left behind is put right first.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::OPERATION_INVALID`] when a device is somebody's or the host's; [`ErrorCode::CONFIG_UNSUPPORTED`] when
    /// the hardware cannot do what is asked; [`ErrorCode::OPERATION_TIMEOUT`]. Nothing is left of what was done.
    pub fn prepare(&self, request: &Request, wait: Wait<'_>) -> Result<Prepared> {
        let keeper = checked(request).and_then(|()| owner(&request.holder))?;
        self.recover_quietly();
        let mut host = self.context(wait);
        let mut ready: Vec<Taken> = Vec::new();
        let mut devices = Vec::new();
        for wish in &request.devices {
            let described = self.take(request, wish, &mut host, wait).and_then(|taken| {
                let device = taken.device;
                ready.push(taken);
                describe(&mut host, device)
            });
            if let Err(error) = described.map(|device| devices.push(device)) {
                self.give_up(ready, &mut host);
                return Err(error);
            }
        }
        let claimed = match self.claim(request, keeper, wait) {
            Ok(claimed) => claimed,
            Err(error) => {
                self.give_up(ready, &mut host);
                return Err(error);
            }
        };
        for taken in ready {
            taken.journal.hand_over(keeper)?;
            Turns::remember(&self.root, taken.device, true);
        }
        Ok(Prepared { version: VERSION, devices, claimed })
    }

    /// What [`Engine::prepare`] would do now; for a device that the holder has already, what [`Engine::apply`] would.
    ///
    /// # Errors
    ///
    /// As for [`Engine::prepare`], as far as they can be foreseen.
    pub fn plan(&self, request: &Request, wait: Wait<'_>) -> Result<Plan> {
        checked(request)?;
        let mut host = self.context(wait);
        let mut used = BTreeSet::new();
        let mut steps = Vec::new();
        for wish in &request.devices {
            let chosen = !matches!(wish.select, Selection::Address(_));
            let mut first = None;
            let candidates =
                self.candidates(&wish.select)?.into_iter().filter(|device| !used.contains(device));
            let planned = candidates.collect::<Vec<_>>().into_iter().find_map(|device| {
                match self.foresee(request, wish, device, &mut host) {
                    Ok(steps) => Some((device, steps)),
                    Err(error) => {
                        first.get_or_insert(error);
                        None
                    }
                }
            });
            let (device, planned) =
                planned.ok_or_else(|| first.unwrap_or_else(|| none_free(&wish.select)))?;
            used.insert(device);
            for step in planned {
                steps.push(PlannedStep {
                    device,
                    description: step.describe(),
                    step: serde_json::to_value(&step).unwrap_or_default(),
                    chosen,
                });
            }
        }
        Ok(Plan { version: VERSION, steps, claimed: self.foresee_claims(request)? })
    }

    /// Changes what is set on a device that `holder` has. It is undone with the lease, or by itself when it fails.
    ///
    /// # Errors
    ///
    /// As for [`Engine::prepare`]; when the holder does not have the device.
    pub fn apply(
        &self,
        device: PciAddress,
        holder: &str,
        settings: &Settings,
        wait: Wait<'_>,
    ) -> Result<PreparedDevice> {
        let _lock = self.lock(device, "setting it up", wait)?;
        let journals = self.journals_of(device)?;
        let held = self.held(device, &journals).ok_or_else(|| {
            let sentence = format!("PCI device {device} is not leased");
            Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NODEDEV, sentence)
                .hint(format!("lease it first: virtsh sriov lease {device}"))
        })?;
        if !held.holder.is(holder) || held.failure.is_some() {
            return Err(taken(device, &held));
        }
        let lease = journals.get(&0).and_then(|listed| listed.as_ref().ok()).and_then(|listed| listed.owner);
        let Some(keeper) = lease.filter(Owner::is_alive) else {
            let sentence = format!("the lease of PCI device {device} ended with its holder, {holder}");
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NODEDEV, sentence));
        };
        let mut host = self.context(wait);
        let (wish, found) = self.change(device, settings)?;
        let steps = changes(&mut host, &wish, &found)?.0;
        let number = journals.keys().max().map_or(0, |last| last + 1);
        let mut journal = self.begin(device, number, &format!("setting up {device} for {holder}"), wait)?;
        steps.into_iter().try_for_each(|step| journal.carry_out(step, &mut host))?;
        journal.hand_over(keeper)?;
        describe(&mut host, device)
    }

    /// The steps for one device; for one that the holder has, those of a change.
    fn foresee(
        &self,
        request: &Request,
        wish: &Wish,
        device: PciAddress,
        host: &mut Host,
    ) -> Result<Vec<Step>> {
        let held = self.held(device, &self.journals_of(device)?);
        let own = |held: &Held| held.holder.is_same(&request.holder) && held.failure.is_none();
        if held.as_ref().is_some_and(own) && matches!(wish.select, Selection::Address(_)) {
            let (wish, device) = self.change(device, &wish.settings)?;
            return Ok(changes(host, &wish, &device)?.0);
        }
        // What a dead holder left is put right before anything is done in earnest.
        let abandoned = held.as_ref().is_some_and(|held| !held.alive && held.failure.is_none());
        self.steps(request, wish, device, host, abandoned)
    }

    /// A device that is held, with what is to change about it: what a program drives stays with it.
    fn change(&self, device: PciAddress, settings: &Settings) -> Result<(Wish, PciDevice)> {
        let found = self.pci.device(device)?;
        let mut wish = Wish::new(Selection::Address(device)).with(settings.clone());
        wish.driver = if found.is_with_vfio()? { found.driver()? } else { None };
        Ok((wish, found))
    }

    /// What was taken for a request that cannot be fulfilled is given back.
    fn give_up(&self, ready: Vec<Taken>, host: &mut Host) {
        for taken in ready.into_iter().rev() {
            if let Err(error) = taken.journal.undo(host) {
                self.note(taken.device, Some(&error));
            }
        }
    }

    /// Takes one device: the one that is named, or the first that can be had.
    fn take(&self, request: &Request, wish: &Wish, host: &mut Host, wait: Wait<'_>) -> Result<Taken> {
        let purpose = format!("preparing it for {}", request.holder.name);
        if let Selection::Address(device) = wish.select {
            let lock = self.lock(device, &purpose, wait)?;
            // Whoever chooses it from a pool by its address, as networks do, chooses another the next time.
            return self.try_out(request, wish, device, lock, host, wait).map_err(Refusal::into_error);
        }
        let candidates = self.candidates(&wish.select)?;
        let mut first = None;
        let mut busy = Vec::new();
        for device in candidates {
            match self.lock(device, &purpose, Wait::NOT) {
                Err(_) => busy.push(device),
                Ok(lock) => match self.try_out(request, wish, device, lock, host, wait) {
                    Ok(taken) => return Ok(taken),
                    Err(Refusal::Final(error)) => return Err(error),
                    Err(Refusal::This(error)) => drop(first.get_or_insert(error)),
                },
            }
        }
        // Somebody is at work on these just now, and may be giving one back.
        for device in busy {
            let lock = self.lock(device, &purpose, wait)?;
            match self.try_out(request, wish, device, lock, host, wait) {
                Ok(taken) => return Ok(taken),
                Err(Refusal::Final(error)) => return Err(error),
                Err(Refusal::This(error)) => drop(first.get_or_insert(error)),
            }
        }
        Err(match first {
            Some(error) => {
                let none = none_free(&wish.select);
                let hint = format!("the first that was refused: {error}");
                none.hint(hint).caused_by(error)
            }
            None => none_free(&wish.select),
        })
    }

    /// Takes a device, and remembers when that goes wrong.
    fn try_out(
        &self,
        request: &Request,
        wish: &Wish,
        device: PciAddress,
        lock: Lock,
        host: &mut Host,
        wait: Wait<'_>,
    ) -> std::result::Result<Taken, Refusal> {
        self.set_up(request, wish, device, lock, host, wait).map_err(|error| match error.code() {
            // It is another's.
            ErrorCode::OPERATION_INVALID | ErrorCode::RESOURCE_BUSY | ErrorCode::NO_NODE_DEVICE => {
                Refusal::This(error)
            }
            // Its brothers cannot either.
            ErrorCode::CONFIG_UNSUPPORTED | ErrorCode::INVALID_ARG | ErrorCode::ACCESS_DENIED => {
                Refusal::Final(error)
            }
            _ if wait.expired() => Refusal::Final(error),
            _ => {
                Turns::remember(&self.root, device, false);
                Refusal::This(error)
            }
        })
    }

    fn set_up(
        &self,
        request: &Request,
        wish: &Wish,
        device: PciAddress,
        lock: Lock,
        host: &mut Host,
        wait: Wait<'_>,
    ) -> Result<Taken> {
        let steps = self.steps(request, wish, device, host, false)?;
        let purpose = format!("preparing {device} for {}", request.holder.name);
        let mut journal = self.begin(device, 0, &purpose, wait)?;
        steps.into_iter().try_for_each(|step| journal.carry_out(step, host))?;
        // The journal keeps others away from here on. To hold locks of several devices would be to wait for each other.
        drop(lock);
        Ok(Taken { device, journal })
    }

    /// What is to be done with one device, after everything that can be checked was.
    fn steps(
        &self,
        request: &Request,
        wish: &Wish,
        address: PciAddress,
        host: &mut Host,
        abandoned: bool,
    ) -> Result<Vec<Step>> {
        let journals = self.journals()?;
        let held = journals.get(&address).and_then(|journals| self.held(address, journals));
        if let Some(held) = held.filter(|_| !abandoned) {
            return Err(taken(address, &held));
        }
        let device = self.pci.device(address)?;
        if device.config()?.header().is_some_and(|header| header != Header::Endpoint) {
            return Err(not_assignable(address, "it is a bridge"));
        }
        let wish = &settled(wish, &device)?;
        let driver = device.driver()?;
        if wish.unmanaged && !device.is_with_vfio()? {
            // libvirt's sentence.
            let sentence = format!("Unmanaged PCI device {address} must be manually detached from the host");
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NODEDEV, sentence));
        }
        if !request.force {
            in_use::check(&self.pci, &device)?;
        }
        let wanted = if wish.unmanaged { driver.as_ref() } else { wish.driver.as_ref() };
        if wanted.is_some_and(|driver| is_vfio(driver)) {
            self.check_group(request, &device, &journals)?;
        }
        let (changes, before) = changes(host, wish, &device)?;
        let lease = Step::Lease { device: address, holder: request.holder.clone(), before };
        Ok(std::iter::once(lease).chain(changes).collect())
    }

    /// Whether the device can be handed over without its neighbours.
    fn check_group(
        &self,
        request: &Request,
        device: &PciDevice,
        journals: &std::collections::BTreeMap<PciAddress, crate::engine::Journals>,
    ) -> Result<()> {
        let address = device.address();
        let Some(group) = device.iommu_group()? else {
            // libvirt's sentence.
            let sentence = "host doesn't support passthrough of host PCI devices";
            return Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NODEDEV, sentence).hint(
                "switch the IOMMU on, in the firmware and with intel_iommu=on on the kernel's command line",
            ));
        };
        for neighbour in group.devices.iter().filter(|neighbour| **neighbour != address) {
            let held = journals.get(neighbour).and_then(|journals| self.held(*neighbour, journals));
            if let Some(held) = held.filter(|held| !held.holder.is_same(&request.holder)) {
                return Err(taken(*neighbour, &held)
                    .hint(format!("{address} and {neighbour} are both in IOMMU group {}", group.number)));
            }
        }
        let wanted = |other: PciAddress| {
            request
                .devices
                .iter()
                .any(|wish| wish.select == Selection::Address(other) && wish.driver.is_some())
        };
        let obstacles = device.obstacles()?;
        match obstacles.iter().find(|obstacle| !wanted(obstacle.address)) {
            None => Ok(()),
            Some(obstacle) => Err(not_assignable(
                address,
                &format!(
                    "{} in the same IOMMU group, {}, is bound to {}",
                    obstacle.address, group.number, obstacle.driver
                ),
            )),
        }
    }

    /// The devices that fit, those that are to be tried first in front.
    fn candidates(&self, select: &Selection) -> Result<Vec<PciAddress>> {
        let devices = match select {
            Selection::Address(address) => return Ok(vec![*address]),
            Selection::Any { of } => self.children(of)?,
            Selection::Like { vendor, product } => {
                let mut found = Vec::new();
                for device in self.pci.devices()? {
                    let identity = device.identity()?;
                    let alike = identity.vendor == *vendor && identity.product == *product;
                    if alike && device.physical_function()?.is_some() {
                        found.push(device.address());
                    }
                }
                found
            }
            Selection::Pool(Pool { physical_functions, addresses }) => {
                let mut found = addresses.clone();
                for parent in physical_functions {
                    found.extend(self.children(parent)?);
                }
                found
            }
        };
        if devices.is_empty() {
            return Err(none_free(select));
        }
        Ok(Turns::read(&self.root).order(devices))
    }

    /// The virtual functions of a physical one, which is named by its address or its network device.
    fn children(&self, parent: &str) -> Result<Vec<PciAddress>> {
        let address = match parent.parse() {
            Ok(address) => address,
            Err(_) => self.behind(parent)?,
        };
        let children = self.pci.device(address)?.virtual_functions()?;
        Ok(children.into_iter().map(|child| child.address).collect())
    }

    /// The PCI function behind a network device of this namespace.
    fn behind(&self, name: &str) -> Result<PciAddress> {
        for device in self.pci.devices()? {
            if device.ports()?.iter().any(|port| port.netdev == name) {
                return Ok(device.address());
            }
        }
        let sentence = format!("no network device '{name}' of a PCI device");
        Err(Error::new(ErrorCode::NO_NODE_DEVICE, ErrorDomain::NODEDEV, sentence).hint(
            "name the physical function by its PCI address where its network device is renamed or elsewhere",
        ))
    }
}

/// A virtual function, and what was set on it; nothing for what is none.
type Before = Option<(Function, VfInfo)>;

/// Why a device that was chosen is not taken.
enum Refusal {
    /// Another may do.
    This(Error),
    /// No other would.
    Final(Error),
}

impl Refusal {
    fn into_error(self) -> Error {
        match self {
            Self::This(error) | Self::Final(error) => error,
        }
    }
}

/// What is known of a device that is ready.
fn describe(host: &mut Host, address: PciAddress) -> Result<PreparedDevice> {
    let device = host.pci().device(address)?;
    let found = host.function_and_info(address).ok().flatten();
    Ok(PreparedDevice {
        address,
        driver: device.driver()?,
        iommu_group: device.iommu_group()?.map(|group| group.number),
        settings: found.map(|(_, info)| info),
    })
}

/// A wish whose driver is known: [`ANY_VFIO`] stands for the one that knows most of the device.
fn settled(wish: &Wish, device: &PciDevice) -> Result<Wish> {
    let mut wish = wish.clone();
    if wish.driver.as_deref() == Some(ANY_VFIO) {
        wish.driver = Some(device.variant_driver()?);
    }
    Ok(wish)
}

/// The steps that set a device up, and what it is before.
fn changes(host: &mut Host, wish: &Wish, device: &PciDevice) -> Result<(Vec<Step>, Before)> {
    let address = device.address();
    let before = function_of(host, wish, device)?;
    let mut settings = Vec::new();
    if let Some((function, info)) = &before {
        for attribute in wish.settings.attributes(info)? {
            let kind = attribute.kind();
            let before = info.get(kind).ok_or_else(|| host.untold(function, kind))?;
            if before != attribute {
                settings.push(Step::Set { function: function.clone(), attribute, before });
            }
        }
        let profile = wish.settings.port_profile.clone();
        settings.extend(profile.map(|profile| Step::Associate { function: function.clone(), profile }));
    }
    let driver = device.driver()?;
    let moves = |step: &Step| matches!(step, Step::Set { attribute: VfAttribute::Mac(_), .. });
    let to = match &wish.driver {
        _ if wish.unmanaged => None,
        Some(wanted) => Some(wanted.clone()).filter(|wanted| driver.as_ref() != Some(wanted)),
        // The host's driver reads the address when it gets the device.
        None => driver.clone().filter(|_| settings.iter().any(moves)),
    };
    let mut steps = Vec::new();
    if let Some(to) = &to {
        let mut ports = device.ports()?;
        let netdev = if ports.len() == 1 { ports.pop().map(|port| port.netdev) } else { None };
        let driver_override = device.driver_override()?;
        steps.push(Step::Detach { device: address, driver, driver_override, netdev, to: to.clone() });
    }
    if wish.reset {
        steps.push(Step::Reset { device: address });
    }
    steps.extend(settings);
    steps.extend(to.map(|driver| Step::Attach { device: address, driver }));
    Ok((steps, before))
}

/// The virtual function and what is set on it; nothing where it need not be known.
fn function_of(host: &mut Host, wish: &Wish, device: &PciDevice) -> Result<Before> {
    let needed = !wish.settings.is_empty();
    match host.function_and_info(device.address()) {
        // libvirt's sentence.
        Ok(None) if needed => {
            let sentence = "Interface type hostdev is currently supported on SR-IOV Virtual Functions only";
            Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NODEDEV, sentence)
                .hint(format!("{} is none; hand it over as a plain <hostdev>", device.address())))
        }
        // Not every virtual function is a network device's.
        Err(error) if !needed => {
            log::debug!("{error}");
            Ok(None)
        }
        other => other,
    }
}

fn is_vfio(driver: &str) -> bool {
    driver == VFIO || driver.contains("vfio")
}

fn checked(request: &Request) -> Result<()> {
    if request.holder.name.is_empty() || request.holder.name.contains('\0') {
        let sentence = "whoever wants host devices needs a name";
        return Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NODEDEV, sentence));
    }
    Ok(())
}

fn not_assignable(address: PciAddress, why: &str) -> Error {
    // libvirt's sentence.
    let sentence = format!("PCI device {address} is not assignable");
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NODEDEV, sentence).hint(why)
}

fn none_free(select: &Selection) -> Error {
    let what = match select {
        Selection::Address(address) => format!("PCI device {address} is not free"),
        Selection::Any { of } => format!("no virtual function of {of} is free"),
        Selection::Like { vendor, product } => {
            format!("no virtual function of kind {vendor:04x}:{product:04x} is free")
        }
        Selection::Pool(_) => "no virtual function of the pool is free".to_owned(),
    };
    Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NODEDEV, what)
        .hint("virtsh sriov ls shows who has which; more of them come with sriov_numvfs")
}

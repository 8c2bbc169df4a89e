//! The host as steps act on it: PCI functions, and the network devices through which virtual ones are set up.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use virt_core::driver::{Error, ErrorCode, ErrorDomain, Result};
use virt_util::netlink::{
    Link, LinkEvents, MacAddress, Namespace, Netlink, PortProfile, PortRequest, VfAttribute, VfAttributeKind,
    VfInfo, namespaces,
};
use virt_util::pci::{Pci, PciAddress, PciDevice};
use virt_util::wait::Wait;

/// How long a card may be in a reset where the caller set no deadline, and when something is undone.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long between tries at most: few drivers tell that a reset is over.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What stands for "no address" where a driver takes no zeroes: the plainest locally administered one.
const PLACEHOLDER: MacAddress = MacAddress([2, 0, 0, 0, 0, 0]);

/// The host, during one undertaking.
pub(crate) struct Host {
    pci: Pci,
    deadline: Option<Instant>,
    uplinks: Vec<Uplink>,
    blocked: BTreeSet<PciAddress>,
}

/// A virtual function, by what stays when names change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Function {
    /// Where it is.
    pub(crate) address: PciAddress,
    /// Where its physical function is.
    pub(crate) parent: PciAddress,
    /// The address that the port's hardware came with: another card in the same place has another.
    pub(crate) parent_mac: Option<MacAddress>,
    /// Its number on its physical function.
    pub(crate) index: u32,
}

/// The network device of a port of a physical function.
#[derive(Debug)]
pub(crate) struct Uplink {
    /// The function.
    pub(crate) address: PciAddress,
    /// What it is now.
    pub(crate) link: Link,
    /// Where it is.
    pub(crate) namespace: Namespace,
    /// Whether that is where we are.
    pub(crate) ours: bool,
    /// A socket there.
    pub(crate) netlink: Netlink,
}

impl Host {
    pub(crate) fn new(pci: Pci, deadline: Option<Instant>) -> Self {
        Self { pci, deadline, uplinks: Vec::new(), blocked: BTreeSet::new() }
    }

    pub(crate) fn pci(&self) -> &Pci {
        &self.pci
    }

    /// A device, if it is still there.
    pub(crate) fn existing(&self, address: PciAddress) -> Option<PciDevice> {
        self.pci.device(address).ok()
    }

    /// Nothing more of this device is undone: a program uses it.
    pub(crate) fn block(&mut self, address: PciAddress) {
        self.blocked.insert(address);
    }

    /// Refuses what concerns a device that a program uses.
    pub(crate) fn check_free(&self, address: PciAddress) -> Result<()> {
        if !self.blocked.contains(&address) {
            return Ok(());
        }
        let sentence = format!("PCI device {address} is left as it is while a program uses it");
        Err(Error::new(ErrorCode::RESOURCE_BUSY, ErrorDomain::NODEDEV, sentence))
    }

    /// Until when something may be tried that began by the caller's wish.
    fn until(&self) -> Wait<'static> {
        match self.deadline {
            Some(deadline) => Wait::until(deadline),
            None => Wait::at_most(PATIENCE),
        }
    }

    /// The virtual function at an address; nothing when what is there is none.
    ///
    /// # Errors
    ///
    /// When nothing is there; when its physical function has no network device, or several and none is its port.
    fn function(&mut self, address: PciAddress) -> Result<Option<Function>> {
        let device = self.pci.device(address)?;
        let Some(parent) = device.physical_function()? else { return Ok(None) };
        let index = device.index()?;
        let uplinks = netdevs_of(&self.pci, parent)?;
        let ports = device.ports()?;
        let port = ports.first().and_then(|port| port.phys_port_id.as_deref());
        let chosen = match uplinks.as_slice() {
            [] => return Err(no_uplink(parent)),
            [only] => only,
            several => {
                let same = |uplink: &&Uplink| port.is_some() && uplink.link.phys_port_id.as_deref() == port;
                several.iter().find(same).ok_or_else(|| ambiguous(address, parent, several))?
            }
        };
        let parent_mac = chosen.link.permanent_mac;
        self.uplinks.retain(|uplink| uplink.address != parent);
        self.uplinks.extend(uplinks);
        Ok(Some(Function { address, parent, parent_mac, index }))
    }

    /// Whether a virtual function is still what it was.
    pub(crate) fn is_there(&self, function: &Function) -> bool {
        let child = self.existing(function.parent).map(|parent| parent.virtual_function(function.index));
        matches!(child, Some(Ok(Some(address))) if address == function.address)
    }

    /// The network device through which a virtual function is set up, whatever it is called and wherever it is now.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NO_NODE_DEVICE`] when another card is in its place; when it has none that can be seen.
    pub(crate) fn uplink(&mut self, function: &Function) -> Result<&mut Uplink> {
        // One that was found before may have gone, or have been moved away.
        if let Some(uplink) = self.known_uplink(function)
            && (uplink.refresh().is_err() || !uplink.is_of(function))
        {
            self.uplinks.retain(|uplink| uplink.address != function.parent);
        }
        self.found_uplink(function)
    }

    /// As [`Host::uplink`], without looking again at one that was found before: whoever asks it for something sees that it
    /// has gone.
    fn found_uplink(&mut self, function: &Function) -> Result<&mut Uplink> {
        if self.known_uplink(function).is_none() {
            let found = netdevs_of(&self.pci, function.parent)?;
            if found.is_empty() {
                return Err(no_uplink(function.parent));
            }
            if !found.iter().any(|uplink| uplink.is_of(function)) {
                return Err(replaced(function, &found));
            }
            self.uplinks.extend(found);
        }
        self.known_uplink(function).ok_or_else(|| no_uplink(function.parent))
    }

    fn known_uplink(&mut self, function: &Function) -> Option<&mut Uplink> {
        self.uplinks.iter_mut().find(|uplink| uplink.is_of(function))
    }

    /// What is set on a virtual function.
    ///
    /// # Errors
    ///
    /// As for [`Host::uplink`]; when the driver does not tell.
    pub(crate) fn info(&mut self, function: &Function) -> Result<VfInfo> {
        self.uplink(function)?;
        self.told(function)
    }

    /// A virtual function and what is set on it; nothing when what is at the address is none.
    ///
    /// # Errors
    ///
    /// As for [`Host::function`] and [`Host::info`].
    pub(crate) fn function_and_info(&mut self, address: PciAddress) -> Result<Option<(Function, VfInfo)>> {
        let Some(function) = self.function(address)? else { return Ok(None) };
        let info = self.told(&function)?;
        Ok(Some((function, info)))
    }

    /// What its physical function said when it was last asked.
    fn told(&mut self, function: &Function) -> Result<VfInfo> {
        let uplink = self.found_uplink(function)?;
        if let Some(info) = uplink.link.vfs.iter().find(|info| info.index == function.index) {
            return Ok(*info);
        }
        let name = uplink.link.name.clone();
        let sentence = format!(
            "{name} ({}, driver {}) does not tell what is set on virtual function {}",
            function.parent,
            self.driver_of(function.parent),
            function.index
        );
        Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NODEDEV, sentence))
    }

    /// Makes one setting, and reads it back.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::CONFIG_UNSUPPORTED`] naming the setting, the physical function and its driver when the hardware refuses;
    /// [`ErrorCode::OPERATION_FAILED`] when it says yes and does something else.
    pub(crate) fn set(&mut self, function: &Function, attribute: VfAttribute) -> Result<()> {
        let wait = self.until();
        let mut set = self.found_uplink(function)?.set(function.index, attribute, wait);
        if set.as_ref().is_err_and(|error| error.errno() == Some(Errno::ENODEV)) {
            set = self.uplink(function)?.set(function.index, attribute, wait);
        }
        if let Err(error) = set {
            let name = self.found_uplink(function)?.link.name.clone();
            let about = format!(
                "{attribute} for virtual function {} of {name} ({}, driver {})",
                function.index,
                function.parent,
                self.driver_of(function.parent)
            );
            return Err(refusal(&about, error));
        }
        let kind = attribute.kind();
        let now = self.info(function)?.get(kind);
        if now == Some(attribute) {
            return Ok(());
        }
        let now = now.map_or_else(|| format!("no {kind}"), |now| now.to_string());
        let sentence = format!(
            "driver {} of {} took {attribute} for virtual function {}, and reports {now}",
            self.driver_of(function.parent),
            function.parent,
            function.index
        );
        Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NODEDEV, sentence))
    }

    /// What is set on a function now; nothing when it is no more.
    ///
    /// # Errors
    ///
    /// As for [`Host::info`].
    pub(crate) fn info_if_there(&mut self, function: &Function) -> Result<Option<VfInfo>> {
        self.gone_or(function, Self::info)
    }

    /// Makes one setting what it was, and sees that it is. A function that is no more needs nothing.
    ///
    /// # Errors
    ///
    /// When it may not be what it was.
    pub(crate) fn restore(&mut self, function: &Function, before: VfAttribute) -> Result<()> {
        self.check_free(function.address)?;
        // What is undone has the time that it needs, whatever the patience of who began it.
        self.deadline = None;
        let kind = before.kind();
        let Some(now) = self.info_if_there(function)? else { return Ok(()) };
        let now = now.get(kind);
        let unset = matches!(before, VfAttribute::Mac(mac) if mac.is_zero());
        if now == Some(before) || (unset && now == Some(VfAttribute::Mac(PLACEHOLDER))) {
            return Ok(());
        }
        match self.gone_or(function, |host, function| host.set(function, before)) {
            Err(error) if unset && error.code() == ErrorCode::CONFIG_UNSUPPORTED => {
                log::info!("{error}: it gets {PLACEHOLDER} instead");
                self.set(function, VfAttribute::Mac(PLACEHOLDER))
            }
            other => other.map(drop),
        }
    }

    /// Nothing when the function is no more, or goes meanwhile; what `work` comes to otherwise.
    fn gone_or<T>(
        &mut self,
        function: &Function,
        work: impl FnOnce(&mut Self, &Function) -> Result<T>,
    ) -> Result<Option<T>> {
        if !self.is_there(function) {
            log::info!("{} is gone: nothing to restore", function.address);
            return Ok(None);
        }
        match work(self, function) {
            Err(error) if error.code() == ErrorCode::NO_NODE_DEVICE || !self.is_there(function) => {
                log::warn!("{} is not what it was, nothing to restore: {error}", function.address);
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    fn driver_of(&self, address: PciAddress) -> String {
        let driver = self.existing(address).and_then(|device| device.driver().ok().flatten());
        driver.unwrap_or_else(|| "(none)".to_owned())
    }

    /// The driver's answer about settings that it does not have.
    pub(crate) fn untold(&self, function: &Function, kind: VfAttributeKind) -> Error {
        let driver = self.driver_of(function.parent);
        let sentence = format!(
            "driver {driver} of {} has no {kind} for virtual functions, or does not tell it",
            function.parent
        );
        Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NODEDEV, sentence)
            .hint("what cannot be read could be neither checked nor restored")
    }
}

impl Uplink {
    /// Whether a virtual function is set up through it.
    fn is_of(&self, function: &Function) -> bool {
        self.address == function.parent
            && (function.parent_mac.is_none() || self.link.permanent_mac == function.parent_mac)
    }

    /// Looks again what it is.
    fn refresh(&mut self) -> Result<()> {
        self.link = self.netlink.link(self.link.index, Wait::at_most(PATIENCE))?;
        if self.link.pci.is_some_and(|pci| pci != self.address) {
            return Err(no_uplink(self.address));
        }
        Ok(())
    }

    /// Makes one setting, again and again while the card is busy with itself.
    fn set(&mut self, vf: u32, attribute: VfAttribute, wait: Wait<'_>) -> Result<()> {
        let mut events = None;
        let mut pause = Duration::from_millis(5);
        loop {
            let answer = self.netlink.set_vf(self.link.index, vf, attribute, Wait::at_most(PATIENCE));
            let Err(error) = answer else { return Ok(()) };
            let busy = matches!(error.errno(), Some(Errno::EAGAIN | Errno::EBUSY));
            if !busy || wait.expired() {
                return Err(error);
            }
            if events.is_none() {
                events = Some(LinkEvents::open_in(self.namespace.as_fd())?);
            }
            let left = wait.deadline().map_or(pause, |at| at.saturating_duration_since(Instant::now()));
            if let Some(events) = &events {
                events.wait(Wait::at_most(pause.min(left)))?;
            }
            pause = (pause * 2).min(LOOK_AGAIN);
        }
    }

    /// Asks the switch behind it to do something with a virtual function's port.
    pub(crate) fn set_port(
        &mut self,
        vf: u32,
        profile: &PortProfile,
        request: PortRequest,
        wait: Wait<'_>,
    ) -> Result<()> {
        let events = LinkEvents::open_in(self.namespace.as_fd())?;
        self.netlink.set_port(&events, self.link.index, vf, profile, request, wait)
    }
}

/// The network devices of a physical function: here, or else in any network namespace that can be seen.
pub(crate) fn netdevs_of(pci: &Pci, address: PciAddress) -> Result<Vec<Uplink>> {
    for (place, namespace) in namespaces()?.enumerate() {
        let ours = place == 0;
        let found = open(&namespace, ours).and_then(|mut netlink| {
            let links =
                if ours { links_here(&mut netlink, pci, address) } else { links_of(&mut netlink, address) };
            Ok((links?, netlink))
        });
        match found {
            Ok((links, _)) if links.is_empty() => {}
            Ok((links, netlink)) => return uplinks(address, links, &namespace, ours, netlink),
            Err(error) if ours => return Err(error),
            // One that went meanwhile, or that we may not enter.
            Err(error) => log::debug!("{error}"),
        }
    }
    Ok(Vec::new())
}

fn open(namespace: &Namespace, ours: bool) -> Result<Netlink> {
    if ours { Netlink::open() } else { Netlink::open_in(namespace.as_fd()) }
}

/// Those in this thread's namespace. Before Linux 5.14 a network device does not say whose it is; sysfs does, and spares us
/// a list of all of them with their virtual functions.
fn links_here(netlink: &mut Netlink, pci: &Pci, address: PciAddress) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    for port in pci.device(address).and_then(|device| device.ports()).unwrap_or_default() {
        let index = pci.sysfs().number(format!("class/net/{}/ifindex", port.netdev))?;
        let Some(index) = index.and_then(|index| u32::try_from(index).ok()) else { continue };
        // The tree may be that of another namespace, where another device has the number.
        let is_its = |link: &Link| link.name == port.netdev && link.pci.is_none_or(|pci| pci == address);
        match netlink.link(index, Wait::at_most(PATIENCE)) {
            Ok(link) if is_its(&link) && !link.is_representor() => links.push(link),
            Ok(_) => {}
            Err(error) => log::debug!("{error}"),
        }
    }
    if links.is_empty() { links_of(netlink, address) } else { Ok(links) }
}

fn links_of(netlink: &mut Netlink, address: PciAddress) -> Result<Vec<Link>> {
    let mut links = netlink.links(Wait::at_most(PATIENCE))?;
    links.retain(|link| link.pci == Some(address) && !link.is_representor());
    Ok(links)
}

fn uplinks(
    address: PciAddress,
    links: Vec<Link>,
    namespace: &Namespace,
    ours: bool,
    netlink: Netlink,
) -> Result<Vec<Uplink>> {
    let mut first = Some(netlink);
    let uplink = |link| {
        let netlink = first.take().map_or_else(|| open(namespace, ours), Ok)?;
        Ok(Uplink { address, link, namespace: namespace.clone(), ours, netlink })
    };
    links.into_iter().map(uplink).collect()
}

fn no_uplink(parent: PciAddress) -> Error {
    let sentence =
        format!("physical function {parent} has no network device in any network namespace seen from here");
    Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NODEDEV, sentence)
        .hint("its driver is not loaded, or a container of another user has it")
}

fn ambiguous(address: PciAddress, parent: PciAddress, ports: &[Uplink]) -> Error {
    let names: Vec<_> = ports.iter().map(|uplink| uplink.link.name.as_str()).collect();
    let sentence = format!(
        "physical function {parent} has several ports ({}), and {address} does not tell which is its own",
        names.join(", ")
    );
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NODEDEV, sentence)
        .hint("let the host's driver have the virtual function: its network device tells")
}

fn replaced(function: &Function, found: &[Uplink]) -> Error {
    let wanted = function.parent_mac.map(|mac| mac.to_string()).unwrap_or_default();
    let found: Vec<_> =
        found.iter().filter_map(|it| it.link.permanent_mac).map(|mac| mac.to_string()).collect();
    let sentence =
        format!("{} has the permanent address {}, not {wanted}", function.parent, found.join(", "));
    Error::new(ErrorCode::NO_NODE_DEVICE, ErrorDomain::NODEDEV, sentence)
}

/// What the kernel's number says about a setting.
fn refusal(about: &str, error: Error) -> Error {
    const CANNOT: [Errno; 5] =
        [Errno::EOPNOTSUPP, Errno::EINVAL, Errno::EPROTONOSUPPORT, Errno::ERANGE, Errno::EADDRNOTAVAIL];
    let errno = error.errno();
    let (code, hint) = match errno {
        Some(errno) if CANNOT.contains(&errno) => (
            ErrorCode::CONFIG_UNSUPPORTED,
            "the hardware or its driver cannot do that; leave the setting out",
        ),
        Some(Errno::EPERM | Errno::EACCES) => (ErrorCode::ACCESS_DENIED, "it takes CAP_NET_ADMIN"),
        Some(Errno::EAGAIN | Errno::EBUSY) => (
            ErrorCode::OPERATION_TIMEOUT,
            "the card is being reset: see that its physical function is up, and try again",
        ),
        _ => (ErrorCode::OPERATION_FAILED, "the kernel's log may say more"),
    };
    let words = error.message().split_once(": ").map_or(error.message(), |(_, words)| words);
    // The driver's own words stand in the attempt.
    let own = error.message().split_once(" (").and_then(|(_, rest)| rest.rsplit_once("): "));
    let words = own.map_or_else(|| words.to_owned(), |(own, words)| format!("{words} ({own})"));
    Error::new(code, ErrorDomain::NODEDEV, format!("{about} was refused: {words}"))
        .hint(hint)
        .caused_by(error)
}

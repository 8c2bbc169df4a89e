//! Network interfaces: the host's end (`-netdev`) and the card.

use virt_conf::model::{
    DeviceInfo, Family, Interface, InterfaceBackendType, InterfaceDriver, InterfaceDriverName, InterfaceKind,
    SocketInterface, Switch, TeamingType, TxMode, VhostUserMode, VirtioModel,
};
use virt_util::Result;

use super::builder::{Builder, alias, internal, spelled, switch, unsupported};
use super::{Descriptor, Props};
use crate::caps::Flag;
use crate::model::{BootIndices, hostdev_of, virtio_net_model};

impl Builder<'_, '_> {
    /// All interfaces but those that are devices of the host.
    pub(crate) fn interfaces(&mut self, boot: &BootIndices) -> Result<()> {
        let domain = self.domain;
        for (position, interface) in domain.devices.interfaces.iter().enumerate() {
            if hostdev_of(interface).is_some() {
                continue;
            }
            self.interface(interface, boot.interface(position))?;
        }
        Ok(())
    }

    fn interface(&mut self, interface: &Interface, boot: Option<u32>) -> Result<()> {
        let name = alias(&interface.info)?.to_owned();
        let netdev = self.net_backend(interface, &name)?;
        self.netdev(&netdev.text("id", format!("host{name}")));
        self.zpci(&interface.info)?;
        let card = self.net_card(interface, &name, boot)?;
        self.device(&card);
        Ok(())
    }

    fn net_backend(&mut self, interface: &Interface, name: &str) -> Result<Props> {
        let netdev = |kind: &str| Props::new().text("type", kind);
        let is_passt = interface.backend.kind == Some(InterfaceBackendType::Passt);
        Ok(match &interface.kind {
            InterfaceKind::User(_) if is_passt => {
                let path =
                    format!("{}/{}-{name}.socket", self.launch.paths.passt, self.launch.paths.short_name);
                let mut props = netdev("stream")
                    .nested("addr", Props::new().text("type", "unix").text("path", path))
                    .flag("server", false);
                if self.has(Flag::NetdevStreamReconnectMiliseconds) {
                    props = props.number("reconnect-ms", 5000);
                } else if self.has(Flag::NetdevStreamReconnect) {
                    props = props.number("reconnect", 5);
                }
                props
            }
            InterfaceKind::User(_) => user_netdev(netdev("user"), interface),
            InterfaceKind::Ethernet(_)
            | InterfaceKind::Network(_)
            | InterfaceKind::Bridge(_)
            | InterfaceKind::Internal(_)
            | InterfaceKind::Direct(_) => self.tap_netdev(netdev("tap"), interface, name),
            InterfaceKind::Client(socket) => netdev("socket").text("connect", end(socket)),
            InterfaceKind::Server(socket) => netdev("socket").text("listen", end(socket)),
            InterfaceKind::Mcast(socket) => netdev("socket").text("mcast", end(socket)),
            InterfaceKind::Udp(socket) => {
                let local = socket.local.as_ref();
                let local = format!(
                    "{}:{}",
                    local.and_then(|local| local.address.as_deref()).unwrap_or_default(),
                    local.map_or(0, |local| local.port)
                );
                netdev("socket").text("udp", end(socket)).text("localaddr", local)
            }
            InterfaceKind::VhostUser(user) => {
                let chardev = format!("char{name}");
                if is_passt {
                    let path =
                        format!("{}/{}-{name}.socket", self.launch.paths.passt, self.launch.paths.short_name);
                    let reconnect = virt_conf::model::Reconnect { enabled: Some(true), timeout: Some(5) };
                    self.vhost_user_chardev(&chardev, &path, Some(&reconnect));
                } else {
                    let path = user.path.as_deref().unwrap_or_default();
                    if user.mode == Some(VhostUserMode::Server) {
                        self.socket_chardev(&chardev, path, true, None);
                    } else {
                        self.vhost_user_chardev(&chardev, path, user.reconnect.as_ref());
                    }
                }
                let queues = interface.driver.queues.unwrap_or(0);
                netdev("vhost-user")
                    .text("chardev", chardev)
                    .nonzero("queues", if queues > 1 { queues } else { 0 })
            }
            InterfaceKind::Vdpa(vdpa) => {
                let path = vdpa.dev.clone().unwrap_or_default();
                let device = Descriptor::VhostVdpa { alias: name.to_owned(), path };
                let opened = self.descriptor_set(vec![(device, format!("{name}-vdpa"))]);
                let queues = interface.driver.queues.unwrap_or(0);
                netdev("vhost-vdpa")
                    .text("vhostdev", opened)
                    .nonzero("queues", if queues > 1 { queues } else { 0 })
            }
            InterfaceKind::Null => return Err(unsupported("null network interfaces are not supported")),
            InterfaceKind::Hostdev(_) => return Err(internal("a device of the host has no netdev")),
            InterfaceKind::Vds(_) => return Err(unsupported("unsupported interface type 'vds'")),
        })
    }

    fn tap_netdev(&mut self, netdev: Props, interface: &Interface, name: &str) -> Props {
        let is_virtio = virtio_net_model(interface).is_some();
        let queues = if is_virtio { interface.driver.queues.unwrap_or(1).max(1) } else { 1 };
        let ethernet = matches!(interface.kind, InterfaceKind::Ethernet(_));
        let mut taps = Vec::new();
        for queue in 0..queues {
            taps.push(
                self.descriptor(Descriptor::Tap { alias: name.to_owned(), queue, ethernet }).to_string(),
            );
        }
        let wants_vhost = is_virtio && interface.driver.name != Some(InterfaceDriverName::Qemu);
        let mut vhosts = Vec::new();
        if wants_vhost && self.launch.descriptors.tap(name).vhost {
            for queue in 0..queues {
                let vhost = Descriptor::VhostNet { alias: name.to_owned(), queue };
                vhosts.push(self.descriptor(vhost).to_string());
            }
        }
        let many = queues > 1;
        let mut props = netdev.text(if many { "fds" } else { "fd" }, taps.join(":"));
        if !vhosts.is_empty() {
            props =
                props.flag("vhost", true).text(if many { "vhostfds" } else { "vhostfd" }, vhosts.join(":"));
        }
        match interface.sndbuf {
            Some(sndbuf) if !many => props.number("sndbuf", sndbuf),
            _ => props,
        }
    }

    fn net_card(&self, interface: &Interface, name: &str, boot: Option<u32>) -> Result<Props> {
        let info = &interface.info;
        let driver = &interface.driver;
        let mut props = if let Some(model) = virtio_net_model(interface) {
            let props = self.virtio_name("virtio-net", Some(model), info, Some(&driver.virtio))?;
            self.virtio_net_options(props, interface, info)
        } else {
            let model = interface.model.as_deref().unwrap_or("rtl8139");
            Props::device(model)
        };
        props = props.text("netdev", format!("host{name}"));
        props = props
            .text("id", name)
            .opt_text("mac", interface.mac.as_ref().map(|mac| spelled(&mac.address)))
            .opt_number("bootindex", boot)
            .opt_text("loadparm", self.loadparm(info));
        self.address(&mut props, info)?;
        Ok(rom(props, info))
    }

    fn virtio_net_options(&self, props: Props, interface: &Interface, info: &DeviceInfo) -> Props {
        let driver: &InterfaceDriver = &interface.driver;
        let tx = driver.txmode.map(|mode| match mode {
            TxMode::IoThread => "bh",
            TxMode::Timer => "timer",
        });
        let on = |value: Option<Switch>| switch(value);
        let queues = driver.queues.unwrap_or(0);
        let mut props = props
            .opt_text("tx", tx)
            .opt_flag("ioeventfd", on(driver.ioeventfd))
            .opt_flag("event_idx", on(driver.event_idx))
            .opt_flag("csum", on(driver.host.csum))
            .opt_flag("gso", on(driver.host.gso))
            .opt_flag("host_tso4", on(driver.host.tso4))
            .opt_flag("host_tso6", on(driver.host.tso6))
            .opt_flag("host_ecn", on(driver.host.ecn))
            .opt_flag("host_ufo", on(driver.host.ufo))
            .opt_flag("mrg_rxbuf", on(driver.host.mrg_rxbuf))
            .opt_flag("guest_csum", on(driver.guest.csum))
            .opt_flag("guest_tso4", on(driver.guest.tso4))
            .opt_flag("guest_tso6", on(driver.guest.tso6))
            .opt_flag("guest_ecn", on(driver.guest.ecn))
            .opt_flag("guest_ufo", on(driver.guest.ufo));
        if queues > 1 {
            props = props.flag("mq", true);
            if !matches!(info.address, Some(virt_conf::model::DeviceAddress::Ccw(_))) {
                // One for each queue's two directions, one for control, one for configuration.
                props = props.number("vectors", 2 * queues + 2);
            }
        }
        let persistent =
            interface.teaming.as_ref().is_some_and(|teaming| teaming.kind == TeamingType::Persistent);
        props
            .nonzero("rx_queue_size", driver.rx_queue_size.unwrap_or(0))
            .nonzero("tx_queue_size", driver.tx_queue_size.unwrap_or(0))
            .opt_flag("rss", on(driver.rss))
            .opt_flag("hash", on(driver.rss_hash_report))
            .nonzero("host_mtu", interface.mtu.unwrap_or(0))
            .flag_if("failover", persistent)
    }
}

/// Adds what a PCI device says about its option ROM.
pub(crate) fn rom(props: Props, info: &DeviceInfo) -> Props {
    if info.rom.enabled == Some(false) {
        return props.number("rombar", 0).text("romfile", "");
    }
    props
        .opt_number("rombar", switch(info.rom.bar).map(u32::from))
        .opt_text("romfile", info.rom.file.as_deref())
}

fn end(socket: &SocketInterface) -> String {
    format!("{}:{}", socket.address.as_deref().unwrap_or_default(), socket.port)
}

fn user_netdev(mut props: Props, interface: &Interface) -> Props {
    for ip in &interface.ips {
        if ip.family == Some(Family::Ipv6) || ip.address.is_ipv6() {
            props = props.text("ipv6-prefix", ip.address.to_string()).opt_number("ipv6-prefixlen", ip.prefix);
        } else {
            let prefix = ip.prefix.map(|prefix| format!("/{prefix}")).unwrap_or_default();
            props = props.text("net", format!("{}{prefix}", ip.address));
        }
    }
    props
}

/// The generation of virtio that a model's name says.
pub(crate) fn virtio_generation(model: &str) -> Option<VirtioModel> {
    match model {
        "virtio" => Some(VirtioModel::Virtio),
        "virtio-transitional" => Some(VirtioModel::Transitional),
        "virtio-non-transitional" => Some(VirtioModel::NonTransitional),
        _ => None,
    }
}

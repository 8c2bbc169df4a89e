//! Virtual networks.

use uuid::Uuid;

use crate::{abi_data, abi_enum, abi_flags};

abi_data! {
    /// Who a network is.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct NetworkIdentity as NetworkIdentityAbi {
        /// Its name, unique in its driver.
        pub name: String,
        /// Its UUID, unique everywhere.
        pub uuid: Uuid,
    }

    /// A network in a list.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct NetworkSummary as NetworkSummaryAbi {
        /// Unique in its driver, and what people call it.
        pub name: String,
        /// Unique everywhere, and never changes.
        pub uuid: Uuid,
        /// Whether it runs.
        pub active: bool,
        /// Whether it has a definition that outlives its run.
        pub persistent: bool,
        /// Whether it starts with the host.
        pub autostart: bool,
        /// The name of its bridge, where it has one.
        pub bridge: Option<String>,
    }

    /// An element of a network that is to be changed.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct NetworkChange as NetworkChangeAbi {
        /// How.
        pub command: NetworkCommand,
        /// What.
        pub section: NetworkPart,
        /// Of which `<ip>` element, counted from 0; -1: the one that serves DHCP, or the first.
        pub parent: i32,
        /// The element.
        pub xml: String,
    }

    /// An address that was handed out. (`virNetworkDHCPLease`)
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DhcpLease as DhcpLeaseAbi {
        /// The network's bridge.
        pub interface: String,
        /// When it ends: seconds since 1970; 0: never.
        pub expiry: i64,
        /// Whether it is an IPv6 address.
        pub ipv6: bool,
        /// The card's address, where the server knows it.
        pub mac: Option<String>,
        /// The number of the guest's interface, of IPv6 leases.
        pub iaid: Option<String>,
        /// What the server gave the guest, IPv4 or IPv6.
        pub address: String,
        /// The length of the network's prefix.
        pub prefix: u32,
        /// The guest's name, where it told one.
        pub hostname: Option<String>,
        /// The guest's identifier: the client's ID, or of IPv6 leases the DUID.
        pub client_id: Option<String>,
    }
}

abi_flags! {
    /// Which networks to list. Within a group the bits are alternatives; groups narrow each other; an empty group does not
    /// restrict. (`virConnectListAllNetworksFlags`)
    pub struct ListNetworks {
        /// Those that do not run.
        const INACTIVE = 1 << 0;
        /// Those that run.
        const ACTIVE = 1 << 1;
        /// Those with a definition that outlives their run.
        const PERSISTENT = 1 << 2;
        /// Those that vanish when they stop.
        const TRANSIENT = 1 << 3;
        /// Those that start with the host.
        const AUTOSTART = 1 << 4;
        /// Those that do not.
        const NO_AUTOSTART = 1 << 5;
    }

    /// How to define a network. (`virNetworkDefineFlags`)
    pub struct DefineNetwork {
        /// Refuse elements and attributes that no model knows.
        const VALIDATE = 1 << 0;
    }

    /// How to start a network from XML. (`virNetworkCreateFlags`)
    pub struct CreateNetwork {
        /// Refuse elements and attributes that no model knows.
        const VALIDATE = 1 << 0;
    }

    /// Which view of a network's XML. (`virNetworkXMLFlags`)
    pub struct NetworkXml {
        /// What the next start uses.
        const INACTIVE = 1 << 0;
    }

    /// How to make a port. (`virNetworkPortCreateFlags`)
    pub struct CreateNetworkPort {
        /// It is there as far as the host is concerned, and only forgotten: the plug in the XML is taken over.
        const RECLAIM = 1 << 0;
        /// Refuse elements and attributes that no model knows.
        const VALIDATE = 1 << 1;
    }
}

abi_enum! {
    /// How an element of a network is changed. (`virNetworkUpdateCommand`)
    pub enum NetworkCommand {
        /// Not at all.
        None = 0 "none",
        /// The one that is meant is replaced.
        Modify = 1 "modify",
        /// The one that is meant goes.
        Delete = 2 "delete",
        /// A new one comes after all others.
        AddLast = 3 "add-last",
        /// A new one comes before all others.
        AddFirst = 4 "add-first",
    }

    /// What of a network is changed. (`virNetworkUpdateSection`)
    pub enum NetworkPart {
        /// Nothing.
        None = 0 "none",
        /// The bridge; it cannot be changed.
        Bridge = 1 "bridge",
        /// The DNS domain; it cannot be changed.
        Domain = 2 "domain",
        /// An address of the host; it cannot be changed.
        Ip = 3 "ip",
        /// An address for one guest.
        IpDhcpHost = 4 "ip-dhcp-host",
        /// Addresses for anybody.
        IpDhcpRange = 5 "ip-dhcp-range",
        /// The way to the world; it cannot be changed.
        Forward = 6 "forward",
        /// A device of the host that traffic leaves through.
        ForwardInterface = 7 "forward-interface",
        /// The SR-IOV device whose functions are handed out; it cannot be changed.
        ForwardPf = 8 "forward-pf",
        /// A class of ports.
        PortGroup = 9 "portgroup",
        /// A name that is answered with an address.
        DnsHost = 10 "dns-host",
        /// A text.
        DnsTxt = 11 "dns-txt",
        /// A service.
        DnsSrv = 12 "dns-srv",
    }

    /// A kind of event of a network. (`virNetworkEventID`)
    pub enum NetworkEventKind {
        /// Defined, started, stopped ...
        Lifecycle = 0 "lifecycle",
        /// Its metadata changed.
        MetadataChange = 1 "metadata-change",
    }

    /// What happened in a network's life. (`virNetworkEventLifecycleType`)
    pub enum NetworkLifecycle {
        /// It has a (new) definition.
        Defined = 0 "Defined",
        /// Its definition is gone.
        Undefined = 1 "Undefined",
        /// It runs.
        Started = 2 "Started",
        /// It does not run any more.
        Stopped = 3 "Stopped",
    }
}

impl ListNetworks {
    /// Whether a list with this filter shows a network.
    ///
    /// ```
    /// # use plugins_abi::*;
    /// let lab = NetworkSummary {
    ///     name: "lab".to_owned(),
    ///     uuid: uuid::Uuid::nil(),
    ///     active: true,
    ///     persistent: true,
    ///     autostart: false,
    ///     bridge: None,
    /// };
    /// assert!(ListNetworks::empty().accepts(&lab));
    /// assert!((ListNetworks::ACTIVE | ListNetworks::INACTIVE | ListNetworks::PERSISTENT).accepts(&lab));
    /// assert!(!(ListNetworks::ACTIVE | ListNetworks::AUTOSTART).accepts(&lab));
    /// ```
    pub fn accepts(self, network: &NetworkSummary) -> bool {
        let pick = |holds: bool, yes: Self, no: Self| (yes | no, if holds { yes } else { no });
        let kinds = [
            pick(network.active, Self::ACTIVE, Self::INACTIVE),
            pick(network.persistent, Self::PERSISTENT, Self::TRANSIENT),
            pick(network.autostart, Self::AUTOSTART, Self::NO_AUTOSTART),
        ];
        kinds.into_iter().all(|(kind, own)| !self.intersects(kind) || self.contains(own))
    }
}

impl From<NetworkSummary> for NetworkIdentity {
    fn from(summary: NetworkSummary) -> Self {
        Self { name: summary.name, uuid: summary.uuid }
    }
}

//! Virtual networks, and the ports by which guests are plugged into them.

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::{TypedParameter, driver_api};

driver_api! {
    /// Virtual networks: the role `network`.
    pub trait Networks in networks {
        /// Those that `filter` asks for, with everything a list shows.
        #[api(read, "virConnectListAllNetworks", since "1.0")]
        fn list(&self, call: &Call, filter: ListNetworks) -> Vec<NetworkSummary>;
        /// The network of this name.
        #[api(read, "virNetworkLookupByName", since "1.0")]
        fn lookup_by_name(&self, call: &Call, name: String) -> NetworkIdentity;
        /// The network of this UUID.
        #[api(read, "virNetworkLookupByUUID", since "1.0")]
        fn lookup_by_uuid(&self, call: &Call, uuid: Uuid) -> NetworkIdentity;
        /// Gives a network a definition: a new one, or another for the next start.
        #[api(write, "virNetworkDefineXMLFlags", since "1.0")]
        fn define(&self, call: &Call, xml: String, flags: DefineNetwork) -> NetworkIdentity;
        /// Starts a network that vanishes when it stops.
        #[api(write, "virNetworkCreateXMLFlags", since "1.0")]
        fn create_xml(&self, call: &Call, xml: String, flags: CreateNetwork) -> NetworkIdentity;
        /// Starts a defined network.
        #[api(write, "virNetworkCreate", since "1.0")]
        fn create(&self, call: &Call, network: Uuid) -> ();
        /// Stops it. Guests that are plugged in lose their way out, and keep running.
        #[api(write, "virNetworkDestroy", since "1.0")]
        fn destroy(&self, call: &Call, network: Uuid) -> ();
        /// Takes its definition away: an active network becomes transient, an inactive one is gone.
        #[api(write, "virNetworkUndefine", since "1.0")]
        fn undefine(&self, call: &Call, network: Uuid) -> ();
        /// Its XML.
        #[api(read, "virNetworkGetXMLDesc", since "1.0")]
        fn xml(&self, call: &Call, network: Uuid, flags: NetworkXml) -> String;
        /// The name of its bridge; an error for one that has none.
        #[api(read, "virNetworkGetBridgeName", since "1.0")]
        fn bridge_name(&self, call: &Call, network: Uuid) -> String;
        /// Whether it starts with the host.
        #[api(read, "virNetworkGetAutostart", since "1.0")]
        fn autostart(&self, call: &Call, network: Uuid) -> bool;
        /// Decides whether it starts with the host.
        #[api(write, "virNetworkSetAutostart", since "1.0")]
        fn set_autostart(&self, call: &Call, network: Uuid, autostart: bool) -> ();
        /// Whether it runs.
        #[api(read, "virNetworkIsActive", since "1.0")]
        fn is_active(&self, call: &Call, network: Uuid) -> bool;
        /// Whether it has a definition that outlives its run.
        #[api(read, "virNetworkIsPersistent", since "1.0")]
        fn is_persistent(&self, call: &Call, network: Uuid) -> bool;
        /// Changes one element. `parent` counts the `<ip>` elements; -1 leaves the choice to the driver.
        #[api(write, "virNetworkUpdate", since "1.0")]
        fn update(&self, call: &Call, network: Uuid, change: NetworkChange, affect: Affect) -> ();
        /// The addresses that were handed out: to everybody, or to one card.
        #[api(read, "virNetworkGetDHCPLeases", since "1.0")]
        fn dhcp_leases(&self, call: &Call, network: Uuid, mac: Option<String>) -> Vec<DhcpLease>;
        /// A title, a description or an element of `<metadata>`; `namespace` for elements.
        #[api(read, "virNetworkGetMetadata", since "1.0")]
        fn metadata(&self, call: &Call, network: Uuid, kind: MetadataKind, namespace: Option<String>, affect: Affect)
            -> String;
        /// Sets it, or removes it.
        #[api(write, "virNetworkSetMetadata", since "1.0")]
        fn set_metadata(&self, call: &Call, network: Uuid, change: MetadataChange, affect: Affect) -> ();
        /// The events from now on, or from a sequence number on as far as they are kept; their kinds are
        /// [`NetworkEventKind`].
        #[api(read, "virConnectNetworkEventRegisterAny", since "1.0")]
        fn subscribe(&self, call: &Call, from: Option<u64>) -> Arc<dyn ObjectEventSource>;
        /// Puts right what a network's run lacks (its rules, its name server), or of all networks; undoes what processes
        /// that died left half done. Answers what was done, one line each.
        #[api(write, "", since "1.0")]
        fn repair(&self, call: &Call, network: Option<Uuid>) -> Vec<String>;
        /// Starts every network that starts with the host; answers the errors of those that did not.
        #[api(write, "", since "1.0")]
        fn host_start(&self, call: &Call) -> Vec<String>;
    }
}

driver_api! {
    /// The ports of networks: what guests' interfaces are plugged into.
    pub trait NetworkPorts in network_ports {
        /// The ports of a network.
        #[api(read, "virNetworkListAllPorts", since "1.0")]
        fn list(&self, call: &Call, network: Uuid) -> Vec<Uuid>;
        /// The port of this UUID.
        #[api(read, "virNetworkPortLookupByUUID", since "1.0")]
        fn lookup(&self, call: &Call, network: Uuid, port: Uuid) -> Uuid;
        /// Makes a port of a running network; `<plug>` in its XML says then what it leads to.
        #[api(write, "virNetworkPortCreateXML", since "1.0")]
        fn create_xml(&self, call: &Call, network: Uuid, xml: String, flags: CreateNetworkPort) -> Uuid;
        /// Gives it back.
        #[api(write, "virNetworkPortDelete", since "1.0")]
        fn delete(&self, call: &Call, network: Uuid, port: Uuid) -> ();
        /// Its XML.
        #[api(read, "virNetworkPortGetXMLDesc", since "1.0")]
        fn xml(&self, call: &Call, network: Uuid, port: Uuid) -> String;
        /// Its bandwidth: `inbound.average`, `inbound.peak`, `inbound.burst`, `inbound.floor`, `outbound.average` ...
        #[api(read, "virNetworkPortGetParameters", since "1.0")]
        fn parameters(&self, call: &Call, network: Uuid, port: Uuid) -> Vec<TypedParameter>;
        /// Changes them.
        #[api(write, "virNetworkPortSetParameters", since "1.0")]
        fn set_parameters(&self, call: &Call, network: Uuid, port: Uuid, parameters: Vec<TypedParameter>) -> ();
    }
}

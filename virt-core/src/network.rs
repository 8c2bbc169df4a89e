//! Virtual networks, and their ports.

use std::sync::Arc;
use std::time::SystemTime;

use plugins_abi::{
    Affect, Call, CreateNetwork, CreateNetworkPort, DefineNetwork, DhcpLease, ListNetworks, MetadataChange,
    MetadataKind, NetworkChange, NetworkIdentity, NetworkLifecycle, NetworkSummary, NetworkXml, ObjectEvent,
    TypedParameter, TypedValue, network_ports, networks,
};
use uuid::Uuid;
use virt_util::{Error, ErrorCode, Result};

use crate::connection::{Connection, secondary};
use crate::event::{Events, Notice, Subscription, time};

/// A virtual network. Cheap to clone; stays valid while the network changes, and says so when it is gone.
///
/// ```no_run
/// use virt_core::{Connection, DefineNetwork};
///
/// let connection = Connection::open("qemu:///system")?;
/// let xml = "<network><name>lab</name><forward/><ip address='192.168.7.1' prefix='24'/></network>";
/// let network = connection.define_network(xml, DefineNetwork::empty())?;
/// network.start()?;
/// println!("guests are plugged into {}", network.bridge_name()?);
/// network.destroy()?;
/// network.undefine()?;
/// # Ok::<(), virt_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Network {
    connection: Connection,
    name: Arc<str>,
    uuid: Uuid,
}

/// A network in a list, with its summary at that moment.
#[derive(Clone, Debug)]
pub struct NetworkEntry {
    connection: Connection,
    summary: NetworkSummary,
}

/// A port of a network: what a guest's interface is plugged into.
#[derive(Clone, Debug)]
pub struct NetworkPort {
    network: Network,
    uuid: Uuid,
}

impl NetworkEntry {
    /// A handle of the network in this line.
    pub fn network(&self) -> Network {
        let identity = NetworkIdentity { name: self.summary.name.clone(), uuid: self.summary.uuid };
        Network::new(&self.connection, identity)
    }
}

impl std::ops::Deref for NetworkEntry {
    type Target = NetworkSummary;

    fn deref(&self) -> &NetworkSummary {
        &self.summary
    }
}

/// Something happened to a network.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkEvent {
    /// Its number: each event of one driver root has the next one, the same for every reader.
    pub sequence: u64,
    /// When it happened.
    pub time: SystemTime,
    /// To whom.
    pub network: NetworkIdentity,
    /// What.
    pub kind: NetworkEventKind,
}

/// What happened to a network.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NetworkEventKind {
    /// Defined, started, stopped ...
    Lifecycle(NetworkLifecycle),
    /// Its metadata changed: of which kind, and for elements the URI of their namespace.
    MetadataChange(MetadataKind, Option<String>),
    /// A kind that this version does not know, by its number.
    Other(i32),
}

impl From<ObjectEvent> for NetworkEvent {
    fn from(event: ObjectEvent) -> Self {
        use plugins_abi::NetworkEventKind as Kind;
        let kind = match Kind::from_number(event.kind) {
            Kind::Lifecycle => NetworkEventKind::Lifecycle(NetworkLifecycle::from_number(event.event)),
            Kind::MetadataChange => {
                let namespace = event.parameters.into_iter().find_map(|parameter| match parameter.value {
                    TypedValue::Text(text) if parameter.field == "nsuri" => Some(text),
                    _ => None,
                });
                NetworkEventKind::MetadataChange(MetadataKind::from_number(event.event), namespace)
            }
            _ => NetworkEventKind::Other(event.kind),
        };
        let time = time(event.seconds, event.nanoseconds);
        let network = NetworkIdentity { name: event.name, uuid: event.uuid.unwrap_or_default() };
        Self { sequence: event.sequence, time, network, kind }
    }
}

/// A call of the driver of networks: `ask!(connection, list(filter))`.
macro_rules! ask {
    ($connection:expr, $method:ident($($argument:expr),*)) => {{
        let connection: &Connection = $connection;
        connection.call(|call: &Call| {
            secondary!(connection, call, "network", networks, networks::$method)?.$method(call $(, $argument)*)
        })
    }};
}

/// As [`ask!`], for ports.
macro_rules! ask_port {
    ($connection:expr, $method:ident($($argument:expr),*)) => {{
        let connection: &Connection = $connection;
        connection.call(|call: &Call| {
            secondary!(connection, call, "network", network_ports, network_ports::$method)?
                .$method(call $(, $argument)*)
        })
    }};
}

impl Connection {
    /// The networks that `filter` asks for, with everything a list shows, in one call. An empty filter: all.
    ///
    /// # Errors
    ///
    /// `NO_SUPPORT` where no driver has the role `network`; what that driver says otherwise.
    pub fn networks(&self, filter: ListNetworks) -> Result<Vec<NetworkEntry>> {
        let list = ask!(self, list(filter))?;
        let entry = |summary| NetworkEntry { connection: self.clone(), summary };
        Ok(list.into_iter().map(entry).collect())
    }

    /// The network of this name.
    ///
    /// # Errors
    ///
    /// `NO_NETWORK` when there is none.
    pub fn network_by_name(&self, name: &str) -> Result<Network> {
        ask!(self, lookup_by_name(name.to_owned())).map(|identity| Network::new(self, identity))
    }

    /// The network of this UUID.
    ///
    /// # Errors
    ///
    /// `NO_NETWORK` when there is none.
    pub fn network_by_uuid(&self, uuid: Uuid) -> Result<Network> {
        ask!(self, lookup_by_uuid(uuid)).map(|identity| Network::new(self, identity))
    }

    /// A handle of the network that an event is about, gone or not.
    pub fn network_of(&self, identity: &NetworkIdentity) -> Network {
        Network::new(self, identity.clone())
    }

    /// Gives a network a definition: a new network, or another definition for the next start of a known one.
    ///
    /// # Errors
    ///
    /// `XML_ERROR` and its kin with the place in the XML; `OPERATION_FAILED` when name and UUID belong to two networks, or
    /// its bridge to another one.
    pub fn define_network(&self, xml: &str, flags: DefineNetwork) -> Result<Network> {
        ask!(self, define(xml.to_owned(), flags)).map(|identity| Network::new(self, identity))
    }

    /// Starts a network that vanishes when it stops.
    ///
    /// # Errors
    ///
    /// As [`Connection::define_network`] and [`Network::start`].
    pub fn create_network(&self, xml: &str, flags: CreateNetwork) -> Result<Network> {
        ask!(self, create_xml(xml.to_owned(), flags)).map(|identity| Network::new(self, identity))
    }

    /// What happens to networks from now on, as a blocking iterator.
    ///
    /// # Errors
    ///
    /// As for [`Connection::networks`].
    pub fn network_events(&self) -> Result<Events<NetworkEvent>> {
        let source = ask!(self, subscribe(None))?;
        Ok(Events::new(self.clone(), source))
    }

    /// The events of networks from this sequence number on, as far back as they are kept.
    ///
    /// # Errors
    ///
    /// As for [`Connection::networks`].
    pub fn network_events_since(&self, sequence: u64) -> Result<Events<NetworkEvent>> {
        let source = ask!(self, subscribe(Some(sequence)))?;
        Ok(Events::new(self.clone(), source))
    }

    /// Calls `callback` for everything that happens to networks from now on, on a thread of its own, until the subscription
    /// is dropped.
    ///
    /// # Errors
    ///
    /// As for [`Connection::networks`].
    pub fn on_network_event(
        &self,
        callback: impl FnMut(Notice<NetworkEvent>) + Send + 'static,
    ) -> Result<Subscription> {
        Subscription::new(self.network_events()?, callback)
    }

    /// Puts right what running networks lack of their rules and name servers, and undoes what processes that died left half
    /// done. Answers what was done, one line each. It takes the right to change the host's network.
    ///
    /// # Errors
    ///
    /// As for [`Connection::networks`].
    pub fn repair_networks(&self) -> Result<Vec<String>> {
        ask!(self, repair(None))
    }

    /// Starts every network that starts with the host; answers the errors of those that did not, and nothing where no driver
    /// has networks.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn start_networks(&self) -> Result<Vec<String>> {
        match ask!(self, host_start()) {
            Err(error) if error.code() == ErrorCode::NO_SUPPORT => Ok(Vec::new()),
            other => other,
        }
    }
}

/// Calls about one network, each a line.
macro_rules! calls {
    ($($(#[doc = $doc:expr])* fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty = $method:ident($($pass:expr),*);)*) => {$(
        $(#[doc = $doc])*
        pub fn $name(&self $(, $arg: $ty)*) -> Result<$ret> {
            ask!(&self.connection, $method(self.uuid $(, $pass)*)).map_err(|error| self.named(error))
        }
    )*};
}

impl Network {
    fn new(connection: &Connection, identity: NetworkIdentity) -> Self {
        Self { connection: connection.clone(), name: identity.name.into(), uuid: identity.uuid }
    }

    /// The name that it had when the handle was made; unique on its connection.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What identifies it everywhere; it never changes.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The connection it belongs to.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// An error about a network that is gone, with the name that drivers, which are asked by UUID, no longer know.
    fn named(&self, error: Error) -> Error {
        let ending = format!("'{}'", self.uuid);
        if error.code() != ErrorCode::NO_NETWORK || !error.message().ends_with(&ending) {
            return error;
        }
        let named =
            Error::verbatim(error.code(), error.domain(), format!("{} ({})", error.message(), self.name));
        match error.advice() {
            Some(advice) => named.hint(advice),
            None => named,
        }
    }

    calls! {
        /// Starts it. It takes the right to change the host's network.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it runs; `INTERNAL_ERROR` when its addresses are those of a device of the host; otherwise
        /// the step that failed, after everything before it was undone.
        fn start() -> () = create();
        /// Stops it. Guests that are plugged in lose their way out, and keep running.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it does not run.
        fn destroy() -> () = destroy();
        /// Takes its definition away: an active network becomes transient, an inactive one is gone.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is transient.
        fn undefine() -> () = undefine();
        /// Its XML.
        ///
        /// # Errors
        ///
        /// `NO_NETWORK` when it is gone.
        fn xml(flags: NetworkXml) -> String = xml(flags);
        /// The name of its bridge.
        ///
        /// # Errors
        ///
        /// `INTERNAL_ERROR` when it has none.
        fn bridge_name() -> String = bridge_name();
        /// Whether it starts with the host.
        ///
        /// # Errors
        ///
        /// `NO_NETWORK` when it is gone.
        fn autostart() -> bool = autostart();
        /// Decides whether it starts with the host.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is transient.
        fn set_autostart(autostart: bool) -> () = set_autostart(autostart);
        /// Whether it runs.
        ///
        /// # Errors
        ///
        /// `NO_NETWORK` when it is gone.
        fn is_active() -> bool = is_active();
        /// Whether it has a definition that outlives its run.
        ///
        /// # Errors
        ///
        /// `NO_NETWORK` when it is gone.
        fn is_persistent() -> bool = is_persistent();
        /// Changes one element, of what runs, of the definition, or both.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when the element that is meant is not there, or a new one is there already;
        /// `OPERATION_UNSUPPORTED` for what cannot be changed so.
        fn update(change: NetworkChange, affect: Affect) -> () = update(change, affect);
        /// The addresses that were handed out: to everybody, or to the card of this address.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it does not run.
        fn dhcp_leases(mac: Option<&str>) -> Vec<DhcpLease> = dhcp_leases(mac.map(str::to_owned));
        /// A title, a description, or an element of `<metadata>` of this namespace.
        ///
        /// # Errors
        ///
        /// `NO_NETWORK_METADATA` when it has none.
        fn metadata(kind: MetadataKind, namespace: Option<&str>, affect: Affect) -> String
            = metadata(kind, namespace.map(str::to_owned), affect);
        /// Sets a title, a description, or an element of `<metadata>`; nothing as text removes it.
        ///
        /// # Errors
        ///
        /// `INVALID_ARG` for an element without prefix or namespace.
        fn set_metadata(change: MetadataChange, affect: Affect) -> () = set_metadata(change, affect);
    }

    /// Puts right what it lacks of its rules and its name server; answers what was done, one line each.
    ///
    /// # Errors
    ///
    /// What could not be put right.
    pub fn repair(&self) -> Result<Vec<String>> {
        ask!(&self.connection, repair(Some(self.uuid))).map_err(|error| self.named(error))
    }

    /// Its ports.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when it does not run.
    pub fn ports(&self) -> Result<Vec<NetworkPort>> {
        let ports = ask_port!(&self.connection, list(self.uuid))?;
        Ok(ports.into_iter().map(|uuid| NetworkPort { network: self.clone(), uuid }).collect())
    }

    /// The port of this UUID.
    ///
    /// # Errors
    ///
    /// `NO_NETWORK_PORT` when it has no such port.
    pub fn port(&self, uuid: Uuid) -> Result<NetworkPort> {
        let uuid = ask_port!(&self.connection, lookup(self.uuid, uuid))?;
        Ok(NetworkPort { network: self.clone(), uuid })
    }

    /// Makes a port.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when the network does not run; `XML_ERROR` and its kin with the place in the XML.
    pub fn create_port(&self, xml: &str, flags: CreateNetworkPort) -> Result<NetworkPort> {
        let uuid = ask_port!(&self.connection, create_xml(self.uuid, xml.to_owned(), flags))?;
        Ok(NetworkPort { network: self.clone(), uuid })
    }
}

/// Calls about one port, each a line.
macro_rules! port_calls {
    ($($(#[doc = $doc:expr])* fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty = $method:ident;)*) => {$(
        $(#[doc = $doc])*
        pub fn $name(&self $(, $arg: $ty)*) -> Result<$ret> {
            ask_port!(&self.network.connection, $method(self.network.uuid, self.uuid $(, $arg)*))
        }
    )*};
}

impl NetworkPort {
    /// What identifies it.
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The network that it is a port of.
    pub fn network(&self) -> &Network {
        &self.network
    }

    port_calls! {
        /// Its XML.
        ///
        /// # Errors
        ///
        /// `NO_NETWORK_PORT` when it is gone.
        fn xml() -> String = xml;
        /// Gives it back.
        ///
        /// # Errors
        ///
        /// `NO_NETWORK_PORT` when it is gone.
        fn delete() -> () = delete;
        /// Its bandwidth, in kilobytes and kilobytes per second: `inbound.average`, `inbound.peak`, `inbound.burst`,
        /// `inbound.floor`, `outbound.average`, `outbound.peak`, `outbound.burst`.
        ///
        /// # Errors
        ///
        /// `NO_NETWORK_PORT` when it is gone.
        fn parameters() -> Vec<TypedParameter> = parameters;
        /// Changes them.
        ///
        /// # Errors
        ///
        /// `INVALID_ARG` for an unknown one; `NO_NETWORK_PORT` when it is gone.
        fn set_parameters(parameters: Vec<TypedParameter>) -> () = set_parameters;
    }
}

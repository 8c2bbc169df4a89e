//! Events of networks, node devices, secrets and storage pools.

use std::ffi::{CString, c_char, c_int, c_void};
use std::mem::transmute;
use std::ptr;

use virt_core::{
    Events, NetworkEvent, NetworkEventKind, NodeDeviceEvent, NodeDeviceEventKind, SecretEvent,
    SecretEventKind, StoragePoolEvent, StoragePoolEventKind,
};
use virt_util::Result;

use crate::connect::{Connect, text};
use crate::domain_event::deregister;
use crate::events::{Call, Callbacks, Entry, Family};
use crate::network::Network;
use crate::node_device::NodeDevice;
use crate::runtime::*;
use crate::secret::Secret;
use crate::storage::StoragePool;
use crate::types::*;

/// The functions of lives: event and detail.
type Lifecycle<T> = unsafe extern "C" fn(virConnectPtr, *mut T, c_int, c_int, *mut c_void);
/// The functions of what has no more to say.
type Generic<T> = unsafe extern "C" fn(virConnectPtr, *mut T, *mut c_void);
/// The function of networks' metadata.
type Metadata = unsafe extern "C" fn(virConnectPtr, virNetworkPtr, c_int, *const c_char, *mut c_void);

/// What a function is told beside the object.
enum News {
    Lifecycle(c_int, c_int),
    Metadata(c_int, Option<CString>),
    Nothing,
}

/// Calls a function with news about an object.
fn tell<K: Kind>(connect: &Object<Connect>, object: &Reference<K>, call: Call, news: News) {
    let (connect, object, opaque) = (connect.as_raw(), object.as_raw(), call.opaque as *mut c_void);
    // SAFETY: the application registered the function for this kind of event, which says its type.
    callback(|| unsafe {
        match news {
            News::Lifecycle(event, detail) => {
                transmute::<usize, Lifecycle<K::Opaque>>(call.function)(
                    connect, object, event, detail, opaque,
                );
            }
            News::Metadata(kind, namespace) => {
                let namespace = namespace.as_ref().map_or(ptr::null(), |text| text.as_ptr());
                transmute::<usize, Metadata>(call.function)(connect, object.cast(), kind, namespace, opaque);
            }
            News::Nothing => transmute::<usize, Generic<K::Opaque>>(call.function)(connect, object, opaque),
        }
    });
}

/// A family: its type, where its callbacks are, how it is listened to, and what is told of an event.
macro_rules! family {
    ($name:ident, $event:ty, $field:ident, $subscribe:ident, |$own:ident| $subject:expr, |$connection:ident, $told:ident| $object:expr,
     $($pattern:pat => $kind:expr, $news:expr;)*) => {
        /// The events of one kind of objects.
        pub(crate) struct $name;

        impl Family for $name {
            type Event = $event;

            fn callbacks(connect: &Connect) -> &Callbacks<Self> {
                &connect.$field
            }

            fn subscribe(connection: &virt_core::Connection) -> Result<Events<$event>> {
                connection.$subscribe()
            }

            fn kind(event: &$event) -> c_int {
                #[allow(unused_variables)]
                match &event.kind {
                    $($pattern => $kind,)*
                    _ => -1,
                }
            }

            fn subject($own: &$event) -> String {
                $subject
            }

            fn tell($connection: &Object<Connect>, $told: &$event, call: Call) {
                let news = match &$told.kind {
                    $($pattern => $news,)*
                    _ => return,
                };
                tell($connection, &$object, call, news);
            }
        }
    };
}

family! {
    NetworkEvents, NetworkEvent, network_events, network_events,
    |event| event.network.uuid.to_string(),
    |connect, event| Network::new(connect, connect.connection.network_of(&event.network)),
    NetworkEventKind::Lifecycle(event) => VIR_NETWORK_EVENT_ID_LIFECYCLE, News::Lifecycle(event.number(), 0);
    NetworkEventKind::MetadataChange(kind, namespace) => VIR_NETWORK_EVENT_ID_METADATA_CHANGE,
        News::Metadata(kind.number(), namespace.as_deref().map(text));
}

family! {
    NodeDeviceEvents, NodeDeviceEvent, node_device_events, node_device_events,
    |event| event.name.clone(),
    |connect, event| NodeDevice::new(connect, connect.connection.node_device_of(&event.name)),
    NodeDeviceEventKind::Lifecycle(event) => VIR_NODE_DEVICE_EVENT_ID_LIFECYCLE,
        News::Lifecycle(event.number(), 0);
    NodeDeviceEventKind::Update => VIR_NODE_DEVICE_EVENT_ID_UPDATE, News::Nothing;
}

family! {
    SecretEvents, SecretEvent, secret_events, secret_events,
    |event| event.uuid.to_string(),
    |connect, event| Secret::new(connect, connect.connection.secret_of(event.uuid)),
    SecretEventKind::Lifecycle(event) => VIR_SECRET_EVENT_ID_LIFECYCLE, News::Lifecycle(event.number(), 0);
    SecretEventKind::ValueChanged => VIR_SECRET_EVENT_ID_VALUE_CHANGED, News::Nothing;
}

family! {
    StoragePoolEvents, StoragePoolEvent, storage_pool_events, storage_pool_events,
    |event| event.uuid.to_string(),
    |connect, event| StoragePool::new(connect, connect.connection.storage_pool_of(&event.name, event.uuid)),
    StoragePoolEventKind::Lifecycle(event) => VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE,
        News::Lifecycle(event.number(), 0);
    StoragePoolEventKind::Refresh => VIR_STORAGE_POOL_EVENT_ID_REFRESH, News::Nothing;
}

/// The two functions by which callbacks of a family come and go.
macro_rules! registration {
    ($($register:ident, $deregister:ident: $kind:ident as $opaque:ident below $last:ident in $field:ident by |$object:ident| $key:expr;)*) => {$(
        /// Answers the number by which the callback is removed.
        pub(crate) fn $register(
            conn: &Object<Connect>,
            object: Option<&Object<$kind>>,
            kind: Below<{ $last }>,
            function: Callback<Generic<$opaque>>,
            opaque: *mut c_void,
            free: virFreeCallback,
        ) -> Result<c_int> {
            let entry = Entry {
                kind: kind.0,
                only: object.map(|$object| $key),
                call: Call { function: function.0 as usize, opaque: opaque as usize },
                free,
                legacy: false,
            };
            conn.$field.add(conn, entry)
        }

        pub(crate) fn $deregister(conn: &Object<Connect>, id: Room) -> Result<()> {
            deregister(&conn.$field, id)
        }
    )*};
}

registration! {
    virConnectNetworkEventRegisterAny, virConnectNetworkEventDeregisterAny:
        Network as virNetwork below VIR_NETWORK_EVENT_ID_LAST in network_events
        by |network| network.network.uuid().to_string();
    virConnectNodeDeviceEventRegisterAny, virConnectNodeDeviceEventDeregisterAny:
        NodeDevice as virNodeDevice below VIR_NODE_DEVICE_EVENT_ID_LAST in node_device_events
        by |device| device.device.name().to_owned();
    virConnectSecretEventRegisterAny, virConnectSecretEventDeregisterAny:
        Secret as virSecret below VIR_SECRET_EVENT_ID_LAST in secret_events
        by |secret| secret.secret.uuid().to_string();
    virConnectStoragePoolEventRegisterAny, virConnectStoragePoolEventDeregisterAny:
        StoragePool as virStoragePool below VIR_STORAGE_POOL_EVENT_ID_LAST in storage_pool_events
        by |pool| pool.pool.uuid().to_string();
}

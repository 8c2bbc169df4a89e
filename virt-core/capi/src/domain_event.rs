//! Events of domains.

use std::ffi::{CString, c_char, c_int, c_longlong, c_ulonglong, c_void};
use std::mem::transmute;
use std::ptr;

use virt_core::{DomainEvent, DomainEventKind, EventKind, Events, TypedParameter, TypedValue};
use virt_util::{ErrorCode, Result};

use crate::connect::{Connect, text};
use crate::domain::Domain;
use crate::events::{Call, Callbacks, Entry, Family, argument};
use crate::parameters;
use crate::runtime::*;
use crate::types::*;

/// The events of domains.
pub(crate) struct DomainEvents;

impl Family for DomainEvents {
    type Event = DomainEvent;

    fn callbacks(connect: &Connect) -> &Callbacks<Self> {
        &connect.domain_events
    }

    fn subscribe(connection: &virt_core::Connection) -> Result<Events<DomainEvent>> {
        connection.events()
    }

    fn kind(event: &DomainEvent) -> c_int {
        let kind = match &event.kind {
            DomainEventKind::Lifecycle(..) => EventKind::Lifecycle,
            DomainEventKind::Reboot => EventKind::Reboot,
            DomainEventKind::BalloonChange(_) => EventKind::BalloonChange,
            DomainEventKind::Other { kind, .. } => *kind,
            _ => return -1,
        };
        kind.number()
    }

    fn subject(event: &DomainEvent) -> String {
        event.domain.uuid.to_string()
    }

    fn tell(connect: &Object<Connect>, event: &DomainEvent, call: Call) {
        let domain = Domain::new(connect, connect.connection.domain_of(&event.domain));
        let call = Telling { connect: connect.as_raw(), domain: domain.as_raw(), call };
        // SAFETY: the application registered the function for this kind of event.
        callback(|| unsafe { call.tell(event) });
    }
}

/// One function, about one domain.
struct Telling {
    connect: virConnectPtr,
    domain: virDomainPtr,
    call: Call,
}

/// Calls the function as one of this type, with these arguments between the domain and what the application wants to be
/// given.
macro_rules! call {
    ($telling:expr, ($($ty:ty),*) $(-> $ret:ty)?, $($argument:expr),*) => {{
        type Function = unsafe extern "C" fn(virConnectPtr, virDomainPtr, $($ty,)* *mut c_void) $(-> $ret)?;
        let telling = $telling;
        let function = transmute::<usize, Function>(telling.call.function);
        function(telling.connect, telling.domain, $($argument,)* telling.call.opaque as *mut c_void);
    }};
}

impl Telling {
    /// # Safety
    ///
    /// The function is of the type that belongs to this kind of event.
    unsafe fn tell(&self, event: &DomainEvent) {
        // SAFETY: the caller's promise.
        unsafe {
            match &event.kind {
                DomainEventKind::Lifecycle(event, detail) => {
                    call!(self, (c_int, c_int) -> c_int, event.number(), *detail);
                }
                DomainEventKind::Reboot => call!(self, (),),
                DomainEventKind::BalloonChange(kibibytes) => call!(self, (c_ulonglong), *kibibytes),
                DomainEventKind::Other { kind, event, detail, parameters } => {
                    self.tell_other(*kind, *event, *detail, &Arguments(parameters));
                }
                _ => {}
            }
        }
    }

    /// # Safety
    ///
    /// As for [`Telling::tell`].
    unsafe fn tell_other(&self, kind: EventKind, event: c_int, detail: c_int, given: &Arguments<'_>) {
        let text = |name| given.text(name);
        let alias = || given.text("devAlias");
        // SAFETY: the caller's promise; texts live until the function has returned.
        unsafe {
            match kind {
                EventKind::RtcChange => call!(self, (c_longlong), given.number("utcoffset").cast_signed()),
                EventKind::Watchdog
                | EventKind::PmWakeup
                | EventKind::PmSuspend
                | EventKind::PmSuspendDisk
                | EventKind::MigrationIteration => call!(self, (c_int), event),
                EventKind::IoError => call!(
                    self,
                    (*const c_char, *const c_char, c_int),
                    text("srcPath").word(),
                    alias().word(),
                    event
                ),
                EventKind::IoErrorReason => call!(
                    self,
                    (*const c_char, *const c_char, c_int, *const c_char),
                    text("srcPath").word(),
                    alias().word(),
                    event,
                    text("reason").word()
                ),
                EventKind::Graphics => self.tell_graphics(event, given),
                EventKind::ControlError => call!(self, (),),
                EventKind::BlockJob | EventKind::BlockJob2 => {
                    call!(self, (*const c_char, c_int, c_int), text("disk").word(), event, detail);
                }
                EventKind::DiskChange => call!(
                    self,
                    (*const c_char, *const c_char, *const c_char, c_int),
                    text("oldSrcPath").or_null(),
                    text("newSrcPath").or_null(),
                    alias().word(),
                    event
                ),
                EventKind::TrayChange => call!(self, (*const c_char, c_int), alias().word(), event),
                EventKind::DeviceRemoved | EventKind::DeviceAdded | EventKind::DeviceRemovalFailed => {
                    call!(self, (*const c_char), alias().word());
                }
                EventKind::Tunable | EventKind::JobCompleted => {
                    let Ok((array, count)) = parameters::array(given.0) else { return };
                    call!(self, (virTypedParameterPtr, c_int), array, count);
                    parameters::free(array, count);
                }
                EventKind::AgentLifecycle => call!(self, (c_int, c_int), event, detail),
                EventKind::MetadataChange => {
                    call!(self, (c_int, *const c_char), event, text("nsuri").or_null());
                }
                EventKind::BlockThreshold => call!(
                    self,
                    (*const c_char, *const c_char, c_ulonglong, c_ulonglong),
                    text("dev").word(),
                    text("path").or_null(),
                    given.number("threshold"),
                    given.number("excess")
                ),
                EventKind::MemoryFailure => {
                    let flags = given.number("flags") as std::ffi::c_uint;
                    call!(self, (c_int, c_int, std::ffi::c_uint), event, detail, flags);
                }
                EventKind::MemoryDeviceSizeChange => {
                    call!(self, (*const c_char, c_ulonglong), text("alias").word(), given.number("size"));
                }
                EventKind::NicMacChange => call!(
                    self,
                    (*const c_char, *const c_char, *const c_char),
                    text("alias").word(),
                    text("oldMAC").word(),
                    text("newMAC").word()
                ),
                _ => {}
            }
        }
    }

    /// # Safety
    ///
    /// As for [`Telling::tell`].
    unsafe fn tell_graphics(&self, phase: c_int, given: &Arguments<'_>) {
        let [local_node, local_service] = ["local.node", "local.service"].map(|name| given.text(name));
        let [remote_node, remote_service] = ["remote.node", "remote.service"].map(|name| given.text(name));
        let address = |family, node: &Text, service: &Text| virDomainEventGraphicsAddress {
            family: given.family(family),
            node: node.word().cast_mut(),
            service: service.word().cast_mut(),
        };
        let local = address("local.family", &local_node, &local_service);
        let remote = address("remote.family", &remote_node, &remote_service);
        let subject = virDomainEventGraphicsSubject { nidentity: 0, identities: ptr::null_mut() };
        type Address = *const virDomainEventGraphicsAddress;
        type Subject = *const virDomainEventGraphicsSubject;
        // SAFETY: the caller's promise; everything lives until the function has returned.
        unsafe {
            call!(
                self,
                (c_int, Address, Address, *const c_char, Subject),
                phase,
                &raw const local,
                &raw const remote,
                given.text("authScheme").word(),
                &raw const subject
            );
        }
    }
}

/// The arguments that the driver named.
struct Arguments<'a>(&'a [TypedParameter]);

/// A text for C, or none.
struct Text(Option<CString>);

impl Text {
    /// NULL for none.
    fn or_null(&self) -> *const c_char {
        self.0.as_ref().map_or(ptr::null(), |text| text.as_ptr())
    }

    /// An empty text for none.
    fn word(&self) -> *const c_char {
        self.0.as_ref().map_or(c"".as_ptr(), |text| text.as_ptr())
    }
}

impl Arguments<'_> {
    fn value(&self, name: &str) -> Option<&TypedValue> {
        self.0.iter().find(|parameter| parameter.field == name).map(|parameter| &parameter.value)
    }

    fn text(&self, name: &str) -> Text {
        match self.value(name) {
            Some(TypedValue::Text(value)) => Text(Some(text(value))),
            _ => Text(None),
        }
    }

    fn number(&self, name: &str) -> u64 {
        match self.value(name) {
            Some(TypedValue::Int(value)) => i64::from(*value).cast_unsigned(),
            Some(TypedValue::UnsignedInt(value)) => u64::from(*value),
            Some(TypedValue::LongLong(value)) => value.cast_unsigned(),
            Some(TypedValue::UnsignedLongLong(value)) => *value,
            _ => 0,
        }
    }

    fn family(&self, name: &str) -> c_int {
        match self.value(name) {
            Some(TypedValue::Text(word)) if word == "ipv6" => VIR_DOMAIN_EVENT_GRAPHICS_ADDRESS_IPV6,
            Some(TypedValue::Text(word)) if word == "unix" => VIR_DOMAIN_EVENT_GRAPHICS_ADDRESS_UNIX,
            _ => VIR_DOMAIN_EVENT_GRAPHICS_ADDRESS_IPV4,
        }
    }
}

/// Answers the number by which the callback is removed.
pub(crate) fn virConnectDomainEventRegisterAny(
    conn: &Object<Connect>,
    domain: Option<&Object<Domain>>,
    kind: Below<{ VIR_DOMAIN_EVENT_ID_LAST }>,
    function: Callback<unsafe extern "C" fn(virConnectPtr, virDomainPtr, *mut c_void)>,
    opaque: *mut c_void,
    free: virFreeCallback,
) -> Result<c_int> {
    conn.domain_events.add(
        conn,
        Entry {
            kind: kind.0,
            only: domain.map(|domain| domain.domain.uuid().to_string()),
            call: Call { function: function.0 as usize, opaque: opaque as usize },
            free,
            legacy: false,
        },
    )
}

pub(crate) fn virConnectDomainEventDeregisterAny(conn: &Object<Connect>, id: Room) -> Result<()> {
    deregister(&conn.domain_events, id)
}

/// Removes a callback by its number.
pub(crate) fn deregister<F: Family>(callbacks: &Callbacks<F>, id: Room) -> Result<()> {
    match callbacks.remove(|known, entry| !entry.legacy && usize::try_from(known) == Ok(id.0)) {
        true => Ok(()),
        false => Err(argument(&format!("could not find event callback {} for deletion", id.0))),
    }
}

/// The old way: for everything that happens in the lives of all domains.
type Lifecycle = unsafe extern "C" fn(virConnectPtr, virDomainPtr, c_int, c_int, *mut c_void) -> c_int;

pub(crate) fn virConnectDomainEventRegister(
    conn: &Object<Connect>,
    function: Callback<Lifecycle>,
    opaque: *mut c_void,
    free: virFreeCallback,
) -> Result<()> {
    let entry = Entry {
        kind: EventKind::Lifecycle.number(),
        only: None,
        call: Call { function: function.0 as usize, opaque: opaque as usize },
        free,
        legacy: true,
    };
    conn.domain_events.add(conn, entry).map(drop)
}

pub(crate) fn virConnectDomainEventDeregister(
    conn: &Object<Connect>,
    function: Callback<Lifecycle>,
) -> Result<()> {
    let address = function.0 as usize;
    match conn.domain_events.remove(|_, entry| entry.legacy && entry.call.function == address) {
        true => Ok(()),
        false => Err(virt_util::Error::new(
            ErrorCode::INVALID_ARG,
            virt_util::ErrorDomain::NONE,
            format!("event callback function 0x{address:x} not registered"),
        )),
    }
}

//! Connections.

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulong, c_void};
use std::mem::take as empty;
use std::sync::Mutex;

use virt_util::{ErrorCode, ErrorDomain, Result};

use crate::domain_event::DomainEvents;
use crate::drivers;
use crate::error::{Handler, Record, lock};
use crate::events::Callbacks;
use crate::object_event::{NetworkEvents, NodeDeviceEvents, SecretEvents, StoragePoolEvents};
use crate::runtime::*;
use crate::types::*;

/// A connection, and what C wants to keep with it.
pub(crate) struct Connect {
    pub(crate) connection: virt_core::Connection,
    hypervisor: CString,
    pub(crate) error: Mutex<Record>,
    pub(crate) handler: Mutex<Handler>,
    close: Mutex<CloseCallback>,
    pub(crate) domain_events: Callbacks<DomainEvents>,
    pub(crate) network_events: Callbacks<NetworkEvents>,
    pub(crate) node_device_events: Callbacks<NodeDeviceEvents>,
    pub(crate) secret_events: Callbacks<SecretEvents>,
    pub(crate) storage_pool_events: Callbacks<StoragePoolEvents>,
}

impl Kind for Connect {
    type Opaque = virConnect;
    const MAGIC: u32 = 0x7613_C101;
    const INVALID: ErrorCode = ErrorCode::INVALID_CONN;

    fn connect(object: &Object<Self>) -> *const Object<Connect> {
        object
    }
}

/// Whom to tell when the connection is lost.
#[derive(Default)]
struct CloseCallback {
    function: virConnectCloseFunc,
    opaque: usize,
    free: virFreeCallback,
}

impl CloseCallback {
    fn release(self) {
        release_opaque(self.free, self.opaque);
    }
}

/// Gives back what the application wanted to have with a callback.
pub(crate) fn release_opaque(free: virFreeCallback, opaque: usize) {
    if let Some(free) = free {
        // SAFETY: the application's function, called once, with what it wants to be given.
        callback(|| unsafe { free(opaque as *mut c_void) });
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        empty(&mut *lock(&self.close)).release();
    }
}

fn open(uri: Option<&str>, read_only: bool) -> Result<Reference<Connect>> {
    drivers::link()?;
    let builder = virt_core::Connection::builder().uri(uri.unwrap_or_default()).read_only(read_only);
    let connection = builder.open()?;
    let hypervisor = text(&connection.hypervisor()?);
    Ok(Reference::new(Connect {
        connection,
        hypervisor,
        error: Mutex::new(Record::empty()),
        handler: Mutex::default(),
        close: Mutex::default(),
        domain_events: Callbacks::default(),
        network_events: Callbacks::default(),
        node_device_events: Callbacks::default(),
        secret_events: Callbacks::default(),
        storage_pool_events: Callbacks::default(),
    }))
}

/// A text that C reads and does not free; what follows a NUL byte is lost.
pub(crate) fn text(text: &str) -> CString {
    let bytes: Vec<u8> = text.bytes().take_while(|byte| *byte != 0).collect();
    CString::new(bytes).unwrap_or_default()
}

pub(crate) fn virInitialize() -> Result<()> {
    Ok(())
}

pub(crate) fn virGetVersion(
    library: Out<c_ulong>,
    _hypervisor: Option<&str>,
    hypervisor_version: Option<Out<c_ulong>>,
) -> Result<()> {
    library.set(LIBVIR_VERSION_NUMBER);
    if let Some(version) = hypervisor_version {
        version.set(LIBVIR_VERSION_NUMBER);
    }
    Ok(())
}

pub(crate) fn virConnectOpen(name: Option<&str>) -> Result<Reference<Connect>> {
    open(name, false)
}

pub(crate) fn virConnectOpenReadOnly(name: Option<&str>) -> Result<Reference<Connect>> {
    open(name, true)
}

/// No driver asks for credentials yet.
pub(crate) fn virConnectOpenAuth(
    name: Option<&str>,
    _auth: Option<Out<virConnectAuth>>,
    flags: c_uint,
) -> Result<Reference<Connect>> {
    let known = (VIR_CONNECT_RO | VIR_CONNECT_NO_ALIASES).cast_unsigned();
    if flags & !known != 0 {
        let message = format!("unsupported flags (0x{:x}) in function virConnectOpenAuth", flags & !known);
        return Err(virt_util::Error::verbatim(ErrorCode::INVALID_ARG, ErrorDomain::NONE, message));
    }
    open(name, flags & VIR_CONNECT_RO.cast_unsigned() != 0)
}

pub(crate) fn virConnectRef(conn: &Object<Connect>) -> Result<()> {
    conn.reference().into_raw();
    Ok(())
}

/// Answers whether somebody still has it.
pub(crate) unsafe fn virConnectClose(conn: &Object<Connect>) -> Result<bool> {
    // SAFETY: C gives its reference back.
    Ok(unsafe { conn.release() } > 0)
}

pub(crate) fn virConnectGetType(conn: &Object<Connect>) -> Result<*const c_char> {
    Ok(conn.hypervisor.as_ptr())
}

pub(crate) fn virConnectGetVersion(conn: &Object<Connect>, version: Out<c_ulong>) -> Result<()> {
    version.set(conn.connection.version()?);
    Ok(())
}

pub(crate) fn virConnectGetLibVersion(_conn: &Object<Connect>, version: Out<c_ulong>) -> Result<()> {
    version.set(LIBVIR_VERSION_NUMBER);
    Ok(())
}

pub(crate) fn virConnectGetHostname(conn: &Object<Connect>) -> Result<String> {
    conn.connection.hostname()
}

pub(crate) fn virConnectGetURI(conn: &Object<Connect>) -> Result<String> {
    conn.connection.uri()
}

pub(crate) fn virConnectIsEncrypted(conn: &Object<Connect>) -> Result<bool> {
    conn.connection.is_encrypted()
}

pub(crate) fn virConnectIsSecure(conn: &Object<Connect>) -> Result<bool> {
    conn.connection.is_secure()
}

pub(crate) fn virConnectIsAlive(conn: &Object<Connect>) -> Result<bool> {
    conn.connection.is_alive()
}

pub(crate) fn virConnectRegisterCloseCallback(
    conn: &Object<Connect>,
    function: Callback<CloseFunction>,
    opaque: *mut c_void,
    free: virFreeCallback,
) -> Result<()> {
    let mut close = lock(&conn.close);
    if close.function.is_some() {
        let detail = "A close callback is already registered";
        return Err(virt_util::Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NONE, detail));
    }
    *close = CloseCallback { function: Some(function.0), opaque: opaque as usize, free };
    Ok(())
}

/// A function to call when a connection is lost.
type CloseFunction = unsafe extern "C" fn(virConnectPtr, c_int, *mut c_void);

pub(crate) fn virConnectUnregisterCloseCallback(
    conn: &Object<Connect>,
    function: Callback<CloseFunction>,
) -> Result<()> {
    let registered = {
        let mut close = lock(&conn.close);
        if close.function.is_none_or(|known| known as usize != function.0 as usize) {
            let detail = "A different callback was requested";
            return Err(virt_util::Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::NONE, detail));
        }
        empty(&mut *close)
    };
    registered.release();
    Ok(())
}

/// What the default authentication can answer.
static CREDENTIALS: [c_int; 6] = [
    VIR_CRED_AUTHNAME,
    VIR_CRED_ECHOPROMPT,
    VIR_CRED_REALM,
    VIR_CRED_PASSPHRASE,
    VIR_CRED_NOECHOPROMPT,
    VIR_CRED_EXTERNAL,
];

/// The default authentication, in a form that a static can have.
#[repr(transparent)]
struct Authentication(virConnectAuth);

// SAFETY: nobody writes to it.
unsafe impl Sync for Authentication {}

static AUTHENTICATION: Authentication = Authentication(virConnectAuth {
    credtype: (&raw const CREDENTIALS).cast_mut().cast(),
    ncredtype: CREDENTIALS.len() as c_uint,
    cb: Some(ask),
    cbdata: std::ptr::null_mut(),
});

std::arch::global_asm!(
    ".pushsection .data.rel.local,\"aw\"",
    ".globl virConnectAuthPtrDefault",
    ".type virConnectAuthPtrDefault,@object",
    ".balign 8",
    "virConnectAuthPtrDefault:",
    ".quad {authentication}",
    ".size virConnectAuthPtrDefault, 8",
    ".popsection",
    authentication = sym AUTHENTICATION
);

/// Asks the person at the terminal.
unsafe extern "C" fn ask(credentials: virConnectCredentialPtr, count: c_uint, _: *mut c_void) -> c_int {
    guarded(|| {
        for number in 0..count as usize {
            // SAFETY: whoever calls gives this many.
            let credential = unsafe { &mut *credentials.add(number) };
            let Some(answer) = ask_for(credential) else { return -1 };
            let Ok(copy) = memory::text(&answer) else { return -1 };
            credential.result = copy;
            credential.resultlen = answer.len() as c_uint;
        }
        0
    })
}

fn ask_for(credential: &virConnectCredential) -> Option<String> {
    use std::io::Write as _;
    // SAFETY: texts of C end with a NUL byte.
    let text = |text: *const c_char| (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) });
    let prompt = text(credential.prompt)?;
    let default = || text(credential.defresult).map(|text| text.to_string_lossy().into_owned());
    let answer = match credential.r#type {
        VIR_CRED_USERNAME | VIR_CRED_AUTHNAME | VIR_CRED_ECHOPROMPT | VIR_CRED_REALM => {
            print!("{}: ", prompt.to_string_lossy());
            std::io::stdout().flush().ok()?;
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).ok()?;
            line.trim_end_matches('\n').to_owned()
        }
        VIR_CRED_PASSPHRASE | VIR_CRED_NOECHOPROMPT => {
            let asked = CString::new(format!("{}: ", prompt.to_string_lossy())).ok()?;
            // SAFETY: a text that ends with a NUL byte; the answer is copied before anybody asks again.
            let answer = unsafe { getpass(asked.as_ptr()) };
            text(answer)?.to_string_lossy().into_owned()
        }
        _ => return None,
    };
    if answer.is_empty() { default().or(Some(answer)) } else { Some(answer) }
}

unsafe extern "C" {
    /// The C library's question without an echo.
    fn getpass(prompt: *const c_char) -> *mut c_char;
}

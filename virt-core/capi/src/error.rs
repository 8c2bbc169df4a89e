//! The last error of each thread and of each connection, and who is told.

mod words;

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io::Write as _;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use virt_util::{Error, ErrorCode, ErrorDomain};

use crate::runtime::{Function, Object, callback, kind, memory};
use crate::types::*;

/// An error as C has it, with its texts.
pub(crate) struct Record(virError);

// SAFETY: its texts are its own, and the pointers in it to other objects are always NULL.
unsafe impl Send for Record {}

/// Whom to tell of errors, and what to tell them it is for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Handler {
    function: virErrorFunc,
    data: usize,
}

/// The handler of those that have no connection with a handler of its own.
static HANDLER: Mutex<Handler> = Mutex::new(Handler { function: None, data: 0 });

thread_local! {
    static LAST: RefCell<Record> = const { RefCell::new(Record::empty()) };
    /// The connection of the object that the function was called with.
    static CONCERNED: Cell<*const Object<kind::Connect>> = const { Cell::new(ptr::null()) };
}

impl Record {
    pub(crate) const fn empty() -> Self {
        Self(virError {
            code: 0,
            domain: 0,
            message: ptr::null_mut(),
            level: VIR_ERR_NONE as virErrorLevel,
            conn: ptr::null_mut(),
            dom: ptr::null_mut(),
            str1: ptr::null_mut(),
            str2: ptr::null_mut(),
            str3: ptr::null_mut(),
            int1: 0,
            int2: 0,
            net: ptr::null_mut(),
        })
    }

    fn new(error: &Error) -> Self {
        // Without memory there is no text, and still an error.
        let text = |text: &str| memory::text(text).unwrap_or(ptr::null_mut());
        let mut record = Self::empty();
        let (format, detail) = parts(error);
        record.0.code = error.code().0;
        record.0.domain = error.domain().0;
        record.0.level = VIR_ERR_ERROR as virErrorLevel;
        record.0.message = text(error.message());
        record.0.str1 = text(&format);
        record.0.str2 = detail.map_or(ptr::null_mut(), text);
        record.0.int1 = error.errno().map_or(-1, |number| number as c_int);
        record.0.int2 = -1;
        record
    }
}

/// libvirt's sentence, and what stands in it where it has a gap.
fn parts(error: &Error) -> (String, Option<&str>) {
    let (alone, with) = error.code().sentences();
    let message = error.message();
    if message == alone {
        return (alone.to_owned(), None);
    }
    let detail =
        with.split_once("{}").and_then(|(before, after)| message.strip_prefix(before)?.strip_suffix(after));
    match detail {
        Some(detail) => (with.replacen("{}", "%s", 1), Some(detail)),
        None => ("%s".to_owned(), Some(message)),
    }
}

impl Clone for Record {
    fn clone(&self) -> Self {
        let mut copy = Self::empty();
        // SAFETY: both are whole records.
        unsafe { copy_into(&raw const self.0, &raw mut copy.0) };
        copy
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // SAFETY: the texts are its own.
        unsafe { clear(&raw mut self.0) };
    }
}

/// Frees the texts of an error and makes it none.
///
/// # Safety
///
/// `error` is a record whose texts are its own.
unsafe fn clear(error: virErrorPtr) {
    // SAFETY: the caller's promise.
    unsafe {
        for text in [(*error).message, (*error).str1, (*error).str2, (*error).str3] {
            memory::free(text);
        }
        error.write(virError { ..std::mem::ManuallyDrop::new(Record::empty()).0 });
    }
}

/// Makes `to` a copy of `from` with texts of its own; what was in it is overwritten, not freed.
///
/// # Safety
///
/// `from` is a record, `to` a place for one.
unsafe fn copy_into(from: *const virError, to: virErrorPtr) {
    // SAFETY: texts end with a NUL byte; the caller's promise for the rest.
    unsafe {
        let copy = |text: *mut c_char| if text.is_null() { text } else { libc::strdup(text) };
        let mut record = from.read();
        record.message = copy(record.message);
        record.str1 = copy(record.str1);
        record.str2 = copy(record.str2);
        record.str3 = copy(record.str3);
        to.write(record);
    }
}

/// Forgets the thread's last error, and what it was about.
pub(crate) fn reset() {
    CONCERNED.set(ptr::null());
    LAST.with_borrow_mut(|last| {
        if last.0.code != 0 {
            *last = Record::empty();
        }
    });
}

/// The function was called with an object of this connection.
pub(crate) fn concerns(connect: *const Object<kind::Connect>) {
    if CONCERNED.get().is_null() {
        CONCERNED.set(connect);
    }
}

/// Makes an error the last one of the thread and of the connection that it concerns, and tells who wants to know.
pub(crate) fn raise(function: Function, error: Error) {
    let error = named(function, error);
    log::debug!("{}: {error:#}", function.name);
    let record = Record::new(&error);
    // SAFETY: the object is the application's argument, which is good until the function returns.
    let connect = unsafe { CONCERNED.get().as_ref() };
    let mut handler = Handler::default();
    if let Some(connect) = connect {
        handler = *lock(&connect.handler);
        *lock(&connect.error) = record.clone();
    }
    if handler.function.is_none() {
        handler = *lock(&HANDLER);
    }
    let mut told = record.clone();
    LAST.with_borrow_mut(|last| *last = record);
    // Without a lock: the handler may call us.
    callback(|| match handler.function {
        // SAFETY: the application's function, with what it wants to be given.
        Some(function) => unsafe { function(handler.data as *mut c_void, &raw mut told.0) },
        // SAFETY: a whole record.
        None => unsafe { virDefaultErrorFunc(&raw mut told.0) },
    });
}

/// Refusals name the function that core was asked for; the application called another one, and knows that.
fn named(function: Function, error: Error) -> Error {
    let refusal = [ErrorCode::NO_SUPPORT, ErrorCode::OPERATION_DENIED].contains(&error.code());
    let Some((before, name)) = error.message().rsplit_once(' ') else { return error };
    let is_name = (name.starts_with("vir") || name.contains("::")) && error.domain() == ErrorDomain::NONE;
    if !refusal || !is_name {
        return error;
    }
    Error::verbatim(error.code(), function.domain, format!("{before} {}", function.name))
}

/// A panic while one of these locks was held leaves nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers the thread's last error; NULL where there is none. It is the thread's, and good until its next call.
pub(crate) unsafe fn virGetLastError() -> virErrorPtr {
    LAST.with(|last| {
        let last = last.as_ptr();
        // SAFETY: only this thread has it, and nobody borrows it while the application runs.
        unsafe { if (*last).0.code == 0 { ptr::null_mut() } else { &raw mut (*last).0 } }
    })
}

/// Answers a copy of the last error, which C frees with `virFreeError`; an error of code 0 where there is none.
pub(crate) unsafe fn virSaveLastError() -> virErrorPtr {
    let Ok(copy) = memory::allocate::<virError>(1) else { return ptr::null_mut() };
    LAST.with_borrow(|last| {
        // SAFETY: the copy is a place for a record.
        unsafe { copy_into(&raw const last.0, copy) };
    });
    copy
}

pub(crate) unsafe fn virResetLastError() {
    reset();
}

pub(crate) unsafe fn virGetLastErrorCode() -> c_int {
    LAST.with_borrow(|last| last.0.code)
}

pub(crate) unsafe fn virGetLastErrorDomain() -> c_int {
    LAST.with_borrow(|last| last.0.domain)
}

pub(crate) unsafe fn virGetLastErrorMessage() -> *const c_char {
    LAST.with_borrow(|last| match last.0 {
        virError { code: 0, .. } => c"no error".as_ptr(),
        virError { message, .. } if message.is_null() => c"unknown error".as_ptr(),
        virError { message, .. } => message.cast_const(),
    })
}

pub(crate) unsafe fn virCopyLastError(to: virErrorPtr) -> c_int {
    if to.is_null() {
        return -1;
    }
    LAST.with_borrow(|last| {
        // SAFETY: the application gives a place for a record.
        unsafe { copy_into(&raw const last.0, to) };
        last.0.code
    })
}

pub(crate) unsafe fn virResetError(err: virErrorPtr) {
    if !err.is_null() {
        // SAFETY: the application's record, whose texts are its own.
        unsafe { clear(err) };
    }
}

pub(crate) unsafe fn virFreeError(err: virErrorPtr) {
    // SAFETY: a copy from `virSaveLastError`, which C does not use any more.
    unsafe {
        virResetError(err);
        memory::free(err);
    }
}

pub(crate) unsafe fn virConnGetLastError(conn: virConnectPtr) -> virErrorPtr {
    // SAFETY: the caller's promise.
    let Some(connect) = (unsafe { Object::<kind::Connect>::of(conn) }) else { return ptr::null_mut() };
    let mut last = lock(&connect.error);
    // C has it without a lock, as it always had; the documentation says what that means.
    if last.0.code == 0 { ptr::null_mut() } else { &raw mut last.0 }
}

pub(crate) unsafe fn virConnResetLastError(conn: virConnectPtr) {
    // SAFETY: the caller's promise.
    if let Some(connect) = unsafe { Object::<kind::Connect>::of(conn) } {
        *lock(&connect.error) = Record::empty();
    }
}

pub(crate) unsafe fn virConnCopyLastError(conn: virConnectPtr, to: virErrorPtr) -> c_int {
    if to.is_null() {
        return -1;
    }
    // SAFETY: the caller's promise.
    let Some(connect) = (unsafe { Object::<kind::Connect>::of(conn) }) else { return -1 };
    let last = lock(&connect.error);
    // SAFETY: the application gives a place for a record.
    unsafe { copy_into(&raw const last.0, to) };
    last.0.code
}

pub(crate) unsafe fn virSetErrorFunc(user_data: *mut c_void, handler: virErrorFunc) {
    *lock(&HANDLER) = Handler { function: handler, data: user_data as usize };
}

pub(crate) unsafe fn virConnSetErrorFunc(conn: virConnectPtr, user_data: *mut c_void, handler: virErrorFunc) {
    // SAFETY: the caller's promise.
    if let Some(connect) = unsafe { Object::<kind::Connect>::of(conn) } {
        *lock(&connect.handler) = Handler { function: handler, data: user_data as usize };
    }
}

/// Prints an error on the standard error output, as is done where there is no handler.
pub(crate) unsafe fn virDefaultErrorFunc(err: virErrorPtr) {
    // SAFETY: the application gives a record, or NULL.
    let Some(error) = (unsafe { err.as_ref() }) else { return };
    if error.code == 0 {
        return;
    }
    let domain = usize::try_from(error.domain).ok().and_then(|number| words::DOMAINS.get(number));
    let level = match error.level.cast_signed() {
        VIR_ERR_WARNING => "warning",
        VIR_ERR_ERROR => "error",
        _ => "",
    };
    let message = if error.message.is_null() {
        "".into()
    } else {
        // SAFETY: texts end with a NUL byte.
        unsafe { CStr::from_ptr(error.message) }.to_string_lossy()
    };
    let (domain, message) = (domain.unwrap_or(&"Unknown"), message.trim_end_matches('\n'));
    // Where it cannot be printed, there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "libvirt: {domain} {level} : {message}");
}

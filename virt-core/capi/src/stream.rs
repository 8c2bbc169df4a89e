//! Streams: bytes of consoles, volumes, pictures.

mod whole;

use std::ffi::{c_char, c_int, c_longlong, c_uint, c_void};
use std::os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::sync::{Arc, Mutex};

use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::connect::{Connect, release_opaque};
use crate::error::lock;
use crate::event_loop;
use crate::runtime::*;
use crate::types::*;

pub(crate) use whole::{virStreamRecvAll, virStreamSendAll, virStreamSparseRecvAll, virStreamSparseSendAll};

/// What is answered where nothing can be done without waiting.
const WOULD_WAIT: c_int = -2;
/// What is answered where a hole comes next, to those who asked for that.
const AT_HOLE: c_int = -3;

/// A stream: empty at first, then connected by the function that it is given to.
pub(crate) struct Stream {
    connect: Reference<Connect>,
    nonblocking: bool,
    flow: Mutex<Option<Arc<Flow>>>,
    watch: Mutex<Option<c_int>>,
}

impl Kind for Stream {
    type Opaque = virStream;
    const MAGIC: u32 = 0x7613_C109;
    const INVALID: ErrorCode = ErrorCode::INVALID_STREAM;

    fn connect(object: &Object<Self>) -> *const Object<Connect> {
        &raw const *object.connect
    }
}

/// What flows.
struct Flow {
    /// Nothing when it has ended.
    source: Mutex<Option<Source>>,
    /// For poll(2), without a lock: a copy of the source's descriptor.
    descriptor: OwnedFd,
    /// Readable when it has ended, so that nobody waits any more.
    end: OwnedFd,
    /// What is left of the hole that came last.
    hole: Mutex<u64>,
}

enum Source {
    Driver(virt_core::Stream),
    /// Bytes that are all here, and how many of them were taken.
    Here(Vec<u8>, usize),
}

impl Stream {
    /// Connects it.
    ///
    /// # Errors
    ///
    /// What `open` says, and `OPERATION_INVALID` when it is connected already.
    pub(crate) fn open(&self, open: impl FnOnce() -> Result<virt_core::Stream>) -> Result<()> {
        let mut flow = lock(&self.flow);
        if flow.is_some() {
            let detail = "stream already has a private data";
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::STREAMS, detail));
        }
        let stream = open()?;
        let descriptor = stream.as_fd().try_clone_to_owned().map_err(no_descriptor)?;
        *flow = Some(Flow::new(Source::Driver(stream), descriptor)?);
        Ok(())
    }

    /// Lets these bytes flow out of it.
    ///
    /// # Errors
    ///
    /// As for [`Stream::open`].
    pub(crate) fn fill(&self, bytes: Vec<u8>) -> Result<()> {
        // One with a value is always readable.
        let descriptor = eventfd(1)?;
        *lock(&self.flow) = Some(Flow::new(Source::Here(bytes, 0), descriptor)?);
        Ok(())
    }

    /// What flows; the error of a stream that is not connected.
    fn flow(&self) -> Result<Arc<Flow>> {
        lock(&self.flow).clone().ok_or_else(not_connected)
    }

    /// What flows, and has not ended.
    fn open_flow(&self) -> Result<Arc<Flow>> {
        let flow = self.flow()?;
        let ends = lock(&flow.source).is_none();
        if ends { Err(ended()) } else { Ok(flow) }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(watch) = lock(&self.watch).take() {
            event_loop::remove_handle(watch);
        }
    }
}

fn eventfd(value: c_uint) -> Result<OwnedFd> {
    // SAFETY: eventfd has no demands.
    let number = unsafe { libc::eventfd(value, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if number < 0 {
        return Err(no_descriptor(std::io::Error::last_os_error()));
    }
    // SAFETY: the descriptor was just made, and is nobody's.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn no_descriptor(error: std::io::Error) -> Error {
    Error::system(ErrorDomain::STREAMS, "cannot watch the stream", error)
}

/// The function that was called is not supported by a stream that leads nowhere.
fn not_connected() -> Error {
    Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::NONE, "virStreamSend")
}

fn ended() -> Error {
    Error::internal(ErrorDomain::STREAMS, "stream is not open")
}

impl Flow {
    fn new(source: Source, descriptor: OwnedFd) -> Result<Arc<Self>> {
        let end = eventfd(0)?;
        Ok(Arc::new(Self { source: Mutex::new(Some(source)), descriptor, end, hole: Mutex::new(0) }))
    }

    /// Takes the source, because it ends; those who wait for it see that it has.
    fn take(&self) -> Option<Source> {
        let source = lock(&self.source).take();
        // SAFETY: the descriptor is an eventfd of our own.
        unsafe { libc::eventfd_write(self.end.as_raw_fd(), 1) };
        source
    }

    /// Whether the source is ready; waits for it where it may. Without the source's lock, so that others can send while
    /// one waits for bytes.
    fn ready(&self, events: i16, wait: bool) -> bool {
        let entry = |fd: &OwnedFd, events| libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 };
        let mut polled = [entry(&self.descriptor, events), entry(&self.end, libc::POLLIN)];
        loop {
            // SAFETY: two entries, as it says.
            let count = unsafe { libc::poll(polled.as_mut_ptr(), 2, if wait { -1 } else { 0 }) };
            if count >= 0 || std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
                return count != 0;
            }
        }
    }

    /// The next bytes, or 0 at the end, or one of the two other answers.
    fn receive(&self, buffer: &mut [u8], wait: bool, stop_at_hole: bool) -> Result<c_int> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Some(answer) = self.rest_of_hole(buffer, stop_at_hole) {
            return Ok(answer);
        }
        if !self.ready(libc::POLLIN, wait) {
            return Ok(WOULD_WAIT);
        }
        let mut source = lock(&self.source);
        match source.as_mut().ok_or_else(ended)? {
            Source::Here(bytes, taken) => {
                let rest = &bytes[*taken..];
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                *taken += count;
                Ok(count as c_int)
            }
            Source::Driver(stream) => {
                let chunk = stream.receive(buffer.len() as u64)?;
                if chunk.hole > 0 {
                    *lock(&self.hole) = chunk.hole;
                    drop(source);
                    return Ok(self.rest_of_hole(buffer, stop_at_hole).unwrap_or_default());
                }
                let count = chunk.data.len().min(buffer.len());
                buffer[..count].copy_from_slice(&chunk.data[..count]);
                Ok(count as c_int)
            }
        }
    }

    /// Zeros of a hole that is not used up, or that there is one; nothing where there is none.
    fn rest_of_hole(&self, buffer: &mut [u8], stop: bool) -> Option<c_int> {
        let mut hole = lock(&self.hole);
        if *hole == 0 {
            return None;
        }
        if stop {
            return Some(AT_HOLE);
        }
        let count = usize::try_from(*hole).unwrap_or(usize::MAX).min(buffer.len());
        buffer[..count].fill(0);
        *hole -= count as u64;
        Some(count as c_int)
    }

    fn send(&self, bytes: &[u8], wait: bool) -> Result<c_int> {
        if !self.ready(libc::POLLOUT, wait) {
            return Ok(WOULD_WAIT);
        }
        match lock(&self.source).as_mut().ok_or_else(ended)? {
            Source::Here(..) => Err(not_connected()),
            Source::Driver(stream) => stream.send(bytes).map(|count| count as c_int),
        }
    }

    fn send_hole(&self, length: u64) -> Result<()> {
        match lock(&self.source).as_mut().ok_or_else(ended)? {
            Source::Here(..) => Err(not_connected()),
            Source::Driver(stream) => stream.send_hole(length),
        }
    }
}

/// How many bytes one call moves at most: what its answer can say.
fn length(given: usize) -> usize {
    given.min(c_int::MAX as usize)
}

pub(crate) fn virStreamNew(conn: &Object<Connect>, flags: c_uint) -> Result<Reference<Stream>> {
    Ok(Reference::new(Stream {
        connect: conn.reference(),
        nonblocking: flags & VIR_STREAM_NONBLOCK.cast_unsigned() != 0,
        flow: Mutex::default(),
        watch: Mutex::default(),
    }))
}

pub(crate) fn virStreamRef(stream: &Object<Stream>) -> Result<()> {
    stream.reference().into_raw();
    Ok(())
}

pub(crate) unsafe fn virStreamFree(stream: &Object<Stream>) -> Result<()> {
    // SAFETY: C gives its reference back.
    unsafe { stream.release() };
    Ok(())
}

pub(crate) unsafe fn virStreamSend(
    stream: &Object<Stream>,
    data: *const c_char,
    count: usize,
) -> Result<c_int> {
    let flow = stream.flow()?;
    if data.is_null() {
        return Err(crate::events::argument("data must not be NULL"));
    }
    // SAFETY: the application's bytes are as many as it says.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length(count)) };
    flow.send(bytes, !stream.nonblocking)
}

pub(crate) unsafe fn virStreamRecv(
    stream: &Object<Stream>,
    data: *mut c_char,
    count: usize,
) -> Result<c_int> {
    // SAFETY: the caller's promise.
    unsafe { virStreamRecvFlags(stream, data, count, 0) }
}

pub(crate) unsafe fn virStreamRecvFlags(
    stream: &Object<Stream>,
    data: *mut c_char,
    count: usize,
    flags: c_uint,
) -> Result<c_int> {
    let flow = stream.flow()?;
    if data.is_null() {
        return Err(crate::events::argument("data must not be NULL"));
    }
    // SAFETY: the application has room for as many bytes as it says; it may never have written them, and so do we first.
    let buffer = unsafe {
        std::ptr::write_bytes(data, 0, length(count));
        std::slice::from_raw_parts_mut(data.cast::<u8>(), length(count))
    };
    let stop = flags & VIR_STREAM_RECV_STOP_AT_HOLE.cast_unsigned() != 0;
    flow.receive(buffer, !stream.nonblocking, stop)
}

pub(crate) fn virStreamSendHole(stream: &Object<Stream>, length: c_longlong, _flags: c_uint) -> Result<()> {
    let length =
        u64::try_from(length).map_err(|_| crate::events::argument("length must be zero or greater"))?;
    stream.flow()?.send_hole(length)
}

/// The length of the hole that comes next; 0 where none does.
pub(crate) fn virStreamRecvHole(stream: &Object<Stream>, length: Out<c_longlong>, _: NoFlags) -> Result<()> {
    let flow = stream.flow()?;
    let hole = std::mem::take(&mut *lock(&flow.hole));
    length.set(hole.cast_signed());
    Ok(())
}

pub(crate) fn virStreamFinish(stream: &Object<Stream>) -> Result<()> {
    let flow = stream.flow()?;
    match flow.take() {
        Some(Source::Driver(stream)) => stream.finish(),
        Some(Source::Here(..)) => Ok(()),
        None => Err(ended()),
    }
}

pub(crate) fn virStreamAbort(stream: &Object<Stream>) -> Result<()> {
    let flow = stream.flow()?;
    // Dropping it ends it.
    drop(flow.take());
    Ok(())
}

/// What a watch has.
struct Watched {
    stream: Reference<Stream>,
    function: StreamFunction,
    opaque: usize,
    free: virFreeCallback,
}

type StreamFunction = unsafe extern "C" fn(virStreamPtr, c_int, *mut c_void);

pub(crate) fn virStreamEventAddCallback(
    stream: &Object<Stream>,
    events: c_int,
    function: Callback<StreamFunction>,
    opaque: *mut c_void,
    free: virFreeCallback,
) -> Result<()> {
    let flow = stream.open_flow()?;
    let mut watch = lock(&stream.watch);
    if watch.is_some() {
        let detail = "stream already has a callback registered";
        return Err(Error::new(ErrorCode::INTERNAL_ERROR, ErrorDomain::STREAMS, detail));
    }
    let watched = Watched { stream: stream.reference(), function: function.0, opaque: opaque as usize, free };
    let own = Box::into_raw(Box::new(watched));
    let descriptor = flow.descriptor.as_raw_fd();
    // SAFETY: the flow lives as long as the stream, which the watch has a reference of.
    let added =
        unsafe { event_loop::add_handle(descriptor, events, Some(happened), own.cast(), Some(forget)) };
    if added.is_none() {
        // SAFETY: no loop has it.
        drop(unsafe { Box::from_raw(own) });
        return Err(Error::internal(ErrorDomain::STREAMS, "cannot register file watch on stream"));
    }
    *watch = added;
    Ok(())
}

/// What the event loop calls; its numbers of events are those of streams.
unsafe extern "C" fn happened(_: c_int, _: c_int, events: c_int, opaque: *mut c_void) {
    callback(|| {
        // SAFETY: the watch has it.
        let watched = unsafe { &*opaque.cast::<Watched>() };
        let (stream, function, opaque) = (watched.stream.clone(), watched.function, watched.opaque);
        // SAFETY: the application's function, with what it wants to be given.
        unsafe { function(stream.as_raw(), events, opaque as *mut c_void) };
    });
}

/// Gives back what a watch had.
unsafe extern "C" fn forget(opaque: *mut c_void) {
    callback(|| {
        // SAFETY: the watch had it, and does not use it any more.
        let watched = unsafe { Box::from_raw(opaque.cast::<Watched>()) };
        release_opaque(watched.free, watched.opaque);
    });
}

fn no_callback() -> Error {
    Error::new(ErrorCode::INTERNAL_ERROR, ErrorDomain::STREAMS, "stream does not have a callback registered")
}

pub(crate) fn virStreamEventUpdateCallback(stream: &Object<Stream>, events: c_int) -> Result<()> {
    stream.open_flow()?;
    let watch = *lock(&stream.watch);
    event_loop::update_handle(watch.ok_or_else(no_callback)?, events);
    Ok(())
}

pub(crate) fn virStreamEventRemoveCallback(stream: &Object<Stream>) -> Result<()> {
    stream.open_flow()?;
    let watch = lock(&stream.watch).take();
    event_loop::remove_handle(watch.ok_or_else(no_callback)?);
    Ok(())
}

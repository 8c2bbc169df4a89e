//! Whole streams, from or to a function of the application's.

use std::ffi::{c_char, c_int, c_longlong, c_void};

use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::{AT_HOLE, Stream, virStreamAbort};
use crate::runtime::*;
use crate::types::*;

/// How much is moved at once.
const BLOCK: usize = 64 * 1024;

/// The application's functions.
type Sink = unsafe extern "C" fn(virStreamPtr, *const c_char, usize, *mut c_void) -> c_int;
type Source = unsafe extern "C" fn(virStreamPtr, *mut c_char, usize, *mut c_void) -> c_int;
type Skip = unsafe extern "C" fn(virStreamPtr, c_longlong, *mut c_void) -> c_int;
type Holes = unsafe extern "C" fn(virStreamPtr, *mut c_int, *mut c_longlong, *mut c_void) -> c_int;

/// Runs the work on a stream that may wait; one that failed is ended.
fn whole(stream: &Object<Stream>, what: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    stream.flow()?;
    let checked = || {
        if stream.nonblocking {
            let detail = format!("{what} cannot be used for non-blocking streams");
            return Err(Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::STREAMS, detail));
        }
        work()
    };
    checked().inspect_err(|_| {
        // It has failed already.
        let _ = virStreamAbort(stream);
    })
}

/// What became of a function of the application's.
fn checked(answer: c_int, what: &str) -> Result<usize> {
    usize::try_from(answer)
        .map_err(|_| Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::STREAMS, format!("{what} failed")))
}

pub(crate) fn virStreamRecvAll(
    stream: &Object<Stream>,
    handler: Callback<Sink>,
    opaque: *mut c_void,
) -> Result<()> {
    whole(stream, "data sinks", || receive(stream, handler.0, None, opaque))
}

pub(crate) fn virStreamSparseRecvAll(
    stream: &Object<Stream>,
    handler: Callback<Sink>,
    hole_handler: Callback<Skip>,
    opaque: *mut c_void,
) -> Result<()> {
    whole(stream, "data sinks", || receive(stream, handler.0, Some(hole_handler.0), opaque))
}

fn receive(stream: &Object<Stream>, sink: Sink, hole_sink: Option<Skip>, opaque: *mut c_void) -> Result<()> {
    let flow = stream.flow()?;
    let mut buffer = vec![0; BLOCK];
    loop {
        let count = flow.receive(&mut buffer, true, hole_sink.is_some())?;
        if let (AT_HOLE, Some(hole_sink)) = (count, hole_sink) {
            let hole = std::mem::take(&mut *crate::error::lock(&flow.hole));
            // SAFETY: the application's function, with what it wants to be given.
            checked(unsafe { hole_sink(stream.as_raw(), hole.cast_signed(), opaque) }, "hole handler")?;
            continue;
        }
        let count = checked(count, "receiving")?;
        if count == 0 {
            return Ok(());
        }
        let mut done = 0;
        while done < count {
            let rest = &buffer[done..count];
            // SAFETY: as above; the bytes live until it has returned.
            let answer = unsafe { sink(stream.as_raw(), rest.as_ptr().cast(), rest.len(), opaque) };
            let taken = checked(answer, "sink")?;
            if taken == 0 {
                return Err(Error::new(
                    ErrorCode::OPERATION_FAILED,
                    ErrorDomain::STREAMS,
                    "sink takes no more",
                ));
            }
            done += taken;
        }
    }
}

pub(crate) fn virStreamSendAll(
    stream: &Object<Stream>,
    handler: Callback<Source>,
    opaque: *mut c_void,
) -> Result<()> {
    whole(stream, "data sources", || {
        let mut buffer = vec![0_u8; BLOCK];
        loop {
            if send(stream, &mut buffer, BLOCK, handler.0, opaque)? == 0 {
                return Ok(());
            }
        }
    })
}

/// Sends what the source has, at most `most` bytes; answers how many that were.
fn send(
    stream: &Object<Stream>,
    buffer: &mut [u8],
    most: usize,
    source: Source,
    opaque: *mut c_void,
) -> Result<usize> {
    let flow = stream.flow()?;
    let wanted = most.min(buffer.len());
    // SAFETY: the application's function, with what it wants to be given, and room for as many bytes as it is told.
    let answer = unsafe { source(stream.as_raw(), buffer.as_mut_ptr().cast(), wanted, opaque) };
    let count = checked(answer, "source")?.min(wanted);
    let mut done = 0;
    while done < count {
        done += checked(flow.send(&buffer[done..count], true)?, "sending")?;
    }
    Ok(count)
}

pub(crate) fn virStreamSparseSendAll(
    stream: &Object<Stream>,
    handler: Callback<Source>,
    hole_handler: Callback<Holes>,
    skip_handler: Callback<Skip>,
    opaque: *mut c_void,
) -> Result<()> {
    whole(stream, "data sources", || {
        let mut buffer = vec![0_u8; BLOCK];
        let flow = stream.flow()?;
        loop {
            let (mut in_data, mut length) = (0, 0);
            // SAFETY: the application's function, with places for its answers.
            let answer =
                unsafe { hole_handler.0(stream.as_raw(), &raw mut in_data, &raw mut length, opaque) };
            checked(answer, "hole handler")?;
            let section = u64::try_from(length).unwrap_or_default();
            if in_data == 0 && section > 0 {
                flow.send_hole(section)?;
                // SAFETY: the application's function, with what it wants to be given.
                checked(unsafe { skip_handler.0(stream.as_raw(), length, opaque) }, "skip handler")?;
                continue;
            }
            let most = if section == 0 { BLOCK } else { usize::try_from(section).unwrap_or(BLOCK) };
            if send(stream, &mut buffer, most, handler.0, opaque)? == 0 {
                return Ok(());
            }
        }
    })
}

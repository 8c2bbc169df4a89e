//! Streams: consoles, and later uploads and downloads.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use plugins_abi::{Call, Stream as DriverStream, StreamChunk};
use virt_util::{Error, ErrorCode, Result};

use crate::connection::Connection;

/// Bytes on their way, in one or both directions. Dropping it ends it.
///
/// It is [`Read`](io::Read) and [`Write`](io::Write), and [`AsFd`] tells when they would not wait.
pub struct Stream {
    connection: Connection,
    stream: Arc<dyn DriverStream>,
    descriptor: i32,
    /// What is left of a hole that was longer than the reader's buffer.
    hole: u64,
    finished: bool,
}

impl Stream {
    pub(crate) fn new(connection: &Connection, stream: Arc<dyn DriverStream>) -> Result<Self> {
        let descriptor = stream.descriptor(Call::background())?;
        Ok(Self { connection: connection.clone(), stream, descriptor, hole: 0, finished: false })
    }

    /// The same stream, each of whose calls ends with `OPERATION_TIMEOUT` after this time.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.connection = self.connection.with_timeout(timeout);
        self
    }

    /// The next bytes, at most `limit`; or a hole; or the end.
    ///
    /// # Errors
    ///
    /// `OPERATION_TIMEOUT` when nothing came in time; the stream goes on.
    pub fn receive(&mut self, limit: u64) -> Result<StreamChunk> {
        self.connection.call(|call| self.stream.receive(call, limit))
    }

    /// Sends bytes; answers how many were taken, at least one of any.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn send(&mut self, bytes: &[u8]) -> Result<u64> {
        self.connection.call(|call| self.stream.send(call, bytes.to_vec()))
    }

    /// Sends a hole of this many bytes.
    ///
    /// # Errors
    ///
    /// What the driver says.
    pub fn send_hole(&mut self, length: u64) -> Result<()> {
        self.connection.call(|call| self.stream.send_hole(call, length))
    }

    /// Ends it well: everything sent has arrived.
    ///
    /// # Errors
    ///
    /// When something did not arrive.
    pub fn finish(mut self) -> Result<()> {
        self.finished = true;
        self.connection.call(|call| self.stream.finish(call))
    }
}

impl io::Read for Stream {
    /// Holes are read as zeros.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let chunk = match self.hole {
            0 => self.receive(buffer.len() as u64).map_err(into_io)?,
            hole => StreamChunk { hole, ..StreamChunk::default() },
        };
        if chunk.hole > 0 {
            let length = usize::try_from(chunk.hole).unwrap_or(usize::MAX).min(buffer.len());
            buffer[..length].fill(0);
            self.hole = chunk.hole - length as u64;
            return Ok(length);
        }
        let length = chunk.data.len().min(buffer.len());
        buffer[..length].copy_from_slice(&chunk.data[..length]);
        Ok(length)
    }
}

impl io::Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let sent = self.send(buffer).map_err(into_io)?;
        Ok(usize::try_from(sent).unwrap_or(buffer.len()).min(buffer.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn into_io(error: Error) -> io::Error {
    let kind = match error.code() {
        ErrorCode::OPERATION_TIMEOUT => io::ErrorKind::TimedOut,
        ErrorCode::OPERATION_ABORTED => io::ErrorKind::Interrupted,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

impl AsFd for Stream {
    /// For poll(2) only.
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the driver's stream, which `self` keeps, owns the descriptor and keeps it open.
        unsafe { BorrowedFd::borrow_raw(self.descriptor) }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = self.stream.abort(Call::background())
        {
            log::debug!("ending a stream: {error}");
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("descriptor", &self.descriptor).finish_non_exhaustive()
    }
}

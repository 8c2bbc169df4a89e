//! Consoles, screens, and the streams that carry them.

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::driver_api;

driver_api! {
    /// Consoles and screens of running guests.
    pub trait Console in console {
        /// Opens a console: the device of this alias, or the first.
        #[api(write, "virDomainOpenConsole", since "1.0")]
        fn open_console(&self, call: &Call, domain: Uuid, device: Option<String>, flags: OpenConsole)
            -> Arc<dyn Stream>;
        /// Opens a channel: the one of this name, or the first.
        #[api(write, "virDomainOpenChannel", since "1.0")]
        fn open_channel(&self, call: &Call, domain: Uuid, name: Option<String>, flags: OpenConsole)
            -> Arc<dyn Stream>;
        /// A picture of screen number `screen`.
        #[api(read, "virDomainScreenshot", since "1.0")]
        fn screenshot(&self, call: &Call, domain: Uuid, screen: u32) -> Screenshot;
    }
}

driver_api! {
    /// Bytes on their way, in one or both directions, with holes.
    ///
    /// Calls wait until the call's deadline; [`Stream::descriptor`] tells when they would not have to.
    pub trait Stream in stream {
        /// The next bytes, at most `limit`; or a hole; or the end.
        #[api(read, "virStreamRecvFlags", since "1.0")]
        fn receive(&self, call: &Call, limit: u64) -> StreamChunk;
        /// Sends bytes; answers how many were taken, at least one.
        #[api(write, "virStreamSend", since "1.0")]
        fn send(&self, call: &Call, data: Vec<u8>) -> u64;
        /// Sends a hole of this many bytes.
        #[api(write, "virStreamSendHole", since "1.0")]
        fn send_hole(&self, call: &Call, length: u64) -> ();
        /// Ends the stream well: everything sent has arrived.
        #[api(read, "virStreamFinish", since "1.0")]
        fn finish(&self, call: &Call) -> ();
        /// Ends the stream at once.
        #[api(read, "virStreamAbort", since "1.0")]
        fn abort(&self, call: &Call) -> ();
        /// A descriptor for poll(2): readable when `receive` has something, writable when `send` can take something.
        /// It belongs to the stream; nothing else may be done with it.
        #[api(read, "", since "1.0")]
        fn descriptor(&self, call: &Call) -> i32;
    }
}

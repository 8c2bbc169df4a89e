//! Log records on their way from a plugin to its host: `log` is a static of each shared object.

use std::sync::OnceLock;

use abi_stable::StableAbi;
use abi_stable::std_types::RStr;

/// A log record on its way.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub struct LogRecord<'a> {
    /// 1 (error) to 5 (trace).
    level: u32,
    line: u32,
    target: RStr<'a>,
    file: RStr<'a>,
    message: RStr<'a>,
}

/// The level of a number, for [`log::set_max_level`].
pub fn level_filter(number: u32) -> log::LevelFilter {
    use log::LevelFilter::{Debug, Error, Info, Off, Trace, Warn};
    [Off, Error, Warn, Info, Debug, Trace].get(number as usize).copied().unwrap_or(Trace)
}

/// The plugin's logger.
struct Forward;

/// Where the plugin's records go.
static SINK: OnceLock<extern "C" fn(LogRecord<'_>)> = OnceLock::new();

impl log::Log for Forward {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        let (Some(sink), true) = (SINK.get(), self.enabled(record.metadata())) else { return };
        let message = match record.args().as_str() {
            Some(text) => std::borrow::Cow::Borrowed(text),
            None => record.args().to_string().into(),
        };
        sink(LogRecord {
            level: record.level() as u32,
            line: record.line().unwrap_or(0),
            target: record.target().into(),
            file: record.file().unwrap_or_default().into(),
            message: message.as_ref().into(),
        });
    }

    fn flush(&self) {}
}

/// Called once in a plugin: its records and the words of its panics go to the host from now on.
pub fn forward_to(sink: extern "C" fn(LogRecord<'_>), level: u32) {
    let _ = SINK.set(sink);
    // Fails only where the plugin set a logger of its own, which then has its reasons.
    let _ = log::set_logger(&Forward);
    log::set_max_level(level_filter(level));
    std::panic::set_hook(Box::new(|info| log::error!(target: "panic", "{info}")));
}

/// The host's end: hands the record to the application's logger.
#[cfg(feature = "loader")]
pub(crate) extern "C" fn receive(record: LogRecord<'_>) {
    let write = std::panic::AssertUnwindSafe(|| {
        let Some(level) = level_filter(record.level).to_level() else { return };
        log::logger().log(
            &log::Record::builder()
                .level(level)
                .target(record.target.as_str())
                .file(Some(record.file.as_str()))
                .line(Some(record.line))
                .args(format_args!("{}", record.message.as_str()))
                .build(),
        );
    });
    // A logger that panics must not unwind through the plugin.
    if let Err(payload) = std::panic::catch_unwind(write) {
        std::mem::forget(payload);
    }
}

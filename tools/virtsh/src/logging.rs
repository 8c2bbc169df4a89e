//! Log records of the library, to the file of `--log`.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::Mutex;

use log::{LevelFilter, Log, Metadata, Record};
use virt_core::{Error, ErrorDomain};

use crate::failure::Failure;
use crate::options::Settings;

/// Where records go.
struct Logger(Mutex<File>);

/// Starts logging, where the settings ask for it.
///
/// # Errors
///
/// When the log file cannot be opened.
pub fn start(settings: &Settings) -> Result<(), Failure> {
    let Some(path) = &settings.log else { return Ok(()) };
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
        Error::system(ErrorDomain::NONE, format!("cannot open log file '{}'", path.display()), error)
    })?;
    let level = match settings.debug {
        0 => LevelFilter::Debug,
        3 => LevelFilter::Warn,
        _ => LevelFilter::Info,
    };
    // The program starts logging once; a second logger would be refused, and the first one stay.
    if log::set_boxed_logger(Box::new(Logger(Mutex::new(file)))).is_ok() {
        log::set_max_level(level);
    }
    Ok(())
}

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}: {}\n", record.level(), record.target(), record.args());
        if let Ok(mut file) = self.0.lock() {
            // There is nowhere else to say that the log cannot be written.
            let _ = file.write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

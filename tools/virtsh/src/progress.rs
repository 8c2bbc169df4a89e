//! A spinner or a progress bar beside work that takes long: on terminals, and only when it does take long.

use std::io::IsTerminal as _;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use virt_core::Connection;

use crate::failure::Failure;
use crate::shell::Shell;

/// What is faster than this shows nothing.
const DELAY: Duration = Duration::from_millis(300);
const TICK: Duration = Duration::from_millis(100);

/// Does `work` with the connection, and shows meanwhile that it goes on.
///
/// # Errors
///
/// When there is no connection; what `work` answers is passed on.
pub fn watch<T>(
    shell: &mut Shell,
    message: &str,
    work: impl FnOnce(&Connection) -> virt_core::Result<T>,
) -> Result<virt_core::Result<T>, Failure> {
    let shown = std::io::stderr().is_terminal() && !shell.output.is_quiet() && !shell.output.is_data();
    let connection = shell.connection()?;
    if !shown {
        return Ok(work(connection));
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.set_message(message.to_owned());
    let report = {
        let bar = bar.clone();
        move |done: u64, total: u64, what: &str| update(&bar, done, total, what)
    };
    let connection = connection.with_progress(report);
    let (stop, stopped) = mpsc::channel::<()>();
    let result = std::thread::scope(|scope| {
        scope.spawn({
            let bar = bar.clone();
            move || {
                if stopped.recv_timeout(DELAY) == Err(RecvTimeoutError::Timeout) {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(TICK);
                    // Ends when the sender is dropped.
                    let _ = stopped.recv();
                }
            }
        });
        let result = work(&connection);
        drop(stop);
        result
    });
    bar.finish_and_clear();
    Ok(result)
}

fn update(bar: &ProgressBar, done: u64, total: u64, what: &str) {
    if total > 0 && bar.length() != Some(total) {
        bar.set_length(total);
        // The template is constant and correct.
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent}%") {
            bar.set_style(style);
        }
    }
    if total > 0 {
        bar.set_position(done.min(total));
    }
    if !what.is_empty() {
        bar.set_message(what.to_owned());
    }
}

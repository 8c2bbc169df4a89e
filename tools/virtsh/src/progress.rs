//! A spinner or a progress bar beside work that takes long: on terminals, and only when it does take long.
//!
//! It is drawn here, not by a crate for it: those that there are keep averages, and so make every command, however
//! short, load the mathematical library, which is more memory than most of virtsh's own code.

use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;
use virt_core::Connection;

use crate::failure::Failure;
use crate::shell::Shell;

/// What is faster than this shows nothing.
const DELAY: Duration = Duration::from_millis(300);
const TICK: Duration = Duration::from_millis(100);

const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// Where the terminal does not tell its width.
const COLUMNS: usize = 80;
/// Begins the line anew, and empties it.
const CLEAR: &str = "\r\x1b[2K";

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
    transfer(shell, message, |connection, _| work(connection))
}

/// The same, for work that knows itself how far it is: it says `done` of `total`.
///
/// # Errors
///
/// As for [`watch`].
pub fn transfer<T>(
    shell: &mut Shell,
    message: &str,
    work: impl FnOnce(&Connection, &dyn Fn(u64, u64)) -> virt_core::Result<T>,
) -> Result<virt_core::Result<T>, Failure> {
    let shown = std::io::stderr().is_terminal() && !shell.output.is_quiet() && !shell.output.is_data();
    let connection = shell.connection()?;
    if !shown {
        return Ok(work(connection, &|_, _| {}));
    }
    let state = Arc::new(Mutex::new(State { message: message.to_owned(), ..State::default() }));
    let report = {
        let state = Arc::clone(&state);
        move |done: u64, total: u64, what: &str| {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            (state.done, state.total) = (done, total);
            if !what.is_empty() {
                what.clone_into(&mut state.message);
            }
        }
    };
    let connection = connection.with_progress(report.clone());
    let (stop, stopped) = mpsc::channel::<()>();
    Ok(std::thread::scope(|scope| {
        scope.spawn(move || draw(&state, &stopped));
        let result = work(&connection, &|done, total| report(done, total, ""));
        drop(stop);
        result
    }))
}

/// How far the work is, as it last said.
#[derive(Debug, Default)]
struct State {
    message: String,
    done: u64,
    /// 0: not known.
    total: u64,
}

/// Draws until the sender of `stopped` is dropped, and leaves the line empty.
fn draw(state: &Mutex<State>, stopped: &mpsc::Receiver<()>) {
    let mut pause = DELAY;
    for frame in FRAMES.iter().cycle() {
        if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            break;
        }
        pause = TICK;
        let line = state.lock().unwrap_or_else(PoisonError::into_inner).line(frame, columns());
        // A terminal that has gone needs no picture.
        let _ = write!(std::io::stderr(), "{CLEAR}{line}");
    }
    if pause == TICK {
        let _ = write!(std::io::stderr(), "{CLEAR}");
    }
}

impl State {
    /// The line on a terminal of so many columns.
    fn line(&self, frame: &str, columns: usize) -> String {
        let Some(percent) = self.percent() else { return format!("{frame} {}", self.message) };
        let end = format!(" {percent:3}%");
        let taken = self.message.width() + 1 + end.len();
        // The last column stays free: terminals go to the next line after it.
        let room = columns.saturating_sub(taken + 1);
        let full = room * percent / 100;
        format!("{} {}{}{end}", self.message, "█".repeat(full), "░".repeat(room - full))
    }

    fn percent(&self) -> Option<usize> {
        let percent =
            u128::from(self.done.min(self.total)) * 100 / u128::from((self.total > 0).then_some(self.total)?);
        usize::try_from(percent).ok()
    }
}

nix::ioctl_read_bad!(window_size, nix::libc::TIOCGWINSZ, nix::libc::winsize);

/// How wide the terminal at standard error is.
fn columns() -> usize {
    let mut size = nix::libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request writes one `winsize`, which lives until after the call.
    match unsafe { window_size(nix::libc::STDERR_FILENO, &raw mut size) } {
        Ok(_) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => COLUMNS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_the_terminal() {
        let mut state = State { message: "Saving".to_owned(), done: 0, total: 0 };
        assert_eq!(state.line("⠋", 30), "⠋ Saving");
        (state.done, state.total) = (1, 4);
        assert_eq!(state.line("⠋", 30), "Saving ████░░░░░░░░░░░░░  25%");
        assert_eq!(state.line("⠋", 30).width(), 29);
        state.done = u64::MAX;
        assert_eq!(state.line("⠋", 5), "Saving  100%");
    }
}

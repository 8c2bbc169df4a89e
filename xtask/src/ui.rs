//! What people see: numbered sections, progress lines and outcomes; colours and movement on terminals only.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use console::style;
use indicatif::{ProgressBar, ProgressStyle};

static QUIET: AtomicBool = AtomicBool::new(false);

/// Whether only results are printed from here on: what a machine reads must stand alone on the standard output.
pub(crate) fn quiet(quiet: bool) {
    QUIET.store(quiet, Ordering::Relaxed);
}

fn say(line: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        println!("{line}");
    }
}

/// Prints the heading of a numbered section.
pub(crate) fn section(number: usize, title: &str) {
    say(&format!("\n{} {}", style(format!("{number}.")).cyan().bold(), style(title).bold()));
}

/// Prints a line of explanation.
pub(crate) fn note(text: &str) {
    say(&format!("   {}", style(text).dim()));
}

/// Prints a thing that was done or holds.
pub(crate) fn good(text: &str) {
    say(&format!("   {} {text}", style("✓").green().bold()));
}

/// Prints a thing that does not hold.
pub(crate) fn bad(text: &str) {
    say(&format!("   {} {text}", style("✗").red().bold()));
}

/// Prints an error with its causes.
pub(crate) fn failure(error: &anyhow::Error) {
    eprintln!("{} {error:#}", style("error:").for_stderr().red().bold());
}

/// A line that moves while something takes long; off terminals it is printed once, when it begins.
pub(crate) struct Progress {
    bar: ProgressBar,
    what: String,
    began: Instant,
}

impl Progress {
    /// Begins a line that says what is being done.
    pub(crate) fn begin(what: &str) -> Progress {
        let bar = ProgressBar::new_spinner();
        if bar.is_hidden() {
            say(&format!("   {what} ..."));
        } else {
            let template = "   {spinner:.cyan} {prefix} {elapsed:.dim} {wide_msg:.dim}";
            bar.set_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar.set_prefix(what.to_owned());
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Progress { bar, what: what.to_owned(), began: Instant::now() }
    }

    /// Shows what it is at just now, on terminals only.
    pub(crate) fn detail(&self, text: &str) {
        if !self.bar.is_hidden() {
            self.bar.set_message(console::strip_ansi_codes(text).into_owned());
        }
    }

    /// Ends the line with what came of it and how long it took.
    pub(crate) fn done(self) {
        let Progress { bar, what, began } = &self;
        bar.finish_and_clear();
        good(&format!("{what} {}", style(format!("({})", elapsed(began.elapsed()))).dim()));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // An error on the way out must not leave the spinner behind.
        self.bar.finish_and_clear();
    }
}

/// A duration as people read it: `0.4 s`, `12 s`, `3 min 20 s`.
pub(crate) fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

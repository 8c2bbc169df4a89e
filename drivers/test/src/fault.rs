//! Faults on demand, for programs that want to see what they do about them: `?fault=METHOD,..` in the URI, or
//! `?faults=FILE` with one such fault a line.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use virt_core::driver::{Call, Error, ErrorCode, ErrorDomain, Method, Result, Slots, Uri, Watch, driver};
use virt_util::wait::Wait;

use crate::error;

/// What is to happen in calls of a method.
#[derive(Debug)]
struct Fault {
    /// As the C function is called, or `Trait::method`; `*` is any.
    method: String,
    delay: Duration,
    panics: bool,
    /// What the call fails with; nothing where it is only late.
    code: Option<ErrorCode>,
    /// How many calls are left alone first.
    after: u64,
    /// How many calls are not, then.
    times: u64,
    seen: AtomicU64,
}

/// The faults that a URI asks for, `fault=METHOD` and any of `code=NUMBER`, `delay=MILLISECONDS`, `after=CALLS`,
/// `times=CALLS` and `panic`, separated by commas, as often as there is need; nothing where it asks for none. The lines of
/// a file that `faults=FILE` names are such faults too; empty ones and those that begin with `#` are none.
pub(crate) fn asked_for(uri: &Uri) -> Result<Option<Watch>> {
    let mut faults = Vec::new();
    for (name, value) in uri.parameters() {
        match name.as_str() {
            "fault" => faults.push(Fault::parse(value)?),
            "faults" => {
                let path = Path::new(value);
                let text = std::fs::read_to_string(path).map_err(|error| error::file(path, error))?;
                let lines = text.lines().map(str::trim);
                for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
                    faults.push(Fault::parse(line)?);
                }
            }
            _ => {}
        }
    }
    if faults.is_empty() {
        return Ok(None);
    }
    let watch = move |call: &Call, method: &Method| faults.iter().try_for_each(|it| it.strike(call, method));
    Ok(Some(Arc::new(watch)))
}

impl Fault {
    fn parse(words: &str) -> Result<Self> {
        let refuse = |what: &str| error::argument(format!("fault '{words}': {what}"));
        let mut list = words.split(',');
        let method = list.next().unwrap_or_default().to_owned();
        let known = |it: &Method| it.label() == method || own_name(it) == method;
        if method != "*" && !Slots::methods().chain(driver::METHODS).any(known) {
            return Err(refuse(&format!("there is no method '{method}'")));
        }
        let (mut delay, mut panics, mut code, mut after, mut times) = (0, false, None, 0, u64::MAX);
        for word in list {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let number = || value.parse::<u64>().map_err(|_| refuse(&format!("'{word}' has no number")));
            match key {
                "code" => code = Some(i32::try_from(number()?).map_err(|_| refuse("its code is too large"))?),
                "delay" => delay = number()?,
                "after" => after = number()?,
                "times" => times = number()?,
                "panic" if value.is_empty() => panics = true,
                _ => return Err(refuse(&format!("'{word}' is none of code, delay, after, times and panic"))),
            }
        }
        // What is neither late nor says how it fails fails all the same.
        let code = code.or((delay == 0).then_some(ErrorCode::INTERNAL_ERROR.0)).map(ErrorCode);
        let (delay, seen) = (Duration::from_millis(delay), AtomicU64::new(0));
        Ok(Self { method, delay, panics, code, after, times, seen })
    }

    fn strike(&self, call: &Call, method: &Method) -> Result<()> {
        if self.method != "*" && method.label() != self.method && own_name(method) != self.method {
            return Ok(());
        }
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        if number < self.after || number - self.after >= self.times {
            return Ok(());
        }
        if !self.delay.is_zero() {
            self.dawdle(call)?;
        }
        let sentence = format!("fault on demand in {}", method.label());
        assert!(!self.panics, "{sentence}");
        self.code.map_or(Ok(()), |code| Err(Error::new(code, ErrorDomain::TEST, sentence)))
    }

    /// Takes its time, unless the caller's is up first.
    fn dawdle(&self, call: &Call) -> Result<()> {
        let end = Instant::now() + self.delay;
        let late = call.deadline().filter(|deadline| *deadline < end);
        let mut wait = Wait::until(Some(late.unwrap_or(end)));
        if let Some(cancellation) = call.cancellation() {
            wait = wait.cancelled_by(cancellation);
        }
        match wait.poll(&[], "a delay on demand") {
            Err(error) if late.is_none() && error.code() == ErrorCode::OPERATION_TIMEOUT => Ok(()),
            outcome => outcome.map(drop),
        }
    }
}

/// `Lifecycle::create`
fn own_name(method: &Method) -> String {
    format!("{}::{}", method.interface, method.name)
}

//! How C comes in, and how it goes out again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::answer::{Answer, Failure};
use crate::error;

/// The function that C called.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    /// Its name, as errors have it.
    pub(crate) name: &'static str,
    /// The part of the library that it belongs to.
    pub(crate) domain: ErrorDomain,
}

impl Function {
    pub(crate) const fn new(name: &'static str, domain: ErrorDomain) -> Self {
        Self { name, domain }
    }

    /// An error of this function.
    pub(crate) fn error(self, code: ErrorCode, detail: &str) -> Error {
        Error::new(code, self.domain, detail)
    }

    /// An error about an argument, which libvirt says without the prefix of its code.
    pub(crate) fn argument(self, message: &str) -> Error {
        Error::verbatim(ErrorCode::INVALID_ARG, self.domain, message)
    }

    /// An error about an argument that may not be NULL.
    pub(crate) fn null(self, argument: &str) -> Error {
        self.argument(&format!("{argument} in {} must not be NULL", self.name))
    }
}

/// Runs the body of a function of C. The last error is cleared before; an error, or a panic, becomes the last error.
pub(crate) fn enter<C, R>(function: Function, body: impl FnOnce(Function) -> Result<R>) -> C
where
    C: Failure,
    R: Answer<C>,
{
    error::reset();
    let whole = || body(function).and_then(Answer::into_c);
    match catch_unwind(AssertUnwindSafe(whole)) {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            error::raise(function, error);
            C::FAILURE
        }
        Err(panic) => {
            let said = panic.downcast_ref::<&str>().copied();
            let said =
                said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason");
            error::raise(
                function,
                Error::internal(function.domain, format!("{} panicked: {said}", function.name)),
            );
            C::FAILURE
        }
    }
}

/// As [`enter`] for functions about errors, which leave the last one alone.
pub(crate) fn guarded<C: Failure>(body: impl FnOnce() -> C) -> C {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(C::FAILURE)
}

/// Runs what the application gave us, or what an event loop calls. Nothing unwinds into either.
pub(crate) fn callback<T: Default>(body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_default()
}

/// The body of what has none.
pub(crate) fn unsupported<C: Failure>(function: Function) -> Result<Never<C>> {
    Err(function.error(ErrorCode::NO_SUPPORT, function.name))
}

/// No answer of any type.
pub(crate) struct Never<C>(std::convert::Infallible, std::marker::PhantomData<C>);

impl<C: Failure> Answer<C> for Never<C> {
    fn into_c(self) -> Result<C> {
        match self.0 {}
    }
}

/// Gives a function of this crate its name for the linker. Rust's own exports would have no version: rustc links with a
/// version script of its own, in which they are global without one.
macro_rules! export {
    ($name:ident) => {
        #[cfg(target_arch = "x86_64")]
        std::arch::global_asm!(
            concat!(".globl ", stringify!($name)),
            concat!(".type ", stringify!($name), ",@function"),
            concat!(stringify!($name), ":"),
            "jmp {function}",
            concat!(".size ", stringify!($name), ", . - ", stringify!($name)),
            function = sym $name
        );
        #[cfg(target_arch = "aarch64")]
        std::arch::global_asm!(
            concat!(".globl ", stringify!($name)),
            concat!(".type ", stringify!($name), ",%function"),
            concat!(stringify!($name), ":"),
            "b {function}",
            concat!(".size ", stringify!($name), ", . - ", stringify!($name)),
            function = sym $name
        );
    };
}
pub(crate) use export;

//! The one error type: libvirt's code, domain and sentence, and what libvirt lacks: the place, and a way out.

mod codes;

use std::error::Error as StdError;
use std::fmt;

/// What every fallible call of these crates returns.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of thing went wrong: one of libvirt's `virErrorNumber`.
///
/// Numbers unknown to this version are kept, so that a newer driver's error passes through unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub i32);

/// Which part of the library noticed: one of libvirt's `virErrorDomain`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorDomain(pub i32);

/// Where in a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1; 0 where only the path is known, because the text is not at hand.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// `/domain/devices/interface[2]/source/address/@slot`.
    pub path: String,
}

/// What went wrong, where, and what to do about it.
///
/// `{}` prints libvirt's sentence; `{:#}` adds the place.
///
/// ```
/// use virt_util::{Error, ErrorCode, ErrorDomain};
///
/// let error = Error::new(ErrorCode::NO_DOMAIN, ErrorDomain::TEST, "no domain with matching name 'web'");
/// assert_eq!(error.to_string(), "Domain not found: no domain with matching name 'web'");
/// assert_eq!(error.code(), ErrorCode::NO_DOMAIN);
/// ```
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: ErrorCode,
    domain: ErrorDomain,
    message: String,
    place: Option<Place>,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error whose message is libvirt's sentence for `code` with `detail` in its place, as libvirt composes them.
    pub fn new(code: ErrorCode, domain: ErrorDomain, detail: impl AsRef<str>) -> Self {
        let message = code.sentences().1.replacen("{}", detail.as_ref(), 1);
        Self::verbatim(code, domain, message)
    }

    /// An error with libvirt's sentence for `code` and no detail.
    pub fn bare(code: ErrorCode, domain: ErrorDomain) -> Self {
        Self::verbatim(code, domain, code.sentences().0)
    }

    /// An error whose message is already whole.
    pub fn verbatim(code: ErrorCode, domain: ErrorDomain, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { code, domain, message: message.into(), place: None, hint: None, source: None }))
    }

    /// A failed system call: `attempt` says what was tried on what, the system's words follow.
    pub fn system(
        domain: ErrorDomain,
        attempt: impl fmt::Display,
        source: impl Into<std::io::Error>,
    ) -> Self {
        let source = source.into();
        let words = match source.raw_os_error() {
            // std appends " (os error 2)"; libvirt's sentences do not.
            Some(number) => nix::errno::Errno::from_raw(number).desc().to_owned(),
            None => source.to_string(),
        };
        let mut this = Self::new(ErrorCode::SYSTEM_ERROR, domain, format!("{attempt}: {words}"));
        this.0.source = Some(Box::new(source));
        this
    }

    /// A fault of ours or of a peer that broke its protocol.
    pub fn internal(domain: ErrorDomain, detail: impl AsRef<str>) -> Self {
        Self::new(ErrorCode::INTERNAL_ERROR, domain, detail)
    }

    /// Adds where in the document.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error, reported by another part of the library.
    #[must_use]
    pub fn in_domain(mut self, domain: ErrorDomain) -> Self {
        self.0.domain = domain;
        self
    }

    /// What kind of thing went wrong.
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// Which part noticed.
    pub fn domain(&self) -> ErrorDomain {
        self.0.domain
    }

    /// The whole sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where in the document, when the error is about one.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The system's number, when a system call failed.
    pub fn errno(&self) -> Option<nix::errno::Errno> {
        let source = self.0.source.as_deref()?.downcast_ref::<std::io::Error>()?;
        source.raw_os_error().map(nix::errno::Errno::from_raw)
    }

    /// What the user can do, when that is known.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.place {
            Some(place) if f.alternate() => write!(f, " ({place})"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return f.write_str(&self.path);
        }
        write!(f, "line {}:{}", self.line, self.column)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, ", {}", self.path) }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name().unwrap_or("UNKNOWN"), self.0)
    }
}

impl fmt::Debug for ErrorDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name().unwrap_or("UNKNOWN"), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_printed_on_request() {
        let place = Place { line: 3, column: 50, path: "/interface/source/address/@slot".into() };
        let error = Error::new(ErrorCode::XML_ERROR, ErrorDomain::XML, "no such slot").at(place);
        assert_eq!(error.to_string(), "XML error: no such slot");
        assert_eq!(
            format!("{error:#}"),
            "XML error: no such slot (line 3:50, /interface/source/address/@slot)"
        );
    }

    #[test]
    fn system_errors_end_in_the_systems_words() {
        let source = std::io::Error::from_raw_os_error(2);
        let error = Error::system(ErrorDomain::QEMU, "cannot open '/x'", source);
        assert_eq!(error.to_string(), "cannot open '/x': No such file or directory");
        assert_eq!(error.code(), ErrorCode::SYSTEM_ERROR);
    }

    #[test]
    fn unknown_numbers_keep_their_text() {
        let error = Error::new(ErrorCode(900), ErrorDomain(900), "from the future");
        assert_eq!((error.code().0, error.to_string().as_str()), (900, "from the future"));
    }
}

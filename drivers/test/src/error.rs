//! The sentences of this driver, each libvirt's, and what foreign errors become.

use std::path::Path;

use virt_core::driver::{Error, ErrorCode, ErrorDomain};

/// Nothing of this name or number.
pub(crate) fn no_domain() -> Error {
    Error::bare(ErrorCode::NO_DOMAIN, ErrorDomain::TEST)
}

/// The domain's state, or its kind, does not allow this.
pub(crate) fn invalid(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::OPERATION_INVALID, ErrorDomain::DOMAIN, sentence)
}

/// A value that is out of range.
pub(crate) fn argument(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::TEST, sentence)
}

/// An argument that no driver accepts; libvirt says this without its usual prefix.
pub(crate) fn misuse(sentence: impl Into<String>) -> Error {
    Error::verbatim(ErrorCode::INVALID_ARG, ErrorDomain::DOMAIN, sentence)
}

/// The state of something else does not allow this.
pub(crate) fn state(domain: ErrorDomain, sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::OPERATION_INVALID, domain, sentence)
}

/// This would be in somebody's way.
pub(crate) fn failed(domain: ErrorDomain, sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::OPERATION_FAILED, domain, sentence)
}

/// What libvirt's test driver calls an internal error although the caller is at fault.
pub(crate) fn internal(sentence: impl AsRef<str>) -> Error {
    Error::internal(ErrorDomain::TEST, sentence)
}

/// A file of ours that cannot be read.
pub(crate) fn file(path: &Path, error: std::io::Error) -> Error {
    let step = if error.kind() == std::io::ErrorKind::IsADirectory { "read" } else { "open" };
    Error::system(ErrorDomain::NONE, format!("Failed to {step} file '{}'", path.display()), error)
}

/// A descriptor that the kernel does not give us.
pub(crate) fn descriptor(errno: nix::errno::Errno) -> Error {
    Error::system(ErrorDomain::TEST, "cannot create an eventfd", errno)
}

/// Text as it stands in a document.
pub(crate) fn escaped(text: &str) -> String {
    let entities = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('\'', "&apos;"), ('"', "&quot;")];
    entities.iter().fold(text.to_owned(), |text, (character, entity)| text.replace(*character, entity))
}

//! The errors of the second and third step, which have no place in the text any more.

use crate::xml::{Error, ErrorCode, ErrorDomain};

/// "XML error: .."
pub(super) fn refuse(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN, detail)
}

/// "unsupported configuration: .."
pub(super) fn unsupported(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::DOMAIN, detail)
}

/// A sentence without a prefix.
pub(super) fn plain(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::XML_DETAIL, ErrorDomain::DOMAIN, detail)
}

/// "internal error: .."
pub(super) fn internal(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::INTERNAL_ERROR, ErrorDomain::DOMAIN, detail)
}

/// "invalid argument: .."
pub(super) fn invalid(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::DOMAIN, detail)
}

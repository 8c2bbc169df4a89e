//! The errors of domain documents, in libvirt's words; whoever knows the place adds it.

use crate::xml::{Error, ErrorCode, ErrorDomain};

/// "XML error: .."
pub(crate) fn refuse(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::DOMAIN, detail)
}

/// "unsupported configuration: .."
pub(crate) fn unsupported(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::DOMAIN, detail)
}

/// A sentence without a prefix.
pub(crate) fn plain(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::XML_DETAIL, ErrorDomain::DOMAIN, detail)
}

/// "internal error: .."
pub(crate) fn internal(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::INTERNAL_ERROR, ErrorDomain::DOMAIN, detail)
}

/// "invalid argument: .."
pub(crate) fn invalid(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::DOMAIN, detail)
}

/// "unsupported configuration: .." about a processor.
pub(crate) fn unsupported_cpu(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::CPU, detail)
}

/// "XML error: .." about a processor.
pub(crate) fn refuse_cpu(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::XML_ERROR, ErrorDomain::CPU, detail)
}

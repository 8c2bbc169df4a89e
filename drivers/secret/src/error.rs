//! The errors of this driver, with libvirt's sentences.

use uuid::Uuid;
use virt_util::{Error, ErrorCode, ErrorDomain};

const SECRET: ErrorDomain = ErrorDomain::SECRET;

pub(crate) fn no_uuid(uuid: Uuid) -> Error {
    Error::new(ErrorCode::NO_SECRET, SECRET, format!("no secret with matching uuid '{uuid}'"))
}

pub(crate) fn no_usage(usage: &str) -> Error {
    Error::new(ErrorCode::NO_SECRET, SECRET, format!("no secret with matching usage '{usage}'"))
}

pub(crate) fn no_value(uuid: Uuid) -> Error {
    Error::new(ErrorCode::NO_SECRET, SECRET, format!("secret '{uuid}' does not have a value"))
}

pub(crate) fn private() -> Error {
    Error::new(ErrorCode::INVALID_SECRET, SECRET, "secret is private")
}

pub(crate) fn empty_value() -> Error {
    let sentence = "value in virSecretSetValue must not be NULL";
    Error::verbatim(ErrorCode::INVALID_ARG, SECRET, sentence)
}

/// A secret keeps what it is for.
pub(crate) fn other_usage(uuid: Uuid, usage: &str) -> Error {
    Error::internal(SECRET, format!("a secret with UUID {uuid} is already defined for use with {usage}"))
}

/// What it is for has one secret.
pub(crate) fn usage_taken(uuid: Uuid, usage: &str) -> Error {
    Error::internal(SECRET, format!("a secret with UUID {uuid} already defined for use with {usage}"))
}

pub(crate) fn no_longer_private() -> Error {
    Error::internal(SECRET, "cannot change private flag on existing secret")
}

pub(crate) fn failed(sentence: impl Into<String>) -> Error {
    Error::new(ErrorCode::OPERATION_FAILED, SECRET, sentence.into())
}

pub(crate) fn system(attempt: impl Into<String>, errno: nix::errno::Errno) -> Error {
    Error::system(SECRET, attempt.into(), errno)
}

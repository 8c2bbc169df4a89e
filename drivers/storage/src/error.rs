//! The errors of this driver, with libvirt's sentences.

use std::path::Path;

use virt_util::{Error, ErrorCode, ErrorDomain};

const STORAGE: ErrorDomain = ErrorDomain::STORAGE;

pub(crate) fn no_pool(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::NO_STORAGE_POOL, STORAGE, detail)
}

pub(crate) fn no_volume(detail: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::NO_STORAGE_VOL, STORAGE, detail)
}

pub(crate) fn invalid(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::OPERATION_INVALID, STORAGE, sentence)
}

pub(crate) fn argument(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::INVALID_ARG, STORAGE, sentence)
}

pub(crate) fn failed(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::OPERATION_FAILED, STORAGE, sentence)
}

pub(crate) fn unsupported(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, STORAGE, sentence)
}

pub(crate) fn exists(name: &str) -> Error {
    Error::new(ErrorCode::STORAGE_VOL_EXIST, STORAGE, format!("'{name}'"))
}

pub(crate) fn system(attempt: impl Into<String>, error: impl Into<std::io::Error>) -> Error {
    let error: std::io::Error = error.into();
    Error::system(STORAGE, attempt.into(), error)
}

/// An error about a file: `cannot open volume '/srv/a.img'`.
pub(crate) fn about(attempt: &str, path: &Path, error: impl Into<std::io::Error>) -> Error {
    system(format!("{attempt} '{}'", path.display()), error)
}

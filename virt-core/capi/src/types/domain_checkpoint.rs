//! The types of C for checkpoints; the header is made from this file.

/// A checkpoint of a domain. Only its address is known outside.
pub struct _virDomainCheckpoint {
    _private: (),
}

pub type virDomainCheckpoint = _virDomainCheckpoint;

pub type virDomainCheckpointPtr = *mut virDomainCheckpoint;

//! The types of C for snapshots; the header is made from this file.

/// A snapshot of a domain. Only its address is known outside.
pub struct _virDomainSnapshot {
    _private: (),
}

pub type virDomainSnapshot = _virDomainSnapshot;

pub type virDomainSnapshotPtr = *mut virDomainSnapshot;

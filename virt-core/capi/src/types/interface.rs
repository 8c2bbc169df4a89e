//! The types of C for the host's interfaces; the header is made from this file.

/// An interface of the host. Only its address is known outside.
pub struct _virInterface {
    _private: (),
}

pub type virInterface = _virInterface;

pub type virInterfacePtr = *mut virInterface;

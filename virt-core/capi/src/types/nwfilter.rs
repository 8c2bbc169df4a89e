//! The types of C for network filters; the header is made from this file.

/// A network filter. Only its address is known outside.
pub struct _virNWFilter {
    _private: (),
}

pub type virNWFilter = _virNWFilter;

pub type virNWFilterPtr = *mut virNWFilter;

/// The binding of a network filter to a port. Only its address is known outside.
pub struct _virNWFilterBinding {
    _private: (),
}

pub type virNWFilterBinding = _virNWFilterBinding;

pub type virNWFilterBindingPtr = *mut virNWFilterBinding;

//! The stable-ABI door between the host and its drivers.

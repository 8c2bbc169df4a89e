//! How values cross: every plain type has a twin whose layout both sides check.

use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RString, RVec};

/// A value that can cross the door.
pub trait Cross: Sized {
    /// Its twin with a layout of its own, checked when a plugin is loaded.
    type Abi;

    /// Gives the value away.
    fn into_abi(self) -> Self::Abi;

    /// Takes a value over.
    fn from_abi(abi: Self::Abi) -> Self;
}

macro_rules! as_it_is {
    ($($ty:ty),*) => {$(
        impl Cross for $ty {
            type Abi = Self;
            fn into_abi(self) -> Self { self }
            fn from_abi(abi: Self) -> Self { abi }
        }
    )*};
}
as_it_is!((), bool, u8, u16, u32, u64, usize, i8, i16, i32, i64, f64);

impl Cross for String {
    type Abi = RString;
    fn into_abi(self) -> RString {
        self.into()
    }
    fn from_abi(abi: RString) -> Self {
        abi.into()
    }
}

impl<T: Cross> Cross for Vec<T> {
    type Abi = RVec<T::Abi>;
    fn into_abi(self) -> RVec<T::Abi> {
        self.into_iter().map(T::into_abi).collect::<Vec<_>>().into()
    }
    fn from_abi(abi: RVec<T::Abi>) -> Self {
        abi.into_iter().map(T::from_abi).collect()
    }
}

impl<T: Cross> Cross for Option<T> {
    type Abi = ROption<T::Abi>;
    fn into_abi(self) -> ROption<T::Abi> {
        self.map(T::into_abi).into()
    }
    fn from_abi(abi: ROption<T::Abi>) -> Self {
        abi.into_option().map(T::from_abi)
    }
}

/// A UUID on its way.
#[repr(C)]
#[derive(Clone, Copy, Debug, StableAbi)]
pub struct UuidBytes {
    bytes: [u8; 16],
}

impl Cross for uuid::Uuid {
    type Abi = UuidBytes;
    fn into_abi(self) -> UuidBytes {
        UuidBytes { bytes: self.into_bytes() }
    }
    fn from_abi(abi: UuidBytes) -> Self {
        Self::from_bytes(abi.bytes)
    }
}

/// A file descriptor on its way; closed if nobody takes it over.
#[repr(C)]
#[derive(Debug, StableAbi)]
pub struct Descriptor {
    number: i32,
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: `number` came out of an OwnedFd in `into_abi` and `from_abi` forgets `self`, so nobody else owns it.
        drop(unsafe { OwnedFd::from_raw_fd(self.number) });
    }
}

impl Cross for OwnedFd {
    type Abi = Descriptor;
    fn into_abi(self) -> Descriptor {
        Descriptor { number: self.into_raw_fd() }
    }
    fn from_abi(abi: Descriptor) -> Self {
        let number = abi.as_raw_fd();
        std::mem::forget(abi);
        // SAFETY: `abi` owned the descriptor and has just been forgotten.
        unsafe { Self::from_raw_fd(number) }
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> i32 {
        self.number
    }
}

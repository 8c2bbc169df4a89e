//! How values cross: every plain type has a twin whose layout both sides check.

use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RVec};

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

/// Text on its way, freed by the side that made it. No wider than a `String`, so that a list of what holds text turns
/// into its twin where it lies.
#[repr(C)]
#[derive(StableAbi)]
pub struct Text {
    start: *mut u8,
    length: usize,
    free: unsafe extern "C" fn(*mut u8, usize),
}

// SAFETY: it owns the bytes that `start` points to, as a `Box<str>` does.
unsafe impl Send for Text {}
// SAFETY: as above; nothing changes them.
unsafe impl Sync for Text {}

/// Frees what [`String::into_abi`](Cross::into_abi) gave away.
///
/// # Safety
///
/// The two must come from there, once.
unsafe extern "C" fn free_text(start: *mut u8, length: usize) {
    let bytes = std::ptr::slice_from_raw_parts_mut(start, length);
    // SAFETY: by the caller's promise this was the box of a text.
    drop(unsafe { Box::from_raw(bytes as *mut str) });
}

impl Text {
    fn as_str(&self) -> &str {
        // SAFETY: they were the bytes of a `Box<str>`, and belong to `self`.
        unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(self.start, self.length)) }
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        // SAFETY: the three came together from `into_abi`, and this is their end.
        unsafe { (self.free)(self.start, self.length) }
    }
}

impl Cross for String {
    type Abi = Text;
    fn into_abi(self) -> Text {
        let length = self.len();
        let start = Box::into_raw(self.into_boxed_str()).cast();
        Text { start, length, free: free_text }
    }
    fn from_abi(abi: Text) -> Self {
        abi.as_str().to_owned()
    }
}

impl<T: Cross> Cross for Vec<T> {
    type Abi = RVec<T::Abi>;
    fn into_abi(self) -> RVec<T::Abi> {
        // Where the twin is as large as what it stands for, this takes no memory.
        self.into_iter().map(T::into_abi).collect::<Vec<_>>().into()
    }
    fn from_abi(abi: RVec<T::Abi>) -> Self {
        let mut list = Vec::with_capacity(abi.len());
        list.extend(abi.into_iter().map(T::from_abi));
        list
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

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::fd::OwnedFd;

    use super::Cross;
    use crate::DomainSummary;

    #[test]
    fn text_arrives_as_it_left() {
        for text in ["", "a", "ä\0ö"] {
            let mut roomy = String::with_capacity(100);
            roomy.push_str(text);
            assert_eq!(String::from_abi(roomy.into_abi()), text);
        }
        drop("dropped on the way".to_owned().into_abi());
    }

    #[test]
    fn a_descriptor_is_owned_by_whoever_it_reached() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let arrived = OwnedFd::from_abi(OwnedFd::from(writer).into_abi());
        let mut writer = std::fs::File::from(arrived);
        writer.write_all(b"hello").unwrap();
        // Nobody takes it over this time: it is closed on the way, and the reader finds the end.
        drop(OwnedFd::from(writer).into_abi());
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
    }

    /// What a list costs to cross depends on it.
    #[test]
    fn a_line_of_a_list_is_no_wider_on_its_way() {
        assert_eq!(size_of::<DomainSummary>(), size_of::<<DomainSummary as Cross>::Abi>());
    }
}

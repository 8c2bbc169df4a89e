//! Values of secrets: bytes that leave no copy behind.

use std::fmt;
use std::ops::Deref;

use abi_stable::StableAbi;
use abi_stable::std_types::RVec;
use zeroize::{Zeroize as _, Zeroizing};

use crate::Cross;

/// The value of a secret. It is wiped from memory when it is dropped, and not shown by `{:?}`.
///
/// ```
/// use plugins_abi::SecretValue;
///
/// let value = SecretValue::from(&b"open sesame"[..]);
/// assert_eq!(&*value, b"open sesame");
/// assert_eq!(format!("{value:?}"), "SecretValue(11 bytes)");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl From<Vec<u8>> for SecretValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl From<&[u8]> for SecretValue {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl Deref for SecretValue {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretValue({} bytes)", self.0.len())
    }
}

/// A value on its way: wiped by whoever has it last.
#[doc(hidden)]
#[repr(C)]
#[derive(StableAbi)]
pub struct SecretValueAbi {
    bytes: RVec<u8>,
}

impl Drop for SecretValueAbi {
    fn drop(&mut self) {
        self.bytes.as_mut_slice().zeroize();
    }
}

impl Cross for SecretValue {
    type Abi = SecretValueAbi;

    fn into_abi(mut self) -> SecretValueAbi {
        SecretValueAbi { bytes: std::mem::take(&mut *self.0).into() }
    }

    fn from_abi(abi: SecretValueAbi) -> Self {
        abi.bytes.as_slice().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_arrives_as_it_left() {
        for bytes in [&b""[..], b"\0\xff", b"open sesame"] {
            assert_eq!(&*SecretValue::from_abi(SecretValue::from(bytes).into_abi()), bytes);
        }
        drop(SecretValue::from(&b"dropped on the way"[..]).into_abi());
    }
}

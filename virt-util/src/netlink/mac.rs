//! MAC addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorCode, ErrorDomain};

/// An Ethernet address.
///
/// ```
/// use virt_util::netlink::MacAddress;
///
/// let mac: MacAddress = "00:11:22:33:44:55".parse()?;
/// assert_eq!(mac.to_string(), "00:11:22:33:44:55");
/// assert!(!mac.is_zero() && !mac.is_multicast());
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// What a physical function says of a virtual one that was never given any.
    pub const ZERO: Self = Self([0; 6]);

    /// Whether it is all zeroes: none.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Whether it names a group, which no device can be.
    pub fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// The first six of these bytes.
    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.get(..6)?.try_into().ok()?))
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddress {
    type Err = Error;

    /// Six bytes of one or two hexadecimal digits between colons.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        let whole = bytes.iter_mut().all(|byte| {
            let part = parts.next().filter(|part| {
                (1..=2).contains(&part.len()) && part.bytes().all(|digit| digit.is_ascii_hexdigit())
            });
            part.and_then(|part| u8::from_str_radix(part, 16).ok()).map(|value| *byte = value).is_some()
        });
        if whole && parts.next().is_none() {
            return Ok(Self(bytes));
        }
        Err(Error::new(ErrorCode::INVALID_MAC, ErrorDomain::NONE, text))
    }
}

impl TryFrom<String> for MacAddress {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> Self {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_bytes_are_an_address() {
        assert_eq!("0:1:2:A:b:ff".parse::<MacAddress>().unwrap().to_string(), "00:01:02:0a:0b:ff");
        for text in
            ["", "00:11:22:33:44", "00:11:22:33:44:55:66", "00:11:22:33:44:5g", "+1:11:22:33:44:55", "::::::"]
        {
            assert_eq!(text.parse::<MacAddress>().unwrap_err().code(), ErrorCode::INVALID_MAC, "{text}");
        }
    }
}

//! Where a PCI function is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorCode, ErrorDomain};

/// The address of a PCI function: domain, bus, device (slot), function.
///
/// ```
/// use virt_util::pci::PciAddress;
///
/// let address: PciAddress = "0000:01:10.2".parse()?;
/// assert_eq!((address.bus, address.device, address.function), (0x01, 0x10, 2));
/// assert_eq!(address.to_string(), "0000:01:10.2");
/// assert_eq!("01:10.2".parse::<PciAddress>()?, address);
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PciAddress {
    /// Domain (segment): 16 bits in hardware, 32 behind Intel's VMD.
    pub domain: u32,
    /// Which bus of the domain.
    pub bus: u8,
    /// Device on the bus, 0 to 31; also called its slot.
    pub device: u8,
    /// Function of the device, 0 to 7.
    pub function: u8,
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{:x}", self.domain, self.bus, self.device, self.function)
    }
}

impl FromStr for PciAddress {
    type Err = Error;

    /// `DOMAIN:BUS:DEVICE.FUNCTION` in hexadecimal; the domain may be left out where it is 0.
    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).ok_or_else(|| {
            let sentence = format!("'{text}' is no PCI address");
            Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NODEDEV, sentence)
                .hint("write it as DOMAIN:BUS:DEVICE.FUNCTION in hexadecimal, 0000:01:10.2")
        })
    }
}

fn parse(text: &str) -> Option<PciAddress> {
    let (rest, function) = text.rsplit_once('.')?;
    let (rest, device) = rest.rsplit_once(':')?;
    let (domain, bus) = rest.rsplit_once(':').unwrap_or(("0", rest));
    let hex = |digits: &str, most: usize| {
        let fits = (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    };
    let address = PciAddress {
        domain: hex(domain, 8)?,
        bus: u8::try_from(hex(bus, 2)?).ok()?,
        device: u8::try_from(hex(device, 2)?).ok().filter(|device| *device < 32)?,
        function: u8::try_from(hex(function, 1)?).ok().filter(|function| *function < 8)?,
    };
    Some(address)
}

impl TryFrom<String> for PciAddress {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<PciAddress> for String {
    fn from(address: PciAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_are_addresses() {
        for text in ["10000:e1:1f.7", "0000:00:00.0"] {
            assert_eq!(text.parse::<PciAddress>().unwrap().to_string(), text);
        }
        let odd = [
            "",
            "1",
            "0000:01:10",
            "0000:01:20.0",
            "0000:01:10.8",
            "0000:100:10.0",
            "x:01:10.0",
            "0:0:0:0.0",
            "+1:01:10.0",
            ":01:10.0",
            "0000:01:.0",
            "0000:01:10.",
            "0000:01:10.2/../x",
            "000000001:01:10.0",
        ];
        for text in odd {
            let error = text.parse::<PciAddress>().unwrap_err();
            assert_eq!(error.to_string(), format!("invalid argument: '{text}' is no PCI address"));
        }
    }

    #[test]
    fn addresses_are_text_in_documents() {
        let address: PciAddress = serde_json::from_str("\"0000:01:10.2\"").unwrap();
        assert_eq!(serde_json::to_string(&address).unwrap(), "\"0000:01:10.2\"");
        assert!(serde_json::from_str::<PciAddress>("\"elsewhere\"").is_err());
    }
}

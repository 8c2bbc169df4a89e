//! Vital product data: what a vendor wrote into a device, and what its owner may write.
//!
//! The format is that of the PCI Local Bus specification 3.0, appendix I: resources with a tag and a length; two of them hold
//! fields of a keyword of two characters, a length, and text.

use super::PciDevice;
use crate::Result;

/// Tags of resources.
mod tag {
    pub(super) const STRING: u8 = 0x82;
    pub(super) const READ_ONLY: u8 = 0x90;
    pub(super) const READ_WRITE: u8 = 0x91;
    pub(super) const END: u8 = 0x78;
    /// Set in tags whose length has two bytes of its own.
    pub(super) const LARGE: u8 = 0x80;
}

/// Vital product data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vpd {
    /// The product's name.
    pub name: String,
    /// What the vendor wrote; nothing where that part is missing.
    pub read_only: Option<Vec<VpdField>>,
    /// What the owner may write; nothing where that part is missing.
    pub read_write: Option<Vec<VpdField>>,
}

/// A field of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpdField {
    /// Two letters or digits: `PN` part number, `SN` serial number, `V0` the vendor's own ...
    pub keyword: String,
    /// What it says, without spaces around.
    pub text: String,
}

impl Vpd {
    /// What these bytes say; nothing where they are no vital product data, or their checksum is wrong.
    ///
    /// ```
    /// use virt_util::pci::Vpd;
    ///
    /// let mut bytes = b"\x82\x04\0card\x90\x0d\0PN\x03123SN\0RV\x01".to_vec();
    /// bytes.push(bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte)));
    /// bytes.push(0x78);
    /// let vpd = Vpd::parse(&bytes).unwrap();
    /// assert_eq!(vpd.name, "card");
    /// assert_eq!(vpd.read_only.unwrap()[0].text, "123");
    /// bytes[3] = b'w';
    /// assert_eq!(Vpd::parse(&bytes), None);
    /// ```
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        let (mut at, mut named) = (0, false);
        loop {
            let kind = *bytes.get(at)?;
            if kind == tag::END {
                // Only what has a name and a checked part is vital product data.
                return (named && found.read_only.is_some()).then_some(found);
            }
            // Small resources have their length in the tag; none but the end is defined.
            if kind & tag::LARGE == 0 {
                return None;
            }
            let length = usize::from(u16::from_le_bytes(bytes.get(at + 1..at + 3)?.try_into().ok()?));
            let start = at + 3;
            let data = bytes.get(start..start + length)?;
            match kind {
                tag::STRING => {
                    found.name = text(data)?;
                    named = true;
                }
                tag::READ_ONLY => found.read_only = Some(fields(bytes, start, data, true)?),
                tag::READ_WRITE => found.read_write = Some(fields(bytes, start, data, false)?),
                _ => {}
            }
            at = start + length;
        }
    }
}

/// The fields of a part that begins at `start`. The checksum, in the field `RV` of what the vendor wrote, makes the sum of
/// all bytes up to it zero.
fn fields(bytes: &[u8], start: usize, data: &[u8], checked: bool) -> Option<Vec<VpdField>> {
    let mut found: Vec<VpdField> = Vec::new();
    let (mut at, mut right) = (0, !checked);
    while let Some([first, second, length]) = data.get(at..at + 3) {
        let value = data.get(at + 3..at + 3 + usize::from(*length))?;
        let keyword: String = [*first, *second].map(char::from).iter().collect();
        match keyword.as_str() {
            "RV" => {
                let up_to = start + at + 3;
                let sum = bytes.get(..=up_to)?.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
                if sum != 0 {
                    return None;
                }
                right = true;
                break;
            }
            // What is left to write.
            "RW" => break,
            _ => {
                if let Some(text) = is_field(*first, *second).then(|| text(value)).flatten() {
                    // The last of several counts.
                    found.retain(|known| known.keyword != keyword);
                    found.push(VpdField { keyword, text });
                }
            }
        }
        at += 3 + usize::from(*length);
    }
    right.then_some(found)
}

/// Whether the specification, or the vendor or the system, gives this keyword a text.
fn is_field(first: u8, second: u8) -> bool {
    matches!(
        (first, second),
        (b'P' | b'S' | b'M', b'N') | (b'E', b'C') | (b'V' | b'Y', b'0'..=b'9' | b'A'..=b'Z')
    )
}

/// Text without spaces and NULs around; nothing where it has characters that are not printable.
fn text(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.trim_ascii();
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte)).then(|| text.trim().to_owned())
}

impl PciDevice {
    /// Its vital product data; nothing of a device that has none, or whose data are broken. It takes root, and, on slow
    /// hardware, milliseconds.
    ///
    /// # Errors
    ///
    /// When they may not be read.
    pub fn vital_product_data(&self) -> Result<Option<Vpd>> {
        match self.sysfs.read_bytes(self.attribute("vpd")) {
            Ok(bytes) => Ok(bytes.and_then(|bytes| Vpd::parse(&bytes))),
            // The device may fail to answer, although it promised to.
            Err(error) => {
                log::debug!("{}: {error}", self.address);
                Ok(None)
            }
        }
    }

    /// Whether it promises vital product data.
    pub fn has_vital_product_data(&self) -> bool {
        self.sysfs.exists(self.attribute("vpd"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(keyword: &str, text: &str) -> Vec<u8> {
        [keyword.as_bytes(), &[text.len() as u8], text.as_bytes()].concat()
    }

    fn resource(kind: u8, data: &[u8]) -> Vec<u8> {
        [&[kind], &(data.len() as u16).to_le_bytes()[..], data].concat()
    }

    fn card() -> Vec<u8> {
        let vendor =
            [field("EC", "A-5545"), field("SN", " 2A  "), field("V0", "own"), field("VZ", "z")].concat();
        let mut bytes = resource(tag::STRING, b"testname");
        let mut vendor = [vendor, b"RV\x02".to_vec()].concat();
        vendor.extend([0, 0]);
        bytes.extend(resource(tag::READ_ONLY, &vendor));
        let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
        let at = bytes.len() - 2;
        bytes[at] = sum;
        bytes.extend(resource(
            tag::READ_WRITE,
            &[field("YA", "tag"), field("Y1", "one"), field("RW", "")].concat(),
        ));
        bytes.push(tag::END);
        bytes
    }

    #[test]
    fn both_parts_are_read() {
        let vpd = Vpd::parse(&card()).unwrap();
        let shown = |fields: Option<Vec<VpdField>>| {
            fields.unwrap().into_iter().map(|it| format!("{}={}", it.keyword, it.text)).collect::<Vec<_>>()
        };
        assert_eq!(vpd.name, "testname");
        assert_eq!(shown(vpd.read_only), ["EC=A-5545", "SN=2A", "V0=own", "VZ=z"]);
        assert_eq!(shown(vpd.read_write), ["YA=tag", "Y1=one"]);
    }

    #[test]
    fn what_is_broken_is_nothing() {
        let whole = card();
        for length in 0..whole.len() {
            assert_eq!(Vpd::parse(&whole[..length]), None, "{length}");
        }
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 0x55;
            // Whatever comes of it: no panic, and nothing wrong in the part that has a checksum.
            if let Some(vpd) = Vpd::parse(&broken) {
                assert_eq!(
                    (vpd.name, vpd.read_only),
                    ("testname".to_owned(), Vpd::parse(&whole).unwrap().read_only),
                    "{at}"
                );
            }
        }
    }
}

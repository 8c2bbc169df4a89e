//! The beginning of a file that a guest was saved to: a header, the guest's document, and what the driver adds to it.
//!
//! Numbers are in the byte order of the host that wrote it; the other order is recognized by the version.

use super::Cpu;
use crate::xml::{
    ErrorCode, ErrorDomain, FormatOptions, ParseOptions, Result, Xml, XmlValue, from_str, to_string,
};
use virt_util::Error;

/// What such a file begins with.
const MAGIC: &[u8; 16] = b"LibvirtQemudSave";

/// What it begins with while it is being written.
const PARTIAL: &[u8; 16] = b"LibvirtQemudPart";

/// The version of the layout.
const VERSION: u32 = 2;

/// The bytes before the documents: the magic, five numbers, and room for fourteen.
const HEADER: usize = 16 + 4 * (5 + 14);

/// The beginning of a file that a guest was saved to.
///
/// ```
/// use virt_conf::model::{SaveImage, save_image::SaveFormat};
///
/// let image = SaveImage { xml: "<domain/>".into(), running: true, ..SaveImage::default() };
/// let bytes = image.to_bytes();
/// assert_eq!(SaveImage::from_bytes(&bytes)?, image);
/// # Ok::<(), virt_util::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaveImage {
    /// Whether the guest ran; default: it was paused.
    pub running: bool,
    /// How the emulator's part of the file is packed.
    pub format: SaveFormat,
    /// The guest's document.
    pub xml: String,
    /// What the driver adds to it.
    pub cookie: Option<SaveCookie>,
    /// The bytes of both documents and of what fills them up; computed where it is less than they need.
    pub data_length: u32,
}

/// How the emulator's part of a saved guest is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum SaveFormat {
    /// Not at all.
    #[default]
    Raw,
    /// By gzip.
    Gzip,
    /// By bzip2.
    Bzip2,
    /// By xz.
    Xz,
    /// By lzop.
    Lzop,
    /// By zstd. Since 10.1.
    Zstd,
    /// Not at all, each page of memory at a place of its own. Since 11.2.
    Sparse,
}

/// In the order of their numbers in the file.
const FORMATS: [SaveFormat; 7] = [
    SaveFormat::Raw,
    SaveFormat::Gzip,
    SaveFormat::Bzip2,
    SaveFormat::Xz,
    SaveFormat::Lzop,
    SaveFormat::Zstd,
    SaveFormat::Sparse,
];

/// `<cookie>`: what the driver adds to a saved guest's document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "cookie", errors = QEMU, keep_empty)]
pub struct SaveCookie {
    /// Its processor as it ran.
    #[xml(child)]
    pub cpu: Option<Cpu>,
    /// Whether a helper of user networking ran for it.
    #[xml(flag = "slirpHelper")]
    pub slirp_helper: bool,
    /// Whether the emulator reboots it; absent: nobody decided.
    #[xml(attr = "allowReboot/@value", lenient)]
    pub allow_reboot: Option<bool>,
}

impl SaveCookie {
    /// Reads a cookie.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence and the place.
    pub fn from_xml(text: &str) -> Result<Self> {
        from_str(text, &ParseOptions::default())
    }

    /// Writes the cookie as libvirt writes it.
    #[must_use]
    pub fn to_xml(&self) -> String {
        to_string(self, FormatOptions::default())
    }
}

fn failed(sentence: impl AsRef<str>) -> Error {
    Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::QEMU, sentence)
}

impl SaveImage {
    /// How many bytes of the file must be known to read its beginning, given at least its first 92.
    ///
    /// # Errors
    ///
    /// When it is no saved guest's, or an unfinished or later one's.
    pub fn length_of(bytes: &[u8]) -> Result<usize> {
        Header::read(bytes).map(|header| HEADER.saturating_add(header.data_length as usize))
    }

    /// Reads the beginning of a file.
    ///
    /// # Errors
    ///
    /// When it is no saved guest's, an unfinished or later one's, or cut short.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let header = Header::read(bytes)?;
        let data = bytes.get(HEADER..HEADER.saturating_add(header.data_length as usize));
        let data = data.ok_or_else(|| failed("failed to read domain XML"))?;
        let document = |from: usize| {
            let text = data.get(from..).unwrap_or_default();
            let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
            str::from_utf8(text).map(str::to_owned).map_err(|_| failed("failed to read domain XML"))
        };
        let cookie = match header.cookie_offset as usize {
            0 => None,
            at => Some(SaveCookie::from_xml(&document(at)?)?),
        };
        let number = usize::try_from(header.format).ok();
        let format = number.and_then(|number| FORMATS.get(number).copied()).ok_or_else(|| {
            failed(format!("unsupported save image format: {}", header.format.cast_signed()))
        })?;
        Ok(Self {
            running: header.was_running != 0,
            format,
            xml: document(0)?,
            cookie,
            data_length: header.data_length,
        }
        .with_least_length())
    }

    /// The beginning of the file; what is behind it is the emulator's.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let cookie = self.cookie.as_ref().map(SaveCookie::to_xml);
        let needed = self.needed();
        let length = (self.data_length as usize).max(needed);
        let offset = if cookie.is_some() { self.xml.len() + 1 } else { 0 };
        let format = FORMATS.iter().position(|format| *format == self.format).unwrap_or_default();
        let mut bytes = Vec::with_capacity(HEADER + length);
        bytes.extend_from_slice(MAGIC);
        for number in [VERSION, length as u32, u32::from(self.running), format as u32, offset as u32] {
            bytes.extend_from_slice(&number.to_ne_bytes());
        }
        bytes.resize(HEADER, 0);
        bytes.extend_from_slice(self.xml.as_bytes());
        bytes.push(0);
        if let Some(cookie) = cookie {
            bytes.extend_from_slice(cookie.as_bytes());
            bytes.push(0);
        }
        bytes.resize(HEADER + length, 0);
        bytes
    }

    /// The bytes of both documents, each with the zero behind it.
    fn needed(&self) -> usize {
        let cookie = self.cookie.as_ref().map_or(0, |cookie| cookie.to_xml().len() + 1);
        self.xml.len() + 1 + cookie
    }

    /// A length that says no more than what is needed is not worth keeping.
    fn with_least_length(mut self) -> Self {
        if self.data_length as usize <= self.needed() {
            self.data_length = 0;
        }
        self
    }
}

/// The numbers of a header, in this host's order.
struct Header {
    data_length: u32,
    was_running: u32,
    format: u32,
    cookie_offset: u32,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self> {
        let (magic, rest) = match bytes.get(..HEADER) {
            Some(header) => header.split_at(MAGIC.len()),
            None => return Err(failed("failed to read qemu header")),
        };
        if magic == PARTIAL {
            return Err(failed("save image is incomplete"));
        }
        if magic != MAGIC {
            return Err(failed("image magic is incorrect"));
        }
        let mut numbers = [0; 5];
        for (number, bytes) in numbers.iter_mut().zip(rest.chunks_exact(4)) {
            *number = bytes.try_into().map_or(0, u32::from_ne_bytes);
        }
        // A version no host will ever have is one of the other byte order.
        if numbers[0] > VERSION && numbers[0].swap_bytes() <= VERSION {
            numbers = numbers.map(u32::swap_bytes);
        }
        let [version, data_length, was_running, format, cookie_offset] = numbers;
        if version > VERSION {
            return Err(failed(format!(
                "image version is not supported ({} > {VERSION})",
                version.cast_signed()
            )));
        }
        let limit = i32::MAX.cast_unsigned();
        if data_length == 0 || data_length > limit || (cookie_offset > 0 && cookie_offset >= data_length) {
            let sentence = format!("invalid header data length: {}", data_length.cast_signed());
            return Err(failed(sentence));
        }
        Ok(Self { data_length, was_running, format, cookie_offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> SaveImage {
        let cookie = SaveCookie { allow_reboot: Some(true), ..SaveCookie::default() };
        SaveImage {
            running: true,
            format: SaveFormat::Zstd,
            xml: "<domain type='qemu'/>".into(),
            cookie: Some(cookie),
            data_length: 0,
        }
    }

    #[test]
    fn both_documents_survive() {
        let bytes = image().to_bytes();
        assert_eq!(bytes.len(), SaveImage::length_of(&bytes).unwrap());
        assert_eq!(SaveImage::from_bytes(&bytes).unwrap(), image());
        let roomy = SaveImage { data_length: 4096, ..image() };
        assert_eq!(roomy.to_bytes().len(), HEADER + 4096);
        assert_eq!(SaveImage::from_bytes(&roomy.to_bytes()).unwrap(), roomy);
    }

    #[test]
    fn a_file_of_the_other_byte_order_is_read() {
        let mut bytes = image().to_bytes();
        bytes[16..36].chunks_exact_mut(4).for_each(<[u8]>::reverse);
        assert_eq!(SaveImage::from_bytes(&bytes).unwrap(), image());
    }

    #[test]
    fn what_is_no_saved_guest_is_refused() {
        let refused = |change: fn(&mut Vec<u8>)| {
            let mut bytes = image().to_bytes();
            change(&mut bytes);
            SaveImage::from_bytes(&bytes).unwrap_err().to_string()
        };
        for (change, sentence) in [
            ((|bytes: &mut Vec<u8>| bytes.truncate(20)) as fn(&mut Vec<u8>), "failed to read qemu header"),
            (|bytes| bytes[..16].copy_from_slice(PARTIAL), "save image is incomplete"),
            (|bytes| bytes[0] = b'l', "image magic is incorrect"),
            (|bytes| bytes[16..20].fill(7), "image version is not supported (117901063 > 2)"),
            (|bytes| bytes[28] = 9, "unsupported save image format: 9"),
            (|bytes| bytes.truncate(100), "failed to read domain XML"),
        ] {
            assert_eq!(refused(change), format!("operation failed: {sentence}"));
        }
    }
}

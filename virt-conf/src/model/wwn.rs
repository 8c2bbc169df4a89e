//! World wide names, by which storage networks know disks and adapters.

use crate::xml::{Codec, Error, ErrorCode, ErrorDomain, Expected};

/// Sixteen hexadecimal digits, `0x` before them or not; kept as they are spelled.
#[derive(Debug)]
pub(crate) enum Wwn {}

impl Codec<String> for Wwn {
    fn parse(text: &str) -> Result<String, Expected> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(text.to_owned());
        }
        let detail = format!("Malformed wwn: {text}");
        Err(Error::new(ErrorCode::INTERNAL_ERROR, ErrorDomain::NONE, detail).into())
    }
    fn format(value: &String, out: &mut String) {
        out.push_str(value);
    }
}

//! Amounts of memory: a number, and a unit beside it.

use crate::xml::{
    About, Element, Error, ErrorCode, ErrorDomain, Fields, Kind, Plain, Reader, Result, Shape, Writer,
};

/// An amount of memory in KiB, the text of an element. Read in any unit (`unit='MiB'`, KiB by default, rounded up),
/// written in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kib(pub u64);

/// The largest number of bytes in an amount of memory; hypervisors' interfaces are signed.
const LIMIT: u64 = i64::MAX as u64;

/// Bytes in `value` times `unit`: `b`, `KB` (1000), `KiB` or `k` (1024) and so on; `scale` where there is no unit.
///
/// # Errors
///
/// With libvirt's sentence when the unit is unknown, or the product exceeds `limit`.
pub fn scale(value: u64, unit: Option<&str>, scale: u64, limit: u64) -> Result<u64> {
    let factor = match unit.filter(|unit| !unit.is_empty()) {
        None => scale,
        Some(unit) => factor(unit).ok_or_else(|| {
            Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, format!("unknown suffix '{unit}'"))
        })?,
    };
    value.checked_mul(factor).filter(|bytes| *bytes <= limit).ok_or_else(|| {
        let unit = unit.unwrap_or_default();
        Error::new(ErrorCode::OVERFLOW, ErrorDomain::NONE, format!("value too large: {value}{unit}"))
    })
}

/// The element's text times its `unit`, in bytes; without a unit it counts in `default`.
pub(crate) fn read_scaled(reader: &Reader<'_, '_>, default: u64) -> Result<u64> {
    let text = reader.own_text();
    let number: u64 = crate::xml::Value::parse(&text).map_err(|_| {
        reader.xml_error(format!(
            "Invalid value '{text}' for element or attribute './{}[1]'",
            reader.path_below_root()
        ))
    })?;
    scale(number, reader.attr_text("unit"), default, LIMIT).map_err(|error| reader.place(error))
}

fn factor(unit: &str) -> Option<u64> {
    let lower = unit.to_ascii_lowercase();
    if matches!(lower.as_str(), "b" | "byte" | "bytes") {
        return Some(1);
    }
    let (letter, rest) = lower.split_at_checked(1)?;
    let base: u64 = match rest {
        "" | "ib" => 1024,
        "b" => 1000,
        _ => return None,
    };
    let power = "kmgtpe".find(letter)? as u32 + 1;
    base.checked_pow(power)
}

impl Kib {
    /// Rounds a number of bytes up.
    #[must_use]
    pub fn from_bytes(bytes: u64) -> Self {
        Self(bytes.div_ceil(1024))
    }
}

impl Fields for Kib {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        read_scaled(reader, 1024).map(Self::from_bytes)
    }
    fn write_attrs(&self, writer: &mut Writer) {
        writer.attr_text("unit", "KiB");
    }
    fn write_children(&self, writer: &mut Writer) {
        writer.text::<Plain, _>(&self.0);
    }
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        describe_scaled(
            shape,
            const { &About::value(Kind::Amount, "An amount of memory; in KiB without a unit.") },
        );
    }
}

impl Element for Kib {
    const NAME: &'static str = "memory";
}

/// An amount of memory in bytes, the text of an element. Read in any unit, written in the largest that loses nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrettyBytes(pub u64);

impl PrettyBytes {
    /// The amount in the largest unit that loses nothing: 6291456 is 6 `MiB`.
    #[must_use]
    pub fn pretty(self) -> (u64, &'static str) {
        let mut amount = (self.0, "B");
        for unit in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
            if amount.0 == 0 || !amount.0.is_multiple_of(1024) {
                break;
            }
            amount = (amount.0 / 1024, unit);
        }
        amount
    }
}

impl Fields for PrettyBytes {
    fn read(reader: &Reader<'_, '_>) -> Result<Self> {
        read_scaled(reader, 1).map(Self)
    }
    fn write_attrs(&self, writer: &mut Writer) {
        writer.attr_text("unit", self.pretty().1);
    }
    fn write_children(&self, writer: &mut Writer) {
        writer.text::<Plain, _>(&self.pretty().0);
    }
    fn describe(_: Option<&Self>, shape: &mut Shape) {
        describe_scaled(shape, const { &About::value(Kind::Amount, "A size; in bytes without a unit.") });
    }
}

impl Element for PrettyBytes {
    const NAME: &'static str = "size";
}

/// The size beside a `unit`, both attributes of one element: `size='2048' unit='KiB'`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScaledAttr(pub(crate) &'static str);

/// What is known of the unit beside an amount.
pub(crate) const UNIT: &About =
    &About::value(Kind::Text, "The unit: `bytes`, `KB` (1000), `KiB` or `k` (1024), and so on to `EiB`.");

/// The shape of an element whose text is an amount with a unit beside it.
pub(crate) fn describe_scaled(shape: &mut Shape, about: &'static About) {
    shape.known_attr("unit", UNIT);
    shape.text(about);
}

impl ScaledAttr {
    /// The shape of an element with this amount and its unit.
    pub(crate) fn describe(self, shape: &mut Shape, about: &'static About) {
        shape.known_attr(self.0, about);
        shape.known_attr("unit", UNIT);
    }

    /// The attribute in bytes; without a unit it counts in `default`.
    pub(crate) fn bytes(self, reader: &Reader<'_, '_>, default: u64) -> Result<Option<u64>> {
        let Some(text) = reader.attr_text(self.0) else { return Ok(None) };
        let number: u64 = crate::xml::Value::parse(text).map_err(|_| {
            reader.xml_error(format!("Invalid value '{text}' for element or attribute './@{}'", self.0))
        })?;
        scale(number, reader.attr_text("unit"), default, u64::MAX)
            .map(Some)
            .map_err(|error| reader.place(error))
    }
}

crate::impl_serde!(Kib);
crate::impl_serde!(PrettyBytes);

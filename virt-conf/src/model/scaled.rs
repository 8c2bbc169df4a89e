//! Sizes that libvirt writes in bytes or in MiB.

use super::scale;
use crate::xml::{About, Element, Fields, Kind, Plain, Reader, Result, Shape, Writer};

/// A size in bytes, the text of an element. Read in any unit (`unit='KiB'`, bytes by default), written in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// A size in MiB, the text of an element. Read in any unit (`unit='GiB'`, MiB by default, rounded up), written in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mib(pub u64);

/// Sizes are signed to the kernel.
const LIMIT: u64 = i64::MAX as u64;

const UNIT: &str = "unit";

/// The number in the element under `reader`, in bytes; `bare` is the unit where none is written.
fn read_scaled(reader: &Reader<'_, '_>, bare: u64) -> Result<u64> {
    let text = reader.own_text();
    let number: u64 = crate::xml::Value::parse(&text).map_err(|_| {
        match reader.name() {
            // libvirt reads a volume's sizes by a way of its own.
            "capacity" | "allocation" => reader.refuse("malformed capacity element"),
            name => reader.refuse(format!("Invalid value '{text}' for element or attribute './{name}'")),
        }
    })?;
    scale(number, reader.attr_text(UNIT), bare, LIMIT).map_err(|error| reader.place(error))
}

macro_rules! scaled {
    ($($type:ident $written:literal $factor:expr;)*) => {$(
        impl Fields for $type {
            fn read(reader: &Reader<'_, '_>) -> Result<Self> {
                Ok(Self(read_scaled(reader, $factor)?.div_ceil($factor)))
            }
            fn write_attrs(&self, writer: &mut Writer) {
                writer.attr_text(UNIT, $written);
            }
            fn write_children(&self, writer: &mut Writer) {
                writer.text::<Plain, u64>(&self.0);
            }
            fn describe(_: Option<&Self>, shape: &mut Shape) {
                super::describe_scaled(
                    shape,
                    const { &About::value(Kind::Amount, concat!("A size; in ", $written, " without a unit.")) },
                );
            }
        }
        impl Element for $type {
            const NAME: &'static str = "size";
        }
        crate::impl_serde!($type);
    )*};
}
scaled! {
    Bytes "bytes" 1;
    Mib "M" 1024 * 1024;
}

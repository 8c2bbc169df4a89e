//! Sizes that libvirt writes in bytes or in MiB.

use super::scale;
use crate::xml::{About, Element, Fields, Kind, Plain, Reader, Result, Shape, Writer};

/// A size in bytes, the text of an element. Read in any unit (`unit='KiB'`, bytes by default), written in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// A size in MiB, the text of an element. Read in any unit (`unit='GiB'`, bytes by default, rounded down), written in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mib(pub u64);

const UNIT: &str = "unit";

/// The number in the element under `reader`, in bytes, `limit` at most; without a unit it counts bytes.
fn read_scaled(reader: &Reader<'_, '_>, limit: u64) -> Result<u64> {
    let text = reader.own_text();
    let number: u64 = crate::xml::Value::parse(&text).map_err(|_| {
        match reader.name() {
            // libvirt reads a volume's sizes by a way of its own.
            "capacity" | "allocation" => reader.refuse("malformed capacity element"),
            name => reader.refuse(format!("Invalid value '{text}' for element or attribute './{name}'")),
        }
    })?;
    scale(number, reader.attr_text(UNIT), 1, limit).map_err(|error| reader.place(error))
}

macro_rules! scaled {
    ($($type:ident $written:literal $factor:literal, $limit:expr;)*) => {$(
        impl Fields for $type {
            fn read(reader: &Reader<'_, '_>) -> Result<Self> {
                Ok(Self(read_scaled(reader, $limit)? / $factor))
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
                    const { &About::value(Kind::Amount, "A size; in bytes without a unit.") },
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
    // The sizes of files are signed to the kernel.
    Bytes "bytes" 1, i64::MAX as u64;
    Mib "M" 1_048_576, u64::MAX;
}

#[cfg(test)]
mod tests {
    use crate::model::SharedMemory;
    use crate::xml::{self, FormatOptions, ParseOptions};

    #[test]
    fn memory_that_guests_share_is_told_in_whole_mebibytes() {
        // As libvirt 11.3 writes them.
        for (given, written) in [
            (" unit='KiB'>9007199254740991", Some("8796093022207")),
            (" unit='M'>8796093022208", Some("8796093022208")),
            (" unit='KiB'>1025", Some("1")),
            (">1048576", Some("1")),
            (">4", Some("0")),
            (" unit='M'>0", None),
        ] {
            let text = format!("<shmem name='a'><size{given}</size></shmem>");
            let memory: SharedMemory = xml::from_str(&text, &ParseOptions::default()).unwrap();
            let text = xml::to_string(&memory, FormatOptions::default());
            let size = text.split_once("<size unit='M'>").and_then(|(_, rest)| rest.split_once('<'));
            assert_eq!(size.map(|(size, _)| size), written, "{given}");
        }
        let text = "<shmem name='a'><size unit='EiB'>16</size></shmem>";
        let refused = xml::from_str::<SharedMemory>(text, &ParseOptions::default()).unwrap_err();
        assert_eq!(refused.to_string(), "numerical overflow: value too large: 16EiB");
    }
}

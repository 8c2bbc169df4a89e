//! A disk's table of partitions, as parted tells it, and where in it there is room.

use serde::Deserialize;
use virt_util::{Error, ErrorDomain, Result};

use crate::error;

/// Partitions begin at multiples of this, in bytes: what every disk is fast at.
const ALIGNMENT: u64 = 1 << 20;
/// An MS-DOS table has so many partitions; further ones are in the extended one.
const PRIMARY: u32 = 4;
/// More partitions than this have no device.
const MOST: usize = 4096;

/// What a part of a disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Primary,
    Logical,
    Extended,
    Free,
}

/// A part of a disk, in bytes from its beginning; `end` is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) number: u32,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) kind: Kind,
}

/// A table of partitions, in the order of their beginnings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// parted's word for its format.
    pub(super) label: String,
    /// How many it has room for.
    most: u32,
    pub(super) partitions: Vec<Partition>,
}

#[derive(Deserialize)]
struct Document {
    disk: Described,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Described {
    size: String,
    label: String,
    #[serde(default)]
    max_partitions: u32,
    #[serde(default)]
    partitions: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    number: u32,
    start: String,
    end: String,
    #[serde(rename = "type")]
    kind: Kind,
}

/// Reads what `parted --json unit B print free` says. Names of partitions, which their owners choose, are never looked at.
///
/// # Errors
///
/// When it is not that, or describes what no disk can be.
pub(super) fn parse(text: &str) -> Result<Table> {
    let wrong = |what: &str| Error::internal(ErrorDomain::STORAGE, what);
    let document: Document = serde_json::from_str(text)
        .map_err(|error| wrong(&format!("parted's output is not understood: {error}")))?;
    let Described { size, label, max_partitions, partitions } = document.disk;
    let size = bytes(&size).ok_or_else(|| wrong("cannot parse device end location"))?;
    if partitions.len() > MOST {
        return Err(wrong("the disk has too many partitions"));
    }
    let mut table = Table { label, most: max_partitions, partitions: Vec::with_capacity(partitions.len()) };
    for part in partitions {
        let start = bytes(&part.start).ok_or_else(|| wrong("cannot parse device start location"))?;
        let last = bytes(&part.end).ok_or_else(|| wrong("cannot parse device end location"))?;
        let end = last.checked_add(1).filter(|end| start < *end && *end <= size);
        let end = end.ok_or_else(|| wrong("cannot parse device end location"))?;
        if part.kind != Kind::Free && part.number == 0 {
            return Err(wrong("a partition has no number"));
        }
        let number = if part.kind == Kind::Free { 0 } else { part.number };
        let taken = |known: &Partition| known.number == number && known.kind != Kind::Free;
        if part.kind != Kind::Free && table.partitions.iter().any(taken) {
            return Err(wrong("two partitions have one number"));
        }
        table.partitions.push(Partition { number, start, end, kind: part.kind });
    }
    table.partitions.sort_by_key(|part| (part.start, part.kind != Kind::Extended));
    Ok(table)
}

/// `1048576B`
fn bytes(text: &str) -> Option<u64> {
    text.strip_suffix('B')?.parse().ok()
}

/// Where a new partition goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: u32,
    pub(super) start: u64,
    pub(super) end: u64,
    kind: Kind,
}

impl Place {
    /// What parted is told to make: `primary`, and in an MS-DOS table what is to be on it.
    pub(super) fn words(&self, label: &str, format: &str) -> String {
        let content = match format {
            "fat16" | "fat32" | "linux-swap" => format,
            _ => "ext2",
        };
        match (self.kind, label) {
            (Kind::Extended, _) => "extended".to_owned(),
            (Kind::Logical, _) => format!("logical {content}"),
            (_, "msdos") => format!("primary {content}"),
            _ => "primary".to_owned(),
        }
    }
}

impl Table {
    /// Where a partition of this size goes: the smallest room that it fits into.
    ///
    /// # Errors
    ///
    /// When it fits nowhere.
    pub(super) fn place(&self, size: u64, format: &str) -> Result<Place> {
        let kind = self.kind_of_next(format)?;
        let extended = self.partitions.iter().find(|part| part.kind == Kind::Extended);
        let within = |part: &Partition| {
            extended.is_some_and(|outer| outer.start <= part.start && part.end <= outer.end)
        };
        let size = size.max(1).checked_next_multiple_of(512).unwrap_or(u64::MAX);
        let free = self.partitions.iter().filter(|part| part.kind == Kind::Free);
        let rooms = free.filter(|part| within(part) == (kind == Kind::Logical)).filter_map(|part| {
            // In front of a logical partition stands the table that has it.
            let first = part.start.checked_add(if kind == Kind::Logical { 512 } else { 0 })?;
            let start = first.checked_next_multiple_of(ALIGNMENT)?;
            let end = start.checked_add(size)?;
            (end <= part.end).then_some((part.end - part.start, start, end))
        });
        let (_, start, end) = rooms
            .min()
            .ok_or_else(|| Error::internal(ErrorDomain::STORAGE, "no large enough free extent"))?;
        let first = if kind == Kind::Logical { PRIMARY + 1 } else { 1 };
        let taken =
            |number: u32| self.partitions.iter().any(|part| part.kind != Kind::Free && part.number == number);
        let number = (first..=MOST as u32).find(|number| !taken(*number));
        let number = number.ok_or_else(|| error::failed("the disk has too many partitions"))?;
        Ok(Place { number, start, end, kind })
    }

    fn kind_of_next(&self, format: &str) -> Result<Kind> {
        let refused = |sentence: &str| Err(Error::internal(ErrorDomain::STORAGE, sentence));
        let count = |kinds: &[Kind]| self.partitions.iter().filter(|part| kinds.contains(&part.kind)).count();
        let (outer, extended) = (count(&[Kind::Primary, Kind::Extended]), count(&[Kind::Extended]) > 0);
        if self.label != "msdos" {
            return match format {
                "extended" => refused("Invalid partition type"),
                _ if outer as u64 >= u64::from(self.most) => refused("no large enough free extent"),
                _ => Ok(Kind::Primary),
            };
        }
        match (format, outer < PRIMARY as usize, extended) {
            ("extended", _, true) => refused("extended partition already exists"),
            ("extended", true, _) => Ok(Kind::Extended),
            (_, true, _) => Ok(Kind::Primary),
            (_, false, true) => Ok(Kind::Logical),
            (_, false, false) => refused("no extended partition found and no primary partition available"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(label: &str, parts: &[(u32, u64, u64, &str)]) -> String {
        let parts: Vec<String> = parts
            .iter()
            .map(|(number, start, last, kind)| {
                format!(
                    r#"{{"number":{number},"start":"{start}B","end":"{last}B","size":"9B","type":"{kind}"}}"#
                )
            })
            .collect();
        format!(
            r#"{{"disk":{{"path":"/dev/x","size":"67108864B","label":"{label}","max-partitions":128,"partitions":[{}]}}}}"#,
            parts.join(",")
        )
    }

    const MIB: u64 = 1 << 20;

    #[test]
    fn parts_are_read_with_what_is_free() {
        let text = document("gpt", &[(0, 17408, MIB - 1, "free"), (1, MIB, 2 * MIB - 1, "primary")]);
        let table = parse(&text).unwrap();
        assert_eq!(table.label, "gpt");
        assert_eq!(
            table.partitions,
            [
                Partition { number: 0, start: 17408, end: MIB, kind: Kind::Free },
                Partition { number: 1, start: MIB, end: 2 * MIB, kind: Kind::Primary },
            ]
        );
        // A disk without a table.
        assert_eq!(parse(r#"{"disk":{"size":"1B","label":"unknown"}}"#).unwrap().partitions, []);
    }

    #[test]
    fn what_no_disk_can_be_is_refused() {
        let refused = |text: &str| assert!(parse(text).is_err(), "{text}");
        for text in ["", "{", "null", "[]", r#"{"disk":{}}"#, r#"{"disk":{"size":"x","label":"gpt"}}"#] {
            refused(text);
        }
        for part in [
            (1, 5, 4, "primary"),
            (1, 0, 67_108_864, "primary"),
            (1, 0, u64::MAX, "primary"),
            (0, 0, 1, "primary"),
            (1, 0, 1, "elsewhere"),
        ] {
            refused(&document("gpt", &[part]));
        }
        refused(&document("gpt", &[(1, 0, 1, "primary"), (1, 2, 3, "primary")]));
        refused(&document("gpt", &vec![(1, 0, 1, "free"); 5000]));
        // A name with the end of a row in it is a name.
        let text = document("gpt", &[(1, MIB, 2 * MIB - 1, "primary")])
            .replace("\"size\":\"9B\"", r#""name":"a\"}\n9:0B","size":"9B""#);
        assert_eq!(parse(&text).unwrap().partitions.len(), 1);
    }

    #[test]
    fn a_new_partition_goes_where_it_fits() {
        let table = parse(&document(
            "msdos",
            &[
                (0, 1024, MIB - 1, "free"),
                (1, MIB, 2 * MIB - 1, "primary"),
                (0, 2 * MIB, 10 * MIB - 1, "free"),
                (2, 10 * MIB, 40 * MIB - 1, "extended"),
                (0, 10 * MIB + 512, 40 * MIB - 1, "free"),
                (3, 40 * MIB, 41 * MIB - 1, "primary"),
                (0, 41 * MIB, 44 * MIB - 1, "free"),
            ],
        ))
        .unwrap();
        let place = table.place(2 * MIB, "linux").unwrap();
        assert_eq!((place.number, place.start, place.end), (4, 41 * MIB, 43 * MIB));
        assert_eq!(place.words(&table.label, "linux"), "primary ext2");
        let place = table.place(5 * MIB, "linux-swap").unwrap();
        assert_eq!(
            (place.start, place.words(&table.label, "linux-swap").as_str()),
            (2 * MIB, "primary linux-swap")
        );
        let said = |table: &Table, size, format| table.place(size, format).unwrap_err().to_string();
        assert_eq!(said(&table, 9 * MIB, "none"), "internal error: no large enough free extent");
        assert_eq!(said(&table, u64::MAX, "none"), "internal error: no large enough free extent");
        assert_eq!(said(&table, 1, "extended"), "internal error: extended partition already exists");

        let mut full = table.clone();
        full.partitions.push(Partition { number: 4, start: 44 * MIB, end: 45 * MIB, kind: Kind::Primary });
        let place = full.place(9 * MIB, "linux").unwrap();
        assert_eq!((place.number, place.start, place.end), (5, 11 * MIB, 20 * MIB));
        assert_eq!(place.words("msdos", "linux"), "logical ext2");
        full.partitions.retain(|part| part.kind != Kind::Extended);
        full.partitions.push(Partition { number: 2, start: 46 * MIB, end: 47 * MIB, kind: Kind::Primary });
        assert_eq!(
            said(&full, 1, "none"),
            "internal error: no extended partition found and no primary partition available"
        );
        let gpt = parse(&document("gpt", &[(0, 0, 4 * MIB - 1, "free")])).unwrap();
        assert_eq!(gpt.place(MIB, "linux").unwrap().words("gpt", "linux"), "primary");
        assert_eq!(said(&gpt, MIB, "extended"), "internal error: Invalid partition type");
    }
}

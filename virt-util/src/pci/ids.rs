//! Names of vendors and products, from the list that most hosts have.

use std::path::Path;
use std::sync::OnceLock;

use memchr::memmem;

/// Where distributions put the list.
const PLACES: [&str; 2] = ["/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids"];

/// The host's list of PCI vendors and products, read when the first name is asked for.
///
/// ```
/// use virt_util::pci::PciNames;
///
/// let list = "\n# comment\n8086  Intel Corporation\n\t10c9  82576 Gigabit\n\t\t8086 a01c  Subsystem\n10de  NVIDIA\n";
/// let names = PciNames::of(list);
/// assert_eq!(names.vendor(0x8086), Some("Intel Corporation"));
/// assert_eq!(names.product(0x8086, 0x10c9), Some("82576 Gigabit"));
/// assert_eq!(names.product(0x8086, 0x10ca), None);
/// ```
#[derive(Debug, Default)]
pub struct PciNames {
    list: OnceLock<Option<String>>,
}

impl PciNames {
    /// Those of the host; none where it has no list.
    pub fn host() -> Self {
        Self::default()
    }

    /// Those of a list in the format of `pci.ids`.
    pub fn of(list: impl Into<String>) -> Self {
        Self { list: OnceLock::from(Some(list.into())) }
    }

    /// Whether there is a list.
    pub fn are_known(&self) -> bool {
        self.list().is_some()
    }

    /// The vendor of this number.
    pub fn vendor(&self, vendor: u16) -> Option<&str> {
        Some(entry(self.list()?, "\n", vendor)?.0)
    }

    /// The vendor's product of this number.
    pub fn product(&self, vendor: u16, product: u16) -> Option<&str> {
        let (_, rest) = entry(self.list()?, "\n", vendor)?;
        // The vendor's products end where a line begins without a tab; comments are in between.
        let bytes = rest.as_bytes();
        let end =
            memchr::memchr_iter(b'\n', bytes).find(|at| !matches!(bytes.get(at + 1), Some(b'\t' | b'#')));
        Some(entry(rest.get(..end.unwrap_or(rest.len()))?, "\n\t", product)?.0)
    }

    fn list(&self) -> Option<&str> {
        let read = || PLACES.iter().find_map(|place| read(Path::new(place)));
        self.list.get_or_init(read).as_deref()
    }
}

/// The list, with a line's end before its first line too. Names in it are not always UTF-8.
fn read(place: &Path) -> Option<String> {
    let bytes = std::fs::read(place).ok()?;
    Some(format!("\n{}", String::from_utf8_lossy(&bytes)))
}

/// The name in the line that begins with `before` and the number, and what follows the line, its end included.
fn entry<'a>(list: &'a str, before: &str, number: u16) -> Option<(&'a str, &'a str)> {
    let start = format!("{before}{number:04x}  ");
    let at = memmem::find(list.as_bytes(), start.as_bytes())? + start.len();
    let rest = list.get(at..)?;
    let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
    Some((rest.get(..end)?.trim_end(), rest.get(end..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_other_lines_are_not_taken() {
        let list = "\n0001  One\n\t0002  Two of one\n\t\t0003 0004  Subsystem\n# comment\n\t0005  Five of one\n0002  Two\n\t0006  Six of two\n\nC 01  Class\n";
        let names = PciNames::of(list);
        let product = |vendor, product| names.product(vendor, product);
        assert_eq!((names.vendor(1), names.vendor(2), names.vendor(3)), (Some("One"), Some("Two"), None));
        assert_eq!((product(1, 2), product(1, 5)), (Some("Two of one"), Some("Five of one")));
        assert_eq!((product(1, 3), product(1, 6), product(2, 6)), (None, None, Some("Six of two")));
    }
}

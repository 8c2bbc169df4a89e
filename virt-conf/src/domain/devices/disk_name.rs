//! Names of disks: `sda` is the first, `sdz` the 26th, `sdaa` the 27th; a partition number may follow.

/// Prefixes that names of disks begin with.
const PREFIXES: [&str; 7] = ["fd", "hd", "vd", "sd", "xvd", "ubd", "nvme"];

/// Number of the disk in its name, from 0; `None` when it is no disk's name.
pub(super) fn index(name: &str) -> Option<u32> {
    let rest = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))?;
    let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
    let (letters, partition) = rest.split_at_checked(letters)?;
    if letters.is_empty() || !is_partition(partition) {
        return None;
    }
    let count = letters.bytes().try_fold(0u32, |count, letter| {
        count
            .checked_mul(26)?
            .checked_add(u32::from(letter - b'a') + 1)
            .filter(|count| i32::try_from(*count).is_ok())
    })?;
    Some(count - 1)
}

/// Nothing, or a number without leading zeros.
fn is_partition(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && (text.len() < 2 || !text.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::index;

    #[test]
    fn letters_count_in_base_26() {
        let cases = [
            ("sda", Some(0)),
            ("vdz", Some(25)),
            ("xvdaa", Some(26)),
            ("hdc2", Some(2)),
            ("sda01", None),
            ("hda-1", None),
            ("hdaxxxxxxxxxx", None),
            ("sd", None),
            ("disk", None),
        ];
        for (name, expected) in cases {
            assert_eq!(index(name), expected, "{name}");
        }
    }
}

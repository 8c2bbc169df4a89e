//! Numbers as virsh reads them: plain ones, and sizes with units.

use virt_core::{Error, ErrorCode, ErrorDomain};

/// A decimal number; leading blanks and a sign are fine.
pub fn parse(text: &str) -> Option<i128> {
    text.trim_start().parse().ok()
}

/// A size in bytes from a number and a unit: `k`, `K`, `KiB` count 1024, `kb`, `KB` count 1000, and so on up to `E`;
/// `b` and `bytes` count one; without a unit the number counts `scale` bytes.
///
/// # Errors
///
/// Nothing when there is no number; libvirt's error when the unit is unknown or the size exceeds `limit`.
pub fn parse_size(text: &str, scale: u64, limit: u64) -> Result<u64, Option<Error>> {
    let start = text.trim_start();
    let unsigned = start.strip_prefix('+').unwrap_or(start);
    let digits = unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(digits);
    let number: u64 = number.parse().map_err(|_| None)?;
    let factor = if suffix.is_empty() { u128::from(scale) } else { unit(suffix)? };
    let size = u128::from(number) * factor;
    if size > u128::from(limit) {
        let detail = format!("value too large: {number}{suffix}");
        return Err(Some(Error::new(ErrorCode::OVERFLOW, ErrorDomain::NONE, detail)));
    }
    Ok(size as u64)
}

fn unit(suffix: &str) -> Result<u128, Option<Error>> {
    let unknown = || {
        let detail = format!("unknown suffix '{suffix}'");
        Some(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, detail))
    };
    let lower = suffix.to_ascii_lowercase();
    if lower == "b" || lower == "byte" || lower == "bytes" {
        return Ok(1);
    }
    let (letter, rest) = lower.split_at_checked(1).ok_or_else(unknown)?;
    let base: u128 = match rest {
        "" | "ib" => 1024,
        "b" => 1000,
        _ => return Err(unknown()),
    };
    let power = "kmgtpe".find(letter).ok_or_else(unknown)?;
    Ok(base.pow(power as u32 + 1))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(texts: &[&str], expected: Expect) {
        let line = |text: &&str| match parse_size(text, 1024, u64::MAX) {
            Ok(size) => format!("{text}: {size}\n"),
            Err(Some(error)) => format!("{text}: {error}\n"),
            Err(None) => format!("{text}: no number\n"),
        };
        expected.assert_eq(&texts.iter().map(line).collect::<String>());
    }

    #[test]
    fn sizes_have_units() {
        check(
            &["42", "42b", "42bytes", "1k", "1KB", "1KiB", "2G", "1e", " 7", "+7"],
            expect![[r#"
                42: 43008
                42b: 42
                42bytes: 42
                1k: 1024
                1KB: 1000
                1KiB: 1024
                2G: 2147483648
                1e: 1152921504606846976
                 7: 7168
                +7: 7168
            "#]],
        );
    }

    #[test]
    fn what_is_no_size_is_refused() {
        check(
            &["", "abc", "-1", "42WB", "1.5G", "0x10", "16EiB", "99999999999999999999", "1ä"],
            expect![[r#"
                : no number
                abc: no number
                -1: no number
                42WB: invalid argument: unknown suffix 'WB'
                1.5G: invalid argument: unknown suffix '.5G'
                0x10: invalid argument: unknown suffix 'x10'
                16EiB: numerical overflow: value too large: 16EiB
                99999999999999999999: no number
                1ä: invalid argument: unknown suffix 'ä'
            "#]],
        );
    }
}

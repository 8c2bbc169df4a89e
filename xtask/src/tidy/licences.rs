//! The licences of what we build on, read from the manifests; nothing is asked of the network.

use cargo_metadata::{Metadata, Package};
use spdx::{Expression, LicenseReq, ParseMode};

use super::Finding;

/// Licences that a program under MIT or Apache-2.0 may be linked with, without further duties for its users.
const ALLOWED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages that are used in spite of their licence, each with its licence and the reason.
const EXCEPTIONS: [(&str, &str, &str); 2] = [
    (
        "cbindgen",
        "MPL-2.0",
        "unchanged, in the project's own commands only: nothing of it is in what is shipped",
    ),
    (
        "generational-arena",
        "MPL-2.0",
        "unchanged, and only through abi_stable, which the plugin ABI is built on",
    ),
];

/// Checks every package outside the workspace.
pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let foreign: Vec<&Package> =
        metadata.packages.iter().filter(|package| package.source.is_some()).collect();
    let mut found: Vec<Finding> = foreign.iter().filter_map(|package| refuse(package)).collect();
    // An exception that nothing needs any more would let the next one in unseen.
    let stale =
        EXCEPTIONS.iter().filter(|(name, ..)| !foreign.iter().any(|package| package.name.as_str() == *name));
    found.extend(
        stale.map(|(name, ..)| Finding::of(name, "is no dependency any more: remove its licence exception")),
    );
    found
}

fn refuse(package: &Package) -> Option<Finding> {
    let name = format!("{} {}", package.name, package.version);
    let Some(licence) = &package.license else {
        return Some(Finding::of(name, "names no licence in its manifest"));
    };
    let excepted = EXCEPTIONS
        .iter()
        .any(|(exception, theirs, _)| *exception == package.name.as_str() && theirs == licence);
    if excepted {
        return None;
    }
    match acceptable(licence) {
        Ok(true) => None,
        Ok(false) => {
            Some(Finding::of(name, format!("is under `{licence}`, which is not in the list of allowed ones")))
        }
        Err(error) => Some(Finding::of(name, format!("has a licence that cannot be read: {error}"))),
    }
}

fn acceptable(licence: &str) -> Result<bool, spdx::ParseError> {
    // Old manifests write `MIT/Apache-2.0`.
    let expression = Expression::parse_mode(licence, ParseMode::LAX)?;
    // An addition (`WITH LLVM-exception`) only ever permits more.
    let allowed =
        |requirement: &LicenseReq| requirement.license.id().is_some_and(|id| ALLOWED.contains(&id.name));
    Ok(expression.evaluate(allowed))
}

#[cfg(test)]
mod tests {
    use super::acceptable;

    #[test]
    fn one_of_several_is_enough_and_all_of_all_are_needed() {
        for licence in [
            "MIT",
            "MIT-0",
            "MIT/Apache-2.0",
            "GPL-2.0 OR MIT",
            "Apache-2.0 WITH LLVM-exception",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
        ] {
            assert_eq!(acceptable(licence), Ok(true), "{licence}");
        }
        for licence in ["GPL-2.0", "MPL-2.0", "MIT AND GPL-3.0"] {
            assert_eq!(acceptable(licence), Ok(false), "{licence}");
        }
        assert!(acceptable("whatever you like").is_err());
    }
}

//! Whether a plugin's layout fits this host's, and which types are in the way where it does not.

use std::path::Path;

use abi_stable::StableAbi;
use abi_stable::abi_stability::abi_checking::{AbiInstability, AbiInstabilityError, AbiInstabilityErrors};
use abi_stable::abi_stability::check_layout_compatibility;
use abi_stable::std_types::RResult;
use abi_stable::type_layout::{TLFieldOrFunction, TypeLayout};

use super::{HINT, refuse};
use crate::Result;
use crate::entry::DriverModuleRef;
use crate::manifest::{ABI_BUILD, ABI_VERSION, FoundManifest};

/// How many differences are told; the rest is in the debug log.
const SHOWN: usize = 4;

/// Newer plugin in older host, or the reverse: both fit when one's layout is a prefix of the other's. Of one build, they
/// are the same, and the comparison, which is most of the time that opening a plugin takes, is spared.
pub(super) fn check(
    path: &Path,
    manifest: &FoundManifest,
    theirs: Option<&'static TypeLayout>,
) -> Result<()> {
    let ours = <DriverModuleRef as StableAbi>::LAYOUT;
    let versions = format!(
        "{} {} was built for ABI {}, this host has ABI {ABI_VERSION}",
        manifest.name, manifest.version, manifest.abi,
    );
    if major(&manifest.abi) != major(ABI_VERSION) {
        return Err(refuse(path, versions).hint(HINT));
    }
    if manifest.build == ABI_BUILD {
        return Ok(());
    }
    let Some(theirs) = theirs else {
        return Err(refuse(path, format!("it hides its layout ({versions})")).hint(HINT));
    };
    let RResult::RErr(_) = check_layout_compatibility(ours, theirs) else { return Ok(()) };
    let RResult::RErr(mismatch) = check_layout_compatibility(theirs, ours) else { return Ok(()) };
    log::debug!("{}: {mismatch}", path.display());
    let shown = match mismatch.downcast_ref::<AbiInstabilityErrors>() {
        Some(errors) => tell(&errors.errors),
        None => "in types that cannot be told".to_owned(),
    };
    Err(refuse(path, format!("its layout differs ({versions}): {shown}")).hint(HINT))
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}

/// The types that differ, each with the first difference in it: what follows it in the same type does so because of it.
fn tell(errors: &[AbiInstabilityError]) -> String {
    let mut told: Vec<(String, String)> = Vec::new();
    for error in errors {
        let place = place(error);
        if let Some(difference) = error.errs.first()
            && told.iter().all(|(known, _)| *known != place)
        {
            told.push((place, words(difference)));
        }
    }
    let mut sentences: Vec<String> =
        told.iter().take(SHOWN).map(|(place, words)| format!("{place} {words}")).collect();
    if told.len() > SHOWN {
        sentences.push(format!("and {} more", told.len() - SHOWN));
    }
    sentences.join("; ")
}

/// The innermost type of this crate's that the difference is in, and the member of it that leads there:
/// `plugins_abi::api::running::tuning, vcpus`.
fn place(error: &AbiInstabilityError) -> String {
    let fields: Vec<_> = error
        .stack_trace
        .iter()
        .filter_map(|step| match step.expected {
            TLFieldOrFunction::Field(field) => Some(field),
            TLFieldOrFunction::Function(_) => None,
        })
        .collect();
    let own = |module: &str| module.split("::").next() == Some(env!("CARGO_CRATE_NAME"));
    let ours = fields.iter().rposition(|field| own(&field.layout().mod_path().to_string()));
    let Some((at, field)) = ours.and_then(|at| Some((at, fields.get(at)?))) else {
        return "the module".to_owned();
    };
    let (module, name) = (field.layout().mod_path().to_string(), field.layout().name());
    let name = match module.strip_suffix("::Abi_trait") {
        // What stands for a trait is named after the trait's module.
        Some(interface) => interface.to_owned(),
        None => format!("{module}::{}", name.strip_suffix("Abi").unwrap_or(name)),
    };
    match fields.get(at + 1) {
        Some(member) => format!("{name}, {},", member.name()),
        None => name,
    }
}

/// What is said of the place. What was compared was theirs, with ours.
fn words(difference: &AbiInstability) -> String {
    match difference {
        AbiInstability::Name(types) => {
            format!("has {} where this host has {}", types.expected, types.found)
        }
        AbiInstability::UnexpectedField(fields) => {
            format!("has {} where this host has {}", fields.expected.name(), fields.found.name())
        }
        AbiInstability::FieldCountMismatch(counts) => {
            format!("has {} members, and {} in this host", counts.expected, counts.found)
        }
        AbiInstability::Size(sizes) => {
            format!("has {} bytes, and {} in this host", sizes.expected, sizes.found)
        }
        _ => "is of another kind than in this host".to_owned(),
    }
}

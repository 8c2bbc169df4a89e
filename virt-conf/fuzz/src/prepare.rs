//! Seeds and a dictionary, so that the first input is a document already.

use std::path::Path;

use virt_conf::document::KINDS;
use virt_conf_generate::{Manner, Rng, begin, grow, words};

use crate::target;

/// How many seeds a kind has.
const SEEDS: u64 = 24;

/// Writes seeds and a dictionary to the directory that `VIRT_FUZZ_PREPARE` names, where it names one, and ends the program.
///
/// # Panics
///
/// When they cannot be written.
pub fn if_asked() {
    let Some(directory) = std::env::var_os("VIRT_FUZZ_PREPARE") else { return };
    into(Path::new(&directory))
        .unwrap_or_else(|error| panic!("cannot write to {}: {error}", directory.display()));
    std::process::exit(0);
}

fn into(directory: &Path) -> std::io::Result<()> {
    let kinds: Vec<_> =
        KINDS.iter().filter(|kind| target().is_none_or(|target| target.model == kind.model)).collect();
    let quoted = |word: &&str| format!("\"{}\"\n", word.replace('\\', "\\\\").replace('"', "\\\""));
    let mut words = words(kinds.iter().copied());
    // libFuzzer takes no word without a letter.
    words.remove("");
    let dictionary: String = words.iter().map(quoted).collect();
    std::fs::write(directory.join("dictionary"), dictionary)?;
    let seeds = directory.join("seeds");
    std::fs::create_dir_all(&seeds)?;
    for kind in kinds {
        for seed in 0..SEEDS {
            let mut rng = Rng::with_seed(seed);
            let steps: Vec<u64> = (0..seed * 4).map(|_| rng.u64(..)).collect();
            if let Some(tree) = begin(kind) {
                let tree = grow(kind, tree, &steps, Manner::Tame);
                std::fs::write(seeds.join(format!("{}-{seed}", kind.model)), tree.to_xml())?;
            }
        }
    }
    Ok(())
}

//! Seeds and a dictionary, so that the first input is a document already.

use std::path::Path;

use virt_conf::document::KINDS;
use virt_conf_generate::{Manner, Rng, begin, grow, words};

use crate::{mutate, target};

/// How many seeds a kind has.
const SEEDS: u64 = 24;

/// The longest input that is drawn, in bytes.
const LONGEST: usize = 16 << 10;

/// Writes seeds and a dictionary to the directory that `VIRT_FUZZ_PREPARE` names, where it names one, and ends the program. With
/// `VIRT_FUZZ_DRAW`, a number, there are as many inputs beside the seeds, drawn from them.
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
    let drawn = std::env::var("VIRT_FUZZ_DRAW").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    for kind in kinds {
        let mut inputs = Vec::new();
        for seed in 0..SEEDS {
            let mut rng = Rng::with_seed(seed);
            let steps: Vec<u64> = (0..seed * 4).map(|_| rng.u64(..)).collect();
            if let Some(tree) = begin(kind) {
                inputs.push(grow(kind, tree, &steps, Manner::Tame).to_xml().into_bytes());
            }
        }
        let mut rng = Rng::with_seed(SEEDS);
        for _ in 0..drawn {
            let Some(from) = rng.choice(&inputs) else { break };
            let input = mutate::drawn(Some(kind), from, &mut rng);
            if input.len() <= LONGEST {
                inputs.push(input);
            }
        }
        for (number, input) in inputs.iter().enumerate() {
            std::fs::write(seeds.join(format!("{}-{number:05}", kind.model)), input)?;
        }
    }
    Ok(())
}

//! How inputs are changed: by what the models allow, and, so that nothing is taken for granted, byte by byte.

use virt_conf::document::{Kind, kind_of};
use virt_conf_generate::{Manner, Rng, change, fill, parse};

/// Changes the document of `size` bytes that `data` begins with, and answers its new size.
pub fn document(
    kind: Option<&'static Kind>,
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
) -> usize {
    let mut rng = Rng::with_seed(seed.into());
    if rng.u8(..4) > 0
        && let Some(text) = data.get(..size).and_then(|text| std::str::from_utf8(text).ok())
        && let Some(new) = shaped(kind, text, &mut rng)
        && let Some(place) = data.get_mut(..new.len().min(max_size))
        && place.len() == new.len()
    {
        place.copy_from_slice(new.as_bytes());
        return new.len();
    }
    libfuzzer_sys::fuzzer_mutate(data, size, max_size)
}

/// The same for whoever draws by himself: from one generator follow the same inputs on every machine, which libFuzzer, as it goes
/// by what an input reaches, does not give.
pub fn drawn(kind: Option<&'static Kind>, from: &[u8], rng: &mut Rng) -> Vec<u8> {
    if rng.u8(..4) > 0
        && let Ok(text) = std::str::from_utf8(from)
        && let Some(new) = shaped(kind, text, rng)
    {
        return new.into_bytes();
    }
    let mut new = from.to_vec();
    for _ in 0..=rng.u8(..4) {
        let at = rng.usize(..=new.len());
        match (new.get_mut(at), rng.u8(..3)) {
            (Some(_), 0) => drop(new.remove(at)),
            (Some(byte), 1) => *byte = rng.u8(..),
            _ => new.insert(at, rng.u8(..)),
        }
    }
    new
}

/// The document with one to four changes; a new one when it is none.
fn shaped(kind: Option<&'static Kind>, text: &str, rng: &mut Rng) -> Option<String> {
    let kind = kind.or_else(|| kind_of(text).ok())?;
    let manner = if rng.bool() { Manner::Tame } else { Manner::Wild };
    let Some(mut tree) = parse(text, kind.describe) else {
        let plenty = rng.u8(..8);
        return Some(fill(kind.root, kind.describe, rng, manner, plenty, 0).to_xml());
    };
    for _ in 0..=rng.u8(..4) {
        change(&mut tree, kind.describe, rng, manner);
    }
    Some(tree.to_xml())
}

//! Rules for what a Rust file says: its opening, its safety comments, and documentation that says something.

use std::path::Path;

use super::Finding;

/// Words of a doc sentence that carry nothing by themselves.
const EMPTY_WORDS: [&str; 12] = ["a", "an", "the", "of", "this", "that", "its", "is", "to", "for", "it", "s"];

/// Checks one file.
pub(super) fn check(file: &Path, content: &str, found: &mut Vec<Finding>) {
    let lines: Vec<&str> = content.lines().collect();
    check_opening(file, &lines, found);
    let mut in_text = false;
    for (number, line) in lines.iter().enumerate() {
        // Inside `"""`-like raw strings a line is data; the openings of those are all that needs knowing here.
        let was_in_text = in_text;
        in_text =
            if in_text { !line.contains("\"#") } else { line.contains("r#\"") && !line.contains("\"#") };
        if was_in_text {
            continue;
        }
        let code = line.trim_start();
        if opens_unsafe(code) && !explained(&lines, number) {
            found.push(Finding::at(
                file,
                number,
                "unsafe without a `// SAFETY:` that names what makes it sound",
            ));
        }
        if code.starts_with(concat!("#[", "ignore]")) {
            found.push(Finding::at(file, number, "an ignored test says why: `#[ignore = \"reason\"]`"));
        }
        if let Some(sentence) = lone_doc(&lines, number)
            && let Some(name) = item_name(&lines, number + 1)
            && only_repeats(sentence, name)
        {
            found.push(Finding::at(
                file,
                number,
                format!("`{sentence}` only repeats the name `{name}`: say what holds"),
            ));
        }
    }
}

fn check_opening(file: &Path, lines: &[&str], found: &mut Vec<Finding>) {
    let opening = lines.first().copied().unwrap_or_default();
    let says = opening.strip_prefix("//!").is_some_and(|text| !text.trim().is_empty());
    if !says && !opening.starts_with("#![doc = include_str!(") {
        found.push(Finding::at(file, 0, "a file opens with `//!` and a sentence that says what it is"));
    }
}

fn opens_unsafe(code: &str) -> bool {
    // `unsafe fn` declares a duty, which `# Safety` documents; clippy sees to that.
    !code.starts_with("//")
        && (code.contains("unsafe {") || code.starts_with("unsafe impl"))
        && !code.contains('"')
}

/// Whether the line itself, or the comment that belongs to its statement, holds `SAFETY:`.
fn explained(lines: &[&str], number: usize) -> bool {
    let above = lines[..number].iter().rev().take_while(|line| !line.trim().is_empty()).take(8);
    above.chain(lines.get(number)).any(|line| line.contains("SAFETY:"))
}

/// The text of a doc comment that is a single line.
fn lone_doc<'a>(lines: &[&'a str], number: usize) -> Option<&'a str> {
    let doc = |at: usize| lines.get(at).and_then(|line| line.trim_start().strip_prefix("///"));
    let alone = doc(number + 1).is_none() && number.checked_sub(1).is_none_or(|above| doc(above).is_none());
    doc(number).filter(|_| alone).map(str::trim)
}

/// The name of the public item or field that begins at or after this line, attributes skipped. Variants are left
/// alone: for many the spelling is all that there is to say.
fn item_name<'a>(lines: &[&'a str], from: usize) -> Option<&'a str> {
    let line = lines.get(from..)?.iter().map(|line| line.trim()).find(|line| !line.starts_with("#["))?;
    let rest = line.strip_prefix("pub ")?;
    let kinds = [
        "const fn ",
        "unsafe fn ",
        "fn ",
        "struct ",
        "enum ",
        "trait ",
        "type ",
        "const ",
        "static ",
        "mod ",
    ];
    let rest = kinds.iter().find_map(|kind| rest.strip_prefix(kind)).unwrap_or(rest);
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    Some(&rest[..end]).filter(|name| !name.is_empty())
}

fn only_repeats(sentence: &str, name: &str) -> bool {
    let name = words(name);
    let said: Vec<String> =
        words(sentence).into_iter().filter(|word| !EMPTY_WORDS.contains(&word.as_str())).collect();
    // Code in backquotes is a spelling, which is something said.
    !said.is_empty()
        && !sentence.contains('`')
        && said.iter().all(|word| name.iter().any(|own| same(own, word)))
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('s') == other.trim_end_matches('s')
}

/// The words of a sentence, or of a name in snake or camel case, in small letters.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for character in text.chars() {
        if !character.is_alphanumeric() || (character.is_uppercase() && small) {
            words.push(String::new());
        }
        small = character.is_lowercase();
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::check;

    fn messages(content: &str) -> Vec<String> {
        let mut found = Vec::new();
        check(Path::new("a.rs"), content, &mut found);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_says_what_it_is() {
        assert_eq!(messages("//! Numbers.\n"), Vec::<String>::new());
        assert_eq!(messages("#![doc = include_str!(\"../README.md\")]\n"), Vec::<String>::new());
        assert_eq!(messages("use std::fmt;\n").len(), 1);
        assert_eq!(messages("//!\n").len(), 1);
    }

    #[test]
    fn unsafe_needs_its_reason() {
        let block = "unsafe { read(p) }";
        assert_eq!(messages(&format!("//! A.\nlet x = {block};\n")).len(), 1);
        assert_eq!(
            messages(&format!("//! A.\n// SAFETY: p is valid.\nlet x = {block};\n")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn docs_say_more_than_the_name() {
        assert_eq!(messages("//! A.\n/// The bus name.\npub bus_name: String,\n").len(), 1);
        assert_eq!(
            messages("//! A.\n/// The source's address.\n#[xml(child)]\npub source_address: Address,\n")
                .len(),
            1
        );
        assert_eq!(messages("//! A.\n/// A disk bus.\npub enum DiskBus {\n").len(), 1);
        assert_eq!(messages("//! A.\n/// Sizes are in KiB.\npub size: u64,\n"), Vec::<String>::new());
        assert_eq!(messages("//! A.\n/// Which of `virtio`.\npub virtio: u8,\n"), Vec::<String>::new());
        assert_eq!(messages("//! A.\n/// ALSA.\nAlsa,\n"), Vec::<String>::new());
    }
}

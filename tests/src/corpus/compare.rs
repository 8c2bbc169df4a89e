//! Comparing what we wrote with what libvirt wrote: byte for byte, or by meaning.

use std::collections::HashMap;

use roxmltree::Node;

use super::Outcome;

/// Compares byte for byte. UUIDs and MAC addresses that `input` does not contain are generated, and may differ.
pub fn equal_text(input: &str, expected: &str, actual: &str) -> Outcome {
    let (expected, actual) = (without_generated(input, expected), without_generated(input, actual));
    if expected == actual { Outcome::Passed } else { Outcome::Failed(diff(&expected, &actual)) }
}

/// What differs, `-` expected, `+` ours, with two lines around it.
pub(super) fn diff(expected: &str, actual: &str) -> String {
    similar::TextDiff::from_lines(expected, actual).unified_diff().context_radius(2).to_string()
}

/// Replaces every UUID and MAC address that is not in `input`.
fn without_generated(input: &str, text: &str) -> String {
    let given = input.to_ascii_lowercase();
    let digits: String = given.chars().filter(|c| *c != '-').collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['>', '\'']) {
        let (before, behind) = rest.split_at(at + 1);
        out.push_str(before);
        rest = behind;
        let end = rest.find(['<', '\'']).unwrap_or(rest.len());
        let value = rest.get(..end).unwrap_or_default();
        let lower = value.to_ascii_lowercase();
        let generated = match (is_uuid(&lower), is_mac(&lower)) {
            (true, _) => (!digits.contains(&lower.replace('-', ""))).then_some("GENERATED-UUID"),
            (_, true) => (!given.contains(&lower)).then_some("GENERATED-MAC"),
            _ => None,
        };
        if let Some(generated) = generated {
            out.push_str(generated);
            rest = rest.get(end..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

fn is_uuid(text: &str) -> bool {
    let hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| if hyphen(at) { b == b'-' } else { b.is_ascii_hexdigit() })
}

fn is_mac(text: &str) -> bool {
    text.len() == 17
        && text.bytes().enumerate().all(|(at, b)| if at % 3 == 2 { b == b':' } else { b.is_ascii_hexdigit() })
}

/// Compares by meaning: the order of attributes and of differently named siblings is free, whole numbers compare by
/// value, blank text and comments do not count. The answer is the first difference.
///
/// # Errors
///
/// When one of them is not XML.
pub fn equal_xml(expected: &str, actual: &str) -> anyhow::Result<Option<String>> {
    compare(expected, actual, Extra::Counts)
}

/// The first thing of `input` that `actual` lacks, compared as [`equal_xml`] does; what `actual` has besides is free.
///
/// # Errors
///
/// When one of them is not XML.
pub fn lost_xml(input: &str, actual: &str) -> anyhow::Result<Option<String>> {
    compare(input, actual, Extra::IsFree)
}

/// Whether what only the actual document has is a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extra {
    Counts,
    IsFree,
}

fn compare(expected: &str, actual: &str, extra: Extra) -> anyhow::Result<Option<String>> {
    let expected = roxmltree::Document::parse(expected)?;
    let actual = roxmltree::Document::parse(actual)?;
    let root = expected.root_element();
    Ok(difference(root, actual.root_element(), &format!("/{}", root.tag_name().name()), extra))
}

fn difference(expected: Node<'_, '_>, actual: Node<'_, '_>, path: &str, extra: Extra) -> Option<String> {
    if expected.tag_name() != actual.tag_name() {
        return Some(format!("{path}: <{}> instead", actual.tag_name().name()));
    }
    for attr in actual.attributes() {
        let name = attr.name();
        match expected
            .attributes()
            .find(|other| other.name() == name && other.namespace() == attr.namespace())
        {
            None if extra == Extra::IsFree => {}
            None => return Some(format!("{path}/@{name}: not expected")),
            Some(other) if !equal_value(other.value(), attr.value()) => {
                return Some(format!("{path}/@{name}: '{}' instead of '{}'", attr.value(), other.value()));
            }
            Some(_) => {}
        }
    }
    let has = |attr: &roxmltree::Attribute<'_, '_>| {
        actual.attributes().any(|other| other.name() == attr.name() && other.namespace() == attr.namespace())
    };
    if let Some(attr) = expected.attributes().find(|attr| !has(attr)) {
        return Some(format!("{path}/@{}: missing", attr.name()));
    }
    let (wanted, given) = (text(expected), text(actual));
    if wanted != given {
        return Some(format!("{path}: text '{given}' instead of '{wanted}'"));
    }
    let name = |node: Node<'_, '_>| {
        (node.tag_name().namespace().map(str::to_owned), node.tag_name().name().to_owned())
    };
    let mut left: HashMap<_, Vec<Node<'_, '_>>> = HashMap::new();
    for child in actual.children().filter(Node::is_element) {
        left.entry(name(child)).or_default().push(child);
    }
    for list in left.values_mut() {
        list.reverse();
    }
    let mut count: HashMap<_, usize> = HashMap::new();
    for child in expected.children().filter(Node::is_element) {
        let index = count.entry(name(child)).or_default();
        let path = format!("{path}/{}[{index}]", child.tag_name().name());
        *index += 1;
        let Some(other) = left.get_mut(&name(child)).and_then(Vec::pop) else {
            return Some(format!("{path}: missing"));
        };
        if let Some(difference) = difference(child, other, &path, extra) {
            return Some(difference);
        }
    }
    if extra == Extra::IsFree {
        return None;
    }
    let more = left.into_values().find_map(|mut list| list.pop())?;
    Some(format!("{path}/{}: not expected", more.tag_name().name()))
}

/// The text of an element without children.
fn text(node: Node<'_, '_>) -> String {
    if node.children().any(|child| child.is_element()) {
        return String::new();
    }
    let text: String = node.children().filter_map(|child| child.text().filter(|_| child.is_text())).collect();
    if text.trim().is_empty() { String::new() } else { text }
}

fn equal_value(a: &str, b: &str) -> bool {
    a == b || number(a).is_some_and(|n| number(b) == Some(n))
}

fn number(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_alphanumeric());
    let value = if let Some(hex) = digits.strip_prefix("0x") {
        i128::from_str_radix(hex, 16).ok().filter(|_| plain(hex))
    } else if digits.len() > 1 && digits.starts_with('0') {
        i128::from_str_radix(digits, 8).ok().filter(|_| plain(digits))
    } else {
        digits.parse().ok().filter(|_| plain(digits))
    };
    value.map(|value| if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_values_may_differ() {
        let expected = "<a>\n  <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>\n</a>";
        let ours = "<a>\n  <uuid>00000000-edaf-9455-926a-d65c16db1809</uuid>\n</a>";
        assert_eq!(equal_text("<a/>", expected, ours), Outcome::Passed);
        let given = "<a><uuid>C7A5FDBDEDAF9455926AD65C16DB1809</uuid></a>";
        assert!(matches!(equal_text(given, expected, ours), Outcome::Failed(_)));
    }

    #[test]
    fn meaning_ignores_spelling() {
        let first = "<a x='0x10' y='1'><b/><c n='1'/><b k='2'/></a>";
        let same = "<a y='1' x='16'>\n<c n='01'/><b/><b k='2'/></a>";
        assert_eq!(equal_xml(first, same).unwrap(), None);
        let other = "<a y='1' x='16'><c n='1'/><b k='2'/><b/></a>";
        assert_eq!(equal_xml(first, other).unwrap().as_deref(), Some("/a/b[0]/@k: not expected"));
    }
}

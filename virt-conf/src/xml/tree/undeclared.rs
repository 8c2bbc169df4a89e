//! Names whose prefix nobody declares: as libxml2 has it, and so libvirt, they are in no namespace, prefix and all.

use roxmltree::StringStorage;

use super::{Declared, Tree};

/// How many prefixes may be undeclared.
const LIMIT: usize = 16;

impl<'input> Tree<'input> {
    /// Reads a document that `roxmltree` refuses because it has such a name.
    pub(super) fn parse_undeclared(
        source: &'input str,
        mut refused: roxmltree::Error,
    ) -> Result<Self, roxmltree::Error> {
        // Each name is as long as before, and so everything stays in its place.
        let mut text = source.to_owned();
        for _ in 0..LIMIT {
            let roxmltree::Error::UnknownNamespace(prefix, _) = &refused else { break };
            text = without_prefix(&text, prefix);
            match roxmltree::Document::parse(&text) {
                Ok(document) => return Ok(Tree::of(&text, &document).in_source(source)),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// The same, of a text that is as long and has its names and values at the same places.
    fn in_source(self, source: &str) -> Tree<'_> {
        let place = |part: &str| {
            let start = part.as_ptr().addr().wrapping_sub(self.source.as_ptr().addr());
            source.get(start..start + part.len())
        };
        let namespaces = self.namespaces.into_iter().map(|Declared { prefix, uri, element }| Declared {
            prefix: prefix.and_then(place),
            uri,
            element,
        });
        Tree {
            source,
            nodes: self.nodes,
            attributes: self.attributes,
            unescaped: self.unescaped.iter().map(|text| StringStorage::Owned(text.as_str().into())).collect(),
            namespaces: namespaces.collect(),
            too_deep: self.too_deep,
        }
    }
}

/// The text with a dot for the colon behind a prefix, wherever a name begins with it.
fn without_prefix(text: &str, prefix: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        out.push_str(before);
        out.push('<');
        // What is no tag has no names in it.
        let end = [("!--", "-->"), ("![CDATA[", "]]>"), ("?", "?>")]
            .into_iter()
            .find(|(start, _)| tag.starts_with(start))
            .map(|(_, end)| tag.find(end).map_or(tag.len(), |at| at + end.len()));
        let length = end.unwrap_or_else(|| tag_length(tag));
        let (tag, after) = tag.split_at_checked(length).unwrap_or((tag, ""));
        if end.is_some() {
            out.push_str(tag);
        } else {
            rename(tag, prefix, &mut out);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// How much of the text is a tag: all up to the first `>` that is in no value.
fn tag_length(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return at,
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    text.len()
}

fn rename(tag: &str, prefix: &str, out: &mut String) {
    let (mut quote, mut starts) = (None, true);
    let mut characters = tag.char_indices();
    while let Some((at, c)) = characters.next() {
        let rest = tag.get(at..).unwrap_or_default();
        if quote.is_none() && starts && rest.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(':')) {
            out.push_str(prefix);
            out.push('.');
            // The prefix' other characters, and the colon.
            let _ = characters.nth(prefix.chars().count() - 1);
            starts = false;
            continue;
        }
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
        starts = c.is_whitespace() || c == '/';
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::without_prefix;

    #[test]
    fn names_alone_lose_their_prefix() {
        let text =
            "<a l:b='l:c d l:e' al:f='' l='1'>l:g <l:h/><!-- <l:i> --></l:j><![CDATA[<l:k>]]><?l l:m?></a>";
        let wanted =
            "<a l.b='l:c d l:e' al:f='' l='1'>l:g <l.h/><!-- <l:i> --></l.j><![CDATA[<l:k>]]><?l l:m?></a>";
        assert_eq!(without_prefix(text, "l"), wanted);
    }
}

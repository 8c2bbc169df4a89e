//! Plain documents, as nearly all are: no prefixes, no entities, nothing declared, and no mistakes. They are read in one pass;
//! what any other document is, `roxmltree` says.
//!
//! Whatever is read here `roxmltree` reads in the same way. So the rules are narrower than those of XML.

use super::{AttributeData, Key, Kind, NONE, Names, Open, Span, Tree};
use crate::xml::read::DEPTH_LIMIT;

/// The bytes of a document that one element or text takes, about: what is set up for more is not moved.
const BYTES_A_NODE: usize = 24;

impl<'input> Tree<'input> {
    /// Reads a plain document.
    pub(super) fn of_plain(source: &'input str) -> Option<Self> {
        let expected = source.len() / BYTES_A_NODE + 1;
        let tree = Self {
            source,
            nodes: Vec::with_capacity(expected),
            attributes: Vec::with_capacity(expected),
            ..Self::default()
        };
        Scanner { source, at: 0, tree, open: Vec::with_capacity(8) }.document()
    }
}

/// A place in a document, and what was read before it. All that moves it answers nothing where the document is not plain.
struct Scanner<'input> {
    source: &'input str,
    at: usize,
    tree: Tree<'input>,
    open: Vec<Open>,
}

impl<'input> Scanner<'input> {
    fn document(mut self) -> Option<Tree<'input>> {
        self.outside()?;
        self.start_tag()?;
        while !self.open.is_empty() {
            self.text()?;
            match self.rest().get(1)? {
                b'/' => self.end_tag()?,
                b'!' => {
                    let text = self.comment()?;
                    self.tree.append(Kind::Comment, text, Key::NONE, self.open.last_mut());
                }
                _ => self.start_tag()?,
            }
        }
        self.outside()?;
        self.rest().is_empty().then_some(self.tree)
    }

    fn rest(&self) -> &'input [u8] {
        self.source.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Passes over bytes that belong to a class, and answers where they are.
    fn pass(&mut self, class: u8) -> Span {
        let length = self.rest().iter().take_while(|byte| is(**byte, class)).count();
        let passed = Span { start: self.at as u32, length: length as u32 };
        self.at += length;
        passed
    }

    /// Passes over a byte, if it is the next one.
    fn expect(&mut self, byte: u8) -> Option<()> {
        (*self.rest().first()? == byte).then(|| self.at += 1)
    }

    /// What is before the first element, or behind it: blanks and comments, which are not kept.
    fn outside(&mut self) -> Option<()> {
        self.pass(BLANK);
        while self.rest().starts_with(b"<!") {
            self.comment()?;
            self.pass(BLANK);
        }
        Some(())
    }

    fn name(&mut self) -> Option<(Span, Key)> {
        let starts_well = is(*self.rest().first()?, NAME_START);
        let name = self.pass(NAME);
        let key = Key::of(self.source.get(name.start as usize..name.end())?);
        starts_well.then_some((name, key))
    }

    fn start_tag(&mut self) -> Option<()> {
        self.expect(b'<')?;
        let (name, key) = self.name()?;
        let index = self.tree.append(Kind::Element, name, key, self.open.last_mut());
        let first = self.tree.attributes.len();
        let mut names = Names::default();
        let closed = loop {
            let separated = self.pass(BLANK).length > 0;
            match self.rest() {
                [b'>', ..] => {
                    self.at += 1;
                    break false;
                }
                [b'/', b'>', ..] => {
                    self.at += 2;
                    break true;
                }
                _ if separated => self.attribute(first, &mut names)?,
                _ => return None,
            }
        };
        let count = (self.tree.attributes.len() - first) as u32;
        let element = self.tree.nodes.get_mut(index as usize)?;
        (element.attributes, element.attribute_count) = (first as u32, count);
        element.attribute_names = names;
        if self.open.len() == DEPTH_LIMIT {
            return None;
        }
        if !closed {
            self.open.push(Open::new(index));
        }
        Some(())
    }

    fn attribute(&mut self, first: usize, names: &mut Names) -> Option<()> {
        let (name, key) = self.name()?;
        self.expect(b'=')?;
        let quote = *self.rest().first()?;
        let within = match quote {
            b'\'' => IN_SINGLE_QUOTES,
            b'"' => IN_DOUBLE_QUOTES,
            _ => return None,
        };
        self.at += 1;
        let value = self.pass(within);
        self.expect(quote)?;
        let spelled = self.tree.bytes(name);
        let others = self.tree.attributes.get(first..)?;
        let repeats = |other: &AttributeData| other.key == key && self.tree.bytes(other.name) == spelled;
        if spelled == b"xmlns" || names.may_hold(key.set()) && others.iter().any(repeats) {
            return None;
        }
        names.0 |= key.set().0;
        self.tree.attributes.push(AttributeData { name, key, value });
        Some(())
    }

    fn end_tag(&mut self) -> Option<()> {
        let open = self.open.pop()?;
        let name = self.tree.bytes(self.tree.nodes.get(open.index as usize)?.text);
        if !self.rest().get(2..)?.starts_with(name) {
            return None;
        }
        self.at += 2 + name.len();
        self.pass(BLANK);
        self.expect(b'>')
    }

    /// Text up to the next `<`; kept unless it only lays the document out.
    fn text(&mut self) -> Option<()> {
        let blanks = self.pass(BLANK);
        let more = self.pass(IN_TEXT);
        let text = Span { start: blanks.start, length: blanks.length + more.length };
        let next = self.rest();
        if *next.first()? != b'<' {
            return None;
        }
        let around = self.open.last_mut();
        let alone = around.as_ref().is_some_and(|around| around.last == NONE) && *next.get(1)? == b'/';
        let layout = more.length == 0 && !alone && self.tree.bytes(blanks).contains(&b'\n');
        if text.length > 0 && !layout {
            self.tree.append(Kind::Text, text, Key::NONE, around);
        }
        Some(())
    }

    /// What a comment says.
    fn comment(&mut self) -> Option<Span> {
        let start = self.at + "<!--".len();
        let text = self.rest().strip_prefix(b"<!--")?;
        let length = text.windows(2).position(|pair| pair == b"--")?;
        let text = text.get(..length)?;
        self.at = start + length + "--".len();
        self.expect(b'>')?;
        text.iter()
            .all(|byte| is(*byte, IN_COMMENT))
            .then_some(Span { start: start as u32, length: length as u32 })
    }
}

/// Whether a byte belongs to one of the classes.
fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

const BLANK: u8 = 1;
const NAME_START: u8 = 1 << 1;
const NAME: u8 = 1 << 2;
const IN_TEXT: u8 = 1 << 3;
const IN_SINGLE_QUOTES: u8 = 1 << 4;
const IN_DOUBLE_QUOTES: u8 = 1 << 5;
const IN_COMMENT: u8 = 1 << 6;

static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = classes_of(byte as u8);
        byte += 1;
    }
    classes
};

const fn classes_of(byte: u8) -> u8 {
    let quoted = IN_SINGLE_QUOTES | IN_DOUBLE_QUOTES;
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'_' => NAME_START | NAME | IN_TEXT | quoted | IN_COMMENT,
        b'0'..=b'9' | b'-' | b'.' => NAME | IN_TEXT | quoted | IN_COMMENT,
        b' ' => BLANK | IN_TEXT | quoted | IN_COMMENT,
        // In a value they would become blanks.
        b'\n' | b'\t' => BLANK | IN_TEXT | IN_COMMENT,
        b'\'' => IN_DOUBLE_QUOTES | IN_TEXT | IN_COMMENT,
        b'"' => IN_SINGLE_QUOTES | IN_TEXT | IN_COMMENT,
        b'<' | b'&' => IN_COMMENT,
        // In a text it may be the end of `]]>`.
        b'>' => quoted | IN_COMMENT,
        // 0xEF begins the two characters that XML has not.
        0..=0x1F | 0xEF => 0,
        _ => IN_TEXT | quoted | IN_COMMENT,
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;

    /// Whether a document is plain; if it is, `roxmltree` reads the same.
    fn is_plain(text: &str) -> bool {
        let Some(plain) = Tree::of_plain(text) else { return false };
        let whole = roxmltree::Document::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(format!("{plain:#?}"), format!("{:#?}", Tree::of(text, &whole)), "{text}");
        true
    }

    const PLAIN: &str = "\n<!-- a -->\n<a b='1' c=\"it's\"\n  d='>'  >\n  <e/><f> </f>\n<g>\n</g><h>x\ty\n</h \t>\
        <!-- <i> & - -->\n <j>ä</j> t <k></k></a>\n<!---->\n";

    #[test]
    fn plain_documents_are_read_in_the_same_way() {
        assert!(is_plain(PLAIN));
        for text in [
            "<a/>",
            "<a></a>",
            "<a> </a>",
            "<a>\n</a>",
            "<a>\n<!---->\n</a>",
            "<a>b<c/>\n</a>",
            "<a>\n<c/>d</a>",
        ] {
            assert!(is_plain(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_others() {
        for text in [
            "",
            " ",
            "a",
            "<",
            "<a",
            "<a>",
            "<a></b>",
            "<a></ab>",
            "<ab></a>",
            "<a/><b/>",
            "<a/>b",
            "b<a/>",
            "<a b/>",
            "<a b=/>",
            "<a b='",
            "<a b='1'c='2'/>",
            "<a b='1' b='2'/>",
            "<a b='<'/>",
            "<a b='&lt;'/>",
            "<a b='\n'/>",
            "<a>\r\n</a>",
            "<a>&amp;</a>",
            "<a>]]></a>",
            "<a><![CDATA[b]]></a>",
            "<a><!-- -- --></a>",
            "<a><!-- ---></a>",
            "<a><!-></a>",
            "<a><?b c?></a>",
            "<?xml version='1.0'?><a/>",
            "<!DOCTYPE a><a/>",
            "<1/>",
            "<a 1='2'/>",
            "<a:b/>",
            "<a xmlns='b'/>",
            "<a b:c='d'/>",
            "<ä/>",
            "<a>\u{ffff}</a>",
            "<a>\u{1}</a>",
            "<a b='\u{1}'/>",
            "<!-- \u{1} --><a/>",
            "\u{feff}<a/>",
            "<a / >",
            "< a/>",
            "</a>",
        ] {
            assert!(!is_plain(text), "{text}");
        }
        let deep = |levels| "<a>".repeat(levels) + &"</a>".repeat(levels);
        assert!(is_plain(&deep(256)) && !is_plain(&deep(257)));
    }

    #[test]
    fn whatever_becomes_of_a_document_it_is_read_in_the_same_way() {
        let pieces = [
            "<", ">", "/", "'", "\"", "=", " ", "\n", "\r", "&", "-", "--", "!", "<!--", "-->", "]]>", "a",
            "b='1'", ":", "?", "ä",
        ];
        let places: Vec<usize> = PLAIN.char_indices().map(|(at, _)| at).collect();
        let mut plain = 0;
        for (from, at) in places.iter().enumerate() {
            for to in places.iter().skip(from).take(6) {
                for piece in pieces.iter().chain(&[""]) {
                    plain += usize::from(is_plain(&format!("{}{piece}{}", &PLAIN[..*at], &PLAIN[*to..])));
                }
            }
        }
        assert!(plain > 1000, "{plain}");
    }
}

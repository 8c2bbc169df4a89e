//! Writing a document of capabilities: elements that close themselves, in libvirt's spelling.

use xmlwriter::{Indent, Options, XmlWriter};

/// A document that is being written.
pub(super) struct Document(XmlWriter);

impl Document {
    pub(super) fn new() -> Self {
        Self(XmlWriter::new(Options {
            use_single_quote: true,
            indent: Indent::Spaces(2),
            ..Options::default()
        }))
    }

    /// An element with attributes, and whatever `inside` writes.
    pub(super) fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        inside: impl FnOnce(&mut Self),
    ) {
        self.0.start_element(name);
        for (name, value) in attributes {
            self.0.write_attribute(name, &escape(value));
        }
        inside(self);
        self.0.end_element();
    }

    /// An element with nothing in it.
    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.element(name, attributes, |_| {});
    }

    /// An element with text in it, on one line.
    pub(super) fn text(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.element(name, attributes, |this| {
            this.0.set_preserve_whitespaces(true);
            this.0.write_text(&escape(text));
        });
        self.0.set_preserve_whitespaces(false);
    }

    pub(super) fn finish(self) -> String {
        let mut text = self.0.end_document();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }
}

/// libvirt's five entities. The writer itself escapes `<` and the quotes around attributes, which are gone by then.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    escaped
}

//! What is wrong with the element being read, in libvirt's words and with its place.

use super::{
    Choice, Error, ErrorCode, ErrorDomain, Expected, Fields, Reader, Result, Shape, document, error,
};

impl Reader<'_, '_> {
    /// An error about this element.
    #[must_use]
    pub fn error(&self, code: ErrorCode, domain: ErrorDomain, detail: impl AsRef<str>) -> Error {
        Error::new(code, domain, detail).at(error::place(self.node, None))
    }

    /// "XML error: ..", from the document's part of the library.
    #[must_use]
    pub fn refuse(&self, detail: impl AsRef<str>) -> Error {
        self.error(ErrorCode::XML_ERROR, self.errors, detail)
    }

    /// "unsupported configuration: ..", from the document's part of the library.
    #[must_use]
    pub fn unsupported(&self, detail: impl AsRef<str>) -> Error {
        self.error(ErrorCode::CONFIG_UNSUPPORTED, self.errors, detail)
    }

    /// "internal error: ..", from the document's part of the library.
    #[must_use]
    pub fn internal(&self, detail: impl AsRef<str>) -> Error {
        self.error(ErrorCode::INTERNAL_ERROR, self.errors, detail)
    }

    /// `error`, at the place of this attribute's value, or of this element where it has none.
    #[must_use]
    pub fn at_attr(&self, name: &str, error: Error) -> Error {
        error.at(error::place(self.node, Some(name)))
    }

    /// Adds this element's place to an error that has none.
    #[must_use]
    pub fn place(&self, error: Error) -> Error {
        error.at(error::place(self.node, None))
    }

    /// "XML error: ..", from libvirt's XML helpers.
    #[must_use]
    pub fn xml_error(&self, detail: impl AsRef<str>) -> Error {
        error::xml(detail, error::place(self.node, None))
    }

    /// An attribute that does not parse, or is missing.
    #[must_use]
    pub fn invalid_attr(&self, name: &str, expected: Expected) -> Error {
        let Some(value) = self.node.attribute(name) else { return self.missing_attr(&[], name) };
        let subject = format!("attribute '{name}' in element '{}'", self.name());
        expected.refuse(&subject, value, error::place(self.node, Some(name)))
    }

    /// Of several attributes that `T` refuses, `first` being the complaint about one of them, the last.
    pub(crate) fn last_invalid_attr<T: Fields>(&self, first: &Error) -> Option<String> {
        let attribute = |error: &Error| Some(error.place()?.path.rsplit_once("/@")?.1.to_owned());
        let mut last = attribute(first)?;
        let mut element = self.raw();
        loop {
            let before = element.attributes.len();
            element.attributes.retain(|(name, _)| *name != last);
            if element.attributes.len() == before {
                return Some(last);
            }
            let rest = document(&element.to_string(), self.context.options, self.errors, T::read);
            match rest.err().as_ref().and_then(attribute) {
                Some(next) => last = next,
                None => return Some(last),
            }
        }
    }

    /// A required attribute that is not there.
    #[must_use]
    pub fn missing_attr(&self, path: &[&'static str], name: &str) -> Error {
        let at = self.descend(path).unwrap_or(*self);
        let element = path.last().copied().unwrap_or(self.name());
        at.xml_error(format!("Missing required attribute '{name}' in element '{element}'"))
    }

    /// A required child that is not there.
    #[must_use]
    pub fn missing_child(&self, name: &'static str) -> Error {
        self.xml_error(format!("missing element <{name}> in element <{}>", self.name()))
    }

    /// None of the elements of a required choice is there.
    #[must_use]
    pub fn missing_choice<T: Choice>(&self) -> Error {
        let known: Vec<String> = T::NAMES.iter().map(|name| format!("<{name}>")).collect();
        self.xml_error(format!("missing one of {} in element <{}>", known.join(", "), self.name()))
    }

    pub(super) fn invalid_text(&self, value: &str, expected: Expected) -> Error {
        let mut place = error::place(self.node, None);
        if let Some(text) = self.node.first_child() {
            place = error::place_at(self.node.tree(), text.start(), place.path);
        }
        expected.refuse(&format!("element '{}'", self.name()), value, place)
    }

    /// Names in this element that its model, which has this shape, does not know: refused, or noted.
    #[cold]
    pub(super) fn look_for_unknown(&self, shape: &Shape) -> Result<()> {
        let attributes = self.node.attributes().filter_map(|attr| Some((attr, attr.plain_name()?)));
        let attributes = attributes.filter(|(_, name)| !shape.has_attr(name));
        let children = self.node.elements().filter(|child| !child.has_namespace());
        let mut children = children.filter(|child| !shape.has_child(child.name()));
        let Some(found) = self.context.passed_over.filter(|_| !self.context.options.strict) else {
            return match (attributes.into_iter().next(), children.next()) {
                (Some((attr, name)), _) => {
                    Err(self.unknown("attribute", name, shape.near_attr(name), attr.start()))
                }
                (None, Some(child)) => {
                    let name = child.name();
                    Err(self.unknown("element", name, shape.near_child(name), child.start()))
                }
                (None, None) => Ok(()),
            };
        };
        let mut found = found.borrow_mut();
        for (attr, name) in attributes {
            let path = format!("{}/@{name}", error::place(self.node, None).path);
            found.push(error::place_at(self.node.tree(), attr.start(), path));
        }
        found.extend(children.map(|child| error::place(child, None)));
        Ok(())
    }

    fn unknown(&self, what: &'static str, name: &str, near: Option<&'static str>, at: usize) -> Error {
        let near = near.map(|near| format!(", did you mean '{near}'?")).unwrap_or_default();
        let sentence = format!("unknown {what} '{name}' in element '{}'{near}", self.name());
        let place = error::place(self.node, None);
        error::xml(sentence, error::place_at(self.node.tree(), at, place.path))
    }
}

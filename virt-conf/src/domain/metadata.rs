//! What applications keep with a domain or a network: in `<metadata>` one element a namespace, changed one by one.

use crate::model::{Domain, Network};
use crate::xml::{RawElement, RawNode, Result};

/// The same for every document that has `<metadata>`.
macro_rules! metadata_elements {
    ($($model:ident),*) => {$(
        impl $model {
            /// The element of this namespace, without the namespace's prefix and declaration; nothing where there is none.
            ///
            /// ```
            /// let mut document = virt_conf::model::Domain::default();
            /// document.set_metadata_element("app", "http://app.example/1", "<colour>red</colour>")?;
            /// assert_eq!(document.metadata_element("http://app.example/1").unwrap(), "<colour>red</colour>");
            /// # Ok::<(), virt_conf::xml::Error>(())
            /// ```
            #[must_use]
            pub fn metadata_element(&self, namespace: &str) -> Option<String> {
                let metadata = self.metadata.as_ref()?;
                let mut element = metadata.elements().find(|it| is_in(it, metadata, namespace))?.clone();
                let prefixes: Vec<String> = declarations(&element)
                    .chain(declarations(metadata))
                    .filter(|(_, uri)| *uri == namespace)
                    .map(|(prefix, _)| prefix.to_owned())
                    .collect();
                strip(&mut element, &prefixes, namespace);
                Some(element.to_string())
            }

            /// Puts an element into a namespace, and in the place of the one that was there in this namespace.
            ///
            /// # Errors
            ///
            /// When `xml` is not one element.
            pub fn set_metadata_element(&mut self, prefix: &str, namespace: &str, xml: &str) -> Result<()> {
                let mut element: RawElement = xml.parse()?;
                let end = element.attributes.iter().take_while(|(name, _)| is_declaration(name)).count();
                inject(&mut element, prefix, false);
                element.attributes.insert(end, (format!("xmlns:{prefix}"), namespace.to_owned()));
                self.remove_metadata_element(namespace);
                let metadata = self
                    .metadata
                    .get_or_insert_with(|| RawElement { name: "metadata".to_owned(), ..RawElement::default() });
                metadata.content.push(RawNode::Element(element));
                Ok(())
            }

            /// Removes the element of this namespace, and `<metadata>` with the last one.
            pub fn remove_metadata_element(&mut self, namespace: &str) {
                let Some(mut metadata) = self.metadata.take() else { return };
                let content = std::mem::take(&mut metadata.content);
                let keep = |node: &RawNode| !matches!(node, RawNode::Element(it) if is_in(it, &metadata, namespace));
                let content: Vec<_> = content.into_iter().filter(keep).collect();
                metadata.content = content;
                if !metadata.content.is_empty() {
                    self.metadata = Some(metadata);
                }
            }
        }
    )*};
}
metadata_elements!(Domain, Network);

/// Leaves the first element of each namespace; elements of none go, as in libvirt.
pub(crate) fn keep_one_a_namespace(metadata: &mut RawElement) {
    let mut content = std::mem::take(&mut metadata.content);
    let mut seen: Vec<String> = Vec::new();
    content.retain(|node| {
        let RawNode::Element(element) = node else { return true };
        match namespace(element, metadata) {
            Some(uri) if !seen.iter().any(|known| known == uri) => {
                seen.push(uri.to_owned());
                true
            }
            _ => false,
        }
    });
    metadata.content = content;
}

/// The namespaces that an element declares: prefix (empty for the default one) and URI.
fn declarations(element: &RawElement) -> impl Iterator<Item = (&str, &str)> {
    element.attributes.iter().filter(|(name, _)| is_declaration(name)).map(|(name, uri)| {
        let prefix = name.strip_prefix("xmlns").unwrap_or_default();
        (prefix.strip_prefix(':').unwrap_or_default(), uri.as_str())
    })
}

fn is_declaration(attribute: &str) -> bool {
    attribute == "xmlns" || attribute.starts_with("xmlns:")
}

/// Whether an element's name is in this namespace.
fn is_in(element: &RawElement, parent: &RawElement, namespace: &str) -> bool {
    self::namespace(element, parent) == Some(namespace)
}

/// The namespace that an element's name is in.
fn namespace<'a>(element: &'a RawElement, parent: &'a RawElement) -> Option<&'a str> {
    let prefix = element.name.split_once(':').map_or("", |(prefix, _)| prefix);
    let declared = declarations(element).chain(declarations(parent));
    declared.into_iter().find(|(known, _)| *known == prefix).map(|(_, uri)| uri).filter(|uri| !uri.is_empty())
}

/// Takes these prefixes off the names, and the namespace's declarations away.
fn strip(element: &mut RawElement, prefixes: &[String], namespace: &str) {
    if let Some((prefix, local)) = element.name.split_once(':')
        && prefixes.iter().any(|known| known == prefix)
    {
        element.name = local.to_owned();
    }
    element.attributes.retain(|(name, value)| !is_declaration(name) || value != namespace);
    for child in element.content.iter_mut().filter_map(RawNode::as_element_mut) {
        strip(child, prefixes, namespace);
    }
}

/// Puts every name that is in no namespace behind this prefix.
fn inject(element: &mut RawElement, prefix: &str, default_namespace: bool) {
    let own = declarations(element).find(|(known, _)| known.is_empty()).map(|(_, uri)| !uri.is_empty());
    let default_namespace = own.unwrap_or(default_namespace);
    if !default_namespace && !element.name.contains(':') {
        element.name = format!("{prefix}:{}", element.name);
    }
    for child in element.content.iter_mut().filter_map(RawNode::as_element_mut) {
        inject(child, prefix, default_namespace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_enter_and_leave_their_namespace() {
        let mut domain = Domain::default();
        domain.set_metadata_element("k", "http://x", "<a b=\"1\"><c>t</c></a>").unwrap();
        domain.set_metadata_element("kk", "http://y", "<z:b xmlns:z='http://q'><z:c/><d/></z:b>").unwrap();
        let metadata = |domain: &Domain| domain.metadata.as_ref().map(ToString::to_string);
        assert_eq!(
            metadata(&domain).unwrap(),
            "<metadata>\n  <k:a xmlns:k=\"http://x\" b=\"1\">\n    <k:c>t</k:c>\n  </k:a>\n  \
             <z:b xmlns:z=\"http://q\" xmlns:kk=\"http://y\">\n    <z:c/>\n    <kk:d/>\n  </z:b>\n</metadata>"
        );
        assert_eq!(domain.metadata_element("http://x").unwrap(), "<a b=\"1\">\n  <c>t</c>\n</a>");
        assert_eq!(domain.metadata_element("http://y"), None);
        domain.set_metadata_element("k2", "http://x", "<n/>").unwrap();
        assert_eq!(domain.metadata_element("http://x").unwrap(), "<n/>");
        domain.remove_metadata_element("http://x");
        domain.remove_metadata_element("http://q");
        assert_eq!(metadata(&domain), None);
        assert!(domain.set_metadata_element("k", "http://x", "<a").is_err());
    }
}

//! The names in a document that its model does not know: all of them, where strict reading stops at the first.

use std::fmt;

use super::tree::Node;
use super::{Describe, ErrorDomain, ParseOptions, Place, Result, Shape, error, namespace, read};

/// A name that the model does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The name, an attribute's with `@` in front.
    pub name: String,
    /// The element that it stands in.
    pub element: String,
    /// The known name that is nearest.
    pub near: Option<&'static str>,
    /// Where it stands.
    pub place: Place,
}

/// Every name in `text`, a document that `describe` describes, that is neither known nor in somebody else's namespace.
///
/// # Errors
///
/// When the text is not XML.
///
/// ```
/// use virt_conf::{model::Vlan, xml::{self, Fields}};
///
/// let text = "<vlan trnk='yes'><tag id='42'/><tags/></vlan>";
/// let unknown = xml::unknown_names(text, |shape| Vlan::describe(None, shape))?;
/// assert_eq!(unknown.iter().map(|name| name.to_string()).collect::<Vec<_>>(), [
///     "unknown attribute 'trnk' in element 'vlan', did you mean 'trunk'?",
///     "unknown element 'tags' in element 'vlan', did you mean 'tag'?",
/// ]);
/// # Ok::<(), xml::Error>(())
/// ```
pub fn unknown_names(text: &str, describe: Describe) -> Result<Vec<Unknown>> {
    read::document(text, &ParseOptions::default(), ErrorDomain::XML, |root| {
        let mut found = Vec::new();
        walk(root.node, describe, &mut found);
        Ok(found)
    })
}

// The depth of a document is limited before anything looks at it.
fn walk(node: Node<'_, '_>, describe: Describe, found: &mut Vec<Unknown>) {
    let shape = Shape::picked(describe, |name| node.attribute(name));
    let element = node.name();
    let place = |at| error::place_at(node.tree(), at, error::place(node, None).path);
    for attr in node.attributes() {
        let Some(name) = attr.plain_name().filter(|name| !shape.has_attr(name)) else { continue };
        found.push(Unknown {
            name: format!("@{name}"),
            element: element.to_owned(),
            near: shape.near_attr(name),
            place: place(attr.start()),
        });
    }
    if shape.is_foreign() {
        return;
    }
    for child in node.elements() {
        let name = child.name();
        let known = shape.children().iter().find(|known| match known.name.split_once(':') {
            Some((prefix, local)) => local == name && child.namespace() == namespace(prefix),
            None => known.name == name && !child.has_namespace(),
        });
        match known {
            Some(known) => walk(child, known.inside, found),
            None if shape.is_open() || child.has_namespace() => {}
            None => found.push(Unknown {
                name: name.to_owned(),
                element: element.to_owned(),
                near: shape.near_child(name),
                place: place(child.start()),
            }),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name) = match self.name.strip_prefix('@') {
            Some(name) => ("attribute", name),
            None => ("element", self.name.as_str()),
        };
        write!(f, "unknown {what} '{name}' in element '{}'", self.element)?;
        self.near.map_or(Ok(()), |near| write!(f, ", did you mean '{near}'?"))
    }
}

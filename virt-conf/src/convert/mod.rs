//! Every model as JSON, YAML and whatever else serde knows, in one stable spelling.
//!
//! Every type that is an element implements `Serialize` and `Deserialize`, by libvirt's names:
//!
//! - An element is a map. Its attributes and children are entries of it, under the names they have in XML; where an element
//!   has an attribute and a child of one name (`<graphics listen='..'>`), the attribute's has `@` in front.
//! - A child that may repeat is a list, even of one.
//! - An element that has no more than a text is that text; where it could have attributes, too, it is under `$text`.
//! - Numbers are numbers, in decimal, however XML spells them; `yes` and `no`, `on` and `off` are booleans where nothing
//!   else is possible; an element without a value (`<readonly/>`) is `true`.
//! - Elements of several names that share one order are the list `$children`, each a map of its name.
//! - What others keep with a document (`<metadata>`) is its XML, as text.
//!
//! [`Whole`] is a document of any kind, under the name of its root element. A model's own implementation tells everything the model holds, passwords included; [`view`] tells less. When reading,
//! an attribute may have `@` in front anywhere, `null` is absence, a single element may stand for a list of one, and a name that
//! the model does not know is an error. Errors name the path.
//!
//! ```
//! use virt_conf::{model::Interface, xml};
//!
//! let text = "<interface type='bridge'><source bridge='br0'/><mtu size='9000'/></interface>";
//! let nic: Interface = xml::from_str(text, &xml::ParseOptions::default())?;
//! let json = serde_json::to_string(&nic).expect("it has no text that XML cannot hold");
//! assert_eq!(json, r#"{"type":"bridge","source":{"bridge":"br0"},"mtu":{"size":9000}}"#);
//! assert_eq!(serde_json::from_str::<Interface>(&json).expect("what was written can be read"), nic);
//! # Ok::<(), xml::Error>(())
//! ```

mod read;
mod whole;
mod write;

pub use whole::Whole;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::tree::Tree;
use crate::xml::{Describe, Element, FormatOptions, Shape};

/// The key of an element's text.
pub const TEXT: &str = "$text";

/// The key of children of several names that share one order.
pub const CHILDREN: &str = "$children";

/// The key of elements that no model knows, where they are kept.
pub const OTHERS: &str = "$others";

/// What `T::describe` tells of all variants.
fn describe<T: Element>() -> Describe {
    |shape| T::describe(None, shape)
}

/// A model as [`FormatOptions`] show it: without passwords, or without what only a running object has.
///
/// ```
/// use virt_conf::{convert, model::Domain, xml::FormatOptions};
///
/// let domain = Domain { name: "web".into(), id: Some(7), ..Domain::default() };
/// let json = serde_json::to_value(convert::view(&domain, FormatOptions::INACTIVE)).expect("it is XML");
/// assert_eq!((json["name"].as_str(), json.get("id")), (Some("web"), None));
/// ```
pub fn view<T: Element>(model: &T, options: FormatOptions) -> impl Serialize + '_ {
    View { model, options }
}

struct View<'a, T> {
    model: &'a T,
    options: FormatOptions,
}

impl<T: Element> Serialize for View<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tree = Tree::written(self.model, self.options).map_err(S::Error::custom)?;
        write::Typed { tree: &tree, describe: describe::<T>() }.serialize(serializer)
    }
}

/// Tells everything that `model` holds.
///
/// # Errors
///
/// When a text in it has no place in XML, or the serializer's own.
pub fn serialize<T: Element, S: Serializer>(model: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let tree = Tree::of(model).map_err(S::Error::custom)?;
    write::Typed { tree: &tree, describe: describe::<T>() }.serialize(serializer)
}

/// Reads what [`serialize`] told.
///
/// # Errors
///
/// With the path, when it is no `T`; or the deserializer's own.
pub fn deserialize<'de, T: Element, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let data = read::Data::deserialize(deserializer)?;
    let tree = data.into_tree(T::NAME, describe::<T>()).map_err(D::Error::custom)?;
    tree.to_model().map_err(|error| D::Error::custom(format!("{error:#}")))
}

/// Whether a child of this name makes the attribute's key `@name`: whatever the variant, so that the spelling is one.
fn is_shared(describe: Describe, name: &str) -> bool {
    Shape::of_all(describe).find_child(name).is_some()
}

/// Whether an element of this shape never has more than a text.
fn is_plain(describe: Describe) -> bool {
    let shape = Shape::of_all(describe);
    shape.attrs().is_empty() && shape.children().is_empty() && !shape.is_open() && shape.own_text().is_some()
}

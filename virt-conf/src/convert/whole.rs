//! Documents of any kind: a map of one name, the root element's.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::read::Data;
use super::write::Typed;
use crate::document::Kind;
use crate::tree::Tree;

/// A document of any kind, as data that say of which.
///
/// ```
/// use virt_conf::{convert::Whole, document};
///
/// let text = "<vsock model='virtio'><cid auto='no' address='3'/></vsock>";
/// let kind = document::kind_of(text)?;
/// let whole = Whole { kind, tree: kind.read(text)? };
/// let json = serde_json::to_string(&whole).expect("it has no text that XML cannot hold");
/// assert_eq!(json, r#"{"vsock":{"model":"virtio","cid":{"auto":false,"address":3}}}"#);
/// assert_eq!(serde_json::from_str::<Whole>(&json).expect("what was written can be read").tree, whole.tree);
/// # Ok::<(), virt_conf::xml::Error>(())
/// ```
#[derive(Debug)]
pub struct Whole {
    /// What kind of document it is.
    pub kind: &'static Kind,
    /// What it says.
    pub tree: Tree,
}

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(self.kind.root, Typed { tree: &self.tree, describe: self.kind.describe })])
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Data::Map(entries) = Data::deserialize(deserializer)? else {
            return Err(D::Error::custom("expected a map of one name, the root element's"));
        };
        let Ok([(root, data)]) = <[_; 1]>::try_from(entries) else {
            return Err(D::Error::custom("expected a map of one name, the root element's"));
        };
        let kind = crate::document::find(&root, |name| data.has(name)).map_err(D::Error::custom)?;
        let tree = data.into_tree(kind.root, kind.describe).map_err(D::Error::custom)?;
        Ok(Self { kind, tree })
    }
}

//! The documents of `tests/samples`, each with the model that it is one of.

#![allow(dead_code, unreachable_pub)] // each test uses its part

use std::fmt::Debug;

use virt_conf::model;
use virt_conf::xml::{Element, Shape};

/// What every model can do.
#[cfg(feature = "serde")]
pub trait Model:
    Element + Clone + Debug + PartialEq + serde::Serialize + serde::de::DeserializeOwned
{
}
#[cfg(feature = "serde")]
impl<T: Element + Clone + Debug + PartialEq + serde::Serialize + serde::de::DeserializeOwned> Model for T {}

/// What every model can do.
#[cfg(not(feature = "serde"))]
pub trait Model: Element + Clone + Debug + PartialEq {}
#[cfg(not(feature = "serde"))]
impl<T: Element + Clone + Debug + PartialEq> Model for T {}

/// Something to do with a document, whatever its model.
pub trait Visit {
    fn visit<T: Model>(&self, name: &str, text: &str);
}

/// A document.
pub trait Run {
    fn name(&self) -> &'static str;
    fn shape(&self) -> Shape;
    fn run<V: Visit>(&self, visit: &V);
}

macro_rules! documents {
    ($($variant:ident $model:ty = $file:literal;)*) => {
        #[derive(Clone, Copy)]
        pub enum Document { $($variant,)* }

        /// All of them.
        pub const DOCUMENTS: &[Document] = &[$(Document::$variant,)*];

        impl Run for Document {
            fn name(&self) -> &'static str {
                match self { $(Self::$variant => $file,)* }
            }
            fn shape(&self) -> Shape {
                match self { $(Self::$variant => Shape::of::<$model>(),)* }
            }
            fn run<V: Visit>(&self, visit: &V) {
                match self {
                    $(Self::$variant => visit.visit::<$model>(
                        $file,
                        include_str!(concat!("../samples/", $file, ".xml")),
                    ),)*
                }
            }
        }
    };
}
documents! {
    Domain model::Domain = "domain";
    Network model::Network = "network";
    StoragePool model::StoragePool = "pool";
    StorageVolume model::StorageVolume = "volume";
    Secret model::Secret = "secret";
    DomainBackup model::DomainBackup = "backup";
    NodeDevice model::NodeDevice = "device";
    NwFilter model::NwFilter = "filter";
    HostInterface model::HostInterface = "bridge";
}

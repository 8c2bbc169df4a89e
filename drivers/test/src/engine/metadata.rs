//! Titles, descriptions and applications' elements of guests and networks.

use uuid::Uuid;
use virt_conf::model::{Domain, Network};
use virt_core::driver::{
    Affect, Error, ErrorCode, ErrorDomain, EventKind, MetadataChange, MetadataKind, Result, TypedParameter,
};

use super::events::Occurrence;
use super::{Guest, Node};
use crate::error;

/// A document that has them.
pub(crate) trait Described {
    /// What says that one is not there, and who says it.
    const ABSENT: (ErrorCode, ErrorDomain);

    fn title(&mut self) -> &mut Option<String>;
    fn description(&mut self) -> &mut Option<String>;
    fn texts(&self) -> (Option<&str>, Option<&str>);
    fn element(&self, namespace: &str) -> Option<String>;
    fn set_element(&mut self, prefix: &str, namespace: &str, xml: &str) -> Result<()>;
    fn remove_element(&mut self, namespace: &str);
}

macro_rules! described {
    ($($document:ty: $code:ident $domain:ident;)*) => {$(
        impl Described for $document {
            const ABSENT: (ErrorCode, ErrorDomain) = (ErrorCode::$code, ErrorDomain::$domain);

            fn title(&mut self) -> &mut Option<String> {
                &mut self.title
            }

            fn description(&mut self) -> &mut Option<String> {
                &mut self.description
            }

            fn texts(&self) -> (Option<&str>, Option<&str>) {
                (self.title.as_deref(), self.description.as_deref())
            }

            fn element(&self, namespace: &str) -> Option<String> {
                self.metadata_element(namespace)
            }

            fn set_element(&mut self, prefix: &str, namespace: &str, xml: &str) -> Result<()> {
                self.set_metadata_element(prefix, namespace, xml)
            }

            fn remove_element(&mut self, namespace: &str) {
                self.remove_metadata_element(namespace);
            }
        }
    )*};
}
described! {
    Domain: NO_DOMAIN_METADATA DOMAIN;
    Network: NO_NETWORK_METADATA NETWORK;
}

/// The text or the element.
pub(crate) fn read_metadata<D: Described>(
    document: &D,
    kind: MetadataKind,
    namespace: Option<&str>,
) -> Result<String> {
    let (title, description) = document.texts();
    let found = match (kind, namespace) {
        (MetadataKind::Title, _) => title.map(str::to_owned),
        (MetadataKind::Description, _) => description.map(str::to_owned),
        (MetadataKind::Element, Some(namespace)) => document.element(namespace),
        (MetadataKind::Element, None) => {
            return Err(error::misuse("uri in virDomainGetMetadata must not be NULL"));
        }
        (MetadataKind::Unknown(number), _) => return Err(unknown(number)),
        _ => None,
    };
    let (code, domain) = D::ABSENT;
    found.ok_or_else(|| Error::new(code, domain, "Requested metadata element is not present"))
}

impl Guest {
    /// The text or the element, of what runs or of the definition.
    pub(crate) fn metadata(
        &self,
        kind: MetadataKind,
        namespace: Option<&str>,
        affect: Affect,
    ) -> Result<String> {
        read_metadata(self.view(affect)?, kind, namespace)
    }
}

impl Node {
    /// Sets or removes a text or an element.
    pub(crate) fn set_metadata(&self, uuid: Uuid, change: &MetadataChange, affect: Affect) -> Result<()> {
        self.change(uuid, |guest| {
            let affect = guest.affected(affect)?;
            // On a copy first: a text that is refused changes nothing.
            write_metadata(&mut Domain::default(), change)?;
            guest.edit(affect, |domain| {
                if let Err(error) = write_metadata(domain, change) {
                    log::error!("metadata that was just accepted is refused: {error}");
                }
            });
            let namespace =
                change.namespace.iter().map(|uri| TypedParameter::new("nsuri", uri.as_str())).collect();
            Ok(vec![Occurrence::other(EventKind::MetadataChange, change.kind.number(), namespace)])
        })
    }
}

/// What libvirt refuses for every driver.
fn check(change: &MetadataChange) -> Result<()> {
    let null = |what| Err(error::misuse(format!("{what} in virDomainSetMetadata must not be NULL")));
    let text = change.text.as_deref();
    match change.kind {
        MetadataKind::Title if text.is_some_and(|text| text.contains('\n')) => {
            Err(error::misuse("metadata title can't contain newlines"))
        }
        MetadataKind::Element if change.namespace.is_none() => null("uri"),
        MetadataKind::Element if change.prefix.is_none() && text.is_some() => null("key"),
        MetadataKind::Unknown(number) => Err(unknown(number)),
        _ => Ok(()),
    }
}

/// Sets or removes a text or an element.
pub(crate) fn write_metadata<D: Described>(document: &mut D, change: &MetadataChange) -> Result<()> {
    check(change)?;
    let text = change.text.clone().filter(|text| !text.is_empty());
    let namespace = change.namespace.as_deref().unwrap_or_default();
    match (change.kind, text) {
        (MetadataKind::Title, text) => *document.title() = text,
        (MetadataKind::Description, text) => *document.description() = text,
        (_, None) => document.remove_element(namespace),
        (_, Some(xml)) => {
            document.set_element(change.prefix.as_deref().unwrap_or_default(), namespace, &xml)?;
        }
    }
    Ok(())
}

fn unknown(number: i32) -> Error {
    error::argument(format!("unknown metadata type '{number}'")).in_domain(ErrorDomain::DOMAIN)
}

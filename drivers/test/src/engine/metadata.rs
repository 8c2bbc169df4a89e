//! Titles, descriptions and applications' elements of a guest.

use uuid::Uuid;
use virt_conf::model::Domain;
use virt_core::driver::{
    Affect, Error, ErrorCode, ErrorDomain, EventKind, MetadataChange, MetadataKind, Result, TypedParameter,
};

use super::events::Occurrence;
use super::{Guest, Node};
use crate::error;

impl Guest {
    /// The text or the element, of what runs or of the definition.
    pub(crate) fn metadata(
        &self,
        kind: MetadataKind,
        namespace: Option<&str>,
        affect: Affect,
    ) -> Result<String> {
        let domain = self.view(affect)?;
        let found = match (kind, namespace) {
            (MetadataKind::Title, _) => domain.title.clone(),
            (MetadataKind::Description, _) => domain.description.clone(),
            (MetadataKind::Element, Some(namespace)) => domain.metadata_element(namespace),
            (MetadataKind::Element, None) => {
                return Err(error::misuse("uri in virDomainGetMetadata must not be NULL"));
            }
            (MetadataKind::Unknown(number), _) => return Err(unknown(number)),
            _ => None,
        };
        let absent = "Requested metadata element is not present";
        found.ok_or_else(|| Error::new(ErrorCode::NO_DOMAIN_METADATA, ErrorDomain::DOMAIN, absent))
    }
}

impl Node {
    /// Sets or removes a text or an element.
    pub(crate) fn set_metadata(&self, uuid: Uuid, change: &MetadataChange, affect: Affect) -> Result<()> {
        check(change)?;
        self.change(uuid, |guest| {
            let affect = guest.affected(affect)?;
            // On a copy first: a text that is refused changes nothing.
            apply(&mut Domain::default(), change)?;
            guest.edit(affect, |domain| {
                if let Err(error) = apply(domain, change) {
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

fn apply(domain: &mut Domain, change: &MetadataChange) -> Result<()> {
    let text = change.text.clone().filter(|text| !text.is_empty());
    let namespace = change.namespace.as_deref().unwrap_or_default();
    match (change.kind, text) {
        (MetadataKind::Title, text) => domain.title = text,
        (MetadataKind::Description, text) => domain.description = text,
        (_, None) => domain.remove_metadata_element(namespace),
        (_, Some(xml)) => {
            domain.set_metadata_element(change.prefix.as_deref().unwrap_or_default(), namespace, &xml)?;
        }
    }
    Ok(())
}

fn unknown(number: i32) -> Error {
    error::argument(format!("unknown metadata type '{number}'")).in_domain(ErrorDomain::DOMAIN)
}

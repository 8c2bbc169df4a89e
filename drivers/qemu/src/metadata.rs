//! `<title>`, `<description>` and what applications keep in `<metadata>`.

use virt_conf::model::Domain;
use virt_core::driver::{MetadataChange, MetadataKind};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

fn unknown() -> Error {
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::DOMAIN, "unknown metadata type")
}

/// The text of one kind of metadata.
pub(crate) fn read(domain: &Domain, kind: MetadataKind, namespace: Option<&str>) -> Result<String> {
    let (text, what) = match kind {
        MetadataKind::Title => (domain.title.clone(), "title element"),
        MetadataKind::Description => (domain.description.clone(), "description element"),
        MetadataKind::Element => (domain.metadata_element(namespace.unwrap_or_default()), "metadata element"),
        _ => return Err(unknown()),
    };
    let missing = || {
        Error::new(
            ErrorCode::NO_DOMAIN_METADATA,
            ErrorDomain::DOMAIN,
            format!("Requested {what} is not present"),
        )
    };
    text.ok_or_else(missing)
}

/// Sets or removes one kind of metadata.
pub(crate) fn write(domain: &mut Domain, change: &MetadataChange) -> Result<()> {
    let text = change.text.clone().filter(|text| !text.is_empty());
    let namespace = change.namespace.as_deref().unwrap_or_default();
    match (change.kind, text) {
        (MetadataKind::Title, text) => domain.title = text,
        (MetadataKind::Description, text) => domain.description = text,
        (MetadataKind::Element, Some(text)) => {
            domain.set_metadata_element(change.prefix.as_deref().unwrap_or_default(), namespace, &text)?;
        }
        (MetadataKind::Element, None) => domain.remove_metadata_element(namespace),
        _ => return Err(unknown()),
    }
    Ok(())
}

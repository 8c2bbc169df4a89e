//! Security labels of domains, and what their users should know.

use std::ffi::c_char;

use virt_core::{DomainMessages, SecurityLabel};
use virt_util::Result;

use crate::connect::Connect;
use crate::runtime::*;
use crate::types::*;

type Domain = Object<kind::Domain>;

fn to_c(known: &SecurityLabel) -> virSecurityLabel {
    virSecurityLabel { label: memory::fixed(&known.label), enforcing: known.enforcing.into() }
}

pub(crate) fn virDomainGetSecurityLabel(domain: &Domain, label: Out<virSecurityLabel>) -> Result<()> {
    label.set(to_c(&domain.domain.security_label()?));
    Ok(())
}

/// Writes an array that C frees; NULL where there are none.
pub(crate) fn virDomainGetSecurityLabelList(
    domain: &Domain,
    labels: Out<virSecurityLabelPtr>,
) -> Result<usize> {
    let known = domain.domain.security_labels()?;
    if known.is_empty() {
        labels.set(std::ptr::null_mut());
        return Ok(0);
    }
    let array = memory::allocate::<virSecurityLabel>(known.len())?;
    for (place, label) in known.iter().enumerate() {
        // SAFETY: the array is as long as what is given.
        unsafe { array.add(place).write(to_c(label)) };
    }
    labels.set(array);
    Ok(known.len())
}

pub(crate) fn virNodeGetSecurityModel(conn: &Object<Connect>, model: Out<virSecurityModel>) -> Result<()> {
    let known = conn.connection.security_model()?;
    model.set(virSecurityModel { model: memory::fixed(&known.model), doi: memory::fixed(&known.doi) });
    Ok(())
}

/// Writes a list of texts, which C frees, each and the list.
pub(crate) fn virDomainGetMessages(
    domain: &Domain,
    messages: Out<*mut *mut c_char>,
    kinds: DomainMessages,
) -> Result<usize> {
    let known = domain.domain.messages(kinds)?;
    let count = known.len();
    messages.set(memory::list(known, |message| memory::text(&message))?.0);
    Ok(count)
}

//! Consoles, channels and screens of domains.

use std::ffi::c_uint;

use virt_core::OpenConsole;
use virt_util::Result;

use crate::runtime::*;

type Domain = Object<kind::Domain>;
type Stream = Object<kind::Stream>;

pub(crate) fn virDomainOpenConsole(
    domain: &Domain,
    device: Option<&str>,
    stream: &Stream,
    flags: OpenConsole,
) -> Result<()> {
    stream.open(|| domain.domain.open_console(device, flags))
}

pub(crate) fn virDomainOpenChannel(
    domain: &Domain,
    name: Option<&str>,
    stream: &Stream,
    flags: OpenConsole,
) -> Result<()> {
    stream.open(|| domain.domain.open_channel(name, flags))
}

/// Answers the picture's type; the picture comes through the stream.
pub(crate) fn virDomainScreenshot(
    domain: &Domain,
    stream: &Stream,
    screen: c_uint,
    _: NoFlags,
) -> Result<String> {
    let picture = domain.domain.screenshot(screen)?;
    stream.fill(picture.data)?;
    Ok(picture.mime_type)
}

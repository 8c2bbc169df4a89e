//! `guest.json`: what a controller leaves for the one that takes over when it is killed.

use serde::{Deserialize, Serialize};

use super::Settings;
use crate::dir::Dir;
use crate::owner::Owner;
use crate::process::ExitStatus;
use crate::{Error, ErrorCode, ErrorDomain, Result, file};

/// The socket that clients connect to.
pub(super) const SOCKET: &str = "control.sock";
/// Held by the controller while it lives.
pub(super) const LOCK: &str = "controller.lock";
/// What the controller itself has to say.
pub(super) const LOG: &str = "controller.log";
const RECORD: &str = "guest.json";

/// The format's version. A newer one is left alone.
const VERSION: u32 = 1;

/// What outlives a controller.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    version: u32,
    pub(super) settings: Settings,
    /// Nothing before the guest is started.
    pub(super) guest: Option<Owner>,
    pub(super) ended: Option<ExitStatus>,
    /// Whether the guest outlives the client that had it started.
    pub(super) settled: bool,
}

impl Record {
    pub(super) fn new(settings: Settings) -> Self {
        Self { version: VERSION, settings, ..Self::default() }
    }

    /// Nothing when there is no guest.
    pub(super) fn read(dir: &Dir) -> Result<Option<Self>> {
        let Some(text) = file::read_if_present(dir, RECORD, file::DOCUMENT_LIMIT)? else { return Ok(None) };
        #[derive(Deserialize)]
        struct Format {
            version: u32,
        }
        let path = dir.join(RECORD);
        let understood = serde_json::from_slice(&text).and_then(|format: Format| match format.version {
            ..=VERSION => serde_json::from_slice(&text).map(Ok),
            newer => Ok(Err(newer)),
        });
        match understood {
            Ok(Ok(record)) => Ok(Some(record)),
            Ok(Err(newer)) => {
                let sentence = format!(
                    "'{}' has format {newer}, written by a newer version; {VERSION} is the newest known here",
                    path.display()
                );
                Err(Error::new(ErrorCode::NO_SUPPORT, ErrorDomain::NONE, sentence)
                    .hint("use the version of this library that started the guest, or a newer one"))
            }
            Err(error) => {
                let sentence = format!("'{}' is not understood", path.display());
                Err(Error::internal(ErrorDomain::NONE, sentence).caused_by(error))
            }
        }
    }

    pub(super) fn write(&self, dir: &Dir) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        file::write(dir, RECORD, 0o600, &text).map(drop)
    }

    /// The guest's process, while it lives.
    pub(super) fn is_alive(&self) -> bool {
        self.ended.is_none() && self.guest.is_some_and(|guest| guest.is_alive())
    }
}

/// Removes a controller's files. Its lock stays, as locks do, until the directory goes.
pub(super) fn remove(dir: &Dir) -> Result<()> {
    // The record first: where it is missing, there is no guest.
    [RECORD, SOCKET, LOG].iter().try_for_each(|name| dir.remove_file(name))
}

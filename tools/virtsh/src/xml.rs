//! Documents from files, and errors about them.

use std::fs::File;
use std::io::Read as _;

use virt_core::{Error, ErrorDomain};

use crate::failure::{Document, Failure};

/// The largest file that is read, in bytes; virsh's limit.
const LIMIT: u64 = 10 * 1024 * 1024;

/// Reads a file whole.
///
/// # Errors
///
/// When it cannot be read, is larger than [`LIMIT`], or is not text.
pub fn read_file(name: &str) -> Result<Document, Failure> {
    let refused = |attempt: &str, error| {
        Error::system(ErrorDomain::NONE, format!("Failed to {attempt} file '{name}'"), error)
    };
    let file = File::open(name).map_err(|error| refused("open", error))?;
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| refused("read", error))?;
    if bytes.len() as u64 > LIMIT {
        return Err(refused("read", std::io::Error::from_raw_os_error(nix::libc::EOVERFLOW)).into());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        Failure::sentence(format!("Failed to read file '{name}': byte {offset} is not valid UTF-8"))
    })?;
    Ok(Document { name: name.to_owned(), text })
}

/// The failure of a call that was given this document.
pub fn failure(error: Error, document: &Document) -> Failure {
    Failure::from(error).about(document)
}

//! The care for guests that outlive their clients, from the side of the program that stays with them.

use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::Connection;

/// Lets this program be the process that stays with a guest: call it first in `main`, after registering the drivers
/// that are linked in.
///
/// Guests outlive every client; each has a small process with it, normally the program `virt-controller`. An application
/// that wants to be a single binary calls this: it then starts itself as that process, and when it finds itself
/// started so, this call does that work and never returns.
pub fn serve_guests() {
    virt_util::controller::main_hook(|arguments| match finish(arguments) {
        Ok(()) => 0,
        Err(error) => {
            log::error!("{error:#}");
            eprintln!("{error:#}");
            1
        }
    });
}

/// A guest has ended and nobody is attached: `arguments` are the URI and the UUID.
fn finish(arguments: &[String]) -> Result<()> {
    let [uri, uuid] = arguments else {
        let detail = format!("finish takes a URI and a UUID, got {} arguments", arguments.len());
        return Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, detail));
    };
    let uuid = uuid.parse().map_err(|_| {
        Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, format!("'{uuid}' is not a UUID"))
    })?;
    Connection::open(uri)?.finish(uuid)
}

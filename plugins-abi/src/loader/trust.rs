//! Who could have written a plugin: only root and the user that runs us may.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{refuse, refuse_because};
use crate::Result;

const GROUP_WRITE: u32 = 0o020;
const OTHER_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Refuses a file that somebody else could have written or replaced: the file itself and every directory above it
/// must belong to root or to the running user, and must not be writable by others. Sticky directories above the file's
/// own are fine; writable by a group is refused only when running as root.
///
/// # Errors
///
/// `OPERATION_FAILED` that names the file or directory, its owner or mode, and the way out.
pub fn check_trust(path: &Path) -> Result<()> {
    let user = nix::unistd::geteuid().as_raw();
    for (depth, part) in path.ancestors().enumerate() {
        let metadata = std::fs::symlink_metadata(part).map_err(|error| {
            refuse_because(path, format!("'{}' cannot be examined", part.display()), error)
        })?;
        let (owner, mode) = (metadata.uid(), metadata.mode());
        if owner != 0 && owner != user {
            let why = format!("'{}' belongs to user {owner}, who could change it", part.display());
            return Err(refuse(path, why).hint(format!("chown root '{}'", part.display())));
        }
        let refused = OTHER_WRITE | if user == 0 { GROUP_WRITE } else { 0 };
        // In a sticky directory others can add files but not replace ours; in the plugin's own directory, an added file
        // would be a plugin.
        let sticky = depth > 1 && mode & STICKY != 0;
        if mode & refused != 0 && !sticky {
            let why = format!("'{}' is writable by others (mode {:04o})", part.display(), mode & 0o7777);
            return Err(refuse(path, why).hint(format!("chmod go-w '{}'", part.display())));
        }
    }
    Ok(())
}

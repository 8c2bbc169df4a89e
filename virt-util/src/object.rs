//! The file that this code was loaded from.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The shared object that this library is linked into: a plugin, or whatever contains an application's part of it.
/// Nothing where that is the executable itself, which `std::env::current_exe` knows.
///
/// ```
/// assert_eq!(virt_util::object::containing(), None);
/// ```
pub fn containing() -> Option<PathBuf> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::uninit();
    let here = (containing as *const ()).cast::<libc::c_void>();
    // SAFETY: `info` is writable, and dladdr fills it whenever it does not return 0.
    let info = unsafe {
        if libc::dladdr(here, info.as_mut_ptr()) == 0 {
            return None;
        }
        info.assume_init()
    };
    if info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: dladdr returns a NUL-terminated name that lives as long as the object, which contains this code.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    let path = PathBuf::from(OsStr::from_bytes(name.to_bytes()));
    // For the executable glibc answers argv[0], which may be relative to anything, or anything at all.
    let path = std::fs::canonicalize(Some(path).filter(|path| path.is_absolute())?).ok()?;
    (std::env::current_exe().ok().as_ref() != Some(&path)).then_some(path)
}

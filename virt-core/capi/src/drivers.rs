//! Drivers that are linked into the library, where a feature asks for them.

use virt_util::Result;

/// Makes them known, once.
///
/// # Errors
///
/// When two have the same name.
#[cfg(feature = "driver-test")]
pub(crate) fn link() -> Result<()> {
    use std::sync::Mutex;

    static LINKED: Mutex<bool> = Mutex::new(false);
    let mut linked = crate::error::lock(&LINKED);
    if !*linked {
        virt_core::Registry::global().register::<virt_driver_test::TestDriver>()?;
        *linked = true;
    }
    Ok(())
}

/// None is.
///
/// # Errors
///
/// Never.
#[cfg(not(feature = "driver-test"))]
pub(crate) fn link() -> Result<()> {
    Ok(())
}

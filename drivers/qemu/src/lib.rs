//! The qemu driver.

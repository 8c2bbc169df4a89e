//! The qemu driver as a plugin.

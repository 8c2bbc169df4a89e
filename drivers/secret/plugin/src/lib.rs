//! The secret driver as a plugin.

virt_core::export_driver!(virt_driver_secret::SecretDriver);

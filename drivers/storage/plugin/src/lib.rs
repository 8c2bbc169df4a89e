//! The storage driver as a plugin.

virt_core::export_driver!(virt_driver_storage::StorageDriver);

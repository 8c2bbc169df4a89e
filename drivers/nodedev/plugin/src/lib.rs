//! The node device driver as a plugin.

virt_core::export_driver!(virt_driver_nodedev::NodedevDriver);

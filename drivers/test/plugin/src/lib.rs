//! The test driver as a plugin.

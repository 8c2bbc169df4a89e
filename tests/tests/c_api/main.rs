//! The C library beside libvirt's: the same programs with either print the same, and the two are one to a linker.

mod interface;
mod programs;
mod support;

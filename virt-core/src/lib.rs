//! Libvirt's job as an embeddable library.

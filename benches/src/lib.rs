//! Benchmarks, ours beside libvirt's in one run.

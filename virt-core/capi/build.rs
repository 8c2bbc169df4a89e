//! Gives the shared object libvirt's name and version nodes.

fn main() {
    let room = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=libvirt.map");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libvirt.so.0");
    println!("cargo::rustc-cdylib-link-arg=-Wl,--version-script={room}/libvirt.map");
}

//! Work of its own.

fn main() {}

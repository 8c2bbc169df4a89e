//! An application that is one binary: its drivers are linked into it, and no plugin is looked for.
//!
//! `cargo run --example one_binary`

use virt_core::{Connection, DefineDomain, Registry, StartDomain};
use virt_driver_test::TestDriver;

const GUEST: &str = "
<domain type='test'>
  <name>web</name>
  <memory unit='MiB'>64</memory>
  <vcpu>2</vcpu>
  <os><type>hvm</type></os>
</domain>";

fn main() -> virt_core::Result<()> {
    // With drivers whose guests outlive the application, `virt_core::serve_guests()` would stand here.
    let registry = Registry::empty();
    registry.register::<TestDriver>()?;

    let connection = Connection::builder().uri("test:///default").registry(&registry).open()?;
    let guest = connection.define_domain(GUEST, DefineDomain::VALIDATE)?;
    guest.start(StartDomain::empty())?;
    let info = guest.info()?;
    println!("{} is {} with {} vCPUs and {} KiB", guest.name(), info.state, info.vcpus, info.memory);
    Ok(())
}

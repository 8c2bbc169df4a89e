//! An application without any driver in it: what serves the URI is found beside it and loaded when it is needed.
//!
//! `cargo run --example plugins -- [URI]`

use virt_core::{Connection, DriverState, ListDomains, Registry};

fn main() -> virt_core::Result<()> {
    for driver in Registry::global().drivers() {
        match driver.state {
            DriverState::Refused(error) => println!("refused: {error}"),
            _ => println!("driver {} {} serves {}", driver.name, driver.version, driver.schemes.join(", ")),
        }
    }

    let uri = std::env::args().nth(1).unwrap_or_else(|| "test:///default".to_owned());
    let connection = Connection::open(&uri)?;
    println!("connected to {} on {}", connection.hypervisor()?, connection.uri()?);
    for entry in connection.domains(ListDomains::empty())? {
        println!("{:<20} {}", entry.name, entry.state);
    }
    Ok(())
}

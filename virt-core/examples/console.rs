//! Starting a guest and talking to its console: prints what it says, sends it one line, and ends it.
//!
//! `cargo run --example console -- [URI FILE.xml [WAIT_FOR [SEND]]]`, by default a simulated guest. With a Linux guest,
//! `WAIT_FOR` is its prompt and `SEND` a command.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use virt_core::{Connection, DestroyDomain, ErrorCode, OpenConsole, StartDomain, Stream};

const GUEST: &str = "
<domain type='test'>
  <name>talkative</name>
  <memory unit='MiB'>64</memory>
  <os><type>hvm</type></os>
  <devices>
    <console type='pty'/>
  </devices>
</domain>";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    virt_core::serve_guests();
    let mut arguments = std::env::args().skip(1);
    let uri = arguments.next().unwrap_or_else(|| "test:///default".to_owned());
    let xml = arguments.next().map(std::fs::read_to_string).transpose()?.unwrap_or_else(|| GUEST.to_owned());
    let prompt = arguments.next();
    let command = arguments.next().unwrap_or_else(|| "echo hello".to_owned());

    let connection = Connection::builder().uri(uri).timeout(Duration::from_mins(1)).open()?;
    // Its first words would be lost, if it ran before somebody listens.
    let guest = connection.create_domain(&xml, StartDomain::PAUSED)?;
    let mut console = guest.open_console(None, OpenConsole::FORCE)?.with_timeout(Duration::from_secs(30));
    guest.resume()?;
    if let Some(prompt) = prompt {
        show_until(&mut console, &prompt)?;
    }
    console.write_all(format!("{command}\n").as_bytes())?;
    show_until(&mut console, "hello")?;
    drop(console);
    match guest.destroy(DestroyDomain::empty()) {
        // The guest may have ended by itself meanwhile.
        Err(error) if error.code() != ErrorCode::OPERATION_INVALID => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints what the guest says until `text` has come.
fn show_until(console: &mut Stream, text: &str) -> std::io::Result<()> {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&seen).contains(text) {
        let length = console.read(&mut buffer)?;
        if length == 0 {
            return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the console was closed"));
        }
        std::io::stdout().write_all(&buffer[..length])?;
        seen.extend_from_slice(&buffer[..length]);
    }
    println!();
    Ok(())
}

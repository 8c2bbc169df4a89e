//! Counts the instructions of a pass of a program over some documents, as cachegrind counts them, and prints how many a
//! document takes.
//!
//! The program is run with one pass and with two, which its last argument says: what they differ in is a pass, without
//! what it takes to start, to read the documents and to end.
//!
//! usage: `count NAME DOCUMENTS COMMAND [ARGUMENT ...]`

use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::process::{Command, Stdio};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [name, documents, program @ ..] = &words[..] else {
        return Err("usage: count NAME DOCUMENTS COMMAND [ARGUMENT ...]".into());
    };
    let documents: u64 = documents.to_str().ok_or("DOCUMENTS is a number")?.parse()?;
    let (one, two) = (instructions(program, "1")?, instructions(program, "2")?);
    let pass = two.checked_sub(one).ok_or("two passes took less than one")?;
    println!("{}\t{:.1}", name.display(), pass as f64 / documents as f64);
    Ok(())
}

fn instructions(program: &[OsString], passes: &str) -> Result<u64, Box<dyn Error>> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    let done = command.args(program).arg(passes).stdin(Stdio::null()).stdout(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&done.stderr);
    let program = program.first().map_or(OsStr::new("nothing"), OsString::as_os_str).display();
    if !done.status.success() {
        return Err(format!("{program} ended with {}\n{said}", done.status).into());
    }
    let line = said.lines().find_map(|line| line.split_once("I   refs:"));
    let count = line.ok_or_else(|| format!("valgrind counted nothing of {program}\n{said}"))?.1;
    Ok(count.trim().replace(',', "").parse()?)
}

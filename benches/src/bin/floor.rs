//! What the same work costs with nothing around it: a bare QEMU up to its monitor, its end, and opening a plugin's
//! file with nothing but the dynamic linker.
//!
//! usage: `floor start | probe | load FILE | nothing`

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The machine that the other sides make of `tiny.xml`.
const TINY: &[&str] = &[
    "-name",
    "guest=tiny,debug-threads=on",
    "-S",
    "-machine",
    "pc-i440fx-10.0,usb=off,dump-guest-core=off,memory-backend=pc.ram,acpi=on",
    "-accel",
    "tcg",
    "-cpu",
    "qemu64",
    "-m",
    "size=65536k",
    "-object",
    r#"{"qom-type":"memory-backend-ram","id":"pc.ram","size":67108864}"#,
    "-overcommit",
    "mem-lock=off",
    "-smp",
    "1,sockets=1,cores=1,threads=1",
    "-display",
    "none",
    "-no-user-config",
    "-nodefaults",
    "-rtc",
    "base=utc",
    "-no-shutdown",
    "-boot",
    "strict=on",
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    "-msg",
    "timestamp=on",
];

/// A machine to ask questions of.
const NONE: &[&str] = &["-S", "-no-user-config", "-nodefaults", "-nographic", "-machine", "none,accel=tcg"];

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["start"] => {
            let begin = Instant::now();
            let qemu = Qemu::start(TINY)?;
            virt_benches::time("start", begin.elapsed());
            let begin = Instant::now();
            qemu.end()?;
            virt_benches::time("destroy", begin.elapsed());
        }
        ["probe"] => {
            let begin = Instant::now();
            let qemu = Qemu::start(NONE)?;
            virt_benches::time("probe", begin.elapsed());
            qemu.end()?;
        }
        ["load", file] => {
            let begin = Instant::now();
            // SAFETY: a plugin's initialisers do nothing before its entry is called.
            let library = unsafe { libloading::Library::new(file)? };
            let taken = begin.elapsed();
            virt_benches::time("load.ours", taken);
            virt_benches::time("load.other", taken);
            std::mem::forget(library); // plugins are never unloaded
        }
        // A process that does nothing, to be measured from outside.
        ["nothing"] => (),
        _ => return Err("usage: floor start | probe | load FILE | nothing".into()),
    }
    Ok(())
}

/// A QEMU whose monitor has answered.
struct Qemu {
    child: Child,
    _monitor: UnixStream,
}

impl Qemu {
    fn start(arguments: &[&str]) -> Result<Qemu, Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        let socket = directory.path().join("monitor");
        let listener = UnixListener::bind(&socket)?;
        fcntl(&listener, FcntlArg::F_SETFD(FdFlag::empty()))?;
        let monitor = format!("socket,id=m,fd={},server=on,wait=off", listener.as_raw_fd());
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args(arguments)
            .args(["-chardev", &monitor, "-mon", "chardev=m,mode=control"])
            .stdin(Stdio::null());
        let child = qemu.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut stream = UnixStream::connect(&socket)?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        lines.next().ok_or("QEMU ended before its greeting")??;
        stream.write_all(b"{\"execute\":\"qmp_capabilities\"}\n")?;
        lines.next().ok_or("QEMU ended before its answer")??;
        Ok(Qemu { child, _monitor: stream })
    }

    fn end(mut self) -> Result<(), Box<dyn Error>> {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM)?;
        self.child.wait()?;
        Ok(())
    }
}

//! A storage pool of many volumes: starting it with nothing cached, refreshing it, refreshing it when nothing has changed, and listing
//! its volumes with all that is known of them; and what the same work costs with nothing around it.
//!
//! usage: `pool fill DIRECTORY COUNT | ours URI DIRECTORY | floor DIRECTORY`

use std::error::Error;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use virt_core::{Connection, DefineStoragePool, StartStoragePool};

/// How many threads read headers on the floor.
const THREADS: usize = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fill", directory, count] => fill(Path::new(directory), count.parse()?),
        ["ours", uri, directory] => ours(uri, directory),
        ["floor", directory] => floor(Path::new(directory)),
        _ => Err("usage: pool fill DIRECTORY COUNT | ours URI DIRECTORY | floor DIRECTORY".into()),
    }
}

/// Makes empty qcow2 images.
fn fill(directory: &Path, count: usize) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    let first = directory.join("v000000.qcow2");
    let mut make = std::process::Command::new("qemu-img");
    let status = make.args(["create", "-q", "-f", "qcow2"]).arg(&first).arg("1G").status()?;
    if !status.success() {
        return Err(format!("qemu-img ended with {status}").into());
    }
    for number in 1..count {
        fs::copy(&first, directory.join(format!("v{number:06}.qcow2")))?;
    }
    Ok(())
}

/// Lets the kernel forget files and directories, where it may be told to.
fn forget() -> Result<(), Box<dyn Error>> {
    nix::unistd::sync();
    Ok(fs::write("/proc/sys/vm/drop_caches", "3")?)
}

/// Makes one file a new one, as far as anybody can tell.
fn touch_all(directory: &str) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        File::options().write(true).open(entry?.path())?.set_modified(std::time::SystemTime::now())?;
    }
    Ok(())
}

fn ours(uri: &str, directory: &str) -> Result<(), Box<dyn Error>> {
    let connection = Connection::open(uri)?;
    let xml = format!("<pool type='dir'><name>bench</name><target><path>{directory}</path></target></pool>");
    let pool = connection.define_storage_pool(&xml, DefineStoragePool::empty())?;
    forget()?;
    let timed =
        |name: &str, work: &mut dyn FnMut() -> virt_core::Result<usize>| -> Result<usize, Box<dyn Error>> {
            let begin = Instant::now();
            let count = work()?;
            virt_benches::time(name, begin.elapsed());
            Ok(count)
        };
    timed("pool.start", &mut || pool.start(StartStoragePool::empty()).map(|()| 0))?;
    touch_all(directory)?;
    timed("pool.refresh", &mut || pool.refresh().map(|()| 0))?;
    timed("pool.unchanged", &mut || pool.refresh().map(|()| 0))?;
    let listed = timed("pool.list", &mut || {
        let volumes = pool.volumes()?;
        Ok(volumes.iter().filter(|volume| volume.capacity > 0 && !volume.path.is_empty()).count())
    })?;
    pool.destroy()?;
    pool.undefine()?;
    if listed == 0 { Err("no volume was listed".into()) } else { Ok(()) }
}

fn floor(directory: &Path) -> Result<(), Box<dyn Error>> {
    forget()?;
    let begin = Instant::now();
    let names: Vec<_> = fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    read_headers(&names, THREADS);
    virt_benches::time("pool.start", begin.elapsed());
    let begin = Instant::now();
    let names: Vec<_> = fs::read_dir(directory)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    read_headers(&names, THREADS);
    virt_benches::time("pool.refresh", begin.elapsed());
    let begin = Instant::now();
    let found = fs::read_dir(directory)?.filter_map(|entry| entry.ok()?.metadata().ok()).count();
    virt_benches::time("pool.unchanged", begin.elapsed());
    if found == 0 { Err("there are no volumes".into()) } else { Ok(()) }
}

fn read_headers(names: &[std::path::PathBuf], threads: usize) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut header = [0; 4096];
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Ok(mut file) = File::open(name) {
                        let _ = file.metadata();
                        let _ = file.read(&mut header);
                    }
                }
            });
        }
    });
}

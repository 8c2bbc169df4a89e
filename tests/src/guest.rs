//! The tiny Linux guest that tests, benchmarks and the demonstration boot: Debian's kernel, and an initramfs made
//! here around busybox. Both packages are only downloaded and unpacked, never installed.

mod image;
mod initramfs;
mod modules;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// What the guest's first process does; it says itself what it answers to.
const INIT: &str = include_str!("../guest/init");

/// What the guest does when its power button is pressed.
const POWER_BUTTON: &str = "#!/bin/sh\nexec poweroff -f\n";

/// The modules that the guest may load, with whatever they need: the power button's at once, those of devices when
/// it has such a device, those of file systems when one is mounted.
const MODULES: &[&str] = &[
    "ahci",
    "button",
    "e1000e",
    "evdev",
    "ext4",
    "igbvf",
    "isofs",
    "sd_mod",
    "sr_mod",
    "virtio_balloon",
    "virtio_blk",
    "virtio_net",
    "virtio_rng",
    "virtio_scsi",
    "vmw_vsock_virtio_transport",
];

/// Raised whenever what is made from the same packages changes.
const REVISION: u32 = 1;

/// A guest that is ready to boot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Guest {
    /// The uncompressed kernel, which QEMU enters directly (PVH): the quickest to boot.
    pub kernel: PathBuf,
    /// The same kernel as Debian ships it, for firmware and loaders that want a bzImage.
    pub compressed_kernel: PathBuf,
    /// The initramfs.
    pub initrd: PathBuf,
    /// The kernel's release, as `uname -r` prints it in the guest.
    pub release: String,
}

impl Guest {
    /// The line that the guest prints on its console when it is up and its shell reads commands.
    pub const READY: &'static str = "The tiny guest is up.";

    /// What the kernel is told by default: a console on the first serial port.
    pub const COMMAND_LINE: &'static str = "console=ttyS0 panic=-1";

    /// A definition in which the guest's files and command line are to stand, `@KERNEL@`, `@INITRD@` and
    /// `@COMMAND_LINE@`, with them; `words` are added to the command line.
    pub fn fill_in(&self, definition: &str, words: &str) -> String {
        let text = definition.replace("@KERNEL@", &self.kernel.to_string_lossy());
        let text = text.replace("@INITRD@", &self.initrd.to_string_lossy());
        text.replace("@COMMAND_LINE@", format!("{} {words}", Self::COMMAND_LINE).trim_end())
    }
}

/// Answers the guest, made on first use and kept in the user's cache directory from then on.
///
/// # Errors
///
/// When the packages cannot be had, or are not what Debian's are. Callers that only need a guest if there can be one
/// report the error as the reason for being skipped.
pub fn build() -> Result<Guest> {
    build_with(&mut |_| ())
}

/// Like [`build`], telling what it is at.
///
/// # Errors
///
/// As [`build`].
pub fn build_with(report: &mut dyn FnMut(&str)) -> Result<Guest> {
    let cache = cache_directory()?;
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    // One builder at a time: whoever comes second finds the guest made.
    let lock_file = cache.join("lock");
    let lock =
        fs::File::create(&lock_file).with_context(|| format!("cannot make {}", lock_file.display()))?;
    lock.lock().with_context(|| format!("cannot lock {}", lock_file.display()))?;
    let record = cache.join("guest.json");
    if let Some(guest) = recorded(&record) {
        return Ok(guest);
    }
    let guest = make(&cache, report)?;
    let recorded = Record { stamp: stamp(), guest: guest.clone() };
    let text = serde_json::to_string_pretty(&recorded)?;
    fs::write(&record, text).with_context(|| format!("cannot write {}", record.display()))?;
    Ok(guest)
}

/// What was made, and from what.
#[derive(Serialize, Deserialize)]
struct Record {
    stamp: String,
    guest: Guest,
}

/// The guest of an earlier build, if it is what would be made now.
fn recorded(record: &Path) -> Option<Guest> {
    let Record { stamp: made_from, guest } = serde_json::from_str(&fs::read_to_string(record).ok()?).ok()?;
    let there = [&guest.kernel, &guest.compressed_kernel, &guest.initrd].iter().all(|file| file.is_file());
    (made_from == stamp() && there).then_some(guest)
}

/// Everything of ours that the guest is made from.
fn stamp() -> String {
    format!("{REVISION}\n{}\n{INIT}", MODULES.join(" "))
}

fn cache_directory() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    Ok(cache.context("neither XDG_CACHE_HOME nor HOME says where to keep the guest")?.join("virt-guest"))
}

fn make(cache: &Path, report: &mut dyn FnMut(&str)) -> Result<Guest> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        other => bail!("the tiny guest is made for x86_64, not for {other}"),
    };
    report("looking for the kernel package");
    let release = newest_kernel(&format!("linux-image-{architecture}"))?;
    let work = tempfile::Builder::new().prefix("unpack.").tempdir_in(cache)?;
    let packages = [format!("linux-image-{release}"), "busybox-static".to_owned()];
    report(&format!("downloading {}", packages.join(" and ")));
    run(Command::new("apt-get").current_dir(work.path()).args(["--quiet", "download"]).args(&packages))?;
    let tree = work.path().join("tree");
    for entry in fs::read_dir(work.path())? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            report(&format!("unpacking {}", package.file_name().unwrap_or_default().display()));
            run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&tree))?;
        }
    }
    report("making the initramfs");
    let compressed = fs::read(tree.join("boot").join(format!("vmlinuz-{release}")))?;
    let kernel = image::uncompressed(&compressed, work.path()).context("cannot unpack the kernel image")?;
    let initrd = initrd(&tree, &release)?;
    let place = cache.join(&release);
    fs::create_dir_all(&place)?;
    let keep = |name: &str, content: &[u8]| -> Result<PathBuf> {
        let file = place.join(name);
        fs::write(&file, content).with_context(|| format!("cannot write {}", file.display()))?;
        // QEMU may run as a user of its own.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
        Ok(file)
    };
    Ok(Guest {
        kernel: keep("vmlinux", &kernel)?,
        compressed_kernel: keep("vmlinuz", &compressed)?,
        initrd: keep("initrd", &initrd)?,
        release,
    })
}

/// The release of the newest kernel that apt knows, from what the package that always depends on it depends on.
fn newest_kernel(package: &str) -> Result<String> {
    let shown = run(Command::new("apt-cache").args(["show", package]))?;
    let releases = shown.lines().filter_map(|line| {
        let rest = line.strip_prefix("Depends:")?.split_once("linux-image-")?.1;
        rest.split([' ', ',']).next()
    });
    let newest = releases.max_by_key(|release| numbers(release));
    Ok(newest.with_context(|| format!("apt knows no package {package}"))?.to_owned())
}

/// The numbers in a release, which is what releases are ordered by.
fn numbers(release: &str) -> Vec<u64> {
    release
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

fn initrd(tree: &Path, release: &str) -> Result<Vec<u8>> {
    let busybox = ["bin/busybox", "usr/bin/busybox"].iter().find_map(|name| fs::read(tree.join(name)).ok());
    let busybox = busybox.context("the package busybox-static holds no busybox")?;
    let mut archive = initramfs::Archive::default();
    for name in [
        "bin",
        "dev",
        "etc",
        "etc/acpi",
        "etc/acpi/PWRF",
        "mnt",
        "proc",
        "run",
        "sys",
        "tmp",
        "var",
        "var/log",
    ] {
        archive.directory(name);
    }
    // Without a console the kernel would start the first process with nothing to write to.
    archive.character_device("dev/console", 5, 1);
    archive.file("bin/busybox", 0o755, &busybox);
    archive.file("init", 0o755, INIT.replace("@READY@", Guest::READY).as_bytes());
    archive.file("etc/acpi/PWRF/00000080", 0o755, POWER_BUTTON.as_bytes());
    archive.file("etc/passwd", 0o644, b"root::0:0:root:/:/bin/sh\n");
    // Where the kernel looks for modprobe by itself.
    archive.directory("sbin");
    archive.link("sbin/modprobe", "/bin/busybox");
    modules::add(&mut archive, tree, release, MODULES)?;
    Ok(archive.finish())
}

/// Runs a command to its end and answers what it wrote to its standard output.
fn run(command: &mut Command) -> Result<String> {
    Ok(String::from_utf8_lossy(&output(command)?).into_owned())
}

/// As [`run`], for what is no text.
fn output(command: &mut Command) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.output().with_context(|| format!("cannot run {name}"))?;
    if !done.status.success() {
        bail!("{command:?} failed ({}): {}", done.status, String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(done.stdout)
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn releases_are_ordered_by_their_numbers() {
        assert!(numbers("6.12.95+deb12-amd64") > numbers("6.1.0-56-amd64"));
        assert!(numbers("6.1.0-56-amd64") > numbers("6.1.0-9-amd64"));
    }
}

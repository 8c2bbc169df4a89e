//! `cargo xtask setup`: what the other commands need of the machine, and how it is had.
//!
//! On Debian, as root, missing packages are installed with apt; elsewhere the sentence says exactly what to run.
//! With nothing missing it only looks, and changes nothing.

mod apt;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::{ui, workspace};

/// The oldest QEMU whose monitor and devices the tests rely on.
const OLDEST_QEMU: u32 = 9;

/// Options of `cargo xtask setup`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Install for this only.
    #[arg(long = "for", value_enum, default_value_t = Purpose::Test)]
    purpose: Purpose,
    /// Say what is missing, install nothing, and fail if there is anything.
    #[arg(long)]
    check: bool,
}

/// What the machine is to be prepared for; each needs all of the one before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Purpose {
    /// Booting the demonstration guest.
    Demo,
    /// All rings of tests.
    Test,
    /// The benchmarks, with libvirt's side of them.
    Bench,
}

/// One thing that the machine must have.
struct Need {
    what: &'static str,
    purpose: Purpose,
    found: fn() -> bool,
    packages: &'static [&'static str],
    /// Whether Debian's own release may be too old, so that its backports are asked.
    backports: bool,
}

/// Every need of the project, in the order of the purposes.
const NEEDS: &[Need] = &[
    Need {
        what: "QEMU 9 or newer",
        purpose: Purpose::Demo,
        found: || qemu_version().is_some_and(|version| version >= OLDEST_QEMU),
        packages: &["qemu-system-x86", "qemu-utils", "ipxe-qemu", "seabios"],
        backports: true,
    },
    Need {
        what: "xz, for kernel modules",
        purpose: Purpose::Demo,
        found: || has("xz"),
        packages: &["xz-utils"],
        backports: false,
    },
    Need {
        what: "zstd, for kernel images",
        purpose: Purpose::Demo,
        found: || has("zstd"),
        packages: &["zstd"],
        backports: false,
    },
    Need {
        what: "a C compiler and pkg-config, for the programs in C",
        purpose: Purpose::Test,
        found: || has("cc") && has("pkg-config"),
        packages: &["gcc", "libc6-dev", "pkg-config"],
        backports: false,
    },
    Need {
        what: "a C++ compiler, for libFuzzer",
        purpose: Purpose::Test,
        found: || has("c++"),
        packages: &["g++"],
        backports: false,
    },
    Need {
        what: "xmllint, to ask libvirt's schemas",
        purpose: Purpose::Test,
        found: || has("xmllint"),
        packages: &["libxml2-utils"],
        backports: false,
    },
    Need {
        what: "ip, nft and dnsmasq, for virtual networks",
        purpose: Purpose::Test,
        found: || has("ip") && has("nft") && has("dnsmasq"),
        packages: &["iproute2", "nftables", "dnsmasq-base"],
        backports: false,
    },
    Need {
        what: "parted and LVM, for pools on disks and of volume groups",
        purpose: Purpose::Test,
        found: || has("parted") && has("vgcreate"),
        packages: &["parted", "lvm2"],
        backports: false,
    },
    Need {
        what: "an iSCSI target and initiator without the kernel, for pools on targets",
        purpose: Purpose::Test,
        found: || has("tgtd") && has("iscsi-ls"),
        packages: &["tgt", "libiscsi-bin"],
        backports: false,
    },
    Need {
        what: "cpio and python3, for the lab",
        purpose: Purpose::Test,
        found: || has("cpio") && has("python3"),
        packages: &["cpio", "python3-minimal"],
        backports: false,
    },
    Need {
        what: "strace, to kill a process at a certain call",
        purpose: Purpose::Test,
        found: || has("strace"),
        packages: &["strace"],
        backports: false,
    },
    Need {
        what: "libvirt with its QEMU driver, to compare with",
        purpose: Purpose::Test,
        found: || has("virsh") && libvirt_driver("qemu"),
        packages: &["libvirt-clients", "libvirt-daemon-driver-qemu", "qemu-block-extra"],
        backports: true,
    },
    Need {
        what: "libvirtd with its node devices, and names for them, to compare with",
        purpose: Purpose::Test,
        found: || Path::new("/usr/sbin/libvirtd").exists() && libvirt_driver("nodedev") && has_pci_names(),
        packages: &["libvirt-daemon", "libvirt-daemon-driver-nodedev", "pci.ids"],
        backports: true,
    },
    Need {
        what: "libvirt's storage driver, to measure it beside ours",
        purpose: Purpose::Bench,
        found: || libvirt_driver("storage"),
        packages: &["libvirt-daemon-driver-storage"],
        backports: true,
    },
    Need {
        what: "libvirt's network driver and iptables, to compare with",
        purpose: Purpose::Test,
        found: || libvirt_driver("network") && has("iptables"),
        packages: &["libvirt-daemon-driver-network", "iptables"],
        backports: true,
    },
    Need {
        what: "libvirt's headers, to build its side of the benchmarks and of the programs in C",
        purpose: Purpose::Test,
        found: libvirt_headers,
        packages: &["libvirt-dev"],
        backports: true,
    },
    Need {
        what: "libvirt's binding for the system's Python, to try it with the C library",
        purpose: Purpose::Test,
        found: || Path::new("/usr/lib/python3/dist-packages/libvirt.py").exists(),
        packages: &["python3-libvirt"],
        backports: false,
    },
    Need {
        what: "binutils, to read symbols",
        purpose: Purpose::Test,
        found: || has("readelf"),
        packages: &["binutils"],
        backports: false,
    },
    Need {
        what: "valgrind, to count instructions, and to see that the C library leaves no memory",
        purpose: Purpose::Test,
        found: || has("valgrind"),
        packages: &["valgrind"],
        backports: false,
    },
];

/// Runs the command.
///
/// # Errors
///
/// When something is missing and cannot be installed, with what to do about it.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.check {
        let missing = missing(options.purpose);
        if missing.is_empty() {
            ui::good("everything is here");
            return Ok(());
        }
        bail!("missing: {}\n{}", names(&missing), advice(&missing));
    }
    prepare(options.purpose)
}

/// Makes sure that the machine has what a purpose needs; quick when it has.
///
/// # Errors
///
/// When something is missing and cannot be installed, with what to do about it.
pub(crate) fn prepare(purpose: Purpose) -> Result<()> {
    let missing = missing(purpose);
    if missing.is_empty() {
        ui::good("the machine has everything that is needed");
        return Ok(());
    }
    ui::note(&format!("missing: {}", names(&missing)));
    if !apt::available() || !nix::unistd::geteuid().is_root() {
        bail!("missing: {}\n{}", names(&missing), advice(&missing));
    }
    install(&missing)?;
    let still: Vec<&Need> = missing.into_iter().filter(|need| !(need.found)()).collect();
    if !still.is_empty() {
        bail!("still missing after the installation: {}", names(&still));
    }
    Ok(())
}

/// The version of `qemu-system-x86_64`, its first number only.
pub(crate) fn qemu_version() -> Option<u32> {
    let said =
        workspace::output(Command::new(workspace::find_program("qemu-system-x86_64")?).arg("--version"));
    leading_number(said.ok()?.split_once("version ")?.1)
}

fn missing(purpose: Purpose) -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| need.purpose <= purpose && !(need.found)()).collect()
}

fn names(needs: &[&Need]) -> String {
    needs.iter().map(|need| need.what).collect::<Vec<_>>().join("; ")
}

fn packages(needs: &[&Need], backports: bool) -> Vec<&'static str> {
    needs.iter().filter(|need| need.backports == backports).flat_map(|need| need.packages).copied().collect()
}

/// What to run where we may not install.
fn advice(missing: &[&Need]) -> String {
    if apt::available() {
        let mut text = "hint: run `cargo xtask setup` as root, or as root:\n".to_owned();
        let newer = packages(missing, true);
        if let (false, Ok(Some(entry))) = (newer.is_empty(), apt::backports_entry()) {
            text += &format!("  put this into {}:\n", entry.file.display());
            entry.text.lines().for_each(|line| text += &format!("    {line}\n"));
            text += "  apt-get update\n";
            text += &format!("  apt-get install -t {} {}\n", entry.suite, newer.join(" "));
        } else if !newer.is_empty() {
            text += &format!("  apt-get install {}\n", newer.join(" "));
        }
        let own = packages(missing, false);
        if !own.is_empty() {
            text += &format!("  apt-get install {}\n", own.join(" "));
        }
        text.truncate(text.trim_end().len());
        text
    } else {
        "hint: this is no Debian; install them with the system's own package manager".to_owned()
    }
}

fn install(missing: &[&Need]) -> Result<()> {
    apt::update()?;
    let newer = packages(missing, true);
    if !newer.is_empty() {
        let too_old = apt::own_version("qemu-system-x86")?.is_none_or(|version| version < OLDEST_QEMU);
        if too_old && let Some(entry) = apt::backports_entry()? {
            ui::note(&format!("the QEMU of this release is too old: adding {}", entry.file.display()));
            apt::add(&entry)?;
            apt::update()?;
        }
        let suite = if too_old { apt::backports_suite() } else { None };
        apt::install(&newer, suite.as_deref())?;
    }
    let own = packages(missing, false);
    if !own.is_empty() {
        apt::install(&own, None)?;
    }
    Ok(())
}

fn has(program: &str) -> bool {
    workspace::find_program(program).is_some()
}

/// Whether libvirt has a driver, which is a file below the directory of some architecture's libraries.
fn libvirt_driver(name: &str) -> bool {
    let directories = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let file = format!("libvirt/connection-driver/libvirt_driver_{name}.so");
    directories.chain(["/usr/lib64".into()]).any(|directory: PathBuf| directory.join(&file).is_file())
}

/// The list that libvirt takes names of PCI devices from.
fn has_pci_names() -> bool {
    ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"].iter().any(|list| Path::new(list).exists())
}

fn libvirt_headers() -> bool {
    workspace::output(Command::new("pkg-config").args(["--exists", "libvirt"])).is_ok()
}

/// The number that a text begins with, an epoch (`1:`) before it left out.
fn leading_number(text: &str) -> Option<u32> {
    let text = text.split_once(':').map_or(text, |(_, rest)| rest);
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::leading_number;

    #[test]
    fn versions_begin_with_a_number() {
        assert_eq!(leading_number("10.0.2 (Debian 1:10.0.2+ds-2)"), Some(10));
        assert_eq!(leading_number("1:7.2+dfsg-7+deb12u13"), Some(7));
        assert_eq!(leading_number("(none)"), None);
    }
}

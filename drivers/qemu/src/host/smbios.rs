//! What the host's firmware says of the machine; where there is no SMBIOS, what the kernel says instead.

use std::fs;
use std::path::Path;

use virt_conf::model::SmbiosInfo;
use virt_conf::sysinfo;
use virt_util::spawn::{Program, Spawn, find_program};
use virt_util::wait::Wait;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::node;

/// The longest text of `dmidecode` that is read.
const LONGEST: usize = 1 << 20;

/// What the host says of itself.
///
/// # Errors
///
/// Without `dmidecode`, or when it may not read the tables: they are root's. On architectures that say nothing.
pub(crate) fn tables(wait: Wait<'_>) -> Result<SmbiosInfo> {
    let firmware = || {
        let program = find_program("dmidecode").ok_or_else(|| unavailable("install dmidecode"))?;
        from_firmware(&program, wait)
    };
    match node::architecture().as_str() {
        "x86_64" | "i686" => firmware(),
        arch if arch == "aarch64" || arch.starts_with("arm") => match firmware() {
            Ok(tables) if tables != SmbiosInfo::default() => Ok(tables),
            // Boards with a device tree have none.
            _ => Ok(sysinfo::from_arm_cpuinfo(&node::cpuinfo())),
        },
        arch if arch.starts_with("ppc") => Ok(sysinfo::from_power_cpuinfo(&node::cpuinfo())),
        arch if arch.starts_with("s390") => {
            let path = "/proc/sysinfo";
            let system = fs::read_to_string(path)
                .map_err(|error| Error::system(ErrorDomain::QEMU, format!("cannot read '{path}'"), error))?;
            Ok(sysinfo::from_s390(&node::cpuinfo(), &system))
        }
        _ => Err(unavailable("this architecture has none")),
    }
}

fn unavailable(why: &str) -> Error {
    let sentence = "Host SMBIOS information is not available";
    Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::QEMU, sentence).hint(why)
}

fn from_firmware(program: &Path, wait: Wait<'_>) -> Result<SmbiosInfo> {
    let text = dmidecode(program, &["-q", "-t", sysinfo::TABLES], wait)?;
    // A string that cannot be had as it is stays as it was printed.
    let whole =
        |number: usize| dmidecode(program, &["--dump", "--oem-string", &number.to_string()], wait).ok();
    Ok(sysinfo::from_dmidecode(&text, |number| whole(number).map(|text| text.trim_end().to_owned())))
}

/// What `dmidecode` writes.
fn dmidecode(path: &Path, args: &[&str], wait: Wait<'_>) -> Result<String> {
    let program = Program {
        path: path.to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        env: vec![("LC_ALL".to_owned(), "C".to_owned())],
        bound: true,
        ..Program::default()
    };
    let output = Spawn::new(program).run(b"", LONGEST, wait);
    let output = output.map_err(|error| error.in_domain(ErrorDomain::QEMU))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = [output.stderr, output.stdout].concat();
    let words = String::from_utf8_lossy(&words);
    let last = words.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("dmidecode failed");
    Err(unavailable(last.trim()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    /// A `dmidecode` of our own.
    fn program(directory: &tempfile::TempDir, script: &str) -> PathBuf {
        let path = directory.path().join("dmidecode");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("allowed");
        path
    }

    #[test]
    fn strings_of_several_lines_are_asked_for_by_number() {
        let scratch = tempfile::tempdir().expect("a directory");
        let script = "if [ \"$1 $2 $3\" = '--dump --oem-string 2' ]; then printf 'two\\nlines\\n'; exit; fi\n\
                      printf 'OEM Strings\\n\\tString 1: one\\n\\tString 2: two.lines\\n'";
        let tables = from_firmware(&program(&scratch, script), Wait::FOREVER).expect("read");
        let strings: Vec<_> = tables.oem_strings.entries.iter().map(|entry| entry.text.as_str()).collect();
        assert_eq!(strings, ["one", "two\nlines"]);
    }

    #[test]
    fn tables_that_may_not_be_read_are_an_error_that_says_why() {
        let scratch = tempfile::tempdir().expect("a directory");
        let program = program(&scratch, "echo '/dev/mem: Permission denied' >&2; exit 1");
        let error = from_firmware(&program, Wait::FOREVER).expect_err("not allowed");
        assert_eq!(error.to_string(), "unsupported configuration: Host SMBIOS information is not available");
        assert_eq!(error.advice(), Some("/dev/mem: Permission denied"));
    }
}

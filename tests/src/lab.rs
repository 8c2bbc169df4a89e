//! The lab: a machine with SR-IOV, an IOMMU, USB and NVMe in a QEMU of its own, over the file system of this one.
//!
//! `tests/lab/lab.sh` boots it in a few seconds and runs one command in it as root; nothing it does reaches this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// How to run in the lab.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lab {
    systemd: bool,
    seconds: Option<u32>,
}

impl Lab {
    /// With the shell as its init, five minutes at most.
    pub fn new() -> Self {
        Self::default()
    }

    /// With systemd as its init.
    #[must_use]
    pub fn systemd(mut self) -> Self {
        self.systemd = true;
        self
    }

    /// Ends it after this many seconds.
    #[must_use]
    pub fn limit(mut self, seconds: u32) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// Why it cannot run on this machine, if it cannot.
    pub fn missing() -> Option<String> {
        let found = |program: &str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
        };
        let programs = ["qemu-system-x86_64", "cpio", "xz", "python3", "apt-get", "flock"];
        let missing: Vec<_> = programs.into_iter().filter(|program| !found(program)).collect();
        (!missing.is_empty()).then(|| format!("the lab needs {}", missing.join(", ")))
    }

    /// Sees that it has the kernel modules that Debian does not ship: simulated cards (`netdevsim`), mediated devices
    /// (`mtty`, `mdpy`). The first time takes some minutes, as they are compiled.
    ///
    /// # Errors
    ///
    /// Why they cannot be built here, in one line.
    pub fn build_modules() -> Result<(), String> {
        let output = Command::new(lab_sh()).arg("--extra").output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(words.lines().last().unwrap_or("lab.sh --extra failed without a word").to_owned())
    }

    /// Runs a shell script there, in the current directory.
    ///
    /// # Errors
    ///
    /// When the lab cannot be started; what the script says and does is in the output. Status 124 is the time limit, 125 a
    /// lab that broke.
    pub fn run(self, script: &str) -> std::io::Result<Output> {
        let mut command = Command::new(lab_sh());
        if let Some(seconds) = self.seconds {
            command.args(["-t", &seconds.to_string()]);
        }
        if self.systemd {
            command.arg("--systemd");
        }
        command.args(["--", script]).output()
    }

    /// Makes ready with a shell script, then runs one test of this very program there: one that is ignored elsewhere.
    /// Answers what it said.
    ///
    /// # Panics
    ///
    /// When the script or the test fails, with all that was said: each line is marked, as a harness within a harness
    /// would be taken for the outer one by whoever reads both.
    #[track_caller]
    pub fn run_test(self, ready: &str, name: &str) -> String {
        let executable = std::env::current_exe().expect("this program has a path");
        let script = format!(
            "set -e\n{ready}\nexec '{}' {name} --exact --ignored --nocapture --test-threads=1",
            executable.display()
        );
        let output = self.run(&script).expect("the lab starts");
        let said = marked(&output);
        let passed = output.status.success() && said.contains("1 passed");
        assert!(passed, "the lab ended with {}, and said:\n{said}", output.status);
        println!("{said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The script that boots it.
pub fn lab_sh() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/lab.sh")
}

/// What was said in the lab, each line marked.
fn marked(output: &Output) -> String {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    text.iter().flat_map(|text| text.lines()).map(|line| format!("lab| {line}\n")).collect()
}

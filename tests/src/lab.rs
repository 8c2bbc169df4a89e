//! The lab: a machine with SR-IOV, an IOMMU, USB and NVMe in a QEMU of its own, over the file system of this one.
//!
//! `tests/lab/lab.sh` boots it in a few seconds and runs one command in it as root; nothing it does reaches this machine.

use std::path::Path;
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

    /// Runs a shell script there, in the current directory.
    ///
    /// # Errors
    ///
    /// When the lab cannot be started; what the script says and does is in the output. Status 124 is the time limit, 125 a
    /// lab that broke.
    pub fn run(self, script: &str) -> std::io::Result<Output> {
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("lab/lab.sh"));
        if let Some(seconds) = self.seconds {
            command.args(["-t", &seconds.to_string()]);
        }
        if self.systemd {
            command.arg("--systemd");
        }
        command.args(["--", script]).output()
    }
}

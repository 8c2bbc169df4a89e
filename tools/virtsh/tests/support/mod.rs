//! What the tests of virtsh share: the program on the test driver, in an environment of its own.
#![allow(dead_code, unreachable_pub)] // each test binary has a copy, and uses a part of it

pub mod terminal;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use expect_test::Expect;

/// The directory with the test driver's plugin, built now if it is not there.
pub fn plugins() -> &'static Path {
    static PLUGINS: OnceLock<PathBuf> = OnceLock::new();
    PLUGINS.get_or_init(|| {
        let directory = Path::new(env!("CARGO_BIN_EXE_virtsh")).parent().unwrap().to_owned();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "virt-driver-test-plugin"]);
        if directory.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the test driver's plugin does not build");
        directory
    })
}

/// virtsh with a connection to the test driver.
pub struct Virtsh {
    home: tempfile::TempDir,
}

impl Virtsh {
    /// In a directory of its own.
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    /// Where it runs.
    pub fn directory(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file beside it.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program, with nothing of the tester's environment but the search path for programs.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_virtsh"));
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("XDG_CACHE_HOME", self.home.path().join("cache"))
            .env("VIRT_DRIVER_DIR", plugins())
            .env("LIBVIRT_DEFAULT_URI", "test:///default")
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    /// What it prints, both streams in their order as a terminal shows them, and its exit code if that is not 0.
    pub fn output<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut command = self.command(arguments);
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let mut child = command.spawn().unwrap();
        // The command holds copies of the pipe's writing end.
        drop(command);
        let mut text = std::io::read_to_string(reader).unwrap();
        let status = child.wait().unwrap();
        if let Some(code) = status.code().filter(|code| *code != 0) {
            text += &format!("[exit code {code}]\n");
        }
        text
    }
}

/// The output of a line of commands on the test driver. Lines with the CPU time, which runs on, are left out.
pub fn check(commands: &str, expected: Expect) {
    check_words(&[commands], expected);
}

/// The same for separate words.
pub fn check_words(words: &[&str], expected: Expect) {
    let output = Virtsh::new().output(words);
    let lines = output.split_inclusive('\n').filter(|line| !line.starts_with("CPU time:"));
    expected.assert_eq(&lines.collect::<String>());
}

//! Programs in C, compiled and run with our library or with libvirt's.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use virt_tests::abi;

/// Where libvirt's own headers are.
const LIBVIRT_HEADERS: &str = "/usr/include/libvirt/libvirt.h";

/// The drivers that the programs ask.
const PLUGINS: [&str; 5] = ["network", "nodedev", "secret", "storage", "test"];

/// Whose library, and headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Libvirt,
}

/// What a program is compiled as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    C99,
    Cpp,
}

/// The project's programs in C.
pub(crate) fn sources() -> PathBuf {
    abi::project().join("tests/c")
}

/// The directory of the C library's sources.
pub(crate) fn room() -> PathBuf {
    abi::project().join("virt-core/capi")
}

/// A directory with our library under the name that programs look for, and the drivers beside it.
pub(crate) fn library() -> &'static Path {
    static LIBRARY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let own = |name: &str| directory.path().join(name);
        // First, because the one without drivers is what others expect to find there.
        build(&["--package", "virt-capi", "--features", "virt-capi/driver-test"]);
        std::fs::copy(built().join("libvirt.a"), own("with_driver.a")).expect("built");
        let plugins = PLUGINS.map(|name| format!("virt-driver-{name}-plugin"));
        let words = plugins.iter().flat_map(|package| ["--package", package]);
        build(&["--package", "virt-capi"].into_iter().chain(words).collect::<Vec<_>>());
        std::fs::copy(built().join("libvirt.so"), own("libvirt.so.0")).expect("built");
        std::os::unix::fs::symlink("libvirt.so.0", own("libvirt.so")).expect("linked");
        for name in PLUGINS {
            let plugin = format!("libvirt_driver_{name}_plugin.so");
            std::fs::copy(built().join(&plugin), own(&plugin)).expect("built");
        }
        directory
    });
    LIBRARY.path()
}

/// Why libvirt's side cannot be compiled here.
pub(crate) fn lacks_libvirt() -> Option<String> {
    let found = Command::new("pkg-config").args(["--modversion", "libvirt"]).output();
    let version =
        found.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if !Path::new(LIBVIRT_HEADERS).exists() || !version.starts_with("11.3.") {
        return Some(format!("libvirt's headers are not of 11.3 (found '{version}')"));
    }
    None
}

/// Where this build puts libraries.
pub(crate) fn built() -> PathBuf {
    // A test's executable stands in `deps`.
    let executable = std::env::current_exe().expect("known");
    executable.ancestors().nth(2).expect("a directory of the build").to_owned()
}

/// Builds what cargo calls this.
pub(crate) fn build(words: &[&str]) {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(abi::project()).args(["build", "--offline", "--quiet"]).args(words);
    let output = command.output().expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Compiles one file without a warning.
pub(crate) fn compile(source: &Path, program: &Path, side: Side, language: Language) {
    let mut command = match language {
        Language::C99 => Command::new("cc"),
        Language::Cpp => Command::new("c++"),
    };
    match language {
        Language::C99 => command.args(["-std=c99", "-D_DEFAULT_SOURCE"]),
        Language::Cpp => command.args(["-x", "c++"]),
    };
    command.args(["-g", "-Wall", "-Werror"]);
    if side == Side::Ours {
        command.arg("-I").arg(room().join("include"));
    }
    command.arg(source).arg("-o").arg(program);
    if side == Side::Ours {
        command.arg("-L").arg(library());
    }
    let output = command.arg("-lvirt").output().expect("a compiler");
    assert!(
        output.status.success(),
        "{} as {language:?} with the headers of {side:?}:\n{}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Has a command find one side's library.
pub(crate) fn with(command: &mut Command, side: Side) -> &mut Command {
    match side {
        Side::Ours => command.env("LD_LIBRARY_PATH", library()).env("VIRT_DRIVER_DIR", library()),
        Side::Libvirt => command.env_remove("LD_LIBRARY_PATH"),
    }
}

/// What a command printed, which did well.
pub(crate) fn said(command: &mut Command) -> String {
    let output: Output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}\n{said}\n{complaint}", output.status);
    // What is printed where there is no handler is a part of it.
    said + &complaint
}

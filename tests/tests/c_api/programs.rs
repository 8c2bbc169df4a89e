//! Programs, compiled and run.

use std::path::{Path, PathBuf};
use std::process::Command;

use expect_test::expect_file;
use virt_tests::skip;

use crate::support::{self, Language, Side, compile, said, with};

/// Those that say the same on `test:///default` with either library.
const SAME: [&str; 10] =
    ["auth", "hello", "life", "list", "loop", "moments", "parameters", "rest", "streams", "threads"];

/// Those that ask for what libvirt's test driver cannot do, or of other drivers; `{root}` is a directory of the program's.
/// What they say stands beside them.
const OURS: [(&str, &[&str]); 6] = [
    ("devices", &["nodedev:///system"]),
    ("device_calls", &["nodedev:///system"]),
    ("more", &[]),
    ("networks", &["network:///embed?root={root}"]),
    ("pools", &["storage:///embed?root={root}", "{root}/images"]),
    ("secrets", &["secret:///embed?root={root}"]),
];

fn source(name: &str) -> PathBuf {
    support::sources().join(format!("{name}.c"))
}

/// Compiles a program into `directory`; answers where it is.
fn compiled(name: &str, directory: &Path, side: Side, language: Language) -> PathBuf {
    let program = directory.join(format!("{name}-{side:?}-{language:?}"));
    compile(&source(name), &program, side, language);
    program
}

/// What it prints.
fn run(program: &Path, side: Side) -> String {
    said(with(&mut Command::new(program), side))
}

#[test]
fn programs_print_what_they_print_with_libvirt() {
    let directory = tempfile::tempdir().expect("a directory");
    let lacks = support::lacks_libvirt();
    for name in SAME {
        let ours = run(&compiled(name, directory.path(), Side::Ours, Language::C99), Side::Ours);
        assert!(!ours.is_empty(), "{name}");
        let cpp = run(&compiled(name, directory.path(), Side::Ours, Language::Cpp), Side::Ours);
        assert_eq!(ours, cpp, "{name} as C and as C++");
        if lacks.is_none() {
            let theirs = compiled(name, directory.path(), Side::Libvirt, Language::C99);
            assert_eq!(run(&theirs, Side::Libvirt), ours, "{name} with libvirt's and with ours");
            // The very program that was made for libvirt's.
            assert_eq!(run(&theirs, Side::Ours), ours, "{name} of libvirt's with our library");
        }
    }
    if let Some(lacks) = lacks {
        skip!("{lacks}: compared with nothing");
    }
}

#[test]
fn programs_find_every_driver() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, arguments) in OURS {
        let program = compiled(name, directory.path(), Side::Ours, Language::C99);
        let ours = run_with(&mut Command::new(program), arguments);
        expect_file![source(name).with_extension("out")].assert_eq(&ours);
    }
}

#[test]
fn networks_are_libvirts_to_a_program() {
    if let Some(lacks) = support::lacks_libvirt() {
        skip!("{lacks}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["devices", "networks"] {
        let theirs = compiled(name, directory.path(), Side::Libvirt, Language::C99);
        let said = said(with(Command::new(theirs).arg("test:///default"), Side::Libvirt));
        expect_file![source(name).with_extension("out")].assert_eq(&said);
    }
}

/// What it prints with our library, and these arguments.
fn run_with(command: &mut Command, arguments: &[&str]) -> String {
    let root = tempfile::tempdir().expect("a directory");
    let place = root.path().display().to_string();
    command.args(arguments.iter().map(|argument| argument.replace("{root}", &place)));
    said(with(command, Side::Ours))
}

#[test]
fn ports_are_plugged_into_networks() {
    if !nix::unistd::geteuid().is_root() {
        skip!("only root starts networks");
    }
    let needed = ["unshare", "ip", "nft", "dnsmasq"];
    if let Some(missing) = needed.iter().find(|name| virt_util::spawn::find_program(name).is_none()) {
        skip!("there is no {missing}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let program = compiled("ports", directory.path(), Side::Ours, Language::C99);
    // In a network namespace of its own, so that nothing of it is seen on this machine.
    let mut command = Command::new("unshare");
    let ours = run_with(command.arg("--net").arg(program), &["network:///embed?root={root}"]);
    expect_file![source("ports").with_extension("out")].assert_eq(&ours);
}

#[test]
fn a_program_is_one_file_with_a_driver_inside() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = directory.path().join("one");
    let mut command = Command::new("cc");
    command.arg("-I").arg(support::room().join("include")).arg(source("list"));
    command.arg(support::library().join("with_driver.a"));
    command.args(["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-o"]).arg(&program);
    said(&mut command);
    let shared = compiled("list", directory.path(), Side::Ours, Language::C99);
    // Neither a library nor a plugin to be found.
    let one = said(Command::new(program).env_clear().env("VIRT_DRIVER_DIR", directory.path()));
    assert_eq!(one, run(&shared, Side::Ours));
}

#[test]
fn an_event_loop_of_ones_own_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = compiled("loop", directory.path(), Side::Ours, Language::C99);
    let said = said(with(Command::new(program).arg("own"), Side::Ours));
    assert!(said.contains("test 3 0\ntest 4 0\nremove 7\n"), "{said}");
}

#[test]
fn memory_is_left_as_it_was_found() {
    if virt_util::spawn::find_program("valgrind").is_none() {
        skip!("there is no valgrind");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let same = SAME.iter().map(|name| (*name, [].as_slice()));
    for (name, arguments) in same.chain(OURS) {
        let program = compiled(name, directory.path(), Side::Ours, Language::C99);
        let mut command = Command::new("valgrind");
        command.args(["--quiet", "--error-exitcode=9", "--leak-check=full"]);
        command.args(["--errors-for-leak-kinds=definite,indirect", "--show-leak-kinds=definite,indirect"]);
        run_with(command.arg(program), arguments);
    }
}

#[test]
fn a_program_in_python_sees_what_it_sees_with_libvirt() {
    let python = "/usr/bin/python3";
    let has = Command::new(python).args(["-c", "import libvirt"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        skip!("{python} has no libvirt");
    }
    let script = support::sources().join("binding.py");
    let run = |side| said(with(Command::new(python).arg(&script), side));
    assert_eq!(run(Side::Libvirt), run(Side::Ours));
}

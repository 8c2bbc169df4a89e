//! Completion: the engine, as virsh's `complete` has it, and the shells' scripts.

mod support;

use std::process::Command;

use expect_test::expect;
use support::{Virtsh, check_words};

#[test]
fn commands_and_options() {
    check_words(
        &["complete", "--", "dominf"],
        expect![[r#"
        dominfo

    "#]],
    );
    check_words(
        &["complete", "--", "domstate", ""],
        expect![[r#"
        --domain
        --reason

    "#]],
    );
    check_words(
        &["complete", "--", "list", "--state-"],
        expect![[r#"
        --state-running
        --state-paused
        --state-shutoff
        --state-other

    "#]],
    );
    check_words(
        &["complete", "--", "start", "--console", "--p"],
        expect![[r#"
        --paused

    "#]],
    );
    check_words(
        &["complete", "--", "echo", "--nonexistent", "--xml", "--"],
        expect![[r#"
        --shell
        --xml
        --split
        --err
        --prefix
        --string

    "#]],
    );
    check_words(
        &["complete", "--", "domstate", "nobody"],
        expect![[r#"

        [exit code 1]
    "#]],
    );
}

#[test]
fn values() {
    check_words(
        &["complete", "--", "domstate", "te"],
        expect![[r#"
        test

    "#]],
    );
    check_words(
        &["complete", "--", "domstate", "--domain", ""],
        expect![[r#"
        test

    "#]],
    );
    check_words(
        &["complete", "--eager", "--", "shutdown", "test", ""],
        expect![[r#"
        acpi
        agent
        initctl
        signal
        paravirt
        --mode

    "#]],
    );
    check_words(
        &["complete", "--", "start", "te"],
        expect![[r#"

        [exit code 1]
    "#]],
    );
    check_words(
        &["complete", "--", "event", "--event", "tray"],
        expect![[r#"
        tray-change

    "#]],
    );
}

#[test]
fn names_are_left_out_where_they_cannot_be_had() {
    let output = Virtsh::new().output(["-c", "nope:///", "complete", "--eager", "--", "domstate", ""]);
    expect![[r#"
        --domain
        --reason

    "#]]
    .assert_eq(&output);
}

/// What a shell's script offers; nothing where this machine lacks the shell.
fn offered(shell: &str, program: &str) -> Option<String> {
    let virtsh = Virtsh::new();
    let script = virtsh.file("completion", &virtsh.output(["-q", "completion", shell]));
    let mut command = virtsh.command::<&str>([]);
    let environment: Vec<_> =
        command.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
    command = Command::new(shell);
    command.args(["-c", program]).env_clear().current_dir(virtsh.directory());
    for (name, value) in environment {
        command.env(name, value.unwrap_or_default());
    }
    command.env("SCRIPT", script).env("VIRTSH", env!("CARGO_BIN_EXE_virtsh"));
    match command.output() {
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            Some(String::from_utf8(output.stdout).unwrap() + &errors)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: this machine has no {shell}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn bash() {
    let complete = |words: &str| {
        let program = format!(
            "source \"$SCRIPT\"; COMP_WORDS=(\"$VIRTSH\" {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _virtsh; printf '%s ' \"${{COMPREPLY[@]}}\""
        );
        offered("bash", &program)
    };
    let Some(first) = complete("domre") else { return };
    assert_eq!(first.trim(), "domrename");
    assert_eq!(complete("domstate ''").unwrap().trim(), "test --domain --reason");
    assert_eq!(complete("-c test : ///default domstate te").unwrap().trim(), "test");
    assert_eq!(complete("--form").unwrap().trim(), "--format");
    assert_eq!(complete("-q shutdown test a").unwrap().trim(), "acpi agent");
}

#[test]
fn zsh() {
    let program = "compdef() { :; }; compadd() { shift; print -r -- ${(P)1}; }; source $SCRIPT; words=($VIRTSH domstate te); CURRENT=3; _virtsh";
    if let Some(offered) = offered("zsh", program) {
        assert_eq!(offered.trim(), "test");
    }
}

#[test]
fn fish() {
    let program = "source $SCRIPT; fish_add_path (dirname $VIRTSH); complete -C 'virtsh domstate te'";
    if let Some(offered) = offered("fish", program) {
        assert_eq!(offered.trim(), "test");
    }
}

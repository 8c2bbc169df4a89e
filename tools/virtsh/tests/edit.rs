//! `edit`: the editor, the way back to the error, and that no text is lost.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use expect_test::expect;
use support::Virtsh;
use support::terminal::Terminal;

/// `edit test` with an editor that notes its arguments in `calls`, without the directory, and runs this script on the
/// file `$file`.
fn edit(virtsh: &Virtsh, script: &str) -> Command {
    let program = virtsh.file(
        "vim",
        &format!(
            "#!/bin/sh\nfor file; do :; done\nfor word; do echo \"${{word##*/}}\" >> calls; done\necho >> calls\n{script}\n"
        ),
    );
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let drafts = virtsh.directory().join("drafts");
    std::fs::create_dir_all(&drafts).unwrap();
    let mut command = virtsh.command(["edit test; dumpxml test --inactive"]);
    command.env("EDITOR", program).env("TMPDIR", drafts);
    command
}

/// The drafts that were kept.
fn kept(virtsh: &Virtsh) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(virtsh.directory().join("drafts")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn what_is_written_is_defined() {
    let virtsh = Virtsh::new();
    let output = edit(&virtsh, "sed -i 's/2097152/1048576/' \"$file\"").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("Domain 'test' XML configuration edited.\n\n"), "{text}");
    assert!(text.contains("<currentMemory unit='KiB'>1048576</currentMemory>"), "{text}");
    assert!(kept(&virtsh).is_empty());
}

#[test]
fn an_unchanged_text_changes_nothing() {
    let virtsh = Virtsh::new();
    let output = edit(&virtsh, "").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("Domain 'test' XML configuration not changed.\n"), "{text}");
    assert!(kept(&virtsh).is_empty());
}

#[test]
fn without_a_terminal_a_refused_text_is_kept() {
    let virtsh = Virtsh::new();
    let output = edit(&virtsh, "sed -i \"s/>2</>two</\" \"$file\"").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let [draft] = kept(&virtsh).try_into().unwrap();
    let text = text.replace(draft.to_str().unwrap(), "DRAFT");
    expect![[r#"
        error: Failed to define domain 'test'
        error: XML error: maximum vcpus count must be an integer
         --> DRAFT:6:28
          |
        6 |   <vcpu placement='static'>two</vcpu>
          |                            ^^^ /domain/vcpu
        hint: your text is kept in DRAFT; virtsh define DRAFT tries it again
    "#]]
    .assert_eq(&text);
    assert!(std::fs::read_to_string(&draft).unwrap().contains(">two<"));
    assert_eq!(std::fs::metadata(&draft).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_editor_opens_again_at_the_error() {
    let virtsh = Virtsh::new();
    // The first time it breaks the text, the second time it mends it.
    let script = "if grep -q '>two<' \"$file\"; then sed -i 's/>two</>3</' \"$file\"; else sed -i 's/>2</>two</' \"$file\"; fi";
    let mut terminal = Terminal::start(edit(&virtsh, script));
    terminal.expect("Failed to define domain 'test'");
    terminal.expect("Failed. Try again? [y,n,i,?]: ");
    terminal.send("?\n");
    terminal.expect("back into the editor");
    terminal.expect("Failed. Try again? [y,n,i,?]: ");
    terminal.send("y\n");
    terminal.expect("Domain 'test' XML configuration edited.");
    terminal.expect("<vcpu placement='static'>3</vcpu>");
    terminal.finish();
    let calls = std::fs::read_to_string(virtsh.directory().join("calls")).unwrap();
    let calls: Vec<&str> = calls.lines().filter(|line| !line.starts_with("virtsh-test-")).collect();
    assert_eq!(calls, ["", "+call cursor(6,28)", ""]);
    assert!(kept(&virtsh).is_empty());
}

#[test]
fn giving_up_keeps_the_text() {
    let virtsh = Virtsh::new();
    let mut terminal = Terminal::start(edit(&virtsh, "echo nonsense > \"$file\""));
    terminal.expect("Failed. Try again? [y,n,i,?]: ");
    terminal.send("n\n");
    terminal.expect("your text is kept in");
    terminal.finish();
    let [draft] = kept(&virtsh).try_into().unwrap();
    assert_eq!(std::fs::read_to_string(draft).unwrap(), "nonsense\n");
}

#[test]
fn an_editor_that_fails_loses_nothing() {
    let virtsh = Virtsh::new();
    let output = edit(&virtsh, "echo half >> \"$file\"; exit 3").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("failed: exit status: 3\n"), "{text}");
    assert!(text.contains("hint: your text is kept in "), "{text}");
    assert_eq!(kept(&virtsh).len(), 1);

    let virtsh = Virtsh::new();
    let output = edit(&virtsh, "exit 3").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("hint: "), "{text}");
    assert!(kept(&virtsh).is_empty());
}

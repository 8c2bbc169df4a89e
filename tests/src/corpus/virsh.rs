//! Sessions of virsh on libvirt's test driver: what virtsh prints, on both streams, and its exit code.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result};

use super::{Case, Kind, Outcome, equal_text};

/// `virsh`
pub(super) struct Virsh;

/// The URI of sessions that name none of their own.
const DEFAULT: &str = "test:///default";
/// The URI that the sessions about defaults should find, and the one that they should not.
const GOOD: &str = "test:///default?good_uri";
const BAD: &str = "test:///default?bad_uri";
/// Who reads the configuration of a user, where root reads the system's.
const NOBODY: u32 = 65534;

/// A session: what to run and what to take from its output.
struct Session {
    command: Command,
    /// What begins the rest of a line that differs from run to run.
    filter: Option<String>,
    /// What virsh is asked to do, for a look at the commands in it.
    script: String,
    /// A configuration of its own, until it has run.
    _configuration: Option<tempfile::TempDir>,
}

impl Kind for Virsh {
    fn name(&self) -> &'static str {
        "virsh"
    }

    fn run(&self, case: &Case<'_>) -> Result<Outcome> {
        let Some(program) = program() else {
            return Ok(Outcome::Skipped("virtsh is not built beside this program"));
        };
        let session =
            match case.id.split(['/', '#']).nth(1).and_then(|name| name.strip_prefix("uriprecedence-")) {
                Some(source) => default_uri(program, source)?,
                None => session(program, case)?,
            };
        let Some(mut session) = session else {
            return Ok(Outcome::Skipped("its arguments are not in the manifest"));
        };
        if lacks_command(program, &session.script)? {
            return Ok(Outcome::Skipped("it uses a command that is not built yet"));
        }
        let output = run(&mut session.command)?;
        let output = match &session.filter {
            Some(filter) => without(&output, filter),
            None => output,
        };
        Ok(equal_text(&session.script, &case.expected_text()?, &output))
    }
}

/// virtsh, beside this program or, for tests, one directory above.
fn program() -> Option<&'static PathBuf> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let here = std::env::current_exe().ok()?;
        here.ancestors().skip(1).take(2).map(|directory| directory.join("virtsh")).find(|file| file.is_file())
    };
    PROGRAM.get_or_init(find).as_ref()
}

/// The program in an environment that says nothing.
fn command(program: &PathBuf) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("LANG", "C")
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null());
    if let Some(directory) = program.parent() {
        command.env("VIRT_DRIVER_DIR", directory);
    }
    command
}

/// The session that the case's `args` describe, in the words of libvirt's test program.
fn session(program: &PathBuf, case: &Case<'_>) -> Result<Option<Session>> {
    let Some(mut rest) = case.params.value("args") else { return Ok(None) };
    let mut filter = None;
    let mut is_script = false;
    if let Some(behind) = rest.strip_prefix("SCRIPT ") {
        (rest, is_script) = (behind, true);
    } else if let Some(behind) = rest.strip_prefix("ARGV ") {
        rest = behind;
    }
    if let Some(behind) = rest.strip_prefix("filter=") {
        let (value, behind) = match behind.strip_prefix("NULL") {
            Some(behind) => (None, behind),
            None => {
                c_string(behind).map(|(text, behind)| (Some(text), behind)).context("filter is no text")?
            }
        };
        (filter, rest) = (value, behind.trim_start());
    }
    let (uri, behind) = match rest.split_once(' ').unwrap_or((rest, "")) {
        ("VIRSH_DEFAULT", behind) => (DEFAULT.to_owned(), behind),
        ("VIRSH_CUSTOM", behind) => {
            let file = case.shared("fixtures/examples-xml-test/testnode.xml");
            (format!("test://{}", file.display()), behind)
        }
        _ => return Ok(None),
    };
    rest = behind;
    let mut words = Vec::new();
    while let Some((word, behind)) = c_string(rest) {
        words.push(word);
        rest = behind.trim_start();
    }
    if is_script {
        words.push(case.input()?);
    }
    let mut command = command(program);
    command.arg("--connect").arg(uri).args(&words);
    let script = if is_script { case.input()? } else { words.join(" ") };
    Ok(Some(Session { command, filter, script, _configuration: None }))
}

/// A session without `--connect` that finds its URI in one of the places for defaults, and a wrong one in all places
/// that count less.
fn default_uri(program: &PathBuf, source: &str) -> Result<Option<Session>> {
    let variables = ["VIRSH_DEFAULT_CONNECT_URI", "LIBVIRT_DEFAULT_URI"];
    let first = match source {
        "param" => 0,
        "xdg-config" => variables.len(),
        name => match variables.iter().position(|variable| *variable == name) {
            Some(at) => at,
            None => return Ok(None),
        },
    };
    let mut command = command(program);
    let mut value = GOOD;
    if source == "param" {
        command.args(["--connect", GOOD]);
        value = BAD;
    }
    for variable in variables.iter().skip(first) {
        command.env(variable, std::mem::replace(&mut value, BAD));
    }
    let configuration = tempfile::tempdir()?;
    let directory = configuration.path().join("libvirt");
    std::fs::create_dir(&directory)?;
    std::fs::write(directory.join("libvirt.conf"), format!("uri_default = \"{value}\"\n"))?;
    command.env("XDG_CONFIG_HOME", configuration.path());
    if source == "xdg-config" && nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(configuration.path(), Some(NOBODY), Some(NOBODY))?;
        command.uid(NOBODY).gid(NOBODY);
    }
    let script = "uri; connect; uri".to_owned();
    command.arg(&script);
    Ok(Some(Session { command, filter: None, script, _configuration: Some(configuration) }))
}

/// The C string that `text` begins with, and what follows it.
fn c_string(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut rest = text.strip_prefix('"')?.chars();
    loop {
        match rest.next()? {
            '"' => return Some((out, rest.as_str())),
            '\\' => out.push(match rest.next()? {
                'n' => '\n',
                't' => '\t',
                other => other,
            }),
            other => out.push(other),
        }
    }
}

/// Whether the script uses a command that virtsh does not have: the first word of each command, and what `complete` is
/// asked about.
fn lacks_command(program: &PathBuf, script: &str) -> Result<bool> {
    static KNOWN: OnceLock<BTreeSet<String>> = OnceLock::new();
    let known = match KNOWN.get() {
        Some(known) => known,
        None => {
            let list = run(command(program).args(["-q", "complete"]))?;
            KNOWN.get_or_init(|| list.lines().map(str::to_owned).chain(["complete".to_owned()]).collect())
        }
    };
    let exists = |word: &str| known.iter().any(|name| name.starts_with(word));
    let is_name = |word: &str| word.starts_with(|c: char| c.is_ascii_lowercase()) && word.len() > 2;
    for line in script.split(['\n', ';']) {
        let mut words = line.split_whitespace().skip_while(|word| word.starts_with('-'));
        let Some(first) = words.next() else { continue };
        let asked = if first == "complete" { words.find(|word| *word != "--") } else { None };
        for word in [Some(first), asked].into_iter().flatten() {
            // Quoted and joined words are the grammar's own cases, not names.
            if is_name(word) && word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !exists(word) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Both streams as they come, and libvirt's line about the exit code.
fn run(command: &mut Command) -> Result<String> {
    let shown: Vec<OsString> = command.get_args().map(ToOwned::to_owned).collect();
    let (reader, writer) = std::io::pipe()?;
    let mut child = command
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()
        .with_context(|| format!("cannot run virtsh with {shown:?}"))?;
    // The command keeps the pipe's writing ends as long as nothing takes their place.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut output = std::io::read_to_string(reader)?;
    let status = child.wait()?;
    if !status.success() {
        output += &format!("\n## Exit code: {}\n", status.code().unwrap_or(-1));
    }
    Ok(output)
}

/// The text without `filter` and what follows it in its line.
fn without(text: &str, filter: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(filter) {
        out += before;
        rest = behind.find('\n').map_or("", |end| behind.get(end..).unwrap_or_default());
    }
    out + rest
}

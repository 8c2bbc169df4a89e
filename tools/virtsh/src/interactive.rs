//! The interactive mode: a prompt, history, completion; or commands from a pipe.

use std::cell::RefCell;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use rustyline::completion::{Completer, Pair};
use rustyline::config::{CompletionType, Configurer as _};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Context, Editor, Helper, Highlighter, Hinter, Validator};

use crate::complete;
use crate::failure::Failure;
use crate::shell::Shell;
use crate::words;

/// How many lines the history keeps.
const HISTORY: usize = 500;

/// Reads commands until the end of the input or `quit`; answers the exit code of the last one.
pub fn run(shell: &mut Shell) -> u8 {
    if !std::io::stdin().is_terminal() {
        return run_pipe(shell);
    }
    shell.interactive = true;
    if !shell.settings.quiet {
        shell.output.text(
            "Welcome to virtsh, the virtualization interactive terminal.\n\n\
             Type:  'help' for help with commands\n       'quit' to quit\n\n",
        );
        shell.output.flush();
    }
    // The connection is the first thing a person wants to know about; commands that need none work without.
    if let Err(failure) = shell.connection().map(drop) {
        shell.report(&failure);
    }
    if let Err(error) = read_lines(shell) {
        shell.report(&Failure::sentence(format!("cannot read from the terminal: {error}")));
        return 1;
    }
    shell.last_code()
}

/// Commands from a pipe or a file, a line at a time.
fn run_pipe(shell: &mut Shell) -> u8 {
    let mut text = String::new();
    for line in std::io::stdin().lock().lines() {
        match line {
            Ok(line) => text += &line,
            Err(error) => {
                shell.report(&Failure::sentence(format!("cannot read standard input: {error}")));
                return 1;
            }
        }
        if is_continued(&text) {
            text.push('\n');
            continue;
        }
        shell.run_text(&text);
        text.clear();
        if shell.leaving {
            return shell.last_code();
        }
    }
    if !text.is_empty() {
        shell.run_text(&text);
    }
    shell.last_code()
}

/// Whether a line ends in a `\` that joins it with the next.
fn is_continued(text: &str) -> bool {
    text.chars().rev().take_while(|&c| c == '\\').count() % 2 == 1
}

fn read_lines(shell: &mut Shell) -> rustyline::Result<()> {
    let shell = RefCell::new(shell);
    let mut editor: Editor<Completion<'_, '_>, FileHistory> = Editor::new()?;
    editor.set_helper(Some(Completion { shell: &shell }));
    editor.set_completion_type(CompletionType::List);
    editor.set_max_history_size(HISTORY)?;
    editor.set_history_ignore_space(true);
    editor.set_auto_add_history(true);
    let history = history_file();
    if let Some(file) = &history {
        // The first session has no history.
        let _ = editor.load_history(file);
    }
    loop {
        let prompt = if shell.borrow().settings.read_only { "virtsh > " } else { "virtsh # " };
        match editor.readline(prompt) {
            Ok(line) => {
                let mut shell = shell.borrow_mut();
                shell.run_text(&line);
                if shell.leaving {
                    break;
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error),
        }
    }
    if let Some(file) = &history {
        save(&mut editor, file);
    }
    Ok(())
}

/// Writes the history where only the user reads it.
fn save(editor: &mut Editor<Completion<'_, '_>, FileHistory>, file: &Path) {
    let Some(directory) = file.parent() else { return };
    let saved = std::fs::create_dir_all(directory)
        .map_err(ReadlineError::from)
        .and_then(|()| editor.save_history(file));
    if let Err(error) = saved {
        log::warn!("cannot save the history in '{}': {error}", file.display());
    }
}

fn history_file() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(cache.join("virtsh/history"))
}

/// Completion of the line that is being typed.
#[derive(Helper, Hinter, Highlighter, Validator)]
struct Completion<'a, 'b> {
    shell: &'a RefCell<&'b mut Shell>,
}

impl Completer for Completion<'_, '_> {
    type Candidate = Pair;

    fn complete(&self, line: &str, cursor: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..cursor).unwrap_or(line);
        // Only the last command of the line, and of it only what stands before the cursor.
        let mut current = words::split(before).ok().and_then(|mut all| all.pop()).unwrap_or_default();
        let fresh = before.is_empty() || before.ends_with([' ', '\t', ';']);
        if before.trim_end().ends_with(';') {
            current.clear();
        }
        if fresh {
            current.push(String::new());
        }
        let typed = current.last().map_or("", String::as_str);
        let start = before.len() - before.rsplit([' ', '\t', ';']).next().unwrap_or("").len();
        let shown = before.get(start..).unwrap_or_default();
        if typed != shown {
            // Within quotes there is nothing to offer.
            return Ok((cursor, Vec::new()));
        }
        let found = complete::candidates(&mut self.shell.borrow_mut(), &current, true);
        let pairs = found.into_iter().map(|text| {
            let replacement = format!("{} ", words::quote_for_shell(&text));
            Pair { display: text, replacement }
        });
        Ok((start, pairs.collect()))
    }
}

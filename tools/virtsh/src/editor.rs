//! The user's editor on a text that is never lost.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::NamedTempFile;
use virt_core::{Error, ErrorDomain};

use crate::failure::Failure;
use crate::{interrupt, words};

/// What became of a text in the editor.
#[derive(Debug)]
pub enum Edited {
    Changed(String),
    Unchanged,
}

/// A text in a file of its own that only the user reads. It is removed with the draft unless it is kept.
#[derive(Debug)]
pub struct Draft {
    file: NamedTempFile,
}

/// Where the editor begins: line and column, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub line: u32,
    pub column: u32,
}

impl Draft {
    /// A file whose name begins with `virtsh-NAME-`.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn new(name: &str, text: &str) -> Result<Self, Failure> {
        let name: String =
            name.chars().map(|c| if c.is_alphanumeric() || c == '.' { c } else { '_' }).collect();
        let refused = |error| Error::system(ErrorDomain::NONE, "cannot write a temporary file", error);
        let mut file = tempfile::Builder::new()
            .prefix(&format!("virtsh-{name}-"))
            .suffix(".xml")
            .tempfile()
            .map_err(refused)?;
        file.write_all(text.as_bytes()).map_err(refused)?;
        Ok(Self { file })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// What is in it now.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(&self) -> Result<String, Failure> {
        // Not through the open file: editors often replace it by another.
        crate::xml::read_file(&self.path().to_string_lossy()).map(|document| document.text)
    }

    /// Opens the editor, and returns when the user leaves it.
    ///
    /// # Errors
    ///
    /// When it cannot be started or fails.
    pub fn open(&self, cursor: Option<Cursor>) -> Result<(), Failure> {
        let editor = editor();
        let mut parts = words::split(&editor)?.into_iter().next().unwrap_or_default().into_iter();
        let program = parts.next().unwrap_or_else(|| "vi".to_owned());
        let mut command = Command::new(&program);
        command.args(parts).args(arguments(&program, self.path(), cursor));
        let status = interrupt::left_to_others(|| command.status())?.map_err(|error| {
            Failure::from(Error::system(ErrorDomain::NONE, format!("cannot run editor '{editor}'"), error))
                .hint("set VISUAL or EDITOR to the editor you like")
        })?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::sentence(format!("editor '{editor}' failed: {status}")))
        }
    }

    /// Leaves the file where it is.
    pub fn keep(self) -> PathBuf {
        match self.file.keep() {
            Ok((_, path)) => path,
            // Then it stays as well: what failed is to forget about its removal.
            Err(error) => {
                let path = error.file.path().to_owned();
                std::mem::forget(error.file);
                path
            }
        }
    }
}

/// Opens the editor once on a text.
///
/// # Errors
///
/// When the editor fails.
pub fn edit_text(before: &str) -> Result<Edited, Failure> {
    let draft = Draft::new("text", before)?;
    draft.open(None)?;
    let text = draft.read()?;
    Ok(if text == before { Edited::Unchanged } else { Edited::Changed(text) })
}

fn editor() -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_owned())
}

/// The editor's arguments: the file, and where to begin for the editors that can be told.
fn arguments(program: &str, file: &Path, cursor: Option<Cursor>) -> Vec<String> {
    let file = file.to_string_lossy().into_owned();
    let Some(Cursor { line, column }) = cursor else { return vec![file] };
    let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    match name.as_str() {
        "vim" | "nvim" | "gvim" | "vim.basic" | "vim.tiny" | "vimx" => {
            vec![format!("+call cursor({line},{column})"), file]
        }
        "nano" | "pico" | "rnano" => vec![format!("+{line},{column}"), file],
        "emacs" | "emacsclient" | "micro" | "kak" => vec![format!("+{line}:{column}"), file],
        "hx" | "helix" | "subl" | "zed" => vec![format!("{file}:{line}:{column}")],
        "code" | "codium" => vec!["--goto".to_owned(), format!("{file}:{line}:{column}")],
        // POSIX editors and those that follow them know the line.
        "vi" | "ex" | "joe" | "jed" | "mg" | "ne" | "mcedit" | "gedit" | "kate" => {
            vec![format!("+{line}"), file]
        }
        _ => vec![file],
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn editors_begin_where_the_error_is() {
        let cursor = Some(Cursor { line: 3, column: 14 });
        let shown: String = ["vi", "/usr/bin/vim", "nano", "emacs", "hx", "code", "unknown"]
            .iter()
            .map(|program| format!("{program}: {:?}\n", arguments(program, Path::new("/f.xml"), cursor)))
            .collect();
        expect![[r#"
            vi: ["+3", "/f.xml"]
            /usr/bin/vim: ["+call cursor(3,14)", "/f.xml"]
            nano: ["+3,14", "/f.xml"]
            emacs: ["+3:14", "/f.xml"]
            hx: ["/f.xml:3:14"]
            code: ["--goto", "/f.xml:3:14"]
            unknown: ["/f.xml"]
        "#]]
        .assert_eq(&shown);
    }
}

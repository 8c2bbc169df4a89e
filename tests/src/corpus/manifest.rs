//! The manifest: one case a line, eight columns, described in the corpus' README.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A directory of cases.
#[derive(Debug)]
pub struct Corpus {
    directory: PathBuf,
    /// Where `@visible/` in a path leads.
    visible: PathBuf,
    manifest: String,
}

/// One line of the manifest.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    corpus: &'a Corpus,
    /// Its name.
    pub id: &'a str,
    /// What kind of document or step it is about.
    pub kind: &'a str,
    input: &'a str,
    expected: &'a str,
    /// What is expected: `roundtrip`, `output`, `parse-error` and so on.
    pub expectation: &'a str,
    /// Which of libvirt's tests, or whose document, it comes from.
    pub origin: &'a str,
    /// Settings and facts about it.
    pub params: Params<'a>,
    aux: &'a str,
}

/// What a case's fourth column says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The input itself.
    Same,
    /// A file.
    File(PathBuf),
    /// Nothing.
    Nothing,
}

/// Settings of a case, `name=value;..`.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a>(&'a str);

impl Corpus {
    /// Opens the cases in `directory`; `@visible/` in their paths leads to `visible`, by default the directory itself.
    ///
    /// # Errors
    ///
    /// When there is no manifest.
    pub fn open(directory: &Path, visible: Option<&Path>) -> Result<Self> {
        let path = directory.join("manifest.tsv");
        let manifest =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let visible = visible.unwrap_or(directory).to_path_buf();
        Ok(Self { directory: directory.to_path_buf(), visible, manifest })
    }

    /// Where a corpus is by default: `$VIRT_CORPUS`, else `shared/corpus` beside the workspace. Nothing where there is none.
    pub fn default_directory() -> Option<PathBuf> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
        let beside = || Some(workspace.parent()?.join("shared/corpus"));
        let directory = std::env::var_os("VIRT_CORPUS").map(PathBuf::from).or_else(beside)?;
        directory.join("manifest.tsv").is_file().then_some(directory)
    }

    /// Every case, in the manifest's order.
    pub fn cases(&self) -> impl Iterator<Item = Case<'_>> {
        self.manifest.lines().skip(1).filter_map(|line| {
            let mut columns = line.split('\t');
            let mut next = || columns.next();
            let (id, kind, input, expected) = (next()?, next()?, next()?, next()?);
            let (expectation, origin, params, aux) = (next()?, next()?, next()?, next().unwrap_or("-"));
            Some(Case {
                corpus: self,
                id,
                kind,
                input,
                expected,
                expectation,
                origin,
                params: Params(params),
                aux,
            })
        })
    }

    fn path(&self, spelled: &str) -> PathBuf {
        match spelled.strip_prefix("@visible/") {
            Some(rest) => self.visible.join(rest),
            None => self.directory.join(spelled),
        }
    }
}

impl Case<'_> {
    /// The input's files.
    pub fn inputs(&self) -> Vec<PathBuf> {
        self.paths(self.input)
    }

    /// The input's text, of the first file where there are several.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn input(&self) -> Result<String> {
        let path = self.inputs().into_iter().next().context("the case has no input")?;
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// What is expected.
    pub fn expected(&self) -> Expected {
        match self.expected {
            "-" => Expected::Nothing,
            "same" => Expected::Same,
            path => Expected::File(self.corpus.path(path)),
        }
    }

    /// The text that is expected.
    ///
    /// # Errors
    ///
    /// When none is, or it cannot be read.
    pub fn expected_text(&self) -> Result<String> {
        match self.expected() {
            Expected::Same => self.input(),
            Expected::File(path) => {
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
            }
            Expected::Nothing => anyhow::bail!("the case expects no text"),
        }
    }

    /// Further files.
    pub fn aux(&self) -> Vec<PathBuf> {
        self.paths(self.aux)
    }

    /// A file or directory of the visible corpus that is no case of its own.
    pub fn shared(&self, path: impl AsRef<Path>) -> PathBuf {
        self.corpus.visible.join(path)
    }

    fn paths(&self, spelled: &str) -> Vec<PathBuf> {
        spelled
            .split(' ')
            .filter(|path| !path.is_empty() && *path != "-")
            .map(|path| self.corpus.path(path))
            .collect()
    }
}

impl<'a> Params<'a> {
    /// The value of a setting.
    pub fn value(self, name: &str) -> Option<&'a str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Whether a setting has this value.
    pub fn is(self, name: &str, value: &str) -> bool {
        self.value(name) == Some(value)
    }

    /// Every setting. A semicolon ends a value only where `name=` follows.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (name, behind) = rest.split_once('=')?;
            let starts_setting = |at: usize| {
                let next = behind.get(at + 1..).unwrap_or_default();
                let word =
                    next.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
                !word.is_empty() && next.get(word.len()..).is_some_and(|tail| tail.starts_with('='))
            };
            let end = behind.match_indices(';').map(|(at, _)| at).find(|at| starts_setting(*at));
            let value = behind.get(..end.unwrap_or(behind.len())).unwrap_or_default();
            rest = end.and_then(|end| behind.get(end + 1..)).unwrap_or_default();
            Some((name, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Params;

    #[test]
    fn semicolons_in_values_stay() {
        let params = Params("live=1;err=XML error: a; b;note=x");
        let all: Vec<_> = params.iter().collect();
        assert_eq!(all, [("live", "1"), ("err", "XML error: a; b"), ("note", "x")]);
        assert!(params.is("live", "1") && params.value("b").is_none());
    }
}

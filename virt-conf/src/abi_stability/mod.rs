//! Whether a guest can go on under another definition: on another host, or from a saved state, it must find the same
//! machine. What must be the same is a table of paths, each with libvirt's sentence for a difference; the values are those
//! that libvirt would write.

mod cpu;
mod devices;
mod features;
mod machine;
mod special;

use crate::error::unsupported;
use crate::model::Domain;
use crate::tree::Tree;
use crate::xml::Result;

/// One thing that must be the same.
struct Row {
    /// Where it stands below the element.
    path: &'static str,
    /// What its absence means.
    absent: &'static str,
    /// The sentence, with `{target}` and `{source}` in it.
    sentence: &'static str,
}

const fn row(path: &'static str, absent: &'static str, sentence: &'static str) -> Row {
    Row { path, absent, sentence }
}

/// What libvirt shows in place of a text that is not there, in sentences where it thought of that.
const NULL: &str = "<null>";

/// The same where it did not.
const NIL: &str = "(null)";

/// What a switch is that nobody has touched.
const UNSET: &str = "default";

/// The definition of a guest as it is, and the one under which it shall go on.
#[derive(Clone, Copy)]
struct Pair<'a> {
    source: &'a Tree,
    target: &'a Tree,
}

static NOTHING: Tree =
    Tree { name: String::new(), attrs: Vec::new(), text: String::new(), children: Vec::new(), foreign: None };

impl Domain {
    /// Whether a guest with this definition finds the same machine under `target`.
    ///
    /// # Errors
    ///
    /// With libvirt's sentence about the first difference.
    ///
    /// ```
    /// use virt_conf::model::Domain;
    ///
    /// let define = |memory: u32| -> Result<Domain, virt_conf::xml::Error> {
    ///     format!(
    ///         "<domain type='test'><name>a</name><uuid>8c1d9a3e-6f6b-4f5f-9a6c-0f3e0f0c7a11</uuid>\
    ///          <memory>{memory}</memory><os><type arch='x86_64'>hvm</type></os></domain>"
    ///     )
    ///     .parse()
    /// };
    /// assert!(define(1024)?.check_abi_stability(&define(1024)?).is_ok());
    /// let error = define(2048)?.check_abi_stability(&define(1024)?).unwrap_err();
    /// assert_eq!(
    ///     error.message(),
    ///     "unsupported configuration: Target domain max memory 1024 does not match source 2048",
    /// );
    /// # Ok::<(), virt_conf::xml::Error>(())
    /// ```
    pub fn check_abi_stability(&self, target: &Self) -> Result<()> {
        let (source, target) = (Tree::of(self)?, Tree::of(target)?);
        let pair = Pair { source: &source, target: &target };
        machine::identity(pair)?;
        machine::memory(pair)?;
        cpu::nodes(pair)?;
        cpu::processors(pair)?;
        pair.check(machine::FIRMWARE)?;
        features::check(pair)?;
        machine::timers(pair)?;
        cpu::model(pair)?;
        machine::tables(pair)?;
        devices::check(pair)
    }
}

impl<'a> Pair<'a> {
    /// Refuses the first difference among `rows`.
    fn check(self, rows: &[Row]) -> Result<()> {
        rows.iter().try_for_each(|row| {
            let value = |tree: &'a Tree| tree.value(row.path).unwrap_or(row.absent);
            self.same(value(self.source), value(self.target), row.sentence)
        })
    }

    fn same(self, source: &str, target: &str, sentence: &str) -> Result<()> {
        if source == target {
            return Ok(());
        }
        Err(unsupported(sentence.replace("{target}", target).replace("{source}", source)))
    }

    /// The same, of numbers.
    fn same_number(self, source: u64, target: u64, sentence: &str) -> Result<()> {
        self.same(&source.to_string(), &target.to_string(), sentence)
    }

    /// The elements at a path of both, which may be nothing.
    fn below(self, path: &str) -> Self {
        let find = |tree: &'a Tree| {
            path.split('/').try_fold(tree, |tree, step| tree.child(step)).unwrap_or(&NOTHING)
        };
        Self { source: find(self.source), target: find(self.target) }
    }

    /// Whether an element is there, in the source and in the target.
    fn has(self, name: &str) -> (bool, bool) {
        (self.source.child(name).is_some(), self.target.child(name).is_some())
    }

    /// The elements of one name, in their order; the sentence says that there are more of them on one side.
    fn all(self, name: &str, sentence: &str) -> Result<Vec<Self>> {
        self.every(|tree| named(tree, name), sentence)
    }

    /// The same of elements that `list` finds.
    fn every(self, list: impl Fn(&'a Tree) -> Vec<&'a Tree>, sentence: &str) -> Result<Vec<Self>> {
        let (sources, targets) = (list(self.source), list(self.target));
        self.same(&sources.len().to_string(), &targets.len().to_string(), sentence)?;
        Ok(sources.into_iter().zip(targets).map(|(source, target)| Self { source, target }).collect())
    }
}

fn named<'a>(tree: &'a Tree, name: &str) -> Vec<&'a Tree> {
    tree.children.iter().filter(|child| child.name == name).collect()
}

/// A number in any base that libvirt writes; 0 where there is none.
fn number(tree: &Tree, path: &str) -> u64 {
    let text = tree.value(path).unwrap_or_default();
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).unwrap_or(0),
        None => text.parse().unwrap_or(0),
    }
}

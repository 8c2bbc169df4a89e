//! What an element or attribute means, by its path: `domain/devices/interface/mac/@address`.
//!
//! ```
//! use virt_conf::explain::explain;
//!
//! let mtu = explain("domain/devices/interface/mtu/@size")?;
//! assert_eq!(mtu.path, "/domain/devices/interface/mtu/@size");
//! assert_eq!(mtu.values, "a number, 0 to 4294967295");
//! let error = explain("domain/devices/interface/mtu/@sze").unwrap_err();
//! assert_eq!(error.advice(), Some("did you mean 'size'?"));
//! # Ok::<(), virt_conf::xml::Error>(())
//! ```

use std::fmt;

use crate::diff::{Path, Step};
use crate::document::KINDS;
use crate::xml::{
    About, Child, Describe, Error, ErrorCode, ErrorDomain, Kind, List, Result, Shape, Spelling, View, nearest,
};

/// What is known of an element or attribute.
#[derive(Clone, Debug, Default)]
pub struct Explanation {
    /// Where it stands.
    pub path: String,
    /// What it is for.
    pub doc: String,
    /// What its values look like; empty for an element without a text.
    pub values: String,
    /// The values, where there is a fixed set of them.
    pub spellings: Vec<Spelling>,
    /// What absence stands for, where the model says so.
    pub default: Option<String>,
    /// The version of libvirt that it came with, where the documentation says so.
    pub since: Option<String>,
    /// Whether it must be there.
    pub required: bool,
    /// How often, and in which documents it counts.
    pub notes: Vec<String>,
    /// Its attributes.
    pub attrs: Vec<Entry>,
    /// Elements that it can contain, in the order in which they are written.
    pub children: Vec<Entry>,
}

/// One line about an attribute or child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The attribute's or element's name, as documents spell it.
    pub name: String,
    /// What it is for, in a sentence.
    pub doc: String,
    /// Which variants have it (`type='network'`), where not all do.
    pub only: String,
}

/// An element, with the attributes that were given in brackets.
struct Element {
    name: String,
    about: Option<&'static About>,
    list: List,
    inside: Vec<Describe>,
    picks: Vec<(String, String)>,
}

/// What is known at `path`. Attributes in brackets pick a variant: `disk[@type='network']/source`.
///
/// # Errors
///
/// When there is no such element or attribute; its advice is the nearest name, or paths that end so.
pub fn explain(path: &str) -> Result<Explanation> {
    let parsed: Path = path.parse()?;
    let mut steps = parsed.0.iter();
    let Some(first) = steps.next() else { return Err(not_found("no path is given", None)) };
    let kinds: Vec<_> = KINDS.iter().filter(|kind| kind.root == first.name()).collect();
    if kinds.is_empty() {
        let near =
            || nearest(first.name(), KINDS.iter().map(|kind| kind.root)).map(|near| format!("'{near}'"));
        let found = elsewhere(&parsed).or_else(near);
        return Err(not_found(&format!("no document begins with <{}>", first.name()), found));
    }
    let mut element = Element {
        name: first.name().to_owned(),
        about: None,
        list: List::No,
        inside: kinds.iter().map(|kind| kind.describe).collect(),
        picks: picks(first),
    };
    let mut walked = Path(vec![first.clone()]);
    for step in steps {
        let shape = element.shape();
        walked = walked.join(step.clone());
        if let Step::Attr(name) = step {
            return attribute(&shape, &element, name, walked.to_string());
        }
        let named: Vec<&Child> = shape.children().iter().filter(|child| child.name == step.name()).collect();
        let Some(first) = named.first() else {
            let near = shape
                .near_child(step.name())
                .map(str::to_owned)
                .or_else(|| shape.find_attr(step.name()).map(|_| format!("@{}", step.name())));
            let near = near.map(|near| format!("'{near}'")).or_else(|| elsewhere(&parsed));
            let sentence = format!("element '{}' has no element '{}'", element.name, step.name());
            return Err(not_found(&sentence, near));
        };
        element = Element {
            name: step.name().to_owned(),
            about: Some(first.about),
            list: first.list,
            inside: named.iter().map(|child| child.inside).collect(),
            picks: picks(step),
        };
    }
    Ok(element.explain(walked.to_string()))
}

fn not_found(sentence: &str, near: Option<String>) -> Error {
    let error = Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, sentence);
    match near {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error,
    }
}

fn picks(step: &Step) -> Vec<(String, String)> {
    match step {
        Step::Keyed(_, keys) => keys.clone(),
        _ => Vec::new(),
    }
}

impl Element {
    fn shape(&self) -> Shape {
        let mut all = Shape::default();
        for inside in &self.inside {
            let attr = |name: &str| {
                let pick = self.picks.iter().find(|(path, _)| path.strip_prefix('@') == Some(name));
                pick.map(|(_, value)| value.as_str())
            };
            all.merge(if self.picks.is_empty() {
                Shape::of_all(*inside)
            } else {
                Shape::picked(*inside, attr)
            });
        }
        all
    }

    fn explain(&self, path: String) -> Explanation {
        let shape = self.shape();
        let nothing = &About::NOTHING;
        let about = self.about.unwrap_or(nothing);
        let text = shape.own_text();
        let mut docs: Vec<&str> = Vec::new();
        for doc in [about.doc, shape.doc(), text.map_or("", |text| text.doc)] {
            if !docs.iter().any(|known| known.contains(doc)) {
                docs.retain(|known| !doc.contains(known));
                docs.push(doc);
            }
        }
        let mut this = Explanation { path, doc: docs.join("\n"), ..Explanation::default() };
        if let Some(text) = text {
            this.value(text);
        }
        this.required = about.required;
        this.since = since(&this.doc);
        match self.list {
            List::No => {}
            List::Ordered => this.notes.push("may repeat; the order counts".to_owned()),
            List::Mixed => this.notes.push("may repeat; the order among its siblings counts".to_owned()),
            List::Keyed(key) => {
                this.notes.push(format!("may repeat; told apart by {}; the order counts", and(key)));
            }
            List::Unordered(key) => {
                this.notes.push(format!("may repeat; told apart by {}; in any order", and(key)));
            }
        }
        this.view(about);
        if matches!(about.kind, Kind::Flag) {
            "nothing: it is there or not".clone_into(&mut this.values);
        } else if shape.is_foreign() {
            "any elements, kept word for word".clone_into(&mut this.values);
        } else if shape.is_open() {
            this.notes.push("other elements are kept word for word".to_owned());
        }
        this.attrs = entries(self, shape.attrs().iter().map(|(name, about)| (*name, about.doc)), true);
        this.children = entries(
            self,
            shape.children().iter().map(|child| {
                let mut inside = Shape::default();
                (child.inside)(&mut inside);
                (child.name, if child.about.doc.is_empty() { inside.doc() } else { child.about.doc })
            }),
            false,
        );
        this
    }

    /// The values of the attribute that picks variants of the element which have this name, and that attribute's name.
    fn variants(&self, name: &str, is_attr: bool) -> String {
        let mut with = Vec::new();
        let mut without = 0;
        let mut tag = "";
        for inside in &self.inside {
            let undecided = Shape::undecided(*inside);
            for choice in undecided.tags() {
                tag = choice.name;
                for (spelling, fields) in choice.variants {
                    let mut shape = Shape::default();
                    fields(&mut shape);
                    let has = match is_attr {
                        true => shape.find_attr(name).is_some(),
                        false => shape.find_child(name).is_some(),
                    };
                    if has { with.push(*spelling) } else { without += 1 }
                }
            }
        }
        if !self.picks.is_empty() {
            return String::new();
        }
        // Of a name that every variant has, or that belongs to no variant, there is nothing to say.
        if with.is_empty() || without == 0 { String::new() } else { format!("{tag}={}", with.join("|")) }
    }
}

fn and(key: &str) -> String {
    key.replace(' ', " and ")
}

fn entries<'a>(
    element: &Element,
    found: impl Iterator<Item = (&'static str, &'a str)>,
    is_attr: bool,
) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    for (name, doc) in found {
        let doc = sentence(doc);
        if !all.iter().any(|known| known.name == name) {
            all.push(Entry { name: name.to_owned(), doc, only: element.variants(name, is_attr) });
        }
    }
    all
}

fn attribute(shape: &Shape, element: &Element, name: &str, path: String) -> Result<Explanation> {
    let mut found = shape.attrs().iter().filter(|(known, _)| *known == name).map(|(_, about)| *about);
    let Some(about) = found.next() else {
        let near = shape.near_attr(name).map(str::to_owned);
        let near = near.or_else(|| shape.find_child(name).map(|child| child.name.to_owned()));
        let sentence = format!("element '{}' has no attribute '{name}'", element.name);
        return Err(not_found(&sentence, near.map(|near| format!("'{near}'"))));
    };
    let mut this = Explanation { path, doc: about.doc.to_owned(), ..Explanation::default() };
    for other in found.filter(|other| !other.doc.is_empty() && other.doc != about.doc) {
        this.doc += "\n";
        this.doc += other.doc;
    }
    this.value(about);
    this.required = about.required;
    this.since = since(&this.doc);
    this.view(about);
    let only = element.variants(name, true);
    if !only.is_empty() {
        this.notes.push(format!("only with {only}"));
    }
    Ok(this)
}

impl Explanation {
    fn value(&mut self, about: &About) {
        self.values = match about.kind {
            Kind::Text => "any text".to_owned(),
            Kind::Number { min, max } => match (min, max) {
                (i64::MIN.., u64::MAX) if min != 0 => format!("a number from {min}"),
                _ => format!("a number, {min} to {max}"),
            },
            Kind::Hex => "a number, written in hexadecimal".to_owned(),
            Kind::Octal => "a number in octal".to_owned(),
            Kind::YesNo => "yes or no".to_owned(),
            Kind::OneOf(all) => {
                self.spellings = all.to_vec();
                all.iter().map(|spelling| spelling.name).collect::<Vec<_>>().join(", ")
            }
            Kind::Uuid => "a UUID".to_owned(),
            Kind::Mac => "a MAC address".to_owned(),
            Kind::Ip => "an IP address".to_owned(),
            Kind::Set => "a set of numbers, as 0-3,^2".to_owned(),
            Kind::Amount => "a number, with its unit in the attribute unit".to_owned(),
            Kind::Flag | Kind::Xml => String::new(),
        };
        // Zeros where a number of one's own is generated are no default.
        if let Some(default) = about.default.filter(|_| !matches!(about.kind, Kind::Mac | Kind::Uuid)) {
            let mut text = String::new();
            default(&mut text);
            self.default = Some(text).filter(|text| !text.is_empty());
        }
    }

    fn view(&mut self, about: &About) {
        self.notes.extend(match about.view {
            View::Always => None,
            View::Live => Some("only in the documents of running objects".to_owned()),
            View::Status => Some("only in a driver's own state files".to_owned()),
            View::Secure => Some("written only where passwords are asked for".to_owned()),
        });
    }
}

/// `8.1.0` of "Since 8.1.0."
fn since(doc: &str) -> Option<String> {
    let starts = doc.match_indices("ince ").chain(doc.match_indices("ince\n"));
    let start = starts.map(|(at, word)| at + word.len()).min()?;
    let behind = doc.get(start..)?;
    let behind = behind.strip_prefix("libvirt ").unwrap_or(behind);
    let end = behind.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(behind.len());
    let version = behind.get(..end)?.trim_end_matches('.');
    (!version.is_empty()).then(|| version.to_owned())
}

fn sentence(doc: &str) -> String {
    let line = doc.lines().next().unwrap_or_default().trim();
    line.split_once(". ").map_or(line, |(first, _)| first).trim_end_matches('.').to_owned()
}

/// How deep paths are looked for that end in one that does not exist.
const DEPTH: usize = 8;

/// Paths that end in the names of `path`, for somebody who left out the beginning.
fn elsewhere(path: &Path) -> Option<String> {
    let wanted: Vec<&str> =
        path.0.iter().filter(|step| !matches!(step, Step::Attr(_))).map(Step::name).collect();
    let attr = path.0.last().and_then(|step| match step {
        Step::Attr(name) => Some(name.as_str()),
        _ => None,
    });
    let mut found = Vec::new();
    let mut queue: std::collections::VecDeque<(Vec<&str>, Describe)> =
        KINDS.iter().map(|kind| (vec![kind.root], kind.describe)).collect();
    while let Some((way, inside)) = queue.pop_front() {
        let mut shape = Shape::default();
        inside(&mut shape);
        let fits = way.ends_with(&wanted) && attr.is_none_or(|name| shape.find_attr(name).is_some());
        if fits && way.len() > wanted.len() {
            let suffix = attr.map(|name| format!("/@{name}")).unwrap_or_default();
            let path = format!("'{}{suffix}'", way.join("/"));
            if !found.contains(&path) {
                found.push(path);
            }
            if found.len() == 3 {
                break;
            }
        }
        if way.len() < DEPTH {
            for child in shape.children() {
                // Models that contain themselves would never end.
                if !way.contains(&child.name) {
                    queue.push_back(([way.as_slice(), &[child.name]].concat(), child.inside));
                }
            }
        }
    }
    (!found.is_empty()).then(|| found.join(", "))
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.path)?;
        for line in self.doc.lines() {
            writeln!(f, "    {}", line.trim())?;
        }
        let explained = self.spellings.iter().any(|spelling| !spelling.doc.is_empty());
        let values = !self.values.is_empty() && !explained;
        if values || self.default.is_some() || self.since.is_some() || self.required || !self.notes.is_empty()
        {
            writeln!(f)?;
        }
        if values {
            writeln!(f, "Values:   {}", self.values)?;
        }
        if let Some(default) = &self.default {
            writeln!(f, "Default:  {default}")?;
        }
        if let Some(since) = &self.since {
            writeln!(f, "Since:    {since}")?;
        }
        if self.required {
            writeln!(f, "Required: yes")?;
        }
        for note in &self.notes {
            writeln!(f, "Note:     {note}")?;
        }
        if explained {
            let lines = self
                .spellings
                .iter()
                .map(|spelling| (spelling.name.to_owned(), spelling.doc.trim().to_owned()));
            section(f, "Values", &lines.collect::<Vec<_>>())?;
        }
        section(f, "Attributes", &lines(&self.attrs, "@"))?;
        section(f, "Elements", &lines(&self.children, ""))
    }
}

fn lines(entries: &[Entry], mark: &str) -> Vec<(String, String)> {
    let line = |entry: &Entry| {
        let only = if entry.only.is_empty() { String::new() } else { format!(" ({})", entry.only) };
        (format!("{mark}{}", entry.name), format!("{}{only}", entry.doc))
    };
    entries.iter().map(line).collect()
}

fn section(f: &mut fmt::Formatter<'_>, title: &str, lines: &[(String, String)]) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    writeln!(f, "\n{title}:")?;
    for (name, doc) in lines {
        let mut doc = doc.lines();
        writeln!(f, "{}", format!("  {name:<width$}  {}", doc.next().unwrap_or_default()).trim_end())?;
        for more in doc {
            writeln!(f, "  {:width$}  {}", "", more.trim())?;
        }
    }
    Ok(())
}

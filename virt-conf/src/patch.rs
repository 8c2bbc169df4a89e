//! Carrying out what [`diff`](crate::diff) found.

use crate::diff::{Amount, Change, Diff, Path, Step, UNIT, group_name, key, text};
use crate::tree::Tree;
use crate::xml::{Describe, Element, Error, ErrorCode, ErrorDomain, List, Place, RawElement, Result, Shape};

impl Diff {
    /// What `model` becomes with these changes: the second document, when it is the first one that was compared. Any other
    /// document of the kind may be changed, too, as long as it has what is changed, with the values that it had.
    ///
    /// # Errors
    ///
    /// When it has not, naming the path and both values; or when it would no longer be such a document.
    pub fn apply<T: Element>(&self, model: &T) -> Result<T> {
        let mut tree = Tree::of(model)?;
        self.apply_to(&mut tree, |shape| T::describe(None, shape))?;
        tree.to_model()
    }

    /// Changes an element that `describe` describes.
    ///
    /// # Errors
    ///
    /// When what is to be changed is not there, or not as it was.
    pub fn apply_to(&self, tree: &mut Tree, describe: Describe) -> Result<()> {
        let mut edits = Vec::new();
        for change in &self.changes {
            let (first, rest) = change.path().0.split_first().unwrap_or((&ROOT, &[]));
            if first.name() != tree.name {
                return Err(conflict(change.path(), "the document is another one", &tree.name));
            }
            edits.push(Edit { change, rest });
        }
        element(tree, describe, &edits)
    }
}

static ROOT: Step = Step::Child(String::new());

/// A change, and how far the element is still away.
#[derive(Clone, Copy)]
struct Edit<'a> {
    change: &'a Change,
    rest: &'a [Step],
}

fn conflict(path: &Path, expected: &str, found: &str) -> Error {
    let detail = format!("cannot apply the change of {path}: expected {expected}, found {found}");
    let place = Place { line: 0, column: 0, path: path.to_string() };
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, detail).at(place)
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| format!("'{value}'"))
}

fn element(tree: &mut Tree, describe: Describe, edits: &[Edit<'_>]) -> Result<()> {
    if let (Some(raw), Some(edit)) = (&tree.foreign, edits.first()) {
        let Change::Value { path, before, after } = edit.change else {
            return Err(conflict(
                edit.change.path(),
                "an element of its own",
                "one that is kept word for word",
            ));
        };
        let found = raw.to_string();
        if before.as_deref() != Some(found.as_str()) {
            return Err(conflict(path, &shown(before.as_deref()), &shown(Some(&found))));
        }
        let raw: RawElement = after.as_deref().unwrap_or_default().parse()?;
        *tree = Tree::foreign(raw);
        return Ok(());
    }
    let old = tree.shape(describe);
    let inner: Vec<Edit<'_>> = edits.iter().filter(|edit| !sets_value(edit)).copied().collect();
    for edit in edits.iter().filter(|edit| sets_value(edit)) {
        set(tree, &old, edit)?;
    }
    // The variant may be another one now: what is new belongs to that one, what goes to the old one.
    let new = tree.shape(describe);
    children(tree, &(old, new), &inner)
}

/// Whether the change is about a value of the element itself.
fn sets_value(edit: &Edit<'_>) -> bool {
    matches!((edit.change, edit.rest), (Change::Value { .. }, [] | [Step::Attr(_)]))
}

fn set(tree: &mut Tree, shape: &Shape, edit: &Edit<'_>) -> Result<()> {
    let Change::Value { path, before, after } = edit.change else { return Ok(()) };
    let attr = edit.rest.first().map(Step::name);
    let amount = match (Amount::of(shape), attr) {
        (Some(Amount::Attr(name)), Some(attr)) => name == attr,
        (Some(Amount::Text), None) => true,
        _ => false,
    };
    let number = attr.map_or(text(tree), |name| tree.attr(name));
    let unit = tree.attr(UNIT).filter(|_| amount);
    let found = number.map(|number| unit.map_or(number.to_owned(), |unit| format!("{number} {unit}")));
    if found != *before {
        return Err(conflict(path, &shown(before.as_deref()), &shown(found.as_deref())));
    }
    let mut value = after.as_deref();
    if amount {
        let split = value.and_then(|value| value.split_once(' '));
        set_attr(tree, UNIT, split.map(|(_, unit)| unit));
        value = split.map_or(value, |(number, _)| Some(number));
    }
    match attr {
        Some(name) => set_attr(tree, name, value),
        None => value.unwrap_or_default().clone_into(&mut tree.text),
    }
    Ok(())
}

fn set_attr(tree: &mut Tree, name: &str, value: Option<&str>) {
    let at = tree.attrs.iter().position(|(known, _)| known == name);
    match (at.and_then(|at| tree.attrs.get_mut(at)), value) {
        (Some((_, old)), Some(value)) => value.clone_into(old),
        (None, Some(value)) => tree.attrs.push((name.to_owned(), value.to_owned())),
        (_, None) => tree.attrs.retain(|(known, _)| known != name),
    }
}

fn children(tree: &mut Tree, shapes: &(Shape, Shape), edits: &[Edit<'_>]) -> Result<()> {
    let mut groups: Vec<&str> = Vec::new();
    for name in edits.iter().filter_map(|edit| edit.rest.first()).map(Step::name) {
        if !groups.contains(&name) {
            groups.push(name);
        }
    }
    for group in groups {
        let member = |tree: &Tree| group_name(crate::diff::list_of(shapes, &tree.name), &tree.name) == group;
        let first = tree.children.iter().position(&member).unwrap_or(tree.children.len());
        let (list, others): (Vec<Tree>, Vec<Tree>) = tree.children.drain(..).partition(member);
        let mine = edits.iter().filter(|edit| edit.rest.first().is_some_and(|step| step.name() == group));
        let list = changed(list, shapes, &mine.copied().collect::<Vec<_>>())?;
        tree.children = others;
        let first = first.min(tree.children.len());
        tree.children.splice(first..first, list);
    }
    Ok(())
}

/// One list of children with its changes, all of whose places are those before the first of them.
fn changed(list: Vec<Tree>, shapes: &(Shape, Shape), edits: &[Edit<'_>]) -> Result<Vec<Tree>> {
    let mut inner: Vec<Vec<Edit<'_>>> = vec![Vec::new(); list.len()];
    let mut fates = vec![Fate::Stays; list.len()];
    let mut inserted: Vec<(usize, Tree)> = Vec::new();
    for edit in edits {
        let Some((step, rest)) = edit.rest.split_first() else { continue };
        let path = edit.change.path();
        let found = find(&list, shapes, step);
        if let (Change::Added { at, element, .. }, []) = (edit.change, rest) {
            if let (Some(there), Step::Child(_) | Step::Keyed(..)) = (found.and_then(|at| list.get(at)), step)
            {
                return Err(conflict(path, "nothing", &there.to_xml()));
            }
            inserted.push((*at, element.clone()));
            continue;
        }
        let Some(at) = found else {
            let expected = match edit.change {
                Change::Removed { element, .. } => element.to_xml(),
                Change::Value { before, .. } => shown(before.as_deref()),
                _ => "an element".to_owned(),
            };
            return Err(conflict(path, &expected, "nothing"));
        };
        match (edit.change, rest) {
            (Change::Removed { element, .. }, []) => {
                let there = list.get(at).filter(|there| *there != element);
                if let Some(there) = there {
                    return Err(conflict(path, &element.to_xml(), &there.to_xml()));
                }
                fates[at] = Fate::Goes;
            }
            (Change::Moved { to, .. }, []) => fates[at] = Fate::Moves(*to),
            _ => inner[at].push(Edit { change: edit.change, rest }),
        }
    }
    let mut result = Vec::new();
    for ((mut tree, fate), edits) in list.into_iter().zip(fates).zip(&inner) {
        if !edits.is_empty() {
            let child = shapes.1.find_child(&tree.name).or_else(|| shapes.0.find_child(&tree.name));
            element(&mut tree, child.map_or(Shape::anything, |child| child.inside), edits)?;
        }
        match fate {
            Fate::Stays => result.push(tree),
            Fate::Goes => {}
            Fate::Moves(to) => inserted.push((to, tree)),
        }
    }
    inserted.sort_by_key(|(at, _)| *at);
    for (at, tree) in inserted {
        result.insert(at.min(result.len()), tree);
    }
    Ok(result)
}

#[derive(Clone, Copy)]
enum Fate {
    Stays,
    Goes,
    Moves(usize),
}

/// The place of the element that `step` means.
fn find(list: &[Tree], shapes: &(Shape, Shape), step: &Step) -> Option<usize> {
    match step {
        Step::Child(_) => (!list.is_empty()).then_some(0),
        Step::Nth(_, place) => place.checked_sub(1).filter(|at| *at < list.len()),
        Step::Keyed(name, keys) => {
            let paths: Vec<&str> = keys.iter().map(|(path, _)| path.as_str()).collect();
            let listed = crate::diff::list_of(shapes, name);
            let same = |tree: &Tree| match listed {
                List::Keyed(_) | List::Unordered(_) => key(listed, tree).as_ref() == Some(keys),
                _ => paths.iter().zip(keys).all(|(path, (_, value))| tree.value(path) == Some(value)),
            };
            list.iter().position(same)
        }
        Step::Attr(_) => None,
    }
}

//! Which element of one list is which of the other.

use super::{Step, list_of};
use crate::tree::Tree;
use crate::xml::{Describe, List, Shape};

/// Lists longer than this (the product of both lengths) are compared place by place: finding the longest common
/// part would take too long.
const LIMIT: usize = 4 << 20;

/// The children of one name, or of those names that share one order, on both sides.
pub(super) struct Group<'a> {
    name: String,
    list: List,
    before: Vec<&'a Tree>,
    after: Vec<&'a Tree>,
    inside: Vec<(String, Describe)>,
}

/// What became of an element.
pub(super) enum Pairing<'a> {
    /// It is on both sides; `moved` to that place where others overtook it.
    Both { step: Step, before: &'a Tree, after: &'a Tree, moved: Option<usize> },
    /// It is gone.
    Gone { step: Step, before: &'a Tree },
    /// It is new.
    New { step: Step, at: usize, after: &'a Tree },
}

/// The group that a child belongs to: its name, or `*` where several names share one order.
pub(crate) fn group_name(list: List, name: &str) -> &str {
    if list == List::Mixed { "*" } else { name }
}

/// What tells an element from the others of its list, where all of it is there.
pub(crate) fn key(list: List, tree: &Tree) -> Option<Vec<(String, String)>> {
    let (List::Keyed(paths) | List::Unordered(paths)) = list else { return None };
    let one = |path: &str| Some((path.to_owned(), tree.value(path)?.to_owned()));
    paths.split(' ').map(one).collect()
}

impl<'a> Group<'a> {
    pub(super) fn all(before: &'a Tree, after: &'a Tree, shapes: &(Shape, Shape)) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        let sides = before.children.iter().map(|child| (child, false));
        for (child, is_after) in sides.chain(after.children.iter().map(|child| (child, true))) {
            let list = list_of(shapes, &child.name);
            let name = group_name(list, &child.name);
            let at = groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
                let name = name.to_owned();
                groups.push(Self { name, list, before: vec![], after: vec![], inside: vec![] });
                groups.len() - 1
            });
            let Some(group) = groups.get_mut(at) else { continue };
            if let Some(known) = shapes.1.find_child(&child.name).or_else(|| shapes.0.find_child(&child.name))
                && !group.inside.iter().any(|(name, _)| *name == child.name)
            {
                group.inside.push((child.name.clone(), known.inside));
            }
            if is_after { group.after.push(child) } else { group.before.push(child) }
        }
        groups
    }

    pub(super) fn inside_of(&self, name: &str) -> Describe {
        self.inside.iter().find(|(known, _)| known == name).map_or(Shape::anything, |(_, inside)| *inside)
    }

    pub(super) fn pairings(&self) -> Vec<Pairing<'a>> {
        if let (List::No, [before], [after]) = (self.list, self.before.as_slice(), self.after.as_slice()) {
            let step = Step::Child(self.name.clone());
            return vec![Pairing::Both { step, before, after, moved: None }];
        }
        let keys = |side: &[&Tree]| {
            let keys: Option<Vec<_>> = side.iter().map(|tree| key(self.list, tree)).collect();
            keys.filter(|keys| {
                keys.iter().enumerate().all(|(at, key)| !keys.iter().take(at).any(|k| k == key))
            })
        };
        match (keys(&self.before), keys(&self.after)) {
            (Some(before), Some(after)) if !matches!(self.list, List::No | List::Ordered | List::Mixed) => {
                self.by_key(&before, &after)
            }
            _ => self.by_place(),
        }
    }

    fn by_key(&self, before: &[Key], after: &[Key]) -> Vec<Pairing<'a>> {
        let mut pairings = Vec::new();
        let step = |key: &Key| Step::Keyed(self.name.clone(), key.clone());
        // For every element of the old list, its place in the new one.
        let places: Vec<Option<usize>> =
            before.iter().map(|key| after.iter().position(|other| other == key)).collect();
        let common: Vec<usize> = places.iter().flatten().copied().collect();
        let stay = longest_rise(&common);
        for ((key, old), place) in before.iter().zip(&self.before).zip(&places) {
            let new = place.and_then(|place| Some((place, self.after.get(place)?)));
            pairings.push(match new {
                Some((place, new)) => {
                    let moves = matches!(self.list, List::Keyed(_)) && !stay.contains(&place);
                    let moved = moves.then_some(place);
                    Pairing::Both { step: step(key), before: old, after: new, moved }
                }
                None => Pairing::Gone { step: step(key), before: old },
            });
        }
        for (at, (key, new)) in after.iter().zip(&self.after).enumerate() {
            if !common.contains(&at) {
                pairings.push(Pairing::New { step: step(key), at, after: new });
            }
        }
        pairings
    }

    fn by_place(&self) -> Vec<Pairing<'a>> {
        let single = self.list == List::No && self.before.len() <= 1 && self.after.len() <= 1;
        let step = |at: usize| match single {
            true => Step::Child(self.name.clone()),
            false => Step::Nth(self.name.clone(), at + 1),
        };
        let mut pairings = Vec::new();
        let (mut old, mut new) = (0, 0);
        let mut same = common(&self.before, &self.after);
        same.push((self.before.len(), self.after.len()));
        for (old_same, new_same) in same {
            // Between two elements that stayed: what stands at the same place is the same element, changed.
            while old < old_same || new < new_same {
                let at = (old, new);
                let before = self.before.get(old).filter(|_| old < old_same);
                let after = self.after.get(new).filter(|_| new < new_same);
                match (before, after) {
                    (Some(before), Some(after)) if before.name == after.name => {
                        pairings.push(Pairing::Both { step: step(at.0), before, after, moved: None });
                        (old, new) = (old + 1, new + 1);
                    }
                    (Some(before), _) => {
                        pairings.push(Pairing::Gone { step: step(at.0), before });
                        old += 1;
                    }
                    (None, Some(after)) => {
                        pairings.push(Pairing::New { step: step(at.1), at: at.1, after });
                        new += 1;
                    }
                    (None, None) => break,
                }
            }
            (old, new) = (old_same + 1, new_same + 1);
        }
        pairings
    }
}

type Key = Vec<(String, String)>;

/// The places of a longest common subsequence.
fn common(before: &[&Tree], after: &[&Tree]) -> Vec<(usize, usize)> {
    if before.len().saturating_mul(after.len()) > LIMIT {
        let pairs = before.iter().zip(after).enumerate();
        return pairs.filter(|(_, (old, new))| old == new).map(|(at, _)| (at, at)).collect();
    }
    let width = after.len() + 1;
    // How many elements the two lists have in common from these places on.
    let mut lengths = vec![0_u32; (before.len() + 1) * width];
    let length =
        |lengths: &[u32], old: usize, new: usize| lengths.get(old * width + new).copied().unwrap_or(0);
    for (old, a) in before.iter().enumerate().rev() {
        for (new, b) in after.iter().enumerate().rev() {
            let best = if a == b {
                length(&lengths, old + 1, new + 1) + 1
            } else {
                length(&lengths, old + 1, new).max(length(&lengths, old, new + 1))
            };
            if let Some(cell) = lengths.get_mut(old * width + new) {
                *cell = best;
            }
        }
    }
    let (mut old, mut new, mut pairs) = (0, 0, Vec::new());
    while let (Some(a), Some(b)) = (before.get(old), after.get(new)) {
        if a == b {
            pairs.push((old, new));
            (old, new) = (old + 1, new + 1);
        } else if length(&lengths, old + 1, new) >= length(&lengths, old, new + 1) {
            old += 1;
        } else {
            new += 1;
        }
    }
    pairs
}

/// The values of a longest rising subsequence: what stays where it is when the others move.
fn longest_rise(places: &[usize]) -> Vec<usize> {
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(places.len());
    for (at, place) in places.iter().enumerate() {
        let before = (0..at).filter(|other| places.get(*other).is_some_and(|other| other < place));
        let longest = before.max_by_key(|other| best.get(*other).map(|(length, _)| *length));
        let length = longest.and_then(|other| best.get(other)).map_or(1, |(length, _)| length + 1);
        best.push((length, longest));
    }
    let mut at = (0..best.len()).max_by_key(|at| best.get(*at).map(|(length, _)| *length));
    let mut rise = Vec::new();
    while let Some(here) = at {
        rise.extend(places.get(here));
        at = best.get(here).and_then(|(_, before)| *before);
    }
    rise
}

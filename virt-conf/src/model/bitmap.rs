//! Sets of small numbers as libvirt spells them: `0-3,8,^2`.

use std::fmt::Write as _;

use crate::error::unsupported;
use crate::xml::{Codec, Error, ErrorCode, ErrorDomain, Expected, Value};

/// Larger numbers are refused, so that no document can ask for much memory.
const LIMIT: u32 = 16384;

/// A set of numbers: processors of the host, NUMA nodes, processors of the guest. Read from ranges, `^` takes one out;
/// written as ranges in ascending order.
///
/// ```
/// use virt_conf::model::Bitmap;
///
/// let cpus: Bitmap = "0-4,^2,9".parse()?;
/// assert_eq!(cpus.to_string(), "0-1,3-4,9");
/// assert!(cpus.contains(9) && !cpus.contains(2));
/// # Ok::<(), virt_conf::xml::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bitmap {
    /// 64 numbers a word; the last word is not zero.
    words: Vec<u64>,
}

impl Bitmap {
    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether `number` is in it.
    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        self.words.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// How many numbers are in it.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The largest number in it.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        let top = self.words.last()?;
        Some((self.words.len() as u32 - 1) * 64 + 63 - top.leading_zeros())
    }

    /// The numbers in it, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let bits = |word: u64| (0..64).filter(move |bit| word >> bit & 1 == 1);
        self.words
            .iter()
            .enumerate()
            .flat_map(move |(at, word)| bits(*word).map(move |bit| at as u32 * 64 + bit))
    }

    /// Adds `number`. One of 16384 or more is left out.
    pub fn insert(&mut self, number: u32) {
        if number >= LIMIT {
            return;
        }
        let at = number as usize / 64;
        if self.words.len() <= at {
            self.words.resize(at + 1, 0);
        }
        if let Some(word) = self.words.get_mut(at) {
            *word |= 1 << (number % 64);
        }
    }

    /// Takes `number` out.
    pub fn remove(&mut self, number: u32) {
        if let Some(word) = self.words.get_mut(number as usize / 64) {
            *word &= !(1 << (number % 64));
        }
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
    }

    /// Takes out every number from `limit` on.
    pub fn truncate(&mut self, limit: u32) {
        while let Some(last) = self.last().filter(|last| *last >= limit) {
            self.remove(last);
        }
    }

    /// Whether both have a number in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }

    fn scan(text: &str) -> Option<Self> {
        let mut set = Self::default();
        for part in text.split(',') {
            let part = part.trim();
            if let Some(out) = part.strip_prefix('^') {
                let number = number(out)?;
                // Taking out what is not in is a mistake to libvirt.
                if !set.contains(number) {
                    return None;
                }
                set.remove(number);
                continue;
            }
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first > last {
                return None;
            }
            (first..=last).for_each(|number| set.insert(number));
        }
        Some(set)
    }
}

fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number < LIMIT)
}

impl FromIterator<u32> for Bitmap {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut set = Self::default();
        numbers.into_iter().for_each(|number| set.insert(number));
        set
    }
}

impl std::str::FromStr for Bitmap {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::scan(text).ok_or_else(|| {
            Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, format!("Failed to parse bitmap '{text}'"))
        })
    }
}

impl std::fmt::Display for Bitmap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut numbers = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = numbers.next() {
            let mut last = first;
            while let Some(next) = numbers.next_if(|next| *next == last + 1) {
                last = next;
            }
            match last - first {
                0 => write!(f, "{separator}{first}")?,
                _ => write!(f, "{separator}{first}-{last}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}

impl Value for Bitmap {
    const KIND: crate::xml::Kind = crate::xml::Kind::Set;

    fn parse(text: &str) -> Result<Self, Expected> {
        text.parse().map_err(Expected::Whole)
    }
    fn format(&self, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = write!(out, "{self}");
    }
}

macro_rules! filled_set {
    ($($(#[$doc:meta])* $codec:ident $before:literal $behind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $codec {}

        impl Codec<Bitmap> for $codec {
            const KIND: crate::xml::Kind = crate::xml::Kind::Set;

            fn parse(text: &str) -> Result<Bitmap, Expected> {
                let set: Bitmap = text.parse()?;
                if set.is_empty() {
                    return Err(unsupported([$before, text, $behind].concat()).into());
                }
                Ok(set)
            }
            fn format(set: &Bitmap, out: &mut String) {
                set.format(out);
            }
        }
    )*};
}

filled_set! {
    /// A set of the host's processors; an empty one is refused.
    Cpuset "Invalid value of 'cpuset': " "";
    /// A set of NUMA nodes; an empty one is refused.
    Nodeset "Invalid value of 'nodeset': " "";
    /// A set of the guest's processors that share a schedule; an empty one is refused.
    SchedulerVcpus "'vcpus' scheduler bitmap '" "' is empty";
    /// A set of I/O threads that share a schedule; an empty one is refused.
    SchedulerIoThreads "'iothreads' scheduler bitmap '" "' is empty";
}

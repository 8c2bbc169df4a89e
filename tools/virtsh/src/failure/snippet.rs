//! The offending line of a document, with a caret.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use virt_core::{Error, Place};

use super::Document;

/// The error over the line that it is about; nothing when it names no place in the document.
pub(super) fn draw(error: &Error, document: &Document, colour: bool) -> Option<String> {
    let place = error.place()?;
    let span = span(&document.text, place)?;
    let annotation = AnnotationKind::Primary.span(span).label(place.path.as_str());
    let snippet = Snippet::source(document.text.as_str()).path(document.name.as_str()).annotation(annotation);
    let report = [Level::ERROR.primary_title(error.message()).element(snippet)];
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut drawn = renderer.render(&report);
    drawn.push('\n');
    Some(drawn)
}

/// The bytes of the word at `place`: a name with its value, or a single character.
fn span(text: &str, place: &Place) -> Option<std::ops::Range<usize>> {
    let line_index = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let mut offset = 0;
    let line = text.split_inclusive('\n').nth(line_index).map_or("", |line| {
        offset = line.as_ptr() as usize - text.as_ptr() as usize;
        line.trim_end_matches(['\n', '\r'])
    });
    if line.is_empty() && line_index >= text.lines().count() {
        // Behind the last line, where a document that ends too early ends.
        return Some(text.len()..text.len());
    }
    let start = line.char_indices().nth(column).map_or(line.len(), |(index, _)| index);
    let end = start + word_length(line.get(start..)?);
    Some(offset + start..offset + end)
}

/// How much of `rest` belongs together: `<name`, `name='value'`, `'value'`, or text up to the next tag.
fn word_length(rest: &str) -> usize {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '.');
    let opening = usize::from(rest.starts_with('<'));
    let name = rest[opening..].find(|c| !is_name(c)).unwrap_or(rest.len() - opening) + opening;
    let value = &rest[name..];
    let equals = value.len() - value.trim_start_matches([' ', '=']).len();
    let mut after = value[equals..].chars();
    match after.next() {
        Some(quote @ ('\'' | '"')) if equals > 0 || name == 0 => {
            let closing = after.as_str().find(quote).map_or(value.len() - equals, |at| at + 2);
            name + equals + closing
        }
        _ => name.max(rest.chars().next().map_or(0, char::len_utf8)),
    }
}

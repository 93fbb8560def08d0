//! The texts that a workflow was read from, and where a byte of them is in lines and columns.
//!
//! Filled while loading, read by whoever shows a place to a person.

use std::sync::Arc;

use crate::base::{Place, SourceId};

/// All texts, in the order in which they were read.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Source>);

#[derive(Clone, Debug)]
struct Source {
    name: Arc<str>,
    text: Arc<str>,
    /// The byte that each line starts at.
    lines: Arc<[usize]>,
}

/// A line and a column, both counted from 1; columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Sources {
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> SourceId {
        let text = text.into();
        let ends = text
            .bytes()
            .enumerate()
            .filter(|(at, byte)| *byte == b'\n' || (*byte == b'\r' && text.as_bytes().get(at + 1) != Some(&b'\n')));
        let lines = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        self.0.push(Source { name: name.into(), text, lines });
        SourceId(u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX))
    }

    /// A place of other sources, in these: a file of the same name and text is taken once.
    pub fn adopt(&mut self, from: &Self, place: Place) -> Place {
        let (name, text) = (from.name(place.source), from.text(place.source));
        let known = self.0.iter().position(|source| &*source.name == name && &*source.text == text);
        let source = match known {
            Some(at) => SourceId(u32::try_from(at).unwrap_or(u32::MAX)),
            None => self.add(name, text),
        };
        Place { source, ..place }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name that the author knows the text by; empty for a source that there is not.
    pub fn name(&self, source: SourceId) -> &str {
        self.source(source).map_or("", |source| &source.name)
    }

    pub fn text(&self, source: SourceId) -> &str {
        self.source(source).map_or("", |source| &source.text)
    }

    /// The text of a place, kept within its file and between characters.
    pub fn slice(&self, place: Place) -> &str {
        let text = self.text(place.source);
        let end = text.floor_char_boundary(place.end as usize);
        &text[text.floor_char_boundary(place.start as usize).min(end)..end]
    }

    pub fn start(&self, place: Place) -> Position {
        self.position(place.source, place.start as usize)
    }

    pub fn end(&self, place: Place) -> Position {
        self.position(place.source, place.end as usize)
    }

    /// How a person writes it: `text.yaml:3:7`.
    pub fn describe(&self, place: Place) -> String {
        let Position { line, column } = self.start(place);
        format!("{}:{line}:{column}", self.name(place.source))
    }

    fn position(&self, source: SourceId, at: usize) -> Position {
        let Some(Source { text, lines, .. }) = self.source(source) else { return Position { line: 1, column: 1 } };
        let at = text.floor_char_boundary(at);
        let line = lines.partition_point(|start| *start <= at);
        let start = lines[line.saturating_sub(1)];
        // A byte-order mark is invisible: no editor counts it.
        let before = text[start..at].trim_start_matches('\u{feff}');
        Position { line, column: before.chars().count() + 1 }
    }

    fn source(&self, source: SourceId) -> Option<&Source> {
        self.0.get(source.0 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let mut sources = Sources::default();
        let first = sources.add("a.yaml", "\u{feff}é: ü\r\nb: c\n");
        let second = sources.add("b.yaml", "a\rb");
        for (source, at, line, column) in [
            (first, 0, 1, 1),
            (first, 3, 1, 1),
            (first, 4, 1, 1),
            (first, 7, 1, 4),
            (first, 11, 2, 1),
            (first, 14, 2, 4),
            (first, 16, 3, 1),
            (first, 999, 3, 1),
            (second, 0, 1, 1),
            (second, 2, 2, 1),
            (SourceId(9), 5, 1, 1),
        ] {
            assert_eq!(sources.start(Place::new(source, at..at)), Position { line, column }, "{source:?} {at}");
        }
        assert_eq!(sources.slice(Place::new(first, 7..9)), "ü");
        assert_eq!(sources.slice(Place::new(first, 8..8)), "");
        assert_eq!(sources.describe(Place::new(first, 11..12)), "a.yaml:2:1");
    }
}

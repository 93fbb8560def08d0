//! The author's mistakes: values that point at a place in a text and say what to write instead.

use std::ops::Range;

/// One of the texts that a workflow was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// Some bytes of one text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub source: SourceId,
    pub start: u32,
    pub end: u32,
}

impl Place {
    pub fn new(source: SourceId, bytes: Range<usize>) -> Self {
        let fits = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { source, start: fits(bytes.start), end: fits(bytes.end.max(bytes.start)) }
    }
    pub fn bytes(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
    /// Whether all of another place is within this one.
    pub fn holds(self, other: Self) -> bool {
        self.source == other.source && self.start <= other.start && other.end <= self.end
    }
    /// A part of this place, given as bytes counted from its start; kept within it.
    pub fn within(self, part: Range<usize>) -> Self {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX).saturating_add(self.start).min(self.end);
        Self { source: self.source, start: clamp(part.start), end: clamp(part.end) }
    }
}

/// One mistake: what was expected, what there is, where, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// Stable, for programs: `workflow::unknown_need`.
    pub code: &'static str,
    pub place: Place,
    /// Lower case, no full stop: what was expected and what there is.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Other places that belong to it, each with its label.
    pub related: Vec<(Place, String)>,
}

impl Mistake {
    pub fn new(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self { code, place, message: message.into(), help: None, related: Vec::new() }
    }
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
    /// Help that may not be there, such as the nearest name.
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
    pub fn related(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related.push((place, label.into()));
        self
    }
}

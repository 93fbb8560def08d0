//! A mistake in one expression, at bytes of the text that was given.

use std::ops::Range;

use super::lex::At;

/// One mistake of an author. Whoever knows where the text stands in its file makes a `base::Mistake` of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrong {
    /// Stable, for programs: `rule::unknown_name`.
    pub code: &'static str,
    /// Bytes of the text that was given.
    pub bytes: Range<usize>,
    /// Lower case, no full stop: what was expected and what there is.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Wrong {
    pub(super) fn new(code: &'static str, at: At, message: impl Into<String>) -> Self {
        Self { code, bytes: at.start..at.end, message: message.into(), help: None }
    }
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

//! Whether a repository keeps the licence and the notice that it came with.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Candidate;
use crate::action::text::lines;

/// Whose licence and notice everybody must keep.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LicenceRule {
    /// The texts that are kept, by the name of their file. Without a licence or a notice here, everybody passes.
    #[serde(default)]
    pub reference: IndexMap<String, String>,
    /// Names under which our own licence is looked for.
    pub own_licences: Vec<String>,
    /// Names under which a licence is looked for; the first that is there counts.
    pub licences: Vec<String>,
    /// Names under which a notice is looked for; the first that is there counts.
    pub notices: Vec<String>,
    /// Which state of the code is looked at.
    pub at: State,
}

/// A state of somebody's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The commit that takes part.
    Commit,
    /// The default branch, whatever takes part.
    DefaultBranch,
}

impl LicenceRule {
    pub(super) fn is_kept(&self, it: &Candidate) -> bool {
        let files = match self.at {
            State::Commit => &it.files,
            State::DefaultBranch => &it.default_branch_files,
        };
        let licence = found(&self.reference, &self.own_licences);
        let notice = found(&self.reference, &self.notices);
        let (Some(licence), Some(notice)) = (licence, notice) else { return true };
        let same = |names, text: &str| found(files, names).is_some_and(|it| trimmed(it).eq(trimmed(text)));
        same(&self.licences, licence) && same(&self.notices, notice)
    }
}

fn found<'f>(files: &'f IndexMap<String, String>, names: &[String]) -> Option<&'f str> {
    names.iter().find_map(|name| files.get(name)).map(String::as_str)
}

/// Ends of lines, and blanks before them, make no difference.
fn trimmed(text: &str) -> impl Iterator<Item = &str> {
    lines(text).map(str::trim_end)
}

//! Whether a repository keeps the licence and the notice that it came with, by digests of their texts: whole texts of
//! hundreds of candidates would be too large for what a run records.

use std::{fmt::Write, sync::LazyLock};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Candidate;
use crate::{
    action::{Action, entry::decide, reflect, text::lines},
    base::Ty,
};

/// Whose licence and notice everybody must keep.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LicenceRule {
    /// The licence and the notice that are kept. Without one of each, everybody passes.
    #[serde(default)]
    pub reference: Vec<Kept>,
    /// Names under which our own licence is looked for.
    pub own_licences: Vec<String>,
    /// Names under which a licence is looked for; the first that is there counts.
    pub licences: Vec<String>,
    /// Names under which a notice is looked for; the first that is there counts.
    pub notices: Vec<String>,
    /// Which state of the code is looked at.
    pub at: State,
}

/// A file whose text is kept.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The name of our own file.
    pub name: String,
    /// The digest of its text, from `text_digest`.
    pub sha256: TextDigest,
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

/// The SHA-256 of a text, in 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct TextDigest(String);

impl TryFrom<String> for TextDigest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self(text.to_lowercase()));
        }
        let found = match text.chars().count() {
            count @ 0..=80 => format!("`{text}`, which has {count}"),
            count => format!("a text of {count} characters"),
        };
        Err(format!("expected a digest of 64 hexadecimal digits, as `text_digest` gives it, found {found}"))
    }
}

/// What `text_digest` takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Plain {
    /// The text of a file, such as a licence.
    text: String,
}

/// What `text_digest` gives.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Digested {
    /// The digest, in hexadecimal digits.
    sha256: TextDigest,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Digested>);

pub(super) fn action() -> Action {
    Action::pure::<Plain, Digested>(
        "text_digest",
        "Gives the digest of a text by which `register` tells whether a licence or a notice was kept. Ends of lines and \
         blanks before them do not change it.",
        |input| decide(input, &GIVES, |it: Plain| Ok(Digested { sha256: text_digest(&it.text) })),
    )
    .example("notice:\n  text_digest:\n    text: \"This product includes code of others.\"\n")
}

/// The digest of a text; ends of lines, and blanks before them, make no difference.
pub fn text_digest(text: &str) -> TextDigest {
    let mut hash = Sha256::new();
    for line in lines(text) {
        hash.update(line.trim_end().as_bytes());
        hash.update(b"\n");
    }
    TextDigest(hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

impl LicenceRule {
    pub(super) fn is_kept(&self, it: &Candidate) -> bool {
        let files = match self.at {
            State::Commit => &it.files,
            State::DefaultBranch => &it.default_branch_files,
        };
        self.why_not_kept(files).is_none()
    }

    /// Why some code does not keep them, by the digests of the files at its top.
    pub fn why_not_kept(&self, files: &IndexMap<String, TextDigest>) -> Option<String> {
        let ours = |names: &[String]| {
            names.iter().find_map(|name| self.reference.iter().find(|it| it.name == *name)).map(|it| &it.sha256)
        };
        let (licence, notice) = (ours(&self.own_licences)?, ours(&self.notices)?);
        [("licence", licence, &self.licences), ("notice", notice, &self.notices)].into_iter().find_map(
            |(what, kept, names)| match found(files, names) {
                Some((_, digest)) if digest == kept => None,
                Some((name, _)) => Some(format!("expected the {what} as it came, found another text in `{name}`")),
                None => Some(format!("expected the {what} as `{}`, found none", names.join("`, `"))),
            },
        )
    }
}

fn found<'f>(files: &'f IndexMap<String, TextDigest>, names: &'f [String]) -> Option<(&'f String, &'f TextDigest)> {
    names.iter().find_map(|name| Some((name, files.get(name)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_text_says_changes_its_digest() {
        let plain = text_digest("a licence\nof two lines\n");
        assert_eq!(plain.0, "567651af60d561a52be67be0e9ce01b4b26081cbe8ee9c9b95f5a68a6b5c4133");
        for same in ["a licence\r\nof two lines", "a licence \t\nof two lines  \n"] {
            assert_eq!(text_digest(same), plain, "{same:?}");
        }
        for other in [
            "a licence of two lines",
            " a licence\nof two lines",
            "A licence\nof two lines",
            "a licence\n\nof two lines",
        ] {
            assert_ne!(text_digest(other), plain, "{other:?}");
        }
    }

    #[test]
    fn a_text_is_no_digest() {
        let told = |text: &str| TextDigest::try_from(text.to_owned()).unwrap_err();
        let expected = "expected a digest of 64 hexadecimal digits, as `text_digest` gives it, found ";
        assert_eq!(told("a licence"), format!("{expected}`a licence`, which has 9"));
        assert_eq!(told(&"MIT ".repeat(3_000)), format!("{expected}a text of 12000 characters"));
        assert_eq!(TextDigest::try_from("AB".repeat(32)).unwrap(), TextDigest("ab".repeat(32)));
    }
}

//! `digest`: a digest of source code that blanks, empty lines and comments do not change.

use std::{collections::BTreeMap, fmt::Write, sync::LazyLock};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    action::{Action, entry::decide, reflect, text::lines},
    base::Ty,
};

/// What `digest` takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sources {
    /// The texts of the files, by their paths.
    pub files: IndexMap<String, String>,
    /// What is left out.
    pub without: LeftOut,
}

/// Files that say nothing about the code.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Names of folders, at any depth.
    #[serde(default)]
    pub folders: Vec<String>,
    /// Names of files.
    #[serde(default)]
    pub names: Vec<String>,
    /// Ends of names, such as `.png`.
    #[serde(default)]
    pub suffixes: Vec<String>,
}

/// What `digest` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Digested {
    /// The digest, in hexadecimal digits.
    pub sha256: String,
    /// How many characters count.
    pub chars: u64,
}

/// A file with a zero byte so early is no text.
const PROBED_BYTES: usize = 4_096;

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Digested>);

pub(super) fn action() -> Action {
    Action::pure::<Sources, Digested>(
        "digest",
        "Gives a digest of source code that blanks, empty lines and lines of comment do not change.",
        |input| decide(input, &GIVES, |it| Ok(digest(&it))),
    )
    .example(
        "source:\n  digest:\n    files: { train.py: \"x = 1\" }\n    without: { folders: [.git], suffixes: [.png] }\n",
    )
}

/// The digest of sources.
pub fn digest(sources: &Sources) -> Digested {
    let mut hash = Sha256::new();
    let mut chars = 0;
    let sorted: BTreeMap<&String, &String> = sources.files.iter().collect();
    for (path, text) in sorted.into_iter().filter(|(path, text)| counts(path, text, &sources.without)) {
        let text = normalised(text);
        chars += text.chars().count() as u64;
        hash.update(path.as_bytes());
        hash.update([0]);
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    let sha256 = hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Digested { sha256, chars }
}

fn counts(path: &str, text: &str, without: &LeftOut) -> bool {
    let probed = &text.as_bytes()[..text.len().min(PROBED_BYTES)];
    !without.has(path) && !probed.contains(&0)
}

impl LeftOut {
    /// Whether a file is left out by its path.
    pub fn has(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let suffix = name.rfind('.').filter(|at| *at > 0).map(|at| name[at..].to_lowercase());
        path.split('/').any(|part| self.folders.iter().any(|it| it == part))
            || self.names.iter().any(|it| it == name)
            || suffix.is_some_and(|suffix| self.suffixes.contains(&suffix))
    }
}

/// A text without empty lines and lines of comment, with single blanks.
pub fn normalised(text: &str) -> String {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let kept = lines(text).map(words).filter(|line| !line.is_empty() && !line.starts_with('#'));
    kept.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_counts_changes_the_digest() {
        let of = |files| {
            let without = json!({"folders": [".git"], "names": ["NOTICE"], "suffixes": [".png"]});
            digest(&serde_json::from_value(json!({"files": files, "without": without})).unwrap())
        };
        let plain = of(json!({"a.py": "x = 1\n"}));
        assert_eq!(plain.sha256, "db6c345bfe9fde14f448a45e1eb4d44a9c7e2ebeea97b8ad714fdc00b39ef834");
        for same in [
            json!({"a.py": "\n# why\n  x   =  1"}),
            json!({"a.py": "x = 1", "sub/.git/x": "y", "NOTICE": "n", "P.PNG": "p", "b": "\0"}),
        ] {
            assert_eq!(of(same), plain);
        }
        for other in [json!({"b.py": "x = 1"}), json!({"a.py": "x = 1", "b": ""}), json!({"a.py": "x=1"})] {
            assert_ne!(of(other), plain);
        }
    }
}

//! Names that an author gives: of steps, templates, rules, inputs, fields.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::limits::NAME_LENGTH_MAX;

/// A lower-case word such as `boss_round`: a letter, then letters, digits and underscores.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

/// Words that the rule language keeps for itself.
const RESERVED: &[&str] = &["true", "false", "null", "in", "has", "map", "filter", "all", "exists", "exists_one"];

impl Name {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut letters = text.chars();
        let starts_well = letters.next().is_some_and(|c| c.is_ascii_lowercase());
        if !starts_well || !letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
            return Err(format!(
                "expected a name of lower-case letters, digits and `_`, starting with a letter, found `{text}`"
            ));
        }
        if text.len() > NAME_LENGTH_MAX {
            return Err(format!("expected a name of at most {NAME_LENGTH_MAX} characters, found {}", text.len()));
        }
        if RESERVED.contains(&text) {
            return Err(format!("`{text}` is a word of the rule language; choose another name"));
        }
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn shared(&self) -> &Arc<str> {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}
impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().into()
    }
}
impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

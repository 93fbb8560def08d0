//! What a judge wrote about two submissions, read leniently.

use serde_json::{Map, Value as Json};

/// How two submissions are to one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relationship {
    Duplicate,
    Distinct,
    /// One is the other with something added to hide it.
    DropEvasion,
}

impl Relationship {
    const ALL: [(&'static str, Self); 3] =
        [("duplicate", Self::Duplicate), ("distinct", Self::Distinct), ("drop_evasion", Self::DropEvasion)];

    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, it)| *it == self).map_or("", |(word, _)| word)
    }
    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(it, _)| *it == word).map(|(_, it)| *it)
    }
}

/// A judge's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub relationship: Relationship,
    pub confidence: f64,
    pub reason: String,
}

/// Reads an answer: JSON somewhere in it, in double or in single quotes, or at least the word behind `relationship`.
pub fn parse(text: &str) -> Result<Verdict, String> {
    let object = objects(text).find_map(|it| verdict(&it));
    object.or_else(|| said(text)).ok_or_else(|| "the answer says no relationship".into())
}

/// What is between braces, as it is and with its quotes changed.
fn objects(text: &str) -> impl Iterator<Item = Map<String, Json>> {
    let inner = text.find('{').zip(text.rfind('}')).and_then(|(from, to)| text.get(from..=to));
    let read = |text: &str| serde_json::from_str::<Map<String, Json>>(text).ok();
    inner.into_iter().flat_map(move |text| read(text).into_iter().chain(read(&text.replace('\'', "\""))))
}

fn verdict(object: &Map<String, Json>) -> Option<Verdict> {
    let relationship = Relationship::parse(object.get("relationship")?.as_str()?)?;
    let confidence = match object.get("confidence") {
        Some(Json::Number(number)) => number.as_f64(),
        Some(Json::String(text)) => text.trim().parse().ok().filter(|it: &f64| it.is_finite()),
        _ => None,
    };
    let reason = object.get("reason").and_then(Json::as_str).unwrap_or_default().to_owned();
    Some(Verdict { relationship, confidence: confidence.unwrap_or_default(), reason })
}

/// The word behind `relationship`, with nothing but signs between.
fn said(text: &str) -> Option<Verdict> {
    text.match_indices("relationship").find_map(|(at, it)| {
        let rest = &text[at + it.len()..];
        let rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_');
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let relationship = Relationship::parse(&rest[..end])?;
        Some(Verdict { relationship, confidence: 0.0, reason: String::new() })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn answers_are_read_leniently() {
        for (text, expected) in [
            (r#"{"relationship":"duplicate","confidence":0.9,"reason":"x"}"#, Some(("duplicate", 0.9, "x"))),
            ("```json\n{\"relationship\": \"distinct\", \"confidence\": \"0.4\"}\n```", Some(("distinct", 0.4, ""))),
            ("{'relationship': 'drop_evasion', 'confidence': 1}", Some(("drop_evasion", 1.0, ""))),
            ("well: relationship = \"distinct\", I think", Some(("distinct", 0.0, ""))),
            ("the relationship is unclear", None),
            ("{\"verdict\": \"duplicate\"}", None),
            ("", None),
        ] {
            let found = parse(text).ok();
            let found = found.as_ref().map(|it| (it.relationship.word(), it.confidence, it.reason.as_str()));
            assert_eq!(found, expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_fail(text in "\\PC{0,60}(relationship|\\{|\\}|'|\"|: ){0,4}\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}

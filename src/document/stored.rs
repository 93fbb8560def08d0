//! A whole workflow as one text that needs no other file: what a run keeps, so that no later edit disturbs it.
//!
//! The text is the tree as JSON, in the order of the files, after parts, bases and the settings of the call were laid
//! together. Read back it is the same tree, but for the places: they all point at the text as a whole. Whoever reads it
//! checks it as any other document.

use serde_json::Value as Json;

use super::{Key, Node, Text, Tree, tree::Spelling};
use crate::base::{Place, SourceId};

/// What a part or a base declares may go unread, but not what the entry does. The text does not tell them apart, and its
/// entry was checked before.
const NOT_THE_ENTRY: SourceId = SourceId(1);

/// The text that is kept of a tree.
pub fn write(tree: &Tree) -> String {
    tree.to_json().to_string()
}

/// The tree that a text was made from.
pub fn read(text: &str) -> Result<Tree, String> {
    let json: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(tree(&json, Place::new(NOT_THE_ENTRY, 0..0)))
}

/// A tree that is written in no file.
pub fn tree(json: &Json, place: Place) -> Tree {
    let text = |text: &str| Text { text: text.into(), spelling: Spelling::Whole };
    let node = match json {
        Json::Null => Node::Null,
        Json::Bool(value) => Node::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Node::Whole(number),
            None => Node::Decimal(number.as_f64().unwrap_or(f64::MAX)),
        },
        Json::String(words) => Node::Text(text(words)),
        Json::Array(items) => Node::List(items.iter().map(|item| tree(item, place)).collect()),
        Json::Object(fields) => {
            let entry = |(key, value): (&String, &Json)| (Key { text: key.as_str().into(), place }, tree(value, place));
            Node::Map(fields.iter().map(entry).collect())
        }
    };
    Tree { place, node }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Sources, parse};

    #[test]
    fn what_is_stored_reads_back_as_the_same() {
        for text in [
            "god_flow: 1\nworkflow: x\nrules: { a: 1, b: 1.0, c: 0.1, d: -0.0, e: 1e300, f: null, g: yes }",
            "z: { b: 1, a: [x, \"1\", '0.3 TAO', true, 9223372036854775807] }",
            "text: |\n  two\n  lines \u{1F600}\n",
        ] {
            let (parsed, mistakes) = parse(Sources::default().add("x".to_owned(), text), text);
            assert!(mistakes.is_empty(), "{mistakes:?}");
            let mut parsed = parsed.unwrap();
            let again = read(&write(&parsed)).unwrap();
            parsed.stand_at(again.place);
            assert_eq!(again, parsed, "{text}");
            assert_eq!(write(&again), write(&parsed));
        }
    }
}

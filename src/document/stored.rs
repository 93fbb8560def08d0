//! A whole workflow as one text that needs no other file: what a run keeps, so that no later edit disturbs it.
//!
//! The text is the tree as JSON, in the order of the files, after parts, bases and the settings of the call were laid
//! together. Read back it is the same tree, but for the places: they all point at the text as a whole. Whoever reads it
//! checks it as any other document.

use std::{cell::RefCell, collections::HashSet, fmt, sync::Arc};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::{Key, Node, Text, Tree, tree::Spelling};
use crate::base::{Place, SourceId};

/// What a part or a base declares may go unread, but not what the entry does, which is the first source. The text does not
/// tell them apart, and its entry was checked before.
const NOWHERE: Place = Place { source: SourceId(1), start: 0, end: 0 };

/// The text that is kept of a tree.
pub fn write(tree: &Tree) -> String {
    tree.to_json().to_string()
}

/// The tree that a text was made from.
pub fn read(text: &str) -> Result<Tree, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let words = Words::default();
    let tree = At(NOWHERE, &words).deserialize(&mut reader).and_then(|tree| reader.end().map(|()| tree));
    tree.map_err(|error| error.to_string())
}

/// A tree that is written in no file.
pub fn tree(json: &Json, place: Place) -> Tree {
    At(place, &Words::default()).deserialize(json).expect("whatever JSON holds, a tree holds")
}

/// The words that were read before: keys and names come again and again, and are kept once.
#[derive(Default)]
struct Words(RefCell<HashSet<Arc<str>>>);

impl Words {
    /// A longer text hardly comes twice.
    const LENGTH_MAX: usize = 32;

    fn shared(&self, text: &str) -> Arc<str> {
        if text.len() > Self::LENGTH_MAX {
            return text.into();
        }
        let mut known = self.0.borrow_mut();
        if let Some(word) = known.get(text) {
            return word.clone();
        }
        let word: Arc<str> = text.into();
        known.insert(word.clone());
        word
    }
}

/// Reads a tree, all of it at one place.
#[derive(Clone, Copy)]
struct At<'w>(Place, &'w Words);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Tree;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Reads the key of a mapping.
struct Name<'w>(&'w Words);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Arc<str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Arc<str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Arc<str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, text: &str) -> Result<Arc<str>, E> {
        Ok(self.0.shared(text))
    }
}

impl At<'_> {
    fn tree(self, node: Node) -> Tree {
        Tree { place: self.0, node }
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Tree;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(self.tree(Node::Null))
    }
    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(self.tree(Node::Bool(value)))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(self.tree(Node::Whole(number)))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(self.tree(i64::try_from(number).map_or(Node::Decimal(number as f64), Node::Whole)))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(self.tree(Node::Decimal(number)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(self.tree(Node::Text(Text { text: self.1.shared(text), spelling: Spelling::Whole })))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        // Most lists and mappings are short, and there may be very many of them.
        list.shrink_to_fit();
        Ok(self.tree(Node::List(list)))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(text) = fields.next_key_seed(Name(self.1))? {
            entries.push((Key { text, place: self.0 }, fields.next_value_seed(self)?));
        }
        entries.shrink_to_fit();
        Ok(self.tree(Node::Map(entries)))
    }
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

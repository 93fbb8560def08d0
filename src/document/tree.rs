//! The tree of a document: plain values, each with the place it was written at.
//!
//! [`parse`](super::parse()) builds it, merging reshapes it, the checks read it. It never holds an alias, a tag,
//! an infinite number or two equal keys in one mapping.

use std::{ops::Range, sync::Arc};

use serde_json::Value as Json;

use crate::base::Place;

/// A value and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    pub place: Place,
    pub node: Node,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Null,
    Bool(bool),
    Whole(i64),
    /// Always finite.
    Decimal(f64),
    Text(Text),
    List(Vec<Tree>),
    /// In the order of the file; no key twice.
    Map(Vec<(Key, Tree)>),
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub text: Arc<str>,
    pub place: Place,
}

/// A text, and how its characters are spelled in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    pub text: Arc<str>,
    pub(super) spelling: Spelling,
}

/// How to find the bytes of a text in its file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Spelling {
    /// Escapes are in the way: only the whole scalar can be pointed at.
    Whole,
    /// The bytes stand in the file as they are, from this one on.
    Straight(u32),
    /// Every line stands in the file as it is.
    Lines(Arc<[Line]>),
}

/// One line of a text of several lines, without the white space around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) in_text: u32,
    pub(super) in_file: u32,
    pub(super) len: u32,
}

impl Tree {
    /// The value of a key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(known, _)| *known.text == *key).map(|(_, value)| value)
    }

    /// The key itself, for its place.
    pub fn key(&self, key: &str) -> Option<&Key> {
        self.entries().iter().map(|(known, _)| known).find(|known| *known.text == *key)
    }

    /// The entries of a mapping; none of anything else.
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.node {
            Node::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub fn items(&self) -> &[Self] {
        match &self.node {
            Node::List(items) => items,
            _ => &[],
        }
    }

    pub fn as_text(&self) -> Option<&Arc<str>> {
        match &self.node {
            Node::Text(text) => Some(&text.text),
            _ => None,
        }
    }

    pub fn as_whole(&self) -> Option<i64> {
        match self.node {
            Node::Whole(number) => Some(number),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.node {
            Node::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.node, Node::Null)
    }

    /// The value at a JSON pointer such as `/steps/field/checks/0`.
    pub fn at(&self, pointer: &str) -> Option<&Self> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |tree, step| match &tree.node {
            Node::List(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => tree.get(&step.replace("~1", "/").replace("~0", "~")),
        })
    }

    /// Where some bytes of a text are written; the whole value where escapes hide them.
    pub fn part(&self, part: Range<usize>) -> Place {
        let Node::Text(Text { text, spelling }) = &self.node else { return self.place };
        let end = part.end.min(text.len());
        let start = part.start.min(end);
        match spelling {
            Spelling::Whole => self.place,
            Spelling::Straight(from) => {
                let from = *from as usize;
                Place::new(self.place.source, from + start..from + end)
            }
            Spelling::Lines(lines) => {
                let start = in_file(lines, start, |line, at| line <= at);
                let end = in_file(lines, end, |line, at| line < at).max(start);
                Place::new(self.place.source, start..end)
            }
        }
    }

    /// Says of the whole tree that it is written at one place, as for a value that came with the call.
    pub fn stand_at(&mut self, place: Place) {
        self.place = place;
        match &mut self.node {
            Node::Text(text) => text.spelling = Spelling::Whole,
            Node::List(items) => items.iter_mut().for_each(|item| item.stand_at(place)),
            Node::Map(entries) => {
                for (key, value) in entries {
                    key.place = place;
                    value.stand_at(place);
                }
            }
            Node::Null | Node::Bool(_) | Node::Whole(_) | Node::Decimal(_) => {}
        }
    }

    pub fn to_json(&self) -> Json {
        match &self.node {
            Node::Null => Json::Null,
            Node::Bool(value) => (*value).into(),
            Node::Whole(number) => (*number).into(),
            Node::Decimal(number) => (*number).into(),
            Node::Text(text) => (*text.text).into(),
            Node::List(items) => items.iter().map(Self::to_json).collect(),
            Node::Map(entries) => {
                Json::Object(entries.iter().map(|(key, value)| (key.text.to_string(), value.to_json())).collect())
            }
        }
    }

    /// A few words on what this is, for messages: "a list of 3", "text `yes`".
    pub fn describe(&self) -> String {
        match &self.node {
            Node::Null => "nothing".into(),
            Node::Bool(value) => format!("`{value}`"),
            Node::Whole(number) => format!("the number {number}"),
            Node::Decimal(number) => format!("the number {number:?}"),
            Node::Text(text) => format!("text {}", quoted(&text.text)),
            Node::List(items) if items.is_empty() => "an empty list".into(),
            Node::List(items) => format!("a list of {}", items.len()),
            Node::Map(entries) => match entries.as_slice() {
                [] => "an empty mapping".into(),
                [(key, _)] => format!("a mapping with the key {}", quoted(&key.text)),
                [(key, _), ..] => format!("a mapping with the keys {}, …", quoted(&key.text)),
            },
        }
    }
}

/// The byte of the file that a byte of the text comes from: in the last line that starts well.
fn in_file(lines: &[Line], at: usize, starts: impl Fn(usize, usize) -> bool) -> usize {
    let after = lines.partition_point(|line| starts(line.in_text as usize, at));
    let line = lines[after.saturating_sub(1).min(lines.len() - 1)];
    line.in_file as usize + at.saturating_sub(line.in_text as usize).min(line.len as usize)
}

/// A text between backticks on one line, cut short when it is long.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let mut shown: String =
        text.trim_end_matches('\n').chars().take(SHOWN_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.trim_end_matches('\n').chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

impl Text {
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

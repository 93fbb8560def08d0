//! Types as authors spell them: `[entrant]`, `whole?`, `map[text]`, `'low' | 'high'`, or a mapping of fields.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    action::vocabulary,
    base::{
        Mistake, Name, Place, Ty,
        limits::{DOCUMENT_DEPTH_MAX, MISTAKES_SOUGHT_MAX, TYPE_PARTS_MAX},
        near,
    },
    document::{Key, Node, Tree},
};

/// The types that have a name: the vocabulary's and the author's own.
#[derive(Clone, Debug)]
pub struct Types(BTreeMap<Name, Ty>);

impl Default for Types {
    /// The vocabulary, and its plurals: `entrants` is `[entrant]`.
    fn default() -> Self {
        let mut types = BTreeMap::new();
        for (name, ty) in vocabulary::types() {
            if let Ok(plural) = Name::parse(&plural(name.as_str())) {
                types.insert(plural, Ty::list(ty.clone()));
            }
            types.insert(name, ty);
        }
        Self(types)
    }
}

fn plural(word: &str) -> String {
    match word {
        "match" => "matches".into(),
        "files" => "files_list".into(),
        _ => format!("{word}s"),
    }
}

const SCALARS: [(&str, Ty); 10] = [
    ("bool", Ty::Bool),
    ("whole", Ty::Whole),
    ("decimal", Ty::Decimal),
    ("text", Ty::Text),
    ("duration", Ty::Span),
    ("time", Ty::Time),
    ("tao", Ty::Tao),
    ("size", Ty::Size),
    ("gpus", Ty::Gpus),
    ("null", Ty::Null),
];

/// What other languages call them.
const ELSEWHERE: [(&str, &str); 9] = [
    ("int", "whole"),
    ("integer", "whole"),
    ("float", "decimal"),
    ("double", "decimal"),
    ("number", "decimal"),
    ("str", "text"),
    ("string", "text"),
    ("boolean", "bool"),
    ("datetime", "time"),
];

impl Types {
    /// Makes a name known whose type can never be.
    pub(super) fn know_of(&mut self, key: &Key) {
        if let Ok(name) = Name::parse(&key.text)
            && !self.0.contains_key(&name)
        {
            self.0.insert(name, Ty::Never);
        }
    }

    /// Adds a type that a document declares. It may use those that were added before.
    pub fn declare(&mut self, name: Name, key: &Key, tree: &Tree, mistakes: &mut Vec<Mistake>) {
        let ty = match self.read(tree, mistakes) {
            Ty::Record(record) => Ty::named_record(name.clone(), record.fields.clone()),
            other => other,
        };
        let is_scalar = name.as_str() == "map" || SCALARS.iter().any(|(word, _)| *word == name.as_str());
        if is_scalar || self.0.get(&name).is_some_and(|known| *known != Ty::Never) {
            let message = format!("`{name}` is a type of the language");
            return mistakes
                .push(Mistake::new("workflow::reserved_name", key.place, message).help("choose another name"));
        }
        let ty = bounded(ty, tree.place, mistakes);
        self.0.insert(name, ty);
    }

    /// The type that a text or a mapping spells; nothing useful, and a mistake, when it spells none.
    pub fn read(&self, tree: &Tree, mistakes: &mut Vec<Mistake>) -> Ty {
        if mistakes.len() >= MISTAKES_SOUGHT_MAX {
            return Ty::Never;
        }
        match &tree.node {
            Node::Text(text) => {
                let mut reader = TypeReader { types: self, text: text.as_str(), at: 0, depth: 0 };
                match reader.whole() {
                    Ok(ty) => ty,
                    Err((bytes, message, help)) => {
                        mistakes
                            .push(Mistake::new("workflow::unknown_type", tree.part(bytes), message).maybe_help(help));
                        Ty::Never
                    }
                }
            }
            Node::Map(entries) => Ty::record(entries.iter().filter_map(|(key, tree)| match Name::parse(&key.text) {
                Ok(name) => Some((name, self.read(tree, mistakes))),
                Err(why) => {
                    mistakes.push(Mistake::new("document::wrong_value", key.place, why));
                    None
                }
            })),
            Node::List(items) if items.len() == 1 => Ty::list(self.read(&items[0], mistakes)),
            Node::Null | Node::Bool(_) | Node::Whole(_) | Node::Decimal(_) | Node::List(_) => {
                mistakes.push(unknown(
                    tree.place,
                    &format!("expected a type such as `whole` or `[entrant]`, found {}", tree.describe()),
                ));
                Ty::Never
            }
        }
    }

    /// The type of that name.
    pub fn get(&self, word: &str) -> Option<Ty> {
        let scalar = SCALARS.iter().find(|(name, _)| *name == word).map(|(_, ty)| ty.clone());
        scalar.or_else(|| self.0.get(word).cloned())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        SCALARS.iter().map(|(word, _)| *word).chain(self.0.keys().map(Name::as_str))
    }
}

/// The words that the spelling of a type has, those of choices left out.
pub(super) fn mentioned<'t>(tree: &'t Tree, words: &mut BTreeSet<&'t str>) {
    match &tree.node {
        Node::Text(text) => {
            let outside_quotes = text.as_str().split('\'').step_by(2);
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            words.extend(outside_quotes.flat_map(|piece| piece.split(move |c| !is_part(c))));
        }
        Node::List(items) => items.iter().for_each(|item| mentioned(item, words)),
        Node::Map(entries) => entries.iter().for_each(|(_, value)| mentioned(value, words)),
        _ => {}
    }
}

/// A type that is not too large. Types that hold others twice, and those others twice, would soon be without end.
pub(super) fn bounded(ty: Ty, place: Place, mistakes: &mut Vec<Mistake>) -> Ty {
    if !ty.has_more_parts_than(TYPE_PARTS_MAX) {
        return ty;
    }
    let message = format!("this type has more than {TYPE_PARTS_MAX} parts, those inside its parts counted");
    mistakes.push(Mistake::new("workflow::too_large", place, message).help("hold less in one value"));
    Ty::Never
}

fn unknown(place: Place, message: &str) -> Mistake {
    Mistake::new("workflow::unknown_type", place, message)
}

type Trouble = (std::ops::Range<usize>, String, Option<String>);

struct TypeReader<'a> {
    types: &'a Types,
    text: &'a str,
    at: usize,
    depth: usize,
}

impl TypeReader<'_> {
    fn whole(&mut self) -> Result<Ty, Trouble> {
        let ty = self.union()?;
        self.skip_space();
        if self.at < self.text.len() {
            return Err(self.trouble("expected the end of the type"));
        }
        Ok(ty)
    }

    /// `'a' | 'b'`, or one type.
    fn union(&mut self) -> Result<Ty, Trouble> {
        let first = self.optional()?;
        let mut words = match &first {
            Ty::Choice(words) => words.to_vec(),
            _ => return Ok(first),
        };
        while self.eat("|") {
            let from = self.at;
            match self.optional()? {
                Ty::Choice(more) => words.extend(more.iter().cloned()),
                _ => return Err((from..self.at, "expected a word in quotes, such as `'high'`".into(), None)),
            }
        }
        Ok(Ty::Choice(words.into()))
    }

    fn optional(&mut self) -> Result<Ty, Trouble> {
        let ty = self.single()?;
        Ok(if self.eat("?") { Ty::optional(ty) } else { ty })
    }

    fn single(&mut self) -> Result<Ty, Trouble> {
        self.depth += 1;
        if self.depth > DOCUMENT_DEPTH_MAX {
            return Err(self.trouble("this type is nested too deep"));
        }
        self.skip_space();
        let ty = if self.eat("[") {
            let item = self.union()?;
            self.expect("]")?;
            Ty::list(item)
        } else if self.eat("(") {
            let inner = self.union()?;
            self.expect(")")?;
            inner
        } else if self.eat("'") {
            let end = self.text[self.at..].find('\'').ok_or_else(|| self.trouble("expected a closing quote"))?;
            let word = &self.text[self.at..self.at + end];
            self.at += end + 1;
            Ty::choice([word])
        } else {
            self.named()?
        };
        self.depth -= 1;
        Ok(ty)
    }

    fn named(&mut self) -> Result<Ty, Trouble> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = &rest[..end];
        let from = self.at;
        self.at += end;
        if word.is_empty() {
            return Err(self.trouble("expected a type"));
        }
        if word == "map" && self.eat("[") {
            let item = self.union()?;
            self.expect("]")?;
            return Ok(Ty::map(item));
        }
        self.types.get(word).ok_or_else(|| {
            let elsewhere = ELSEWHERE.iter().find(|(name, _)| *name == word.to_ascii_lowercase());
            let help = elsewhere.map(|(_, here)| format!("did you mean `{here}`?"));
            let help = help.or_else(|| near::did_you_mean(word, self.types.names()));
            (from..self.at, format!("there is no type `{word}`"), help)
        })
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }
    fn eat(&mut self, sign: &str) -> bool {
        self.skip_space();
        let found = self.text[self.at..].starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }
    fn expect(&mut self, sign: &str) -> Result<(), Trouble> {
        if self.eat(sign) { Ok(()) } else { Err(self.trouble(&format!("expected `{sign}`"))) }
    }
    fn trouble(&self, message: &str) -> Trouble {
        let next = self.text[self.at..].chars().next().map_or(0, char::len_utf8);
        let found =
            if next == 0 { "the end".to_string() } else { format!("`{}`", &self.text[self.at..self.at + next]) };
        (self.at..self.at + next, format!("{message}, found {found}"), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::SourceId, document};

    fn read(text: &str) -> Result<String, String> {
        let (tree, mistakes) = document::parse(SourceId(0), text);
        let tree = tree.ok_or_else(|| mistakes[0].message.clone())?;
        let mut mistakes = Vec::new();
        let ty = Types::default().read(&tree, &mut mistakes);
        mistakes.first().map_or(Ok(ty.to_string()), |mistake| Err(mistake.message.clone()))
    }

    #[test]
    fn types_are_read_as_they_are_printed() {
        for text in [
            "whole",
            "[entrant]",
            "map[decimal]",
            "text?",
            "[[task]?]",
            "'low' | 'high'",
            "('low' | 'high')?",
            "duration",
        ] {
            assert_eq!(read(&format!("\"{text}\"")).as_deref(), Ok(text));
        }
        assert_eq!(read("entrants").as_deref(), Ok("[entrant]"));
        assert_eq!(read("{ id: text, losses: '[decimal]' }").as_deref(), Ok("{id: text, losses: [decimal]}"));
        assert_eq!(read("entrnt"), Err("there is no type `entrnt`".into()));
        for (word, here) in [("int", "whole"), ("String", "text"), ("float", "decimal"), ("textt", "text")] {
            let (tree, _) = document::parse(SourceId(0), word);
            let mut mistakes = Vec::new();
            Types::default().read(&tree.expect("a word is a document"), &mut mistakes);
            assert_eq!(mistakes[0].help, Some(format!("did you mean `{here}`?")), "{word}");
        }
        for wrong in ["'[whole'", "whole whole", "'?'", "5", "\"'a' | whole\"", "\"'a\"", "'map[]'"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read(&format!("\"{}\"", "[".repeat(5_000))).is_err());
    }
}

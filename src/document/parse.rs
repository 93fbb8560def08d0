//! One pass over the events of a YAML text that builds its tree.
//!
//! What can be stepped over (a duplicate key, a tag, an alias) is reported and the rest is still read, so that
//! one look shows all mistakes; after a syntax error there is no tree. Depth, size and the number of mistakes
//! are bounded, and nothing recurses over the text.

use std::{collections::HashMap, ops::Range, sync::Arc};

use serde_yaml::granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span};

use super::{
    scalar, syntax,
    tree::{Key, Node, Text, Tree, quoted},
};
use crate::base::{
    Mistake, Place, SourceId,
    limits::{DOCUMENT_BYTES_MAX, DOCUMENT_DEPTH_MAX, MISTAKES_SOUGHT_MAX},
    near,
};

/// Reads one document. The tree is there whenever the text could be read to its end.
pub fn parse(source: SourceId, text: &str) -> (Option<Tree>, Vec<Mistake>) {
    if text.len() > DOCUMENT_BYTES_MAX {
        let mistake = Mistake::new(
            "document::too_large",
            Place::new(source, 0..0),
            format!("expected at most {DOCUMENT_BYTES_MAX} bytes in one file, found more"),
        );
        return (None, vec![mistake.help("cut the file into parts and `include` them")]);
    }
    let mut builder = Builder { source, text, open: Vec::new(), root: None, mistakes: Vec::new() };
    let read = builder.read();
    (read.and(builder.root), builder.mistakes)
}

struct Builder<'t> {
    source: SourceId,
    text: &'t str,
    open: Vec<Open>,
    root: Option<Tree>,
    mistakes: Vec<Mistake>,
}

/// A list or a mapping whose end was not seen yet.
struct Open {
    start: usize,
    /// Whether it stands between brackets.
    is_flow: bool,
    inside: Inside,
}

enum Inside {
    List(Vec<Tree>),
    Map { entries: Vec<(Key, Tree)>, known: HashMap<Arc<str>, Place>, next: Next },
}

/// What a mapping waits for.
enum Next {
    Key,
    Value(Key),
    /// The value of a key that was refused; it is read for its mistakes alone.
    Refused,
}

impl Builder<'_> {
    /// Nothing when there is no sense in going on.
    fn read(&mut self) -> Option<()> {
        let mut options = Options::default();
        options.disallow_directives = true;
        options.emit_unresolved_aliases = true;
        options.emit_anchor_events = true;
        options.set_emit_comments(false);
        // One more than we take, so that the limit is met here, where its place is known.
        options.flow_nesting_limit = DOCUMENT_DEPTH_MAX + 1;
        options.block_nesting_limit = DOCUMENT_DEPTH_MAX + 1;
        let mut documents = 0;
        for item in Parser::new_from_str_with_options(self.text, options) {
            let (event, span) = match item {
                Ok(item) => item,
                Err(error) => return self.broken(&error),
            };
            let bytes = self.bytes(span);
            match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        self.several(bytes);
                        return Some(());
                    }
                }
                Event::Anchor(_, name) => self.anchor(bytes, &format!("the anchor {}", quoted(&format!("&{name}")))),
                Event::Alias(_) | Event::UnresolvedAlias(_) => {
                    let alias = quoted(&self.text[bytes.clone()]);
                    self.anchor(bytes.clone(), &format!("the alias {alias}"));
                    if self.awaits_key() {
                        self.next(Next::Refused);
                    } else {
                        self.add(bytes, Node::Null);
                    }
                }
                Event::Scalar(value, style, _, tag) => {
                    self.tag(tag.is_some(), span);
                    if self.awaits_key() {
                        self.key(&value, style, bytes);
                    } else {
                        let node = self.scalar(&value, style, bytes.clone());
                        self.add(bytes, node);
                    }
                }
                Event::SequenceStart(_, _, tag) => {
                    self.tag(tag.is_some(), span);
                    self.open(bytes, Inside::List(Vec::new()))?;
                }
                Event::MappingStart(_, _, tag) => {
                    self.tag(tag.is_some(), span);
                    let inside = Inside::Map { entries: Vec::new(), known: HashMap::new(), next: Next::Key };
                    self.open(bytes, inside)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(bytes),
                _ => {}
            }
            if self.mistakes.len() >= MISTAKES_SOUGHT_MAX {
                return None;
            }
        }
        if self.root.as_ref().is_none_or(Tree::is_null) && self.mistakes.is_empty() {
            let mistake = Mistake::new("document::empty", self.place(0..0), "expected a document, found an empty file");
            self.mistakes.push(mistake.help("a workflow starts with `god_flow: 1` and `workflow: NAME`"));
            return None;
        }
        Some(())
    }

    fn bytes(&self, span: Span) -> Range<usize> {
        let at = |offset: Option<usize>| self.text.floor_char_boundary(offset.unwrap_or(0));
        let start = at(span.start.byte_offset());
        start..at(span.end.byte_offset()).max(start)
    }

    fn place(&self, bytes: Range<usize>) -> Place {
        Place::new(self.source, bytes)
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { inside: Inside::Map { next: Next::Key, .. }, .. }))
    }

    fn next(&mut self, now: Next) {
        if let Some(Open { inside: Inside::Map { next, .. }, .. }) = self.open.last_mut() {
            *next = now;
        }
    }

    fn open(&mut self, bytes: Range<usize>, inside: Inside) -> Option<()> {
        if self.awaits_key() {
            let what = if matches!(inside, Inside::List(_)) { "a list" } else { "a mapping" };
            let mistake = Mistake::new(
                "document::key",
                self.place(bytes.clone()),
                format!("expected a text as key, found {what}"),
            );
            // A key such as `{{ name }}` is what other tools put into templates.
            self.mistakes.push(mistake.help("put the key in quotes where it starts with `[` or `{`"));
        }
        if self.open.len() >= DOCUMENT_DEPTH_MAX {
            self.too_deep(bytes);
            return None;
        }
        self.open.push(Open { start: bytes.start, is_flow: !bytes.is_empty(), inside });
        Some(())
    }

    fn close(&mut self, bytes: Range<usize>) {
        let Some(Open { start, inside, .. }) = self.open.pop() else { return };
        // A block has no end of its own: it ends with its last value.
        let last = match &inside {
            Inside::List(items) => items.last().map(|item| item.place.end),
            Inside::Map { entries, .. } => entries.last().map(|(key, value)| value.place.end.max(key.place.end)),
        };
        let end = if bytes.is_empty() { last.map_or(start, |end| end as usize) } else { bytes.end };
        let node = match inside {
            Inside::List(items) => Node::List(items),
            Inside::Map { entries, .. } => Node::Map(entries),
        };
        if self.awaits_key() {
            self.next(Next::Refused);
        } else {
            self.add(start..end.max(start), node);
        }
    }

    /// Puts a value where it belongs.
    fn add(&mut self, bytes: Range<usize>, node: Node) {
        let value = Tree { place: self.place(bytes), node };
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(value),
            Some(Inside::List(items)) => items.push(value),
            Some(Inside::Map { entries, next, .. }) => {
                if let Next::Value(key) = std::mem::replace(next, Next::Key) {
                    entries.push((key, value));
                }
            }
        }
    }

    fn scalar(&mut self, value: &str, style: ScalarStyle, bytes: Range<usize>) -> Node {
        if style == ScalarStyle::Plain {
            match scalar::plain(value) {
                Ok(Some(node)) => return node,
                Ok(None) => {}
                Err(refused) => {
                    let mistake = Mistake::new("document::number", self.place(bytes.clone()), refused.message);
                    self.mistakes.push(mistake.help(refused.help));
                }
            }
        }
        let spelling = scalar::spelling(style, &self.text[bytes.clone()], bytes.start, value);
        Node::Text(Text { text: value.into(), spelling })
    }

    fn key(&mut self, value: &str, style: ScalarStyle, bytes: Range<usize>) {
        let place = self.place(bytes.clone());
        let plain = style == ScalarStyle::Plain;
        let next = if plain && !matches!(scalar::plain(value), Ok(None)) {
            let found = if bytes.is_empty() { "nothing".into() } else { quoted(value) };
            let mistake = Mistake::new("document::key", place, format!("expected a text as key, found {found}"));
            self.mistakes.push(if bytes.is_empty() {
                mistake.help("write a key before the `:`")
            } else if let Some(number) = with_comma(&self.text[..bytes.end]) {
                mistake.help(format!("a number has a point before its decimals: write `{number}`"))
            } else {
                mistake.help(format!("put the key in quotes: `\"{value}\"`"))
            });
            Next::Refused
        } else if plain && value == "<<" {
            let mistake = Mistake::new("document::anchor", place, "merge keys such as `<<` are not read");
            self.mistakes.push(mistake.help(INSTEAD_OF_ANCHORS));
            Next::Refused
        } else {
            let text: Arc<str> = value.into();
            match self.known(&text, place) {
                Some(first) => {
                    let message = format!("the key {} is given twice", quoted(value));
                    let mistake = Mistake::new("document::duplicate_key", place, message);
                    self.mistakes.push(mistake.help("keep one of the two").related(first, "first given here"));
                    Next::Refused
                }
                None => Next::Value(Key { text, place }),
            }
        };
        self.next(next);
    }

    /// Where the open mapping has this key already; else remembers it.
    fn known(&mut self, key: &Arc<str>, place: Place) -> Option<Place> {
        let Some(Open { inside: Inside::Map { known, .. }, .. }) = self.open.last_mut() else { return None };
        match known.get(key) {
            Some(first) => Some(*first),
            None => {
                known.insert(key.clone(), place);
                None
            }
        }
    }

    fn tag(&mut self, is_there: bool, span: Span) {
        if !is_there {
            return;
        }
        let bytes = self.bytes(span.tag_span().unwrap_or(span));
        let message = format!("tags such as {} are not read", quoted(&self.text[bytes.clone()]));
        let mistake = Mistake::new("document::tag", self.place(bytes), message);
        self.mistakes.push(mistake.help("leave the tag out; put the value in quotes to make it a text"));
    }

    fn anchor(&mut self, bytes: Range<usize>, what: &str) {
        let mistake = Mistake::new(
            "document::anchor",
            self.place(bytes),
            format!("anchors and aliases are not read, found {what}"),
        );
        self.mistakes.push(mistake.help(INSTEAD_OF_ANCHORS));
    }

    fn several(&mut self, bytes: Range<usize>) {
        let mistake =
            Mistake::new("document::several", self.place(bytes), "expected one document in a file, found a second one");
        self.mistakes.push(mistake.help("put what follows `---` into a file of its own"));
    }

    fn too_deep(&mut self, bytes: Range<usize>) {
        let message = format!("expected at most {DOCUMENT_DEPTH_MAX} levels of nesting, found more");
        let mistake = Mistake::new("document::too_deep", self.place(bytes), message);
        self.mistakes.push(mistake.help("name the inner steps in a template and `use` it"));
    }

    fn broken(&mut self, error: &ScanError) -> Option<()> {
        let at = self.text.floor_char_boundary(error.marker().byte_offset().unwrap_or(0));
        if *error.kind() == ErrorKind::RecursionLimitExceeded {
            self.too_deep(at..at);
        } else {
            let bracket = self.open.last().filter(|open| open.is_flow).map(|open| open.start);
            let innermost = bracket.and_then(|open| syntax::unclosed(self.source, self.text, open, at));
            let other = || syntax::mistake(self.source, self.text, at, error.kind());
            self.mistakes.push(innermost.unwrap_or_else(other));
        }
        None
    }
}

const INSTEAD_OF_ANCHORS: &str = "name what is shared: a template for steps, a rule for a value";

/// The number that ends a text with a comma in it, as in `0,8`, where the comma would end an entry.
fn with_comma(text: &str) -> Option<String> {
    let start = text.trim_end_matches(|c: char| c.is_ascii_digit() || c == ',').len();
    near::with_point(&text[start..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (Option<Tree>, Vec<Mistake>) {
        parse(SourceId(0), text)
    }

    /// Codes of the mistakes, each with the text it points at.
    fn check(text: &str, expected: &[(&str, &str)]) {
        let (_, mistakes) = read(text);
        let found: Vec<_> = mistakes.iter().map(|mistake| (mistake.code, &text[mistake.place.bytes()])).collect();
        assert_eq!(found, expected, "{text:?}: {mistakes:#?}");
    }

    #[test]
    fn every_mistake_is_pointed_at() {
        check("a: 1\nb: 2\na: 3\n", &[("document::duplicate_key", "a")]);
        check(
            "a: &x 1\nb: *x\nc: *y\n",
            &[("document::anchor", "&x"), ("document::anchor", "*x"), ("document::anchor", "*y")],
        );
        check("<<: {a: 1}\nb: 1\n", &[("document::anchor", "<<")]);
        check("a: !t 1\nb: !!str {c: 1}\n", &[("document::tag", "!t"), ("document::tag", "!!str")]);
        check("a: 1\n---\nb: 1\n", &[("document::several", "---")]);
        let help = |text: &str| parse(SourceId(0), text).1.remove(0).help.unwrap_or_default();
        assert_eq!(help("{ decay: 0,8, floor: 1 }"), "a number has a point before its decimals: write `0.8`");
        assert_eq!(help("{ decay: 0, 8, floor: 1 }"), "put the key in quotes: `\"8\"`");
        check(
            "1: a\ntrue: b\n: c\n[d]: e\n010: f\n'2': g\n",
            &[
                ("document::key", "1"),
                ("document::key", "true"),
                ("document::key", ""),
                ("document::key", "["),
                ("document::key", "010"),
            ],
        );
        check("", &[("document::empty", "")]);
        check("# nothing\n---\n", &[("document::empty", "")]);
        check("a: 010\nb: [.inf]\n", &[("document::number", "010"), ("document::number", ".inf")]);
        check("a:\n\t- b\n", &[("document::syntax", "\t")]);
        check("a: [1,\n", &[("document::syntax", "[")]);
        check("a: \"x\nb: 1\n", &[("document::syntax", "\"")]);
        check("a: b: c\n", &[("document::syntax", ":")]);
        check("a: {b: ${c}}\n", &[("document::syntax", "${")]);
        check("a: x\0y\n", &[("document::syntax", "\0")]);
        check("a: 'x\u{7}y'\n", &[("document::syntax", "\u{7}")]);
        check("a: |\n  x\u{1}y\n", &[("document::syntax", "\u{1}")]);
        check("%YAML 1.2\n---\na: b\n", &[("document::syntax", "%YAML 1.2")]);
        check("---\na: b\n...\n", &[]);
    }

    #[test]
    fn what_is_too_much_is_refused_and_nothing_overflows() {
        for (text, code) in [
            (" ".repeat(DOCUMENT_BYTES_MAX + 1), "document::too_large"),
            ("[".repeat(100_000), "document::too_deep"),
            ("{".repeat(100_000), "document::too_deep"),
            ("- ".repeat(100_000), "document::too_deep"),
            ("? ".repeat(100_000), "document::too_deep"),
            ("a: {b: [".repeat(10_000), "document::too_deep"),
            ((0..100).map(|n| format!("{}a:\n", " ".repeat(n))).collect(), "document::too_deep"),
            ("- !x\n".repeat(100_000), "document::tag"),
            ("1: a\n".repeat(100_000), "document::key"),
        ] {
            let (tree, mistakes) = read(&text);
            assert_eq!(mistakes.last().map(|mistake| mistake.code), Some(code), "{}…", &text[..8]);
            assert!(tree.is_none() && mistakes.len() <= MISTAKES_SOUGHT_MAX);
        }
        let deepest = format!("{}1{}", "[".repeat(DOCUMENT_DEPTH_MAX), "]".repeat(DOCUMENT_DEPTH_MAX));
        assert_eq!(read(&deepest).1, []);
        let wide = "a\u{e9}: [1, {b: 'c'}]\n".chars().collect::<String>();
        let wide: String = (0..40_000).map(|n| wide.replace('a', &format!("a{n}"))).collect();
        assert!(wide.len() < DOCUMENT_BYTES_MAX);
        assert_eq!(read(&wide).0.map(|tree| tree.entries().len()), Some(40_000));
    }

    #[test]
    fn a_part_of_a_text_is_where_it_is_written() {
        for (text, part, expected) in [
            ("a: one two\n", "two", "two"),
            ("a: 'öne two'\n", "two", "two"),
            ("\u{feff}a: \"one two\"\r\n", "two", "two"),
            ("a: |\n  one\n    two ö\n  three\n", "two ö", "two ö"),
            ("a: |\n  one\n    two\n  three\n", "three", "three"),
            ("a: >-\r\n  one\r\n  two\r\n", "two", "two"),
            ("a: >-\n  one\n  two\n", "one two", "one\n  two"),
            ("a: one\n  two three\n", "three", "three"),
            ("a: \"one\n  two\"\n", "two", "two"),
            ("a: 'it''s two'\n", "two", "'it''s two'"),
            ("a: \"\\u0061 two\"\n", "two", "\"\\u0061 two\""),
        ] {
            let (tree, mistakes) = read(text);
            assert_eq!(mistakes, [], "{text}");
            let tree = tree.unwrap();
            let value = tree.get("a").unwrap();
            let at = value.as_text().unwrap().find(part).unwrap();
            assert_eq!(&text[value.part(at..at + part.len()).bytes()], expected, "{text}");
        }
    }

    #[test]
    fn places_cover_what_was_written() {
        let text = "a:\n  b: [1, 2]  # c\n\n# d\ne:\n- f\n- {g: h}\n\n";
        let tree = read(text).0.unwrap();
        for (pointer, expected) in [
            ("/a", "b: [1, 2]"),
            ("/a/b", "[1, 2]"),
            ("/a/b/1", "2"),
            ("/e", "f\n- {g: h}"),
            ("/e/1", "{g: h}"),
            ("", text.trim_end()),
        ] {
            assert_eq!(&text[tree.at(pointer).unwrap().place.bytes()], expected, "{pointer}");
        }
        assert_eq!(tree.at("/e/2"), None);
        assert_eq!(tree.to_json(), serde_json::json!({"a": {"b": [1, 2]}, "e": ["f", {"g": "h"}]}));
    }

    const REAL: &str = "god_flow: 1\nworkflow: text\ninclude: [parts/entry.yaml]\nrules:\n  fee: 0.25 TAO\n  boss: { start: 0.05, decay: 0.8 }\n\
        schedule: { every: week, at: \"14:00\" }\nsteps:\n  field:\n    register:\n      at_least: \"${rules.minimum_field}\"\n      checks:\n      - a\n      - 'it''s'\n\
        \x20 rounds:\n    until: >-\n      size(carry.field)\n      <= 1\n    about: |\n      öne\n        two\n";

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}|[-:?{}\\[\\],&*!|>'\"%@`# \\n\\t\\ra-c0é~<]{0,80}") {
            within(&text)?;
        }

        #[test]
        fn a_damaged_document_is_read_or_refused(
            cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[-:?{}\\[\\],&*!|>'\"%@`# \\n\\t\\r\0a0é~]{0,3}"), 1..6)
        ) {
            let mut text: Vec<char> = REAL.chars().collect();
            for (at, gone, new) in cuts {
                let at = at.index(text.len() + 1);
                let end = (at + gone).min(text.len());
                text.splice(at..end, new.chars());
            }
            within(&text.into_iter().collect::<String>())?;
        }
    }

    /// Whatever comes out points into the text, and there is a tree or a reason.
    fn within(text: &str) -> Result<(), TestCaseError> {
        let (tree, mistakes) = read(text);
        prop_assert!(tree.is_some() || !mistakes.is_empty());
        for mistake in &mistakes {
            prop_assert!(text.get(mistake.place.bytes()).is_some(), "{mistake:?}");
        }
        tree.map_or(Ok(()), |tree| inside(text, &tree))
    }

    fn inside(text: &str, tree: &Tree) -> Result<(), TestCaseError> {
        prop_assert!(text.get(tree.place.bytes()).is_some(), "{tree:?}");
        if let Some(value) = tree.as_text() {
            for (at, c) in value.char_indices() {
                prop_assert!(text.get(tree.part(at..at + c.len_utf8()).bytes()).is_some(), "{tree:?}");
            }
        }
        for (key, value) in tree.entries() {
            prop_assert!(text.get(key.place.bytes()).is_some());
            inside(text, value)?;
        }
        tree.items().iter().try_for_each(|item| inside(text, item))
    }
}

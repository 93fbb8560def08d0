//! A slip of the pen in a workflow is found, and where it was made.
//!
//! Every key and every name of a shipped workflow is deleted or misspelled in turn, one at a time; a mistake must point at
//! the line of the edit, as its place or as a related one. What is free text, the workflow's own name and comments are
//! left alone.

#![expect(clippy::print_stdout, reason = "the share is what this measures")]

use std::{fmt, fs, ops::Range, path::Path};

use god_flow::{
    base::{Place, Seed, SourceId, seed::Stream},
    document::{Node, Reader, Tree, load, parse, types::is_modifier},
    workflow,
};

/// The shipped files, one of them with an edit.
struct Edited<'a> {
    path: &'a str,
    text: &'a str,
}

impl Reader for Edited<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        if path == self.path {
            return Ok(self.text.to_owned());
        }
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).map_err(|error| error.to_string())
    }
}

#[derive(Clone, Copy, Debug)]
enum Slip {
    Delete,
    Drop,
    Swap,
    Replace,
    Double,
}

const SLIPS: [Slip; 5] = [Slip::Delete, Slip::Drop, Slip::Swap, Slip::Replace, Slip::Double];

impl Slip {
    /// The word with this slip in it; nothing where it would stay as it is.
    fn of(self, word: &str, mut chance: Stream) -> Option<String> {
        let at = usize::try_from(chance.below(word.len() as u64)).ok()?;
        let mut bytes = word.as_bytes().to_vec();
        match self {
            Self::Delete => bytes.clear(),
            Self::Drop => drop(bytes.remove(at)),
            Self::Swap => bytes.swap(at, (at + 1) % word.len()),
            Self::Replace => bytes[at] = b'a' + u8::try_from(chance.below(26)).ok()?,
            Self::Double => bytes.insert(at, bytes[at]),
        }
        String::from_utf8(bytes).ok().filter(|slipped| slipped != word)
    }
}

/// The places of keys and names.
fn names(tree: &Tree, text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    gather(tree, "", text, &mut found);
    found.sort_by_key(|range| range.start);
    found.dedup();
    found
}

fn gather(tree: &Tree, under: &str, text: &str, found: &mut Vec<Range<usize>>) {
    match &tree.node {
        Node::Map(entries) => {
            for (key, value) in entries {
                found.push(key.place.bytes());
                match &*key.text {
                    _ if under == "takes" => whole(value, text, found),
                    "about" | "workflow" | "include" | "extends" if value.as_text().is_some() => {}
                    "include" => {}
                    "use" | "repeat" | "type" | "every" | "on" | "on_failure" | "on_time_limit" => {
                        whole(value, text, found);
                    }
                    "when" | "until" | "size" => words(value.place.bytes(), text, found),
                    name => gather(value, name, text, found),
                }
            }
        }
        Node::List(items) => items.iter().for_each(|item| gather(item, under, text, found)),
        Node::Text(written) => {
            let written = written.as_str();
            if written.contains("${") {
                let all = tree.place.bytes();
                let mut from = all.start;
                while let Some(open) = text[from..all.end].find("${") {
                    let start = from + open + 2;
                    let end = closing(text, start).min(all.end);
                    words(start..end, text, found);
                    from = end;
                }
            }
        }
        _ => {}
    }
}

/// A value that is a name.
fn whole(value: &Tree, text: &str, found: &mut Vec<Range<usize>>) {
    if value.as_text().is_some() {
        words(value.place.bytes(), text, found);
    }
}

/// Where the brace that was opened before `from` is closed.
fn closing(text: &str, from: usize) -> usize {
    let mut depth = 1;
    for (at, c) in text[from..].char_indices() {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if depth == 0 {
            return from + at;
        }
    }
    text.len()
}

/// The words of an expression, but for texts of several words, which are for people.
fn words(range: Range<usize>, text: &str, found: &mut Vec<Range<usize>>) {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    let mut at = range.start;
    while at < range.end {
        if bytes[at] == b'\''
            && let Some(length) = bytes[at + 1..range.end].iter().position(|byte| *byte == b'\'')
            && bytes[at + 1..][..length].contains(&b' ')
        {
            at += length + 2;
            continue;
        }
        let from = at;
        while at < range.end && is_word(bytes[at]) {
            at += 1;
        }
        if at > from && !bytes[from].is_ascii_digit() {
            found.push(from..at);
        }
        at = at.max(from + 1);
    }
}

/// An edit that no mistake points at.
struct Missed {
    line: usize,
    slip: Slip,
    word: String,
    slipped: String,
    told: Vec<String>,
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {:?} `{}` to `{}`: {}", self.line, self.slip, self.word, self.slipped, self.told.join("; "))
    }
}

/// All edits of a file: how many there were, and those that were missed.
fn edits(path: &str, seed: Seed) -> (usize, Vec<Missed>) {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("the workflow is there");
    let (tree, _) = parse(SourceId(0), &text);
    let mut count = 0;
    let mut missed = Vec::new();
    for (i, range) in names(&tree.expect("the workflow is YAML"), &text).into_iter().enumerate() {
        let word = &text[range.clone()];
        for slip in SLIPS {
            let Some(slipped) = slip.of(word, seed.stream(&format!("{i}/{slip:?}"))) else { continue };
            count += 1;
            let edited = format!("{}{slipped}{}", &text[..range.start], &text[range.end..]);
            let line = line(&edited, range.start);
            let (lines, told) = mistakes(path, &edited);
            if !lines.contains(&line) {
                missed.push(Missed { line, slip, word: word.to_owned(), slipped, told });
            }
        }
    }
    (count, missed)
}

fn line(text: &str, at: usize) -> usize {
    1 + text[..at.min(text.len())].matches('\n').count()
}

/// The lines of the file that mistakes point at, and what they say.
fn mistakes(path: &str, text: &str) -> (Vec<usize>, Vec<String>) {
    let (loaded, _, mut mistakes) = load(path, &Edited { path, text }, &is_modifier);
    if let Some(Err(more)) = loaded.map(|loaded| workflow::check_loaded(&loaded)) {
        mistakes.extend(more);
    }
    let told = mistakes
        .iter()
        .map(|mistake| format!("{} on line {}", mistake.message, line(text, mistake.place.start as usize)))
        .collect();
    let places = mistakes.iter().flat_map(|it| it.related.iter().map(|(place, _)| *place).chain([it.place]));
    let here = places.filter(|place: &Place| place.source == SourceId(0));
    (here.map(|place| line(text, place.start as usize)).collect(), told)
}

/// At least this share of all edits is pointed at.
const FOUND_MIN: f64 = 0.95;

fn check(path: &str) {
    let (count, missed) = edits(path, Seed(7));
    let share = 1.0 - missed.len() as f64 / count as f64;
    let listed: Vec<String> = missed.iter().map(ToString::to_string).collect();
    let summary =
        format!("{path}: {:.1} % of {count} edits are pointed at; not these:\n{}", 100.0 * share, listed.join("\n"));
    println!("{summary}");
    assert!(count >= 100 && share >= FOUND_MIN, "{summary}");
}

#[test]
fn slips_in_the_text_tournament_are_found() {
    check("workflows/text.yaml");
}

#[test]
fn slips_in_the_environment_tournament_are_found() {
    check("workflows/environment.yaml");
}

#[test]
fn slips_in_the_image_tournament_are_found() {
    let (count, missed) = edits("workflows/image.yaml", Seed(7));
    let listed: Vec<String> = missed.iter().map(ToString::to_string).collect();
    assert!(missed.len() * 10 <= count, "of {count} edits these are not pointed at:\n{}", listed.join("\n"));
}

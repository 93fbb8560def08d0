//! What a `.dockerignore` leaves out of a build, by its own rules: the last pattern that fits decides, `!` takes back in,
//! and a pattern for a folder is one for all that is in it.
//!
//! A stranger wrote it. Each pattern is gone through once for each name, whatever stands in it.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

const NAME: &str = ".dockerignore";
const BYTES_MAX: u64 = 64 << 10;
const PATTERNS_MAX: usize = 1_000;

/// Why it cannot be read.
#[derive(Debug)]
pub(super) enum Unread {
    /// It is not what it has to be.
    Theirs(String),
    Disk(io::Error),
}

#[derive(Default)]
pub(super) struct LeftOut(Vec<Pattern>);

struct Pattern {
    is_out: bool,
    parts: Vec<Part>,
}

/// What a pattern says of the names on a path.
enum Part {
    /// Any number of any names.
    Any,
    One(Vec<Sign>),
}

/// What a pattern says of the characters of a name.
enum Sign {
    /// Any number of any characters.
    Any,
    Some,
    Char(char),
    Set {
        is_not: bool,
        ranges: Vec<(char, char)>,
    },
}

impl LeftOut {
    /// What the file of a checkout says; nothing is left out where there is none.
    pub(super) fn of(tree: &Path) -> Result<Self, Unread> {
        let path = tree.join(NAME);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Unread::Disk(error)),
            Ok(found) if !found.is_file() => {
                return Err(Unread::Theirs(format!("expected a plain file as `{NAME}`, found something else")));
            }
            Ok(found) if found.len() > BYTES_MAX => {
                let (most, found) = (BYTES_MAX >> 10, found.len() >> 10);
                return Err(Unread::Theirs(format!("expected at most {most} KiB in `{NAME}`, found {found}")));
            }
            Ok(_) => {}
        }
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes)).map_err(Unread::Disk)?;
        Self::read(&String::from_utf8_lossy(&bytes)).map_err(Unread::Theirs)
    }

    fn read(text: &str) -> Result<Self, String> {
        let lines = text.trim_start_matches('\u{feff}').lines();
        let patterns = lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let patterns: Vec<Pattern> = patterns.map(Pattern::read).filter(|pattern| !pattern.parts.is_empty()).collect();
        if patterns.len() > PATTERNS_MAX {
            return Err(format!("expected at most {PATTERNS_MAX} patterns in `{NAME}`, found {}", patterns.len()));
        }
        Ok(Self(patterns))
    }

    pub(super) fn has(&self, path: &Path) -> bool {
        let names: Vec<Vec<char>> = path.iter().map(|name| name.to_string_lossy().chars().collect()).collect();
        // A folder's pattern is one for all below it, so that it is enough when the beginning of a path fits.
        let fits = |pattern: &Pattern| reached(&pattern.parts, &names)[1..].contains(&true);
        self.0.iter().rev().find(|pattern| fits(pattern)).is_some_and(|pattern| pattern.is_out)
    }
}

impl Pattern {
    fn read(line: &str) -> Self {
        let (is_out, line) = line.strip_prefix('!').map_or((true, line), |back| (false, back.trim()));
        let parts = line.split('/').filter(|part| !part.is_empty() && *part != ".");
        let part = |part: &str| if part == "**" { Part::Any } else { Part::One(signs(part)) };
        Self { is_out, parts: parts.map(part).collect() }
    }
}

fn signs(part: &str) -> Vec<Sign> {
    let mut signs = Vec::new();
    let chars: Vec<char> = part.chars().collect();
    let mut left = &chars[..];
    while let [first, rest @ ..] = left {
        left = rest;
        signs.push(match (first, rest) {
            ('*', _) => Sign::Any,
            ('?', _) => Sign::Some,
            ('\\', [c, rest @ ..]) => {
                left = rest;
                Sign::Char(*c)
            }
            ('[', rest) if let Some(end) = rest.iter().position(|c| *c == ']').filter(|end| *end > 0) => {
                left = &rest[end + 1..];
                set(&rest[..end])
            }
            (c, _) => Sign::Char(*c),
        });
    }
    signs
}

fn set(text: &[char]) -> Sign {
    let (is_not, mut left) = match text {
        ['^', text @ ..] => (true, text),
        text => (false, text),
    };
    let mut ranges = Vec::new();
    while let [from, rest @ ..] = left {
        let (to, rest) = match rest {
            ['-', to, rest @ ..] => (to, rest),
            rest => (from, rest),
        };
        ranges.push((*from, *to));
        left = rest;
    }
    Sign::Set { is_not, ranges }
}

/// What a pattern is made of.
trait Step<T> {
    fn is_any(&self) -> bool;
    fn takes(&self, one: &T) -> bool;
}

impl Step<Vec<char>> for Part {
    fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    fn takes(&self, name: &Vec<char>) -> bool {
        match self {
            Self::Any => true,
            Self::One(signs) => reached(signs, name)[name.len()],
        }
    }
}

impl Step<char> for Sign {
    fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    fn takes(&self, c: &char) -> bool {
        match self {
            Self::Any | Self::Some => true,
            Self::Char(own) => own == c,
            Self::Set { is_not, ranges } => ranges.iter().any(|(from, to)| (from..=to).contains(&c)) != *is_not,
        }
    }
}

/// How much of what there is a pattern may take from the beginning on: whether it may take none, one, two and so on.
fn reached<T>(steps: &[impl Step<T>], all: &[T]) -> Vec<bool> {
    let mut reached = vec![false; all.len() + 1];
    reached[0] = true;
    for step in steps {
        let mut was = false;
        for at in 0..=all.len() {
            let is = reached[at];
            reached[at] = if step.is_any() { is || was } else { was && step.takes(&all[at - 1]) };
            was = if step.is_any() { reached[at] } else { is };
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn what_is_left_out_is_what_docker_leaves_out() {
        for (patterns, path, expected) in [
            ("", "a", false),
            ("a", "a", true),
            ("a", "a/b/c", true),
            ("a", "b/a", false),
            ("**/a", "b/c/a", true),
            ("**/a", "a", true),
            ("*.md", "x.md", true),
            ("*.md", "a/x.md", false),
            ("**/*.md", "a/b/x.md", true),
            ("/a/", "a", true),
            ("./a", "a/b", true),
            ("*\n!keep", "keep", false),
            ("*\n!keep", "other", true),
            ("*\n!a/keep", "a/keep", false),
            ("!keep\n*", "keep", true),
            ("# a\na", "# a", false),
            ("x?z", "xyz", true),
            ("x[a-c]z", "xbz", true),
            ("x[^a-c]z", "xbz", false),
            ("x[ab-dz]z", "xcz", true),
            ("x[z", "x[z", true),
            ("x\\*z", "x*z", true),
            ("x\\*z", "xyz", false),
            ("a/**", "a/b/c", true),
            ("a/*/c", "a/b/c/d", true),
            ("a/**/b/**/c", "a/x/b/c", true),
            ("a/**/b/**/c", "a/x/c/b", false),
            ("a*b*c", "axbxc", true),
            ("a*b*c", "axcxb", false),
        ] {
            assert_eq!(LeftOut::read(patterns).unwrap().has(Path::new(path)), expected, "{path} by {patterns:?}");
        }
    }

    #[test]
    fn no_pattern_takes_longer_than_it_is_long() {
        let began = Instant::now();
        let (stars, folders) = ("*a".repeat(60) + "b", "**/a/".repeat(60) + "b");
        let out = LeftOut::read(&format!("{stars}\n{folders}")).unwrap();
        assert!(!out.has(Path::new(&"a".repeat(200))));
        assert!(!out.has(Path::new(&"a/".repeat(200))));
        assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn what_is_no_list_of_patterns_is_its_authors() {
        let tree = tempfile::tempdir().unwrap();
        let path = tree.path().join(NAME);
        assert!(!LeftOut::of(tree.path()).unwrap().has(Path::new("a")));
        fs::write(&path, b"\xff\xfe\na\n").unwrap();
        assert!(LeftOut::of(tree.path()).unwrap().has(Path::new("a")), "what is no text fits nothing");
        let theirs = |words: &str| match LeftOut::of(tree.path()) {
            Err(Unread::Theirs(why)) => assert!(why.contains(words), "{why}"),
            other => panic!("{words}: {:?}", other.err()),
        };
        fs::write(&path, "a\n".repeat(PATTERNS_MAX + 1)).unwrap();
        theirs("found 1001");
        fs::write(&path, "a".repeat(70_000)).unwrap();
        theirs("at most 64 KiB");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        theirs("expected a plain file");
    }
}

//! The few regular expressions that our schemas hold: characters and classes, each with a repetition.
//!
//! `^[a-z][a-z0-9_]*$` is the usual one. Groups and alternatives are not read; the tests of the schema refuse
//! them. Matching takes time in proportion to the text, whatever the pattern.

/// A pattern, as atoms that follow one another.
pub(super) struct Pattern {
    atoms: Vec<Atom>,
    from_start: bool,
    to_end: bool,
}

#[derive(Clone)]
struct Atom {
    class: Class,
    may_be_absent: bool,
    repeats: bool,
}

#[derive(Clone)]
struct Class {
    ranges: Vec<(char, char)>,
    negated: bool,
}

/// Atoms that counted repetitions may be written out as.
const ATOMS_MAX: usize = 512;

impl Pattern {
    /// Nothing when the pattern holds more than we read.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let mut rest = pattern.chars().peekable();
        let from_start = rest.next_if_eq(&'^').is_some();
        let (mut atoms, mut to_end) = (Vec::new(), false);
        while let Some(c) = rest.next() {
            let class = match c {
                '$' if rest.peek().is_none() => {
                    to_end = true;
                    break;
                }
                '.' => Class { ranges: vec![('\n', '\n')], negated: true },
                '[' => class(&mut rest)?,
                '\\' => escaped(rest.next()?)?,
                '(' | ')' | '|' | '*' | '+' | '?' | '{' | '}' | '^' | '$' | ']' => return None,
                c => Class { ranges: vec![(c, c)], negated: false },
            };
            let (least, most) = match rest.next_if(|c| matches!(c, '*' | '+' | '?' | '{')) {
                Some('*') => (0, None),
                Some('+') => (1, None),
                Some('?') => (0, Some(1)),
                Some(_) => counts(&mut rest)?,
                None => (1, Some(1)),
            };
            let atom = |may_be_absent, repeats| Atom { class: class.clone(), may_be_absent, repeats };
            if least.max(most.unwrap_or(0)) > ATOMS_MAX || atoms.len() > ATOMS_MAX {
                return None;
            }
            atoms.extend(std::iter::repeat_n(atom(false, false), least));
            match most {
                None => atoms.push(atom(true, true)),
                Some(most) => atoms.extend(std::iter::repeat_n(atom(true, false), most.checked_sub(least)?)),
            }
        }
        Some(Self { atoms, from_start, to_end })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        // at[i]: the text so far may be followed by atom i.
        let mut at = vec![false; self.atoms.len() + 1];
        self.reach(&mut at, 0);
        for c in text.chars() {
            if at[self.atoms.len()] && !self.to_end {
                return true;
            }
            let mut next = vec![false; self.atoms.len() + 1];
            for (index, atom) in self.atoms.iter().enumerate() {
                if at[index] && atom.class.holds(c) {
                    self.reach(&mut next, if atom.repeats { index } else { index + 1 });
                }
            }
            if !self.from_start {
                self.reach(&mut next, 0);
            }
            at = next;
        }
        at[self.atoms.len()]
    }

    fn reach(&self, at: &mut [bool], from: usize) {
        for (index, reached) in at.iter_mut().enumerate().skip(from) {
            *reached = true;
            if self.atoms.get(index).is_some_and(|atom| !atom.may_be_absent) {
                return;
            }
        }
    }
}

impl Class {
    fn holds(&self, c: char) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&c)) != self.negated
    }
}

type Rest<'p> = std::iter::Peekable<std::str::Chars<'p>>;

fn class(rest: &mut Rest<'_>) -> Option<Class> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let first = match rest.next()? {
            ']' => return Some(Class { ranges, negated }),
            '[' => return None,
            '\\' => {
                let escaped = escaped(rest.next()?)?;
                match escaped.ranges.as_slice() {
                    [(first, last)] if first == last && !escaped.negated => *first,
                    _ if escaped.negated => return None,
                    _ => {
                        ranges.extend(escaped.ranges);
                        continue;
                    }
                }
            }
            c => c,
        };
        let is_range = rest.peek() == Some(&'-') && rest.clone().nth(1) != Some(']');
        let last = if is_range { rest.nth(1).filter(|c| *c != '\\')? } else { first };
        ranges.push((first, last));
    }
}

fn escaped(c: char) -> Option<Class> {
    let ranges = match c {
        'd' => vec![('0', '9')],
        'w' => vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')],
        's' => vec![(' ', ' '), ('\t', '\r')],
        'S' => return Some(Class { ranges: vec![(' ', ' '), ('\t', '\r')], negated: true }),
        c if c.is_ascii_alphanumeric() => return None,
        c => vec![(c, c)],
    };
    Some(Class { ranges, negated: false })
}

/// `2}`, `2,}` or `2,5}`, behind the opening brace.
fn counts(rest: &mut Rest<'_>) -> Option<(usize, Option<usize>)> {
    let mut text = String::new();
    while let Some(c) = rest.next_if(|c| *c != '}') {
        text.push(c);
    }
    rest.next()?;
    match text.split_once(',') {
        None => text.parse().ok().map(|count| (count, Some(count))),
        Some((least, "")) => least.parse().ok().map(|least| (least, None)),
        Some((least, most)) => Some((least.parse().ok()?, Some(most.parse().ok()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_schemas_match_as_regular_expressions_do() {
        for (pattern, good, bad) in [
            ("^[a-z][a-z0-9_]*$", &["a", "a_1", "abc"][..], &["", "A", "1a", "a-b", "aé"][..]),
            ("^[a-z][a-z0-9_]{0,3}$", &["a", "abcd"], &["abcde", ""]),
            ("^\\d+x[A-Z0-9]+$", &["1xH100", "12xB200"], &["x1", "1x", "1xh"]),
            ("a.c", &["xxabcxx", "aac"], &["ac", "a\nc"]),
            ("^[^ ]+@sha256:[0-9a-f]{4}", &["x@sha256:00ffee"], &["x@sha256:00f", " @sha256:00ff"]),
            ("^a?b$", &["b", "ab"], &["aab", "a"]),
            ("^[a-]+\\.$", &["a-."], &["a-", "b."]),
            ("", &["", "x"], &[]),
            ("^a*a*a*a*a*b$", &["aaab"], &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]),
        ] {
            let read = Pattern::new(pattern).expect(pattern);
            good.iter().for_each(|text| assert!(read.matches(text), "{pattern} {text:?}"));
            bad.iter().for_each(|text| assert!(!read.matches(text), "{pattern} {text:?}"));
        }
        for pattern in ["(a|b)", "a|b", "a**", "[a", "\\b", "a{99999}", "a{3,1}", "a{3", "a}", "*", "[[:alpha:]]"] {
            assert!(Pattern::new(pattern).is_none(), "{pattern}");
        }
    }
}

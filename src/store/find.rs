//! Which run a person means.

use super::RunHeader;
use crate::run::record::RunId;

/// The run that always is the newest one.
pub(super) const LATEST: &str = "@latest";
/// Candidates that are shown.
pub(super) const FOUND_MAX: usize = 10;

/// What was found by the start of an id or of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    None,
    One(RunHeader),
    /// Some of those that fit, the newest first.
    Several(Vec<RunHeader>),
}

/// Chooses among the runs that fit. A name in full is meant even where it is also the start of another.
pub(super) fn choose(text: &str, mut fitting: Vec<RunHeader>) -> Found {
    let mut so_called = fitting.iter().enumerate().filter(|(_, run)| run.name == text).map(|(i, _)| i);
    match (fitting.len(), so_called.next(), so_called.next()) {
        (0, _, _) => Found::None,
        (1, _, _) => Found::One(fitting.remove(0)),
        (_, Some(only), None) => Found::One(fitting.remove(only)),
        _ => Found::Several(fitting),
    }
}

/// The first and the last of the ids that start with the text; none if no id can.
pub(super) fn ids(text: &str) -> Option<(RunId, RunId)> {
    let mut digits = String::with_capacity(32);
    for (at, letter) in text.char_indices() {
        match letter {
            '-' if matches!(at, 8 | 13 | 18 | 23) => {}
            letter if letter.is_ascii_hexdigit() && digits.len() < 32 => digits.push(letter),
            _ => return None,
        }
    }
    let bound = |fill: &str| {
        let padded = format!("{digits}{}", fill.repeat(32 - digits.len()));
        u128::from_str_radix(&padded, 16).ok().map(|bits| RunId::from_bytes(bits.to_be_bytes()))
    };
    Some((bound("0")?, bound("f")?)).filter(|_| !digits.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_an_id_spans_all_ids_that_start_so() {
        let span = |text: &str| ids(text).map(|(first, last)| (first.to_string(), last.to_string()));
        let expect = |first: &str, last: &str| Some((first.to_owned(), last.to_owned()));
        for (text, expected) in [
            ("a", expect("a0000000-0000-0000-0000-000000000000", "afffffff-ffff-ffff-ffff-ffffffffffff")),
            ("0198C5F2-7", expect("0198c5f2-7000-0000-0000-000000000000", "0198c5f2-7fff-ffff-ffff-ffffffffffff")),
            ("0198c5f27", expect("0198c5f2-7000-0000-0000-000000000000", "0198c5f2-7fff-ffff-ffff-ffffffffffff")),
            ("", None),
            ("-", None),
            ("brave-otter", None),
            ("0198c5f2-7c1e-7d3a-9b54-3f0e8a6d2c710", None),
        ] {
            assert_eq!(span(text), expected, "{text}");
        }
    }
}

//! Names that people can say: `brave-otter`.

use crate::{base::Seed, run::RunId};

const ADJECTIVES: [&str; 64] = [
    "able", "amber", "apt", "bold", "brave", "bright", "brisk", "calm", "clear", "clever", "cool", "cosy", "crisp",
    "daring", "deft", "dry", "eager", "early", "even", "fair", "fast", "fine", "firm", "fresh", "gentle", "glad",
    "gold", "good", "grand", "green", "happy", "hardy", "high", "honest", "jolly", "keen", "kind", "lively", "loud",
    "lucky", "merry", "mild", "neat", "new", "nimble", "noble", "patient", "plain", "proud", "quick", "quiet", "rapid",
    "ready", "sharp", "silent", "silver", "sleek", "steady", "still", "sunny", "swift", "tidy", "warm", "wise",
];
const NOUNS: [&str; 64] = [
    "anchor", "arrow", "badger", "beacon", "bear", "birch", "brook", "canyon", "cedar", "comet", "condor", "coral",
    "crane", "creek", "delta", "dove", "eagle", "elm", "ember", "falcon", "fern", "finch", "fjord", "fox", "garnet",
    "glade", "grove", "harbor", "hare", "hawk", "heron", "ibis", "island", "jay", "kestrel", "lagoon", "lark", "lynx",
    "maple", "marten", "meadow", "mesa", "moon", "oak", "orca", "osprey", "otter", "owl", "pebble", "pine", "plover",
    "puffin", "raven", "reef", "ridge", "robin", "seal", "spruce", "stone", "swan", "tern", "thrush", "wren", "yak",
];
/// Names without a number that are tried before one with a number.
const PLAIN: u32 = 8;

/// Names for a run, always the same ones for the same run, without end.
pub(super) fn candidates(run: RunId) -> impl Iterator<Item = String> {
    let id = u128::from_be_bytes(*run.as_bytes());
    let seed = Seed((id >> 64) as u64 ^ id as u64);
    let mut stream = seed.stream("name");
    (1u32..).map(move |number| {
        let adjective = ADJECTIVES[stream.below(ADJECTIVES.len() as u64) as usize];
        let noun = NOUNS[stream.below(NOUNS.len() as u64) as usize];
        match number {
            ..=PLAIN => format!("{adjective}-{noun}"),
            number => format!("{adjective}-{noun}-{}", number - PLAIN),
        }
    })
}

/// Why a run cannot be called so; nothing if it can.
pub(super) fn unfit(name: &str) -> Option<String> {
    const LENGTH_MAX: usize = 64;
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits =
        name.len() <= LENGTH_MAX && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_good);
    (!fits).then(|| {
        format!("expected at most {LENGTH_MAX} letters, digits, `-`, `_` and `.`, of which a letter or a digit is first, found {name:?}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_the_run_alone_and_never_end() {
        let run = |last| RunId::from_bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, last]);
        let names: Vec<String> = candidates(run(1)).take(20).collect();
        assert_eq!(names, candidates(run(1)).take(20).collect::<Vec<_>>());
        assert_ne!(names[0], candidates(run(2)).next().unwrap());
        assert!(names[8].ends_with("-1") && names[19].ends_with("-12"), "{names:?}");
    }

    #[test]
    fn names_can_be_said_and_typed() {
        for good in ["brave-otter", "7", "text.2026-11-21", "A_b"] {
            assert_eq!(unfit(good), None);
        }
        for bad in ["", "@latest", "-x", "a b", "\u{1b}[31mx", "é", &"x".repeat(65)] {
            assert!(unfit(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn words_are_told_apart() {
        let mut all: Vec<&str> = ADJECTIVES.iter().chain(&NOUNS).copied().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), ADJECTIVES.len() + NOUNS.len());
    }
}

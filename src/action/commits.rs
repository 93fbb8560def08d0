//! `commits`: which of the commitments on a chain count, which still wait, and which never will.
//!
//! What they say is read from the chain before, by work; here they are only judged. All of it is counted in blocks.

use std::{collections::HashMap, sync::LazyLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect};
use crate::base::{Ty, ss58};

/// What `commits` takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Commits {
    /// The commitments that were found, in any order.
    pub found: Vec<Commitment>,
    /// The block up to which they were read.
    pub block: u64,
    /// Those that have counted before, in earlier runs.
    #[serde(default)]
    pub before: Vec<Commitment>,
    /// Which of them count.
    #[serde(default)]
    pub rules: Rules,
}

/// What somebody has committed on a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// The key that committed it.
    pub hotkey: String,
    /// The key that owns that one, as the chain says.
    pub coldkey: Option<String>,
    /// The block that it was committed in.
    pub block: u64,
    /// The block that it was revealed in; null while it is hidden.
    pub revealed: Option<u64>,
    /// Where that is which was handed in: an address, or a repository of the hub.
    pub place: Option<String>,
    /// The hash of what was handed in.
    pub hash: Option<String>,
}

/// Which commitments count.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CommitsRules")]
pub struct Rules {
    /// For so many blocks a commitment must have been hidden; left out, nothing is hidden.
    #[serde(default)]
    pub hidden_for: Option<u64>,
    /// So many blocks must lie between two commitments of one key that count.
    #[serde(default)]
    pub apart: u64,
    /// Of those with the same hash, the one of the earliest block counts; of the same block, the one that is listed first.
    #[serde(default)]
    pub one_of_a_hash: bool,
    /// Of one key's with the same hash, the one of the earliest block counts.
    #[serde(default)]
    pub not_twice: bool,
    /// Only the latest of each key counts.
    #[serde(default)]
    pub latest_only: bool,
}

/// What `commits` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counted {
    /// Those that count, by their blocks.
    pub counted: Vec<Commitment>,
    /// Those that may count later: they are still hidden.
    pub waiting: Vec<Commitment>,
    /// Those that do not count, and why.
    pub refused: Vec<Refused>,
}

/// A commitment that does not count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    /// Whose.
    pub hotkey: String,
    /// The block that it was committed in.
    pub block: u64,
    /// Why, as a word that does not change.
    pub code: Why,
}

/// Why a commitment does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its key is an address of the chain with a slip of the pen.
    BadHotkey,
    /// It was read behind the block that was asked for.
    FromTheFuture,
    /// It was revealed before it might be.
    RevealedEarly,
    /// It does not say where or of what hash it is.
    Incomplete,
    /// Its key has committed the same before.
    SeenBefore,
    /// Another key has committed the same before.
    Copy,
    /// Its key has committed too short a time before.
    TooSoon,
    /// Its key has committed something newer.
    Replaced,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Counted>);

pub(super) fn action() -> Action {
    Action::pure::<Commits, Counted>(
        "commits",
        "Says which commitments on a chain count: revealed after their time, complete, no copies, and not too many of one key.",
        |input| decide(input, &GIVES, |it: Commits| Ok(commits(it))),
    )
    .example(
        "commits:\n  commits:\n    found: [{ hotkey: 5Fh, block: 900, revealed: 1000, place: \"https://example.org/train.py\", hash: 0a1b }]\n    \
         block: 1200\n    rules: { hidden_for: 100, apart: 100, one_of_a_hash: true }\n",
    )
}

/// Which commitments count.
pub fn commits(it: Commits) -> Counted {
    let Commits { mut found, block, before, rules } = it;
    found.sort_by_key(|one| one.block);
    let mut last: HashMap<String, u64> = HashMap::new();
    // Whoever committed a hash first, and the keys of which it has counted.
    let mut first: HashMap<String, String> = HashMap::new();
    for one in &before {
        let at = last.entry(one.hotkey.clone()).or_default();
        *at = one.block.max(*at);
        if let Some(hash) = &one.hash {
            first.entry(hash.clone()).or_insert_with(|| one.hotkey.clone());
        }
    }
    let mut counted: Vec<Commitment> = Vec::new();
    let (mut waiting, mut refused) = (Vec::new(), Vec::new());
    for one in found {
        let may_be_seen = |revealed: u64| rules.hidden_for.is_none_or(|blocks| revealed >= one.block + blocks);
        let is_open = rules.hidden_for.is_none() || one.revealed.is_some_and(|revealed| revealed <= block);
        let has_counted = |hash: &String| {
            let is_it = |other: &&Commitment| other.hotkey == one.hotkey && other.hash.as_ref() == Some(hash);
            before.iter().chain(&counted).any(|other| is_it(&other))
        };
        let holder = one.hash.as_ref().and_then(|hash| first.get(hash));
        let why = if ss58::is_slip(&one.hotkey) {
            Some(Why::BadHotkey)
        } else if one.block > block {
            Some(Why::FromTheFuture)
        } else if !one.revealed.is_none_or(may_be_seen) {
            Some(Why::RevealedEarly)
        } else if !is_open {
            waiting.push(one);
            continue;
        } else if one.hash.is_none() || one.place.is_none() {
            Some(Why::Incomplete)
        } else if (rules.one_of_a_hash || rules.not_twice) && one.hash.as_ref().is_some_and(has_counted) {
            Some(Why::SeenBefore)
        } else if rules.one_of_a_hash && holder.is_some_and(|holder| *holder != one.hotkey) {
            Some(Why::Copy)
        } else if last.get(&one.hotkey).is_some_and(|last| one.block < last + rules.apart) {
            Some(Why::TooSoon)
        } else {
            None
        };
        // Whoever was refused for being too fast is still the first with what they made.
        if matches!(why, None | Some(Why::TooSoon))
            && let Some(hash) = &one.hash
        {
            first.entry(hash.clone()).or_insert_with(|| one.hotkey.clone());
        }
        let Some(code) = why else {
            last.insert(one.hotkey.clone(), one.block);
            counted.push(one);
            continue;
        };
        refused.push(Refused { hotkey: one.hotkey, block: one.block, code });
    }
    if rules.latest_only {
        let is_latest = |one: &Commitment| last.get(&one.hotkey) == Some(&one.block);
        let (latest, older): (Vec<_>, Vec<_>) = counted.into_iter().partition(is_latest);
        let replaced = older.into_iter().map(|it| Refused { hotkey: it.hotkey, block: it.block, code: Why::Replaced });
        refused.extend(replaced);
        counted = latest;
    }
    Counted { counted, waiting, refused }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    /// Whose, at which block, revealed when, of which hash.
    type Short = (&'static str, u64, Option<u64>, &'static str);

    fn one((hotkey, block, revealed, hash): Short) -> Json {
        json!({"hotkey": hotkey, "block": block, "revealed": revealed, "place": "p", "hash": hash})
    }

    fn told(found: &[Short], rules: Json, before: &[Short]) -> (Vec<String>, Vec<String>, Vec<String>) {
        let all = |of: &[Short]| of.iter().copied().map(one).collect::<Vec<_>>();
        let input = json!({"found": all(found), "block": 1000, "rules": rules, "before": all(before)});
        let given = commits(serde_json::from_value(input).unwrap());
        let name = |it: &Commitment| format!("{}@{}", it.hotkey, it.block);
        let why = |it: &Refused| format!("{}@{}: {}", it.hotkey, it.block, json!(it.code).as_str().unwrap());
        (
            given.counted.iter().map(name).collect(),
            given.waiting.iter().map(name).collect(),
            given.refused.iter().map(why).collect(),
        )
    }

    #[test]
    fn a_commitment_counts_once_it_was_hidden_long_enough() {
        let rules = json!({"hidden_for": 100});
        let (counted, waiting, refused) = told(
            &[
                ("a", 900, Some(1000), "h1"),
                ("b", 901, None, "h2"),
                ("c", 800, Some(899), "h3"),
                ("d", 1001, None, "h4"),
                ("e", 950, Some(1050), "h5"),
            ],
            rules,
            &[],
        );
        assert_eq!((counted, waiting), (vec!["a@900".into()], vec!["b@901".into(), "e@950".into()]));
        assert_eq!(refused, ["c@800: revealed_early", "d@1001: from_the_future"]);
        assert_eq!(told(&[("b", 901, None, "h2")], json!({}), &[]).0, ["b@901"], "nothing is hidden");
    }

    #[test]
    fn a_key_with_a_slip_of_the_pen_is_refused() {
        let good = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
        let slip = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY,";
        let (counted, _, refused) = told(&[(good, 10, None, "1"), (slip, 20, None, "2")], json!({}), &[]);
        assert_eq!((counted, refused), (vec![format!("{good}@10")], vec![format!("{slip}@20: bad_hotkey")]));
    }

    #[test]
    fn one_key_commits_once_in_so_many_blocks() {
        let rules = json!({"apart": 100});
        let three = [("a", 100, None, "1"), ("a", 199, None, "2"), ("a", 200, None, "3")];
        assert_eq!(told(&three, rules.clone(), &[]).0, ["a@100", "a@200"]);
        assert_eq!(told(&three, rules, &[("a", 50, None, "0")]).2, ["a@100: too_soon", "a@200: too_soon"]);
    }

    #[test]
    fn of_those_with_the_same_the_earliest_block_counts() {
        let rules = json!({"one_of_a_hash": true, "apart": 10});
        let (counted, _, refused) = told(
            &[
                ("b", 20, None, "h"),
                ("a", 10, None, "h"),
                ("c", 20, None, "k"),
                ("d", 20, None, "k"),
                ("a", 30, None, "h"),
            ],
            rules.clone(),
            &[],
        );
        assert_eq!(counted, ["a@10", "c@20"]);
        assert_eq!(refused, ["b@20: copy", "d@20: copy", "a@30: seen_before"]);
        // What was refused for being too fast is its maker's still.
        let fast = [("a", 10, None, "1"), ("a", 15, None, "2"), ("b", 16, None, "2"), ("a", 20, None, "2")];
        let (counted, _, refused) = told(&fast, rules.clone(), &[]);
        assert_eq!(
            (counted, refused),
            (vec!["a@10".into(), "a@20".into()], vec!["a@15: too_soon".into(), "b@16: copy".into()])
        );
        assert_eq!(told(&[("b", 20, None, "h")], rules, &[("a", 5, None, "h")]).2, ["b@20: copy"]);
    }

    #[test]
    fn a_key_may_not_commit_the_same_twice_and_others_may() {
        let three = [("a", 10, None, "h"), ("b", 20, None, "h"), ("a", 30, None, "h")];
        let (counted, _, refused) = told(&three, json!({"not_twice": true, "latest_only": true}), &[]);
        assert_eq!((counted, refused), (vec!["a@10".into(), "b@20".into()], vec!["a@30: seen_before".into()]));
    }

    #[test]
    fn the_latest_of_each_counts_where_only_that_does() {
        let rules = json!({"latest_only": true});
        let (counted, _, refused) = told(&[("a", 1, None, "1"), ("b", 2, None, "2"), ("a", 3, None, "3")], rules, &[]);
        assert_eq!((counted, refused), (vec!["b@2".into(), "a@3".into()], vec!["a@1: replaced".into()]));
        let input = json!({"found": [{"hotkey": "a", "block": 1, "place": "p"}], "block": 5});
        let given = commits(serde_json::from_value(input).unwrap());
        assert_eq!(given.refused[0].code, Why::Incomplete);
    }

    proptest! {
        #[test]
        fn each_is_told_once_and_what_counts_keeps_the_rules(
            found in prop::collection::vec((0u8..4, 0u64..300, prop::option::of(0u64..400), 0u8..5), 0..20),
            block in 0u64..300, hidden_for in prop::option::of(0u64..100), apart in 0u64..100,
        ) {
            let found: Vec<Commitment> = found.into_iter().map(|(key, block, revealed, hash)| Commitment {
                hotkey: format!("k{key}"), coldkey: None, block, revealed, place: Some("p".into()), hash: Some(format!("h{hash}")),
            }).collect();
            let rules = Rules { hidden_for, apart, one_of_a_hash: true, not_twice: false, latest_only: false };
            let count = found.len();
            let given = commits(Commits { found, block, before: Vec::new(), rules });
            prop_assert_eq!(given.counted.len() + given.waiting.len() + given.refused.len(), count);
            for (i, one) in given.counted.iter().enumerate() {
                prop_assert!(one.block <= block);
                prop_assert!(hidden_for.is_none_or(|blocks| one.revealed.is_some_and(|at| at >= one.block + blocks && at <= block)));
                for other in &given.counted[i + 1..] {
                    prop_assert!(other.hash != one.hash);
                    prop_assert!(other.hotkey != one.hotkey || other.block >= one.block + apart);
                }
            }
        }
    }
}

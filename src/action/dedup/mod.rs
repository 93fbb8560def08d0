//! `dedup`: who hands in what another handed in too, by commits, by sources, and by what a judge said.

pub mod digest;
pub mod gate;
pub mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use digest::{LeftOut, Sources};
use verdict::{Relationship, Verdict, parse};

use super::{Action, entry::decide, reflect};
use crate::base::Ty;

/// What `dedup` takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dedup {
    /// What was handed in.
    pub submissions: Vec<Submission>,
    /// The hotkeys of those that are compared; all when left out.
    #[serde(default)]
    pub among: Option<HashSet<String>>,
    /// The champion's hotkey, who is never sent away.
    pub champion: Option<String>,
    /// What a judge said of pairs.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// Whether a judge compares those that are not found to be the same otherwise.
    #[serde(default = "yes")]
    pub judged: bool,
    /// Who of those with the same is sent away.
    pub goes: Goes,
    /// Files that are left out where a digest is worked out.
    #[serde(default)]
    pub sources: LeftOut,
}

/// What somebody handed in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Who.
    pub hotkey: String,
    /// The commit.
    pub commit: Option<String>,
    /// The digest of the sources, from `digest`; worked out from the files when left out.
    pub digest: Option<String>,
    /// The texts of the files, by their paths.
    #[serde(default)]
    pub files: IndexMap<String, String>,
    /// How large the sources are, in characters.
    #[serde(default)]
    pub chars: u64,
    /// Whether the code could be had; what could not is like nothing else.
    #[serde(default = "yes")]
    pub cloned: bool,
}

fn yes() -> bool {
    true
}

/// What a judge said of a pair.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// One of the two.
    pub a: String,
    /// The other.
    pub b: String,
    /// The answer as it was written; what cannot be read leaves the pair open.
    pub text: String,
}

/// Who of those with the same is sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Goes {
    /// All of them, the first one too.
    All,
    /// All but the first one.
    AllButTheFirst,
}

/// What `dedup` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Duplicates {
    /// Pairs that are the same.
    pub pairs: Vec<SamePair>,
    /// Hotkeys that are the same by these pairs, two or more together.
    pub clusters: Vec<Vec<String>>,
    /// Hotkeys that are to be sent away.
    pub flagged: Vec<String>,
    /// One hotkey of those with the same commit or source.
    pub representatives: Vec<String>,
    /// Pairs of representatives that a judge is to compare and has not compared yet.
    pub unresolved: Vec<Two>,
}

/// Two hotkeys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Two {
    /// One of the two.
    pub a: String,
    /// The other.
    pub b: String,
}

/// Two that are the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SamePair {
    /// One of the two.
    pub a: String,
    /// The other.
    pub b: String,
    /// How that is known.
    pub by: Tier,
}

/// How it is known that two are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// The commit is the same.
    Commit,
    /// The source is the same, but for blanks and comments.
    Source,
    /// A judge said so.
    Judge,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Duplicates>);

pub(super) fn actions() -> [Action; 3] {
    let dedup = Action::pure::<Dedup, Duplicates>(
        "dedup",
        "Finds those who handed in the same: by commit, by source, and by what a judge said of the others.",
        |input| decide(input, &GIVES, |it| Ok(dedup(it))),
    )
    .example(
        "same:\n  dedup:\n    submissions:\n      - { hotkey: 5Fh, commit: abc, digest: d1 }\n      - { hotkey: 5Gk, commit: def, digest: \
         d1 }\n    goes: all\n",
    );
    [digest::action(), dedup, gate::action()]
}

/// Who handed in what another handed in too.
pub fn dedup(mut input: Dedup) -> Duplicates {
    // A digest is the same in capitals.
    input.submissions.iter_mut().filter_map(|it| it.commit.as_mut()).for_each(|commit| commit.make_ascii_lowercase());
    for it in input.submissions.iter_mut().filter(|it| it.digest.is_none() && !it.files.is_empty()) {
        let files = std::mem::take(&mut it.files);
        let found = digest::digest(&Sources { files, without: input.sources.clone() });
        it.digest = Some(found.sha256);
        it.chars = found.chars;
    }
    let is_compared =
        |it: &&Submission| it.cloned && input.among.as_ref().is_none_or(|among| among.contains(&it.hotkey));
    let cloned: Vec<&Submission> = input.submissions.iter().filter(is_compared).collect();
    let mut pairs = Vec::new();
    let (by_commit, by_digest) = (alike(&cloned, |it| &it.commit), alike(&cloned, |it| &it.digest));
    for (i, a) in cloned.iter().enumerate() {
        let with = |all: &HashMap<&str, Vec<usize>>, of: &Option<String>| -> Vec<usize> {
            let same = of.as_deref().and_then(|of| all.get(of));
            same.map(|same| same[same.partition_point(|at| *at <= i)..].to_vec()).unwrap_or_default()
        };
        // The same commit has the same sources, so that says more.
        let mut found: BTreeMap<usize, Tier> =
            with(&by_digest, &a.digest).into_iter().map(|at| (at, Tier::Source)).collect();
        found.extend(with(&by_commit, &a.commit).into_iter().map(|at| (at, Tier::Commit)));
        let two = |(at, by): (usize, Tier)| SamePair { a: a.hotkey.clone(), b: cloned[at].hotkey.clone(), by };
        pairs.extend(found.into_iter().map(two));
    }
    let hotkeys: Vec<&str> = cloned.iter().map(|it| it.hotkey.as_str()).collect();
    let is_champion = |it: &str| input.champion.as_deref() == Some(it);
    let first = |group: &BTreeSet<&str>| {
        let champion = group.iter().copied().find(|it| is_champion(it));
        champion.or(group.first().copied()).map(String::from)
    };
    let groups = groups(&hotkeys, &pairs);
    let representatives: BTreeSet<String> = groups.iter().filter_map(first).collect();
    let representatives: Vec<String> = representatives.into_iter().collect();
    let verdicts: Vec<(&Answer, Verdict)> =
        input.answers.iter().filter_map(|it| Some((it, parse(&it.text).ok()?))).collect();
    let compared: HashSet<(&str, &str)> =
        verdicts.iter().flat_map(|(it, _)| [(&*it.a, &*it.b), (&*it.b, &*it.a)]).collect();
    let judged = if input.judged { representatives.as_slice() } else { &[] };
    let pairs_to_judge = judged.iter().enumerate().flat_map(|(i, a)| judged[i + 1..].iter().map(move |b| (a, b)));
    let open = pairs_to_judge.filter(|(a, b)| !compared.contains(&(a.as_str(), b.as_str())));
    let unresolved = open.map(|(a, b)| Two { a: a.clone(), b: b.clone() }).collect();
    let mut flagged: BTreeSet<String> = BTreeSet::new();
    let sizes: HashMap<&str, u64> = cloned.iter().map(|it| (it.hotkey.as_str(), it.chars)).collect();
    for (answer, verdict) in &verdicts {
        match verdict.relationship {
            Relationship::Duplicate => {
                pairs.push(SamePair { a: answer.a.clone(), b: answer.b.clone(), by: Tier::Judge });
            }
            // Whoever hides a copy behind more code has the larger submission.
            Relationship::DropEvasion => {
                let size = |it: &str| sizes.get(it).copied().unwrap_or_default();
                let larger = if size(&answer.a) >= size(&answer.b) { &answer.a } else { &answer.b };
                flagged.insert(larger.clone());
            }
            Relationship::Distinct => {}
        }
    }
    let clusters: Vec<Vec<String>> = self::groups(&hotkeys, &pairs)
        .into_iter()
        .filter(|group| group.len() > 1)
        .map(|group| group.into_iter().map(String::from).collect())
        .collect();
    for cluster in &clusters {
        let stays =
            hotkeys.iter().copied().find(|it| input.goes == Goes::AllButTheFirst && cluster.iter().any(|c| c == it));
        flagged.extend(cluster.iter().filter(|it| Some(it.as_str()) != stays).cloned());
    }
    let flagged = flagged.into_iter().filter(|it| !is_champion(it)).collect();
    Duplicates { pairs, clusters, flagged, representatives, unresolved }
}

/// The places of those that have the same commit or digest, by what they have.
fn alike<'s>(all: &[&'s Submission], of: fn(&Submission) -> &Option<String>) -> HashMap<&'s str, Vec<usize>> {
    let mut alike: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, it) in all.iter().enumerate() {
        if let Some(what) = of(it).as_deref() {
            alike.entry(what).or_default().push(i);
        }
    }
    alike
}

/// Those whom pairs hold together; one alone is a group too. Pairs with strangers hold nobody.
fn groups<'h>(hotkeys: &[&'h str], pairs: &[SamePair]) -> Vec<BTreeSet<&'h str>> {
    let mut group_of: BTreeMap<&str, usize> = hotkeys.iter().enumerate().map(|(i, it)| (*it, i)).collect();
    for pair in pairs {
        let (Some(a), Some(b)) = (group_of.get(pair.a.as_str()).copied(), group_of.get(pair.b.as_str()).copied())
        else {
            continue;
        };
        group_of.values_mut().filter(|it| **it == b).for_each(|it| *it = a);
    }
    let mut groups: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for hotkey in hotkeys {
        groups.entry(group_of[hotkey]).or_default().insert(hotkey);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort();
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    fn found(input: Json) -> Duplicates {
        dedup(serde_json::from_value(input).unwrap())
    }

    #[test]
    fn copies_are_found_on_three_ways() {
        let submissions = json!([
            {"hotkey": "a", "commit": "c1", "digest": "d1"}, {"hotkey": "b", "commit": "c1", "digest": "d9"},
            {"hotkey": "c", "commit": "c2", "digest": "d1"}, {"hotkey": "d", "commit": "c3", "digest": "d2", "chars": 10},
            {"hotkey": "e", "commit": "c4", "digest": "d3", "chars": 20}, {"hotkey": "f", "commit": "c1", "cloned": false},
            {"hotkey": "g"}, {"hotkey": "h", "files": {"a.py": "x = 1"}},
        ]);
        let first = found(json!({"submissions": submissions, "goes": "all"}));
        assert_eq!(first.clusters, [["a", "b", "c"]]);
        assert_eq!(first.flagged, ["a", "b", "c"]);
        assert_eq!(first.representatives, ["a", "d", "e", "g", "h"]);
        assert_eq!(first.unresolved.len(), 10);
        let alone = found(json!({"submissions": submissions, "judged": false, "goes": "all"}));
        assert_eq!((alone.flagged, alone.unresolved.len()), (first.flagged, 0));
        let answers = json!([
            {"a": "d", "b": "e", "text": "{\"relationship\": \"drop_evasion\"}"},
            {"a": "g", "b": "h", "text": "relationship: duplicate"}, {"a": "a", "b": "d", "text": "I do not know"},
        ]);
        let judged = found(
            json!({"submissions": submissions, "champion": "a", "answers": answers, "goes": "all_but_the_first"}),
        );
        assert_eq!(judged.flagged, ["b", "c", "e", "h"]);
        assert_eq!(judged.unresolved.len(), 8);
        let some =
            found(json!({"submissions": submissions, "among": ["a", "c", "nobody"], "judged": false, "goes": "all"}));
        assert_eq!((some.flagged.len(), some.representatives.len()), (2, 1));
    }

    proptest! {
        #[test]
        fn the_champion_stays_and_nobody_alone_goes(digests in prop::collection::vec(0u8..6, 1..12), champion in 0usize..12) {
            let submissions: Vec<Json> =
                digests.iter().enumerate().map(|(i, d)| json!({"hotkey": format!("h{i:02}"), "digest": format!("d{d}")})).collect();
            let champion = format!("h{champion:02}");
            for goes in ["all", "all_but_the_first"] {
                let found = found(json!({"submissions": submissions, "champion": champion, "goes": goes}));
                prop_assert!(!found.flagged.contains(&champion));
                for flagged in &found.flagged {
                    prop_assert!(found.clusters.iter().any(|cluster| cluster.contains(flagged) && cluster.len() > 1));
                }
                let kinds: BTreeSet<&u8> = digests.iter().collect();
                prop_assert_eq!(found.representatives.len(), kinds.len());
            }
        }
    }
}

//! `allocate`: how much of the emission a type of tournament gets.

use std::sync::LazyLock;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect};
use crate::base::Ty;

/// What `allocate` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allocate {
    /// Whether a tournament of this type was ever completed.
    #[serde(default = "super::vocabulary::yes")]
    pub played: bool,
    /// By how much the newest winner was better than the champion before.
    #[serde(default)]
    pub difference: Option<f64>,
    /// Whether the champion defended the title: then the difference counts by which it was won.
    #[serde(default)]
    pub defended: bool,
    /// The difference by which the champion won the title.
    #[serde(default)]
    pub won_by: Option<f64>,
    /// When the champion won the title.
    #[serde(default)]
    #[schemars(schema_with = "super::vocabulary::time_or_nothing")]
    pub since: Option<Timestamp>,
    /// How many tournaments in a row they have won.
    #[serde(default)]
    pub wins: u32,
    /// The moment for which it is told.
    #[schemars(schema_with = "super::vocabulary::time")]
    pub now: Timestamp,
    /// How much the type gets anyway.
    #[schemars(range(min = 0.0))]
    pub base: f64,
    /// The most that it may get.
    #[schemars(range(min = 0.0))]
    pub cap: f64,
    /// How it grows and shrinks.
    pub rules: Rules,
}

/// How an allocation grows with the difference, and shrinks with time or wins.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AllocateRules")]
pub struct Rules {
    /// The difference above which it grows.
    pub threshold: f64,
    /// By how much it grows for what is above.
    #[schemars(range(min = 0.0))]
    pub factor: f64,
    /// What each win after the first takes from what it has grown by, for titles won before `from`.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub per_win: f64,
    /// The moment from which on time counts. Without it, only wins do.
    #[serde(default)]
    #[schemars(schema_with = "super::vocabulary::time_or_nothing")]
    pub from: Option<Timestamp>,
    /// What each day takes off.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub per_day: f64,
    /// What is kept after so many days, in a straight line between; instead of `per_day`.
    #[serde(default)]
    pub keeps: Option<Vec<Kept>>,
}

/// A point of the curve of what is kept.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Days since the title was won.
    #[schemars(range(min = 0.0))]
    pub day: f64,
    /// The share that is kept.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: f64,
}

/// What `allocate` gives.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Allocated {
    /// What the type gets.
    pub weight: f64,
    /// The difference that counted; null where there was no tournament.
    pub difference: Option<f64>,
    /// By how much it has grown, before anything is taken off.
    pub boost: f64,
    /// What wins take off.
    pub by_wins: f64,
    /// What time takes off: an amount, or a share where a curve says what is kept.
    pub by_time: f64,
    /// Whether the title was won before time counted, and time counts now.
    pub before: bool,
    /// How far it is from the most that it may get, as a share of that.
    pub unused: f64,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Allocated>);

pub(super) fn action() -> Action {
    Action::pure::<Allocate, Allocated>(
        "allocate",
        "How much of the emission a type of tournament gets: a base, more for a winner far ahead, less as time goes by.",
        |input| decide(input, &GIVES, |it: Allocate| Ok(allocate(&it))),
    )
    .example(
        "pool:\n  allocate:\n    difference: 0.2\n    since: 2026-05-21T12:00:00Z\n    now: 2026-06-20T12:00:00Z\n    wins: 1\n    base: 0.15\n    cap: 0.48\n    \
         rules: { threshold: 0.05, factor: 2, per_win: 0.01, from: 2025-11-26T00:00:00Z, per_day: 0.0033 }\n",
    )
}

const SECONDS_PER_DAY: f64 = 86_400.0;

fn allocate(it: &Allocate) -> Allocated {
    let rules = &it.rules;
    let difference = it.played.then(|| if it.defended { it.won_by } else { it.difference }.unwrap_or(0.0));
    let boost = difference.map_or(0.0, |difference| rules.factor * (difference - rules.threshold).max(0.0));
    let further_wins = f64::from(it.wins.saturating_sub(1));
    let (by_wins, by_time, before) = match (rules.from, it.since) {
        (None, _) => (rules.per_win * further_wins, 0.0, false),
        // Nobody knows when the title was won: everything is taken off.
        (Some(_), None) => (1.0, 1.0, false),
        (Some(from), Some(since)) if since < from => {
            (rules.per_win * further_wins, rules.taken_after(days(from, it.now)), it.now >= from)
        }
        (Some(_), Some(since)) => (0.0, rules.taken_after(days(since, it.now)), false),
    };
    let weight = match difference {
        None => it.base,
        Some(_) if rules.from.is_none() || before && boost > by_wins => it.base + (boost - by_wins).max(0.0),
        Some(_) => {
            let whole = if before { it.base } else { it.base + (boost - by_wins).max(0.0) };
            let left = if rules.keeps.is_some() { whole * (1.0 - by_time) } else { whole - by_time };
            left.max(0.0)
        }
    };
    let weight = weight.min(it.cap);
    Allocated {
        weight,
        difference,
        boost,
        by_wins,
        by_time,
        before,
        unused: if it.cap > 0.0 { 1.0 - weight / it.cap } else { 0.0 },
    }
}

fn days(from: Timestamp, to: Timestamp) -> f64 {
    (to.duration_since(from).as_secs_f64() / SECONDS_PER_DAY).max(0.0)
}

impl Rules {
    /// What time takes off after so many days.
    fn taken_after(&self, days: f64) -> f64 {
        let Some(curve) = &self.keeps else { return self.per_day * days };
        let after = curve.iter().position(|point| point.day > days);
        let kept = match (after, curve.last()) {
            (Some(0), _) => curve[0].share,
            (Some(at), _) => {
                let (a, b) = (curve[at - 1], curve[at]);
                a.share + (b.share - a.share) * (days - a.day) / (b.day - a.day)
            }
            (None, last) => last.map_or(1.0, |last| last.share),
        };
        1.0 - kept
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn weight(more: Json) -> f64 {
        let mut input = json!({
            "difference": 0.2, "since": "2026-06-01T00:00:00Z", "now": "2026-06-11T00:00:00Z", "wins": 3, "base": 0.1, "cap": 0.5,
            "rules": {"threshold": 0.1, "factor": 2, "per_win": 0.01, "from": "2026-01-01T00:00:00Z", "per_day": 0.002},
        });
        for (key, value) in more.as_object().unwrap() {
            match (&mut input[key], value) {
                (Json::Object(known), Json::Object(more)) => known.extend(more.clone()),
                (known, value) => *known = value.clone(),
            }
        }
        allocate(&serde_json::from_value(input).unwrap()).weight
    }

    #[test]
    fn it_grows_with_the_difference_and_shrinks_with_time() {
        for (why, input, expected) in [
            ("ten days", json!({}), 0.1 + 0.2 - 0.02),
            ("nothing above the threshold", json!({"difference": 0.1}), 0.1 - 0.02),
            ("never below nothing", json!({"now": "2027-06-01T00:00:00Z"}), 0.0),
            ("never above the cap", json!({"difference": 9}), 0.5),
            ("no tournament yet", json!({"played": false}), 0.1),
            (
                "a defended title counts by what it was won by",
                json!({"defended": true, "won_by": 0.15}),
                0.1 + 0.1 - 0.02,
            ),
            ("nobody knows since when", json!({"since": null}), 0.0),
            ("won before time counted", json!({"since": "2025-06-01T00:00:00Z"}), 0.1 + 0.2 - 0.02),
            ("won before, nothing left", json!({"since": "2025-06-01T00:00:00Z", "difference": 0.1}), 0.0),
            ("only wins count", json!({"rules": {"from": null}}), 0.1 + 0.2 - 0.02),
            ("a curve", json!({"rules": {"keeps": [{"day": 0, "share": 1}, {"day": 20, "share": 0.5}]}}), 0.3 * 0.75),
        ] {
            let found = weight(input);
            assert!((found - expected).abs() < 1e-12, "{why}: {found} is not {expected}");
        }
    }
}

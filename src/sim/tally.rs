//! What many played runs come to: how long, how costly, and how often the best entrant wins.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;

use super::{
    bound::Bound,
    deployed::deployed,
    model::Model,
    player::{Account, End, Setup, play},
};
use crate::{
    base::{GpuKind, Value, total},
    run::Outcome,
};

/// What one played run came to.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    pub seed: u64,
    /// `succeeded`, `failed`, `cancelled`, `held`, `stuck`.
    pub end: &'static str,
    /// Why it did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    pub hours: f64,
    pub gpu_hours: f64,
    pub cost: f64,
    pub events: usize,
    /// The larger of the longest chain and the GPU-hours over the GPUs.
    pub bound_hours: f64,
    /// The bound that knows of rounds: what is of a later one cannot be done in an earlier one.
    pub stretch_bound_hours: f64,
    /// How long the same work takes as the deployed system would schedule it, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_hours: Option<f64>,
    /// The hotkey of the `champion` that the run gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner: Option<String>,
    /// Whether that is the most skilled of all who took part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_won: Option<bool>,
    /// Whether that is who was the `champion` before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub champion_kept: Option<bool>,
}

/// Plays a run and sums it up.
pub fn sample(model: &Model, setup: &Setup, with_deployed: bool) -> Sample {
    let account = play(model, setup);
    let (end, why) = words(&account);
    let bound = Bound::of(&account, &gpus(model));
    let winner = winner(&account.end);
    let champion = setup.inputs.field("champion").and_then(hotkey);
    let best_won = winner.as_ref().and_then(|winner| {
        let skills = hotkeys(&setup.inputs).into_iter();
        let skills = skills.map(|it| (model.skill(setup.seed, &it, &setup.inputs), it));
        skills.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, best)| best == *winner)
    });
    Sample {
        seed: setup.seed.0,
        end,
        why,
        hours: account.hours(),
        gpu_hours: account.gpu_hours(),
        cost: account.cost(model),
        events: account.events,
        bound_hours: bound.simple(),
        stretch_bound_hours: bound.stretches,
        deployed_hours: with_deployed.then(|| deployed(model, &account)),
        best_won,
        champion_kept: winner.as_ref().zip(champion).map(|(winner, champion)| *winner == champion),
        winner,
    }
}

fn words(account: &Account) -> (&'static str, Option<String>) {
    match &account.end {
        End::Over(Outcome::Succeeded { .. }) => ("succeeded", None),
        End::Over(Outcome::Failed { node, failure }) => {
            ("failed", Some(format!("{node}: {}: {}", failure.cause.words(), failure.message)))
        }
        End::Over(Outcome::Cancelled) => ("cancelled", None),
        End::Held => ("held", account.run.held.first().map(|node| account.run.plan.id(*node))),
        End::Stuck => ("stuck", Some("what waits fits no host of this world".into())),
        End::Endless => ("stuck", Some("it does not come to an end".into())),
    }
}

fn gpus(model: &Model) -> BTreeMap<GpuKind, usize> {
    let mut gpus = BTreeMap::new();
    for (_, offer) in model.hosts() {
        for (_, kind) in offer.gpus {
            *gpus.entry(kind).or_default() += 1;
        }
    }
    gpus
}

fn winner(end: &End) -> Option<String> {
    let End::Over(Outcome::Succeeded { gives }) = end else { return None };
    Some(gives.get("champion")?.get("hotkey")?.as_str()?.to_string())
}

fn hotkey(value: &Value) -> Option<String> {
    match value.field("hotkey") {
        Some(Value::Text(text)) => Some(text.to_string()),
        _ => None,
    }
}

/// All who take part: the records with a hotkey among the inputs, alone or in lists.
fn hotkeys(inputs: &Value) -> Vec<String> {
    let Value::Record(inputs) = inputs else { return Vec::new() };
    let all = inputs.iter().flat_map(|(_, value)| match value {
        Value::List(items) => items.iter().filter_map(hotkey).collect(),
        other => hotkey(other).into_iter().collect::<Vec<_>>(),
    });
    all.collect()
}

/// What many samples come to.
#[derive(Clone, Debug, Serialize)]
pub struct Tally {
    pub runs: usize,
    /// How many ended in which way.
    pub ends: IndexMap<&'static str, usize>,
    pub hours: Spread,
    pub gpu_hours: Spread,
    pub cost: Spread,
    /// How many times as long as the bound a run took.
    pub over_bound: Spread,
    pub over_stretch_bound: Spread,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_hours: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_over_bound: Option<Spread>,
    /// The share of runs in which the most skilled won.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_won: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub champion_kept: Option<f64>,
}

/// The least, the usual and the most of something.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub mean: f64,
    pub p5: f64,
    pub median: f64,
    pub p95: f64,
}

impl Spread {
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let at =
            |share: f64| numbers.get((share * (numbers.len() as f64 - 1.0)).round() as usize).copied().unwrap_or(0.0);
        let mean = total(numbers.iter().copied()) / numbers.len().max(1) as f64;
        // Between the two in the middle, where there are two.
        let middle = numbers.len() / 2;
        let median = match (numbers.len().is_multiple_of(2), numbers.get(middle)) {
            (true, Some(upper)) => f64::midpoint(numbers[middle - 1], *upper),
            (_, middle) => middle.copied().unwrap_or(0.0),
        };
        Self { mean, p5: at(0.05), median, p95: at(0.95) }
    }
}

impl Tally {
    pub fn of(samples: &[Sample]) -> Self {
        let mut ends: IndexMap<&'static str, usize> = IndexMap::new();
        for sample in samples {
            *ends.entry(sample.end).or_default() += 1;
        }
        let spread = |of: &dyn Fn(&Sample) -> f64| Spread::of(samples.iter().map(of));
        let over = |hours: f64, bound: f64| if bound > 0.0 { hours / bound } else { 1.0 };
        let share = |of: &dyn Fn(&Sample) -> Option<bool>| {
            let known: Vec<bool> = samples.iter().filter_map(of).collect();
            (!known.is_empty()).then(|| known.iter().filter(|it| **it).count() as f64 / known.len() as f64)
        };
        let is_compared = samples.iter().all(|it| it.deployed_hours.is_some()) && !samples.is_empty();
        let deployed = |it: &Sample| it.deployed_hours.unwrap_or(0.0);
        Self {
            runs: samples.len(),
            ends,
            hours: spread(&|it| it.hours),
            gpu_hours: spread(&|it| it.gpu_hours),
            cost: spread(&|it| it.cost),
            over_bound: spread(&|it| over(it.hours, it.bound_hours)),
            over_stretch_bound: spread(&|it| over(it.hours, it.stretch_bound_hours)),
            deployed_hours: is_compared.then(|| spread(&deployed)),
            deployed_over_bound: is_compared.then(|| spread(&|it| over(deployed(it), it.bound_hours))),
            best_won: share(&|it| it.best_won),
            champion_kept: share(&|it| it.champion_kept),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_tells_the_least_the_usual_and_the_most() {
        let spread = Spread::of((0..=100).map(f64::from));
        assert_eq!(spread, Spread { mean: 50.0, p5: 5.0, median: 50.0, p95: 95.0 });
        assert_eq!(Spread::of([]), Spread { mean: 0.0, p5: 0.0, median: 0.0, p95: 0.0 });
        assert!(Spread::of([]).mean.is_sign_positive());
        for (numbers, median) in
            [(&[7.0][..], 7.0), (&[1.0, 2.0], 1.5), (&[9.0, 1.0, 2.0], 2.0), (&[4.0, 1.0, 2.0, 8.0], 3.0)]
        {
            assert_eq!(Spread::of(numbers.iter().copied()).median, median, "{numbers:?}");
        }
    }
}

//! Models, data and environments for tasks that are wanted.

use std::collections::HashSet;

use super::{
    Assigned, Catalogue, KnownData, KnownEnvironment, KnownModel, Pick, Picked, Unfit,
    recipe::{Base, Wanted, wanted},
};
use crate::{
    action::vocabulary::{Task, TaskKind},
    base::{Span, seed::Stream},
};

/// The time of a task that no rule for times speaks of.
const USUAL_TIME: Span = Span::from_secs(3_600);
/// What there is to choose from where nothing is given.
pub(super) static NOTHING: Catalogue = Catalogue { models: Vec::new(), datasets: Vec::new(), environments: Vec::new() };
/// Seeds of environments are below this.
const SEEDS: u64 = (1 << 31) - 1;

pub(super) fn pick(input: &Pick, stream: &mut Stream) -> Result<Picked, String> {
    let recipes = input.stages.of(input.stage);
    let matches: Vec<Option<&String>> =
        if input.matches.is_empty() { vec![None] } else { input.matches.iter().map(Some).collect() };
    let mut tasks: Vec<Assigned> = Vec::new();
    let mut seen = input.seen.clone();
    for (i, of) in matches.iter().enumerate() {
        let first = tasks.len();
        let drawn = wanted(recipes, &mut || stream.unit())?;
        for (n, wanted) in drawn.iter().enumerate() {
            let shared = tasks.get(n).filter(|_| wanted.recipe.shared && i > 0);
            let mut task = match shared {
                Some(shared) => shared.task.clone(),
                None => task(wanted, input, &mut seen, stream)?,
            };
            task.id = match of {
                Some(of) => format!("{}-{of}-{}", input.name, tasks.len() - first + 1),
                None => format!("{}-{}", input.name, tasks.len() + 1),
            };
            tasks.push(Assigned { of: of.cloned(), task });
        }
    }
    Ok(Picked { tasks })
}

/// A task as it is wanted, without a name yet.
pub(super) fn task(
    wanted: &Wanted<'_>,
    input: &Pick,
    seen: &mut Vec<String>,
    stream: &mut Stream,
) -> Result<Task, String> {
    let catalogue = &input.catalogue;
    let catalogue = catalogue.as_ref().unwrap_or(&NOTHING);
    let (model, data) = (model(wanted, catalogue, input, stream)?, data(wanted, catalogue, input, seen, stream)?);
    let forced = wanted.recipe.hours.map(|hours| (hours * 3_600_000.0).round() as u64);
    seen.extend(data.iter().map(|data| data.id.clone()));
    let is_played = wanted.kind == TaskKind::Environment;
    let count = wanted.recipe.environments_per_round.map_or(0, |each| each.saturating_mul(input.round) as usize);
    let known = known(input, catalogue);
    let names: Vec<&str> = known.iter().map(|it| it.name.as_str()).collect();
    let played = environments(&names, count, if input.prefer_new { &input.seen } else { &[] }, stream);
    let factor = known.iter().find(|it| played.contains(&it.name)).and_then(|it| it.gpu_factor);
    Ok(Task {
        id: String::new(),
        kind: wanted.kind,
        model: model.id,
        params_b: model.params_b,
        dataset: data.as_ref().map_or_else(String::new, |data| data.id.clone()),
        test_data: data.as_ref().and_then(|data| data.test_data.clone()),
        // The rules for times say nothing of a task of which they do not know the rows.
        rows: data.as_ref().and_then(|data| data.rows).filter(|_| forced.is_none()),
        images: data.as_ref().and_then(|data| data.images),
        columns: None,
        time: forced.and_then(Span::from_millis).unwrap_or(USUAL_TIME),
        model_type: model.model_type,
        trigger_word: None,
        environments: is_played.then_some(played),
        gpu_factor: factor.filter(|_| is_played),
        seed: is_played.then(|| stream.below(SEEDS)),
        start: wanted.recipe.start.clone(),
        kl: wanted.kl,
    })
}

/// The environments that there are, each name once: of one that is named twice the rules say what it is.
pub(super) fn known<'i>(input: &'i Pick, catalogue: &'i Catalogue) -> Vec<&'i KnownEnvironment> {
    let mut names = HashSet::new();
    let all = input.environments.iter().chain(&catalogue.environments);
    all.filter(|environment| names.insert(&environment.name)).collect()
}

fn one_of<'i, T>(items: &[&'i T], stream: &mut Stream) -> Option<&'i T> {
    (!items.is_empty()).then(|| items[stream.below(items.len() as u64) as usize])
}

fn model(wanted: &Wanted<'_>, catalogue: &Catalogue, input: &Pick, stream: &mut Stream) -> Result<KnownModel, String> {
    let same = input.base.as_ref().filter(|_| wanted.recipe.base == Some(Base::Same));
    if let Some(id) = wanted.recipe.model.as_ref().or(same) {
        let known = catalogue.models.iter().find(|model| model.id == *id).cloned();
        return Ok(known.unwrap_or_else(|| KnownModel {
            id: id.clone(),
            params_b: 0.0,
            kinds: vec![],
            model_type: None,
        }));
    }
    let types = &wanted.recipe.model_types;
    let is_other = |id: &String| wanted.recipe.base != Some(Base::Other) || input.base.as_ref() != Some(id);
    let fits = |model: &&KnownModel| {
        (model.kinds.is_empty() || model.kinds.contains(&wanted.kind))
            && (input.models.is_empty() || input.models.contains(&model.id))
            && is_other(&model.id)
            && wanted.size.is_none_or(|size| (size.from..=size.up_to).contains(&model.params_b))
            && (types.is_empty() || model.model_type.as_ref().is_some_and(|it| types.contains(it)))
    };
    let found: Vec<&KnownModel> = catalogue.models.iter().filter(fits).collect();
    one_of(&found, stream).cloned().ok_or_else(|| {
        let size = wanted.size.map_or_else(String::new, |size| format!(" of {} to {} billion", size.from, size.up_to));
        let (which, among) = match (wanted.recipe.base, &input.base) {
            (Some(Base::Other), Some(base)) => ("other model than ", base.as_str()),
            _ => ("model", ""),
        };
        let named = if input.models.is_empty() { "" } else { ", among those that tasks may start from" };
        format!("the catalogue has no {which}{among}{size} for {}{named}", wanted.kind.word())
    })
}

/// Data that fit, those that were not seen before the others. Environments need none.
fn data(
    wanted: &Wanted<'_>,
    catalogue: &Catalogue,
    input: &Pick,
    seen: &[String],
    stream: &mut Stream,
) -> Result<Option<KnownData>, String> {
    if wanted.kind == TaskKind::Environment {
        return Ok(None);
    }
    let rows = wanted.recipe.rows;
    let fits = |data: &&KnownData| {
        (data.kinds.is_empty() || data.kinds.contains(&wanted.kind))
            && rows.is_none_or(|rows| data.rows.is_some_and(|it| (rows.from..=rows.up_to).contains(&it)))
            && !input.unfit.as_ref().is_some_and(|rule| {
                degenerate(rule, wanted.kind, &data.losses)
                    || data.near_duplicates.is_some_and(|share| too_many_copies(rule, share))
            })
    };
    let found: Vec<&KnownData> = catalogue.datasets.iter().filter(fits).collect();
    let (new, old): (Vec<_>, Vec<_>) = found.into_iter().partition(|data| !seen.contains(&data.id));
    let from = if new.is_empty() { &old } else { &new };
    let found = one_of(from, stream).cloned();
    found.map(Some).ok_or_else(|| format!("the catalogue has no data for {}", wanted.kind.word()))
}

/// Whether too many rows nearly equal another.
pub fn too_many_copies(rule: &Unfit, share: f64) -> bool {
    share >= rule.near_duplicates_from
}

/// Whether earlier losses tell that data are useless.
pub fn degenerate(rule: &Unfit, kind: TaskKind, losses: &[f64]) -> bool {
    let Some(best) = losses.iter().copied().reduce(f64::min) else { return false };
    let mean = losses.iter().sum::<f64>() / losses.len() as f64;
    best < rule.loss_below
        || (kind == TaskKind::Instruct && best > rule.instruct_best_above)
        || (kind == TaskKind::Dpo && (rule.dpo_mean.from..=rule.dpo_mean.to).contains(&mean))
}

/// So many environments at random, those that were not seen first.
fn environments(names: &[&str], count: usize, seen: &[String], stream: &mut Stream) -> Vec<String> {
    let (mut new, mut old): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| !seen.iter().any(|it| it == *name));
    stream.shuffle(&mut new);
    stream.shuffle(&mut old);
    new.into_iter().chain(old).take(count).map(String::from).collect()
}

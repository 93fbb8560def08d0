//! Every shipped tournament, with few entrants and with many: it ends with somebody who has the title, or is held and says why.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod files;

use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use files::{checked, loaded};
use god_flow::{
    base::{Seed, SourceId},
    run::Outcome,
    sim::{End, Model, Setup, play},
};

const SIZES: [usize; 7] = [5, 8, 14, 15, 40, 64, 256];

/// The worlds of those that the usual one has not the GPUs or the results for.
const WORLDS: [(&str, &str); 3] = [("image-2025-12", "a100"), ("templar", "templar"), ("deval", "deval")];

/// All shipped workflows in which somebody takes part.
fn tournaments() -> Vec<String> {
    let folder = std::fs::read_dir("workflows").unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter(|name| Path::new(name).extension().is_some_and(|it| it == "yaml") && !name.ends_with(".test.yaml"))
        .map(|name| name.trim_end_matches(".yaml").to_owned())
        .filter(|name| name != "hello")
        .collect();
    names.sort();
    names
}

fn world(name: &str) -> Model {
    let Some((_, world)) = WORLDS.iter().find(|(of, _)| *of == name) else { return Model::default() };
    let text = std::fs::read_to_string(format!("examples/worlds/{world}.yaml")).unwrap();
    Model::read(SourceId(0), &text).unwrap()
}

/// What is wrong with how a tournament of that size ends, if anything.
fn wrong(name: &str, entrants: usize) -> Option<String> {
    let workflow = checked(&loaded(&format!("workflows/{name}.yaml")));
    let model = world(name);
    let inputs = model.inputs(&workflow, &indexmap::IndexMap::default(), Some(entrants), Seed(1)).unwrap();
    let account = play(&model, &Setup { workflow, inputs, seed: Seed(1) });
    match &account.end {
        End::Over(Outcome::Succeeded { gives }) => {
            let title = ["champion", "winner"].iter().find_map(|field| gives.get(field)).filter(|it| !it.is_null());
            let ended = gives["ended"].as_str().filter(|why| !why.is_empty());
            let played = gives.get("rounds").is_none_or(|rounds| rounds != 0);
            match (title, ended) {
                (None, _) => Some(format!("nobody has the title: {gives}")),
                (_, None) => Some("it does not say how it ended".into()),
                (_, Some(why)) if !played && !why.contains("rules.") => {
                    Some(format!("nothing was played, and no rule is named: {why}"))
                }
                _ => None,
            }
        }
        End::Held => {
            let failures = account.run.held.iter().map(|node| account.run.tries.get(node)?.failure.as_ref());
            let why: Option<Vec<String>> = failures.map(|it| it.map(|failure| failure.message.clone())).collect();
            match why {
                Some(why) if !why.is_empty() && why.iter().all(|it| it.len() > 10) => None,
                why => Some(format!("it is held and does not say why: {why:?}")),
            }
        }
        other => Some(format!("{other:?}")),
    }
}

#[test]
fn every_tournament_of_every_size_ends_with_a_champion_or_a_reason() {
    let names = tournaments();
    assert!(names.len() >= 12, "{names:?}");
    // The largest first, so that no thread is left alone with one.
    let mut plays: Vec<(&String, usize)> = names.iter().flat_map(|name| SIZES.map(|size| (name, size))).collect();
    plays.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                while let Some((name, size)) = plays.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(why) = wrong(name, *size) {
                        failed.lock().unwrap().push(format!("{name} with {size}: {why}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

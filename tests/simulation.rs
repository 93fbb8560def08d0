//! Whole runs in virtual time: through storms, node by node, and back from their logs.
//!
//! `SIM_SEEDS=10000 cargo test --release --test simulation` plays more storms. A seed that fails is printed and plays again
//! with `SIM_SEED=N`, which with `SIM_SEEDS` is the first of them, or with `god-flow simulate FILE --faults --seed N`.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod files;

use std::{
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use files::{checked, loaded};
use god_flow::{
    base::{Seed, SourceId},
    sim::{End, Model, Setup, play, same_result, storm},
    workflow::Workflow,
};

/// What is played, and with how many entrants.
const FIELDS: [(&str, usize); 17] = [
    ("tests/scenarios/hold.yaml", 1),
    ("tests/scenarios/retry.yaml", 1),
    ("tests/scenarios/nested.yaml", 1),
    ("tests/scenarios/large.yaml", 1),
    ("workflows/text.yaml", 8),
    ("workflows/environment.yaml", 7),
    ("tests/scenarios/hold.yaml", 1),
    ("tests/scenarios/retry.yaml", 1),
    ("tests/scenarios/nested.yaml", 1),
    ("tests/scenarios/large.yaml", 1),
    ("workflows/hello.yaml", 1),
    ("examples/workflows/repeat.yaml", 1),
    ("examples/workflows/fan-out.yaml", 1),
    ("workflows/text.yaml", 16),
    ("tests/scenarios/charges.yaml", 1),
    ("workflows/templar.yaml", 6),
    ("workflows/deval.yaml", 5),
];

static WORKFLOWS: LazyLock<Vec<Arc<Workflow>>> =
    LazyLock::new(|| FIELDS.iter().map(|(path, _)| checked(&loaded(path))).collect());

fn rough() -> Model {
    let text = std::fs::read_to_string("tests/worlds/rough.yaml").unwrap();
    Model::read(SourceId(0), &text).unwrap()
}

fn setup(at: usize, model: &Model, seed: u64) -> Setup {
    let workflow = WORKFLOWS[at].clone();
    let inputs = model.inputs(&workflow, &indexmap::IndexMap::default(), Some(FIELDS[at].1), Seed(seed)).unwrap();
    Setup { workflow, inputs, seed: Seed(seed) }
}

#[test]
fn every_shipped_workflow_plays_to_its_end() {
    let model = Model::default();
    for (path, entrants) in [
        ("workflows/hello.yaml", 3),
        ("workflows/text.yaml", 16),
        ("workflows/text.yaml", 64),
        ("workflows/image.yaml", 8),
        ("workflows/environment.yaml", 20),
        ("examples/workflows/repeat.yaml", 1),
        ("examples/workflows/fan-out.yaml", 1),
        ("workflows/hello-docker.yaml", 1),
        ("examples/workflows/train.yaml", 1),
    ] {
        let workflow = checked(&loaded(path));
        let inputs = model.inputs(&workflow, &indexmap::IndexMap::default(), Some(entrants), Seed(1)).unwrap();
        let account = play(&model, &Setup { workflow, inputs, seed: Seed(1) });
        assert!(matches!(account.end, End::Over(_)), "{path}: {:?}", account.end);
    }
}

/// One storm: every check holds after every turn, and the run comes to what it comes to in calm weather.
fn weather(model: &Model, seed: u64) -> Result<(), String> {
    let at = seed as usize % FIELDS.len();
    let setup = setup(at, model, seed);
    let told = |why: String| format!("{} with the seed {seed}: {why}", FIELDS[at].0);
    let calm = storm(model, &setup, None).map_err(|it| told(format!("in calm weather {it}")))?;
    let stormy = storm(model, &setup, Some(Seed(seed))).map_err(|it| told(it.to_string()))?;
    if !same_result(&calm.end, &stormy.end) {
        return Err(told(format!("calm weather gives\n{:?}\nand the storm\n{:?}", calm.end, stormy.end)));
    }
    if seed.is_multiple_of(16) {
        let again = storm(model, &setup, Some(Seed(seed))).map_err(|it| told(it.to_string()))?;
        if again.log != stormy.log {
            return Err(told("the same seeds give another log".into()));
        }
    }
    Ok(())
}

#[test]
fn storms_take_back_what_waits_at_hosts() {
    let model = rough();
    let kinds = |seed: u64| {
        let setup = setup(4, &model, seed);
        let log = storm(&model, &setup, Some(Seed(seed))).unwrap().log;
        log.into_iter().map(|record| record.kind.to_string()).collect::<Vec<_>>()
    };
    let all: Vec<String> = (1..=8).flat_map(kinds).collect();
    for kind in ["attempt_withdrawn", "drained", "undrained", "paused"] {
        assert!(all.iter().any(|it| it == kind), "nothing is {kind} in any storm");
    }
}

#[test]
fn runs_come_to_the_same_through_every_storm() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let count = number("SIM_SEEDS").unwrap_or(if number("SIM_SEED").is_some() { 1 } else { 500 });
    let first = number("SIM_SEED").unwrap_or(1);
    let (model, next, failed) = (rough(), AtomicU64::new(first), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || failed.lock().unwrap().len() >= 8 {
                        return;
                    }
                    let came = std::panic::catch_unwind(|| weather(&model, seed));
                    match came {
                        Ok(Ok(())) => {}
                        Ok(Err(why)) => failed.lock().unwrap().push(why),
                        Err(_) => failed.lock().unwrap().push(format!("the seed {seed} panicked")),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} storms went wrong:\n{}", failed.len(), failed.join("\n"));
}

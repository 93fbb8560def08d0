//! How long a run is told to take still, against how long it then takes, in modelled worlds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod files;

use std::sync::Arc;

use god_flow::{
    base::{Seed, SourceId},
    document,
    run::{Command, Input, World},
    sim::{self, End, Model, Player, Setup},
    view::Left,
    workflow::Workflow,
};
use indexmap::IndexMap;
use jiff::Timestamp;

/// What was told after a share of a run, and how many hours it then took.
struct Told {
    left: Left,
    was: f64,
}

impl Told {
    /// By what share of the time that was left it was too long or too short.
    fn off(&self) -> f64 {
        (self.left.left.hours() - self.was) / self.was
    }

    /// Whether the time was about between the least and the most that were told.
    fn is_within(&self) -> bool {
        self.left.least.hours() <= 1.25 * self.was && (self.left.at_least || 1.25 * self.left.most.hours() >= self.was)
    }
}

/// Plays a run, and asks after these shares of it how long it still takes.
fn asked(workflow: &Arc<Workflow>, model: &Model, entrants: usize, seed: u64, shares: &[f64]) -> Vec<Told> {
    let seed = Seed(seed);
    let inputs = model.inputs(workflow, &IndexMap::default(), Some(entrants), seed).unwrap();
    let setup = Setup { workflow: workflow.clone(), inputs, seed };
    let whole = sim::play(model, &setup);
    assert!(matches!(whole.end, End::Over(_)), "{:?}", whole.end);
    let (mut player, _) = Player::begin(model, &setup);
    player.turn(model.hosts().into_iter().map(|(host, offer)| Input::HostJoined { host, offer }));
    let mut told = Vec::new();
    for share in shares {
        let at = after(&whole, *share);
        while player.world().1 < at {
            assert!(player.step().is_none(), "it is not over before");
        }
        let (world, now): (&World, Timestamp) = player.world();
        let left = sim::rest(world.clone(), now).unwrap();
        told.push(Told { left, was: hours(now, whole.ended) });
    }
    told
}

fn after(whole: &sim::Account, share: f64) -> Timestamp {
    let millis = whole.ended.duration_since(whole.started).as_millis() as f64 * share;
    whole.started.checked_add(jiff::SignedDuration::from_millis(millis as i64)).unwrap()
}

fn hours(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() / 3_600.0
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Hosts and first turn of a run of a workflow that stands here, in the built-in world of 32 GPUs on four hosts.
fn begun<'m>(model: &'m Model, steps: &str) -> Player<'m> {
    let text = format!("god_flow: 1\nworkflow: left\n{steps}");
    let (tree, mistakes) = document::parse(SourceId(1), &text);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let workflow = files::checked(&tree.unwrap());
    let inputs = model.inputs(&workflow, &IndexMap::default(), None, Seed(1)).unwrap();
    let (mut player, _) = Player::begin(model, &Setup { workflow, inputs, seed: Seed(1) });
    player.turn(model.hosts().into_iter().map(|(host, offer)| Input::HostJoined { host, offer }));
    player
}

fn told(player: &Player<'_>) -> Option<String> {
    let (world, now) = player.world();
    sim::rest(world.clone(), now).map(|left| left.words())
}

const WORK: &str = "container: { image: 'example/a:1', command: [a] }";

#[test]
fn what_queues_and_what_is_yet_to_grow_counts() {
    let each = |more: &str| {
        format!("steps:\n  each:\n    for_each: {{ n: '${{range(12)}}', key: '${{text(n)}}' }}\n    {WORK}\n{more}")
    };
    let repeat = format!(
        "steps:\n  again:\n    repeat: turn\n    carry: {{ n: '${{0}}' }}\n    until: 'carry.n >= 4'\n    at_most: 9\n\
         templates:\n  turn:\n    takes: {{ n: whole }}\n    steps:\n      a: {{ {WORK}, expect: 1h }}\n    gives: {{ n: '${{n + 1}}' }}\n"
    );
    let held = format!(
        "steps:\n  a: {{ {WORK}, expect: 1h }}\n  ask: {{ hold: {{ why: x, when: '${{true}}' }}, on_failure: hold }}\n  \
         b: {{ needs: [a, ask], {WORK}, expect: 1h }}\n"
    );
    for (what, steps, expected) in [
        ("twelve at once", each("    expect: 1h\n"), Some("about 1h left")),
        ("twelve on four hosts", each("    gpus: 8xH100\n    expect: 1h\n"), Some("about 3h left")),
        (
            "twelve, two at a time",
            each("    limits: [two]\n    expect: 1h\n") + "limits: { two: 2 }\n",
            Some("about 6h left"),
        ),
        ("four turns", repeat, Some("about 4h left")),
        ("one before a decision", held, Some("at least 1h left")),
        ("nobody knows", each("    gpus: 8xH100\n"), None),
        (
            "nobody knows of the last",
            format!("steps:\n  a: {{ {WORK}, expect: 1h }}\n  b: {{ needs: [a], {WORK} }}\n"),
            Some("at least 1h left"),
        ),
        (
            "that hardly matters",
            format!("steps:\n  a: {{ {WORK}, expect: 1d }}\n  b: {{ needs: [a], {WORK} }}\n"),
            Some("about 1d left"),
        ),
    ] {
        let model = Model::default();
        assert_eq!(told(&begun(&model, &steps)).as_deref(), expected, "{what}: {steps}");
    }
}

#[test]
fn what_was_seen_counts_more_than_what_was_expected() {
    let world = "god_flow: 1\nworld: fast\nhosts: [{ name: gpu, count: 4, gpus: 8xH100 }]\n\
                 actions: { container: { takes: 10m } }\n";
    let model = Model::read(SourceId::default(), world).unwrap();
    let steps = format!(
        "steps:\n  each:\n    for_each: {{ n: '${{range(12)}}', key: '${{text(n)}}' }}\n    {WORK}\n    gpus: 8xH100\n"
    );
    let mut player = begun(&model, &steps);
    assert_eq!(told(&player), None, "nobody knows how long an image runs");
    while player.world().0.run.lengths.steps().next().is_none() {
        assert!(player.step().is_none());
    }
    assert_eq!(told(&player).as_deref(), Some("about 20m left"));
    let (world, now) = player.world();
    let mut paused = world.clone();
    let pause = Input::Command { who: "ada".into(), why: "x".into(), command: Command::Pause };
    paused.handle(now, [pause]);
    assert_eq!(sim::rest(paused, now), None, "nobody knows how long a pause takes");
}

#[test]
fn what_is_told_to_be_left_is_near_to_what_is_left() {
    for (file, world, entrants, most) in [
        ("text", None, 24, 0.25),
        ("text", Some("workflows/worlds/image-2025-12"), 40, 0.2),
        ("image", Some("examples/worlds/image"), 16, 0.2),
        // Whether the champion is challenged at all is known at the end, and takes half of the time.
        ("environment", Some("examples/worlds/environment"), 16, f64::INFINITY),
    ] {
        let workflow = files::checked(&files::loaded(&format!("workflows/{file}.yaml")));
        let model = world.map_or_else(Model::default, |world| {
            let text = std::fs::read_to_string(format!("{world}.yaml")).unwrap();
            Model::read(SourceId::default(), &text).unwrap()
        });
        let shares = [0.25, 0.5, 0.75];
        let runs: Vec<Vec<Told>> = (1..=3).map(|seed| asked(&workflow, &model, entrants, seed, &shares)).collect();
        for (at, share) in shares.iter().enumerate() {
            let told: Vec<&Told> = runs.iter().map(|run| &run[at]).collect();
            let usual = median(told.iter().map(|it| it.off().abs()).collect());
            let within = told.iter().filter(|it| it.is_within()).count();
            let words = told.iter().map(|it| format!("{}, and it was {:.1} hours", it.left.words(), it.was));
            let words = words.collect::<Vec<_>>().join("; ");
            assert!(usual <= most && within >= 2, "{file} after {:.0} %: {words}", 100.0 * share);
        }
    }
}

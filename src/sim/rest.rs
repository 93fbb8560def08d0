//! How long a run still takes: what is left of it, played in virtual time on the hosts that it has.
//!
//! The engine itself plays, so that what queues for GPUs, what is yet to grow and what limits allow is all in it. Work
//! takes as long as the last attempts of the same step did, or as the author or the catalogue says where there was none yet;
//! what comes out is made up, and all goes well. Whoever shows a run calls it with a copy.

use std::{cell::Cell, collections::HashMap, sync::LazyLock};

use jiff::Timestamp;

use super::{
    model::Model,
    play::Played,
    player::{End, Player, Script},
};
use crate::{
    base::{Seed, SourceId, Span},
    plan::{self, NodeIx},
    run::{Attempt, Outcome, Report, Run, World, state::StepKey},
    view::{Left, between},
    workflow::Does,
};

/// More turns are not played: that many say little of what comes behind them.
const TURNS_MAX: usize = 200_000;
/// Nor is a plan that has grown so large.
const NODES_MAX: usize = 300_000;
/// So many ways in which it may go on are played.
const PLAYED: usize = 5;
/// Of runs with more nodes fewer.
const SMALL: usize = 2_000;
/// A share of the whole that is not worth a doubt.
const DOUBT: f64 = 0.1;
/// Work that has taken longer than ever before takes this share of that time longer.
const LONGER: f64 = 0.15;

/// How long a run takes from a moment on, where it can be told: not while it is paused or ends already.
pub fn rest(mut world: World, now: Timestamp) -> Option<Left> {
    static PLAIN: LazyLock<Model> = LazyLock::new(|| {
        let text = "god_flow: 1\nworld: plain\nhosts: [{ name: any, count: 1, cpus: 1 }]\n\
                    entrants: { varies: 0.1, noise: 0.05 }\n\
                    results: { loss: 1.2, score: 0.6, varies: 0.2, higher_is_better: [grpo, environment] }\n";
        Model::read(SourceId::default(), text).expect("the plain world was checked by a test")
    });
    let run = &world.run;
    if run.outcome.is_some() || run.paused || run.cancelled || run.fatal.is_some() {
        return None;
    }
    let now = now.max(world.now());
    world.hold_back(false);
    let outlook = Outlook::of(&world.run, now);
    let nodes = world.run.plan.graph().node_count();
    let ways = (PLAYED * SMALL / nodes.max(SMALL)).max(1) as u64;
    let mut ways: Vec<(Span, bool)> = (0..ways).map(|way| play(&PLAIN, world.clone(), now, way, &outlook)).collect();
    // Where what nobody knows would hardly matter if it took as long as is usual, it does not make the rest doubtful.
    let is_vague = outlook.is_vague.get() && {
        outlook.guesses.set(true);
        let (guessed, _) = play(&PLAIN, world, now, 0, &outlook);
        guessed.millis() as f64 > ways[0].0.millis() as f64 * (1.0 + DOUBT)
    };
    ways.sort();
    let (left, _) = ways[ways.len() / 2];
    let at_least = is_vague || ways.iter().any(|(_, is_whole)| !is_whole);
    let (least, most) = (ways[0].0, ways[ways.len() - 1].0);
    (left > Span::ZERO).then_some(Left { left, least, most, at_least })
}

/// Plays one way in which it may go on: how long it takes, and whether it comes to a good end.
fn play(model: &Model, world: World, now: Timestamp, number: u64, outlook: &Outlook) -> (Span, bool) {
    let seed = world.run.seed.stream(&format!("left/{number}")).next_u64();
    let mut player = Player::of(model, world, now, Seed(seed));
    player.follow(outlook);
    // What is under way is played to its end; nothing was started of it here.
    player.turn([]);
    player.act();
    let mut end = None;
    for _ in 0..TURNS_MAX {
        end = player.step();
        if end.is_some() || player.run().plan.graph().node_count() > NODES_MAX {
            break;
        }
    }
    (between(now, player.now), matches!(end, Some(End::Over(Outcome::Succeeded { .. }))))
}

/// What is known of how long work takes.
struct Outlook {
    from: Timestamp,
    /// For each step, how many times as long as expected its last attempts took.
    of_steps: HashMap<StepKey, Vec<f64>>,
    /// The same for each action.
    of_actions: HashMap<&'static str, Vec<f64>>,
    /// There was work of which nobody knows how long it takes.
    is_vague: Cell<bool>,
    /// Such work takes as long as the catalogue has it, and not nothing.
    guesses: Cell<bool>,
}

impl Outlook {
    fn of(run: &Run, from: Timestamp) -> Self {
        let (mut of_steps, mut of_actions) = (HashMap::new(), HashMap::<_, Vec<f64>>::new());
        for (step, taken) in run.lengths.steps() {
            let times = taken.iter().filter_map(|(node, taken)| Some(taken.millis() as f64 / expected(run, *node)?));
            let times: Vec<f64> = times.collect();
            if let Some(Does::Action { action, .. }) = taken.front().map(|(node, _)| &run.plan.step(*node).does) {
                of_actions.entry(action.name).or_default().extend(&times);
            }
            of_steps.insert(step, times);
        }
        Self { from, of_steps, of_actions, is_vague: Cell::new(false), guesses: Cell::new(false) }
    }

    /// How long an attempt takes in all that has taken so long already.
    fn takes(&self, run: &Run, node: NodeIx, already: f64, seed: Seed) -> f64 {
        let Does::Action { action, .. } = &run.plan.step(node).does else { return already };
        let of_action = || self.of_actions.get(action.name).filter(|_| !action.is_general());
        let seen = self.of_steps.get(&run.step_key(node)).or_else(of_action).filter(|seen| !seen.is_empty());
        let expected = expected(run, node).unwrap_or(1.0);
        let longer = already * (1.0 + LONGER);
        let Some(seen) = seen else {
            let is_said = run.plan.step(node).settings.expect.is_some() || !action.is_general();
            self.is_vague.set(self.is_vague.get() || !is_said);
            return if !is_said && !self.guesses.get() {
                already
            } else if expected > already {
                expected
            } else {
                longer
            };
        };
        // One of those that took longer than this has: so the slowest of many counts as it will.
        let longer_ones: Vec<f64> = seen.iter().map(|times| times * expected).filter(|it| *it > already).collect();
        let drawn = seed.stream(&format!("{}/left", run.plan.id(node))).unit();
        longer_ones.get((drawn * longer_ones.len() as f64) as usize).copied().unwrap_or(longer)
    }
}

impl Script for Outlook {
    fn played(&self, seed: Seed, run: &Run, node: NodeIx, attempt: &Attempt, usual: Played) -> Played {
        let already = between(attempt.started, self.from);
        let takes = self.takes(run, node, already.millis() as f64, seed);
        let takes = attempt.time_limit.map_or(takes, |limit| takes.min(limit.millis() as f64));
        let left = (takes - already.millis() as f64).clamp(0.0, Span::MAX.millis() as f64);
        let report = match usual.report {
            Report::CutShort { output: Some(output) } => Report::Succeeded { output },
            other => other,
        };
        Played { takes: Span::from_millis(left as u64).unwrap_or(Span::MAX), report }
    }
}

/// How long a node is expected to take before any has, in milliseconds; never nothing.
fn expected(run: &Run, node: NodeIx) -> Option<f64> {
    plan::expected(&run.plan, node, run).ok().map(|span| (span.millis() as f64).max(1.0))
}

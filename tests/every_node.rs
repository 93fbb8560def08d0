//! Every step of every shipped workflow in trouble: failed by each cause, reported twice, lost with its host, crashed around.
//! The run comes to an end, or waits for an operator and says where; and its log gives the same run again.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod files;

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use files::{checked, loaded};
use god_flow::{
    base::{Seed, Span},
    run::{Beginning, Blame, Cause, Digest, Event, Failure, Input, NodeId, Report, RunId, World, read},
    sim::Model,
    workflow::Workflow,
};
use jiff::Timestamp;

/// What befalls one attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    Nothing,
    Fails(Cause),
    ToldTwice,
    /// Its report is lost, and then its host.
    Lost,
    /// The process dies after the start is stored, and again when the end is told and not stored.
    Crashes,
}

const ID: [u8; 16] = [7; 16];

/// Plays a run in which something befalls the first attempt of one node. Gives the nodes that did work.
fn play(workflow: &Arc<Workflow>, entrants: usize, target: Option<&str>, trouble: Trouble) -> Vec<NodeId> {
    let model = Model::default();
    let seed = Seed(5);
    let inputs = model.inputs(workflow, &indexmap::IndexMap::default(), Some(entrants), seed).unwrap();
    let id = RunId::from_bytes(ID);
    let mut now = Timestamp::UNIX_EPOCH;
    let digest = Digest::of("workflow");
    let beginning = Beginning { id, name: "run".into(), workflow: digest, inputs, seed, simulated: true };
    let (mut world, mut log) = World::begin(now, workflow.clone(), &beginning);
    let mut coming: Vec<(Timestamp, Input)> = Vec::new();
    let hosts = model.hosts();
    let mut inputs: Vec<Input> = hosts.iter().cloned().map(|(host, offer)| Input::HostJoined { host, offer }).collect();
    let (mut started, mut worked, mut crashed) = (HashSet::new(), Vec::new(), false);
    let later = |now: Timestamp, span: Span| now.checked_add(span.to_signed()).unwrap();
    for _ in 0..100_000 {
        let told = inputs.clone();
        let records = world.handle(now, inputs.drain(..));
        let is_told = told.iter().any(|it| matches!(it, Input::Report { node, .. } if Some(&**node) == target));
        if trouble == Trouble::Crashes && is_told && !crashed {
            crashed = true;
            world = World::replay(id, workflow.clone(), &log).unwrap();
            coming.extend(told.into_iter().map(|it| (later(now, Span::from_secs(2)), it)));
        } else {
            log.extend(records);
        }
        if let Some(last) = log.last()
            && let Ok(Event::AttemptStarted { node, .. }) = read(last)
            && trouble == Trouble::Crashes
            && Some(&*node) == target
        {
            world = World::replay(id, workflow.clone(), &log).unwrap();
        }
        for (node, attempt) in world.run.wanted() {
            let name: NodeId = world.run.plan.id(node).into();
            let is_new = started.insert((name.clone(), attempt.number));
            if attempt.ending == Some(god_flow::run::Ending::Stopped) {
                let report = Report::Failed(Failure::new(Cause::Stopped, "it was ended"));
                let input = Input::Report { node: name, attempt: attempt.number, report };
                coming.push((later(now, Span::from_secs(1)), input));
                continue;
            }
            if !is_new {
                continue;
            }
            worked.push(name.clone());
            let mut played = model.play(seed, &world.run, node, attempt);
            let is_target = Some(&*name) == target && attempt.number == 1;
            let at = later(now, played.takes);
            match trouble {
                Trouble::Fails(cause) if is_target => {
                    played.report = Report::Failed(Failure::new(cause, "so it goes"));
                }
                Trouble::Lost if is_target => {
                    let (host, offer) = hosts.iter().find(|(host, _)| *host == attempt.host).unwrap().clone();
                    coming.push((at, Input::HostLost { host: host.clone() }));
                    coming.push((later(at, Span::from_secs(60)), Input::HostJoined { host, offer }));
                    continue;
                }
                _ => {}
            }
            let input = Input::Report { node: name, attempt: attempt.number, report: played.report };
            if is_target && trouble == Trouble::ToldTwice {
                coming.push((at, input.clone()));
                coming.push((later(at, Span::from_secs(300)), input.clone()));
            }
            coming.push((at, input));
        }
        if world.run.outcome.is_some() {
            break;
        }
        coming.sort_by_key(|(at, _)| *at);
        let next = [coming.first().map(|(at, _)| *at), world.next_deadline()].into_iter().flatten().min();
        let Some(next) = next else { break };
        now = next.max(now);
        let due = coming.iter().take_while(|(at, _)| *at <= now).count();
        inputs.extend(coming.drain(..due).map(|(_, input)| input));
    }
    let waits = !world.run.held.is_empty();
    assert!(world.run.outcome.is_some() || waits, "{target:?} {trouble:?}: the run neither ends nor is held");
    let again = World::replay(id, workflow.clone(), &log).unwrap();
    assert_eq!(again.run.outcome, world.run.outcome, "{target:?} {trouble:?}");
    for record in &log {
        if let Event::Settled { failure, node } | Event::Failed { failure, node } = read(record).unwrap() {
            let by_the_world = matches!(failure.cause, Cause::HostLost | Cause::Network);
            assert!(!by_the_world || failure.blame != Blame::Entrant, "{node} is blamed for {failure:?}");
        }
    }
    worked
}

#[test]
fn every_step_comes_through_every_trouble() {
    let causes = [
        Cause::ExitCode,
        Cause::OutOfMemory,
        Cause::TimeLimit,
        Cause::Network,
        Cause::HostLost,
        Cause::Refused,
        Cause::BadOutput,
    ];
    let troubles = causes.map(Trouble::Fails).into_iter();
    let troubles: Vec<Trouble> = troubles.chain([Trouble::ToldTwice, Trouble::Lost, Trouble::Crashes]).collect();
    for (path, entrants) in [
        ("workflows/text.yaml", 8),
        ("workflows/image.yaml", 8),
        ("workflows/environment.yaml", 5),
        ("examples/workflows/train.yaml", 1),
        ("workflows/hello-docker.yaml", 1),
        ("examples/workflows/fan-out.yaml", 1),
        ("tests/scenarios/charges.yaml", 1),
        ("tests/scenarios/hold.yaml", 1),
        ("tests/scenarios/nested.yaml", 1),
    ] {
        let workflow = checked(&loaded(path));
        let worked = play(&workflow, entrants, None, Trouble::Nothing);
        // One instance of each step: the last part of its name, without the keys of the items.
        let mut steps = BTreeSet::new();
        let step = |node: &NodeId| node.rsplit('/').next().unwrap().split('[').next().unwrap().to_string();
        for node in worked.iter().filter(|node| steps.insert(step(node))) {
            for trouble in &troubles {
                play(&workflow, entrants, Some(node), *trouble);
            }
        }
    }
}

//! A world for tests of runs: made-up hosts, and work that ends in the next turn as it is told.

use std::{collections::BTreeMap, sync::Arc};

use god_flow::{
    base::{GpuKind, Seed, Size},
    document,
    plan::{self, sample},
    run::{
        Beginning, Cause, Digest, Event, Failure, Input, Record, Report, Reusable, RunId, World,
        event::HostOffer,
        place::{GpuId, HostId},
        read,
    },
    workflow::{Does, Workflow},
};
use jiff::{SignedDuration, Timestamp};

use crate::files::{checked, loaded};

/// A workflow's kept text, from a file of this project.
pub(crate) fn source(path: &str) -> String {
    document::stored::write(&loaded(path))
}

/// A workflow from the text of one file.
pub(crate) fn written(text: &str) -> Arc<Workflow> {
    let (tree, mistakes) = document::parse(god_flow::base::SourceId(1), text);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    checked(&tree.unwrap())
}

/// How work ends: by a node's id, the failures of its attempts, one after the other.
pub(crate) type Fails = BTreeMap<String, Vec<Cause>>;

/// A run that was played.
pub(crate) struct Played {
    pub(crate) id: RunId,
    pub(crate) world: World,
    pub(crate) log: Vec<Record>,
}

pub(crate) fn beginning(workflow: &Workflow, source: &str, items: usize, id: u8) -> Beginning {
    Beginning {
        id: RunId::from_bytes([id; 16]),
        name: format!("run-{id}").into(),
        workflow: Digest::of(source),
        inputs: plan::sampled_inputs(workflow, &indexmap::IndexMap::default(), Some(items), Seed(1)).unwrap(),
        seed: Seed(1),
        simulated: true,
    }
}

/// Plays a run until it is over, is held, or `turns` have passed; `from` is what an earlier run has done.
pub(crate) fn play(
    workflow: &Arc<Workflow>,
    beginning: &Beginning,
    from: Option<Reusable>,
    fails: &Fails,
    turns: usize,
) -> Played {
    let start = Timestamp::UNIX_EPOCH;
    let (world, log) = match from {
        Some(from) => World::begin_from(start, workflow.clone(), beginning, from),
        None => World::begin(start, workflow.clone(), beginning),
    };
    let mut played = Played { id: beginning.id, world, log };
    let joins = (0..4).map(|host| Input::HostJoined {
        host: HostId::parse(&format!("h{host}")).unwrap(),
        offer: HostOffer {
            gpus: (0..8)
                .map(|gpu| (GpuId::parse(&gpu.to_string()).unwrap(), GpuKind::parse("H100").unwrap()))
                .collect(),
            cpus: 100,
            memory: Size(1 << 40),
            slots: 8,
            ..HostOffer::default()
        },
    });
    go_on(&mut played, joins.collect(), fails, turns);
    played
}

pub(crate) fn go_on(played: &mut Played, mut inputs: Vec<Input>, fails: &Fails, turns: usize) {
    let mut now = played.log.last().map_or(Timestamp::UNIX_EPOCH, |record| record.at);
    for _ in 0..turns {
        if played.world.run.outcome.is_some() || played.world.run.waits_for_an_operator() {
            return;
        }
        now += SignedDuration::from_secs(600);
        let records = played.world.handle(now, inputs.drain(..));
        inputs = records.iter().filter_map(|record| answer(&played.world, record, fails)).collect();
        played.log.extend(records);
    }
}

/// What comes of an attempt: a failure where one is told, or a value made from the node's name and all that it takes.
fn answer(world: &World, record: &Record, fails: &Fails) -> Option<Input> {
    let Event::AttemptStarted { node, attempt, input, .. } = read(record).unwrap() else { return None };
    let cause = fails.get(&*node).and_then(|causes| causes.get(attempt as usize - 1));
    let report = match cause {
        Some(cause) => Report::Failed(Failure::new(*cause, "as it was told")),
        None => {
            let found = world.run.find(&node).unwrap();
            let Does::Action { gives, .. } = &world.run.plan.step(found).does else { panic!("work is an action") };
            let output = sample::sample(gives, Seed(5), &format!("{node}{input}"));
            Report::Succeeded { output: output.to_json() }
        }
    };
    Some(Input::Report { node, attempt, report })
}

//! `god-flow due`: which workflows would start when, by their schedules and the history in the store.

use jiff::Timestamp;
use serde_json::json;

use super::{
    Exit, carry, files,
    out::Out,
    stored::{self, Where},
    table,
};
use crate::{
    driver,
    store::RunHeader,
    workflow::{
        Workflow,
        schedule::{Before, Due},
    },
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Workflow files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Asks for another moment than now, such as `2026-06-18T14:00:00Z`.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Changes the schedule, of all of them: `--set schedule.on=friday`.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
    #[command(flatten)]
    place: Where,
}

/// How many runs are looked back on.
pub(super) const RUNS_SEEN: usize = 10_000;

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let mut workflows = Vec::new();
    for file in &args.files {
        match files::workflow(file, &args.settings, out) {
            Ok(workflow) => workflows.push((file, workflow)),
            Err(exit) => return exit,
        }
    }
    // Where nothing is stored yet, nothing has run yet.
    let stored = match args.place.missing() {
        Some(_) => None,
        None => match args.place.open(out) {
            Ok(stored) => Some(stored),
            Err(exit) => return exit,
        },
    };
    let runs = match &stored {
        None => Vec::new(),
        Some(stored) => match carry::block_on(stored.store.list(RUNS_SEEN)) {
            Ok(runs) => runs,
            Err(error) => return out.failure(&driver::full(&error)),
        },
    };
    let now = args.at.unwrap_or_else(Timestamp::now);
    let told: Vec<(&String, &Workflow, Before, Option<Due>)> = workflows
        .iter()
        .map(|(file, workflow)| {
            let before = before(workflow, &runs, false);
            (*file, &**workflow, before, workflow.schedule.as_ref().map(|schedule| schedule.due(now, before)))
        })
        .collect();
    if out.json {
        let told: Vec<serde_json::Value> = told
            .iter()
            .map(|(file, workflow, before, due)| {
                let next = match due {
                    Some(Due::At(then)) => Some(*then),
                    Some(Due::Now(_)) => Some(now),
                    _ => None,
                };
                json!({
                    "file": file, "workflow": workflow.name, "start": matches!(due, Some(Due::Now(_))), "next": next,
                    "running": before.running, "last": before.last, "scheduled": due.is_some(),
                })
            })
            .collect();
        return out.json_data(&told);
    }
    let mut busy = Vec::new();
    for (_, workflow, ..) in told.iter().filter(|(.., due)| matches!(due, Some(Due::Busy))) {
        if let (Some(stored), Some(run)) = (&stored, latest(workflow, &runs, false)) {
            match carry::block_on(stored::in_the_way(&*stored.store, run, args.place.store.as_deref())) {
                Ok(told) => busy.push(format!("`{}` waits for {told}\n", workflow.name)),
                Err(error) => return out.failure(&driver::full(&error)),
            }
        }
    }
    let rows = told.iter().map(|(_, workflow, before, due)| {
        let when = match due {
            None => "has no schedule".into(),
            Some(Due::Now(_)) => "now".into(),
            Some(Due::At(then)) => table::moment(*then),
            Some(Due::Busy) => "when the run that goes on is over".into(),
        };
        vec![workflow.name.to_string(), when, before.last.map_or_else(|| "never".into(), table::moment)]
    });
    let exit = out.data(&table::table(&["workflow", "starts", "last run"], rows));
    busy.iter().for_each(|line| out.say(line));
    exit
}

/// What the store tells of earlier runs of a workflow, real ones or those of a made-up world. Cancelled ones do not count.
pub(super) fn before(workflow: &Workflow, runs: &[RunHeader], simulated: bool) -> Before {
    let latest = latest(workflow, runs, simulated);
    Before {
        last: latest.map(|run| run.ended_at.unwrap_or(run.created_at)),
        began: latest.map(|run| run.created_at),
        running: latest.is_some_and(|run| run.ended_at.is_none()),
        again: latest.is_some_and(|run| run.stands().0 == driver::TO_BE_REPEATED),
    }
}

fn latest<'r>(workflow: &Workflow, runs: &'r [RunHeader], simulated: bool) -> Option<&'r RunHeader> {
    let counts = |run: &&RunHeader| {
        run.title == workflow.name.as_str() && run.simulated == simulated && run.stands().0 != "cancelled"
    };
    runs.iter().filter(counts).max_by_key(|run| run.created_at)
}

//! `god-flow verify`: makes every recorded decision of a run again, from a store or from an export.

use std::sync::Arc;

use serde_json::json;

use super::{Exit, carry, export, out::Out, stored::Where, table::fit};
use crate::{
    driver,
    run::{
        self, Digest, Event, Record, RunId,
        verify::{Break, Verdict, verify},
    },
    store::Found,
};

/// Differences that are shown.
const SHOWN_MAX: usize = 20;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The run, or a file that `export` wrote.
    #[arg(value_name = "RUN|FILE")]
    run: String,
    #[command(flatten)]
    place: Where,
}

struct Told {
    name: String,
    id: RunId,
    simulated: bool,
    /// Whether the store says that it is over.
    is_over: bool,
    source: Arc<str>,
    digest: Digest,
    records: Vec<Record>,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    match found(args, out) {
        Ok(found) => judge(&found, out),
        Err(exit) => exit,
    }
}

fn found(args: &Args, out: &Out) -> Result<Told, Exit> {
    if is_file(args, out)? {
        let export = export::read(&args.run).map_err(|why| out.failure(&why))?;
        let (id, digest) = (export.head.id, export.head.workflow);
        let export::Head { name, simulated, .. } = export.head;
        let (source, records) = (export.source.into(), export.records);
        return Ok(Told { name, id, simulated, is_over: false, source, digest, records });
    }
    let stored = args.place.open(out)?;
    let header = stored.find(&args.run, out)?;
    let told = |error: driver::Error| out.failure(&driver::full(&error));
    let source = carry::block_on(stored.store.workflow(header.workflow)).map_err(|error| told(error.into()))?;
    let records = carry::block_on(driver::records(&*stored.store, header.id)).map_err(told)?;
    let (name, id, simulated, is_over) = (header.name, header.id, header.simulated, header.ended_at.is_some());
    Ok(Told { name, id, simulated, is_over, source, digest: header.workflow, records })
}

/// Whether a file is meant: what has a slash, which no run's name has, or a file that is not called as a run is.
fn is_file(args: &Args, out: &Out) -> Result<bool, Exit> {
    let is_there = std::path::Path::new(&args.run).is_file();
    if args.run.contains('/') || !is_there || args.place.missing().is_some() {
        return Ok(args.run.contains('/') || is_there);
    }
    let stored = args.place.open(out)?;
    let found = carry::block_on(stored.store.find(&args.run)).map_err(|error| out.failure(&driver::full(&error)))?;
    Ok(matches!(found, Found::None))
}

fn judge(found: &Told, out: &Out) -> Exit {
    let verdict = match driver::workflow(&found.source) {
        Ok(_) if Digest::of(&found.source) != found.digest => broken(OTHER_WORKFLOW.into()),
        Ok(workflow) => match not_as_begun(found) {
            Some(why) => broken(why),
            None => verify(found.id, workflow, &found.records),
        },
        Err(error) => broken(driver::full(&error)),
    };
    let is_cut = found.is_over && !verdict.finished && verdict.is_sound();
    let verdict = if is_cut {
        broken("the store says that the run is over, and its last events are gone".into())
    } else {
        verdict
    };
    let exit = if verdict.is_sound() { Exit::Fine } else { Exit::Failed };
    if out.json {
        let told = out.json_data(
            &json!({ "run": found.id, "name": found.name, "sound": verdict.is_sound(), "verdict": verdict }),
        );
        return if told == Exit::Fine { exit } else { told };
    }
    let width = out.look().width;
    let mut text = String::new();
    for it in verdict.differences.iter().take(SHOWN_MAX) {
        text.push_str(&format!("event {}: {} of {} comes out differently\n", it.seq, it.what, it.node));
        text.push_str(&format!("{}\n", fit(&format!("  recorded   {}", it.recorded), width)));
        text.push_str(&format!("{}\n", fit(&format!("  evaluated  {}", it.evaluated), width)));
    }
    let more = verdict.differences.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        text.push_str(&format!("and {more} more\n"));
    }
    if let Some(Break { seq, why }) = &verdict.broken {
        text.push_str(&format!("{} breaks off at event {seq}: {why}\n", found.name));
    }
    let judged = if verdict.is_sound() { "sound" } else { "NOT SOUND" };
    text.push_str(&format!(
        "{}: {judged}{}; {} events, {} decisions made again, {} differences\n",
        found.name,
        if verdict.finished || !verdict.is_sound() { "" } else { ", and not over yet" },
        verdict.records,
        verdict.decisions,
        verdict.differences.len()
    ));
    let told = out.data(&text);
    if told == Exit::Fine { exit } else { told }
}

const OTHER_WORKFLOW: &str = "the workflow is not the one that the run began with";

/// What is told of the run that its first record, which the chain of hashes holds, does not say.
fn not_as_begun(found: &Told) -> Option<String> {
    let first = found.records.first().and_then(|record| run::read(record).ok());
    let Some(Event::Created { name, workflow, simulated, .. }) = first else { return Some(OTHER_WORKFLOW.into()) };
    if workflow != found.digest {
        Some(OTHER_WORKFLOW.into())
    } else if *name != *found.name {
        Some(format!("it is called {}, and its first event says {name}", found.name))
    } else {
        let word = |simulated| if simulated { "simulated" } else { "real" };
        (simulated != found.simulated)
            .then(|| format!("it passes for {}, and its first event says {}", word(found.simulated), word(simulated)))
    }
}

fn broken(why: String) -> Verdict {
    Verdict { broken: Some(Break { seq: 0, why }), ..Verdict::default() }
}

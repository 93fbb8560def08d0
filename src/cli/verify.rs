//! `god-flow verify`: makes every recorded decision of a run again, from a store or from an export.

use std::sync::Arc;

use serde_json::json;

use super::{Exit, carry, export, out::Out, stored::Where, table::fit};
use crate::{
    driver,
    run::{
        Digest, Record, RunId,
        verify::{Break, Verdict, verify},
    },
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

struct Found {
    name: String,
    id: RunId,
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

fn found(args: &Args, out: &Out) -> Result<Found, Exit> {
    if std::path::Path::new(&args.run).is_file() {
        let export = export::read(&args.run).map_err(|why| out.failure(&why))?;
        let (id, digest) = (export.head.id, export.head.workflow);
        return Ok(Found { name: export.head.name, id, source: export.source.into(), digest, records: export.records });
    }
    let stored = args.place.open(out)?;
    let header = stored.find(&args.run, out)?;
    let told = |error: driver::Error| out.failure(&driver::full(&error));
    let source = carry::block_on(stored.store.workflow(header.workflow)).map_err(|error| told(error.into()))?;
    let records = carry::block_on(driver::records(&*stored.store, header.id)).map_err(told)?;
    Ok(Found { name: header.name, id: header.id, source, digest: header.workflow, records })
}

fn judge(found: &Found, out: &Out) -> Exit {
    let verdict = match driver::workflow(&found.source) {
        // The first record names the workflow by its digest, and the chain of hashes holds the record.
        Ok(workflow) if Digest::of(&found.source) == found.digest && is_named(found) => {
            verify(found.id, workflow, &found.records)
        }
        Ok(_) => broken("the workflow is not the one that the run began with".into()),
        Err(error) => broken(driver::full(&error)),
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
        "{}: {judged}; {} events, {} decisions made again, {} differences\n",
        found.name,
        verdict.records,
        verdict.decisions,
        verdict.differences.len()
    ));
    let told = out.data(&text);
    if told == Exit::Fine { exit } else { told }
}

fn is_named(found: &Found) -> bool {
    let first = found.records.first().and_then(|record| crate::run::read(record).ok());
    matches!(first, Some(crate::run::Event::Created { workflow, .. }) if workflow == found.digest)
}

fn broken(why: String) -> Verdict {
    Verdict { broken: Some(Break { seq: 0, why }), ..Verdict::default() }
}

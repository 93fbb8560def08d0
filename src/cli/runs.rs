//! `god-flow runs`: the runs of a store, the newest first.

use serde_json::json;

use super::{Exit, carry, out::Out, stored::Where, table};
use crate::{driver, store::RunHeader};

#[derive(clap::Args)]
pub(super) struct Args {
    /// How many are listed at most.
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    place: Where,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let stored = match args.place.open(out) {
        Ok(stored) => stored,
        Err(exit) => return exit,
    };
    let runs = match carry::block_on(stored.store.list(args.limit)) {
        Ok(runs) => runs,
        Err(error) => return out.failure(&driver::full(&error)),
    };
    if out.json {
        return out.json_data(&runs.iter().map(as_json).collect::<Vec<_>>());
    }
    if runs.is_empty() {
        out.say(&format!("there are no runs in {}\n", stored.store.place()));
        return Exit::Fine;
    }
    let rows = runs.iter().map(|run| {
        let id = run.id.to_string();
        let what = if run.simulated { format!("{} (simulated)", run.title) } else { run.title.clone() };
        vec![run.name.clone(), table::moment(run.created_at), what, run.state.clone(), id]
    });
    out.data(&table::table(&["name", "created", "workflow", "state", "id"], rows))
}

fn as_json(run: &RunHeader) -> serde_json::Value {
    json!({
        "id": run.id, "name": run.name, "workflow": run.title, "digest": run.workflow, "simulated": run.simulated,
        "created_at": run.created_at, "ended_at": run.ended_at, "state": run.state,
    })
}

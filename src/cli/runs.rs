//! `god-flow runs`: the runs of a store, the newest first.

use serde_json::json;

use super::{
    Exit, call, carry,
    out::Out,
    stored::{Where, state},
    table,
};
use crate::{
    driver,
    store::{self, RunHeader},
    view::State,
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// How many are listed at most.
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true)]
    limit: u32,
    #[command(flatten)]
    place: Where,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    if let Some(why) = args.place.missing() {
        out.say(&format!("there are no runs: {why}\n"));
        return if out.json { out.json_data(&json!([])) } else { Exit::Fine };
    }
    let stored = match args.place.open(out) {
        Ok(stored) => stored,
        Err(exit) => return exit,
    };
    let runs = carry::block_on(async {
        let runs = stored.store.list(args.limit as usize).await?;
        let mut stand = Vec::with_capacity(runs.len());
        for run in &runs {
            let (state, driver) = state(&*stored.store, run).await?;
            stand.push((state.to_owned(), driver));
        }
        Ok::<_, store::Error>(runs.into_iter().zip(stand).collect::<Vec<_>>())
    });
    let runs = match runs {
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
    let rows = runs.iter().map(|(run, (state, _))| {
        let id = run.id.to_string();
        let what = if run.simulated { format!("{} (simulated)", run.title) } else { run.title.clone() };
        let far = run.stands().1.unwrap_or("-");
        vec![run.name.clone(), table::moment(run.created_at), what, state.clone(), far.into(), id]
    });
    let exit = out.data(&table::table(&["name", "created", "workflow", "state", "how far", "id"], rows));
    let interrupted = runs.iter().find(|(_, (state, _))| state == State::Interrupted.word());
    if let (Exit::Fine, Some((run, _))) = (exit, interrupted) {
        let resume = call::about("resume", run, args.place.store.as_deref());
        out.say(&format!("no process drives what is interrupted; take it up, as in: {resume}\n"));
    }
    exit
}

fn as_json((run, (state, driver)): &(RunHeader, (String, Option<String>))) -> serde_json::Value {
    json!({
        "id": run.id, "name": run.name, "workflow": run.title, "digest": run.workflow, "simulated": run.simulated,
        "created_at": run.created_at, "ended_at": run.ended_at, "state": state, "driver": driver, "far": run.stands().1,
    })
}

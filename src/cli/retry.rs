//! `god-flow retry`: does a run again, from a node or with another definition, and keeps what still holds.

use jiff::Timestamp;
use serde_json::json;

use super::{Exit, against, call, carry, files, out::Out, stored::Where};
use crate::{
    document::stored,
    driver::{self, New},
    run::{Reusable, RunId},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its name or id, the start of either, or `@latest`.
    run: String,
    /// The node that is done again, whether its result still holds or not.
    node: String,
    /// Everything that depends on the node is done again too, even where its result turns out as before.
    #[arg(long)]
    downstream: bool,
    /// The workflow as it is now; left out, the one that the run began with.
    #[arg(long, value_name = "FILE")]
    with: Option<String>,
    /// Changes a rule of the workflow that `--with` names.
    #[arg(long = "set", value_name = "PATH=VALUE", requires = "with")]
    settings: Vec<String>,
    /// The name of the new run.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    place: Where,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    match begin(args, out) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn begin(args: &Args, out: &Out) -> Result<Exit, Exit> {
    let store = args.place.open(out)?;
    let old = store.told(&args.run, out)?;
    if old.world.run.find(&args.node).is_none() {
        return Err(old.no_node(&args.node, out));
    }
    if let Some(by) = old.driver.as_ref().filter(|_| old.world.run.outcome.is_none()) {
        let name = &old.header.name;
        let cancel = call::about("cancel", &old.header, args.place.store.as_deref());
        let why = format!(
            "{name} is driven by {by}, and what runs there would be done twice; end it first with `{cancel} --why …`, or \
             have a held step done again with `god-flow decide`"
        );
        return Err(out.refused(&why));
    }
    let (workflow, source) = match &args.with {
        None => (old.workflow.clone(), old.source.to_string()),
        Some(file) => {
            let (workflow, tree) = files::workflow_and_source(file, &args.settings, out)?;
            (workflow, stored::write(&tree))
        }
    };
    let inputs = against::inputs(&old, &workflow).map_err(|why| out.wrong(&why))?;
    let reusable = Reusable::of(old.header.id, old.workflow.clone(), &old.records, Some(&args.node), args.downstream);
    let reusable = reusable.map_err(|error| out.failure(&error.to_string()))?;
    let new = New {
        workflow,
        source: &source,
        inputs,
        seed: old.world.run.seed,
        simulated: old.header.simulated,
        name: args.name.as_deref(),
        setup: &old.header.setup,
        now: Timestamp::now(),
    };
    let id = RunId::from(uuid::Uuid::now_v7());
    let header = carry::block_on(driver::begin_again(&*store.store, id, new, reusable))
        .map_err(|error| out.refused(&driver::full(&error)))?;
    if out.json {
        return Ok(out.json_data(&json!({ "run": header.id, "name": header.name, "again": old.header.id })));
    }
    let resume = call::about("resume", &header, args.place.store.as_deref());
    out.say(&format!(
        "{} does {} again, from {}; nothing runs yet: {resume}\n",
        header.name, old.header.name, args.node
    ));
    Ok(out.data(&format!("{}\n", header.name)))
}

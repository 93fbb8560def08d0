//! `god-flow run`: carries a workflow out.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{
    Exit,
    carry::{self, Carried},
    files, fits,
    out::Out,
    setup::{self, Kind, NO_DOCKER, Setup},
    wait::{self, Awaited, Turn},
};
use crate::{
    action::{self, Action},
    base::{Name, Seed, Value, near},
    document::stored,
    driver::{self, New},
    run::RunId,
    store,
    workflow::{Does, Workflow},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The workflow file, or `-` for stdin.
    file: String,
    /// What does the work. Left out: local commands where the workflow has nothing but those, or else the mock world.
    #[arg(long, value_enum)]
    backend: Option<Kind>,
    /// Waits here for the window of the workflow's schedule, and starts it then, once a window.
    #[arg(long)]
    when_due: bool,
    /// Changes a rule for this run.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
    /// A file with the inputs, in YAML or JSON.
    #[arg(long, value_name = "FILE")]
    inputs: Option<String>,
    /// Makes up the inputs that are not given: lists of entrants get this many. Only for a mock run.
    #[arg(long, value_name = "N", value_parser = files::entrants, allow_negative_numbers = true)]
    entrants: Option<usize>,
    /// Seed of all that is drawn.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
    /// The modelled world of a mock run; four hosts with eight H100 each where none is given.
    #[arg(long, value_name = "FILE")]
    world: Option<String>,
    /// How many times as fast as real time a mock run goes, or `max`.
    #[arg(long, value_name = "X")]
    speed: Option<String>,
    /// Where runs are kept: a path, `sqlite:PATH` or `postgres://…`. Left out: `.god-flow/god-flow.db`.
    #[arg(long, value_name = "URL", env = "GOD_FLOW_STORE", hide_env_values = true)]
    store: Option<String>,
    /// Allows steps that run local commands.
    #[arg(long, env = "GOD_FLOW_ALLOW_PROCESS", value_parser = setup::flag)]
    allow_process: bool,
    /// Local commands that run at once; as many as there are processors where it is left out.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true)]
    jobs: Option<u32>,
    /// The name of the run; a friendly one is made up where it is left out.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Goes on in the background and prints the run's name.
    #[arg(long)]
    detach: bool,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    match begin(args, out) {
        Ok((store, run, setup)) => {
            let address = args.store.as_deref();
            let carried = Carried { store, run, address, allow_process: args.allow_process, resumes: false };
            carry::carry(&carried, &setup, args.detach, out)
        }
        Err(exit) => exit,
    }
}

type Begun = (Arc<dyn store::Store>, store::RunHeader, Setup);

/// Everything that can be wrong is found here, before anything is stored.
fn begin(args: &Args, out: &Out) -> Result<Begun, Exit> {
    let (workflow, tree) = files::workflow_and_source(&args.file, &args.settings, out)?;
    if args.when_due && workflow.schedule.is_none() {
        let name = &workflow.name;
        let why = format!("`{name}` has no `schedule:` that says when it is due; write one, or leave --when-due out");
        return Err(out.wrong(&why));
    }
    let address = carry::address(args.store.as_deref());
    let setup = setup(args, &workflow, &address, out)?;
    let seed = Seed(args.seed);
    let inputs = inputs(args, &workflow, &setup, seed, out)?;
    // Where nothing asks for GPUs a local command fits, and large workflows start at once.
    let asks = workflow.bodies.iter().flat_map(|body| &body.steps).any(|step| step.settings.gpus.is_some());
    if setup.backend == Kind::Mock || asks {
        fits::check(&workflow, &inputs, seed, setup.hosts().map_err(|why| out.wrong(&why))?, out)?;
    }
    let source = stored::write(&tree);
    carry::block_on(async {
        let store = store::open(&address).await.map_err(|error| out.refused(&driver::full(&error)))?;
        let of_ledger = steps(&workflow, Action::is_of_ledger);
        if setup.backend != Kind::Mock && !of_ledger.is_empty() {
            let steps: Vec<String> = of_ledger.iter().map(|(step, _)| format!("`{step}`")).collect();
            out.say(&format!("money is real here: {} in the ledger of {}\n", steps.join(", "), store.place()));
        }
        let kept = serde_json::to_string(&setup).expect("a setup has text keys");
        loop {
            let Turn { id, at } = turn(args, &*store, &workflow, &setup, out).await?;
            let clock = setup.clock().map_err(|why| out.wrong(&why))?;
            let new = New {
                workflow: workflow.clone(),
                source: &source,
                inputs: inputs.clone(),
                seed,
                simulated: setup.backend == Kind::Mock,
                name: args.name.as_deref(),
                setup: &kept,
                now: at.unwrap_or_else(|| clock.now()),
            };
            match driver::begin(&*store, id, new).await {
                Ok(header) => return Ok((store, header, setup)),
                // Another process saw the same history and was faster: what it started counts, and the wait goes on.
                Err(driver::Error::Store(store::Error::RunExists { run })) if run == id && args.when_due => {
                    out.say("another process has started it meanwhile\n");
                }
                Err(error) => return Err(out.refused(&driver::full(&error))),
            }
        }
    })
}

/// Leave to start: at once, or when the workflow is due.
async fn turn(
    args: &Args,
    store: &dyn store::Store,
    workflow: &Workflow,
    setup: &Setup,
    out: &Out,
) -> Result<Turn, Exit> {
    let Some(schedule) = workflow.schedule.as_ref().filter(|_| args.when_due) else {
        return Ok(Turn { id: RunId::from(uuid::Uuid::now_v7()), at: None });
    };
    let jumps = setup.clock().map_err(|why| out.wrong(&why))?.jumps();
    let awaited =
        Awaited { workflow, schedule, address: args.store.as_deref(), simulated: setup.backend == Kind::Mock, jumps };
    wait::until_due(store, &awaited, out).await
}

/// How the run is carried out, where that is possible at all.
fn setup(args: &Args, workflow: &Workflow, address: &str, out: &Out) -> Result<Setup, Exit> {
    // What is done in the ledger no backend does.
    let works = steps(workflow, |action| !action.is_pure() && !action.is_of_ledger());
    let only_local = works.iter().all(|(_, action)| action::is_local(action));
    let backend = args.backend.unwrap_or(if only_local { Kind::Process } else { Kind::Mock });
    match backend {
        Kind::Docker => return Err(out.refused(NO_DOCKER)),
        Kind::Process => {
            if let Some((step, action)) = works.iter().find(|(_, action)| !action::is_local(action)) {
                let why = format!("`{step}` does `{action}`, and the process backend does only `process` and `notify`");
                return Err(out.refused(&why));
            }
            if let Some((step, _)) = works.first().filter(|_| !args.allow_process) {
                let why = format!(
                    "`{step}` runs a local command with your rights; allow it with --allow-process or \
                     GOD_FLOW_ALLOW_PROCESS=1"
                );
                return Err(out.refused(&why));
            }
        }
        Kind::Mock if args.backend.is_none() => {
            out.say(
                "there are no GPUs and no Docker to use here: the run is played in a mock world, nothing is real\n",
            );
        }
        Kind::Mock => {}
    }
    for (given, option) in
        [(args.world.is_some(), "--world"), (args.speed.is_some(), "--speed"), (args.entrants.is_some(), "--entrants")]
    {
        if given && backend != Kind::Mock {
            return Err(out.wrong(&format!("{option} is for a mock run; add --backend mock")));
        }
    }
    if args.jobs.is_some() && backend == Kind::Mock {
        return Err(
            out.wrong("--jobs is for local commands, and this is a mock run: its world says what its hosts do at once")
        );
    }
    let world = args.world.as_deref().map(|path| files::world_file(path, out)).transpose()?;
    let world = world.map(|(text, _)| text);
    let folder = carry::folder(address);
    let dir = std::env::current_dir().ok().filter(|dir| backend == Kind::Process && dir.to_str().is_some());
    let setup = Setup { backend, world, speed: args.speed.clone(), jobs: args.jobs, dir, folder };
    setup.speed().map_err(|why| out.wrong(&format!("--speed: {why}")))?;
    Ok(setup)
}

/// The steps with actions of a kind, each with its action.
fn steps(workflow: &Workflow, which: impl Fn(&Action) -> bool) -> Vec<(&Name, &'static str)> {
    let steps = workflow.bodies.iter().flat_map(|body| &body.steps);
    let found = steps.filter_map(|step| match &step.does {
        Does::Action { action, .. } if which(action) => Some((&step.name, action.name)),
        _ => None,
    });
    found.collect()
}

fn inputs(args: &Args, workflow: &Workflow, setup: &Setup, seed: Seed, out: &Out) -> Result<Value, Exit> {
    let given = args.inputs.as_deref().map(|path| files::inputs(path, workflow)).transpose();
    let given: IndexMap<Name, Value> = given.map_err(|why| out.wrong(&why))?.unwrap_or_default();
    let model = setup.model().map_err(|why| out.wrong(&why))?;
    model.inputs(workflow, &given, args.entrants, seed).map_err(|missing| {
        let names = near::list(missing.iter().map(Name::as_str));
        let or = if setup.backend == Kind::Mock { ", or make them up with --entrants N" } else { "" };
        out.wrong(&format!("the workflow needs the inputs {names}: give them with --inputs FILE{or}"))
    })
}

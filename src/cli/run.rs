//! `god-flow run`: carries a workflow out.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{
    Exit, asked,
    carry::{self, Carried},
    files, fits, means,
    out::Out,
    settings,
    setup::{Kind, Setup},
    wait::{self, Awaited, Turn},
};
use crate::{
    action::Action,
    base::{Name, Seed, Size, Value, near},
    document::stored,
    driver::{self, New},
    run::RunId,
    store,
    workflow::Workflow,
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The workflow file, or `-` for stdin.
    pub(super) file: String,
    /// What does the work. Left out: local commands or containers where the workflow has nothing but those and the
    /// machine can run them, or else the mock world.
    #[arg(long, value_enum)]
    pub(super) backend: Option<Kind>,
    /// Waits here for the window of the workflow's schedule, and starts it then, once a window.
    #[arg(long)]
    when_due: bool,
    /// Changes a rule, the schedule or the GPUs for this run.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
    /// A file with the inputs, in YAML or JSON.
    #[arg(long, value_name = "FILE")]
    inputs: Option<String>,
    /// Makes up the inputs that are not given: lists of entrants get this many. Only for a mock run.
    #[arg(long, value_name = "N", value_parser = files::entrants, allow_negative_numbers = true)]
    pub(super) entrants: Option<usize>,
    /// Seed of all that is drawn.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
    /// The modelled world of a mock run; without it, that of `worlds/` beside the workflow which has its name, or four
    /// hosts with eight H100 each.
    #[arg(long, value_name = "FILE")]
    pub(super) world: Option<String>,
    /// How many times as fast as real time a mock run goes, or `max`.
    #[arg(long, value_name = "X")]
    pub(super) speed: Option<String>,
    /// Where runs are kept: a path, `sqlite:PATH` or `postgres://…`. Left out: the one of the settings, or
    /// `.god-flow/god-flow.db`.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Allows steps that run local commands.
    #[arg(long)]
    pub(super) allow_process: bool,
    /// Local commands that run at once; as many as there are processors where it is left out.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true)]
    pub(super) jobs: Option<u32>,
    /// Local commands that are ordered ahead, so that the next begins the moment one ends; 8 where it is left out.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=64), allow_negative_numbers = true)]
    pub(super) ahead: Option<u32>,
    #[command(flatten)]
    pub(super) containers: Containers,
    /// The name of the run; a friendly one is made up where it is left out.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Goes on in the background and prints the run's name.
    #[arg(long)]
    detach: bool,
}

/// What work on this host is done with.
#[derive(clap::Args)]
pub(super) struct Containers {
    /// The Docker engine of this host that runs containers; left out, the one of the settings or of `DOCKER_HOST`.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) engine: Option<String>,
    /// The GPUs of this host that containers may use, such as `8xH100`: the first of them is number 0.
    #[arg(long, value_name = "GPUS")]
    pub(super) gpus: Vec<String>,
    /// Keeps so much of models and data on this host, such as `500GB`: what was used longest ago goes first, and what is in
    /// use stays. All of it is kept where neither this nor the settings say anything.
    #[arg(long, value_name = "SIZE", value_parser = Size::parse)]
    pub(super) cache_budget: Option<Size>,
    /// Takes code, models and data of this host as well (`file:///…`), as for a rehearsal.
    #[arg(long)]
    pub(super) allow_local_code: bool,
}

impl Args {
    pub(super) fn allows_process(&self) -> bool {
        self.allow_process || settings::get().allow_process
    }
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    match begin(args, out) {
        Ok((store, run, setup)) => {
            let address = args.store.as_deref();
            let carried = Carried { store, run, address, allow_process: args.allows_process(), resumes: false };
            carry::carry(&carried, &setup, args.detach, out)
        }
        Err(exit) => exit,
    }
}

type Begun = (Arc<dyn store::Store>, store::RunHeader, Setup);

/// Everything that can be wrong is found here, before anything is stored. What has to be waited for is asked after the wait.
fn begin(args: &Args, out: &Out) -> Result<Begun, Exit> {
    let (workflow, tree) = files::workflow_and_source(&args.file, &args.settings, out)?;
    let given = args.inputs.as_deref().map(|path| files::inputs(path, &workflow)).transpose();
    let mut given = given.map_err(|why| out.wrong(&why))?.unwrap_or_default();
    if args.when_due && workflow.schedule.is_none() {
        let name = &workflow.name;
        let why = format!("`{name}` has no `schedule:` that says when it is due; write one, or leave --when-due out");
        return Err(out.wrong(&why));
    }
    carry::block_on(refuse_name(args, out))?;
    if !args.when_due {
        carry::block_on(asked::ask(&workflow, &mut given, out))?;
    }
    let address = carry::address(args.store.as_deref());
    let setup = means::setup(args, &workflow, &address, out)?;
    let seed = Seed(args.seed);
    let source = stored::write(&tree);
    carry::block_on(async {
        let known = inputs(args, &workflow, &given, &setup, out).await?;
        let store = carry::open(&address, out).await?;
        let of_ledger = means::steps(&workflow, Action::is_of_ledger);
        if setup.backend != Kind::Mock && !of_ledger.is_empty() {
            let steps: Vec<String> = of_ledger.iter().map(|(step, _)| format!("`{step}`")).collect();
            out.say(&format!("money is real here: {} in the ledger of {}\n", steps.join(", "), store.place()));
        }
        let kept = serde_json::to_string(&setup).expect("a setup has text keys");
        loop {
            let Turn { id, at } = turn(args, &*store, &workflow, &setup, out).await?;
            let mut inputs = known.clone();
            if asked::left_open(&workflow, &given).next().is_some() {
                let mut given = given.clone();
                asked::ask(&workflow, &mut given, out).await?;
                inputs = self::inputs(args, &workflow, &given, &setup, out).await?;
            }
            let clock = setup.clock().map_err(|why| out.wrong(&why))?;
            let new = New {
                workflow: workflow.clone(),
                source: &source,
                inputs,
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

/// Refuses a name that the run could not have, before anybody is asked or waited for.
async fn refuse_name(args: &Args, out: &Out) -> Result<(), Exit> {
    let Some(name) = args.name.as_deref().filter(|_| carry::has_store(args.store.as_deref())) else { return Ok(()) };
    let refused = |error: driver::Error| out.refused(&driver::full(&error));
    let store = carry::open(&carry::address(args.store.as_deref()), out).await?;
    driver::refuse_name(&*store, name).await.map_err(refused)
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

/// What the run is given, and that it fits somewhere, as far as that is known before addresses are asked.
async fn inputs(
    args: &Args,
    workflow: &Arc<Workflow>,
    given: &IndexMap<Name, Value>,
    setup: &Setup,
    out: &Out,
) -> Result<Value, Exit> {
    let seed = Seed(args.seed);
    let model = setup.model().map_err(|why| out.wrong(&why))?;
    let open: Vec<&Name> = asked::left_open(workflow, given).map(|(name, _)| name).collect();
    let inputs = match model.inputs(workflow, given, args.entrants, seed) {
        Err(missing) if missing.iter().all(|name| open.contains(&name)) => return Ok(Value::Null),
        Err(missing) => {
            let names = near::list(missing.iter().filter(|name| !open.contains(name)).map(Name::as_str));
            let or = if setup.backend == Kind::Mock { ", or make them up with --entrants N" } else { "" };
            return Err(out.wrong(&format!("the workflow needs the inputs {names}: give them with --inputs FILE{or}")));
        }
        Ok(inputs) => inputs,
    };
    // Where nothing asks for GPUs a local command fits, and large workflows start at once.
    let asks = workflow.bodies.iter().flat_map(|body| &body.steps).any(|step| step.settings.gpus.is_some());
    if open.is_empty() && (setup.backend != Kind::Process || asks) {
        let hosts = setup.hosts().await.map_err(|why| out.refused(&why))?;
        fits::check(workflow, &inputs, seed, hosts, out)?;
    }
    Ok(inputs)
}

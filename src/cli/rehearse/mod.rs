//! `god-flow rehearse`: a training repository, taken the way that a tournament takes it, with a verdict at the end.
//!
//! It is an ordinary run of `workflows/rehearse.yaml` on the Docker engine of this host, whose steps are those of the
//! tournaments: `god-flow show` and `god-flow logs` tell of it what they tell of any run. Nothing is sent anywhere: the model
//! goes to a folder.

mod code;
mod sample;
mod verdict;

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use self::code::Code;
use super::{
    Exit,
    carry::{self, Carried},
    files, fits, means,
    out::Out,
    run::Containers,
    setup::Setup,
    stored::Where,
};
use crate::{
    action::vocabulary::TaskKind,
    base::{Name, Seed, Span, Value},
    document::{Reader, stored},
    driver::{self, New},
    run::RunId,
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The repository: a folder, or an address such as `https://github.com/owner/repository`. With `@COMMIT` behind it, that
    /// commit; a folder alone means what was committed last.
    code: String,
    /// What is trained: instruct, chat, dpo, grpo, image or environment.
    #[arg(long, value_parser = kind)]
    task: TaskKind,
    /// The model to start from: a folder, or `organisation/name` on the hub. Left out, a stand-in without weights.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// The data: a file, or an `https` address. Left out, a few made-up rows; an image task has none to make up.
    #[arg(long, value_name = "DATA")]
    dataset: Option<String>,
    /// A column of the data, such as `field_instruction=question`.
    #[arg(long = "column", value_name = "NAME=COLUMN")]
    columns: Vec<String>,
    /// How long training may take.
    #[arg(long, value_name = "HOURS", default_value_t = 0.05)]
    hours: f64,
    /// The kind of an image model.
    #[arg(long, value_name = "TYPE", value_parser = ["sdxl", "flux", "z-image", "qwen-image"])]
    model_type: Option<String>,
    /// The word that an image model is trained to answer to.
    #[arg(long, value_name = "WORD")]
    trigger_word: Option<String>,
    #[command(flatten)]
    containers: Containers,
    #[command(flatten)]
    place: Where,
}

fn kind(word: &str) -> Result<TaskKind, String> {
    let known = TaskKind::ALL.into_iter().find(|kind| kind.word() == word);
    known.ok_or_else(|| format!("expected one of {}", TaskKind::ALL.map(TaskKind::word).join(", ")))
}

/// The workflow and the parts that it includes, as they are shipped.
const SHIPPED: [(&str, &str); 4] = [
    ("rehearse.yaml", include_str!("../../../workflows/rehearse.yaml")),
    ("parts/entry.yaml", include_str!("../../../workflows/parts/entry.yaml")),
    ("parts/field.yaml", include_str!("../../../workflows/parts/field.yaml")),
    ("parts/copies.yaml", include_str!("../../../workflows/parts/copies.yaml")),
];

struct Shipped;

impl Reader for Shipped {
    fn read(&self, path: &str) -> Result<String, String> {
        let found = SHIPPED.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "there is no such file".into())
    }
}

/// The Dockerfile of a kind of task, where repositories have it.
fn dockerfile(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Image => "dockerfiles/standalone-image-trainer.dockerfile",
        _ => "dockerfiles/standalone-text-trainer.dockerfile",
    }
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    match carry::block_on(rehearse(args, out)) {
        Ok(exit) | Err(exit) => exit,
    }
}

/// What is rehearsed, and what has been put in the place of what was not given.
pub(super) struct Rehearsed {
    kind: TaskKind,
    code: Code,
    task: Json,
    time: Span,
    gpu: Option<String>,
    models: PathBuf,
    notes: Vec<String>,
}

async fn rehearse(args: &Args, out: &Out) -> Result<Exit, Exit> {
    let wrong = |why: String| out.wrong(&why);
    if !(args.hours.is_finite() && args.hours > 0.0 && args.hours <= 240.0) {
        return Err(wrong(format!("--hours: expected more than 0 and at most 240, found {}", args.hours)));
    }
    if args.task != TaskKind::Image && (args.model_type.is_some() || args.trigger_word.is_some()) {
        return Err(wrong("--model-type and --trigger-word are for --task image".into()));
    }
    let address = carry::address(args.place.store.as_deref());
    let mut setup = means::of_containers(&args.containers, &address, out)?;
    let own = setup.folder.join("rehearsals");
    std::fs::create_dir_all(&own)
        .map_err(|error| out.failure(&format!("cannot make the folder {}: {error}", own.display())))?;
    let rehearsed = prepare(args, &mut setup, &own).map_err(wrong)?;
    let carried = begin(args, &rehearsed, &setup, &address, out).await?;
    let (finished, _) = carry::drive(&carried, &setup, out).await?;
    if let Err(error) = finished {
        return Err(out.failure(&driver::full(&error)));
    }
    verdict::tell(&carried, &setup, &rehearsed, out).await
}

fn prepare(args: &Args, setup: &mut Setup, own: &Path) -> Result<Rehearsed, String> {
    let mut notes = Vec::new();
    let code = code::find(&args.code, own, &mut notes)?;
    let given = |text: &str| Path::new(text).exists().then(|| std::path::absolute(text).ok()).flatten();
    let local = |path: &Path| format!("file://{}", path.display());
    let model = match args.model.as_deref().map(|model| (model, given(model))) {
        None => {
            notes.push("no --model: training starts from a stand-in without weights".into());
            (local(&sample::model(own)?), "rehearsal/stand-in".to_owned())
        }
        Some((_, Some(path))) => (local(&path), named(&path)),
        Some((id, None)) => (id.to_owned(), id.to_owned()),
    };
    let dataset = match args.dataset.as_deref().map(|data| (data, given(data))) {
        None => {
            notes.push("no --dataset: a few made-up rows are trained on".into());
            local(&sample::data(args.task, own)?)
        }
        Some((_, Some(path))) => local(&path),
        Some((address, None)) => address.to_owned(),
    };
    let mut columns = if args.dataset.is_none() { sample::columns(args.task) } else { IndexMap::new() };
    for column in &args.columns {
        let (name, value) =
            column.split_once('=').ok_or_else(|| format!("--column: expected NAME=COLUMN, found `{column}`"))?;
        columns.insert(name.to_owned(), value.to_owned());
    }
    let time = Span::from_millis((args.hours * 3_600_000.0).max(1_000.0) as u64).ok_or("--hours: too long")?;
    // Code, model and data of this host are what a rehearsal is about.
    setup.local_code = true;
    let models = setup.models_folder.get_or_insert_with(|| own.join("models")).clone();
    let gpu = setup.gpus.first().map(|kind| format!("1x{kind}"));
    if gpu.is_none() {
        notes.push("no GPU is declared (--gpus 1xH100): training gets none".into());
    }
    notes.push("no judge: a model is only judged in a tournament".into());
    let mut task = json!({
        "kind": args.task.word(), "model": model.1, "params_b": 0, "dataset": dataset, "time": time.to_string(),
        "columns": columns, "model_type": args.model_type, "trigger_word": args.trigger_word,
    });
    if args.task == TaskKind::Environment {
        task["environments"] = json!(["rehearsal"]);
    }
    if args.task == TaskKind::Image && args.model_type.is_none() {
        task["model_type"] = json!("sdxl");
    }
    task["from"] = json!(model.0);
    Ok(Rehearsed { kind: args.task, code, task, time, gpu, models, notes })
}

/// The name that a folder's model goes by.
fn named(path: &Path) -> String {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let good: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    format!("local/{}", if good.is_empty() { "model" } else { &good })
}

/// Stores the run of it.
async fn begin<'a>(
    args: &'a Args,
    rehearsed: &Rehearsed,
    setup: &Setup,
    address: &str,
    out: &Out,
) -> Result<Carried<'a>, Exit> {
    let (cpus, memory) = limits(setup).await.map_err(|why| out.refused(&why))?;
    let settings = [
        format!("rules.entry.dockerfile={}", dockerfile(rehearsed.kind)),
        format!("rules.entry.cpus_per_gpu={cpus}"),
        format!("rules.entry.memory_per_gpu={memory}"),
    ];
    let read = files::read_by(&Shipped, SHIPPED[0].0, &settings);
    let (workflow, tree) = files::valid(SHIPPED[0].0, read, out)?;
    let id = RunId::from(uuid::Uuid::now_v7());
    let mut task = rehearsed.task.clone();
    let from = task["from"].take();
    task["id"] = json!(id.to_string());
    if let Some(fields) = task.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    let entrant = json!({
        "hotkey": "rehearsal", "repository": rehearsed.code.address, "commit": rehearsed.code.commit,
    });
    let mut given = IndexMap::new();
    for (name, value) in [("entrant", entrant), ("task", task), ("from", from), ("need", json!(rehearsed.gpu))] {
        let name = Name::parse(name).expect("it is a name");
        let value = Value::from_json(&value, &workflow.inputs[&name].ty);
        given.insert(name.clone(), value.map_err(|why| out.wrong(&format!("the {name} of the rehearsal: {why}")))?);
    }
    let seed = Seed(1);
    let model = setup.model().map_err(|why| out.wrong(&why))?;
    let inputs = model.inputs(&workflow, &given, None, seed);
    let inputs = inputs.map_err(|missing| out.wrong(&format!("the rehearsal lacks {missing:?}")))?;
    let hosts = setup.hosts().await.map_err(|why| out.refused(&why))?;
    fits::check(&workflow, &inputs, seed, hosts, out)?;
    let refused = |error: driver::Error| out.refused(&driver::full(&error));
    let store = carry::open(address, out).await?;
    let new = New {
        workflow,
        source: &stored::write(&tree),
        inputs,
        seed,
        simulated: false,
        name: None,
        setup: &serde_json::to_string(setup).expect("a setup has text keys"),
        now: jiff::Timestamp::now(),
    };
    let run = driver::begin(&*store, id, new).await.map_err(refused)?;
    Ok(Carried { store, run, address: args.place.store.as_deref(), allow_process: false, resumes: false })
}

/// What a training on a GPU may use: as much as in a tournament, where this host has it.
async fn limits(setup: &Setup) -> Result<(u32, String), String> {
    const CPUS: u32 = 24;
    const MEMORY: u64 = 110_000_000_000;
    let hosts = setup.hosts().await?;
    let (cpus, memory) = hosts.first().map_or((0, 0), |(_, offer)| (offer.cpus, offer.memory.0));
    let known = |there: u64, usual: u64| if there == 0 { usual } else { there.min(usual) };
    let cpus = known(u64::from(cpus), u64::from(CPUS)).max(1);
    Ok((u32::try_from(cpus).unwrap_or(CPUS), crate::base::Size(known(memory, MEMORY)).to_string()))
}

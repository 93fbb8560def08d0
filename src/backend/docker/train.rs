//! The container of a training: the paths, arguments and environment that entrants' repositories rely on.
//!
//! What they rely on is a contract between subnet and miners, of which nothing may change here: `docs/containers.md` has it.

use std::{collections::HashMap, fs, io};

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use super::{host::HostFolder, shape::Bind};
use crate::{
    action::{
        container::Container,
        train::Train,
        vocabulary::{Task, TaskKind},
    },
    base::Size,
    hub::{Cache, Held},
};

/// The name of the action.
pub(super) const NAME: &str = "train";
/// Where the container sees its output folder, and the cache.
const OUTPUTS: &str = "/app/checkpoints";
const CACHE: &str = "/cache";
/// Shared memory, and what those with many GPUs get.
const SHARED: Size = Size(8 << 30);
const SHARED_LARGE: Size = Size(16 << 30);
const MANY_GPUS: usize = 4;

/// What a training asks of its container.
pub(super) struct Asked {
    pub(super) container: Container,
    /// Where what it leaves lies, below the folder of outputs.
    pub(super) output: String,
    pub(super) binds: Vec<Bind>,
    pub(super) held: Vec<Held>,
    pub(super) labels: HashMap<String, String>,
}

/// The container of a training; what it sees of the host is made to be there.
pub(super) fn container(
    train: &Train,
    gpus: usize,
    attempt: &str,
    host: &HostFolder,
    cache: &Cache,
) -> Result<Asked, String> {
    let task = &train.task;
    for (what, name) in [("the task's id", &task.id), ("the output's name", &train.output_name)] {
        is_name(name)
            .then_some(())
            .ok_or_else(|| format!("expected {what} to be a name for a folder, found `{name}`"))?;
    }
    let data_type = data_type(task);
    let hotkey = train.hotkey.as_deref().filter(|hotkey| is_name(hotkey)).unwrap_or("unknown");
    let folder = |error: io::Error| format!("the folders of the attempt: {error}");
    let outputs = host.make_output(attempt).map_err(folder)?;
    let mut binds = vec![Bind { from: outputs, to: OUTPUTS.into(), writable: true }];
    let held = held(train, cache)?;
    binds.extend(view(&held, attempt, host).map_err(folder)?);
    let each = |per_gpu: u64| per_gpu.saturating_mul(gpus as u64);
    let memory = train.memory.or(train.memory_per_gpu.filter(|_| gpus > 0).map(|size| Size(each(size.0))));
    let cpus = train.cpus.or(train.cpus_per_gpu.filter(|_| gpus > 0).map(|cpus| cpus.saturating_mul(gpus as u32)));
    let container = Container {
        image: train.image.id.clone(),
        command: arguments(task, &data_type, train),
        env: environment(train, hotkey),
        mounts: Vec::new(),
        services: Vec::new(),
        network: None,
        memory,
        shared_memory: Some(if gpus >= MANY_GPUS { SHARED_LARGE } else { SHARED }),
        cpus,
        results: None,
        outputs: IndexMap::new(),
    };
    let labels = [
        ("task_id", task.id.clone()),
        ("hotkey", hotkey.to_owned()),
        ("model", task.model.clone()),
        ("task_type", type_word(task.kind).to_owned()),
        ("expected_repo", train.output_name.clone()),
        ("dataset_type", data_type),
    ];
    Ok(Asked {
        container,
        output: format!("{attempt}/{}/{}", task.id, train.output_name),
        binds,
        held: held.into_iter().map(|(_, held)| held).collect(),
        labels: labels.map(|(name, value)| (name.to_owned(), value)).into(),
    })
}

/// What this training was given of the cache, each under the name that entrants' code expects.
fn held(train: &Train, cache: &Cache) -> Result<Vec<(String, Held)>, String> {
    let (files, task) = (&train.files, &train.task);
    let data = if task.kind == TaskKind::Image { "tourn.zip" } else { "train_data.json" };
    let model = files.model.iter().map(|key| (key, format!("models/{}", dashed(&task.model))));
    let dataset = files.dataset.iter().map(|key| (key, format!("datasets/{}_{data}", task.id)));
    let more = files.datasets.iter().map(|key| (key, format!("miner_datasets/{}", dashed(named(key)))));
    let all = model.chain(dataset).chain(more).map(|(key, name)| {
        let held = cache.hold(key).map_err(|trouble| trouble.to_string())?;
        let gone = || format!("`{key}` is not in the cache of this host any more: retry the step that downloaded it");
        held.map(|held| (name, held)).ok_or_else(gone)
    });
    all.collect()
}

/// The cache as this training sees it: only what it was given, and never to be written to.
fn view(held: &[(String, Held)], attempt: &str, host: &HostFolder) -> io::Result<Vec<Bind>> {
    let view = host.make_view(attempt)?;
    let mut binds = vec![Bind { from: view.clone(), to: CACHE.into(), writable: false }];
    for (name, held) in held {
        // What is mounted needs something to be mounted on.
        let on = view.join(name);
        if held.path().is_dir() {
            fs::create_dir_all(&on)?;
        } else {
            fs::create_dir_all(on.parent().unwrap_or(&view))?;
            fs::File::create(&on)?;
        }
        binds.push(Bind { from: held.path().to_owned(), to: format!("{CACHE}/{name}"), writable: false });
    }
    fs::create_dir_all(view.join("hf_cache"))?;
    Ok(binds)
}

/// The arguments, in the order in which they have always come.
fn arguments(task: &Task, data_type: &str, train: &Train) -> Vec<String> {
    let hours = hours(train.time.hours());
    let mut arguments = vec![("--task-id", task.id.as_str()), ("--model", &task.model)];
    if task.kind == TaskKind::Image {
        arguments.push(("--dataset-zip", &task.dataset));
        arguments.push(("--model-type", task.model_type.as_deref().unwrap_or("sdxl")));
    } else {
        arguments.push(("--dataset", &task.dataset));
        arguments.push(("--dataset-type", data_type));
        arguments.push(("--task-type", type_word(task.kind)));
        arguments.push(("--file-format", "s3"));
    }
    arguments.push(("--expected-repo-name", &train.output_name));
    arguments.push(("--hours-to-complete", &hours));
    if task.kind == TaskKind::Image
        && let Some(word) = &task.trigger_word
    {
        arguments.push(("--trigger-word", word));
    }
    arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_owned()]).collect()
}

/// Hours as they have always been written: with a point, and as short as they can be.
fn hours(hours: f64) -> String {
    format!("{hours:?}")
}

fn environment(train: &Train, hotkey: &str) -> IndexMap<String, String> {
    let task = &train.task;
    let mut env = IndexMap::new();
    let mut set = |name: &str, value: String| {
        env.insert(name.to_owned(), value);
    };
    if task.kind == TaskKind::Image {
        set("TRANSFORMERS_CACHE", format!("{CACHE}/hf_cache"));
    } else {
        set("WANDB_MODE", "offline".into());
        for kind in ["", "CACHE_", "ARTIFACT_", "DATA_", "CONFIG_"] {
            set(&format!("WANDB_{kind}DIR"), format!("{OUTPUTS}/wandb_logs/{}_{hotkey}", task.id));
        }
        if !train.files.datasets.is_empty() {
            let names: Vec<String> = train.files.datasets.iter().map(|key| dashed(named(key))).collect();
            set("MINER_DATASETS_DIR", format!("{CACHE}/miner_datasets"));
            set("MINER_DATASETS", names.join(","));
        }
    }
    if let Some(weight) = task.kl {
        set("USE_KL", "1".into());
        set("KL_COEF", weight.to_string());
    }
    for (name, value) in &train.env {
        set(name, value.clone());
    }
    env
}

/// How the data are laid out, with every field that the kind of task has.
pub(super) fn data_type(task: &Task) -> String {
    let fields: &[(&str, Json)] = &match task.kind {
        TaskKind::Instruct | TaskKind::Image => vec![
            ("system_prompt", json!("")),
            ("system_format", json!("{system}")),
            ("field_system", Json::Null),
            ("field_instruction", Json::Null),
            ("field_input", Json::Null),
            ("field_output", Json::Null),
            ("format", Json::Null),
            ("no_input_format", Json::Null),
            ("field", Json::Null),
        ],
        TaskKind::Chat => vec![
            ("chat_template", json!("chatml")),
            ("chat_column", json!("conversations")),
            ("chat_role_field", json!("from")),
            ("chat_content_field", json!("value")),
            ("chat_user_reference", json!("user")),
            ("chat_assistant_reference", json!("assistant")),
        ],
        TaskKind::Dpo => vec![
            ("field_prompt", Json::Null),
            ("field_system", Json::Null),
            ("field_chosen", Json::Null),
            ("field_rejected", Json::Null),
            ("prompt_format", json!("{prompt}")),
            ("chosen_format", json!("{chosen}")),
            ("rejected_format", json!("{rejected}")),
        ],
        TaskKind::Grpo => {
            vec![("field_prompt", Json::Null), ("reward_functions", json!([])), ("extra_column", Json::Null)]
        }
        TaskKind::Environment => vec![("environment_names", json!(task.environments.clone().unwrap_or_default()))],
    };
    let given = task.columns.as_ref();
    let value = |name: &str, usual: &Json| match given.and_then(|columns| columns.get(name)) {
        // Lists and records stand in the columns as text.
        Some(text) if !usual.is_string() => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        Some(text) => json!(text),
        None => usual.clone(),
    };
    let all: Map<String, Json> = fields.iter().map(|(name, usual)| ((*name).to_owned(), value(name, usual))).collect();
    Json::Object(all).to_string()
}

/// The word for a kind of task on the wire.
fn type_word(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Instruct => "InstructTextTask",
        TaskKind::Chat => "ChatTask",
        TaskKind::Dpo => "DpoTask",
        TaskKind::Grpo => "GrpoTask",
        TaskKind::Image => "ImageTask",
        TaskKind::Environment => "EnvTask",
    }
}

/// The `organisation/name` in a key of the cache.
fn named(key: &str) -> &str {
    let id = key.split_once(':').map_or(key, |(_, id)| id);
    id.split_once('@').map_or(id, |(id, _)| id)
}

/// The name of a folder for an `organisation/name`.
fn dashed(id: &str) -> String {
    id.replace('/', "--")
}

/// Whether a text can be the name of a folder wherever it is put.
fn is_name(text: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.len() <= 200 && !text.starts_with('.') && text.chars().all(is_good)
}

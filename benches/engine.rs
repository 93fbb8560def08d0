//! What the engine costs a node: layered graphs of no-ops and of `/bin/true`, every result flushed before anything that
//! needs it starts.
//!
//! `cargo bench --bench engine -- [noop|true|resume] [NODES]`. The graph has 100 layers (10 where there are fewer than
//! 1,000 nodes), each node needing two of the layer above. `true` runs GNU make on the same graph in turn with the engine
//! and tells the ratio. SQLite's file is made under `TMPDIR`.

#![expect(clippy::print_stdout, reason = "figures are what this is for")]

use std::{
    fmt::Write,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use god_flow::{
    backend::{
        Backend, Clock, Mock, Play, REPORTS_MAX,
        process::{Processes, Settings},
    },
    base::{Place, Seed, Size, Span},
    document::stored,
    driver::{self, Driver, End, New},
    plan,
    run::{Input, Outcome, Report, RunId, World, event::HostOffer, place::HostId},
    store::{self, Store},
    workflow::{self, Checked, Workflow},
};
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let nodes = |usual: &[usize]| {
        arguments.get(1).and_then(|it| it.parse().ok()).map_or_else(|| usual.to_vec(), |count| vec![count])
    };
    match arguments.first().map(String::as_str) {
        Some("noop") => noops(&nodes(&[1_000, 10_000, 100_000])),
        Some("true") => trues(&nodes(&[1_000])),
        Some("resume") => resumes(&nodes(&[100_000])),
        _ => {
            noops(&nodes(&[1_000, 10_000, 100_000]));
            resumes(&nodes(&[100_000]));
            trues(&nodes(&[1_000]));
        }
    }
}

/// The names of the two nodes above that a node needs.
fn above(layer: usize, at: usize, width: usize) -> [String; 2] {
    [format!("n{}_{at}", layer - 1), format!("n{}_{}", layer - 1, (at + 1) % width)]
}

fn layers(nodes: usize) -> (usize, usize) {
    let layers = if nodes < 1_000 { 10 } else { 100 };
    (layers, nodes / layers)
}

fn document(nodes: usize, action: &Json) -> Json {
    let (layers, width) = layers(nodes);
    let mut steps = Map::new();
    for layer in 0..layers {
        for at in 0..width {
            let mut step = Map::new();
            step.insert("process".into(), action.clone());
            if layer > 0 {
                step.insert("needs".into(), json!(above(layer, at, width)));
            }
            steps.insert(format!("n{layer}_{at}"), Json::Object(step));
        }
    }
    json!({ "god_flow": 1, "workflow": "layers", "steps": steps })
}

struct Ready {
    workflow: Arc<Workflow>,
    source: String,
}

fn ready(nodes: usize, action: &Json) -> Ready {
    let tree = stored::tree(&document(nodes, action), Place::default());
    let Ok(Checked::Workflow(workflow)) = workflow::check(&tree) else { panic!("the graph is a workflow") };
    Ready { workflow: Arc::new(*workflow), source: stored::write(&tree) }
}

fn host(slots: u32) -> Vec<(HostId, HostOffer)> {
    let offer = HostOffer { cpus: slots, memory: Size(1 << 40), slots, ..HostOffer::default() };
    vec![(HostId::parse("here").expect("it is a name"), offer)]
}

async fn begin(store: &dyn Store, ready: &Ready) -> RunId {
    let id = RunId::from(uuid::Uuid::now_v7());
    let inputs =
        plan::sampled_inputs(&ready.workflow, &indexmap::IndexMap::default(), None, Seed(1)).expect("it has no inputs");
    let new = New {
        workflow: ready.workflow.clone(),
        source: &ready.source,
        inputs,
        seed: Seed(1),
        simulated: false,
        name: None,
        setup: "",
        now: Timestamp::now(),
    };
    driver::begin(store, id, new).await.expect("it is stored");
    id
}

async fn drive(
    store: Arc<dyn Store>,
    backend: Arc<dyn Backend>,
    run: RunId,
    inputs: mpsc::Receiver<Input>,
) -> Duration {
    let (driver, _handle) = Driver::new(store, backend, Clock::real(), run, "bench".into(), inputs);
    let began = Instant::now();
    let finished = driver.drive().await.expect("it goes on to its end");
    assert!(matches!(finished.end, End::Over(Outcome::Succeeded { .. })), "{:?}", finished.end);
    began.elapsed()
}

fn noop(reports: mpsc::Sender<Input>) -> Arc<dyn Backend> {
    let play = |_: god_flow::backend::Work<'_>| Play {
        takes: Span::ZERO,
        report: Report::Succeeded { output: Json::Object(Map::new()) },
    };
    Arc::new(Mock::new(Clock::real(), host(100_000), Box::new(play), reports))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("it starts")
}

async fn sqlite(folder: &Path) -> Arc<dyn Store> {
    store::open(&folder.join("runs.db").display().to_string()).await.expect("it opens")
}

fn noops(sizes: &[usize]) {
    for &nodes in sizes {
        let ready = ready(nodes, &json!({ "command": ["true"] }));
        let (held, checking) = (memory("VmRSS:"), memory("VmHWM:"));
        forget_the_peak();
        let mut took: Vec<Duration> = (0..if nodes > 50_000 { 3 } else { 5 })
            .map(|_| {
                let folder = tempfile::tempdir().expect("a folder can be made");
                runtime().block_on(async {
                    let store = sqlite(folder.path()).await;
                    let run = begin(&*store, &ready).await;
                    let (reports, inputs) = mpsc::channel(REPORTS_MAX);
                    drive(store, noop(reports), run, inputs).await
                })
            })
            .collect();
        took.sort();
        let each = |took: Duration| took.as_secs_f64() * 1e6 / nodes as f64;
        println!(
            "noop {nodes:>7} nodes, durable: {:6.1} µs a node (of {}: {:.1} to {:.1}); MiB: {checking} to check, {held} held then, {} at most",
            each(took[took.len() / 2]),
            took.len(),
            each(took[0]),
            each(took[took.len() - 1]),
            memory("VmHWM:")
        );
    }
}

fn resumes(sizes: &[usize]) {
    for &nodes in sizes {
        let ready = ready(nodes, &json!({ "command": ["true"] }));
        let folder = tempfile::tempdir().expect("a folder can be made");
        runtime().block_on(async {
            let store = sqlite(folder.path()).await;
            let run = begin(&*store, &ready).await;
            let (reports, inputs) = mpsc::channel(REPORTS_MAX);
            drive(store, noop(reports), run, inputs).await;
            let store = sqlite(folder.path()).await;
            let began = Instant::now();
            let world = driver::load(&*store, run).await.expect("it is read back");
            let all = began.elapsed();
            drop(world);
            let began = Instant::now();
            let header = store.header(run).await.expect("it is there");
            let source = store.workflow(header.workflow).await.expect("it is there");
            let workflow = driver::workflow(&source).expect("it was checked");
            let read_workflow = began.elapsed();
            let began = Instant::now();
            let mut records = Vec::new();
            let mut pages = store::Pages::of(&*store, run, 0);
            while let Some(page) = pages.next().await.expect("it reads") {
                records.extend(page);
            }
            let read_records = began.elapsed();
            let began = Instant::now();
            let world = World::replay(run, workflow, &records).expect("it replays");
            println!(
                "resume of {nodes} recorded nodes, {} events: {all:.2?}; the workflow {read_workflow:.2?}, reading \
                 {read_records:.2?}, folding {:.2?}; all done: {}",
                records.len(),
                began.elapsed(),
                world.run.outcome.is_some()
            );
        });
    }
}

fn trues(sizes: &[usize]) {
    for &nodes in sizes {
        let ready = ready(nodes, &json!({ "command": ["/bin/true"] }));
        let folder = tempfile::tempdir().expect("a folder can be made");
        let makefile = folder.path().join("Makefile");
        std::fs::write(&makefile, rules(nodes)).expect("it is written");
        let (mut ours, mut makes) = (Vec::new(), Vec::new());
        for round in 0..5 {
            makes.push(make(&makefile, nodes));
            let folder = folder.path().join(round.to_string());
            ours.push(runtime().block_on(async {
                let store = sqlite(&folder).await;
                let run = begin(&*store, &ready).await;
                let (reports, inputs) = mpsc::channel(REPORTS_MAX);
                let keeper = (env!("CARGO_BIN_EXE_god-flow").into(), vec!["keep-commands".into()]);
                let settings = Settings { folder: folder.clone(), keeper, jobs: 2 };
                let backend = Arc::new(Processes::new(settings, run, reports));
                drive(store, backend, run, inputs).await
            }));
        }
        let each = |took: &mut Vec<Duration>| {
            took.sort();
            took[took.len() / 2].as_secs_f64() * 1e3 / nodes as f64
        };
        let (ours, makes) = (each(&mut ours), each(&mut makes));
        println!(
            "/bin/true {nodes} nodes, two at a time: {ours:.3} ms a node, make {makes:.3}: {:.2} times",
            ours / makes
        );
    }
}

fn make(makefile: &Path, nodes: usize) -> Duration {
    let began = Instant::now();
    let status = Command::new("make").arg("-j2").arg("-s").arg("-f").arg(makefile).status().expect("make is installed");
    assert!(status.success(), "make of {nodes} nodes");
    began.elapsed()
}

fn rules(nodes: usize) -> String {
    let (layers, width) = layers(nodes);
    let last: Vec<String> = (0..width).map(|at| format!("n{}_{at}", layers - 1)).collect();
    let mut text = format!("all: {}\n", last.join(" "));
    for layer in 0..layers {
        for at in 0..width {
            let needs = if layer > 0 { above(layer, at, width).join(" ") } else { String::new() };
            let _ = write!(text, "n{layer}_{at}: {needs}\n\t@/bin/true\n");
        }
    }
    text
}

/// MiB of memory of this process: what it has now, or the most it has had.
fn memory(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix(what)?.trim().strip_suffix(" kB")?.trim().parse().ok());
    kilobytes.unwrap_or(0u64) / 1_024
}

/// From here on the most is counted anew.
fn forget_the_peak() {
    // Where the system does not know how, the figure is too high.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

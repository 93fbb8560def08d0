//! What the engine costs a node: layered graphs of no-ops and of `/bin/true`, every result flushed before anything that
//! needs it starts.
//!
//! `cargo bench --bench engine -- [noop|true|gap|resume] [NODES]`. The graph has 100 layers (10 where there are fewer than
//! 1,000 nodes), each node needing two of the layer above. `true` runs GNU make and ninja on the same graph in turn with
//! the engine and tells the ratios, and `python FOLDER` the Snakemake and the dask whose programs lie in that folder;
//! `AHEAD` says how many commands are ordered ahead, 8 where it is not set. `gap` is a chain of commands that note when
//! they begin and end: how long it is from the end of one to the beginning of the next. SQLite's file is made under
//! `TMPDIR`.

#![expect(clippy::print_stdout, reason = "figures are what this is for")]

mod graph;
mod peers;

use std::{
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

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let nodes = |usual: &[usize]| {
        arguments.get(1).and_then(|it| it.parse().ok()).map_or_else(|| usual.to_vec(), |count| vec![count])
    };
    match arguments.first().map(String::as_str) {
        Some("noop") => noops(&nodes(&[1_000, 10_000, 100_000])),
        Some("true") => peers::trues(&nodes(&[1_000])),
        Some("gap") => gaps(&nodes(&[1_000])),
        Some("python") => peers::pythons(Path::new(&arguments[1])),
        Some("note") => note(Path::new(&arguments[1])),
        Some("carry") => carry(Path::new(&arguments[1])),
        Some("resume") => resumes(&nodes(&[100_000])),
        _ => {
            noops(&nodes(&[1_000, 10_000, 100_000]));
            resumes(&nodes(&[100_000]));
            peers::trues(&nodes(&[1_000]));
            gaps(&nodes(&[1_000]));
        }
    }
}

struct Ready {
    workflow: Arc<Workflow>,
    source: String,
}

fn ready(nodes: usize, action: &Json) -> Ready {
    checked(&graph::document(nodes, action))
}

fn checked(document: &Json) -> Ready {
    let tree = stored::tree(document, Place::default());
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
    let driving = tokio::spawn(async move { driver.drive().await });
    let finished = driving.await.expect("it does not panic").expect("it goes on to its end");
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
        let mut took: Vec<Duration> = (0..if nodes > 50_000 { 3 } else { 5 }).map(|_| durable(&ready)).collect();
        took.sort();
        let each = |took: Duration| took.as_secs_f64() * 1e6 / nodes as f64;
        println!(
            "noop {nodes:>7} nodes, durable: {:6.1} µs a node (of {}: {:.1} to {:.1}); {} MiB at most",
            each(took[took.len() / 2]),
            took.len(),
            each(took[0]),
            each(took[took.len() - 1]),
            peak(&ready)
        );
    }
}

/// No-ops, from a store that has just been made to their end.
fn durable(ready: &Ready) -> Duration {
    let folder = tempfile::tempdir().expect("a folder can be made");
    runtime().block_on(async {
        let store = sqlite(folder.path()).await;
        let run = begin(&*store, ready).await;
        let (reports, inputs) = mpsc::channel(REPORTS_MAX);
        drive(store, noop(reports), run, inputs).await
    })
}

/// MiB that a process has at most which reads such a run from its store and carries it out.
fn peak(ready: &Ready) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    runtime().block_on(async { begin(&*sqlite(folder.path()).await, ready).await });
    let this = std::env::current_exe().expect("it has a name");
    let output = Command::new(this).arg("carry").arg(folder.path()).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn carry(folder: &Path) {
    runtime().block_on(async {
        let store = sqlite(folder).await;
        let run = store.list(1).await.expect("it lists").pop().expect("it was stored").id;
        let (reports, inputs) = mpsc::channel(REPORTS_MAX);
        drive(store, noop(reports), run, inputs).await;
    });
    println!("{}", memory("VmHWM:"));
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
            let records = driver::records(&*store, run).await.expect("they are read");
            let began = Instant::now();
            let read_workflow = driver::workflow(&ready.source).expect("it was checked");
            let checking = began.elapsed();
            let began = Instant::now();
            let world = World::replay(run, read_workflow, &records).expect("it replays");
            println!(
                "resume of {nodes} recorded nodes, {} events: {all:.2?}; of this, side by side, the workflow {checking:.2?}, \
                 the records {:.2?} without reading them; all done: {}",
                records.len(),
                began.elapsed(),
                world.run.outcome.is_some()
            );
        });
    }
}

/// Runs the graph as local commands, so many at a time.
fn commands(folder: &Path, ready: &Ready, jobs: u32) -> Duration {
    runtime().block_on(async {
        let store = sqlite(folder).await;
        let run = begin(&*store, ready).await;
        let (reports, inputs) = mpsc::channel(REPORTS_MAX);
        let keeper = (env!("CARGO_BIN_EXE_god-flow").into(), vec!["keep-commands".into()]);
        let ahead = std::env::var("AHEAD").map_or(8, |it| it.parse().expect("a number"));
        let settings = Settings { folder: folder.to_owned(), dir: None, keeper, jobs, ahead };
        let backend = Arc::new(Processes::new(settings, run, reports));
        drive(store, backend, run, inputs).await
    })
}

/// How long it is from the end of a command to the beginning of the one that waits for it.
fn gaps(sizes: &[usize]) {
    for &nodes in sizes {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let notes = folder.path().join("notes").display().to_string();
        let this = std::env::current_exe().expect("it has a name").display().to_string();
        let action = json!({ "command": [this, "note", notes] });
        let steps = (0..nodes).map(|at| {
            let needs: Vec<String> = at.checked_sub(1).map(|before| format!("n{before}")).into_iter().collect();
            (format!("n{at}"), json!({ "process": action, "needs": needs }))
        });
        let document = json!({ "god_flow": 1, "workflow": "chain", "steps": steps.collect::<Map<_, _>>() });
        commands(folder.path(), &checked(&document), 2);
        let text = std::fs::read_to_string(&notes).expect("every command has left a note");
        let noted: Vec<i128> = text.split_whitespace().map(|word| word.parse().expect("it is a time")).collect();
        let gaps = noted[1..noted.len() - 1].chunks(2).map(|pair| pair[1] - pair[0]).collect();
        // A command begins a while after it was started; how long that takes is not ours.
        let own = (0..100).map(|_| {
            let file = tempfile::NamedTempFile::new().expect("a file can be made");
            let began = Timestamp::now().as_nanosecond();
            let status = Command::new(&this).arg("note").arg(file.path()).status().expect("it starts");
            assert!(status.success());
            let text = std::fs::read_to_string(file.path()).expect("it has left a note");
            text.split_whitespace().next().and_then(|word| word.parse::<i128>().ok()).expect("it is a time") - began
        });
        let (gaps, own) = (Sorted::of(gaps), Sorted::of(own.collect()));
        println!(
            "chain of {nodes} commands, from the end of one to the first words of the next: half within {:.3} ms, 99 of \
             100 within {:.3} ms; of this the system takes {:.3} ms to load a program, so half are started within {:.3} ms",
            gaps.at(0.5),
            gaps.at(0.99),
            own.at(0.5),
            gaps.at(0.5) - own.at(0.5)
        );
    }
}

struct Sorted(Vec<i128>);

impl Sorted {
    fn of(mut nanoseconds: Vec<i128>) -> Self {
        nanoseconds.sort_unstable();
        Self(nanoseconds)
    }
    /// Milliseconds within which so large a part lies.
    fn at(&self, part: f64) -> f64 {
        self.0[((self.0.len() - 1) as f64 * part) as usize] as f64 / 1e6
    }
}

/// Notes when this process has begun and when it ends.
fn note(file: &Path) {
    let began = Timestamp::now().as_nanosecond();
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).expect("it opens");
    let line = format!("{began} {}\n", Timestamp::now().as_nanosecond());
    std::io::Write::write_all(&mut file, line.as_bytes()).expect("it is written");
}

/// MiB of memory of this process: what it has now, or the most it has had.
fn memory(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix(what)?.trim().strip_suffix(" kB")?.trim().parse().ok());
    kilobytes.unwrap_or(0u64) / 1_024
}

//! What every backend does, said once and tried on each.
//!
//! Docker is tried where `GOD_FLOW_TEST_DOCKER` holds the address of an engine; `scripts/services up` starts one.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "these are tests, also what is shared by them below")]

use std::{path::Path, sync::Arc, time::Duration};

use god_flow::{
    backend::{
        AttemptId, Backend, Clock, Mock, Play, REPORTS_MAX, Speed, Work,
        docker::{Containers, Settings as Engine},
        log_path,
        process::{Processes, Settings},
    },
    base::{Place, Seed, Span, Value},
    document::stored,
    plan::NodeIx,
    run::{Attempt, Beginning, Cause, Digest, Failure, Input, Report, RunId, World},
    workflow::{self, Checked},
};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc::{self, Receiver};

/// Every report must come within this.
const PATIENCE: Duration = Duration::from_secs(20);

mod engine;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Mock,
    Process,
    Docker,
}

/// What an attempt does: takes so long, counts itself, says something, and ends with a code.
#[derive(Clone, Copy, Debug)]
struct Script {
    millis: u64,
    code: i32,
}

const QUICK: Script = Script { millis: 0, code: 0 };
const FAILS: Script = Script { millis: 0, code: 3 };
const SLOW: Script = Script { millis: 600, code: 0 };
const ENDLESS: Script = Script { millis: 600_000, code: 0 };

/// A run with one attempt under way.
struct Scene {
    kind: Kind,
    folder: tempfile::TempDir,
    script: Script,
    world: World,
    node: NodeIx,
    id: AttemptId,
    clock: Clock,
}

impl Scene {
    async fn new(kind: Kind, script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = match kind {
            Kind::Mock => Clock::made(Speed::Times(1.0), Timestamp::now()),
            Kind::Process | Kind::Docker => Clock::real(),
        };
        let outputs = if matches!(kind, Kind::Docker) { "/outputs.json" } else { "$GOD_FLOW_OUTPUTS" };
        let shell = format!(
            "echo begun; sleep {}; echo over; echo '{{ \"n\": 5 }}' > {outputs}; exit {}",
            script.millis as f64 / 1_000.0,
            script.code
        );
        let outputs = json!({ "n": "whole" });
        let step = match kind {
            Kind::Mock | Kind::Process => json!({ "process": { "shell": shell, "outputs": outputs } }),
            Kind::Docker => {
                json!({ "container": { "image": engine::IMAGE, "command": ["sh", "-c", shell], "outputs": outputs } })
            }
        };
        let document = json!({
            "god_flow": 1, "workflow": "scene",
            "steps": { "a": step },
            "gives": { "n": "${a.n}" },
        });
        let Ok(Checked::Workflow(workflow)) = workflow::check(&stored::tree(&document, Place::default())) else {
            panic!("the scene is a workflow")
        };
        let id = RunId::from(uuid::Uuid::now_v7());
        let beginning = Beginning {
            id,
            name: "scene".into(),
            workflow: Digest::of(""),
            inputs: Value::record::<&str>([]),
            seed: Seed(1),
            simulated: false,
        };
        let (mut world, _) = World::begin(clock.now(), Arc::new(*workflow), &beginning);
        let hosts = backend(Kind::Process, id, folder.path(), script, &clock).0.hosts().await;
        let joined = hosts.unwrap().into_iter().map(|(host, offer)| Input::HostJoined { host, offer });
        world.handle(clock.now(), joined);
        let node = world.run.find("a").unwrap();
        let id = AttemptId { run: id, node: "a".into(), number: 1 };
        Self { kind, folder, script, world, node, id, clock }
    }

    /// A backend as a new process of the engine would have it.
    fn backend(&self) -> (Arc<dyn Backend>, Receiver<Input>) {
        backend(self.kind, self.id.run, self.folder.path(), self.script, &self.clock)
    }

    fn attempt(&self) -> &Attempt {
        self.world.run.attempts.get(&self.node).unwrap()
    }

    fn ensure(&self, backend: &dyn Backend) {
        backend.ensure(&self.id, Work { run: &self.world.run, node: self.node, attempt: self.attempt() });
    }

    /// How often the work was begun, where it is real.
    fn begun(&self) -> Option<usize> {
        let log = std::fs::read_to_string(log_path(self.folder.path(), &self.id)).unwrap_or_default();
        (!matches!(self.kind, Kind::Mock)).then(|| log.lines().filter(|line| *line == "begun").count())
    }

    async fn until_begun(&self) {
        let began = std::time::Instant::now();
        while self.begun() == Some(0) {
            assert!(began.elapsed() < PATIENCE, "it never begins");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn backend(
    kind: Kind,
    run: RunId,
    folder: &Path,
    script: Script,
    clock: &Clock,
) -> (Arc<dyn Backend>, Receiver<Input>) {
    let (reports, inputs) = mpsc::channel(REPORTS_MAX);
    let backend: Arc<dyn Backend> = match kind {
        Kind::Mock => {
            let play = move |_: Work<'_>| {
                let report = match script.code {
                    0 => Report::Succeeded { output: json!({ "n": 5 }) },
                    _ => Report::Failed(Failure::new(Cause::ExitCode, "it ended with exit code 3")),
                };
                Play { takes: Span::from_millis(script.millis).unwrap(), report }
            };
            Arc::new(Mock::new(clock.clone(), Vec::new(), Box::new(play), reports))
        }
        Kind::Process => {
            let keeper = (env!("CARGO_BIN_EXE_god-flow").into(), vec!["keep-commands".into()]);
            let settings = Settings { folder: folder.to_owned(), dir: None, keeper, jobs: 2, ahead: 2 };
            Arc::new(Processes::new(settings, run, reports))
        }
        Kind::Docker => {
            let engine = engine::address().expect("these tests are left out without one").to_owned();
            let settings = Engine {
                folder: folder.to_owned(),
                engine,
                gpus: Vec::new(),
                jobs: 2,
                local_code: false,
                hub: god_flow::hub::Settings::default(),
                cache: None,
                models: None,
                cache_bytes: None,
            };
            Arc::new(Containers::new(settings, run, reports).unwrap())
        }
    };
    (backend, inputs)
}

async fn report(inputs: &mut Receiver<Input>) -> Report {
    match tokio::time::timeout(PATIENCE, inputs.recv()).await {
        Ok(Some(Input::Report { report, .. })) => report,
        other => panic!("expected a report, found {other:?}"),
    }
}

async fn nothing_more(inputs: &mut Receiver<Input>) {
    let more = tokio::time::timeout(Duration::from_millis(200), inputs.recv()).await;
    assert!(more.is_err(), "{more:?}");
}

fn succeeded() -> Report {
    Report::Succeeded { output: json!({ "n": 5 }) }
}

async fn said_twice_it_is_done_once(kind: Kind) {
    let scene = Scene::new(kind, SLOW).await;
    let (backend, mut inputs) = scene.backend();
    scene.ensure(&*backend);
    scene.ensure(&*backend);
    assert_eq!(report(&mut inputs).await, succeeded());
    nothing_more(&mut inputs).await;
    assert_eq!(scene.begun().unwrap_or(1), 1);
}

async fn what_has_ended_is_reported_again_and_not_done_again(kind: Kind) {
    let scene = Scene::new(kind, QUICK).await;
    let (backend, mut inputs) = scene.backend();
    for _ in 0..3 {
        scene.ensure(&*backend);
        assert_eq!(report(&mut inputs).await, succeeded());
    }
    assert_eq!(scene.begun().unwrap_or(1), 1);
}

async fn a_failure_is_told_with_its_cause(kind: Kind) {
    let scene = Scene::new(kind, FAILS).await;
    let (backend, mut inputs) = scene.backend();
    scene.ensure(&*backend);
    let Report::Failed(failure) = report(&mut inputs).await else { panic!("it fails") };
    assert_eq!(failure.cause, Cause::ExitCode);
    assert!(failure.message.contains("exit code 3"), "{}", failure.message);
}

async fn another_engine_takes_up_what_runs(kind: Kind) {
    let scene = Scene::new(kind, SLOW).await;
    let (backend, inputs) = scene.backend();
    scene.ensure(&*backend);
    scene.until_begun().await;
    drop((backend, inputs));
    let (backend, mut inputs) = scene.backend();
    scene.ensure(&*backend);
    assert_eq!(report(&mut inputs).await, succeeded());
    assert_eq!(scene.begun().unwrap_or(1), 1);
}

async fn another_engine_learns_how_it_ended_meanwhile(kind: Kind) {
    let scene = Scene::new(kind, SLOW).await;
    let (backend, inputs) = scene.backend();
    scene.ensure(&*backend);
    scene.until_begun().await;
    drop((backend, inputs));
    tokio::time::sleep(Duration::from_millis(2 * SLOW.millis)).await;
    let (backend, mut inputs) = scene.backend();
    scene.ensure(&*backend);
    assert_eq!(report(&mut inputs).await, succeeded());
    assert_eq!(scene.begun().unwrap_or(1), 1);
}

async fn told_twice_to_stop_it_stops_once(kind: Kind) {
    let scene = Scene::new(kind, ENDLESS).await;
    let (backend, mut inputs) = scene.backend();
    scene.ensure(&*backend);
    scene.until_begun().await;
    backend.stop(&scene.id, false);
    backend.stop(&scene.id, false);
    assert_eq!(report(&mut inputs).await, Report::CutShort { output: None });
    backend.stop(&scene.id, false);
    nothing_more(&mut inputs).await;
}

async fn another_engine_stops_what_it_takes_up(kind: Kind) {
    let scene = Scene::new(kind, ENDLESS).await;
    let (backend, inputs) = scene.backend();
    scene.ensure(&*backend);
    scene.until_begun().await;
    drop((backend, inputs));
    let (backend, mut inputs) = scene.backend();
    scene.ensure(&*backend);
    backend.stop(&scene.id, true);
    assert!(matches!(report(&mut inputs).await, Report::CutShort { .. }));
}

async fn logs_are_read_from_any_byte(kind: Kind) {
    let scene = Scene::new(kind, QUICK).await;
    let (backend, mut inputs) = scene.backend();
    scene.ensure(&*backend);
    report(&mut inputs).await;
    let whole = backend.logs(&scene.id, 0).await.unwrap();
    assert!(whole.over && whole.next == whole.bytes.len() as u64, "{whole:?}");
    if !matches!(kind, Kind::Mock) {
        assert_eq!(String::from_utf8_lossy(&whole.bytes), "begun\nover\n");
    }
    let rest = backend.logs(&scene.id, 3).await.unwrap();
    assert_eq!(rest.bytes, whole.bytes[3..]);
    assert!(backend.logs(&scene.id, whole.next).await.unwrap().bytes.is_empty());
}

macro_rules! contract {
    ($($test:ident),+ $(,)?) => {
        contract!(mock, Kind::Mock, $($test),+);
        contract!(process, Kind::Process, $($test),+);
        contract!(docker, Kind::Docker, $($test),+);
    };
    ($backend:ident, $kind:expr, $($test:ident),+) => {
        mod $backend {
            use super::{Kind, engine};
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if matches!($kind, Kind::Docker) && engine::ready().await.is_none() {
                    return;
                }
                super::$test($kind).await;
            })+
        }
    };
}

contract! {
    said_twice_it_is_done_once,
    what_has_ended_is_reported_again_and_not_done_again,
    a_failure_is_told_with_its_cause,
    another_engine_takes_up_what_runs,
    another_engine_learns_how_it_ended_meanwhile,
    told_twice_to_stop_it_stops_once,
    another_engine_stops_what_it_takes_up,
    logs_are_read_from_any_byte,
}

/// Without its keeper nothing begins, and nobody but the host is to blame.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_keeper_nothing_begins() {
    let scene = Scene::new(Kind::Process, QUICK).await;
    let (reports, mut inputs) = mpsc::channel(REPORTS_MAX);
    let keeper = ("/nowhere/god-flow".into(), Vec::new());
    let settings = Settings { folder: scene.folder.path().to_owned(), dir: None, keeper, jobs: 2, ahead: 2 };
    let backend = Processes::new(settings, scene.id.run, reports);
    scene.ensure(&backend);
    let Report::Failed(failure) = report(&mut inputs).await else { panic!("it fails") };
    assert_eq!(failure.cause, Cause::HostLost);
    assert_eq!(scene.begun(), Some(0));
}

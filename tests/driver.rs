//! The driver over a store in memory and a mock world whose time jumps: nothing here waits for a clock but leases.

#![expect(clippy::unwrap_used, reason = "these are tests, also what is shared by them below")]

mod faulty;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use faulty::{Fault, Faults, Faulty};
use god_flow::{
    backend::{AttemptId, Backend, Clock, Error as BackendError, LogPart, Mock, Play, REPORTS_MAX, Speed, Work},
    base::{GpuKind, Place, Seed, Size, Span, Value},
    document::stored,
    driver::{self, Answer, Driver, End, Finished, Handle, Leaving, New, Notice},
    run::{
        Cause, Command, Event, Failure, Outcome, Record, Refusal, Report, Ruling, RunId, World,
        event::HostOffer,
        place::{GpuId, HostId},
        read,
    },
    store::{LEASE_TTL, MemoryStore, Store},
    workflow::{self, Checked, Workflow},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use tokio::{sync::mpsc, task::JoinHandle};

const HOUR: u64 = 3_600_000;

fn workflow(document: &Json) -> (Arc<Workflow>, String) {
    let tree = stored::tree(document, Place::default());
    match workflow::check(&tree) {
        Ok(Checked::Workflow(workflow)) => (Arc::new(*workflow), stored::write(&tree)),
        other => panic!("expected a workflow: {other:?}"),
    }
}

/// `a` and `b` before `c`, each an hour of work that gives a number.
fn diamond() -> Json {
    let work = json!({ "command": ["x"], "outputs": { "n": "whole" } });
    let after = json!({ "command": ["${text(a.n + b.n)}"], "outputs": { "n": "whole" } });
    json!({
        "god_flow": 1, "workflow": "diamond",
        "steps": { "a": { "process": work }, "b": { "process": work }, "c": { "process": after } },
        "gives": { "n": "${c.n}" },
    })
}

fn hosts() -> Vec<(HostId, HostOffer)> {
    let gpus = (0..8).map(|gpu| (GpuId::parse(&gpu.to_string()).unwrap(), GpuKind::parse("H100").unwrap())).collect();
    let offer = HostOffer { gpus, cpus: 8, memory: Size(1 << 40), slots: 8, ..HostOffer::default() };
    vec![(HostId::parse("h1").unwrap(), offer)]
}

fn hour(report: Report) -> Play {
    Play { takes: Span::from_millis(HOUR).unwrap(), report }
}

fn gives(n: i64) -> Report {
    Report::Succeeded { output: json!({ "n": n }) }
}

fn all_well(_: Work<'_>) -> Play {
    hour(gives(1))
}

type Player = fn(Work<'_>) -> Play;

/// A stored run that nobody drives.
async fn begin(store: &dyn Store, document: &Json) -> RunId {
    let (workflow, source) = workflow(document);
    let id = RunId::from(uuid::Uuid::now_v7());
    let new = New {
        workflow,
        source: &source,
        inputs: Value::record::<&str>([]),
        seed: Seed(1),
        simulated: true,
        name: None,
        setup: "{}",
        now: Timestamp::UNIX_EPOCH,
    };
    driver::begin(store, id, new).await.unwrap();
    id
}

/// A driver as a new process would have it.
fn driver(store: &Arc<dyn Store>, run: RunId, player: Player) -> (Driver, Handle) {
    let (reports, inputs) = mpsc::channel(REPORTS_MAX);
    let clock = Clock::made(Speed::Max, Timestamp::UNIX_EPOCH);
    let mock = Mock::new(clock.clone(), hosts(), Box::new(player), reports);
    Driver::new(store.clone(), Arc::new(mock), clock, run, "a test".into(), inputs)
}

fn drive(store: &Arc<dyn Store>, run: RunId, player: Player) -> (JoinHandle<Result<Finished, driver::Error>>, Handle) {
    let (driver, handle) = driver(store, run, player);
    (tokio::spawn(driver.drive()), handle)
}

async fn to_the_end(store: &Arc<dyn Store>, run: RunId, player: Player) -> End {
    let (driving, _handle) = drive(store, run, player);
    driving.await.unwrap().unwrap().end
}

async fn records(store: &dyn Store, run: RunId) -> Vec<Record> {
    store.page(run, 0, 10_000).await.unwrap()
}

async fn events(store: &dyn Store, run: RunId) -> Vec<Event> {
    records(store, run).await.iter().map(|record| read(record).unwrap()).collect()
}

fn attempts(events: &[Event]) -> Vec<(String, u32)> {
    let begun = events.iter().filter_map(|event| match event {
        Event::AttemptStarted { node, attempt, .. } => Some((node.to_string(), *attempt)),
        _ => None,
    });
    let mut begun: Vec<_> = begun.collect();
    begun.sort();
    begun
}

fn succeeded(gives: Json) -> End {
    End::Over(Outcome::Succeeded { gives })
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

#[tokio::test]
async fn a_run_goes_to_its_end_and_reads_back_the_same() {
    let store = memory();
    let run = begin(&*store, &diamond()).await;
    assert_eq!(to_the_end(&store, run, all_well).await, succeeded(json!({ "n": 1 })));
    let world = driver::load(&*store, run).await.unwrap();
    assert_eq!(world.now(), Timestamp::from_millisecond(2 * HOUR as i64).unwrap(), "a and b at once, then c");
    let header = store.header(run).await.unwrap();
    assert_eq!((header.state.as_str(), header.ended_at), ("succeeded; 3 of 3 done", Some(world.now())));
    assert_eq!(to_the_end(&store, run, all_well).await, succeeded(json!({ "n": 1 })), "a second driver finds it over");
}

#[tokio::test]
async fn what_failed_is_tried_again_after_its_back_off_and_the_run_fails_when_the_budget_is_used_up() {
    let store = memory();
    let mut document = diamond();
    document["steps"]["a"]["retry"] = json!({ "exit_code": 2 });
    let run = begin(&*store, &document).await;
    let fails: Player = |work| match &*work.run.plan.id(work.node) {
        "a" => hour(Report::Failed(Failure::new(Cause::ExitCode, "no"))),
        _ => hour(gives(1)),
    };
    let End::Over(Outcome::Failed { node, failure }) = to_the_end(&store, run, fails).await else { panic!("it fails") };
    assert_eq!((&*node, failure.cause), ("a", Cause::ExitCode));
    let begun = attempts(&events(&*store, run).await);
    assert_eq!(
        begun.iter().filter(|(node, _)| node == "a").map(|(_, attempt)| *attempt).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert!(!begun.iter().any(|(node, _)| node == "c"));
}

#[tokio::test]
async fn time_limits_end_attempts() {
    for (keeps, expected) in [("succeed", true), ("fail", false)] {
        let store = memory();
        let mut document = diamond();
        document["steps"]["a"]["time_limit"] = json!("10m");
        document["steps"]["a"]["on_time_limit"] = json!(keeps);
        let run = begin(&*store, &document).await;
        let end = to_the_end(&store, run, all_well).await;
        match end {
            End::Over(Outcome::Succeeded { .. }) => assert!(expected, "{keeps}"),
            End::Over(Outcome::Failed { failure, .. }) => {
                assert!(!expected && failure.cause == Cause::TimeLimit, "{keeps}: {failure:?}");
            }
            other => panic!("{keeps}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_held_step_waits_for_a_decision_that_anybody_may_leave() {
    let store = memory();
    let mut document = diamond();
    document["steps"]["a"]["on_failure"] = json!("hold");
    document["steps"]["c"]["process"]["command"] = json!(["${text(a.n.or(0) + b.n)}"]);
    let run = begin(&*store, &document).await;
    let fails: Player = |work| match (&*work.run.plan.id(work.node), work.attempt.number) {
        ("a", 1) => hour(Report::Failed(Failure::new(Cause::Refused, "no"))),
        _ => hour(gives(2)),
    };
    assert_eq!(to_the_end(&store, run, fails).await, End::Held(vec!["a".into()]));
    assert_eq!(store.header(run).await.unwrap().state, "held: 1 to decide; 1 of 3 done, 1 held");

    let ask = |ruling| {
        let command = Command::Rule { node: "a".into(), ruling };
        driver::ask(&*store, run, "a test", "ada", "it was the network", command)
    };
    let Answer::Refused(why) = ask(Ruling::Replace(json!({ "n": "x" }))).await.unwrap() else { panic!("no number") };
    assert!(why.contains("this is not what `a` gives"), "{why}");
    assert_eq!(ask(Ruling::Retry).await.unwrap(), Answer::Obeyed);
    assert!(
        attempts(&events(&*store, run).await).iter().all(|(_, attempt)| *attempt == 1),
        "a decision starts nothing"
    );
    assert_eq!(to_the_end(&store, run, fails).await, succeeded(json!({ "n": 2 })));
}

/// A player whose world stands still: at this speed nothing ever ends.
fn standing(store: &Arc<dyn Store>, run: RunId) -> (JoinHandle<Result<Finished, driver::Error>>, Handle) {
    let (reports, inputs) = mpsc::channel(REPORTS_MAX);
    let clock = Clock::made(Speed::Times(1e-6), Timestamp::UNIX_EPOCH);
    let mock = Mock::new(clock.clone(), hosts(), Box::new(all_well), reports);
    let (driver, handle) = Driver::new(store.clone(), Arc::new(mock), clock, run, "a test".into(), inputs);
    (tokio::spawn(driver.drive()), handle)
}

async fn under_way(handle: &Handle) -> usize {
    handle.look(|world| world.run.attempts.len()).await.unwrap()
}

#[tokio::test]
async fn commands_are_obeyed_or_refused_with_the_reason() {
    let store = memory();
    let run = begin(&*store, &diamond()).await;
    let (driving, handle) = standing(&store, run);
    assert_eq!(under_way(&handle).await, 2);
    assert_eq!(handle.command("ada", "lunch", Command::Pause).await, Some(Ok(())));
    assert_eq!(handle.command("ada", "lunch", Command::Pause).await, Some(Err(Refusal::Already("paused"))));
    // The same through the store, as another process does it.
    let ask = |command| driver::ask(&*store, run, "another", "bob", "go on", command);
    assert_eq!(ask(Command::Pause).await.unwrap(), Answer::Refused("the run is paused already".into()));
    assert_eq!(store.header(run).await.unwrap().state, "paused");
    assert_eq!(ask(Command::Resume).await.unwrap(), Answer::Obeyed);
    assert_eq!(ask(Command::Cancel).await.unwrap(), Answer::Obeyed);
    assert_eq!(driving.await.unwrap().unwrap().end, End::Over(Outcome::Cancelled));
    assert_eq!(handle.command("ada", "late", Command::Pause).await, None);
    let said: Vec<String> = events(&*store, run)
        .await
        .iter()
        .filter_map(|event| match event {
            Event::Paused { who, why } | Event::Cancelled { who, why } => Some(format!("{who}: {why}")),
            _ => None,
        })
        .collect();
    assert_eq!(said, ["ada: lunch", "bob: go on"]);
}

#[tokio::test]
async fn a_driver_told_to_leave_starts_nothing_more_and_the_next_one_takes_up_what_runs() {
    let store = memory();
    let run = begin(&*store, &diamond()).await;
    let (driving, handle) = standing(&store, run);
    assert_eq!(under_way(&handle).await, 2);
    handle.leave(Leaving::WhenIdle);
    assert_eq!(under_way(&handle).await, 2, "what runs is waited for");
    handle.leave(Leaving::AtOnce);
    assert_eq!(driving.await.unwrap().unwrap().end, End::Left { under_way: 2 });
    assert_eq!(to_the_end(&store, run, all_well).await, succeeded(json!({ "n": 1 })));
    let begun = attempts(&events(&*store, run).await);
    assert_eq!(begun, [("a".into(), 1), ("b".into(), 1), ("c".into(), 1)], "nothing was begun twice");
}

#[tokio::test]
async fn a_paused_run_goes_on_with_whoever_resumes_it() {
    let store = memory();
    let run = begin(&*store, &diamond()).await;
    assert_eq!(driver::ask(&*store, run, "x", "ada", "wait", Command::Pause).await.unwrap(), Answer::Obeyed);
    let (driver, _handle) = driver(&store, run, all_well);
    assert_eq!(driver.resuming("bob").drive().await.unwrap().end, succeeded(json!({ "n": 1 })));
}

#[tokio::test]
async fn a_second_driver_waits_and_takes_over() {
    let store = memory();
    let run = begin(&*store, &diamond()).await;
    let (first, handle) = standing(&store, run);
    assert_eq!(under_way(&handle).await, 2);
    let (second, waits) = drive(&store, run, all_well);
    let mut notices = waits.notices();
    // It dies without a word: nothing is released.
    first.abort();
    let began = std::time::Instant::now();
    assert_eq!(second.await.unwrap().unwrap().end, succeeded(json!({ "n": 1 })));
    assert!(began.elapsed() < LEASE_TTL + Duration::from_secs(2), "{:?}", began.elapsed());
    let mut seen = Vec::new();
    while let Ok(notice) = notices.try_recv() {
        seen.push(notice);
    }
    assert_eq!(seen, [Notice::Waiting { by: "a test".into() }, Notice::Driving { taken_up: 2 }]);
}

#[tokio::test]
async fn who_stands_by_leaves_a_pause_alone_that_came_meanwhile() {
    let store = memory();
    let run = begin(&*store, &diamond()).await;
    let (first, handle) = standing(&store, run);
    assert_eq!(under_way(&handle).await, 2);
    let (second, waits) = driver(&store, run, all_well);
    let mut notices = waits.notices();
    let second = tokio::spawn(second.resuming("bob").drive());
    assert!(matches!(notices.recv().await, Ok(Notice::Waiting { .. })));
    assert_eq!(handle.command("ada", "lunch", Command::Pause).await, Some(Ok(())));
    handle.leave(Leaving::AtOnce);
    first.await.unwrap().unwrap();
    assert!(waits.look(|world| world.run.paused).await.unwrap());
    second.abort();
}

/// `a` works for three quarters of a second and `b` for a quarter, by a clock that nobody sets.
fn brief(work: Work<'_>) -> Play {
    let takes = if &*work.run.plan.id(work.node) == "a" { 750 } else { 250 };
    Play { takes: Span::from_millis(takes).unwrap(), report: gives(1) }
}

#[tokio::test]
async fn a_wall_clock_that_jumps_blames_nobody_and_limits_hold_all_the_same() {
    const HOURS: i64 = 3_600;
    // How long `a` may take, by how much the clock is set, and how the run ends.
    for (limit, set, ends_well) in [
        ("1h", 0, true),
        ("1h", 2 * HOURS, true),
        ("1h", -2 * HOURS, true),
        ("500ms", -2 * HOURS, false),
        ("500ms", 0, false),
    ] {
        let store = memory();
        let mut document = diamond();
        document["steps"]["a"]["time_limit"] = json!(limit);
        // What begins after a jump would begin late by the clock of the mock world, which does not jump.
        document["steps"].as_object_mut().unwrap().remove("c");
        document["gives"] = json!({ "n": "${a.n + b.n}" });
        let run = begin(&*store, &document).await;
        let (reports, inputs) = mpsc::channel(REPORTS_MAX);
        let mock = Mock::new(Clock::real(), hosts(), Box::new(brief), reports);
        let ahead = Arc::new(AtomicI64::new(0));
        let wall = ahead.clone();
        let clock = Clock::real_by(move || Timestamp::now() + SignedDuration::from_secs(wall.load(Ordering::Relaxed)));
        let (driver, handle) = Driver::new(store.clone(), Arc::new(mock), clock, run, "a test".into(), inputs);
        let driving = tokio::spawn(driver.drive());
        assert_eq!(under_way(&handle).await, 2);
        ahead.store(set, Ordering::Relaxed);
        let end = driving.await.unwrap().unwrap().end;
        let told = format!("{limit}, set by {set}s: {end:?}");
        match &end {
            End::Over(Outcome::Failed { node, failure }) => {
                assert!(!ends_well && &**node == "a" && failure.cause == Cause::TimeLimit, "{told}");
            }
            End::Over(Outcome::Succeeded { .. }) => assert!(ends_well, "{told}"),
            _ => panic!("{told}"),
        }
        let jumps: Vec<u64> = events(&*store, run)
            .await
            .iter()
            .filter_map(|event| match event {
                Event::ClockJumped { by } => Some(by.millis() / 60_000),
                _ => None,
            })
            .collect();
        // What was set back is not followed, so that it jumps nowhere.
        let expected = if set > 0 { vec![120] } else { vec![] };
        assert!(jumps == expected || set > 0 && jumps == [119], "{told}: {jumps:?}");
        let workflow = workflow(&document).0;
        let verdict = god_flow::run::verify::verify(run, workflow, &records(&*store, run).await);
        assert!(verdict.is_sound(), "{told}: {verdict:?}");
        let last = records(&*store, run).await.last().unwrap().at.duration_since(Timestamp::now()).as_secs();
        assert!((set.max(0) - 60..=set.max(0)).contains(&last), "records go by the wall clock: {last}, {told}");
    }
}

/// Says of each attempt that it is told to begin whether its beginning is stored.
struct Watching {
    mock: Mock,
    store: MemoryStore,
    unstored: Arc<Mutex<Vec<AttemptId>>>,
}

#[async_trait]
impl Backend for Watching {
    fn name(&self) -> &'static str {
        "watching"
    }
    fn is_made_up(&self) -> bool {
        self.mock.is_made_up()
    }
    async fn hosts(&self) -> Result<Vec<(HostId, HostOffer)>, BackendError> {
        self.mock.hosts().await
    }
    fn ensure(&self, id: &AttemptId, work: Work<'_>) {
        // The store in memory never waits.
        let stored = futures_now(events(&self.store, id.run));
        if !attempts(&stored).contains(&(id.node.to_string(), id.number)) {
            self.unstored.lock().unwrap().push(id.clone());
        }
        self.mock.ensure(id, work);
    }
    fn stop(&self, id: &AttemptId, keep: bool) {
        self.mock.stop(id, keep);
    }
    async fn logs(&self, id: &AttemptId, from: u64) -> Result<LogPart, BackendError> {
        self.mock.logs(id, from).await
    }
    fn at_rest(&self, due: Option<Timestamp>) {
        self.mock.at_rest(due);
    }
    fn leave(&self) -> &'static str {
        self.mock.leave()
    }
}

/// The result of something that never waits.
fn futures_now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

#[tokio::test]
async fn whatever_the_store_does_nothing_begins_before_it_is_stored_and_nothing_is_lost() {
    for number in 0..4 {
        for fault in [Fault::Before, Fault::After, Fault::TakenOver] {
            let memory = MemoryStore::new();
            let run = begin(&memory, &diamond()).await;
            let appends = [(number, fault)].into();
            let faulty: Arc<dyn Store> = Arc::new(Faulty::new(memory.clone(), Faults { appends, ..Faults::default() }));
            let (reports, inputs) = mpsc::channel(REPORTS_MAX);
            let clock = Clock::made(Speed::Max, Timestamp::UNIX_EPOCH);
            let mock = Mock::new(clock.clone(), hosts(), Box::new(all_well), reports);
            let unstored = Arc::new(Mutex::new(Vec::new()));
            let backend = Arc::new(Watching { mock, store: memory.clone(), unstored: unstored.clone() });
            let (driver, _handle) = Driver::new(faulty, backend, clock, run, "a test".into(), inputs);
            let end = driver.drive().await.unwrap().end;
            assert_eq!(end, succeeded(json!({ "n": 1 })), "{fault:?} at append {number}");
            assert!(unstored.lock().unwrap().is_empty(), "{fault:?} at append {number}");
            let begun = attempts(&events(&memory, run).await);
            assert_eq!(begun, [("a".into(), 1), ("b".into(), 1), ("c".into(), 1)], "{fault:?} at append {number}");
        }
    }
}

/// A store that answers in between is not away, however often it goes.
#[tokio::test(start_paused = true)]
async fn outages_are_not_added_up() {
    let memory = MemoryStore::new();
    let step = |at: usize| {
        let needs: Vec<String> = at.checked_sub(1).map(|before| format!("s{before}")).into_iter().collect();
        (format!("s{at}"), json!({ "process": { "command": ["x"] }, "needs": needs }))
    };
    let steps: serde_json::Map<_, _> = (0..100).map(step).collect();
    let run = begin(&memory, &json!({ "god_flow": 1, "workflow": "chain", "steps": steps })).await;
    let appends = (0..400).filter(|at| at % 2 == 0).map(|at| (at, Fault::Before)).collect();
    let faulty: Arc<dyn Store> = Arc::new(Faulty::new(memory.clone(), Faults { appends, ..Faults::default() }));
    assert_eq!(to_the_end(&faulty, run, all_well).await, succeeded(json!({})));
}

#[tokio::test]
async fn a_store_that_is_damaged_ends_the_driving_with_its_words() {
    let memory = MemoryStore::new();
    let run = begin(&memory, &diamond()).await;
    let appends = [(1, Fault::Damaged)].into();
    let faulty: Arc<dyn Store> = Arc::new(Faulty::new(memory.clone(), Faults { appends, ..Faults::default() }));
    let (driving, _) = drive(&faulty, run, all_well);
    let error = driving.await.unwrap().unwrap_err();
    assert!(driver::full(&error).contains("it is made to be damaged"), "{error:?}");
    // What was stored before stands, and whoever comes later goes on from it.
    let store: Arc<dyn Store> = Arc::new(memory);
    assert_eq!(to_the_end(&store, run, all_well).await, succeeded(json!({ "n": 1 })));
}

#[tokio::test]
async fn the_feed_tells_what_is_stored() {
    let store = memory();
    let run = begin(&*store, &diamond()).await;
    let (driver, handle) = driver(&store, run, all_well);
    let mut feed = handle.feed();
    drop(handle);
    driver.drive().await.unwrap();
    let mut told = Vec::new();
    while let Ok(records) = feed.try_recv() {
        told.extend(records.iter().cloned());
    }
    assert_eq!(told, records(&*store, run).await[1..]);
    let replayed = World::replay(run, workflow(&diamond()).0, &records(&*store, run).await).unwrap();
    assert_eq!(replayed.run.outcome, Some(Outcome::Succeeded { gives: json!({ "n": 1 }) }));
}

//! Runs that charge, with a ledger that fails on purpose: whatever happens, everybody pays once, and nothing that is made up
//! moves money.

#![expect(clippy::unwrap_used, reason = "these are tests, also what is shared by them below")]

mod faulty;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use faulty::{Fault, Faults, Faulty};
use god_flow::{
    backend::{AttemptId, Backend, Clock, Error as BackendError, LogPart, Mock, Play, REPORTS_MAX, Work},
    base::{Coldkey, Place, Rao, Seed, Size, Span, Value},
    document::stored,
    driver::{self, Driver, End, New},
    run::{Blame, Cause, Event, Failure, Input, Outcome, Record, Report, RunId, event::HostOffer, place::HostId, read},
    store::{
        MemoryStore, Store,
        ledger::{Asked, Kind, Transfer, What},
    },
    workflow::{self, Checked, Workflow},
};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

const ADA: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const BOB: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";

fn fee(hotkey: &str, coldkey: &str, amount: &str) -> Json {
    json!({ "hotkey": hotkey, "coldkey": coldkey, "amount": amount })
}

/// Charges two, gives one of them the fee back, and tells what there is then.
fn paid() -> Json {
    let retry = json!({ "network": 3, "wait": "10ms" });
    json!({
        "god_flow": 1, "workflow": "paid",
        "steps": {
            "paying": { "charge": { "fees": [fee("a1", ADA, "3 RAO"), fee("a2", ADA, "3 RAO")] }, "retry": retry },
            "back": { "refund": { "receipt": "${paying.receipt}", "fees": "${[paying.charged[1]]}" }, "retry": retry },
            "held": { "needs": ["back"], "balance": { "accounts": [ADA, BOB] } },
        },
        "gives": { "held": "${held.balances}", "receipt": "${paying.receipt}" },
    })
}

fn workflow(document: &Json) -> (Arc<Workflow>, String) {
    let tree = stored::tree(document, Place::default());
    match workflow::check(&tree) {
        Ok(Checked::Workflow(workflow)) => (Arc::new(*workflow), stored::write(&tree)),
        other => panic!("expected a workflow: {other:?}"),
    }
}

fn new<'a>(document: &Json, simulated: bool, source: &'a mut String) -> New<'a> {
    let (workflow, text) = workflow(document);
    *source = text;
    let (inputs, now) = (Value::record::<&str>([]), Timestamp::now());
    New { workflow, source, inputs, seed: Seed(1), simulated, name: None, setup: "{}", now }
}

async fn begin(store: &dyn Store, document: &Json, simulated: bool) -> RunId {
    let id = RunId::from(uuid::Uuid::now_v7());
    driver::begin(store, id, new(document, simulated, &mut String::new())).await.unwrap();
    id
}

async fn credit(store: &dyn Store, account: &str, amount: u64) {
    let what = What::Credit { key: account, account: &Coldkey::parse(account).unwrap() };
    let asked = Asked { what, amount: Rao(amount), who: "a test", why: "a test", at: Timestamp::now() };
    assert!(matches!(store.ledger().transfer(&asked).await.unwrap(), Transfer::Made(_)));
}

/// A real backend with a host, which does nothing of what it is told.
struct Idle(mpsc::Sender<Input>);

fn hosts() -> Vec<(HostId, HostOffer)> {
    let offer = HostOffer { cpus: 8, memory: Size(1 << 40), slots: 8, ..HostOffer::default() };
    vec![(HostId::parse("here").unwrap(), offer)]
}

#[async_trait]
impl Backend for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }
    fn is_made_up(&self) -> bool {
        false
    }
    async fn hosts(&self) -> Result<Vec<(HostId, HostOffer)>, BackendError> {
        Ok(hosts())
    }
    fn ensure(&self, id: &AttemptId, _: Work<'_>) {
        let report = Report::Failed(Failure::new(Cause::Refused, "an idle backend does nothing"));
        self.0.try_send(Input::Report { node: id.node.clone(), attempt: id.number, report }).unwrap();
    }
    fn stop(&self, _: &AttemptId, _: bool) {}
    async fn logs(&self, _: &AttemptId, from: u64) -> Result<LogPart, BackendError> {
        Ok(LogPart { bytes: Vec::new(), next: from, over: true })
    }
    fn leave(&self) -> &'static str {
        "there was nothing to leave"
    }
}

#[derive(Clone, Copy, PartialEq)]
enum With {
    Idle,
    Mock,
}

async fn to_the_end(store: &Arc<dyn Store>, run: RunId, with: With) -> End {
    let (reports, inputs) = mpsc::channel(REPORTS_MAX);
    let backend: Arc<dyn Backend> = match with {
        With::Idle => Arc::new(Idle(reports)),
        With::Mock => {
            let play = |work: Work<'_>| {
                let workflow::Does::Action { action, .. } = &work.run.plan.step(work.node).does else {
                    panic!("only actions are played")
                };
                let output = action.made_up(&work.attempt.input, &work.run.plan.id(work.node)).unwrap().unwrap();
                Play { takes: Span::ZERO, report: Report::Succeeded { output } }
            };
            Arc::new(Mock::new(Clock::real(), hosts(), Box::new(play), reports))
        }
    };
    let (driver, _handle) = Driver::new(store.clone(), backend, Clock::real(), run, "a test".into(), inputs);
    let driving = tokio::time::timeout(Duration::from_mins(1), driver.drive());
    driving.await.expect("it comes to an end").unwrap().end
}

fn gives(end: &End) -> &Json {
    match end {
        End::Over(Outcome::Succeeded { gives }) => gives,
        other => panic!("expected it to succeed, found {other:?}"),
    }
}

fn failure(end: &End) -> &Failure {
    match end {
        End::Over(Outcome::Failed { failure, .. }) => failure,
        other => panic!("expected it to fail, found {other:?}"),
    }
}

/// What was moved for runs, the oldest first.
async fn moved(store: &dyn Store) -> Vec<(Kind, String, u64)> {
    let movements = store.ledger().movements(None, None, usize::MAX).await.unwrap();
    let of_runs = movements.into_iter().rev().filter(|it| it.run.is_some());
    of_runs.map(|it| (it.kind, it.key, it.amount.0)).collect()
}

fn once(run: RunId) -> Vec<(Kind, String, u64)> {
    let key = |hotkey| format!("{run}/paying/{hotkey}");
    vec![(Kind::Charge, key("a1"), 3), (Kind::Charge, key("a2"), 3), (Kind::Refund, key("a2"), 3)]
}

#[tokio::test]
async fn everybody_pays_once_and_the_ledger_says_what_for() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    credit(&*store, ADA, 10).await;
    let run = begin(&*store, &paid(), false).await;
    let end = to_the_end(&store, run, With::Idle).await;
    assert_eq!(gives(&end)["held"], json!({ ADA: "0.000000007 TAO", BOB: "0 TAO" }));
    assert_eq!(gives(&end)["receipt"], json!(format!("{run}/paying")));
    assert_eq!(moved(&*store).await, once(run));
    let first = store.ledger().movements(None, Some(run), 9).await.unwrap().pop().unwrap();
    let name = store.header(run).await.unwrap().name;
    assert_eq!((first.run, first.node.as_deref(), first.who), (Some(run), Some("paying"), name.clone()));
    assert_eq!(first.why, format!("charged by {name}"));
}

#[tokio::test]
async fn whoever_has_too_little_is_told_and_the_others_pay() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    credit(&*store, ADA, 5).await;
    let fees = [
        fee("a1", ADA, "3 RAO"),
        fee("b", BOB, "1 RAO"),
        fee("n", "nobody", "1 RAO"),
        fee("a2", ADA, "3 RAO"),
        fee("free", BOB, "0 RAO"),
        fee("a3", ADA, "2 RAO"),
    ];
    let document = json!({
        "god_flow": 1, "workflow": "poor",
        "steps": { "paying": { "charge": { "fees": fees, "why": "the fee" } } },
        "gives": { "charged": "${paying.charged.map(it, it.hotkey)}", "refused": "${paying.refused}" },
    });
    let run = begin(&*store, &document, false).await;
    let end = to_the_end(&store, run, With::Idle).await;
    let refused = |hotkey| json!({ "hotkey": hotkey, "code": "balance_too_low" });
    assert_eq!(gives(&end)["charged"], json!(["a1", "free", "a3"]));
    assert_eq!(gives(&end)["refused"], json!([refused("b"), refused("n"), refused("a2")]));
    assert_eq!(moved(&*store).await.len(), 2);
    assert_eq!(store.ledger().balances(None).await.unwrap()[0].balance, Rao(0));
}

#[tokio::test]
async fn what_the_ledger_refuses_is_for_the_operator() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    credit(&*store, ADA, 10).await;
    for (receipt, says) in [("${paying.receipt}", "the charge was 0.000000003 TAO"), ("x", "there was no charge")] {
        let document = json!({
            "god_flow": 1, "workflow": "greedy",
            "steps": {
                "paying": { "charge": { "fees": [fee("a1", ADA, "3 RAO")] } },
                "back": { "refund": { "receipt": receipt, "fees": [fee("a1", ADA, "4 RAO")] }, "needs": ["paying"] },
            },
        });
        let run = begin(&*store, &document, false).await;
        let end = to_the_end(&store, run, With::Idle).await;
        let failure = failure(&end);
        assert_eq!((failure.cause, failure.blame), (Cause::Refused, Blame::Operator));
        assert!(failure.message.starts_with("the fee of a1: ") && failure.message.contains(says), "{failure:?}");
    }
}

/// No way leads from what is made up to the ledger: not through the backend, not through the run.
#[tokio::test]
async fn what_is_made_up_moves_nothing() {
    let memory = MemoryStore::new();
    let store: Arc<dyn Store> = Arc::new(memory);
    credit(&*store, ADA, 10).await;
    for simulated in [true, false] {
        let run = begin(&*store, &paid(), simulated).await;
        let end = to_the_end(&store, run, With::Mock).await;
        assert_eq!(gives(&end)["receipt"], "made-up/paying");
        assert_eq!(gives(&end)["held"][ADA], "21000000 TAO");
    }
    let run = begin(&*store, &paid(), true).await;
    let end = to_the_end(&store, run, With::Idle).await;
    assert_eq!(failure(&end).message, "an idle backend does nothing");
    assert_eq!(moved(&*store).await, []);
}

/// A run that is done again is known by the first one; whoever paid there has paid.
#[tokio::test]
async fn a_run_done_again_charges_nothing_again() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    credit(&*store, ADA, 10).await;
    let mut document = paid();
    document["steps"].as_object_mut().unwrap().remove("back");
    document["steps"]["held"]["needs"] = json!(["paying"]);
    let first = begin(&*store, &document, false).await;
    let mut last = first;
    to_the_end(&store, first, With::Idle).await;
    for _ in 0..2 {
        let from = driver::reusable(&*store, last, Some("paying"), true).await.unwrap();
        last = RunId::from(uuid::Uuid::now_v7());
        driver::begin_again(&*store, last, new(&document, false, &mut String::new()), from).await.unwrap();
        let end = to_the_end(&store, last, With::Idle).await;
        assert_eq!(gives(&end)["receipt"], json!(format!("{first}/paying")));
        assert_eq!(gives(&end)["held"][ADA], "0.000000004 TAO");
    }
    assert_eq!(moved(&*store).await, once(first)[..2]);
}

#[tokio::test]
async fn an_unknown_outcome_is_asked_and_nobody_pays_twice() {
    use Fault::{After, Before, Damaged, TakenOver};
    for (faults, attempts) in [
        (&[(0, Before)][..], 2),
        (&[(0, After)], 2),
        (&[(0, After), (1, Before), (2, After), (4, After)], 2),
        (&[(1, Damaged)], 3),
        (&[(0, Damaged), (1, Damaged), (2, After), (5, Damaged)], 5),
        (&[(0, TakenOver)], 2),
        (&[(1, TakenOver)], 2),
        (&[(1, After), (2, TakenOver), (5, Damaged)], 3),
    ] {
        let faults: BTreeMap<u32, Fault> = faults.iter().copied().collect();
        let told = format!("{faults:?}");
        let memory = MemoryStore::new();
        credit(&memory, ADA, 10).await;
        let store: Arc<dyn Store> = Arc::new(Faulty::new(memory, Faults { transfers: faults, ..Faults::default() }));
        let run = begin(&*store, &paid(), false).await;
        let end = to_the_end(&store, run, With::Idle).await;
        assert_eq!(gives(&end)["held"][ADA], "0.000000007 TAO", "{told}");
        assert_eq!(moved(&*store).await, once(run), "{told}");
        let records = store.page(run, 0, 1_000).await.unwrap();
        let begun = |it: &&Record| matches!(read(it).unwrap(), Event::AttemptStarted { node, .. } if matches!(&*node, "paying" | "back"));
        assert_eq!(records.iter().filter(begun).count(), attempts, "{told}");
    }
}

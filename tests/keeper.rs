//! The driver over local commands while the store fails: whatever is stored, and by whom, the keeper begins what comes next.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "these are tests, also what is shared by them below")]

mod faulty;

use std::{sync::Arc, time::Duration};

use faulty::{Fault, Faults, Faulty};
use god_flow::{
    backend::{
        Clock, REPORTS_MAX,
        process::{Processes, Settings},
    },
    base::{Place, Seed, Value},
    document::stored,
    driver::{self, Driver, End, New},
    run::{Outcome, RunId},
    store::MemoryStore,
    workflow::{self, Checked},
};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;

/// Whatever takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_somebody_has_stored_holds_nothing_up() {
    // Two failures that are results, so that what was ordered ahead begins after each.
    let fails = json!({ "process": { "command": ["false"] }, "on_failure": "result" });
    let fine = json!({ "process": { "command": ["true"] } });
    let document = json!({
        "god_flow": 1, "workflow": "keeper", "steps": { "a": fails, "b": fails, "c": fine, "d": fine },
    });
    let tree = stored::tree(&document, Place::default());
    let Ok(Checked::Workflow(workflow)) = workflow::check(&tree) else { panic!("it is a workflow") };
    let (workflow, source) = (Arc::new(*workflow), stored::write(&tree));
    for number in 0..6 {
        for fault in [Fault::Before, Fault::After, Fault::TakenOver, Fault::Damaged] {
            let folder = tempfile::tempdir().unwrap();
            let memory = MemoryStore::new();
            let run = RunId::from(uuid::Uuid::now_v7());
            let new = New {
                workflow: workflow.clone(),
                source: &source,
                inputs: Value::record::<&str>([]),
                seed: Seed(1),
                simulated: false,
                name: None,
                setup: "{}",
                now: Timestamp::now(),
            };
            driver::begin(&memory, run, new).await.unwrap();
            let faults = Faults { appends: [(number, fault)].into(), ..Faults::default() };
            let store = Arc::new(Faulty::new(memory, faults));
            let (reports, inputs) = mpsc::channel(REPORTS_MAX);
            let keeper = (env!("CARGO_BIN_EXE_god-flow").into(), vec!["keep-commands".into()]);
            let settings = Settings { folder: folder.path().to_owned(), dir: None, keeper, jobs: 1, ahead: 2 };
            let backend = Arc::new(Processes::new(settings, run, reports));
            let (driver, _handle) = Driver::new(store, backend, Clock::real(), run, "a test".into(), inputs);
            let told = format!("{fault:?} at append {number}");
            let driven = tokio::time::timeout(PATIENCE, driver.drive()).await;
            let end = driven.unwrap_or_else(|_| panic!("{told}: it hangs")).map(|finished| finished.end);
            let expected = match fault {
                // The run may be over before so many.
                Fault::Damaged => number > 2 || end.is_err(),
                Fault::Before | Fault::After | Fault::TakenOver => {
                    matches!(end, Ok(End::Over(Outcome::Succeeded { .. })))
                }
            };
            assert!(expected, "{told}: {end:?}");
        }
    }
}

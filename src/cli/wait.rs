//! Waiting for the moment at which a workflow is due, for `run --when-due`. Nothing is stored here.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Exit, carry, due, out::Out, stored, table};
use crate::{
    driver,
    run::RunId,
    store::{RunHeader, Store},
    workflow::{Schedule, Workflow, schedule::Due},
};

/// Leave to start a run.
pub(super) struct Turn {
    /// The same for all who saw the same runs before it, so that the store lets only one of them start.
    pub(super) id: RunId,
    /// The made-up moment at which it begins, where time is not waited for.
    pub(super) at: Option<Timestamp>,
}

/// What is waited for.
pub(super) struct Awaited<'a> {
    pub(super) workflow: &'a Workflow,
    pub(super) schedule: &'a Schedule,
    /// The store as it was named in the call.
    pub(super) address: Option<&'a str>,
    /// Runs of a made-up world follow one another, and real ones do.
    pub(super) simulated: bool,
    /// Whether time is made up and goes at once to the moment.
    pub(super) jumps: bool,
}

/// The history is read again so often: others may start or end runs, and clocks may be set.
const LOOKS_EVERY: Duration = Duration::from_secs(2);

/// Waits until the workflow is due, and says what for whenever that changes. A signal ends the wait.
pub(super) async fn until_due(store: &dyn Store, awaited: &Awaited<'_>, out: &Out) -> Result<Turn, Exit> {
    let name = &awaited.workflow.name;
    let mut signalled = std::pin::pin!(carry::signalled());
    let mut said = String::new();
    loop {
        let runs = store.list(due::RUNS_SEEN).await.map_err(|error| out.failure(&driver::full(&error)))?;
        let mut earlier: Vec<&RunHeader> =
            runs.iter().filter(|run| run.title == name.as_str() && run.simulated == awaited.simulated).collect();
        earlier.sort_by_key(|run| (run.created_at, run.id));
        let now = Timestamp::now();
        let (left, line) = match awaited.schedule.due(now, due::before(awaited.workflow, &runs, awaited.simulated)) {
            Due::Now(_) => return Ok(Turn { id: next(name.as_str(), awaited.simulated, &earlier), at: None }),
            Due::At(then) if awaited.jumps => {
                return Ok(Turn { id: next(name.as_str(), awaited.simulated, &earlier), at: Some(then) });
            }
            Due::At(then) => {
                let left = Duration::try_from(then.duration_since(now)).unwrap_or_default();
                (left, format!("`{name}` is due at {}: waiting until then; Ctrl-C leaves\n", table::moment(then)))
            }
            Due::Busy => {
                let busy = earlier.iter().rev().find(|run| run.ended_at.is_none() && run.stands().0 != "cancelled");
                let busy = match busy {
                    Some(run) => {
                        let told = stored::in_the_way(store, run, awaited.address).await;
                        told.map_err(|error| out.failure(&driver::full(&error)))?
                    }
                    None => "another run".into(),
                };
                (LOOKS_EVERY, format!("`{name}` runs one at a time: waiting until {busy} is over; Ctrl-C leaves\n"))
            }
        };
        if line != said {
            out.say(&line);
            said = line;
        }
        tokio::select! {
            () = &mut signalled => {
                out.say("left before it was due; nothing was started\n");
                return Err(Exit::Cancelled);
            }
            () = tokio::time::sleep(left.min(LOOKS_EVERY)) => {}
        }
    }
}

/// The id of the run that follows these. It sorts behind the last of them.
fn next(title: &str, simulated: bool, earlier: &[&RunHeader]) -> RunId {
    let last = earlier.last();
    let mut hash = Sha256::new();
    hash.update([u8::from(simulated)]);
    hash.update((earlier.len() as u64).to_be_bytes());
    hash.update(last.map_or([0; 16], |run| *run.id.as_bytes()));
    hash.update(title.as_bytes());
    let mut random = [0; 10];
    random.copy_from_slice(&hash.finalize()[..10]);
    let millis = last.map_or(0, |run| u64::try_from(run.created_at.as_millisecond()).unwrap_or(0) + 1);
    RunId::from(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

//! What moves money, done over a copy of a ledger: for whoever tries an action alone.
//!
//! The copy lies in memory and is gone with the call. Everything else is as in a run: the same desk, the same refusals.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value as Json;

use super::teller::{Desk, Trouble};
use crate::{
    action::money::Money,
    backend::AttemptId,
    run::RunId,
    store::{Error, LEASE_TTL, MemoryStore, RunHeader, Store, ledger::Movement},
};

/// What an action of the ledger gave, and what it moved on the way.
pub struct Tried {
    pub output: Json,
    /// In the order in which they were made.
    pub moved: Vec<Movement>,
}

/// Does it as the run of that name would over these movements, the oldest first. The error says why it would fail.
pub async fn over_a_copy(movements: Vec<Movement>, run: &str, money: Money) -> Result<Tried, String> {
    let before = movements.len();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::with(movements));
    let copied = |error: Error| super::full(&error);
    let desk = desk(store.clone(), run).await.map_err(copied)?;
    let attempt = AttemptId { run: desk.known_by, node: run.into(), number: 1 };
    let output = desk.done(&attempt, money).await.map_err(|trouble| why(trouble, run))?;
    let mut moved = store.ledger().movements(None, None, usize::MAX).await.map_err(copied)?;
    moved.reverse();
    Ok(Tried { output, moved: moved.split_off(before) })
}

fn why(trouble: Trouble, run: &str) -> String {
    trouble.failure().map_or_else(|| format!("another has taken {run} over"), |failure| failure.message)
}

/// The desk of a run that is begun for it.
async fn desk(store: Arc<dyn Store>, run: &str) -> Result<Desk, Error> {
    let (id, now) = (RunId::from(uuid::Uuid::now_v7()), Timestamp::now());
    let workflow = store.put_workflow("").await?;
    let header = RunHeader {
        id,
        name: run.into(),
        workflow,
        title: run.into(),
        simulated: false,
        setup: String::new(),
        created_at: now,
        state: String::new(),
        ended_at: None,
    };
    store.create(&header, &[]).await?;
    let fence = store.lease(id, run, LEASE_TTL, now).await?;
    Ok(Desk { store, fence, name: run.into(), known_by: id })
}

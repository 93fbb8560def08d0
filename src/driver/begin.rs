//! How a run comes to be: its workflow kept, its name chosen, its first record stored.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Error, name};
use crate::{
    base::{Seed, Value, limits::EVENT_BYTES_MAX},
    run::{Beginning, Illegal, Reusable, RunId, World},
    store::{Found, RunHeader, Store},
    workflow::Workflow,
};

/// A run that is to be.
pub struct New<'a> {
    pub workflow: Arc<Workflow>,
    /// The whole workflow as one text, from [`stored::write`](crate::document::stored::write).
    pub source: &'a str,
    pub inputs: Value,
    pub seed: Seed,
    pub simulated: bool,
    /// The name people call it by; one is made up where none is given.
    pub name: Option<&'a str>,
    /// How it is carried out, in the words of whoever does it.
    pub setup: &'a str,
    /// By the clock that the run goes by.
    pub now: Timestamp,
}

/// Stores a new run. It stands still until somebody drives it.
pub async fn begin(store: &dyn Store, id: RunId, new: New<'_>) -> Result<RunHeader, Error> {
    create(store, id, new, None).await
}

/// Stores a new run that does another again and keeps what still holds of it.
pub async fn begin_again(store: &dyn Store, id: RunId, new: New<'_>, from: Reusable) -> Result<RunHeader, Error> {
    if new.simulated != from.simulated() {
        let why = "a real run keeps nothing of a simulated one".to_owned();
        return Err(Illegal { kind: "created", why }.into());
    }
    create(store, id, new, Some(from)).await
}

async fn create(store: &dyn Store, id: RunId, new: New<'_>, from: Option<Reusable>) -> Result<RunHeader, Error> {
    let workflow = store.put_workflow(new.source).await?;
    let name = match new.name {
        Some(name) => {
            refuse_name(store, name).await?;
            name.to_owned()
        }
        None => free_name(store, id).await?,
    };
    let title = new.workflow.name.to_string();
    let beginning = Beginning {
        id,
        name: name.as_str().into(),
        workflow,
        inputs: new.inputs,
        seed: new.seed,
        simulated: new.simulated,
    };
    let (_, records) = match from {
        Some(from) => World::begin_from(new.now, new.workflow, &beginning, from),
        None => World::begin(new.now, new.workflow, &beginning),
    };
    if let Some(large) = records.iter().find(|record| record.body.len() > EVENT_BYTES_MAX) {
        return Err(Error::Inputs { bytes: large.body.len() });
    }
    let header = RunHeader {
        id,
        name,
        workflow,
        title,
        simulated: new.simulated,
        setup: new.setup.into(),
        created_at: Timestamp::now(),
        state: "waiting for a driver".into(),
        ended_at: None,
    };
    store.create(&header, &records).await?;
    Ok(header)
}

/// Says why a new run cannot be called so.
pub async fn refuse_name(store: &dyn Store, name: &str) -> Result<(), Error> {
    match name::unfit(name) {
        Some(why) => Err(Error::Name(why)),
        None if is_free(store, name).await? => Ok(()),
        None => Err(Error::Name(format!("a run is called {name} already"))),
    }
}

/// Whether no run is called so.
async fn is_free(store: &dyn Store, name: &str) -> Result<bool, Error> {
    Ok(match store.find(name).await? {
        Found::None => true,
        Found::One(run) => run.name != name,
        Found::Several(runs) => runs.iter().all(|run| run.name != name),
    })
}

async fn free_name(store: &dyn Store, id: RunId) -> Result<String, Error> {
    let mut names = name::candidates(id);
    loop {
        let name = names.next().expect("candidates never end");
        if is_free(store, &name).await? {
            return Ok(name);
        }
    }
}

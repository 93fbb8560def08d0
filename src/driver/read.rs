//! A run, read back from its store.

use std::sync::Arc;

use super::{Error, again};
use crate::{
    document::stored,
    run::{Record, RunId, World},
    store::{Pages, Store},
    workflow::{self, Checked, Workflow},
};

/// The run as its records say, with the workflow that it began with.
pub async fn load(store: &dyn Store, run: RunId) -> Result<World, Error> {
    let header = store.header(run).await?;
    let source = store.workflow(header.workflow).await?;
    let workflow = workflow(&source)?;
    let mut world = World::replay(run, workflow, &records(store, run).await?)?;
    again::remember(store, &mut world).await?;
    Ok(world)
}

/// All records of a run.
pub async fn records(store: &dyn Store, run: RunId) -> Result<Vec<Record>, Error> {
    let mut records = Vec::new();
    let mut pages = Pages::of(store, run, 0);
    while let Some(page) = pages.next().await? {
        records.extend(page);
    }
    Ok(records)
}

/// A stored workflow. It was valid when it was stored; a newer version of the language may see that otherwise.
pub fn workflow(source: &str) -> Result<Arc<Workflow>, Error> {
    let tree = stored::read(source).map_err(Error::Workflow)?;
    match workflow::check(&tree) {
        Ok(Checked::Workflow(workflow)) => Ok(Arc::new(*workflow)),
        Ok(Checked::Part(name)) => Err(Error::Workflow(format!("it is the part `{name}`"))),
        Err(mistakes) => {
            let first = mistakes.first().map_or_else(String::new, |mistake| mistake.message.clone());
            Err(Error::Workflow(format!("{first} ({} mistakes in all)", mistakes.len())))
        }
    }
}

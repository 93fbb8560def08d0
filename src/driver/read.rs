//! A run, read back from its store.

use std::sync::Arc;

use super::{Error, again};
use crate::{
    document::stored,
    run::{Illegal, Record, Replay, RunId, World},
    store::{Pages, Store},
    workflow::{self, Checked, Workflow},
};

/// The run as its records say, with the workflow that it began with.
pub async fn load(store: &dyn Store, run: RunId) -> Result<World, Error> {
    let header = store.header(run).await?;
    let source = store.workflow(header.workflow).await?;
    let workflow = workflow(&source)?;
    let mut pages = Pages::of(store, run, 0);
    let mut page = pages.next().await?.unwrap_or_default();
    let Some(first) = page.first() else { return Err(no_records().into()) };
    let mut replay = Replay::begin(run, workflow, first)?;
    let mut from = 1;
    loop {
        // The next page is read while this one is folded in.
        let (next, folded) = tokio::join!(pages.next(), async {
            page[from..].iter().try_for_each(|record| replay.go_on(record).map(drop))
        });
        folded?;
        match next? {
            Some(next) => (page, from) = (next, 0),
            None => break,
        }
    }
    let mut world = replay.end();
    again::remember(store, &mut world).await?;
    Ok(world)
}

fn no_records() -> Illegal {
    Illegal { kind: "record", why: "there are no records".into() }
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

//! A run, read back from its store.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Error, again};
use crate::{
    document::{Tree, stored},
    run::{Illegal, Reader, Record, Recorded, Replay, RunId, World},
    store::{Pages, Store},
    workflow::{self, Checked, Workflow},
};

/// Pages that are read while the workflow is still being checked.
const PAGES_AHEAD: usize = 256;

/// The run as its records say, with the workflow that it began with.
///
/// Half of the time goes into checking the workflow again, so the records are read meanwhile.
pub async fn load(store: &dyn Store, run: RunId) -> Result<World, Error> {
    let header = store.header(run).await?;
    let source = store.workflow(header.workflow).await?;
    let checking = tokio::task::spawn_blocking(move || {
        let tree = stored::read(&source).map_err(Error::Workflow)?;
        // A large text is not kept beside its tree.
        drop(source);
        checked(&tree)
    });
    let (ahead, mut pages) = mpsc::channel(PAGES_AHEAD);
    let (read, replay) = tokio::join!(read_all(store, run, ahead), async move {
        let workflow = checking.await.unwrap_or_else(|bug| std::panic::resume_unwind(bug.into_panic()))?;
        let mut replay: Option<Replay> = None;
        while let Some(page) = pages.recv().await {
            for recorded in &page {
                match &mut replay {
                    Some(replay) => replay.go_on(recorded)?,
                    None => replay = Some(Replay::begin(workflow.clone(), recorded)?),
                }
            }
        }
        Ok::<_, Error>(replay)
    });
    // What could not be folded in matters more than that nobody took the pages behind it.
    let replay = replay?;
    read?;
    let mut world = replay.ok_or_else(no_records)?.end();
    again::remember(store, &mut world).await?;
    Ok(world)
}

/// Reads page after page until there is none, or nobody takes them any more.
async fn read_all(store: &dyn Store, run: RunId, ahead: mpsc::Sender<Vec<Recorded>>) -> Result<(), Error> {
    let mut reader = Reader::of(run);
    let mut pages = Pages::of(store, run, 0);
    while let Some(page) = pages.next().await? {
        let page = page.iter().map(|record| reader.read(record)).collect::<Result<_, _>>()?;
        if ahead.send(page).await.is_err() {
            break;
        }
    }
    Ok(())
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

/// A stored workflow.
pub fn workflow(source: &str) -> Result<Arc<Workflow>, Error> {
    checked(&stored::read(source).map_err(Error::Workflow)?)
}

/// It was valid when it was stored; a newer version of the language may see that otherwise.
fn checked(tree: &Tree) -> Result<Arc<Workflow>, Error> {
    match workflow::check(tree) {
        Ok(Checked::Workflow(workflow)) => Ok(Arc::new(*workflow)),
        Ok(Checked::Part(name)) => Err(Error::Workflow(format!("it is the part `{name}`"))),
        Err(mistakes) => {
            let first = mistakes.first().map_or_else(String::new, |mistake| mistake.message.clone());
            Err(Error::Workflow(format!("{first} ({} mistakes in all)", mistakes.len())))
        }
    }
}

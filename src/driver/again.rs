//! A run that does another again is told of the records of the other when it begins and whenever it is taken up.

use super::{Error, read};
use crate::{
    run::{Again, Reusable, RunId, World},
    store::Store,
};

/// What a stored run has done, for one that does it again.
pub async fn reusable(store: &dyn Store, run: RunId, node: Option<&str>, downstream: bool) -> Result<Reusable, Error> {
    let header = store.header(run).await?;
    let source = store.workflow(header.workflow).await?;
    let records = read::records(store, run).await?;
    Ok(Reusable::of(run, read::workflow(&source)?, &records, node, downstream)?)
}

/// Tells a run that was read back of the one that it does again.
pub async fn remember(store: &dyn Store, world: &mut World) -> Result<(), Error> {
    let Some(Again { run, node, downstream, .. }) = world.run.again.clone() else { return Ok(()) };
    world.reuse(reusable(store, run, node.as_deref(), downstream).await?);
    Ok(())
}

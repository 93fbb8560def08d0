//! Containers of attempts that are over: none is to go on with GPUs that others are given.

use std::{path::Path, time::Duration};

use super::{
    super::{AttemptId, paths},
    engine::{Engine, Trouble},
    files::Files,
    shape::{LABEL, name},
};
use crate::run::RunId;

/// How often an engine that does not answer is asked again.
const POLL: Duration = Duration::from_secs(2);

/// Removes what belongs to an attempt, until the engine says that nothing of it is there any more.
pub(super) async fn until_gone(engine: &Engine, id: &AttemptId) {
    while !matches!(remove(engine, id).await, Ok(true)) {
        tokio::time::sleep(POLL).await;
    }
}

/// Removes what attempts of a run have left that are over, as after a crash.
pub(super) async fn of_ended(engine: &Engine, run: RunId, folder: &Path) -> Result<(), Trouble> {
    for container in engine.containers(&format!("{LABEL}.run={run}")).await? {
        let label = |what: &str| container.labels.get(&format!("{LABEL}.{what}"));
        let number = label("attempt").and_then(|number| number.parse().ok());
        let Some((node, number)) = label("node").zip(number) else { continue };
        let id = AttemptId { run, node: node.as_str().into(), number };
        if matches!(Files::of(folder, &paths::stem(&id)).end(), Ok(Some(_))) {
            remove(engine, &id).await?;
        }
    }
    Ok(())
}

/// Whether nothing was there any more. Whoever wrote an image may have put our labels on it, but gave no container its name.
async fn remove(engine: &Engine, id: &AttemptId) -> Result<bool, Trouble> {
    let (label, name) = (format!("{LABEL}.run={}", id.run), name(id));
    let is_its = |found: &str| found.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let mut was_gone = true;
    for container in engine.containers(&label).await?.iter().filter(|it| is_its(&it.name)) {
        was_gone = false;
        engine.remove(&container.name).await?;
    }
    for network in engine.networks(&label).await?.iter().filter(|it| is_its(&it.name)) {
        was_gone = false;
        engine.remove_network(&network.name).await?;
    }
    Ok(was_gone)
}

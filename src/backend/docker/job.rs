//! What is to be done in an attempt, and the one way in which all of it is brought to an end.
//!
//! A container goes on without us and is found again; all else is done by this process, and done again where it was cut off.

use std::{fs::File, io, path::Path};

use serde_json::Value as Json;
use tokio::sync::watch;

use super::{
    blame, build,
    engine::Engine,
    evaluate,
    files::Files,
    host::HostFolder,
    life::{self, Asked},
    services,
    shape::Shape,
    train, transfer,
};
use crate::{
    action::{self, CONTAINER, vocabulary::Checkout},
    backend::{AttemptId, Work, code, paths},
    hub::{Cache, Hub},
    run::{Cause, Failure, Report},
    workflow::Does,
};

/// What is to be done in an attempt.
pub(super) enum Job {
    Container(Box<Shape>),
    Chore(Box<Chore>),
}

/// What this process does itself.
pub(super) enum Chore {
    Clone(Box<action::clone::Clone>),
    Build(action::build::Build),
    Download(action::download::Download),
    Upload(action::upload::Upload),
}

/// Where it is done.
pub(super) struct Place<'a> {
    pub(super) engine: &'a Engine,
    /// The files of the run's attempts.
    pub(super) folder: &'a Path,
    pub(super) host: &'a HostFolder,
    pub(super) hub: &'a Hub,
    pub(super) cache: &'a Cache,
    pub(super) allow_local: bool,
    /// Where models go in place of the hub.
    pub(super) models: Option<&'a Path>,
}

/// How the work of an action is done.
enum How {
    /// By this process, which reads so what is to be done.
    Here(fn(&Json) -> Result<Chore, String>),
    InContainer,
}

/// All actions that the backend does.
const DONE: [(&str, How); 7] = [
    ("clone", How::Here(|input| action::clone::call(input).map(|clone| Chore::Clone(Box::new(clone))))),
    ("build", How::Here(|input| action::build::call(input).map(Chore::Build))),
    ("download", How::Here(|input| action::download::call(input).map(Chore::Download))),
    ("upload", How::Here(|input| action::upload::call(input).map(Chore::Upload))),
    (CONTAINER, How::InContainer),
    (train::NAME, How::InContainer),
    (evaluate::NAME, How::InContainer),
];

fn how(action: &str) -> Option<&'static How> {
    DONE.iter().find(|(name, _)| *name == action).map(|(_, how)| how)
}

/// Whether the backend does an action.
pub(super) fn does(action: &str) -> bool {
    how(action).is_some()
}

impl Job {
    pub(super) fn of(id: &AttemptId, work: Work<'_>, host: &HostFolder, cache: &Cache) -> Result<Self, String> {
        let Does::Action { action, .. } = &work.run.plan.step(work.node).does else {
            return Err("it is no action".into());
        };
        match how(action.name) {
            None => Err(format!("the docker backend does not do `{}`", action.name)),
            Some(How::InContainer) => Shape::of(id, work, host, cache).map(|shape| Self::Container(Box::new(shape))),
            Some(How::Here(read)) => {
                let chore = read(&work.attempt.input);
                chore
                    .map(|chore| Self::Chore(Box::new(chore)))
                    .map_err(|why| format!("its input cannot be read: {why}"))
            }
        }
    }
}

/// Brings an attempt to its end and says how it ended, and whether nothing of it is left in the engine. What has ended is
/// not done again.
pub(super) async fn bring_to_an_end(
    place: &Place<'_>,
    id: &AttemptId,
    job: &Job,
    mut asked: watch::Receiver<Asked>,
) -> (Report, bool) {
    let files = Files::of(place.folder, &paths::stem(id));
    let attended = async {
        let log = files.claim().await?;
        if let Some(report) = files.end()? {
            return Ok((report, true));
        }
        let report = match job {
            Job::Container(shape) => life::attend(place.engine, shape, &files, &log, &mut asked).await?,
            Job::Chore(chore) => tokio::select! {
                report = done(place, chore, &log) => report,
                () = life::until_ended(&mut asked) => Report::CutShort { output: None },
            },
        };
        let is_kept = files.keep_end(&report).is_ok();
        Ok((report, is_kept))
    };
    let (report, is_kept) = attended.await.unwrap_or_else(|error: io::Error| {
        (Report::Failed(Failure::new(Cause::HostLost, format!("the files of the attempt: {error}"))), false)
    });
    let Job::Container(shape) = job else { return (report, true) };
    if !is_kept {
        // Whoever asks for it again finds how it ended by its container. It is not to go on with what it was given.
        let stopped = place.engine.stop(&shape.name).await;
        return (report, stopped.is_ok());
    }
    let removed = place.engine.remove(&shape.name).await;
    let removed = removed.and(services::remove(place.engine, shape).await);
    // What of the host's files cannot be removed now costs room and nothing else.
    let _ = place.host.clear(&shape.name);
    (report, removed.is_ok())
}

async fn done(place: &Place<'_>, chore: &Chore, log: &File) -> Report {
    match chore {
        Chore::Clone(clone) => cloned(place, clone, log).await,
        Chore::Build(what) => {
            let built = build::build(place.engine, what, place.host, log).await;
            built.unwrap_or_else(|trouble| Report::Failed(blame::of_call(&trouble)))
        }
        Chore::Download(what) => transfer::download(place, what, log).await,
        Chore::Upload(what) => transfer::upload(place.hub, place.host, place.models, what, log).await,
    }
}

async fn cloned(place: &Place<'_>, clone: &action::clone::Clone, log: &File) -> Report {
    match code::fetch(clone, &place.host.code(), place.allow_local, log).await {
        Ok(tree) => {
            let sources = match &clone.sources {
                Some(without) => match code::sources(&place.host.code(), &tree, without).await {
                    Ok(found) => Some(found),
                    Err(trouble) => return Report::Failed(Failure::new(Cause::HostLost, trouble.to_string())),
                },
                None => None,
            };
            let checkout = Checkout {
                repository: clone.repository.clone(),
                commit: clone.commit.clone(),
                tree,
                digest: sources.as_ref().map(|found| found.sha256.clone()),
                chars: sources.map(|found| found.chars),
            };
            Report::Succeeded { output: serde_json::to_value(checkout).unwrap_or(Json::Null) }
        }
        Err(code::Trouble::Theirs(why)) => Report::Failed(Failure::new(Cause::Refused, why)),
        Err(code::Trouble::Network(why)) => Report::Failed(Failure::new(Cause::Network, why)),
        Err(code::Trouble::Host(why)) => Report::Failed(Failure::new(Cause::HostLost, why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_in_the_catalogue() {
        for (name, _) in &DONE {
            assert!(does(name) && action::find(name).is_some_and(|it| !it.is_pure()), "{name}");
        }
        assert!(!does("draw") && !does("process"));
    }
}

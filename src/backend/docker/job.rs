//! What is to be done in an attempt, and the one way in which all of it is brought to an end.
//!
//! A container goes on without us and is found again; all else is done by this process, and done again where it was cut off.

use std::{fs::File, io, path::Path};

use serde_json::Value as Json;
use tokio::sync::watch;

use super::{
    build,
    engine::Engine,
    files::Files,
    host::HostFolder,
    life::{self, Asked},
    services,
    shape::Shape,
    transfer,
};
use crate::{
    action::{self, vocabulary::Checkout},
    backend::{AttemptId, Work, code, paths},
    hub::{Cache, Hub},
    run::{Cause, Failure, Report},
    workflow::Does,
};

/// What is to be done in an attempt.
pub(super) enum Job {
    Container(Box<Shape>),
    Chore(Chore),
}

/// What this process does itself.
pub(super) enum Chore {
    Clone(action::clone::Clone),
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
}

/// Whether the backend does an action.
pub(super) fn does(action: &str) -> bool {
    ["container", "clone", "build", "download", "train", "upload", "evaluate"].contains(&action)
}

impl Job {
    pub(super) fn of(id: &AttemptId, work: Work<'_>, host: &HostFolder, cache: &Cache) -> Result<Self, String> {
        let input = &work.attempt.input;
        let unread = |why: String| format!("its input cannot be read: {why}");
        let Does::Action { action, .. } = &work.run.plan.step(work.node).does else {
            return Err("it is no action".into());
        };
        match action.name {
            "clone" => action::clone::call(input).map(|it| Self::Chore(Chore::Clone(it))).map_err(unread),
            "build" => action::build::call(input).map(|it| Self::Chore(Chore::Build(it))).map_err(unread),
            "download" => action::download::call(input).map(|it| Self::Chore(Chore::Download(it))).map_err(unread),
            "upload" => action::upload::call(input).map(|it| Self::Chore(Chore::Upload(it))).map_err(unread),
            _ => Shape::of(id, work, host, cache).map(|shape| Self::Container(Box::new(shape))),
        }
    }
}

/// Brings an attempt to its end and says how it ended. What has ended is not done again.
pub(super) async fn bring_to_an_end(
    place: &Place<'_>,
    id: &AttemptId,
    job: &Job,
    mut asked: watch::Receiver<Asked>,
) -> Report {
    let files = Files::of(place.folder, &paths::stem(id));
    let attended = async {
        let log = files.claim().await?;
        if let Some(report) = files.end()? {
            return Ok(report);
        }
        let report = match job {
            Job::Container(shape) => life::attend(place.engine, shape, &files, &log, &mut asked).await?,
            Job::Chore(chore) => tokio::select! {
                report = done(place, chore, &log) => report,
                () = life::until_ended(&mut asked) => Report::CutShort { output: None },
            },
        };
        files.keep_end(&report)?;
        Ok(report)
    };
    let report = attended.await.unwrap_or_else(|error: io::Error| {
        Report::Failed(Failure::new(Cause::HostLost, format!("the files of the attempt: {error}")))
    });
    if let Job::Container(shape) = job {
        // What cannot be removed now costs room and nothing else.
        let _ = place.engine.remove(&shape.name).await;
        let _ = services::remove(place.engine, shape).await;
        let _ = place.host.clear(&shape.name);
    }
    report
}

async fn done(place: &Place<'_>, chore: &Chore, log: &File) -> Report {
    match chore {
        Chore::Clone(clone) => cloned(place, clone, log).await,
        Chore::Build(what) => {
            let built = build::build(place.engine, what, &place.host.code(), log).await;
            built.unwrap_or_else(|trouble| Report::Failed(life::failure(&trouble)))
        }
        Chore::Download(what) => transfer::download(place.hub, place.cache, what, log).await,
        Chore::Upload(what) => transfer::upload(place.hub, place.host, what, log).await,
    }
}

async fn cloned(place: &Place<'_>, clone: &action::clone::Clone, log: &File) -> Report {
    let wanted = code::Wanted {
        repository: &clone.repository,
        commit: &clone.commit,
        require: &clone.require,
        size_limit: clone.size_limit,
        allow_local: place.allow_local,
    };
    match code::fetch(&wanted, &place.host.code(), log).await {
        Ok(tree) => {
            let checkout = Checkout { repository: clone.repository.clone(), commit: clone.commit.clone(), tree };
            Report::Succeeded { output: serde_json::to_value(checkout).unwrap_or(Json::Null) }
        }
        Err(code::Trouble::Theirs(why)) => Report::Failed(Failure::new(Cause::Refused, why)),
        Err(code::Trouble::Network(why)) => Report::Failed(Failure::new(Cause::Network, why)),
        Err(code::Trouble::Host(why)) => Report::Failed(Failure::new(Cause::HostLost, why)),
    }
}

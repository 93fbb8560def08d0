//! Work on this host: containers on its Docker engine, and what has to be there before they run.
//!
//! Every attempt is a task that makes its container be there, follows it to its end, and keeps how it ended in a file before
//! it removes it: what is said twice, or again by another process, finds the container by its name or its end by its file.

mod blame;
mod build;
mod clean;
mod context;
mod dockerfile;
mod engine;
mod evaluate;
mod examine;
mod files;
mod host;
mod job;
mod left_out;
mod life;
mod local;
mod outputs;
mod restart;
mod results;
mod services;
mod shape;
mod sweep;
mod train;
mod transfer;

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};

pub use self::{
    clean::{Kind, Leftover, Leftovers},
    examine::{Examined, examine},
};
use self::{
    engine::Engine,
    files::Files,
    host::HostFolder,
    job::{Job, Place},
    life::Asked,
};
use super::{AttemptId, Backend, Error, LogPart, Work, paths};
use crate::{
    base::{GpuKind, Size},
    hub::{self, Cache, Hub},
    run::{
        Blame, Cause, Failure, Input, Report, RunId,
        event::HostOffer,
        place::{GpuId, HostId},
    },
};

/// What the backend needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder for the files of all runs.
    pub folder: PathBuf,
    /// The address of the engine: `unix://` and a path.
    pub engine: String,
    /// The GPUs of this host that may be used.
    pub gpus: Vec<(GpuId, GpuKind)>,
    /// Containers without GPUs at once.
    pub jobs: u32,
    /// Whether code, models and data may come from this host itself.
    pub local_code: bool,
    /// The folder that models go to in place of the hub.
    pub models: Option<PathBuf>,
    /// Where models and data come from and go to.
    pub hub: hub::Settings,
    /// The folder for models and data, where it is not below the other.
    pub cache: Option<PathBuf>,
    /// Bytes of models and data that are kept on this host, beyond what is in use; all of them where it is left out.
    pub cache_bytes: Option<u64>,
}

pub struct Containers {
    gpus: Vec<(GpuId, GpuKind)>,
    jobs: u32,
    desk: Arc<Desk>,
}

/// What the backend shares with the tasks that attend to containers.
struct Desk {
    run: RunId,
    engine: Engine,
    folder: PathBuf,
    host: HostFolder,
    hub: Hub,
    cache: Cache,
    local_code: bool,
    models: Option<PathBuf>,
    reports: mpsc::Sender<Input>,
    under_way: Mutex<HashMap<AttemptId, Attended>>,
}

struct Attended {
    ask: watch::Sender<Asked>,
    task: AbortHandle,
}

impl Containers {
    /// A backend for one run. Reports go to the channel.
    pub fn new(settings: Settings, run: RunId, reports: mpsc::Sender<Input>) -> Result<Self, String> {
        let engine = Engine::at(&settings.engine)?;
        let host = HostFolder::below(&settings.folder);
        let folder = paths::folder(&settings.folder, run);
        let (local_code, models) = (settings.local_code, settings.models);
        let hub = Hub::new(settings.hub).map_err(|trouble| format!("{trouble}: {}", trouble.help))?;
        let cache = Cache::at(&settings.cache.unwrap_or_else(|| host.cache()), settings.cache_bytes);
        let under_way = Mutex::default();
        let desk = Desk { run, engine, folder, host, hub, cache, local_code, models, reports, under_way };
        Ok(Self { gpus: settings.gpus, jobs: settings.jobs, desk: Arc::new(desk) })
    }
}

/// Whether containers do an action's work.
pub fn does(action: &str) -> bool {
    job::does(action)
}

/// Whether an engine answers at an address, and why not.
pub async fn answers(address: &str) -> Result<(), String> {
    Engine::at(address)?.host().await.map(drop).map_err(|trouble| trouble.to_string())
}

#[async_trait]
impl Backend for Containers {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn is_made_up(&self) -> bool {
        false
    }

    async fn hosts(&self) -> Result<Vec<(HostId, HostOffer)>, Error> {
        let here = HostId::parse("here").expect("it is a name");
        // After a crash what has ended may still have its containers.
        let _ = sweep::of_ended(&self.desk.engine, self.desk.run, &self.desk.folder).await;
        let (cpus, memory) = self.desk.engine.host().await.map_err(|trouble| Error {
            backend: self.name(),
            what: "ask the engine what this host has".into(),
            why: trouble.to_string(),
        })?;
        let place = self.desk.host.place().map_err(|error| Error {
            backend: self.name(),
            what: "tell this host from others".into(),
            why: error.to_string(),
        })?;
        let offer = HostOffer {
            gpus: self.gpus.clone(),
            cpus,
            memory: Size(memory),
            slots: self.jobs,
            place: Some(place),
            ..HostOffer::default()
        };
        Ok(vec![(here, offer)])
    }

    fn ensure(&self, id: &AttemptId, work: Work<'_>) {
        let mut under_way = self.desk.under_way();
        if under_way.contains_key(id) {
            return;
        }
        let job = match Job::of(id, work, &self.desk.host, &self.desk.cache) {
            Ok(job) => job,
            Err(why) => {
                let failure = Failure { blame: Blame::Operator, ..Failure::new(Cause::Refused, why) };
                let (desk, id) = (self.desk.clone(), id.clone());
                // It may have been begun by a process before this one.
                tokio::spawn(async move {
                    let ended = Files::of(&desk.folder, &paths::stem(&id)).end().ok().flatten();
                    let gone = sweep::until_gone(&desk.engine, &id);
                    if tokio::time::timeout(life::AWAY_MAX, gone).await.is_err() {
                        desk.clone().remove_later(id.clone());
                    }
                    desk.tell(&id, ended.unwrap_or(Report::Failed(failure))).await;
                });
                return;
            }
        };
        let (ask, asked) = watch::channel(Asked::Nothing);
        let (desk, of) = (self.desk.clone(), id.clone());
        let task = tokio::spawn(async move {
            let Desk { engine, folder, host, hub, cache, local_code, models, .. } = &*desk;
            let (allow_local, models) = (*local_code, models.as_deref());
            let place = Place { engine, folder, host, hub, cache, allow_local, models };
            let (report, is_gone) = job::bring_to_an_end(&place, &of, &job, asked).await;
            if !is_gone {
                desk.clone().remove_later(of.clone());
            }
            desk.under_way().remove(&of);
            desk.tell(&of, report).await;
        });
        under_way.insert(id.clone(), Attended { ask, task: task.abort_handle() });
    }

    fn stop(&self, id: &AttemptId, keep: bool) {
        if let Some(attended) = self.desk.under_way().get(id) {
            attended.ask.send_if_modified(|asked| {
                let is_new = *asked == Asked::Nothing;
                if is_new {
                    *asked = Asked::End { keep };
                }
                is_new
            });
        }
    }

    async fn logs(&self, id: &AttemptId, from: u64) -> Result<LogPart, Error> {
        let over = !self.desk.under_way().contains_key(id);
        let log = paths::log(&self.desk.folder, &paths::stem(id));
        let failed = |error: io::Error| Error { backend: "docker", what: "read a log".into(), why: error.to_string() };
        paths::part(&log, from, over).map_err(failed)
    }

    fn leave(&self) -> &'static str {
        "containers go on by themselves, and are found again when the run is resumed"
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        // The containers go on; whoever drives the run next finds them.
        std::mem::take(&mut *self.desk.under_way()).into_values().for_each(|attended| attended.task.abort());
    }
}

impl Desk {
    /// Entries are put and taken whole, so that a panic elsewhere leaves nothing half done.
    fn under_way(&self) -> MutexGuard<'_, HashMap<AttemptId, Attended>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an attempt's containers away when the engine answers again.
    fn remove_later(self: Arc<Self>, id: AttemptId) {
        tokio::spawn(async move { sweep::until_gone(&self.engine, &id).await });
    }

    async fn tell(&self, id: &AttemptId, report: Report) {
        // When the driver is gone nobody waits for it.
        let _ = self.reports.send(Input::Report { node: id.node.clone(), attempt: id.number, report }).await;
    }
}

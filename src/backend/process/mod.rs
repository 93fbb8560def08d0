//! Local commands, run by a [`keeper`] that outlives the engine.
//!
//! Orders go to the keeper through a pipe and news come back through another. What this process has not begun itself it
//! takes up by the files of the attempt: see `files`.

mod desk;
mod files;
pub mod keeper;
mod wire;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use async_trait::async_trait;
use tokio::sync::mpsc;

use self::{
    desk::{Attempt, Desk, end_found, order, refused},
    files::Claims,
    wire::Order,
};
use super::{AttemptId, Backend, Error, LogPart, Work, paths};
use crate::{
    action::{notify, process},
    base::{Size, Ty},
    run::{Input, Report, RunId, event::HostOffer, place::HostId},
    workflow::Does,
};

/// What the backend needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder for the files of all runs.
    pub folder: PathBuf,
    /// The folder that commands run in, and from which theirs are seen; the one of this process where it is left out.
    pub dir: Option<PathBuf>,
    /// The program that keeps commands, and what it is called with before the folder.
    pub keeper: (PathBuf, Vec<String>),
    /// Commands at once.
    pub jobs: u32,
    /// Commands that are ordered beyond those, so that the next begins the moment one ends.
    pub ahead: u32,
}

pub struct Processes {
    /// The folder for what this place is known by, and the one of this run's attempts.
    host: PathBuf,
    folder: PathBuf,
    ahead: u32,
    desk: Arc<Desk>,
}

/// This machine, with room for so many commands at once, and so many that wait for those.
pub fn hosts(jobs: u32, ahead: u32) -> Vec<(HostId, HostOffer)> {
    let here = HostId::parse("here").expect("it is a name");
    let cpus = thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX));
    vec![(here, HostOffer { cpus, memory: memory(), slots: jobs, ahead, ..HostOffer::default() })]
}

impl Processes {
    /// A backend for one run. Reports go to the channel.
    pub fn new(settings: Settings, run: RunId, reports: mpsc::Sender<Input>) -> Self {
        let folder = paths::folder(&settings.folder, run);
        let desk = Desk {
            folder: folder.clone(),
            dir: settings.dir,
            keeper: settings.keeper,
            jobs: settings.jobs,
            reports,
            under_way: Mutex::default(),
        };
        Self { host: settings.folder.join("host"), folder, ahead: settings.ahead, desk: Arc::new(desk) }
    }
}

#[async_trait]
impl Backend for Processes {
    fn name(&self) -> &'static str {
        "process"
    }

    fn is_made_up(&self) -> bool {
        false
    }

    async fn hosts(&self) -> Result<Vec<(HostId, HostOffer)>, Error> {
        let place = paths::place(&self.host).map_err(|error| Error {
            backend: self.name(),
            what: format!("tell {} from other places", self.host.display()),
            why: error.to_string(),
        })?;
        let here = hosts(self.desk.jobs, self.ahead).into_iter();
        Ok(here.map(|(id, offer)| (id, HostOffer { place: Some(place.clone()), ..offer })).collect())
    }

    fn ensure(&self, id: &AttemptId, work: Work<'_>) {
        let does = &work.run.plan.step(work.node).does;
        let tells = matches!(does, Does::Action { action, .. } if action.name == notify::NOTIFY);
        let called = if tells {
            // This program sends messages itself.
            let program = self.desk.keeper.0.to_string_lossy().into_owned();
            notify::call(&work.attempt.input).map(|mut call| {
                call.command.insert(0, program);
                call
            })
        } else {
            process::call(&work.attempt.input)
        };
        let call = match called {
            Ok(call) => call,
            Err(why) => return self.desk.tell(id, Report::Failed(refused(why))),
        };
        let gives = match does {
            Does::Action { gives: Ty::Record(record), .. } => !record.fields.is_empty(),
            _ => false,
        };
        self.desk.clone().start(id, call, gives);
    }

    fn stop(&self, id: &AttemptId, keep: bool) {
        let mut under_way = self.desk.under_way();
        let Some(attempt) = under_way.attempts.get_mut(id) else { return };
        if attempt.ending.replace(keep).is_some() {
            return;
        }
        let Attempt { start, keeper, taken, .. } = attempt.clone();
        match &mut under_way.orders {
            Some(orders) if Some(orders.number) == keeper && !taken => {
                // When the keeper is gone, so that it cannot be told, whoever waits for its commands ends them.
                let _ = order(&mut orders.stdin, &Order::Stop { ticket: start.ticket });
            }
            _ => {
                drop(under_way);
                end_found(&self.folder, &start.stem);
            }
        }
    }

    fn withdraw(&self, id: &AttemptId, work: Work<'_>) {
        let mut under_way = self.desk.under_way();
        if let Some(Attempt { start, keeper, .. }) = under_way.attempts.get(id).cloned() {
            if let Some(orders) = under_way.orders.as_mut().filter(|orders| Some(orders.number) == keeper) {
                // When the keeper is gone, whoever listens to it deals with all that it had.
                let _ = order(&mut orders.stdin, &Order::Withdraw { ticket: start.ticket });
            }
            return;
        }
        drop(under_way);
        // Ordered by an engine that is gone, and perhaps begun.
        let stem = paths::stem(id);
        let withdrawn = std::fs::create_dir_all(&self.folder)
            .and_then(|()| Claims::of(&self.folder))
            .and_then(|claims| claims.withdraw(&stem));
        match withdrawn {
            Ok(true) => self.desk.tell(id, Report::Withdrawn),
            Ok(false) | Err(_) => self.ensure(id, work),
        }
    }

    fn heard(&self, id: &AttemptId) {
        let mut under_way = self.desk.under_way();
        let Some(keeper) = under_way.undecided.remove(id) else { return };
        if let Some(orders) = under_way.orders.as_mut().filter(|orders| orders.number == keeper) {
            let _ = order(&mut orders.stdin, &Order::GoOn);
        }
    }

    async fn logs(&self, id: &AttemptId, from: u64) -> Result<LogPart, Error> {
        let log = paths::log(&self.folder, &paths::stem(id));
        let over = !self.desk.under_way().attempts.contains_key(id);
        paths::part(&log, from, over).map_err(|error| failed("read a log", &error))
    }

    fn leave(&self) -> &'static str {
        "local commands go on by themselves, and how they end is found out when the run is resumed"
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // The keeper learns that it gets no more orders, though somebody may still wait for its news.
        let mut under_way = self.desk.under_way();
        (under_way.orders, under_way.over) = (None, true);
    }
}

fn failed(what: &str, error: &io::Error) -> Error {
    Error { backend: "process", what: what.into(), why: error.to_string() }
}

/// The memory of this host; without bound where the system does not say.
fn memory() -> Size {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    Size(kilobytes.map_or(u64::MAX, |kilobytes: u64| kilobytes * 1_024))
}

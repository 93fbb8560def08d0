//! How a run is carried out: by which backend, in which world, how fast. It is stored with the run, so that it can be
//! taken up again with its name alone.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::settings;
use crate::{
    backend::{Backend, Clock, Mock, Play, Speed},
    base::{GpuKind, Size, SourceId},
    hub,
    run::{
        Input, RunId,
        event::HostOffer,
        place::{GpuId, HostId},
    },
    sim::Model,
};

/// The hosts of a world that is played in real time: there what is sent begins at once, so that nothing is sent ahead.
fn played(model: &Model) -> Vec<(HostId, HostOffer)> {
    model.hosts().into_iter().map(|(id, offer)| (id, HostOffer { ahead: 0, ..offer })).collect()
}

/// Local commands that are usually ordered ahead: enough that the engine keeps up with commands of a millisecond.
const AHEAD: u32 = 8;

/// Where engines listen unless somebody says otherwise.
const USUAL_ENGINE: &str = "unix:///var/run/docker.sock";

/// What does the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Plays it by a model of hosts and entrants; nothing real is touched.
    Mock,
    /// Runs local commands.
    Process,
    /// Does it on this host, in containers of its Docker engine.
    Docker,
}

/// How a run is carried out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) backend: Kind,
    /// The text of the modelled world; the built-in one where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) world: Option<String>,
    /// How fast the modelled world goes: a number, or `max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) speed: Option<String>,
    /// Commands or containers without GPUs at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) jobs: Option<u32>,
    /// Local commands that are ordered beyond those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ahead: Option<u32>,
    /// The folder in which local commands run and from which their own folders are seen: where the run was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dir: Option<PathBuf>,
    /// The address of the Docker engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) engine: Option<String>,
    /// The kinds of the GPUs that containers may use, in the order of their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) gpus: Vec<GpuKind>,
    /// The folder for models and data, where it is not the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cache_folder: Option<PathBuf>,
    /// The folder that models go to in place of the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) models_folder: Option<PathBuf>,
    /// What is kept of models and data, beyond what is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cache_budget: Option<Size>,
    /// Whether code may come from repositories of this host.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) local_code: bool,
    /// The folder for logs and what else belongs to local commands.
    pub(super) folder: PathBuf,
    /// Whether there are local commands at all.
    #[serde(default = "yes")]
    pub(super) commands: bool,
}

/// Of runs that were stored without it nobody knows, so that it is asked for them.
fn yes() -> bool {
    true
}

impl Setup {
    /// Whether local commands run with the rights of whoever carries it out.
    pub(super) fn runs_commands(&self) -> bool {
        self.backend == Kind::Process && self.commands
    }

    /// With nothing said but what does the work and where what belongs to it lies.
    pub(super) fn of(backend: Kind, folder: PathBuf) -> Self {
        Self {
            backend,
            world: None,
            speed: None,
            jobs: None,
            ahead: None,
            dir: None,
            engine: None,
            gpus: Vec::new(),
            cache_folder: None,
            models_folder: None,
            cache_budget: None,
            local_code: false,
            folder,
            commands: true,
        }
    }

    pub(super) fn model(&self) -> Result<Model, String> {
        match &self.world {
            None => Ok(Model::default()),
            Some(text) => Model::read(SourceId::default(), text).map_err(|mistakes| {
                let first = mistakes.first().map_or_else(String::new, |mistake| mistake.message.clone());
                format!("the world of the run cannot be read: {first}")
            }),
        }
    }

    /// How it is carried out, as far as `resume` can be told otherwise.
    pub(super) fn of_resume(&self) -> Vec<(&'static str, String)> {
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let all = match self.backend {
            Kind::Process => vec![("--jobs", number(self.jobs)), ("--ahead", number(self.ahead))],
            Kind::Mock => vec![("--speed", self.speed.clone())],
            Kind::Docker => Vec::new(),
        };
        all.into_iter().filter_map(|(option, value)| Some((option, value?))).collect()
    }

    /// The hosts there are at the beginning.
    pub(super) async fn hosts(&self) -> Result<Vec<(HostId, HostOffer)>, String> {
        match self.backend {
            Kind::Mock => Ok(played(&self.model()?)),
            #[cfg(unix)]
            Kind::Process => Ok(crate::backend::process::hosts(self.jobs(), self.ahead())),
            #[cfg(not(unix))]
            Kind::Process => Ok(Vec::new()),
            Kind::Docker => {
                let backend = self.containers(RunId::from(uuid::Uuid::nil()), mpsc::channel(1).0)?;
                backend.hosts().await.map_err(|error| error.to_string())
            }
        }
    }

    /// Why local commands cannot run, where the folder that they run in is not there any more.
    pub(super) fn why_not_here(&self) -> Option<String> {
        let dir = self.dir.as_ref().filter(|dir| self.backend == Kind::Process && !dir.is_dir())?;
        let dir = dir.display();
        Some(format!(
            "its local commands run in {dir}, where it was started, and that folder is not there: make it again"
        ))
    }

    /// Commands, or containers without GPUs, at once.
    fn jobs(&self) -> u32 {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.jobs.unwrap_or_else(|| u32::try_from(processors).unwrap_or(u32::MAX))
    }

    /// Local commands that are ordered beyond those that run.
    fn ahead(&self) -> u32 {
        self.ahead.unwrap_or(AHEAD)
    }

    pub(super) fn speed(&self) -> Result<Speed, String> {
        self.speed.as_deref().map_or(Ok(Speed::Times(1.0)), Speed::parse)
    }

    pub(super) fn clock(&self) -> Result<Clock, String> {
        match self.backend {
            Kind::Mock => Ok(Clock::made(self.speed()?, jiff::Timestamp::now())),
            Kind::Process | Kind::Docker => Ok(Clock::real()),
        }
    }

    /// The backend, and the clock that the run goes by.
    pub(super) fn build(
        &self,
        run: RunId,
        reports: mpsc::Sender<Input>,
        clock: &Clock,
    ) -> Result<Box<dyn Backend>, String> {
        match self.backend {
            Kind::Mock => {
                let model = self.model()?;
                let hosts = played(&model);
                let player = move |work: crate::backend::Work<'_>| {
                    let played = model.play(work.run.seed, work.run, work.node, work.attempt);
                    Play { takes: played.takes, report: played.report }
                };
                Ok(Box::new(Mock::new(clock.clone(), hosts, Box::new(player), reports)))
            }
            Kind::Process => self.processes(run, reports),
            Kind::Docker => self.containers(run, reports),
        }
    }
}

impl Setup {
    #[cfg(unix)]
    fn containers(&self, run: RunId, reports: mpsc::Sender<Input>) -> Result<Box<dyn Backend>, String> {
        use crate::backend::docker::{Containers, Settings};
        let number = |number: usize| GpuId::parse(&number.to_string()).expect("a number is a name");
        let settings = Settings {
            folder: self.folder.clone(),
            engine: self.engine.clone().unwrap_or_else(|| USUAL_ENGINE.into()),
            gpus: self.gpus.iter().enumerate().map(|(at, kind)| (number(at), kind.clone())).collect(),
            jobs: self.jobs(),
            local_code: self.local_code,
            hub: hub(),
            cache: self.cache_folder.clone(),
            models: self.models_folder.clone(),
            cache_bytes: self.cache_budget.map(|budget| budget.0),
        };
        Ok(Box::new(Containers::new(settings, run, reports)?))
    }

    #[cfg(unix)]
    fn processes(&self, run: RunId, reports: mpsc::Sender<Input>) -> Result<Box<dyn Backend>, String> {
        use crate::backend::process::{Processes, Settings};
        let program = std::env::current_exe().map_err(|error| format!("this program cannot find itself: {error}"))?;
        let settings = Settings {
            folder: self.folder.clone(),
            dir: self.dir.clone(),
            keeper: (program, vec![super::keep::COMMAND.into()]),
            jobs: self.jobs(),
            ahead: self.ahead(),
        };
        Ok(Box::new(Processes::new(settings, run, reports)))
    }

    #[cfg(not(unix))]
    fn containers(&self, _: RunId, _: mpsc::Sender<Input>) -> Result<Box<dyn Backend>, String> {
        Err("containers are run on Unix systems only".into())
    }

    #[cfg(not(unix))]
    fn processes(&self, _: RunId, _: mpsc::Sender<Input>) -> Result<Box<dyn Backend>, String> {
        Err("local commands are run on Unix systems only".into())
    }
}

/// The engine of this host that is meant: the one of the call, of the settings, or the usual one.
pub(super) fn engine(in_call: Option<&str>) -> &str {
    in_call.or(settings::get().engine.as_deref()).unwrap_or(USUAL_ENGINE)
}

/// The hub of the settings, with the token that they have for it. Neither is ever stored.
pub(super) fn hub() -> hub::Settings {
    let (settings, usual) = (settings::get(), hub::Settings::default());
    hub::Settings {
        endpoint: settings.hub_endpoint.clone().unwrap_or(usual.endpoint.clone()),
        token: settings.hub_token.clone(),
        parallel: settings.hub_parallel.map_or(usual.parallel, |number| number as usize),
        bytes_per_second: settings.hub_rate.map(|rate| rate.0),
        reach: if settings.private_addresses { hub::Reach::Anywhere } else { hub::Reach::Public },
        ..usual
    }
}

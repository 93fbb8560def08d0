//! Local commands, run by a [`keeper`] that outlives the engine.
//!
//! Orders go to the keeper through a pipe and news come back through another. What this process has not begun itself it
//! takes up by the files of the attempt: see `files`.

mod files;
pub mod keeper;
mod wire;

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use async_trait::async_trait;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value as Json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
};

use self::{
    files::{Claims, Exit},
    wire::{News, Order, Start, What},
};
use super::{AttemptId, Backend, Error, LogPart, Work, paths};
use crate::{
    action::{notify, process},
    base::{Size, Ty, limits::EVENT_BYTES_MAX},
    run::{Blame, Cause, Failure, Input, Report, RunId, event::HostOffer, place::HostId},
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
    folder: PathBuf,
    ahead: u32,
    desk: Arc<Desk>,
}

/// What the backend shares with the threads that listen and wait.
struct Desk {
    folder: PathBuf,
    dir: Option<PathBuf>,
    keeper: (PathBuf, Vec<String>),
    jobs: u32,
    reports: mpsc::Sender<Input>,
    under_way: Mutex<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    attempts: HashMap<AttemptId, Attempt>,
    tickets: HashMap<u64, AttemptId>,
    last_ticket: u64,
    /// Attempts that may have failed, with the number of the keeper that begins nothing until they are dealt with.
    undecided: HashMap<AttemptId, u64>,
    orders: Option<Orders>,
}

/// The way to the keeper, and which keeper it is.
struct Orders {
    stdin: File,
    number: u64,
}

#[derive(Clone)]
struct Attempt {
    stem: Arc<str>,
    ticket: u64,
    /// The keeper that was told to start it.
    keeper: u64,
    /// Whether the step declares outputs.
    gives: bool,
    /// It was told to end, and whether what is there then counts.
    ending: Option<bool>,
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
        Self { folder, ahead: settings.ahead, desk: Arc::new(desk) }
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
        Ok(hosts(self.desk.jobs, self.ahead))
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
        let Attempt { ticket, keeper, stem, .. } = attempt.clone();
        match &mut under_way.orders {
            Some(orders) if orders.number == keeper => {
                // When the keeper is gone, so that it cannot be told, whoever waits for its commands ends them.
                let _ = order(&mut orders.stdin, &Order::Stop { ticket });
            }
            _ => {
                drop(under_way);
                end_found(&self.folder, &stem);
            }
        }
    }

    fn withdraw(&self, id: &AttemptId, work: Work<'_>) {
        let mut under_way = self.desk.under_way();
        if let Some(Attempt { ticket, keeper, .. }) = under_way.attempts.get(id).cloned() {
            if let Some(orders) = under_way.orders.as_mut().filter(|orders| orders.number == keeper) {
                // When the keeper is gone, whoever listens to it deals with all that it had.
                let _ = order(&mut orders.stdin, &Order::Withdraw { ticket });
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
        self.desk.under_way().orders = None;
    }
}

impl Desk {
    /// Nothing is left half done under the lock.
    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(self: Arc<Self>, id: &AttemptId, call: process::Call, gives: bool) {
        let mut under_way = self.under_way();
        if under_way.attempts.contains_key(id) {
            return;
        }
        let keeper = match self.clone().keeper(&mut under_way) {
            Ok(keeper) => keeper,
            Err(error) => {
                drop(under_way);
                let why = format!("the process that keeps commands cannot be started: {error}");
                return self.tell(id, Report::Failed(Failure::new(Cause::HostLost, why)));
            }
        };
        let is_over = under_way.undecided.contains_key(id);
        under_way.last_ticket += 1;
        let ticket = under_way.last_ticket;
        let stem: Arc<str> = paths::stem(id).into();
        let process::Call { command, mut env, dir } = call;
        let own = [
            ("GOD_FLOW_RUN", id.run.to_string()),
            ("GOD_FLOW_NODE", id.node.to_string()),
            ("GOD_FLOW_ATTEMPT", id.number.to_string()),
            (process::OUTPUTS_FILE, files::outputs(&self.folder, &stem).display().to_string()),
        ];
        env.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let dir = match (&self.dir, dir) {
            (Some(here), Some(dir)) => Some(here.join(dir).display().to_string()),
            (Some(here), None) => Some(here.display().to_string()),
            (None, dir) => dir,
        };
        let start = Start { ticket, stem: stem.to_string(), command, env, dir, judged: gives };
        under_way.attempts.insert(id.clone(), Attempt { stem, ticket, keeper, gives, ending: None });
        if is_over {
            // Its end was reported, and is asked for again because it could not be stored. The journal tells it.
            drop(under_way);
            return self.take_up(id.clone());
        }
        under_way.tickets.insert(ticket, id.clone());
        if let Some(orders) = &mut under_way.orders {
            // A pipe holds hundreds of orders and its reader does nothing else, so that this does not wait. When the
            // keeper is gone, whoever listens to it deals with all that it had.
            let _ = order(&mut orders.stdin, &Order::Start(start));
        }
    }

    /// The number of the keeper, which is started if there is none.
    fn keeper(self: Arc<Self>, under_way: &mut UnderWay) -> io::Result<u64> {
        if let Some(orders) = &under_way.orders {
            return Ok(orders.number);
        }
        std::fs::create_dir_all(&self.folder)?;
        let (program, arguments) = &self.keeper;
        let mut child = Command::new(program)
            .args(arguments)
            .arg(&self.folder)
            .arg(self.jobs.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Signals from the terminal are for the engine.
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take().ok_or_else(|| io::Error::other("it has no stdin"))?;
        let number = under_way.last_ticket + 1;
        under_way.orders = Some(Orders { stdin: stdin.into_owned_fd()?.into(), number });
        tokio::spawn(self.listen(child, number));
        Ok(number)
    }

    /// Listens to a keeper until it is gone.
    async fn listen(self: Arc<Self>, mut keeper: Child, number: u64) {
        let mut lines = keeper.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        while let Some(lines) = &mut lines
            && let Ok(Some(line)) = lines.next_line().await
            && let Ok(News { ticket, what, waits }) = serde_json::from_str(&line)
        {
            let id = {
                let mut under_way = self.under_way();
                let id = under_way.tickets.remove(&ticket);
                if let (Some(id), true) = (&id, waits) {
                    under_way.undecided.insert(id.clone(), number);
                }
                id
            };
            let over = match (&id, what) {
                (Some(id), What::Ended(exit)) => self.ended(id, Some(exit)),
                (Some(id), What::Refused(why)) => self.over(id, |_| Report::Failed(refused(why))),
                (Some(id), What::Taken) => {
                    self.clone().take_up(id.clone());
                    None
                }
                (None, _) => None,
            };
            if let Some(input) = over {
                // When the driver is gone nobody waits for it: the journal tells the next one.
                let _ = self.reports.send(input).await;
            }
        }
        let left: Vec<AttemptId> = {
            let mut under_way = self.under_way();
            under_way.orders.take_if(|orders| orders.number == number);
            let of_it = under_way.attempts.iter().filter(|(_, attempt)| attempt.keeper == number);
            of_it.map(|(id, _)| id.clone()).collect()
        };
        // Whatever became of it, it is not to become a zombie.
        let _ = keeper.wait().await;
        left.into_iter().for_each(|id| self.clone().take_up(id));
    }

    /// Waits, in a thread of its own, for what somebody else has begun.
    fn take_up(self: Arc<Self>, id: AttemptId) {
        let stem = {
            let mut under_way = self.under_way();
            let Some(attempt) = under_way.attempts.get_mut(&id) else { return };
            attempt.keeper = 0;
            if attempt.ending.is_some() {
                if files::is_held(&self.folder, &attempt.stem) {
                    end_found(&self.folder, &attempt.stem);
                } else if !files::was_stopped(&self.folder, &attempt.stem) {
                    // It had ended by itself before anybody could end it: what it came to counts.
                    attempt.ending = None;
                }
            }
            attempt.stem.clone()
        };
        thread::spawn(move || {
            // Where there is nothing to wait for it was never begun: the keeper was gone before it was told.
            let exit = files::wait(&self.folder, &stem).unwrap_or_default();
            if let Some(input) = self.ended(&id, exit) {
                // When the driver is gone nobody waits for it.
                let _ = self.reports.blocking_send(input);
            }
        });
    }

    /// The report of an attempt that has ended, unless it was reported before.
    fn ended(&self, id: &AttemptId, exit: Option<Exit>) -> Option<Input> {
        self.over(id, |attempt| match exit {
            Some(Exit::Withdrawn) => Report::Withdrawn,
            None => {
                let why = "the command was lost: whatever ran it ended before it did";
                Report::Failed(Failure::new(Cause::HostLost, why))
            }
            Some(_) if attempt.ending.is_some() => {
                let output = attempt.ending.filter(|keep| *keep).and_then(|_| self.outputs(attempt).ok());
                Report::CutShort { output }
            }
            Some(Exit::Code(0)) => match self.outputs(attempt) {
                Ok(output) => Report::Succeeded { output },
                Err(why) => Report::Failed(Failure { blame: Blame::Operator, ..Failure::new(Cause::BadOutput, why) }),
            },
            Some(exit) => {
                let how = match exit {
                    Exit::Code(code) => format!("it ended with exit code {code}"),
                    Exit::Signal(signal) => format!("it was ended by signal {signal}"),
                    Exit::Withdrawn => "it never began".into(),
                };
                let tail = paths::tail(&paths::log(&self.folder, &attempt.stem));
                let message = if tail.is_empty() { how } else { format!("{how}: {tail}") };
                Report::Failed(Failure { blame: Blame::Operator, ..Failure::new(Cause::ExitCode, message) })
            }
        })
    }

    fn over(&self, id: &AttemptId, report: impl FnOnce(&Attempt) -> Report) -> Option<Input> {
        let attempt = {
            let mut under_way = self.under_way();
            let attempt = under_way.attempts.remove(id)?;
            under_way.tickets.remove(&attempt.ticket);
            attempt
        };
        Some(Input::Report { node: id.node.clone(), attempt: id.number, report: report(&attempt) })
    }

    /// Reports from the driver's own task, which must not wait for itself.
    fn tell(&self, id: &AttemptId, report: Report) {
        let (reports, input) =
            (self.reports.clone(), Input::Report { node: id.node.clone(), attempt: id.number, report });
        tokio::spawn(async move { reports.send(input).await });
    }

    /// What the command wrote as its outputs.
    fn outputs(&self, attempt: &Attempt) -> Result<Json, String> {
        if !attempt.gives {
            return Ok(Json::Object(serde_json::Map::new()));
        }
        let file = process::OUTPUTS_FILE;
        let path = files::outputs(&self.folder, &attempt.stem);
        let mut text = String::new();
        File::open(path)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => format!("it wrote nothing into the file that ${file} names"),
                _ => format!("the file that ${file} names cannot be read: {error}"),
            })?
            .take(EVENT_BYTES_MAX as u64 + 1)
            .read_to_string(&mut text)
            .map_err(|error| format!("the file that ${file} names cannot be read: {error}"))?;
        serde_json::from_str(&text).map_err(|error| format!("what it wrote as its outputs is no JSON: {error}"))
    }
}

/// Ends a command that another keeper has begun, if it still runs.
fn end_found(folder: &Path, stem: &str) {
    let line = files::read_journal(folder).ok().and_then(|journal| journal.get(stem).copied());
    let Some(files::Line::Group(group)) = line else { return };
    let (Some(group), true) = (Pid::from_raw(group), files::is_held(folder, stem)) else { return };
    let (folder, stem) = (folder.to_owned(), stem.to_owned());
    thread::spawn(move || {
        // Where it cannot be noted it ends all the same.
        let _ = files::journal(&folder).and_then(|journal| files::note_stop(&journal, &stem));
        // It may end this very moment.
        let _ = kill_process_group(group, Signal::TERM);
        thread::sleep(keeper::GRACE);
        if files::is_held(&folder, &stem) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    });
}

fn order(stdin: &mut File, order: &Order) -> io::Result<()> {
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    stdin.write_all(&line)
}

fn refused(why: String) -> Failure {
    Failure { blame: Blame::Operator, ..Failure::new(Cause::Refused, why) }
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

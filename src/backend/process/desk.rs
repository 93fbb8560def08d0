//! What is under way, the way to the keeper, and how what is heard becomes a report. Only the backend itself uses it.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    pin::Pin,
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value as Json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
};

use super::{
    super::{AttemptId, paths},
    files::{self, Exit},
    keeper,
    wire::{News, Order, Start, What},
};
use crate::{
    action::process,
    base::limits::EVENT_BYTES_MAX,
    run::{Blame, Cause, Failure, Input, Report},
};

/// Keepers that are told of an attempt, one after the other, before it counts as lost with its host.
const KEEPERS_MAX: u32 = 3;

/// What the backend shares with the threads that listen and wait.
pub(super) struct Desk {
    pub(super) folder: PathBuf,
    pub(super) dir: Option<PathBuf>,
    pub(super) keeper: (PathBuf, Vec<String>),
    pub(super) jobs: u32,
    pub(super) reports: mpsc::Sender<Input>,
    pub(super) under_way: Mutex<UnderWay>,
}

#[derive(Default)]
pub(super) struct UnderWay {
    pub(super) attempts: HashMap<AttemptId, Attempt>,
    pub(super) tickets: HashMap<u64, AttemptId>,
    pub(super) last_ticket: u64,
    pub(super) last_keeper: u64,
    /// Attempts that may have failed, with the number of the keeper that begins nothing until they are dealt with.
    pub(super) undecided: HashMap<AttemptId, u64>,
    pub(super) orders: Option<Orders>,
    /// The driver is gone.
    pub(super) over: bool,
}

/// The way to the keeper, and which keeper it is.
pub(super) struct Orders {
    pub(super) stdin: File,
    pub(super) number: u64,
}

#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) start: Arc<Start>,
    /// The keeper that was told to start it, unless no keeper tells of it any more, and how many were told.
    pub(super) keeper: Option<u64>,
    pub(super) keepers: u32,
    /// Somebody else has begun it, who is not told to end it: its files say whom to end.
    pub(super) taken: bool,
    /// Whether the step declares outputs.
    pub(super) gives: bool,
    /// It was told to end, and whether what is there then counts.
    pub(super) ending: Option<bool>,
}

impl Desk {
    /// Nothing is left half done under the lock.
    pub(super) fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn start(self: Arc<Self>, id: &AttemptId, call: process::Call, gives: bool) {
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
        let stem = paths::stem(id);
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
        let start = Arc::new(Start { ticket, stem, command, env, dir, judged: gives });
        let attempt =
            Attempt { start: start.clone(), keeper: Some(keeper), keepers: 1, taken: false, gives, ending: None };
        under_way.attempts.insert(id.clone(), attempt);
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
        under_way.last_keeper += 1;
        let number = under_way.last_keeper;
        under_way.orders = Some(Orders { stdin: stdin.into_owned_fd()?.into(), number });
        // It may start the next keeper, to which somebody listens likewise: without a type of its own it would contain itself.
        let listening: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(self.listen(child, number));
        tokio::spawn(listening);
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
                let id = under_way.tickets.get(&ticket).cloned();
                if let (Some(id), true) = (&id, waits) {
                    under_way.undecided.insert(id.clone(), number);
                }
                id
            };
            let over = match (&id, what) {
                (Some(id), What::Ended(exit)) => self.ended(id, Some(exit)),
                (Some(id), What::Refused(why)) => self.over(id, |_| Report::Failed(refused(why))),
                (Some(id), What::Lacking(why)) => self.over(id, |_| Report::Failed(Failure::new(Cause::HostLost, why))),
                (Some(id), What::Lost) => self.ended(id, None),
                (Some(id), What::Taken) => {
                    self.taken(id);
                    None
                }
                (None, _) => None,
            };
            if let Some(input) = over {
                // When the driver is gone nobody waits for it: the journal tells the next one.
                let _ = self.reports.send(input).await;
            }
        }
        {
            let mut under_way = self.under_way();
            under_way.orders.take_if(|orders| orders.number == number);
        }
        // Whatever became of it, it is not to become a zombie.
        let _ = keeper.wait().await;
        self.leave_to_another(number);
    }

    /// What a keeper that is gone was told is told to another one: what has begun takes room there until it is over, and what
    /// has not begins when its turn comes. There is an end to how often that is tried.
    fn leave_to_another(self: Arc<Self>, gone: u64) {
        let mut under_way = self.under_way();
        if under_way.over {
            return;
        }
        let of_it = under_way.attempts.iter().filter(|(_, attempt)| attempt.keeper == Some(gone));
        let mut left: Vec<(u64, AttemptId)> = of_it.map(|(id, attempt)| (attempt.start.ticket, id.clone())).collect();
        left.sort_unstable();
        for (ticket, id) in left {
            let next = self.clone().keeper(&mut under_way);
            let UnderWay { attempts, orders, .. } = &mut *under_way;
            match (attempts.get_mut(&id), next, orders) {
                (Some(attempt), Ok(next), Some(orders)) if attempt.keepers < KEEPERS_MAX => {
                    (attempt.keeper, attempt.keepers, attempt.taken) = (Some(next), attempt.keepers + 1, false);
                    let _ = order(&mut orders.stdin, &Order::Start(attempt.start.clone()));
                    if attempt.ending.is_some() {
                        let _ = order(&mut orders.stdin, &Order::Stop { ticket });
                    }
                }
                _ => {
                    let desk = self.clone();
                    thread::spawn(move || desk.take_up(id));
                }
            }
        }
    }

    /// Somebody else has begun it: whoever wants to end it finds it by its files.
    fn taken(&self, id: &AttemptId) -> Option<Arc<Start>> {
        let mut under_way = self.under_way();
        let attempt = under_way.attempts.get_mut(id)?;
        if !std::mem::replace(&mut attempt.taken, true) && attempt.ending.is_some() {
            if files::is_held(&self.folder, &attempt.start.stem) {
                end_found(&self.folder, &attempt.start.stem);
            } else if !files::was_stopped(&self.folder, &attempt.start.stem) {
                // It had ended by itself before anybody could end it: what it came to counts.
                attempt.ending = None;
            }
        }
        Some(attempt.start.clone())
    }

    /// Waits, in a thread of its own, for the end of what no keeper tells of.
    fn take_up(self: Arc<Self>, id: AttemptId) {
        let Some(start) = self.taken(&id) else { return };
        if let Some(attempt) = self.under_way().attempts.get_mut(&id) {
            attempt.keeper = None;
        }
        thread::spawn(move || {
            // What no keeper could begin is lost with its host.
            let exit = files::wait(&self.folder, &start.stem).unwrap_or_default();
            if let Some(input) = self.ended(&id, exit.filter(|exit| *exit != Exit::Withdrawn)) {
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
                Err(why) => Report::Failed(Failure::new(Cause::BadOutput, why)),
            },
            Some(exit) => {
                let how = match exit {
                    Exit::Code(code) => format!("it ended with exit code {code}"),
                    Exit::Signal(signal) => format!("it was ended by signal {signal}"),
                    Exit::Withdrawn => "it never began".into(),
                };
                let tail = paths::tail(&paths::log(&self.folder, &attempt.start.stem));
                let message = if tail.is_empty() { how } else { format!("{how}: {tail}") };
                Report::Failed(Failure { blame: Blame::Operator, ..Failure::new(Cause::ExitCode, message) })
            }
        })
    }

    fn over(&self, id: &AttemptId, report: impl FnOnce(&Attempt) -> Report) -> Option<Input> {
        let attempt = {
            let mut under_way = self.under_way();
            let attempt = under_way.attempts.remove(id)?;
            under_way.tickets.remove(&attempt.start.ticket);
            attempt
        };
        Some(Input::Report { node: id.node.clone(), attempt: id.number, report: report(&attempt) })
    }

    /// Reports from the driver's own task, which must not wait for itself.
    pub(super) fn tell(&self, id: &AttemptId, report: Report) {
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
        let path = files::outputs(&self.folder, &attempt.start.stem);
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
pub(super) fn end_found(folder: &Path, stem: &str) {
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

pub(super) fn order(stdin: &mut File, order: &Order) -> io::Result<()> {
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    stdin.write_all(&line)
}

pub(super) fn refused(why: String) -> Failure {
    Failure { blame: Blame::Operator, ..Failure::new(Cause::Refused, why) }
}

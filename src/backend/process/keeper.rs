//! The keeper: a small process between the engine and the commands that it runs, which outlives the engine.
//!
//! Only a command's parent learns how it ended. If the engine were the parent and died, a command that ends meanwhile would
//! have to be run again, and its effect would be there twice. The keeper starts commands as it is told, notes in the journal
//! how they end, and tells the engine. When the engine is gone it starts nothing more and goes when the last command has
//! ended.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::{
    files::{self, Exit, Line},
    wire::{News, Order, Start, What},
};

/// How long a command that is told to end has until it is killed.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Keeps the commands of the run whose attempts are in this folder, as orders on stdin say, until there are no more orders
/// and no more commands.
pub fn keep(folder: &Path) -> io::Result<()> {
    let journal = files::journal(folder)?;
    let keeper = Keeper { folder: folder.to_owned(), journal, hands: Mutex::default(), live: Mutex::default() };
    let keeper = Arc::new(keeper);
    keeper.hands().idle = 1;
    keeper.work();
    // The others still have commands, and no more hands are added once they are done.
    loop {
        let Some(hand) = keeper.hands().others.pop() else { return Ok(()) };
        drop(hand.join());
    }
}

struct Keeper {
    folder: PathBuf,
    journal: File,
    hands: Mutex<Hands>,
    live: Mutex<HashMap<u64, Live>>,
}

/// The threads that take orders. Whoever takes one carries it out itself, so that nothing is handed on in between; it only
/// sees to it that somebody takes the next one.
#[derive(Default)]
struct Hands {
    idle: usize,
    others: Vec<thread::JoinHandle<()>>,
}

/// A command from its order to its end.
struct Live {
    /// The name of its files.
    stem: String,
    group: Option<Pid>,
    /// It was told to end, perhaps before it began.
    stopped: bool,
}

impl Keeper {
    /// Nothing is left half done under the lock.
    fn live(&self) -> MutexGuard<'_, HashMap<u64, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Nor under this one.
    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(self: &Arc<Self>) {
        while let Some(order) = self.next_order() {
            let start = match order {
                Order::Start(start) => start,
                Order::Stop { ticket } => {
                    self.stop(ticket);
                    continue;
                }
            };
            self.hand_over();
            let what = self.run(&start).unwrap_or_else(|error| What::Refused(error.to_string()));
            self.live().remove(&start.ticket);
            tell(&News { ticket: start.ticket, what });
            self.hands().idle += 1;
        }
    }

    /// The next order, taken by one thread at a time; nothing when the engine is gone, or says what cannot be understood.
    fn next_order(&self) -> Option<Order> {
        let mut line = String::new();
        let mut stdin = io::stdin().lock();
        stdin.read_line(&mut line).ok()?;
        let order = serde_json::from_str(&line).ok()?;
        if let Order::Start(start) = &order {
            // Before anybody can read that it is to stop.
            let live = Live { stem: start.stem.clone(), group: None, stopped: false };
            self.live().insert(start.ticket, live);
        }
        Some(order)
    }

    /// Somebody else takes the next order.
    fn hand_over(self: &Arc<Self>) {
        let mut hands = self.hands();
        hands.idle -= 1;
        if hands.idle == 0 {
            let keeper = self.clone();
            hands.idle = 1;
            hands.others.push(thread::spawn(move || keeper.work()));
        }
    }

    /// Runs a command to its end, unless somebody else has begun it.
    fn run(self: &Arc<Self>, start: &Start) -> io::Result<What> {
        let Some(log) = files::claim(&self.folder, &start.stem)? else { return Ok(What::Taken) };
        let mut command = command(start, &log)?;
        let ended = |status: ExitStatus| match status.code() {
            Some(code) => Exit::Code(code),
            None => Exit::Signal(status.signal().unwrap_or_default()),
        };
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                let name = start.command.first().map_or("", String::as_str);
                let why = match start.dir.as_deref().filter(|dir| !Path::new(dir).is_dir()) {
                    Some(dir) => format!("`{name}` cannot be started: the folder that it runs in is not there: {dir}"),
                    None => format!("`{name}` cannot be started: {error}"),
                };
                writeln!(&log, "god-flow: {why}")?;
                files::note(&self.journal, &start.stem, Line::Ended(Exit::Code(NOT_STARTED)))?;
                return Ok(What::Refused(why));
            }
        };
        // The pipes of the command's own making are gone with this, and what it holds of ours.
        drop(command);
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        files::note(&self.journal, &start.stem, Line::Group(Pid::as_raw(group)))?;
        self.started(start.ticket, group);
        if let Some(group) = group {
            // It ends, and its number stays its own until nobody can signal it any more.
            while waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).is_err_and(again) {}
        }
        if let Some(live) = self.live().get_mut(&start.ticket) {
            live.group = None;
        }
        let exit = ended(child.wait()?);
        // While the log is still locked: whoever finds it unlocked finds this.
        files::note(&self.journal, &start.stem, Line::Ended(exit))?;
        Ok(What::Ended(exit))
    }

    fn started(self: &Arc<Self>, ticket: u64, group: Option<Pid>) {
        let mut live = self.live();
        let Some(found) = live.get_mut(&ticket) else { return };
        found.group = group;
        if found.stopped {
            drop(live);
            self.end(ticket);
        }
    }

    fn stop(self: &Arc<Self>, ticket: u64) {
        let mut live = self.live();
        let Some(found) = live.get_mut(&ticket) else { return };
        if !std::mem::replace(&mut found.stopped, true) {
            drop(live);
            self.end(ticket);
        }
    }

    /// Asks it to end, and kills it when it has not ended in good time.
    fn end(self: &Arc<Self>, ticket: u64) {
        let stem = self.live().get(&ticket).filter(|live| live.group.is_some()).map(|live| live.stem.clone());
        if let Some(stem) = stem {
            // Where it cannot be noted it ends all the same.
            let _ = files::note_stop(&self.journal, &stem);
        }
        self.signal(ticket, Signal::TERM);
        let keeper = self.clone();
        thread::spawn(move || {
            thread::sleep(GRACE);
            keeper.signal(ticket, Signal::KILL);
        });
    }

    fn signal(&self, ticket: u64, signal: Signal) {
        let live = self.live();
        if let Some(group) = live.get(&ticket).and_then(|live| live.group) {
            // It may have ended this very moment.
            let _ = kill_process_group(group, signal);
        }
    }
}

fn again(error: rustix::io::Errno) -> bool {
    error == rustix::io::Errno::INTR
}

/// The exit code that stands in the journal for a command that could not be started, as shells have it.
pub(super) const NOT_STARTED: i32 = 127;

fn command(start: &Start, log: &File) -> io::Result<Command> {
    let (program, arguments) = start.command.split_first().ok_or_else(|| io::Error::other("the command is empty"))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(start.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?)
        .process_group(0);
    if let Some(dir) = &start.dir {
        command.current_dir(dir);
    }
    Ok(command)
}

/// Tells the engine; when it is gone the journal tells the next one.
fn tell(news: &News) {
    if let Ok(mut line) = serde_json::to_vec(news) {
        line.push(b'\n');
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
    }
}

//! The keeper: a small process between the engine and the commands that it runs, which outlives the engine.
//!
//! Only a command's parent learns how it ended. If the engine were the parent and died, a command that ends meanwhile would
//! have to be run again, and its effect would be there twice. The keeper starts commands as it is told, notes in the journal
//! how they end, and tells the engine. Orders beyond those that may run at once wait here, so that the next command begins
//! the moment one ends. When the engine is gone it starts nothing more and goes when the last command has ended.

use std::{
    collections::{HashMap, VecDeque},
    fs::File,
    io::{self, BufRead, BufReader, Write},
    os::{
        fd::AsFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::{
    files::{self, Claims, Exit, Line},
    wire::{News, Order, Start, What},
};

/// How long a command that is told to end has until it is killed.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Keeps the commands of the run whose attempts are in this folder, so many at once, as orders on stdin say, until there
/// are no more orders and no more commands.
pub fn keep(folder: &Path, jobs: u32) -> io::Result<()> {
    let keeper = Arc::new(Keeper {
        folder: folder.to_owned(),
        jobs,
        claims: Claims::of(folder)?,
        orders: Mutex::new(BufReader::new(io::stdin().as_fd().try_clone_to_owned()?.into())),
        news: io::stdout().as_fd().try_clone_to_owned()?.into(),
        desk: Mutex::default(),
    });
    keeper.desk().idle = 1;
    keeper.work();
    // The others still have commands, and no more hands are added once they are done.
    loop {
        let Some(hand) = keeper.desk().hands.pop() else { return Ok(()) };
        drop(hand.join());
    }
}

struct Keeper {
    folder: PathBuf,
    jobs: u32,
    claims: Claims,
    /// Where orders come from. Whoever has nothing to do and comes first listens.
    orders: Mutex<BufReader<File>>,
    news: File,
    desk: Mutex<Desk>,
}

/// What is to be done. The threads that do it are the keeper's hands: whoever ends one command begins the next, so that
/// nothing is handed on in between, and there is always one more of them than commands, to listen.
#[derive(Default)]
struct Desk {
    /// What was ordered and has not begun.
    waiting: VecDeque<Arc<Start>>,
    live: HashMap<u64, Live>,
    running: u32,
    /// Those that may have failed and that the engine has not dealt with. Until then nothing begins: what comes of a
    /// failure may be that nothing is to.
    undecided: u32,
    /// The engine is gone.
    over: bool,
    idle: usize,
    hands: Vec<thread::JoinHandle<()>>,
}

/// A command from its beginning to its end.
struct Live {
    /// The name of its files.
    stem: String,
    group: Option<Pid>,
    /// It was told to end, perhaps before it began.
    stopped: bool,
}

/// What a hand does next.
enum Next {
    Run(Arc<Start>),
    Listen,
    Leave,
}

impl Keeper {
    /// Nothing is left half done under the lock.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(self: &Arc<Self>) {
        while let Some(start) = self.next_start() {
            let mut what = self.run(&start).unwrap_or_else(|error| self.unkept(&error));
            if matches!(what, What::Taken) {
                self.tell(&start, what);
                // It takes the room of one until it is over.
                what = files::wait(&self.folder, &start.stem).ok().flatten().map_or(What::Lost, What::Ended);
            }
            self.tell(&start, what);
            let mut desk = self.desk();
            desk.live.remove(&start.ticket);
            desk.running -= 1;
            desk.idle += 1;
        }
    }

    /// The next command to run, once there is one; nothing when the engine is gone.
    fn next_start(self: &Arc<Self>) -> Option<Arc<Start>> {
        loop {
            match self.next() {
                Next::Run(start) => return Some(start),
                Next::Leave => return None,
                Next::Listen => {}
            }
            let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever listened before may have heard of more than it could begin.
            match self.next() {
                Next::Run(start) => return Some(start),
                Next::Leave => return None,
                Next::Listen => {}
            }
            match read(&mut orders) {
                Some(orders) => orders.into_iter().for_each(|order| self.obey(order)),
                None => {
                    let mut desk = self.desk();
                    desk.over = true;
                    // None of it has begun, so that the next engine may order it anew.
                    desk.waiting.clear();
                }
            }
        }
    }

    fn next(self: &Arc<Self>) -> Next {
        let mut desk = self.desk();
        if desk.over {
            return Next::Leave;
        }
        if desk.running >= self.jobs || desk.undecided > 0 {
            return Next::Listen;
        }
        let Some(start) = desk.waiting.pop_front() else { return Next::Listen };
        desk.live.insert(start.ticket, Live { stem: start.stem.clone(), group: None, stopped: false });
        desk.running += 1;
        desk.idle -= 1;
        if desk.idle == 0 {
            let keeper = self.clone();
            desk.idle = 1;
            desk.hands.push(thread::spawn(move || keeper.work()));
        }
        Next::Run(start)
    }

    fn obey(self: &Arc<Self>, order: Order) {
        match order {
            Order::Start(start) => self.desk().waiting.push_back(start),
            Order::Withdraw { ticket } => drop(self.withdraw(ticket)),
            Order::Stop { ticket } => {
                if !self.withdraw(ticket) {
                    self.stop(ticket);
                }
            }
            Order::GoOn => {
                let mut desk = self.desk();
                desk.undecided = desk.undecided.saturating_sub(1);
            }
        }
    }

    /// Takes back what has not begun, and says whether it had not.
    fn withdraw(&self, ticket: u64) -> bool {
        let mut desk = self.desk();
        let Some(at) = desk.waiting.iter().position(|start| start.ticket == ticket) else { return false };
        let Some(start) = desk.waiting.remove(at) else { return false };
        drop(desk);
        match self.claims.withdraw(&start.stem) {
            Ok(true) => self.tell(&start, What::Ended(Exit::Withdrawn)),
            Ok(false) => {
                self.tell(&start, What::Taken);
                // Somebody waits for its end here as for all that others have begun.
                self.desk().waiting.push_front(start);
            }
            Err(error) => self.tell(&start, self.unkept(&error)),
        }
        true
    }

    fn unkept(&self, error: &io::Error) -> What {
        not_started(error, format!("its files in {}: {error}", self.folder.display()))
    }

    /// Tells the engine; when it is gone the journal tells the next one.
    fn tell(&self, start: &Start, what: What) {
        let waits = match &what {
            What::Ended(Exit::Code(0)) => start.judged,
            What::Ended(Exit::Withdrawn) | What::Taken => false,
            What::Ended(_) | What::Refused(_) | What::Lacking(_) | What::Lost => true,
        };
        if waits {
            self.desk().undecided += 1;
        }
        if let Ok(mut line) = serde_json::to_vec(&News { ticket: start.ticket, what, waits }) {
            line.push(b'\n');
            let _ = (&self.news).write_all(&line);
        }
    }

    /// Runs a command to its end, unless somebody else has begun it.
    fn run(self: &Arc<Self>, start: &Start) -> io::Result<What> {
        let Some(log) = self.claims.claim(&start.stem)? else { return Ok(What::Taken) };
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
                self.claims.note(&start.stem, Line::Ended(Exit::Code(NOT_STARTED)))?;
                return Ok(not_started(&error, why));
            }
        };
        // The pipes of the command's own making are gone with this, and what it holds of ours.
        drop(command);
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Err(error) = self.claims.note(&start.stem, Line::Group(Pid::as_raw(group))) {
            // Nobody could find it again, so it does not go on either.
            child.kill()?;
            child.wait()?;
            return Err(error);
        }
        self.started(start.ticket, group);
        if let Some(group) = group {
            // It ends, and its number stays its own until nobody can signal it any more.
            while waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).is_err_and(again) {}
        }
        self.leave(start.ticket);
        let exit = ended(child.wait()?);
        // What cannot be shortened stays as long as it is.
        let _ = files::shorten(&self.folder, &start.stem, &log);
        // While the log is still locked: whoever finds it unlocked finds this.
        self.claims.note(&start.stem, Line::Ended(exit))?;
        if exit == Exit::Code(0) {
            self.claims.let_go(&start.stem, log);
        }
        Ok(What::Ended(exit))
    }

    fn started(self: &Arc<Self>, ticket: u64, group: Option<Pid>) {
        let mut desk = self.desk();
        let Some(found) = desk.live.get_mut(&ticket) else { return };
        found.group = group;
        if found.stopped {
            drop(desk);
            self.end(ticket);
        }
    }

    /// A command has ended. What it began and did not end goes with it where it was told to end.
    fn leave(&self, ticket: u64) {
        let mut desk = self.desk();
        let Some(live) = desk.live.get_mut(&ticket) else { return };
        if let Some(group) = live.group.take().filter(|_| live.stopped) {
            // There may be nobody left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn stop(self: &Arc<Self>, ticket: u64) {
        let mut desk = self.desk();
        let Some(found) = desk.live.get_mut(&ticket) else { return };
        if !std::mem::replace(&mut found.stopped, true) {
            drop(desk);
            self.end(ticket);
        }
    }

    /// Asks it to end, and kills it when it has not ended in good time.
    fn end(self: &Arc<Self>, ticket: u64) {
        let stem = self.desk().live.get(&ticket).filter(|live| live.group.is_some()).map(|live| live.stem.clone());
        if let Some(stem) = stem {
            // Where it cannot be noted it ends all the same.
            let _ = self.claims.note_stop(&stem);
        }
        self.signal(ticket, Signal::TERM);
        let keeper = self.clone();
        thread::spawn(move || {
            thread::sleep(GRACE);
            keeper.signal(ticket, Signal::KILL);
        });
    }

    fn signal(&self, ticket: u64, signal: Signal) {
        let desk = self.desk();
        if let Some(group) = desk.live.get(&ticket).and_then(|live| live.group) {
            // It may have ended this very moment.
            let _ = kill_process_group(group, signal);
        }
    }
}

/// Whoever wrote the command is not to blame for a host that has no more files, processes, memory or room.
fn not_started(error: &io::Error, why: String) -> What {
    use rustix::io::Errno;
    let lacking = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM, Errno::NOSPC, Errno::DQUOT];
    let is_lacking = error.raw_os_error().is_some_and(|code| lacking.iter().any(|errno| errno.raw_os_error() == code));
    if is_lacking { What::Lacking(why) } else { What::Refused(why) }
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

/// All orders that are there, once there is one; nothing when the engine is gone, or says what cannot be understood.
fn read(orders: &mut BufReader<File>) -> Option<Vec<Order>> {
    let (mut read, mut line) = (Vec::new(), String::new());
    while read.is_empty() || orders.buffer().contains(&b'\n') {
        line.clear();
        orders.read_line(&mut line).ok()?;
        read.push(serde_json::from_str(&line).ok()?);
    }
    Some(read)
}

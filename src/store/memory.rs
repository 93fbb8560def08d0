//! A store that lasts as long as the process: for tests, simulations and trying things out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    Error, Fence, Found, Ledger, RunHeader, Store, check_new, check_next,
    find::{self, FOUND_MAX, LATEST},
    leases,
    ledger::Movement,
    nanos, timestamp,
};
use crate::run::record::{Digest, Record, RunId};

/// Clones share what they hold.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Held>>);

#[derive(Default)]
pub(super) struct Held {
    runs: BTreeMap<RunId, Run>,
    workflows: BTreeMap<Digest, Arc<str>>,
    pub(super) movements: Vec<Movement>,
}

pub(super) struct Run {
    pub(super) header: RunHeader,
    records: Vec<Record>,
    token: u64,
    holder: String,
    held_until: i64,
    /// What was asked, and what was answered.
    inbox: Vec<(Arc<str>, Option<Arc<str>>)>,
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }
    /// A store with a ledger in which these movements were made, and with no runs.
    pub fn with(movements: Vec<Movement>) -> Self {
        Self(Arc::new(Mutex::new(Held { movements, ..Held::default() })))
    }
    /// A panic elsewhere cannot leave anything half done: every change below is checked first and then made at once.
    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Held {
    fn run(&mut self, run: RunId) -> Result<&mut Run, Error> {
        self.runs.get_mut(&run).ok_or(Error::NoSuchRun { run })
    }
    pub(super) fn fenced(&mut self, fence: &Fence) -> Result<&mut Run, Error> {
        let run = self.run(fence.run)?;
        if run.token == fence.token { Ok(run) } else { Err(Error::Fenced { run: fence.run }) }
    }
    fn newest_first(&self) -> impl Iterator<Item = &RunHeader> {
        let mut headers: Vec<&RunHeader> = self.runs.values().map(|run| &run.header).collect();
        headers.sort_by_key(|header| std::cmp::Reverse((header.created_at, header.id)));
        headers.into_iter()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn place(&self) -> &'static str {
        "memory"
    }

    async fn create(&self, run: &RunHeader, records: &[Record]) -> Result<(), Error> {
        check_new(run.id, records)?;
        nanos(run.created_at)?;
        run.ended_at.map(nanos).transpose()?;
        let mut held = self.held();
        if held.runs.contains_key(&run.id) {
            return Err(Error::RunExists { run: run.id });
        }
        if !held.workflows.contains_key(&run.workflow) {
            return Err(Error::NoSuchWorkflow { digest: run.workflow });
        }
        check_next(run.id, 0, records)?;
        let (header, records) = (run.clone(), records.to_vec());
        held.runs.insert(
            run.id,
            Run { header, records, token: 0, holder: String::new(), held_until: i64::MIN, inbox: Vec::new() },
        );
        Ok(())
    }

    async fn append(&self, fence: &Fence, records: &[Record]) -> Result<(), Error> {
        check_new(fence.run, records)?;
        let mut held = self.held();
        let run = held.fenced(fence)?;
        check_next(fence.run, run.records.len() as u64, records)?;
        run.records.extend_from_slice(records);
        Ok(())
    }

    async fn page(&self, run: RunId, from: u64, max: usize) -> Result<Vec<Record>, Error> {
        let mut held = self.held();
        let records = &held.run(run)?.records;
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(records.iter().skip(from).take(max).cloned().collect())
    }

    async fn header(&self, run: RunId) -> Result<RunHeader, Error> {
        Ok(self.held().run(run)?.header.clone())
    }

    async fn list(&self, max: usize) -> Result<Vec<RunHeader>, Error> {
        Ok(self.held().newest_first().take(max).cloned().collect())
    }

    async fn find(&self, text: &str) -> Result<Found, Error> {
        let held = self.held();
        if text == LATEST {
            return Ok(held.newest_first().next().cloned().map_or(Found::None, Found::One));
        }
        let ids = find::ids(text);
        let fits = |run: &&RunHeader| {
            !text.is_empty() && run.name.starts_with(text)
                || ids.is_some_and(|(first, last)| (first..=last).contains(&run.id))
        };
        let mut fitting: Vec<RunHeader> = held.newest_first().filter(fits).cloned().collect();
        fitting.sort_by_key(|run| run.name != text);
        fitting.truncate(FOUND_MAX);
        Ok(find::choose(text, fitting))
    }

    async fn summarize(&self, fence: &Fence, state: &str, ended_at: Option<Timestamp>) -> Result<(), Error> {
        ended_at.map(nanos).transpose()?;
        let mut held = self.held();
        let header = &mut held.fenced(fence)?.header;
        header.state = state.into();
        header.ended_at = ended_at;
        Ok(())
    }

    async fn put_workflow(&self, source: &str) -> Result<Digest, Error> {
        let digest = Digest::of(source);
        self.held().workflows.entry(digest).or_insert_with(|| source.into());
        Ok(digest)
    }

    async fn workflow(&self, digest: Digest) -> Result<Arc<str>, Error> {
        self.held().workflows.get(&digest).cloned().ok_or(Error::NoSuchWorkflow { digest })
    }

    async fn tell(&self, run: RunId, command: &str) -> Result<u64, Error> {
        let mut held = self.held();
        let inbox = &mut held.run(run)?.inbox;
        inbox.push((command.into(), None));
        Ok(inbox.len() as u64)
    }

    async fn told(&self, run: RunId) -> Result<Vec<(u64, Arc<str>)>, Error> {
        let mut held = self.held();
        let Ok(found) = held.run(run) else { return Ok(Vec::new()) };
        let told = (1..).zip(&found.inbox).filter(|(_, (_, answer))| answer.is_none());
        Ok(told.map(|(id, (command, _))| (id, command.clone())).collect())
    }

    async fn answer(&self, fence: &Fence, command: u64, answer: &str) -> Result<(), Error> {
        let mut held = self.held();
        let inbox = &mut held.fenced(fence)?.inbox;
        if let Some((_, empty @ None)) = entry(command).and_then(|at| inbox.get_mut(at)) {
            *empty = Some(answer.into());
        }
        Ok(())
    }

    async fn answer_to(&self, run: RunId, command: u64) -> Result<Option<Arc<str>>, Error> {
        let mut held = self.held();
        let Ok(found) = held.run(run) else { return Ok(None) };
        Ok(entry(command).and_then(|at| found.inbox.get(at)).and_then(|(_, answer)| answer.clone()))
    }

    async fn lease(&self, run: RunId, holder: &str, ttl: Duration, now: Timestamp) -> Result<Fence, Error> {
        let until = leases::end(now, ttl)?;
        let mut held = self.held();
        let leased = held.run(run)?;
        if leases::holds(nanos(now)?, leased.held_until) {
            return Err(Error::Held { run, by: leased.holder.clone(), until: timestamp(leased.held_until) });
        }
        leased.token += 1;
        leased.holder = holder.into();
        leased.held_until = until;
        Ok(Fence { run, token: leased.token })
    }

    async fn renew(&self, fence: &Fence, ttl: Duration, now: Timestamp) -> Result<(), Error> {
        let until = leases::end(now, ttl)?;
        self.held().fenced(fence)?.held_until = until;
        Ok(())
    }

    async fn release(&self, fence: Fence) -> Result<(), Error> {
        match self.held().fenced(&fence) {
            Ok(run) => run.held_until = i64::MIN,
            Err(Error::Fenced { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn driver(&self, run: RunId, now: Timestamp) -> Result<Option<String>, Error> {
        let now = nanos(now)?;
        let mut held = self.held();
        let leased = held.run(run)?;
        Ok(leases::holds(now, leased.held_until).then(|| leased.holder.clone()))
    }

    fn ledger(&self) -> &dyn Ledger {
        self
    }
}

/// Where a command stands: their numbers begin with 1.
fn entry(command: u64) -> Option<usize> {
    usize::try_from(command).ok()?.checked_sub(1)
}

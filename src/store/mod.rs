//! The store: events of runs, kept for ever and in order, by one driver a run.
//!
//! The driver appends and dispatches only what is stored; views and `resume` read. A store never looks into an event and
//! never acts by itself: there is no timer in it, and no thread that would outlive a call.
//!
//! Who drives a run holds its lease. Taking a lease yields a [`Fence`], and every append shows it: once another driver has
//! taken the run over, the older fence appends no more, however late its driver wakes up.

mod address;
mod find;
mod inbox;
mod leases;
pub mod ledger;
mod memory;
mod postgres;
mod private;
mod sql;
mod sqlite;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::{
    address::{default_path, is_file, is_there, open},
    find::Found,
    ledger::Ledger,
    memory::MemoryStore,
    postgres::PostgresStore,
    sqlite::SqliteStore,
};
use crate::{
    base::limits::EVENT_BYTES_MAX,
    run::record::{Digest, Record, RunId},
};

/// How long a lease holds unless it is renewed. A driver that dies is followed by another after at most this long.
pub const LEASE_TTL: Duration = Duration::from_secs(4);
/// How often a driver renews its lease: it may miss two renewals.
pub const LEASE_RENEWAL: Duration = Duration::from_secs(1);
/// No lease reaches further than this. One that seems to was taken before the clock was set back, and is void.
pub const LEASE_TTL_MAX: Duration = Duration::from_mins(1);
/// Records that are read at once by [`Pages`].
pub const PAGE_RECORDS: usize = 1_000;

/// What every store does; `tests/store_contract.rs` says it in full. What returned `Ok` survives a power cut (in memory:
/// the process). What failed has changed nothing, unless the store was [`Error::Unreachable`]: then nobody knows, and
/// the run must be read again.
#[async_trait]
pub trait Store: Send + Sync {
    /// Where the store is, fit to be shown: without a password.
    fn place(&self) -> &str;

    /// Adds a run and its first records. Its workflow must be stored before.
    async fn create(&self, run: &RunHeader, records: &[Record]) -> Result<(), Error>;
    /// Adds the next records of the fence's run, all or none, with one flush to the disk.
    async fn append(&self, fence: &Fence, records: &[Record]) -> Result<(), Error>;
    /// At most `max` records from number `from` on; fewer only at the end.
    async fn page(&self, run: RunId, from: u64, max: usize) -> Result<Vec<Record>, Error>;

    async fn header(&self, run: RunId) -> Result<RunHeader, Error>;
    /// At most `max` runs, the newest first.
    async fn list(&self, max: usize) -> Result<Vec<RunHeader>, Error>;
    /// The run that a person means: `@latest`, or the start of an id or of a name.
    async fn find(&self, text: &str) -> Result<Found, Error>;
    /// Changes what is listed of the fence's run.
    async fn summarize(&self, fence: &Fence, state: &str, ended_at: Option<Timestamp>) -> Result<(), Error>;

    /// Keeps the text of a workflow; doing it again changes nothing.
    async fn put_workflow(&self, source: &str) -> Result<Digest, Error>;
    async fn workflow(&self, digest: Digest) -> Result<Arc<str>, Error>;

    /// Leaves a command for whoever drives the run, or will. It is kept until it is answered.
    async fn tell(&self, run: RunId, command: &str) -> Result<u64, Error>;
    /// The commands of a run that have no answer yet, the oldest first.
    async fn told(&self, run: RunId) -> Result<Vec<(u64, Arc<str>)>, Error>;
    /// Answers a command of the fence's run. The first answer stands; answering again changes nothing.
    async fn answer(&self, fence: &Fence, command: u64, answer: &str) -> Result<(), Error>;
    /// The answer to a command, once there is one.
    async fn answer_to(&self, run: RunId, command: u64) -> Result<Option<Arc<str>>, Error>;

    /// Takes the run over, unless somebody holds it. `holder` tells people who that is.
    ///
    /// `now` is the time by which leases end, and all who share a store must agree on it; PostgreSQL goes by its own
    /// clock instead and needs `now` only to tell the caller, in the caller's time, how long the run is held.
    async fn lease(&self, run: RunId, holder: &str, ttl: Duration, now: Timestamp) -> Result<Fence, Error>;
    /// Holds the lease for `ttl` from `now` on, unless another has taken it.
    async fn renew(&self, fence: &Fence, ttl: Duration, now: Timestamp) -> Result<(), Error>;
    /// Lets others take the run at once. Whoever has lost the lease loses nothing more.
    async fn release(&self, fence: Fence) -> Result<(), Error>;
    /// Who drives the run now: whoever has its lease, as long as that is in force. `now` is as for [`Store::lease`].
    async fn driver(&self, run: RunId, now: Timestamp) -> Result<Option<String>, Error>;

    /// What accounts have, kept in the same place.
    fn ledger(&self) -> &dyn Ledger;
}

/// What is known of a run without reading its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunHeader {
    pub id: RunId,
    pub name: String,
    pub workflow: Digest,
    /// The name of the workflow.
    pub title: String,
    pub simulated: bool,
    /// How it is carried out, in the words of whoever does it.
    pub setup: String,
    pub created_at: Timestamp,
    /// A few words on how it stands and, behind a semicolon, how far it is.
    pub state: String,
    pub ended_at: Option<Timestamp>,
}

impl RunHeader {
    /// How the run stands, and how far it was when that was last told: `failed at train`, `2 of 5 done, 1 failed`.
    pub fn stands(&self) -> (&str, Option<&str>) {
        let parts = self.state.rsplit_once("; ");
        parts.map_or((&self.state, None), |(stands, far)| (stands, Some(far)))
    }
}

/// The right to append to a run, until another takes it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    run: RunId,
    token: u64,
}

impl Fence {
    pub fn run(&self) -> RunId {
        self.run
    }
}

/// Reads a run from one of its records to the end, without ever holding all of it.
pub struct Pages<'s> {
    store: &'s dyn Store,
    run: RunId,
    from: u64,
    at_end: bool,
}

impl<'s> Pages<'s> {
    pub fn of(store: &'s dyn Store, run: RunId, from: u64) -> Self {
        Self { store, run, from, at_end: false }
    }
    /// The next records; none at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Record>>, Error> {
        if self.at_end {
            return Ok(None);
        }
        let page = self.store.page(self.run, self.from, PAGE_RECORDS).await?;
        self.from += page.len() as u64;
        self.at_end = page.len() < PAGE_RECORDS;
        Ok((!page.is_empty()).then_some(page))
    }
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot append event {found} to run {run}: its next one is event {expected}")]
    Conflict { run: RunId, expected: u64, found: u64 },
    #[error("run {run} has been taken over by another driver")]
    Fenced { run: RunId },
    #[error("run {run} is driven by {by} until {until:.0} at least")]
    Held { run: RunId, by: String, until: Timestamp },
    #[error("there is no run {run}")]
    NoSuchRun { run: RunId },
    #[error("run {run} exists already")]
    RunExists { run: RunId },
    #[error("no workflow with the digest {digest} is stored")]
    NoSuchWorkflow { digest: Digest },
    #[error("event {seq} has {bytes} bytes, expected at most {EVENT_BYTES_MAX}")]
    TooLarge { seq: u64, bytes: usize },
    #[error("expected a time between the years 1678 and 2262, found {at}")]
    OutOfTime { at: Timestamp },
    #[error("{place} is damaged: {why}")]
    Corrupt { place: String, why: String },
    #[error("cannot reach {place}")]
    Unreachable { place: String, source: Cause },
    #[error("{place} cannot do what it was asked")]
    Failed { place: String, source: Cause },
    #[error("cannot bring the tables of {place} up to date")]
    Migration { place: String, source: Cause },
    #[error("{why}")]
    Address { why: String },
}

/// What a library says about it.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Checks before anything is written that the records follow one another and fit.
fn check_new(run: RunId, records: &[Record]) -> Result<(), Error> {
    let Some(first) = records.first() else { return Ok(()) };
    for (i, record) in records.iter().enumerate() {
        let expected = first.seq.saturating_add(i as u64);
        if record.seq != expected {
            return Err(Error::Conflict { run, expected, found: record.seq });
        }
        if record.body.len() > EVENT_BYTES_MAX {
            return Err(Error::TooLarge { seq: record.seq, bytes: record.body.len() });
        }
        nanos(record.at)?;
    }
    Ok(())
}

/// Checks that the records are the next ones.
fn check_next(run: RunId, expected: u64, records: &[Record]) -> Result<(), Error> {
    match records.first() {
        Some(first) if first.seq != expected => Err(Error::Conflict { run, expected, found: first.seq }),
        _ => Ok(()),
    }
}

/// Checks after reading that no record is missing.
fn check_read(place: &str, run: RunId, from: u64, records: &[Record]) -> Result<(), Error> {
    for (i, record) in records.iter().enumerate() {
        let expected = from.saturating_add(i as u64);
        if record.seq != expected {
            let why = format!("event {expected} of run {run} is missing, the next one there is event {}", record.seq);
            return Err(Error::Corrupt { place: place.into(), why });
        }
    }
    Ok(())
}

/// Times are stored as nanoseconds, exactly, in 64 bits.
fn nanos(at: Timestamp) -> Result<i64, Error> {
    i64::try_from(at.as_nanosecond()).map_err(|_| Error::OutOfTime { at })
}

fn timestamp(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanos.into()).expect("64 bits of nanoseconds are within the years 1677 and 2262")
}

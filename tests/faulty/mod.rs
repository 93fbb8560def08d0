//! A store that fails on purpose, at the appends and the transfers of money that a test names.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use god_flow::{
    run::{Digest, Record, RunId},
    store::{
        self, Fence, Found, LEASE_TTL, Ledger, MemoryStore, RunHeader, Store,
        ledger::{Asked, Balance, Movement, Transfer, What},
    },
};
use jiff::Timestamp;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The store was away, and nothing was done.
    Before,
    /// The store went away when it was done.
    After,
    /// It was done, and then the store is found to be damaged.
    Damaged,
    /// Another driver takes the run for a moment.
    TakenOver,
}

/// What is done at which append, and at which transfer of money, each counted from 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) appends: BTreeMap<u32, Fault>,
    pub(crate) transfers: BTreeMap<u32, Fault>,
}

pub(crate) struct Faulty {
    store: MemoryStore,
    faults: Faults,
    appends: AtomicU32,
    transfers: AtomicU32,
}

impl Faulty {
    pub(crate) fn new(store: MemoryStore, faults: Faults) -> Self {
        Self { store, faults, appends: AtomicU32::new(0), transfers: AtomicU32::new(0) }
    }

    /// Does something as the fault wants it.
    async fn strike<T: Send>(
        &self,
        fault: Option<&Fault>,
        run: Option<RunId>,
        deed: impl Future<Output = Result<T, store::Error>> + Send,
    ) -> Result<T, store::Error> {
        let place = || "memory".to_owned();
        let away = || store::Error::Unreachable { place: place(), source: "it is made to be away".into() };
        if let (Some(Fault::TakenOver), Some(run)) = (fault, run) {
            let later = Timestamp::now().checked_add(LEASE_TTL * 2).unwrap();
            let other = self.store.lease(run, "another", Duration::from_millis(1), later).await?;
            self.store.release(other).await?;
        }
        if let Some(Fault::Before) = fault {
            return Err(away());
        }
        let done = deed.await?;
        match fault {
            Some(Fault::After) => Err(away()),
            Some(Fault::Damaged) => {
                Err(store::Error::Corrupt { place: place(), why: "it is made to be damaged".into() })
            }
            Some(Fault::Before | Fault::TakenOver) | None => Ok(done),
        }
    }
}

#[async_trait]
impl Ledger for Faulty {
    async fn transfer(&self, asked: &Asked<'_>) -> Result<Transfer, store::Error> {
        let fault = self.faults.transfers.get(&self.transfers.fetch_add(1, Ordering::Relaxed));
        let run = match asked.what {
            What::Charge { by, .. } => Some(by.fence.run()),
            What::Credit { .. } | What::Refund { .. } => None,
        };
        self.strike(fault, run, self.store.ledger().transfer(asked)).await
    }
    async fn balances(&self, of: Option<&[String]>) -> Result<Vec<Balance>, store::Error> {
        self.store.ledger().balances(of).await
    }
    async fn movements(
        &self,
        account: Option<&str>,
        run: Option<RunId>,
        max: usize,
    ) -> Result<Vec<Movement>, store::Error> {
        self.store.ledger().movements(account, run, max).await
    }
}

#[async_trait]
impl Store for Faulty {
    fn place(&self) -> &'static str {
        "a faulty place"
    }
    async fn create(&self, run: &RunHeader, records: &[Record]) -> Result<(), store::Error> {
        self.store.create(run, records).await
    }
    async fn append(&self, fence: &Fence, records: &[Record]) -> Result<(), store::Error> {
        let fault = self.faults.appends.get(&self.appends.fetch_add(1, Ordering::Relaxed));
        self.strike(fault, Some(fence.run()), self.store.append(fence, records)).await
    }
    async fn page(&self, run: RunId, from: u64, max: usize) -> Result<Vec<Record>, store::Error> {
        self.store.page(run, from, max).await
    }
    async fn header(&self, run: RunId) -> Result<RunHeader, store::Error> {
        self.store.header(run).await
    }
    async fn list(&self, max: usize) -> Result<Vec<RunHeader>, store::Error> {
        self.store.list(max).await
    }
    async fn find(&self, text: &str) -> Result<Found, store::Error> {
        self.store.find(text).await
    }
    async fn summarize(&self, fence: &Fence, state: &str, ended_at: Option<Timestamp>) -> Result<(), store::Error> {
        self.store.summarize(fence, state, ended_at).await
    }
    async fn put_workflow(&self, source: &str) -> Result<Digest, store::Error> {
        self.store.put_workflow(source).await
    }
    async fn workflow(&self, digest: Digest) -> Result<Arc<str>, store::Error> {
        self.store.workflow(digest).await
    }
    async fn tell(&self, run: RunId, command: &str) -> Result<u64, store::Error> {
        self.store.tell(run, command).await
    }
    async fn told(&self, run: RunId) -> Result<Vec<(u64, Arc<str>)>, store::Error> {
        self.store.told(run).await
    }
    async fn answer(&self, fence: &Fence, command: u64, answer: &str) -> Result<(), store::Error> {
        self.store.answer(fence, command, answer).await
    }
    async fn answer_to(&self, run: RunId, command: u64) -> Result<Option<Arc<str>>, store::Error> {
        self.store.answer_to(run, command).await
    }
    async fn lease(&self, run: RunId, by: &str, ttl: Duration, now: Timestamp) -> Result<Fence, store::Error> {
        self.store.lease(run, by, ttl, now).await
    }
    async fn renew(&self, fence: &Fence, ttl: Duration, now: Timestamp) -> Result<(), store::Error> {
        self.store.renew(fence, ttl, now).await
    }
    async fn driver(&self, run: RunId, now: Timestamp) -> Result<Option<String>, store::Error> {
        self.store.driver(run, now).await
    }
    async fn release(&self, fence: Fence) -> Result<(), store::Error> {
        self.store.release(fence).await
    }
    fn ledger(&self) -> &dyn Ledger {
        self
    }
}

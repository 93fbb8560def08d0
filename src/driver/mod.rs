//! The driver: the loop that carries a run out. It takes in what has come, lets the run decide, stores the decisions, and
//! only then makes the world match.
//!
//! `cli` builds a [`Driver`] and keeps its [`Handle`]; later the pages do the same. There is no recovery in it: at the
//! start of every session the run is read back, what ought to be under way is ensured, and the loop goes on. When another
//! process has taken the run over, or the store cannot be reached, the session is thrown away and the next one begins the
//! same way. Nothing sleeps between an attempt's end and the start of what waited for it.

mod again;
mod begin;
mod copy;
mod fits;
mod handle;
mod inbox;
mod lease;
mod name;
mod read;
mod teller;
mod turn;

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::Instant};

pub use again::{remember, reusable};
pub use begin::{New, begin, begin_again, refuse_name};
pub use copy::{Tried, over_a_copy};
pub use fits::{Unfit, refuse};
pub use handle::{Handle, Leaving, Notice};
pub use inbox::{Answer, ask};
pub use read::{load, records, workflow};
pub use turn::{RUNNING, TO_BE_REPEATED};

use crate::{
    backend::{self, Backend, Clock},
    base::limits::EVENT_BYTES_MAX,
    run::{Illegal, Input, NodeId, Outcome, RunId, World},
    store::{self, Store},
};
use handle::Desk;
use teller::Teller;

/// How a driver's work ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    Over(Outcome),
    /// Nothing goes on without an operator's decision about these.
    Held(Vec<NodeId>),
    /// It was told to leave; so many attempts are still under way.
    Left {
        under_way: usize,
    },
}

/// Why a run could not be carried on. The run itself is intact.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the records of the run cannot be read: {0}")]
    Illegal(#[from] Illegal),
    #[error(
        "the inputs of a run have {} KiB, and it begins with at most {} KiB: give fewer entrants, or names of files \
         instead of what is in them",
        bytes.div_ceil(1_024),
        EVENT_BYTES_MAX / 1_024
    )]
    Inputs { bytes: usize },
    #[error("the name of the run: {0}")]
    Name(String),
    #[error("the stored workflow cannot be read: {0}")]
    Workflow(String),
    #[error(transparent)]
    Backend(#[from] backend::Error),
}

/// How long the store may be away before a driver gives up.
const STORE_AWAY_MAX: Duration = Duration::from_mins(5);
/// The pause before the store is tried again; it doubles up to the second figure.
const STORE_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What drives one run.
pub struct Driver {
    store: Arc<dyn Store>,
    backend: Arc<dyn Backend>,
    clock: Clock,
    run: RunId,
    holder: String,
    inputs: mpsc::Receiver<Input>,
    desk: Desk,
    /// Who takes a paused run up again.
    resumes: Option<Arc<str>>,
    /// Who moves money in this session; nobody where the run is simulated.
    teller: Option<Teller>,
    /// Reports that were taken in, until they are stored: by whom does not matter, so they outlast a session.
    heard: Vec<(NodeId, u32)>,
    /// The store is away, until something is stored again.
    outage: Option<Outage>,
    /// The run as it was left.
    last: Option<Box<World>>,
}

struct Outage {
    since: Instant,
    pause: Duration,
}

/// What a driver leaves.
#[derive(Debug)]
pub struct Finished {
    pub end: End,
    /// The run as it was left; nothing where it was never driven here.
    pub world: Option<Box<World>>,
}

impl Driver {
    /// A driver of a stored run. `inputs` is the other end of the backend's channel; `holder` tells people who drives.
    pub fn new(
        store: Arc<dyn Store>,
        backend: Arc<dyn Backend>,
        clock: Clock,
        run: RunId,
        holder: String,
        inputs: mpsc::Receiver<Input>,
    ) -> (Self, Handle) {
        let (handle, desk) = handle::pair();
        let driver = Self {
            store,
            backend,
            clock,
            run,
            holder,
            inputs,
            desk,
            resumes: None,
            teller: None,
            heard: Vec::new(),
            outage: None,
            last: None,
        };
        (driver, handle)
    }

    /// A run that is paused goes on, in the name of somebody, unless another process drives it yet.
    #[must_use]
    pub fn resuming(self, who: &str) -> Self {
        Self { resumes: Some(who.into()), ..self }
    }

    /// Carries the run on until it is over, is held, or is told to leave.
    pub async fn drive(mut self) -> Result<Finished, Error> {
        loop {
            let error = match self.session().await {
                Err(Error::Store(error)) => error,
                Err(error) => return Err(error),
                Ok(end) => return Ok(Finished { end, world: self.last }),
            };
            match error {
                store::Error::Fenced { .. } => self.desk.tell(Notice::TakenOver),
                store::Error::Unreachable { .. } => {
                    let begun = || Outage { since: Instant::now(), pause: STORE_PAUSE.0 };
                    let outage = self.outage.get_or_insert_with(begun);
                    if outage.since.elapsed() >= STORE_AWAY_MAX {
                        return Err(error.into());
                    }
                    self.desk.tell(Notice::StoreAway { why: full(&error) });
                    tokio::time::sleep(outage.pause).await;
                    outage.pause = STORE_PAUSE.1.min(outage.pause * 2);
                }
                error => return Err(error.into()),
            }
            if self.desk.leaving() != Leaving::Not {
                return Ok(Finished { end: End::Left { under_way: 0 }, world: None });
            }
        }
    }
}

/// An error with all that lies under it, on one line.
pub fn full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut under = error.source();
    while let Some(error) = under {
        let words = error.to_string();
        // Some libraries tell the cause in their own words already.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        under = error.source();
    }
    text
}

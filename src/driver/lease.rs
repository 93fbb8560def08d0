//! Who drives: taking a run, waiting while another has it, and holding it on the side.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{sync::watch, task::JoinHandle};

use super::{Driver, Error, Leaving, Notice};
use crate::store::{self, Fence, LEASE_RENEWAL, LEASE_TTL, Store};

/// The longest pause before a held lease is asked for again: whoever waits takes over within seconds.
const WAIT_MAX: Duration = Duration::from_secs(1);
const WAIT_MIN: Duration = Duration::from_millis(50);

/// A lease that is renewed until this is dropped.
pub(super) struct Renewal {
    /// Becomes true when another driver has the run.
    pub(super) lost: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Driver {
    /// Takes the run, as soon as nobody else drives it. Nothing when told to leave before.
    pub(super) async fn take(&mut self) -> Result<Option<Fence>, Error> {
        let mut told = false;
        loop {
            let now = Timestamp::now();
            let (by, until) = match self.store.lease(self.run, &self.holder, LEASE_TTL, now).await {
                Ok(fence) => return Ok(Some(fence)),
                Err(store::Error::Held { by, until, .. }) => (by, until),
                Err(error) => return Err(error.into()),
            };
            if !std::mem::replace(&mut told, true) {
                // Whether the run is paused when another driver is gone is for the operators of then.
                self.resumes = None;
                self.desk.tell(Notice::Waiting { by });
            }
            let left = Duration::try_from(until.duration_since(now)).unwrap_or_default().clamp(WAIT_MIN, WAIT_MAX);
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                _ = self.desk.leave.wait_for(|leaving| *leaving != Leaving::Not) => return Ok(None),
            }
        }
    }
}

/// Renews a lease on the side. A store that is away for a moment is no reason to stop: it is the fence that keeps a driver
/// from appending once another has the run.
pub(super) fn renew(store: Arc<dyn Store>, fence: Fence) -> Renewal {
    let (lose, lost) = watch::channel(false);
    let task = tokio::spawn(async move {
        let mut every = tokio::time::interval(LEASE_RENEWAL);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            if let Err(store::Error::Fenced { .. }) = store.renew(&fence, LEASE_TTL, Timestamp::now()).await {
                lose.send_replace(true);
                return;
            }
        }
    });
    Renewal { lost, task }
}

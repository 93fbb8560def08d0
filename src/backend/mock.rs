//! Work that is played and not done: attempts take as long and end as a model says.
//!
//! Every attempt's end is counted from its recorded start, so that an attempt that is taken up after a restart goes on
//! where it was. Nothing real is ever touched.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    task::AbortHandle,
};

use super::{AttemptId, Backend, Clock, Error, LogPart, Work};
use crate::{
    base::Span,
    run::{Input, Report, event::HostOffer, place::HostId},
};

/// How an attempt goes: how long it takes, and how it ends unless it is stopped before.
#[derive(Clone, Debug, PartialEq)]
pub struct Play {
    pub takes: Span,
    pub report: Report,
}

/// Says how attempts go. The same attempt must always go the same way.
pub type Player = Box<dyn Fn(Work<'_>) -> Play + Send + Sync>;

pub struct Mock {
    clock: Clock,
    hosts: Vec<(HostId, HostOffer)>,
    player: Player,
    stage: Arc<Stage>,
}

/// What is being played, shared with the tasks that wait for an end.
struct Stage {
    reports: mpsc::Sender<Input>,
    playing: Mutex<Playing>,
}

#[derive(Default)]
struct Playing {
    attempts: HashMap<AttemptId, Under>,
    /// Where time jumps: all ends, the next one first. Of those at one moment, the one that was begun first.
    ends: BTreeSet<(Timestamp, u64, AttemptId)>,
    begun: u64,
}

struct Under {
    end: Timestamp,
    number: u64,
    report: Report,
    /// The task that waits for the end, where time goes by itself.
    waits: Option<AbortHandle>,
}

impl Mock {
    /// A world of these hosts, in which attempts go as the player says. Reports go to the channel.
    pub fn new(clock: Clock, hosts: Vec<(HostId, HostOffer)>, player: Player, reports: mpsc::Sender<Input>) -> Self {
        let stage = Arc::new(Stage { reports, playing: Mutex::default() });
        Self { clock, hosts, player, stage }
    }
}

#[async_trait]
impl Backend for Mock {
    fn name(&self) -> &'static str {
        "mock"
    }

    fn is_made_up(&self) -> bool {
        true
    }

    async fn hosts(&self) -> Result<Vec<(HostId, HostOffer)>, Error> {
        Ok(self.hosts.clone())
    }

    fn ensure(&self, id: &AttemptId, work: Work<'_>) {
        if self.stage.playing().attempts.contains_key(id) {
            return;
        }
        let Play { takes, report } = (self.player)(work);
        let end = work.attempt.started.checked_add(takes.to_signed()).unwrap_or(Timestamp::MAX);
        if !self.clock.jumps() && end <= self.clock.now() {
            return self.stage.tell(id, report);
        }
        let mut playing = self.stage.playing();
        playing.begun += 1;
        let number = playing.begun;
        let waits = (!self.clock.jumps()).then(|| self.wait(id.clone(), end).abort_handle());
        playing.attempts.insert(id.clone(), Under { end, number, report, waits });
        playing.ends.insert((end, number, id.clone()));
    }

    fn stop(&self, id: &AttemptId, keep: bool) {
        let Some(under) = self.stage.playing().take(id) else { return };
        if let Some(waits) = under.waits {
            waits.abort();
        }
        let report = match under.report {
            Report::Succeeded { output } if keep => Report::CutShort { output: Some(output) },
            Report::CutShort { output } if keep => Report::CutShort { output },
            _ => Report::CutShort { output: None },
        };
        self.stage.tell(id, report);
    }

    async fn logs(&self, _id: &AttemptId, from: u64) -> Result<LogPart, Error> {
        let text = "this attempt is played and not done: it has no log\n".as_bytes();
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(text.len());
        Ok(LogPart { bytes: text[from..].to_vec(), next: text.len() as u64, over: true })
    }

    fn at_rest(&self, due: Option<Timestamp>) {
        if !self.clock.jumps() {
            return;
        }
        let next = self.stage.playing().ends.first().map(|(end, ..)| *end);
        let Some(moment) = next.into_iter().chain(due).min() else { return };
        self.clock.jump_to(moment);
        loop {
            let mut playing = self.stage.playing();
            let Some((_, _, id)) = playing.ends.first().filter(|(end, ..)| *end <= moment).cloned() else { return };
            // The rest of the moment is played when the driver has dealt with these.
            let Ok(room) = self.stage.reports.try_reserve() else { return };
            let Some(under) = playing.take(&id) else { return };
            room.send(Input::Report { node: id.node, attempt: id.number, report: under.report });
        }
    }

    fn leave(&self) -> &'static str {
        "what was being played stands still until the run is resumed"
    }
}

impl Mock {
    fn wait(&self, id: AttemptId, end: Timestamp) -> tokio::task::JoinHandle<()> {
        let (stage, clock) = (self.stage.clone(), self.clock.clone());
        tokio::spawn(async move {
            while clock.now() < end {
                tokio::time::sleep(clock.until(end)).await;
            }
            let ended = stage.playing().take(&id);
            if let Some(under) = ended {
                // When the driver is gone nobody waits for it.
                let _ =
                    stage.reports.send(Input::Report { node: id.node, attempt: id.number, report: under.report }).await;
            }
        })
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let playing = std::mem::take(&mut *self.stage.playing());
        playing.attempts.into_values().filter_map(|under| under.waits).for_each(|waits| waits.abort());
    }
}

impl Stage {
    /// A panic elsewhere cannot leave it half done: entries are put and taken whole.
    fn playing(&self) -> MutexGuard<'_, Playing> {
        self.playing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports at once, or as soon as there is room.
    fn tell(&self, id: &AttemptId, report: Report) {
        let input = Input::Report { node: id.node.clone(), attempt: id.number, report };
        if let Err(TrySendError::Full(input)) = self.reports.try_send(input) {
            let reports = self.reports.clone();
            tokio::spawn(async move { reports.send(input).await });
        }
    }
}

impl Playing {
    fn take(&mut self, id: &AttemptId) -> Option<Under> {
        let under = self.attempts.remove(id)?;
        self.ends.remove(&(under.end, under.number, id.clone()));
        Some(under)
    }
}

//! Commands from other processes, through the store.
//!
//! Whoever drives a run looks into its inbox once a second, beside the loop, and answers. Where nobody drives, whoever
//! asks takes the run for a moment, decides, and stores the decision; nothing is started by that.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{Error, handle::Asked, load, turn};
use crate::{
    run::{Command, Input, Refusal, RunId, World},
    store::{self, Fence, LEASE_TTL, Store},
};

/// How often a driver looks.
const LOOK: Duration = Duration::from_secs(1);
/// How often whoever asks looks for the answer.
const ANSWER: Duration = Duration::from_millis(50);

/// A command as it lies in the inbox.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    who: Arc<str>,
    why: Arc<str>,
    command: Command,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Obeyed,
    Refused(String),
}

impl From<Result<(), Refusal>> for Answer {
    fn from(obeyed: Result<(), Refusal>) -> Self {
        match obeyed {
            Ok(()) => Self::Obeyed,
            Err(refusal) => Self::Refused(refusal.to_string()),
        }
    }
}

/// Asks a command of whoever drives a run, and waits for the answer; where nobody drives, answers by itself. `by` tells
/// people who that was.
pub async fn ask(
    store: &dyn Store,
    run: RunId,
    by: &str,
    who: &str,
    why: &str,
    command: Command,
) -> Result<Answer, Error> {
    let told = Told { who: who.into(), why: why.into(), command };
    let text = serde_json::to_string(&told).expect("a command has text keys and finite numbers");
    let id = store.tell(run, &text).await?;
    loop {
        if let Some(answer) = store.answer_to(run, id).await? {
            return Ok(read(&answer));
        }
        match store.lease(run, by, LEASE_TTL, Timestamp::now()).await {
            Ok(fence) => {
                let answered = answer_all(store, &fence).await;
                store.release(fence).await?;
                answered?;
            }
            Err(store::Error::Held { .. }) => tokio::time::sleep(ANSWER).await,
            Err(error) => return Err(error.into()),
        }
    }
}

fn read(answer: &str) -> Answer {
    serde_json::from_str(answer).unwrap_or_else(|_| Answer::Refused(answer.into()))
}

pub(super) fn write(answer: &Answer) -> String {
    serde_json::to_string(answer).expect("an answer is text")
}

/// Answers what lies in the inbox of a run that nobody drives.
async fn answer_all(store: &dyn Store, fence: &Fence) -> Result<(), Error> {
    let mut world = load(store, fence.run()).await?;
    world.hold_back(true);
    for (id, text) in store.told(fence.run()).await? {
        let answer = match serde_json::from_str(&text) {
            Ok(told) => obey(store, fence, &mut world, told).await?,
            Err(error) => Answer::Refused(format!("the command cannot be read: {error}")),
        };
        store.answer(fence, id, &write(&answer)).await?;
    }
    let (state, ended_at) = turn::summary(&world);
    store.summarize(fence, &state, ended_at).await?;
    Ok(())
}

async fn obey(store: &dyn Store, fence: &Fence, world: &mut World, told: Told) -> Result<Answer, Error> {
    let Told { who, why, command } = told;
    if let Some(refusal) = world.refusal(&command) {
        return Ok(Answer::Refused(refusal.to_string()));
    }
    // A run in made-up time stands still while nobody drives it.
    let now = if world.run.simulated { world.now() } else { Timestamp::now() };
    let records = world.handle(now, [Input::Command { who, why, command }]);
    store.append(fence, &records).await?;
    Ok(Answer::Obeyed)
}

/// Looks into the inbox of a run that is driven here, until this is dropped.
pub(super) struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn listen(store: Arc<dyn Store>, fence: Fence, commands: mpsc::Sender<Asked>) -> Listening {
    Listening(tokio::spawn(async move {
        let mut every = tokio::time::interval(LOOK);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            // What the store does not tell now it tells the next time; that it is away the loop finds out itself.
            let told = store.told(fence.run()).await.unwrap_or_default();
            for (id, text) in told {
                match serde_json::from_str(&text) {
                    Ok(told) => {
                        if !pass_on(&commands, id, told).await {
                            return;
                        }
                    }
                    Err(error) => {
                        let answer = Answer::Refused(format!("the command cannot be read: {error}"));
                        // Where it cannot be said now it is the next time.
                        let _ = store.answer(&fence, id, &write(&answer)).await;
                    }
                }
            }
        }
    }))
}

/// Asks the loop, which answers; false when it is gone.
async fn pass_on(commands: &mpsc::Sender<Asked>, id: u64, told: Told) -> bool {
    let Told { who, why, command } = told;
    let (answer, answered) = oneshot::channel();
    commands.send(Asked { who, why, command, told: Some(id), answer }).await.is_ok() && answered.await.is_ok()
}

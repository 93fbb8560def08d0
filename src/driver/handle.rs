//! What others hold of a driver: commands in, records and views out. Its channels are bounded and hidden here.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::run::{Command, Record, Refusal, World};

/// Commands that may wait. Operators are few and wait for an answer each.
const COMMANDS_MAX: usize = 16;
/// Looks that may wait. Whoever looks waits for the answer, so these are as many as there are onlookers.
const LOOKS_MAX: usize = 16;
/// Turns that a slow listener may be behind before it is told that it has missed some and must read the store.
const FEED_MAX: usize = 1_024;
/// Notices are said as they come; these are more than a person reads.
const NOTICES_MAX: usize = 64;

/// A command, and who waits for the answer.
pub(super) struct Asked {
    pub(super) who: Arc<str>,
    pub(super) why: Arc<str>,
    pub(super) command: Command,
    /// Its number in the inbox, if it came from there. It is answered there before anything else happens, for the run may
    /// be over with it.
    pub(super) told: Option<u64>,
    pub(super) answer: oneshot::Sender<Result<(), Refusal>>,
}

/// How far the driver is told to leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leaving {
    #[default]
    Not,
    /// Nothing new starts; what runs is waited for.
    WhenIdle,
    AtOnce,
}

/// What people should know about the driving itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Another process drives the run; this one takes over when that one is gone.
    Waiting {
        by: String,
    },
    /// This process drives the run now. So many attempts were under way and are taken up.
    Driving {
        taken_up: usize,
    },
    TakenOver,
    StoreAway {
        why: String,
    },
}

type Look = Box<dyn FnOnce(&World) + Send>;

/// A driver, as others see it. Clones are the same driver.
#[derive(Clone)]
pub struct Handle {
    commands: mpsc::Sender<Asked>,
    looks: mpsc::Sender<Look>,
    feed: broadcast::Sender<Arc<[Record]>>,
    leaving: watch::Sender<Leaving>,
    notices: broadcast::Sender<Notice>,
}

/// The driver's side.
pub(super) struct Desk {
    pub(super) commands: mpsc::Receiver<Asked>,
    pub(super) looks: mpsc::Receiver<Look>,
    pub(super) leave: watch::Receiver<Leaving>,
    feed: broadcast::Sender<Arc<[Record]>>,
    notices: broadcast::Sender<Notice>,
    /// Its own end of the channel for commands: what is told through the store is asked here like all else.
    pub(super) ask: mpsc::Sender<Asked>,
}

pub(super) fn pair() -> (Handle, Desk) {
    let (commands, asked) = mpsc::channel(COMMANDS_MAX);
    let (looks, looked) = mpsc::channel(LOOKS_MAX);
    let (leaving, leave) = watch::channel(Leaving::Not);
    let feed = broadcast::Sender::new(FEED_MAX);
    let notices = broadcast::Sender::new(NOTICES_MAX);
    let ask = commands.clone();
    let handle = Handle { commands, looks, feed: feed.clone(), leaving, notices: notices.clone() };
    (handle, Desk { commands: asked, looks: looked, leave, feed, notices, ask })
}

impl Handle {
    /// Asks for a command; nothing where the driver is gone.
    pub async fn command(
        &self,
        who: impl Into<Arc<str>>,
        why: impl Into<Arc<str>>,
        command: Command,
    ) -> Option<Result<(), Refusal>> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Asked { who: who.into(), why: why.into(), command, told: None, answer }).await.ok()?;
        answered.await.ok()
    }

    /// What the run looks like between two turns; nothing where the driver is gone or has not begun.
    pub async fn look<T: Send + 'static>(&self, view: impl FnOnce(&World) -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let look: Look = Box::new(move |world| {
            // Whoever asked may have gone.
            let _ = answer.send(view(world));
        });
        self.looks.send(look).await.ok()?;
        answered.await.ok()
    }

    /// The records of each turn from now on, once they are stored.
    pub fn feed(&self) -> broadcast::Receiver<Arc<[Record]>> {
        self.feed.subscribe()
    }

    /// Returns once the driver is gone.
    pub async fn gone(&self) {
        self.looks.closed().await;
    }

    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Tells the driver to leave; it never stays again.
    pub fn leave(&self, how: Leaving) {
        self.leaving.send_modify(|leaving| *leaving = how.max(*leaving));
    }
}

impl Desk {
    pub(super) fn leaving(&self) -> Leaving {
        *self.leave.borrow()
    }
    pub(super) fn publish(&self, records: Vec<Record>) {
        // Without listeners there is nobody to tell.
        if self.feed.receiver_count() > 0 {
            let _ = self.feed.send(records.into());
        }
    }
    pub(super) fn tell(&self, notice: Notice) {
        let _ = self.notices.send(notice);
    }
}

//! How a run goes, while it goes: redrawn on a terminal, told line by line elsewhere. All of it is on stderr.

mod fold;
mod outlook;
mod screen;
mod seen;
mod told;

use std::{
    collections::HashSet,
    io::IsTerminal,
    time::{Duration, Instant},
};

use tokio::sync::{broadcast::error::RecvError, mpsc, watch};

use self::{
    outlook::Outlook,
    screen::{Look, Screen, size},
    seen::Seen,
    told::Told,
};
use super::out::Out;
use crate::{
    backend::Clock,
    driver::{Handle, Notice},
    run::{RunId, World},
};

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(200);
/// Looking at a large run takes longer; no more than this share of the time goes into it.
const SHARE: u32 = 20;

/// Words by the way that may wait: there are two signals.
const SAID_MAX: usize = 4;

/// Shows a run until its driver is gone.
pub(super) struct Progress {
    run: RunId,
    name: String,
    clock: Clock,
    out: Out,
    shown: Shown,
    /// What was seen last.
    last: Seen,
    said: (mpsc::Sender<String>, mpsc::Receiver<String>),
}

enum Shown {
    Screen(Screen),
    Told(Told),
}

impl Progress {
    pub(super) fn new(run: RunId, name: &str, clock: Clock, out: Out) -> Self {
        let is_screen = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let shown = if is_screen { Shown::Screen(Screen::default()) } else { Shown::Told(Told::default()) };
        Self { run, name: name.into(), clock, out, shown, last: Seen::default(), said: mpsc::channel(SAID_MAX) }
    }

    /// Where something can be said meanwhile that must stay in sight.
    pub(super) fn ear(&self) -> mpsc::Sender<String> {
        self.said.0.clone()
    }

    pub(super) async fn follow(mut self, handle: Handle) -> Self {
        let mut notices = handle.notices();
        let mut pause = EVERY;
        // In lines for a log it would never be told.
        let is_drawn = matches!(self.shown, Shown::Screen(_));
        let left = is_drawn.then(|| outlook::watch(handle.clone(), self.clock.clone()));
        loop {
            tokio::select! {
                biased;
                notice = notices.recv() => match notice {
                    Ok(notice) => self.notice(&notice),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return self,
                },
                Some(text) = self.said.1.recv() => self.say(text),
                () = handle.gone() => return self,
                // A notice that comes in between only begins this anew.
                seen = glimpse(self.run, self.clock.clone(), &handle, left.as_ref(), pause) => {
                    let Some((seen, took)) = seen else { return self };
                    pause = EVERY.max(took * SHARE);
                    self.show(&seen);
                    self.last = seen;
                }
            }
        }
    }

    /// How it stands when nothing more is driven here.
    pub(super) fn end(mut self, world: &World) {
        let seen = Seen::of(self.run, world, None, world.now());
        if let Shown::Screen(screen) = &mut self.shown {
            screen.footer = None;
        }
        self.show(&seen);
        match &mut self.shown {
            Shown::Screen(screen) => screen.leave(),
            Shown::Told(_) => self.out.say(&format!("{}\n", seen.line())),
        }
    }

    fn show(&mut self, seen: &Seen) {
        match &mut self.shown {
            Shown::Screen(screen) => self.out.say(&screen.draw(seen, look(&self.out))),
            Shown::Told(told) => self.out.say(&told.lines(seen)),
        }
    }

    /// What is said stays on the screen for as long as it is drawn.
    fn say(&mut self, text: String) {
        match &mut self.shown {
            Shown::Screen(screen) => {
                screen.footer = Some(text);
                // It may be said before anything was seen.
                self.out.say(&screen.draw(&self.last, look(&self.out)));
            }
            Shown::Told(_) => self.out.say(&format!("{text}\n")),
        }
    }

    fn notice(&mut self, notice: &Notice) {
        let name = &self.name;
        let text = match notice {
            Notice::Driving { taken_up: 0 } => return,
            Notice::Driving { taken_up } => {
                format!("{name} is driven here now; {taken_up} attempts under way are taken up")
            }
            Notice::Waiting { by } => format!("{name} is driven by {by}; this takes over when that is gone"),
            Notice::TakenOver => format!("{name} has been taken over by another process; this one waits behind it"),
            Notice::StoreAway { why } => format!("the store cannot be reached, trying again: {why}"),
        };
        if let Shown::Screen(screen) = &mut self.shown {
            self.out.say(&screen.clear());
        }
        self.out.say(&format!("{text}\n"));
    }
}

/// What is seen of the run after a while, and how long it took to look.
async fn glimpse(
    run: RunId,
    clock: Clock,
    handle: &Handle,
    left: Option<&watch::Receiver<Outlook>>,
    pause: Duration,
) -> Option<(Seen, Duration)> {
    tokio::time::sleep(pause).await;
    let left = left.and_then(|left| *left.borrow());
    let look = move |world: &World| {
        let began = Instant::now();
        (Seen::of(run, world, left, clock.now()), began.elapsed())
    };
    handle.look(look).await
}

fn look(out: &Out) -> Look {
    let (width, height) = size();
    Look { width, height, colour: out.colour, unicode: out.unicode }
}

/// Rows that have been told of, by their paths.
type Known = HashSet<String>;

//! How a run goes, while it goes: redrawn on a terminal, told line by line elsewhere. All of it is on stderr.

mod screen;
mod seen;
mod told;

use std::{
    collections::HashSet,
    io::IsTerminal,
    time::{Duration, Instant},
};

use tokio::sync::broadcast::error::RecvError;

use self::{screen::Screen, seen::Seen, told::Told};
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

/// Shows a run until its driver is gone.
pub(super) struct Progress {
    run: RunId,
    name: String,
    clock: Clock,
    out: Out,
    shown: Shown,
}

enum Shown {
    Screen(Screen),
    Told(Told),
}

impl Progress {
    pub(super) fn new(run: RunId, name: &str, clock: Clock, out: Out) -> Self {
        let is_screen = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let shown = if is_screen { Shown::Screen(Screen::default()) } else { Shown::Told(Told::default()) };
        Self { run, name: name.into(), clock, out, shown }
    }

    pub(super) async fn follow(mut self, handle: Handle) -> Self {
        let mut notices = handle.notices();
        let mut pause = EVERY;
        loop {
            tokio::select! {
                biased;
                notice = notices.recv() => match notice {
                    Ok(notice) => self.notice(&notice),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return self,
                },
                () = handle.gone() => return self,
                // A notice that comes in between only begins this anew.
                seen = self.look(&handle, pause) => {
                    let Some((seen, took)) = seen else { return self };
                    pause = EVERY.max(took * SHARE);
                    self.show(&seen);
                }
            }
        }
    }

    async fn look(&self, handle: &Handle, pause: Duration) -> Option<(Seen, Duration)> {
        tokio::time::sleep(pause).await;
        let (run, clock) = (self.run, self.clock.clone());
        handle
            .look(move |world| {
                let began = Instant::now();
                (Seen::of(run, world, clock.now()), began.elapsed())
            })
            .await
    }

    /// How it stands when nothing more is driven here.
    pub(super) fn end(mut self, world: &World) {
        let seen = Seen::of(self.run, world, world.now());
        self.show(&seen);
        match &mut self.shown {
            Shown::Screen(screen) => screen.leave(),
            Shown::Told(_) => self.out.say(&format!("{}\n", seen.head)),
        }
    }

    fn show(&mut self, seen: &Seen) {
        match &mut self.shown {
            Shown::Screen(screen) => self.out.say(&screen.draw(seen, self.out.colour, self.out.unicode)),
            Shown::Told(told) => self.out.say(&told.lines(seen)),
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

/// Rows that have been told of, by their paths.
type Known = HashSet<String>;

//! Following a run for as long as somebody drives it.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Exit, call, carry, out::Out};
use crate::{
    driver,
    store::{RunHeader, Store},
};

/// How often it is asked who drives the run.
const LOOKS_EVERY: Duration = Duration::from_secs(1);
/// Whoever waits behind a driver that died takes over sooner than this, and one that begins in the background has begun.
const LEFT_AFTER: Duration = Duration::from_secs(3);

/// A run that is followed.
pub(super) struct Followed<'s> {
    store: &'s dyn Store,
    run: &'s RunHeader,
    looked: Option<Instant>,
    undriven_since: Option<Instant>,
}

impl<'s> Followed<'s> {
    pub(super) fn new(store: &'s dyn Store, run: &'s RunHeader) -> Self {
        Self { store, run, looked: None, undriven_since: None }
    }

    /// Whether nobody has driven the run for a while, so that nothing more is to come.
    pub(super) fn is_left(&mut self, out: &Out) -> Result<bool, Exit> {
        let now = Instant::now();
        if self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOKS_EVERY) {
            self.looked = Some(now);
            let driver = carry::block_on(self.store.driver(self.run.id, Timestamp::now()));
            let driver = driver.map_err(|error| out.failure(&driver::full(&error)))?;
            self.undriven_since = if driver.is_some() { None } else { self.undriven_since.or(Some(now)) };
        }
        Ok(self.undriven_since.is_some_and(|since| now.duration_since(since) >= LEFT_AFTER))
    }

    /// Says why nothing more comes, unless the run is over.
    pub(super) fn end(&self, address: Option<&str>, out: &Out) -> Exit {
        let run = carry::block_on(self.store.header(self.run.id));
        match run {
            Ok(run) if run.ended_at.is_some() => Exit::Fine,
            Ok(run) => {
                let resume = call::about("resume", &run, address);
                out.say(&format!("no process drives {}, and it is not over; take it up with: {resume}\n", run.name));
                Exit::Cancelled
            }
            Err(error) => out.failure(&driver::full(&error)),
        }
    }
}

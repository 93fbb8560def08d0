//! How long a run still takes, worked out beside it while it goes.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::{
    backend::Clock,
    driver::Handle,
    sim,
    view::{Left, between},
};

/// How often it is worked out.
const EVERY: Duration = Duration::from_secs(2);
/// For large runs less often: no more than this share of the time goes into it.
const SHARE: u32 = 20;

/// What was worked out last, and for which moment.
pub(super) type Outlook = Option<(Left, Timestamp)>;

/// Works it out again and again until the driver is gone.
pub(super) fn watch(handle: Handle, clock: Clock) -> watch::Receiver<Outlook> {
    let (tell, told) = watch::channel(None);
    tokio::spawn(async move {
        loop {
            let (began, clock) = (Instant::now(), clock.clone());
            let look = handle.look(move |world| (world.clone(), clock.now())).await;
            let Some((world, now)) = look else { return };
            // It is made up and touches nothing; a bug in it must not end the run.
            let left = tokio::task::spawn_blocking(move || sim::rest(world, now)).await.ok().flatten();
            if tell.send(left.map(|left| (left, now))).is_err() {
                return;
            }
            tokio::time::sleep(EVERY.max(began.elapsed() * SHARE)).await;
        }
    });
    told
}

/// In words, at a later moment; nothing where more time has passed than was left.
pub(super) fn words(outlook: Outlook, now: Timestamp) -> Option<String> {
    let (left, at) = outlook?;
    left.after(between(at, now)).map(|left| left.words())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;

    #[test]
    fn time_that_has_passed_since_is_taken_off() {
        let at = |secs| Timestamp::from_second(secs).unwrap();
        let left = |least, left, most, at_least| {
            let [least, left, most] = [least, left, most].map(Span::from_secs);
            Some((Left { left, least, most, at_least }, at(100)))
        };
        for (outlook, now, told) in [
            (left(50, 60, 65, false), 100, Some("about 1m left")),
            (left(50, 60, 90, false), 100, Some("50s to 1m30s left")),
            (left(50, 60, 90, true), 130, Some("at least 20s left")),
            (left(60, 60, 60, false), 160, None),
            (left(60, 60, 60, false), 90, Some("about 1m left")),
            (None, 100, None),
        ] {
            assert_eq!(words(outlook, at(now)).as_deref(), told, "at {now}");
        }
    }
}

//! The time by which a run goes: the real one, or one that is made up for a mock world.
//!
//! The driver stamps its records with it and sleeps by it, the mock backend plays by it. Leases never go by it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// No sleep is longer: the wall clock may be set, and a laptop may be closed meanwhile.
const SLEEP_MAX: Duration = Duration::from_mins(1);

/// How fast made-up time goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as fast as real time.
    Times(f64),
    /// From one moment at which something happens to the next, without waiting.
    Max,
}

/// A clock. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Real,
    Made(Arc<Made>),
}

#[derive(Debug)]
struct Made {
    speed: Speed,
    since: Mutex<Since>,
}

/// At this real moment it was that made-up time.
#[derive(Clone, Copy, Debug)]
struct Since {
    real: Instant,
    made: Timestamp,
}

impl Clock {
    pub fn real() -> Self {
        Self(Kind::Real)
    }

    /// A clock that begins at a moment.
    pub fn made(speed: Speed, made: Timestamp) -> Self {
        let since = Mutex::new(Since { real: Instant::now(), made });
        Self(Kind::Made(Arc::new(Made { speed, since })))
    }

    pub fn now(&self) -> Timestamp {
        let Kind::Made(made) = &self.0 else { return Timestamp::now() };
        let since = *made.since();
        match made.speed {
            Speed::Max => since.made,
            Speed::Times(times) => {
                let passed = SignedDuration::try_from_secs_f64(since.real.elapsed().as_secs_f64() * times);
                since.made.checked_add(passed.unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Made-up time goes on from here; it never goes back, and between two drivers of a run it stands still.
    pub fn go_on_from(&self, at: Timestamp) {
        if let Kind::Made(made) = &self.0 {
            *made.since() = Since { real: Instant::now(), made: at };
        }
    }

    /// At full speed, goes on to a moment; any other clock goes by itself.
    pub fn jump_to(&self, at: Timestamp) {
        if let Kind::Made(made) = &self.0
            && made.speed == Speed::Max
        {
            let mut since = made.since();
            since.made = since.made.max(at);
        }
    }

    pub fn jumps(&self) -> bool {
        matches!(&self.0, Kind::Made(made) if made.speed == Speed::Max)
    }

    /// How long it is, in real time, until a moment. Whoever sleeps so long looks again afterwards.
    pub fn until(&self, at: Timestamp) -> Duration {
        let left = at.duration_since(self.now());
        let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
        let left = match &self.0 {
            Kind::Real => left,
            Kind::Made(made) => match made.speed {
                Speed::Max if left.is_zero() => Duration::ZERO,
                Speed::Max => SLEEP_MAX,
                Speed::Times(times) => Duration::try_from_secs_f64(left.as_secs_f64() / times).unwrap_or(SLEEP_MAX),
            },
        };
        left.min(SLEEP_MAX)
    }
}

impl Made {
    /// A panic elsewhere cannot leave it half written.
    fn since(&self) -> MutexGuard<'_, Since> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Speed {
    /// `60`, `0.5` or `max`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a number above 0 such as `60`, or `max`, found `{text}`");
        match text {
            "max" => Ok(Self::Max),
            _ => match text.parse::<f64>() {
                // Faster than this nothing could be seen of the difference.
                Ok(times) if times >= 1e9 => Ok(Self::Max),
                Ok(times) if times > 0.0 => Ok(Self::Times(times)),
                _ => Err(wrong()),
            },
        }
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Times(times) => write!(f, "{times}"),
            Self::Max => f.write_str("max"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_time_goes_on_from_where_it_was() {
        let start = Timestamp::new(1_000, 0).unwrap();
        let clock = Clock::made(Speed::Max, start);
        assert_eq!(clock.now(), start);
        let later = Timestamp::new(5_000, 0).unwrap();
        assert!(clock.until(later) > Duration::ZERO);
        clock.jump_to(later);
        clock.jump_to(start);
        assert_eq!((clock.now(), clock.until(later)), (later, Duration::ZERO));
        let fast = Clock::made(Speed::Times(1_000.0), start);
        let left = fast.until(Timestamp::new(1_010, 0).unwrap());
        assert!(left <= Duration::from_millis(10), "{left:?}");
    }

    #[test]
    fn speeds_are_read() {
        for (text, expected) in [
            ("60", Some(Speed::Times(60.0))),
            ("0.5", Some(Speed::Times(0.5))),
            ("max", Some(Speed::Max)),
            ("1e12", Some(Speed::Max)),
            ("inf", Some(Speed::Max)),
            ("0", None),
            ("-1", None),
            ("nan", None),
            ("fast", None),
        ] {
            assert_eq!(Speed::parse(text).ok(), expected, "{text}");
        }
    }
}

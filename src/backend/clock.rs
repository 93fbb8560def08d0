//! The time by which a run goes: the real one, or one that is made up for a mock world.
//!
//! The driver stamps its records with it and sleeps by it, the mock backend plays by it. Leases never go by it.
//!
//! The real one begins with the wall clock and goes on by one that nobody sets: what is measured by it has passed. That the
//! wall clock has gone forward meanwhile, since it was set or since the machine slept, is told by [`Clock::jumped`]; to where
//! it was set back it is not followed.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

use crate::base::Span;

/// No sleep is longer: the wall clock may be set, and a laptop may be closed meanwhile.
const SLEEP_MAX: Duration = Duration::from_mins(1);
/// How far the wall clock must be ahead to have jumped.
const JUMP_MIN: SignedDuration = SignedDuration::from_secs(2);

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
    Real(Arc<Real>),
    Made(Arc<Made>),
}

struct Real {
    wall: Wall,
    since: Mutex<Since>,
}

/// What time the machine says it is.
type Wall = Box<dyn Fn() -> Timestamp + Send + Sync>;

impl fmt::Debug for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Real").field("since", &self.since).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Made {
    speed: Speed,
    since: Mutex<Since>,
}

/// At this real moment it was that time.
#[derive(Clone, Copy, Debug)]
struct Since {
    real: Instant,
    time: Timestamp,
}

impl Clock {
    pub fn real() -> Self {
        Self::real_by(Timestamp::now)
    }

    /// The real clock of a machine that says what time it is.
    pub fn real_by(wall: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let since = Mutex::new(Since { real: Instant::now(), time: wall() });
        Self(Kind::Real(Arc::new(Real { wall: Box::new(wall), since })))
    }

    /// A clock that begins at a moment.
    pub fn made(speed: Speed, made: Timestamp) -> Self {
        let since = Mutex::new(Since { real: Instant::now(), time: made });
        Self(Kind::Made(Arc::new(Made { speed, since })))
    }

    pub fn now(&self) -> Timestamp {
        let made = match &self.0 {
            Kind::Real(real) => return real.since().at(1.0),
            Kind::Made(made) => made,
        };
        let since = *made.since();
        match made.speed {
            Speed::Max => since.time,
            Speed::Times(times) => since.at(times),
        }
    }

    /// How far the wall clock has gone forward since this was asked last without that time having passed; from now on it is
    /// followed from there.
    pub fn jumped(&self) -> Option<Span> {
        let Kind::Real(real) = &self.0 else { return None };
        let wall = (real.wall)();
        let mut since = real.since();
        let by = wall.duration_since(since.at(1.0));
        if by < JUMP_MIN {
            return None;
        }
        *since = Since { real: Instant::now(), time: wall };
        Span::from_millis(u64::try_from(by.as_millis()).ok()?)
    }

    /// Time goes on from here where it would be earlier otherwise. Made-up time stands still between two drivers of a run.
    pub fn go_on_from(&self, at: Timestamp) {
        let real = Instant::now();
        match &self.0 {
            Kind::Real(clock) => *clock.since() = Since { real, time: (clock.wall)().max(at) },
            Kind::Made(made) => *made.since() = Since { real, time: at },
        }
    }

    /// At full speed, goes on to a moment; any other clock goes by itself.
    pub fn jump_to(&self, at: Timestamp) {
        if let Kind::Made(made) = &self.0
            && made.speed == Speed::Max
        {
            let mut since = made.since();
            since.time = since.time.max(at);
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
            Kind::Real(_) => left,
            Kind::Made(made) => match made.speed {
                Speed::Max if left.is_zero() => Duration::ZERO,
                Speed::Max => SLEEP_MAX,
                Speed::Times(times) => Duration::try_from_secs_f64(left.as_secs_f64() / times).unwrap_or(SLEEP_MAX),
            },
        };
        left.min(SLEEP_MAX)
    }
}

impl Since {
    /// What time it is now, where time goes so many times as fast as it passes.
    fn at(self, times: f64) -> Timestamp {
        let passed = SignedDuration::try_from_secs_f64(self.real.elapsed().as_secs_f64() * times);
        self.time.checked_add(passed.unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
    }
}

impl Real {
    /// A panic elsewhere cannot leave it half written.
    fn since(&self) -> MutexGuard<'_, Since> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
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

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(times) => write!(f, "{times}"),
            Self::Max => f.write_str("max"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

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
    fn what_the_wall_clock_does_by_itself_has_not_passed() {
        let start = Timestamp::new(1_000_000, 0).unwrap();
        let ahead = Arc::new(AtomicI64::new(0));
        let wall = ahead.clone();
        let began = Instant::now();
        let clock = Clock::real_by(move || {
            let passed = SignedDuration::try_from(began.elapsed()).unwrap();
            start + passed + SignedDuration::from_secs(wall.load(Ordering::Relaxed))
        });
        let now = |clock: &Clock| clock.now().duration_since(start).as_secs();
        assert_eq!((clock.jumped(), now(&clock)), (None, 0));
        ahead.store(7_200, Ordering::Relaxed);
        assert_eq!(now(&clock), 0, "it has not passed");
        let by = clock.jumped().unwrap().millis();
        assert!((7_199_000..=7_201_000).contains(&by), "{by}");
        assert_eq!((clock.jumped(), now(&clock)), (None, 7_200), "it is told once, and then it is that late");
        for back in [7_199, 3_600, -100] {
            ahead.store(back, Ordering::Relaxed);
            assert_eq!((clock.jumped(), now(&clock)), (None, 7_200), "time never goes back");
        }
        clock.go_on_from(start + SignedDuration::from_secs(9_000));
        assert_eq!(now(&clock), 9_000, "a log from a time that is still to come");
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

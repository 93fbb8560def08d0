//! What a schedule says at a moment: whether a run starts now, or when it would.
//!
//! All times are in UTC. `cli` asks it with the history that a store tells of.

use jiff::{SignedDuration, Timestamp};

use super::{Every, Schedule, Weekday};
use crate::base::Span;

/// What was done under a schedule before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// When the last run ended, or began where that is not known. Cancelled runs do not count.
    pub last: Option<Timestamp>,
    /// When that run began. A window in which one began has had its run.
    pub began: Option<Timestamp>,
    /// Whether a run is going on.
    pub running: bool,
    /// Whether that run gave `again: true`.
    pub again: bool,
}

/// Whether a run starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It starts now. The window that it starts in began then, where there is one and it matters.
    Now(Option<Timestamp>),
    /// It starts then.
    At(Timestamp),
    /// Another run is going on.
    Busy,
}

const DAY_S: i64 = 86_400;
/// The window of a schedule that says none.
const USUAL_WINDOW: Span = Span::from_secs(3_600);

impl Schedule {
    /// Whether a run starts at that moment. The first run of all starts at once.
    pub fn due(&self, now: Timestamp, before: Before) -> Due {
        if before.running && self.one_at_a_time {
            return Due::Busy;
        }
        let Some(last) = before.last else { return Due::Now(None) };
        if let Some(wait) = self.again.filter(|_| before.again) {
            let then = later(last, wait);
            return if now >= then { Due::Now(None) } else { Due::At(then) };
        }
        if let Every::Gap = self.every {
            let then = later(last, self.gap.unwrap_or_default());
            return if now >= then { Due::Now(None) } else { Due::At(then) };
        }
        let next = self.begin(now.max(last), true);
        let window = self.begin(now, true);
        let in_window = window <= now;
        if in_window && before.began.is_some_and(|began| began >= window) {
            return Due::At(self.begin(now.max(last), false));
        }
        if in_window && now >= next { Due::Now(Some(next)) } else { Due::At(next) }
    }

    /// When the window begins that a moment lies in, and otherwise the next one. Without `or_within`, the next one always.
    pub fn begin(&self, moment: Timestamp, or_within: bool) -> Timestamp {
        let at = self.at.map_or(0, |at| i64::from(at.hour) * 3_600 + i64::from(at.minute) * 60);
        let (period, offset) = match self.every {
            Every::Week => (7 * DAY_S, i64::from(days_after_thursday(self.on)) * DAY_S + at),
            Every::Day | Every::Gap => (DAY_S, at),
        };
        let second = moment.as_second();
        let begun = second - (second - offset).rem_euclid(period);
        let window = i64::try_from(self.window.unwrap_or(USUAL_WINDOW).millis()).unwrap_or(i64::MAX);
        let within = moment.as_millisecond().saturating_sub(begun * 1_000) < window;
        let seconds = if within && or_within { begun } else { begun + period };
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    }
}

/// Weeks are counted from the first of January 1970, which was a Thursday.
fn days_after_thursday(day: Option<Weekday>) -> u8 {
    match day.unwrap_or(Weekday::Monday) {
        Weekday::Thursday => 0,
        Weekday::Friday => 1,
        Weekday::Saturday => 2,
        Weekday::Sunday => 3,
        Weekday::Monday => 4,
        Weekday::Tuesday => 5,
        Weekday::Wednesday => 6,
    }
}

fn later(moment: Timestamp, span: Span) -> Timestamp {
    let span: SignedDuration = span.to_signed();
    moment.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    fn schedule(json: Json) -> Schedule {
        serde_json::from_value(json).unwrap()
    }
    fn weekly() -> Schedule {
        schedule(json!({"every": "week", "on": "thursday", "at": "14:00", "window": "1h"}))
    }
    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_week_has_one_window() {
        for (now, last, expected) in [
            ("2026-06-18T14:00:00Z", "2026-06-15T13:00:00Z", Due::Now(Some(at("2026-06-18T14:00:00Z")))),
            ("2026-06-18T14:59:59Z", "2026-06-15T13:00:00Z", Due::Now(Some(at("2026-06-18T14:00:00Z")))),
            ("2026-06-18T14:30:00Z", "2026-06-18T14:20:00Z", Due::Now(Some(at("2026-06-18T14:00:00Z")))),
            ("2026-06-18T15:00:00Z", "2026-06-15T13:00:00Z", Due::At(at("2026-06-25T14:00:00Z"))),
            ("2026-06-18T13:59:59Z", "2026-06-15T13:00:00Z", Due::At(at("2026-06-18T14:00:00Z"))),
            ("2026-06-21T00:00:00Z", "2026-06-15T13:00:00Z", Due::At(at("2026-06-25T14:00:00Z"))),
            ("2026-06-18T14:30:00Z", "2026-06-20T00:00:00Z", Due::At(at("2026-06-25T14:00:00Z"))),
        ] {
            let before = Before { last: Some(at(last)), ..Before::default() };
            assert_eq!(weekly().due(at(now), before), expected, "{now} after {last}");
        }
        assert_eq!(weekly().due(at("2026-06-15T00:00:00Z"), Before::default()), Due::Now(None));
        assert_eq!(weekly().due(at("2026-06-18T14:30:00Z"), Before { running: true, ..Before::default() }), Due::Busy);
    }

    #[test]
    fn a_window_has_one_run() {
        let (now, ended) = (at("2026-06-18T14:30:00Z"), Some(at("2026-06-18T14:20:00Z")));
        for (began, expected) in [
            ("2026-06-18T14:00:00Z", Due::At(at("2026-06-25T14:00:00Z"))),
            ("2026-06-18T13:59:59Z", Due::Now(Some(at("2026-06-18T14:00:00Z")))),
        ] {
            let before = Before { last: ended, began: Some(at(began)), ..Before::default() };
            assert_eq!(weekly().due(now, before), expected, "began {began}");
        }
    }

    #[test]
    fn what_is_to_be_repeated_waits_for_no_window() {
        let mut schedule = weekly();
        schedule.again = Some(Span::from_secs(1_800));
        let ended = Before {
            last: Some(at("2026-06-18T14:40:00Z")),
            began: Some(at("2026-06-18T14:30:00Z")),
            ..Before::default()
        };
        for (now, again, expected) in [
            ("2026-06-18T15:09:59Z", true, Due::At(at("2026-06-18T15:10:00Z"))),
            ("2026-06-18T15:10:00Z", true, Due::Now(None)),
            ("2026-06-19T00:00:00Z", true, Due::Now(None)),
            ("2026-06-18T15:10:00Z", false, Due::At(at("2026-06-25T14:00:00Z"))),
        ] {
            assert_eq!(schedule.due(at(now), Before { again, ..ended }), expected, "{now}, again: {again}");
        }
        schedule.again = None;
        let due = schedule.due(at("2026-06-18T15:10:00Z"), Before { again: true, ..ended });
        assert_eq!(due, Due::At(at("2026-06-25T14:00:00Z")), "no rule says that it is repeated");
    }

    #[test]
    fn a_gap_is_counted_from_the_last_end() {
        let gap = schedule(json!({"every": "gap", "gap": "72h"}));
        let before = Before { last: Some(at("2026-06-15T13:00:00Z")), ..Before::default() };
        assert_eq!(gap.due(at("2026-06-18T13:00:00Z"), before), Due::Now(None));
        assert_eq!(gap.due(at("2026-06-18T12:59:59Z"), before), Due::At(at("2026-06-18T13:00:00Z")));
    }

    proptest! {
        #[test]
        fn the_next_start_is_never_further_than_a_period(now in 0i64..4_000_000_000, last in 0i64..4_000_000_000, window in 1u32..600_000) {
            let mut every_day = schedule(json!({"every": "day", "at": "07:30"}));
            every_day.window = Some(Span::from_secs(window));
            let (now, last) = (Timestamp::from_second(now).unwrap(), Timestamp::from_second(last).unwrap());
            match every_day.due(now, Before { last: Some(last), ..Before::default() }) {
                Due::At(then) => prop_assert!(then > now.min(last) && then.as_second() - now.max(last).as_second() <= DAY_S),
                Due::Now(since) => prop_assert!(since.is_some_and(|since| since <= now)),
                Due::Busy => prop_assert!(false),
            }
        }
    }
}

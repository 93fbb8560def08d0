//! How bad a storm is.

use crate::base::seed::Stream;

/// How often what goes wrong: shares of turns, of reports and of changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Weather {
    /// The process dies before the records of a turn are stored, or the store refuses them.
    pub(super) crash_before: f64,
    /// It dies after they are stored and before anything was done about them.
    pub(super) crash_after: f64,
    pub(super) late: f64,
    pub(super) lost: f64,
    pub(super) twice: f64,
    /// Somebody else reports another end of the same attempt, later.
    pub(super) contradicted: f64,
    /// The clock is behind.
    pub(super) clock: f64,
    /// It jumps ahead, as that of a machine that slept.
    pub(super) jump: f64,
    /// A host is lost, shrinks, grows or comes back; a foreign process takes a GPU; the run is paused.
    pub(super) change: f64,
    /// Turns until the storm is over.
    pub(super) turns: usize,
}

impl Weather {
    /// Some storms are all crashes, some all reports, some everything at once.
    pub(super) fn of(stream: &mut Stream) -> Self {
        let mut share = |most: f64| match stream.below(3) {
            0 => 0.0,
            1 => most * stream.unit(),
            _ => most,
        };
        Self {
            crash_before: share(0.15),
            crash_after: share(0.15),
            late: share(0.3),
            lost: share(0.1),
            twice: share(0.3),
            contradicted: share(0.2),
            clock: share(0.2),
            jump: share(0.05),
            change: share(0.6),
            turns: 50 + stream.below(600) as usize,
        }
    }
}

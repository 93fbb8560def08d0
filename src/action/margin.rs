//! How much better a challenger must be, and how that shrinks with each defence.

use schemars::JsonSchema;
use serde::Deserialize;

use super::vocabulary::Better;

/// By how much a challenger must be better than the champion, as a share of the champion's result.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "{start:%} against a champion who has won once[; for each further win {decay} times as much][; {floor:%} at least][; {?multiplied}of the champion's result as it is, where that is below zero too]"))]
pub struct Margin {
    /// The margin of a champion who has won once.
    #[schemars(range(min = 0.0))]
    pub start: f64,
    /// By what it is multiplied for each further win.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub decay: Option<f64>,
    /// What it never falls below.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub floor: f64,
    /// Multiplies the champion's result by one plus or minus the margin, as deployed until June 2026. Below zero that makes
    /// the bar lower instead of higher; otherwise the margin is a share of the result's size.
    #[serde(default)]
    pub multiplied: bool,
}

impl Margin {
    /// The margin of a champion with so many wins in a row.
    pub fn after(&self, wins: u32) -> f64 {
        let further = i32::try_from(wins).unwrap_or(i32::MAX).saturating_sub(1);
        let shrunk = self.decay.map_or(self.start, |decay| self.start * decay.powi(further));
        shrunk.max(self.floor)
    }

    /// What the challenger must reach.
    pub fn bar(&self, better: Better, champion: f64, wins: u32) -> f64 {
        let margin = self.after(wins);
        match (better, self.multiplied) {
            (Better::Lower, true) => champion * (1.0 - margin),
            (Better::Higher, true) => champion * (1.0 + margin),
            (Better::Lower, false) => champion - margin * champion.abs(),
            (Better::Higher, false) => champion + margin * champion.abs(),
        }
    }
}

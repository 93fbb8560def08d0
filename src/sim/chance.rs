//! Numbers by chance, from a stream of the seed: the same on every machine, since only `+`, `*` and `/` make them.

use crate::base::seed::Stream;

/// A number around 0 with a spread of 1, never beyond 6: the sum of twelve even draws.
pub(super) fn normal(stream: &mut Stream) -> f64 {
    (0..12).map(|_| stream.unit()).sum::<f64>() - 6.0
}

/// The exponential, close enough for a model: (1 + x/1024)^1024 by squaring.
pub(super) fn exp(x: f64) -> f64 {
    (0..10).fold((1.0 + x / 1_024.0).max(0.0), |power, _| power * power)
}

/// A factor around 1: half of them are below, and twice is as likely as half.
pub(super) fn factor(stream: &mut Stream, spread: f64) -> f64 {
    exp(spread * normal(stream))
}

/// A number between two.
pub(super) fn between(stream: &mut Stream, from: f64, to: f64) -> f64 {
    from + (to - from) * stream.unit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn draws_have_the_spread_that_they_are_asked_for() {
        let mut stream = Seed(1).stream("chance");
        let drawn: Vec<f64> = (0..20_000).map(|_| normal(&mut stream)).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        let square = drawn.iter().map(|it| it * it).sum::<f64>() / drawn.len() as f64;
        assert!(mean.abs() < 0.03 && (square - 1.0).abs() < 0.05, "mean {mean}, square {square}");
        assert!((exp(1.0) - std::f64::consts::E).abs() < 0.002 && exp(0.0) == 1.0 && exp(-2_000.0) == 0.0);
        assert!((0..1_000).all(|_| (2.0..3.0).contains(&between(&mut stream, 2.0, 3.0))));
    }
}

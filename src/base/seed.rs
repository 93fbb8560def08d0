//! Randomness as a value: one seed for a run, one stream for each purpose.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The seed of a run. Streams are derived per purpose, so that adding a draw never shifts another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

/// Numbers for one purpose. The same seed and purpose give the same numbers on every machine and version.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Seed {
    /// The numbers for one purpose, such as `rounds#2/draw`.
    pub fn stream(self, purpose: &str) -> Stream {
        let digest = Sha256::new().chain_update(self.0.to_le_bytes()).chain_update(purpose.as_bytes()).finalize();
        Stream(ChaCha8Rng::from_seed(digest.into()))
    }
}

impl Stream {
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A whole number below `bound`, every one equally likely.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a draw needs something to draw from");
        // Multiply and reject, after Lemire: no bias and hardly ever a second draw.
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_never_changes_between_versions() {
        let mut stream = Seed(7).stream("rounds#2/draw");
        let drawn: Vec<u64> = (0..4).map(|_| stream.below(1_000)).collect();
        assert_eq!(drawn, [400, 142, 160, 12], "runs of the past depend on these");
    }
}

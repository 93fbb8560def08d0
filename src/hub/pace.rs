//! The rate limit that all transfers of a hub share.

use std::{sync::Mutex, time::Duration};

use tokio::time::{Instant, sleep_until};

pub(super) struct Pace {
    per_second: Option<u64>,
    /// When the next bytes may pass.
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn new(per_second: Option<u64>) -> Self {
        Self { per_second: per_second.map(|rate| rate.max(1)), next: Mutex::new(None) }
    }

    /// Waits until so many bytes may pass. Whoever waits holds nobody up but those who come after.
    pub(super) async fn take(&self, bytes: usize) {
        let Some(rate) = self.per_second else { return };
        let from = {
            let mut next = self.next.lock().expect("nothing panics while it is held");
            let from = next.unwrap_or_else(Instant::now).max(Instant::now());
            *next = Some(from + Duration::from_secs_f64(bytes as f64 / rate as f64));
            from
        };
        sleep_until(from).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_who_take_share_the_rate() {
        let pace = Pace::new(Some(1_000));
        let begun = Instant::now();
        let four = async {
            for _ in 0..4 {
                pace.take(500).await;
            }
        };
        let other = async {
            for _ in 0..4 {
                pace.take(500).await;
            }
        };
        tokio::join!(four, other);
        // Eight times half a second, and the last of them is let pass at its beginning.
        assert_eq!(begun.elapsed().as_millis(), 3_500);
        Pace::new(None).take(usize::MAX).await;
        assert_eq!(begun.elapsed().as_millis(), 3_500);
    }
}

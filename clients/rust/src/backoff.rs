//! How long to wait before the next try.

use std::time::Duration;

pub(crate) const FIRST_DELAY: Duration = Duration::from_millis(100);

/// Delays from 0.1 s that double up to a limit, jittered so that clients don't return in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    limit: Duration,
}

impl Backoff {
    pub(crate) fn up_to(limit: Duration) -> Self {
        Self { next: FIRST_DELAY, limit }
    }

    /// The delay after one more failure.
    pub(crate) fn delay(&mut self) -> Duration {
        let longest = self.next;
        self.next = (longest * 2).min(self.limit);
        longest.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// Whether there was no failure since the last success.
    pub(crate) fn is_reset(&self) -> bool {
        self.next == FIRST_DELAY
    }

    pub(crate) fn reset(&mut self) {
        self.next = FIRST_DELAY;
    }
}

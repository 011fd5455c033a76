//! Whether the watch of pods lives. A watch that was resumed says nothing until a pod changes, so silence after an error is
//! judged: no further error for longer than any retry takes, and the API server answers.

use std::time::{Duration, Instant};

/// Longer than the longest pause between two tries ([`crate::watch::stream::LONGEST_PAUSE`]) and the try itself.
const MENDED_AFTER: Duration = Duration::from_secs(crate::watch::stream::LONGEST_PAUSE.as_secs() + 3);

/// What was heard, and when.
#[derive(Debug)]
pub struct Pulse {
    heard: Instant,
    failed: Option<Instant>,
    asking: bool,
}

impl Pulse {
    /// Begins now.
    pub fn new(now: Instant) -> Self {
        Self { heard: now, failed: None, asking: false }
    }

    /// The watch said something.
    pub fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.failed = None;
    }

    /// The watch failed; it is tried again.
    pub fn failed(&mut self, now: Instant) {
        self.failed = Some(now);
    }

    /// Since when nothing was heard.
    pub fn age(&self, now: Instant) -> Duration {
        now.duration_since(self.heard)
    }

    /// Time to ask the API server whether it answers.
    pub fn asks(&mut self, now: Instant) -> bool {
        let asks = !self.asking && self.failed.is_some_and(|t| now.duration_since(t) >= MENDED_AFTER);
        self.asking |= asks;
        asks
    }

    /// The answer. Returns whether the watch works again.
    pub fn answered(&mut self, answers: bool, now: Instant) -> bool {
        self.asking = false;
        let quiet = self.failed.is_some_and(|t| now.duration_since(t) >= MENDED_AFTER);
        match (answers, quiet) {
            (true, true) => self.heard(now),
            (false, true) => self.failed = Some(now),
            _ => {}
        }
        answers && quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_after_an_error_is_believed_once_the_server_answers() {
        let t = Instant::now();
        let mut p = Pulse::new(t);
        assert!(!p.asks(t + MENDED_AFTER));
        p.failed(t);
        assert!(!p.asks(t + Duration::from_secs(1)));
        let later = t + MENDED_AFTER;
        assert!(p.asks(later) && !p.asks(later));
        assert!(!p.answered(false, later));
        assert!(!p.asks(later + Duration::from_secs(1)), "asked again after a pause only");
        let later = later + MENDED_AFTER;
        assert!(p.asks(later) && p.answered(true, later));
        assert!(!p.asks(later + MENDED_AFTER));
    }

    #[test]
    fn an_error_while_asking_makes_the_answer_void() {
        let t = Instant::now();
        let mut p = Pulse::new(t);
        p.failed(t);
        assert!(p.asks(t + MENDED_AFTER));
        p.failed(t + MENDED_AFTER);
        assert!(!p.answered(true, t + MENDED_AFTER));
    }
}

//! When the kubelet starts a container again: its back-off, as far as it tells it, else worked out.
//!
//! None after the first end, then 10 s doubled up to 5 min; forgotten after 10 min of running. A node may be configured to wait
//! less (`crashLoopBackOff.maxContainerRestartPeriod`); that shows in the message of CrashLoopBackOff, which stands for the last
//! moment of a wait only (kubelet-facts), so what it told last is kept, and in starts that come too early.

use crate::diagnose::facts::Timestamp;
use crate::report::resource;

/// The longest back-off, seconds.
const MAX: i64 = 300;
/// What is shorter is no back-off: a container that a probe killed is started at once every other time.
const LEAST: i64 = 8;
/// A run of so many seconds makes the kubelet forget.
const FORGETS: i64 = 600;

/// A container that waits to be started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When it ended.
    pub ended: Timestamp,
    /// How long it had run, seconds.
    pub ran: Option<i64>,
    /// How long the run before had been, where status still has it.
    pub ran_before: Option<i64>,
    /// The kubelet's own word, seconds.
    pub told: Option<i64>,
}

/// What is known of one container's back-off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackOff {
    /// Restart count and seconds, as the kubelet told last.
    told: Option<(i64, i64)>,
    /// Told twice alike: the node's maximum.
    most: Option<i64>,
    /// Restart count at which it last began anew.
    anew: i64,
}

impl BackOff {
    /// When it is started next.
    pub fn next(&mut self, restarts: i64, wait: &Wait) -> Option<Timestamp> {
        let long = |ran: Option<i64>| ran.is_some_and(|s| s >= FORGETS);
        if long(wait.ran) {
            self.begin(restarts);
        } else if long(wait.ran_before) {
            self.begin(restarts - 1);
        }
        if let Some(seconds) = wait.told {
            if self.told.is_some_and(|(then, before)| then < restarts && before == seconds) {
                self.most = Some(seconds);
            }
            self.told = Some((restarts, seconds));
        }
        let seconds = wait.told.unwrap_or_else(|| self.computed(restarts));
        Timestamp::from_second(wait.ended.as_second().checked_add(seconds)?).ok()
    }

    /// It was started after so many seconds: where that is less than it should have been, the node's maximum is not more.
    pub fn saw(&mut self, restarts: i64, waited: i64) {
        let expected = self.computed(restarts - 1);
        if waited >= LEAST && waited + 2 < expected {
            self.most = Some(waited);
        }
    }

    /// The node's maximum outlives a good run; what was told before it does not.
    fn begin(&mut self, restarts: i64) {
        if restarts > self.anew {
            self.anew = restarts;
            self.told = self.told.filter(|(then, _)| *then > restarts);
        }
    }

    fn computed(&self, restarts: i64) -> i64 {
        let doubled = |from: i64, times: i64| from << times.clamp(0, 9);
        let seconds = match (self.told, restarts - self.anew) {
            (Some((then, seconds)), _) if restarts >= then => doubled(seconds, restarts - then),
            (_, ..=0) => 0,
            (_, n) => doubled(10, n - 1),
        };
        seconds.min(self.most.unwrap_or(MAX)).min(MAX)
    }
}

/// `back-off 1m20s restarting failed container=...` -> 80.
pub fn told(message: &str) -> Option<i64> {
    resource::seconds(message.strip_prefix("back-off ")?.split_whitespace().next()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::at;

    /// Seconds until the next start, after the end at second 0.
    fn wait(b: &mut BackOff, restarts: i64, ran: i64, told: Option<i64>) -> i64 {
        let wait = Wait { ended: at(0), ran: Some(ran), ran_before: None, told };
        b.next(restarts, &wait).unwrap().as_second() - at(0).as_second()
    }

    #[test]
    fn the_kubelets_words_are_read() {
        assert_eq!(told("back-off 1m20s restarting failed container=app pod=web-1_shop(p-1)"), Some(80));
        assert_eq!(told("back-off 5m0s restarting failed container=app"), Some(300));
        assert_eq!(told("exec: no such file"), None);
    }

    #[test]
    fn without_words_it_is_none_then_ten_seconds_doubled_up_to_five_minutes() {
        let mut b = BackOff::default();
        let waits: Vec<i64> = (0..8).map(|n| wait(&mut b, n, 2, None)).collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(wait(&mut b, 40, 2, None), 300);
    }

    #[test]
    fn ten_minutes_of_running_begin_anew() {
        let mut b = BackOff::default();
        assert_eq!(wait(&mut b, 20, 700, None), 0);
        assert_eq!([21, 22].map(|n| wait(&mut b, n, 2, None)), [10, 20]);
        let mut unseen = BackOff::default();
        let second = Wait { ended: at(0), ran: Some(2), ran_before: Some(5_000), told: None };
        assert_eq!(unseen.next(21, &second), Some(at(10)));
    }

    #[test]
    fn the_maximum_of_the_node_is_learnt_from_what_the_kubelet_tells() {
        let mut b = BackOff::default();
        assert_eq!(wait(&mut b, 3, 2, Some(40)), 40);
        assert_eq!(wait(&mut b, 4, 2, None), 80);
        assert_eq!(wait(&mut b, 4, 2, Some(60)), 60);
        assert_eq!(wait(&mut b, 5, 2, Some(60)), 60);
        assert_eq!([6, 9].map(|n| wait(&mut b, n, 2, None)), [60, 60]);
        assert_eq!(wait(&mut b, 10, 700, None), 0);
        assert_eq!([11, 20].map(|n| wait(&mut b, n, 2, None)), [10, 60]);
    }

    #[test]
    fn the_maximum_of_the_node_is_learnt_from_starts_that_come_early() {
        let mut b = BackOff::default();
        let seen: Vec<i64> = (0..5)
            .map(|n| {
                b.saw(n, if n < 2 { 0 } else { 11 });
                wait(&mut b, n, 2, None)
            })
            .collect();
        assert_eq!(seen, [0, 10, 20, 11, 11], "one start tells it");
        let mut killed = BackOff::default();
        killed.saw(4, 1);
        assert_eq!(wait(&mut killed, 4, 2, None), 80, "at once, as after a probe's kill, tells nothing");
    }

    #[test]
    fn a_kubelet_that_begins_with_one_second_is_followed() {
        let mut b = BackOff::default();
        assert_eq!(wait(&mut b, 1, 0, Some(1)), 1);
        assert_eq!([2, 3].map(|n| wait(&mut b, n, 0, None)), [2, 4]);
    }
}

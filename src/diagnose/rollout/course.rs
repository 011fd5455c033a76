//! The course of a crash loop in time: when it began, and since when the container had been well before.

use crate::diagnose::Case;
use crate::diagnose::facts::{State, Terminated, Timestamp, seconds_between};

/// A run of at least so many seconds was a good one: the kubelet forgets its back-off after it.
const GOOD: i64 = 600;

/// When it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// The first crash of this loop, or where it never ran, when it should have; `None`: cannot be told.
    pub first: Option<Timestamp>,
    /// Start of the last good run of this pod before it, where there was one.
    pub good_since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    started: Option<Timestamp>,
    ended: Timestamp,
}

impl Run {
    fn of(end: &Terminated) -> Option<Self> {
        Some(Self { started: end.started, ended: end.finished? })
    }

    fn length(self) -> i64 {
        self.started.and_then(|s| seconds_between(s, self.ended)).unwrap_or(0)
    }
}

/// Works it out from the ends that status and history still know.
pub fn course(case: &Case) -> Course {
    let begin = case.pod.start_time.or(case.pod.created);
    let runs = runs(case);
    let Some(newest) = runs.first() else {
        let never_ran = case.container.status.restarts == 0;
        return Course { first: begin.filter(|_| never_ran), good_since: None };
    };
    let short = runs.iter().take_while(|r| r.length() < GOOD).count();
    if let Some(good) = runs.get(short) {
        let first = if short == 0 { good } else { &runs[short - 1] };
        return Course { first: Some(first.ended), good_since: good.started };
    }
    let first = if runs.len() >= ends(case) {
        runs.last().map(|r| r.ended)
    } else {
        begin.filter(|b| is_steady(case, *b, *newest)).and_then(|b| later(b, newest.length()))
    };
    Course { first, good_since: None }
}

/// Known ends of this container, newest first.
fn runs(case: &Case) -> Vec<Run> {
    let own = |p: &&crate::diagnose::facts::PastCrash| p.container == case.container.name && p.pod == case.pod.name;
    let past = case.cluster.history.iter().filter(own).filter_map(|p| {
        let ended = p.finished?;
        // A StatefulSet's pod comes back under its name.
        let is_this = case.pod.created.is_none_or(|c| ended.as_second() >= c.as_second());
        is_this.then(|| Run { started: p.ran_for.and_then(|s| later(ended, -s)), ended })
    });
    let mut runs: Vec<Run> =
        [case.crash(), case.earlier_crash()].into_iter().flatten().filter_map(Run::of).chain(past).collect();
    runs.sort_by_key(|r| std::cmp::Reverse(r.ended));
    runs.dedup_by_key(|r| r.ended.as_second());
    runs
}

/// How often the container ended in this pod.
fn ends(case: &Case) -> usize {
    let running = matches!(case.container.status.state, State::Running { .. });
    case.container.status.restarts as usize + usize::from(!running)
}

/// Whether the pod's age is about what so many restarts take with the kubelet's back-off: then it never ran well in between.
fn is_steady(case: &Case, begin: Timestamp, newest: Run) -> bool {
    let Some(age) = seconds_between(begin, newest.ended) else { return true };
    let restarts = i64::from(case.container.status.restarts);
    // None, 10, 20, 40, 80, 160 s, then 300 s each.
    let waits = if restarts > 6 { 310 + (restarts - 6) * 300 } else { 10 * ((1 << (restarts - 1).max(0)) - 1) };
    age <= (waits + (restarts + 1) * newest.length().max(1)) * 3 / 2 + 120
}

fn later(t: Timestamp, seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(t.as_second().checked_add(seconds)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::PastCrash;
    use crate::diagnose::testing::{World, at};

    fn past(ended: i64, ran: i64) -> PastCrash {
        PastCrash {
            finished: Some(at(ended)),
            ran_for: Some(ran),
            pod: "web-1".into(),
            container: "app".into(),
            ..PastCrash::default()
        }
    }

    fn of(w: &World) -> (Option<Timestamp>, Option<Timestamp>) {
        let c = course(&w.case());
        (c.first, c.good_since)
    }

    /// Third restart, the run from `ended - ran` on.
    fn third(ran: i64, created: i64) -> World {
        World::new().crashed(1, "Error", ran).with(|w| w.pod().created = Some(at(created)))
    }

    #[test]
    fn a_pod_that_never_ran_well_crashed_first_soon_after_its_start() {
        assert_eq!(of(&third(2, -75)), (Some(at(-73)), None));
        let never = World::new().waiting("ImagePullBackOff", "x");
        assert_eq!(of(&never), (Some(at(-5)), None));
    }

    #[test]
    fn the_history_tells_the_first_crash_and_the_last_good_run() {
        let w = third(2, -90_000).with(|w| w.cluster.history = vec![past(-50, 40_000), past(-30, 2), past(-20, 2)]);
        assert_eq!(of(&w), (Some(at(-30)), Some(at(-40_050))));
    }

    #[test]
    fn few_restarts_in_a_long_life_leave_it_open() {
        assert_eq!(of(&third(2, -90_000)), (None, None));
    }

    #[test]
    fn a_long_run_that_ends_in_the_crash_is_the_last_good_one() {
        let w = third(4_000, -10).with(|w| w.container().status.restarts = 1);
        assert_eq!(of(&w), (Some(at(4_000)), Some(at(0))));
    }

    #[test]
    fn an_earlier_pod_of_the_same_name_is_another() {
        let w = third(2, -75).with(|w| w.cluster.history = vec![past(-500, 1)]);
        assert_eq!(of(&w).0, Some(at(-73)));
    }
}

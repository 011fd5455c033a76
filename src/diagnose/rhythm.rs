//! The rhythm of a crash loop, from its history: the same end each time or several, how far apart, one cause or changing ones.
//!
//! Runs once, after ranking, and only adds evidence.

use std::collections::BTreeMap;

use super::facts::{PastCrash, Terminated, Timestamp};
use super::{Case, Diagnosis, Evidence, Source, words};

/// Fewer crashes are no rhythm.
const LEAST: usize = 3;
/// Seconds between crashes from which on people do not call it a loop: the kubelet's back-off is long over.
const SLOW: i64 = 3_600;

/// One crash, of status or history.
struct Crash<'a> {
    finished: Option<Timestamp>,
    pod: &'a str,
    end: String,
    ran_for: Option<i64>,
    diagnosis: &'a str,
}

/// Adds what the history tells.
pub(super) fn attach(case: &Case, diagnosis: &mut Diagnosis) {
    let crashes = crashes(case, diagnosis);
    if crashes.len() < LEAST {
        return;
    }
    let own: Vec<&Crash> = crashes.iter().filter(|c| c.pod == case.pod.name).collect();
    let text = format!("the last {} crashes: {}{}", crashes.len(), ends(&crashes), apart(&own).unwrap_or_default());
    diagnosis.evidence.push(Evidence::new(Source::ContainerStatus, text));
    if let Some(text) = alternation(&own) {
        diagnosis.evidence.push(Evidence::new(Source::ContainerStatus, text));
    }
}

/// Oldest first, the present one last.
fn crashes<'a>(case: &Case<'a>, diagnosis: &Diagnosis) -> Vec<Crash<'a>> {
    let past = case.past().filter(|p| p.exit_code.is_some());
    let mut crashes: Vec<Crash> = past.map(of_past).collect();
    let pod = case.pod.name.as_str();
    let known = |t: &Terminated| {
        let same = |p: &&PastCrash| p.finished.map(Timestamp::as_second) == t.finished.map(Timestamp::as_second);
        case.cluster.history.iter().filter(|p| p.pod == pod).find(same).map_or("", |p| p.diagnosis.as_str())
    };
    let of_end = |t: &Terminated, diagnosis| Crash {
        finished: t.finished,
        pod,
        end: end(t.exit_code, &t.reason),
        ran_for: t.ran_for(),
        diagnosis,
    };
    crashes.extend(case.earlier_crash().map(|t| of_end(t, known(t))));
    crashes.extend(case.crash().map(|t| of_end(t, diagnosis.reason.as_str())));
    crashes.sort_by_key(|c| c.finished);
    crashes
}

fn of_past(p: &PastCrash) -> Crash<'_> {
    Crash {
        finished: p.finished,
        pod: &p.pod,
        end: end(p.exit_code.unwrap_or_default(), &p.reason),
        ran_for: p.ran_for,
        diagnosis: &p.diagnosis,
    }
}

/// `exit 137 (OOMKilled)`; the kubelet's `Error` says nothing.
fn end(code: i32, reason: &str) -> String {
    if matches!(reason, "" | "Error") { format!("exit {code}") } else { format!("exit {code} ({reason})") }
}

/// `exit 1 after 2 s each time`, `exit 137 (OOMKilled) 4 times after 3 min to 4 min, exit 1 once after 2 s`.
fn ends(crashes: &[Crash]) -> String {
    let mut by_end: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for c in crashes {
        *counts.entry(&c.end).or_default() += 1;
        by_end.entry(&c.end).or_default().extend(c.ran_for);
    }
    let mut order: Vec<(&str, u32)> = counts.into_iter().collect();
    order.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let after = |end: &str| by_end.get(end).and_then(|r| span(r)).map(|s| format!(" after {s}")).unwrap_or_default();
    if let [(only, _)] = order[..] {
        return format!("{only}{} each time", after(only));
    }
    let each = order.iter().map(|(end, n)| format!("{end} {}{}", words::times(*n), after(end)));
    each.collect::<Vec<_>>().join(", ")
}

/// `2 s`, `2 s to 5 min`.
fn span(seconds: &[i64]) -> Option<String> {
    let (least, most) = (*seconds.iter().min()?, *seconds.iter().max()?);
    let close = most - least <= (most / 5).max(1);
    Some(match close {
        true if least == most => words::seconds(most),
        true => format!("about {}", words::seconds(most)),
        false => format!("{} to {}", words::seconds(least), words::seconds(most)),
    })
}

/// How far apart the crashes of one pod are.
fn apart(own: &[&Crash]) -> Option<String> {
    let times: Vec<i64> = own.iter().filter_map(|c| c.finished).map(Timestamp::as_second).collect();
    let gaps: Vec<i64> = times.windows(2).map(|w| w[1] - w[0]).collect();
    if gaps.len() + 1 < LEAST {
        return None;
    }
    let slow = if gaps.iter().all(|g| *g >= SLOW) { ": a slow loop" } else { "" };
    Some(format!(", {} apart{slow}", span(&gaps)?))
}

/// `alternates between MemoryLimitExceeded (3 times) and UnhandledException (2 times)`; of one pod, since two pods may
/// simply fail for two reasons.
fn alternation(own: &[&Crash]) -> Option<String> {
    let named: Vec<&str> = own.iter().map(|c| c.diagnosis).filter(|d| !d.is_empty() && *d != "Unknown").collect();
    let turns = named.windows(2).filter(|w| w[0] != w[1]).count();
    let mut counts: Vec<(&str, u32)> = Vec::new();
    for name in &named {
        match counts.iter_mut().find(|(n, _)| n == name) {
            Some((_, n)) => *n += 1,
            None => counts.push((name, 1)),
        }
    }
    let listed: Vec<String> = counts.iter().map(|(name, n)| format!("{name} ({})", words::times(*n))).collect();
    match turns {
        0 => None,
        1 => Some(format!("the cause has changed: first {}", listed.join(", then "))),
        _ => Some(format!("alternates between {}", listed.join(" and "))),
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnose::facts::PastCrash;
    use crate::diagnose::testing::{World, at};

    fn past(ended: i64, code: i32, reason: &str, ran: i64, diagnosis: &str) -> PastCrash {
        PastCrash {
            finished: Some(at(ended)),
            pod: "web-1".into(),
            container: "app".into(),
            exit_code: Some(code),
            reason: reason.into(),
            ran_for: Some(ran),
            diagnosis: diagnosis.into(),
        }
    }

    fn told(history: Vec<PastCrash>) -> String {
        let log = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nValueError: bad\n";
        let world = World::new().crashed(1, "Error", 2).log(log).with(|w| w.cluster.history = history);
        let all: Vec<String> = world.diagnose().evidence.into_iter().map(|e| e.detail).collect();
        all.join("\n")
    }

    #[test]
    fn the_same_end_each_time() {
        let same = |t| past(t, 1, "Error", 2, "UnhandledException");
        let text = told(vec![same(-100), same(-60), same(-30), same(2)]);
        assert!(text.contains("the last 4 crashes: exit 1 after 2 s each time, 30 s to 40 s apart"), "{text}");
        assert!(!text.contains("alternates") && !text.contains("has changed"), "{text}");
    }

    #[test]
    fn two_crashes_are_no_rhythm() {
        assert!(!told(vec![past(-30, 1, "Error", 2, "UnhandledException")]).contains("crashes:"));
    }

    #[test]
    fn causes_that_alternate() {
        let oom = |t| past(t, 137, "OOMKilled", 200, "MemoryLimitExceeded");
        let text = told(vec![oom(-900), past(-600, 1, "Error", 2, "UnhandledException"), oom(-300)]);
        assert!(text.contains("exit 1 2 times after 2 s, exit 137 (OOMKilled) 2 times after 3 min 20 s"), "{text}");
        assert!(
            text.contains("alternates between MemoryLimitExceeded (2 times) and UnhandledException (2 times)"),
            "{text}"
        );
        let text = told(vec![oom(-900), oom(-600), oom(-300)]);
        assert!(
            text.contains("has changed: first MemoryLimitExceeded (3 times), then UnhandledException (1 time)"),
            "{text}"
        );
    }

    #[test]
    fn a_crash_every_few_hours_is_a_slow_loop() {
        let slow = |t| past(t, 1, "Error", 18_000, "UnhandledException");
        let text = told(vec![slow(-37_000), slow(-18_500)]);
        assert!(text.contains("about 5 h 8 min apart: a slow loop"), "{text}");
    }
}

//! Who ended the container: the kubelet's own words, tied to the run that crashed.
//!
//! Events are aggregated (`count`, first, last), so a kill belongs to a run when its last occurrence lies in it, or when
//! it recurs and has outlived it.

use super::Case;
use super::facts::{Condition, Event, Probe, Timestamp, seconds_between};

/// The kubelet takes up to this long, in seconds, to write down what it did.
const SLACK: i64 = 5;

/// Which probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// `livenessProbe`.
    Liveness,
    /// `startupProbe`.
    Startup,
}

impl ProbeKind {
    /// In the kubelet's words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Liveness => "liveness",
            Self::Startup => "startup",
        }
    }
}

/// A container killed because of a probe.
pub struct ProbeKill<'a> {
    /// Which probe.
    pub kind: ProbeKind,
    /// Its spec, where the spec still has it.
    pub probe: Option<&'a Probe>,
    /// The kubelet's `Killing` event; `None` where only failures were seen.
    pub killing: Option<&'a Event>,
    /// The newest failure of that probe that belongs to the run.
    pub failure: Option<&'a Event>,
    /// Seconds from the container's start to the kill; where no event tells, to its end.
    pub after: Option<i64>,
}

impl ProbeKill<'_> {
    /// What the probe said, without the `Liveness probe failed: ` before it; empty where nothing is known.
    pub fn text(&self) -> &str {
        let message = self.failure.map_or("", |e| e.message.as_str());
        message.split_once("probe failed:").map_or("", |p| p.1).trim()
    }
}

/// A stop that has nothing to do with what the program did.
pub struct Stop<'a> {
    /// What happened, in words: `the pod was deleted`.
    pub what: &'static str,
    /// The kubelet's event, where there is one.
    pub event: Option<&'a Event>,
    /// The condition that tells, where there is one.
    pub condition: Option<&'a Condition>,
}

/// Whether an event's occurrences touch the run that crashed.
fn in_run(case: &Case, event: &Event, grace: i64) -> bool {
    let Some(crash) = case.crash() else { return false };
    let (Some(finished), Some(last)) = (crash.finished, event.last) else { return false };
    let first = event.first.unwrap_or(last);
    if later(first, finished) > SLACK {
        return false;
    }
    if later(last, finished) > SLACK {
        return event.count > 1;
    }
    later(finished, last) <= grace + 2 * SLACK && crash.started.is_none_or(|s| later(s, last) <= SLACK)
}

/// Whether a recurring event of a probe belongs to the run although its last occurrence lies before it. The kubelet's recorder lets
/// through 25 events of a pod and then one in five minutes (client-go, EventSourceObjectSpamFilter), so in an old loop most kills
/// are not written down. Only for a run that a signal ended, and that lasted long enough for the probe.
fn rationed(case: &Case, event: &Event, kind: ProbeKind) -> bool {
    const RECENT: i64 = 900;
    let Some(crash) = case.crash().filter(|c| matches!(c.exit_code, 0 | 137 | 143) && c.reason != "OOMKilled") else {
        return false;
    };
    let recent = crash.finished.zip(event.last).is_some_and(|(f, l)| (0..=RECENT).contains(&later(f, l)));
    let long = spec(case, kind).zip(crash.ran_for()).is_some_and(|(probe, ran)| ran + 1 >= probe.earliest_kill());
    event.count >= 3 && recent && long
}

/// Whether the event came within ten minutes after the end of the run.
fn soon_after(case: &Case, event: &Event) -> bool {
    let finished = case.crash().and_then(|c| c.finished);
    finished.zip(event.last).is_some_and(|(f, l)| (-SLACK..600).contains(&later(l, f)))
}

/// Seconds that `a` is later than `b`; negative when earlier.
fn later(a: Timestamp, b: Timestamp) -> i64 {
    a.as_second() - b.as_second()
}

/// Which probe an event's message blames for a kill. Wordings: kubelet >= 1.13 `Container app failed liveness probe, will
/// be restarted`; before `... Container failed liveness probe.. Container will be killed and recreated.`; up to 1.10
/// `container "app" is unhealthy, it will be killed and re-created`.
fn kill_by(message: &str) -> Option<ProbeKind> {
    if message.contains("failed startup probe") {
        Some(ProbeKind::Startup)
    } else if message.contains("failed liveness probe") || message.contains("is unhealthy, it will be killed") {
        Some(ProbeKind::Liveness)
    } else {
        None
    }
}

/// Which probe an `Unhealthy` event is about. Readiness never kills. A probe that could not be run (`Liveness probe errored: …`,
/// newer `… errored and resulted in unknown state: …`) is thrown away by the kubelet and never kills either.
fn failure_of(message: &str) -> Option<ProbeKind> {
    let message = message.strip_prefix("(combined from similar events): ").unwrap_or(message);
    if message.starts_with("Liveness probe failed") {
        Some(ProbeKind::Liveness)
    } else if message.starts_with("Startup probe failed") {
        Some(ProbeKind::Startup)
    } else {
        None
    }
}

fn newest_failure<'a>(case: &Case<'a>, kind: ProbeKind, grace: i64) -> Option<&'a Event> {
    let finished = case.crash()?.finished;
    own_events(case)
        .filter(|e| e.reason == "Unhealthy" && failure_of(&e.message) == Some(kind))
        .filter(|e| in_run(case, e, grace) || rationed(case, e, kind))
        .max_by_key(|e| (e.last.zip(finished).is_some_and(|(l, f)| later(l, f) <= SLACK), e.last))
}

fn own_events<'a>(case: &Case<'a>) -> impl DoubleEndedIterator<Item = &'a Event> {
    let (pod, name) = (case.pod, case.container.name.as_str());
    let single = pod.containers.len() == 1;
    case.cluster.events_of_pod(pod).filter(move |e| e.container.as_deref().map_or(single, |c| c == name))
}

/// The probe that got the run that crashed killed, if one did.
pub fn probe_kill<'a>(case: &Case<'a>) -> Option<ProbeKill<'a>> {
    let crash = case.crash()?;
    let killed = own_events(case)
        .rev()
        .filter(|e| e.reason == "Killing")
        .filter_map(|e| Some((e, kill_by(&e.message)?)))
        .find(|(e, kind)| in_run(case, e, grace(case, *kind)) || rationed(case, e, *kind));
    if let Some((event, kind)) = killed {
        let last = event.last.filter(|l| crash.finished.is_none_or(|f| later(*l, f) <= SLACK));
        let after =
            crash.started.zip(last).and_then(|(s, l)| seconds_between(s, l)).or_else(|| without_grace(case, kind));
        return Some(ProbeKill {
            kind,
            probe: spec(case, kind),
            killing: Some(event),
            failure: newest_failure(case, kind, grace(case, kind)),
            after,
        });
    }
    unconfirmed(case)
}

/// No `Killing` event (lost, or expired): failures up to the end of a run that a signal ended, long enough to use up the
/// probe's patience, say the same.
fn unconfirmed<'a>(case: &Case<'a>) -> Option<ProbeKill<'a>> {
    let crash = case.crash()?;
    if !matches!(crash.exit_code, 137 | 143) || crash.reason == "OOMKilled" || stop(case).is_some() {
        return None;
    }
    [ProbeKind::Startup, ProbeKind::Liveness].into_iter().find_map(|kind| {
        let probe = spec(case, kind)?;
        let failure = newest_failure(case, kind, grace(case, kind) + probe.period)?;
        let enough = i64::from(failure.count) >= probe.failure_threshold;
        let long = crash.ran_for().is_none_or(|ran| ran + 1 >= probe.earliest_kill());
        (enough && long).then(|| ProbeKill {
            kind,
            probe: Some(probe),
            killing: None,
            failure: Some(failure),
            after: without_grace(case, kind),
        })
    })
}

/// The kill, from the run's length alone: 137 behind a probe means that the program did not heed SIGTERM (a shell as PID 1 never
/// passes it on), so that the last seconds of the run were the grace period.
fn without_grace(case: &Case, kind: ProbeKind) -> Option<i64> {
    let crash = case.crash()?;
    let ran = crash.ran_for()?;
    let killed = ran - grace(case, kind);
    let patient = spec(case, kind).is_some_and(|p| killed + 1 >= p.earliest_kill());
    Some(if crash.exit_code == 137 && patient { killed } else { ran })
}

fn spec<'a>(case: &Case<'a>, kind: ProbeKind) -> Option<&'a Probe> {
    match kind {
        ProbeKind::Liveness => case.container.liveness.as_ref(),
        ProbeKind::Startup => case.container.startup.as_ref(),
    }
}

fn grace(case: &Case, kind: ProbeKind) -> i64 {
    spec(case, kind).and_then(|p| p.grace).unwrap_or(case.pod.grace_seconds)
}

/// Reasons of the pod condition `DisruptionTarget` (Kubernetes >= 1.26), in words.
const DISRUPTIONS: &[(&str, &str)] = &[
    ("PreemptionByScheduler", "the scheduler preempted the pod for one of higher priority"),
    ("PreemptionByKubeScheduler", "the scheduler preempted the pod for one of higher priority"),
    ("EvictionByEvictionAPI", "the pod was evicted through the API (drain, autoscaler or descheduler)"),
    ("DeletionByTaintManager", "the node was tainted NoExecute and the pod does not tolerate it"),
    ("DeletionByPodGC", "the pod's node is gone, so the pod was collected"),
    ("TerminationByKubelet", "the kubelet terminated the pod (node pressure, shutdown or preemption)"),
];

/// Pod-level `status.reason`, in words.
const POD_REASONS: &[(&str, &str)] = &[
    ("Terminated", "the node shut down"),
    ("NodeShutdown", "the node shut down"),
    ("Shutdown", "the node shut down"),
    ("NodeLost", "the node was lost"),
    ("Preempting", "the kubelet preempted the pod for a critical one"),
    ("Preempted", "the pod was preempted"),
];

/// The pod was stopped from outside: deletion, drain, preemption, node shutdown. Probe kills and failed hooks are not.
pub fn stop<'a>(case: &Case<'a>) -> Option<Stop<'a>> {
    let event = own_events(case)
        .rev()
        .find(|e| e.reason == "Killing" && is_plain_stop(&e.message) && in_run(case, e, case.pod.grace_seconds));
    let finished = case.crash().and_then(|c| c.finished);
    let by_then = |t: Option<Timestamp>| t.zip(finished).is_none_or(|(t, f)| later(f, t) >= -SLACK);
    let condition = case.pod.condition("DisruptionTarget").filter(|c| c.status == "True" && by_then(c.since));
    let disruption = condition
        .and_then(|c| DISRUPTIONS.iter().find(|(r, _)| Some(*r) == c.reason.as_deref()))
        .map(|(_, what)| *what);
    let pod_reason =
        case.pod.reason.as_deref().and_then(|r| POD_REASONS.iter().find(|(k, _)| *k == r)).map(|(_, what)| *what);
    let changed = own_events(case).rev().find(|e| {
        e.reason == "Killing" && e.message.contains("definition changed") && in_run(case, e, case.pod.grace_seconds)
    });
    let sandbox = case.pod_events().rev().find(|e| e.reason == "SandboxChanged" && soon_after(case, e));
    let preempted = case.pod_events().any(|e| matches!(e.reason.as_str(), "Preempted" | "Preempting"));
    let what = disruption
        .or(pod_reason)
        .or(preempted.then_some("the pod was preempted for one of higher priority"))
        .or(changed.map(|_| "the pod's spec was changed, so the kubelet restarted the container"))
        .or(sandbox.map(|_| "the pod's sandbox was made anew (the node or its container runtime was restarted)"))
        .or_else(|| deleted(case, finished).then_some("the pod was deleted"))
        .or(event.map(|_| "the kubelet was told to stop the container"))?;
    Some(Stop { what, event: event.or(changed).or(sandbox), condition })
}

/// The kubelet killed the container because its postStart hook failed.
pub fn hook_kill(case: &Case) -> bool {
    own_events(case).any(|e| {
        (e.reason == "FailedPostStartHook" || (e.reason == "Killing" && e.message.contains("PostStartHook")))
            && in_run(case, e, case.pod.grace_seconds)
    }) && !own_events(case).any(|e| e.reason == "FailedPostStartHook" && hook_was_cut_off(case, &e.message))
}

/// The container had ended by itself: the hook found it gone, or was killed with it without a word (exit 137, while the main
/// process has a code of its own; whom the kubelet kills for a hook ends with that of a signal, or with 0).
pub fn hook_was_cut_off(case: &Case, message: &str) -> bool {
    const GONE: &[&str] =
        &["container not running", "is not running", "stopped container", "has stopped", "not created or running"];
    let lower = message.to_lowercase();
    let with_it = lower.contains("exited with 137: , message: \"\"");
    let own_code = case.crash().is_some_and(|c| !matches!(c.exit_code, 0 | 137 | 143));
    own_code && (with_it || GONE.iter().any(|w| lower.contains(w)))
}

/// Whether the run ended after somebody asked for the pod's deletion: `deletionTimestamp` is that moment plus the grace time.
fn deleted(case: &Case, finished: Option<Timestamp>) -> bool {
    case.pod.deleting.zip(finished).is_some_and(|(d, f)| later(f, d) + case.pod.grace_seconds >= -SLACK)
}

/// `Stopping container app` (>= 1.13), `Killing container with id docker://app:Need to kill Pod` (before).
fn is_plain_stop(message: &str) -> bool {
    message.starts_with("Stopping container") || message.contains("Need to kill Pod")
}

#[cfg(test)]
#[path = "stop_tests.rs"]
mod tests;
